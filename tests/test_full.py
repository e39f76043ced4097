"""Each lesson as shipped, held to its docstring: `make full`.

The figures stand in tests/README.md.
"""

import re
import statistics

import numpy as np
import pytest

from tests.few import load

SEEDS = range(5)
LEAST = {"course_2_mlp": 0.984, "course_3_cnn": 0.992}


@pytest.mark.full
@pytest.mark.parametrize("name", LEAST)
def test_classifier_reaches_its_docstring_on_all_of_mnist(name, tmp_path, course_data):
    lesson = load(name)
    runs = [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]
    accuracies = [run["test"]["accuracy"] for run in runs]
    seconds = [run["seconds"] for run in runs]
    print(
        f"\n| {name} | {statistics.mean(accuracies):.2%} | {min(accuracies):.2%} to "
        f"{max(accuracies):.2%} | "
        f"{statistics.median(seconds):.0f} s |"
    )
    figure = float(re.search(r"([\d.]+) % test accuracy", lesson.__doc__)[1])
    assert 100 * statistics.mean(accuracies) == pytest.approx(figure, abs=0.1)
    assert statistics.mean(accuracies) >= LEAST[name]


def needs(path):
    """Skips the test if COURSE_DATA does not have a file or folder."""
    if not path.exists():
        pytest.skip(f"needs {path.name} in COURSE_DATA")


def report(name, values, seconds):
    """Prints a row of tests/README.md, and returns the mean of `values`."""
    mean = statistics.mean(values)
    print(
        f"\n| {name} | {mean:.1%} | {min(values):.1%} to {max(values):.1%} | "
        f"{statistics.median(seconds):.0f} s |"
    )
    return mean


@pytest.mark.full
def test_overfitting_as_its_docstring_says(tmp_path, course_data):
    lesson = load("course_2_overfitting")
    runs = [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]
    seconds = [run["seconds"] for run in runs]
    for network, figure in (("64 units", 0.25), ("weight decay", 0.20)):
        errors = [np.mean(run["errors"][network]["validation"]) for run in runs]
        assert report(
            f"course_2_overfitting, {network}", errors, seconds
        ) == pytest.approx(figure, abs=0.01)


@pytest.mark.full
def test_similar_clothes_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "fashion-mnist")
    lesson = load("course_4_similar_clothes")
    runs = [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]
    seconds = [run["seconds"] for run in runs]
    for way, split, name, figure in (
        ("own network", "test", "precision_at_10", 0.88),
        ("pixels", "baseline", "pixels_precision_at_10", 0.81),
    ):
        found = [run[split][name] for run in runs]
        close = pytest.approx(figure, abs=0.01)
        assert report(f"course_4_similar_clothes, {way}", found, seconds) == close
    assert max(run["search_milliseconds"] for run in runs) < 10


@pytest.mark.full
def test_transfer_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "hymenoptera_data.zip")
    lesson = load("course_5_transfer_learning")
    runs = [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]
    seconds = [run["seconds"] for run in runs]
    accuracies = {
        "scratch": [run["baseline"]["scratch"] for run in runs],
        "head": [run["baseline"]["head"] for run in runs],
        "fine_tuning": [run["test"]["accuracy"] for run in runs],
    }
    figures = {"scratch": 0.65, "head": 0.954, "fine_tuning": 0.954}
    for way, figure in figures.items():
        close = pytest.approx(figure, abs=0.1 if way == "scratch" else 0.005)
        name = f"course_5_transfer_learning, {way}"
        assert report(name, accuracies[way], seconds) == close


@pytest.mark.full
def test_cut_point_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "hymenoptera_data.zip")
    lesson = load("course_5_cut_point")
    runs = [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]
    for place, figure in ((6, 0.912), (8, 0.874)):
        found = [list(run["accuracies"].values())[place]["digits test"] for run in runs]
        name = f"course_5_cut_point, digits, stage {place + 1}"
        assert report(name, found, [run["seconds"] for run in runs]) == pytest.approx(
            figure, abs=0.01
        )
    photos = [row["photos test"] for row in runs[0]["accuracies"].values()]
    assert photos == sorted(photos)
    assert photos[-1] == pytest.approx(0.954, abs=0.007)


@pytest.mark.full
def test_trained_network_explained_and_fooled(tmp_path, course_data):
    trained, saliency, fooling = map(
        load, ("course_3_cnn", "course_3_saliency", "course_3_fooling_a_cnn")
    )
    changed, fooled = [], []
    for seed in range(3):
        trained.main(trained.Config(seed=seed, logdir=tmp_path))
        changed.append(saliency.main(saliency.Config(seed=seed, logdir=tmp_path)))
        fooled.append(fooling.main(fooling.Config(seed=seed, logdir=tmp_path)))
    shares = [run["changed"]["saliency"] for run in changed]
    assert report(
        "course_3_saliency", shares, [run["seconds"] for run in changed]
    ) == pytest.approx(0.35, abs=0.02)
    for network, figure in (("as trained", 0.25), ("trained on attacks", 0.77)):
        right = [
            run["right"][network]["worst"][fooling.SIZES.index(0.2)] for run in fooled
        ]
        name = f"course_3_fooling_a_cnn, {network}"
        assert report(name, right, [run["seconds"] for run in fooled]) == pytest.approx(
            figure, abs=0.02
        )
