"""What a loader of in-memory data returns."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """One part of a data set, in the order of Keras's arguments: `model.fit(*split)`.

    Attributes:
        images: uint8 `(n, height, width, channels)` in [0, 255].
        labels: integers `(n,)`, indices into the class names.
    """

    images: np.ndarray
    labels: np.ndarray


class Dataset(NamedTuple):
    """Three splits: learn from `train`, choose on `validation`, report `test` once.

    Attributes:
        train: the examples to learn from.
        validation: those to choose hyperparameters on.
        test: those that nothing was chosen on.
        class_names: the name of each label.
        source: what the data is and where it was found, for the learner.
    """

    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    source: str
