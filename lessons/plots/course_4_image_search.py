"""The pictures of `course_4_image_search.py`."""

from pathlib import Path

from training import figures

import numpy as np


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
    queries: np.ndarray,
    kinds: np.ndarray,
    found: list[np.ndarray],
    images: np.ndarray,
    names: np.ndarray,
) -> np.ndarray:
    """Draws in each row a query and the ten pictures that were found for it.

    Args:
        queries: uint8 `(n, height, width, 1)` in [0, 255].
        kinds: the names of their kinds, text `(n,)`.
        found: for each query the places of ten pictures.
        images: all pictures, uint8 `(m, height, width, 1)` in [0, 255].
        names: of their kinds, text `(m,)`.
    """
    shown = []
    captions = []
    for query, kind, places in zip(queries, kinds, found, strict=True):
        shown += [query, *images[places]]
        captions += [f"{kind}?", *names[places]]
    return figures.draw_grid(shown, captions, columns=11)
