"""An index of the photographs in a folder: a vector for each, computed once and brought
up to date.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from data import folders, photo_folders

BATCH = 64  # photographs that are read and described at a time
THUMBNAIL = 32  # pixels


class Index(NamedTuple):
    """What is known of the photographs in a folder, in the order of their names.

    Attributes:
        kind: what the vectors are and of which folder; only vectors of one kind can be
            compared.
        names: text `(n,)`, of the files, relative to the folder.
        stamps: int64 `(n, 2)`, size in bytes and time of the last change in
            nanoseconds, of the files.
        vectors: float32 `(n, features)`.
        thumbnails: uint8 `(n, 32, 32, 3)` in [0, 255].
    """

    kind: str
    names: np.ndarray
    stamps: np.ndarray
    vectors: np.ndarray
    thumbnails: np.ndarray


def find_index(paths: Iterable[Path], kind: str) -> Index | None:
    """Returns the newest saved index of a kind, None if there is none; says which files
    are damaged.
    """
    for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            with np.load(path) as archive:
                index = Index(
                    str(archive["kind"]), *(archive[name] for name in Index._fields[1:])
                )
            if len({len(part) for part in index[1:]}) > 1:
                raise ValueError("its parts differ in length")
        # A damaged file can raise anything.
        except Exception as error:
            print(f"{path} is damaged and not used ({error})")
            continue
        if index.kind == kind:
            return index
    return None


def list_files(folder: Path) -> dict[tuple[str, int, int], Path]:
    """Returns the files of a folder and its subfolders by relative name, size in bytes
    and time of the last change.

    Raises:
        ValueError: `folder` is no folder, or empty.
        OSError: it cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder, expected one with the photos to search in"
        )
    files = {}
    for path in folders.walk(folder):
        name = path.relative_to(folder).as_posix()
        try:
            status = path.stat()
            files[name, status.st_size, status.st_mtime_ns] = path
        except OSError:  # such as a link to nowhere: reading it says why it is left out
            files[name, 0, 0] = path
    if not files:
        raise ValueError(f"{folder} holds no files, expected photos to search in")
    return files


def update_index(
    path: Path, kind: str, files: dict, compute: Callable, size: int = 224
) -> Index:
    """Saves an index of photographs, and reuses what the newest earlier index of that
    kind knows of unchanged files.

    Prints how many photographs were described, and which files were left out because
    they are no usable photographs. What was described before Ctrl-C is saved, too.

    Args:
        path: of the file to save to, in the folder of a run. It is written beside, then
            renamed. The earlier ones are the files of that name in the folders of other
            runs.
        kind: of the vectors, and of which folder.
        files: as `list_files` returns them.
        compute: function from uint8 `(n, size, size, 3)` to float32 vectors `(n,
            features)`.
        size: height and width of the images, pixels.

    Raises:
        ValueError: none of the files is a usable photograph.
    """
    known = find_known(path, kind)
    new = [key for key in files if key not in known]
    if new:
        print(f"Describing {len(new):,} photos", flush=True)
    left_out = []
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(new), BATCH):
                keys = new[start : start + BATCH]
                paths = [files[key] for key in keys]
                squares = pool.map(photo_folders.read_square, paths, [size] * len(keys))
                images = {}
                for key, square in zip(keys, squares, strict=True):
                    if isinstance(square, str):  # why it cannot be used
                        left_out.append(f"{key[0]} ({square})")
                    else:
                        images[key] = square
                if images:
                    known |= describe(images, compute)
    finally:
        kept = [key for key in files if key in known]
        if kept:
            index = save_index(path, kind, {key: known[key] for key in kept})
    photo_folders.report(left_out, len(files))
    if not kept:
        raise ValueError(
            f"none of the {len(files)} files is a usable photograph, expected photos "
            "to search in"
        )
    print(
        f"{len(kept):,} photos to search in, {len(new) - len(left_out):,} of them "
        "described now"
    )
    return index


def find_known(path: Path, kind: str) -> dict[tuple[str, int, int], tuple]:
    """Returns the vector and the thumbnail of each file that the newest earlier index
    of a kind knows, by name, size and time.
    """
    index = find_index(path.parent.parent.glob(f"*/{path.name}"), kind)
    if index is None:
        return {}
    stamped = zip(index.names.tolist(), index.stamps.tolist(), strict=True)
    keys = [(name, *stamp) for name, stamp in stamped]
    described = zip(index.vectors, index.thumbnails, strict=True)
    return dict(zip(keys, described, strict=True))


def describe(images: dict, compute: Callable) -> dict[tuple[str, int, int], tuple]:
    """Returns the vector and the thumbnail of each image.

    Args:
        images: uint8 `(size, size, 3)`, by name, size and time of the file.
        compute: as `update_index` takes it.
    """
    vectors = compute(np.stack(list(images.values())))
    described = {}
    for (key, image), vector in zip(images.items(), vectors, strict=True):
        thumbnail = Image.fromarray(image).resize((THUMBNAIL, THUMBNAIL))
        described[key] = vector, np.asarray(thumbnail)
    return described


def save_index(path: Path, kind: str, described: dict) -> Index:
    """Saves an index, complete or not at all.

    Args:
        path: of the file.
        kind: of the index.
        described: vector and thumbnail by name, size and time of the file.
    """
    vectors, thumbnails = zip(*described.values(), strict=True)
    index = Index(
        kind,
        names=np.array([name for name, _, _ in described]),
        stamps=np.array([stamp for _, *stamp in described], np.int64),
        vectors=np.stack(vectors),
        thumbnails=np.stack(thumbnails),
    )
    partial = path.with_name(f"partial_{path.name}")
    try:
        np.savez(partial, **index._asdict())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return index
