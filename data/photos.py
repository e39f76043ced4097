"""Photographs that come with pip: the two of scikit-learn and one of Matplotlib."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import cbook
from PIL import Image
from sklearn.datasets import load_sample_image

from data import folders, own_pictures
from data.images import read


class Photo(NamedTuple):
    """A photograph and where it came from.

    Attributes:
        pixels: uint8 `(height, width, 3)` in [0, 255].
        source: its file, or the package that ships it.
    """

    pixels: np.ndarray
    source: str


def load_photo(path: Path | None = None) -> Photo:
    """Loads the user's picture, or scikit-learn's photograph of a temple in China,
    427 x 640 pixels.

    Args:
        path: of a file; None for the photograph.

    Raises:
        ValueError: the file is no picture that can be used.
        OSError: the file is missing or cannot be opened.
    """
    if path is None:
        return Photo(
            load_sample_image("china.jpg"),
            "the photograph china.jpg of the package scikit-learn",
        )
    return Photo(read.read_picture(path), f"the picture {path}")


def choose_photo(name: str) -> Photo:
    """Loads the user's picture, or one of those that come with pip.

    Args:
        name: of a file, or "temple", "flower" or "portrait".

    Raises:
        ValueError: there is neither such a file nor such a photograph, or the file is
            no picture that can be used.
        OSError: the file cannot be opened.
    """
    path = folders.find_home(name)
    if path.is_file():
        return load_photo(path)
    own = dict(
        zip(("temple", "flower", "portrait"), load_photos().values(), strict=True)
    )
    if name not in own:
        raise ValueError(
            f"--content is {name!r}, expected the file of a picture, or "
            f"{', '.join(own)}"
        )
    return own[name]


def load_photos(paths: tuple[Path, ...] = ()) -> dict[str, Photo]:
    """Loads the user's pictures by their names, or the photographs of a temple, a
    flower and Grace Hopper.

    Args:
        paths: as `own_pictures.read_pictures` takes them; none for the photographs.

    Raises:
        ValueError, OSError: as `own_pictures.read_pictures`.
    """
    if paths:
        own = {}
        for path, pixels in own_pictures.read_pictures(paths):
            name = str(path) if path.name in own else path.name
            own[name] = Photo(pixels, f"the picture {path}")
        return own
    flower = Photo(
        load_sample_image("flower.jpg"),
        "the photograph flower.jpg of the package scikit-learn",
    )
    path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    with Image.open(path) as picture:
        hopper = np.asarray(picture.convert("RGB"))
    portrait = Photo(
        hopper, "the photograph grace_hopper.jpg of the package Matplotlib"
    )
    return {
        "china.jpg": load_photo(),
        "flower.jpg": flower,
        "grace_hopper.jpg": portrait,
    }
