"""What a network knows of an image before its last layer decides: its features."""

from collections.abc import Callable

import keras
import numpy as np

from models import backbones


def use_network(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from images to what the last layer of a network makes its
    decision of.

    The function takes uint8 `(n, height, width, channels)` in [0, 255], which are
    scaled to the network's size; gray ones become red, green and blue if it needs them.
    It returns float32 `(n, features)`.
    """
    height, width, channels = model.input_shape[1:]
    before = backbones.fold_normalization(
        keras.Model(model.inputs[0], model.layers[-1].input)
    )
    network = keras.Sequential([keras.layers.Resizing(height, width), before])

    def compute(images: np.ndarray) -> np.ndarray:
        if images.shape[-1] < channels:
            images = np.repeat(images, channels, axis=3)
        features = network.predict(images, verbose=0)
        return features.astype("float32")

    return compute
