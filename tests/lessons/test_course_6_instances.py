"""Pixels vote for the center of their object: targets, losses, votes, and average
precision of masks.
"""

import functools
import re

from lessons import course_6_instances as lesson
from lessons.__main__ import run_command
from lessons.plots import course_6_instances as plots

import keras
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.special import expit, log_softmax
from sklearn.metrics import jaccard_score

from data import Dataset, Split, scenes
from tests.lessons import small

SMALL = {"steps": 200}
SIZE = 64  # of scenes, pixels


@functools.cache
def load_easy(pairs: float = 0.5) -> tuple[Dataset, scenes.Scenes]:
    """Scenes of one or two filled shapes on one color, and what draws more of them."""
    square = np.pad(np.full((20, 20), 255, np.uint8), 4)
    rows, columns = np.indices((28, 28)) - 13.5
    disk = np.uint8(255 * (rows**2 + columns**2 < 100))
    shapes = Split(np.stack([square, disk])[..., np.newaxis], np.uint8([3, 8]))
    plain = {"plain": np.full((SIZE, SIZE, 3), 90, np.uint8)}
    drawing = scenes.Scenes(shapes, plain, 300, SIZE, objects=(1, 2), pairs=pairs)
    drawn = [drawing.draw(50, np.random.default_rng(number)) for number in range(3)]
    dataset = Dataset(*drawn, "drawn for a test", scenes.CLASS_NAMES)
    return dataset, drawing


PATCHES = {
    "data.scenes.load_scenes": load_easy,
    "lessons.course_6_instances.BATCH_SIZE": 8,
    "lessons.course_6_instances.FILTERS": (8, 16, 32, 48),
    "lessons.course_6_instances.REPEATS": (0, 0, 1, 1),
    "lessons.course_6_instances.WIDTHS": (32, 16, 16),
    "lessons.course_6_instances.CROWD": (1, 2),
}


def read_predictions(run: small.Run) -> dict:
    with np.load(run.folder / "test_predictions.npz") as saved:
        return dict(saved)


def draw_truth(count: int, seed: int = 0) -> lesson.Instances:
    """Rectangles of three classes, of which later ones cover earlier ones."""
    random = np.random.default_rng(seed)
    numbers = np.zeros((count, 24, 30), np.uint8)
    labels = np.full((count, lesson.MOST), -1)
    for picture in range(count):
        for index in range(random.integers(5)):
            top, left = random.integers(0, (16, 22))
            height, width = random.integers(3, 10, 2)
            numbers[picture, top : top + height, left : left + width] = index + 1
        # Numbers without a gap.
        there, new = np.unique(numbers[picture], return_inverse=True)
        if there[0]:
            there, new = np.append(0, there), new + 1
        numbers[picture] = new.reshape(24, 30)
        labels[picture, : len(there) - 1] = random.integers(3, size=len(there) - 1)
    return lesson.Instances(numbers, np.float32(labels >= 0), labels)


def disturb(truth: lesson.Instances, seed: int = 0) -> lesson.Instances:
    """Objects that are moved, cut or joined, some with another class, and scores of
    which some are equal.
    """
    random = np.random.default_rng(seed)
    pictures = []
    for numbers, labels in zip(truth.numbers, truth.labels, strict=True):
        moved = np.roll(numbers, random.integers(-1, 2, 2), axis=(0, 1)).astype(int)
        if random.random() < 0.4:
            moved[:, random.integers(30) :] *= 2  # parts of others, or of none
        count = int(moved.max())
        mine = np.where(random.random(count) < 0.8, labels[:count], 0)
        which = np.zeros((24, 30, 3))
        for index in range(count):
            which[moved == index + 1, mine[index]] = 1
        scores = random.integers(1, 20, count) / 20
        pictures.append(lesson.rank(moved, scores, np.ones((24, 30)), which))
    return lesson.gather(pictures)


def test_pixels_of_pairs_are_told_apart(small_run):
    """Above the baseline where shapes touch: in so short a training not yet by much."""
    test, baseline = small_run.metrics["test"], small_run.metrics["baseline"]
    assert test["mask_map50_touching"] > baseline["mask_map50_touching"] + 0.1
    assert test["mask_map50_apart"] > 0.6
    assert baseline["mask_map50_apart"] > 0.6


def test_it_learns_from_scenes_of_the_training_alone(small_run):
    dataset, _ = load_easy()
    assert len(small_run.fitted) == SMALL["steps"]
    assert len(np.unique(np.concatenate(small_run.fitted))) == 8 * SMALL["steps"]
    for split in (dataset.validation, dataset.test):
        held_out = small.find_fingerprints(split.x)
        assert not np.isin(held_out, np.concatenate(small_run.fitted)).any()


def test_figures_are_those_of_the_predictions(small_run):
    saved, (dataset, _) = read_predictions(small_run), load_easy()
    np.testing.assert_array_equal(saved["truth"], dataset.test.y["masks"])
    np.testing.assert_array_equal(saved["id"], np.arange(50))
    truth = lesson.to_instances(dataset.test.y, 1)
    np.testing.assert_array_equal(saved["true_label"], truth.labels)
    touching = scenes.find_touching(saved["truth"])
    assert 10 < touching.sum() < 40
    parts = {"": touching | True, "_touching": touching, "_apart": ~touching}
    for name, keys in {
        "test": ("prediction", "score", "label"),
        "baseline": ("baseline", "baseline_score", "baseline_label"),
    }.items():
        found = lesson.Instances(*(saved[key] for key in keys))
        reported = small_run.metrics[name]
        for end, part in parts.items():
            precision = lesson.average_precision(
                lesson.take(found, part), lesson.take(truth, part), 1
            )
            assert reported[f"mask_map50{end}"] == pytest.approx(precision[0, 0])
            assert reported[f"mask_map{end}"] == pytest.approx(precision.mean())
    assert small_run.metrics["test"]["examples"] == 50
    model = keras.models.load_model(small_run.folder / "model.keras")
    again = lesson.find_instances(lesson.look(model, dataset.test.x))
    assert np.mean(again.numbers == saved["prediction"]) > 0.999


@pytest.mark.parametrize("classes", [1, 10])
def test_targets(classes):
    """By a loop over the objects and their pixels."""
    y = load_easy()[0].validation.y
    targets = lesson.make_targets(y, classes)
    np.testing.assert_array_equal(targets["object"][..., 0], y["masks"] > 0)
    which = np.zeros((50, SIZE // 4, SIZE // 4, 10))
    for scene, labels in enumerate(y["labels"]):
        for index in np.flatnonzero(labels >= 0):
            left, top, right, bottom = y["boxes"][scene, index]
            mine = y["masks"][scene] == index + 1
            for row, column in np.argwhere(mine):
                end = targets["votes"][scene, row, column] + [column, row] + 0.5
                assert tuple(end) == ((left + right) / 2, (top + bottom) / 2)
            weight = targets["weight"][scene][mine]
            np.testing.assert_allclose(weight, 1 / mine.sum(), rtol=1e-6)
            place = (int(top + bottom) // 4, int(left + right) // 4)
            assert targets["heat"][scene][place] == 1
            parts = mine.reshape(SIZE // 4, 4, SIZE // 4, 4).sum(axis=(1, 3))
            parts = parts / mine.sum()
            which[scene, ..., labels[index]] += parts
    assert (targets["weight"] > 0).sum() == (y["masks"] > 0).sum()
    assert (targets["heat"] == 1).sum() == (y["labels"] >= 0).sum()
    if classes > 1:
        np.testing.assert_allclose(targets["which"], which, atol=1e-6)
    else:
        assert "which" not in targets


def test_heat_of_one_object():
    """By hand: 16 x 8 pixels with the center at (21, 13), in place (10, 6)."""
    heat = lesson.make_heat(
        np.array([[[21, 13], [-1, -1]]]),
        np.array([[[16, 8], [0, 0]]]),
        np.array([[4, -1]]),
        (12, 16),
    )[0, ..., 0]
    assert heat.shape == (12, 16)
    assert heat[6, 10] == 1
    assert (heat == 1).sum() == 1
    assert heat[6, 11] == pytest.approx(np.exp(-1 / 2 / (0.12 * 8) ** 2))
    assert heat[8, 10] == pytest.approx(np.exp(-4 / 2 / 0.5**2))


@pytest.mark.parametrize("classes", [1, 10])
def test_losses_are_those_of_numpy(classes):
    y = load_easy()[0].validation.y
    targets = lesson.make_targets(y, classes)
    random = np.random.default_rng(6)
    outputs = {
        name: random.normal(0, 3, target.shape)
        for name, target in targets.items()
        if name != "weight"
    }
    given = {name: np.float32(output) for name, output in outputs.items()}
    losses = lesson.find_losses(given, targets, vote_weight=0.5)

    inside = targets["object"] == 1
    p = expit(outputs["object"])
    entropy = -np.log(p[inside]).sum() - np.log(1 - p[~inside]).sum()
    dice = 2 * p[inside].sum() / (p.sum() + inside.sum())
    heat, p = targets["heat"], expit(outputs["heat"])
    focal = np.where(
        heat == 1,
        (1 - p) ** 2 * np.log(p),
        (1 - heat) ** 4 * p**2 * np.log(1 - p),
    )
    objects = [
        y["masks"][scene] == index + 1
        for scene, labels in enumerate(y["labels"])
        for index in np.flatnonzero(labels >= 0)
    ]
    owners = np.nonzero(y["labels"] >= 0)[0]
    away = np.abs(outputs["votes"] - targets["votes"]).sum(axis=-1)
    distances = [
        away[scene][mine].mean() for scene, mine in zip(owners, objects, strict=True)
    ]
    expected = {
        "object": entropy / inside.sum() + 1 - dice,
        "heat": -focal.sum() / len(objects),
        "votes": np.mean(distances),
    }
    expected["loss"] = expected["object"] + expected["heat"] + expected["votes"] / 2
    if classes > 1:
        said = log_softmax(outputs["which"], axis=-1).repeat(4, 1).repeat(4, 2)
        labels = y["labels"][y["labels"] >= 0]
        expected["which"] = -np.mean(
            [
                said[scene, mine, label].mean()
                for scene, mine, label in zip(owners, objects, labels, strict=True)
            ]
        )
        expected["loss"] += lesson.WHICH_WEIGHT * expected["which"]
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert float(losses[name]) == pytest.approx(value, rel=1e-4)


def make_perfect_maps(y: dict, classes: int) -> lesson.Maps:
    """What a network would say that answers its targets."""
    targets = lesson.make_targets(y, classes)
    which = np.ones((50, SIZE // 4, SIZE // 4, 1), np.float32)
    if classes > 1:
        which = targets["which"] / np.maximum(
            targets["which"].sum(axis=-1, keepdims=True), 1e-9
        )
    return lesson.Maps(
        targets["object"][..., 0], targets["votes"], targets["heat"][..., 0], which
    )


@pytest.mark.parametrize("classes", [1, 10])
def test_perfect_votes_give_the_objects(classes):
    y = load_easy()[0].test.y
    maps = make_perfect_maps(y, classes)
    truth = lesson.to_instances(y, classes)
    found = lesson.find_instances(maps)
    for mine, true in zip(found.numbers, truth.numbers, strict=True):
        np.testing.assert_array_equal(plots.match_numbers(mine, true), true)
    assert np.nanmean(lesson.average_precision(found, truth, classes)) > 0.95
    # Without votes, some pixels are nearer to the center of another object.
    nearest = lesson.find_instances(maps, voting=False)
    precision = lesson.average_precision(nearest, truth, classes)
    assert np.nanmean(precision[:, -1]) < 0.95
    assert ((nearest.numbers > 0) == (truth.numbers > 0)).all()


@pytest.mark.parametrize("classes", [1, 10])
def test_what_a_network_says(classes):
    """Probabilities, and votes in pixels; the classes of each place sum to 1."""
    model = lesson.add_heads(lesson.build_u_net((32, 48)), classes)
    images = np.random.default_rng(0).integers(256, size=(2, 32, 48, 3))
    images = np.uint8(images)
    maps = lesson.look(model, images)
    outputs = model(images)
    assert maps.inside.shape == (2, 32, 48)
    assert maps.heat.shape == (2, 16, 24)
    assert maps.which.shape == (2, 8, 12, classes)
    inside = expit(outputs["object"].numpy()[..., 0])
    np.testing.assert_allclose(maps.inside, inside, atol=1e-5)
    heat = expit(outputs["heat"].numpy()[..., 0])
    np.testing.assert_allclose(maps.heat, heat, atol=1e-5)
    np.testing.assert_allclose(maps.votes, outputs["votes"], atol=1e-3)
    np.testing.assert_allclose(maps.which.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("classes", [1, 10])
def test_pieces_are_those_of_scipy(classes):
    """Connected components of each class apart."""
    y = load_easy()[0].test.y
    maps = make_perfect_maps(y, classes)
    found = lesson.find_pieces(maps)
    kinds = maps.which.argmax(axis=-1).repeat(4, axis=1).repeat(4, axis=2)
    for picture in range(50):
        expected = set()
        for kind in range(classes):
            mine = (maps.inside[picture] > 0.5) & (kinds[picture] == kind)
            parts, count = ndimage.label(mine, np.ones((3, 3)))
            for number in range(1, count + 1):
                part = parts == number
                if part.sum() >= lesson.SMALLEST:
                    expected.add((part.tobytes(), kind))
        numbers = found.numbers[picture]
        pieces = {
            ((numbers == index + 1).tobytes(), int(found.labels[picture, index]))
            for index in range(numbers.max())
        }
        assert pieces == expected
    if classes == 1:
        touching = scenes.find_touching(y["masks"])
        counts = found.numbers.max(axis=(1, 2))
        assert np.mean(counts[touching] == 1) > 0.8  # two that touch are one piece


def test_centers_are_the_maxima_of_a_window():
    heat = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    centers, certainty = lesson.find_centers(heat)
    highest = ndimage.maximum_filter(heat, lesson.WINDOW, mode="constant")
    rows, columns = np.nonzero((heat == highest) & (heat >= lesson.PEAK))
    np.testing.assert_array_equal(centers, np.stack([2 * columns + 1, 2 * rows + 1], 1))
    np.testing.assert_array_equal(certainty, heat[rows, columns])
    assert len(lesson.find_centers(np.zeros((9, 11), np.float32))[0]) == 0


def test_votes_by_hand():
    """Two centers; the pixel in the middle votes for the farther one."""
    inside = np.zeros((5, 9))
    inside[2, [1, 3, 8]] = [0.9, 0.6, 0.51]
    inside[2, 5] = 0.5  # not more
    votes = np.zeros((5, 9, 2))
    votes[2, 3] = [4, 0.4]
    centers = np.array([[1.5, 2.5], [7.5, 2.5]])
    numbers = lesson.join_votes(inside, votes, centers)
    expected = np.zeros((5, 9), int)
    expected[2, [1, 3, 8]] = [1, 2, 2]
    np.testing.assert_array_equal(numbers, expected)
    assert not lesson.join_votes(inside, votes, np.zeros((0, 2))).any()


def test_scores_by_hand():
    """Certainty, times the mean of being inside, times that of the class."""
    numbers = np.zeros((4, 10), int)
    numbers[:2, :5], numbers[2:, :5], numbers[0, 9] = 1, 2, 3
    inside = np.full((4, 10), 0.8)
    inside[0, :5] = 0.6
    which = np.zeros((4, 10, 2))
    which[:2], which[2:] = [0.3, 0.7], [0.9, 0.1]
    ranked = lesson.rank(numbers, np.array([0.5, 1, 0.9]), inside, which)
    renumbered, scores, labels = ranked
    # The second is the most certain, the third has one pixel.
    np.testing.assert_array_equal(renumbered[:, 0], [2, 2, 1, 1])
    assert not renumbered[:, 5:].any()
    np.testing.assert_allclose(scores, [1 * 0.8 * 0.9, 0.5 * 0.7 * 0.7])
    np.testing.assert_array_equal(labels, [0, 1])


def test_nothing_is_found_in_nothing():
    maps = lesson.Maps(
        np.zeros((2, 8, 8)),
        np.zeros((2, 8, 8, 2)),
        np.zeros((2, 4, 4), np.float32),
        np.ones((2, 2, 2, 1)),
    )
    for find in (lesson.find_instances, lesson.find_pieces):
        found = find(maps)
        assert not found.numbers.any()
        assert (found.labels == -1).all()
        assert np.isnan(lesson.average_precision(found, found, 1)).all()
        truth = draw_truth(2)._replace(numbers=np.uint8(found.numbers + 1))
        truth.labels[:, 0] = 0
        truth.labels[:, 1:] = -1
        assert (lesson.average_precision(found, truth, 1) == 0).all()


def test_iou_is_that_of_scikit_learn():
    truth = draw_truth(20)
    found = disturb(truth)
    compared = 0
    for mine, true in zip(found.numbers, truth.numbers, strict=True):
        overlaps = lesson.iou(mine, true)
        assert overlaps.shape == (mine.max(), true.max())
        for (one, other), value in np.ndenumerate(overlaps):
            expected = jaccard_score(
                (true == other + 1).ravel(), (mine == one + 1).ravel()
            )
            assert value == pytest.approx(expected)
            compared += 1
    assert compared > 50


def test_an_object_is_hit_once():
    """By hand: rows were found, columns are there; ties at one half."""
    overlaps = np.array([[0.5, 0], [0.5, 0], [0, 0.9], [0, 0.05]])
    for threshold, hits in ((0.5, [1, 0, 1, 0]), (0.6, [0, 0, 1, 0]), (0.95, [0] * 4)):
        np.testing.assert_array_equal(lesson.find_hits(overlaps, threshold), hits)
    both = np.array([[0.5, 0.5]])
    np.testing.assert_array_equal(lesson.find_hits(both, 0.5), [1])
    assert lesson.find_hits(np.zeros((2, 0)), 0.5).tolist() == [False, False]


def test_average_precision_is_that_of_coco(capfd):
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is missing")
    from pycocotools import mask
    from pycocotools.cocoeval import COCOeval

    truth = draw_truth(80)
    found = disturb(truth)

    def list_objects(instances):
        for picture, numbers in enumerate(instances.numbers):
            for index in range(numbers.max()):
                pixels = np.asfortranarray(numbers == index + 1, np.uint8)
                yield {
                    "image_id": picture,
                    "category_id": int(instances.labels[picture, index]),
                    "segmentation": mask.encode(pixels),
                    "area": int(pixels.sum()),
                    "iscrowd": 0,
                    "score": float(instances.scores[picture, index]),
                }

    reference = coco.COCO()
    reference.dataset = {
        "info": {},
        "images": [{"id": index, "height": 24, "width": 30} for index in range(80)],
        "annotations": [
            {**one, "id": number} for number, one in enumerate(list_objects(truth), 1)
        ],
        "categories": [{"id": label} for label in range(3)],
    }
    reference.createIndex()
    results = reference.loadRes(list(list_objects(found)))
    evaluation = COCOeval(reference, results, "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capfd.readouterr()
    precision = lesson.average_precision(found, truth, 3)
    assert 0.05 < precision.mean() < 0.9
    assert precision.mean() == pytest.approx(evaluation.stats[0], abs=1e-9)
    assert precision[:, 0].mean() == pytest.approx(evaluation.stats[1], abs=1e-9)


def test_scenes_in_which_objects_touch_are_measured_apart():
    y = load_easy()[0].test.y
    truth = lesson.to_instances(y, 1)
    touching = scenes.find_touching(y["masks"])
    found = lesson.Instances(
        truth.numbers * touching[:, None, None],
        truth.scores * touching[:, None],
        np.where(touching[:, None], truth.labels, -1),
    )
    summary = lesson.summarize(lesson.measure_methods({"": found}, truth, 1)[""])
    assert summary["mask_map50_touching"] == summary["mask_map_touching"] == 1
    assert summary["mask_map50_apart"] == summary["mask_map_apart"] == 0
    assert 0 < summary["mask_map50"] < 1


def test_objects_keep_the_color_of_the_true_ones():
    true = np.uint8([[1, 1, 2, 2, 3, 0]])
    found = np.uint8([[2, 2, 1, 3, 0, 4]])
    matched = plots.match_numbers(found, true)
    np.testing.assert_array_equal(matched, [[1, 1, 2, 4, 0, 5]])


def test_predict(small_run, tmp_path, capfd):
    """The objects of a scene are those of the test; so are those of one that is twice
    as large.
    """
    saved = read_predictions(small_run)
    picture = int(saved["prediction"].max(axis=(1, 2)).argmax())
    image = load_easy()[0].test.x[picture]
    paths = [tmp_path / "small.png", tmp_path / "large.png"]
    Image.fromarray(image).save(paths[0])
    Image.fromarray(image.repeat(2, axis=0).repeat(2, axis=1)).save(paths[1])
    run_command(["predict", str(small_run.folder), *map(str, paths)])
    said = capfd.readouterr().out
    counts = [int(count) for count in re.findall(r"png: (\d+) found", said)]
    parts = re.findall(r"object (\d+): (\d+)%, ([\d.]+)% of the picture", said)
    numbers = saved["prediction"][picture]
    assert counts[0] == numbers.max()
    assert len(parts) == sum(counts)
    for number, score, part in parts[: counts[0]]:
        expected = 100 * np.mean(numbers == int(number))
        assert float(part) == pytest.approx(expected, abs=0.1)
        expected = 100 * saved["score"][picture, int(number) - 1]
        assert float(score) == pytest.approx(expected, abs=1)
    assert (small_run.folder / "figures/predictions_1.png").is_file()


def test_predict_refuses_what_is_no_picture(small_run, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="is not a picture"):
        run_command(["predict", str(small_run.folder), str(tmp_path / "text.png")])
