"""The figure of `course_1_gradient_descent.py`."""

import numpy as np
from matplotlib.figure import Figure


def plot_descent(surface, paths: dict[str, np.ndarray]) -> Figure:
    """Draws ways down a surface over its contour lines, for x and y from -2 to 2.

    Args:
        surface: function of x and y, arrays of one shape, to heights of that shape.
        paths: by name, float `(steps, 2)`.
    """
    x, y = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-2, 2, 200))
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.contourf(
        x, y, surface(x, y), np.linspace(-0.4, 8, 22), cmap="Greys", extend="max"
    )
    for (name, places), color in zip(
        paths.items(), ("tab:blue", "tab:orange", "tab:green"), strict=False
    ):
        axes.plot(*places.T, ".-", color=color, markersize=4, linewidth=1, label=name)
        axes.plot(*places[-1], "o", color=color, markersize=9, markeredgecolor="white")
    axes.set(
        xlabel="x", ylabel="y", xlim=(-2, 2), ylim=(-2, 2), title="Three ways down"
    )
    axes.legend(loc="lower right")
    return figure
