"""Grad-CAM is the formula where the slopes are known, and looks where it matters."""

from lessons import course_3_grad_cam as lesson

import keras
import numpy as np
import pytest

SMALL = {}


def test_places_that_were_looked_at_change_the_answer(small_run):
    changed = small_run.metrics["changed"]
    assert changed["Grad-CAM"] > 2 * changed["chance"]
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"deciding.png"}


@pytest.mark.parametrize(
    ("layer", "places"),
    [(keras.layers.GlobalAveragePooling2D, 28 * 28), (keras.layers.Flatten, 1)],
)
def test_grad_cam_of_a_linear_head(layer, places):
    """The slopes are the weights of the head, divided by the number of places over
    which it averages.
    """
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(3, 5, padding="same"), layer(), keras.layers.Dense(4)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    images = np.random.default_rng(0).uniform(0, 1, (2, 28, 28, 1)).astype("float32")
    evidence = lesson.grad_cam(model, model.layers[0], images)
    logits, maps = model(images).numpy(), model.layers[0](images).numpy()
    for index, answer in enumerate(logits.argmax(axis=1)):
        kernel = model.layers[-1].kernel.numpy()[:, answer]
        weights = kernel.reshape(-1, 3).mean(axis=0)  # over the places
        expected = maps[index] @ weights / places
        np.testing.assert_allclose(evidence[index], expected, rtol=1e-3, atol=1e-5)
