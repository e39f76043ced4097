"""The pictures and the table of `course_1_neuron_xor.py`."""

from training import figures

import numpy as np

from data import Split


def draw_border(model, gate: Split) -> np.ndarray:
    """Draws what a network of two inputs answers where, and the four corners.

    Args:
        model: from `(batch, 2)` to probabilities `(batch, 1)`.
        gate: the corners and what is true there.
    """
    return figures.draw_boundary(model, gate.x, gate.y)


def draw_overview(pictures: dict[str, np.ndarray]) -> np.ndarray:
    """Draws borders side by side, each with its title below."""
    return figures.draw_grid(
        list(pictures.values()), list(pictures), columns=len(pictures)
    )


def describe_corners(
    corners: np.ndarray, moved: np.ndarray, answers: np.ndarray
) -> dict[str, dict[str, float]]:
    """Returns the rows of a table: for each corner the outputs of the hidden neurons
    and the answer.

    Args:
        corners: float `(4, 2)`.
        moved: outputs of the hidden layer, float `(4, units)`.
        answers: float `(4, 1)`.
    """
    rows = {}
    for corner, place, answer in zip(corners, moved, answers, strict=True):
        row = {f"hidden {n}": float(value) for n, value in enumerate(place, 1)}
        rows["({:g}, {:g})".format(*corner)] = {**row, "answer": float(answer[0])}
    return rows
