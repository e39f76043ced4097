"""The picture of `course_3_inside_a_cnn.py`."""

from training import figures

import numpy as np


def draw_importance(images: np.ndarray, maps: dict[str, np.ndarray]) -> np.ndarray:
    """Draws images in a row, and below them the same images, faded, with their
    important pixels in red.

    Args:
        images: `(n, height, width, 1)` in [0, 255].
        maps: by the name of the method, how important each pixel is, float `(n, height,
            width)` in [0, 1].
    """
    rows = [
        figures.draw_heading("input"),
        figures.draw_grid(images, columns=len(images)),
    ]
    for name, values in maps.items():
        faded = images[..., 0] * 0.5
        colors = np.stack(
            [
                faded + (255 - faded) * values,
                faded * (1 - values),
                faded * (1 - values),
            ],
            axis=-1,
        )
        rows += [
            figures.draw_heading(name),
            figures.draw_grid(colors, columns=len(images)),
        ]
    return np.concatenate(rows)
