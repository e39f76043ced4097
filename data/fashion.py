"""Fashion-MNIST: 70,000 pictures of clothes and shoes, 28 x 28 pixels (Xiao, Rasul and Vollgraf, 2017)."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from data import digits, files
from data.dataset import Dataset, Split

FOLDER = "fashion-mnist"
ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)
# Each file with the MD5 that its publisher names, and the SHA-256 of the bytes in it.
FILES = {
    "train-images-idx3-ubyte.gz": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte.gz": (
        "25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte.gz": (
        "bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
CLASS_NAMES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"
)  # fmt: skip


def load_fashion() -> Dataset:
    """Loads all of Fashion-MNIST where it can be had, else the digits that come with pip.

    The publisher's four files are looked for in the folder `fashion-mnist` of `COURSE_DATA` and of Keras's cache, and
    on their mirrors. Which data it was stands in `source`. The splits are the same in every run.

    Returns:
        A `Dataset` with images uint8 `(n, 28, 28, 1)` in [0, 255], light on black, and labels uint8 `(n,)`: 55,000 to
        train on, 5,000 for validation, the publisher's 10,000 for the test.

    Raises:
        ValueError: a file was found whose contents are not Fashion-MNIST's, or `COURSE_DATA` names no folder.
    """
    paths = []
    for name, (md5, _) in FILES.items():
        path = files.find(f"{FOLDER}/{name}")
        if path is None:
            try:
                path = files.download(f"{FOLDER}/{name}", [f"{address}/{name}" for address in ADDRESSES], f"md5:{md5}")
            except ConnectionError as error:
                return digits.load_sample(
                    f"Fashion-MNIST's {name} is neither in COURSE_DATA nor in {files.cache_folder()}, and no mirror "
                    f"has it ({error})"
                )
        paths.append(path)
    train_images, train_labels, test_images, test_labels = map(read_array, paths)
    train, validation = digits.split(train_images, train_labels, 5_000)
    test = Split(test_images[..., np.newaxis], test_labels)
    return Dataset(train, validation, test, CLASS_NAMES, f"Fashion-MNIST, all 70,000 images, from {paths[0].parent}")


def read_array(path: Path) -> np.ndarray:
    """Returns the array of an IDX file: its header tells the dtype, the number of axes, and the length of each.

    Raises:
        ValueError: the file is damaged or holds something else.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as Fashion-MNIST ({error}): delete or replace it") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != FILES[path.name][1]:
        raise ValueError(
            f"{path} does not hold Fashion-MNIST's bytes (their SHA-256 is {digest}): delete or replace it"
        )
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
