"""Reads the tensors of a PyTorch file without PyTorch, and without running what else
the file may hold.

The files are those of `torch.save` before version 1.6: five pickles (a magic number, a
version, the system, the tensors, the names of their storages), then the storages'
bytes. A pickle can call any function of any package; this reader knows four names and
builds nothing but dictionaries and NumPy arrays.
"""

import collections
import os
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class Reader(pickle.Unpickler):
    """Unpickles dictionaries of tensors; a tensor becomes its storage's key, its dtype,
    offset, shape and strides.
    """

    def find_class(self, module: str, name: str):
        """Returns what stands for one of the four names that a file of tensors may use.

        Raises:
            UnpicklingError: it is another name.
        """
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): view,
        }
        known |= {("torch", storage): dtype for storage, dtype in DTYPES.items()}
        if (module, name) not in known:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is no tensor"
            )
        return known[module, name]

    def persistent_load(self, pid: tuple):
        """Returns dtype, key and length of a storage, whose bytes come later in the
        file.
        """
        _, dtype, key, _, length, *_ = pid
        return dtype, key, length


def view(storage: tuple, offset: int, shape: tuple, strides: tuple, *_) -> tuple:
    """Returns what is needed to cut a tensor out of its storage, in the order of
    PyTorch's own function.
    """
    return storage, offset, shape, strides


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a file by their names.

    Raises:
        ValueError: the file is damaged, of another form, or holds anything but tensors.
        OSError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if Reader(file).load() != MAGIC or Reader(file).load() != VERSION:
                raise pickle.UnpicklingError("it does not begin as such files do")
            Reader(file).load()
            views = Reader(file).load()
            keys = dict.fromkeys(Reader(file).load())
            dtypes = {key: dtype for (dtype, key, _), *_ in views.values()}
            storages = {key: read_storage(file, dtypes[key]) for key in keys}
        return {
            name: cut_out(storages[key], *rest)
            for name, ((_, key, _), *rest) in views.items()
        }
    except (
        Exception
    ) as error:  # a pickle is a program, and a damaged one fails in any way
        if isinstance(error, OSError):
            raise
        raise ValueError(
            f"{path} cannot be read as a file of PyTorch tensors ({error}): delete or "
            "replace it"
        ) from None


def read_storage(file: BinaryIO, dtype: np.dtype) -> np.ndarray:
    """Returns the numbers that come next in the file, after their count.

    Raises:
        EOFError: the file ends before.
    """
    count = int.from_bytes(file.read(8), "little")
    if count * dtype.itemsize > os.fstat(file.fileno()).st_size:
        raise EOFError("it ends too early")
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise EOFError("it ends too early")
    return np.frombuffer(data, dtype)


def cut_out(
    storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray:
    """Returns a tensor of a storage as a new array.

    Raises:
        ValueError: it would reach beyond the storage.
    """
    last = offset + sum(
        (size - 1) * stride for size, stride in zip(shape, strides, strict=True)
    )
    if min((offset, last, *shape, *strides), default=0) < 0 or last >= len(storage):
        raise ValueError("a tensor reaches beyond its numbers")
    steps = [stride * storage.itemsize for stride in strides]  # in bytes
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()
