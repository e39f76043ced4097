"""The figures of `course_7_writing.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

CELL = 12  # pixels, width of a character; one that is as wide as high has two
LINE = 24  # pixels, height of a line
SURPRISE = 6.0  # nats from which on a character is as red as it can be
WIDE = "\u2e80"  # where the characters begin that are as wide as high


def draw_surprise(text: str, nats: np.ndarray) -> np.ndarray:
    """Draws a text, each character on red, the stronger the less probable the network
    found it.

    Args:
        text: to draw.
        nats: -log of the probability of each character, `(characters,)`; NaN for one
            that was not predicted, which is drawn on gray.
    """
    columns = figures.WIDTH // CELL
    places = []
    column = row = 0
    for character in text:
        width = 2 if character >= WIDE else 1
        if column + width > columns:
            column, row = 0, row + 1
        places.append((column, row, width))
        column += width
        if character == "\n":  # a line break
            column, row = 0, row + 1
    heading = figures.draw_heading(
        f"the redder, the less expected; full red from {SURPRISE:.0f} nats"
    )
    canvas = Image.new("RGB", (figures.WIDTH, (row + 1) * LINE), "white")
    draw = ImageDraw.Draw(canvas)
    font = figures.choose_font(text)
    for character, value, (column, row, width) in zip(text, nats, places, strict=True):
        x, y = column * CELL, row * LINE
        fade = 255 - round(200 * min(1.0, value / SURPRISE)) if value == value else None
        color = (220, 220, 220) if fade is None else (255, fade, fade)
        draw.rectangle((x, y, x + width * CELL - 1, y + LINE - 3), fill=color)
        middle = (x + width * CELL / 2, y + LINE / 2 - 1)
        if character.isprintable():  # a line break has a place of its own
            draw.text(middle, character, "black", font, anchor="mm")
    return np.concatenate([heading, np.asarray(canvas)])


def plot_costs(costs: dict[str, float]) -> Figure:
    """Draws what a character of the test costs, nats by the name of what predicts it:
    the first in another color.
    """
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    colors = ["C1"] + ["C0"] * (len(costs) - 1)
    bars = axes.barh(list(costs), list(costs.values()), color=colors)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="nats a character")
    axes.margins(x=0.1)
    return figure
