"""A step in the worst direction fools a network, and training on attacks helps."""

from lessons import course_3_cnn
from lessons import course_3_fooling_a_cnn as lesson

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data import digits
from tests.lessons import small
from tests.photos import photograph

SMALL = {"updates": 100, "learning_rate": 4e-3}
FEWER = small.fewer(digits.load_digits, train=4000, others=200)
PATCHES = {"data.digits.load_digits": FEWER}


def test_fast_gradient_sign_is_the_sign_of_the_slope():
    """In a linear classifier the slope of the loss is known: sum over classes of
    (probability - truth) times weight.
    """
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    images = np.random.default_rng(0).uniform(0, 255, (5, 28, 28, 1)).astype("float32")
    labels = np.arange(5)
    logits = model(images).numpy().astype(float)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    slopes = (probabilities - np.eye(10)[labels]) @ model.layers[-1].kernel.numpy().T
    slopes = slopes.reshape(images.shape)
    signs = lesson.find_signs(model, tf.constant(images), labels).numpy()
    clear = np.abs(slopes) > 1e-6
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(signs[clear], np.sign(slopes)[clear])
    moved = lesson.move(images, signs, 0.1).numpy()
    expected = np.clip(images + 25.5 * signs, 0, 255)
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def check_right(right: dict, least: float) -> None:
    """At least half of the way to the docstring's figures, from all right and from the
    network as it was trained; and `least` where nothing fools it.
    """
    before, control, after = (
        right[name] for name in ("as trained", "trained on", "trained on attacks")
    )
    step = lesson.SIZES.index(0.2)
    assert before["worst"][0] > least
    assert before["worst"][step] < (1 + 0.46) / 2, "a step of 0.2 fools the network"
    assert before["random"][step] > least, "a random one does not"
    more = before["worst"][step] + 0.1
    assert control["worst"][step] < more, "more training alone does not help"
    assert after["worst"][step] > (before["worst"][step] + 0.81) / 2
    assert after["worst"][0] > least, "what it costs"
    assert after["ten small"][0] < after["worst"][step], "a better attack fools it"


def test_fooling_and_adversarial_training(small_run):
    check_right(small_run.metrics["right"], 0.9)
    small.check_only_train_was_fitted(small_run, FEWER())


@pytest.mark.full
def test_sample_as_shipped(tmp_path):
    """Also with one's own handwriting, which comes first in the pictures."""
    course_3_cnn.main(course_3_cnn.Config(logdir=tmp_path))
    metrics = lesson.main(lesson.Config(logdir=tmp_path, name="test"))
    check_right(metrics["right"], 0.95)
    Image.fromarray(photograph(7, 0, 0)).save(tmp_path / "seven.png")
    own = {"picture": tmp_path / "seven.png", "updates": 10}
    lesson.main(lesson.Config(logdir=tmp_path, name="own", **own))
    shown = [
        (tmp_path / f"course_3_fooling_a_cnn/{name}/figures/growing_step.png")
        for name in ("test", "own")
    ]
    assert shown[0].read_bytes() != shown[1].read_bytes()
