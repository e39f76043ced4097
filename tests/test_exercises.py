"""Each exercise fails as shipped and for its own reason, its solution passes, and wrong
repairs do not.
"""

import importlib
import re
import sys
import time
from unittest import mock

from lessons.commands import exercise as commands
from lessons.exercises import checking, exercise_19, exercise_21, finding, running
from lessons.exercises.answers import ANSWERS
from training import command_line, doctor, run_folder

import keras
import numpy as np
import pytest
import tensorflow as tf

from data import Dataset, Split, digits, mail, reviews, running_text
from data import texts as text_files
from tests.few import few_digits

ADAM = ("keras.optimizers.SGD(config.learning_rate)", "keras.optimizers.Adam(0.001)")
FROZEN_STATISTICS, ONE_SCALING = ANSWERS[13].changes
OUTPUTS, LOSS, SCHEDULE, WEIGHTS = ANSWERS[14].changes
ACROSS, DOWN = ANSWERS[19].changes
FIRST = ("SIZE = 64 ", "FIRST = keras.layers.Lambda(lambda x: x[:, :3])\nSIZE = 64 ")
NAN = (
    "SIZE = 64 ",
    "NAN = keras.layers.Lambda(lambda x: x * float('nan'))\nSIZE = 64 ",
)
# By number: what the doctor finds in the exercise as shipped, and repairs that do not
# solve it.
EXERCISES = {
    1: (
        "learning_rate_too_high",
        ["--units 512", "--batch-size 1000", "--learning-rate 1e-5", "--epochs 20"],
    ),
    2: ("learning_rate_too_low", ["--epochs 10", "--learning-rate 0.3"]),
    3: ("underfitting", ["--learning-rate 0.02", "--batch-size 20", "--epochs 40"]),
    4: ("overfitting", ["--dropout 0.5", "--units 32", "--units 1024"]),
    5: (None, ["--steps 150", "--style-weight 1e5", "--learning-rate 50"]),
    6: ("input_not_normalized", ["--learning-rate 0.0001", [ADAM]]),
    7: (
        "activation_loss_mismatch",
        ["--learning-rate 0.01", "--units 512", [('"softmax"', '"sigmoid"')]],
    ),
    8: (
        "labels_broken",
        [
            "--learning-rate 0.01",
            "--units 512",
            [("labels[: len(images)]", "labels[-len(images) :]")],
        ],
    ),
    9: (
        "unshuffled_data",
        [
            "--learning-rate 0.005",
            [
                (
                    "        .shuffle(100)\n        .batch(config.batch_size)\n",
                    "        .batch(config.batch_size)\n        .shuffle(100)\n",
                )
            ],
        ],
    ),
    10: ("dead_relu", ["--learning-rate 0.1", "--units 512", "--learning-rate 1e-5"]),
    11: (
        "vanishing_gradient",
        ["--learning-rate 0.05", "--units 256", [("range(12)", "range(3)")]],
    ),
    12: (
        "nothing_trainable",
        ["--learning-rate 0.1", [("    model.trainable = False", "    pass")]],
    ),
    13: (None, [[FROZEN_STATISTICS], [ONE_SCALING], "--learning-rate 0.00003"]),
    14: (
        "wrong_loss",
        [[OUTPUTS, LOSS, SCHEDULE], [OUTPUTS, LOSS, WEIGHTS], [SCHEDULE, WEIGHTS]],
    ),
    15: (None, []),
    16: (None, []),
    17: (None, ["--words 1000"]),
    18: (
        None,
        ["--learning-rate 0.002", [("[x.min(), y.min(),", "[y.min(), x.min(),")]],
    ),
    19: (None, ["--learning-rate 0.002", "--batch-size 16", [ACROSS]]),
    20: (
        None,
        [
            "--units 256",
            [("whole[:, :-1], whole[:, :-1]", "whole[:, 1:], whole[:, :-1]")],
        ],
    ),
    21: (
        None,
        [
            "--learning-rate 0.002",
            [("np.round(", "np.ceil(")],
        ],
    ),
    22: (
        None,
        [
            "--blocks 1",
            [
                ("for _ in range", "for block in range"),
                ("(given, given)", "(given, given, use_causal_mask=block == 0)"),
            ],
        ],
    ),
}
SLOW = (4, 5, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22)
# The entry of the catalog that an exercise on texts reads.
TEXTS = {
    15: "sms-spam-smaller",
    16: "reviews",
    17: "sms-spam-smaller",
    20: "bible",
    22: "bible",
}
QUICK = [number for number in EXERCISES if number not in SLOW]
full = pytest.mark.full


@pytest.fixture(autouse=True)
def texts(request):
    """Skips a test of an exercise on texts where these cannot be had."""
    parameters = (
        request.node.callspec.params if hasattr(request.node, "callspec") else {}
    )
    if parameters.get("number") in TEXTS:
        request.getfixturevalue("fetched")(TEXTS[parameters["number"]])


def check(tmp_path, number, flags="", changes=()):
    text = commands.find_original(number).read_text("utf-8")
    for old, new in changes:
        assert text.count(old) >= 1, f"exercise {number} has no {old!r}"
        text = text.replace(old, new)
    path = tmp_path / f"exercise_{number:02}.py"
    path.write_text(text, "utf-8")
    module = commands.load(path)
    config = command_line.parse(module.Config, flags.split(), path.name, None)
    return checking.check(number, module, config)


def test_changes_are_of_what_is_in_the_scripts():
    """Those of the solutions, and of the wrong repairs."""
    for number, (_, repairs) in EXERCISES.items():
        text = commands.find_original(number).read_text("utf-8")
        for changes in (ANSWERS[number].changes, *repairs):
            if not isinstance(changes, str):
                for old, new in changes:
                    assert text.count(old) == 1, (number, old)
                    assert old != new
        assert bool(ANSWERS[number].changes) == (commands.solve(number) != text)


@pytest.mark.parametrize(
    "number", QUICK + [pytest.param(number, marks=full) for number in SLOW]
)
def test_shipped_exercise_fails_for_its_own_reason(number, tmp_path):
    verdict = check(tmp_path, number)
    assert verdict.missing
    code = EXERCISES[number][0]
    if code:
        assert verdict.nudge == f"The doctor looks at {checking.NUDGES[code]}"
    elif number == 13:
        said, right = map(int, re.findall(r"(\d+)%", verdict.nudge))
        assert said > 90 > 30 > right
    elif number in (*TEXTS, *finding.TASKS):
        assert verdict.nudge == checking.GOALS[number].nudge
    else:
        assert "weight" in verdict.nudge


@pytest.mark.parametrize("number", QUICK)
def test_solution_passes_with_one_seed(number, tmp_path, monkeypatch):
    """The doctor, who need not say anything then, does not look."""
    monkeypatch.setattr(checking, "SEEDS", checking.SEEDS[1:])
    monkeypatch.setattr(doctor.TrainingDoctor, "examine", lambda watcher: None)
    answer = ANSWERS[number]
    assert not check(tmp_path, number, " ".join(answer.flags), answer.changes).missing


@full
@pytest.mark.parametrize("number", EXERCISES)
def test_solution_passes(number, tmp_path):
    answer = ANSWERS[number]
    started = time.perf_counter()
    verdict = check(tmp_path, number, " ".join(answer.flags), answer.changes)
    print(
        f"\nexercise {number}: {time.perf_counter() - started:.0f} s; "
        f"{'; '.join(verdict.measured)}"
    )
    assert not verdict.missing
    assert len(verdict.measured) >= len(checking.SEEDS)


@full
@pytest.mark.parametrize(
    ("number", "repair"),
    [(n, repair) for n, (_, repairs) in EXERCISES.items() for repair in repairs],
)
def test_wrong_repair_is_refused(number, repair, tmp_path):
    flags, changes = (repair, ()) if isinstance(repair, str) else ("", repair)
    assert check(tmp_path, number, flags, changes).missing


CHEATS = {
    "a constant": (
        [("    model.fit(", "    return model\n    model.fit(")],
        "percentage points of right answers are missing",
    ),
    "no model": (
        [("    return model", "    return {'accuracy': 1.0}")],
        "train returned dict, expected",
    ),
    "asks for the test split": (
        [("*dataset.train", "*dataset.test")],
        "train asks for the test split",
    ),
    "loads the test split": (
        [
            ("        *dataset.train,\n", "        *everything,\n"),
            (
                "    model.fit(",
                "    import numpy as np\n    from data import digits\n    splits = "
                "digits.load_sample('')[:3]\n"
                "    everything = [np.concatenate(parts) for parts in zip(*splits)]\n"
                "    everything[0] = everything[0] / 255 - 0.5\n    model.fit(",
            ),
        ],
        r"100 of the 100 test pictures are among those that fit is given",
    ),
    "loads it into tf.data": (
        [
            (
                "        *dataset.train,\n        batch_size=config.batch_size,\n",
                "        "
                "tf.data.Dataset.from_tensor_slices(tuple(digits.load_sample('').test)).batch(50),\n",
            ),
            (
                "    model.fit(",
                "    import tensorflow as tf\n    from data import digits\n    "
                "model.fit(",
            ),
        ],
        r"of the 100 test pictures are among those that fit is given",
    ),
    "more epochs by two fits": (
        [
            (
                "    return model",
                "    model.fit(*dataset.train, epochs=9)\n    return model",
            )
        ],
        "fit is asked for 14 epochs, at most 5 are allowed",
    ),
    "thresholds of its own": (
        [
            (
                "    return model",
                "    return model\n\n\nGOALS = {1: 0.0}\n\n\ndef main(config):\n    "
                "return {'accuracy': 1.0}",
            )
        ],
        "percentage points of right answers are missing",
    ),
    "more updates in an epoch": (
        [
            (
                "        *dataset.train,\n        batch_size=config.batch_size,\n",
                "        batches,\n        steps_per_epoch=100,\n",
            ),
            (
                "    model.fit(",
                "    import tensorflow as tf\n"
                "    everything = "
                "tf.data.Dataset.from_tensor_slices(tuple(dataset.train))\n"
                "    batches = everything.repeat().batch(100)\n    model.fit(",
            ),
        ],
        "fit is given examples for more than 5 passes over the 600 training pictures",
    ),
    "updates beside fit": (
        [
            (
                "    return model",
                "    model.train_on_batch(*dataset.validation)\n    return model",
            )
        ],
        "train_on_batch is not watched by the check: use fit",
    ),
    "two outputs": (
        [("keras.layers.Dense(10)", "keras.layers.Dense(12)")],
        r"has the shape \(100, 12\), expected",
    ),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_check_cannot_be_fooled(cheat, tmp_path, monkeypatch):
    """By what it measures itself, not by what the doctor says."""
    monkeypatch.setattr(doctor.TrainingDoctor, "examine", lambda watcher: None)
    changes, message = CHEATS[cheat]
    with few_digits():
        verdict = check(tmp_path, 1, changes=changes)
    assert re.search(message, verdict.missing[0]), verdict


@pytest.mark.parametrize(
    ("changes", "nudge"),
    [
        (CHEATS["a constant"][0], "`train` returned without a call of `fit`"),
        (
            [
                ("            keras.layers.Rescaling(1 / 255),\n", ""),
                (
                    "*dataset.train,",
                    "dataset.train.x / 255,\n        dataset.train.y,",
                ),
            ],
            "`fit` was given numbers of at most 1; the check gives pictures as they "
            "are, 0 to 255",
        ),
    ],
)
def test_nudges(changes, nudge, tmp_path):
    with few_digits():
        assert nudge in check(tmp_path, 1, changes=changes).nudge


def test_data_of_the_check_is_other_than_that_of_the_run():
    usual, unseen = running.load(1), running.load(1, checking.SEEDS[0])
    assert [len(split.y) for split in unseen[:3]] == [
        len(split.y) for split in usual[:3]
    ]
    pooled = [
        np.sort(
            np.concatenate([split.x for split in part[:3]]).reshape(5000, -1).sum(1)
        )
        for part in (usual, unseen)
    ]
    np.testing.assert_array_equal(*pooled)
    hidden = checking.find_fingerprints(unseen.test.x)
    assert len(hidden) == 500
    assert not hidden & checking.find_fingerprints(unseen.train.x)
    assert len(hidden & checking.find_fingerprints(usual.train.x)) > 300


@pytest.mark.parametrize("number", running.WINDOWS)
def test_windows_of_the_check_are_new(number):
    """They are no part of the text to learn from, and each is followed by what follows
    it there.
    """
    dataset = running.load(number, checking.SEEDS[0])
    source = running_text.load_text("bible", running.CHARACTERS)
    texts = [running_text.decode(split.y, source.class_names) for split in source[:3]]
    for split, text in zip(dataset[:3], texts, strict=True):
        for window, following in zip(split.x[:200], split.y[:200], strict=True):
            whole = running_text.decode([*window[1:], following], source.class_names)
            assert whole in text
    decoded = [running_text.decode(row, source.class_names) for row in dataset.test.x]
    assert len(decoded) > 1900
    assert not any(window in texts[0] for window in decoded)
    hidden = checking.find_fingerprints(dataset.test.x)
    for split in (dataset.train, dataset.validation):
        assert not hidden & checking.find_fingerprints(split.x)


@pytest.mark.parametrize(
    ("changes", "first"),
    [((), 0), (ANSWERS[22].changes, 20)],
    ids=["shipped", "solved"],
)
def test_answers_that_the_next_character_changes(changes, first, tmp_path):
    """As shipped those to all of a window, in the solution those from there on."""
    text = commands.find_original(22).read_text("utf-8")
    for change in changes:
        text = text.replace(*change)
    path = tmp_path / "exercise_22.py"
    path.write_text(text, "utf-8")
    module, models = commands.load(path), []
    split = Split(np.zeros((2, 64), np.int32), np.zeros(2, np.int32))
    dataset = Dataset(split, split, None, "made", tuple("abc"))
    with mock.patch.object(
        keras.Model, "fit", lambda model, *_, **__: models.append(model)
    ):
        module.train(module.Config(), dataset)
    window = np.zeros((2, 32), np.int32)
    window[1, 20] = 1
    same, other = models[0].predict(window, verbose=0)
    changed = np.flatnonzero(np.abs(same - other).max(axis=1) > 1e-6)
    np.testing.assert_array_equal(changed, np.arange(first, 32))


def test_validation_examples_are_counted():
    """In arrays or batches."""
    x, y = np.zeros((10, 4)), np.zeros(10)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    for validation, count in (((x, y), 10), (batches, 10), (None, 0)):
        assert checking.count_examples(validation) == count


def test_reviews_of_the_check_are_new(fetched):
    """Of those to learn from there are copies, of those to test on none."""
    fetched("reviews")
    train, validation, test = running.load(16, checking.SEEDS[0])[:3]
    assert validation is None
    learned, tested = (
        [reviews.find_letters(text) for text in split.x] for split in (train, test)
    )
    assert len(set(learned)) == 3000 < 0.6 * len(learned)
    assert len(set(tested)) == len(tested) == 2000
    assert not set(learned) & set(tested)
    assert list(train.x) == sorted(train.x)


@pytest.mark.parametrize("number", [15, 17])
def test_messages_of_the_check_are_new(number):
    """And no two of them are nearly alike."""
    with mock.patch.object(mail, "load_messages", make_messages):
        splits = [split for split in running.load(number, 1)[:3] if split is not None]
        other = running.load(number, 2)
    messages = np.concatenate([split.x for split in splits])
    assert len(np.unique(text_files.group_alike(list(messages)))) == len(messages)
    assert len(set(splits[0].x) - set(other.train.x)) > 0.2 * len(splits[0].x)


def make_messages() -> Dataset:
    """4,000 messages of random words, of which spam has a certain word; each other one
    is there twice.
    """
    random = np.random.default_rng(0)
    letters = list("abcdefghijklmnop")
    words = np.array(["".join(random.choice(letters, 6)) for _ in range(5000)])
    labels = np.int32(random.random(4000) < 0.2)
    texts = np.empty(6000, object)
    texts[:4000] = [
        " ".join([*random.choice(words, 9), *["winner"] * label]) for label in labels
    ]
    texts[4000:] = [f"{text}!" for text in texts[:2000]]
    labels = np.concatenate([labels, labels[:2000]])
    return Dataset(Split(texts, labels), None, None, "made", mail.CLASS_NAMES)


@pytest.mark.parametrize(
    ("cheat", "message"),
    [
        (
            (
                "validation_data=(tf.constant(texts[validation])",
                "validation_split=0.2, #",
            ),
            "0 validation texts",
        ),
        (
            ("    reader.adapt(", "    return keras.Sequential()\n    reader.adapt("),
            "read",
        ),
        (
            (
                "    return model\n",
                "    model.add(keras.layers.Dense(3))\n    return model\n",
            ),
            r"has the shape \(2000, 3\), expected \(2000, 1\)",
        ),
    ],
)
def test_check_of_texts_cannot_be_fooled(cheat, message, tmp_path):
    with mock.patch.object(mail, "load_messages", make_messages):
        verdict = check(tmp_path, 17, "--epochs 1", [cheat])
    assert re.search(message, "; ".join(verdict.missing)), verdict


@pytest.fixture
def few_scenes(monkeypatch):
    monkeypatch.setattr(finding, "COUNTS", {"train": 40, "validation": 20, "test": 20})
    monkeypatch.setattr(
        finding, "PATCHES", {"train": 200, "validation": 200, "test": 200}
    )


@pytest.mark.parametrize("number", finding.TASKS)
def test_scenes_of_the_check_are_new(number, few_scenes):
    usual, unseen = running.load(number), running.load(number, checking.SEEDS[0])
    hidden = checking.find_fingerprints(unseen.test.x)
    assert len(hidden) == 20
    for split in (*usual[:3], unseen.train, unseen.validation):
        assert not hidden & checking.find_fingerprints(split.x)


# Without a training, which would take the most of the time.
CHEATS_OF_SCENES = {
    "more epochs": (18, "--epochs 9", [], "9 epochs, at most 8 are allowed"),
    "the test split": (
        19,
        "",
        [("        dataset.train.x,\n", "        dataset.test.x,\n")],
        "train asks for the test split",
    ),
    "three numbers": (
        18,
        "",
        [
            (
                "    model.fit(",
                "    return keras.Sequential([model, FIRST])\n    model.fit(",
            ),
            FIRST,
        ],
        r"has the shape \(20, 3\), expected \(20, 4\)",
    ),
    "no numbers": (
        19,
        "",
        [
            (
                "    model.fit(",
                "    return keras.Sequential([model, NAN])\n    model.fit(",
            ),
            NAN,
        ],
        "are no finite numbers",
    ),
    "untrained": (
        18,
        "",
        [("    model.fit(", "    return model\n    model.fit(")],
        "percentage points are missing",
    ),
    "no model": (
        19,
        "",
        [("    model.fit(", "    return 1\n    model.fit(")],
        "train returned int, expected the trained keras.Model",
    ),
}


@pytest.mark.parametrize("cheat", CHEATS_OF_SCENES)
def test_check_of_scenes_cannot_be_fooled(cheat, tmp_path, few_scenes):
    number, flags, changes, message = CHEATS_OF_SCENES[cheat]
    verdict = check(tmp_path, number, flags, changes)
    assert re.search(message, verdict.missing[0]), verdict


def test_boxes_are_scored_by_counting_pixels():
    random = np.random.default_rng(0)
    ends = np.sort(random.integers(0, 65, (2, 50, 2, 2)), axis=2)
    ends[:, :, 1] += ends[:, :, 0] == ends[:, :, 1]  # not empty
    boxes = ends.reshape(2, 50, 4)  # left, top, right, bottom
    places = np.arange(65)
    masks = []
    for left, top, right, bottom in boxes.reshape(-1, 4):
        columns = (places >= left) & (places < right)
        rows = (places >= top) & (places < bottom)
        masks.append(rows[:, np.newaxis] & columns)
    truth, answers = np.reshape(masks, (2, 50, 65, 65))
    shared = (truth & answers).sum(axis=(1, 2))
    wanted = shared / (truth | answers).sum(axis=(1, 2))

    np.testing.assert_allclose(finding.find_boxes(truth), boxes[0] / 65)
    scores = finding.score_boxes(boxes[1] / 65, truth)
    assert scores["iou"] == pytest.approx(wanted.mean())
    assert scores["accuracy"] == np.mean(wanted >= 0.5)
    assert finding.score_boxes(boxes[0] / 65, truth) == {"accuracy": 1, "iou": 1}
    # A right side left of the left one is no area.
    assert finding.score_boxes(boxes[0][:, [2, 1, 0, 3]] / 65, truth)["iou"] == 0


def test_heat_is_scored_by_its_peaks():
    """Of two scenes with a digit in one and two in the other."""
    boxes = np.float32([[[8, 8, 20, 24], [-1] * 4], [[2, 40, 14, 60], [40, 4, 60, 20]]])
    wanted = exercise_19.make_heat(boxes)
    # Centers at (14, 16), (8, 50), (50, 12) pixels, a place for two pixels.
    assert np.argwhere(wanted[..., 0]).tolist() == [[0, 8, 7], [1, 6, 25], [1, 25, 4]]
    hot = np.where(wanted == 1, 3.0, -3.0)
    right = {"accuracy": 1, "found": 1, "invented": 0}
    assert finding.score_heat(wanted, boxes) == right
    assert finding.score_heat(hot, boxes) == right
    assert finding.score_heat(np.roll(hot, 2, axis=1), boxes)["found"] < 1
    assert finding.score_heat(np.roll(hot, (1, -1), axis=(1, 2)), boxes) == right
    cold = {"accuracy": 0, "found": 0, "invented": 0}
    assert finding.score_heat(np.where(wanted == 1, -0.1, -3.0), boxes) == cold

    more = hot.copy()
    more[0, 30, 30] = 1.0  # a digit that is not there
    more[1, 25, 6] = 2.0  # beside a hotter place
    more[1, 6, 25] = -1.0  # too cold
    assert finding.score_heat(more, boxes) == {
        "accuracy": 0,
        "found": pytest.approx(2 / 3),
        "invented": pytest.approx(1 / 3),
    }
    for bad in (hot[..., 0], np.full_like(hot, np.nan)):
        with pytest.raises(ValueError, match="the network's answer"):
            finding.score_heat(bad, boxes)


def test_classes_are_scored_by_their_pixels():
    """Of two scenes with a digit of 4 x 4 pixels, which are 2 x 2 places."""
    truth = np.zeros((2, 64, 64), np.uint8)
    truth[0, 8:12, 20:24] = 7
    truth[1, 40:44, 4:8] = 6
    said = truth[:, ::2, ::2].copy()

    def score():
        return finding.score_classes(np.eye(8)[said], truth)

    assert score() == {"accuracy": 1, "iou": 1}
    said[0, 4, 10:12] = 3  # half of the digit has another class
    assert score() == {"accuracy": 1, "iou": 0.75}
    said[0, 0, 0] = 7  # and where there is none, one is invented
    assert score() == {"accuracy": 0.5, "iou": pytest.approx((2 / 5 + 1) / 2)}
    said[:] = 0
    assert score() == {"accuracy": 0, "iou": 0}
    for bad in (np.zeros((2, 32, 32)), np.full((2, 32, 32, 8), np.nan)):
        with pytest.raises(ValueError, match="the network's answer"):
            finding.score_classes(bad, truth)


def test_interpolated_masks_have_classes_that_no_scene_has(few_scenes, tmp_path):
    """Those of the solution have not."""
    classes = running.load(21).train.y
    np.testing.assert_array_equal(np.unique(classes), [0, 6, 7])
    averaged = exercise_21.shrink(classes)
    assert averaged.shape == (40, 32, 32)
    assert np.mean(np.isin(averaged[averaged > 0], [6, 7])) < 0.6
    path = tmp_path / "exercise_21.py"
    path.write_text(commands.solve(21), "utf-8")
    taken = commands.load(path).shrink(classes)
    np.testing.assert_array_equal(np.unique(taken), [0, 6, 7])


@pytest.mark.parametrize(
    ("number", "shape"), [(18, (4,)), (19, (32, 32, 1)), (21, (32, 32, 8))]
)
def test_pictures_are_shown_after_each_epoch(number, shape, few_scenes):
    shown, answers = {}, np.random.default_rng(0)
    looker = finding.Pictures(
        finding.TASKS[number],
        lambda name, picture, step: shown.update({step: picture}),
        running.load(number).validation,
    )
    looker.set_model(lambda x, training: answers.normal(size=(len(x), *shape)))
    looker.on_train_begin()
    for epoch in range(2):
        looker.on_epoch_end(epoch)
    assert list(shown) == [0, 1, 2]
    assert all(p.dtype == np.uint8 and p.shape[2] == 3 for p in shown.values())
    assert (shown[0] != shown[1]).any()


def test_docstrings_name_symptom_and_goal_and_no_cause():
    for number, goal in checking.GOALS.items():
        text = " ".join(
            importlib.import_module(
                f"lessons.exercises.exercise_{number:02}"
            ).__doc__.split()
        )
        assert f"python -m lessons exercise run {number} " in text
        assert "In TensorBoard: " in text
        solved = text.partition("Solved: ")[2]
        assert f"at most {goal.epochs} epochs" in solved or number == 4
        assert f"{goal.accuracy:.0%}".replace("%", " %") in solved
        assert goal.loss is None or f"below {goal.loss}" in solved
        assert not re.search(
            "dead|vanish|overfit|frozen|symmetr|normali[sz]|unscaled|learning rate is "
            "too",
            text,
        )
        assert len(ANSWERS[number].hints) == 3
        assert ANSWERS[number].flags or ANSWERS[number].changes


@pytest.fixture
def exercise(tmp_path, monkeypatch, capsys):
    """Calls `python -m lessons exercise` in an empty folder, and returns what it
    prints.
    """
    monkeypatch.chdir(tmp_path)
    main = importlib.import_module("lessons.__main__")

    def call(*words):
        main.run_command(["exercise", *words])
        return capsys.readouterr().out

    return call


def test_commands(exercise, tmp_path):
    lines = exercise().splitlines()
    count = len(ANSWERS)
    assert [int(line.split()[0]) for line in lines[:count]] == list(ANSWERS)
    assert not any("solved" in line for line in lines[:count])

    assert [exercise("hint", "3")[:11] for _ in range(4)] == [
        f"Hint {n} of 3"[:11] for n in (1, 2, 3, 3)
    ]
    with pytest.raises(SystemExit) as stop:
        exercise("check", "1")
    assert stop.value.code == 1
    said = exercise("check", "1", *ANSWERS[1].flags)
    assert "Solved" in said
    assert exercise().splitlines()[0].split()[1] == "solved"

    copy = tmp_path / "exercises/exercise_06.py"
    assert "-            keras" not in exercise("solution", "6")
    assert "+            keras.layers.Rescaling(1 / 255)," in exercise("solution", "6")
    exercise("reset", "6")
    original = copy.read_text("utf-8")
    copy.write_text("# mine")
    assert "exercise_06.1.py" in exercise("reset", "6")
    assert copy.read_text("utf-8") == original
    assert (tmp_path / "exercises/exercise_06.1.py").read_text() == "# mine"
    exercise("reset", "1")
    assert exercise().splitlines()[0].split()[1] != "solved"


def test_run_makes_a_run_of_the_copy(exercise, tmp_path, monkeypatch):
    """Which stands in its folder, as it was run."""
    monkeypatch.setattr(sys, "argv", ["lessons"])
    copy, pages = tmp_path / "exercises/exercise_01.py", {}
    with few_digits():
        exercise("run", "1", "--epochs", "1", "--name", "mine")
        pages["mine"] = copy.read_text("utf-8")
        changed = pages["mine"].replace("Dense(10)", 'Dense(10, activation="softmax")')
        copy.write_text(changed, "utf-8")
        exercise("run", "1", "--epochs", "1", "--name", "changed")
        pages["changed"] = changed
    for name, page in pages.items():
        record = run_folder.read(tmp_path / f"runs/exercise_01/{name}")
        assert record.metrics["status"] == "finished"
        assert "findings" not in record.metrics  # the doctor would give the answer away
        assert record.page == page
    assert (
        keras.models.load_model(tmp_path / "runs/exercise_01/changed/model.keras")
        .layers[-1]
        .activation.__name__
        == "softmax"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "99"], "there is no exercise 99, expected a number from 1 to 22"),
        (["hint", "0"], "there is no exercise 0"),
        (["check", "one"], "'one' is not a whole number"),
        (["cheat", "1"], "cheat, 1 Available subcommands: list, run, hint, check"),
        (["check", "1", "--learning-rate", "-1"], "--learning-rate is -1.0"),
    ],
)
def test_bad_words(exercise, words, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        exercise(*words)


@pytest.mark.parametrize("action", ["run", "check"])
@pytest.mark.parametrize("mistake", ["keras.layers.Flatten(", "keras.layers.Flaten()"])
def test_mistake_in_the_script_is_shown_from_there_on(
    exercise, tmp_path, capsys, action, mistake
):
    exercise("reset", "1")
    copy = tmp_path / "exercises/exercise_01.py"
    copy.write_text(
        copy.read_text("utf-8").replace("keras.layers.Flatten()", mistake), "utf-8"
    )
    with pytest.raises(SystemExit) as stop:
        exercise(action, "1")
    assert stop.value.code == 1
    shown = capsys.readouterr().err
    assert "exercises/exercise_01.py" in shown
    assert not re.search("commands/|command_line.py|__main__|importlib", shown)


def test_originals_are_no_copies(exercise, monkeypatch):
    monkeypatch.chdir(commands.ORIGINALS.parent)
    for action in ("run", "reset"):
        with pytest.raises(ValueError, match="is no copy of your own here"):
            exercise(action, "6")


def test_bad_files(exercise, tmp_path):
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises/progress.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"progress\.json is damaged"):
        exercise()
    (tmp_path / "exercises/progress.json").unlink()
    (tmp_path / "exercises/exercise_01.py").write_text("import keras\n")
    with pytest.raises(ValueError, match=r"exercise_01\.py has no Config"):
        exercise("check", "1")


def test_probabilities():
    logits = np.random.default_rng(0).normal(size=(20, 10)).astype("float32")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        checking.read_probabilities(logits), probabilities, rtol=1e-5
    )
    np.testing.assert_allclose(
        checking.read_probabilities(probabilities), probabilities, rtol=1e-6
    )
    np.testing.assert_array_equal(
        checking.read_probabilities(np.float32([[3.4], [-2.0], [12.0]])).argmax(1),
        [3, 0, 9],
    )
    with pytest.raises(checking.RefusedError, match="no finite numbers"):
        checking.read_probabilities(np.full((3, 10), np.nan))


def test_probabilities_of_two_classes():
    logits = np.random.default_rng(0).normal(0, 3, (50, 1))
    wanted = 1 / (1 + np.exp(-logits[:, 0]))
    for outputs in (logits, wanted[:, np.newaxis]):
        probabilities = checking.read_probabilities(outputs, classes=2)
        np.testing.assert_allclose(probabilities[:, 1], wanted)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_texts_as_fit_takes_them():
    texts = ["ein Wort", "两个字"]
    batches = tf.data.Dataset.from_tensor_slices((texts, [0, 1])).batch(1)
    for x in (np.array(texts, object), np.array(texts), tf.constant(texts), batches):
        assert checking.read_texts(x) == texts
        assert checking.read_texts((x, np.zeros(2))) == texts
        assert len(checking.find_fingerprints(x)) == 2
    assert checking.read_texts(np.zeros((2, 3))) == []


def test_fingerprints_do_not_depend_on_the_scale():
    images = digits.load_sample("").test.x[:50]
    known = checking.find_fingerprints(images)
    assert len(known) == 50
    for changed in (
        images / 255,
        np.float32(images) / 127.5 - 1,
        (images - images.mean()) / images.std(),
    ):
        assert checking.find_fingerprints(changed) == known
