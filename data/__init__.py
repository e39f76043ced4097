"""Loaders, one data source a file: raw values in three named splits, and where they
came from.
"""

from typing import Any, NamedTuple


class Split(NamedTuple):
    """One part of a data set, in the order of Keras's arguments: `model.fit(*split)`.

    Attributes:
        x: what a model is given. An array with the examples along the first axis, or
            whatever else `fit` takes. Images are uint8 `(n, height, width, channels)`
            in [0, 255]; each loader says the shape and dtype of its own.
        y: the answers, as many as there are examples. Labels are integers `(n,)`,
            indices into the class names.
    """

    x: Any
    y: Any


class Dataset(NamedTuple):
    """Three splits: learn from `train`, choose on `validation`, report `test` once.

    Attributes:
        train: the examples to learn from.
        validation: those to choose hyperparameters on; None if there are none.
        test: those that nothing was chosen on; None if there are none.
        source: what the data is and where it was found, for the learner.
        class_names: the name of each label; None if the answers are no classes.
    """

    train: Split
    validation: Split | None
    test: Split | None
    source: str
    class_names: tuple[str, ...] | None = None

    def parts(self) -> tuple[Split, Split, Split]:
        """Returns the three splits, where none is missing.

        Raises:
            ValueError: one is.
        """
        if self.validation is None or self.test is None:
            raise ValueError("expected a data set with validation and test splits")
        return self.train, self.validation, self.test
