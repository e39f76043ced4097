"""The figures of `course_7_text_classification.py`."""

from training import figures

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image, ImageDraw
from scipy.special import expit

SHOWN = 12  # reviews
LETTERS = 60  # of a review
CELL = 24  # pixels, for a character of a sentence


class Reviews(keras.callbacks.Callback):
    """Shows after each epoch what the network thinks of six negative and six positive
    reviews.

    Args:
        log: as `runs.Run.log`.
        texts: of reviews that the network does not learn from, `(n,)`.
        labels: 1 for positive, `(n,)`.
        x: the reviews as the network takes them, `(n, places)`.
    """

    def __init__(self, log, texts: np.ndarray, labels: np.ndarray, x: np.ndarray):
        super().__init__()
        chosen = [np.flatnonzero(labels == label)[: SHOWN // 2] for label in (0, 1)]
        places = np.concatenate(chosen)
        self.log = log
        self.texts, self.labels, self.x = texts[places], labels[places], x[places]

    def on_epoch_end(self, epoch, logs=None):
        """Adds a picture to the slider."""
        probability = expit(np.ravel(self.model(self.x, training=False)))
        picture = draw_reviews(self.texts, self.labels, probability)
        self.log(epoch, reviews=picture)


def draw_reviews(
    texts: np.ndarray, labels: np.ndarray, probability: np.ndarray
) -> np.ndarray:
    """Draws reviews, a line each, with bars for the probability of positive.

    Args:
        texts: of the reviews, `(n,)`.
        labels: 1 for positive, `(n,)`.
        probability: of positive, in [0, 1], `(n,)`.
    """
    heading = "probability of positive: blue for positive reviews, red for negative"
    colors = [(60, 100, 220) if label else (220, 60, 50) for label in labels]
    return figures.draw_bars_of_texts(heading, texts, probability, colors, LETTERS)


def draw_sentences(sentences: list[str], changes: list[np.ndarray]) -> np.ndarray:
    """Draws each character on blue if it speaks for positive, on red if for negative,
    the stronger the more the answer changes without it.

    Args:
        sentences: to draw.
        changes: of each sentence, by how much the probability of positive falls without
            each character, `(characters,)`.
    """
    columns = figures.WIDTH // CELL
    lines = [max(1, -(-len(sentence) // columns)) for sentence in sentences]
    height = sum(count * CELL + CELL // 2 for count in lines)
    canvas = Image.new("RGB", (figures.WIDTH, height), "white")
    draw = ImageDraw.Draw(canvas)
    top = 0
    for sentence, change, count in zip(sentences, changes, lines, strict=True):
        largest = max(1e-6, np.abs(change).max(initial=0))
        font = figures.choose_font(sentence)
        for place, (character, value) in enumerate(zip(sentence, change, strict=True)):
            x, y = place % columns * CELL, top + place // columns * CELL
            fade = 255 - round(190 * abs(value) / largest)
            color = (fade, fade, 255) if value > 0 else (255, fade, fade)
            draw.rectangle((x, y, x + CELL - 2, y + CELL - 2), fill=color)
            middle = (x + CELL / 2 - 1, y + CELL / 2 - 1)
            draw.text(middle, character, "black", font, anchor="mm")
        top += count * CELL + CELL // 2
    return np.asarray(canvas)


def plot_learning_curve(curve: dict[str, dict[str, float]]) -> Figure:
    """Draws the test accuracy of each model, by how many reviews it learned from."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in next(iter(curve.values())):
        axes.plot(list(curve), [row[name] for row in curve.values()], "o-", label=name)
    axes.set(xlabel="reviews to learn from", ylabel="test accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
