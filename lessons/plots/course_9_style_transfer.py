"""What `course_9_style_transfer.py` draws: its picture beside those it was made of."""

from training import figures

import numpy as np


def draw_side_by_side(
    photo: np.ndarray,
    recolored: np.ndarray,
    paintings: list[np.ndarray],
    result: np.ndarray,
) -> np.ndarray:
    """Draws photograph, paintings, baseline and result in two columns; all are uint8
    `(height, width, 3)` in [0, 255].
    """
    shown = {"photograph": photo}
    for number, painting in enumerate(paintings, start=1):
        name = "painting" if len(paintings) == 1 else f"painting {number}"
        shown[name] = painting
    shown |= {"recolored": recolored, "result": result}
    return figures.draw_grid(list(shown.values()), list(shown), columns=2)
