"""Folders of photographs, a subfolder for each class: the user's, or the ants and bees
of the course.
"""

import contextlib
import hashlib
import itertools
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data import Dataset, Split, digits, folders
from data.images import read
from data.sources import catalog, downloads

ANTS_AND_BEES = catalog.ENTRIES["ants-and-bees"]
# By which words a folder says that it holds a split, such as "Testing", "seg_train" or
# "training_set (1)".
SPLITS = {
    "train": "train|training|训练集?",
    "validation": "val|valid|validation|dev|eval|验证集?",
    "test": "test|testing|测试集?",
}
WITH_MORE = r"(.*[\W_])?({})[\W_]*(set|data|dataset|images?|imgs?|photos?)?[\W_\d]*"
ENDINGS = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp")
ENDINGS += (".avif", ".heic", ".heif")
HELD_OUT = 5  # one photo in so many is drawn for a split that has no folder
# Of all photos; they are copied when they are split and when they are used.
MAX_BYTES = 1_000_000_000
# Bytes of all files in an archive; a small archive can hold any number.
MAX_UNPACKED = 1_000_000_000
NAMED = 5  # unusable files named in a message, at most


def load_photos_or_digits(
    folder: Path | None, size: int
) -> tuple[Dataset, Dataset | None]:
    """Loads photographs for a network that was trained on ImageNet, or digits where
    there are none.

    Args:
        folder: the user's photographs; None for the ants and bees.
        size: height and width of the images, pixels.

    Returns:
        The photographs as `load_photo_folder` gives them, and None. If the ants and
        bees cannot be had: the digits 5 to 9, ten of each to learn from, and the digits
        0 to 4 for a network that is to know something before; why is printed.

    Raises:
        ValueError, OSError: as `load_photo_folder`.
    """
    photos = load_photos(folder, size)
    if photos is not None:
        return photos, None
    print("Instead, a network that learned the digits 0 to 4 learns 5 to 9.")
    mnist = digits.load_digits()
    new = digits.choose_digits(mnist, range(5, 10), examples=10)
    return new, digits.choose_digits(mnist, range(5))


def load_photos(folder: Path | None, size: int) -> Dataset | None:
    """Loads the user's photographs, or the ants and bees.

    Args:
        folder: the user's photographs; None for the ants and bees.
        size: height and width of the images, pixels.

    Returns:
        As `load_photo_folder`; None if the ants and bees cannot be had, and why is
        printed.

    Raises:
        ValueError, OSError: as `load_photo_folder`.
    """
    if folder is not None:
        return load_photo_folder(folder, size)
    try:
        return load_ants_and_bees(size)
    except ConnectionError as error:
        print(f"No photos of ants and bees: {error}.")
        return None


def load_ants_and_bees(size: int) -> Dataset:
    """Loads 244 photographs of ants and bees to learn from and 153 for the test
    (PyTorch's tutorial, 2017).

    The publisher's `hymenoptera_data.zip`, or the folder that it unpacks to, is looked
    for in `COURSE_DATA` and in Keras's cache, then downloaded.

    Args:
        size: height and width of the images, pixels.

    Returns:
        As `load_photo_folder`.

    Raises:
        ConnectionError: the photographs are nowhere, and cannot be downloaded.
        ValueError: what was found is damaged, or no archive of photographs.
    """
    (file,), (path,) = ANTS_AND_BEES.files, downloads.obtain(ANTS_AND_BEES)
    with open_folder(path, file) as folder:
        return load_photo_folder(folder, size)


@contextlib.contextmanager
def open_folder(path: Path, file: catalog.File) -> Iterator:
    """Opens a folder, or the folder in a zip archive; nothing is unpacked.

    Args:
        path: of the folder or the archive.
        file: what it is.

    Raises:
        ValueError: the archive is damaged, names files outside itself, or holds far
            more than photographs need.
    """
    if path.is_dir():
        yield path
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if {"..", ""} & set(member.filename.removesuffix("/").split("/")):
                    raise ValueError(
                        f"{path} names a file outside itself, {member.filename!r}: "
                        "delete or replace it"
                    )
                if member.file_size > read.MAX_BYTES:
                    raise ValueError(
                        f"{path} holds {member.filename!r} of "
                        f"{member.file_size / 1e6:,.0f} MB, expected photographs "
                        f"of at most {read.MAX_BYTES / 1e6:,.0f} MB: delete or "
                        "replace it"
                    )
            size = sum(member.file_size for member in archive.infolist())
            if size > MAX_UNPACKED:
                raise ValueError(
                    f"{path} unpacks to {size / 1e9:,.1f} GB, expected at most "
                    f"{MAX_UNPACKED / 1e9:g}: delete or "
                    "replace it"
                )
            yield zipfile.Path(archive, f"{file.unpacked}/")
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(
            f"{path} cannot be read as a zip archive ({error}): delete or replace it"
        ) from None


def check_photos(path: Path, file: catalog.File) -> None:
    """Checks the photographs in a folder or a zip archive, by the bytes of all of them.

    Raises:
        ValueError: they are others, or the archive is damaged.
    """
    digest = hashlib.sha256()
    with open_folder(path, file) as folder:
        for photo in folders.walk(folder):
            try:
                content = photo.read_bytes()
            except (zlib.error, EOFError, RuntimeError) as error:
                raise ValueError(
                    f"{path} is damaged ({place(photo)}: {error}): delete or replace it"
                ) from None
            digest.update(
                f"{place(photo)} {hashlib.sha256(content).hexdigest()}\n".encode()
            )
    if digest.hexdigest() != file.contents:
        raise ValueError(
            f"{path} holds other files (their SHA-256 is {digest.hexdigest()}): delete "
            "or replace it"
        )


def load_photo_folder(folder: Path | zipfile.Path, size: int) -> Dataset:
    """Loads the photographs of a folder that has a subfolder for each class.

    The classes are in `folder`, or in its subfolders "train", "val" and "test", which
    may go by other names that say this. If there is one of the last two, it is the
    test. What is missing of validation and test is drawn from the others, a fifth of
    each class, always the same. A file that is no usable photograph is left out, and so
    is a picture that was met before, in the order test, validation, train: no picture
    that is identical to one of the test is learned from. What was left out is printed,
    also photographs beside the folders of classes, and folders beside those of splits.

    A folder that holds but one folder, as unpacked archives often do, stands for that.

    Args:
        folder: in a file system or a zip archive.
        size: height and width of the images, pixels. Each is the middle of its
            photograph.

    Returns:
        A `Dataset` with images uint8 `(n, size, size, 3)` in [0, 255] and labels int32
        `(n,)`.

    Raises:
        ValueError: there are fewer than two classes, too few photographs of one, or
            more than fit into memory; or it cannot be told which folders are classes.
        OSError: the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder, expected one with a subfolder of photos for "
            "each class"
        )
    folder = unwrap(folder)
    roots = find_roots(folder)
    class_names = tuple(child.name for child in folders.list_folders(roots["train"]))
    if len(class_names) < 2:
        raise ValueError(
            f"{roots['train']} holds {len(class_names)} subfolders {class_names}, "
            "expected at least two: "
            "one for each class, with its photos in it (a folder named train, val or "
            "test holds classes itself)"
        )
    check_classes(roots["train"], class_names)
    listed = {split: list_photos(root, class_names) for split, root in roots.items()}
    beside = [
        path
        for root in dict.fromkeys([folder, *roots.values()])
        for path in list_beside(root)
    ]
    count = sum(map(len, listed.values())) + len(beside)
    if count * size**2 * 3 > MAX_BYTES:
        raise ValueError(
            f"{folder} holds {count} files, expected at most "
            f"{MAX_BYTES // (size**2 * 3)}, which fill "
            f"{MAX_BYTES / 1e9:g} GB of memory: move some away, or use smaller images"
        )
    print(f"Reading {count:,} files in {folder}", flush=True)
    splits = read_splits(listed, size, beside)
    for split, root in roots.items():
        if not len(splits[split].y):
            raise ValueError(
                f"{root} holds no usable photos, expected a folder of them for each "
                f"class: {', '.join(class_names)}"
            )
    missing = [split for split in ("test", "validation") if split not in splits]
    for label, name in enumerate(class_names):
        photos = int((splits["train"].y == label).sum())
        if photos < 2 + len(missing):
            uses = ["two to learn from", *(f"one for the {split}" for split in missing)]
            raise ValueError(
                f"class {name!r} has {photos} usable photos in {roots['train']}, "
                f"expected at least {2 + len(missing)}: {' and '.join(uses)}"
            )
    for split in missing:
        splits["train"], splits[split] = draw(*splits["train"], class_names)
    counts = ", ".join(
        f"{len(splits[split].y)} for {split}"
        for split in ("train", "validation", "test")
    )
    source = f"photos of {len(class_names)} classes in {folder}: {counts}"
    return Dataset(**splits, source=source, class_names=class_names)


def unwrap(folder):
    """Returns the folder of folders that is the only one in a folder without pictures,
    as archives have it, and so on.
    """
    while not list_beside(folder):
        inside = folders.list_folders(folder)
        if len(inside) != 1 or not folders.list_folders(inside[0]):
            break
        (folder,) = inside
    return folder


def find_roots(folder) -> dict:
    """Returns the folders that hold the classes of each split: "train", and
    "validation" and "test" if they are there. Says which folders are not used.

    A single held-out folder is the test, whatever its name.

    Raises:
        ValueError: there is a held-out folder and none to learn from, or there are
            several for a split.
    """
    names = [child.name for child in folders.list_folders(folder)]
    # A class may be called "diesel_train", but then it is no folder of folders.
    likely = [
        name for name in names if is_split(name) or folders.list_folders(folder / name)
    ]
    named = [set(fit(split, names)) for split in SPLITS]
    all_named = sum(map(bool, named)) > 1 and set.union(*named) == set(names)
    found = find_splits(folder, names if all_named and not likely else likely)
    if "train" not in found:
        for name in found.values():
            raise ValueError(
                f"{folder} has a folder {name!r} and none named 'train', expected "
                "both with a folder for each "
                "class in each, or folders of classes only"
            )
        return {"train": folder}
    report_unused(folder, [name for name in names if name not in found.values()])
    if "validation" in found and "test" not in found:
        found["test"] = found.pop("validation")
    return {split: unwrap(folder / name) for split, name in found.items()}


def find_splits(folder, names: list[str]) -> dict[str, str]:
    """Returns of some names those that stand for "train", "validation" and "test".

    Args:
        folder: that they are in, for the error.
        names: to look in. One that is just the word, as "train", comes before one that
            only has it, as "seg_train".

    Raises:
        ValueError: several names stand for one split.
    """
    found = {}
    for split in SPLITS:
        fitting = fit(split, names)
        fitting = list(filter(is_split, fitting)) or fitting
        if len(fitting) > 1:
            raise ValueError(
                f"{folder} has {' and '.join(map(repr, fitting))}, expected one of them"
                f" for the {split}: rename or remove the others"
            )
        if fitting:
            (found[split],) = fitting
    return found


def fit(split: str, names: list[str]) -> list[str]:
    """Returns the names that say they stand for a split."""
    pattern = re.compile(WITH_MORE.format(SPLITS[split]), re.IGNORECASE)
    return [name for name in names if pattern.fullmatch(name)]


def is_split(name: str) -> bool:
    """True for a name that is the word for a split and nothing more."""
    return re.fullmatch("|".join(SPLITS.values()), name, re.IGNORECASE) is not None


def report_unused(folder, names: list[str]) -> None:
    """Prints the names of folders in a folder that are not used, if there are any."""
    if names:
        print(
            f"Not used: the folders {', '.join(names[:NAMED])}"
            f"{', ...' * (len(names) > NAMED)} in {folder}, which is split by others"
        )


def check_classes(root, class_names: tuple[str, ...]) -> None:
    """Makes sure that folders which are taken for classes are no splits.

    Raises:
        ValueError: two of them hold folders of the same names.
    """
    held = {
        name: {child.name.lower() for child in folders.list_folders(root / name)}
        for name in class_names
    }
    for first, second in itertools.combinations(class_names, 2):
        common = sorted(held[first] & held[second])
        if len(common) > 1:
            raise ValueError(
                f"{root} holds {first!r} and {second!r} with the same folders in both, "
                f"such as {common[0]!r} and {common[1]!r}: if those are the classes, "
                "name what holds them train, val or test; otherwise move all photos of "
                f"{first!r} right into it"
            )


def list_beside(root) -> list:
    """Returns the pictures in a folder of classes that are in none of them, and links
    to a folder that it is in.
    """
    names = {child.name for child in folders.list_folders(root)}
    others = [child for child in folders.list_children(root) if child.name not in names]
    return [
        child
        for child in others
        if child.is_dir() or child.name.lower().endswith(ENDINGS)
    ]


def list_photos(root, class_names: tuple[str, ...]) -> list[tuple]:
    """Returns the files of each class with its index, also those deeper in its folder.

    Raises:
        ValueError: there is a folder of another class.
    """
    names = [child.name for child in folders.list_folders(root)]
    strange = [name for name in names if name not in class_names]
    if strange:
        raise ValueError(
            f"{root} has a folder {strange[0]!r}, expected the classes to learn: "
            f"{', '.join(class_names)}"
        )
    return [
        (path, label)
        for label, name in enumerate(class_names)
        if name in names
        for path in folders.walk(root / name)
    ]


def read_splits(listed: dict, size: int, beside: list) -> dict[str, Split]:
    """Reads the files of each split, and prints which ones cannot be used.

    Args:
        listed: by split, files with their labels.
        size: of the images, pixels.
        beside: files that are in no class.
    """
    splits, met = {}, {}
    left_out = [f"{place(path)} (is in no folder of a class)" for path in beside]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for split in reversed(listed):
            images, labels = [], []
            read_images = pool.map(
                lambda item: read_square(item[0], size), listed[split]
            )
            for (path, label), image in zip(listed[split], read_images, strict=True):
                if isinstance(image, str):
                    left_out.append(f"{place(path)} ({image})")
                    continue
                digest = hashlib.sha256(image.tobytes()).digest()
                if digest in met:
                    left_out.append(
                        f"{place(path)} (the same picture as {met[digest]})"
                    )
                    continue
                met[digest] = place(path)
                images.append(image)
                labels.append(label)
            shape = (len(images), size, size, 3)
            splits[split] = Split(
                np.reshape(np.asarray(images, np.uint8), shape),
                np.asarray(labels, np.int32),
            )
    report(left_out, sum(map(len, listed.values())) + len(beside))
    return splits


def report(left_out: list[str], total: int) -> None:
    """Prints in a line how many files cannot be used, and names the first ones."""
    if left_out:
        more = f" and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        print(
            f"Left out {len(left_out)} of {total:,} files: "
            f"{', '.join(left_out[:NAMED])}{more}"
        )


def read_square(path, size: int) -> np.ndarray | str:
    """Returns the middle of a photograph, uint8 `(size, size, 3)`, or why the file
    cannot be used.
    """
    if path.name.lower().endswith(".gif"):
        return "a GIF is no photograph"
    if path.is_dir():  # see `folders.walk`
        return "is a link in a circle"
    try:
        return read.cut_out_square(read.read_picture(path), size)
    except (ValueError, OSError) as error:
        return find_reason(path, error)


def find_reason(path, error: ValueError | OSError) -> str:
    """Returns why a file cannot be used, without its name."""
    reason = getattr(error, "strerror", None) or str(error)
    return reason.removeprefix(str(path)).strip()


def place(path) -> str:
    """Returns the last parts of a path: split, class and file."""
    return "/".join(str(path).replace(os.sep, "/").split("/")[-3:])


def draw(
    images: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> tuple[Split, Split]:
    """Draws a fifth of each class at random, at least one photo, always the same.

    Returns:
        The photos that stay, and those drawn.
    """
    random = np.random.default_rng(0)
    drawn = np.zeros(len(labels), bool)
    for label in range(len(class_names)):
        places = np.flatnonzero(labels == label)
        if len(places):
            drawn[
                random.permutation(places)[: max(1, round(len(places) / HELD_OUT))]
            ] = True
    return Split(images[~drawn], labels[~drawn]), Split(images[drawn], labels[drawn])
