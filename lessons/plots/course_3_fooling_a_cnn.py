"""The pictures, the figure and the table of `course_3_fooling_a_cnn.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure

SHOWN = 8  # digits


def name_sizes(
    sizes: tuple[float, ...], right: dict[str, list[float]]
) -> dict[str, dict[str, float]]:
    """Returns the rows of a table: accuracies by the size of the step."""
    rows = {}
    for kind, values in right.items():
        names = ["at epsilon"] if len(values) == 1 else [f"step {s:g}" for s in sizes]
        rows[kind] = dict(zip(names, values, strict=True))
    return rows


def choose_fooled(
    before: np.ndarray, after: np.ndarray, labels: np.ndarray, first: bool
) -> np.ndarray:
    """Returns the places of eight images, best of all those that a network read right
    and confidently, and then confidently wrong.

    Args:
        before: probabilities of the classes of the images as they are, `(n, 10)`.
        after: probabilities after a step in the worst direction.
        labels: the truth, `(n,)`.
        first: whether the first image is wanted in any case.
    """
    fooled = before.max(axis=1) > 0.95
    fooled &= (after.max(axis=1) > 0.9) & (after.argmax(axis=1) != labels)
    fooled[0] |= first
    return np.argsort(~fooled, kind="stable")[:SHOWN]


def draw_step(
    moved: dict, probabilities: dict, shown: np.ndarray, index: int, size: float
) -> np.ndarray:
    """Draws some images after a step in the worst and in a random direction, with the
    network's answers.

    Args:
        moved: images after each step, by the kind of the direction.
        probabilities: of the classes of these images, by the kind of the direction.
        shown: places of the images.
        index: of the step.
        size: of the step.
    """
    pictures, captions = [], []
    for kind in ("worst", "random"):
        for place in shown:
            row = probabilities[kind][index][place]
            pictures.append(np.asarray(moved[kind][index][place]))
            captions.append(f"{row.argmax()}: {row.max():.0%}\n{kind} {size:g}")
    return figures.draw_grid(pictures, captions, columns=SHOWN)


def plot_accuracies(sizes: tuple[float, ...], right: dict[str, dict]) -> Figure:
    """Draws the accuracy over the size of the step.

    Args:
        sizes: of the steps.
        right: accuracies by the kind of the direction, by the name of the training.
    """
    curves = {"random direction": right["as trained"]["random"]}
    for name, kinds in right.items():
        curves[f"{name}, worst direction"] = kinds["worst"]
    return figures.plot_curves(sizes, {"accuracy": curves}, "size of the step")
