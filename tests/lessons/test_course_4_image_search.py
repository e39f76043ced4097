"""Learned features find more of the same kind, as scikit-learn measures it."""

import functools
from pathlib import Path

from lessons import course_4_image_search as lesson

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cosine
from sklearn.datasets import load_sample_images
from sklearn.metrics import average_precision_score

from data import fashion
from models import cnn, features
from tests.lessons import small

SMALL = {"epochs": 16, "units": 64}
FEWER = small.fewer(fashion.load_fashion, train=600, others=100)
PATCHES = {
    "data.fashion.load_fashion": FEWER,
    "models.cnn.build_cnn": functools.partial(cnn.build_cnn, filters=(8, 16)),
}


def check_quality(metrics: dict) -> None:
    """Of what learned features gain over the best of the others, half at least; an
    untrained network finds what pixels find.
    """
    quality = {way.partition(": ")[2]: row for way, row in metrics["quality"].items()}
    assert set(quality) == {"pixels", "histogram", "HOG", "own network", "ImageNet"}
    for name in ("precision at 10", "average precision"):
        others = max(quality["pixels"][name], quality["ImageNet"][name])
        assert quality["own network"][name] > others + (0.88 - 0.81) / 2
        assert quality["pixels"][name] > quality["histogram"][name] + 0.2
    assert metrics["search_milliseconds"] > 0


def test_learned_features_find_more_of_the_same_kind(small_run):
    """In the digits that come with pip."""
    check_quality(small_run.metrics)
    small.check_only_train_was_fitted(small_run, FEWER())


@pytest.mark.full
def test_digits_as_shipped(tmp_path):
    check_quality(lesson.main(lesson.Config(logdir=tmp_path)))


def test_search_is_measured_as_scikit_learn_does():
    random = np.random.default_rng(0)
    collection = random.normal(size=(400, 5)), random.integers(0, 3, 400)
    queries = random.normal(size=(30, 5)), random.integers(0, 3, 30)
    vectors, sought = features.normalize(collection[0]), features.normalize(queries[0])
    precision, average = [], []
    for query, label in zip(sought, queries[1], strict=True):
        cosines = [1 - cosine(query, vector) for vector in vectors]
        best = np.argsort(cosines)[::-1][:10]
        np.testing.assert_array_equal(lesson.search(vectors, query), best)
        precision.append(np.mean(collection[1][best] == label))
        average.append(average_precision_score(collection[1] == label, cosines))
    measured = lesson.measure(features.normalize, collection, queries)
    assert measured["precision at 10"] == pytest.approx(np.mean(precision))
    assert measured["average precision"] == pytest.approx(np.mean(average), abs=1e-4)


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
    damaged = runs / "course_4_image_search/damaged/index.npz"
    damaged.parent.mkdir()
    damaged.write_bytes(b"no archive")
    metrics = small.run(lesson, runs, query=query, folder=folder, name="again")
    output = capsys.readouterr().out
    assert f"{damaged} is damaged and not used" in output
    assert "8 photos to search in, 1 of them described now" in output
    found = metrics["found"]
    assert next(iter(found.items())) == ("new.jpg", pytest.approx(1, abs=0.01))
    assert "deeper/flower_0.jpg" not in found
