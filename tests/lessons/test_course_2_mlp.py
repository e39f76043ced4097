"""A fully connected network learns digits, the same from the same seed."""

from lessons import course_2_mlp as lesson

from data import digits
from tests.lessons import small

SMALL = {"epochs": 3, "units": (64, 64)}
FEWER = small.fewer(digits.load_digits, train=2000)
PATCHES = {"data.digits.load_digits": FEWER}


def test_it_learns(small_run):
    """Half of the way from chance to the docstring's figure."""
    assert small_run.metrics["test"]["accuracy"] > (0.1 + 0.984) / 2
    small.check_only_train_was_fitted(small_run, FEWER())
    small.check_saved_classifier(small_run, FEWER().test)


def test_same_seed_same_result_whatever_is_held_out(small_run, tmp_path):
    others = {"data.digits.load_digits": small.negative(FEWER)}
    metrics = small.run(lesson, tmp_path, others)
    small.check_same_training(small_run, metrics, tmp_path / "course_2_mlp/test")
