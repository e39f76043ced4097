"""A convolutional network learns digits, also those of a photograph."""

from lessons import course_3_cnn as lesson

import keras
import numpy as np
import pytest

from data import digits
from data.images import drawing
from tests.lessons import small
from tests.photos import photograph

SMALL = {"epochs": 7, "learning_rate": 5e-3, "filters": (8, 16), "units": 64}


def test_it_learns(small_run):
    """Half of the way from chance to the docstring's figure."""
    assert small_run.metrics["test"]["accuracy"] > (0.1 + 0.993) / 2
    dataset = digits.load_digits()
    small.check_only_train_was_fitted(small_run, dataset)
    small.check_saved_classifier(small_run, dataset.test)


@pytest.mark.full
def test_sample_as_shipped(tmp_path):
    """What a learner gets without any download reads photographed digits too."""
    metrics = lesson.main(lesson.Config(logdir=tmp_path, name="test"))
    assert metrics["test"]["accuracy"] >= 0.975
    model = keras.models.load_model(tmp_path / "course_3_cnn/test/model.keras")
    drawings = [
        drawing.cut_out_drawing(photograph(digit, hand, 2 * digit + hand)).image
        for digit, hand in np.ndindex(10, 2)
    ]
    answers = model.predict(np.stack(drawings), verbose=0).argmax(axis=1)
    assert np.sum(answers == np.repeat(range(10), 2)) >= 18


@pytest.mark.full
def test_same_seed_same_result_whatever_is_held_out(small_run, tmp_path):
    others = {"data.digits.load_digits": small.negative(digits.load_digits)}
    metrics = small.run(lesson, tmp_path, others)
    small.check_same_training(small_run, metrics, tmp_path / "course_3_cnn/test")
