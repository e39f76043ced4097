"""The loss stays at 2.3 from the first update to the last, with every learning rate.

    python -m lessons exercise run 10

Two hidden layers of rectified linear units, which should respond only to strong
signals. The output is the same for every image, and most weights end exactly as they
began.

In TensorBoard: under Histograms, the gradients of the hidden layers, and then those of
the last one. Under Time Series, "update_to_weight" of each layer. Which layer learns at
all?

Solved: by a line. After at most 5 epochs, 86 % of the test digits are read right.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 5  # passes over the training images
    batch_size: int = 100  # images per update
    learning_rate: float = 0.002  # of Adam
    units: int = 128  # of each hidden layer


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network trained to read images of digits with pixels from 0 to 255.

    Args:
        config: the hyperparameters.
        dataset: `train` and `validation`, images uint8 `(n, 28, 28, 1)` in [0, 255] and
            labels `(n,)`.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    threshold = keras.initializers.Constant(-2.0)

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(
                config.units, activation="relu", bias_initializer=threshold
            ),
            keras.layers.Dense(
                config.units, activation="relu", bias_initializer=threshold
            ),
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
