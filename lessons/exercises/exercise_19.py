"""The loss is down to a hundredth after one epoch, and no digit is found.

    python -m lessons exercise run 19

A network says for each of 32 x 32 places of a scene how confident it is that the center
of a digit is there: its heat. A digit counts as found where the heat is at least 0.5,
and nowhere higher within two places. A scene has one digit or two. The loss is 0.01
after the first epoch and 0.006 after the last; the hottest place of a scene has 0.17 on
average.

In TensorBoard: under Time Series, the loss of "scenes". What would it be for a network
that answers 0.0015 at every place, because 1.5 of 1,024 are centers? Under Images,
"found" shows validation scenes with a green dot at each center and a red ring where a
digit is found, and below each its heat. Is the network blind?

Solved: by two lines. After at most 8 epochs, 50 % of the test scenes have one peak near
each digit, and no other.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras
import numpy as np

SIZE = 64  # height and width of a scene, pixels
STRIDE = 2  # pixels from one place to the next
PLACES = np.arange(SIZE // STRIDE)


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 8  # passes over the training scenes
    batch_size: int = 32  # scenes per update
    learning_rate: float = 0.01  # of Adam


def make_heat(boxes: np.ndarray) -> np.ndarray:
    """Returns the heat that is wanted, from boxes (n, most, 4) to (n, 32, 32, 1)."""
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    x, y = np.split(centers // STRIDE, 2, axis=-1)  # (n, most, 1)
    across = np.float32(x == PLACES)  # (n, most, 32)
    down = np.float32(y == PLACES)
    heat = down[..., np.newaxis] * across[..., np.newaxis, :]  # (n, most, 32, 32)
    heat[boxes[..., 0] < 0] = 0.0  # there is no digit
    return heat.max(axis=1)[..., np.newaxis]


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network trained to find digits: from scenes with pixels from 0 to 255
    to the logits of their heat `(n, 32, 32, 1)`.

    Args:
        config: the hyperparameters.
        dataset: `train` and `validation`, images uint8 `(n, 64, 64, 3)` in [0, 255] and
            boxes `(n, 2, 4)`, left, top, right, bottom in pixels; -1 where there is no
            digit.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3))])
    model.add(keras.layers.Rescaling(1 / 127.5, -1))
    for filters, stride in ((16, 2), (32, 2), (32, 2), (32, 1), (32, 1)):
        model.add(keras.layers.Conv2D(filters, 3, stride, padding="same"))
        model.add(keras.layers.BatchNormalization(momentum=0.9))
        model.add(keras.layers.ReLU())
    model.add(keras.layers.Conv2DTranspose(1, 8, 4, padding="same"))
    model.compile(
        keras.optimizers.Adam(config.learning_rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    validation = dataset.validation
    model.fit(
        dataset.train.x,
        make_heat(dataset.train.y),
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=(validation.x, make_heat(validation.y)),
        callbacks=callbacks,
        verbose=verbose,
    )
    return model


if __name__ == "__main__":
    running.run(train, Config)
