"""Schedules rise and fall as they say."""

import math

from training import schedules

import pytest


def test_one_cycle():
    schedule = schedules.one_cycle(0.5, 100, rising=20, start=0.1)
    for step, expected in (
        (0, 0.1),
        (10, 0.3),
        (20, 0.5),
        (40, 0.25 * (1 + math.cos(math.pi / 4))),
        (60, 0.25),
        (100, 0.0),
    ):
        assert float(schedule(step)) == pytest.approx(expected, abs=1e-6)


def test_one_cycle_rises_for_a_fifth_from_zero():
    schedule = schedules.one_cycle(1.0, 10)
    assert [float(schedule(step)) for step in (0, 1, 2)] == pytest.approx([0, 0.5, 1])
    assert float(schedule(10)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("updates", [1, 2, 4])
def test_one_cycle_of_a_few_updates(updates):
    """Without a fifth there is nothing to rise for."""
    schedule = schedules.one_cycle(1.0, updates)
    assert float(schedule(0)) == pytest.approx(1.0)
