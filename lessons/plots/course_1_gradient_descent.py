"""The figures of `course_1_gradient_descent.py`."""

import numpy as np
from matplotlib.figure import Figure

SHOWN = (0, 20, 100, 180, 199)  # of the probabilities, in the table
PICTURES = 12  # in the slider of the descent, and its end
COLORS = ("tab:blue", "tab:orange", "tab:green")


def choose_rows(
    probabilities: np.ndarray, judged: dict[str, tuple]
) -> dict[str, dict[str, float]]:
    """Returns a few rows of a table of losses and their slopes.

    Args:
        probabilities: float `(200,)`.
        judged: for each loss its values and its slopes, float `(200,)`.
    """
    rows = {}
    for index in SHOWN:
        row = rows[f"probability {probabilities[index]:.3f}"] = {}
        for name, (values, slopes) in judged.items():
            row[name] = float(values[index])
            row[f"slope of {name}"] = float(slopes[index])
    return rows


def plot_losses(probabilities: np.ndarray, judged: dict[str, tuple]) -> Figure:
    """Draws losses and their slopes over the probability, side by side.

    Args:
        probabilities: float `(n,)`.
        judged: for each loss its values and its slopes, float `(n,)`.
    """
    figure = Figure(figsize=(10.4, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, (values, slopes) in judged.items():
        left.plot(probabilities, values, label=name)
        right.plot(probabilities, slopes, label=name)
    left.set(ylabel="loss")
    right.set(ylabel="slope of the loss")
    for axes in (left, right):
        axes.set(xlabel="probability p where 1 is the truth")
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def choose_steps(steps: int) -> list[int]:
    """Returns the steps that the slider shows: evenly spread ones, and the last."""
    return sorted({*range(0, steps, max(1, steps // PICTURES)), steps})


def plot_descent(surface, paths: dict[str, np.ndarray], step: int) -> Figure:
    """Draws the ways down a surface so far, over its contour lines, for x and y from -2
    to 2.

    Args:
        surface: function of x and y, arrays of one shape, to heights of that shape.
        paths: places by the name of the optimizer, float `(steps + 1, 2)`.
        step: the last one to be drawn.
    """
    x, y = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-2, 2, 200))
    levels = np.linspace(-0.4, 8, 22)
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.contourf(x, y, surface(x, y), levels, cmap="Greys", extend="max")
    for (name, path), color in zip(paths.items(), COLORS, strict=False):
        places = path[: step + 1]
        axes.plot(*places.T, ".-", color=color, markersize=4, linewidth=1, label=name)
        axes.plot(*places[-1], "o", color=color, markersize=9, markeredgecolor="white")
    axes.set(
        xlabel="x", ylabel="y", xlim=(-2, 2), ylim=(-2, 2), title="Three ways down"
    )
    axes.legend(loc="lower right")
    return figure
