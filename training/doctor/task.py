"""What a network is asked to do, read from its loss, its outputs and its targets."""

from typing import NamedTuple

from training.doctor.record import unwrap

import keras
import numpy as np
import tensorflow as tf

KINDS = {
    "sparsecategoricalcrossentropy": "sparse",
    "categoricalcrossentropy": "categorical",
    "binarycrossentropy": "binary",
    "meansquarederror": "squared",
    "meanabsoluteerror": "squared",
    "huber": "squared",
    "logcosh": "squared",
}


class Task(NamedTuple):
    """What a network is asked to do.

    Attributes:
        kind: "sparse", "categorical" or "binary" cross-entropy, "squared" (or another
            distance), or "other".
        from_logits: whether the loss takes logits.
        outputs: number of output units.
        name: of the loss, in lower case and without underscores.
    """

    kind: str
    from_logits: bool
    outputs: int
    name: str


def read_task(model: keras.Model, outputs: tf.Tensor) -> Task:
    """Returns what the loss of a compiled model and its outputs for some examples ask
    for.

    Raises:
        TypeError: the model has several outputs or losses.
    """
    loss, outputs = get_loss(model), unwrap(outputs)
    if isinstance(loss, list | dict) or isinstance(outputs, list | dict | tuple):
        raise TypeError("a model of several outputs")
    name = getattr(loss, "__name__", type(loss).__name__).lower().replace("_", "")
    settings = getattr(loss, "_fn_kwargs", None) or {}
    return Task(
        KINDS.get(name, "other"),
        bool(settings.get("from_logits", False)),
        int(outputs.shape[-1]),
        name,
    )


def get_loss(model: keras.Model):
    """Returns the loss of a compiled model, one of Keras's that was named by its name
    as well.
    """
    loss = unwrap(model.loss)
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def class_ids(y: np.ndarray, kind: str) -> np.ndarray | None:
    """Returns the class of each example, `(n,)`; None if an example has several labels
    or a quantity.
    """
    if (kind == "categorical" and y.ndim == 2) or (
        kind == "binary"
        and y.ndim == 2
        and y.shape[1] > 1
        and (y.sum(axis=1) == 1).all()
    ):
        return y.argmax(axis=-1)
    if (
        kind in ("sparse", "binary")
        and y.size == len(y)
        and is_whole(y)
        and y.min() >= 0
    ):
        return y.ravel().astype(np.int64)
    return None


def place_ids(y: np.ndarray, task: Task) -> np.ndarray | None:
    """Returns the class of each place of the examples, such as a pixel of a mask or a
    step of a series, in one row; of examples with one class each, that; None if there
    are several labels or a quantity.
    """
    ids = class_ids(y, task.kind)
    if ids is not None or not y.size:
        return ids
    if task.kind == "categorical" and y.ndim > 2:
        return y.reshape(-1, y.shape[-1]).argmax(axis=-1)
    if task.kind == "sparse" and is_whole(y) and y.min() >= 0:
        return y.ravel().astype(np.int64)
    if task.kind == "binary" and task.outputs == 1 and 0 <= y.min() <= y.max() <= 1:
        return (y.ravel() > 0.5).astype(np.int64)
    return None


def decide(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Returns the class that the outputs name."""
    if task.outputs == 1:
        return (outputs.ravel() > (0 if task.from_logits else 0.5)).astype(np.int64)
    return outputs.reshape(-1, outputs.shape[-1]).argmax(axis=-1)


def decide_each(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Returns whether each of several labels is named, bool, in the shape of the
    outputs.
    """
    return outputs > (0 if task.from_logits else 0.5)


def is_whole(y: np.ndarray) -> bool:
    """True if all numbers are whole."""
    return bool(np.all(np.equal(np.mod(y, 1), 0)))


def is_one_hot(y: np.ndarray) -> bool:
    """True if each row is 1 for one class and 0 for the others, `(n, classes)`."""
    return bool(
        y.ndim == 2 and y.shape[1] > 1 and is_whole(y) and (y.sum(axis=1) == 1).all()
    )


def are_probabilities(values: np.ndarray, activation: str) -> bool:
    """True if the rows sum to 1 and are never negative, or for "sigmoid" all values lie
    between 0 and 1 and not at 0.
    """
    inside = values.min() >= 0 and values.max() <= 1
    return bool(
        inside
        and (
            np.allclose(values.sum(axis=-1), 1, atol=1e-3)
            if activation == "softmax"
            else values.min() > 0
        )
    )
