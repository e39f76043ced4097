"""Features of images: vectors of length 1, of pixels, of features that were designed,
or of a network's.
"""

from collections.abc import Callable

import keras
import numpy as np
from skimage.feature import hog

from models import backbones


def get_pixels(images: np.ndarray) -> np.ndarray:
    """Puts the pixels of each image, `(n, height, width, channels)`, into a vector:
    float32 `(n, features)`.
    """
    return normalize(images.reshape(len(images), -1))


def count_colors(images: np.ndarray) -> np.ndarray:
    """Counts the colors of each image (Swain and Ballard, "Color Indexing", 1991).

    Args:
        images: uint8 `(n, height, width, channels)` in [0, 255].

    Returns:
        float32 `(n, bins)`: of 16 grays for one channel, of 4 x 4 x 4 colors for three.
    """
    channels = images.shape[-1]
    levels = 16 if channels == 1 else 4
    places = (
        images.reshape(len(images), -1, channels)
        // (256 // levels)
        @ levels ** np.arange(channels)
    )
    return normalize([np.bincount(row, minlength=levels**channels) for row in places])


def compute_hog(images: np.ndarray) -> np.ndarray:
    """Counts the directions of the edges in 4 x 4 parts of each image.

    HOG, histograms of oriented gradients: Dalal and Triggs, 2005.

    Args:
        images: uint8 `(n, height, width, channels)` in [0, 255].

    Returns:
        float32 `(n, 324)`: for each 2 x 2 neighbors of the parts, normalized together,
        shares of 9 directions.
    """
    cell = (images.shape[1] // 4, images.shape[2] // 4)
    grays = images.mean(axis=-1)
    return normalize(
        [
            hog(gray, orientations=9, pixels_per_cell=cell, cells_per_block=(2, 2))
            for gray in grays
        ]
    )


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
        colored = np.repeat(images, channels // images.shape[-1], axis=3)
        return normalize(network.predict(colored, batch_size=100, verbose=0))

    return compute


def normalize(vectors) -> np.ndarray:
    """Returns vectors `(n, features)` as float32, divided by their lengths: the product
    of two is their cosine.
    """
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(1e-12, np.linalg.norm(vectors, axis=1, keepdims=True))
