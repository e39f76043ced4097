"""Folders of photographs with boxes, as people have them."""

import re
import zipfile
from xml.dom import minidom

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from data import boxes, photo_folders
from data.sources import catalog

SIZE = (60, 80)
TEMPLE = load_sample_image("china.jpg")
# Two boxes that fit into each of the photographs, and their classes.
DRAWN = [("cat", 10, 20, 50, 60), ("dog", 60, 5, 120, 95)]


def make_photo(path, index, width=160, height=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = TEMPLE[10 * index : 10 * index + height, 20 * index : 20 * index + width]
    Image.fromarray(part).save(path)


def write_voc(path, drawn, width=160, height=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for name, left, top, right, bottom in drawn
    )
    path.write_text(
        f"<annotation><size><width>{width}</width><height>{height}</height></size>"
        f"{objects}</annotation>"
    )


def write_yolo(path, drawn, width=160, height=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{['cat', 'dog'].index(name)} {(left + right) / 2 / width:.6f} "
        f"{(top + bottom) / 2 / height:.6f} {(right - left) / width:.6f} "
        f"{(bottom - top) / height:.6f}"
        for name, left, top, right, bottom in drawn
    ]
    path.write_text("\n".join(lines))


@pytest.fixture
def voc(tmp_path):
    """Ten photographs with two boxes each, in the layout of Pascal VOC."""
    for index in range(10):
        make_photo(tmp_path / "voc/JPEGImages" / f"照片 {index}.jpg", index)
        write_voc(tmp_path / "voc/Annotations" / f"照片 {index}.xml", DRAWN)
    return tmp_path / "voc"


@pytest.fixture
def yolo(tmp_path):
    """The same in the layout of YOLO."""
    for index in range(10):
        make_photo(tmp_path / "yolo/images" / f"{index}.jpg", index)
        write_yolo(tmp_path / "yolo/labels" / f"{index}.txt", DRAWN)
    (tmp_path / "yolo/classes.txt").write_text("cat\ndog\n")
    return tmp_path / "yolo"


def load(folder, **flags):
    return boxes.load_box_folder(folder, SIZE, **flags)


def counts(dataset):
    return [len(split.x) for split in dataset[:3]]


def check_drawn(dataset):
    """Each photograph has the two boxes, in the pixels of the images."""
    expected = np.array([corners for _, *corners in DRAWN], np.float32) / 2
    for x, y in dataset[:3]:
        assert x.dtype == np.uint8
        assert x.shape == (len(x), *SIZE, 3)
        assert y["boxes"].dtype == np.float32
        assert y["boxes"].shape == (len(x), 2, 4)
        np.testing.assert_allclose(y["boxes"] - expected, 0, atol=1e-3)
        assert y["labels"].dtype == np.int32
        np.testing.assert_array_equal(y["labels"], [[0, 1]] * len(x))
    assert dataset.class_names == ("cat", "dog")


def test_pascal_voc(voc):
    dataset = load(voc)
    assert counts(dataset) == [6, 2, 2]
    check_drawn(dataset)
    assert "20 boxes of 2 classes" in dataset.source
    again = load(voc)
    pictures = set()
    for split, same in zip(dataset[:3], again[:3], strict=True):
        np.testing.assert_array_equal(split.x, same.x)
        pictures |= {image.tobytes() for image in split.x}
    assert len(pictures) == 10


def test_lists_of_pascal_voc(voc):
    main = voc / "ImageSets/Main"
    main.mkdir(parents=True)
    names = [path.stem for path in sorted((voc / "JPEGImages").iterdir())]
    for split, part in {
        "train": names[:5],
        "val": names[5:8],
        "test": names[8:],
    }.items():
        (main / f"{split}.txt").write_text("\n".join(part) + "\n")
    assert counts(load(voc)) == [5, 3, 2]
    (main / "test.txt").unlink()
    assert counts(load(voc)) == [4, 1, 3]  # the only held-out list is the test
    (main / "val.txt").unlink()
    assert counts(load(voc)) == [3, 1, 1]


def test_what_shows_the_same_stays_in_one_split(voc, capsys):
    main = voc / "ImageSets/Main"
    main.mkdir(parents=True)
    for split, part in {"train": range(5), "val": (5, 6, 7), "test": (8, 9)}.items():
        (main / f"{split}.txt").write_text("\n".join(f"照片 {n}" for n in part))
    alone = [split.x for split in load(voc)[:3]]
    groups = [{0, 1}, {2, 5}, {3, 6, 8}, {7, 9}]
    names = [{f"照片 {number}" for number in group} for group in groups]
    together = [split.x for split in load(voc, together=names)[:3]]
    for kept, before, after in zip(
        ([0, 1, 4], [0], [0, 1]), alone, together, strict=True
    ):
        np.testing.assert_array_equal(after, before[kept])
    said = capsys.readouterr().out
    assert "Photos for train that show the same as one of another split, left" in said
    assert "left out: 2 (照片 2, 照片 3)" in said
    assert "left out: 2 (照片 6, 照片 7)" in said


@pytest.mark.parametrize("layout", ["drawn", "images/train", "train/images"])
def test_yolo(yolo, layout):
    if layout != "drawn":
        for index in range(10):
            split = "train" if index < 6 else ("val", "test")[index % 2]
            for kind, ending in (("images", "jpg"), ("labels", "txt")):
                parts = (kind, split) if layout == "images/train" else (split, kind)
                target = yolo.joinpath(*parts, f"{index}.{ending}")
                target.parent.mkdir(parents=True, exist_ok=True)
                (yolo / kind / f"{index}.{ending}").rename(target)
    dataset = load(yolo)
    assert counts(dataset) == [6, 2, 2]
    check_drawn(dataset)


@pytest.mark.parametrize("inside", [True, False])
def test_splits_by_other_names_and_folders_of_systems(yolo, inside, capsys):
    """As people download them; what is not used is named."""
    for index in range(10):
        split = "Training" if index < 6 else ("dev_set", "TEST")[index % 2]
        for kind, ending in (("images", "jpg"), ("labels", "txt")):
            parts = (kind, split) if inside else (split, kind)
            target = yolo.joinpath(*parts, f"{index}.{ending}")
            target.parent.mkdir(parents=True, exist_ok=True)
            (yolo / kind / f"{index}.{ending}").rename(target)
    for name in ("__MACOSX", "extra"):
        parts = ("images", name) if inside else (name, "images")
        yolo.joinpath(*parts).mkdir(parents=True)
    dataset = load(yolo)
    assert counts(dataset) == [6, 2, 2]
    check_drawn(dataset)
    said = capsys.readouterr().out
    assert "Not used: the folders extra in" in said
    assert "__MACOSX" not in said


@pytest.mark.parametrize(
    "content",
    [
        "names: [cat, dog]\nnc: 2",
        "path: x\nnames:\n  0: cat\n  1: dog\n",
        "names:\n- cat\n- dog\n",
    ],
)
def test_class_names_in_yaml(yolo, content):
    (yolo / "classes.txt").unlink()
    (yolo / "data.yaml").write_text(content)
    check_drawn(load(yolo))


def test_class_names_beside_the_labels(yolo):
    (yolo / "classes.txt").rename(yolo / "labels/classes.txt")
    check_drawn(load(yolo))


def test_a_photo_may_have_no_boxes(voc, yolo, capsys):
    write_voc(voc / "Annotations/照片 3.xml", [])
    (yolo / "labels/3.txt").write_text("")
    (yolo / "labels/4.txt").unlink()
    for folder, expected in ((voc, 1), (yolo, 2)):
        dataset = load(folder)
        assert sum(counts(dataset)) == 10
        labels = np.concatenate([split.y["labels"] for split in dataset[:3]])
        assert ((labels == -1).all(axis=1)).sum() == expected
    said = capsys.readouterr().out
    assert "Photos without boxes: 1 (照片 3.xml)" in said
    assert "Photos without boxes: 2 (" in said


def test_classes_without_a_box_to_learn_from(yolo, capsys):
    (yolo / "classes.txt").write_text("cat\ndog\nhorse\n")
    assert load(yolo).class_names == ("cat", "dog", "horse")
    said = capsys.readouterr().out
    assert "Classes without a box to learn from: 1 (horse)" in said


def find_boxes(dataset):
    rows = [split.y["boxes"][split.y["labels"] >= 0] for split in dataset[:3]]
    return np.concatenate(rows)


@pytest.mark.parametrize(
    ("drawn", "kept", "said"),
    [
        (
            ("cat", 30, 30, 30, 50),
            None,
            "Boxes without an area in their photo, left out: 1 (",
        ),
        (
            ("cat", 170, 30, 190, 50),
            None,
            "Boxes without an area in their photo, left out: 1 (",
        ),
        (
            ("cat", 150, 100, 190, 150),
            (75, 50, 80, 60),
            "Boxes that reach out of their photo, cut: 1 (",
        ),
        (
            ("cat", -20, -10, 40, 50),
            (0, 0, 20, 25),
            "Boxes that reach out of their photo, cut: 1 (",
        ),
        (
            ("cat", 50, 60, 10, 20),
            (5, 10, 25, 30),
            "Boxes with swapped corners, turned round: 1 (",
        ),
        (
            ("cat", 50, 20, 10, 60),
            (5, 10, 25, 30),
            "Boxes with swapped corners, turned round: 1 (",
        ),
    ],
)
def test_boxes_are_put_right_and_counted(voc, yolo, drawn, kept, said, capsys):
    dog = ("dog", 100, 100, 140, 110)
    write_voc(voc / "Annotations/照片 3.xml", [drawn, dog])
    write_yolo(yolo / "labels/3.txt", [drawn, dog])
    for folder in (voc, yolo):
        found = find_boxes(load(folder))
        assert len(found) == (19 if kept is None else 20)
        fits = [np.allclose(box, [50, 50, 70, 55], atol=1e-3) for box in found]
        assert sum(fits) == 1
        if kept is not None:
            assert any(np.allclose(box, kept, atol=1e-3) for box in found)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert said in lines[1]
        assert lines[1].endswith(("(照片 3.xml)", "(3.txt)"))


def spoil(voc, yolo, what):
    """Makes one mistake, and returns the folder that has it."""
    annotation = voc / "Annotations/照片 3.xml"
    labels = yolo / "labels/3.txt"
    content = annotation.read_text()
    if what == "another size":
        write_voc(annotation, DRAWN, width=640, height=480)
    elif what == "no XML":
        annotation.write_text(content[:100])
    elif what == "entity":
        annotation.write_text(
            '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
            + content.replace("cat", "&e;")
        )
    elif what == "bomb":
        annotation.write_text(
            '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
            + content.replace("cat", "&b;")
        )
    elif what == "no number":
        annotation.write_text(content.replace("<xmin>10", "<xmin>ten"))
    elif what == "not finite":
        annotation.write_text(content.replace("<xmin>10", "<xmin>nan"))
    elif what == "missing corner":
        annotation.write_text(content.replace("xmax", "xmaximum"))
    elif what == "no name":
        annotation.write_text(content.replace("<name>cat</name>", ""))
    elif what == "too many":
        write_voc(annotation, DRAWN * 300)
    elif what == "too long":
        annotation.write_text(content + " " * 1_100_000)
    elif what == "no annotation":
        annotation.unlink()
    elif what == "no photo":
        (voc / "JPEGImages/照片 3.jpg").unlink()
    elif what == "two endings":
        make_photo(voc / "JPEGImages/照片 3.png", 3)
    elif what == "listed twice":
        (voc / "ImageSets/Main").mkdir(parents=True)
        for split in ("train", "test"):
            (voc / f"ImageSets/Main/{split}.txt").write_text("照片 3\n照片 4\n")
    elif what == "listed, not there":
        (voc / "ImageSets/Main").mkdir(parents=True)
        (voc / "ImageSets/Main/train.txt").write_text("照片 3\n照片 30\n")
    elif what == "too few":
        for path in [*voc.rglob("*.jpg"), *voc.rglob("*.xml")]:
            if "1" not in path.stem:
                path.unlink()
    elif what == "not one box":
        for path in voc.rglob("*.xml"):
            write_voc(path, [])
    elif what == "empty file":
        annotation.write_text("")
    elif what.endswith("without boxes"):
        (voc / "ImageSets/Main").mkdir(parents=True)
        names = {"train": "012", "val": "345", "test": "6789"}
        for split, numbers in names.items():
            lines = [f"照片 {number}\n" for number in numbers]
            (voc / f"ImageSets/Main/{split}.txt").write_text("".join(lines))
        for number in names[what.split()[0]]:
            write_voc(voc / f"Annotations/照片 {number}.xml", [])
    elif what == "no layout":
        (voc / "Annotations").rename(voc / "Boxes")
    elif what == "no folder":
        return voc / "nowhere"
    elif what == "class":
        labels.write_text("2 0.5 0.5 0.1 0.1")
    elif what == "four words":
        labels.write_text("0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1")
    elif what == "class by name":
        labels.write_text("cat 0.5 0.5 0.1 0.1")
    elif what == "no text":
        labels.write_bytes(b"\xff\xfe\x00\x01")
    elif what == "pixels":
        labels.write_text("0 0.5 0.5 0.1 0.1\n0 30 40 40 40")
    elif what == "unknown photos":
        for path in (yolo / "images").iterdir():
            path.rename(path.with_suffix(".psd"))
    elif what == "labels only":
        (yolo / "images/3.jpg").unlink()
    elif what == "no labels":
        for path in (yolo / "labels").iterdir():
            path.unlink()
    elif what == "all labels empty":
        for path in (yolo / "labels").iterdir():
            path.write_text("\n")
    elif what == "no names":
        (yolo / "classes.txt").unlink()
    else:
        (yolo / "classes.txt").unlink()
        (yolo / "data.yaml").write_text(
            {"no YAML": "names: [cat", "no list": "names: cat", "tag": TAG}[what]
        )
    yolos = {"class", "four words", "class by name", "no text", "labels only"}
    yolos |= {"pixels", "unknown photos"}
    yolos |= {"no labels", "all labels empty", "no names", "no YAML", "no list", "tag"}
    return yolo if what in yolos else voc


TAG = "names: !!python/object/apply:os.getcwd []"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("another size", r"照片 3.xml says .* 640 x 480 .* 照片 3.jpg has 160 x 120"),
        ("no XML", r"照片 3.xml cannot be read as XML \("),
        ("entity", r"照片 3.xml declares a document type"),
        ("bomb", r"照片 3.xml declares a document type"),
        ("no number", r"照片 3.xml has 'ten' for bndbox/xmin, expected a number"),
        ("not finite", r"照片 3.xml has a box with a corner that is no finite number"),
        (
            "missing corner",
            r"照片 3.xml has nothing for bndbox/xmax, expected a number",
        ),
        ("no name", r"照片 3.xml has a box of class '', expected one of: cat, dog$"),
        ("too many", r"照片 3.xml has 600 boxes, expected at most 500"),
        ("too long", r"照片 3.xml has more than 1 MB"),
        (
            "no annotation",
            r"photos without a file of boxes, 1 \(照片 3\), expected a file",
        ),
        ("no photo", r"files of boxes without a photo, 1 \(照片 3\), expected a file"),
        ("two endings", r"照片 3.jpg and 照片 3.png, expected one file of each name"),
        ("listed twice", r"lists 照片 3, 照片 4 more than once"),
        (
            "listed, not there",
            r"photos without a file of boxes, 1 \(照片 30\), and files",
        ),
        ("too few", r"1 usable photos to learn from, expected at least 3"),
        ("not one box", r"has not one box: draw some"),
        ("empty file", r"照片 3.xml cannot be read as XML \(no element found"),
        ("train without boxes", r"no box on its photos for train \(there are 3\)"),
        ("val without boxes", r"no box on its photos for validation \(there are 3\)"),
        ("test without boxes", r"no box on its photos for test \(there are 4\)"),
        ("no layout", r"neither a folder Annotations .* nor folders images and labels"),
        ("no folder", r"nowhere is not a folder, expected one of photos and their"),
        ("class", r"3.txt has a box of class 2, expected one of: 0 cat, 1 dog"),
        ("four words", r"3.txt, line 2, is '0 0.5 0.5 0.1', expected a class and four"),
        ("class by name", r"3.txt, line 1, is 'cat 0.5 .*expected a class and four"),
        ("no text", r"3.txt is no text in UTF-8"),
        ("pixels", r"3.txt, line 2, is '0 30 40 40 40', expected numbers from 0 to 1"),
        ("unknown photos", r"files of boxes without a photo, 10 .*NAME.jpg, .jpeg, "),
        (
            "labels only",
            r"files of boxes without a photo, 1 \(3\), expected a file labels",
        ),
        (
            "no labels",
            r"photos without a file of boxes, 10 \(0, 1, 2, \.\.\.\), expected",
        ),
        ("all labels empty", r"has not one box: draw some"),
        ("no names", r"neither classes.txt nor data.yaml, expected one of them"),
        ("no YAML", r"data.yaml cannot be read as YAML"),
        ("no list", r"data.yaml has no list of names, expected a line such as"),
        ("tag", r"data.yaml cannot be read as YAML"),
    ],
)
def test_what_cannot_be_used(voc, yolo, what, said):
    folder = spoil(voc, yolo, what)
    with pytest.raises(ValueError, match=said) as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_a_class_that_was_not_asked_for(voc):
    with pytest.raises(ValueError, match=r"class 'dog', expected one of: cat, bird"):
        load(voc, class_names=("cat", "bird"))


def test_photos_that_cannot_be_used_are_counted_and_named(voc, capsys):
    photos = voc / "JPEGImages"
    (photos / "照片 3.jpg").write_text("not a picture")
    (photos / "照片 4.jpg").write_bytes((photos / "照片 4.jpg").read_bytes()[:900])
    make_photo(photos / "照片 5.jpg", 6)  # the same as another one
    dataset = load(voc)
    assert sum(counts(dataset)) == 7
    lines = [line for line in capsys.readouterr().out.splitlines() if "Left" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Left out 3 of 10 files: ")
    for said in (
        "照片 3.jpg (is not a picture",
        "照片 4.jpg (is a damaged",
        "照片 6.jpg",
    ):
        assert said in lines[0]


def test_more_than_fits_into_memory(voc, monkeypatch):
    monkeypatch.setattr(photo_folders, "MAX_BYTES", 9 * 60 * 80 * 3)
    with pytest.raises(ValueError, match="holds 10 photos, expected at most 9"):
        load(voc)


@pytest.fixture
def cells(course_data, monkeypatch):
    """The folder of BCCD."""
    if not (course_data / "BCCD").is_dir():
        pytest.skip("needs BCCD in COURSE_DATA")
    return course_data / "BCCD"


def shorten(cells, folder, count=4):
    """Copies the first photographs of each split, and what is wrong with BCCD."""
    for split in ("train", "val", "test"):
        names = (cells / f"ImageSets/Main/{split}.txt").read_text().split()
        names = [*names[:count], *(name for name in names if name[-3:] == "338")]
        target = folder / f"ImageSets/Main/{split}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(names))
        for name in names:
            for part in (f"JPEGImages/{name}.jpg", f"Annotations/{name}.xml"):
                (folder / part).parent.mkdir(exist_ok=True)
                (folder / part).write_bytes((cells / part).read_bytes())


@pytest.mark.parametrize("packed", [False, True])
def test_cells(cells, tmp_path, monkeypatch, packed, capsys):
    """Some of them, also in the publisher's archive, against another parser."""
    root = tmp_path / ("BCCD_Dataset-1.0/BCCD" if packed else "BCCD")
    shorten(cells, root)
    if packed:
        with zipfile.ZipFile(tmp_path / "BCCD_Dataset-1.0.zip", "w") as archive:
            for path in root.rglob("*"):
                archive.write(path, path.relative_to(tmp_path))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    dataset = boxes.load_cells((120, 160))
    assert (
        "Boxes without an area in their photo, left out: 1 (" in capsys.readouterr().out
    )
    assert dataset.class_names == ("RBC", "WBC", "Platelets")
    for split, name in zip(dataset[:3], ("train", "val", "test"), strict=True):
        listed = (root / f"ImageSets/Main/{name}.txt").read_text().split()
        assert len(listed) == len(split.x)
        for index, photo in enumerate(listed):
            expected = parse(root / f"Annotations/{photo}.xml")
            expected = [row for row in expected if row[1] < row[3] and row[2] < row[4]]
            labels = split.y["labels"][index]
            there = labels >= 0
            assert [dataset.class_names[label] for label in labels[there]] == [
                row[0] for row in expected
            ]
            np.testing.assert_allclose(
                split.y["boxes"][index][there],
                np.array([row[1:] for row in expected]) / 4,
                rtol=1e-5,
            )
            picture = np.asarray(Image.open(root / f"JPEGImages/{photo}.jpg"), float)
            means = picture.reshape(120, 4, 160, 4, 3).mean(axis=(1, 3))
            assert np.abs(means - split.x[index]).mean() < 4


def parse(path):
    """The boxes of an annotation by the DOM: class, left, top, right, bottom."""
    rows = []
    for one in minidom.parse(str(path)).getElementsByTagName("object"):
        texts = [
            one.getElementsByTagName(tag)[0].firstChild.data
            for tag in ("name", "xmin", "ymin", "xmax", "ymax")
        ]
        rows.append((texts[0], *map(int, texts[1:])))
    return rows


def test_all_annotations_of_the_cells(cells):
    """How many there are, and which have no area, by regular expressions."""
    texts = [path.read_text() for path in (cells / "Annotations").iterdir()]
    names = [name for text in texts for name in re.findall(r"<name>(\w+)</name>", text)]
    assert {name: names.count(name) for name in boxes.CELL_NAMES} == {
        "RBC": 4155,
        "WBC": 372,
        "Platelets": 361,
    }
    found = [boxes.parse(path, path) for path in (cells / "Annotations").iterdir()]
    corners = np.concatenate([one.boxes for one in found])
    assert len(corners) == len(names) == 4888
    assert (corners[:, :2] < corners[:, 2:]).all(axis=1).sum() == 4886
    boxes.check_cells(cells, catalog.ENTRIES["bccd"].files[0])


def test_without_the_cells():
    with pytest.raises(
        ConnectionError, match=r"python -m data fetch bccd|BCCD_Dataset"
    ):
        boxes.load_cells(SIZE)
