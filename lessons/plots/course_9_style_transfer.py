"""What `course_9_style_transfer.py` draws: its picture beside those it was made of."""

from training import figures

import numpy as np
from PIL import Image, ImageOps


def draw_side_by_side(
    photo: np.ndarray,
    recolored: np.ndarray,
    paintings: list[np.ndarray],
    result: np.ndarray,
) -> np.ndarray:
    """Draws photograph, paintings, baseline and result in two columns, the paintings
    cut to the shape of the photograph; all are uint8 `(height, width, 3)` in [0, 255].
    """
    height, width, _ = photo.shape
    shown = {"photograph": photo}
    for number, painting in enumerate(paintings, start=1):
        name = "painting" if len(paintings) == 1 else f"painting {number}"
        shown[name] = np.asarray(
            ImageOps.fit(Image.fromarray(painting), (width, height))
        )
    shown["photograph in the colors of the painting"] = recolored
    shown["result"] = result
    return figures.draw_grid(list(shown.values()), list(shown), columns=2)
