"""The training loss is low again and again, and in the end most digits are taken for
nines.

    python -m lessons exercise run 9

The images come folder by folder, first all of the zeros, in the end all of the nines. A
pipeline of `tf.data` should mix them. Within an epoch the loss falls, leaps, falls and
leaps again.

In TensorBoard: under Time Series, count the leaps of the training loss in an epoch of
200 updates, and see what the validation loss does meanwhile. Under Images, the slider
of "confusion": which digit is answered, and when?

Solved: by a line. After at most 5 epochs, 86 % of the test digits are read right.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 5  # passes over the training images
    batch_size: int = 20  # images per update
    learning_rate: float = 0.05  # of gradient descent with a momentum of 0.9
    units: int = 128  # of the hidden layer


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network trained to read images of digits with pixels from 0 to 255.

    Args:
        config: the hyperparameters.
        dataset: `train` and `validation`, images uint8 `(n, 28, 28, 1)` in [0, 255] and
            labels `(n,)`.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(config.units, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(config.learning_rate, momentum=0.9)
    model.compile(optimizer, loss, metrics=["accuracy"])
    folders = [dataset.train.y == digit for digit in range(10)]
    images = np.concatenate([dataset.train.x[folder] for folder in folders])
    labels = np.concatenate([dataset.train.y[folder] for folder in folders])
    batches = (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .shuffle(100)
        .batch(config.batch_size)
    )
    model.fit(
        batches,
        epochs=config.epochs,
        shuffle=False,
        validation_data=dataset.validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    return model


if __name__ == "__main__":
    running.run(train, Config)
