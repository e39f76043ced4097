"""What was learned before helps to learn from few pictures."""

import functools

from lessons import course_5_transfer_learning as lesson

import keras
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from data import digits, photo_folders
from models import cnn
from tests.lessons import small

SMALL = {}
PATCHES = {"models.cnn.build_cnn": functools.partial(cnn.build_cnn, filters=(8, 16))}


def check_digits(metrics):
    """From 20 %, which five digits are by chance, half of the way to the docstring's
    figures; each way is better than the one before it.
    """
    baseline = metrics["baseline"]
    fine_tuned = metrics["test"]["accuracy"]
    assert baseline["head"] > (0.2 + 0.7) / 2
    assert fine_tuned > (0.2 + 0.87) / 2
    assert fine_tuned > baseline["head"] + 0.05
    assert fine_tuned > baseline["scratch"] + 0.05


def test_digits_are_transferred_where_there_are_no_photos(small_run):
    assert "No photos of ants and bees" in small_run.out
    check_digits(small_run.metrics)
    small.check_only_train_was_fitted(small_run, digits.load_digits())


def test_baseline_is_the_best_constant_answer(small_run):
    """Against scikit-learn's; the strongest baseline stands first."""
    baseline = small_run.metrics["baseline"]
    test = digits.choose_digits(digits.load_digits(), range(5, 10)).test
    constant = DummyClassifier(strategy="most_frequent").fit(*test)
    assert baseline["majority"] == pytest.approx(constant.score(*test))
    assert list(baseline) == ["head", "scratch", "majority"]


def test_saved_predictions_are_those_of_the_test(small_run):
    saved = np.load(small_run.folder / "test_predictions.npz")
    tested = small_run.metrics["test"]
    assert len(saved["id"]) == tested["examples"]
    accuracy = np.mean(saved["prediction"] == saved["truth"])
    assert accuracy == pytest.approx(tested["accuracy"])


@pytest.mark.full
def test_digits_as_shipped(tmp_path):
    check_digits(lesson.main(lesson.Config(logdir=tmp_path)))


@pytest.mark.full
def test_head_on_ants_and_bees_is_a_logistic_regression(tmp_path, course_data):
    """With the answers of scikit-learn's; at 224 pixels, which is faster."""
    if not (course_data / "hymenoptera_data.zip").is_file():
        pytest.skip("needs hymenoptera_data.zip in COURSE_DATA")
    metrics = small.run(lesson, tmp_path, ways=("head",), size=224)
    assert metrics["test"]["accuracy"] >= 0.92
    path = tmp_path / "course_5_transfer_learning/test/model.keras"
    model = keras.models.load_model(path)
    photos = photo_folders.load_ants_and_bees(224)
    extractor = keras.Model(model.inputs[0], model.layers[-1].input)
    features, others = (
        extractor.predict(split.x, verbose=0) for split in (photos.train, photos.test)
    )
    oracle = LogisticRegression(C=1 / (1e-3 * len(features)), max_iter=1000)
    oracle.fit(features, photos.train.y)
    answers = model.layers[-1](others).numpy().argmax(axis=1)
    assert (oracle.predict(others) == answers).mean() >= 0.98
    accuracy = np.mean(answers == photos.test.y)
    assert accuracy == pytest.approx(metrics["test"]["accuracy"])
