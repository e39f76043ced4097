"""The picture of `course_9_style_transfer.py` beside those it was made of."""

from training import figures

import numpy as np


def draw_side_by_side(
    content: np.ndarray,
    names: tuple[str, ...],
    styles: list[np.ndarray],
    result: np.ndarray,
) -> np.ndarray:
    """Draws content, styles and result in a row; all are uint8 `(height, width, 3)` in
    [0, 255].

    Args:
        content: a picture.
        names: of the styles.
        styles: a picture for each name.
        result: a picture.
    """
    shown = [content, *styles, result]
    return figures.draw_grid(shown, ["content", *names, "result"], len(shown))
