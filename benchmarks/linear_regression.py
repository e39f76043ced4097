"""course_1_tf_lr: 51,000 updates from single points, beside Keras's `fit` and an eager
loop.

The peers do what the lesson does: 3,000 epochs of 17 updates, each with the squared
error of one point divided by 2 x 17, learning rate 0.02. Both are measured over some
epochs after a first one, and extrapolated: neither changes its pace, and `fit` would
take minutes.

`fit`: the model of the Keras guide "Training & evaluation with the built-in methods", a
Dense layer with SGD and `batch_size=1`. Eager: the loop of the Keras guide "Writing a
custom training loop from scratch in TensorFlow", as it is before the guide puts
`tf.function` on it.

The lesson is the shipped one, with its recording; its updates are the calls of its own
`train`. Its compilation is left out of the first table, as the peers' first epoch is,
and counted with the recording in the line below it.
"""

import tempfile
import time
from pathlib import Path
from unittest import mock

from benchmarks import measuring
from benchmarks.measuring import Way

EPOCHS = 3000
RATE = 0.02


def time_lesson(epochs: int) -> dict[str, float]:
    """Returns the seconds of all updates, and of the whole loop with compilation,
    recording and saving.
    """
    from training import runs

    import course_1_tf_lr

    train, steps = course_1_tf_lr.train, runs.Run.steps
    updates, loops = [], []

    def watch_train(*arguments):
        started = time.perf_counter()
        path = train(*arguments)
        path.numpy()  # waits for the result
        updates.append(time.perf_counter() - started)
        return path

    def watch_steps(*arguments, **state):
        started = time.perf_counter()
        yield from steps(*arguments, **state)
        loops.append(time.perf_counter() - started)

    with (
        tempfile.TemporaryDirectory() as logdir,
        mock.patch.object(course_1_tf_lr, "train", watch_train),
        mock.patch.object(runs.Run, "steps", watch_steps),
    ):
        course_1_tf_lr.main(course_1_tf_lr.Config(logdir=Path(logdir), epochs=epochs))
    compiled = updates[1:]  # the first call compiles
    return {
        "updates": sum(compiled) / len(compiled) * len(updates),
        "loop": loops[0],
    }


def time_fit(epochs: int) -> float:
    """Returns the seconds of 3,000 epochs of `fit(batch_size=1)`, extrapolated from
    `epochs` after a first one.
    """
    from training import quiet  # noqa: F401

    import keras

    from data import toy

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(
        keras.optimizers.SGD(RATE),
        loss=lambda y, predicted: (predicted - y) ** 2 / (2 * 17),
    )
    train = toy.load_points().train
    model.fit(*train, batch_size=1, verbose=0)
    started = time.perf_counter()
    model.fit(*train, batch_size=1, epochs=epochs, verbose=0)
    return (time.perf_counter() - started) / epochs * EPOCHS


def time_eager(epochs: int) -> float:
    """Returns the seconds of 3,000 epochs of an eager loop, extrapolated from `epochs`
    after a first one.
    """
    from training import quiet  # noqa: F401

    import keras
    import tensorflow as tf

    from data import toy

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(RATE)
    batches = tf.data.Dataset.from_tensor_slices(toy.load_points().train).batch(1)

    def train_epoch():
        for x, y in batches:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum((model(x, training=True) - y) ** 2) / (2 * 17)
            gradients = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(
                zip(gradients, model.trainable_weights, strict=True)
            )

    train_epoch()
    started = time.perf_counter()
    for _ in range(epochs):
        train_epoch()
    return (time.perf_counter() - started) / epochs * EPOCHS


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to run few epochs once, to see that everything runs.
    """
    epochs, rounds = (2, 1) if small else (100, None)
    whole = {}

    def run_lesson():
        seconds = measuring.run_alone(time_lesson, 200 if small else EPOCHS)
        whole.setdefault("seconds", []).append(seconds["loop"])
        return seconds["updates"]

    ways = [
        Way("the lesson", run_lesson),
        Way(
            f"Keras `fit(batch_size=1)`, from {epochs} epochs",
            measuring.alone(time_fit, epochs),
            500,
        ),
        Way(
            f"eager tape, from {epochs} epochs",
            measuring.alone(time_eager, epochs),
            200,
        ),
    ]
    figures = measuring.take_turns(ways, rounds)
    loops = ", ".join(f"{seconds:.2f}" for seconds in whole["seconds"])
    table = measuring.tabulate("51,000 updates", ways, figures, "{:.3g} s".format)
    return (
        f"{table}\n\nThe lesson's whole loop, with compilation, recording and "
        f"saving: {loops} s."
    )
