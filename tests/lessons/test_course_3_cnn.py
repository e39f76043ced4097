"""A convolutional network learns digits, also those of a photograph."""

from lessons import course_3_cnn as lesson

import keras
import numpy as np
import pytest
from scipy.ndimage import shift

from data import Split, digits
from data.images import drawing
from tests.lessons import small
from tests.photos import photograph

SMALL = {"epochs": 2, "learning_rate": 5e-3, "filters": (8, 16), "units": 64}


def test_it_learns(small_run):
    """Half of the way from chance to the docstring's figure."""
    assert small_run.metrics["test"]["accuracy"] > (0.1 + 0.992) / 2
    dataset = digits.load_digits()
    small.check_only_train_was_fitted(small_run, dataset)
    moved = small.find_fingerprints(lesson.add_moved(dataset.train).x)
    np.testing.assert_array_equal(np.concatenate(small_run.fitted), np.unique(moved))
    small.check_saved_classifier(small_run, dataset.test)


def test_moved_images_are_those_of_scipy():
    """No digit is cut off: some have gray pixels at the edge, and nothing is moved out
    but these.
    """
    images, labels = digits.load_sample("a test needs no more").train
    moved = lesson.add_moved(Split(images, labels))
    assert moved.x.dtype == np.uint8
    places = np.ndindex(5, 5)
    moves = [(2 - row, 2 - left) for row, left in places if (row + left) % 2 == 0]
    copies, answers = np.split(moved.x, 13), np.split(moved.y, 13)
    for move, copy, answer in zip(moves, copies, answers, strict=True):
        np.testing.assert_array_equal(copy, shift(images, (0, *move, 0), order=0))
        np.testing.assert_array_equal(answer, labels)
        ink = copy.sum(axis=(1, 2, 3)) / images.sum(axis=(1, 2, 3))
        assert ink.min() > 0.9
        assert 0.995 < ink.mean() <= ink.max() <= 1


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
