"""The figures of `course_6_localization.py`."""

from training import figures

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from data import Split

COLUMNS = 6  # pictures in a row
SHOWN = 18  # scenes
LOOKS = 12  # at the answers, while the network learns
GREEN, RED = (0, 230, 80), (255, 40, 40)


class Boxes(keras.callbacks.Callback):
    """Shows before and during training, a dozen times, where the network sees the
    digits of some scenes.

    Args:
        show: as `runs.Run.show`.
        split: scenes that the network does not learn from, with "digit" and "box".
    """

    KEPT = ("updates",)

    def __init__(self, show, split: Split):
        super().__init__()
        self.show = show
        self.images = split.x[:SHOWN]
        self.boxes = split.y["box"][:SHOWN]

    def on_train_begin(self, logs=None):
        """Shows what the network answers before it has learned."""
        self.updates = 0
        count = self.params["epochs"] * self.params["steps"]
        self.every = max(1, count // LOOKS)
        self.look()

    def on_train_batch_end(self, batch, logs=None):
        """Adds a picture to the slider where one is due."""
        self.updates += 1
        if self.updates % self.every == 0:
            self.look()

    def on_train_end(self, logs=None):
        """Shows what the trained network answers."""
        if self.updates % self.every:
            self.look()

    def look(self) -> None:
        """Draws the answers of now."""
        answers = self.model(self.images, training=False)
        digits = np.argmax(answers["digit"], axis=1)
        picture = draw_scenes(
            self.images, self.boxes, np.asarray(answers["box"]), list(map(str, digits))
        )
        self.show("boxes", picture, self.updates)


def draw_scenes(
    images: np.ndarray, truth: np.ndarray, answers: np.ndarray, captions: list[str]
) -> np.ndarray:
    """Draws scenes with their true boxes in green and the answers in red.

    Args:
        images: uint8 `(n, height, width, 3)`.
        truth: left, top, right, bottom as fractions of the picture, `(n, 4)`.
        answers: likewise.
        captions: one for each scene.
    """
    scale = np.array([images.shape[2], images.shape[1]] * 2)
    drawn = [
        draw_boxes(image, {GREEN: true * scale, RED: answer * scale})
        for image, true, answer in zip(images, truth, answers, strict=True)
    ]
    return figures.draw_grid(drawn, captions, COLUMNS)


def draw_pictures(
    pictures: list[np.ndarray], boxes: list[np.ndarray], captions: list[str]
) -> np.ndarray:
    """Draws pictures of any size, each with the box that was answered.

    Args:
        pictures: each uint8 `(height, width, 3)`.
        boxes: left, top, right, bottom in pixels, each `(4,)`.
        captions: one for each picture.
    """
    columns = min(COLUMNS, max(2, len(pictures)))
    drawn = [
        draw_boxes(picture, {RED: box}, columns)
        for picture, box in zip(pictures, boxes, strict=True)
    ]
    return figures.draw_grid(drawn, captions, columns)


def draw_boxes(
    picture: np.ndarray, boxes: dict[tuple, np.ndarray], columns: int = COLUMNS
) -> np.ndarray:
    """Scales a picture to the width that it has in a grid, and draws boxes over it.

    Args:
        picture: uint8 `(height, width, 3)`.
        boxes: by color, left, top, right, bottom in pixels of the picture, `(4,)`.
        columns: of the grid.
    """
    scale = (figures.WIDTH // columns - 6) / max(picture.shape[:2])
    size = [max(1, round(scale * side)) for side in picture.shape[1::-1]]
    smooth = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    canvas = Image.fromarray(picture).resize(size, smooth)
    draw = ImageDraw.Draw(canvas)
    for color, box in boxes.items():
        draw.rectangle([round(float(scale * side)) for side in box], None, color, 2)
    return np.asarray(canvas)


def draw_from_worst_to_best(
    split: Split, digits: np.ndarray, boxes: np.ndarray, overlaps: np.ndarray
) -> np.ndarray:
    """Draws scenes from the worst box to the best, evenly spread.

    Args:
        split: images with "digit" and "box".
        digits: that were answered, `(n,)`.
        boxes: that were answered, fractions of the picture, `(n, 4)`.
        overlaps: the IoU of each, `(n,)`.
    """
    places = np.linspace(0, len(overlaps) - 1, SHOWN).astype(int)
    shown = np.argsort(overlaps, kind="stable")[places]
    captions = []
    for index in shown:
        digit = split.y["digit"][index]
        said = f"{digit}" if digits[index] == digit else f"{digits[index]}, is {digit}"
        captions.append(f"IoU {overlaps[index]:.2f}\nsaid {said}")
    return draw_scenes(split.x[shown], split.y["box"][shown], boxes[shown], captions)


def plot_overlaps(overlaps: np.ndarray, boxes: np.ndarray, right: float) -> Figure:
    """Draws how often each IoU occurs, and the mean IoU by the size of the digit.

    Args:
        overlaps: the IoU of each answer, `(n,)`.
        boxes: the true ones, fractions of the picture, `(n, 4)`.
        right: IoU from which on a box is right.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, other = figure.subplots(1, 2)
    left.hist(overlaps, bins=np.linspace(0, 1, 21))
    left.axvline(right, color="black", linestyle="--", label="right from here on")
    left.set(xlabel="IoU", ylabel="scenes of the test")
    left.legend()

    sides = 100 * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    edges = np.linspace(sides.min(), sides.max() + 1e-3, 7)
    bins = np.digitize(sides, edges) - 1
    filled = [index for index in range(6) if np.any(bins == index)]
    middles = [(edges[index] + edges[index + 1]) / 2 for index in filled]
    means = [overlaps[bins == index].mean() for index in filled]
    other.plot(middles, means, "o-", label="mean of the scenes of about this size")
    other.axhline(right, color="black", linestyle="--")
    other.set(
        xlabel="longer side of the digit, % of the picture", ylabel="IoU", ylim=(0, 1)
    )
    other.grid(alpha=0.3)
    other.legend()
    return figure
