"""All training images are read right, and the validation loss rises and rises.

    python -m lessons exercise run 4

Two hidden layers of 512 units learn 500 digits in 60 passes. The accuracy looks fine.
But where the network is wrong, it is confidently wrong, and more so with every epoch.

In TensorBoard: under Time Series, training and validation loss in one chart: where do
they part? Under Images, the slider of "mistakes" with the probabilities given to the
wrong answers.

Solved: by flags alone, with these 500 images. The mean cross-entropy of the test images
ends below 0.54, and 84 % of them are read right. There is more than one way; not every
well-known remedy is enough alone.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 60  # passes over the training images
    batch_size: int = 50  # images per update
    learning_rate: float = 0.001  # of Adam
    units: int = 512  # of each hidden layer
    dropout: float = 0.0  # fraction of each hidden layer left out at random
    # Each update shrinks the weights by this times the learning rate.
    weight_decay: float = 0.0


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
            keras.layers.Dropout(config.dropout),
            keras.layers.Dense(config.units, activation="relu"),
            keras.layers.Dropout(config.dropout),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.AdamW(
        config.learning_rate, weight_decay=config.weight_decay
    )
    model.compile(optimizer, loss, metrics=["accuracy"])
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
