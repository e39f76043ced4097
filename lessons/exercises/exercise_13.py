"""All training images are read right during the training, and one in ten as soon as it
is over.

    python -m lessons exercise run 13

Fine-tuning: all layers of a network trained on ImageNet go on learning, from 300 digits
in the size of small photographs. `fit` reports a training accuracy of nearly 100 %.
`evaluate` finds a tenth of it, for the same images and the same weights.

In TensorBoard: under Time Series, training and validation loss from the first epoch on.
What does a network do differently in training and in use? Read as well what
`models/backbones.py` says of the numbers that this network takes.

Solved: by two lines. After at most 6 epochs, 85 % of the test digits are read right.
"""

from dataclasses import dataclass

from lessons.exercises import running
from training import options

import keras

from data import weights
from models import backbones


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 6  # passes over the training images
    batch_size: int = 30  # images per update
    learning_rate: float = 0.0003  # of Adam


def train(config: Config, dataset, callbacks=None, verbose=0) -> keras.Model:
    """Returns a network trained to read images of digits with pixels from 0 to 255.

    Args:
        config: the hyperparameters.
        dataset: `train` and `validation`, images uint8 `(n, 64, 64, 3)` in [0, 255] and
            labels `(n,)`.
        callbacks: for `fit`.
        verbose: for `fit`.
    """
    found = weights.find_weights("efficientnet_lite0")
    backbone = backbones.build_backbone(
        "efficientnet_lite0", found.path, found.keep, size=64
    )
    network = keras.Model(
        backbone.inputs[0], backbone.get_layer("features").output
    )  # (batch, 1280)
    network.trainable = True
    layers = [
        keras.Input((64, 64, 3)),
        keras.layers.Rescaling(1 / 255),
        network,
        keras.layers.Dense(10),
    ]
    model = keras.Sequential(layers)
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
