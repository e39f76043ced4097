"""Saliency is a slope that differences confirm, and the pixels that matter do."""

from lessons import course_3_saliency as lesson

import keras
import numpy as np
from PIL import Image

from tests.lessons import small
from tests.photos import photograph

SMALL = {}


def test_pixels_that_matter_change_the_answer(small_run):
    """At least half of the way from pixels chosen by chance."""
    changed = small_run.metrics["changed"]
    assert changed["saliency"] > 5 * changed["chance"]
    assert changed["saliency"] > (0.35 + changed["chance"]) / 2
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"deciding.png"}


def test_saliency_against_differences():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(3, 5, padding="same"), keras.layers.Flatten()]
    layers = [keras.Input((28, 28, 1)), *layers, keras.layers.Dense(4)]
    model = keras.Sequential(layers)
    images = np.random.default_rng(0).uniform(0, 1, (2, 28, 28, 1)).astype("float32")
    saliency = lesson.find_saliency(model, images)
    assert saliency.shape == (2, 28, 28)
    np.testing.assert_allclose(saliency.max(axis=(1, 2)), 1)
    logits = model(images).numpy()
    for index, answer in enumerate(logits.argmax(axis=1)):
        ratios = []
        for row, column in ((0, 0), (0, 14), (13, 13), (27, 5)):
            moved = images[index : index + 1].copy()
            moved[0, row, column] += 10
            slope = abs(model(moved).numpy()[0, answer] - logits[index, answer])
            ratios.append(saliency[index, row, column] / slope)
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)


def test_largest_values_are_painted_over():
    random = np.random.default_rng(0)
    images = random.integers(1, 256, (3, 28, 28, 1)).astype("uint8")
    images[random.random(images.shape) < 0.7] = 0
    values = random.random((3, 28, 28))
    covered = lesson.paint_over(images, values, 0.2)
    for image, left, value in zip(images[..., 0], covered[..., 0], values, strict=True):
        gone = image != left
        assert not left[gone].any()
        assert gone.sum() == np.ceil(0.2 * np.sum(image > 0))
        assert value[gone].min() > value[left > 0].max()


def test_ones_own_handwriting_is_shown(small_run, small_run_of, tmp_path):
    Image.fromarray(photograph(7, 0, 0)).save(tmp_path / "seven.png")
    trained = str(small_run_of("course_3_cnn").folder)
    small.run(lesson, tmp_path, run=trained, picture=tmp_path / "seven.png")
    own = tmp_path / "course_3_saliency/test"
    figures = [folder / "figures/deciding.png" for folder in (own, small_run.folder)]
    assert figures[0].read_bytes() != figures[1].read_bytes()
