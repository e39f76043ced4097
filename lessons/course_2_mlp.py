"""A network of fully connected layers reads handwritten digits.

    python lessons/course_2_mlp.py

Result: 98.4 % test accuracy (98.3 to 98.5 over 5 seeds) on all of MNIST; always
        answering 1, the commonest digit, would be right for 11 %
Time: 0.3 minutes (2 cores, bfloat16)

An image of 28 x 28 pixels becomes a list of 784 numbers. Each unit of a fully connected
layer computes a weighted sum of all numbers of the layer before and passes it on if it
is positive (relu). Two such hidden layers lead to ten numbers, the logits: the largest
one is the answer. Training changes the weights so that the cross-entropy loss falls,
which is high where the network gives the true digit a low probability.

The network knows nothing about neighboring pixels. Shuffle the pixels of all images in
the same way, and it learns just as well. `course_3_cnn.py` uses them.

In TensorBoard: loss and accuracy on training and validation images (Scalars). At first
the training loss is the higher one, because dropout weakens the network while it
trains. Later it is the lower one: the network begins to memorize its training images.
The filters of the first layer and the worst mistakes (Images).

Try:
    --epochs 30         98.6 % for three times the work, but a higher validation loss:
                        the network becomes more confident where it is wrong
    --learning-rate 0.1 too high: three of four images are read wrong
    --dropout 0         100 % of the training images, a higher test loss: overfitting
    --units 32          one small hidden layer: 96 %
"""

import math
from dataclasses import dataclass

from training import command_line, options, runs

import keras

from data import digits


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    epochs: int = 10  # passes over the training images
    batch_size: int = 100  # images per update
    learning_rate: float = 3e-3  # highest value of the schedule
    units: tuple[int, ...] = (256, 512)  # width of each hidden layer
    dropout: float = 0.3  # fraction of each hidden layer left out at random


def build_mlp(units: tuple[int, ...], dropout: float) -> keras.Model:
    """Builds the network, not yet trained.

    Returns:
        A model from uint8 images (batch, 28, 28, 1) to logits (batch, 10).
    """
    model = keras.Sequential(name="mlp")
    model.add(keras.Input((28, 28, 1)))
    model.add(keras.layers.Rescaling(1 / 255))  # from [0, 255] to [0, 1]
    model.add(keras.layers.Flatten())  # (batch, 784)
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))  # (batch, width)
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(10, dtype="float32", name="logits"))  # (batch, 10)
    return model


def one_cycle(
    learning_rate: float, updates: int
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a schedule: the learning rate rises for a quarter of the updates, then
    falls to zero (Smith and Topin, "Super-Convergence", 2018).
    """
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 25,
        warmup_target=learning_rate,
        warmup_steps=updates // 4,
        decay_steps=updates - updates // 4,
    )


def main(config: Config) -> dict:
    dataset = digits.load_digits()
    train, validation, test = dataset.train, dataset.validation, dataset.test

    with runs.start(config, dataset) as run:
        model = build_mlp(config.units, config.dropout)
        model.summary()

        updates = config.epochs * math.ceil(len(train.x) / config.batch_size)
        model.compile(
            optimizer=keras.optimizers.Adam(one_cycle(config.learning_rate, updates)),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(
            train.x,
            train.y,
            batch_size=config.batch_size,
            epochs=config.epochs,
            validation_data=validation,
            validation_batch_size=500,
            callbacks=run.callbacks(),
            verbose=run.verbose,
        )

        metrics = {}
        for name, split in {
            "train": train,
            "validation": validation,
            "test": test,
        }.items():
            metrics[name] = model.evaluate(
                split.x, split.y, batch_size=500, return_dict=True, verbose=0
            )
        run.classifier(model)
        return run.finish(model, **metrics)


if __name__ == "__main__":
    command_line.run(main, Config)
