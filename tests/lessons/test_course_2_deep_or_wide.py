"""Deep networks beat wide ones where the docstring says so."""

import itertools

from lessons import course_2_deep_or_wide as lesson

import numpy as np
import pytest

from data import picture_as_function
from tests.lessons import small

SMALL = {"depths": (1, 4), "parameters": 2000, "updates": 800}
PATCHES = {
    "lessons.course_2_deep_or_wide.SEEDS": 1,
    "lessons.course_2_deep_or_wide.WIDTHS": (4, 64),
}


def check_depths(unexplained: dict, photograph: float, folded: float) -> None:
    """What deep networks leave unexplained is at most these fractions of what wide ones
    do, and both have learned: half of the way from 1, untrained, to the docstring's
    figures.
    """
    wide, deep = unexplained[1], unexplained[4]
    assert max(deep["photograph"]) < photograph * min(wide["photograph"])
    assert max(deep["folded"]) < folded * min(wide["folded"])
    assert max(deep["folded"]) < (1 + 0.09) / 2
    assert max(wide["folded"]) < (1 + 0.26) / 2
    assert max(wide["smooth"]) < 0.01, "where one layer is enough"


def test_deep_beats_wide_where_functions_are_composed(small_run):
    """Half of the way to a quarter, and to a third."""
    check_depths(small_run.metrics["unexplained"], (1 + 1 / 4) / 2, (1 + 1 / 3) / 2)


def check_widths(one_layer: dict) -> None:
    """The wider, the better."""
    means = [np.mean(row["photograph"]) for row in one_layer.values()]
    for narrower, wider in itertools.pairwise(means):
        assert wider < 0.8 * narrower


def test_wider_layers_approximate_better(small_run):
    check_widths(small_run.metrics["one_layer"])


def test_saved_network_is_better_than_the_mean_color(small_run):
    dataset = picture_as_function.load_picture_as_function(blur=0.03, folds=2)
    mean_color = np.var(dataset.test.y, axis=0).mean()
    assert small_run.metrics["test"]["loss"] < 0.5 * mean_color
    small.check_only_train_was_fitted(small_run, dataset)
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"errors.png", "learning.png", "networks.png", "one_layer.png"}


@pytest.mark.full
def test_as_shipped(tmp_path):
    metrics = lesson.main(lesson.Config(logdir=tmp_path))
    check_depths(metrics["unexplained"], 0.6, 0.6)
    check_widths(metrics["one_layer"])
