"""A recurrent network writes: which character comes next?

    python lessons/course_7_writing.py

Result: 1.31 nats a character on the last tenth of a bible (1.31 to 1.32 over 3 seeds),
        1.35 by n-grams of order 6, 1.36 by xz
Time: 1.5 minutes (2 cores, AVX2 only), 1.3 minutes (2 cores, bfloat16)

The network reads a text one character at a time. What it has read it keeps in a memory,
256 numbers. With each character, it decides for every number how much of it stays and
how much is new (a gated recurrent unit, GRU: Cho et al., 2014). From the memory, a last
layer predicts the next character: a probability for each that there is. To write, one
is drawn with these probabilities, and the network reads it as the next.

How good are its predictions? Each character of a text that the network has not learned
from costs -log p, where p is the probability that it was given: nothing if it was
certain, the more the less it was expected. The mean is in nats a character; divided by
log 2, it is in bits, as many as a character would take in a file that was packed with
the network's help. Whoever knows nothing but which 72 characters there are in the bible
pays log 72 = 4.3 nats.

Such costs are often reported beside nothing. Counting is what a network must beat:
n-grams of order 6 predict a character from how often it came after the same five. What
came after fewer is mixed in, and is all that counts where the five never came together
(Witten and Bell, 1991). Validation chooses the order, which is 5 for Shakespeare and 3
for the novel below. And xz, a program that packs files, finds passages again, however
long they are; its cost is what the test adds to the packed file. The first 5 % of each
text are for validation, the last tenth is the test, and all three have learned from the
85 % between. While it packs the test, xz learns from that as well, the others do not:

                            network    n-grams    xz
    bible, in English       1.31       1.35       1.36
    tiny Shakespeare        1.53       1.67       1.75
    a Chinese novel         4.51       4.88       5.27

The small transformer that nanoGPT trains on tiny Shakespeare in three minutes on a CPU
reports 1.88, more than the 1.67 of counting. The novel is the Romance of the Three
Kingdoms, with 3,960 different characters, most of them rare; the flags are below: 2,400
updates of 32 rows, with a dropout of 0.3 (4.49 to 4.54 over 3 seeds). On validation,
the network passes counting after about 900 of these updates, 38 % of the training.
Another run, 600 updates of 128 rows, read as much of the text and ended at 5.37, where
counting wins. Many small updates seem to teach more than few large ones; but its
dropout was 0.1, which may have a part in it. Shakespeare needs less time: 900 updates
end at 1.54, 1,200 at 1.53 (3 seeds).

The training text is cut into 128 rows, which are read side by side, a window of 32
characters at a time. After each window the weights are updated, with the gradient of
this window alone. The memory goes on to the next one, and the weights are the same at
each character: what they learn to keep within a window, they can keep for longer. So
the network can use what came hundreds of characters before, although no gradient ever
went back that far (truncated backpropagation through time: Williams and Peng, 1990).

What it writes sounds like its text, and has no sense: it knows which characters follow
each other, and nothing of what they speak about. Nor does it recite: the longest
passage of three samples that stands in the training text has 35 characters, " of the
children of Israel, and the".

In TensorBoard: what the network writes at three temperatures, ten times during the
training: made-up words at first, then phrases (page Text). On the page Images,
"surprise" shows a passage that it does not learn from, the redder the less expected:
the first letters of a word are hard, the last ones easy; "costs" compares it with
n-grams and xz. The loss of training and validation (page Scalars).

Try:
    --text shakespeare       kings and citizens speak in verses
    --text my.txt --prompt "Once upon a time"
                             a text of your own, of at least some 100,000 characters
    --text sanguo --batch-size 32 --steps 2400 --dropout 0.3
                             the Chinese novel
"""

from dataclasses import dataclass
from typing import Annotated

from training import command_line, figures, options, predictions, runs, schedules

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

from data import Split, running_text
from models import text_measures

VECTOR = 64  # numbers for a character
CLIP = 1.0  # length of the gradient of all weights; a longer one is scaled down to it
PIECE = 2000  # characters, at most, read in one go when the network is measured
TEMPERATURES = (0.5, 0.8, 1.0)
WRITTEN = 300  # characters of a sample
SAMPLES = 10  # times that the network writes during the training
SHOWN = 600  # characters of the picture that shows what the network expects


@dataclass(frozen=True)
class Config(options.Options):
    # To learn from: bible, sanguo, shakespeare, or a text file of your own.
    text: str = "bible"
    # How many characters of the text are used, from its beginning; all if not given.
    characters: Annotated[int | None, options.between(10_000)] = None
    # What the samples go on from; if it is empty, they begin like a new line.
    prompt: str = ""
    units: int = 256  # numbers in the memory
    window: Annotated[int, options.between(2, 10_000)] = 32  # characters per update
    batch_size: int = 128  # places of the text that are read side by side
    steps: int = 1200  # updates
    learning_rate: float = 1e-2  # highest value of the schedule
    dropout: float = 0.1  # fraction of the memory that the answer must do without


def build_network(symbols: int, units: int, dropout: float) -> keras.Model:
    """Builds the network, not yet trained.

    Returns:
        A model from numbers of characters, int32 (batch, time), and the memory of what
        came before, (batch, units), to the logits of each next character, (batch, time,
        symbols), and the memory after the last one, (batch, units).
    """
    numbers = keras.Input((None,), dtype="int32", name="numbers")
    memory = keras.Input((units,), name="memory")
    x = keras.layers.Embedding(symbols, VECTOR)(numbers)  # (batch, time, 64)
    recurrent = keras.layers.GRU(units, return_sequences=True, return_state=True)
    x, last = recurrent(x, initial_state=memory)  # (batch, time, 256), (batch, 256)
    x = keras.layers.Dropout(dropout)(x)  # the memory that goes on stays whole
    logits = keras.layers.Dense(symbols, name="logits")(x)
    return keras.Model([numbers, memory], [logits, last], name="writer")


@tf.function
def train_step(
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    x: tf.Tensor,
    y: tf.Tensor,
    memory: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Learns from a window of each row, and returns the loss and the memory at its end.

    The gradient goes back to the beginning of the window and no further: the memory of
    the window before is given, as x is.
    """
    with tf.GradientTape() as tape:
        logits, memory = network([x, memory], training=True)
        loss = tf.reduce_mean(cross_entropy(logits, y))
    weights = network.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss, memory


def cross_entropy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns -log of the probability of each character, nats: (batch, time)."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)


@tf.function(reduce_retracing=True)
def read(network: keras.Model, x: tf.Tensor, memory: tf.Tensor):
    """Returns the logits (batch, time, symbols) of a trained network and its memory."""
    return network([x, memory], training=False)


def score(
    network: keras.Model, split: Split, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predicts each character of a text once.

    The text is cut into equal pieces of at most 2,000 characters. Each begins with an
    empty memory, as a row does in training: its first characters are hard, and count.

    Returns:
        -log of the probability of each character, nats, float32 (n,); and the character
        that is the most probable in its place, int64 (n,).
    """
    rows = -(-len(split.y) // PIECE)
    length = -(-len(split.y) // rows)
    missing = (0, rows * length - len(split.y))
    x, y = (np.pad(part, missing).reshape(rows, length) for part in split)
    memory = tf.zeros((rows, network.inputs[1].shape[-1]))
    nats, likeliest = [], []
    for start in range(0, length, window):
        place = slice(start, start + window)
        logits, memory = read(network, tf.constant(x[:, place]), memory)
        nats.append(cross_entropy(logits, y[:, place]))
        likeliest.append(tf.argmax(logits, axis=-1))
    whole = [np.concatenate(parts, axis=1).ravel() for parts in (nats, likeliest)]
    return whole[0][: len(split.y)], whole[1][: len(split.y)]


def write(
    network: keras.Model,
    prompt: np.ndarray,
    count: int,
    temperatures: tuple[float, ...],
    random: np.random.Generator,
) -> np.ndarray:
    """Writes on from a prompt, int32 (time,), at several temperatures.

    Each character is drawn at random with the probabilities that the network gives, and
    is what the network reads next. Logits are divided by the temperature before: below
    1, what is probable becomes more so.

    Returns:
        The numbers of the new characters, int32 (temperatures, count).
    """
    rows = len(temperatures)
    memory = tf.zeros((rows, network.inputs[1].shape[-1]))
    numbers = np.tile(prompt, (rows, 1))
    written = []
    for _ in range(count):
        logits, memory = read(network, tf.constant(numbers), memory)
        last = np.float64(logits[:, -1]) / np.array(temperatures)[:, np.newaxis]
        drawn = [random.choice(len(p), p=p) for p in softmax(last, axis=1)]
        numbers = np.array(drawn, np.int32)[:, np.newaxis]
        written.append(numbers)
    return np.concatenate(written, axis=1)


def write_samples(
    network: keras.Model, prompt: str, names: tuple[str, ...], random
) -> dict[float, str]:
    """Returns what the network writes after a prompt, by the temperature.

    If the prompt is empty, it begins as after a line break.
    """
    beginning = "\n" if "\n" in names else names[0]
    numbers = running_text.encode(prompt or beginning, names)
    written = write(network, numbers, WRITTEN, TEMPERATURES, random)
    texts = [running_text.decode(row, names) for row in written]
    return dict(zip(TEMPERATURES, texts, strict=True))


def predict(run, inputs: list[str]) -> predictions.Answers:
    """Writes on from each prompt, and shows how little the network expected each
    character of the prompt.
    """
    network = run.load()
    names = tuple(run.config["class_names"])
    random = np.random.default_rng(run.config["options"]["seed"])
    lines, pictures = [], []
    for prompt in inputs:
        samples = write_samples(network, prompt, names, random)
        for temperature, text in samples.items():
            lines.append(f"temperature {temperature}:")
            lines.append(running_text.to_printable(prompt + text) + "\n")
        numbers = running_text.encode(prompt, names)
        if len(numbers) > 1:
            nats, _ = score(network, Split(numbers[:-1], numbers[1:]), len(numbers))
            pictures.append(figures.draw_surprise(prompt, [np.nan, *nats]))
    return predictions.Answers(lines, np.concatenate(pictures) if pictures else None)


def main(config: Config) -> dict:
    dataset = running_text.load_text(config.text, config.characters)
    train, validation, test = dataset.train, dataset.validation, dataset.test
    names = dataset.class_names
    running_text.encode(config.prompt, names)  # an unknown character is said at once
    x, y = running_text.cut_rows(train, config.batch_size, config.window)
    windows = x.shape[1] // config.window  # one after the other, in each row

    with runs.start(config, dataset) as run:
        network = build_network(len(names), config.units, config.dropout)
        network.summary()
        schedule = schedules.one_cycle(config.learning_rate, config.steps)
        optimizer = keras.optimizers.Adam(schedule, global_clipnorm=CLIP)
        optimizer.build(network.trainable_variables)

        memory = np.zeros((config.batch_size, config.units), np.float32)
        curve = []
        times = 1 if config.debug else SAMPLES  # line by line, writing takes long
        every = -(-config.steps // times)
        for step in run.steps(
            config.steps,
            network=network,
            optimizer=optimizer,
            memory=memory,
            curve=curve,
        ):
            start = step % windows * config.window
            if start == 0:  # the rows begin anew
                memory[:] = 0
            window = slice(start, start + config.window)
            loss, memory[:] = train_step(
                network, optimizer, x[:, window], y[:, window], memory
            )
            run.log(step, loss=loss)
            if (step + 1) % every == 0 or step + 1 == config.steps:
                nats, _ = score(network, validation, config.window)
                curve.append([step + 1, float(nats.mean())])
                run.log(step, "validation", loss=nats.mean())
                shown = running_text.decode(validation.y[:SHOWN], names)
                run.log(step, surprise=figures.draw_surprise(shown, nats[:SHOWN]))
                random = np.random.default_rng(config.seed)
                samples = write_samples(network, config.prompt, names, random)
                for temperature, text in samples.items():
                    title = f"written at temperature {temperature}"
                    run.text(title, config.prompt + text, step)

        nats, likeliest = score(network, test, config.window)
        others, order, ngrams = text_measures.score_others(dataset)
        run.predictions(
            np.arange(len(test.y)), likeliest, test.y, nats=nats, ngrams=ngrams
        )
        costs = {"network": float(nats.mean()), **others}
        rows = {
            name: {"nats": cost, "bits": cost / np.log(2)}
            for name, cost in costs.items()
        }
        run.table("What a character of the test costs", rows)
        run.show("costs", figures.plot_costs(costs))

        learned = running_text.decode(train.y, names)
        random = np.random.default_rng(config.seed)
        samples = write_samples(network, config.prompt, names, random)
        for temperature, text in samples.items():
            shown = running_text.to_printable(config.prompt + text)
            print(f"\nWritten at temperature {temperature}:\n{shown}")
        copies = [
            text_measures.find_longest_copy(text, learned) for text in samples.values()
        ]
        longest = max(copies, key=len)
        print(f"\nThe longest passage of these that is copied: {longest!r}")
        # It learns no more; so the saved network can be evaluated as it is.
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile("sgd", loss=[cross_entropy, None])
        return run.finish(
            network,
            test={
                "nats_per_character": costs["network"],
                "bits_per_character": costs["network"] / np.log(2),
                "accuracy": float(np.mean(likeliest == test.y)),
                "longest_copy": len(longest),
                "examples": len(test.y),
            },
            baseline={
                "nats_per_character": float(ngrams.mean()),
                "xz": others["xz"],
            },
            order=order,
            costs=costs,
            learning_curve=curve,
        )


if __name__ == "__main__":
    command_line.run(main, Config)
