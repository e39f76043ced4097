"""Losses have the slopes of the formulas, and descents end in the minima that SciPy
finds.
"""

from lessons import course_1_gradient_descent as lesson

import keras
import numpy as np
import pytest
from scipy.optimize import minimize

from tests.lessons import small

SMALL = {"steps": 150}


def test_losses_and_their_slopes():
    logits = np.array([-5.0, -1.0, 0.0, 2.0])
    p = 1 / (1 + np.exp(-logits))
    losses, slopes = lesson.find_slope(lesson.squared_error, logits)
    np.testing.assert_allclose(losses, (p - 1) ** 2)
    np.testing.assert_allclose(slopes, 2 * (p - 1) * p * (1 - p))
    assert abs(slopes[0]) < 0.02, "hardly anything is learned where it is most wrong"
    losses, slopes = lesson.find_slope(lesson.cross_entropy, logits)
    np.testing.assert_allclose(losses, -np.log(p))
    np.testing.assert_allclose(slopes, p - 1)
    assert abs(slopes[0]) > 0.9


def check_ends(ends, **nearer):
    """Each descent ends in the nearer minimum, or in the other one, the lower."""
    low, near = (minimize(lambda at: lesson.surface(*at), [x, 0]) for x in (-1, 1))
    assert low.fun < near.fun
    for name, is_near in nearer.items():
        expected = (near if is_near else low).x
        end = [ends[name]["x"], ends[name]["y"]]
        np.testing.assert_allclose(end, expected, atol=0.02)


def test_descents_end_where_the_docstring_says(small_run):
    ends = small_run.metrics["ends"]
    check_ends(ends, plain=True, momentum=False, Adam=True)


def test_too_high_a_rate_diverges_with_momentum(tmp_path):
    ends = small.run(lesson, tmp_path, learning_rate=0.15)["ends"]
    check_ends(ends, plain=False, Adam=True)
    assert ends["momentum"] == "diverged"


@pytest.mark.full
@pytest.mark.parametrize(
    "fields", [{"learning_rate": 0.005, "steps": 1000}, {"start": (0.5, 1.5)}]
)
def test_momentum_stays_in_the_nearer_minimum(fields, tmp_path):
    ends = small.run(lesson, tmp_path, **fields)["ends"]
    check_ends(ends, plain=True, momentum=True, Adam=True)


def test_plain_descent_is_the_formula():
    path = lesson.descend(keras.optimizers.SGD(0.05), (1.7, 1.5), 20)
    assert len(path) == 21
    x, y = 1.7, 1.5
    for place in path:
        np.testing.assert_allclose(place, [x, y], rtol=1e-4)
        x, y = x - 0.05 * (4 * x * (x * x - 1) + 0.3), y - 0.05 * 2 * y
