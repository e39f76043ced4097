"""Learned features find more of the same kind, as scikit-learn measures it; features
made by hand are those of NumPy and scikit-image.
"""

import functools

from lessons import course_4_similar_clothes as lesson

import numpy as np
import pytest
from scipy.spatial.distance import cosine
from skimage.feature import hog
from sklearn.metrics import average_precision_score

from data import fashion
from models import cnn
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
    baseline, part = metrics["baseline"], metrics["part"]
    for name in ("precision_at_10", "average_precision"):
        gain = (0.88 - 0.81) / 2
        assert metrics["test"][name] > baseline[f"pixels_{name}"] + gain
        assert part[f"own_network_{name}"] > part[f"ImageNet_{name}"] + gain
        assert baseline[f"pixels_{name}"] > baseline[f"histogram_{name}"] + 0.2
    found = [value for key, value in baseline.items() if key.endswith("at_10")]
    assert found == sorted(found, reverse=True), "the strongest first"
    assert found[-1] == baseline["chance_precision_at_10"] == pytest.approx(0.1, 0.1)
    assert metrics["search_milliseconds"] > 0


def test_learned_features_find_more_of_the_same_kind(small_run):
    """In the digits that come with pip."""
    check_quality(small_run.metrics)
    assert small_run.metrics["test"]["examples"] == 100
    small.check_only_train_was_fitted(small_run, FEWER())


@pytest.mark.full
def test_digits_as_shipped(tmp_path):
    check_quality(lesson.main(lesson.Config(logdir=tmp_path)))


def test_search_is_measured_as_scikit_learn_does():
    random = np.random.default_rng(0)
    collection = random.normal(size=(400, 5)), random.integers(0, 3, 400)
    wanted = random.normal(size=(30, 5)), random.integers(0, 3, 30)
    vectors = lesson.describe(lambda rows: rows, collection[0])
    queries = lesson.describe(lambda rows: rows, wanted[0])
    precision, average = [], []
    for query, label in zip(wanted[0], wanted[1], strict=True):
        cosines = [1 - cosine(query, vector) for vector in collection[0]]
        best = np.argsort(cosines)[::-1][:10]
        place = len(precision)
        np.testing.assert_array_equal(lesson.search(vectors, queries[place]), best)
        precision.append(np.mean(collection[1][best] == label))
        average.append(average_precision_score(collection[1] == label, cosines))
    measured = lesson.measure(vectors, collection[1], queries, wanted[1])
    assert measured["precision_at_10"] == pytest.approx(np.mean(precision))
    assert measured["average_precision"] == pytest.approx(np.mean(average), abs=1e-4)


def test_equal_cosines_rank_equally_low():
    """As scikit-learn's; what cannot be told apart is no better than a guess."""
    cosines = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    right = np.array([True, False, True, False, True])
    expected = average_precision_score(right, cosines)
    assert expected == pytest.approx((1 + 2 / 4 + 3 / 5) / 3)
    assert lesson.average_precision(cosines, right) == pytest.approx(expected)


@pytest.mark.parametrize("cells", [2, 4, 7])
def test_hog_is_that_of_scikit_image(cells, clothes):
    expected = [
        hog(
            np.float64(image[..., 0]),
            orientations=9,
            pixels_per_cell=(28 // cells, 28 // cells),
            cells_per_block=(2, 2),
        )
        for image in clothes
    ]
    computed = lesson.compute_hog(clothes, cells)
    assert computed.shape == (len(clothes), (cells - 1) ** 2 * 36)
    np.testing.assert_allclose(computed, expected, atol=1e-6)


def test_histogram_is_that_of_numpy(clothes):
    expected = [np.histogram(image, bins=16, range=(0, 256))[0] for image in clothes]
    np.testing.assert_array_equal(lesson.count_grays(clothes), expected)


@pytest.fixture(scope="module")
def clothes():
    """Digits and noise, uint8 (30, 28, 28, 1)."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 28, 28, 1), np.uint8)
    return np.concatenate([FEWER().test.x[:20], noise])
