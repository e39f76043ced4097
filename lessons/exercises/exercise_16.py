"""The validation accuracy is well above 90 %, and of new reviews 80 % are told apart
right.

    python -m lessons exercise run 16

A network learns from Chinese reviews of what people bought which of them are positive.
The script divides what it is given itself, at random. The validation loss falls with
every epoch and nothing hints at a problem. Then come reviews that nobody has seen.

In TensorBoard: under Time Series, the accuracy of "reviews". A network with a vector
for each of thousands of pieces memorizes a few thousand reviews: should its validation
curve look like that? Then compare the two lines of the result, `train` and `test`, with
the last `val_accuracy` of `fit`. Look for ten validation reviews among the training
reviews.

Solved: by a few lines. After at most 6 epochs, the `val_accuracy` that `fit` reports
last is within 5 percentage points of the accuracy on new reviews, and 77 % of those are
told apart right. It is measured on at least 300 reviews.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 6  # passes over the training reviews
    batch_size: int = 50  # reviews per update
    learning_rate: float = 0.005  # of Adam


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network that learned to tell reviews apart, from texts `(n,)` to the
    logit of positive `(n, 1)`.

    Args:
        config: the hyperparameters.
        dataset: `train`, all reviews that there are, in the order of their texts: an
            array of objects `(n,)`, and labels `(n,)`, 1 for positive. There is no
            `validation`.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    texts, labels = dataset.train
    order = np.random.default_rng(config.seed).permutation(len(texts))
    validation, training = np.split(order, [len(order) // 5])

    # Single characters and pairs of neighbors: there are no spaces between words.
    reader = keras.layers.TextVectorization(
        10_000,
        standardize="lower",
        split="character",
        ngrams=(1, 2),
        output_sequence_length=150,
    )
    reader.adapt(tf.constant(texts[training]))
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            reader,
            keras.layers.Embedding(reader.vocabulary_size(), 16, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(),
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
