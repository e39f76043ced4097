"""The figures of `course_3_convolution.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure


def name_panels(picture, kernels: list, sums: list, pooled: list) -> dict:
    """Returns the matrices of the slide by their titles, a row for each kernel.

    Args:
        picture: `(6, 6)`.
        kernels: each `(3, 3)`.
        sums: of each kernel, two-dimensional.
        pooled: of each kernel, two-dimensional.
    """
    panels = {}
    for index, kernel in enumerate(kernels, 1):
        panels["picture" if index == 1 else "picture again"] = np.array(picture)
        panels[f"kernel {index}"] = np.array(kernel)
        panels[f"sums of kernel {index}"] = sums[index - 1]
        panels[f"pooled {index}"] = pooled[index - 1]
    return panels


def draw_edges(pixels: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Draws a photograph, its upright edges, its level edges, and both.

    Args:
        pixels: uint8 `(height, width, 3)`.
        edges: how strong they are, float `(rows, columns, 2)`.
    """
    pictures = [pixels]
    for strength in (edges[..., 0], edges[..., 1], np.linalg.norm(edges, axis=-1)):
        pictures.append(np.uint8(255 - np.minimum(255, strength))[..., np.newaxis])
    captions = ["the photograph", "upright edges", "level edges", "both"]
    return figures.draw_grid(pictures, captions, columns=2)


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
