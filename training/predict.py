"""Classifies pictures with a saved run."""

from pathlib import Path

from training import figures, tensorboard

import keras
import numpy as np


def classify(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the probability of each class, float32 `(n, classes)`; `images` are as
    the model takes them.
    """
    return tensorboard.to_probabilities(model.predict(images, verbose=0))


def plot_predictions(
    path: Path,
    pictures: list,
    images: np.ndarray,
    probabilities,
    class_names: list[str],
) -> Path:
    """Draws each picture, what the network saw of it, and its three likeliest classes.

    Args:
        path: of the PNG.
        pictures: each uint8 `(height, width, 3)`.
        images: uint8 `(n, height, width, 1 or 3)`.
        probabilities: float `(n, classes)`.
        class_names: the name of each class.
    """
    cells, captions = [], []
    for picture, image, row in zip(pictures, images, probabilities, strict=True):
        cells += [picture, image]
        likely = [
            f"{class_names[index]}  {row[index]:.1%}"
            for index in np.argsort(row)[::-1][:3]
        ]
        captions += ["\n".join(likely), "as the network\nsees it"]
    return figures.save_picture(figures.draw_grid(cells, captions, columns=6), path)
