"""A run of several workers: the chief opens its folder and writes, the others write
nothing.
"""

import contextlib
import socket
from collections.abc import Iterator

from training import device, keras_patches, runs
from training.cluster import tf_config, values

import keras
import numpy as np
import tensorflow as tf


@contextlib.contextmanager
def start(cluster: tf_config.Cluster, config, dataset) -> Iterator[runs.Run | None]:
    """Opens the folder of a new run in the chief, as `runs.start` does; gives the
    others None.

    Raises:
        ConnectionError: another worker ended in the middle, or does not answer any
            more.
        Exception: as `runs.start`.
    """
    keras.utils.set_random_seed(config.seed)
    chief = cluster.index == 0
    with runs.start(config, dataset) if chief else follow(config) as run:
        if not chief:
            print(
                f"worker {cluster.index} of {len(cluster.addresses)}: "
                f"{cluster.name(0)} prints and writes",
                flush=True,
            )
        with watching(cluster):
            yield run


@contextlib.contextmanager
def follow(config) -> Iterator[None]:
    """Computes as `runs.start` lets the chief compute, and writes nothing."""
    faster = not (config.plain_keras or config.debug)
    with (
        device.computing("float32", config.debug),
        keras_patches.applied() if faster else contextlib.nullcontext(),
    ):
        yield


@contextlib.contextmanager
def watching(cluster: tf_config.Cluster) -> Iterator[None]:
    """Turns TensorFlow's error that another worker has gone into one line that names
    it.

    Raises:
        ConnectionError: another worker ended, or does not answer any more.
    """
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.DeadlineExceededError,
        tf.errors.AbortedError,
    ) as error:
        gone = [
            cluster.name(index)
            for index in cluster.others
            if not answers(cluster.find_socket(index))
        ]
        who = " and ".join(gone) or "another worker"
        what = "ended" if gone else "stopped to answer"
        raise ConnectionError(
            f"{who} {what} in the middle: see what it said, and start all workers "
            "again, with --resume"
        ) from error


def answers(address: tuple[str, int]) -> bool:
    """True if somebody listens at host and port."""
    try:
        socket.create_connection(address, timeout=2).close()
    except OSError:
        return False
    return True


def steps(
    run: runs.Run | None,
    strategy: tf.distribute.Strategy,
    count: int,
    model: keras.Model,
) -> Iterator[int]:
    """Yields the numbers of the steps of a loop on each worker, as `Run.steps` does in
    the chief; all begin with the chief's weights.

    Args:
        run: of the chief, None in the others.
        strategy: of the workers.
        count: of the steps.
        model: what the loop changes.
    """
    numbers = run.steps(count, model=model) if run else None
    step = next(numbers, count) if numbers else 0
    state = [np.array(step, np.float32), *model.get_weights()]
    # Of what is gathered, the first row is the chief's.
    step, *weights = [values.gather(strategy, part[None])[0] for part in state]
    model.set_weights(weights)
    while step < count:
        yield int(step)
        step = next(numbers, count) if numbers else step + 1
