"""Scenes of digits on photographs are as their docstring says."""

import hashlib

import keras
import numpy as np
import pytest
from scipy import ndimage

from data import Dataset, Split, digits, scenes

LUMINANCE = [0.299, 0.587, 0.114]
# Of 40 scenes with what is known about them.
CHECKSUM = "2f973d578ca91d24e314c77747173cf4dbcb1511b7bb6a807eb354fa122cdd40"


@pytest.fixture(scope="module")
def sample():
    return digits.load_sample("a test needs no more")


@pytest.fixture(scope="module")
def photographs():
    return scenes.load_photographs()


@pytest.fixture(scope="module")
def drawn(sample, photographs):
    """400 scenes of one to six digits."""
    drawing = scenes.Scenes(sample.train, photographs["train"], 2000)
    return drawing.draw(400, np.random.default_rng(1))


@pytest.fixture(scope="module")
def single(sample, photographs):
    """200 scenes of one digit."""
    drawing = scenes.Scenes(sample.train, photographs["train"], 1000, objects=(1, 1))
    return drawing.draw(200, np.random.default_rng(2))


def find_box(mask):
    """The bounds of what is true, by SciPy: left, top, right, bottom."""
    ((rows, columns),) = ndimage.find_objects(mask.astype(int))
    return [columns.start, rows.start, columns.stop, rows.stop]


def test_shapes_and_what_is_padded(drawn):
    x, y = drawn
    assert x.shape == (400, 96, 96, 3)
    assert y["boxes"].shape == (400, 6, 4)
    assert y["labels"].shape == (400, 6)
    assert y["masks"].shape == (400, 96, 96)
    types = [x.dtype, *(y[name].dtype for name in ("boxes", "labels", "masks"))]
    assert types == [np.uint8, np.float32, np.int32, np.uint8]
    there = y["labels"] >= 0
    assert (y["labels"][there] < 10).all()
    assert (y["labels"][~there] == -1).all()
    assert (y["boxes"][~there] == -1).all()
    numbers = there.sum(axis=1)
    np.testing.assert_array_equal(there, np.arange(6) < numbers[:, None])
    counted = np.bincount(numbers, minlength=7)
    assert counted[0] == 0
    assert (np.abs(counted[1:] - 400 / 6) < 30).all()  # four standard deviations


def test_the_box_of_a_single_digit_is_tight_around_its_mask(single):
    _, y = single
    assert y["boxes"].shape == (200, 1, 4)
    assert set(np.unique(y["masks"])) == {0, 1}
    expected = [find_box(mask == 1) for mask in y["masks"]]
    np.testing.assert_array_equal(y["boxes"][:, 0], expected)


def test_boxes_are_tight_around_the_digit_before_it_was_covered(drawn):
    _, y = drawn
    overlaps = keras.utils.bounding_boxes.compute_iou(y["boxes"], y["boxes"], "xyxy")
    overlaps = np.array(overlaps)
    tight = 0
    for boxes, labels, mask, overlap in zip(
        y["boxes"], y["labels"], y["masks"], overlaps, strict=True
    ):
        assert set(np.unique(mask)) == set(range((labels >= 0).sum() + 1))
        for index in np.flatnonzero(labels >= 0):
            left, top, right, bottom = boxes[index]
            assert 0 <= left < right <= 96
            assert 0 <= top < bottom <= 96
            seen = find_box(mask == index + 1)
            if not overlap[index, index + 1 :].any():  # nothing can cover it
                assert seen == boxes[index].tolist()
                tight += 1
            else:
                assert left <= seen[0] < seen[2] <= right
                assert top <= seen[1] < seen[3] <= bottom
    assert tight > 400


def test_boxes_overlap_by_an_iou_of_at_most_three_tenths(drawn):
    boxes = drawn.y["boxes"]
    iou = np.array(keras.utils.bounding_boxes.compute_iou(boxes, boxes, "xyxy"))
    iou[:, np.arange(6), np.arange(6)] = 0
    assert iou.max() <= 0.3
    assert iou.max() > 0.25  # the limit is used


def test_sizes_are_log_uniform(single, drawn):
    boxes = np.concatenate([y["boxes"][y["labels"] >= 0] for _, y in (single, drawn)])
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    assert sides.min() == 12
    assert sides.max() == 40
    for limit in (16, 22, 30):
        expected = np.log((limit + 0.5) / 11.5) / np.log(40.5 / 11.5)
        # Four standard deviations.
        assert abs((sides <= limit).mean() - expected) < 2 / np.sqrt(len(sides))


def make_split(image, label=3):
    """A data set of one image."""
    return Split(np.uint8(image)[None, :, :, None], np.uint8([label]))


FILLED = make_split(np.pad(np.full((20, 20), 255), 4))


def make_flat(*colors):
    """Photographs that have one color each."""
    return {str(color): np.full((120, 150, 3), color, np.uint8) for color in colors}


def test_digits_are_turned_by_up_to_twenty_degrees():
    bar = np.zeros((28, 28))
    bar[4:24, 12:16] = 255
    drawing = scenes.Scenes(make_split(bar), make_flat((0, 0, 0)), 300, objects=(1, 1))
    masks = drawing.draw(200, np.random.default_rng(0)).y["masks"]
    angles = []
    for mask in masks:
        axis = np.linalg.eigh(np.cov(np.argwhere(mask)[:, ::-1].T))[1][:, 1]
        angles.append(np.degrees(np.arctan(axis[0] / axis[1])))
    assert np.abs(angles).max() < 21.5  # a small bar has steps
    assert min(angles) < -15
    assert max(angles) > 15
    assert abs(np.mean(angles)) < 4


def test_digits_contrast_with_the_photograph_under_them(sample):
    colors = (0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 60, 30), (90, 140, 170)
    lighter = []
    for color in colors:
        drawing = scenes.Scenes(sample.train, make_flat(color), 300, objects=(1, 1))
        x, y = drawing.draw(60, np.random.default_rng(0))
        for image, mask in zip(x, y["masks"], strict=True):
            difference = (image[mask == 1] @ LUMINANCE).mean() - color @ np.array(
                LUMINANCE
            )
            assert abs(difference) >= 40
            lighter.append(difference > 0)
            left, top, right, bottom = find_box(mask == 1)
            outside = np.ones((96, 96), bool)
            outside[top:bottom, left:right] = False
            assert (image[outside] == color).all()
    assert 0.3 < np.mean(lighter) < 0.7


def test_no_object_is_hidden():
    """Half of a filled square shows, which is at least 0.61 of its box before."""
    drawing = scenes.Scenes(FILLED, make_flat((0, 0, 0)), 500, objects=(6, 6))
    _, y = drawing.draw(100, np.random.default_rng(0))
    sides = (y["boxes"][..., 2:] - y["boxes"][..., :2]).max(axis=2)
    seen = np.array([np.bincount(mask.ravel(), minlength=7)[1:] for mask in y["masks"]])
    shown = seen / sides**2
    assert shown.min() > 0.28
    assert shown.min() < 0.5  # covering does happen


def test_later_objects_cover_earlier_ones():
    """Inside of what is seen of a filled square, all pixels have its color."""
    drawing = scenes.Scenes(FILLED, make_flat((0, 0, 0)), 500, objects=(6, 6))
    x, y = drawing.draw(50, np.random.default_rng(0))
    covered = 0
    for image, mask, boxes in zip(x, y["masks"], y["boxes"], strict=True):
        assert find_box(mask == 6) == boxes[5].tolist()  # nothing covers the last one
        for index in range(6):
            inside = ndimage.binary_erosion(mask == index + 1, iterations=2)
            assert len(np.unique(image[inside], axis=0)) <= 1
            covered += find_box(mask == index + 1) != boxes[index].tolist()
    assert covered > 5


def touch(mask, one, other):
    """Whether two objects touch, by SciPy."""
    grown = ndimage.binary_dilation(mask == one, np.ones((3, 3)))
    return bool((grown & (mask == other)).any())


def test_the_digits_of_pairs_are_alike_and_touch(sample, photographs):
    drawing = scenes.Scenes(
        sample.train, photographs["train"], 2000, objects=(1, 6), pairs=1
    )
    _, y = drawing.draw(200, np.random.default_rng(0))
    covered, pairs, sides = 0, 0, []
    for mask, labels, boxes in zip(y["masks"], y["labels"], y["boxes"], strict=True):
        digits_there = np.count_nonzero(labels >= 0)
        for second in range(1, digits_there, 2):
            assert labels[second] == labels[second - 1]
            left, right = boxes[second - 1], boxes[second]
            assert left[1] <= (right[1] + right[3]) / 2 <= left[3]
            sides.append(right[0] > left[0])
            # What is drawn later can cover the place where they touch.
            pairs += 1
            later = digits_there > second + 1
            together = touch(mask, second, second + 1)
            assert together or later
            covered += not together
    assert pairs > 200
    assert covered < 0.05 * pairs
    assert 0.4 < np.mean(sides) < 0.6
    there = y["labels"] >= 0
    assert (np.abs(np.bincount(there.sum(axis=1))[1:] - 200 / 6) < 22).all()


def test_a_part_of_the_scenes_has_pairs(sample, photographs):
    drawing = scenes.Scenes(
        sample.train, photographs["train"], 2000, objects=(2, 2), pairs=0.5
    )
    _, y = drawing.draw(300, np.random.default_rng(0))
    alike = y["labels"][:, 0] == y["labels"][:, 1]
    touching = scenes.find_touching(y["masks"])
    assert touching.tolist() == [touch(mask, 1, 2) for mask in y["masks"]]
    # Four standard deviations; some others are alike and touch by accident.
    assert abs((alike & touching).mean() - 0.5) < 0.12
    assert touching[alike].mean() > 0.8
    assert touching[~alike].mean() < 0.3


def test_objects_touch_beside_and_diagonally():
    masks = np.zeros((6, 4, 5), np.uint8)
    masks[0, 1, 1], masks[0, 1, 2] = 1, 2
    masks[1, 3, 4], masks[1, 2, 4] = 1, 2
    masks[2, 0, 0], masks[2, 1, 1] = 2, 1
    masks[3, 2, 1], masks[3, 3, 0] = 1, 3
    masks[4, 0, 0], masks[4, 0, 2], masks[4, 2, 1] = 1, 2, 3
    masks[5] = 4
    expected = [True, True, True, True, False, False]
    assert scenes.find_touching(masks).tolist() == expected


def test_the_same_seed_draws_the_same_scenes_on_every_machine(sample, photographs):
    drawing = scenes.Scenes(sample.train, photographs["train"], 600)
    digest = hashlib.sha256()
    for seed in (0, 1):
        x, y = drawing.draw(20, np.random.default_rng(seed))
        for array in (x, y["boxes"], y["labels"], y["masks"]):
            digest.update(array.tobytes())
    assert digest.hexdigest() == CHECKSUM
    again = drawing.draw(20, np.random.default_rng(1))
    np.testing.assert_array_equal(again.x, x)
    other = drawing.draw(20, np.random.default_rng(2))
    assert (other.x != x).any(axis=(1, 2, 3)).all()


def test_splits_share_no_photograph(photographs):
    assert {name: len(photos) for name, photos in photographs.items()} == {
        "train": 9,
        "validation": 3,
        "test": 3,
    }
    names = [name for photos in photographs.values() for name in photos]
    assert len(set(names)) == 15
    assert not {"text.png", "page.png", "coins.png", "logo.png"} & set(names)
    contents = {p.tobytes() for photos in photographs.values() for p in photos.values()}
    assert len(contents) == 15


def test_each_split_draws_its_own_digits_and_photographs(sample, monkeypatch):
    """Digits that are told by their labels, photographs by their colors."""
    labels = {"train": (0, 1, 2, 3), "validation": (4, 5, 6), "test": (7, 8, 9)}
    colors = {"train": (9, 0, 0), "validation": (0, 9, 0), "test": (0, 0, 9)}
    parts = {}
    for name, chosen in labels.items():
        kept = np.isin(sample.train.y, chosen)
        parts[name] = Split(sample.train.x[kept], sample.train.y[kept])
    monkeypatch.setattr(
        digits, "load_digits", lambda: Dataset(**parts, source="some digits")
    )
    monkeypatch.setattr(
        scenes,
        "load_photographs",
        lambda: {name: make_flat(color) for name, color in colors.items()},
    )
    monkeypatch.setattr(scenes, "PATCHES", dict.fromkeys(labels, 300))
    dataset, training = scenes.load_scenes(objects=(1, 1))
    assert [len(split.x) for split in dataset[:3]] == [2000, 500, 2000]
    assert "some digits" in dataset.source
    assert dataset.class_names == tuple("0123456789")
    more = training.draw(50, np.random.default_rng(0))
    for name, (x, y) in [*zip(labels, dataset[:3], strict=True), ("train", more)]:
        assert set(np.unique(y["labels"])) == {*labels[name]}
        corners = x[:, 0, 0][y["masks"][:, 0, 0] == 0]
        assert (np.median(corners, axis=0) == colors[name]).all()


@pytest.mark.parametrize("size", [64, 200])
def test_other_sizes(sample, photographs, size):
    drawing = scenes.Scenes(
        sample.train, photographs["train"], 300, size=size, objects=(2, 6)
    )
    x, y = drawing.draw(20, np.random.default_rng(0))
    assert x.shape == (20, size, size, 3)
    assert y["masks"].shape == (20, size, size)
    assert y["boxes"].max() <= size
    assert ((y["labels"] >= 0).sum(axis=1) >= 2).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": 40}, "the size of scenes is 40 pixels, expected 64 to 300"),
        ({"size": 400}, "the size of scenes is 400 pixels, expected 64 to 300"),
        ({"objects": (0, 2)}, "scenes of 0 to 2 objects, expected at least 1"),
        ({"objects": (3, 2)}, "scenes of 3 to 2 objects"),
        ({"objects": (1, 7)}, "at most 6"),
        ({"pairs": 2}, "pairs in 2 of the scenes, expected a part from 0 to 1"),
    ],
)
def test_what_is_no_scene(wrong, said):
    with pytest.raises(ValueError, match=said):
        scenes.load_scenes(**wrong)
