"""The loss falls in a straight line, and the training is over long before it is low.

    python -m lessons exercise run 2

The network of the first exercise learns by plain gradient descent. Nothing jumps and
nothing breaks: after two passes it reads one digit in five right, on training and
validation images alike.

In TensorBoard: under Time Series, the loss: does it level off, or would it go on? How
far would it be after ten epochs? Look at "update_to_weight" as well, and at
"learning_rate" beside those of other lessons.

Solved: by flags alone. After at most 10 epochs, 88 % of the test digits are read right.
One flag will not do.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 2  # passes over the training images
    batch_size: int = 100  # images per update
    learning_rate: float = 0.001  # of plain gradient descent
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
