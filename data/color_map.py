"""A picture as a function: from a place in the plane to the color there."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from data import photos

SIDE = 64  # places in each direction
PIXELS = 256  # each side of the square that is cut out of the picture


class ColorMap(NamedTuple):
    """Three splits of a function's values, each a pair of places and colors.

    Attributes:
        train: places, float32 `(3072, 2)` in [-1, 1], x to the right and y downwards,
            and colors, float32 `(3072, 3)` in [0, 1].
        validation: the same of 512 other places.
        test: the same of the remaining 512.
        places: of the whole picture, float32 `(4096, 2)`, row by row.
        picture: uint8 `(64, 64, 3)` in [0, 255].
        source: of the picture.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    places: np.ndarray
    picture: np.ndarray
    source: str


def load_color_map(
    path: Path | None = None, blur: float = 0.0, folds: int = 0
) -> ColorMap:
    """Loads the middle of a picture as a function, made smooth, and composed with folds
    of the plane.

    A fold is the tent map 1 - 2 |x|, in x and in y: it lays the four quarters of the
    plane upon each other. So after k folds the picture is there 4^k times, mirrored
    (the functions of Telgarsky, "Benefits of depth in neural networks", 2016, in two
    dimensions).

    Args:
        path: of a picture, or None for the photograph of `photos.load_photo`.
        blur: standard deviation of a Gaussian blur, as a share of the picture's side,
            from 0.
        folds: how often the plane is folded before the color is read, from 0.

    Raises:
        ValueError: as `photos.load_photo`.
    """
    photo = photos.load_photo(path)
    side = min(photo.picture.shape[:2])
    top, left = (
        (photo.picture.shape[0] - side) // 2,
        (photo.picture.shape[1] - side) // 2,
    )
    square = Image.fromarray(photo.picture[top : top + side, left : left + side])
    colors = (
        np.asarray(
            square.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS), np.float32
        )
        / 255
    )
    colors = ndimage.gaussian_filter(
        colors, (blur * PIXELS, blur * PIXELS, 0), mode="nearest"
    )
    axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    folded = places
    for _ in range(folds):
        folded = 1 - 2 * np.abs(folded)
    pixels = (folded.T[::-1] + 1) / 2 * PIXELS - 0.5  # rows, then columns
    channels = [
        ndimage.map_coordinates(colors[..., index], pixels, order=1, mode="nearest")
        for index in range(3)
    ]
    places, values = np.float32(places), np.float32(np.stack(channels, axis=-1))
    order = np.random.default_rng(0).permutation(len(places))
    splits = [(places[part], values[part]) for part in np.split(order, [3072, 3584])]
    picture = np.uint8(255 * values.reshape(SIDE, SIDE, 3) + 0.5)
    return ColorMap(*splits, places, picture, photo.source)
