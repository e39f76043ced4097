"""Runs an exercise: its data, and everything around its `train` that is not the
exercise.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from lessons.exercises import finding
from training import command_line, runs

import keras
import numpy as np
import tensorflow as tf

from data import Dataset, Split, digits, mail, reviews, running_text
from data import texts as readers

SPLITS = ("train", "validation", "test")
TRAINING_IMAGES = {4: 500, 12: 300, 13: 300}  # of the exercises with fewer than all
ENLARGED = (12, 13)  # the exercises with a network for photographs
# Of the exercises on texts: how many there are to learn from, to validate on, to test.
# Without texts to validate on, the script divides those to learn from itself.
MESSAGES = {15: (2000, 500, 1000), 17: (1200, 0, 2000)}
REVIEWS = {16: (3000, 2000)}
# Of the exercises on writing: how many windows of a bible there are to learn from, to
# validate on, to test, and how many characters each of these has.
WINDOWS = {
    20: {"train": (8000, 32), "validation": (1000, 32), "test": (2000, 32)},
    22: {"train": (4000, 64), "validation": (500, 64), "test": (2000, 32)},
}
CHARACTERS = 400_000  # of the bible
# The exercises whose script makes itself what `fit` is given. Their curves have a name,
# and are what `fit` reports.
NAMES = {
    16: "reviews",
    17: "messages",
    18: "scenes",
    19: "scenes",
    20: "text",
    21: "scenes",
    22: "text",
}


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
        number = int(path.stem.removeprefix("exercise_"))
        dataset = load(number)
        with runs.start(config, dataset) as run:
            pictures = []
            if number in finding.TASKS:
                task = finding.TASKS[number]
                pictures = [finding.Pictures(task, run.show, dataset.validation)]
            callbacks = run.callbacks(*pictures, doctor=False, name=NAMES.get(number))
            model = train(config, dataset, callbacks=callbacks, verbose=run.verbose)
            splits = {name: getattr(dataset, name) for name in SPLITS}
            metrics = {
                name: evaluate(number, model, split)
                for name, split in splits.items()
                if split is not None
            }
            run.finish(model, **metrics)

    command_line.guard(path.name, start)


def evaluate(number: int, model: keras.Model, split: Split) -> dict[str, float]:
    """Returns the metrics of a trained network on a split: those that it was compiled
    with, or of scenes how many digits it finds.
    """
    if number in finding.TASKS:
        outputs = model.predict(split.x, batch_size=500, verbose=0)
        return finding.TASKS[number].score(outputs, split.y)
    x = tf.constant(split.x) if split.x.dtype == object else split.x
    return model.evaluate(x, split.y, batch_size=500, return_dict=True, verbose=0)


def load(number: int, seed: int | None = None) -> Dataset:
    """Loads the data of an exercise: images come with pip, texts through its index.

    Args:
        number: of the exercise.
        seed: of splits other than the usual ones; None for these.

    Returns:
        5,000 of MNIST's digits; with fewer training images for exercise 4, and fewer
        and larger ones for 12 and 13, uint8 `(n, 64, 64, 3)` in [0, 255]. For 15 to 17
        texts, arrays of objects `(n,)`, with labels 0 and 1. For 18, 19 and 21 scenes,
        as `finding.load_scenes` says. For 20 and 22 windows of a text, as
        `load_windows` says.

    Raises:
        ConnectionError: the texts are missing and cannot be downloaded.
    """
    if number in MESSAGES:
        return load_messages(*MESSAGES[number], seed or 0)
    if number in REVIEWS:
        return load_reviews(*REVIEWS[number], seed or 0)
    if number in WINDOWS:
        return load_windows(WINDOWS[number], seed or 0)
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
    if number in finding.TASKS:
        return finding.load_scenes(dataset, finding.TASKS[number], seed or 0)
    count = TRAINING_IMAGES.get(number)
    dataset = dataset._replace(train=Split(*(part[:count] for part in dataset.train)))
    if number in ENLARGED:
        splits = (Split(enlarge(split.x), split.y) for split in dataset[:3])
        dataset = dataset._replace(**dict(zip(SPLITS, splits, strict=True)))
    return dataset


def load_messages(train: int, validation: int, test: int, seed: int) -> Dataset:
    """Loads text messages, spam and ham, of which no two are nearly alike.

    Args:
        train: how many to learn from.
        validation: how many to validate on; with 0 there is no such split.
        test: how many to test on.
        seed: of the splits.
    """
    dataset = mail.load_messages()
    texts, labels = dataset.train
    _, first = np.unique(readers.group_alike(list(texts)), return_index=True)
    order = np.random.default_rng(seed).permutation(first)
    parts = np.split(order, np.cumsum([train, validation, test]))[:3]
    splits = [Split(texts[part], labels[part]) if len(part) else None for part in parts]
    return dataset._replace(**dict(zip(SPLITS, splits, strict=True)))


def load_reviews(train: int, test: int, seed: int) -> Dataset:
    """Loads reviews: those to learn from as often as they are in the file, in the order
    of the texts; those to test on once each, and none of them to learn from.

    Args:
        train: how many different ones to learn from.
        test: how many to test on.
        seed: of the splits.
    """
    dataset = reviews.load_reviews(keep_duplicates=True)
    texts, labels = (np.concatenate(parts) for parts in zip(*dataset[:3], strict=True))
    letters = np.array([reviews.find_letters(text) for text in texts])
    # Without what is nothing but punctuation.
    texts, labels, letters = (part[letters != ""] for part in (texts, labels, letters))
    kinds, first, kind = np.unique(letters, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(kinds))
    learned = np.flatnonzero(np.isin(kind, order[:train]))
    learned = learned[np.argsort(texts[learned], kind="stable")]
    tested = first[order[train : train + test]]
    return dataset._replace(
        train=Split(texts[learned], labels[learned]),
        validation=None,
        test=Split(texts[tested], labels[tested]),
    )


def load_windows(sizes: dict[str, tuple[int, int]], seed: int) -> Dataset:
    """Loads windows of a text, each with the character that follows it; no window of
    the test is in the text to learn from.

    Args:
        sizes: how many windows each split has (the test at most), and how many
            characters each of these has.
        seed: of their places in the text.

    Returns:
        int32 `(n, characters)` and `(n,)`.
    """
    dataset = running_text.load_text("bible", CHARACTERS)
    random = np.random.default_rng(seed)
    splits = []
    for name in SPLITS:
        text, (count, length) = getattr(dataset, name), sizes[name]
        starts = random.choice(len(text.x) - length, count, replace=False)
        x = text.x[starts[:, np.newaxis] + np.arange(length)]
        splits.append(Split(x, text.y[starts + length - 1]))
    learned = np.lib.stride_tricks.sliding_window_view(dataset.train.x, length)
    known = {window.tobytes() for window in learned}
    new = np.array([window.tobytes() not in known for window in splits[2].x])
    splits[2] = Split(splits[2].x[new], splits[2].y[new])
    return dataset._replace(**dict(zip(SPLITS, splits, strict=True)))


def enlarge(images: np.ndarray) -> np.ndarray:
    """Turns gray images, `(n, 28, 28, 1)`, into what a network for photographs takes:
    uint8 `(n, 64, 64, 3)`.
    """
    large = keras.ops.image.resize(np.float32(images), (64, 64))
    return np.repeat(np.uint8(np.round(large)), 3, axis=-1)
