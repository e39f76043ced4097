"""A picture as a function: from a place in the plane to the color there."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from data import Dataset, Split, photos

SIDE = 64  # places in each direction
PIXELS = 256  # each side of the square that is cut out of the picture
AXIS = np.float32((np.arange(SIDE) + 0.5) / SIDE * 2 - 1)
# Of the whole picture, float32 `(4096, 2)` in [-1, 1], row by row: x to the right and y
# downwards.
PLACES = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)


def load_picture_as_function(
    path: Path | None = None, blur: float = 0.0, folds: int = 0
) -> Dataset:
    """Loads the middle of a picture as a function, made smooth, and composed with folds
    of the plane.

    A fold is the tent map 1 - 2 |x|, in x and in y: it lays the four quarters of the
    plane upon each other. So after k folds the picture is there 4^k times, mirrored
    (the functions of Telgarsky, "Benefits of depth in neural networks", 2016, in two
    dimensions).

    Args:
        path: of a picture, or None for the photograph of `photos.load_photo`.
        blur: standard deviation of a Gaussian blur, as a fraction of the picture's
            side, from 0.
        folds: how often the plane is folded before the color is read, from 0.

    Returns:
        A `Dataset` of 3,072, 512 and 512 of the places in `PLACES`: x, float32 `(n, 2)`
        in [-1, 1], and their colors y, float32 `(n, 3)` in [0, 1]. Together they are
        the whole picture, which `join_picture` returns.

    Raises:
        ValueError: as `photos.load_photo`.
    """
    photo = photos.load_photo(path)
    height, width, _ = photo.pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(photo.pixels[top : top + side, left : left + side])
    small = square.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS)
    colors = np.asarray(small, np.float32) / 255
    colors = ndimage.gaussian_filter(
        colors, (blur * PIXELS, blur * PIXELS, 0), mode="nearest"
    )
    folded = PLACES.astype(np.float64)
    for _ in range(folds):
        folded = 1 - 2 * np.abs(folded)
    pixels = (folded.T[::-1] + 1) / 2 * PIXELS - 0.5  # rows, then columns
    channels = [
        ndimage.map_coordinates(colors[..., index], pixels, order=1, mode="nearest")
        for index in range(3)
    ]
    values = np.stack(channels, axis=-1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(PLACES))
    splits = [
        Split(PLACES[part], values[part]) for part in np.split(order, [3072, 3584])
    ]
    return Dataset(*splits, source=photo.source)


def to_picture(colors: np.ndarray) -> np.ndarray:
    """Returns the colors of all `PLACES`, float `(4096, 3)` in [0, 1], as a picture:
    uint8 `(64, 64, 3)` in [0, 255].
    """
    return (255 * np.reshape(colors, (SIDE, SIDE, 3)) + 0.5).astype(np.uint8)


def join_picture(dataset: Dataset) -> np.ndarray:
    """Returns the picture that the three splits of a function hold, uint8 `(64, 64, 3)`
    in [0, 255].
    """
    colors = np.empty((SIDE, SIDE, 3), np.float32)
    for places, values in dataset.parts():
        columns, rows = ((places + 1) / 2 * SIDE).astype(np.int32).T
        colors[rows, columns] = values
    return to_picture(colors)
