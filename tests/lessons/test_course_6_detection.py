"""Digits are found on photographs: targets, losses, decoding, and average precision."""

import functools
import re

from lessons import course_6_detection as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.special import expit, log_softmax, softmax

from data import Dataset, Split, digits, scenes, weights
from tests.lessons import small

SMALL = {"steps": 60, "learning_rate": 1e-2}


@functools.cache
def load_easy() -> tuple[Dataset, scenes.Scenes]:
    """Scenes of one large digit on one color, and what draws more of them."""
    sample = digits.load_sample("a test needs no more")
    plain = {"plain": np.full((96, 96, 3), 90, np.uint8)}
    splits = [
        scenes.Scenes(split, plain, 1500, objects=(1, 2))
        for split in (sample.train, sample.validation, sample.test)
    ]
    drawn = [
        drawing.draw(count, np.random.default_rng(number))
        for number, (count, drawing) in enumerate(
            zip((60, 20, 60), splits, strict=True)
        )
    ]
    dataset = Dataset(*drawn, "drawn for a test", scenes.CLASS_NAMES)
    return dataset, splits[0]


PATCHES = {
    "data.scenes.load_scenes": load_easy,
    "lessons.course_6_detection.READER_SCENES": 100,
    "lessons.course_6_detection.SCENES": lesson.Defaults(16, 60, 1e-2, window=3),
    "lessons.course_6_detection.FILTERS": (8, 16, 32),
    "lessons.course_6_detection.REPEATS": (0, 1),
    "lessons.course_6_detection.WIDTH": 32,
}


def read_predictions(run: small.Run) -> dict:
    with np.load(run.folder / "test_predictions.npz") as saved:
        return dict(saved)


def draw_objects(count: int, seed: int = 0) -> dict:
    """Boxes and labels of pictures with up to four objects, and some with none."""
    random = np.random.default_rng(seed)
    start = random.uniform(0, 60, (count, 4, 2))
    boxes = np.concatenate([start, start + random.uniform(8, 36, (count, 4, 2))], -1)
    labels = random.integers(3, size=(count, 4))
    missing = np.arange(4) >= random.integers(5, size=count)[:, None]
    boxes[missing], labels[missing] = -1, -1
    return {"boxes": np.float32(boxes), "labels": np.int32(labels)}


def draw_detections(truth: dict, seed: int = 0) -> lesson.Detections:
    """Objects that are moved, some with another class, and some that are none."""
    random = np.random.default_rng(seed)
    count = len(truth["labels"])
    boxes = np.tile(truth["boxes"], (1, 3, 1)) + random.normal(0, 3, (count, 12, 4))
    labels = np.tile(truth["labels"], (1, 3))
    other = (random.random(labels.shape) < 0.2) | (labels < 0)
    labels[other] = random.integers(3, size=other.sum())
    start = np.minimum(boxes[..., :2], boxes[..., 2:])
    boxes = np.concatenate([start, np.maximum(boxes[..., 2:], start + 1)], -1)
    scores = random.integers(1, 50, (count, 12)) / 50  # with ties
    order = np.argsort(-scores, axis=1, kind="stable")
    return lesson.Detections(
        np.take_along_axis(boxes, order[..., None], 1),
        np.take_along_axis(scores, order, 1),
        np.take_along_axis(labels, order, 1),
    )


def test_it_finds_digits(small_run):
    """So few steps hardly tell classes apart, but the most certain center is inside a
    digit (chance: one in ten), and its box is about right.
    """
    saved = read_predictions(small_run)
    inside, overlaps = [], []
    for box, truth, labels in zip(
        saved["prediction"][:, 0], saved["truth"], saved["true_label"], strict=True
    ):
        truth = truth[labels >= 0]
        center = (box[:2] + box[2:]) / 2
        hit = (center >= truth[:, :2]) & (center <= truth[:, 2:])
        inside.append(hit.all(axis=1).any())
        overlaps.append(lesson.iou(box[np.newaxis], truth).max())
    assert np.mean(inside) > (0.1 + 1) / 2
    assert np.mean(overlaps) > 0.3


def test_it_learns_from_scenes_of_the_training_alone(small_run):
    """Each batch is a new one, and the reader has pieces of its own."""
    dataset, _ = load_easy()
    assert len(small_run.fitted) == 1 + SMALL["steps"]
    _, *batches = small_run.fitted
    assert len(np.unique(np.concatenate(batches))) == 16 * SMALL["steps"]
    for split in (dataset.validation, dataset.test):
        scenes_held_out = small.find_fingerprints(split.x)
        assert not np.isin(scenes_held_out, np.concatenate(batches)).any()


def test_figures_are_those_of_the_predictions(small_run):
    saved, (dataset, _) = read_predictions(small_run), load_easy()
    np.testing.assert_array_equal(saved["truth"], dataset.test.y["boxes"])
    np.testing.assert_array_equal(saved["true_label"], dataset.test.y["labels"])
    np.testing.assert_array_equal(saved["id"], np.arange(60))
    for name, keys in {
        "test": ("prediction", "score", "label"),
        "baseline": ("baseline", "baseline_score", "baseline_label"),
    }.items():
        found = lesson.Detections(*(saved[key] for key in keys))
        curves = lesson.precision_curves(found, dataset.test.y, 10)
        for key, value in lesson.summarize(curves).items():
            assert small_run.metrics[name][key] == pytest.approx(value)
    assert small_run.metrics["test"]["examples"] == 60
    model = keras.models.load_model(small_run.folder / "model.keras")
    again = lesson.detect(model, dataset.test.x, 3)
    np.testing.assert_allclose(again.scores, saved["score"], atol=1e-5)


def test_the_baseline_reads_what_is_alone_on_one_color(small_run):
    """Otsu's threshold finds it; reading takes more pieces than the small run has."""
    saved = read_predictions(small_run)
    found = saved["baseline_label"] >= 0
    overlaps = [
        lesson.iou(boxes[there], truth[labels >= 0]).max(axis=0)
        for boxes, there, truth, labels in zip(
            saved["baseline"], found, saved["truth"], saved["true_label"], strict=True
        )
        if there.any()
    ]
    assert np.mean(np.concatenate(overlaps) > 0.5) > 0.8


def test_the_baseline_finds_nothing_where_no_piece_has_the_size():
    images = np.full((2, 40, 50, 3), 90, np.uint8)
    images[:, 20] = 140  # a line from side to side
    found = lesson.read_pieces(lesson.build_reader(3), images, (5.0, 20.0))
    assert (found.labels == -1).all()
    assert not found.scores.any()


def test_targets_and_decode_are_inverse():
    truth = draw_objects(50)
    targets = lesson.make_targets(truth["boxes"], truth["labels"], (24, 24), 0.12)
    outputs = {
        "heat": np.float32(20 * targets["heat"] - 10),
        "classes": 30 * np.eye(3, dtype=np.float32)[targets["classes"]],
        "boxes": targets["boxes"],
    }
    found = lesson.decode(outputs, window=3)
    for index, labels in enumerate(truth["labels"]):
        boxes, labels = truth["boxes"][index][labels >= 0], labels[labels >= 0]
        shown = found.scores[index] > 0.9
        overlaps = lesson.iou(found.boxes[index][shown], np.clip(boxes, 0, 96))
        centers = (boxes[:, :2] + boxes[:, 2:]) // 8
        if len(np.unique(centers, axis=0)) < len(boxes):
            continue  # two in one place are one
        close = np.abs(centers[:, None] - centers).max(axis=-1) == 1
        if close.any():
            continue  # neither is a peak beside the other
        assert shown.sum() == len(boxes)
        if len(boxes):
            np.testing.assert_allclose(overlaps.max(axis=0), 1, atol=1e-4)
            np.testing.assert_array_equal(
                found.labels[index][shown][overlaps.argmax(axis=0)], labels
            )


def test_targets_of_one_object():
    """By hand: 16 x 8 pixels with the center at (22, 13), which is place (5, 3)."""
    boxes = np.array([[[14, 9, 30, 17], [-1, -1, -1, -1]]], np.float32)
    targets = lesson.make_targets(boxes, np.array([[7, -1]]), (8, 10), 0.5)
    heat = targets["heat"][0, ..., 0]
    assert heat.shape == (8, 10)
    assert heat[3, 5] == 1
    assert np.count_nonzero(heat == 1) == 1
    # Deviations of half of its 4 x 2 places.
    assert heat[3, 7] == pytest.approx(np.exp(-1 / 2))
    assert heat[4, 5] == pytest.approx(np.exp(-1 / 2))
    assert (targets["classes"] == 7).all()
    np.testing.assert_allclose(
        targets["boxes"][0, 3, 5], [0, -0.25, np.log(4), np.log(2)], atol=1e-6
    )
    np.testing.assert_allclose(targets["boxes"][0, 4, 3, :2], [2, -1.25], atol=1e-6)


def test_targets_without_objects():
    boxes, labels = np.full((2, 3, 4), -1.0), np.full((2, 3), -1)
    targets = lesson.make_targets(boxes, labels, (6, 6), 0.12)
    assert not targets["heat"].any()
    assert all(np.isfinite(part).all() for part in targets.values())


def test_losses_are_those_of_numpy():
    random = np.random.default_rng(0)
    truth = draw_objects(6)
    targets = lesson.make_targets(truth["boxes"], truth["labels"], (24, 24), 0.2)
    outputs = {
        "heat": random.normal(-2, 2, (6, 24, 24, 1)),
        "classes": random.normal(0, 2, (6, 24, 24, 3)),
        "boxes": random.normal(0, 2, (6, 24, 24, 4)),
    }
    outputs = {name: part.astype(np.float32) for name, part in outputs.items()}
    losses = lesson.find_losses(outputs, targets, 2.0, 0.5)

    heat, p = targets["heat"][..., 0], expit(np.float64(outputs["heat"][..., 0]))
    weight = targets["weight"]
    objects = np.count_nonzero(truth["labels"] >= 0)
    assert weight.sum() == pytest.approx(objects)
    focal = entropy = distance = 0.0
    for place in np.ndindex(heat.shape):
        if heat[place] == 1:
            focal -= (1 - p[place]) ** 2 * np.log(p[place])
        else:
            focal -= (1 - heat[place]) ** 4 * p[place] ** 2 * np.log(1 - p[place])
        assert (weight[place] > 0) == (heat[place] > 0.2)
        said = log_softmax(outputs["classes"][place])
        entropy -= weight[place] * said[targets["classes"][place]]
        error = outputs["boxes"][place] - targets["boxes"][place]
        distance += weight[place] * np.abs(error).sum()
    expected = {
        "heat": focal / np.count_nonzero(heat == 1),
        "class": entropy / objects,
        "box": distance / objects,
    }
    expected["loss"] = expected["heat"] + 2 * expected["class"] + 0.5 * expected["box"]
    for name, value in expected.items():
        assert float(losses[name]) == pytest.approx(value, rel=1e-4)


def test_scores_are_heat_times_class():
    heat = np.full((1, 5, 5, 1), -9, np.float32)
    heat[0, 2, 2], heat[0, 2, 3], heat[0, 4, 0] = 2, 1, 0.5  # the second is no peak
    classes = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype(np.float32)
    found = lesson.decode(
        {"heat": heat, "classes": classes, "boxes": np.zeros((1, 5, 5, 4), np.float32)},
        window=3,
    )
    expected = {
        expit(value) * softmax(classes[0, row, column])[label]
        for row, column, value in ((2, 2, 2), (4, 0, 0.5))
        for label in (0, 1)
    }
    likely = found.scores[0][found.scores[0] > 0.01]
    np.testing.assert_allclose(sorted(likely), sorted(expected), rtol=1e-5)
    assert (np.diff(found.scores[0]) <= 0).all()
    assert (found.labels[found.scores == 0] == -1).all()


@pytest.mark.parametrize("window", [1, 3, 5, 25])
def test_peaks_are_the_maxima_of_a_window(window):
    heat = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    outputs = {
        "heat": heat[np.newaxis, ..., np.newaxis],
        "classes": np.zeros((1, 9, 11, 1), np.float32),
        "boxes": np.zeros((1, 9, 11, 4), np.float32),
    }
    found = lesson.decode(outputs, window)
    highest = ndimage.maximum_filter(heat, window, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero(heat == highest)
    places = found.boxes[0][found.scores[0] > 0, :2] // lesson.STRIDE
    assert {*map(tuple, places)} == {*zip(columns, rows, strict=True)}


def test_iou_by_hand_and_by_keras():
    one = np.array([[0, 0, 10, 10], [5, 5, 15, 25]], float)
    other = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]], float)
    hand = [[1, 50 / 150, 0], [25 / 275, 50 / 250, 25 / 275]]
    np.testing.assert_allclose(lesson.iou(one, other), hand)
    boxes = draw_objects(10)["boxes"].reshape(-1, 4)
    boxes = boxes[boxes[:, 0] >= 0]
    keras_iou = keras.utils.bounding_boxes.compute_iou(boxes, boxes, "xyxy")
    np.testing.assert_allclose(lesson.iou(boxes, boxes), keras_iou, atol=1e-5)


@pytest.mark.parametrize(
    ("scores", "hits", "objects", "expected"),
    [
        ([0.9, 0.8], [1, 1], 2, 1.0),
        ([0.9], [1], 2, 51 / 101),  # recalls 0 to 0.5
        ([0.9, 0.8], [0, 1], 1, 0.5),
        ([0.8, 0.9], [1, 0], 1, 0.5),  # the order is that of the scores
        ([0.9, 0.8, 0.7], [1, 0, 1], 2, (51 + 50 * 2 / 3) / 101),
        ([0.5, 0.5], [0, 1], 1, 0.5),  # of equal scores, the earlier one first
        ([], [], 3, 0.0),
    ],
)
def test_average_precision_by_hand(scores, hits, objects, expected):
    precision = lesson.precision_at_recalls(
        np.array(scores, float), np.array(hits, bool), objects
    )
    assert precision.mean() == pytest.approx(expected)


def test_an_object_is_hit_once():
    """By hand: rows are detections, columns objects."""
    overlaps = np.array([[0.9, 0.6], [0.8, 0.55], [0.7, 0.4], [0.3, 0.9]])
    # The second takes what is left, the others find nothing.
    for threshold, hits in ((0.5, [1, 1, 0, 0]), (0.6, [1, 0, 0, 1]), (0.95, [0] * 4)):
        np.testing.assert_array_equal(lesson.match(overlaps, threshold), hits)
    assert lesson.match(np.zeros((2, 0)), 0.5).tolist() == [False, False]


def test_average_precision_is_that_of_coco(capfd):
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is missing")
    from pycocotools.cocoeval import COCOeval

    truth = draw_objects(60)
    found = draw_detections(truth)
    annotations, results = [], []
    for index in range(60):
        for box, label in zip(
            truth["boxes"][index], truth["labels"][index], strict=True
        ):
            if label >= 0:
                size = box[2:] - box[:2]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": index,
                        "category_id": int(label),
                        "bbox": [*map(float, box[:2]), *map(float, size)],
                        "area": float(size.prod()),
                        "iscrowd": 0,
                    }
                )
        for box, score, label in zip(*(part[index] for part in found), strict=True):
            results.append(
                {
                    "image_id": index,
                    "category_id": int(label),
                    "bbox": [*map(float, box[:2]), *map(float, box[2:] - box[:2])],
                    "score": float(score),
                }
            )
    reference = coco.COCO()
    reference.dataset = {
        "info": {},
        "images": [{"id": index} for index in range(60)],
        "annotations": annotations,
        "categories": [{"id": label} for label in range(3)],
    }
    reference.createIndex()
    evaluation = COCOeval(reference, reference.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capfd.readouterr()
    summary = lesson.summarize(lesson.precision_curves(found, truth, 3))
    assert 0.05 < summary["map"] < 0.9
    assert summary["map"] == pytest.approx(evaluation.stats[0], abs=1e-9)
    assert summary["map50"] == pytest.approx(evaluation.stats[1], abs=1e-9)


def test_a_class_without_objects_does_not_count():
    truth = {"boxes": np.array([[[0, 0, 9, 9]]], float), "labels": np.array([[1]])}
    found = lesson.Detections(
        np.array([[[0, 0, 9, 9], [0, 0, 9, 9]]], float),
        np.array([[0.9, 0.8]]),
        np.array([[1, 0]]),
    )
    curves = lesson.precision_curves(found, truth, 3)
    assert np.isnan(curves[[0, 2]]).all()
    assert lesson.summarize(curves) == {"map50": 1.0, "map": 1.0}


def test_errors_by_hand():
    """Each kind once; the third object is missed."""
    truth = {
        "boxes": np.array(
            [[[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60], [0, 40, 10, 50]]],
            float,
        ),
        "labels": np.array([[1, 2, 3, 4]]),
    }
    boxes = [
        [0, 0, 10, 10],  # right
        [0, 0, 10, 9],  # double
        [20, 0, 30, 10],  # class
        [0, 40, 10, 44],  # place: an IoU of 0.4
        [80, 80, 90, 90],  # invented
        [50, 50, 60, 60],  # a score too small to be shown
    ]
    found = lesson.Detections(
        np.array([boxes], float),
        np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.2]]),
        np.array([[1, 1, 5, 4, 4, 3]]),
    )
    expected = ("right", "double", "class", "place", "invented", "missed")
    assert lesson.count_errors(found, truth) == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(("upside_down", "tops"), [(False, {5}), (True, {5, 11})])
def test_mirrored_photos(upside_down, tops):
    """What is drawn in the box stays in the box."""
    images = np.zeros((1, 20, 30, 3), np.uint8)
    images[0, 5:9, 3:12] = 255
    boxes = np.array([[[3, 5, 12, 9], [-1, -1, -1, -1]]], np.float32)
    split = Split(images, {"boxes": boxes, "labels": np.array([[0, -1]])})
    x, y = lesson.draw_photos(split, upside_down, 8, np.random.default_rng(0))
    corners = set()
    for image, (box, _) in zip(x, y["boxes"], strict=True):
        left, top, right, bottom = box.astype(int)
        assert (image[top:bottom, left:right] == 255).all()
        assert image.sum() == images.sum()
        corners.add((left, top))
    assert {left for left, _ in corners} == {3, 18}
    assert {top for _, top in corners} == tops
    assert (images[0, 5:9, 3:12] == 255).all()  # the photos themselves stay


def test_pretrained_encoder(efficientnet):
    """It begins with what was learned from ImageNet, and training keeps its means."""
    found = weights.find_weights("efficientnet_lite0")
    encoder = lesson.build_pretrained_encoder((64, 96), found)
    assert encoder.output_shape == (None, 16, 24, 48)
    images = np.random.default_rng(0).integers(256, size=(2, 64, 96, 3))
    encoder(np.uint8(images), training=True)
    small.check_weights(encoder, efficientnet)


@pytest.mark.full
def test_photos_of_ones_own(tmp_path):
    """Dark squares on light ground, in the layout of YOLO."""
    random = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    (tmp_path / "photos/classes.txt").write_text("square\n")
    for number in range(40):
        picture = np.full((240, 320, 3), 220, np.uint8)
        picture += random.integers(20, size=picture.shape, dtype=np.uint8)
        top, left = random.integers(0, 180), random.integers(0, 260)
        picture[top : top + 60, left : left + 60] = 30
        Image.fromarray(picture).save(tmp_path / f"photos/images/{number}.png")
        middle = f"{(left + 30) / 320} {(top + 30) / 240}"
        text = f"0 {middle} {60 / 320} {60 / 240}\n"
        (tmp_path / f"photos/labels/{number}.txt").write_text(text)
    config = lesson.Config(
        data_dir=tmp_path / "photos", steps=60, logdir=tmp_path, name="test"
    )
    metrics = lesson.main(config)
    assert metrics["test"]["map50"] > 0.9
    assert metrics["baseline"]["map50"] > 0.9


def test_predict(small_run, tmp_path, capfd, monkeypatch):
    """The boxes are those of the picture as it was: on a scene of the test those that
    were saved, on a picture twice as wide twice as wide as on the same one squeezed.
    """
    saved = read_predictions(small_run)
    # So few steps leave all scores low.
    monkeypatch.setattr(lesson, "SHOWN", float(saved["score"][0, 1]) - 1e-3)
    scene = Image.fromarray(load_easy()[0].test.x[0])
    wide = scene.resize((192, 96))
    paths = [tmp_path / f"{name}.png" for name in ("scene", "wide", "squeezed")]
    for picture, path in zip((scene, wide, wide.resize((96, 96))), paths, strict=True):
        picture.save(path)
    run_command(["predict", str(small_run.folder), *map(str, paths)])
    said = capfd.readouterr().out
    found = []
    for path in paths:
        count, lines = re.search(rf"{path}: (\d+) found\n((?:  .*\n)*)", said).groups()
        found.append([re.findall(r"\d+", line) for line in lines.splitlines()])
        assert len(found[-1]) == int(count)
    first, wide, squeezed = (np.array(rows, int) for rows in found)
    shown = saved["score"][0] >= lesson.SHOWN
    np.testing.assert_array_equal(first[:, 0], saved["label"][0][shown])
    np.testing.assert_allclose(first[:, 2:], saved["prediction"][0][shown], atol=1)
    np.testing.assert_array_equal(wide[:, :2], squeezed[:, :2])
    np.testing.assert_allclose(wide[:, 2:], squeezed[:, 2:] * [2, 1, 2, 1], atol=2)
    assert (small_run.folder / "figures/predictions_1.png").is_file()


def test_predict_refuses_what_is_no_picture(small_run, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="is not a picture"):
        run_command(["predict", str(small_run.folder), str(tmp_path / "text.png")])
