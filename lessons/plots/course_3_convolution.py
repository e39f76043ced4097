"""The figure of `course_3_convolution.py`."""

import numpy as np
from matplotlib.figure import Figure


def plot_matrices(matrices: dict[str, np.ndarray]) -> Figure:
    """Draws small matrices side by side with their numbers: blue below zero, white at
    zero, red above.

    Args:
        matrices: each two-dimensional, by its title.
    """
    columns = min(4, len(matrices))
    rows = -(-len(matrices) // columns)
    figure = Figure(figsize=(3 * columns, 3.1 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.axis("off")
    for axes, (title, values) in zip(panels, matrices.items(), strict=False):
        values = np.asarray(values, float)
        largest = max(1.0, np.abs(values).max())
        axes.imshow(values, cmap="bwr", vmin=-1.6 * largest, vmax=1.6 * largest)
        for (row, column), value in np.ndenumerate(values):
            axes.text(column, row, f"{value:g}", ha="center", va="center")
        axes.set_title(title)
    return figure
