"""Long texts in parts, as they were published: a novel in Chinese and a bible in
English, both in the public domain.
"""

import csv
import gzip
import json
from typing import NamedTuple

from data.sources import catalog, downloads


class Book(NamedTuple):
    """A book.

    Attributes:
        parts: chapters or books, in their order. Sentences of one part are near each
            other in words: a split is drawn of whole parts.
        names: of the parts.
        source: what the book is and where it was found, for the learner.
    """

    parts: tuple[str, ...]
    names: tuple[str, ...]
    source: str


def load_sanguo() -> Book:
    """Loads the Romance of the Three Kingdoms (Luo Guanzhong, 14th century), in
    simplified characters.

    Returns:
        120 chapters of 599,828 characters together, which begin with their name, and
        with the blanks and line breaks of the file.

    Raises:
        ConnectionError: the file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    entry = catalog.ENTRIES["sanguo"]
    (path,) = downloads.obtain(entry)
    parts = json.loads(path.read_text("utf-8"))
    names = (part.split("\n", 1)[0].strip() for part in parts)
    return Book(tuple(parts), tuple(names), f"{entry.title}, from {path}")


def load_bible() -> Book:
    """Loads the World English Bible.

    Returns:
        66 books with a verse in each line, 31,102 in all. What stands in curly brackets
        is a note of the translators.

    Raises:
        ConnectionError: a file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    entry = catalog.ENTRIES["bible"]
    paths = downloads.obtain(entry)
    verses, books = (read_table(path) for path in paths)
    names = {number: name for number, name, *_ in books}
    parts = {number: [] for number in names}
    for _, number, _, _, text in verses:
        parts[number].append(text)
    return Book(
        tuple("\n".join(lines) for lines in parts.values()),
        tuple(names.values()),
        f"{entry.title}, from {paths[0]}",
    )


def read_table(path) -> list[list[str]]:
    """Returns the rows of a packed CSV file, without its header."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
