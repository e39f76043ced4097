"""course_2_mlp: the time to 98 % of MNIST's test digits, beside another recipe and the
same in PyTorch.

handson-ml3: Aurélien Géron, "Hands-On Machine Learning" (third edition, 2022), notebook
10, the solution of its exercise on MNIST: 300 and 100 units, SGD with a learning rate
of 0.3 (the rate that its search finds), batch 32, 55,000 images. Its early stopping,
checkpoints and TensorBoard are left out; at most 30 epochs are this benchmark's own
limit.

PyTorch: the lesson's network and recipe (dropout, Adam with a one-cycle learning rate,
batch 100, 10 epochs) in float32, without any recording.

The clock starts before the data is loaded, and stands still while the test accuracy is
measured, for all of them after each quarter epoch. A way that takes 11 times as long as
the lesson is given up. Every round has its own seed. The test images stop the clock and
choose nothing.
"""

from benchmarks import reaching


def time_handson(seed: int, limit: float, goal: float, epochs: int) -> reaching.Reached:
    """Measures the book's recipe."""
    from training import quiet  # noqa: F401

    import keras
    import numpy as np

    from data import digits

    clock = reaching.Clock(goal, limit)
    keras.utils.set_random_seed(seed)
    dataset = digits.load_digits()
    layers = [keras.layers.Dense(width, activation="relu") for width in (300, 100)]
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            *layers,
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    train, validation, test = (
        (np.float32(split.x) / 255, split.y) for split in dataset[:3]
    )
    return reaching.time_keras(
        clock,
        model,
        train,
        test,
        batch_size=32,
        epochs=epochs,
        validation_data=validation,
    )


def time_pytorch(seed: int, limit: float, goal: float, epochs: int) -> reaching.Reached:
    """Measures the lesson's recipe in PyTorch."""
    from lessons import course_2_mlp

    import numpy as np
    import torch
    from torch import nn

    from data import digits

    clock = reaching.Clock(goal, limit)
    torch.manual_seed(seed)
    dataset = digits.load_digits()
    config = course_2_mlp.Config(epochs=epochs)
    layers, inputs = [nn.Flatten()], 784
    for width in config.units:
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(config.dropout)]
        inputs = width
    network = nn.Sequential(*layers, nn.Linear(inputs, 10))
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate, eps=1e-7)

    def one_cycle(done: float) -> None:
        rising = config.learning_rate * (1 / 25 + (1 - 1 / 25) * min(1, done * 4))
        decay = 0.5 * (1 + np.cos(np.pi * max(0, done - 0.25) / 0.75))
        optimizer.param_groups[0]["lr"] = rising * decay

    train, test = (
        (torch.tensor(split.x) / 255, split.y)
        for split in (dataset.train, dataset.test)
    )
    train = train[0], torch.tensor(train[1]).long()
    return reaching.time_torch(
        clock, network, optimizer, train, test, config.batch_size, epochs, one_cycle
    )


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to do so with an easy goal, once, to see that everything runs.
    """
    goal, rounds = (0.3, 1) if small else (0.98, None)
    ways = {
        "the lesson": (
            reaching.time_lesson,
            "course_2_mlp",
            goal,
            {"epochs": 1} if small else {},
        ),
        "handson-ml3": (time_handson, goal, 30),
        "PyTorch": (time_pytorch, goal, 2 if small else 10),
    }
    return reaching.compare(ways, {"handson-ml3": 2, "PyTorch": 1}, rounds, goal)
