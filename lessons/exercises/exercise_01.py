"""The loss jumps up and down, and in the end more than half of the digits are read
wrong.

    python -m lessons exercise run 1

A hidden layer of 128 units learns 4,000 handwritten digits in five passes. The first
updates help, the later ones undo it: the loss of an epoch is as likely above as below
that of the one before.

In TensorBoard: under Time Series, the loss within each epoch, and under
"update_to_weight" how large each update is beside the weights that it changes. In
healthy trainings it is some hundredths at first, and thousandths later.

Solved: by flags alone. After at most 5 epochs, 87 % of the test digits are read right.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 5  # passes over the training images
    batch_size: int = 100  # images per update
    learning_rate: float = 0.3  # of Adam
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
