"""Texts to read on in, character after character: a bible in English, a novel in
Chinese, some of Shakespeare (Karpathy's "tiny Shakespeare", 2015), or the user's.
"""

import itertools
import re
from pathlib import Path

import numpy as np

from data import Dataset, Split, books, folders, texts
from data.sources import catalog, checksums, downloads

SHAKESPEARE = catalog.ENTRIES["shakespeare"]
MIN_CHARACTERS = 10_000
# Hundredths of the text at which its parts for training and for the test begin.
TRAIN, TEST = 5, 90
NAMED = 10  # characters named in a message, at most


def load_text(name: str, characters: int | None = None) -> Dataset:
    """Loads a text whose last tenth is to be predicted from what comes before.

    The first 5 % are for validation, the next 85 % for training, the last 10 % for the
    test. Nothing is shuffled: a character is predicted from those before it. What comes
    just before the test is the best to learn from, since it has the same names: on tiny
    Shakespeare, n-grams of order 5 that learn without the first 5 % have 1.671 nats,
    without the 5 % before the test 1.947, with all of both 1.669.

    Args:
        name: "bible" (World English Bible without its notes, 4.0 million characters),
            "sanguo" (Romance of the Three Kingdoms, 0.6 million), "shakespeare" (1.1
            million, 65 of them different), or the path of a text in UTF-8, UTF-16 or
            GB18030.
        characters: how many of the text are used, from its beginning; None for all.

    Returns:
        A `Dataset`; x of each split are the numbers of characters, int32 `(n,)`, y
        those of the characters that follow them. Each character but the first is in one
        y, once. The class names are all different characters of the text, in the order
        of Unicode.

    Raises:
        ConnectionError: the text is missing and cannot be downloaded.
        ValueError: there is no such text, it is too short or no text, or `COURSE_DATA`
            names no folder.
        OSError: a file cannot be read.
    """
    text, source = (
        LOADERS[name]() if name in LOADERS else read_own(folders.find_home(name))
    )
    if characters is not None and characters < MIN_CHARACTERS:
        raise ValueError(
            f"{characters:,} characters of a text, expected at least {MIN_CHARACTERS:,}"
        )
    text = text[:characters]
    if len(text) < MIN_CHARACTERS:
        raise ValueError(
            f"{name} has {len(text):,} characters, expected at least "
            f"{MIN_CHARACTERS:,} to learn from: choose a longer text"
        )
    different = tuple(sorted(set(text)))
    numbers = encode(text, different)
    ends = [0, *(len(text) * part // 100 for part in (TRAIN, TEST)), len(text)]
    splits = []
    for start, end in itertools.pairwise(ends):
        start = max(start, 1)  # nothing comes before the first character
        splits.append(Split(numbers[start - 1 : end - 1], numbers[start:end]))
    new = set(text[ends[2] :]) - set(text[ends[1] : ends[2]])
    source += f": {len(text):,} characters, {len(different):,} different ones"
    if new:
        source += f", of which the test has {len(new):,} that training has not"
    validation, train, test = splits
    return Dataset(train, validation, test, source, different)


def encode(text: str, characters: tuple[str, ...]) -> np.ndarray:
    """Returns the numbers of the characters of a text, int32 `(n,)`.

    Args:
        text: of characters that are known.
        characters: that are known, each once.

    Raises:
        ValueError: some are not known.
    """
    numbers = {character: number for number, character in enumerate(characters)}
    unknown = [
        character for character in dict.fromkeys(text) if character not in numbers
    ]
    if unknown:
        more = ", ..." if len(unknown) > NAMED else ""
        raise ValueError(
            f"{text[:80]!r} has {', '.join(map(repr, unknown[:NAMED]))}{more}, "
            "expected only characters that are in the text to learn from"
        )
    return np.array([numbers[character] for character in text], np.int32)


def decode(numbers: np.ndarray, characters: tuple[str, ...]) -> str:
    """Returns the text of some numbers of characters, integers `(n,)`."""
    return "".join(characters[number] for number in numbers)


def cut_rows(split: Split, rows: int, window: int) -> Split:
    """Cuts a text into rows of the same length, which can be read side by side, x and y
    `(rows, length)`. What is left at its end, fewer characters than rows, is dropped.

    Args:
        split: x and y `(n,)`.
        rows: how many.
        window: how many characters a row must have.

    Raises:
        ValueError: they have fewer.
    """
    length = len(split.y) // rows
    if length < window:
        raise ValueError(
            f"the text is cut into {rows:,} rows (--batch-size), which have {length} "
            f"characters each, expected at least {window} (--window): take smaller "
            "values, or a longer text"
        )
    return Split(*(part[: rows * length].reshape(rows, length) for part in split))


def to_printable(text: str) -> str:
    """Returns a text in which nothing is a command to a terminal: control characters
    but line breaks and tabs become a question mark in a diamond.
    """
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text)


def load_bible() -> tuple[str, str]:
    """Returns the World English Bible without the notes of its translators, a verse in
    each line, and where it is from.
    """
    bible = books.load_bible()
    text = re.sub(r"\{[^}]*\}", "", "\n".join(bible.parts))
    text = re.sub(" +", " ", text)  # some notes have a blank on either side
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line), bible.source


def load_sanguo() -> tuple[str, str]:
    """Returns the Romance of the Three Kingdoms, and where it is from."""
    novel = books.load_sanguo()
    return "".join(novel.parts), novel.source


def load_shakespeare() -> tuple[str, str]:
    """Returns tiny Shakespeare, and where it is from."""
    (file,), (path,) = SHAKESPEARE.files, downloads.obtain(SHAKESPEARE)
    checksums.check(path, file.checksum)
    return texts.read_text(path), f"{SHAKESPEARE.title}, from {path}"


def read_own(path: Path) -> tuple[str, str]:
    """Returns the text of a file, with the line breaks of Unix.

    Raises:
        ValueError: there is no such file, or it is empty, no text or too large.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise ValueError(
            f"{path} is neither {', '.join(LOADERS)} nor a file, expected one of these "
            "names, or a text such as my.txt"
        )
    text = texts.read_text(path)
    return text.replace("\r\n", "\n").replace("\r", "\n"), f"your text, {path}"


LOADERS = {
    "bible": load_bible,
    "sanguo": load_sanguo,
    "shakespeare": load_shakespeare,
}
TEXTS = tuple(LOADERS)
