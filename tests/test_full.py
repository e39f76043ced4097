"""Each lesson as shipped, held to its docstring: `make full`. The figures stand in tests/README.md."""

import re
import statistics

import pytest

from tests.test_lessons import CLASSIFIERS, LESSONS, load

SEEDS = range(5)


@pytest.mark.full
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_reaches_its_docstring_on_all_of_mnist(name, tmp_path, course_data):
    lesson = load(name)
    runs = [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]
    accuracies = [run["test"]["accuracy"] for run in runs]
    seconds = [run["seconds"] for run in runs]
    print(
        f"\n| {name} | {statistics.mean(accuracies):.2%} | {min(accuracies):.2%} to {max(accuracies):.2%} | "
        f"{statistics.median(seconds):.0f} s |"
    )
    figure = float(re.search(r"([\d.]+) % test accuracy", LESSONS[name].result)[1])
    assert 100 * statistics.mean(accuracies) == pytest.approx(figure, abs=0.1)
    assert statistics.mean(accuracies) >= {"course_2_mlp": 0.984, "course_3_cnn": 0.992}[name]
