"""Small runs of the lessons, quick enough for tests.

What makes a lesson small stands in its test file, and nowhere else:

    SMALL: the fields of its `Config` that are not as shipped.
    PATCHES: what takes the place of what, by full name, such as
        {"lessons.course_1_neuron_xor.SEEDS": 3}; left out if fields are enough.
"""

import hashlib
import importlib
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from lessons.course import find_lessons

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from data import Dataset, Split

LESSONS = {lesson.path.stem: lesson for lesson in find_lessons()}


class Run(NamedTuple):
    """A finished run.

    Attributes:
        metrics: what `main` returned.
        folder: of the run.
        out: what was printed.
        err: what was printed as an error.
        fitted: fingerprints of the examples that each `fit` was given as an array, and
            of the images that each call of a page's own `train_step` was given.
    """

    metrics: dict
    folder: Path
    out: str
    err: str
    fitted: list[np.ndarray]


def run(lesson, logdir: Path, patches=None, **fields) -> dict:
    """Returns what a lesson measures with its small settings, and with other patches
    and fields where they are given.
    """
    name = lesson.__name__.rpartition(".")[2]
    tests = importlib.import_module(f"tests.lessons.test_{name}")
    values = {"logdir": logdir, "name": "test"} | tests.SMALL | fields
    with ExitStack() as patched:
        for target, new in (getattr(tests, "PATCHES", {}) | (patches or {})).items():
            patched.enter_context(mock.patch(target, new))
        return lesson.main(lesson.Config(**values))


def watch_fits(lesson, logdir: Path, **fields) -> tuple[dict, list[np.ndarray]]:
    """Returns what `run` does, and the fingerprints of what each `fit` and each
    `train_step` was given.
    """
    fit, fitted = keras.Model.fit, []
    step = getattr(lesson, "train_step", None)

    def watch(model, x, *values, **named):
        if isinstance(x, np.ndarray):
            fitted.append(np.unique(find_fingerprints(x)))
        return fit(model, x, *values, **named)

    def watch_step(*values):
        for images in values:
            if isinstance(images, np.ndarray) and images.ndim == 4:
                fitted.append(np.unique(find_fingerprints(images)))
        return step(*values)

    with ExitStack() as patched:
        patched.enter_context(mock.patch.object(keras.Model, "fit", watch))
        if step is not None:
            patched.enter_context(mock.patch.object(lesson, "train_step", watch_step))
        return run(lesson, logdir, **fields), fitted


def fewer(load, train: int, others: int | None = None):
    """Returns a loader like `load`, of the first `train` training examples, and of the
    first `others` for validation and test.
    """

    def cut(split: Split | None, count: int | None) -> Split | None:
        return split and Split(split.x[:count], split.y[:count])

    def load_fewer(*arguments, **named) -> Dataset:
        dataset = load(*arguments, **named)
        return dataset._replace(
            train=cut(dataset.train, train),
            validation=cut(dataset.validation, others),
            test=cut(dataset.test, others),
        )

    return load_fewer


def negative(load):
    """Returns a loader like `load`, with other validation and test images."""

    def load_negative(*arguments, **named) -> Dataset:
        dataset = load(*arguments, **named)
        return dataset._replace(
            validation=Split(255 - dataset.validation.x, dataset.validation.y),
            test=Split(255 - dataset.test.x, dataset.test.y),
        )

    return load_negative


def find_fingerprints(examples: np.ndarray) -> np.ndarray:
    """Returns a number for each example, the same for equal ones; equal numbers of
    different ones are no accident.
    """
    if examples.dtype.kind not in "biuf":  # texts
        digests = [hashlib.blake2b(str(text).encode()).digest() for text in examples]
        return np.array([int.from_bytes(digest[:7]) for digest in digests])
    rows = np.float32(examples).reshape(len(examples), -1).view(np.uint8)
    return rows @ np.random.default_rng(0).integers(2**54, size=rows.shape[1])


def check_saved_classifier(run: Run, test: Split) -> None:
    """The saved model takes raw pictures, with the accuracy and the loss that were
    reported; all of its layers have learned (biases begin at zero).
    """
    model = keras.models.load_model(run.folder / "model.keras")
    logits = model.predict(test.x, batch_size=500, verbose=0)
    reported = run.metrics["test"]
    accuracy = np.mean(logits.argmax(axis=1) == test.y)
    assert reported["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    loss = log_loss(test.y, softmax(logits, axis=1))
    assert reported["loss"] == pytest.approx(loss, rel=1e-3)
    layers = [layer for layer in model.layers if layer.weights]
    assert all(layer.bias.numpy().any() for layer in layers)


def check_same_training(run: Run, metrics: dict, folder: Path) -> None:
    """Another run learned the same to the bit, and was tested on something else."""
    assert metrics["train"] == run.metrics["train"]
    assert metrics["test"] != run.metrics["test"]
    weights = [
        keras.models.load_model(path / "model.keras").get_weights()
        for path in (run.folder, folder)
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def check_only_train_was_fitted(run: Run, dataset: Dataset) -> None:
    """Nothing was learned from validation or test, and something from train."""
    fitted = np.concatenate(run.fitted)
    assert np.isin(find_fingerprints(dataset.train.x), fitted).any()
    for split in (dataset.validation, dataset.test):
        if split is not None:
            assert not np.isin(find_fingerprints(split.x), fitted).any()


def check_weights(model: keras.Model, expected: dict[str, list[np.ndarray]]) -> None:
    """Layers have the weights that are expected of those of their name, and there are
    many such layers.
    """
    names = [layer.name for layer in model.layers if layer.name in expected]
    assert len(names) > 50
    for name in names:
        found = model.get_layer(name).get_weights()
        for one, other in zip(found, expected[name], strict=True):
            np.testing.assert_array_equal(one, other)
