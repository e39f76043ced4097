"""By `fit` the boxes are good, and drawn they lie beside the digits.

    python -m lessons exercise run 18

A network says where the digit of a scene is: left, top, right and bottom of a box
around it. It learns from masks, which mark the digit's pixels. The IoU of two boxes is
the area that they share, divided by the area that both cover. By `fit` its mean is 0.6
in the end, for validation scenes too. The result, with the true boxes, is 0.15.

In TensorBoard: under Time Series, the loss and the IoU of "scenes". Under Images,
"found" shows validation scenes, with the true box in green and the answer in red. Where
an answer is wrong, where does it lie, and where the digit? Which ones are right?

Solved: by a line. After at most 8 epochs, 60 % of the test scenes have a box with an
IoU of at least 0.5.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras
import numpy as np
from keras import ops

SIZE = 64  # height and width of a scene, pixels


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 8  # passes over the training scenes
    batch_size: int = 32  # scenes per update
    learning_rate: float = 0.005  # of Adam


def find_boxes(masks: np.ndarray) -> np.ndarray:
    """Returns left, top, right, bottom in fractions of width and height, (n, 4)."""
    boxes = []
    for mask in masks:
        x, y = np.nonzero(mask)
        boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
    return np.float32(boxes) / SIZE


def iou(truth, answer):
    corner = ops.maximum(truth[:, :2], answer[:, :2])
    opposite = ops.minimum(truth[:, 2:], answer[:, 2:])
    shared = ops.prod(ops.maximum(opposite - corner, 0.0), axis=1)
    areas = [ops.prod(box[:, 2:] - box[:, :2], axis=1) for box in (truth, answer)]
    return shared / (areas[0] + areas[1] - shared)


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network trained to find a digit: from scenes with pixels from 0 to 255
    to left, top, right, bottom in fractions of width and height `(n, 4)`.

    Args:
        config: the hyperparameters.
        dataset: `train` and `validation`, images uint8 `(n, 64, 64, 3)` in [0, 255] and
            masks uint8 `(n, 64, 64)`, 1 for the digit's pixels.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3))])
    model.add(keras.layers.Rescaling(1 / 127.5, -1))
    model.add(keras.layers.AveragePooling2D(2))
    for filters, kernel, stride in ((16, 5, 2), (32, 3, 2), (32, 3, 1), (8, 1, 1)):
        model.add(keras.layers.Conv2D(filters, kernel, stride, padding="same"))
        model.add(keras.layers.BatchNormalization(momentum=0.9))
        model.add(keras.layers.ReLU())
    model.add(keras.layers.Flatten())  # (batch, 8 * 8 * 8)
    model.add(keras.layers.Dense(4, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(config.learning_rate), "mae", metrics=[iou])
    validation = dataset.validation
    model.fit(
        dataset.train.x,
        find_boxes(dataset.train.y),
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=(validation.x, find_boxes(validation.y)),
        callbacks=callbacks,
        verbose=verbose,
    )
    return model


if __name__ == "__main__":
    running.run(train, Config)
