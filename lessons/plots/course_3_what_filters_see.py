"""The pictures of `course_3_what_filters_see.py`."""

from training import figures

import numpy as np


def draw_kernels(kernels: np.ndarray) -> np.ndarray:
    """Draws the kernels of a first convolution, `(size, size, 1, filters)`: blue below
    zero, red above.
    """
    return figures.draw_signed(np.moveaxis(kernels.mean(axis=2), -1, 0))


def draw_maps(image: np.ndarray, names: list[str], maps: list) -> np.ndarray:
    """Draws an image and the feature maps of each layer, a row a layer.

    Args:
        image: uint8 `(28, 28, 1)`.
        names: of the layers.
        maps: of each layer, `(1, height, width, filters)`.
    """
    by_name = {
        name: np.float32(values[0]) for name, values in zip(names, maps, strict=True)
    }
    return figures.draw_feature_maps(image, by_name)


def draw_digits(images: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Draws images, float `(10, 28, 28, 1)`, with the likeliest digit of each."""
    captions = [f"{row.argmax()}: {row.max():.0%}" for row in probabilities]
    return figures.draw_grid(images, captions)


def draw_units(images: np.ndarray) -> np.ndarray:
    """Draws images, float `(filters, 28, 28, 1)`: the part that filters look at. What
    is around it is dark in all of them.
    """
    bright = images.max(axis=(0, 3)) >= images.max() / 4
    (rows,), (columns,) = (bright.any(axis=axis).nonzero() for axis in (1, 0))
    seen = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return figures.draw_grid(images[:, *seen], columns=16)
