"""A recurrent network learns to predict a text, and writes."""

import random

from lessons import course_7_writing as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data import Dataset, Split, running_text
from models import text_measures
from tests.lessons import small

WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "while")
TEXT = " ".join(random.Random(0).choices(WORDS, k=2500))
NAMES = tuple(sorted(set(TEXT)))


def make_text(name: str = "", characters: int | None = None) -> Dataset:
    """Random words, each as probable as the others, whatever came before."""
    numbers = running_text.encode(TEXT, NAMES)
    x, y = numbers[:-1], numbers[1:]
    ends = (0, len(y) // 20, len(y) * 9 // 10, len(y))
    parts = [slice(*ends[index : index + 2]) for index in range(3)]
    validation, train, test = (Split(x[part], y[part]) for part in parts)
    return Dataset(train, validation, test, "made for a test", NAMES)


SMALL = {
    "units": 24,
    "window": 20,
    "batch_size": 16,
    "steps": 60,
    "learning_rate": 0.03,
}
PATCHES = {
    "data.running_text.load_text": make_text,
    "lessons.course_7_writing.WRITTEN": 40,
    "lessons.course_7_writing.SAMPLES": 4,
}


@pytest.fixture
def network() -> keras.Model:
    """Not trained, with weights that are not small."""
    keras.utils.set_random_seed(0)
    network = lesson.build_network(len(NAMES), 6, 0.5)
    draw = np.random.default_rng(0)
    network.set_weights([draw.normal(size=w.shape) for w in network.get_weights()])
    return network


def read_by_hand(network: keras.Model, numbers: np.ndarray) -> np.ndarray:
    """Returns the logits after each character, (time, symbols): Cho et al. (2014), with
    the reset gate behind the matrix product.
    """
    vectors, kernel, recurrent, biases, last, bias = network.get_weights()
    memory, logits = np.zeros(len(recurrent)), []
    for number in numbers:
        given = np.split(vectors[number] @ kernel + biases[0], 3)
        kept = np.split(memory @ recurrent + biases[1], 3)
        update, reset = expit(given[0] + kept[0]), expit(given[1] + kept[1])
        new = np.tanh(given[2] + reset * kept[2])
        memory = update * memory + (1 - update) * new
        logits.append(memory @ last + bias)
    return np.array(logits)


def test_it_learns(small_run):
    """Half of the way from the frequencies of characters to the best n-grams."""
    dataset = make_text()
    single = text_measures.score_ngrams(dataset.train.y, dataset.test.y, len(NAMES))[0]
    metrics = small_run.metrics
    best = metrics["baseline"]["nats_per_character"]
    assert metrics["test"]["nats_per_character"] < (single.mean() + best) / 2
    assert metrics["test"]["nats_per_character"] > best - 0.05, "nothing can be better"


def test_only_the_training_text_is_learned(tmp_path):
    """Its rows, window after window; when they are over, with an empty memory."""
    seen = []

    def watch(network, optimizer, x, y, memory):
        seen.append((x, y, memory.copy()))
        return 1.0, memory + 1

    train = make_text().train
    x, y = running_text.cut_rows(train, SMALL["batch_size"], SMALL["window"])
    windows = x.shape[1] // SMALL["window"]
    whole = windows * SMALL["window"]
    patches = {"lessons.course_7_writing.train_step": watch}
    small.run(lesson, tmp_path, patches, steps=windows + 2)
    for place, text in enumerate((x, y)):
        read = np.concatenate([step[place] for step in seen], axis=1)
        np.testing.assert_array_equal(read[:, :whole], text[:, :whole])
        np.testing.assert_array_equal(read[:, whole:], text[:, : 2 * SMALL["window"]])
    counted = [memory.max() for _, _, memory in seen]
    assert counted == [*range(windows), 0, 1]


@pytest.mark.parametrize("window", [7, 50])
def test_each_character_is_predicted_once(window, network, monkeypatch):
    """From all those before it in its piece, across windows, as in NumPy."""
    monkeypatch.setattr(lesson, "PIECE", 50)
    test = make_text().test
    split = Split(test.x[:99], test.y[:99])  # pieces of 50, the last of 49
    nats, likeliest = lesson.score(network, split, window)
    assert nats.shape == likeliest.shape == (99,)
    pieces = (split.x[:50], split.x[50:])
    logits = np.concatenate([read_by_hand(network, piece) for piece in pieces])
    expected = -log_softmax(logits, axis=1)[np.arange(99), split.y]
    np.testing.assert_allclose(nats, expected, atol=1e-4)
    np.testing.assert_array_equal(likeliest, logits.argmax(axis=1))


def test_the_memory_goes_on_from_window_to_window(network):
    """A second update knows what the first one has read; rows know nothing of each
    other.
    """
    train = make_text().train
    x, y = running_text.cut_rows(Split(train.x[:80], train.y[:80]), 2, 20)
    network.layers[-2].rate = 0.0  # dropout
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build(network.trainable_variables)
    memory, losses = np.zeros((2, 6), np.float32), []
    for start in (0, 20):
        window = slice(start, start + 20)
        loss, memory = lesson.train_step(
            network, optimizer, x[:, window], y[:, window], memory
        )
        losses.append(float(loss))
    scores = []
    for row, answers in zip(x, y, strict=True):
        logits = log_softmax(read_by_hand(network, row), axis=1)
        scores.append(-logits[np.arange(40), answers])
    expected = np.mean(scores, axis=0)
    assert losses[0] == pytest.approx(expected[:20].mean(), abs=1e-4)
    assert losses[1] == pytest.approx(expected[20:].mean(), abs=1e-4)


def test_characters_are_drawn_with_their_probabilities(network):
    prompt = running_text.encode("the la", NAMES)
    count, temperature = 2000, 2.0
    draw = np.random.default_rng(0)
    written = lesson.write(network, prompt, 1, (temperature,) * count, draw)
    found = np.bincount(written[:, 0], minlength=len(NAMES)) / count
    logits = read_by_hand(network, prompt)[-1]
    expected = softmax(logits / temperature)
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / count))


def test_what_is_written_is_read_again(network):
    """Near temperature 0 each character is the most probable after all before it."""
    prompt = running_text.encode("dogs", NAMES)
    draw = np.random.default_rng(0)
    (written,) = lesson.write(network, prompt, 12, (1e-6,), draw)
    read = np.concatenate([prompt, written])
    likeliest = read_by_hand(network, read[:-1]).argmax(axis=1)
    np.testing.assert_array_equal(written, likeliest[len(prompt) - 1 :])


def test_figures_are_those_of_the_predictions(small_run):
    with np.load(small_run.folder / "test_predictions.npz") as saved:
        saved = dict(saved)
    dataset, metrics = make_text(), small_run.metrics
    truth = dataset.test.y
    np.testing.assert_array_equal(saved["truth"], truth)
    nats = metrics["test"]["nats_per_character"]
    assert nats == pytest.approx(saved["nats"].mean(), abs=1e-6)
    assert metrics["test"]["bits_per_character"] == pytest.approx(nats / np.log(2))
    right = np.mean(saved["prediction"] == truth)
    assert metrics["test"]["accuracy"] == pytest.approx(right)
    assert metrics["test"]["examples"] == len(truth)
    model = keras.models.load_model(small_run.folder / "model.keras")
    again, _ = lesson.score(model, dataset.test, 33)
    np.testing.assert_allclose(again, saved["nats"], atol=1e-4)


def test_baselines_learn_from_the_training_text(small_run):
    dataset, baseline = make_text(), small_run.metrics["baseline"]
    scores = {
        name: text_measures.score_ngrams(
            dataset.train.y, getattr(dataset, name).y, len(NAMES)
        ).mean(axis=1)
        for name in ("validation", "test")
    }
    order = int(scores["validation"].argmin())
    assert small_run.metrics["order"] == order + 1
    assert baseline["nats_per_character"] == pytest.approx(scores["test"][order])
    texts = [
        running_text.decode(numbers, NAMES)
        for numbers in (dataset.train.y, dataset.test.y)
    ]
    assert baseline["xz"] == pytest.approx(text_measures.score_xz(*texts))


def test_samples_grow_in_tensorboard(small_run):
    events = EventAccumulator(str(small_run.folder), size_guidance={"tensors": 0})
    events.Reload()
    for temperature in lesson.TEMPERATURES:
        tag = f"written at temperature {temperature}"
        steps = [event.step for event in events.Tensors(tag)]
        assert steps == [14, 29, 44, 59]
        text = events.Tensors(tag)[-1].tensor_proto.string_val[0].decode()
        assert set(text) <= set(NAMES) | {"\n"}
        assert text.strip() in small_run.out


def test_predict(small_run, capfd, monkeypatch):
    monkeypatch.setattr(lesson, "WRITTEN", 20)
    run_command(["predict", str(small_run.folder), "the quick", "", "x"])
    out = capfd.readouterr().out
    assert out.count("temperature") == 9
    assert out.count("\nthe quick") == 3
    assert (small_run.folder / "figures/predictions_1.png").is_file()


def test_predict_refuses_what_it_has_not_seen(small_run):
    with pytest.raises(ValueError, match="has '世', '界'"):
        run_command(["predict", str(small_run.folder), "the 世界"])
