"""Files that are complete or absent."""

import contextlib
import shutil
from pathlib import Path


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
        partial.replace(path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
