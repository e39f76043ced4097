"""Bias, variance, and what closes the gap between training and validation error."""

from unittest import mock

from lessons import course_2_overfitting as lesson

import numpy as np
import pytest

from data import digits, digits_in_2d
from tests.lessons import small

SMALL = {"draws": 1, "epochs": 20, "units": 16, "learning_rate": 0.03}
FEWER = small.fewer(digits.load_digits, train=1500)
PATCHES = {"data.digits.load_digits": FEWER}
REMEDIES = ("dropout", "weight decay", "early stopping")


def check_errors(rows: dict, large: str, memorized: float, more: str) -> None:
    """Half of the way from 40 % of wrong answers, which always saying no has, to the
    docstring's 25 and 20 %; where the gap is.
    """
    training = {name: np.mean(row["training"]) for name, row in rows.items()}
    validation = {name: np.mean(row["validation"]) for name, row in rows.items()}
    gaps = {name: validation[name] - training[name] for name in rows}
    assert training["one neuron"] > 0.25, "high bias"
    assert training[large] < memorized
    assert gaps["one neuron"] < 0.1 < 0.15 < gaps[large]
    assert validation["4 units"] < min(validation["one neuron"], validation[large])
    for remedy in (*REMEDIES, more):
        assert gaps[remedy] < 0.6 * gaps[large]
        assert validation[remedy] < validation[large]
    assert validation[large] < (0.4 + 0.25) / 2
    assert validation["weight decay"] < (0.4 + 0.2) / 2


def test_gap_opens_with_capacity_and_remedies_close_it(small_run):
    check_errors(small_run.metrics["errors"], "16 units", 0.05, "400 examples")


def test_best_on_validation_is_tested(small_run):
    metrics = small_run.metrics
    errors = {
        name: np.mean(metrics["errors"][name]["validation"])
        for name in (*REMEDIES, "400 examples")
    }
    assert metrics["best"] == min(errors, key=errors.get)
    assert metrics["test"]["accuracy"] > 0.75
    with mock.patch.object(digits, "load_digits", FEWER):
        small.check_only_train_was_fitted(small_run, digits_in_2d.load_digits_in_2d())
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"boundary.png", "capacity.png", "errors.png", "remedies.png"}


@pytest.mark.full
def test_sample_as_shipped(tmp_path):
    errors = lesson.main(lesson.Config(logdir=tmp_path))["errors"]
    check_errors(errors, "64 units", 0.02, "1600 examples")
