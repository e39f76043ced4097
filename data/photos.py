"""Photographs that come with pip: the two of scikit-learn."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_sample_image

from data import pictures


class Photo(NamedTuple):
    """A photograph and where it came from.

    Attributes:
        picture: uint8 `(height, width, 3)` in [0, 255].
        source: its file, or the package that ships it.
    """

    picture: np.ndarray
    source: str


def load_photo(path: Path | None = None) -> Photo:
    """Loads a picture of one's own, or scikit-learn's photograph of a temple in China, 427 x 640 pixels.

    Args:
        path: of a file; None for the photograph.

    Raises:
        ValueError: the file is no picture that can be used.
        OSError: the file is missing or cannot be opened.
    """
    if path is None:
        return Photo(load_sample_image("china.jpg"), "the photograph china.jpg of the package scikit-learn")
    return Photo(pictures.read_picture(path), f"the picture {path}")
