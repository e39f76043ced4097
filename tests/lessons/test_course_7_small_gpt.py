"""A small GPT learns to predict a text, and writes."""

from lessons import course_7_small_gpt as lesson
from lessons.__main__ import run_command

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data import Split, running_text
from models import text_measures
from tests.lessons import small
from tests.lessons.test_course_7_writing import NAMES, make_text

SMALL = {
    "width": 24,
    "heads": 3,
    "blocks": 1,
    "window": 20,
    "batch_size": 16,
    "steps": 60,
    "learning_rate": 0.01,
}
PATCHES = {
    "data.running_text.load_text": make_text,
    "lessons.course_7_small_gpt.WRITTEN": 40,
    "lessons.course_7_small_gpt.SAMPLES": 4,
}
WIDTH, HEADS, BLOCKS, WINDOW = 6, 2, 2, 5


def build(blocks: int = BLOCKS) -> keras.Model:
    """Not trained, with weights that are not small."""
    network = lesson.build_network(len(NAMES), WIDTH, HEADS, blocks, WINDOW)
    draw = np.random.default_rng(0)
    network.set_weights([draw.normal(size=w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build()


def make_memory(network: keras.Model, rows: int) -> np.ndarray:
    return np.zeros((rows, *network.inputs[1].shape[1:]), np.float32)


def normalize(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-3) * scale + shift


def read_by_hand(network: keras.Model, numbers: np.ndarray) -> np.ndarray:
    """Returns the logits after each character, (time, symbols): one character, one head
    and one place after the other.
    """
    weights = iter(network.get_weights())
    stream = next(weights)[numbers].astype(float)
    for _ in range(network.inputs[1].shape[1]):
        norm = next(weights), next(weights)
        telling = next(weights), next(weights)
        asking = next(weights), next(weights)
        table = next(weights)
        out = next(weights), next(weights)
        inner_norm = next(weights), next(weights)
        inner = next(weights), next(weights)
        outer = next(weights), next(weights)
        inputs = [normalize(x, *norm) for x in stream]
        queries = [np.split(x @ asking[0] + asking[1], HEADS) for x in inputs]
        keys, values = [], []
        for x in inputs:
            key, value = np.split(x @ telling[0] + telling[1], 2)
            keys.append(np.split(key, HEADS))
            values.append(np.split(value, HEADS))
        for time in range(len(numbers)):
            taken = []
            for head in range(HEADS):
                places = range(max(0, time - WINDOW), time + 1)
                scores = [
                    queries[time][head] @ keys[place][head] / np.sqrt(WIDTH / HEADS)
                    + table[time - place, head]
                    for place in places
                ]
                parts = zip(softmax(scores), places, strict=True)
                taken.append(sum(p * values[place][head] for p, place in parts))
            stream[time] += np.concatenate(taken) @ out[0] + out[1]
            x = normalize(stream[time], *inner_norm) @ inner[0] + inner[1]
            stream[time] += np.maximum(x, 0) @ outer[0] + outer[1]
    norm = next(weights), next(weights)
    last, bias = weights
    return np.array([normalize(x, *norm) @ last + bias for x in stream])


def test_it_learns(small_run):
    """Half of the way from the frequencies of characters to the best n-grams."""
    dataset = make_text()
    single = text_measures.score_ngrams(dataset.train.y, dataset.test.y, len(NAMES))[0]
    metrics = small_run.metrics
    best = metrics["baseline"]["nats_per_character"]
    assert metrics["test"]["nats_per_character"] < (single.mean() + best) / 2
    assert metrics["test"]["nats_per_character"] > best - 0.05, "nothing can be better"


def test_attention_is_that_of_keras():
    """`MultiHeadAttention` with the same weights, where all distances count alike."""
    network = build(blocks=1)
    kind = keras.layers.Embedding
    _, table = [layer for layer in network.layers if isinstance(layer, kind)]
    table.set_weights([np.zeros((WINDOW + 1, HEADS))])
    numbers = running_text.encode("the ov", NAMES)[np.newaxis]  # as long as it looks
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    telling, asking, out = dense[:3]
    inner = keras.Model(network.inputs, [asking.input, out.output])
    x, expected = inner([numbers, make_memory(network, 1)])
    heads = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
    heads.build(x.shape, x.shape)
    query, query_bias = (np.array(w) for w in asking.weights)
    pair, pair_bias = (np.split(np.array(w), 2, axis=-1) for w in telling.weights)
    shape = (WIDTH, HEADS, WIDTH // HEADS)
    heads.set_weights(
        [
            query.reshape(shape),
            query_bias.reshape(shape[1:]),
            pair[0].reshape(shape),
            pair_bias[0].reshape(shape[1:]),
            pair[1].reshape(shape),
            pair_bias[1].reshape(shape[1:]),
            np.array(out.kernel).reshape(HEADS, WIDTH // HEADS, WIDTH),
            out.bias,
        ]
    )
    given = heads(x, x, use_causal_mask=True)
    np.testing.assert_allclose(given, expected, atol=1e-4)


def test_what_is_to_come_changes_nothing_before(network):
    """No logit, wherever another text begins."""
    draw = np.random.default_rng(0)
    text, other = draw.integers(0, len(NAMES), (2, 1, 12), np.int32)
    memory = make_memory(network, 1)
    logits, _ = lesson.read(network, text, memory)
    for start in range(1, 12):
        mixed = np.concatenate([text[:, :start], other[:, start:]], axis=1)
        changed, _ = lesson.read(network, mixed, memory)
        np.testing.assert_array_equal(changed[:, :start], logits[:, :start])
        assert not np.array_equal(changed[:, start], logits[:, start])


def test_memory_of_keys_and_values_changes_nothing(network):
    """Read in one go, character by character, or by hand."""
    numbers = make_text().test.y[np.newaxis, :17]
    whole, _ = lesson.read(network, numbers, make_memory(network, 1))
    memory, logits = make_memory(network, 1), []
    for time in range(17):
        one, memory = lesson.read(network, numbers[:, time : time + 1], memory)
        logits.append(one[:, 0])
    np.testing.assert_allclose(np.stack(logits, axis=1), whole, atol=1e-4)
    np.testing.assert_allclose(whole[0], read_by_hand(network, numbers[0]), atol=1e-4)


@pytest.mark.parametrize("length", [1, WINDOW, 3 * WINDOW + 2])
def test_writing_without_a_memory_gives_the_same_text(length, network):
    """Near temperature 0, when all is read anew for each character, also after a prompt
    that is longer than the window.
    """
    prompt = make_text().test.y[:length]
    draw = np.random.default_rng(0)
    (written,) = lesson.write(network, prompt, 12, (1e-6,), draw)
    text = prompt
    for _ in range(12):
        likeliest = read_by_hand(network, text)[-1].argmax()
        text = np.append(text, likeliest)
    np.testing.assert_array_equal(written, text[length:])


def test_characters_are_drawn_with_their_probabilities(network):
    prompt = running_text.encode("the la", NAMES)
    count, temperature = 2000, 2.0
    draw = np.random.default_rng(0)
    written = lesson.write(network, prompt, 1, (temperature,) * count, draw)
    found = np.bincount(written[:, 0], minlength=len(NAMES)) / count
    expected = softmax(read_by_hand(network, prompt)[-1] / temperature)
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / count))


@pytest.mark.parametrize("window", [4, 50])
def test_each_character_is_predicted_once(window, network, monkeypatch):
    """From all those before it in its piece that the blocks can see, as in NumPy."""
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


def test_the_memory_goes_on_from_window_to_window():
    """A second update knows what the first one has read; rows know nothing of each
    other.
    """
    network, train = build(), make_text().train
    x, y = running_text.cut_rows(Split(train.x[:40], train.y[:40]), 2, 10)
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build(network.trainable_variables)
    memory, losses = make_memory(network, 2), []
    for start in (0, 10):
        window = slice(start, start + 10)
        loss, memory = lesson.train_step(
            network, optimizer, x[:, window], y[:, window], memory
        )
        losses.append(float(loss))
    scores = []
    for row, answers in zip(x, y, strict=True):
        logits = log_softmax(read_by_hand(network, row), axis=1)
        scores.append(-logits[np.arange(20), answers])
    expected = np.mean(scores, axis=0)
    assert losses[0] == pytest.approx(expected[:10].mean(), abs=1e-4)
    assert losses[1] == pytest.approx(expected[10:].mean(), abs=1e-4)


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
    patches = {"lessons.course_7_small_gpt.train_step": watch}
    small.run(lesson, tmp_path, patches, steps=windows + 2)
    for place, text in enumerate((x, y)):
        read = np.concatenate([step[place] for step in seen], axis=1)
        np.testing.assert_array_equal(read[:, :whole], text[:, :whole])
        np.testing.assert_array_equal(read[:, whole:], text[:, : 2 * SMALL["window"]])
    counted = [memory.max() for _, _, memory in seen]
    assert counted == [*range(windows), 0, 1]


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
    ngrams = metrics["baseline"]["nats_per_character"]
    assert ngrams == pytest.approx(saved["ngrams"].mean(), abs=1e-6)
    assert metrics["baseline"]["recurrent"] == lesson.RECURRENT["bible"]
    model = keras.models.load_model(small_run.folder / "model.keras")
    again, _ = lesson.score(model, dataset.test, 33)
    np.testing.assert_allclose(again, saved["nats"], atol=1e-4)


def test_attention_that_is_drawn(network):
    """All that a character takes comes from those before it, in the window."""
    numbers = make_text().test.y[:12]
    weights = lesson.find_attention(network, numbers, 1)
    assert weights.shape == (HEADS, 12, 12)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    far = np.subtract.outer(np.arange(12), np.arange(12))
    assert (weights[:, (far < 0) | (far > WINDOW)] == 0).all()


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
    """A prompt longer than the window, none, and a single character."""
    monkeypatch.setattr(lesson, "WRITTEN", 20)
    long = "the quick brown fox jumps over the lazy dogs while"
    run_command(["predict", str(small_run.folder), long, "", "x"])
    out = capfd.readouterr().out
    assert out.count("temperature") == 9
    assert out.count(f"\n{long}") == 3
    assert (small_run.folder / "figures/predictions_1.png").is_file()


def test_predict_refuses_what_it_has_not_seen(small_run):
    with pytest.raises(ValueError, match="has '世', '界'"):
        run_command(["predict", str(small_run.folder), "the 世界"])
