"""Finds data files: in the folders of `COURSE_DATA`, else in Keras's cache."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def cache_folder(kind: str = "datasets") -> Path:
    """Returns Keras's folder for "datasets" or for the weights of "models", in
    `KERAS_HOME`, else in `~/.keras`.
    """
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / kind


def search(*names: str, kind: str = "datasets") -> Iterator[Path]:
    """Yields what the folders in `COURSE_DATA` and then the cache have of the names.

    Args:
        *names: of a file or folder, relative to those folders, the preferred one first.
            `COURSE_DATA` separates folders as `PATH` does.
        kind: "datasets" or "models".

    Raises:
        ValueError: `COURSE_DATA` names a folder that does not exist.
    """
    folders = [
        Path(folder).expanduser()
        for folder in os.environ.get("COURSE_DATA", "").split(os.pathsep)
        if folder
    ]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(
                f"COURSE_DATA names {folder}, which is not a folder: correct it or "
                "unset COURSE_DATA"
            )
    for folder in [*folders, cache_folder(kind)]:
        for name in names:
            if (folder / name).exists():
                yield folder / name


def find(*names: str, kind: str = "datasets") -> Path | None:
    """Returns the first that `search` yields, else None.

    Raises:
        ValueError: as `search`.
    """
    return next(search(*names, kind=kind), None)


def read_path(url: str) -> Path:
    """Returns the path in a file's address."""
    return Path(url2pathname(urlsplit(url).path))


def show_size(size: int) -> str:
    """Returns a number of bytes for people."""
    return f"{size / 1e6:,.0f} MB" if size >= 10e6 else f"{size / 1e6:.2g} MB"


def make_room(folder: Path, size: int) -> None:
    """Makes a folder for a file of `size` bytes.

    Raises:
        OSError: it cannot be made or written, or its disk has no room for the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written")
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"the disk of {folder} has {free / 1e6:,.0f} MB left, expected "
            f"{size / 1e6:,.0f} MB"
        )
