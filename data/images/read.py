"""Reads the pictures that people have, of any size, gray or color, from a phone or a
scanner, and scales them.
"""

import contextlib
import os
import threading
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

# read_picture refuses large and damaged ones itself.
warnings.filterwarnings("ignore", module=r"PIL\.")

MIN_SIDE = 8  # pixels
MAX_PIXELS = 50_000_000
# Of a file; some of Pillow's readers take all of it into memory.
MAX_BYTES = 200_000_000
# Pixels, the shorter side of a picture for a network that halves it four times.
MIN_SCALED = 32
# By the EXIF tag "Orientation", what brings a picture upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LIBTIFF = threading.Lock()


def read_picture(path: Path | zipfile.Path) -> np.ndarray:
    """Reads a picture: PNG, JPEG and what else Pillow knows.

    It is turned as its EXIF data say, transparency becomes white, and every color model
    becomes RGB.

    Args:
        path: of the file, which may be in a zip archive.

    Returns:
        uint8 `(height, width, 3)` in [0, 255].

    Raises:
        ValueError: no picture, a folder, damaged, less than 8 pixels high or wide, or
            more than 50 million pixels or 200 MB.
        OSError: the file is missing or cannot be opened.
    """
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder, expected a picture: name the pictures in it"
        )
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
