"""A network that workers could share learns digits; tests/test_distributed.py has the
workers.
"""

SMALL = {"epochs": 2, "units": (64,)}


def test_it_learns(small_run):
    """More than half of the way from chance to the docstring's figure."""
    metrics = small_run.metrics
    assert metrics["test"]["accuracy"] > (0.1 + 0.98) / 2
    assert metrics["workers"]["largest_difference"] == 0
    assert metrics["workers"]["images_per_second"] > 0
