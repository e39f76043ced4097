"""The figures of `course_5_transfer_learning.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure


def draw_augmentation(photo: np.ndarray, views: list) -> np.ndarray:
    """Draws a photograph, and what augmentation makes of it.

    Args:
        photo: `(height, width, 1 or 3)` in [0, 255].
        views: of the same shape.
    """
    return figures.draw_grid([photo, *views], columns=8)


def plot_bars(rows: dict[str, dict[str, float]], ylabel: str) -> Figure:
    """Draws groups of bars with their numbers.

    Args:
        rows: by the name of the group, numbers in [0, 1] by the name of the bar; all
            groups have the same names.
        ylabel: what the numbers are.
    """
    names = list(next(iter(rows.values())))
    width = 0.8 / len(names)
    figure = Figure(figsize=(2 + 1.8 * len(rows), 4), layout="constrained")
    axes = figure.subplots()
    for index, name in enumerate(names):
        places = np.arange(len(rows)) + (index - (len(names) - 1) / 2) * width
        bars = axes.bar(
            places, [row[name] for row in rows.values()], 0.9 * width, label=name
        )
        axes.bar_label(bars, fmt="{:.1%}", fontsize=8)
    axes.set_xticks(range(len(rows)), [name.replace("_", " ") for name in rows])
    axes.set(ylabel=ylabel, ylim=(0, 1.08))
    figure.legend(loc="outside upper center", ncols=len(names))
    return figure


def draw_mistakes(
    test: tuple, probabilities: np.ndarray, class_names: tuple[str, ...]
) -> np.ndarray:
    """Draws the images that were answered wrongly with the most confidence.

    Args:
        test: images `(n, height, width, 1 or 3)` in [0, 255], and labels `(n,)`.
        probabilities: that the network gives, float `(n, classes)` in [0, 1].
        class_names: the name of each class.
    """
    images, labels = test
    return figures.draw_mistakes(images, labels, probabilities, class_names)
