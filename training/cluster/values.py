"""What the workers have computed, as arrays."""

from training import quiet  # noqa: F401 (before TensorFlow)

import numpy as np
import tensorflow as tf


def read(strategy: tf.distribute.Strategy, value) -> np.ndarray:
    """Returns a value that each device of a worker has computed, as it is on the first
    of them, when it is there.
    """
    return strategy.experimental_local_results(value)[0].numpy()


def gather(strategy: tf.distribute.Strategy, rows: np.ndarray) -> np.ndarray:
    """Returns on each worker the rows of all workers, one below the other.

    Args:
        strategy: of the workers.
        rows: numbers that float32 holds, `(own rows, ...)`; each worker may have
            another number of rows.

    Returns:
        float32 `(all rows, ...)`. The rows of a worker are there once for each of its
        devices.
    """
    sent = tf.constant(rows, tf.float32)
    own = strategy.experimental_distribute_values_from_function(lambda device: sent)
    return strategy.gather(own, axis=0).numpy()
