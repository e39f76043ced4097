"""Folders of photographs with the class of each pixel, as people have them."""

import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from data import masks, photo_folders
from data.sources import catalog

SIZE = (60, 80)
TEMPLE = load_sample_image("china.jpg")
LAYOUTS = {
    "images": ("images/{}.jpg", "masks/{}.png"),
    "camvid": ("train/{}.jpg", "trainannot/{}.png"),
    "voc": ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
}


def cut(index, width=160, height=120):
    """A part of a photograph, and a mask of four classes that depends on its colors."""
    part = TEMPLE[10 * index : 10 * index + height, 20 * index : 20 * index + width]
    mask = np.uint8(part.sum(axis=2) // 200)  # 0 to 3
    mask[:5] = masks.VOID
    return part, mask


def save(path, values, palette=False, **flags):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette:
        image.putpalette(np.random.default_rng(0).bytes(768))
        assert image.mode == "P"
    image.save(path, **flags)


def make_folder(folder, layout, count=10, palette=False):
    photo, mask = LAYOUTS[layout]
    for index in range(count):
        picture, classes = cut(index)
        save(folder / photo.format(f"照片 {index}"), picture)
        save(folder / mask.format(f"照片 {index}"), classes, palette)
    return folder


@pytest.fixture
def folder(tmp_path):
    """Ten photographs and their masks."""
    return make_folder(tmp_path / "own", "images")


def load(folder, size=SIZE):
    return masks.load_mask_folder(folder, size)


def counts(dataset):
    return [len(split.x) for split in dataset[:3]]


def nearest(mask, size):
    """The pixel of the mask in which the middle of each pixel of the result lies."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def check(dataset, size=SIZE):
    """Each mask is that of the photograph it stands beside."""
    photos = [cut(index) for index in range(10)]
    means = np.array([photo.mean(axis=(0, 1)) for photo, _ in photos])
    found = []
    for x, y in dataset[:3]:
        assert x.dtype == y.dtype == np.uint8
        assert x.shape == (len(x), *size, 3)
        assert y.shape == (len(x), *size)
        for image, mask in zip(x, y, strict=True):
            distance = np.abs(means - image.mean(axis=(0, 1))).max(axis=1)
            found.append(int(distance.argmin()))
            assert distance.min() < 1
            np.testing.assert_array_equal(mask, nearest(photos[found[-1]][1], size))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("palette", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout, palette):
    dataset = load(make_folder(tmp_path, layout, palette=palette))
    assert counts(dataset) == [6, 2, 2]
    check(dataset)
    assert dataset.class_names == ("0", "1", "2", "3")
    assert dataset.source.endswith("6 for train, 2 for validation, 2 for test")
    for split, same in zip(dataset[:3], load(tmp_path)[:3], strict=True):
        np.testing.assert_array_equal(split.x, same.x)
        np.testing.assert_array_equal(split.y, same.y)


@pytest.mark.parametrize(
    ("photos", "drawn"),
    [
        ("images/{}", "masks/{}"),
        ("{}/images", "{}/masks"),
        ("{}", "{}annot"),
    ],
)
def test_folders_of_splits(tmp_path, photos, drawn):
    for index in range(10):
        split = "train" if index < 6 else ("val", "test")[index % 2]
        picture, classes = cut(index)
        save(tmp_path / photos.format(split) / f"{index}.png", picture)
        save(tmp_path / drawn.format(split) / f"{index}.png", classes)
    dataset = load(tmp_path)
    assert counts(dataset) == [6, 2, 2]
    check(dataset)


def test_lists_of_pascal_voc(tmp_path):
    make_folder(tmp_path, "voc")
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split, part in {"train": range(5), "val": (5, 6, 7), "test": (8, 9)}.items():
        (lists / f"{split}.txt").write_text("\n".join(f"照片 {n}" for n in part))
    dataset = load(tmp_path)
    assert counts(dataset) == [5, 3, 2]
    check(dataset)
    (lists / "test.txt").unlink()
    assert counts(load(tmp_path)) == [4, 1, 3]  # the only held-out list is the test
    # Photographs that no list names may have no mask, as in Pascal VOC.
    (tmp_path / "SegmentationClass/照片 9.png").unlink()
    assert counts(load(tmp_path)) == [4, 1, 3]


@pytest.mark.parametrize("place", ["classes.txt", "masks/classes.txt"])
def test_names_of_classes(folder, place):
    (folder / place).write_text("sky\n roof\n\ntree\n人\nnever seen\n", "utf-8")
    assert load(folder).class_names == ("sky", "roof", "tree", "人", "never seen")


@pytest.mark.parametrize("size", [(60, 80), (37, 101), (120, 160), (250, 200)])
def test_no_class_appears_that_was_not_there(folder, size):
    """Classes 0, 3 and 255 have others between them, which blending would bring."""
    for index in range(10):
        _, mask = cut(index)
        mask[(mask == 1) | (mask == 2)] = 3
        save(folder / f"masks/照片 {index}.png", mask)
    dataset = load(folder, size)
    found = {value for split in dataset[:3] for value in np.unique(split.y).tolist()}
    assert found == {0, 3, 255}


def test_photographs_are_averaged_where_they_shrink(folder):
    """Black and white in turn become gray, not black or white."""
    stripes = np.zeros((120, 160, 3), np.uint8)
    stripes[:, ::2] = 255
    save(folder / "images/照片 0.jpg", stripes, quality=100)
    dataset = load(folder)
    spread = [np.ptp(image[..., 0]) for split in dataset[:3] for image in split.x]
    assert min(spread) < 40


def test_a_palette_counts_by_its_numbers(folder, tmp_path):
    """The colors of a palette mean nothing: 16 colors, packed two pixels a byte."""
    other = make_folder(tmp_path / "other", "images")
    for index in range(10):
        _, mask = cut(index)
        mask[mask == masks.VOID] = 0
        save(folder / f"masks/照片 {index}.png", mask)
        save(other / f"masks/照片 {index}.png", mask, palette=True, bits=4)
    for split, same in zip(load(folder)[:3], load(other)[:3], strict=True):
        np.testing.assert_array_equal(split.y, same.y)


def spoil(folder, what):
    """Makes one mistake."""
    photo, mask = folder / "images/照片 3.jpg", folder / "masks/照片 3.png"
    picture, classes = cut(3)
    if what == "another size":
        save(mask, classes[:60])
    elif what == "colors":
        save(mask, picture)
    elif what == "colors and transparency":
        save(mask, np.dstack([picture, classes]))
    elif what == "beyond the list":
        (folder / "classes.txt").write_text("sky\nroof\ntree\n")
    elif what == "16 bits":
        save(mask, classes.astype(np.uint16) * 300)
    elif what == "mask without photo":
        photo.unlink()
    elif what == "photos without mask":
        mask.unlink()
        (folder / "masks/照片 4.png").unlink()
    elif what == "both":
        photo.unlink()
        (folder / "masks/照片 4.png").unlink()
    elif what == "all void":
        for path in (folder / "masks").iterdir():
            save(path, np.full_like(classes, masks.VOID))
    elif what == "black and white":
        for path in (folder / "masks").iterdir():
            save(path, np.where(classes == 2, 255, 0).astype(np.uint8))
    elif what == "no picture":
        mask.write_text("class 3")
    elif what == "damaged":
        mask.write_bytes(mask.read_bytes()[:300])
    elif what == "JPEG":
        mask.unlink()
        save(mask.with_suffix(".jpg"), classes)
    elif what == "JPEG by another name":
        save(mask, classes, format="JPEG")
    elif what == "one name":
        (folder / "classes.txt").write_text("sky\n")
    elif what == "names in UTF-16":
        (folder / "classes.txt").write_text("sky\nroof", "utf-16")
    elif what == "two endings":
        save(photo.with_suffix(".png"), picture)
    elif what == "too few":
        for path in folder.rglob("*.*g"):
            if "1" not in path.stem:
                path.unlink()
    elif what in ("no photos", "empty"):
        for path in [*folder.rglob("*.*g")]:
            path.unlink()
    if what == "empty":
        (folder / "images").rmdir()
        (folder / "masks").rmdir()
    if what == "no folder":
        return folder / "nowhere"
    return folder


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "another size",
            r"照片 3.png has 160 x 60 pixels, but its photo 照片 3.jpg has 160 x 120",
        ),
        ("colors", r"照片 3.png has colors \(RGB\), expected the number of a class"),
        ("colors and transparency", r"照片 3.png has colors \(RGBA\), expected the nu"),
        (
            "beyond the list",
            r"照片 \d.png has pixels of class 3, expected 0 to 2 \(sky, roof, tree\)"
            ", or 255 for none",
        ),
        (
            "16 bits",
            r"照片 3.png has pixels of class 300, 600, 900, ..., exp",
        ),
        (
            "mask without photo",
            r"has masks without a photo, 1 \(照片 3\), expected a file masks/NAME.png",
        ),
        (
            "photos without mask",
            r"has photos without a mask, 2 \(照片 3, 照片 4\), exp",
        ),
        (
            "both",
            r"photos without a mask, 1 \(照片 4\), and masks without a photo, 1 \(照",
        ),
        ("all void", r"not one usable photo, .*\(no pixel of its mask has a class\)"),
        ("black and white", r"masks of only one class, 0 \(255 is for pixels without"),
        ("no picture", r"照片 3.png is not a picture, expected a PNG"),
        ("damaged", r"照片 3.png is a damaged picture"),
        ("JPEG", r"masks has 1 \(照片 3.jpg\), expected masks as PNG: export them"),
        ("JPEG by another name", r"照片 3.png is a JPEG, whatever its name, expected"),
        ("one name", r"classes.txt has 1 names, expected 2 to 255, one a line"),
        ("names in UTF-16", r"classes.txt is no text in UTF-8"),
        ("two endings", r"照片 3.jpg and 照片 3.png, expected one file of each name"),
        ("too few", r"has 1 usable photos to learn from, expected at least 3"),
        ("no photos", r"has no photos, expected some with their masks"),
        ("empty", r"has neither folders images and masks, nor train and trainannot"),
        ("no folder", r"nowhere is not a folder, expected one of photos and their"),
    ],
)
def test_what_cannot_be_used(folder, what, said):
    spoiled = spoil(folder, what)
    with pytest.raises(ValueError, match=said) as error:
        load(spoiled)
    assert "\n" not in str(error.value)


def test_photos_that_cannot_be_used_are_counted_and_named(folder, capsys):
    (folder / "images/照片 3.jpg").write_text("not a picture")
    save(folder / "masks/照片 4.png", np.full((120, 160), masks.VOID, np.uint8))
    save(folder / "images/照片 5.jpg", cut(6)[0])  # the same as another one
    dataset = load(folder)
    assert sum(counts(dataset)) == 7
    lines = [line for line in capsys.readouterr().out.splitlines() if "Left" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Left out 3 of 10 files: ")
    for said in (
        "照片 3.jpg (is not a picture",
        "照片 4.jpg (no pixel of its mask has a class)",
        "照片 6.jpg (the same picture as images/照片 5.jpg)",
    ):
        assert said in lines[0].replace(f"{folder.name}/", "")


def test_more_than_fits_into_memory(folder, monkeypatch):
    monkeypatch.setattr(photo_folders, "MAX_BYTES", 9 * 60 * 80 * 4)
    with pytest.raises(ValueError, match="holds 10 photos, expected at most 9"):
        load(folder)


def make_camvid(root, ending=".png"):
    """Its layout, with shorter drives; the number of each frame is its color."""
    drives = {
        "train": {"0001TP_006{:03}": 15, "0006R0_f00{:03}": 20},
        "val": {"0016E5_07{:03}": 3},
        "test": {"0001TP_008{:03}": 2, "Seq05VD_f00{:03}": 3},
    }
    for split, named in drives.items():
        for name, count in named.items():
            for index in range(count):
                stem = name.format(30 * index)
                photo = np.full((36, 48, 3), 6 * index, np.uint8)
                photo[..., 2] = 40 * "tvs".index(split[0] if split != "test" else "s")
                photo[..., 1] = 20 * list(named).index(name)
                mask = np.full((36, 48), index % 12, np.uint8)
                mask[:, :20] = 3
                save(root / split / (stem + ending), photo)
                save(root / f"{split}annot" / f"{stem}.png", mask)
    return root


@pytest.mark.parametrize("packed", [False, True])
def test_drives_are_cut(tmp_path, monkeypatch, packed, capsys):
    """The publisher's archive, and a folder: the last fifth of each drive for
    validation, nothing within eight frames of it for training.
    """
    if packed:
        make_camvid(tmp_path / masks.MEMBER)
        name = catalog.ENTRIES["camvid"].files[0].name
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path in (tmp_path / masks.MEMBER).rglob("*"):
                archive.write(path, path.relative_to(tmp_path))
    else:
        make_camvid(tmp_path / "camvid", ".png")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    dataset, unseen = masks.load_camvid((18, 24))
    assert "research" in capsys.readouterr().out
    assert "research" in dataset.source
    frames = [
        [(int(image[0, 0, 1]) // 20, int(image[0, 0, 0]) // 6) for image in split.x]
        for split in dataset[:3]
    ]
    first, second = range(15), range(20)
    assert frames[0] == [(0, n) for n in first[:4]] + [(1, n) for n in second[:8]]
    assert frames[1] == [(0, n) for n in first[12:]] + [(1, n) for n in second[16:]]
    assert frames[2] == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    assert unseen.tolist() == [False, False, True, True, True]
    for split, part in zip(dataset[:3], frames, strict=True):
        assert split.y.shape == (len(part), 18, 24)
        assert (split.y[:, :, :10] == 3).all()
        right = [255 if n % 12 == 11 else n % 12 for _, n in part]
        np.testing.assert_array_equal(split.y[:, 0, 10], right)
    assert dataset.class_names == masks.CAMVID_NAMES


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no test", r"camvid has no photos in test, expected CamVid's folders"),
        ("a short drive", r"10 photos of the drive 0006R0, expected more than 10"),
        ("another void", r"_006000.png has pixels of class 12, expected 0 to 10 .* 11"),
    ],
)
def test_another_camvid(tmp_path, monkeypatch, what, said):
    root = make_camvid(tmp_path / "camvid")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for path in [*root.rglob("*.png")]:
        number = int(path.stem[-3:])
        if (what == "no test" and path.parent.name.startswith("test")) or (
            what == "a short drive" and "0006R0" in path.stem and number >= 300
        ):
            path.unlink()
    if what == "another void":
        save(root / "trainannot/0001TP_006000.png", np.full((36, 48), 12, np.uint8))
    with pytest.raises(ValueError, match=said):
        masks.load_camvid((18, 24))
    with pytest.raises(ValueError, match=re.escape(str(root))):
        masks.check_camvid(root, catalog.ENTRIES["camvid"].files[0])


def find_mean_iou(truth, prediction, classes=11):
    """One class after the other, over all photographs, without void."""
    prediction = np.broadcast_to(prediction, truth.shape)[truth != masks.VOID]
    truth = truth[truth != masks.VOID]
    ious = [
        np.sum((truth == one) & (prediction == one))
        / np.sum((truth == one) | (prediction == one))
        for one in range(classes)
        if (truth == one).any()
    ]
    return np.mean(ious)


def test_camvid(course_data, monkeypatch):
    """The real files: counts, and what the simplest answers reach on the test."""
    if not (course_data / "camvid").is_dir():
        pytest.skip("needs camvid in COURSE_DATA")
    monkeypatch.setenv("COURSE_DATA", str(course_data))
    dataset, unseen = masks.load_camvid((90, 120))
    assert counts(dataset) == [270, 73, 233]
    assert unseen.sum() == 171
    assert not unseen[:62].any()
    for split in dataset[:3]:
        assert np.unique(split.y).tolist() == [*range(11), 255]
    votes = np.array([(dataset.train.y == one).sum(axis=0) for one in range(11)])
    commonest = votes.sum(axis=(1, 2)).argmax()
    assert dataset.class_names[commonest] == "road"
    assert find_mean_iou(dataset.test.y, commonest) == pytest.approx(0.0245, abs=5e-4)
    place = find_mean_iou(dataset.test.y, votes.argmax(axis=0))
    assert place == pytest.approx(0.165, abs=0.003)
