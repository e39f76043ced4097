"""Folders of photographs on which somebody drew: how photographs and drawings are
paired and split.
"""

import hashlib
import zipfile
import zlib
from collections import Counter

import numpy as np

from data import folders, photo_folders
from data.images import read

MAX_BYTES = 1_000_000  # of an annotation, and of a list of names
ORDER = ("test", "validation", "train")  # what was met in one stays out of the next
NAMED = 3  # files named in a message, at most


def pair_listed(folder, lists: str, drawn: dict, what: tuple[str, str, str]) -> dict:
    """Pairs photographs and drawings in the layout of Pascal VOC.

    Args:
        folder: with the photographs in `JPEGImages`.
        lists: the folder in it whose files train.txt, val.txt and test.txt name the
            photographs of each split.
        drawn: the drawings, by their names without the ending.
        what: what is said of photographs without a drawing and of drawings without a
            photograph, and what is expected.

    Returns:
        For each split that has a list, else for "train", pairs of a drawing and its
        photograph.

    Raises:
        ValueError: photographs and drawings do not match, or the lists are wrong.
    """
    photos = list_files(folder / "JPEGImages", photo_folders.ENDINGS)
    listed = list_files(folder / lists, (".txt",))
    # Pascal's own lists of a class have names such as "cat_train".
    names = [name for name in listed if "_" not in name]
    found = photo_folders.find_splits(folder / lists, names)
    if "trainval" in listed:
        found.setdefault("train", "trainval")
    found = choose_splits(found)
    found = {split: read_names(listed[name]) for split, name in found.items()}
    found = found or {"train": sorted(photos | drawn)}
    used = Counter(name for names in found.values() for name in names)
    twice = [name for name, count in used.items() if count > 1]
    if twice:
        raise ValueError(
            f"{folder / lists.split('/')[0]} lists {name_some(twice)} more than once, "
            "expected each photo in one of the lists train, val and test"
        )
    without_drawing, without_photo, expected = what
    complain(
        folder,
        {
            without_drawing: [name for name in used if name not in drawn],
            without_photo: [name for name in used if name not in photos],
        },
        expected,
    )
    return {
        split: [(drawn[name], photos[name]) for name in names]
        for split, names in found.items()
    }


def find_places(folder, photos: str, drawn: str) -> dict[str, tuple]:
    """Returns for each split the folders of its photographs and of its drawings:
    `photos/train` and `drawn/train`, or `train/photos` and `train/drawn`; if there is
    no split to learn from, `photos` and `drawn` for "train". They may be missing. Says
    which folders are not used.
    """
    names = list_names(folder, photos)
    places = {
        split: (folder / name / photos, folder / name / drawn)
        for split, name in photo_folders.find_splits(folder, names).items()
    }
    used = [place.parent.name for place, _ in places.values()]
    photo_folders.report_unused(folder, [name for name in names if name not in used])
    names, drawn_names = list_names(folder / photos), list_names(folder / drawn)
    inside = photo_folders.find_splits(folder / photos, names)
    drawn_inside = photo_folders.find_splits(folder / drawn, drawn_names)
    for split, name in inside.items():
        drawn_name = drawn_inside.get(split, name)
        places[split] = (folder / photos / name, folder / drawn / drawn_name)
    unused = [name for name in names if name not in inside.values()]
    photo_folders.report_unused(folder / photos, unused)
    return choose_splits(places) or {"train": (folder / photos, folder / drawn)}


def list_names(folder, holding: str = "") -> list[str]:
    """Returns the names of the folders in a folder that hold another of a name; if the
    folder is not there, none.
    """
    if not folder.is_dir():
        return []
    inside = folders.list_folders(folder)
    return [child.name for child in inside if (child / holding).is_dir()]


def list_files(folder, endings: tuple[str, ...]) -> dict:
    """Returns the files in a folder that end so by their names without the ending; of
    a folder that is not there, none.

    Raises:
        ValueError: two have the same name.
    """
    if not folder.is_dir():
        return {}
    files = {}
    for path in folders.list_children(folder):
        if path.name.lower().endswith(endings):
            if path.stem in files:
                raise ValueError(
                    f"{folder} has {files[path.stem].name} and {path.name}, expected "
                    "one file of each name: rename one"
                )
            files[path.stem] = path
    return files


def choose_splits(found: dict) -> dict:
    """Returns what there is for "train", "validation" and "test"; nothing if there is
    none to learn from. A single one that is held out is the test.
    """
    if "train" not in found:
        return {}
    if "validation" in found and "test" not in found:
        found["test"] = found.pop("validation")
    return found


def complain(folder, wrong: dict[str, list[str]], expected: str) -> None:
    """Checks that photographs and drawings match.

    Args:
        folder: that they are in.
        wrong: names of files that have no counterpart, by what is said of them.
        expected: what should be there.

    Raises:
        ValueError: a file has no counterpart.
    """
    said = [f"{what}, {tally(names)}" for what, names in wrong.items() if names]
    if said:
        raise ValueError(
            f"{folder} has {', and '.join(said)}, expected a file {expected}: add "
            "what is missing, or remove its counterpart"
        )


def tally(names: list[str]) -> str:
    """Returns how many there are and the first of them, such as "2 (a, b)"."""
    return f"{len(names):,} ({name_some(names)})"


def name_some(names: list[str]) -> str:
    """Returns the first names in a text."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def read_bytes(path, most: int = MAX_BYTES) -> bytes:
    """Returns the bytes of a file, which may be in a zip archive.

    Raises:
        ValueError: it is too large, or damaged.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (zlib.error, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): replace it") from None
    if len(content) > most:
        raise ValueError(
            f"{path} has more than {most / 1e6:g} MB, expected the boxes of a photo or "
            "a list of names"
        )
    return content


def read_names(path) -> list[str]:
    """Returns the lines of a file that are not empty.

    Raises:
        ValueError: it is no text.
        OSError: it cannot be read.
    """
    lines = [line.strip() for line in decode(path).splitlines()]
    return [line for line in lines if line]


def decode(path) -> str:
    """Returns the text of a file.

    Raises:
        ValueError: it is no text.
        OSError: it cannot be read.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8: save it as that") from None


def check_memory(folder, count: int, size: tuple[int, int], channels: int) -> None:
    """Checks that photographs and what is drawn on each of their pixels fit into
    memory.

    Raises:
        ValueError: they do not.
    """
    most = photo_folders.MAX_BYTES // (size[0] * size[1] * channels)
    if count > most:
        raise ValueError(
            f"{folder} holds {count:,} photos, expected at most {most:,}, which fill "
            f"{photo_folders.MAX_BYTES / 1e9:g} GB of memory: move some away, or use "
            "smaller images"
        )


def read_photo(path) -> np.ndarray | str:
    """Returns a photograph, uint8 `(height, width, 3)`, or why it cannot be used."""
    try:
        return read.read_picture(path)
    except (ValueError, OSError) as error:
        return photo_folders.find_reason(path, error)


def find_reason(
    image: np.ndarray | str, name: str, met: dict[bytes, str]
) -> str | None:
    """Returns why a photograph is left out, or None if it is not.

    Args:
        image: its pixels, or why it cannot be used.
        name: of the photograph.
        met: the names of those that are used, by the SHA-256 of their pixels; this one
            is added to them.
    """
    if isinstance(image, str):
        return image
    digest = hashlib.sha256(image.tobytes()).digest()
    if digest in met:
        return f"the same picture as {met[digest]}"
    met[digest] = name
    return None


def draw_missing(folder, splits: dict[str, list]) -> dict[str, list]:
    """Draws a fifth of the photographs for each split that is missing, always the same.

    Raises:
        ValueError: a split has no photographs, or there are too few to draw from.
    """
    for split, part in splits.items():
        if split != "train" and not part:
            raise ValueError(f"{folder} has no usable photo for the {split}: add some")
    missing = [split for split in ("test", "validation") if split not in splits]
    if len(splits["train"]) < 1 + len(missing):
        uses = ["one to learn from", *(f"one for the {split}" for split in missing)]
        raise ValueError(
            f"{folder} has {len(splits['train'])} usable photos to learn from, "
            f"expected at least {1 + len(missing)}: {' and '.join(uses)}"
        )
    random = np.random.default_rng(0)
    for split in missing:
        train = splits["train"]
        count = max(1, round(len(train) / photo_folders.HELD_OUT))
        drawn = set(random.permutation(len(train))[:count].tolist())
        splits[split] = [train[index] for index in sorted(drawn)]
        splits["train"] = [one for index, one in enumerate(train) if index not in drawn]
    return splits
