"""The pictures of `course_4_photo_search.py`."""

from pathlib import Path

from training import figures

import numpy as np

SHOWN = 6  # queries of a picture
COLUMNS = 6  # a query, and those that were found first


def draw_found(
    query: np.ndarray, pictures: list[np.ndarray], found: dict[str, float]
) -> np.ndarray:
    """Draws a picture, and those that were found for it.

    Args:
        query: uint8 `(height, width, 3)` in [0, 255].
        pictures: those found, each uint8 `(height, width, 3)` in [0, 255].
        found: their cosines by their files.
    """
    captions = ["like this?"]
    for name, cosine in found.items():
        captions.append(f"{cosine:.2f} {Path(name).name[:16]}")
    return figures.draw_grid([query, *pictures], captions, columns=6)


def draw_neighbors(
    views: np.ndarray, places: np.ndarray, photos: np.ndarray, found: list[np.ndarray]
) -> np.ndarray:
    """Draws in each row a view of a photograph and what was found for it.

    Args:
        views: uint8 `(n, height, width, 3)` in [0, 255].
        places: of their photographs, integers `(n,)`.
        photos: uint8 `(m, height, width, 3)` in [0, 255].
        found: for each view the places of photographs, the nearest first.
    """
    shown = []
    captions = []
    for view, own, nearest in zip(views, places, found, strict=True):
        shown.append(view)
        captions.append("like this?")
        for place in nearest[: COLUMNS - 1]:
            shown.append(photos[place])
            captions.append("its photograph" if place == own else "")
    return figures.draw_grid(shown, captions, columns=COLUMNS)
