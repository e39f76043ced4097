"""What is in the folders that people have, in a file system or a zip archive."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

# What systems and programs put beside photos; what begins with a dot is hidden anyway.
NOT_OURS = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found"}
NOT_OURS |= {"system volume information", "thumbs.db", "desktop.ini"}


def find_home(name: str | Path) -> Path:
    """Returns the path of a name that may begin with "~/", for the home folder: in
    quotes or behind "=", a shell leaves it.
    """
    return Path(os.path.expanduser(name))  # noqa: PTH111 (Path's fails at "~$letter")


def expand(names: Iterable[str | Path]) -> list[str]:
    """Returns names with the files that they stand for in place of patterns such as
    *.jpg, which some shells leave, and with the home folder in place of "~". What is no
    file, such as a sentence, is returned as it is.
    """
    found = []
    for name in map(str, names):
        path = find_home(name)
        try:
            matching = [str(path)] if path.exists() else sorted(glob.glob(str(path)))  # noqa: PTH207
        except (OSError, ValueError):  # a text that cannot be a name
            matching = []
        found += matching or [name]
    return found


def list_children(folder) -> list:
    """Returns the files and folders in `folder` by name, without hidden ones and those
    that systems put there.
    """
    return sorted(
        (
            child
            for child in folder.iterdir()
            if not child.name.startswith(".") and child.name.lower() not in NOT_OURS
        ),
        key=lambda child: child.name,
    )


def list_folders(folder) -> list:
    """Returns the folders in `folder`, as `list_children`; without links to one that it
    is in.
    """
    real = resolve(folder)
    above = (real, *real.parents)
    return [
        child
        for child in list_children(folder)
        if child.is_dir() and resolve(child) not in above
    ]


def walk(folder, above: tuple[Path, ...] = ()) -> Iterator:
    """Yields the files in a folder and its subfolders; also a folder, if it is a link
    to one that it is in.

    Args:
        folder: in a file system or a zip archive.
        above: the real paths of the folders that it is in, if they are known.
    """
    real = resolve(folder)
    above = (real, *(above or real.parents))
    for child in list_children(folder):
        if child.is_dir() and resolve(child) not in above:
            yield from walk(child, above)
        else:
            yield child


def resolve(path) -> Path:
    """Returns a path without links; it may be in a zip archive."""
    return Path(str(path)).resolve()
