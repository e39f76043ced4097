"""The pictures of `course_4_similar_clothes.py`."""

from training import figures

import numpy as np

RED = np.array([1.0, 0.35, 0.35])  # of a picture of another kind


def draw_neighbors(
    queries: np.ndarray,
    kinds: np.ndarray,
    found: list[np.ndarray],
    images: np.ndarray,
    names: np.ndarray,
) -> np.ndarray:
    """Draws in each row a query and the pictures that were found for it, those of
    another kind in red.

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
        shown.append(query)
        captions.append(f"{kind}?")
        for place in places:
            right = names[place] == kind
            shown.append(images[place] if right else images[place] * RED)
            captions.append(names[place])
    return figures.draw_grid(shown, captions, columns=1 + len(found[0]))
