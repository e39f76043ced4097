"""The pictures that somebody names: files, folders and patterns such as *.jpg."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from data import folders, photo_folders
from data.images import read


def read_pictures(names: Iterable[str | Path]) -> Iterator[tuple[Path, np.ndarray]]:
    """Reads pictures one after the other, so that any number of them fits into memory;
    those that cannot be used are left out, and counted in a line.

    Args:
        names: of files; of folders, for all files in them; or patterns, for the files
            that match.

    Yields:
        The path and the pixels, uint8 `(height, width, 3)` in [0, 255], of each, once.

    Raises:
        ValueError: none of them is a picture that can be used.
        OSError: the only one is missing or cannot be opened.
    """
    paths = []
    for name in folders.expand(names):
        path = Path(name)
        paths += folders.walk(path) if path.is_dir() else [path]
    paths = list(dict.fromkeys(paths))
    if not paths:
        raise ValueError(
            f"{' '.join(map(str, names))} holds no files, expected pictures"
        )
    left_out = []
    for path in paths:
        try:
            picture = read.read_picture(path)
        except (ValueError, OSError) as error:
            if len(paths) == 1:
                raise
            left_out.append(f"{path} ({photo_folders.find_reason(path, error)})")
            continue
        yield path, picture
    if len(left_out) == len(paths):
        raise ValueError(
            f"none of {len(paths)} files is a picture that can be used, the first is "
            f"{left_out[0]}"
        )
    photo_folders.report(left_out, len(paths))
