"""A neuron draws a line, and XOR needs two of them.

    python lessons/course_1_neuron_xor.py

Result: one neuron gets at best 3 of 4 right, four hidden neurons 4 of 4 (20 of 20
        seeds)
Time: 0.6 minutes (2 cores, bfloat16)

You will see a neuron, y = f(w1 x1 + w2 x2 + b), learn AND and OR: it says 1 on one side
of a line and 0 on the other. XOR wants 1 at two opposite corners of a square, and no
line parts them from the other two (Minsky and Papert, "Perceptrons", 1969): a search
over many lines finds 3 of 4 at best. A hidden layer moves the corners to where one line
is enough. With two hidden neurons, half of the starts fail: the layer moves a corner
that wants 1 and one that wants 0 to the same place, and the saturated neurons have no
slope left to part them again.

In TensorBoard: under Images, move the slider of "boundary" to watch the border turn
until it parts the corners.

Try:
    --units 2             fails for half of the seeds: compare --seed 1 with --seed 2,
                          where the loss stays at 0.35
    --units 3             18 of 20 seeds
    --learning-rate 0.001 too low: the epochs are over before the border has turned
"""

import functools
from dataclasses import dataclass

from training import command_line, figures, options, runs

import keras
import numpy as np

from data import Dataset, toy
from models import neurons

UPDATES = 10  # in what Keras takes for an epoch; each is made with all four examples
SEEDS = 20


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 100  # of 10 updates, each with all four examples
    learning_rate: float = 1.0  # of plain gradient descent
    units: int = 4  # width of the hidden layer


def build(units: int, config: Config) -> keras.Model:
    """Builds and compiles one neuron, or one behind a hidden layer."""
    model, optimizer = (
        neurons.build_neurons(units),
        keras.optimizers.SGD(config.learning_rate),
    )
    model.compile(
        optimizer,
        loss="binary_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=UPDATES,
    )
    return model


def train(
    model: keras.Model, gate: Dataset, updates: int, epochs: int, callbacks: list
) -> tuple[float, float]:
    """Trains from the weights that the model has, in `epochs` of `updates` each.

    Returns:
        The accuracy in the end, and in the best epoch.
    """
    x, y = gate.train
    history = model.fit(
        np.tile(x, (updates, 1)),
        np.tile(y, (updates, 1)),
        batch_size=4,
        epochs=epochs,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )
    return model.evaluate(x, y, verbose=0)[1], max(history.history["accuracy"])


def search_lines(y: np.ndarray) -> float:
    """Returns the best share of right answers of 68,921 neurons: weights and bias from
    -2 to 2 in steps of 0.1.
    """
    w1, w2, b = np.meshgrid(*[np.linspace(-2, 2, 41)] * 3)
    says = np.stack([w1 * x1 + w2 * x2 + b > 0 for x1, x2 in toy.CORNERS], axis=-1)
    return (says == (y.ravel() > 0.5)).mean(axis=-1).max()


def main(config: Config) -> dict:
    gates = {name: toy.load_logic(name) for name in ("and", "or", "xor")}
    xor = gates["xor"]
    with runs.start(config, xor) as run:
        slide = (
            neurons.build_slide_network()(np.array([[0, 0], [1, -1]])).numpy().tolist()
        )
        for point, (first, second) in zip(("f(0, 0)", "f(1, -1)"), slide, strict=True):
            print(f"the slide's network: {point} = ({first:.2f}, {second:.2f})")

        pictures, single = {}, {}
        for name, gate in gates.items():
            model = build(0, config)
            callbacks = run.callbacks(doctor=False, curves=False)
            share, best = train(model, gate, UPDATES, config.epochs, callbacks)
            single[name] = {
                "trained": share,
                "best epoch": best,
                "best of all lines": search_lines(gate.train[1]),
            }
            pictures[f"{name.upper()}, one neuron\n{4 * share:.0f} of 4"] = (
                figures.draw_boundary(model, *gate.train)
            )
        run.table("Accuracy of one neuron", single, digits=2)

        model = build(config.units, config)
        model.summary()
        run.graph(model)
        border = functools.partial(figures.draw_boundary, model, *xor.train)
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: run.log(epoch, boundary=border, **logs)
        )
        callbacks = run.callbacks(record, curves=False)
        share, _ = train(model, xor, UPDATES, config.epochs, callbacks)
        pictures[f"XOR, {config.units} hidden neurons\n{4 * share:.0f} of 4"] = (
            figures.draw_boundary(model, *xor.train)
        )

        solved, stuck = {}, None
        for units in dict.fromkeys((2, config.units)):
            starts = build(units, config)
            accuracies, failed = [], []  # failed: weights of the first start that does
            state = {"accuracies": accuracies, "failed": failed}
            for seed in run.steps(SEEDS, f"{units} hidden neurons", **state):
                keras.utils.set_random_seed(seed)
                starts.set_weights(neurons.build_neurons(units).get_weights())
                # One long epoch is the same training as many, and quicker.
                updates = UPDATES * config.epochs
                accuracy, _ = train(starts, xor, updates, 1, run.callbacks())
                if accuracy < 1 and not failed:
                    failed.extend(starts.get_weights())
                accuracies.append(accuracy)
            solved[units] = accuracies.count(1.0)
            if failed and stuck is None:
                stuck = next(n for n, accuracy in enumerate(accuracies) if accuracy < 1)
                starts.set_weights(failed)
                pictures[f"XOR, {units} hidden\nseed {stuck} fails"] = (
                    figures.draw_boundary(starts, *xor.train)
                )
                print(
                    "\nwhy it fails: corners that want different answers are moved "
                    "to the same place"
                )
                hidden, answers = (
                    starts.layers[0](toy.CORNERS).numpy().round(2),
                    starts(toy.CORNERS).numpy(),
                )
                for corner, place, answer in zip(
                    toy.CORNERS, hidden, answers, strict=True
                ):
                    print(
                        f"  {corner} is moved to {place}, the answer there is "
                        f"{answer[0]:.2f}"
                    )
            print(
                f"XOR with {units} hidden neurons: {solved[units]} of {SEEDS} seeds "
                "get all four right"
            )
        overview = figures.draw_grid(
            list(pictures.values()), list(pictures), columns=len(pictures)
        )
        run.show("overview", overview)
        result = model.evaluate(*xor.train, return_dict=True, verbose=0)
        return run.finish(
            model, train=result, slide=slide, single=single, solved=solved, stuck=stuck
        )


if __name__ == "__main__":
    command_line.run(main, Config)
