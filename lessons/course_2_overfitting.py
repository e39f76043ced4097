"""A network that is too small misses the rule, one that is too large learns its
examples by heart.

    python lessons/course_2_overfitting.py

Result: 25 % of validation answers wrong (23 to 29 over 5 seeds), 20 % (19 to 22) with
        weight decay
Time: 0.7 minutes (2 cores, bfloat16)

You will see handwritten digits as points in a plane, red if the digit is 2, 3, 6 or 8.
A network learns from 100 of them where to say red. One neuron draws a straight line,
far from the truth: high bias. Two layers of four units are about right. Two layers of
64 draw an island around each stray example: high variance, for other examples would
give other islands. The number to look at is the gap, validation error minus training
error: with bias both errors are high and near each other, with variance the gap is
wide. Then four remedies for the large network, each alone.

In TensorBoard: under Scalars, the training loss of the large network falls to nothing
while its validation loss rises; the slider of "boundary" under Images shows how the
islands grow meanwhile. Early stopping ends before they do.

Try:
    --units 2         too small to overfit: a gap of 2, dropout and weight decay do
                      nothing but harm
    --examples 1000   ten times the examples: a gap of 7 where it was 25, and little
                      left to remedy
    --weight-decay 30 too much of a remedy: 40 % of the training answers are wrong, high
    bias
"""

import functools
from dataclasses import dataclass
from typing import Annotated

from training import command_line, figures, options, runs

import keras
import numpy as np

from data import digits_in_2d
from models import dense

UPDATES = 20  # in what Keras takes for an epoch; each is made with all examples


@dataclass(frozen=True)
class Config(options.Options):
    units: int = 64  # width of both hidden layers of the large network
    examples: Annotated[int, options.between(8)] = 100  # to learn from
    draws: Annotated[int, options.between(1, 1000)] = (
        3  # of examples, for as many networks
    )
    epochs: int = 50  # of 20 updates, each with all examples
    learning_rate: float = 0.02  # of Adam
    dropout: float = 0.5  # remedy: share of each hidden layer left out at random
    weight_decay: Annotated[float, options.between(0, 1e6)] = (
        3.0  # remedy: each update shrinks the weights by this times the learning rate
    )
    patience: Annotated[int, options.between(1, 1_000_000)] = (
        5  # remedy: stop after so many epochs without a lower validation loss
    )


def train(
    examples: tuple,
    config: Config,
    callbacks: list,
    units: int,
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    epochs: int = 1,
    validation: tuple | None = None,
) -> keras.Model:
    """Trains two hidden layers of `units`, or one neuron if 0.

    All updates are one long epoch if nobody watches in between: it is quicker.
    """
    model = dense.build_dense(2, (units, units) if units else (), 1, dropout, "sigmoid")
    updates = UPDATES * config.epochs // epochs
    optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=weight_decay)
    model.compile(
        optimizer,
        loss="binary_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=updates,
    )
    x, y = (np.tile(part, (updates, 1)) for part in examples)
    model.fit(
        x,
        y,
        batch_size=len(examples[0]),
        epochs=epochs,
        shuffle=False,
        validation_data=validation,
        validation_batch_size=5000,
        callbacks=callbacks,
        verbose=0,
    )
    return model


def main(config: Config) -> dict:
    points = digits_in_2d.load_digits_in_2d()
    with runs.start(config, points) as run:
        errors, pictures, trained = {}, {}, {}

        def measure(
            name: str,
            units: int = config.units,
            examples: int = config.examples,
            stopping: tuple = (),
            **remedy,
        ) -> str:
            rows = []
            for draw in range(config.draws):
                keras.utils.set_random_seed(draw)
                drawn = digits_in_2d.sample_examples(
                    points, examples, (config.seed, draw)
                )
                callbacks = run.callbacks(*stopping, doctor=False, curves=False)
                model = train(drawn, config, callbacks, units, **remedy)
                rows.append(
                    [
                        1 - model.evaluate(*split, 5000, verbose=0)[1]
                        for split in (drawn, points.validation)
                    ]
                )
            training, validation = np.mean(rows, axis=0)
            print(
                f"{name:16} {training:8.1%} {validation:11.1%} "
                f"{validation - training:9.1%}",
                flush=True,
            )
            errors[name] = dict(
                zip(
                    ("training", "validation"), np.transpose(rows).tolist(), strict=True
                )
            )
            caption = (
                f"{name}\n{training:.0%} training error\n"
                f"{validation:.0%} validation error"
            )
            trained[name], pictures[name] = (
                (model, drawn),
                (figures.draw_boundary(model, *drawn), caption),
            )
            return name

        print(f"{'mean of draws':16} training  validation       gap")
        capacities = {0: measure("one neuron", 0)}
        capacities |= {
            width: measure(f"{width} units", width)
            for width in sorted({2, 4, 16, config.units})
        }
        large = capacities[config.units]
        counts = [int(times * config.examples) for times in (0.25, 1, 4, 16)]
        counts = [count for count in counts if count <= len(points.train[0])]
        sizes = {
            n: large if n == config.examples else measure(f"{n} examples", examples=n)
            for n in counts
        }
        stopping = keras.callbacks.EarlyStopping(
            patience=config.patience, restore_best_weights=True
        )
        remedies = [
            sizes[max(sizes)],
            measure("dropout", dropout=config.dropout),
            measure("weight decay", weight_decay=config.weight_decay),
            measure(
                "early stopping",
                stopping=(stopping,),
                epochs=config.epochs,
                validation=points.validation,
            ),
        ]

        drawn = trained[large][1]
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: watch(epoch, **logs)
        )

        def watch(epoch, loss, accuracy, val_loss, val_accuracy):
            border = functools.partial(figures.draw_boundary, record.model, *drawn)
            run.log(epoch, loss=loss, accuracy=accuracy, boundary=border)
            run.log(epoch, "validation", loss=val_loss, accuracy=val_accuracy)

        callbacks = run.callbacks(
            record, train=drawn, validation=points.validation, curves=False
        )
        watched = train(
            drawn,
            config,
            callbacks,
            config.units,
            epochs=config.epochs,
            validation=points.validation,
        )
        run.graph(watched)
        for figure, names in (
            ("capacity", ["one neuron", "4 units", large]),
            ("remedies", [large, *remedies]),
        ):
            drawings, captions = zip(*(pictures[name] for name in names), strict=True)
            run.show(figure, figures.draw_grid(drawings, captions, columns=len(names)))
        panels = {
            "units of each hidden layer": capacities,
            "examples to learn from": sizes,
        }
        panels = {
            title: {x: errors[name] for x, name in panel.items()}
            for title, panel in panels.items()
        }
        run.show("errors", figures.plot_ranges(panels, "share of wrong answers"))
        best = min(remedies, key=lambda name: np.mean(errors[name]["validation"]))
        print(f"\nlowest validation error: {best}; only this network is tested")
        model, drawn = trained[best]
        splits = {"train": drawn, "validation": points.validation, "test": points.test}
        metrics = {
            name: model.evaluate(*split, 5000, return_dict=True, verbose=0)
            for name, split in splits.items()
        }
        return run.finish(model, errors=errors, best=best, **metrics)


if __name__ == "__main__":
    command_line.run(main, Config)
