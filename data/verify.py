"""Tells whether a file is what it should be, by its bytes or, if it was packed again,
by what is in it.
"""

import base64
from importlib.metadata import distribution
from pathlib import Path

from data import boxes, digits, fashion, mail, masks, photo_folders, weights
from data.sources import catalog, checksums

# By entry, what raises a ValueError if the contents of a file are others.
CONTENTS = {
    "mnist": lambda path, _: digits.read_arrays(path),
    "fashion-mnist": fashion.read_array,
    "ants-and-bees": photo_folders.check_photos,
    "bccd": boxes.check_cells,
    "sms-spam": mail.read_collection,
    "efficientnet_lite0": weights.check_converted,
}
# By entry, the same where there is no checksum of the contents.
COUNTED = {"camvid": masks.check_camvid}


def check_file(entry: catalog.Entry, file: catalog.File, path: Path) -> str:
    """Checks a file of an entry, and returns by what it is known to be right.

    Args:
        entry: of the catalog.
        file: of the entry.
        path: where it is; a folder if the file unpacks to one.

    Raises:
        ValueError: it is wrong, and what to do.
        OSError: it cannot be read.
    """
    if path.is_file() and file.checksum:
        try:
            return checksums.check(path, file.checksum)
        except ValueError:
            if not file.contents:
                raise
    if entry.name in COUNTED:
        COUNTED[entry.name](path, file)
        return "number and size of its pictures"
    if entry.name not in CONTENTS:
        raise ValueError(f"{path} is a folder, expected a file: delete or replace it")
    CONTENTS[entry.name](path, file)
    return "SHA-256 of its contents"


def check_shipped(shipped: catalog.Shipped) -> tuple[Path, str]:
    """Checks a file of a pip package, and returns where it is and by what it is known
    to be right.

    Raises:
        ValueError: it is wrong.
        OSError: the package is not installed, or the file cannot be read.
    """
    path = catalog.locate(shipped)
    expected = shipped.checksum
    if not expected:  # the list that pip installed with the package
        files = distribution(shipped.package).files or ()
        listed = {str(file): file.hash for file in files}.get(shipped.path)
        if listed is None:
            raise ValueError(f"{path} is not among what its package lists")
        expected = f"{listed.mode}:{base64.urlsafe_b64decode(listed.value + '=').hex()}"
    found = checksums.find_checksum(path, expected)
    if found != expected:
        raise ValueError(
            f"{path} is damaged (it has {found}, expected {expected}): python -m pip "
            "install --force-reinstall "
            f"--no-deps {shipped.package}"
        )
    return path, checksums.name_algorithm(found)
