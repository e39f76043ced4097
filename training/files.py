"""Files that are complete or absent."""

import contextlib
import shutil
import time
from pathlib import Path

PAUSES = (0.02, 0.1, 0.3, 1.0)  # seconds between attempts to rename a file


def move(partial: Path, path: Path) -> None:
    """Renames a file or a folder. On Windows, a virus scanner or whoever reads `path`
    can be in the way for a moment.

    Raises:
        OSError: it cannot be renamed.
    """
    for seconds in PAUSES:
        try:
            partial.replace(path)
            return
        except PermissionError:
            time.sleep(seconds)
    partial.replace(path)


@contextlib.contextmanager
def written(path: Path):
    """Yields a path beside `path` to write a file or a folder to, which is renamed
    after the block, or removed if the block fails: so it is complete or absent.
    """
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)  # it may be gone by now
    try:
        yield partial
        if partial.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        move(partial, path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
