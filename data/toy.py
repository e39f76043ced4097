"""Data sets that fit on a page: the course's 17 points to learn from and 8 to test, and
the truth tables of two inputs.
"""

import numpy as np

from data import Dataset, Split

# fmt: off
TRAIN_X = [
    3.3, 4.4, 5.5, 6.71, 6.93, 4.168, 9.779, 6.182, 7.59, 2.167, 7.042, 10.791, 5.313,
    7.997, 5.654, 9.27, 3.1,
]
TRAIN_Y = [
    1.7, 2.76, 2.09, 3.19, 1.694, 1.573, 3.366, 2.596, 2.53, 1.221, 2.827, 3.465, 1.65,
    2.904, 2.42, 2.94, 1.3,
]
# fmt: on
TEST_X = [6.83, 4.668, 8.9, 7.91, 5.7, 8.7, 3.1, 2.1]
TEST_Y = [1.84, 2.273, 3.2, 2.831, 2.92, 3.24, 1.35, 1.03]
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
TABLES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}


def load_points() -> Dataset:
    """Returns points in the plane, for fitting a line.

    Returns:
        A `Dataset` of 17 training points, no validation and 8 test points: x, float32
        `(n, 1)` in [2.1, 10.8], and y, float32 `(n, 1)` in [1.0, 3.5], without units.
    """
    train, test = (
        Split(*(np.array(values, "float32")[:, np.newaxis] for values in pair))
        for pair in ((TRAIN_X, TRAIN_Y), (TEST_X, TEST_Y))
    )
    source = "17 points to learn from and 8 to test, in data/toy.py"
    return Dataset(train, validation=None, test=test, source=source)


def load_logic(name: str) -> Dataset:
    """Returns a truth table as examples: the smallest data set there is.

    Args:
        name: "and", "or" or "xor".

    Returns:
        A `Dataset` of nothing but training examples: x, float32 `(4, 2)`, the corners
        of the unit square, and y, float32 `(4, 1)`, 0 or 1.
    """
    answers = np.array(TABLES[name], "float32")[:, np.newaxis]
    source = f"the truth table of {name.upper()}, in data/toy.py"
    return Dataset(Split(CORNERS, answers), validation=None, test=None, source=source)
