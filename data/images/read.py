"""Reads the pictures that people have, of any size, gray or color, from a phone or a
scanner, and scales them.
"""

import contextlib
import os
import re
import threading
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

with contextlib.suppress(ImportError):  # of the learner's own choice: photos of iPhones
    import pillow_heif

    pillow_heif.register_heif_opener()

# read_picture refuses large and damaged ones itself.
warnings.filterwarnings("ignore", module=r"PIL\.")

MIN_SIDE = 8  # pixels
MAX_PIXELS = 50_000_000
# Of a file; some of Pillow's readers take all of it into memory.
MAX_BYTES = 200_000_000
# Pixels, the shorter side of a picture for a network that halves it four times.
MIN_SCALED = 32
# By the EXIF tag "Orientation", what brings a picture upright. Pillow's
# `exif_transpose` writes the other tags anew, and fails for odd ones.
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


class UnusableError(ValueError):
    """A picture that can be read, but is not what it should be; says what it is."""


# What people have that Pillow does not read, by its beginning, and what to do.
AS_JPEG = "save it as JPEG"
KINDS = {
    rb"....ftyp(hei|hev|mif1|msf1)": (
        "HEIC, a format of iPhones, whatever its name: pip install pillow-heif, or "
        + AS_JPEG
    ),
    rb"....ftyp": f"a video: {AS_JPEG}, the picture that is wanted",
    rb"(\xff\n|....JXL )": f"JPEG XL: {AS_JPEG}",
    rb"(II[*+]\0|MM\0[*+])": f"a TIFF of a rare kind, or damaged: {AS_JPEG}",
    rb"%PDF": f"a PDF: {AS_JPEG}",
    rb"\s*(<\?xml[^>]*>\s*)?<svg": f"an SVG drawing: {AS_JPEG}",
    rb"\s*<(!doctype )?html": "a web page, as a failed download leaves: fetch it again",
}
# What white is in pictures of more than 8 bits, or of floats. Cameras and microscopes
# write 10, 12 or 14 bits into files of 16.
WHITES = {"i": (255, 1023, 4095, 16383, 65535), "f": (1, 255, 65535)}


def read_picture(path: Path | zipfile.Path) -> np.ndarray:
    """Reads a picture: PNG, JPEG and what else Pillow knows; with pillow-heif, HEIC.

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
        raise ValueError(f"{path} is {name_kind(path)}") from None
    except UnusableError as error:
        raise ValueError(f"{path} is {error}") from None
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


def name_kind(path: Path | zipfile.Path) -> str:
    """Returns what a file is that is no picture for Pillow, and what to do."""
    with path.open("rb") as file:
        beginning = file.read(1000)
    for pattern, kind in KINDS.items():
        if re.match(pattern, beginning, re.IGNORECASE | re.DOTALL):
            return kind
    return "not a picture, expected a PNG or JPEG file"


def convert(image: ImageFile.ImageFile) -> np.ndarray:
    """Returns a picture upright, on white and in RGB: uint8 `(height, width, 3)` in [0,
    255].

    Raises:
        UnusableError: it is the preview of a camera's raw picture, or in colors of
            which less than 12 of 16 bits are used; Pillow keeps 8 of these.
    """
    turn = TURNS.get(image.getexif().get(0x0112))
    tags = dict(image.tag_v2) if isinstance(image, TiffImageFile) else {}
    if tags.get(254) == 1:
        raise UnusableError(f"the preview of a camera's raw picture: {AS_JPEG}")
    has_16_bits = ";16" in repr(image.tile)
    upright = image if turn is None else image.transpose(turn)
    if upright.mode.startswith(("I", "F")):  # which Pillow would cut off at 255
        values = np.asarray(upright)
        if tags.get(258) == (32,) and tags.get(339, (1,)) == (1,):
            values = values.view(np.uint32)
        gray = to_bytes(values)
        if tags.get(262) == 0:  # white is zero
            gray = 255 - gray
        return np.repeat(gray[..., np.newaxis], 3, axis=2)
    if upright.has_transparency_data:
        upright = Image.alpha_composite(
            Image.new("RGBA", upright.size, "white"), upright.convert("RGBA")
        )
    picture = np.asarray(upright.convert("RGB"))
    if has_16_bits and 0 < picture.max() < 16:
        raise UnusableError(f"almost black, 12 bits in 16: {AS_JPEG} with 8 bits")
    return picture


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Scales gray values that may have any range to bytes.

    White is the first of `WHITES` of which the brightest pixel is a sixteenth or more,
    and which it does not exceed (floats may, by a tenth); otherwise it is that pixel.
    Black is 0, or the darkest pixel where some are far below; white is the brightest
    one then.

    Args:
        values: integers or floats `(height, width)`.

    Returns:
        uint8 `(height, width)` in [0, 255].

    Raises:
        UnusableError: no value is a finite number.
    """
    is_float = values.dtype.kind == "f"
    whites, most = WHITES["f" if is_float else "i"], 1.1 if is_float else 1
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise UnusableError("without one pixel that is a finite number")
    black, high = finite.min(), finite.max()
    if black < -0.1 * high:
        white = high
    else:
        black = 0
        white = next((w for w in whites if w / 16 <= high <= most * w), high)
    # What is no number becomes black.
    values = np.nan_to_num(values, nan=black, posinf=high, neginf=black)
    gray = np.clip((values - black) / ((white - black) or 1), 0, 1)
    return np.rint(255 * gray).astype(np.uint8)


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
