"""Cuts a drawing out of its picture: dark on light or light on dark, on paper of any
color.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from data.images import read

# Pixels, the longer side of a picture in which a drawing is looked for.
WORKING_SIDE = 320


class Drawing(NamedTuple):
    """A drawing cut out of its picture as MNIST's were.

    Attributes:
        image: uint8 `(28, 28, 1)` in [0, 255], white on black, 20 pixels long, its
            center of mass in the center.
        dark_on_light: whether the picture had dark strokes on a lighter ground.
    """

    image: np.ndarray
    dark_on_light: bool


def cut_out_drawing(picture: np.ndarray) -> Drawing:
    """Finds the strokes in a picture, and brings them into MNIST's form.

    The background may have any color and be unevenly lit: in each color channel, a
    polynomial of second degree is fitted to the pixels that are not strokes. Thin
    strokes are thickened to a pen's width in MNIST.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].

    Raises:
        ValueError: no strokes were found.
    """
    height, width, _ = picture.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (
        max(read.MIN_SIDE, round(width * scale)),
        max(read.MIN_SIDE, round(height * scale)),
    )
    colors = np.asarray(
        Image.fromarray(picture).resize(size, Image.Resampling.BOX), np.float64
    )
    difference = colors - fit_ground(colors)
    distance = np.linalg.norm(difference, axis=-1)
    if np.percentile(distance, 99.5) < 20:
        raise ValueError("no drawing found: the picture is of one color")
    direction = difference[distance >= np.percentile(distance, 99)].mean(axis=0)
    ink = np.maximum(0, difference @ direction) / (direction @ direction)
    ink = np.clip((ink - 0.25) / 0.5, 0, 1) * keep_strokes(ink > 0.4)
    rows, columns = np.flatnonzero(ink.max(axis=1)), np.flatnonzero(ink.max(axis=0))
    if len(rows) < 3 and len(columns) < 3:
        raise ValueError("no drawing found: no strokes stand out from the ground")
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Drawing(center(thicken(ink)), bool(direction.sum() < 0))


def fit_ground(colors: np.ndarray) -> np.ndarray:
    """Fits a surface of second degree to each color, float `(height, width, 3)`,
    leaving out what lies far from it.
    """
    height, width, _ = colors.shape
    y, x = (
        axis.ravel()
        for axis in np.meshgrid(
            np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"
        )
    )
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    values = colors.reshape(-1, 3)
    surface = np.median(values, axis=0)
    for _ in range(8):
        distance = np.linalg.norm(values - surface, axis=1)
        ground = distance <= max(6.0, np.percentile(distance, 75))
        surface = terms @ np.linalg.lstsq(terms[ground], values[ground], rcond=None)[0]
    return surface.reshape(colors.shape)


def keep_strokes(strokes: np.ndarray) -> np.ndarray:
    """Returns a mask without specks: of the connected parts, those with at least an
    eighth of the largest's pixels.
    """
    parts, count = ndimage.label(strokes, np.ones((3, 3)))
    sizes = ndimage.sum_labels(strokes, parts, range(1, count + 1))
    large = 1 + np.flatnonzero(sizes >= max(sizes, default=0) / 8)
    return ndimage.binary_dilation(np.isin(parts, large), iterations=2)


def thicken(ink: np.ndarray) -> np.ndarray:
    """Widens strokes to a tenth of the drawing's length if they are thinner; `ink` is
    float `(height, width)`.
    """
    wide = ndimage.distance_transform_edt(np.pad(ink > 0.5, 1))
    ridge = wide[(wide > 0) & (wide == ndimage.maximum_filter(wide, 3))]
    missing = (
        round((max(ink.shape) / 10 - 2 * np.median(ridge)) / 2) if ridge.size else 0
    )
    if missing < 1:
        return ink
    disk = (
        np.hypot(*np.mgrid[-missing : missing + 1, -missing : missing + 1])
        <= missing + 0.5
    )
    return ndimage.grey_dilation(np.pad(ink, missing), footprint=disk)


def center(ink: np.ndarray) -> np.ndarray:
    """Scales `ink`, float `(height, width)` in [0, 1], to 20 pixels and puts its center
    of mass into the center.
    """
    scale = 20 / max(ink.shape)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    small = np.asarray(
        Image.fromarray(np.uint8(255 * ink)).resize(size, Image.Resampling.BOX),
        np.float64,
    )
    canvas = np.zeros((28, 28))
    top, left = (28 - size[1]) // 2, (28 - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = (
        small * 255 / max(1.0, small.max())
    )
    shift = 14 - np.array(
        ndimage.center_of_mass(canvas)
    )  # MNIST's centers, counted from 0
    centered = np.clip(ndimage.shift(canvas, shift, order=1), 0, 255)
    return centered.astype(np.uint8)[..., np.newaxis]
