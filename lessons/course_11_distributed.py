"""Several machines train one network: each takes a share of every batch, and all-reduce
adds up their gradients.

    python lessons/course_11_distributed.py

Result: 98.0 % test accuracy (97.9 to 98.1 over 5 seeds) on all of MNIST
Time: 0.1 minutes (2 cores, bfloat16)

You will see one worker; with --workers 2, two processes of this machine work together
as two machines would. The gradient of a batch is the sum of what each image adds to it,
so it does not matter who computes which part: all-reduce gives the sum to each worker,
and all take the same step. They end with equal weights, to the bit, and with those of
one worker alone but for rounding. On two cores, two processes are no faster than one,
which uses both cores already, and lose the 4 ms in which they add up 338,000 numbers.
Machines gain where computing a share takes longer than that.

On machines of your own, start the command above on each, with TF_CONFIG (on Kubernetes
an operator sets it):
    TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task":
    {"type": "worker", "index": 0}}'
and with index 1 on the second. The first worker, the chief, prints and writes the run;
the others write nothing.

In TensorBoard: "compute_ms" and "all_reduce_ms", medians of an epoch; the second holds
the wait for the others.

Try:
    --workers 2         19,000 images a second, not 55,000: adding up takes more than
                        twice as long as computing
    --workers 2 --batch-size 1000  95,000, alone 107,000: fewer sums for as many images;
                                   but only 95 % in as many epochs
    --learning-rate 3   too high: it learns nothing
"""

import time
from dataclasses import dataclass, replace
from typing import Annotated

from training import cluster, command_line, options

import keras
import numpy as np
import tensorflow as tf

from data import digits


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 5  # passes over the training images
    batch_size: int = 100  # images per update, of all workers together
    learning_rate: float = 0.5  # of plain gradient descent, falling to zero
    units: tuple[int, ...] = (256, 512)  # width of each hidden layer
    # Processes to start on this machine; leave it out where TF_CONFIG names them.
    workers: Annotated[int, options.between(1, 100_000)] = 1
    # Seconds in which the other workers must start.
    wait: Annotated[float, options.between(above=0, high=86_400)] = 60.0


def build_mlp(units: tuple[int, ...]) -> keras.Model:
    """Builds a network from uint8 images (batch, 28, 28, 1) to logits (batch, 10)."""
    model = keras.Sequential([keras.Input((28, 28, 1))], name="mlp")
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(keras.layers.Flatten())  # (batch, 784)
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(10, name="logits"))
    return model


def main(config: Config) -> dict:
    if config.workers > 1 and not cluster.is_described():
        return cluster.launch(main, config)
    dataset = digits.load_digits()
    team, strategy = cluster.join(config, dataset)
    config, chief = replace(config, workers=len(team.addresses)), team.index == 0
    with cluster.start_run(
        team, config, dataset
    ) as run:  # None where nothing is written
        # A variable that is made in the scope is on every worker, and begins with the
        # chief's numbers.
        with strategy.scope():
            model = build_mlp(config.units)

        def differentiate(images, labels, count):
            """Returns what a worker's share adds to the mean loss of a batch of `count`
            images, and to its gradient.
            """
            with tf.GradientTape() as tape:
                losses = keras.losses.sparse_categorical_crossentropy(
                    labels, model(images), from_logits=True
                )
                loss = (
                    tf.reduce_sum(losses) / count
                )  # not the mean of the share: shares may differ in size
            return loss, tape.gradient(loss, model.trainable_variables)

        def step(loss, gradients, rate):
            """Adds up the losses and gradients of all workers, and steps; returns the
            loss of the whole batch.
            """
            loss, *gradients = tf.distribute.get_replica_context().all_reduce(
                "sum", tf.identity_n([loss, *gradients])
            )
            for variable, gradient in zip(
                model.trainable_variables, gradients, strict=True
            ):
                variable.assign_sub(rate * gradient)
            return loss

        compute = tf.function(
            lambda *values: strategy.run(differentiate, values), reduce_retracing=True
        )
        update = tf.function(lambda *values: strategy.run(step, values))

        def share(values):
            """Returns every n-th value for each of n workers: none is left out, and
            none taken twice.
            """
            return strategy.experimental_distribute_values_from_function(
                lambda worker: tf.constant(
                    values[
                        worker.replica_id_in_sync_group :: worker.num_replicas_in_sync
                    ]
                )
            )

        (images, labels), size, pace = dataset.train, config.batch_size, {}
        for epoch in cluster.steps(run, strategy, config.epochs, model):
            order = np.random.default_rng([config.seed, epoch]).permutation(len(labels))
            batches, losses, seconds = (
                np.split(order, range(size, len(order), size)),
                [],
                [],
            )
            for number, batch in enumerate(batches):
                rate = config.learning_rate * (
                    1 - (epoch + number / len(batches)) / config.epochs
                )
                started = time.perf_counter()
                loss, gradients = compute(
                    share(images[batch]),
                    share(labels[batch]),
                    tf.constant(float(len(batch))),
                )
                cluster.read(strategy, gradients[0])  # the last one to be computed
                computed = time.perf_counter()
                losses.append(
                    cluster.read(strategy, update(loss, gradients, tf.constant(rate)))
                )
                seconds.append((computed - started, time.perf_counter() - computed))
                if not np.isfinite(losses[-1]):
                    raise FloatingPointError(
                        f"the loss is {losses[-1]}: try a tenth of the learning rate"
                    )
            if chief:
                parts = dict(
                    zip(
                        ("compute_ms", "all_reduce_ms"),
                        1000 * np.median(seconds, axis=0),
                        strict=True,
                    )
                )
                pace = {"images_per_second": 1000 * size / sum(parts.values())} | parts
                said = ", ".join(f"{name} {value:,.1f}" for name, value in pace.items())
                print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, {said}")
                run.log((epoch + 1) * len(batches), loss=np.mean(losses), **pace)
        apart = float(
            np.ptp(cluster.gather(strategy, model.get_weights()), axis=0).max()
        )
        if not chief:
            return {"apart": apart}
        reader = keras.models.clone_model(
            model
        )  # outside of the strategy: the chief tests alone
        reader.compile(
            "sgd",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        reader.set_weights(model.get_weights())
        print(
            f"\nLargest difference between the weights of {config.workers} workers: "
            f"{apart}"
        )
        splits = {
            name: getattr(dataset, name) for name in ("train", "validation", "test")
        }
        metrics = {
            name: reader.evaluate(*split, 500, 0, return_dict=True)
            for name, split in splits.items()
        }
        return run.finish(reader, **metrics, apart=apart, **pace)


if __name__ == "__main__":
    command_line.run(main, Config)
