"""One neuron draws a line, and a hidden layer learns XOR."""

from lessons import course_1_neuron_xor as lesson

import numpy as np
import pytest

SMALL = {"epochs": 50}


def test_slides_network(small_run):
    assert "f(0, 0) = (0.51, 0.85)" in small_run.out
    assert "f(1, -1) = (0.62, 0.83)" in small_run.out
    layers = [
        ([[1, -2], [-1, 1]], [1, 0]),
        ([[2, -1], [-2, -1]], [0, 0]),
        ([[3, -1], [-1, 4]], [-2, 2]),
    ]
    points = [[0, 0], [1, -1]]
    for point, given in zip(points, small_run.metrics["slide"], strict=True):
        for weights, bias in layers:
            point = 1 / (1 + np.exp(-(np.array(weights) @ point + bias)))
        np.testing.assert_allclose(given, point, rtol=1e-5)


def test_one_neuron_learns_and_and_or_but_not_xor(small_run):
    single = small_run.metrics["single"]
    for gate in ("and", "or"):
        assert single[gate] == {"trained": 1.0, "best of all lines": 1.0}
    assert single["xor"]["trained"] <= single["xor"]["best of all lines"] == 0.75


def test_hidden_layer_learns_xor(small_run):
    """Half of the way from a loss of log 2, which answering 1/2 has."""
    assert small_run.metrics["train"]["accuracy"] == 1.0
    assert small_run.metrics["train"]["loss"] < np.log(2) / 2
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"boundary.png", "overview.png"}


@pytest.mark.full
@pytest.mark.parametrize(("units", "least", "most"), [(4, 20, 20), (2, 5, 11)])
def test_starts_that_succeed_as_shipped(units, least, most, tmp_path):
    """Of 20: all of four neurons, and fewer than half or so of two."""
    configs = [
        lesson.Config(units=units, seed=seed, logdir=tmp_path) for seed in range(20)
    ]
    accuracies = [lesson.main(config)["train"]["accuracy"] for config in configs]
    assert least <= accuracies.count(1.0) <= most
