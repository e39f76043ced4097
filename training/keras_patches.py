"""What makes Keras faster while a run is open, with the same results: two of its
functions are replaced meanwhile. The run's header says so, and `--plain-keras` leaves
both as they are.

Neither has a public option. Adam as Keras writes it is a dozen operations for each
variable, and `fit` lets tf.data tune how many threads cut batches out of arrays. Both
are inner parts of Keras, and a new version may have others: tests/test_keras_patches.py
then fails. What they gain is in benchmarks/RESULTS.md.
"""

import contextlib
from collections.abc import Callable, Iterator

from training import quiet  # noqa: F401 (before TensorFlow)

import keras
import tensorflow as tf
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

NAMES = "Adam in one operation, no tf.data autotuning of arrays"

update_step = keras.optimizers.Adam.update_step
get_tf_dataset = ArrayDataAdapter.get_tf_dataset


def update_at_once(
    adam: keras.optimizers.Adam, gradient, variable, learning_rate
) -> None:
    """Updates a variable as `Adam.update_step` does, in one operation of TensorFlow
    instead of a dozen.

    A step of a small network takes a fifth less time with it. The weights are equal up
    to rounding (Kingma and Ba, "Adam", 2014, the order of computation at the end of
    section 2).

    Args:
        adam: the optimizer. With `amsgrad`, for which there is no such operation,
            Keras's own update is made.
        gradient: of the variable; if only some of its rows have one
            (`tf.IndexedSlices`), the same holds.
        variable: that is updated, and whose index in the optimizer's variables is
            known.
        learning_rate: a scalar.
    """
    if adam.amsgrad or isinstance(gradient, tf.IndexedSlices):
        return update_step(adam, gradient, variable, learning_rate)
    index = adam._get_variable_index(variable)
    step = keras.ops.cast(adam.iterations + 1, variable.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=adam._momentums[index].value.handle,
        v=adam._velocities[index].value.handle,
        beta1_power=keras.ops.power(keras.ops.cast(adam.beta_1, variable.dtype), step),
        beta2_power=keras.ops.power(keras.ops.cast(adam.beta_2, variable.dtype), step),
        lr=keras.ops.cast(learning_rate, variable.dtype),
        beta1=adam.beta_1,
        beta2=adam.beta_2,
        epsilon=adam.epsilon,
        grad=keras.ops.cast(gradient, variable.dtype),
    )


def make_untuned_dataset(adapter: ArrayDataAdapter) -> tf.data.Dataset:
    """Returns the batches of arrays that `fit`, `evaluate` and `predict` take, without
    tuning the number of threads.

    The thread that tunes sleeps 10, 20, 40 ms and so on, and the end of an epoch often
    waits until it wakes: 0.3 s for the features of 49 photos, 8 s after an epoch of
    12 s. There is nothing to tune: a batch is some rows of an array.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return get_tf_dataset(adapter).with_options(options)


@contextlib.contextmanager
def replaced(owner: type, name: str, function: Callable) -> Iterator[None]:
    """Replaces a method of a class inside the block."""
    original = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """Makes Keras faster inside the block."""
    with (
        replaced(keras.optimizers.Adam, "update_step", update_at_once),
        replaced(ArrayDataAdapter, "get_tf_dataset", make_untuned_dataset),
    ):
        yield
