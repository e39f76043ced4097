"""Folders of photographs, as people have them."""

import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from data import photo_folders, photo_index

TEMPLE, FLOWER = load_sample_images().images


@pytest.fixture
def folder(tmp_path):
    """Two classes of ten photographs: parts of the temple and of the flower."""
    for name, photo in (("temples", TEMPLE), ("flowers", FLOWER)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            part = photo[10 * index : 10 * index + 200, 20 * index : 20 * index + 300]
            Image.fromarray(part).save(tmp_path / "photos" / name / f"照片 {index}.png")
    return tmp_path / "photos"


def load(folder):
    return photo_folders.load_photo_folder(folder, 32)


def counts(dataset):
    return [
        np.bincount(split.y, minlength=len(dataset.class_names)).tolist()
        for split in dataset[:3]
    ]


def pictures_of(split):
    return {image.tobytes() for image in split.x}


def test_splits_are_drawn_from_each_class_without_overlap(folder):
    dataset = load(folder)
    assert dataset.class_names == ("flowers", "temples")
    assert counts(dataset) == [[6, 6], [2, 2], [2, 2]]
    assert len(set.union(*map(pictures_of, dataset[:3]))) == 20
    for split in dataset[:3]:
        assert split.x.dtype == np.uint8
        assert split.x.shape[1:] == (32, 32, 3)
        yellow = split.x[..., 2].mean(axis=(1, 2)) < 90
        np.testing.assert_array_equal(yellow, split.y == 0)  # the flower has no blue
    again = load(folder)
    for split, same in zip(dataset[:3], again[:3], strict=True):
        np.testing.assert_array_equal(split.x, same.x)


@pytest.mark.parametrize("held_out", ["val", "Validation", "test"])
def test_single_held_out_folder_is_the_test(folder, held_out):
    (folder / "train").mkdir()
    (folder / held_out).mkdir()
    for name in ("temples", "flowers"):
        (folder / held_out / name).mkdir()
        for index in (3, 5, 7):
            (folder / name / f"照片 {index}.png").rename(
                folder / held_out / name / f"{index}.png"
            )
        (folder / name).rename(folder / "train" / name)
    assert counts(load(folder)) == [[6, 6], [1, 1], [3, 3]]


def test_three_folders(folder):
    for split in ("train", "valid", "test"):
        (folder / split).mkdir()
    for name in ("temples", "flowers"):
        for index, split in ((0, "valid"), (1, "test"), (2, "test")):
            (folder / split / name).mkdir(exist_ok=True)
            (folder / name / f"照片 {index}.png").rename(
                folder / split / name / f"{index}.png"
            )
        (folder / name).rename(folder / "train" / name)
    assert counts(load(folder)) == [[7, 7], [1, 1], [2, 2]]


LAYOUTS = {
    # Dogs and cats, as courses pass them on.
    "cats": ("training_set", None, "test_set", "single_prediction/cat_or_dog_1"),
    # Tumors on Kaggle.
    "tumors": ("Training", None, "Testing", None),
    # Landscapes of Intel, in an archive's folder.
    "intel": (
        "archive/seg_train/seg_train",
        None,
        "archive/seg_test/seg_test",
        "archive/seg_pred/seg_pred",
    ),
    "roboflow": ("train", "valid", "test", None),
    "upper": ("TRAIN", "Dev", "TEST", None),
    "unlabeled": ("train", "validation", None, "test1"),
    "chinese": ("训练集", "验证集", "测试集", None),
    "years": ("train2017", "val2017", "test_images (1)", None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folders_are_recognized_as_they_are_downloaded(
    folder, layout, capsys, tmp_path
):
    """Split by whatever name says so; what is not used is named."""
    train, validation, test, unlabeled = LAYOUTS[layout]
    root = tmp_path / "downloaded"
    places = {train: (0, 5), validation or test: (5, 8), test or validation: (8, 10)}
    for place, numbers in places.items():
        for name in ("temples", "flowers"):
            (root / place / name).mkdir(parents=True)
            for index in range(*numbers):
                photo = folder / name / f"照片 {index}.png"
                shutil.copy(photo, root / place / name / f"{index}.png")
    if unlabeled:
        (root / unlabeled).mkdir(parents=True)
        shutil.copy(folder / "flowers/照片 9.png", root / unlabeled / "1.png")
    for name in ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", ".cache"):
        for place in ("", train):
            (root / place / name / "flowers").mkdir(parents=True)
            shutil.copy(folder / "temples/照片 9.png", root / place / name / "1.png")
    dataset = load(root)
    assert dataset.class_names == ("flowers", "temples")
    if validation and test:
        assert counts(dataset) == [[5, 5], [3, 3], [2, 2]]
    else:
        assert counts(dataset)[0] == [4, 4], "a fifth is drawn for validation"
    lines = capsys.readouterr().out.splitlines()
    unused = [line for line in lines if line.startswith("Not used: ")]
    assert len(unused) == bool(unlabeled)
    if unlabeled:
        name = unlabeled.split("/")[1 if layout == "intel" else 0]
        assert f"the folders {name} in " in unused[0]


def test_folders_that_only_look_like_splits_are_classes(folder):
    """Also two that end in the same word; a class may hold folders."""
    (folder / "temples").rename(folder / "diesel_train")
    (folder / "flowers").rename(folder / "steam_train")
    (folder / "steam_train/2019").mkdir()
    (folder / "steam_train/照片 1.png").rename(folder / "steam_train/2019/1.png")
    with pytest.raises(ValueError, match=r"holds 1 subfolders"):
        load(folder)
    (folder / "steam_train/2019/1.png").rename(folder / "steam_train/1.png")
    (folder / "steam_train/2019").rmdir()
    dataset = load(folder)
    assert dataset.class_names == ("diesel_train", "steam_train")
    assert counts(dataset) == [[6, 6], [2, 2], [2, 2]]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (("one/a", "one/b", "two/a", "two/b"), r"holds 'one' and 'two' with the same"),
        (("a/a", "a/b", "b/a", "b/b", "b/c"), r"name what holds them train, val or"),
        (("train/a", "train/b", "Training/a"), r"'Training' and 'train', expected one"),
        (("train/a", "train/b", "val/a", "valid/b"), r"one of them for the validation"),
        (("test_set/a", "test_set/b", "c"), r"has a folder 'test_set' and none named"),
        (("seg_train", "seg_test"), r"seg_train holds 0 subfolders .*, expected at"),
        (("train", "car", "plane"), r"holds 0 subfolders .*named train, val or test"),
        (("train/a", "train/b", "test"), r"test holds no usable photos, expected a"),
    ],
)
def test_folders_that_can_mean_two_things_are_asked_about(
    folder, places, said, tmp_path
):
    """Never learned as classes in silence."""
    for number, place in enumerate(places):
        (tmp_path / "odd" / place).mkdir(parents=True)
        for index in range(6):
            photo = folder / ("flowers", "temples")[number % 2] / f"照片 {index}.png"
            shutil.copy(photo, tmp_path / "odd" / place / f"{index}.png")
    with pytest.raises(ValueError, match=said):
        load(tmp_path / "odd")


def test_photos_beside_the_classes_and_links_in_a_circle_are_counted(folder, capsys):
    shutil.copy(folder / "flowers/照片 1.png", folder / "beside.JPG")
    (folder / "labels.csv").write_text("1,2\n")
    (folder / "round").symlink_to(folder, target_is_directory=True)
    for name in ("flowers", "temples"):
        (folder / name / "up").symlink_to(folder, target_is_directory=True)
        (folder / name / "here").symlink_to(folder / name, target_is_directory=True)
    dataset = load(folder)
    assert dataset.class_names == ("flowers", "temples")
    assert counts(dataset) == [[6, 6], [2, 2], [2, 2]]
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("Left out")
    ]
    assert line.startswith("Left out 6 of 26 files: ")
    assert "photos/beside.JPG (is in no folder of a class)" in line
    assert "photos/flowers/here (is a link in a circle)" in line
    assert len(photo_index.list_files(folder)) == 27, "20, 2 beside them, 5 links"


def test_files_that_cannot_be_used_are_counted_and_named(folder, capsys):
    flowers = folder / "flowers"
    (flowers / "notes.txt").write_text("not a picture")
    (flowers / "empty.jpg").touch()
    whole = (flowers / "照片 1.png").read_bytes()
    (flowers / "cut.png").write_bytes(whole[:2000])
    Image.new("RGB", (1, 1)).save(flowers / "dot.png")
    Image.new("1", (20_000, 5_000)).save(flowers / "wide.png")
    Image.fromarray(FLOWER).save(flowers / "moving.gif")
    (flowers / ".DS_Store").touch()
    assert counts(load(folder)) == [[6, 6], [2, 2], [2, 2]]
    lines = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("Left out")
    ]
    assert len(lines) == 1
    assert lines[0].startswith("Left out 6 of 26 files: ")
    assert lines[0].endswith(" and 1 more")
    for said in (
        "flowers/cut.png (is a damaged picture",
        "flowers/dot.png (has 1 x 1 pixels",
        "empty.jpg (is not a",
    ):
        assert said in lines[0]


def test_every_kind_of_picture_is_read(folder):
    image = Image.fromarray(FLOWER[:100, :100])
    flowers = folder / "flowers"
    for mode, ending in (
        ("L", "png"),
        ("RGBA", "png"),
        ("CMYK", "jpg"),
        ("1", "png"),
        ("P", "png"),
    ):
        image.convert(mode).save(flowers / f"{mode}.{ending}")
    Image.fromarray(np.uint16(FLOWER[:90, :90, 0]) * 257).save(flowers / "deep.png")
    assert sum(count[0] for count in counts(load(folder))) == 16


@pytest.mark.parametrize(
    "where",
    ["train/flowers/again.bmp", "test/flowers/twice.png", "train/temples/other.png"],
)
def test_the_same_picture_is_used_once_and_stays_in_the_test(folder, where, capsys):
    for split in ("train", "test"):
        for name in ("temples", "flowers"):
            (folder / split / name).mkdir(parents=True)
    for name in ("temples", "flowers"):
        for index in range(10):
            split = "test" if index < 3 else "train"
            (folder / name / f"照片 {index}.png").rename(
                folder / split / name / f"{index}.png"
            )
        (folder / name).rmdir()
    before = load(folder)
    capsys.readouterr()
    Image.open(folder / "test/flowers/1.png").save(folder / where)
    after = load(folder)
    assert (
        f"{where} (the same picture as test/flowers/1.png)" in capsys.readouterr().out
    )
    for split, same in zip(before[:3], after[:3], strict=True):
        np.testing.assert_array_equal(split.x, same.x)


def test_what_cannot_be_learned_is_refused(folder, tmp_path, monkeypatch):
    with pytest.raises(
        ValueError,
        match=(
            "nowhere is not a folder, expected one with a subfolder of photos for each"
        ),
    ):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"照片 1.png is not a folder"):
        load(folder / "flowers" / "照片 1.png")
    with pytest.raises(ValueError, match="flowers holds 0 subfolders"):
        load(folder / "flowers")
    with monkeypatch.context() as patch:
        patch.setattr(photo_folders, "MAX_BYTES", 10 * 32 * 32 * 3)
        with pytest.raises(ValueError, match="holds 20 files, expected at most 10"):
            load(folder)
    for index in range(1, 10):
        (folder / "flowers" / f"照片 {index}.png").unlink()
    with pytest.raises(
        ValueError,
        match=(
            r"class 'flowers' has 1 usable photos in .*, expected at least 4: two "
            r"to learn from and one for the"
        ),
    ):
        load(folder)
    (folder / "flowers" / "照片 0.png").write_text("no picture")
    with pytest.raises(ValueError, match="class 'flowers' has 0 usable photos"):
        load(folder)
    shutil.rmtree(folder / "flowers")
    with pytest.raises(ValueError, match=r"holds 1 subfolders.*at least two"):
        load(folder)


@pytest.mark.parametrize("name", ["test", "val"])
def test_held_out_folder_without_one_to_learn_from(folder, name):
    shutil.copytree(folder / "flowers", folder / name / "flowers")
    with pytest.raises(
        ValueError, match=f"has a folder '{name}' and none named 'train', expected both"
    ):
        load(folder)


def test_class_that_only_the_test_has(folder):
    for split in ("train", "test"):
        shutil.copytree(folder / "flowers", folder / split / "flowers")
    shutil.copytree(folder / "temples", folder / "test" / "temples")
    shutil.copytree(folder / "temples", folder / "train" / "towers")
    with pytest.raises(
        ValueError,
        match=(
            r"test has a folder 'temples', expected the classes to learn: flowers, "
            r"towers"
        ),
    ):
        load(folder)


@pytest.mark.parametrize("content", [None, "no picture"])
def test_test_folder_without_photos(folder, content):
    for name in ("temples", "flowers"):
        shutil.move(folder / name, folder / "train" / name)
        (folder / "test" / name).mkdir(parents=True)
        if content:
            (folder / "test" / name / "a.jpg").write_text(content)
    with pytest.raises(
        ValueError,
        match=(
            "test holds no usable photos, expected a folder of them for each class: "
            "flowers, temples"
        ),
    ):
        load(folder)


def test_index_keeps_what_was_described_before_an_interruption(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(photo_index, "BATCH", 8)
    files, path = photo_index.list_files(folder), tmp_path / "runs/first/index.npz"
    path.parent.mkdir(parents=True)
    described = []

    def compute(images):
        if len(described) == 16:
            raise KeyboardInterrupt
        described.extend(images)
        return np.float32(images.mean(axis=(1, 2)))

    with pytest.raises(KeyboardInterrupt):
        photo_index.update_index(path, "means", files, compute, 32)
    described.clear()
    second = tmp_path / "runs/second/index.npz"
    second.parent.mkdir()
    index = photo_index.update_index(second, "means", files, compute, 32)
    assert len(described) == 4
    assert len(index.names) == 20
    for name, vector in zip(index.names, index.vectors, strict=True):
        image = photo_folders.read_square(folder / name, 32)
        np.testing.assert_allclose(vector, image.mean(axis=(0, 1)), rtol=1e-5)
    other = tmp_path / "runs/third/index.npz"
    other.parent.mkdir()
    described.clear()
    photo_index.update_index(
        other, "other vectors", dict(list(files.items())[:3]), compute, 32
    )
    assert len(described) == 3


def test_link_to_nowhere_is_left_out(folder, capsys):
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    path = folder / "index.npz"
    files = photo_index.list_files(folder)
    index = photo_index.update_index(
        path, "means", files, lambda images: np.float32(images.mean(axis=(1, 2))), 32
    )
    assert len(index.names) == 20
    assert (
        "Left out 1 of 21 files: gone.jpg (No such file or directory)"
        in capsys.readouterr().out
    )


def test_folder_that_cannot_be_read(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(folder), "iterdir", refuse)
    with pytest.raises(PermissionError, match="photos"):
        load(folder)


def test_ants_and_bees_as_published_and_unpacked(
    course_data, monkeypatch, tmp_path, capsys
):
    if not (course_data / "hymenoptera_data.zip").is_file():
        pytest.skip("needs hymenoptera_data.zip in COURSE_DATA")
    zipped = photo_folders.load_ants_and_bees(64)
    assert (
        "Left out 1 of 398 files: train/ants/imageNotFound.gif"
        in capsys.readouterr().out
    )
    assert zipped.class_names == ("ants", "bees")
    assert counts(zipped)[2] == [70, 83]
    assert np.sum(counts(zipped)[:2]) == 244
    with zipfile.ZipFile(course_data / "hymenoptera_data.zip") as archive:
        archive.extractall(tmp_path)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    unpacked = photo_folders.load_ants_and_bees(64)
    for split, same in zip(zipped[:3], unpacked[:3], strict=True):
        np.testing.assert_array_equal(split.x, same.x)


@pytest.mark.parametrize("content", [b"", b"a login page", b"PK\x03\x04 and no more"])
def test_damaged_archive(content, monkeypatch, tmp_path):
    (tmp_path / "hymenoptera_data.zip").write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(
        ValueError, match=r"cannot be read as a zip archive.*delete or replace it"
    ):
        photo_folders.load_ants_and_bees(64)


def test_digits_where_there_are_no_photos(capsys):
    new, known = photo_folders.load_photos_or_digits(None, 64)
    assert (
        "No photos of ants and bees: hymenoptera_data.zip is neither in COURSE_DATA"
        in capsys.readouterr().out
    )
    assert new.class_names == tuple("56789")
    assert counts(new)[0] == [10] * 5
    assert known.class_names == tuple("01234")
    for dataset in (new, known):
        assert {label for split in dataset[:3] for label in split.y} == set(range(5))
    assert not set.union(*map(pictures_of, new[:3])) & set.union(
        *map(pictures_of, known[:3])
    )
