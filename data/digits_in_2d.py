"""Handwritten digits as points in a plane, which can be drawn, but in which the classes
are not separable.
"""

import numpy as np
from sklearn.decomposition import PCA

from data import Dataset, Split, digits

ONES = (2, 3, 6, 8)


def load_digits_in_2d() -> Dataset:
    """Loads MNIST, as `digits.load_digits` finds it, and keeps two numbers of each
    image.

    These are its places on the first two principal components of the training images
    (Pearson, 1901), each scaled to variance 1. The question is whether the digit is one
    of 2, 3, 6 and 8: then y is 1, else 0. Other digits look the same from so far away,
    and no answer is right for all: about a fifth stays wrong.

    Returns:
        A `Dataset` with the splits of `digits.load_digits`, in the same order: x,
        float32 `(n, 2)`, and y, float32 `(n, 1)`, 0 or 1.

    Raises:
        ValueError: as `digits.load_digits`.
    """
    dataset = digits.load_digits()
    components = PCA(2, whiten=True, random_state=0).fit(
        flatten(dataset.train.x[:4_000])
    )
    splits = [
        Split(
            np.float32(components.transform(flatten(images))),
            np.isin(labels, ONES).astype("float32")[:, np.newaxis],
        )
        for images, labels in dataset.parts()
    ]
    return Dataset(*splits, source=f"two numbers of each image of {dataset.source}")


def flatten(images: np.ndarray) -> np.ndarray:
    """Returns images, uint8 `(n, height, width, 1)` in [0, 255], as float32 `(n,
    pixels)` in [0, 1].
    """
    return images.reshape(len(images), -1).astype("float32") / 255


def sample_examples(dataset: Dataset, count: int, seed) -> Split:
    """Samples `count` of the training examples, each at most once.

    Args:
        dataset: to sample from.
        count: of the examples.
        seed: as `numpy.random.default_rng` takes it.

    Returns:
        x, float32 `(count, 2)`, and y, float32 `(count, 1)`, 0 or 1.

    Raises:
        ValueError: `count` is less than 2 or more than there are.
    """
    x, y = dataset.train
    if not 2 <= count <= len(x):
        raise ValueError(
            f"{count} examples asked for, expected a number from 2 to the {len(x):,} "
            "for training"
        )
    sampled = np.random.default_rng(seed).permutation(len(x))[:count]
    return Split(x[sampled], y[sampled])
