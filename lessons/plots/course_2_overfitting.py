"""The pictures and figures of `course_2_overfitting.py`."""

from training import figures

import numpy as np
from matplotlib.figure import Figure


def describe(name: str, errors: dict[str, list[float]]) -> str:
    """Returns a line on an experiment: mean errors of its networks, and the gap."""
    training, validation = (np.mean(values) for values in errors.values())
    return (
        f"{name:16} training error {training:6.1%}   validation error "
        f"{validation:6.1%}   gap {validation - training:6.1%}"
    )


def draw_border(model, examples) -> np.ndarray:
    """Draws what a network answers where, and its examples."""
    return figures.draw_boundary(model, *examples)


def draw_borders(trained: dict, errors: dict, names: list[str]) -> np.ndarray:
    """Draws the answers of some networks side by side, with their mean errors.

    Args:
        trained: a network and its examples, by the name of the experiment.
        errors: training and validation errors, by that name.
        names: of the experiments to draw.
    """
    pictures, captions = [], []
    for name in names:
        model, examples = trained[name]
        pictures.append(figures.draw_boundary(model, *examples))
        training, validation = (np.mean(values) for values in errors[name].values())
        captions.append(
            f"{name}\n{training:.0%} training error\n{validation:.0%} validation error"
        )
    return figures.draw_grid(pictures, captions, columns=len(names))


def plot_errors(errors: dict, sizes: dict, counts: dict, large) -> Figure:
    """Draws the errors over the size of the network and over the number of examples.

    Args:
        errors: training and validation errors, by the name of the experiment.
        sizes: experiments with networks of different sizes, by name.
        counts: experiments with other numbers of examples, by name.
        large: the experiment with the large network.
    """
    by_units = {experiment.units: errors[name] for name, experiment in sizes.items()}
    by_examples = {large.examples: by_units[large.units]}
    for name, experiment in counts.items():
        by_examples[experiment.examples] = errors[name]
    panels = {
        "units of each hidden layer": by_units,
        "examples to learn from": dict(sorted(by_examples.items())),
    }
    return figures.plot_ranges(panels, "error")
