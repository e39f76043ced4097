"""Reads the texts that people have, in whatever encoding, and finds those that are
nearly alike.
"""

import codecs
import csv
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer

from data import folders

MAX_BYTES = 100_000_000  # of a file
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins with UTF-16's mark: it must come before it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
PIECE = 5  # characters
MAX_SENTENCES = 100_000  # of a file
MAX_CHARACTERS = 20_000  # of a sentence
COMPARED = 2000  # characters of a text
TOGETHER = 500  # texts that are compared with all others at a time


def decode(content: bytes, *encodings: str) -> str:
    """Returns the text of some bytes: by their mark of UTF-8, UTF-16 or UTF-32; else in
    the first encoding that fits them, of those that are named, UTF-8, GB18030 (which
    holds GBK and GB2312) and Windows's Latin letters.

    Nothing is lost for good: what fits none becomes a question mark in a diamond. The
    text can always be written as UTF-8.

    Args:
        content: the bytes.
        *encodings: that they are said to be in; unknown ones count for nothing.
    """
    marked = [
        name for mark, name in BYTE_ORDER_MARKS.items() if content[:4].startswith(mark)
    ]
    for encoding in (*marked, *encodings, "utf-8", "gb18030", "cp1252"):
        try:
            return make_writable(content.decode(encoding))
        except (LookupError, ValueError):
            continue
    return content.decode("cp1252", "replace")


def make_writable(text: str) -> str:
    """Returns a text that can be written as UTF-8: halves of UTF-16's pairs become a
    question mark in a diamond, bytes that Python put aside what they may stand for.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return decode(text.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def read_text(path: Path) -> str:
    """Reads a file of text, decoded as `decode` says.

    Raises:
        ValueError: it is empty, no text, or has more than 100 MB.
        OSError: it is missing or cannot be read.
    """
    size = path.stat().st_size
    if path.is_file() and size > MAX_BYTES:
        raise ValueError(
            f"{path} has {size / 1e6:,.0f} MB, expected a text of at most "
            f"{MAX_BYTES / 1e6:,.0f}"
        )
    text = decode(path.read_bytes())
    if not text.strip():
        raise ValueError(f"{path} is empty, expected text")
    if is_binary(text):
        raise ValueError(f"{path} is no text, but a file of another kind")
    return text


def is_binary(text: str) -> bool:
    """True if decoded bytes are no text: there is a zero among them, or a tenth of the
    first 10,000 are characters that no text holds.
    """
    beginning = text[:10_000]
    strange = re.findall(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]", beginning)
    return "\0" in text or len(strange) > 0.1 * len(beginning)


class Sentence(NamedTuple):
    """A text that somebody asks about.

    Attributes:
        name: its beginning; of a file, after the number of its line or row.
        text: at most 20,000 characters; not empty.
        file: that it is in; None for one that was given by itself.
    """

    name: str
    text: str
    file: Path | None


def read_sentences(inputs: list[str]) -> list[Sentence]:
    """Returns the texts of several inputs.

    Args:
        inputs: each the name of a file with a text a line, or of a table (CSV) with one
            of its columns, such as "orders.csv:comment"; anything else is a text.

    Raises:
        ValueError: a file holds no text, a table no such column, an input is empty, or
            looks like a file that is not there.
        OSError: a file cannot be read.
    """
    found = []
    for given in folders.expand(inputs):
        name, _, column = given.rpartition(":")
        file, table = find_path(given), find_path(name)
        if file and file.is_file() and file.suffix.lower() == ".csv":
            names = ", ".join(read_rows(file)[0])
            raise ValueError(
                f"{given} is a table, expected one of its columns with it, such as "
                f"{given}:COLUMN, of {names[:200]}"
            )
        if file and file.is_file():
            found += number(read_text(file).splitlines(), file, "line", 1)
        elif name and table and table.is_file():
            found += number(read_column(table, column), table, "row", 2)
        elif re.fullmatch(r"[\w.~/\\-]+\.(txt|csv|tsv|text|log)(:.*)?", given.lower()):
            raise ValueError(f"{given} is not there, expected a file, or a text")
        elif given.strip():
            text = make_writable(given.strip())[:MAX_CHARACTERS]
            found.append(Sentence(repr(text[:40]), text, None))
        else:
            raise ValueError("a text is empty, expected some words")
    return found


def find_path(name: str) -> Path | None:
    """Returns the file or folder of that name, which may also be a long text; None if
    there is none.
    """
    try:
        path = folders.find_home(name)
        return path if path.exists() else None
    except (OSError, ValueError):  # a text that cannot be a name
        return None


def number(lines: list[str], path: Path, kind: str, first: int) -> list[Sentence]:
    """Returns the lines of a file that are not empty, with their numbers.

    Raises:
        ValueError: there is none, or more than 100,000.
    """
    found = []
    for place, line in enumerate(lines, start=first):
        text = line.strip()[:MAX_CHARACTERS]
        if text:
            found.append(Sentence(f"{path}, {kind} {place}: {text[:40]}", text, path))
    if not found or len(found) > MAX_SENTENCES:
        raise ValueError(
            f"{path} holds {len(found):,} texts, expected 1 to {MAX_SENTENCES:,}"
        )
    return found


def read_column(path: Path, column: str) -> list[str]:
    """Returns a column of a table, by its name in the first row.

    Raises:
        ValueError: there is no such column, or the file is no table.
        OSError: the file cannot be read.
    """
    header, *rows = read_rows(path)
    if column not in header:
        raise ValueError(
            f"{path} has no column {column!r}, expected one of "
            f"{', '.join(header)[:200]}"
        )
    place = header.index(column)
    return [row[place] if place < len(row) else "" for row in rows]


def read_rows(path: Path) -> list[list[str]]:
    """Returns the rows of a table, whose cells are separated by the most frequent of
    comma, semicolon and tab in its first line.

    Raises:
        ValueError: the file is no table.
        OSError: the file cannot be read.
    """
    text = read_text(path)
    first = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as a table ({error})") from None
    return [row for row in rows if row]


def group_alike(texts: list[str], alike: float = 0.5) -> np.ndarray:
    """Finds texts that are nearly the same, and returns the number of the group that
    each belongs to, int `(n,)`.

    Each text is taken as the set of its pieces of five characters, in lower case, with
    every digit as 0 and every gap as one space. Two texts are alike if at least half of
    the pieces that either has are in both (Jaccard's index). Whoever is like a member
    of a group belongs to it. So two offers that differ in a name and a telephone number
    are in one group.

    Args:
        texts: of which the first 2,000 characters are compared.
        alike: from which index on, above 0.
    """
    if not texts:
        return np.zeros(0, int)
    counter = CountVectorizer(
        analyzer="char",
        ngram_range=(PIECE, PIECE),
        binary=True,
        dtype=np.float32,
        preprocessor=prepare,
    )
    # The marks of beginning and end give also the shortest text a piece.
    pieces = counter.fit_transform(texts)  # (texts, different pieces)
    sizes = pieces.sum(axis=1).A1  # (texts,)
    rows, columns = [], []
    for start in range(0, len(texts), TOGETHER):
        shared = (pieces[start : start + TOGETHER] @ pieces.T).tocoo()
        first = shared.row + start
        either = sizes[first] + sizes[shared.col] - shared.data
        near = shared.data >= alike * either
        rows.append(first[near])
        columns.append(shared.col[near])
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    links = coo_matrix((np.ones(len(rows)), (rows, columns)), (len(texts), len(texts)))
    return connected_components(links, directed=False)[1]


def prepare(text: str) -> str:
    """Returns a text in the form to be compared, with marks at its start and end."""
    text = re.sub(r"\s+", " ", text[:COMPARED].lower().strip())
    return "\x02" * (PIECE - 1) + re.sub(r"\d", "0", text) + "\x03"
