"""Grad-CAM is the formula where the slopes are known, and looks where it matters."""

from lessons import course_3_grad_cam as lesson

import keras
import numpy as np
import pytest
from scipy.ndimage import center_of_mass

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


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("layer", [0, -1])
@pytest.mark.parametrize("place", [(4, 6), (12, 20), (20, 10)])
def test_grad_cam_lies_on_what_was_found(padding, layer, place):
    """A square of 2 x 2 pixels, found by filters that pass on what is in their middle:
    the evidence is symmetrical about the square.
    """
    convolutions = [keras.layers.Conv2D(1, 3, padding=padding) for _ in range(2)]
    first, second = convolutions
    layers = [first, keras.layers.MaxPooling2D(), second, keras.layers.Flatten()]
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), *layers, keras.layers.Dense(1, use_bias=False)]
    )
    for convolution in convolutions:
        middle = np.zeros((3, 3, 1, 1))
        middle[1, 1] = 1
        convolution.set_weights([middle, np.zeros(1)])
    model.layers[-1].set_weights([np.ones(model.layers[-1].kernel.shape)])
    row, column = place
    # Pooled as one: without padding, fields begin at odd pixels.
    row, column = row + (padding == "valid"), column + (padding == "valid")
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, row : row + 2, column : column + 2] = 255
    (evidence,) = lesson.grad_cam(model, convolutions[layer], image)
    assert evidence.shape == (28, 28)
    assert evidence[row, column] == evidence.max() > 0
    middle = np.array(center_of_mass(evidence))
    np.testing.assert_allclose(middle, [row + 0.5, column + 0.5], atol=1e-3)
