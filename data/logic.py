"""Truth tables: the smallest data sets there are."""

from typing import NamedTuple

import numpy as np

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
TABLES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}


class Logic(NamedTuple):
    """A truth table as examples.

    Attributes:
        train: inputs float32 `(4, 2)`, the corners of the unit square, and answers
            float32 `(4, 1)`, 0 or 1.
        source: what it is.
    """

    train: tuple[np.ndarray, np.ndarray]
    source: str


def load_logic(name: str) -> Logic:
    """Returns the truth table "and", "or" or "xor"."""
    answers = np.array(TABLES[name], "float32")[:, np.newaxis]
    return Logic(
        (CORNERS, answers), f"the truth table of {name.upper()}, in data/logic.py"
    )
