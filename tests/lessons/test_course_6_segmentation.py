"""Pixels get classes: network, loss, IoU, and what the pictures to learn from are."""

import copy
import functools
import re
from types import SimpleNamespace

from lessons import course_6_segmentation as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from data import Dataset, Split, digits, masks, scenes, weights
from tests.lessons import small

SMALL = {"steps": 90, "classes": "object"}


def load_easy() -> tuple[Dataset, scenes.Scenes]:
    """Scenes of one or two digits on one color, and what draws more of them, which the
    lesson changes.
    """
    dataset, drawing = draw_easy()
    return dataset, copy.copy(drawing)


@functools.cache
def draw_easy() -> tuple[Dataset, scenes.Scenes]:
    """Draws them, once for all tests."""
    sample = digits.load_sample("a test needs no more")
    plain = {"plain": np.full((96, 96, 3), 90, np.uint8)}
    splits = [
        scenes.Scenes(split, plain, patches, objects=(1, 2))
        for split, patches in zip(sample[:3], (1500, 300, 300), strict=True)
    ]
    drawn = [
        drawing.draw(count, np.random.default_rng(0))
        for drawing, count in zip(splits, (60, 20, 50), strict=True)
    ]
    dataset = Dataset(*drawn, "drawn for a test", scenes.CLASS_NAMES)
    return dataset, splits[0]


PATCHES = {
    "data.scenes.load_scenes": load_easy,
    "lessons.course_6_segmentation.SCENES": lesson.Defaults(8, 60, 1e-2),
    "lessons.course_6_segmentation.FILTERS": (8, 16, 32, 48),
    "lessons.course_6_segmentation.REPEATS": (0, 0, 0, 0),
    "lessons.course_6_segmentation.WIDTHS": (32, 16, 16),
    "lessons.course_6_segmentation.CROWD": (1, 2),
    "training.runs.PICTURES": 2,
}


def draw_labels(seed: int, shape=(7, 9, 11), classes: int = 5) -> np.ndarray:
    """Classes of pixels, of which the last never occurs, and some are unknown."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes - 1, size=shape, dtype=np.uint8)
    labels[random.random(shape) < 0.1] = masks.VOID
    return labels


def read_predictions(run: small.Run) -> dict:
    with np.load(run.folder / "test_predictions.npz") as saved:
        return dict(saved)


def test_it_finds_the_pixels_of_digits(small_run):
    """Half of the way from the baseline to nearly all."""
    metrics = small_run.metrics
    assert metrics["baseline"]["mean_iou"] < 0.5
    assert metrics["test"]["mean_iou"] > (metrics["baseline"]["mean_iou"] + 0.95) / 2


def test_figures_are_those_of_the_predictions(small_run):
    saved, (dataset, _) = read_predictions(small_run), load_easy()
    truth, answers = saved["truth"], saved["prediction"]
    np.testing.assert_array_equal(truth > 0, dataset.test.y["masks"] > 0)
    np.testing.assert_array_equal(saved["id"], np.arange(50))
    each = jaccard_score(truth.ravel(), answers.ravel(), average=None)
    reported = small_run.metrics["test"]
    assert reported["mean_iou"] == pytest.approx(each.mean())
    assert reported["accuracy"] == pytest.approx(np.mean(truth == answers))
    assert reported["examples"] == 50
    table = small_run.metrics["classes"]
    np.testing.assert_allclose([row["iou"] for row in table.values()], each)
    nothing = jaccard_score(truth.ravel(), np.zeros(truth.size), average=None)
    for name in ("mean_iou", "one_class"):
        found = small_run.metrics["baseline"][name]
        assert found == pytest.approx(nothing.mean())
    model = keras.models.load_model(small_run.folder / "model.keras")
    again = np.asarray(model(dataset.test.x)).argmax(axis=-1)
    assert np.mean(again == answers) > 0.999


def test_classes_of_scenes():
    """Of each pixel, by a loop over the objects."""
    split = load_easy()[0].validation
    found = lesson.to_classes(split, "digits")
    expected = np.zeros(split.y["masks"].shape, int)
    for index, labels in enumerate(split.y["labels"]):
        for number, label in enumerate(labels[labels >= 0], 1):
            expected[index][split.y["masks"][index] == number] = label + 1
    np.testing.assert_array_equal(found.y, expected)
    assert found.y.dtype == np.uint8
    assert len(np.unique(found.y)) > 8
    objects = lesson.to_classes(split, "object")
    np.testing.assert_array_equal(objects.y, expected > 0)


def test_scenes_to_learn_from_have_other_colors():
    """The targets stay, and so does what differs from what."""
    _, drawing = load_easy()
    images, targets = lesson.draw_scenes(drawing, 11, 40, np.random.default_rng(3))
    same = drawing.draw(40, np.random.default_rng(3))
    expected = lesson.make_targets(same.y, 11)
    for name in ("object", "which"):
        np.testing.assert_array_equal(targets[name], expected[name])
    changed = 0
    for image, before in zip(images, same.x, strict=True):
        either = (np.sort(image), np.sort(255 - image))
        assert any(np.array_equal(one, np.sort(before)) for one in either)
        changed += not np.array_equal(image, before)
    assert changed > 20


@pytest.mark.parametrize("classes", [11, 2])
def test_targets(classes):
    """Of each object, by a loop: its pixels count 1 in all, where they are."""
    y = load_easy()[0].validation.y
    targets = lesson.make_targets(y, classes)
    np.testing.assert_array_equal(targets["object"][..., 0], y["masks"] > 0)
    expected = np.zeros((20, 24, 24, classes - 1))
    for scene, labels in enumerate(y["labels"]):
        for number, label in enumerate(labels[labels >= 0], 1):
            mine = y["masks"][scene] == number
            parts = mine.reshape(24, 4, 24, 4).sum(axis=(1, 3)) / mine.sum()
            expected[scene, ..., label if classes == 11 else 0] += parts
    np.testing.assert_allclose(targets["which"], expected, atol=1e-6)
    for name in ("object", "which"):
        assert targets[name].dtype == np.float32


def test_iou_is_that_of_scikit_learn():
    truth, answers = draw_labels(0), draw_labels(1)
    answers[answers == masks.VOID] = 4  # a class that never occurs is answered
    counts = lesson.count_pairs(truth, answers, 5)
    known = truth != masks.VOID
    for index, part in enumerate(known):
        expected = confusion_matrix(
            truth[index][part], answers[index][part], labels=range(5)
        )
        np.testing.assert_array_equal(counts[index], expected)
    each = jaccard_score(
        truth[known], answers[known], labels=range(4), average=None, zero_division=0
    )
    np.testing.assert_allclose(lesson.iou(counts.sum(axis=0)), [*each, np.nan])
    summary = lesson.summarize(counts)
    assert summary["mean_iou"] == pytest.approx(each.mean())
    assert summary["accuracy"] == pytest.approx(np.mean((truth == answers)[known]))


def test_iou_by_hand():
    counts = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(lesson.iou(counts), [3 / 6, 4 / 7, np.nan])
    # A class that is not answered where it occurs counts 0.
    counts = np.array([[5, 0], [5, 0]])
    np.testing.assert_allclose(lesson.iou(counts), [0.5, 0])


def test_unseen_pictures_are_counted_apart():
    truth, answers = draw_labels(2), np.zeros((7, 9, 11), np.uint8)
    answers[3:] = np.where(truth[3:] == masks.VOID, 0, truth[3:])
    counts = lesson.count_pairs(truth, answers, 5)
    summary = lesson.summarize(counts, np.arange(7) >= 3)
    assert summary["mean_iou_unseen"] == 1
    assert summary["mean_iou"] < 1


def test_loss_is_that_of_numpy():
    labels = draw_labels(3)
    logits = np.random.default_rng(4).normal(0, 3, (*labels.shape, 5))
    places = np.nonzero(labels != masks.VOID)
    said = log_softmax(logits, axis=-1)[(*places, labels[places])]
    loss = lesson.cross_entropy(np.float32(logits), labels)["loss"]
    assert float(loss) == pytest.approx(-said.mean(), rel=1e-5)
    nothing = np.full_like(labels, masks.VOID)
    assert float(lesson.cross_entropy(np.float32(logits), nothing)["loss"]) == 0


def test_dice_loss_of_certain_answers_is_that_of_scikit_learn():
    random = np.random.default_rng(5)
    truth, answers = random.integers(2, size=(2, 4, 8, 9, 1))
    loss = lesson.dice_loss(np.float32(2000 * answers - 1000), np.float32(truth))
    expected = 1 - f1_score(truth.ravel(), answers.ravel())
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_losses_of_scenes_are_those_of_numpy():
    y = load_easy()[0].validation.y
    targets = lesson.make_targets(y, 11)
    random = np.random.default_rng(6)
    outputs = {
        name: random.normal(0, 3, target.shape) for name, target in targets.items()
    }
    given = {name: np.float32(output) for name, output in outputs.items()}
    losses = lesson.find_scene_losses(given, targets, which_weight=0.5)

    inside = targets["object"] == 1
    p = expit(outputs["object"])
    entropy = -np.log(p[inside]).sum() - np.log(1 - p[~inside]).sum()
    dice = 2 * p[inside].sum() / (p.sum() + inside.sum())
    expected = entropy / inside.sum() + 1 - dice
    assert float(losses["object"]) == pytest.approx(expected, rel=1e-4)

    # Of each digit the mean over its pixels, then the mean over the digits.
    said = log_softmax(outputs["which"], axis=-1).repeat(4, axis=1).repeat(4, axis=2)
    each = [
        -said[scene, y["masks"][scene] == number, label].mean()
        for scene, labels in enumerate(y["labels"])
        for number, label in enumerate(labels[labels >= 0], 1)
    ]
    assert float(losses["which"]) == pytest.approx(np.mean(each), rel=1e-4)
    both = float(losses["object"]) + 0.5 * float(losses["which"])
    assert float(losses["loss"]) == pytest.approx(both, rel=1e-5)


def test_answer_is_a_product():
    """p(7) = p(object) p(7 | object)."""
    u_net = lesson.add_decoder(lesson.build_encoder((96, 96)), lesson.WIDTHS, True)
    questions = lesson.add_questions(u_net, 11)
    images = load_easy()[0].test.x[:2]
    outputs = {name: np.array(one) for name, one in questions(images).items()}
    p = expit(outputs["object"])
    which = [
        np.asarray(Image.fromarray(one).resize((96, 96), Image.Resampling.BILINEAR))
        for one in np.moveaxis(outputs["which"], -1, 1).reshape(20, 24, 24)
    ]
    which = np.reshape(which, (2, 10, 96, 96))
    which = softmax(np.moveaxis(which, 1, -1), axis=-1)
    expected = np.concatenate([1 - p, p * which], axis=-1)
    said = lesson.combine(questions)(images)
    np.testing.assert_allclose(np.exp(said), expected, rtol=1e-3, atol=1e-6)


def test_commonest_classes():
    truth = np.array([[[0, 1], [2, 255]], [[0, 1], [1, 2]], [[1, 2], [2, 255]]])
    by_place, of_all = lesson.find_commonest(np.uint8(truth), 4)
    np.testing.assert_array_equal(by_place, [[0, 1], [2, 2]])
    assert of_all in (1, 2)  # four times each
    assert lesson.find_commonest(np.uint8([[[3, 3, 255, 255, 255]]]), 4)[1] == 3


def build_pools() -> keras.Model:
    """Builds an encoder that only averages: 2 x 2 to 16 x 16 pixels."""
    inputs = keras.Input((32, 48, 3))
    levels = [keras.layers.AveragePooling2D(2**k)(inputs) for k in (1, 2, 3, 4)]
    return keras.Model(inputs, levels)


@pytest.mark.parametrize("skips", [True, False])
def test_details_come_through_connections_alone(skips):
    """Squares of 4 x 4 pixels, which have vanished in the mean of 16 x 16."""
    model = lesson.add_decoder(build_pools(), (6, 5, 4), skips)
    assert model.output_shape[-1] == (None, 16, 24, 4)
    dark = np.add.outer(np.arange(32) // 4, np.arange(48) // 4) % 2
    pictures = np.stack([np.full((32, 48), 100), 50 + 100 * dark])
    pictures = np.repeat(pictures[..., np.newaxis], 3, axis=-1).astype(np.uint8)
    plain, squares = np.asarray(model(pictures)[-1])
    assert np.allclose(plain, squares, atol=1e-4) != skips


def test_as_many_weights_without_connections():
    encoder = build_pools()
    with_them, without = (
        lesson.add_decoder(encoder, (6, 5, 4), skips).count_params()
        for skips in (True, False)
    )
    assert with_them == without


def test_pretrained_encoder(efficientnet):
    """It begins with what was learned from ImageNet, and training keeps its means."""
    found = weights.find_weights("efficientnet_lite0")
    encoder = lesson.build_pretrained_encoder((60, 90), found)
    u_net = lesson.add_decoder(encoder, (8, 8, 8), skips=True)
    model = lesson.add_classes(u_net, 4)
    assert model.output_shape == (None, 60, 90, 4)
    images = np.random.default_rng(0).integers(256, size=(2, 60, 90, 3))
    encoder(np.uint8(images), training=True)
    small.check_weights(encoder.get_layer("efficientnet"), efficientnet)


def test_parts_of_photos():
    """A pixel keeps its class, whatever is enlarged or mirrored; none is invented."""
    random = np.random.default_rng(0)
    labels = random.choice(np.uint8([0, 3, 5, 255]), (4, 3, 4))
    labels = labels.repeat(20, axis=1).repeat(20, axis=2)
    images = np.repeat(labels[..., np.newaxis], 3, axis=-1)
    kept = images.copy()
    split = lesson.draw_photos(Split(images, labels), 30, np.random.default_rng(1))
    np.testing.assert_array_equal(images, kept)
    assert split.x.shape == (30, 60, 80, 3)
    assert set(np.unique(split.y)) == {0, 3, 5, 255}
    same = np.abs(split.x[..., 0].astype(int) - split.y) <= 1
    assert same.mean() > 0.85  # but for the edges, where the photo is interpolated
    assert not any((split.y == label).all(axis=(1, 2)).any() for label in (0, 3, 5))
    assert len(np.unique(split.y, axis=0)) == 30


@pytest.mark.full
def test_photos_of_ones_own(tmp_path):
    """Dark squares on light ground."""
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    (tmp_path / "photos/classes.txt").write_text("ground\nsquare\n")
    for number in range(40):
        picture = np.full((180, 240, 3), 200, np.uint8)
        picture += random.integers(40, size=picture.shape, dtype=np.uint8)
        mask = np.zeros((180, 240), np.uint8)
        top, left = random.integers(0, 120), random.integers(0, 180)
        picture[top : top + 60, left : left + 60] = 30
        mask[top : top + 60, left : left + 60] = 1
        Image.fromarray(picture).save(tmp_path / f"photos/images/{number}.png")
        Image.fromarray(mask).save(tmp_path / f"photos/masks/{number}.png")
    config = lesson.Config(
        data_dir=tmp_path / "photos", steps=60, logdir=tmp_path, name="test"
    )
    metrics = lesson.main(config)
    assert metrics["test"]["mean_iou"] > 0.9
    assert metrics["baseline"]["mean_iou"] < 0.6


def test_predict(small_run, tmp_path, capfd):
    """Parts of a picture are those of the answers; and of one twice as large."""
    answers = read_predictions(small_run)["prediction"]
    most = np.argmax(answers.sum(axis=(1, 2)))
    image = load_easy()[0].test.x[most]
    paths = [tmp_path / "small.png", tmp_path / "large.png"]
    Image.fromarray(image).save(paths[0])
    Image.fromarray(image.repeat(2, axis=0).repeat(2, axis=1)).save(paths[1])
    run_command(["predict", str(small_run.folder), *map(str, paths)])
    parts = re.findall(r"([\d.]+)% object", capfd.readouterr().out)
    expected = 100 * np.mean(answers[most] == 1)
    assert float(parts[0]) == pytest.approx(expected, abs=0.1)
    assert float(parts[1]) == pytest.approx(expected, abs=1)
    assert (small_run.folder / "figures/predictions_1.png").is_file()


def test_predict_refuses_what_is_no_picture(tmp_path):
    inputs = keras.Input((96, 96, 3))
    run = SimpleNamespace(
        load=lambda: keras.Model(inputs, inputs),
        config={"class_names": ("background", "object")},
    )
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="is not a picture"):
        lesson.predict(run, [str(tmp_path / "text.png")])
