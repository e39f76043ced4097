"""Views find their photograph, and one's own photos are searched."""

from pathlib import Path

from lessons import course_4_photo_search as lesson

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.stats import rankdata
from skimage.transform import downscale_local_mean
from sklearn.datasets import load_sample_images

from tests.lessons import small

SMALL = {}


def test_views_find_their_photograph(small_run):
    """Of what the network gains over the histogram, half at least; what cannot be else
    is 0 or 1.
    """
    test, baseline = small_run.metrics["test"], small_run.metrics["baseline"]
    assert test["examples"] == 18
    assert test["cropped"] > (0.7 + 1) / 2
    assert test["cropped"] > baseline["histogram_cropped"] > baseline["pixels_cropped"]
    assert test["mirrored"] == baseline["histogram_mirrored"] == 1
    assert test["darkened"] == baseline["pixels_darkened"] == 1
    assert baseline["chance"] == pytest.approx(1 / 18)
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    ways = ("network", "histogram", "pixels")
    assert figures == {f"neighbors_{way}.png" for way in ways}


def test_ranks_are_those_of_scipy():
    """Also where photographs are the same."""
    random = np.random.default_rng(0)
    vectors = lesson.normalize(random.normal(size=(20, 3)))
    vectors[7] = vectors[3]
    queries = lesson.normalize(vectors + 0.5 * random.normal(size=(20, 3)))
    cosines = queries @ vectors.T
    expected = np.diag(rankdata(-cosines, method="max", axis=1))
    np.testing.assert_array_equal(lesson.find_ranks(vectors, queries), expected)
    for query, row in zip(queries, cosines, strict=True):
        found = lesson.search(vectors, query)
        np.testing.assert_allclose(row[found], np.sort(row)[::-1][:10])


def test_views_are_those_of_pillow():
    photo = np.random.default_rng(0).integers(0, 256, (30, 41, 3), np.uint8)
    image = Image.fromarray(photo)
    views = lesson.change(photo, 0.5, 0.5, np.random.default_rng(1))
    np.testing.assert_array_equal(views["mirrored"], ImageOps.mirror(image))
    turned = image.transpose(Image.Transpose.ROTATE_90)
    np.testing.assert_array_equal(views["turned"], turned)
    np.testing.assert_array_equal(views["darkened"], image.point(lambda v: v // 2))
    cut = views["cropped"]
    assert cut.shape == (15, 20, 3)
    windows = np.lib.stride_tricks.sliding_window_view(photo, cut.shape)
    assert (windows == cut).all(axis=(3, 4, 5)).any()


def test_features_made_by_hand():
    squares = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    pixels = lesson.get_pixels(squares)
    histograms = lesson.count_colors(squares)
    for square, row, histogram in zip(squares, pixels, histograms, strict=True):
        small_copy = downscale_local_mean(square, (7, 7, 1))
        np.testing.assert_allclose(row, small_copy.ravel())
        colors = square.reshape(-1, 3)
        expected, _ = np.histogramdd(colors, bins=4, range=[(0, 256)] * 3)
        np.testing.assert_array_equal(histogram, expected.ravel())


def test_folder_is_searched_and_its_index_brought_up_to_date(tmp_path, capsys):
    folder, runs = tmp_path / "我的照片", tmp_path / "runs"
    (folder / "deeper").mkdir(parents=True)
    photos = dict(zip(("temple", "flower"), load_sample_images().images, strict=True))
    for name, photo in photos.items():
        for index in range(4):
            top, left = 20 * index, 30 * index
            part = Image.fromarray(photo[top : top + 300, left : left + 400])
            part.save(folder / f"deeper/{name}_{index}.jpg")
    query = tmp_path / "flower.jpg"
    Image.fromarray(photos["flower"][100:, 200:]).save(query)
    (folder / "notes.txt").write_text("no photo")
    found = small.run(lesson, runs, query=query, folder=folder)["found"]
    output = capsys.readouterr().out
    assert "Left out 1 of 9 files: notes.txt (is not a picture" in output
    assert "8 photos to search in, 8 of them described now" in output
    kinds = [Path(name).name.partition("_")[0] for name in found]
    assert kinds == ["flower"] * 4 + ["temple"] * 4
    assert list(found.values()) == sorted(found.values(), reverse=True)

    (folder / "deeper/flower_0.jpg").unlink()
    query = query.rename(folder / "new.jpg")
    damaged = runs / "course_4_photo_search/damaged/index.npz"
    damaged.parent.mkdir()
    damaged.write_bytes(b"no archive")
    metrics = small.run(lesson, runs, query=query, folder=folder, name="again")
    output = capsys.readouterr().out
    assert f"{damaged} is damaged and not used" in output
    assert "8 photos to search in, 1 of them described now" in output
    found = metrics["found"]
    assert next(iter(found.items())) == ("new.jpg", pytest.approx(1, abs=0.01))
    assert "deeper/flower_0.jpg" not in found
