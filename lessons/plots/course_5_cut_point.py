"""The figure of `course_5_cut_point.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure


def plot_depths(
    accuracies: dict[str, dict[str, float]], tasks: tuple[str, ...]
) -> Figure:
    """Draws the test accuracy of each task over the stage at which the network is cut.

    Args:
        accuracies: a row a stage; in it the accuracies by task and split, such as
            "digits test".
        tasks: their names.
    """
    curves = {}
    for task in tasks:
        curves[task] = np.array([row[f"{task} test"] for row in accuracies.values()])
    stages = np.arange(1, len(accuracies) + 1)
    return figures.plot_curves(stages, {"test accuracy": curves}, "cut after stage")
