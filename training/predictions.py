"""What a saved network answers to the user's input: `python -m lessons predict`.

A lesson whose network takes pictures and gives classes need not do anything. Any other
defines on its page `predict(run, inputs) -> Answers`, where `run` is the
`run_folder.Record` of the trained network and `inputs` are the words of the command
line, such as names of files or sentences.
"""

from pathlib import Path
from typing import NamedTuple

from training import figures, tensorboard

import keras
import numpy as np

SHOWN = 18  # pictures in a figure of answers, the first ones


class Answers(NamedTuple):
    """What a network says.

    Attributes:
        lines: to be printed, one or more for each input.
        picture: of inputs and answers, uint8 `(height, width, 3)`; None if there is
            nothing to draw.
    """

    lines: list[str]
    picture: np.ndarray | None = None


def classify(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the probability of each class, float32 `(n, classes)`; `images` are as
    the model takes them.
    """
    return tensorboard.to_probabilities(model.predict(images, verbose=0))


def draw_predictions(
    pictures: list, images: np.ndarray, probabilities, class_names: list[str]
) -> np.ndarray:
    """Draws each picture, what the network saw of it, and its three likeliest classes.

    Args:
        pictures: each uint8 `(height, width, 3)`.
        images: uint8 `(n, height, width, 1 or 3)`.
        probabilities: float `(n, classes)`.
        class_names: the name of each class.
    """
    cells, captions = [], []
    for picture, image, row in zip(pictures, images, probabilities, strict=True):
        cells += [picture, image]
        likely = name_likely(row, class_names)
        captions += ["\n".join(likely), "as the network\nsees it"]
    return figures.draw_grid(cells, captions, columns=6)


def name_likely(probabilities: np.ndarray, class_names: list[str]) -> list[str]:
    """Returns the three likeliest classes with their probabilities, as texts."""
    likely = np.argsort(probabilities)[::-1][:3]
    return [f"{class_names[index]} {probabilities[index]:.1%}" for index in likely]


def save_picture(folder: Path, picture: np.ndarray) -> Path:
    """Saves a picture as `figures/predictions_N.png` of a run's folder, beside those
    that are there, and returns its path.
    """
    number = 1 + len(list(folder.glob("figures/predictions_*.png")))
    return figures.save_picture(picture, folder / f"figures/predictions_{number}.png")
