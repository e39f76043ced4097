"""What is known of a training that has ended, and its examples as arrays."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass
class Record:
    """A training that has ended, in plain values.

    Attributes:
        model: as it is after the training.
        initial: its first weights.
        rates: its learning rate at the start of each epoch.
        x: what `fit` was given: arrays or a `tf.data.Dataset` of batches.
        y: labels or targets, if `x` is an array.
        validation_data: as `fit` takes it.
        validation_split: as `fit` takes it.
        batch_size: examples per update.
        shuffle: as `fit` takes it.
        steps_per_epoch: updates of an epoch, None if that is not known.
        history: of each epoch the loss and the metrics by their names.
        epoch: how many epochs there were.
        step: how many updates there were.
        broken_at: epoch and update, each counted from 1, at which the loss was no
            number for the first time; None if it always was one.
        error: what `fit` raised, None if it came to its end.
    """

    model: keras.Model
    initial: list[np.ndarray]
    rates: list[float]
    x: Any = None
    y: Any = None
    validation_data: Any = None
    validation_split: float = 0.0
    batch_size: int = 32
    shuffle: bool = True
    steps_per_epoch: int | None = None
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    epoch: int = 0
    step: int = 0
    broken_at: tuple[int, int] | None = None
    error: Exception | None = None

    def losses(self, name: str = "loss") -> list[float]:
        """Returns a loss of each epoch that has it."""
        return [entry[name] for entry in self.history if name in entry]


def unwrap(part):
    """Returns what a list, tuple or dict of a single input, output or loss holds; other
    things as they are.
    """
    while isinstance(part, list | tuple | dict) and len(part) == 1:
        part = next(iter(part.values() if isinstance(part, dict) else part))
    return part


def take(x, y, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first `rows` examples as they are trained on, as arrays.

    Raises:
        TypeError: there are several inputs or outputs, or nothing that can be read
            twice.
    """
    if isinstance(x, tf.data.Dataset):
        inputs, targets = [], []
        for batch in x.take(math.ceil(rows / 8)):
            pair = [unwrap(part) for part in batch[:2]]
            if len(pair) < 2 or any(
                isinstance(part, dict | tuple | list) for part in pair
            ):
                raise TypeError("several inputs or outputs")
            inputs.append(np.asarray(pair[0]))
            targets.append(np.asarray(pair[1]))
            if sum(map(len, inputs)) >= rows:
                break
        return np.concatenate(inputs)[:rows], np.concatenate(targets)[:rows]
    x, y = unwrap(x), unwrap(y)
    if (
        y is None
        or isinstance(x, dict | tuple | list)
        or isinstance(y, dict | tuple | list)
    ):
        raise TypeError("several inputs or outputs, or data that cannot be read twice")
    return np.asarray(x[:rows]), np.asarray(y[:rows])
