"""Deep or wide: equally many weights, in one hidden layer or in several?

    python lessons/course_2_deep_or_wide.py

Result: four hidden layers leave 9 % of the variance of a folded photograph unexplained,
        one wide layer of as many weights 26 % (3 seeds); the mean color leaves 100 %
Time: 0.7 minutes (2 cores, AVX2 only), 0.7 minutes (2 cores, bfloat16)

The networks learn a photograph as a function: a place (x, y) goes in, its color (red,
green, blue) comes out. They learn from three quarters of its 64 x 64 places; errors are
measured at others. One hidden layer approximates any continuous function, if it is wide
enough (Cybenko, 1989): the first figure shows the photograph become sharper with the
number of units.

Then networks with about 4,000 weights in one, two or four hidden layers learn three
functions:

- the photograph, slightly blurred: four layers leave a quarter of the error of one;
- the photograph behind two folds of the plane: four layers leave a third. A fold lays
  the four quarters of the plane upon each other, so two folds show 16 copies. A layer
  can fold, because |x| = relu(x) + relu(-x), and the layers after it work on all copies
  at once (Telgarsky, "Benefits of depth in neural networks", 2016). A single layer must
  build each copy by itself;
- the photograph, blurred until it is very smooth: depth does not help.

In TensorBoard: the slider of "learning" shows the folded photograph appear in each
network (page Images); the loss of each depth (page Scalars).

Try:
    --parameters 1000 with 1,000 weights in all, four layers leave 14 to 18 % of the
                      folded photograph: still better than one layer with 4,000
    --depths 1 16     too deep is hard to train: worse than four layers on all three,
                      and worse than one on the smooth function
    --folds 3         64 copies: one layer leaves 52 to 63 %, four layers 23 to 31 %
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lessons.plots import course_2_deep_or_wide as plots
from training import command_line, options, runs

import keras
import numpy as np

from data import Split, picture_as_function
from models import dense

SEEDS = 3
EPOCHS = 10  # each a tenth of the updates
WIDTHS = (4, 16, 64, 256)  # of one hidden layer


@dataclass(frozen=True)
class Config(options.Options):
    # Numbers of hidden layers to compare.
    depths: Annotated[tuple[int, ...], options.between(1, 16)] = (
        1,
        2,
        4,
    )
    # Weights and biases of each network, within 2 %.
    parameters: Annotated[int, options.between(1000, 1_000_000)] = 4000
    # Of the plane, in front of the photograph.
    folds: Annotated[int, options.between(0, 5)] = 2
    updates: int = 1500  # of each network
    batch_size: int = 256  # places per update
    learning_rate: float = 0.01  # of Adam, falling to zero
    picture: Path | None = None  # to learn; a photograph of scikit-learn if not given


def build_network(units: tuple[int, ...]) -> keras.Model:
    """Builds hidden layers of these widths.

    Returns:
        A model from places (batch, 2) to colors (batch, 3).
    """
    model = keras.Sequential([keras.Input((2,))])
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(3))
    return model


def train(
    model: keras.Model,
    examples: Split,
    updates: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    callbacks: list,
) -> None:
    """Trains on random places of the picture and their colors."""
    per_epoch = updates // EPOCHS
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, EPOCHS * per_epoch)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss="mse",
        steps_per_execution=per_epoch,  # quicker than one call an update
    )
    random = np.random.default_rng(seed)
    chosen = random.integers(len(examples.x), size=per_epoch * batch_size)
    model.fit(
        examples.x[chosen],
        examples.y[chosen],
        batch_size=batch_size,
        epochs=EPOCHS,
        callbacks=callbacks,
        verbose=0,
    )


class Painter(keras.callbacks.Callback):
    """Paints what a network makes of all places, after each tenth of its training.

    Attributes:
        paintings: each uint8 (64, 64, 3).
    """

    def __init__(self):
        super().__init__()
        self.paintings = []

    def on_epoch_end(self, epoch, logs=None):
        """Keeps another painting."""
        colors = np.clip(self.model(picture_as_function.PLACES), 0, 1)
        self.paintings.append(picture_as_function.to_picture(colors))


def unexplained(model: keras.Model, split: Split) -> float:
    """Returns the mean squared error, as a fraction of the variance of the colors: 1
    for a network that answers the mean color everywhere, 0 for a perfect one.
    """
    return float(np.mean((model(split.x) - split.y) ** 2) / split.y.var(axis=0).mean())


def main(config: Config) -> dict:
    load = picture_as_function.load_picture_as_function
    functions = {
        "photograph": load(config.picture, blur=0.03),
        "smooth": load(config.picture, blur=0.1),
        "folded": load(config.picture, blur=0.03, folds=config.folds),
    }
    deep = {
        depth: dense.choose_units(2, depth, 3, config.parameters)
        for depth in config.depths
    }
    experiments = [("photograph", (width,)) for width in WIDTHS]
    experiments += [(name, units) for name in functions for units in deep.values()]

    with runs.start(config, functions["folded"]) as run:
        errors, first = {}, {}
        for name, units in experiments:
            dataset = functions[name]
            errors[name, units] = []
            for number in range(SEEDS):
                seed = (config.seed + number) % 2**32
                keras.utils.set_random_seed(seed)
                model = build_network(units)
                painter = Painter()
                train(
                    model,
                    dataset.train,
                    config.updates,
                    config.batch_size,
                    config.learning_rate,
                    seed,
                    callbacks=run.callbacks(
                        painter,
                        doctor=False,
                        curves=False,
                        paintings=painter.paintings,
                    ),
                )
                errors[name, units].append(unexplained(model, dataset.validation))
                if number == 0:
                    first[name, units] = model, painter.paintings
            print(plots.describe(name, units, errors[name, units]), flush=True)

        one_layer = {w: {"photograph": errors["photograph", (w,)]} for w in WIDTHS}
        compared = {
            depth: {name: errors[name, units] for name in functions}
            for depth, units in deep.items()
        }
        paintings = {key: paintings for key, (_, paintings) in first.items()}
        truths = {
            name: picture_as_function.join_picture(dataset)
            for name, dataset in functions.items()
        }
        run.show("one_layer", plots.draw_widths(truths, paintings, WIDTHS))
        run.show("networks", plots.draw_depths(truths, paintings, deep))
        run.show("errors", plots.plot_errors(one_layer, compared))
        for epoch in range(EPOCHS):
            folded = {"folded": truths["folded"]}
            drawn = plots.draw_depths(folded, paintings, deep, epoch)
            run.show("learning", drawn, epoch)
            for depth, units in deep.items():
                model, _ = first["folded", units]
                loss = model.history.history["loss"][epoch]
                run.log(epoch, f"{depth} layers", loss=loss)

        model, _ = first["folded", deep[config.depths[-1]]]
        run.graph(model)
        test = functions["folded"].test
        metrics = model.evaluate(
            test.x, test.y, batch_size=512, return_dict=True, verbose=0
        )
        return run.finish(
            model, test=metrics, unexplained=compared, one_layer=one_layer
        )


if __name__ == "__main__":
    command_line.run(main, Config)
