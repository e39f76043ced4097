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


def run_seeds(name, tmp_path):
    """Returns what a lesson measures, as shipped, with each seed."""
    lesson = load(name)
    return [lesson.main(lesson.Config(seed=seed, logdir=tmp_path)) for seed in SEEDS]


@pytest.mark.full
@pytest.mark.parametrize("name", LEAST)
def test_classifier_reaches_its_docstring_on_all_of_mnist(name, tmp_path, course_data):
    runs = run_seeds(name, tmp_path)
    accuracies = [run["test"]["accuracy"] for run in runs]
    seconds = [run["seconds"] for run in runs]
    report(name, accuracies, seconds, digits=2)
    figure = float(re.search(r"([\d.]+) % test accuracy", load(name).__doc__)[1])
    assert 100 * statistics.mean(accuracies) == pytest.approx(figure, abs=0.1)
    assert statistics.mean(accuracies) >= LEAST[name]


def needs(path):
    """Skips the test if COURSE_DATA does not have a file or folder."""
    if not path.exists():
        pytest.skip(f"needs {path.name} in COURSE_DATA")


def report(name, values, seconds, digits=1):
    """Prints a row of tests/README.md, and returns the mean of `values`."""
    mean = statistics.mean(values)
    least, mean_said, most = (
        f"{100 * value:.{digits}f} %" for value in (min(values), mean, max(values))
    )
    print(
        f"\n| {name} | {mean_said} | {least} to {most} | "
        f"{statistics.median(seconds):.0f} |"
    )
    return mean


@pytest.mark.full
def test_overfitting_as_its_docstring_says(tmp_path, course_data):
    runs = run_seeds("course_2_overfitting", tmp_path)
    seconds = [run["seconds"] for run in runs]
    for network, figure in (("64 units", 0.25), ("weight decay", 0.20)):
        errors = [np.mean(run["errors"][network]["validation"]) for run in runs]
        assert report(
            f"course_2_overfitting, {network}", errors, seconds
        ) == pytest.approx(figure, abs=0.01)


@pytest.mark.full
def test_similar_clothes_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "fashion-mnist")
    runs = run_seeds("course_4_similar_clothes", tmp_path)
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
    runs = run_seeds("course_5_transfer_learning", tmp_path)
    seconds = [run["seconds"] for run in runs]
    accuracies = {
        "scratch": [run["baseline"]["scratch"] for run in runs],
        "head": [run["baseline"]["head"] for run in runs],
        "fine_tuning": [run["test"]["accuracy"] for run in runs],
    }
    figures = {"scratch": 0.64, "head": 0.961, "fine_tuning": 0.954}
    for way, figure in figures.items():
        close = pytest.approx(figure, abs=0.1 if way == "scratch" else 0.007)
        name = f"course_5_transfer_learning, {way}"
        assert report(name, accuracies[way], seconds) == close


@pytest.mark.full
def test_cut_point_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "hymenoptera_data.zip")
    runs = run_seeds("course_5_cut_point", tmp_path)
    # Between those of float32 and of bfloat16.
    for place, figure in ((6, 0.92), (8, 0.887)):
        found = [list(run["accuracies"].values())[place]["digits test"] for run in runs]
        name = f"course_5_cut_point, digits, stage {place + 1}"
        assert report(name, found, [run["seconds"] for run in runs]) == pytest.approx(
            figure, abs=0.015
        )
    photos = [row["photos test"] for row in runs[0]["accuracies"].values()]
    assert photos == sorted(photos)
    assert photos[-1] == pytest.approx(0.954, abs=0.007)


@pytest.mark.full
def test_deep_or_wide_as_its_docstring_says(tmp_path):
    """One run, which has three seeds of its own."""
    lesson = load("course_2_deep_or_wide")
    run = lesson.main(lesson.Config(logdir=tmp_path))
    for depth, figure in ((4, 0.09), (1, 0.26)):
        name = f"course_2_deep_or_wide, {depth} layers"
        left = run["unexplained"][depth]["folded"]
        close = pytest.approx(figure, abs=0.02)
        assert report(name, left, [run["seconds"]]) == close


@pytest.mark.full
def test_looks_into_a_network_as_their_docstrings_say(tmp_path):
    """A network of the sample, which needs no download."""
    trained = load("course_3_cnn")
    runs = {"what_filters_see": [], "saliency": [], "grad_cam": []}
    for seed in SEEDS:
        trained.main(trained.Config(seed=seed, logdir=tmp_path))
        for name in runs:
            lesson = load(f"course_3_{name}")
            runs[name].append(lesson.main(lesson.Config(seed=seed, logdir=tmp_path)))
    for name, split, row, figure, error in (
        ("what_filters_see", "confidence", "start", 0.35, 0.1),
        ("what_filters_see", "confidence", "end", 0.99, 0.03),
        ("saliency", "changed", "saliency", 0.30, 0.03),
        ("saliency", "changed", "chance", 0.034, 0.015),
        ("grad_cam", "changed", "Grad-CAM", 0.19, 0.04),
        ("grad_cam", "changed", "least looked at", 0.06, 0.03),
    ):
        found = [run[split][row] for run in runs[name]]
        seconds = [run["seconds"] for run in runs[name]]
        close = pytest.approx(figure, abs=error)
        assert report(f"course_3_{name}, {row}", found, seconds) == close


@pytest.mark.full
def test_fooling_as_its_docstring_says(tmp_path, course_data):
    trained, fooling = map(load, ("course_3_cnn", "course_3_fooling_a_cnn"))
    runs = []
    for seed in SEEDS:
        trained.main(trained.Config(seed=seed, logdir=tmp_path))
        runs.append(fooling.main(fooling.Config(seed=seed, logdir=tmp_path)))
    seconds = [run["seconds"] for run in runs]
    place = fooling.SIZES.index(0.2)
    for network, figure in (("as trained", 0.46), ("trained on attacks", 0.81)):
        right = [run["right"][network]["worst"][place] for run in runs]
        name = f"course_3_fooling_a_cnn, {network}"
        assert report(name, right, seconds) == pytest.approx(figure, abs=0.02)


@pytest.mark.full
def test_photo_search_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "hymenoptera_data.zip")
    runs = run_seeds("course_4_photo_search", tmp_path)
    assert {run["test"]["examples"] for run in runs} == {415}
    seconds = [run["seconds"] for run in runs]
    for way, split, name, figure in (
        ("network", "test", "cropped", 0.82),
        ("histogram", "baseline", "histogram_cropped", 0.48),
        ("pixels", "baseline", "pixels_cropped", 0.07),
    ):
        found = [run[split][name] for run in runs]
        close = pytest.approx(figure, abs=0.02)
        assert report(f"course_4_photo_search, {way}", found, seconds) == close


@pytest.mark.full
def test_mail_filter_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "text/SMSSpamCollection")
    runs = run_seeds("course_7_mail_filter", tmp_path)
    seconds = [run["seconds"] for run in runs]
    for kind, metric, figure, error in (
        ("network", "spam_caught", 0.82, 0.03),
        ("network", "ham_blocked", 0.002, 0.001),
        ("linear on characters", "spam_caught", 0.93, 0.01),
        ("linear on characters", "ham_blocked", 0.002, 0.001),
    ):
        found = [run["filters"][kind][metric] for run in runs]
        name = f"course_7_mail_filter, {kind}, {metric}"
        close = pytest.approx(figure, abs=error)
        assert report(name, found, seconds, digits=2) == close


@pytest.mark.full
def test_localization_as_its_docstring_says(tmp_path, course_data):
    runs = run_seeds("course_6_localization", tmp_path)
    seconds = [run["seconds"] for run in runs]
    for metric, figure in (("iou", 0.59), ("accuracy", 0.59)):
        found = [run["test"][metric] for run in runs]
        name = f"course_6_localization, {metric}"
        assert report(name, found, seconds) == pytest.approx(figure, abs=0.04)
    boxes = [run["baseline"]["mean_box"] for run in runs]
    assert statistics.mean(boxes) == pytest.approx(0.115, abs=0.005)


@pytest.mark.full
def test_detection_as_its_docstring_says(tmp_path, course_data):
    runs = run_seeds("course_6_detection", tmp_path)
    seconds = [run["seconds"] for run in runs]
    for split, figure in (("test", 0.750), ("baseline", 0.17)):
        found = [run[split]["map50"] for run in runs]
        name = f"course_6_detection, {split}"
        assert report(name, found, seconds) == pytest.approx(figure, abs=0.015)


@pytest.mark.full
def test_detection_learns_longer(tmp_path, course_data):
    """In 18 minutes with AVX2 only."""
    lesson = load("course_6_detection")
    metrics = lesson.main(lesson.Config(steps=8000, logdir=tmp_path))
    name = "course_6_detection --steps 8000"
    assert report(name, [metrics["test"]["map50"]], [metrics["seconds"]]) >= 0.80


@pytest.mark.full
def test_detection_of_cells_as_its_docstring_says(tmp_path, course_data):
    needs(course_data / "BCCD")
    lesson = load("course_6_detection")
    metrics = lesson.main(lesson.Config(data="cells", logdir=tmp_path))
    for split, figure in (("test", 0.88), ("baseline", 0.22)):
        name = f"course_6_detection --data cells, {split}"
        found = report(name, [metrics[split]["map50"]], [metrics["seconds"]])
        assert found == pytest.approx(figure, abs=0.04)


@pytest.mark.full
def test_segmentation_as_its_docstring_says(tmp_path, course_data):
    runs = run_seeds("course_6_segmentation", tmp_path)
    seconds = [run["seconds"] for run in runs]
    for split, figure in (("test", 0.51), ("baseline", 0.09)):
        found = [run[split]["mean_iou"] for run in runs]
        name = f"course_6_segmentation, {split}"
        assert report(name, found, seconds) == pytest.approx(figure, abs=0.02)


@pytest.mark.full
def test_text_classification_as_its_docstring_says(tmp_path, fetched):
    fetched("reviews")
    runs = run_seeds("course_7_text_classification", tmp_path)
    seconds = [run["seconds"] for run in runs]
    for model, figure in (
        ("linear", 0.856),
        ("network on a bag", 0.850),
        ("network on the order", 0.833),
    ):
        found = [run["accuracies"][model]["test"] for run in runs]
        name = f"course_7_text_classification, {model}"
        close = pytest.approx(figure, abs=0.01)
        assert report(name, found, seconds) == close
    chosen = {run["network"] for run in runs}
    assert chosen == {"network on a bag"}, "the result is its accuracy"


@pytest.mark.full
@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("bible", {"network": 1.31, "6-grams": 1.35, "xz": 1.36}),
        ("shakespeare", {"network": 1.525, "5-grams": 1.671, "xz": 1.748}),
    ],
)
def test_writing_as_its_docstring_says(text, figures, tmp_path, course_data):
    lesson = load("course_7_writing")
    runs = [
        lesson.main(lesson.Config(text=text, seed=seed, logdir=tmp_path))
        for seed in range(3)
    ]
    for name, figure in figures.items():
        costs = [run["costs"][name] for run in runs]
        print(
            f"\n| course_7_writing --text {text}, {name} | "
            f"{statistics.mean(costs):.3f} | {min(costs):.3f} to {max(costs):.3f} | "
            f"{statistics.median(run['seconds'] for run in runs):.0f} |"
        )
        assert statistics.mean(costs) == pytest.approx(figure, abs=0.02)


@pytest.mark.full
def test_style_transfer_as_its_docstring_says(tmp_path):
    """Of which nothing is random."""
    lesson = load("course_9_style_transfer")
    run = lesson.main(lesson.Config(logdir=tmp_path))
    for split, style, content in (("test", 0.007, 0.74), ("baseline", 0.08, 0.71)):
        print(f"\n{split}: style {run[split]['style']:.4f}, ", end="")
        print(f"content {run[split]['content']:.3f}")
        assert run[split]["style"] == pytest.approx(style, rel=0.1)
        assert run[split]["content"] == pytest.approx(content, abs=0.01)


@pytest.mark.full
def test_distributed_as_its_docstring_says(tmp_path, course_data):
    runs = run_seeds("course_11_distributed", tmp_path)
    found = [run["test"]["accuracy"] for run in runs]
    seconds = [run["seconds"] for run in runs]
    close = pytest.approx(0.979, abs=0.002)
    assert report("course_11_distributed", found, seconds) == close
