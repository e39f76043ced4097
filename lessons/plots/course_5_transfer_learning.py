"""The figures of `course_5_transfer_learning.py`."""

from training import figures

import keras
import numpy as np
from matplotlib.figure import Figure

VIEWS = 15  # of the photograph


def draw_augmentation(image: np.ndarray, augmentation: keras.Model) -> np.ndarray:
    """Draws an image, and randomly augmented copies of it.

    Args:
        image: `(height, width, 1 or 3)` in [0, 255].
        augmentation: random layers.
    """
    batch = np.float32(image[np.newaxis])
    views = [augmentation(batch, training=True)[0] for _ in range(VIEWS)]
    return figures.draw_grid([batch[0], *views], columns=8)


def plot_ways(accuracies: dict[str, dict[str, float]], majority: float) -> Figure:
    """Draws the accuracy of each way on each split as bars, with their numbers, and
    that of the best constant answer as a line.

    Args:
        accuracies: in [0, 1] by split, by way; all have the same splits.
        majority: accuracy on the test split, in [0, 1].
    """
    splits = list(next(iter(accuracies.values())))
    width = 0.8 / len(splits)
    figure = Figure(figsize=(3 + 1.8 * len(accuracies), 4), layout="constrained")
    axes = figure.subplots()
    shown = []
    for index, split in enumerate(splits):
        places = np.arange(len(accuracies)) + (index - (len(splits) - 1) / 2) * width
        heights = [row[split] for row in accuracies.values()]
        bars = axes.bar(places, heights, 0.9 * width, label=split)
        axes.bar_label(bars, fmt="{:.1%}", fontsize=8)
        shown.append(bars)
    constant = "best constant answer, test"
    shown.append(axes.axhline(majority, color="k", linestyle="--", label=constant))
    names = [way.replace("_", " ") for way in accuracies]
    axes.set_xticks(range(len(accuracies)), names)
    axes.set(ylabel="accuracy", ylim=(0, 1.08))
    figure.legend(handles=shown, loc="outside upper center", ncols=2)
    return figure


def draw_mistakes(
    test: tuple, logits: np.ndarray, class_names: tuple[str, ...]
) -> np.ndarray:
    """Draws the images that were answered wrongly with the most confidence.

    Args:
        test: images `(n, height, width, 1 or 3)` in [0, 255], and labels `(n,)`.
        logits: of the network, float `(n, classes)`.
        class_names: the name of each class.
    """
    images, labels = test
    probabilities = np.asarray(keras.ops.softmax(logits))
    return figures.draw_mistakes(images, labels, probabilities, class_names)
