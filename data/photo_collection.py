"""Photographs to search in: those of a folder, or those that are at hand."""

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from data import folders, photo_folders, photo_index
from data.sources import catalog, locate

SHIPPED = ("scikit-image-photographs", "photographs", "portrait")  # of the catalog
ANTS_AND_BEES = catalog.ENTRIES["ants-and-bees"]


class Collection(NamedTuple):
    """Photographs to search in.

    Attributes:
        files: by relative name, size in bytes and time of the last change in
            nanoseconds, as `photo_index.list_files` returns them; some may be in a zip
            archive.
        name: a text that is the same for the same folder.
        source: what they are and where they were found, for the learner.
    """

    files: Mapping[tuple[str, int, int], Path | zipfile.Path]
    name: str
    source: str

    @property
    def paths(self) -> dict[str, Path | zipfile.Path]:
        """The files by their relative names."""
        return {name: path for (name, _, _), path in self.files.items()}


@contextlib.contextmanager
def open_collection(folder: Path | None = None) -> Iterator[Collection]:
    """Opens the photographs of a folder with its subfolders; without a folder, those
    that come with pip, and the ants and bees if they are at hand.

    The ants and bees are looked for in `COURSE_DATA` and in Keras's cache; nothing is
    downloaded.

    Args:
        folder: the user's photographs.

    Raises:
        ValueError: `folder` is no folder, or empty; the archive of the ants and bees is
            damaged.
        OSError: a folder cannot be read, or a package has no such file.
    """
    if folder is not None:
        files = photo_index.list_files(folder)
        yield Collection(files, str(folder.resolve()), f"the photos in {folder}")
        return
    files = list_shipped()
    source = f"{len(files)} photographs that come with pip"
    (archive,) = ANTS_AND_BEES.files
    path = locate.find(archive.unpacked, archive.name)
    if path is None:
        source += f" (python -m data fetch {ANTS_AND_BEES.name} adds 397)"
        yield Collection(files, "at hand", source)
        return
    with photo_folders.open_folder(path, archive) as root:
        source += f", and ants and bees from {path}"
        yield Collection(files | list_ants_and_bees(root), "at hand", source)


def list_shipped() -> dict[tuple[str, int, int], Path]:
    """Returns the photographs that come with pip, as `photo_index.list_files`."""
    files = {}
    for entry in SHIPPED:
        for shipped in catalog.ENTRIES[entry].shipped:
            path = catalog.locate(shipped)
            status = path.stat()
            name = f"{shipped.package}/{path.name}"
            files[name, status.st_size, status.st_mtime_ns] = path
    return files


def list_ants_and_bees(root) -> dict[tuple[str, int, int], Path | zipfile.Path]:
    """Returns the files of the ants and bees, as `photo_index.list_files`.

    Args:
        root: their folder, in a file system or an archive, whose files have the time 0.
    """
    files = {}
    for path in folders.walk(root):
        name = photo_folders.place(path)  # such as "train/ants/0013035.jpg"
        if isinstance(path, zipfile.Path):
            files[name, path.root.getinfo(path.at).file_size, 0] = path
        else:
            status = path.stat()
            files[name, status.st_size, status.st_mtime_ns] = path
    return files
