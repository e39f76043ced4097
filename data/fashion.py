"""Fashion-MNIST: 70,000 pictures of clothes and shoes, 28 x 28 pixels (Xiao, Rasul and
Vollgraf, 2017).
"""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from data import Dataset, Split, digits
from data.sources import catalog, downloads

FASHION_MNIST = catalog.ENTRIES["fashion-mnist"]
# That are read of a file, somewhat more than the largest has; a small file can hold any
# number.
MAX_BYTES = 50_000_000
CLASS_NAMES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def load_fashion() -> Dataset:
    """Loads all of Fashion-MNIST where it can be had, else the digits that come with
    pip.

    The publisher's four files are looked for in the folder `fashion-mnist` of
    `COURSE_DATA` and of Keras's cache, and on their mirrors. Which data it was stands
    in `source`. The splits are the same in every run.

    Returns:
        A `Dataset` with images uint8 `(n, 28, 28, 1)` in [0, 255], light on black, and
        labels uint8 `(n,)`: 55,000 to train on, 5,000 for validation, the publisher's
        10,000 for the test.

    Raises:
        ValueError: a file was found whose contents are not Fashion-MNIST's, or
            `COURSE_DATA` names no folder.
    """
    try:
        paths = downloads.obtain(FASHION_MNIST)
    except ConnectionError as error:
        return digits.load_sample(f"Fashion-MNIST's {error}")
    train_images, train_labels, test_images, test_labels = map(
        read_array, paths, FASHION_MNIST.files
    )
    train, validation = digits.split(train_images, train_labels, 5_000)
    test = Split(test_images[..., np.newaxis], test_labels)
    source = f"Fashion-MNIST, all 70,000 images, from {paths[0].parent}"
    return Dataset(train, validation, test, source, class_names=CLASS_NAMES)


def read_array(path: Path, file: catalog.File) -> np.ndarray:
    """Returns the array of an IDX file: its header tells the dtype, the number of axes,
    and the length of each.

    Args:
        path: of the file.
        file: which of the publisher's files it is.

    Raises:
        ValueError: the file is damaged or holds something else.
    """
    try:
        with gzip.open(path) as packed:
            content = packed.read(MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be read as Fashion-MNIST ({error}): delete or replace it"
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.contents:
        raise ValueError(
            f"{path} does not hold Fashion-MNIST's bytes (their SHA-256 is {digest}): "
            "delete or replace it"
        )
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
