"""Pictures as people have them: any size, grey or color, from a phone or a scanner, on
paper of any color.
"""

import contextlib
import os
import threading
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from scipy import linalg, ndimage

warnings.filterwarnings(
    "ignore", module=r"PIL\."
)  # read_picture refuses large and damaged ones itself

MIN_SIDE = 8  # pixels
MAX_PIXELS = 50_000_000
MAX_BYTES = (
    200_000_000  # of a file; some of Pillow's readers take all of it into memory
)
MIN_SCALED = (
    32  # pixels, the shorter side of a picture for a network that halves it four times
)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by the EXIF tag "Orientation", what brings a picture upright
LIBTIFF = threading.Lock()
WORKING_SIDE = (
    320  # pixels, the longer side of a picture in which a drawing is looked for
)


class Drawing(NamedTuple):
    """A drawing cut out of its picture as MNIST's were.

    Attributes:
        image: uint8 `(28, 28, 1)` in [0, 255], white on black, 20 pixels long, its
            center of mass in the center.
        dark_on_light: whether the picture had dark strokes on a lighter ground.
    """

    image: np.ndarray
    dark_on_light: bool


def read_picture(path: Path | zipfile.Path) -> np.ndarray:
    """Reads a picture: PNG, JPEG and what else Pillow knows.

    It is turned as its EXIF data say, transparency becomes white, and every color model
    becomes RGB.

    Args:
        path: of the file, which may be in a zip archive.

    Returns:
        uint8 `(height, width, 3)` in [0, 255].

    Raises:
        ValueError: no picture, damaged, less than 8 pixels high or wide, or more than
            50 million pixels or 200 MB.
        OSError: the file is missing or cannot be opened.
    """
    if isinstance(path, Path) and path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size / 1e6:,.0f} MB, expected a picture of at "
            f"most {MAX_BYTES / 1e6:,.0f}"
        )
    try:
        with path.open("rb") as file, Image.open(file) as image:
            width, height = image.size
            if min(width, height) >= MIN_SIDE and width * height <= MAX_PIXELS:
                with (
                    hold_libtiff()
                    if image.format == "TIFF"
                    else contextlib.nullcontext()
                ):
                    return convert(image)
    except Image.DecompressionBombError:
        raise ValueError(
            f"{path} has far too many pixels, expected at most 50 million"
        ) from None
    except UnidentifiedImageError:
        raise ValueError(
            f"{path} is not a picture, expected a PNG or JPEG file"
        ) from None
    except (
        Exception
    ) as error:  # each of Pillow's decoders raises something else for a damaged file
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(
                error.errno, error.strerror, str(path)
            ) from None  # not every one names its file
        raise ValueError(f"{path} is a damaged picture ({error})") from None
    expected = (
        "at most 50 million"
        if width * height > MAX_PIXELS
        else f"at least {MIN_SIDE} x {MIN_SIDE}"
    )
    raise ValueError(f"{path} has {width} x {height} pixels, expected {expected}")


def convert(image: Image.Image) -> np.ndarray:
    """Returns a picture upright, on white and in RGB: uint8 `(height, width, 3)` in [0,
    255].
    """
    turn = TURNS.get(image.getexif().get(0x0112))
    image = image if turn is None else image.transpose(turn)
    if image.mode.startswith(
        "I"
    ):  # 16 bits, which Pillow's own conversion would cut off at 255
        return np.repeat(
            np.uint8(np.asarray(image, np.float64)[..., np.newaxis] / 257), 3, axis=2
        )
    if image.has_transparency_data:
        image = Image.alpha_composite(
            Image.new("RGBA", image.size, "white"), image.convert("RGBA")
        )
    return np.asarray(image.convert("RGB"))


@contextlib.contextmanager
def hold_libtiff() -> Iterator[None]:
    """Holds back what libtiff writes to file descriptor 2 about a damaged picture, past
    Python's stderr.
    """
    with LIBTIFF, Path(os.devnull).open("wb") as nowhere:
        stderr = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def cut_out_drawing(picture: np.ndarray) -> Drawing:
    """Finds the strokes in a picture, and brings them into MNIST's form.

    The ground may be of any color and unevenly lit: it is taken for a surface of second
    degree in each color, fitted to the pixels that are not strokes. Strokes may be
    thin: they are thickened to a pen's width in MNIST.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].

    Raises:
        ValueError: there are no strokes to be seen.
    """
    height, width, _ = picture.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale)))
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


def find_scaled_shape(
    picture: np.ndarray, size: int, name: str = "a picture"
) -> tuple[int, int]:
    """Returns height and width for a longer side of `size` pixels, or more if the
    shorter would have less than 32.

    Args:
        picture: uint8 `(height, width, 3)`.
        size: in pixels, 32 or more.
        name: of the picture, for the error.

    Raises:
        ValueError: `size` is less than 32, or the picture is more than 8 times as long
            as wide.
    """
    height, width, _ = picture.shape
    if size < MIN_SCALED:
        raise ValueError(f"--size is {size}, expected {MIN_SCALED} pixels or more")
    if max(height, width) > 8 * min(height, width):
        raise ValueError(
            f"{name} has {width} x {height} pixels, expected at most 8 times as long "
            "as wide: cut it"
        )
    ratio = max(size / max(height, width), MIN_SCALED / min(height, width))
    return round(height * ratio), round(width * ratio)


def scale_to(picture: np.ndarray, size: int) -> np.ndarray:
    """Scales a picture to the shape that `find_scaled_shape` gives.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        size: of the longer side, in pixels, 32 or more.

    Returns:
        uint8 `(height', width', 3)` in [0, 255].
    """
    height, width = find_scaled_shape(picture, size)
    return np.asarray(
        Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    )


def match_colors(
    picture: np.ndarray, *others: np.ndarray, shares: tuple[float, ...] = ()
) -> np.ndarray:
    """Gives a picture the colors of others: their mean and covariance, by the linear
    map that moves colors least.

    Pitié and Kokaram, "The Linear Monge-Kantorovitch Linear Colour Mapping for
    Example-Based Colour Transfer", 2007.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        *others: uint8 `(height', width', 3)` in [0, 255].
        shares: how much each of them counts; empty if all are alike.

    Returns:
        uint8 `(height, width, 3)` in [0, 255].
    """
    colors = np.float64(picture.reshape(-1, 3))
    sizes = [other.size // 3 for other in others]
    weights = np.repeat(
        np.divide(shares or [1.0] * len(others), sizes), sizes
    )  # of each pixel
    others = np.float64(np.concatenate([other.reshape(-1, 3) for other in others]))
    # A small multiple of the identity, as colors that are all equal have no covariance.
    covariance, wanted = (
        np.cov(colors.T) + np.eye(3),
        np.cov(others.T, aweights=weights) + np.eye(3),
    )
    root = linalg.sqrtm(covariance)
    inverse = linalg.inv(root)
    moved = (colors - colors.mean(axis=0)) @ (
        inverse @ linalg.sqrtm(root @ wanted @ root) @ inverse
    )
    moved += np.average(others, axis=0, weights=weights)
    return np.uint8(np.clip(np.round(moved), 0, 255)).reshape(picture.shape)


def keep_lightness(picture: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Returns the lightness of one picture with the colors of another: Y of YCbCr with
    Cb and Cr.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        colors: uint8 `(height', width', 3)` in [0, 255], brought to the shape of
            `picture`.
    """
    lightness, _, _ = Image.fromarray(picture).convert("YCbCr").split()
    _, blue, red = (
        Image.fromarray(colors).resize(lightness.size).convert("YCbCr").split()
    )
    return np.asarray(Image.merge("YCbCr", (lightness, blue, red)).convert("RGB"))


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
    return np.uint8(np.clip(ndimage.shift(canvas, shift, order=1), 0, 255))[
        ..., np.newaxis
    ]


def cut_out_square(picture: np.ndarray, size: int) -> np.ndarray:
    """Scales the middle of a picture as networks for ImageNet are tested: its shorter
    side loses an eighth.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        size: height and width of the result in pixels.

    Returns:
        uint8 `(size, size, 3)` in [0, 255].
    """
    height, width, _ = picture.shape
    side = min(height, width) * 7 / 8
    box = (
        (width - side) / 2,
        (height - side) / 2,
        (width + side) / 2,
        (height + side) / 2,
    )
    return np.asarray(
        Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC, box)
    )
