"""The lessons by name, and little data for tests that look at something else than what
a lesson reaches.
"""

import contextlib
import functools
import importlib
import re
from types import ModuleType
from unittest import mock

from lessons.course import ROOT, find_lessons
from training import recorder

from data import Split, digits

LESSONS = [lesson.path for lesson in find_lessons()]
# Those that open the run of a trained network.
OPENING = [
    path.stem
    for path in LESSONS
    if re.search(r"^    run: str", path.read_text("utf-8"), re.MULTILINE)
]


def load(name: str) -> ModuleType:
    """Returns the module of a lesson."""
    (path,) = (path for path in LESSONS if path.stem == name)
    return importlib.import_module(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
    )


@contextlib.contextmanager
def few_digits(train: int = 600, validation: int = 100, test: int = 100):
    """All that `data.digits` loads inside the block is so many images of the sample."""
    dataset = load_sample()
    counts = {"train": train, "validation": validation, "test": test}
    splits = {
        name: Split(*(part[:count] for part in getattr(dataset, name)))
        for name, count in counts.items()
    }
    dataset = dataset._replace(**splits)
    with (
        mock.patch.object(digits, "load_digits", lambda: dataset),
        mock.patch.object(digits, "load_sample", lambda reason: dataset),
    ):
        yield dataset


@contextlib.contextmanager
def recorded_seldom():
    """A `fit` is looked at three times inside the block, and has a few points: most of
    what a small one takes is its recording.
    """
    with (
        mock.patch.object(recorder, "LOOKS", 2),
        mock.patch.object(recorder, "POINTS", 6),
    ):
        yield


@contextlib.contextmanager
def few_layers(content: str = "block2_conv2"):
    """Style transfer compares pictures in two layers inside the block, which are
    computed in no time.
    """
    lesson = load("course_9_style_transfer")
    with (
        mock.patch.object(lesson, "STYLE_LAYERS", ("block1_conv1",)),
        mock.patch.object(lesson, "CONTENT_LAYERS", (content,)),
    ):
        yield


@functools.cache
def load_sample(load=digits.load_sample):
    """Returns the sample of MNIST, read once."""
    return load("a test needs no more")
