"""The loss explodes with the first updates, then rests at 2.3, and every digit is a
guess.

    python -m lessons exercise run 6

ln 10 = 2.3 is the loss of a network that gives each of ten digits the same chance. This
one ends there for good, with a learning rate of 0.1, at which the same network learned
well elsewhere.

In TensorBoard: under Histograms, the gradients of the first layer at step 0, beside
those of another exercise: how many times as large are they? Then the weights of that
layer, at step 0 and at the end.

Solved: by a line. After at most 5 epochs, 86 % of the test digits are read right, with
a cross-entropy below 0.6. A smaller learning rate hides the symptom and does not get
there.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 5  # passes over the training images
    batch_size: int = 50  # images per update
    learning_rate: float = 0.1  # of plain gradient descent
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
            keras.layers.Flatten(),
            keras.layers.Dense(config.units, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(config.learning_rate), loss, metrics=["accuracy"]
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
