"""The mail filter learns, its figures are those of independent oracles, and nothing of
a part reaches the filter that is tested on it.
"""

from pathlib import Path

from lessons import course_7_mail_filter as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import logit
from sklearn.metrics import f1_score, recall_score, roc_auc_score

from data import Split, mail, texts
from tests.conftest import COURSE_DATA
from tests.lessons import small


def make_messages(ham: int = 450, spam: int = 150, seed: int = 0) -> mail.Dataset:
    """Messages of random words. The spam has a telephone number in it, and of three of
    its messages, one after the other, nothing but that number differs.
    """
    random = np.random.default_rng(seed)
    words = ["".join(random.choice(list("abcdefghijklmnop"), 5)) for _ in range(3000)]
    labeled = []
    for _ in range(ham):
        chosen = list(random.choice(words, 8))
        if random.random() < 0.3:
            chosen.insert(random.integers(9), f"at {random.integers(24)}")
        labeled.append((" ".join(chosen), 0))
    for index in range(spam):
        if index % 3 == 0:
            chosen = list(random.choice(words, 8))
            place = random.integers(9)
        number = "".join(random.choice(list("0123456789"), 6))
        variant = [*chosen[:place], f"CALL {number}", *chosen[place:]]
        labeled.append((" ".join(variant), 1))
    return mail.make_dataset(labeled, "made for a test")


PARTS = 3
SMALL = {
    "epochs": 4,
    "characters": 60,
    "filters": 16,
    "learning_rate": 1e-2,
    "lost_ham": 0.02,
}
PATCHES = {
    "data.mail.load_messages": make_messages,
    "lessons.course_7_mail_filter.PARTS": PARTS,
    "lessons.course_7_mail_filter.FRACTIONS": (0.5, 1.0),
}


def load_predictions(run: small.Run) -> dict[str, np.ndarray]:
    with np.load(run.folder / "test_predictions.npz") as saved:
        return dict(saved)


def test_it_learns(small_run):
    """Half of the way from a filter that blocks what it likes, to one that catches
    all.
    """
    test = small_run.metrics["test"]
    assert test["spam_caught"] > (0.02 + 1) / 2
    assert test["ham_blocked"] < 0.06
    assert test["examples"] == 600


def test_figures_are_those_of_the_predictions(small_run):
    saved = load_predictions(small_run)
    dataset = make_messages()
    np.testing.assert_array_equal(saved["truth"], dataset.train.y)
    np.testing.assert_array_equal(saved["id"], np.arange(600))
    test = small_run.metrics["test"]
    truth, blocked = saved["truth"], saved["prediction"]
    assert test["spam_caught"] == pytest.approx(recall_score(truth, blocked))
    assert test["f1"] == pytest.approx(f1_score(truth, blocked))
    assert test["ham_blocked"] == pytest.approx(blocked[truth == 0].mean())
    baseline = small_run.metrics["baseline"]
    margins = [saved[name] for name in (lesson.LINEAR, lesson.BAYES)]
    caught = [recall_score(truth, margin > 0) for margin in margins]
    assert baseline["spam_caught"] == pytest.approx(max(caught))
    assert baseline["majority"] == pytest.approx(0.75)


def test_parts_are_apart(small_run):
    """Each network learned from the parts that are neither its test nor its
    threshold's; nothing of them is nearly like its test.
    """
    saved, dataset = load_predictions(small_run), make_messages()
    alike = texts.group_alike(list(dataset.train.x))
    assert len(set(alike)) == 450 + 150 / 3
    for part in range(PARTS):
        test = saved["part"] == part
        assert not np.isin(alike[test], alike[~test]).any()
    sizes = [len(fitted) for fitted in small_run.fitted]
    assert sizes == pytest.approx([100, 200] * PARTS, abs=6)
    # What the last network learned from is read as the saved filter reads it.
    reader = keras.models.load_model(small_run.folder / "model.keras").layers[0]
    read = np.asarray(reader(tf.constant(list(dataset.train.x))))
    learned = np.isin(small.find_fingerprints(read), small_run.fitted[-1])
    (only,) = set(saved["part"][learned])
    assert only != PARTS - 1
    np.testing.assert_array_equal(learned, saved["part"] == only)


def test_no_message_is_judged_by_its_own_threshold(small_run):
    """Else the score of one message of each part were the threshold itself."""
    saved = load_predictions(small_run)
    assert saved[lesson.NETWORK].all()
    assert saved[lesson.LINEAR].all()


def test_baselines_give_spam_the_larger_scores():
    """Naive Bayes its log-odds, by scikit-learn's probabilities."""
    x, y = make_messages().train
    for name, baseline in lesson.build_baselines().items():
        baseline.fit(x[::2], y[::2])
        scores = lesson.find_scores(baseline, x[1::2])
        assert roc_auc_score(y[1::2], scores) > 0.9
        if name == lesson.BAYES:
            odds = logit(baseline.predict_proba(x[1::2])[:, 1])
            np.testing.assert_allclose(scores, odds, rtol=1e-5)


def test_saved_filter_takes_texts_in_plain_keras(small_run):
    """And says what it said of the last part, as a probability."""
    saved, dataset = load_predictions(small_run), make_messages()
    model = keras.models.load_model(small_run.folder / "model.keras")
    last = saved["part"] == PARTS - 1
    said = model.predict(tf.constant(list(dataset.train.x[last])), verbose=0)
    np.testing.assert_allclose(said[:, 0], saved["probability"][last], atol=1e-5)


def test_interval_holds_the_true_fraction():
    """In 95 of 100 cases, also where few are counted."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [400, 60])
    held = []
    for _ in range(300):
        rows = lesson.find_intervals(labels, random.random(460) < 0.02)
        held += [row["from"] <= 0.02 <= row["to"] for row in rows.values()]
    assert 0.92 <= np.mean(held) <= 0.99


def test_threshold_blocks_the_fraction_of_new_ham():
    random = np.random.default_rng(0)
    blocked = []
    for _ in range(3000):
        scores = random.normal(size=120)
        labels = np.repeat([0, 1], [100, 20])
        threshold = lesson.choose_threshold(scores, labels, 0.03)
        blocked.append((random.normal(size=50) > threshold).mean())
    assert np.mean(blocked) == pytest.approx(0.03, rel=0.05)
    assert lesson.choose_threshold(np.arange(5.0), np.zeros(5), 0.002) == 4
    assert lesson.choose_threshold(np.arange(2.0), np.zeros(2), 0.49) == 1


def test_calibration_is_the_likeliest_slope_and_offset():
    random = np.random.default_rng(0)
    scores = random.normal(size=400) * 5
    labels = random.random(400) < 1 / (1 + np.exp(-(0.4 * scores - 1)))

    def cost(line):  # scikit-learn adds half of the squared slope
        logits = line[0] * scores + line[1]
        return np.sum(np.logaddexp(0, logits) - labels * logits) + line[0] ** 2 / 2

    found = lesson.calibrate(scores, labels)
    np.testing.assert_allclose(found, minimize(cost, [0, 0]).x, rtol=1e-2)
    assert found == pytest.approx((0.4, -1), abs=0.25)


def test_costs_decide():
    probability = np.array([0.1, 0.4, 0.6, 0.98, 0.995])
    for lost, missed, blocked in ((1, 1, 3), (100, 1, 1), (1, 9, 4), (5, 10, 4)):
        chosen = lesson.is_cheaper_to_block(probability, lost, missed)
        costs = np.where(chosen, (1 - probability) * lost, probability * missed)
        other = np.where(~chosen, (1 - probability) * lost, probability * missed)
        assert (costs <= other + 1e-12).all()
        assert abs(chosen.sum() - blocked) <= 1
    labels = np.array([0, 0, 1, 1, 1])
    costs = lesson.compare_costs(labels, probability, 100, 1)
    assert costs["block nothing"] == {"lost": 0, "missed": 600, "cost": 600}
    assert costs["block what is likelier spam"]["cost"] == 0
    assert costs["block where it costs less"] == {"lost": 0, "missed": 400, "cost": 400}


def test_predict(small_run, tmp_path, capfd):
    (tmp_path / "spam.eml").write_text("Subject: a\n\nabcde CALL 483920 abcde bbbbb")
    (tmp_path / "ham.eml").write_text("Subject: a\n\nabcde bcdef abcde cdefg")
    run_command(["predict", str(small_run.folder), str(tmp_path), "abcde abcdf"])
    lines = capfd.readouterr().out.splitlines()
    chances = {line.split()[-1]: float(line.split()[3][:-1]) for line in lines[1:4]}
    assert len(chances) == 3
    spam, ham = (chances[str(tmp_path / f"{name}.eml")] for name in ("spam", "ham"))
    assert spam > ham
    assert lines[4].endswith("of 3 blocked")
    with pytest.raises(ValueError, match=r"'nowhere\.eml' is no file"):
        run_command(["predict", str(small_run.folder), "nowhere.eml"])


def test_own_mail(tmp_path):
    """Two folders of letters; how a network learns does not matter here."""
    x, y = make_messages(80, 60).train
    for label, name in enumerate(mail.CLASS_NAMES):
        (tmp_path / name).mkdir()
        for number, text in enumerate(x[y == label]):
            letter = f"Subject: mine\n\n{text}\n"
            (tmp_path / name / f"{number}.eml").write_text(letter, "utf-8")
    places = {name: tmp_path / name for name in mail.CLASS_NAMES}
    untrained = {"keras.Model.fit": lambda *arguments, **named: None}
    metrics = small.run(lesson, tmp_path / "runs", untrained, **places)
    assert metrics["test"]["examples"] == 140


def test_one_place_without_the_other():
    with pytest.raises(ValueError, match="--ham and --spam go together"):
        lesson.Config(ham=Path("inbox"))


@pytest.mark.skipif(
    not COURSE_DATA or not (Path(COURSE_DATA) / "text/SMSSpamCollection").is_file(),
    reason="needs COURSE_DATA, a folder with text/SMSSpamCollection",
)
def test_real_messages(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", COURSE_DATA)
    x, y = mail.load_messages().train
    assert len(y) == 5160
    assert y.sum() == 642
    folds = mail.draw_folds(Split(x, y), 5, 0)
    assert np.bincount(folds).min() > 1000
