"""Points in the plane, for fitting a line: the course's 17 to learn from and 8 to test."""

from typing import NamedTuple

import numpy as np

TRAIN_X = [
    3.3,
    4.4,
    5.5,
    6.71,
    6.93,
    4.168,
    9.779,
    6.182,
    7.59,
    2.167,
    7.042,
    10.791,
    5.313,
    7.997,
    5.654,
    9.27,
    3.1,
]
TRAIN_Y = [
    1.7,
    2.76,
    2.09,
    3.19,
    1.694,
    1.573,
    3.366,
    2.596,
    2.53,
    1.221,
    2.827,
    3.465,
    1.65,
    2.904,
    2.42,
    2.94,
    1.3,
]
TEST_X = [6.83, 4.668, 8.9, 7.91, 5.7, 8.7, 3.1, 2.1]
TEST_Y = [1.84, 2.273, 3.2, 2.831, 2.92, 3.24, 1.35, 1.03]


class Points(NamedTuple):
    """Two splits of points, each a pair of x and y, float32 `(n, 1)`; and where they
    came from.
    """

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    source: str


def load_points() -> Points:
    """Returns the 17 training points and 8 test points; x in [2.1, 10.8], y in [1.0,
    3.5], without units.
    """
    train, test = (
        tuple(np.array(values, "float32")[:, np.newaxis] for values in split)
        for split in ((TRAIN_X, TRAIN_Y), (TEST_X, TEST_Y))
    )
    return Points(
        train, test, "17 points to learn from and 8 to test, in data/points.py"
    )
