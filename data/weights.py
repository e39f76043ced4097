"""Networks trained on ImageNet: 1.3 million photographs in 1,000 classes (Russakovsky
et al., 2015).
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import h5py

from data import folders
from data.sources import catalog, downloads, locate

CLASS_NAMES = tuple(
    (Path(__file__).parent / "imagenet.txt").read_text(encoding="utf-8").splitlines()
)


class Weights(NamedTuple):
    """Where weights are.

    Attributes:
        path: of the file.
        keep: where a copy in Keras's form is to be kept, so that it is converted only
            once; None if `path` is one.
        source: what the weights are and where they were found, for the learner.
    """

    path: Path
    keep: Path | None
    source: str


def find_weights(backbone: str, file: Path | None = None) -> Weights:
    """Finds the weights of a network trained on ImageNet.

    They are looked for in `COURSE_DATA` and in Keras's cache; then those of
    "efficientnet_lite0" are read from their
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
    return find_published(catalog.ENTRIES[backbone], "--backbone efficientnet_lite0")


def find_published(entry: catalog.Entry, instead: str) -> Weights:
    """Finds a file of weights that Keras publishes: in `COURSE_DATA` and in Keras's
    cache, else downloads it.

    Args:
        entry: of the catalog.
        instead: the flag for weights that came with pip.

    Raises:
        ValueError: `COURSE_DATA` names no folder.
        ConnectionError: there is no file, and it cannot be downloaded.
    """
    (file,) = entry.files
    try:
        (path,) = downloads.obtain(entry)
    except ConnectionError as error:
        raise ConnectionError(
            f"weights of {entry.title}: {error}: get {file.mirrors[0]} "
            f"({locate.show_size(file.size)}) where that works and name the file with "
            f"--weights, or take {instead}, which came with pip"
        ) from None
    return Weights(path, None, f"{entry.title}, from {path}")


def find_convolutions(weights: str) -> Weights:
    """Finds the weights of the convolutions of a VGG network.

    Args:
        weights: "vgg19" or "vgg16", trained on ImageNet, looked for in `COURSE_DATA`
            and in Keras's cache, then downloaded; "hed", a VGG16 that went on learning
            to find edges (Xie and Tu, "Holistically-Nested Edge Detection", 2015), from
            its pip package; "auto" for the first of these that needs no download; or a
            file.

    Raises:
        ValueError: `weights` is none of these, or `COURSE_DATA` names no folder.
        OSError: the file cannot be opened, or there is neither a file nor a mirror that
            has it.
    """
    for name in ("vgg19-without-head", "vgg16", "vgg16-without-head"):
        entry = catalog.ENTRIES[name]
        there = locate.find(entry.files[0].name, kind="models") is not None
        asked = weights == name.partition("-")[0] and (there or name != "vgg16")
        if asked or (weights == "auto" and there):
            return find_published(entry, "--weights hed")
    if weights in ("auto", "hed"):
        entry = catalog.ENTRIES["hed"]
        return Weights(
            catalog.locate(entry.shipped[0]),
            None,
            f"{entry.title}, from the package {entry.shipped[0].package}",
        )
    path = folders.find_home(weights)
    if not path.is_file():
        raise ValueError(
            f"--weights is {weights!r}, expected auto, vgg19, vgg16, hed or a file "
            "that exists"
        )
    return Weights(path, None, f"weights of VGG from {weights}")


def find_efficientnet_lite0() -> Weights:
    """Finds the weights of EfficientNet-Lite0: in `COURSE_DATA`, in Keras's cache, else
    in their pip package.

    Raises:
        ValueError: `COURSE_DATA` names no folder, or the package's file is damaged.
        FileNotFoundError: the package is not installed.
    """
    entry = catalog.ENTRIES["efficientnet_lite0"]
    (file,), (shipped,) = entry.files, entry.shipped
    found = locate.find(file.name, kind=file.kind)
    if found is not None:
        return Weights(found, None, f"{entry.title}, from {found}")
    path = catalog.locate(shipped)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if f"sha256:{digest}" != shipped.checksum:
        raise ValueError(
            f"{path} is damaged (its SHA-256 is {digest}): install the package "
            f"{shipped.package} again"
        )
    keep = locate.cache_folder(file.kind) / file.name
    return Weights(path, keep, f"{entry.title}, from the package {shipped.package}")


def check_converted(path: Path, file: catalog.File) -> None:
    """Checks weights of EfficientNet-Lite0 in Keras's form, by the arrays in their
    file.

    Raises:
        ValueError: they are others, or the file is damaged.
    """
    digests = []

    def collect(_name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            digests.append(hashlib.sha256(item[()].tobytes()).hexdigest())

    try:
        with h5py.File(path) as weights:
            weights.visititems(collect)
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(
            f"{path} cannot be read as weights ({error}): delete it, it will be made "
            "again"
        ) from None
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    if digest != file.contents:
        raise ValueError(
            f"{path} holds other weights (their SHA-256 is {digest}): delete it, it "
            "will be made again"
        )
