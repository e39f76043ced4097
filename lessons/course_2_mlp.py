"""A network of fully connected layers reads handwritten digits.

    python lessons/course_2_mlp.py

Result: 98.4 % test accuracy (98.3 to 98.5 over 5 seeds) on all of MNIST; always
        answering 1, the most common digit, would be right for 11 % of the test images
Time: 0.3 minutes (2 cores, AVX2 only), 0.3 minutes (2 cores, bfloat16)

An image of 28 x 28 pixels becomes a list of 784 numbers. In a fully connected layer,
each unit computes a weighted sum of all numbers of the layer before, plus a bias. A
hidden layer passes on the positive sums and replaces the negative ones with 0 (relu).
Two hidden layers, of 256 and 512 units, lead to ten numbers, the logits, one for each
digit. The largest logit is the answer; the softmax function turns all ten into
probabilities that sum to 1.

The loss is the cross-entropy, -log of the probability of the true digit: close to 0
where the network is confident and right, large where it is confident and wrong. Adam
(Kingma and Ba, 2015) changes the weights so that the loss falls. It is gradient descent
with two changes: it averages recent gradients, and it gives all weights steps of about
the same size, so that weights with small gradients learn, too. During training, dropout
switches off randomly chosen units, so that the network cannot rely on a few of them;
afterwards all are used.

The network learns from the training images alone. What many of them have in common, new
images have as well, so it can read these, too. What is special about a few training
images does not help with new ones: a network that memorizes it overfits. The validation
images are for choosing hyperparameters. The test images, 10,000 of MNIST's 70,000, are
looked at once, at the end; the result is the mean over the seeds. The test accuracies
below show what a setting does. To choose one, compare validation accuracies.

The network does not know which pixels are neighbors: shuffle the pixels of all images
in the same way, and it learns just as well. The network of `course_3_cnn.py` does know.

In TensorBoard: loss and accuracy on training and validation images (page Scalars). At
first the training loss is higher than the validation loss, because it is measured with
dropout. Later it is lower: the network begins to memorize its training images. The page
Images shows the weights of the first layer as pictures ("filters"), and the worst
mistakes.

Try:
    --epochs 30         98.6 % test accuracy for three times the work. Yet the
                        validation loss is higher than after 10 epochs: the network
                        becomes more confident where it is wrong
    --learning-rate 0.1 too high: 11 to 25 % test accuracy (2 runs)
    --dropout 0         all training images are read right, but the test loss is higher
                        than with dropout: overfitting
    --units 32          a single hidden layer of 32 units: 96 % test accuracy
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
    # Computed in float32 even if the other layers use bfloat16, which is less exact.
    model.add(keras.layers.Dense(10, dtype="float32", name="logits"))  # (batch, 10)
    return model


def one_cycle(
    learning_rate: float, updates: int
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a schedule: the learning rate rises for a quarter of the updates, then
    falls to zero along a cosine.

    Small steps at first, while Adam's averages of the gradients are still rough; small
    steps at the end, to settle ("one cycle": Smith and Topin, "Super-Convergence",
    2018).
    """
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 25,
        warmup_target=learning_rate,
        warmup_steps=updates // 4,
        decay_steps=updates - updates // 4,
    )


def main(config: Config) -> dict:
    dataset = digits.load_digits()
    train, validation = dataset.train, dataset.validation

    with runs.start(config, dataset) as run:
        model = build_mlp(config.units, config.dropout)
        model.summary()

        updates = config.epochs * math.ceil(len(train.x) / config.batch_size)
        model.compile(
            optimizer=keras.optimizers.Adam(one_cycle(config.learning_rate, updates)),
            # From logits: the loss applies the softmax itself. Sparse: y is the digit.
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
            callbacks=run.callbacks(),  # curves, the doctor, saving for --resume
            verbose=run.verbose,
        )

        metrics = {}
        for name in ("train", "validation", "test"):
            x, y = getattr(dataset, name)
            metrics[name] = model.evaluate(
                x, y, batch_size=500, return_dict=True, verbose=0
            )
        # Shows its filters and mistakes in TensorBoard, and on the page Projector the
        # numbers that the last layer takes of some test images.
        run.classifier(model)
        return run.finish(model, **metrics)


if __name__ == "__main__":
    command_line.run(main, Config)
