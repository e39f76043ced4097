"""What was learned before helps to learn from few pictures."""

import functools

from lessons import course_5_transfer_learning as lesson

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from data import digits, photo_folders
from models import cnn
from tests.lessons import small

SMALL = {}
PATCHES = {"models.cnn.build_cnn": functools.partial(cnn.build_cnn, filters=(8, 16))}


def test_digits_are_transferred_where_there_are_no_photos(small_run):
    """From 20 %, which five digits are by chance; 87 % is what the docstring says."""
    ways = small_run.metrics["ways"]
    tested = {way: splits["test"]["accuracy"] for way, splits in ways.items()}
    assert "No photos of ants and bees" in small_run.out
    assert tested["head"] > (0.2 + 0.87) / 2
    assert tested["fine_tuning"] > (0.2 + 0.87) / 2
    assert tested["fine_tuning"] > tested["head"] + 0.05
    assert tested["fine_tuning"] > tested["scratch"] + 0.05
    small.check_only_train_was_fitted(small_run, digits.load_digits())


@pytest.mark.full
def test_digits_as_shipped(tmp_path):
    ways = lesson.main(lesson.Config(logdir=tmp_path))["ways"]
    tested = {way: splits["test"]["accuracy"] for way, splits in ways.items()}
    assert tested["scratch"] > (0.2 + 0.62) / 2
    assert tested["head"] > (0.2 + 0.87) / 2
    assert tested["fine_tuning"] > tested["head"] + 0.05
    assert tested["fine_tuning"] > tested["scratch"] + 0.05


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
