"""course_3_cnn: the time to 99 % of MNIST's test digits, beside two others' recipes.

keras-io: "Simple MNIST convnet" by François Chollet, examples/vision/mnist_convnet.py:
two convolutions of 3 x 3 with 32 and 64 filters, each with pooling, dropout 0.5; Adam
with its defaults, batch 128, up to 15 epochs, a tenth of the 60,000 images for
validation.

PyTorch: examples/mnist/main.py of the PyTorch team: two convolutions of 3 x 3 with 32
and 64 filters, pooling, dropout 0.25, 128 units, dropout 0.5; Adadelta with a learning
rate of 1 that falls by 30 % after each epoch, batch 64, up to 14 epochs on 60,000
images. The images are in memory as they are needed, which the example does for each
batch.

The lesson runs as it is.

The clock starts before the data is loaded, and stands still while the test accuracy is
measured, for all of them after each quarter epoch. A way that takes 11 times as long as
the lesson is given up. Every round has its own seed. The test images stop the clock and
choose nothing.
"""

import numpy as np

from benchmarks import reaching
from data import digits


def time_keras_io(
    seed: int, limit: float, goal: float, images: int, epochs: int
) -> reaching.Reached:
    """Measures keras-io's example on the first `images`."""
    from training import quiet  # noqa: F401

    import keras

    clock = reaching.Clock(goal, limit)
    keras.utils.set_random_seed(seed)
    (x, y), test = load(images)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    train = np.float32(x) / 255, keras.utils.to_categorical(y, 10)
    test = np.float32(test[0]) / 255, test[1]
    return reaching.time_keras(
        clock, model, train, test, batch_size=128, epochs=epochs, validation_split=0.1
    )


def time_pytorch(
    seed: int, limit: float, goal: float, images: int, epochs: int
) -> reaching.Reached:
    """Measures PyTorch's example on the first `images`."""
    import torch
    from torch import nn

    clock = reaching.Clock(goal, limit)
    torch.manual_seed(seed)
    (x, y), (test_x, test_y) = load(images)

    def prepare(images):
        return (torch.tensor(images).permute(0, 3, 1, 2) / 255 - 0.1307) / 0.3081

    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adadelta(network.parameters(), 1.0)

    def fall(done: float) -> None:
        optimizer.param_groups[0]["lr"] = 0.7 ** int(done * epochs)

    train, test = (prepare(x), torch.tensor(y).long()), (prepare(test_x), test_y)
    return reaching.time_torch(clock, network, optimizer, train, test, 64, epochs, fall)


def load(images: int):
    """Returns the first `images` of training and validation together, and the test
    split, both images and labels.
    """
    dataset = digits.load_digits()
    x, y = (
        np.concatenate(parts)[:images]
        for parts in zip(dataset.train, dataset.validation, strict=True)
    )
    return (x, y), dataset.test


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to do so with few images and an easy goal, once, to see that
            everything runs.
    """
    goal, images, rounds = (0.3, 1_000, 1) if small else (0.99, 60_000, None)
    lesson = reaching.time_lesson, "course_3_cnn", goal
    shorter = {}
    if small:
        shorter = {"epochs": 2, "batch_size": 50, "filters": (8, 16), "units": 32}
    ways = {
        "the lesson": (*lesson, shorter),
        "keras-io": (time_keras_io, goal, images, 15),
        "PyTorch": (time_pytorch, goal, images, 14),
    }
    return reaching.compare(ways, {"keras-io": 4, "PyTorch": 4}, rounds, goal)
