"""The figures of `course_7_mail_filter.py`."""

from training import figures

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

SHOWN = 12  # messages
LETTERS = 95  # of a message


class Messages(keras.callbacks.Callback):
    """Shows after each epoch what the network thinks of six ham and six spam messages.

    Args:
        log: as `runs.Run.log`.
        texts: of messages that the network does not learn from, `(n,)`.
        labels: 1 for spam, `(n,)`.
        x: the messages as the network takes them, `(n, characters)`.
    """

    def __init__(self, log, texts: np.ndarray, labels: np.ndarray, x: np.ndarray):
        super().__init__()
        ham, spam = (np.flatnonzero(labels == label)[: SHOWN // 2] for label in (0, 1))
        chosen = np.concatenate([ham, spam])
        self.log = log
        self.texts, self.labels, self.x = texts[chosen], labels[chosen], x[chosen]

    def on_epoch_end(self, epoch, logs=None):
        """Adds a picture to the slider."""
        probability = expit(np.ravel(self.model(self.x, training=False)))
        picture = draw_messages(self.texts, self.labels, probability)
        self.log(epoch, messages=picture)


def draw_messages(
    texts: np.ndarray, labels: np.ndarray, probability: np.ndarray
) -> np.ndarray:
    """Draws messages, a line each, with bars for the probability of spam.

    Args:
        texts: of the messages, `(n,)`.
        labels: 1 for spam, `(n,)`.
        probability: of spam, in [0, 1], `(n,)`.
    """
    heading = "probability of spam, before calibration: red for spam, blue for ham"
    colors = [(220, 60, 50) if label else (60, 100, 220) for label in labels]
    return figures.draw_bars_of_texts(heading, texts, probability, colors, LETTERS)


def plot_tradeoff(
    labels: np.ndarray,
    scores: dict[str, np.ndarray],
    metrics: dict[str, dict[str, float]],
) -> Figure:
    """Draws how much spam each filter catches for how much blocked ham, and where its
    thresholds, set on other messages, led.

    Args:
        labels: 1 for spam, `(n,)`.
        scores: by filter, `(n,)`.
        metrics: by filter, with "spam_caught" and "ham_blocked".
    """
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, values in scores.items():
        ham, spam, _ = roc_curve(labels, values)
        (line,) = axes.plot(ham, spam, label=name)
        met = metrics[name]
        axes.plot(met["ham_blocked"], met["spam_caught"], "o", color=line.get_color())
    axes.set_xscale("symlog", linthresh=0.001)
    axes.set(
        xlim=(0, 0.3),
        ylim=(0.5, 1.005),
        xlabel="ham that is blocked; dots: where the thresholds led",
        ylabel="spam that is caught",
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def plot_learning_curve(curve: dict[str, dict[str, float]]) -> Figure:
    """Draws how much spam each filter catches, by how many messages it learned from."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in next(iter(curve.values())):
        axes.plot(list(curve), [row[name] for row in curve.values()], "o-", label=name)
    axes.set(xlabel="messages to learn from", ylabel="spam that is caught")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def plot_calibration(
    labels: np.ndarray, probabilities: dict[str, np.ndarray]
) -> Figure:
    """Draws of the messages with about the same probability of spam how many are spam.

    Args:
        labels: 1 for spam, `(n,)`.
        probabilities: in [0, 1], by the name of the curve, `(n,)`.
    """
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="gray", label="as they should be")
    for name, probability in probabilities.items():
        spam, mean = calibration_curve(labels, probability, n_bins=8)
        axes.plot(mean, spam, "o-", label=name)
    axes.set(xlabel="probability of spam, as said", ylabel="fraction that is spam")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
