"""The filter does worse on new messages than on the held-out ones, and nobody knows
why.

    python -m lessons exercise run 17

Somebody has labeled 1,200 messages by hand. A third of them is held out, and no message
stands on both sides. On the held-out messages the loss is 0.16, on new ones 0.19, and
the filter blocks 7.6 % of the new ham where it blocks 3.1 % of the held-out ham. With
another seed it misses more spam instead.

In TensorBoard: under Time Series, the loss of "messages"; compare its last validation
point with `test` in the result. Then look at words: how many of those in the validation
messages does `reader` not know, so that they become 1? And how many of those in a
message that you type yourself?

Solved: by a line, and better by a line and a flag. After at most 10 epochs, the filter
answers a word that no training message has like any other unknown word, and tells 91 %
of the new messages apart right.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 10  # passes over the training messages
    batch_size: int = 25  # messages per update
    learning_rate: float = 0.005  # of Adam
    words: int = 20_000  # at most, that the filter knows, the most frequent ones


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network that learned to tell messages apart, from texts `(n,)` to the
    logit of spam `(n, 1)`.

    Args:
        config: the hyperparameters.
        dataset: `train`, all labeled messages: texts, an array of objects `(n,)`, and
            labels `(n,)`, 1 for spam. There is no `validation`.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    texts, labels = dataset.train
    reader = keras.layers.TextVectorization(
        config.words, standardize="lower", output_sequence_length=40
    )
    reader.adapt(tf.constant(texts))
    order = np.random.default_rng(config.seed).permutation(len(texts))
    validation, training = np.split(order, [len(order) // 3])

    # The first vectors are larger than usual, to be told apart from the start.
    start = keras.initializers.RandomNormal(stddev=0.5)
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            reader,
            keras.layers.Embedding(reader.vocabulary_size(), 16, start, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        keras.optimizers.Adam(config.learning_rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0)],
    )
    model.fit(
        tf.constant(texts[training]),
        labels[training],
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=(tf.constant(texts[validation]), labels[validation]),
        callbacks=callbacks,
        verbose=verbose,
    )
    return model


if __name__ == "__main__":
    running.run(train, Config)
