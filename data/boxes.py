"""Photographs with boxes around their objects: blood cells under a microscope (BCCD,
Shenggan, 2017), or a user's folder in the layout of Pascal VOC or YOLO.
"""

import hashlib
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
import yaml
from PIL import Image

from data import Dataset, Split, annotated, folders, photo_folders
from data.images import read
from data.sources import catalog, downloads

CELLS = catalog.ENTRIES["bccd"]
CELL_NAMES = ("RBC", "WBC", "Platelets")  # red and white blood cells
MEMBER = "BCCD_Dataset-1.0/BCCD"  # of the publisher's archive
FOLDERS = ("Annotations", "ImageSets", "JPEGImages")
# Numbers of photographs on which some of the same cells are seen, the microscope
# moved. Of pairs that overlap by 35 % or more, all were looked for: their correlation
# at the best shift is 0.94 or more, that of all other pairs 0.74 or less. Pairs that
# overlap less were found by corners that match (ORB), among a part of all pairs.
SAME_CELLS = (
    (19, 20),
    (37, 38),
    (107, 108),
    (160, 161),
    (204, 205, 276, 277),
    (206, 278),
    (223, 224, 263, 264),
    (225, 262),
    (226, 261),
    (227, 260),
    (228, 259),
    (229, 258),
    (230, 257),
    (231, 256),
    (232, 255),
    (233, 254),
    (236, 253),
    (237, 252),
    (239, 240),
    (242, 248, 249),
    (243, 250),
    (244, 247),
    (377, 400),
    (381, 397),
    (382, 395),
    (384, 393),
    (386, 391),
)
MOST = 500  # objects in a picture
# In widths and heights of the photo. A larger number in a file of YOLO is in pixels.
MOST_RELATIVE = 2
PHOTO = f"NAME{', '.join(photo_folders.ENDINGS[:-1])} or {photo_folders.ENDINGS[-1]}"


class Annotation(NamedTuple):
    """What somebody drew on a photograph.

    Attributes:
        path: of the annotation; of the photograph if it has none.
        photo: the photograph's path.
        boxes: left, top, right, bottom, float64 `(n, 4)`.
        classes: a name, or a number, for each box.
        size: width and height of the photograph as the annotation says, pixels; None
            if it does not.
        relative: whether boxes are in widths and heights of the photograph, in place of
            pixels.
    """

    path: Path | zipfile.Path
    photo: Path | zipfile.Path
    boxes: np.ndarray
    classes: list
    size: tuple[int, int] | None
    relative: bool


def load_cells(size: tuple[int, int]) -> Dataset:
    """Loads photographs of blood cells with boxes around red and white cells and
    platelets.

    The publisher split 364 photographs at random into 205, 87 and 72. Some show the
    same cells, with the microscope moved a little: where these are in several splits,
    they are kept in the test, else in validation. So 189, 81 and 72 photographs are
    left, with 4,607 boxes. Two boxes have no area and are left out, too.

    The folder `BCCD`, or the publisher's archive, is looked for in `COURSE_DATA` and in
    Keras's cache; then the archive is downloaded.

    Args:
        size: height and width of the images, pixels. The photographs have 480 x 640.

    Returns:
        As `load_box_folder`, for the classes "RBC", "WBC" and "Platelets".

    Raises:
        ConnectionError: the photographs are nowhere, and cannot be downloaded.
        ValueError: what was found is damaged.
    """
    (file,), (path,) = CELLS.files, downloads.obtain(CELLS)
    together = [
        {f"BloodImage_{number:05}" for number in numbers} for numbers in SAME_CELLS
    ]
    with photo_folders.open_folder(path, file._replace(unpacked=MEMBER)) as folder:
        return load_box_folder(folder, size, CELL_NAMES, together)


def check_cells(path: Path, file: catalog.File) -> None:
    """Checks photographs, annotations and lists of BCCD, by the bytes of all of them.

    Raises:
        ValueError: they are others, or the archive is damaged.
    """
    digest = hashlib.sha256()
    with photo_folders.open_folder(path, file._replace(unpacked=MEMBER)) as folder:
        for name in FOLDERS:
            if not (folder / name).is_dir():
                raise ValueError(f"{path} has no folder {name}: delete or replace it")
            for part in folders.walk(folder / name):
                content = hashlib.sha256(
                    annotated.read_bytes(part, read.MAX_BYTES)
                ).hexdigest()
                digest.update(f"{name}/{part.name} {content}\n".encode())
    if digest.hexdigest() != file.contents:
        raise ValueError(
            f"{path} holds other files (their SHA-256 is {digest.hexdigest()}): delete "
            "or replace it"
        )


def load_box_folder(
    folder: Path | zipfile.Path,
    size: tuple[int, int],
    class_names: tuple[str, ...] | None = None,
    together: Iterable[set[str]] = (),
) -> Dataset:
    """Loads photographs with boxes, from a folder in one of two layouts.

    - Pascal VOC: `JPEGImages/NAME.jpg` and `Annotations/NAME.xml`; the splits are the
      names in `ImageSets/Main/train.txt`, `val.txt` and `test.txt` if they are there.
    - YOLO: `images/NAME.jpg` and `labels/NAME.txt`, a line for each box with class,
      middle, width and height; `classes.txt` or `data.yaml` has the names of the
      classes. Splits are folders: `images/train` and `labels/train`, or `train/images`
      and `train/labels`.

    If there is only one split to hold out, it is the test. What is missing of
    validation and test is drawn from the others, a fifth of the photographs, always the
    same. A photograph that cannot be read is left out, and so is a picture that was met
    before, in the order test, validation, train. A box without an area is left out, one
    that reaches out of its picture is cut, corners that are swapped are swapped back.
    What was done is printed. A picture may have no boxes.

    Args:
        folder: in a file system or a zip archive.
        size: height and width of the images, pixels. Photographs are stretched to it.
        class_names: that may occur; None for those in the folder.
        together: names of photographs that show the same, a set for each such group.
            Where a group is in several splits, it is kept in the first of test,
            validation and train, and left out of the others.

    Returns:
        A `Dataset` with images uint8 `(n, height, width, 3)` in [0, 255]. y is a
        dictionary, with `most` for the most boxes on a photograph of the folder:

        - "boxes": float32 `(n, most, 4)`, left, top, right, bottom in pixels of the
          image ("xyxy" in Keras); rows without an object are -1.
        - "labels": int32 `(n, most)`, indices into the class names; -1 without an
          object.

    Raises:
        ValueError: it has neither layout, photographs and annotations do not match, an
            annotation cannot be used, there are too few photographs, or more than fit
            into memory.
        OSError: the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder, expected one of photos and their boxes"
        )
    if (folder / "Annotations").is_dir():
        splits = list_voc(folder)
    else:
        splits, class_names = list_yolo(folder)
    splits = keep_apart(splits, together)
    annotations = {
        split: [parse(*pair) for pair in pairs] for split, pairs in splits.items()
    }
    everything = [one for part in annotations.values() for one in part]
    annotated.check_memory(folder, len(everything), size, channels=3)
    if class_names is None:
        names = {name for one in everything for name in one.classes}
        class_names = tuple(sorted(names - {""}))
    for annotation in everything:
        check_classes(annotation, class_names)

    print(f"Reading {len(everything):,} photos and their boxes in {folder}", flush=True)
    photos = annotated.draw_missing(folder, read_photos(annotations, size, class_names))
    most = check_boxes(folder, photos, class_names)
    made = {split: pad(part, size, most) for split, part in photos.items()}
    counts = ", ".join(
        f"{len(made[split].x)} for {split}" for split in photo_folders.SPLITS
    )
    boxes = sum(int((split.y["labels"] >= 0).sum()) for split in made.values())
    source = f"photos with {boxes:,} boxes of {len(class_names)} classes in {folder}: "
    return Dataset(**made, source=source + counts, class_names=class_names)


def list_voc(folder) -> dict[str, list[tuple]]:
    """Returns for each split that a folder in the layout of Pascal VOC has its
    annotations, each with its photograph.

    Raises:
        ValueError: photographs and annotations do not match, or the lists are wrong.
    """
    drawn = annotated.list_files(folder / "Annotations", (".xml",))
    what = (
        "photos without a file of boxes",
        "files of boxes without a photo",
        f"Annotations/NAME.xml for JPEGImages/{PHOTO}",
    )
    return annotated.pair_listed(folder, "ImageSets/Main", drawn, what)


def list_yolo(folder) -> tuple[dict[str, list[tuple]], tuple[str, ...]]:
    """Returns for each split that a folder in the layout of YOLO has its annotations,
    each with its photograph; and the names of the classes.

    A photograph without an annotation has no objects.

    Raises:
        ValueError: it has another layout, or photographs and annotations do not match.
    """
    chosen = annotated.find_places(folder, "images", "labels")
    if not all(labels.is_dir() for _, labels in chosen.values()):
        raise ValueError(
            f"{folder} has neither a folder Annotations (Pascal VOC) nor folders "
            "images and labels (YOLO), expected photos and boxes in one of these "
            "layouts"
        )
    splits = {}
    for split, (images, labels) in chosen.items():
        photos = annotated.list_files(images, photo_folders.ENDINGS)
        drawn = annotated.list_files(labels, (".txt",))
        drawn.pop("classes", None)
        lonely = [name for name in drawn if name not in photos]
        if not photos or lonely or not drawn:
            annotated.complain(
                folder,
                {
                    "photos without a file of boxes": [] if drawn else sorted(photos),
                    "files of boxes without a photo": lonely,
                },
                f"labels/NAME.txt for images/{PHOTO}",
            )
        splits[split] = [(drawn.get(name), photos[name]) for name in sorted(photos)]
    return splits, read_class_names(folder)


def keep_apart(
    splits: dict[str, list[tuple]], together: Iterable[set[str]]
) -> dict[str, list[tuple]]:
    """Leaves out photographs that show the same as one of another split, and prints
    how many they are.

    Args:
        splits: of each, annotations and photographs.
        together: names of photographs that show the same.
    """
    names = {
        split: {photo.stem for _, photo in pairs} for split, pairs in splits.items()
    }
    left_out = {split: set() for split in splits}
    for group in together:
        holding = [
            split for split in annotated.ORDER if group & names.get(split, set())
        ]
        for split in holding[1:]:
            left_out[split] |= group & names[split]
    for split, left in left_out.items():
        if left:
            what = f"Photos for {split} that show the same as one of another split"
            print(f"{what}, left out: {annotated.tally(sorted(left))}")
    return {
        split: [pair for pair in pairs if pair[1].stem not in left_out[split]]
        for split, pairs in splits.items()
    }


def read_class_names(folder) -> tuple[str, ...]:
    """Returns the names of the classes in the layout of YOLO.

    Raises:
        ValueError: there are none.
    """
    for path in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if path.is_file():
            return tuple(annotated.read_names(path))
    for path in (folder / "data.yaml", folder / "data.yml"):
        if path.is_file():
            try:
                content = yaml.safe_load(annotated.decode(path))
            except yaml.YAMLError as error:
                text = " ".join(str(error).split())
                raise ValueError(f"{path} cannot be read as YAML ({text})") from None
            names = content.get("names") if isinstance(content, dict) else None
            if isinstance(names, dict):  # by number
                names = [names.get(number) for number in range(len(names))]
            if not isinstance(names, list) or not names or None in names:
                raise ValueError(
                    f"{path} has no list of names, expected a line such as names: "
                    "[cat, dog]"
                )
            return tuple(map(str, names))
    raise ValueError(
        f"{folder} has neither classes.txt nor data.yaml, expected one of them with "
        "the names of the classes"
    )


def parse(path, photo) -> Annotation:
    """Reads an annotation.

    Args:
        path: an .xml file of Pascal VOC, or a .txt file of YOLO; None if there is none.
        photo: the path of its photograph.

    Raises:
        ValueError: it cannot be used.
        OSError: it cannot be read.
    """
    if path is None:
        return Annotation(photo, photo, np.zeros((0, 4)), [], None, True)
    reading = parse_voc if path.name.lower().endswith(".xml") else parse_yolo
    annotation = reading(path, photo)
    if len(annotation.boxes) > MOST:
        raise ValueError(
            f"{path} has {len(annotation.boxes):,} boxes, expected at most {MOST}"
        )
    if not np.isfinite(annotation.boxes).all():
        raise ValueError(
            f"{path} has a box with a corner that is no finite number: correct it"
        )
    return annotation


def parse_voc(path, photo) -> Annotation:
    """Reads an annotation of Pascal VOC. Its numbers are taken as they stand: drawing
    programs write where a box begins and ends, in pixels from 0.

    Raises:
        ValueError: it is no such XML, or declares a document type, as attacks with
            entities do.
        OSError: it cannot be read.
    """
    root = parse_xml(path)
    size = None
    if root.find("size") is not None:
        width, height = read_numbers(path, root, ("size/width", "size/height"))
        size = (round(width), round(height))
    boxes, classes = [], []
    for one in root.iter("object"):
        corners = [f"bndbox/{name}" for name in ("xmin", "ymin", "xmax", "ymax")]
        boxes.append(read_numbers(path, one, corners))
        classes.append((one.findtext("name") or "").strip())
    boxes = np.reshape(np.array(boxes, np.float64), (-1, 4))
    return Annotation(path, photo, boxes, classes, size, relative=False)


def parse_xml(path) -> ElementTree.Element:
    """Returns the root of an XML file without a document type.

    Raises:
        ValueError: it is damaged, or has a document type.
        OSError: it cannot be read.
    """

    def refuse(*_) -> None:
        raise ValueError(
            f"{path} declares a document type, expected an annotation without: remove "
            "its <!DOCTYPE ...>"
        )

    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(annotated.read_bytes(path), True)
    except expat.ExpatError as error:
        raise ValueError(
            f"{path} cannot be read as XML ({error}): correct or replace it"
        ) from None
    return builder.close()


def read_numbers(path, element, names) -> list[float]:
    """Returns the numbers in parts of an element.

    Raises:
        ValueError: one is missing, or no number.
    """
    numbers = []
    for name in names:
        text = element.findtext(name)
        try:
            numbers.append(float(text))
        except (TypeError, ValueError):
            found = "nothing" if text is None else repr(text[:50])
            raise ValueError(
                f"{path} has {found} for {name}, expected a number: correct it"
            ) from None
    return numbers


def parse_yolo(path, photo) -> Annotation:
    """Reads an annotation of YOLO.

    Raises:
        ValueError: a line is not a class and four numbers, or they are in pixels.
        OSError: it cannot be read.
    """
    boxes, classes = [], []
    for number, line in enumerate(annotated.decode(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            x, y, width, height = map(float, words[1:])
            classes.append(int(words[0]))
        except ValueError:
            raise ValueError(
                f"{path}, line {number}, is {line[:80]!r}, expected a class and four "
                "numbers: x and y of the middle, width, height"
            ) from None
        if max(x, y, width, height) > MOST_RELATIVE:
            raise ValueError(
                f"{path}, line {number}, is {line[:80]!r}, expected numbers from 0 to "
                "1: divide x and width by the width of the photo, y and height by its "
                "height"
            )
        boxes.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    boxes = np.reshape(np.array(boxes, np.float64), (-1, 4))
    return Annotation(path, photo, boxes, classes, None, relative=True)


def check_classes(annotation: Annotation, class_names: tuple[str, ...]) -> None:
    """Checks that each box has a class that there is.

    Raises:
        ValueError: one has another.
    """
    for name in annotation.classes:
        known = range(len(class_names)) if isinstance(name, int) else class_names
        if name not in known or name == "":
            numbered = [f"{number} {text}" for number, text in enumerate(class_names)]
            expected = ", ".join(numbered if isinstance(name, int) else class_names)
            raise ValueError(
                f"{annotation.path} has a box of class {name!r}, expected one of: "
                f"{expected or 'names'}"
            )


def read_photos(
    annotations: dict[str, list[Annotation]],
    size: tuple[int, int],
    class_names: tuple[str, ...],
) -> dict[str, list[tuple]]:
    """Reads the photographs of each split, and prints which cannot be used and what was
    wrong with boxes.

    Returns:
        Of each photograph an image uint8 `(height, width, 3)`, boxes in its pixels
        float64 `(n, 4)` and labels `(n,)`.

    Raises:
        ValueError: a photograph has another size than its annotation says.
    """
    splits, met, left_out, wrong = {}, {}, [], defaultdict(list)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for split in annotated.ORDER:
            listed = annotations.get(split, [])
            images = pool.map(lambda one: read_image(one, size), listed)
            usable = []
            for annotation, (image, shape) in zip(listed, images, strict=True):
                name = photo_folders.place(annotation.photo)
                reason = annotated.find_reason(image, name, met)
                if reason is not None:
                    left_out.append(f"{name} ({reason})")
                    continue
                boxes, kept = put_right(annotation, shape, wrong)
                if not len(boxes):
                    wrong["Photos without boxes"].append(annotation.path.name)
                classes = np.array(annotation.classes, object)[kept]
                labels = [
                    one if isinstance(one, int) else class_names.index(one)
                    for one in classes
                ]
                scale = np.array([size[1], size[0]] * 2)
                usable.append((image, boxes * scale, np.array(labels, np.int32)))
            if split in annotations:
                splits[split] = usable
    photo_folders.report(left_out, sum(map(len, annotations.values())))
    for what, names in wrong.items():
        print(f"{what}: {annotated.tally(names)}")
    return splits


def read_image(
    annotation: Annotation, size: tuple[int, int]
) -> tuple[np.ndarray | str, tuple[int, int]]:
    """Returns a photograph stretched to a size, uint8 `(height, width, 3)`, or why it
    cannot be used; and width and height that it had.

    Raises:
        ValueError: its annotation says another size.
    """
    picture = annotated.read_photo(annotation.photo)
    if isinstance(picture, str):
        return picture, (0, 0)
    shape = (picture.shape[1], picture.shape[0])
    if annotation.size not in (None, shape):
        raise ValueError(
            f"{annotation.path} says that its photo has {annotation.size[0]} x "
            f"{annotation.size[1]} pixels, but {annotation.photo.name} has {shape[0]} "
            f"x {shape[1]}: draw its boxes again"
        )
    image = Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(image), shape


def put_right(
    annotation: Annotation, shape: tuple[int, int], wrong: dict[str, list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Swaps corners back, cuts boxes that reach out of the photograph, and leaves out
    those without an area.

    Args:
        annotation: of the photograph.
        shape: width and height of the photograph, pixels.
        wrong: here it is noted what was done.

    Returns:
        Boxes in widths and heights of the photograph, float64 `(n, 4)`; and which were
        kept, bool.
    """
    limits = np.array([*shape, *shape], np.float64)
    boxes = annotation.boxes / (1 if annotation.relative else limits)
    corners = boxes.reshape(-1, 2, 2)
    swapped = (corners[:, 0] > corners[:, 1]).any(axis=1)
    inside = np.clip(np.sort(corners, axis=1).reshape(-1, 4), 0, 1)
    kept = np.all(inside[:, :2] < inside[:, 2:], axis=1)
    # Files of YOLO are rounded: half a pixel too much is no mistake.
    reaches = np.abs(inside - np.sort(corners, axis=1).reshape(-1, 4)) * limits > 0.5
    for done, what in (
        (~kept, "Boxes without an area in their photo, left out"),
        (kept & swapped, "Boxes with swapped corners, turned round"),
        (kept & reaches.any(axis=1), "Boxes that reach out of their photo, cut"),
    ):
        if done.any():
            wrong[what] += [annotation.path.name] * int(done.sum())
    return inside[kept], kept


def check_boxes(folder, photos: dict[str, list], class_names: tuple[str, ...]) -> int:
    """Checks that there are boxes in each split, and prints for which classes there are
    none to learn from.

    Args:
        folder: that they are in.
        photos: of each split, as `read_photos` returns them.
        class_names: the name of each class.

    Returns:
        The most boxes on a photograph.

    Raises:
        ValueError: a split has no box.
    """
    counts = {
        split: [len(labels) for _, _, labels in part] for split, part in photos.items()
    }
    if not any(map(any, counts.values())):
        raise ValueError(f"{folder} has not one box: draw some, or choose another one")
    for split in photo_folders.SPLITS:
        if not any(counts[split]):
            raise ValueError(
                f"{folder} has no box on its photos for {split} (there are "
                f"{len(counts[split])}), expected at least one: draw some, or put "
                "other photos there"
            )
    learned = {label for _, _, labels in photos["train"] for label in labels.tolist()}
    others = [name for label, name in enumerate(class_names) if label not in learned]
    if others:
        print(f"Classes without a box to learn from: {annotated.tally(others)}")
    return max(map(max, counts.values()))


def pad(photos: list[tuple], size: tuple[int, int], most: int) -> Split:
    """Returns photographs with their boxes as arrays; there are `most` rows of boxes,
    those without an object -1.
    """
    images = np.zeros((len(photos), *size, 3), np.uint8)
    boxes = np.full((len(photos), most, 4), -1, np.float32)
    labels = np.full((len(photos), most), -1, np.int32)
    for index, (image, own_boxes, own_labels) in enumerate(photos):
        images[index] = image
        boxes[index, : len(own_boxes)] = own_boxes
        labels[index, : len(own_labels)] = own_labels
    return Split(images, {"boxes": boxes, "labels": labels})
