"""The picture of `course_3_grad_cam.py`."""

from training import figures

import numpy as np

SHOWN = 8  # images


def draw_importance(images: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Draws images in a row, and below them the same images, faded, with their
    important pixels in red.

    Args:
        images: `(n, 28, 28, 1)` in [0, 255].
        values: how important each pixel is, float `(n, 28, 28)`. What is not above 0
            stays gray.
    """
    images, values = images[:SHOWN], np.maximum(0, values[:SHOWN])
    values = values / np.maximum(values.max(axis=(1, 2), keepdims=True), 1e-12)
    faded = images[..., 0] * 0.5
    others = faded * (1 - values)  # green and blue
    colors = np.stack([faded + (255 - faded) * values, others, others], axis=-1)
    rows = [images, colors]
    return np.concatenate([figures.draw_grid(row, columns=SHOWN) for row in rows])
