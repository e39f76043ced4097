"""The pictures and the figure of `course_2_deep_or_wide.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure


def describe(name: str, units: tuple[int, ...], errors: list[float]) -> str:
    """Returns a line on the networks of one size that learned one function."""
    layers = f"{len(units)} hidden layer{'s' if len(units) > 1 else ''}"
    widths = " + ".join(map(str, units))
    return (
        f"{name:10} {min(errors):6.2%} to {max(errors):6.2%} unexplained by {layers} "
        f"({widths} units)"
    )


def draw_widths(truths: dict, paintings: dict, widths: tuple[int, ...]) -> np.ndarray:
    """Draws the photograph, and how networks with one hidden layer paint it.

    Args:
        truths: pictures by the name of the function.
        paintings: of each tenth of the training, by the name of the function and the
            widths of the hidden layers.
        widths: of the hidden layer of each network.
    """
    pictures = [truths["photograph"]]
    captions = ["photograph"]
    for width in widths:
        pictures.append(paintings["photograph", (width,)][-1])
        captions.append(f"{width} units in one hidden layer")
    return figures.draw_grid(pictures, captions, columns=len(pictures))


def draw_depths(
    truths: dict, paintings: dict, deep: dict[int, tuple[int, ...]], epoch: int = -1
) -> np.ndarray:
    """Draws functions, and beside each how networks of different depths paint it.

    Args:
        truths: pictures by the name of the function.
        paintings: of each tenth of the training, by the name of the function and the
            widths of the hidden layers.
        deep: the widths of the hidden layers by their number.
        epoch: the tenth of the training.
    """
    pictures, captions = [], []
    for name, truth in truths.items():
        pictures.append(truth)
        captions.append(name)
        for depth, units in deep.items():
            pictures.append(paintings[name, units][epoch])
            captions.append(f"{depth} hidden layer{'s' if depth > 1 else ''}")
    return figures.draw_grid(pictures, captions, columns=1 + len(deep))


def plot_errors(one_layer: dict, compared: dict) -> Figure:
    """Draws what networks of different widths and depths leave unexplained.

    Args:
        one_layer: fractions by function, by the width of the only hidden layer.
        compared: fractions by function, by the number of hidden layers.
    """
    panels = {
        "units of one hidden layer": one_layer,
        "hidden layers, equally many parameters": compared,
    }
    return figures.plot_ranges(panels, "variance left unexplained", "log")
