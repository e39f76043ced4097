"""Each benchmark runs small. No figure is a timed test."""

import contextlib
import importlib
import io
import math
import os
import re
import subprocess

from lessons import __main__ as lessons
from lessons import course
from training import command_line, doctor, runs

import keras
import numpy as np
import psutil
import pytest

import course_1_tf_lr
from benchmarks import __main__ as command
from benchmarks import (
    growth,
    image_search,
    keras_patches,
    linear_regression,
    measuring,
    memory,
    minutes,
    peak,
    reaching,
    start,
    style_transfer,
    sweep,
    transfer_learning,
)
from benchmarks.measuring import Way
from data import weights
from models import cnn, vgg
from tests.few import few_digits, recorded_seldom


@pytest.fixture
def in_process(monkeypatch):
    """Ways are run in this process, and lessons are recorded seldom and not examined:
    all of that takes longer than a small run.
    """
    monkeypatch.setattr(measuring, "run_alone", measuring.call_silently)
    monkeypatch.setattr(doctor.TrainingDoctor, "examine", lambda watcher: None)
    with recorded_seldom():
        yield


def read_rows(found: str) -> dict[str, list[str]]:
    """The cells of each row of a benchmark's table by the first one."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in found.splitlines()
        if line[:1] == "|"
    ]
    return {name: cells for name, *cells in rows[2:]}


def read_table(text: str, row: str) -> list[str]:
    """Returns the cells of the row that begins with a name."""
    return next(
        [name, *cells]
        for name, cells in read_rows(text).items()
        if name.startswith(row)
    )


def test_a_way_has_a_process_of_its_own(capfd):
    assert measuring.run_alone(os.getpid) != os.getpid()
    assert measuring.run_alone(print, "nothing of this is shown") is None
    assert "nothing" not in capfd.readouterr().out
    with pytest.raises(ValueError, match="math domain error"):
        measuring.run_alone(math.sqrt, -1)


def test_ways_take_turns():
    order = []
    figures = measuring.take_turns(
        [
            Way(name, lambda name=name: order.append(name) or len(order))
            for name in ("ours", "theirs")
        ]
    )
    assert order == ["ours", "theirs"] * 3
    assert figures[1] == {"ours": 3, "theirs": 4}


def test_table_has_the_median_of_ratios_round_by_round():
    """By hand: ratios 10 / 1, 3 / 2 and 8 / 4, of which 2 is in the middle; the ratio
    of the medians would be 4.
    """
    ways = [
        Way("ours", float),
        Way("theirs", float, 1.5),
        Way("missing", float, 3, torch=True),
    ]
    figures = [{"ours": a, "theirs": b} for a, b in ((1, 10), (2, 3), (4, 8))]
    table = measuring.tabulate("a step", ways, figures, "{:.1f} s".format)
    assert read_table(table, "ours")[1:5] == ["2.0 s", "1.0 s to 4.0 s", "1", "1 to 1"]
    assert read_table(table, "theirs")[1:] == [
        "8.0 s",
        "3.0 s to 10.0 s",
        "2",
        "1.5 to 10",
        "1.5",
    ]
    assert "extra bench" in read_table(table, "missing")[1]


def test_results_keep_the_other_benchmarks_and_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    fast, slow = command.KINDS
    command.keep("mlp", slow, "About it.", "old")
    command.keep("cnn", slow, "About that.", "slow")
    command.keep("mlp", slow, "About it.", "new")
    command.keep("cnn", fast, "About that, again.", "fast")
    text = (tmp_path / "RESULTS.md").read_text()
    assert [line for line in text.splitlines()[1:] if line] == [
        "## cnn",
        "About that, again.",
        f"### {fast}",
        "fast",
        f"### {slow}",
        "slow",
        "## mlp",
        "About it.",
        f"### {slow}",
        "new",
    ]


def test_minutes_and_memory_are_those_of_a_process():
    """One sleeps for a second and holds 0.8 GB for so long."""
    little = minutes.run(["-c", "import time; time.sleep(1)"])
    much = minutes.run(["-c", "import time; a = b'1' * 8 * 10**8; time.sleep(1)"])
    assert min(little.minutes, much.minutes) > 1 / 60
    assert 0 < little.memory < 0.2
    assert 0.8 < much.memory < 1
    with pytest.raises(ChildProcessError, match="no such thing"):
        minutes.run(["-c", "raise SystemExit('no such thing')"])


def test_minutes_of_every_lesson_are_in_the_table(monkeypatch):
    first, second = course.find_lessons()[:2]
    monkeypatch.setattr(course, "find_lessons", lambda: [first, second])
    monkeypatch.setattr(minutes, "run", lambda words: minutes.Run(len(words), 1.25))
    rows = read_rows(minutes.measure())
    assert rows == {
        first.path.stem: ["3.00", "1.2"],
        second.path.stem: ["3.00", "1.2"],
    }


def test_lessons_tell_the_minutes_that_were_measured():
    """The docstrings round them to tenths, and up to the first tenth."""
    parts = command.split_at(command.RESULTS.read_text("utf-8"), "## ")["minutes"]
    fast, slow = (
        read_rows(command.split_at(parts, "### ")[kind]) for kind in command.KINDS
    )
    for lesson in course.find_lessons():
        name = lesson.path.stem
        told = runs.find_time(lesson.path.read_text("utf-8"))
        for machine, rows in (("AVX2 only", slow), ("bfloat16", fast)):
            measured = max(0.1, round(float(rows[name][0]), 1))
            assert f"{measured} minutes (2 cores, {machine})" in told, name


@pytest.mark.parametrize("page", ["docs/speed.md", "docs/zh/speed.md"])
def test_page_on_speed_tells_what_was_measured(page):
    """Its rows, in their order, are these ratios of the results, rounded."""
    told = [
        [cell.strip() for cell in line.strip("|").split("|")[2:]]
        for line in (course.ROOT / page).read_text("utf-8").splitlines()
        if line.startswith("| ")
    ][2:]
    measured = [
        ("cnn", "keras-io"),
        ("cnn", "PyTorch"),
        ("cnn_epoch", "plain Keras"),
        ("cnn_epoch", "PyTorch"),
        ("mlp", "handson-ml3"),
        ("mlp", "PyTorch"),
        ("transfer_learning", "the tutorial's way"),
        ("style_transfer", "keras-io, float32"),
        ("style_transfer", "PyTorch"),
        ("style_transfer", "keras-io, 100 steps"),
        ("image_search", "`NearestNeighbors"),
    ]
    sections = command.split_at(command.RESULTS.read_text("utf-8"), "## ")
    for cells, (benchmark, way) in zip(told, measured, strict=True):
        parts = command.split_at(sections[benchmark], "### ")
        for said, kind in zip(cells, command.KINDS, strict=True):
            row = next(
                row for row in parts[kind].splitlines() if row.startswith(f"| {way}")
            )
            ratio = float(row.split("|")[4])
            digits = len(said.partition(".")[2])
            assert abs(float(said) - ratio) <= 0.501 * 10**-digits, (way, kind)


def test_every_benchmark_says_what_it_measures_and_beside_what():
    for name in command.BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{name}")
        assert module.__doc__.partition("\n\n")[0].endswith("."), name
        assert callable(module.measure), name


def test_linear_regression_runs_small(in_process):
    table = linear_regression.measure(small=True)
    assert "whole loop" in table
    for way in ("the lesson", "Keras `fit", "eager tape"):
        assert float(read_table(table, way)[1].split()[0]) > 0


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_time_to_a_goal_runs_small(in_process, name):
    """All ways train: one with a learning rate of zero would stay at a tenth."""
    with few_digits(train=900, validation=100, test=100):
        table = importlib.import_module(f"benchmarks.{name}").measure(small=True)
    goals = table[table.index("| way |") :].splitlines()[2:]
    assert len(goals) >= 2
    for line in goals:
        assert float(line.strip("| %").rpartition(" ")[2]) >= 30
        assert "not reached" not in line


def test_gain_of_keras_patches_runs_small(in_process, monkeypatch):
    """One of its lessons. How fast they are tells nothing: the epochs are too short."""
    settings = {"course_2_mlp": keras_patches.LESSONS["course_2_mlp"]}
    monkeypatch.setattr(keras_patches, "LESSONS", settings)
    plain = []

    def start(config, *others, call=runs.start, **named):
        plain.append(config.plain_keras)
        return call(config, *others, **named)

    monkeypatch.setattr(runs, "start", start)
    with few_digits():
        table = keras_patches.measure(small=True)
    assert plain == [False, True]
    for way in ("as it is", "`--plain-keras`"):
        assert float(read_table(table, way)[1].split()[0]) > 0


def test_clock_stands_still_while_it_looks(monkeypatch):
    now = iter(
        [0.0, 5.0, 25.0, 30.0, 90.0]
    )  # 20 of these seconds are spent on predicting
    monkeypatch.setattr(reaching.time, "perf_counter", lambda: next(now))
    clock = reaching.Clock(0.75, limit=60)
    images, labels = np.eye(4), np.arange(4)
    assert not clock.look(0.25, lambda part: part[:, [0, 1, 3, 2]], images, labels)
    assert clock.reached == (5.0, 0.25, 0.5, False)
    assert clock.look(0.5, lambda part: part, images, labels)
    assert clock.reached == (10.0, 0.5, 1.0, True)


def test_clock_gives_up():
    clock = reaching.Clock(0.75, limit=0)
    assert clock.look(0.25, lambda part: part[:, ::-1], np.eye(4), np.arange(4))
    assert not clock.reached.reached


def test_operations_are_counted_as_by_hand():
    """25 x 32 weights at 28 x 28 places, 25 x 32 x 64 at 14 x 14, then two products."""
    model = cnn.build_cnn()
    by_hand = [2 * 784 * 25 * 32, 2 * 196 * 25 * 32 * 64, 2 * 3136 * 256, 2 * 256 * 10]
    assert peak.count_operations(model) == by_hand
    depthwise = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.DepthwiseConv2D(3, padding="same")]
    )
    assert peak.count_operations(depthwise) == [2 * 64 * 9 * 3]


def test_peak_runs_small(in_process, monkeypatch):
    monkeypatch.setattr(peak.cnn_epoch, "time_lesson", lambda: [1e-4])
    text = peak.measure(small=True)
    for lesson in (
        "course_3_cnn",
        "course_5_transfer_learning",
        "course_9_style_transfer",
    ):
        assert re.search(rf"^\| {lesson}.* \| \d+% \|$", text, re.MULTILINE), lesson
    assert float(read_table(text, "Conv2DBackpropInput")[1]) > 0


def test_growth_runs_small(in_process, monkeypatch):
    monkeypatch.setattr(memory, "measure_peak", iter(range(100, 1000, 10)).__next__)
    text = growth.measure(small=True)
    assert read_table(text, "48")[1] == "1"
    assert read_table(text, "64")[1] == "1.78"
    assert read_table(text, "48")[4] == "10 MB"


def test_growth_draws_its_figure(tmp_path):
    costs = {size: growth.Cost(size / 100, size) for size in (100, 400)}
    growth.plot(tmp_path / "growth.png", [("images", costs, {100: 1, 400: 4})] * 2)
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_style_transfer_runs_small(in_process):
    text = style_transfer.measure(small=True)
    for way in (
        "the lesson, ",
        "keras-io, float32",
        "the lesson's way",
        "keras-io, 8 steps",
    ):
        assert float(read_table(text, way)[1].split()[0]) > 0
    assert "after 8 steps" in text


def test_both_ways_have_the_same_loss():
    """At the start, where both have the content as their picture: the gradients are
    equal.
    """
    path = weights.find_convolutions("hed").path
    theirs, ours = (
        style_transfer.KerasIO(path, 48),
        style_transfer.LessonsWay(path, 48, 10),
    )
    gradients = (
        theirs.differentiate(theirs.picture.value())[1],
        ours.differentiate(ours.picture.value()),
    )
    np.testing.assert_allclose(
        *gradients, rtol=1e-3, atol=1e-4 * np.abs(gradients[0]).max()
    )


def test_pytorch_has_the_lessons_loss():
    """The first step of Adam moves each pixel against the sign of its gradient."""
    pytest.importorskip("torch", reason="needs PyTorch, the extra bench")
    layers = style_transfer.STYLE_LAYERS + style_transfer.CONTENT_LAYERS
    kernels = vgg.read_kernels(weights.find_convolutions("hed").path, layers)
    ours, theirs = (
        way(kernels, 48)()
        for way in (style_transfer.lesson_step, style_transfer.torch_step)
    )
    assert np.mean(np.isclose(ours, theirs, atol=0.01)) > 0.95


def test_transfer_learning_learns_in_both_ways(in_process):
    found = transfer_learning.measure(small=True)
    assert len(read_rows(found)) == 2
    accuracies = [float(accuracy) for accuracy in re.findall(r"([\d.]+)%", found)]
    assert len(accuracies) == 2 and min(accuracies) > 80, (
        "parts of a temple and of a flower are easily told apart"
    )


def test_image_search_finds_the_same(in_process):
    found = image_search.measure(small=True)
    assert len(read_rows(found)) == 2
    assert "The same ten in the same order for 20 of 20 queries" in found


def test_start_ends_with_the_first_step(monkeypatch):
    monkeypatch.setattr(start, "IMPORT", ("-c", "import numpy"))  # which is quicker
    rows = read_rows(start.measure(small=True))
    listing, imported, first, after = (
        float(cells[0].removesuffix(" s")) for cells in rows.values()
    )
    assert 0 < listing < first
    assert after == pytest.approx(first - imported, abs=0.02)


def test_memory_runs_small(in_process):
    with few_digits():
        found = memory.measure(small=True)
    imported, lesson = (
        float(cells[0].removesuffix(" MB")) for cells in read_rows(found).values()
    )
    assert 200 < imported <= lesson
    assert "More than the import: " in found


def test_memory_is_the_largest_that_the_process_had():
    """At least what it has now, and less than the machine."""
    now = psutil.Process().memory_info().rss / 1e6
    assert 0.99 * now < memory.measure_peak() < psutil.virtual_memory().total / 1e6


def test_sweep_gives_what_single_runs_give(monkeypatch):
    """Here in one process; each way is one of its own where it is measured."""

    def run_here(first, *words):
        with contextlib.redirect_stdout(io.StringIO()):
            if first == "-m":
                lessons.run_command(list(words[1:]))
            else:
                config = command_line.parse(course_1_tf_lr.Config, words, first, None)
                course_1_tf_lr.main(config)

    monkeypatch.setattr(sweep, "run_process", run_here)
    found = sweep.measure(small=True)
    assert len(read_rows(found)) == 2
    assert "Equal final metrics in 2 of 2 runs" in found


def test_process_that_fails_is_no_result():
    with pytest.raises(subprocess.CalledProcessError):
        sweep.run_process("-c", "raise SystemExit(3)")
