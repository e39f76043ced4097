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
from PIL import Image, ImageDraw

SHOWN = 18  # pictures in a figure of answers, the first ones
PHOTOS = 3  # in a row, where it matters what is where


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


def draw_digits(readings: list, class_names: list[str]) -> np.ndarray:
    """Draws photographs with a box around each digit that was read, and below them the
    digits as the network sees them.

    Args:
        readings: pairs of a photograph, uint8 `(height, width, 3)`, and its digits,
            each with `box`, `image` and `probabilities`.
        class_names: the name of each class.
    """
    photos, headings, images, captions = [], [], [], []
    side = figures.WIDTH // PHOTOS - 6
    for number, (picture, found) in enumerate(readings, start=1):
        scale = side / max(picture.shape[:2])
        size = [max(1, round(scale * length)) for length in picture.shape[1::-1]]
        image = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(image)
        text = ""
        for digit in found:
            left, top, right, bottom = (scale * length for length in digit.box)
            draw.rectangle((left - 3, top - 3, right + 2, bottom + 2), outline="red")
            likely = name_likely(digit.probabilities, class_names)
            text += class_names[int(np.argmax(digit.probabilities))]
            images.append(digit.image)
            captions.append("\n".join([f"of photo {number}", *likely]))
        photos.append(np.asarray(image))
        headings.append(f"{number}: {text or 'no digit found'}")
    drawn = [figures.draw_grid(photos, headings, columns=PHOTOS)]
    if images:
        drawn.append(figures.draw_heading("as the network sees them"))
        drawn.append(figures.draw_grid(images, captions, columns=8))
    return np.concatenate(drawn)


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
