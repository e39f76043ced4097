"""Overfitting: why a large network can do worse than a small one, and four remedies.

    python lessons/course_2_overfitting.py

Result: 25 % validation error (23 to 29 over 5 seeds) of the large network, 20 % (19 to
        22) with weight decay; always answering "no" has 40 %
Time: 0.6 minutes (2 cores, AVX2 only), 0.6 minutes (2 cores, bfloat16)

Handwritten digits become points in a plane, by their two largest principal components.
The question is whether the digit is 2, 3, 6 or 8, and a network learns the answer from
100 examples. The error is the fraction of wrong answers, and the number to look at is
the gap: validation error minus training error.

One neuron draws a straight line. It is wrong on training and validation points alike:
high bias, the network is too simple. Two hidden layers of 64 units draw an island
around each stray example. They memorize the examples and are wrong on others: high
variance, the network overfits. Two layers of 4 units lie between.

Four remedies help the large network, each for another reason:

- more examples: an island around one stray example would be wrong for its neighbors
  (`counts` in `main`);
- dropout (Srivastava et al., 2014) leaves out random units while it trains, so that no
  unit can rely on a few others to memorize an example (`build_network`);
- weight decay (Loshchilov and Hutter, 2019) shrinks all weights a little in each
  update, and small weights cannot draw sharp borders (the optimizer in `train`);
- early stopping ends the training when the validation loss no longer falls, before the
  islands appear (`early_stopping`).

Of these four, the one with the lowest validation error is tested, once.

In TensorBoard: the curves of the large network: its training loss falls to nothing
while its validation loss rises (page Scalars). The slider of "boundary" shows how the
islands grow (page Images).

Try:
    --units 2         too small to overfit: a gap of 2 points, and remedies only harm
    --examples 1000   ten times the examples: a gap of 7 points where it was 25
    --weight-decay 30 an update takes 60 % of each weight away: 40 % training error,
                      high bias
"""

from dataclasses import dataclass, replace
from typing import Annotated

from lessons.plots import course_2_overfitting as plots
from training import command_line, options, runs

import keras
import numpy as np

from data import Split, digits_in_2d

UPDATES = 20  # in an epoch; each is made with all examples


@dataclass(frozen=True)
class Config(options.Options):
    units: int = 64  # width of both hidden layers of the large network
    examples: Annotated[int, options.between(8)] = 100  # to learn from
    epochs: int = 50  # of 20 updates, each with all examples
    learning_rate: float = 0.02  # of Adam
    dropout: float = 0.5  # remedy: fraction of each hidden layer left out at random
    # Remedy: an update shrinks the weights by this times the learning rate.
    weight_decay: Annotated[float, options.between(0, 1e6)] = 3.0
    # Remedy: stop after so many epochs without a lower validation loss.
    patience: Annotated[int, options.between(1, 1_000_000)] = 5
    # Samples of examples, each for a network of its own.
    draws: Annotated[int, options.between(1, 1000)] = 3


@dataclass(frozen=True)
class Experiment:
    """What a network is trained with: its size, its examples, and a remedy."""

    units: int
    examples: int
    dropout: float = 0.0
    weight_decay: float = 0.0
    patience: int | None = None  # of early stopping


def build_network(units: int, dropout: float) -> keras.Model:
    """Builds two hidden layers, or one neuron if `units` is 0.

    Returns:
        A model from points (batch, 2) to the probability of a "yes" (batch, 1).
    """
    model = keras.Sequential([keras.Input((2,))])
    for width in (units, units) if units else ():
        model.add(keras.layers.Dense(width, activation="relu"))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    return model


def early_stopping(patience: int | None) -> list[keras.callbacks.Callback]:
    """Returns the callback that ends a training when the validation loss has not fallen
    for `patience` epochs, and takes the best weights back; none for None.
    """
    if patience is None:
        return []
    return [keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)]


def train(
    experiment: Experiment,
    examples: Split,
    validation: Split,
    learning_rate: float,
    updates: int,
    epochs: int,
    callbacks: list,
) -> keras.Model:
    """Returns a network that learned from the examples, in `epochs` of `updates` each.

    The validation points are only looked at, by early stopping and for the curves.
    """
    model = build_network(experiment.units, experiment.dropout)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate, weight_decay=experiment.weight_decay
        ),
        loss="binary_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=updates,  # quicker than one call an update
    )
    model.fit(
        np.tile(examples.x, (updates, 1)),  # all examples for each update of an epoch
        np.tile(examples.y, (updates, 1)),
        batch_size=len(examples.x),
        epochs=epochs,
        shuffle=False,
        validation_data=validation if epochs > 1 else None,
        validation_batch_size=5000,
        callbacks=callbacks,
        verbose=0,
    )
    return model


def error(model: keras.Model, split: Split) -> float:
    """Returns the fraction of wrong answers."""
    _, accuracy = model.evaluate(split.x, split.y, batch_size=5000, verbose=0)
    return 1 - accuracy


def main(config: Config) -> dict:
    dataset = digits_in_2d.load_digits_in_2d()
    validation = dataset.validation

    large = Experiment(config.units, config.examples)
    sizes = {"one neuron": replace(large, units=0)}
    for units in sorted({2, 4, 16, config.units}):
        sizes[f"{units} units"] = replace(large, units=units)
    counts = {}
    for times in (0.25, 4, 16):
        examples = int(times * config.examples)
        if examples <= len(dataset.train.x):
            counts[f"{examples} examples"] = replace(large, examples=examples)
    remedies = {
        "dropout": replace(large, dropout=config.dropout),
        "weight decay": replace(large, weight_decay=config.weight_decay),
        "early stopping": replace(large, patience=config.patience),
    }

    with runs.start(config, dataset) as run:
        errors, trained = {}, {}
        for name, experiment in {**sizes, **counts, **remedies}.items():
            # One long epoch is the same training as many, and quicker.
            epochs = 1 if experiment.patience is None else config.epochs
            errors[name] = {"training": [], "validation": []}
            for draw in range(config.draws):
                keras.utils.set_random_seed(draw)
                examples = digits_in_2d.sample_examples(
                    dataset, experiment.examples, (config.seed, draw)
                )
                model = train(
                    experiment,
                    examples,
                    validation,
                    config.learning_rate,
                    updates=UPDATES * config.epochs // epochs,
                    epochs=epochs,
                    callbacks=run.callbacks(
                        *early_stopping(experiment.patience), doctor=False, curves=False
                    ),
                )
                errors[name]["training"].append(error(model, examples))
                errors[name]["validation"].append(error(model, validation))
            trained[name] = model, examples  # of the last draw
            print(plots.describe(name, errors[name]), flush=True)

        # The large network once more, with its curves and its border after each epoch.
        name = f"{config.units} units"
        _, examples = trained[name]
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: run.log(
                epoch, boundary=plots.draw_border(record.model, examples)
            )
        )
        model = train(
            large,
            examples,
            validation,
            config.learning_rate,
            updates=UPDATES,
            epochs=config.epochs,
            callbacks=run.callbacks(
                record, name=name, train=examples, validation=validation
            ),
        )
        run.graph(model)

        most = max(counts, key=lambda name: counts[name].examples, default=name)
        candidates = [most, *remedies]
        run.show(
            "capacity",
            plots.draw_borders(trained, errors, ["one neuron", "4 units", name]),
        )
        run.show("remedies", plots.draw_borders(trained, errors, [name, *candidates]))
        run.show("errors", plots.plot_errors(errors, sizes, counts, large))

        best = min(candidates, key=lambda name: np.mean(errors[name]["validation"]))
        print(f"\nlowest validation error: {best}; only this network is tested")
        model, examples = trained[best]
        metrics = {}
        splits = {"train": examples, "validation": validation, "test": dataset.test}
        for split, (x, y) in splits.items():
            metrics[split] = model.evaluate(
                x, y, batch_size=5000, return_dict=True, verbose=0
            )
        return run.finish(model, errors=errors, best=best, **metrics)


if __name__ == "__main__":
    command_line.run(main, Config)
