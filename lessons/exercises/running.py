"""Runs an exercise: its data, and everything around its `train` that is not the
exercise.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from training import command_line, runs

import keras
import numpy as np

from data import Dataset, Split, digits

SPLITS = ("train", "validation", "test")
TRAINING_IMAGES = {4: 500, 12: 300, 13: 300}  # of the exercises with fewer than all
ENLARGED = (12, 13)  # the exercises with a network for photographs


def run(train: Callable, config_class: type) -> None:
    """Reads the command line into a `Config` and makes a run of `train`.

    Errors become one line, as in a lesson.

    Args:
        train: function of a configuration, a data set, and what `fit` is given for
            looking on (`callbacks`, `verbose`); it returns a trained model.
        config_class: dataclass whose fields become the flags.
    """
    module = sys.modules[train.__module__]
    path = Path(module.__file__)

    def start() -> None:
        config = command_line.parse(
            config_class, sys.argv[1:], path.name, module.__doc__
        )
        dataset = load(int(path.stem.removeprefix("exercise_")))
        with runs.start(config, dataset) as run:
            model = train(
                config,
                dataset,
                callbacks=run.callbacks(doctor=False),
                verbose=run.verbose,
            )
            metrics = {
                name: model.evaluate(
                    *getattr(dataset, name), batch_size=500, return_dict=True, verbose=0
                )
                for name in SPLITS
            }
            run.finish(model, **metrics)

    command_line.guard(path.name, start)


def load(number: int, seed: int | None = None) -> Dataset:
    """Loads the data of an exercise: all of it comes with pip.

    Args:
        number: of the exercise.
        seed: of splits other than the usual ones; None for these.

    Returns:
        5,000 of MNIST's digits; with fewer training images for exercise 4, and fewer
        and larger ones for 12 and 13, uint8 `(n, 64, 64, 3)` in [0, 255].
    """
    dataset = digits.load_sample("an exercise needs no more")
    if seed is not None:
        images, labels = (
            np.concatenate(parts) for parts in zip(*dataset[:3], strict=True)
        )
        order = np.random.default_rng(seed).permutation(len(labels))
        ends = np.cumsum([len(split.y) for split in dataset[:2]])
        splits = map(
            Split, np.split(images[order], ends), np.split(labels[order], ends)
        )
        dataset = dataset._replace(**dict(zip(SPLITS, splits, strict=True)))
    count = TRAINING_IMAGES.get(number)
    dataset = dataset._replace(train=Split(*(part[:count] for part in dataset.train)))
    if number in ENLARGED:
        splits = (Split(enlarge(split.x), split.y) for split in dataset[:3])
        dataset = dataset._replace(**dict(zip(SPLITS, splits, strict=True)))
    return dataset


def enlarge(images: np.ndarray) -> np.ndarray:
    """Turns gray images, `(n, 28, 28, 1)`, into what a network for photographs takes:
    uint8 `(n, 64, 64, 3)`.
    """
    large = keras.ops.image.resize(np.float32(images), (64, 64))
    return np.repeat(np.uint8(np.round(large)), 3, axis=-1)
