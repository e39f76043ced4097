"""The figures of `course_7_small_gpt.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure

LOOKING = 16  # characters of a text for which is drawn where they look, the last ones
# What a character of the test of the bible costs after trainings of some minutes.
MINUTES = {
    "recurrent": {1: 1.55, 3.7: 1.31, 10: 1.27},
    "attention": {1: 1.66, 3.7: 1.40, 10: 1.31},
}


def draw_attention(text: str, weights: np.ndarray, name: str) -> np.ndarray:
    """Draws where each of the last characters of a text looks, a row for each: the
    text up to it, the redder what it takes more of.

    Args:
        text: of one row, at most 80 characters.
        weights: how much each character takes of each other, `(characters,
            characters)`.
        name: of the head.
    """
    rows = [figures.draw_heading(f"{name}: where the last character of each row looks")]
    for end in range(max(0, len(text) - LOOKING), len(text)):
        line = text[: end + 1].replace("\n", " ")
        rows.append(figures.draw_shaded(line, weights[end, : end + 1]))
    return np.concatenate(rows)


def plot_minutes(costs: dict[str, float]) -> Figure:
    """Draws what a character of the test costs after some minutes of training.

    Args:
        costs: nats by the name of what is drawn as a line across.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, measured in MINUTES.items():
        axes.semilogx(list(measured), list(measured.values()), "o-", label=name)
    for (name, cost), style in zip(costs.items(), ("--", ":"), strict=True):
        axes.axhline(cost, color="gray", linestyle=style, label=name)
    ticks = sorted({minute for measured in MINUTES.values() for minute in measured})
    axes.set_xticks(ticks, [f"{minute:g}" for minute in ticks])
    axes.minorticks_off()
    axes.set(xlabel="minutes of training", ylabel="nats a character of the test")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
