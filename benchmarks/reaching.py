"""How long a network trains until it reads a given fraction of MNIST's test digits."""

import functools
import importlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np

from benchmarks import measuring

PATIENCE = 11  # times what the lesson took: then a way is given up


class Reached(NamedTuple):
    """When a training reached its goal: seconds, and epochs; if it did not, those until
    it ended or was given up.

    Attributes:
        seconds: of loading, building and training, without the measurements of the test
            accuracy.
        epochs: passes over the training images.
        accuracy: fraction of the test images read right, at the last measurement.
        reached: whether that is the goal.
    """

    seconds: float
    epochs: float
    accuracy: float
    reached: bool


class Clock:
    """Measures the test accuracy after each quarter epoch; what that takes is not the
    training's time.

    Args:
        goal: test accuracy.
        limit: seconds after which the training is given up.
    """

    def __init__(self, goal: float, limit: float):
        self.goal, self.limit = goal, limit
        self.started = time.perf_counter()
        self.reached = None

    def look(
        self, epochs: float, predict: Callable[[np.ndarray], np.ndarray], images, labels
    ) -> bool:
        """Returns whether the training is over, because the goal is reached or the time
        is.

        Args:
            epochs: how many are done.
            predict: returns the scores of the classes, `(n, 10)`, for images.
            images: of the test, as the network takes them.
            labels: integers `(n,)`.
        """
        stopped = time.perf_counter()
        accuracy = float(
            np.mean(
                np.concatenate([predict(part) for part in split(images)]).argmax(axis=1)
                == labels
            )
        )
        self.reached = Reached(
            stopped - self.started, epochs, accuracy, accuracy >= self.goal
        )
        self.started += time.perf_counter() - stopped
        return accuracy >= self.goal or self.reached.seconds > self.limit


def split(images) -> Iterator:
    """Yields a thousand images at a time."""
    for start in range(0, len(images), 1000):
        yield images[start : start + 1000]


def ends_quarter(step: int, steps: int) -> bool:
    """True if a quarter of an epoch of `steps` updates ends with update `step`, the
    first of which is 0.
    """
    return (step + 1) * 4 // steps > step * 4 // steps


def make_callback(clock: Clock, images, labels):
    """Returns a callback for Keras's `fit` that looks at the clock and ends the
    training at the goal.
    """
    import keras
    import tensorflow as tf

    class Quarters(keras.callbacks.Callback):
        epoch = 0

        def on_train_begin(self, logs=None):
            self.predict = tf.function(lambda batch: self.model(batch, training=False))

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            steps = self.params["steps"]
            if ends_quarter(batch, steps):
                done = self.epoch + (batch + 1) / steps
                self.model.stop_training = clock.look(
                    done, lambda part: self.predict(part).numpy(), images, labels
                )

    return Quarters()


def time_lesson(
    seed: int, limit: float, name: str, goal: float, settings: dict
) -> Reached:
    """Runs a lesson as it is, with its recording, until it reaches the goal.

    Args:
        seed: of the run.
        limit: seconds after which it is given up.
        name: such as "course_3_cnn".
        goal: test accuracy.
        settings: of its `Config`, where they are not the lesson's own.
    """
    from training import runs

    from data import digits

    lesson = importlib.import_module(f"lessons.{name}")
    test = digits.load_digits().test
    clock = Clock(goal, limit)
    callbacks = runs.Run.callbacks
    with (
        tempfile.TemporaryDirectory() as logdir,
        mock.patch.object(
            runs.Run,
            "callbacks",
            lambda run, **named: callbacks(run, make_callback(clock, *test), **named),
        ),
    ):
        lesson.main(lesson.Config(logdir=Path(logdir), seed=seed, **settings))
    return clock.reached


def time_keras(clock: Clock, model, train, test, **settings) -> Reached:
    """Trains a compiled model of Keras until it reaches the goal.

    Args:
        clock: started before the data was loaded.
        model: of Keras, compiled.
        train: images and labels.
        test: images and labels.
        **settings: for `fit`.
    """
    model.fit(*train, callbacks=[make_callback(clock, *test)], verbose=0, **settings)
    return clock.reached


def time_torch(
    clock: Clock,
    network,
    optimizer,
    train,
    test,
    batch_size: int,
    epochs: int,
    schedule,
) -> Reached:
    """Trains a network of PyTorch with cross-entropy until it reaches the goal.

    Args:
        clock: started before the data was loaded.
        network: `torch.nn.Module` from images to logits.
        optimizer: PyTorch's, of its parameters.
        train: images and labels, tensors.
        test: images, a tensor, and labels, an array.
        batch_size: images per update.
        epochs: at most.
        schedule: a function that changes the learning rate; called with the fraction
            of the training that is done, before each update.
    """
    import torch

    images, labels = train
    steps = -(-len(images) // batch_size)

    @torch.no_grad()
    def predict(part):
        network.eval()
        scores = network(part).numpy()
        network.train()
        return scores

    for epoch in range(epochs):
        order = torch.randperm(len(images))
        for step in range(steps):
            schedule((epoch + step / steps) / epochs)
            batch = order[step * batch_size : (step + 1) * batch_size]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(
                network(images[batch]), labels[batch]
            ).backward()
            optimizer.step()
            if ends_quarter(step, steps) and clock.look(
                epoch + (step + 1) / steps, predict, *test
            ):
                return clock.reached
    return clock.reached


def compare(ways: dict, asked: dict, rounds: int | None, goal: float) -> str:
    """Measures ways to reach a goal in turns, each round with its own seed, and returns
    a table in Markdown.

    Args:
        ways: by name, a function and its arguments after seed and limit; the first is
            the lesson.
        asked: by name, how many times the first way's time.
        rounds: how many; three or two if not given.
        goal: test accuracy.

    Raises:
        RuntimeError: the first way does not reach the goal.
    """
    reached = {name: [] for name in ways}
    first = next(iter(ways))

    def run(name: str) -> float:
        function, *arguments = ways[name]
        limit = math.inf if name == first else PATIENCE * reached[first][-1].seconds
        reached[name].append(
            measuring.run_alone(function, len(reached[name]), limit, *arguments)
        )
        return reached[name][-1].seconds

    turns = [
        measuring.Way(
            name, functools.partial(run, name), asked.get(name), torch="PyTorch" in name
        )
        for name in ways
    ]
    figures = measuring.take_turns(turns, rounds)
    if not all(one.reached for one in reached[first]):
        raise RuntimeError(f"{first} did not come to {goal:.0%}: {reached[first]}")
    titles = {name: name for name in ways}
    for name, several in reached.items():
        if missed := sum(not one.reached for one in several):
            titles[name] = (
                f"{name}, not reached in {missed} of {len(several)}: more than"
            )
    turns = [turn._replace(name=titles[turn.name]) for turn in turns]
    figures = [
        {titles[name]: seconds for name, seconds in figure.items()}
        for figure in figures
    ]
    table = measuring.tabulate(
        f"to {goal:.0%} of the test images", turns, figures, "{:.1f} s".format
    )
    lines = [
        "| way | epochs in each round | test accuracy then |",
        "| --- | --- | --- |",
    ]
    for name, several in reached.items():
        if several:
            epochs = ", ".join(
                f"{one.epochs:.2f}" + ("" if one.reached else " (not reached)")
                for one in several
            )
            lines.append(
                f"| {name} | {epochs} | "
                f"{', '.join(f'{one.accuracy:.2%}' for one in several)} |"
            )
    return f"{table}\n\n" + "\n".join(lines)
