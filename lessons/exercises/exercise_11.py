"""Deeper ought to be better; with twelve hidden layers the network learns nothing.

    python -m lessons exercise run 11

With two hidden layers the same program reads nine of ten digits. With twelve it stays
at the loss of guessing, 2.3, however long the training lasts.

In TensorBoard: under Histograms, the gradients of three kernels: `dense`, which is the
first layer, `dense_6` and `dense_11`. How wide are they? What factor lies between two
neighbors?

Solved: by a line, and with twelve hidden layers or more. After at most 10 epochs, 84 %
of the test digits are read right.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 10  # passes over the training images
    batch_size: int = 100  # images per update
    learning_rate: float = 0.002  # of Adam
    units: int = 64  # of each hidden layer


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
        ]
    )
    for _ in range(12):
        model.add(keras.layers.Dense(config.units, activation="sigmoid"))
    model.add(keras.layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.Adam(config.learning_rate), loss, metrics=["accuracy"]
    )
    model.fit(
        *dataset.train,
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=dataset.validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    return model


if __name__ == "__main__":
    running.run(train, Config)
