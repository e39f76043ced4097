"""A network finds the one digit of a scene; boxes are compared as they should be."""

import functools
import re

from lessons import course_6_localization as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data import Dataset, digits, scenes
from tests.lessons import small


@functools.cache
def make_scenes(size, objects) -> tuple[Dataset, scenes.Scenes]:
    """Scenes as the lesson's, on gray in place of photographs: easier to learn."""
    sample = digits.load_sample("a test needs no more")
    plain = {"gray": np.full((size, size, 3), 128, np.uint8)}
    drawings = [
        scenes.Scenes(split, plain, 500, size, objects)
        for split in (sample.train, sample.validation, sample.test)
    ]
    splits = [
        drawing.draw(100, np.random.default_rng(1000 + number))
        for number, drawing in enumerate(drawings)
    ]
    return Dataset(*splits, "made for a test", digits.CLASS_NAMES), drawings[0]


SMALL = {"scenes": 1200, "epochs": 2, "batch_size": 25, "learning_rate": 4e-3}
PATCHES = {"data.scenes.load_scenes": make_scenes}


def load_test() -> dict:
    """Images of the test, true digits, and true boxes in pixels."""
    dataset, _ = make_scenes(lesson.SIZE, (1, 1))
    x, y = dataset.test
    return {"x": x, "digit": y["labels"][:, 0], "box": y["boxes"][:, 0]}


def random_boxes(count: int, side: int) -> np.ndarray:
    """Boxes of whole pixels, with an area, in a picture of `side` pixels."""
    random = np.random.default_rng(0)
    first = random.integers(0, side, (count, 2))
    last = random.integers(first + 1, side + 1)
    return np.concatenate([first, last], axis=1).astype(np.float32)


def fill(boxes: np.ndarray, side: int) -> np.ndarray:
    """Which pixels are in each box, bool (n, side, side)."""
    rows, columns = np.mgrid[:side, :side]
    left, top, right, bottom = boxes.T[:, :, None, None]
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def keras_iou(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """The IoU of each pair, by Keras."""
    table = keras.utils.bounding_boxes.compute_iou(
        truth[:, None], answers[:, None], "xyxy"
    )
    return np.asarray(table)[:, 0, 0]


def test_it_learns(small_run):
    """Half of the way from the mean box to the docstring's figure."""
    metrics = small_run.metrics
    baseline, test = metrics["baseline"], metrics["test"]
    assert test["iou"] > (baseline["mean_box"] + 0.58) / 2
    dataset, _ = make_scenes(lesson.SIZE, (1, 1))
    fitted = np.concatenate(small_run.fitted)
    for split in (dataset.validation, dataset.test):
        assert not np.isin(small.find_fingerprints(split.x), fitted).any()


def test_figures_are_those_of_the_predictions(small_run):
    with np.load(small_run.folder / "test_predictions.npz") as saved:
        saved = dict(saved)
    truth, metrics = load_test(), small_run.metrics
    np.testing.assert_array_equal(saved["truth"], truth["digit"])
    np.testing.assert_allclose(saved["true_box"] * lesson.SIZE, truth["box"], rtol=1e-6)
    overlaps = keras_iou(truth["box"], saved["box"] * lesson.SIZE)
    near, named = overlaps >= 0.5, saved["prediction"] == saved["truth"]
    assert metrics["test"]["examples"] == 100
    assert metrics["test"]["iou"] == pytest.approx(overlaps.mean(), abs=1e-5)
    assert metrics["test"]["accuracy"] == pytest.approx(np.mean(near & named))
    assert metrics["test"]["box_right"] == pytest.approx(near.mean())
    assert metrics["test"]["digit_right"] == pytest.approx(named.mean())


def test_the_baseline_is_the_mean_box_of_the_training_scenes(small_run):
    _, drawing = make_scenes(lesson.SIZE, (1, 1))
    drawn = drawing.draw(SMALL["scenes"], np.random.default_rng(0))
    mean = drawn.y["boxes"][:, 0].mean(axis=0)
    boxes = load_test()["box"]
    expected = keras_iou(boxes, np.tile(mean, (100, 1))).mean()
    baseline = small_run.metrics["baseline"]["mean_box"]
    assert baseline == pytest.approx(expected, abs=1e-5)


def test_the_saved_network_takes_raw_pictures(small_run):
    model = keras.models.load_model(small_run.folder / "model.keras")
    answers = model.predict(load_test()["x"], verbose=0)
    with np.load(small_run.folder / "test_predictions.npz") as saved:
        np.testing.assert_allclose(answers["box"], saved["box"], atol=1e-5)
        said = answers["digit"].argmax(axis=1)
        np.testing.assert_array_equal(said, saved["prediction"])
    np.testing.assert_allclose(answers["digit"].sum(axis=1), 1, atol=1e-5)


def test_iou_and_generalized_iou_are_counted_pixels():
    truth, answers = np.split(random_boxes(400, 20), 2)
    a, b = fill(truth, 20), fill(answers, 20)
    shared, union = (a & b).sum(axis=(1, 2)), (a | b).sum(axis=(1, 2))
    assert (shared == 0).any()
    iou = np.asarray(lesson.iou(truth, answers))
    np.testing.assert_allclose(iou, shared / union, atol=1e-6)
    np.testing.assert_allclose(iou, keras_iou(truth, answers), atol=1e-5)
    around = [np.prod(np.ptp(np.nonzero(both), axis=1) + 1) for both in a | b]
    expected = shared / union - (around - union) / around
    giou = np.asarray(lesson.giou(truth, answers))
    np.testing.assert_allclose(giou, expected, atol=1e-6)


def test_a_square_shifted_by_a_third_has_an_iou_of_a_half():
    square = np.array([0.0, 0.0, 3.0, 3.0])
    assert float(lesson.iou(square, square + [1, 0, 1, 0])) == pytest.approx(0.5)


@pytest.mark.parametrize(("loss", "moves"), [("iou", False), ("giou", True)])
def test_only_the_generalized_iou_moves_boxes_that_do_not_touch(loss, moves):
    truth = tf.constant([0.1, 0.1, 0.3, 0.3])
    answer = tf.Variable([0.6, 0.1, 0.8, 0.3])
    with tf.GradientTape() as tape:
        value = lesson.BOX_LOSSES[loss](truth, answer)
    left, _, right, _ = tape.gradient(value, answer).numpy()
    assert (left + right > 0.1) == moves  # a smaller loss farther to the left


@pytest.mark.parametrize("loss", lesson.BOX_LOSSES)
def test_box_losses_are_lowest_for_the_truth(loss):
    truth, answers = np.split(random_boxes(40, 20) / 20, 2)
    right = np.asarray(lesson.BOX_LOSSES[loss](truth, truth))
    wrong = np.asarray(lesson.BOX_LOSSES[loss](truth, answers))
    np.testing.assert_allclose(right, 0, atol=1e-6)
    assert (wrong > 1e-3).all()


def test_predict(small_run, tmp_path, capfd):
    """The box is one of the picture as it was, whatever its size."""
    truth = load_test()
    image = Image.fromarray(truth["x"][0])
    image.resize((640, 320), Image.Resampling.NEAREST).save(tmp_path / "a.png")
    image.save(tmp_path / "b.png")
    pictures = [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    run_command(["predict", str(small_run.folder), *pictures])
    lines = capfd.readouterr().out.splitlines()
    wide, plain = (
        np.int64(re.findall(r"-?\d+", line.rpartition("from")[2]))
        for line in lines[1:3]
    )
    scaled = plain * [640, 320, 640, 320] / lesson.SIZE
    np.testing.assert_allclose(wide, scaled, atol=12)
    with np.load(small_run.folder / "test_predictions.npz") as saved:
        expected = np.clip(saved["box"][0], 0, 1) * lesson.SIZE
        assert f": {saved['prediction'][0]} " in lines[2]
    np.testing.assert_allclose(plain, expected, atol=1)
    assert (small_run.folder / "figures/predictions_1.png").is_file()


def test_predict_refuses(small_run, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(ValueError, match="is not a picture, expected a PNG or JPEG"):
        run_command(["predict", str(small_run.folder), str(tmp_path / "a.png")])
    with pytest.raises(OSError, match="nowhere"):
        run_command(["predict", str(small_run.folder), "nowhere.png"])
