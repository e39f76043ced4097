"""Reads the mail that people have: a file of one letter, a mailbox, a Maildir, or a
folder of any of them.
"""

import email
import email.policy
import mailbox
import re
from collections.abc import Iterator
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from data import folders, texts

# Of a letter; what follows is not looked at. Attachments come after the text.
MAX_BYTES = 2_000_000
MAX_LETTERS = 20_000  # of a place
MAX_CHARACTERS = 20_000  # of a letter
HEADER = re.compile(rb"[!-9;-~]+:")
SKIPPED = frozenset({"script", "style", "head", "title"})
# That begin a new line.
BLOCKS = frozenset(
    ("p", "div", "br", "tr", "li", "table", "ul", "ol", "hr", "blockquote")
    + ("h1", "h2", "h3", "h4", "h5", "h6")
)


class Letter(NamedTuple):
    """A letter as a filter reads it.

    Attributes:
        name: its file, with its number in a mailbox.
        text: its subject and what is written in it, at most 20,000 characters. May be
            empty.
    """

    name: str
    text: str


def read_letters(place: Path) -> tuple[list[Letter], list[str]]:
    """Reads the letters of a place, in the order of their names.

    Args:
        place: a file of one letter, as mail programs save it (.eml); a mailbox (mbox);
            a Maildir; a file of plain text, which counts as one letter; or a folder of
            them, also in its subfolders. Hidden files are left alone.

    Returns:
        The letters; and of what cannot be used the name with the reason.

    Raises:
        ValueError: there is not one letter that can be read, or more than 20,000.
        OSError: the place is missing or cannot be read.
    """
    letters, left_out = [], []
    for name, content in walk(place):
        try:
            letter = Letter(name, read_letter(content))
            if not letter.text:
                raise ValueError("has no text")
            letters.append(letter)
        except ValueError as error:
            left_out.append(f"{name} ({error})")
        if len(letters) > MAX_LETTERS:
            raise ValueError(
                f"{place} holds more than {MAX_LETTERS:,} letters: choose some of them"
            )
    if not letters:
        reason = f": {left_out[0]}" if left_out else ""
        raise ValueError(
            f"{place} holds no letter that can be read, expected .eml files, an mbox "
            f"or a Maildir{reason}"
        )
    return letters, left_out


def walk(place: Path, above: tuple[Path, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the first 2 MB of each letter of a place; `above` are the
    folders that it is in, to which no link is followed.
    """
    if place.is_dir():
        if (place / "cur").is_dir() and (place / "new").is_dir():
            yield from open_box(mailbox.Maildir(place, create=False), place)
            return
        real = place.resolve()
        above = (real, *(above or real.parents))
        for child in folders.list_children(place):
            if child.resolve() not in above:
                yield from walk(child, above)
        return
    with place.open("rb") as file:
        content = file.read(MAX_BYTES)
    if content.startswith(b"From "):
        yield from open_box(mailbox.mbox(place, create=False), place)
    else:
        yield str(place), content


def open_box(box: mailbox.Mailbox, place: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the letters of a mailbox, with their numbers from 1; it stays as it is."""
    try:
        for number, key in enumerate(sorted(box.keys()), start=1):
            yield f"{place}, letter {number}", box.get_bytes(key)[:MAX_BYTES]
    finally:
        box.close()


def read_letter(content: bytes) -> str:
    """Returns the subject and the text of a letter; of plain text, all of it.

    What is written twice, plain and as HTML, is read once, plain. Attachments are left
    out.

    Raises:
        ValueError: it is neither a letter nor text.
    """
    if HEADER.match(content):
        try:
            text = extract(email.message_from_bytes(content, policy=email.policy.SMTP))
        except Exception as error:  # the parser of each header raises something else
            raise ValueError(f"cannot be read as a letter: {error!r:.100}") from None
        text = text.replace("\0", "")
    else:
        text = texts.decode(content)
    if texts.is_binary(text):
        raise ValueError("is neither a letter nor text")
    return text.strip()[:MAX_CHARACTERS].strip()


def extract(message: EmailMessage) -> str:
    """Returns the subject and the text of a parsed letter."""
    plain, marked_up = [], []
    for part in message.walk():
        if part.get_content_maintype() != "text" or part.is_attachment():
            continue
        content = part.get_payload(decode=True)
        charset = part.get_content_charset()
        raw = content if isinstance(content, bytes) else b""
        text = texts.decode(raw, *([charset] if charset else []))
        if part.get_content_subtype() == "html":
            marked_up.append(read_html(text))
        else:
            plain.append(text)
    written = "\n".join(plain)
    if not written.strip():
        written = "\n".join(marked_up)
    return f"{read_subject(message)}\n{written}"


def read_subject(message: EmailMessage) -> str:
    """Returns the subject of a parsed letter; the parser loses one that was sent in
    bytes instead of ASCII.
    """
    for name, value in message.raw_items():
        if name.lower() == "subject" and not value.isascii():
            return texts.make_writable(value)
    return texts.make_writable(str(message["subject"] or ""))


class Reader(HTMLParser):
    """Collects in `pieces` what a browser would show."""

    def __init__(self):
        super().__init__()
        self.pieces = []
        self.hidden = None  # the element whose end is waited for

    def handle_starttag(self, tag, attrs):
        """Begins a line, or something that is not shown."""
        if tag in BLOCKS:
            self.pieces.append("\n")
        if self.hidden is None and tag in SKIPPED:
            self.hidden = tag

    def handle_endtag(self, tag):
        """Ends what is not shown. A body shows that a head has ended."""
        if tag == self.hidden:
            self.hidden = None

    def handle_data(self, data):
        """Keeps text that is shown."""
        if self.hidden is None:
            self.pieces.append(data)


def read_html(text: str) -> str:
    """Returns the text of an HTML page, without markup, scripts and styles."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    return re.sub(r"[ \t\xa0]+", " ", "".join(reader.pieces))


def read_inputs(inputs: list[str]) -> list[Letter]:
    """Returns the letters of several places, as `read_letters` reads them; what is no
    file and holds a space is a letter itself.

    What cannot be used of a place is counted in a line.

    Raises:
        ValueError: an input is neither, or a place holds no letter.
        OSError: a place cannot be read.
    """
    found = []
    for text in folders.expand(inputs):
        place = texts.find_path(text)
        if place is not None:
            letters, left_out = read_letters(place)
            found += letters
            if left_out:
                print(f"Left out {len(left_out)}, among them {left_out[0]}")
        elif len(text.split()) > 1:
            found.append(Letter(repr(text[:60]), texts.make_writable(text)))
        else:
            raise ValueError(
                f"{text[:200]!r} is no file, expected one, a folder, or a text of "
                "several words in quotes"
            )
    return found
