"""course_3_cnn: images per second in one epoch, beside the same network in plain Keras and in PyTorch.

All train the lesson's network (two convolutions of 5 x 5 with 32 and 64 filters, 256 units, dropout 0.4) with Adam,
batch 100, on the 55,000 images of MNIST's training split. The lesson is the shipped one: in bfloat16 where the machine
computes it, recorded and watched. Plain Keras is `fit` in float32 without callbacks; PyTorch is an eager loop in
float32, channels last, with all images in memory.

Measured is the last epoch of each (the lesson has three, the others two), from its first update to its last, so without
compiling and validating.
"""

import tempfile
import time
from pathlib import Path
from unittest import mock

from benchmarks import measuring
from benchmarks.measuring import Way


def make_timer(keras):
    """Returns a callback for `fit` that keeps the seconds of the last epoch, without its validation."""

    class Timer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.seconds = time.perf_counter() - self.started

    return Timer()


def time_lesson() -> float:
    """Returns the lesson's seconds per image."""
    from lessons import course_3_cnn
    from training import runs

    import keras

    from data import digits

    timer, callbacks = make_timer(keras), runs.Run.callbacks
    with (
        tempfile.TemporaryDirectory() as logdir,
        mock.patch.object(runs.Run, "callbacks", lambda run: [timer, *callbacks(run)]),
    ):
        course_3_cnn.main(course_3_cnn.Config(logdir=Path(logdir), epochs=3))
    return timer.seconds / len(digits.load_digits().train.labels)


def time_keras() -> float:
    """Returns plain Keras's seconds per image."""
    from training import quiet  # noqa: F401

    import keras

    from data import digits
    from models import cnn

    train = digits.load_digits().train
    model = cnn.build_cnn()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    timer = make_timer(keras)
    model.fit(*train, batch_size=100, epochs=2, callbacks=[timer], verbose=0)
    return timer.seconds / len(train.labels)


def time_torch() -> float:
    """Returns PyTorch's seconds per image."""
    import torch
    from torch import nn

    from data import digits

    train = digits.load_digits().train
    images = (torch.tensor(train.images).permute(0, 3, 1, 2) / 255).contiguous(memory_format=torch.channels_last)
    labels = torch.tensor(train.labels).long()
    network = nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 256),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(256, 10),
    ).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters())
    for _ in range(2):
        order = torch.randperm(len(labels))
        started = time.perf_counter()
        for batch in order.split(100):
            adam.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            adam.step()
    return (time.perf_counter() - started) / len(labels)


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to do it once only, to see that everything runs.
    """
    ways = [
        Way("the lesson", measuring.alone(time_lesson)),
        Way("plain Keras, float32", measuring.alone(time_keras), 2.3),
        Way("PyTorch, float32, channels last", measuring.alone(time_torch), 1.6, torch=True),
    ]
    figures = measuring.take_turns(ways, 1 if small else None)
    return measuring.tabulate("one epoch", ways, figures, lambda seconds: f"{1 / seconds:,.0f} images/s")
