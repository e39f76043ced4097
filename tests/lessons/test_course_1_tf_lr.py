"""A line is fitted to 17 points as the course printed, as NumPy does it, and no further
than the mathematics allows.
"""

import json

import keras
import numpy as np
import pytest

import course_1_tf_lr as lesson
from data import toy
from tests.lessons import small

SMALL = {}


def check_printed(metrics):
    """The costs that the course printed, whatever the start."""
    assert metrics["train"]["loss"] == pytest.approx(0.0771652, abs=5e-6)
    assert metrics["test"]["loss"] == pytest.approx(0.0800, abs=1e-4)


def test_line_ends_where_the_course_printed(small_run, tmp_path):
    check_printed(small_run.metrics)
    check_printed(small.run(lesson, tmp_path, seed=1))
    best = small_run.metrics["closed_form"]
    assert best["train cost"] == pytest.approx(0.0769288, abs=1e-7)
    assert best["W"] == pytest.approx(0.251635, abs=1e-6)
    assert best["b"] == pytest.approx(0.798801, abs=1e-6)
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"costs.png", "fit.png", "path.png"}


def test_line_equals_numpy(tmp_path):
    """From the end of the first epoch to the end of the 150th."""
    small.run(lesson, tmp_path, epochs=1, seed=3, name="first")
    metrics = small.run(lesson, tmp_path, epochs=150, seed=3)
    model = keras.models.load_model(tmp_path / "course_1_tf_lr/first/model.keras")
    slope, bias = (float(np.ravel(weight)[0]) for weight in model.get_weights())
    dataset = toy.load_points()
    x, y = dataset.train
    for _ in range(149):
        for point, target in zip(x.ravel(), y.ravel(), strict=True):
            error = slope * point + bias - target
            slope, bias = slope - 0.02 * error * point / 17, bias - 0.02 * error / 17
    for name in ("train", "test"):
        x, y = getattr(dataset, name)
        cost = np.mean((slope * x + bias - y) ** 2) / 2
        assert metrics[name]["loss"] == pytest.approx(cost, rel=1e-4)


def test_other_seed_other_start(tmp_path):
    """And the same from the same."""
    costs = [
        small.run(lesson, tmp_path / str(place), epochs=1, seed=seed)["train"]["loss"]
        for place, seed in enumerate((0, 0, 1))
    ]
    assert costs[0] == costs[1] != costs[2]


def test_line_diverges_where_the_mathematics_says(tmp_path):
    """The product of an epoch's 17 steps has an eigenvalue beyond 1 from a learning
    rate of 0.8124.
    """
    small.run(lesson, tmp_path, learning_rate=0.80, name="below")
    with pytest.raises(FloatingPointError, match="grew without limit"):
        small.run(lesson, tmp_path, learning_rate=0.82)
    folder = tmp_path / "course_1_tf_lr/test"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["status"] == "failed"
    assert "grew without limit" in metrics["error"]
    assert (folder / "figures/costs.png").exists()
