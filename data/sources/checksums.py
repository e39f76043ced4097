"""Tells a file by its bytes."""

from pathlib import Path

import pooch


def find_checksum(path: Path, like: str) -> str:
    """Returns the checksum of a file's bytes, by the algorithm of another one, such as
    "sha256:731c5a...".
    """
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{pooch.file_hash(path, algorithm)}"


def name_algorithm(checksum: str) -> str:
    """Returns "MD5" or "SHA-256"."""
    return checksum.partition(":")[0].upper().replace("SHA", "SHA-")


def check(path: Path, checksum: str) -> str:
    """Checks a file's bytes, and returns the name of the algorithm.

    Raises:
        ValueError: they are others.
        OSError: the file cannot be read.
    """
    found = find_checksum(path, checksum)
    if found != checksum:
        raise ValueError(
            f"{path} is damaged (it has {found}, expected {checksum}): delete or "
            "replace it"
        )
    return name_algorithm(checksum)
