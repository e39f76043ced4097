"""Networks learn from reviews; what is left out of a sentence changes the answer."""

from lessons import course_7_text_classification as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score

from data import Dataset, Split, reviews
from tests.lessons import small

GOOD, BAD = "好棒优美", "差烂糟破"
NEW = "新"  # no training review has it
OTHERS = [chr(0x4E00 + 5 * index) for index in range(300)]


def make_reviews(seed: int = 0, keep_duplicates: bool = False) -> Dataset:
    """Reviews of random characters, among them one that praises or blames; those not to
    learn from end in one that is new.
    """
    random = np.random.default_rng(seed)
    labels = np.int32(random.integers(2, size=500))
    texts = []
    for label in labels:
        letters = list(random.choice(OTHERS, 12))
        letters[random.integers(12)] = random.choice(list((BAD, GOOD)[label]))
        texts.append("".join(letters) + NEW * (len(texts) >= 400))
    texts = np.array(texts, object)
    parts = np.split(np.arange(500), [400, 450])
    splits = [Split(texts[part], labels[part]) for part in parts]
    return Dataset(*splits, "made for a test", reviews.CLASS_NAMES)


SMALL = {
    "epochs": 12,
    "characters": 12,
    "pieces": 400,
    "size": 8,
    "filters": 16,
    "learning_rate": 2e-2,
    "batch_size": 40,
}
PATCHES = {
    "data.reviews.load_reviews": make_reviews,
    "lessons.course_7_text_classification.FRACTIONS": (1.0,),
}


def load_model(run: small.Run) -> keras.Model:
    return keras.models.load_model(run.folder / "model.keras")


def test_it_learns(small_run):
    """Each network half of the way from guessing to all right."""
    accuracies = small_run.metrics["accuracies"]
    assert accuracies[lesson.BAG]["test"] > (0.5 + 1) / 2
    assert accuracies[lesson.ORDER]["test"] > (0.5 + 1) / 2


def test_only_the_training_reviews_were_learned(small_run):
    dataset, model = make_reviews(), load_model(small_run)
    read = {}
    for name in ("train", "validation", "test"):
        texts = tf.constant(list(getattr(dataset, name).x))
        read[name] = small.find_fingerprints(np.asarray(model.layers[0](texts)))
    places = [lesson.BAG, lesson.ORDER].index(small_run.metrics["network"])
    fitted = small_run.fitted[places]
    assert set(fitted) == set(read["train"])
    assert not set(fitted) & (set(read["validation"]) | set(read["test"]))
    known = set("".join(model.layers[0].get_vocabulary(include_special_tokens=False)))
    assert known - {" "} <= set("".join(dataset.train.x))


def test_validation_chooses_the_network(tmp_path):
    """In a test of the same reviews with the other labels, the better one is worse."""
    dataset = make_reviews()
    opposite = Split(dataset.validation.x, 1 - dataset.validation.y)
    patches = {
        "data.reviews.load_reviews": lambda *_: dataset._replace(test=opposite),
        "keras.Model.fit": lambda *arguments, **named: None,  # as they are built
    }
    metrics = small.run(lesson, tmp_path, patches)
    accuracies = metrics["accuracies"]
    better, worse = accuracies[lesson.BAG], accuracies[lesson.ORDER]
    if metrics["network"] == lesson.ORDER:
        better, worse = worse, better
    assert better["validation"] > worse["validation"]
    assert better["test"] < worse["test"]
    assert metrics["test"]["accuracy"] == better["test"]


def test_figures_are_those_of_the_predictions(small_run):
    with np.load(small_run.folder / "test_predictions.npz") as saved:
        saved = dict(saved)
    test, metrics = make_reviews().test, small_run.metrics
    np.testing.assert_array_equal(saved["truth"], test.y)
    accuracy = accuracy_score(test.y, saved["prediction"])
    assert metrics["test"]["accuracy"] == pytest.approx(accuracy)
    linear = accuracy_score(test.y, saved["linear"] > 0)
    assert metrics["baseline"]["linear"] == pytest.approx(linear)
    majority = max(np.mean(test.y), 1 - np.mean(test.y))
    assert metrics["baseline"]["majority"] == pytest.approx(majority)
    accuracies = metrics["accuracies"]
    best = max((lesson.BAG, lesson.ORDER), key=lambda n: accuracies[n]["validation"])
    assert metrics["network"] == best
    model = load_model(small_run)
    said = model.predict(tf.constant(list(test.x)), verbose=0)[:, 0]
    np.testing.assert_allclose(said, saved["probability"], atol=1e-5)


def test_a_reader_knows_only_what_it_learned_from():
    train = np.array(["好的好", "好A"], object)
    reader = lesson.build_reader(train, (1,), 10, 4)
    numbers = np.asarray(reader(tf.constant(["a好", "差好的好好"])))
    known = {"": 0, "差": 1, "好": 2}
    assert numbers[0].tolist()[1:] == [known["好"], 0, 0]
    assert numbers[1].tolist()[:2] == [known["差"], known["好"]]
    assert reader.vocabulary_size() == 2 + 3
    pairs = lesson.build_reader(train, (1, 2), 10, 6)
    assert pairs.vocabulary_size() == 2 + 3 + 3  # 好的, 的好, 好a


def test_the_bag_does_not_look_at_places_and_padding():
    """The same pieces in another order, and with more padding."""
    bag = lesson.build_bag(9, 5, 4, 0.0)
    few, swapped = bag(np.array([[3, 4, 0, 0, 0], [0, 4, 0, 3, 0]])).numpy()[:, 0]
    assert swapped == pytest.approx(few, abs=1e-6)
    vectors = bag.layers[0].get_weights()[0][[3, 4]].mean(axis=0)
    kernel, bias = bag.layers[-1].get_weights()
    assert few == pytest.approx(float(vectors @ kernel[:, 0] + bias[0]), abs=1e-5)
    order = lesson.build_order(9, 5, 4, 8, 0.0)
    ahead, back = (order(np.array([row])) for row in ([3, 4, 5, 6, 0], [6, 5, 4, 3, 0]))
    assert float(ahead[0, 0]) != float(back[0, 0])


def test_what_decides_is_what_changes_the_answer(small_run):
    model = load_model(small_run)
    for letter, sign in (("好", 1), ("差", -1)):
        sentence = "".join(OTHERS[10:14]) + letter + "".join(OTHERS[20:23])
        changes = sign * lesson.leave_out(model, sentence)
        assert len(changes) == len(sentence)
        assert changes.argmax() == 4
        whole, without = model.predict(
            tf.constant([sentence, sentence.replace(letter, "")]), verbose=0
        )[:, 0]
        assert changes[4] == pytest.approx(sign * (whole - without), abs=1e-5)


def test_predict(small_run, tmp_path, capfd):
    (tmp_path / "a.txt").write_text("".join(OTHERS[:5]) + "好好\n差差", "utf-8")
    (tmp_path / "b.csv").write_text("id,text\n1,好好好\n", "utf-8")
    words = [str(tmp_path / "a.txt"), f"{tmp_path / 'b.csv'}:text", "差差差", "😀"]
    run_command(["predict", str(small_run.folder), *words])
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [
        *("positive", "negative", "positive", "negative"),
    ]
    assert (small_run.folder / "figures/predictions_1.png").is_file()


@pytest.mark.parametrize(
    ("given", "said"), [("nowhere.txt", "is not there"), (" ", "is empty")]
)
def test_predict_refuses(given, said, small_run):
    with pytest.raises(ValueError, match=said):
        run_command(["predict", str(small_run.folder), given])


def test_duplicates_are_kept_on_demand(fetched):
    fetched("reviews")
    kept = reviews.load_reviews(0, keep_duplicates=True)
    train, test = set(kept.train.x), set(kept.test.x)
    assert sum(len(split.y) for split in kept[:3]) == 34_898
    assert len(test & train) > 0.7 * len(test)
    once, other = reviews.load_reviews(0), reviews.load_reviews(1)
    assert not set(once.train.x) & set(once.test.x)
    assert set(once.test.x) != set(other.test.x)
