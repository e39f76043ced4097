"""One hidden layer can approximate anything, several do it better with equally many
parameters.

    python lessons/course_2_deep_or_wide.py

Result: four layers leave 9 % of a composed picture's variance unexplained, one layer 26
        % (3 seeds)
Time: 0.8 minutes (2 cores, bfloat16)

You will see networks of two inputs and three outputs learn a photograph: x and y of a
place go in, its color comes out. One hidden layer approximates any continuous function
from R^N to R^M, if it is wide enough (Cybenko, 1989): the more units, the sharper the
photograph. Then about 4,000 parameters in one, two or four hidden layers learn three
functions. Of the photograph, four layers leave a quarter of the error of one layer.
Seen through two folds of the plane, it is a function composed of parts: a layer can
learn to fold, and those after it work on all the copies at once. Four layers leave a
third. The other way goes a very smooth function: one layer is as good, and better than
sixteen.

In TensorBoard: the slider of "learning" under Images shows the folded photograph appear
in each network.

Try:
    --parameters 1000 four layers still beat one layer of 4,000 parameters on the folded
    photograph: 14 to 18 % of it
    --depths 1 16     too deep is hard to train: worse than four layers everywhere, than
                      one on the smooth function
    --folds 3         64 copies: one layer leaves 52 to 59 % unexplained, four layers 23
                      to 31 %
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from training import command_line, figures, options, runs

import keras
import numpy as np

from data import Dataset, picture_as_function
from models import dense

SEEDS = 3
EPOCHS = 10  # each a tenth of the updates
WIDTHS = (4, 16, 64, 256)  # of one hidden layer


@dataclass(frozen=True)
class Config(options.Options):
    depths: Annotated[tuple[int, ...], options.between(1, 16)] = (
        1,
        2,
        4,
    )  # numbers of hidden layers to compare
    parameters: Annotated[int, options.between(1000, 1_000_000)] = (
        4000  # weights and biases of each network, within 2 %
    )
    folds: Annotated[int, options.between(0, 5)] = (
        2  # of the plane, in front of the photograph
    )
    updates: int = 1500  # of each network
    batch_size: int = 256  # places per update
    learning_rate: float = 0.01  # of Adam, falling to zero
    picture: Path | None = None  # to learn; a photograph of scikit-learn if not given


def train(
    run, config: Config, function: Dataset, units: tuple[int, ...], seed: int
) -> tuple[keras.Model, list]:
    """Returns a trained network with hidden layers of `units`, and what it paints after
    each tenth of the training.
    """
    keras.utils.set_random_seed(seed)
    model = dense.build_dense(2, units, 3)
    updates = config.updates // EPOCHS
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, EPOCHS * updates
    )
    model.compile(
        keras.optimizers.Adam(schedule), loss="mse", steps_per_execution=updates
    )
    drawn = np.random.default_rng(seed).integers(
        len(function.train[0]), size=updates * config.batch_size
    )
    places, colors = (part[drawn] for part in function.train)
    paintings = []

    def paint(epoch, logs):
        paintings.append(
            picture_as_function.to_picture(
                np.clip(model(picture_as_function.PLACES), 0, 1)
            )
        )

    painter = keras.callbacks.LambdaCallback(on_epoch_end=paint)
    model.fit(
        places,
        colors,
        batch_size=config.batch_size,
        epochs=EPOCHS,
        callbacks=run.callbacks(
            painter, doctor=False, curves=False, paintings=paintings
        ),
        verbose=0,
    )
    return model, paintings


def main(config: Config) -> dict:
    functions = {
        "photograph": picture_as_function.load_picture_as_function(
            config.picture, blur=0.03
        ),
        "smooth": picture_as_function.load_picture_as_function(
            config.picture, blur=0.1
        ),
        "folded": picture_as_function.load_picture_as_function(
            config.picture, blur=0.03, folds=config.folds
        ),
    }
    networks = {
        depth: dense.choose_units(2, depth, 3, config.parameters)
        for depth in config.depths
    }
    with runs.start(config, functions["folded"]) as run:

        def measure(
            name: str, units: tuple[int, ...]
        ) -> tuple[list[float], list[np.ndarray], keras.Model]:
            """Returns the errors of networks from several seeds, and the first one's
            paintings and itself.
            """
            places, colors = functions[name].validation
            seeds = [(config.seed + index) % 2**32 for index in range(SEEDS)]
            models, paintings = zip(
                *(train(run, config, functions[name], units, seed) for seed in seeds),
                strict=True,
            )
            errors = [
                float(
                    np.mean((model(places) - colors) ** 2) / colors.var(axis=0).mean()
                )
                for model in models
            ]
            size = f"{models[0].count_params():,} parameters"
            print(
                f"{name:10} {size:>17} {min(errors):8.2%} to {max(errors):6.2%}   "
                f"{units}",
                flush=True,
            )
            return errors, paintings[0], models[0]

        print(
            f"variance of the colors left unexplained, over {SEEDS} seeds, and the "
            "units of each hidden layer"
        )
        wide = {width: measure("photograph", (width,)) for width in WIDTHS}
        deep = {
            name: {depth: measure(name, units) for depth, units in networks.items()}
            for name in functions
        }

        def draw(rows: dict[str, dict], unit: str, epoch: int = -1) -> np.ndarray:
            cells = [
                [
                    picture_as_function.join_picture(functions[name]),
                    *(cell[1][epoch] for cell in row.values()),
                ]
                for name, row in rows.items()
            ]
            captions = [
                [name, *(f"{key} {unit}" for key in row)] for name, row in rows.items()
            ]
            return figures.draw_grid(
                np.concatenate(cells),
                np.concatenate(captions).tolist(),
                columns=len(cells[0]),
            )

        run.show("one_layer", draw({"photograph": wide}, "units in one hidden layer"))
        run.show("networks", draw(deep, "hidden layers"))
        for epoch in range(EPOCHS):
            run.show(
                "learning",
                draw({"folded": deep["folded"]}, "hidden layers", epoch),
                epoch,
            )
            for depth, (_, _, model) in deep["folded"].items():
                loss = model.history.history["loss"][epoch]
                run.log(epoch, f"{depth} layers", loss=loss)
        one_layer = {
            width: {"photograph": errors} for width, (errors, _, _) in wide.items()
        }
        unexplained = {
            depth: {name: deep[name][depth][0] for name in functions}
            for depth in networks
        }
        panels = {
            "units of one hidden layer": one_layer,
            "hidden layers, equally many parameters": unexplained,
        }
        run.show(
            "errors", figures.plot_ranges(panels, "variance left unexplained", "log")
        )

        model, tested = deep["folded"][config.depths[-1]][2], functions["folded"].test
        run.graph(model)
        test = model.evaluate(*tested, batch_size=512, return_dict=True, verbose=0)
        return run.finish(
            model, test=test, unexplained=unexplained, one_layer=one_layer
        )


if __name__ == "__main__":
    command_line.run(main, Config)
