"""What `training/keras_patches.py` gains: an epoch of three lessons as they are, beside
the same with `--plain-keras`.

The lessons: course_2_mlp, course_3_cnn, and course_5_transfer_learning with `--ways
head`, a layer on the features of 195 photos, ten times over in an epoch. All are
recorded and watched; the convolutional network trains for five epochs.

Measured is the mean of the epochs after the first, each from the end of the one before
to its own end, so with its validation and without compiling. Keras's epochs differ:
`fit` has a thread that tunes how batches are made, and some epochs wait until it wakes.
"""

import importlib
import tempfile
import time
from pathlib import Path
from unittest import mock

from benchmarks import measuring, transfer_learning
from benchmarks.measuring import Way
from data import digits

ROUNDS = 3
LESSONS = {  # what is given to their `Config`: as shipped, and small
    "course_2_mlp": ({}, {"epochs": 2, "units": (8,)}),
    "course_3_cnn": ({"epochs": 5}, {"epochs": 2, "filters": (2,), "units": 8}),
    "course_5_transfer_learning": (
        {"ways": ("head",)},
        {"ways": ("head",), "epochs": 2, "size": 64},
    ),
}


def time_epoch(name: str, fields: dict) -> float:
    """Returns the mean seconds of an epoch after the first of a lesson's last `fit`.

    Args:
        name: of the lesson.
        fields: of its `Config`.
    """
    from training import runs

    import keras

    lesson, callbacks = importlib.import_module(f"lessons.{name}"), runs.Run.callbacks

    class Timer(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.ends = []

        def on_epoch_end(self, epoch, logs=None):
            self.ends.append(time.perf_counter())

    timer = Timer()
    with (
        tempfile.TemporaryDirectory() as logdir,
        mock.patch.object(
            runs.Run, "callbacks", lambda run, **named: callbacks(run, timer, **named)
        ),
    ):
        lesson.main(lesson.Config(logdir=Path(logdir), **fields))
    return (timer.ends[-1] - timer.ends[0]) / (len(timer.ends) - 1)


def measure(small: bool = False) -> str:
    """Returns the comparisons as Markdown.

    Args:
        small: whether to do so with small networks and two epochs, once.
    """
    tables = []
    with tempfile.TemporaryDirectory() as temporary:
        photos = Path(temporary)
        if small:
            transfer_learning.make_photos(photos)
        for name, choices in LESSONS.items():
            fields = choices[small]
            if small and "size" in fields:
                fields = {**fields, "data_dir": photos}
            ways = [
                Way("as it is", measuring.alone(time_epoch, name, fields)),
                Way(
                    "`--plain-keras`",
                    measuring.alone(time_epoch, name, fields | {"plain_keras": True}),
                ),
            ]
            figures = measuring.take_turns(ways, 1 if small else ROUNDS)
            tables.append(
                measuring.tabulate(
                    f"an epoch of {name}", ways, figures, "{:.3g} s".format
                )
            )
    tables.append(f"{len(digits.load_digits().train.y):,} training digits.")
    return "\n\n".join(tables)
