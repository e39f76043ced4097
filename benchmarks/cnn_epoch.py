"""course_3_cnn: images per second in one epoch, beside the same network in plain Keras
and in PyTorch.

All train the lesson's network (two convolutions of 3 x 3 with 32 and 64 filters, 256
units, dropout 0.25) with Adam, batch 100, on the 55,000 images of MNIST's training
split. The lesson is the shipped one: in bfloat16 where the machine computes it,
recorded and watched. Plain Keras is `fit` in float32 without callbacks; PyTorch is an
eager loop in float32, channels last, with all images in memory.

Measured are the epochs after the first, each from its beginning to its last update, so
without compiling and validating. Plain Keras has six, because its epochs differ: `fit`
has a thread that tunes how batches are made, which sleeps 10, 20, 40 ms and so on, and
after some epochs the next one begins only when it wakes, 5.1, 10.2 or 20.5 s after the
last one began. While a lesson runs there is no such thread: see the benchmark
`keras_patches`.
"""

import functools
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

from training import device

from benchmarks import measuring
from benchmarks.measuring import Way


def make_timer(keras):
    """Returns a callback for `fit` that keeps the seconds of each epoch, without its
    validation.
    """

    class Timer(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seconds = {}

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch, self.started = epoch, time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.seconds[self.epoch] = time.perf_counter() - self.started

    return Timer()


def time_lesson(**fields) -> list[float]:
    """Returns the lesson's seconds per image in each epoch after the first.

    Args:
        **fields: of its `Config`, where they are not the lesson's own.
    """
    from lessons import course_3_cnn
    from training import runs

    import keras

    from data import digits

    timer, callbacks = make_timer(keras), runs.Run.callbacks
    with (
        tempfile.TemporaryDirectory() as logdir,
        mock.patch.object(
            runs.Run, "callbacks", lambda run, **named: callbacks(run, timer, **named)
        ),
    ):
        fields = {"epochs": 3, **fields}
        course_3_cnn.main(course_3_cnn.Config(logdir=Path(logdir), **fields))
    return per_image(timer, len(digits.load_digits().train.y))


def per_image(timer, images: int) -> list[float]:
    """Returns the seconds per image in each epoch after the first, of which there are
    `images`.
    """
    return [seconds / images for epoch, seconds in timer.seconds.items() if epoch > 0]


def time_keras(epochs: int) -> list[float]:
    """Returns plain Keras's seconds per image in each epoch after the first."""
    from lessons import course_3_cnn

    import keras

    from data import digits

    train, config = digits.load_digits().train, course_3_cnn.Config()
    model = course_3_cnn.build_cnn(config.filters, config.units, config.dropout)
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    timer = make_timer(keras)
    model.fit(
        *train,
        batch_size=config.batch_size,
        epochs=epochs,
        callbacks=[timer],
        verbose=0,
    )
    return per_image(timer, len(train.y))


def time_torch() -> list[float]:
    """Returns PyTorch's seconds per image in its second epoch."""
    import torch
    from torch import nn

    from data import digits

    train = digits.load_digits().train
    images = (torch.tensor(train.x).permute(0, 3, 1, 2) / 255).contiguous(
        memory_format=torch.channels_last
    )
    labels = torch.tensor(train.y).long()
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 5 * 5, 256),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(256, 10),
    ).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters())
    for _ in range(2):
        order = torch.randperm(len(labels))
        started = time.perf_counter()
        for batch in order.split(100):
            adam.zero_grad()
            nn.functional.cross_entropy(
                network(images[batch]), labels[batch]
            ).backward()
            adam.step()
    return [(time.perf_counter() - started) / len(labels)]


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to do it once only, to see that everything runs.
    """
    epochs = {}

    def run(name: str, function, *arguments) -> float:
        found = measuring.run_alone(function, *arguments)
        epochs.setdefault(name, []).append(
            " ".join(f"{1 / seconds:,.0f}" for seconds in found)
        )
        return statistics.mean(found)

    functions = {
        "the lesson": (time_lesson,),
        "plain Keras, float32": (time_keras, 2 if small else 6),
        "PyTorch, float32, channels last": (time_torch,),
    }
    others = ("plain Keras, float32", "PyTorch, float32, channels last")
    asked = dict.fromkeys(others, 1.0)
    if device.choose_precision("auto") == "bfloat16":
        asked = dict(zip(others, (2.3, 1.6), strict=True))
    ways = [
        Way(
            name,
            functools.partial(run, name, *called),
            asked.get(name),
            torch="PyTorch" in name,
        )
        for name, called in functions.items()
    ]
    figures = measuring.take_turns(ways, 1 if small else None)
    table = measuring.tabulate(
        "one epoch", ways, figures, lambda seconds: f"{1 / seconds:,.0f} images/s"
    )
    lines = ["| way | images per second in each epoch of each round |", "| --- | --- |"]
    lines += [f"| {name} | {'; '.join(rounds)} |" for name, rounds in epochs.items()]
    return f"{table}\n\n" + "\n".join(lines)
