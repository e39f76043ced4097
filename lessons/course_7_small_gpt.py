"""A small GPT writes: the same with attention.

    python lessons/course_7_small_gpt.py

Result: 1.40 nats a character on the last tenth of a bible (1.397 to 1.405 over 3
        seeds), 1.31 by a recurrent network in the same time, 1.35 by n-grams of
        order 6, 1.36 by xz
Time: 1.4 minutes (2 cores, AVX2 only), 1.1 minutes (2 cores, bfloat16)

As in course_7_writing, a network reads a text and predicts each next character, on the
same text, divided in the same way, and measured in the same way: -log p of each
character of the last tenth, in nats. Please read that lesson first. Its network, a GRU,
carries 256 numbers from character to character, and all that it knows of what it has
read must be in them. The network here forgets nothing of the last 64 characters: it
keeps what it has computed for each of them, and looks it up when it is needed. This is
attention (Vaswani et al., 2017). A GPT, a generative pretrained transformer, is a stack
of blocks with attention that predicts what comes next; this is a small one.

For each character that it reads, the network keeps 104 numbers, which each part of it
reads and adds to (the residual stream: what is added is the rest that was missing).
They begin as a vector that is learned for this character, and from them, at the end, a
dense layer computes the logits of the next character. Two blocks, one after the other,
add to the stream. Each block does so twice:

- Attention. Three dense layers compute from the 104 numbers of each character a query,
  which says what it looks for, a key, which says what can be found there, and a value,
  which is what there is to take; all three are vectors. The dot product of a query and
  a key, scaled, is a score. A softmax over the scores of all places says how much is
  taken from each, and what is taken is the weighted mean of their values. So a
  character takes from the places that match, however much text lies between. Four heads
  do this side by side, each with its own queries, keys and values.
- Two dense layers compute, for each character by itself, what follows from what it has
  taken.

Two more things decide how much is taken from a place. How far away it is matters as
well as what is there: each head learns a number for each distance, which is added to
the score (Press, Smith and Lewis, 2021, use fixed numbers instead). And the score of a
place that must not be looked at, above all one that is still to come, is replaced by
-1e9, so that nothing is taken from it: this is the causal mask. All characters of a
window are read side by side, and without the mask each could look at the next one,
which it must predict. The loss would fall far too low, and what the network writes,
when there is no next character to look at, would be nonsense.

Keys and values of the last 64 characters are the network's memory. In training it goes
on from window to window as the GRU's memory does, and no gradient goes back into it.
When the network writes, nothing is computed again for the characters before, and no
more than 64 of them are kept: so each new character costs the same, however long the
text is.

Who is ahead? Both networks have about as many weights, 278,000 here and 270,000 there,
and the same time: on one slow core with AVX2, 1,400 updates here take 228 seconds, and
1,200 there 221; on a faster core, 95 and 105. In that time the GRU reads 4.9 million
characters and this network 2.9 million. Nats a character of the test after trainings
that take about 1, 4 and 10 minutes on the slower core, each a run of its own (those of
1 and 10 minutes with one seed):

    minutes              1       4       10
    recurrent network    1.55    1.31    1.27
    attention            1.66    1.40    1.31

The GRU wins, and even counting and xz do better. Probably because a GRU is made for
what comes one after the other, while this network must learn what order means (all that
it is given are the numbers for distances, which at first fall with the distance), and
because it reads less text in the same time. After 10 minutes, 3,700 updates, it is
better than counting, and its distance to the GRU has become less than half of that
after 1 minute. With far more weights and text than here, attention wins: from
characters that are far back, it gains more than a recurrent network (Kaplan et al.,
2020).

In TensorBoard: what the network writes at three temperatures, five times during the
training (page Text). On the page Images, "attention" shows for the end of a line where
each of its characters looks; "surprise", how much each character was expected; "costs"
and "minutes", for the bible, compare with the others. The loss of training and
validation (page Scalars).

Try:
    --text shakespeare     kings and citizens speak in verses: 1.62, where n-grams have
                           1.67 and the recurrent network 1.53
    --steps 3700           10 minutes end at 1.31
    --text my.txt --prompt "Once upon a time"
                           a text of your own, of at least some 100,000 characters
"""

from dataclasses import dataclass
from typing import Annotated

from lessons.plots import course_7_small_gpt as plots
from training import command_line, figures, options, predictions, runs, schedules

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from scipy.special import softmax

from data import Split, running_text
from models import text_measures

NEVER = -1e9  # the score of a place that must not be looked at
CLIP = 1.0  # length of the gradient of all weights; a longer one is scaled down to it
PIECE = 2000  # characters, at most, read in one go when the network is measured
TEMPERATURES = (0.5, 0.8, 1.0)
WRITTEN = 300  # characters of a sample
SAMPLES = 5  # times that the network writes during the training
SHOWN = 600  # characters of the picture that shows what the network expects
LINE = 80  # characters of the line for which it is drawn where they look
# What the recurrent network of course_7_writing costs on the test, as it is shipped.
RECURRENT = {"bible": 1.31, "shakespeare": 1.53}


@dataclass(frozen=True)
class Config(options.Options):
    # To learn from: bible, sanguo, shakespeare, or a text file of your own.
    text: str = "bible"
    # How many characters of the text are used, from its beginning; all if not given.
    characters: Annotated[int | None, options.between(10_000)] = None
    # What the samples go on from; if it is empty, they begin like a new line.
    prompt: str = ""
    # How many numbers stand for a character between the blocks; a multiple of heads.
    width: Annotated[int, options.between(1, 4096)] = 104
    heads: Annotated[int, options.between(1, 64)] = 4  # ways to look back, in a block
    # Of attention, and two dense layers after it.
    blocks: Annotated[int, options.between(1, 24)] = 2
    # Characters that a block looks back, and that are read of each row per update.
    window: Annotated[int, options.between(2, 2000)] = 64
    batch_size: int = 32  # places of the text that are read side by side
    steps: int = 1400  # updates
    learning_rate: float = 8e-3  # highest value of the schedule

    def __post_init__(self):
        super().__post_init__()
        if self.width % self.heads:
            raise ValueError(
                f"--width is {self.width}, expected a multiple of --heads, which is "
                f"{self.heads}"
            )


def build_network(
    symbols: int, width: int, heads: int, blocks: int, window: int
) -> keras.Model:
    """Builds the network, not yet trained.

    Returns:
        A model from the ids of characters, int32 (batch, time), and the memory, keys
        and values of the characters before, (batch, blocks, window, 2 * width), to the
        logits of each next character, (batch, time, symbols), and the memory after the
        last one.
    """
    numbers = keras.Input((None,), dtype="int32", name="numbers")
    memory = keras.Input((blocks, window, 2 * width), name="memory")
    distances = find_distances(numbers, memory)  # (time, places)
    mask = find_mask(numbers, memory, distances)  # (batch, 1, time, places)

    normal = keras.initializers.RandomNormal(stddev=1.0)
    stream = keras.layers.Embedding(symbols, width, normal)(numbers)
    kept = []
    for block in range(blocks):
        # A block reads the stream normalized, since sums grow, and at first adds
        # nothing: its last layers begin with zeros.
        # Attention: each character takes something from those before it.
        x = keras.layers.LayerNormalization()(stream)  # (batch, time, width)
        queries = keras.layers.Dense(width)(x)
        pairs = keras.layers.Dense(2 * width)(x)  # a key and a value a character
        pairs = ops.concatenate([memory[:, block], pairs], axis=1)
        kept.append(pairs[:, -window:])
        keys = split_heads(pairs[..., :width], heads)  # (batch, heads, places, size)
        values = split_heads(pairs[..., width:], heads)
        nearness = weigh_distances(distances, window, heads)  # (heads, time, places)
        scores = match(split_heads(queries, heads), keys) + nearness
        scores = ops.where(mask, scores, NEVER)  # (batch, heads, time, places)
        weights = keras.layers.Softmax(name=f"attention_{block}")(scores)
        taken = join_heads(ops.matmul(weights, values))  # (batch, time, width)
        stream = stream + keras.layers.Dense(width, kernel_initializer="zeros")(taken)

        # Each character by itself: what follows from what was taken.
        x = keras.layers.LayerNormalization()(stream)
        x = keras.layers.Dense(4 * width, activation="relu")(x)
        stream = stream + keras.layers.Dense(width, kernel_initializer="zeros")(x)
    x = keras.layers.LayerNormalization()(stream)
    logits = keras.layers.Dense(symbols, name="logits")(x)
    return keras.Model(
        [numbers, memory], [logits, ops.stack(kept, axis=1)], name="writer"
    )


def find_distances(numbers, memory):
    """Returns how many characters each place is behind each character that is read:
    int32 (time, places), negative for one that is still to come.

    The places are those in the memory, then the characters that are read.
    """
    read = ops.cumsum(ops.ones_like(numbers[0]))  # 1, 2, ... (time,)
    kept = ops.cumsum(ops.ones_like(memory[0, 0, :, 0], dtype="int32"))
    places = ops.concatenate([kept - memory.shape[2], read])  # ..., -1, 0, 1, 2, ...
    return ops.expand_dims(read, 1) - places


def find_mask(numbers, memory, distances):
    """Returns which places each character may look at: bool (batch, 1, time, places).

    None that is still to come, since it is what the network must predict, none further
    back than the window, and none in the memory that is still empty.
    """
    seen = ops.logical_and(distances >= 0, distances <= memory.shape[2])
    filled = ops.any(ops.not_equal(memory[:, 0], 0), axis=-1)  # (batch, window)
    filled = ops.concatenate([filled, ops.ones_like(numbers, dtype="bool")], axis=1)
    return ops.logical_and(seen, ops.expand_dims(filled, (1, 2)))


def split_heads(x, heads: int):
    """Returns (batch, heads, time, width / heads) from (batch, time, width)."""
    x = keras.layers.Reshape((-1, heads, x.shape[-1] // heads))(x)
    return ops.transpose(x, (0, 2, 1, 3))


def join_heads(x):
    """Returns (batch, time, width) from (batch, heads, time, width / heads)."""
    x = ops.transpose(x, (0, 2, 1, 3))
    return keras.layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)


def match(queries, keys):
    """Returns how well each query and each key match: (batch, heads, time, places).

    The product of two vectors of random numbers is about as large as the root of their
    length, so it is divided by that.
    """
    products = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
    return products / np.sqrt(keys.shape[-1])


def weigh_distances(distances, window: int, heads: int):
    """Returns how much a distance counts, whatever is there: (heads, time, places).

    It is learned, a number for each distance and head. At first it falls with the
    distance, for the first head by 1 a character, for each other head by a quarter of
    the one before (Press, Smith and Lewis, 2021).
    """
    table = keras.layers.Embedding(window + 1, heads)
    weights = table(ops.clip(distances, 0, window))
    falling = 0.25 ** np.arange(heads)
    table.set_weights([-np.arange(window + 1)[:, np.newaxis] * falling])
    return ops.transpose(weights, (2, 0, 1))


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
    memory = tf.zeros((rows, *network.inputs[1].shape[1:]))
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
    1, what is probable becomes more so. Keys and values of what was read are in the
    memory, and of no more than a window: one more character costs no more than the
    first.

    Returns:
        The numbers of the new characters, int32 (temperatures, count).
    """
    rows = len(temperatures)
    memory = tf.zeros((rows, *network.inputs[1].shape[1:]))
    window = memory.shape[2]
    numbers = np.tile(prompt, (rows, 1))
    for start in range(0, len(prompt), window):  # a prompt may be longer than that
        piece = tf.constant(numbers[:, start : start + window])
        logits, memory = read(network, piece, memory)
    written = []
    for _ in range(count):
        last = np.float64(logits[:, -1]) / np.array(temperatures)[:, np.newaxis]
        drawn = [random.choice(len(p), p=p) for p in softmax(last, axis=1)]
        numbers = np.array(drawn, np.int32)[:, np.newaxis]
        written.append(numbers)
        logits, memory = read(network, tf.constant(numbers), memory)
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


def find_attention(network: keras.Model, numbers: np.ndarray, block: int) -> np.ndarray:
    """Returns how much each character of a text takes of each other, in each head of a
    block, float (heads, time, time); a row adds up to one.
    """
    weights = network.get_layer(f"attention_{block}").output
    looking = keras.Model(network.inputs, weights)
    memory = tf.zeros((1, *network.inputs[1].shape[1:]))
    weights = looking([tf.constant(numbers[np.newaxis]), memory])
    return weights[0, :, :, memory.shape[2] :].numpy()


def draw_attention(
    network: keras.Model, text: str, names: tuple[str, ...]
) -> np.ndarray:
    """Draws where the last characters of a line look with the last head of the last
    block, to which distances count the least at first.
    """
    block = network.inputs[1].shape[1] - 1
    weights = find_attention(network, running_text.encode(text, names), block)
    name = f"block {block + 1}, head {len(weights)}"
    return plots.draw_attention(text, weights[-1], name)


def predict(run, inputs: list[str]) -> predictions.Answers:
    """Writes on from each prompt, and shows how little the network expected each
    character of the prompt, and where its last ones look.
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
            window = network.inputs[1].shape[2]
            nats, _ = score(network, Split(numbers[:-1], numbers[1:]), window)
            pictures.append(figures.draw_surprise(prompt, [np.nan, *nats]))
        if prompt:
            pictures.append(draw_attention(network, prompt[-LINE:], names))
    return predictions.Answers(lines, np.concatenate(pictures) if pictures else None)


def main(config: Config) -> dict:
    dataset = running_text.load_text(config.text, config.characters)
    train, validation, test = dataset.train, dataset.validation, dataset.test
    names = dataset.class_names
    running_text.encode(config.prompt, names)  # an unknown character is said at once
    x, y = running_text.cut_rows(train, config.batch_size, config.window)
    windows = x.shape[1] // config.window  # one after the other, in each row

    with runs.start(config, dataset) as run:
        network = build_network(
            len(names), config.width, config.heads, config.blocks, config.window
        )
        network.summary()
        schedule = schedules.one_cycle(config.learning_rate, config.steps)
        optimizer = keras.optimizers.Adam(schedule, global_clipnorm=CLIP)
        optimizer.build(network.trainable_variables)

        sides = network.inputs[1].shape[1:]
        memory = np.zeros((config.batch_size, *sides), np.float32)
        curve = []
        # With --debug, where TensorFlow runs line by line, writing is slow.
        times = 1 if config.debug else SAMPLES
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
                run.log(step, attention=draw_attention(network, shown[:LINE], names))
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
        recurrent = {}
        if config.text in RECURRENT and config.characters is None:
            recurrent = {"recurrent": RECURRENT[config.text]}
            costs = {"network": costs["network"], **recurrent, **others}
        rows = {
            name: {"nats": cost, "bits": cost / np.log(2)}
            for name, cost in costs.items()
        }
        run.table("What a character of the test costs", rows)
        run.show("costs", figures.plot_costs(costs))
        if config.text == "bible":
            lines = {"this run": costs["network"], "n-grams": float(ngrams.mean())}
            run.show("minutes", plots.plot_minutes(lines))

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
        # Training is over; so the saved network can be evaluated as it is.
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile("sgd", loss=[loss, None])
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
                **recurrent,
            },
            order=order,
            costs=costs,
            learning_curve=curve,
        )


if __name__ == "__main__":
    command_line.run(main, Config)
