"""Several machines train one network: each takes a share of every batch, and all-reduce
adds up their gradients.

    python lessons/course_11_distributed.py

Result: 97.8 and 98.0 % test accuracy (2 seeds) of one worker on all of MNIST; two reach
        the same within 0.1 points, since they take the same steps
Time: 0.2 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

The gradient of a batch is the sum of what each image adds to it, so it does not matter
which worker computes which part. Each step of the training has four parts:

1. Each of n workers takes a share of the batch: every n-th image.
2. It computes what its share adds to the gradient.
3. All-reduce adds up these gradients, and gives the sum to all workers.
4. All take the same step of gradient descent with it.

All workers begin with equal weights, get the same sum and take equal steps. So their
weights stay equal, to the bit, and only gradients travel. A worker that trains alone
sums in another order, so its weights differ from theirs by rounding. This is
synchronous data parallelism (Chen et al., "Revisiting Distributed Synchronous SGD",
2016), and all workers wait for the slowest. With several workers, `strategy` is
TensorFlow's MultiWorkerMirroredStrategy, which connects them.

The command above starts one worker; --workers 2 starts two processes of this machine,
which work together as two machines would. The price is all-reduce: in each step, it
adds up 338,000 gradients, however small the shares are. Medians of a step in two runs
each (2 cores, AVX2 only), where one worker alone has nothing to add up:

    workers  batch size   computing  all-reduce and step  images a second
          1         100        4 ms                 2 ms  17,000 to 19,000
          2         100   4 to 6 ms                11 ms    5,800 to 6,600
          1        1000 19 to 35 ms            2 to 3 ms  27,000 to 47,000
          2        1000       17 ms                11 ms  35,000 to 38,000

On one machine, a single process already uses all cores, so two gain nothing. Several
machines gain where they save more time in computing than all-reduce takes: with larger
batches, or layers that compute more for each weight.

On machines of your own, start this on the first of two, without --workers, and on the
second with index 1. TF_CONFIG names all workers, and says which of them this one is.
Programs that manage clusters set it themselves.
    TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task":
    {"type": "worker", "index": 0}}' python lessons/course_11_distributed.py
Worker 0, the chief, prints and writes the run; the others write nothing.

In TensorBoard: "loss", and "compute_ms" and "all_reduce_ms", the medians of an epoch
(page Scalars). "all_reduce_ms" includes the wait for the others.

Try:
    --workers 2           a third of the speed of one worker alone: all-reduce takes
                          twice as long as computing
    --workers 2 --batch-size 1000 --epochs 2
                          as fast as one worker with batches of 1000, since there is a
                          tenth of the sums. But there is also a tenth of the updates:
                          92.5 % after two epochs, against 97.1 % with batches of 100
    --learning-rate 3     too high: it learns nothing
"""

import time
from dataclasses import dataclass, replace
from typing import Annotated

from training import command_line, options
from training.cluster import local_workers, meeting, shared_run, tf_config, values

import keras
import numpy as np
import tensorflow as tf

from data import Dataset, digits


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
    model = keras.Sequential(name="mlp")
    model.add(keras.Input((28, 28, 1)))
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(keras.layers.Flatten())  # (batch, 784)
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(10, name="logits"))
    return model


def share(strategy: tf.distribute.Strategy, batch: np.ndarray):
    """Deals a batch out to the workers, as cards are dealt: of n workers, number k
    takes the elements k, k + n, k + 2n and so on.

    None is left out, and none is taken twice. Shares differ in size by one at most. If
    a worker has several GPUs, each of them takes a share of its own; TensorFlow calls
    whoever takes a share a replica.

    Args:
        strategy: of the workers.
        batch: images (batch, 28, 28, 1) or labels (batch,), the same on all workers.

    Returns:
        The share of this worker, as `run_on_workers` takes it.
    """

    def take(worker):
        first, count = worker.replica_id_in_sync_group, worker.num_replicas_in_sync
        return tf.constant(batch[first::count])

    return strategy.experimental_distribute_values_from_function(take)


def find_gradients(
    model: keras.Model, images: tf.Tensor, labels: tf.Tensor, batch_size: tf.Tensor
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns what a share adds to the mean loss of the batch, and to its gradients.

    Args:
        model: equal on all workers.
        images: uint8 (share, 28, 28, 1).
        labels: (share,).
        batch_size: of the whole batch, as float32.
    """
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, model(images), from_logits=True
        )  # (share,)
        # Not the mean of the share: shares may differ in size.
        loss = tf.reduce_sum(losses) / batch_size
    return loss, tape.gradient(loss, model.trainable_variables)


def add_up_and_step(
    model: keras.Model,
    loss: tf.Tensor,
    gradients: list[tf.Tensor],
    learning_rate: tf.Tensor,
) -> tf.Tensor:
    """Adds up the losses and gradients of all workers, and takes the same step on each.

    Returns:
        The mean loss of the whole batch.
    """
    worker = tf.distribute.get_replica_context()
    # TensorFlow's all-reduce must know the device of each tensor. A copy has one; a
    # function's arguments have none.
    results = tf.identity_n([loss, *gradients])
    loss, *gradients = worker.all_reduce("sum", results)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_sub(learning_rate * gradient)
    return loss


@tf.function(reduce_retracing=True)
def run_on_workers(strategy: tf.distribute.Strategy, function, *arguments):
    """Compiles a function and runs it on this worker, while the others do the same.

    Returns:
        What the function returned, once for each GPU if this worker has several:
        `values.read` takes the first.
    """
    return strategy.run(function, arguments)


def train_step(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    learning_rate: float,
) -> tuple[float, tuple[float, float]]:
    """Takes a step with a batch, which all workers share.

    Args:
        strategy: of the workers.
        model: equal on all workers, and again afterwards.
        images: uint8 (batch, 28, 28, 1), the same on all workers.
        labels: (batch,).
        learning_rate: of this step.

    Returns:
        The mean loss of the batch, and the seconds of computing and of all-reduce.

    Raises:
        FloatingPointError: the loss is no finite number.
    """
    started = time.perf_counter()
    loss, gradients = run_on_workers(
        strategy,
        find_gradients,
        model,
        share(strategy, images),
        share(strategy, labels),
        tf.constant(float(len(labels))),
    )
    # Reading waits until it is computed, and the first layer's gradient comes last.
    values.read(strategy, gradients[0])
    computed = time.perf_counter()
    loss = run_on_workers(
        strategy, add_up_and_step, model, loss, gradients, tf.constant(learning_rate)
    )
    loss = values.read(strategy, loss)
    stepped = time.perf_counter()
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss}: try a tenth of the learning rate"
        )
    return loss, (computed - started, stepped - computed)


def draw_batches(count: int, batch_size: int, seed: list[int]) -> list[np.ndarray]:
    """Returns the indices of all images in random order, in batches.

    All workers draw the same, since they use the same seed.
    """
    order = np.random.default_rng(seed).permutation(count)
    return np.split(order, range(batch_size, count, batch_size))


def find_learning_rates(
    learning_rate: float, epoch: int, epochs: int, updates: int
) -> list[float]:
    """Returns the learning rate of each update of an epoch: it falls along a line, from
    `learning_rate` at the start of the training to 0 at its end.
    """
    done = [(epoch + update / updates) / epochs for update in range(updates)]
    return [learning_rate * (1 - fraction) for fraction in done]


def train_epoch(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    batches: list[np.ndarray],
    learning_rates: list[float],
) -> tuple[float, dict[str, float]]:
    """Takes a step with each batch; returns the mean loss, and the speed in medians."""
    losses, seconds = [], []
    for batch, learning_rate in zip(batches, learning_rates, strict=True):
        loss, parts = train_step(
            strategy, model, images[batch], labels[batch], learning_rate
        )
        losses.append(loss)
        seconds.append(parts)
    compute, all_reduce = np.median(seconds, axis=0).tolist()
    speed = {
        "images_per_second": len(batches[0]) / (compute + all_reduce),
        "compute_ms": 1000 * compute,
        "all_reduce_ms": 1000 * all_reduce,
    }
    return np.mean(losses), speed


def find_largest_difference(
    strategy: tf.distribute.Strategy, model: keras.Model
) -> float:
    """Returns how far the weights of the workers are from each other."""
    row = np.concatenate([weights.ravel() for weights in model.get_weights()])
    rows = values.gather(strategy, row[None])  # (workers, weights)
    return float(np.ptp(rows, axis=0).max())


def copy_for_chief(model: keras.Model) -> keras.Model:
    """Returns a copy that the chief can evaluate and save without the others."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.compile(
        "sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return copy


def evaluate(model: keras.Model, dataset: Dataset) -> dict[str, dict[str, float]]:
    """Returns loss and accuracy on each split."""
    metrics = {}
    for name in ("train", "validation", "test"):
        x, y = getattr(dataset, name)
        metrics[name] = model.evaluate(
            x, y, batch_size=500, return_dict=True, verbose=0
        )
    return metrics


def main(config: Config) -> dict:
    if config.workers > 1 and not tf_config.is_set():
        return local_workers.launch(main, config)  # calls main in each worker

    dataset = digits.load_digits()
    images, labels = dataset.train
    # Waits for the other workers, and checks that their flags and data are the same.
    cluster, strategy = meeting.join(config, dataset)
    config = replace(config, workers=len(cluster.addresses))

    with shared_run.start(cluster, config, dataset) as run:  # only the chief has one
        with strategy.scope():  # all workers begin with the chief's weights
            model = build_mlp(config.units)

        speed = {}
        for epoch in shared_run.steps(run, strategy, config.epochs, model):
            batches = draw_batches(len(labels), config.batch_size, [config.seed, epoch])
            rates = find_learning_rates(
                config.learning_rate, epoch, config.epochs, len(batches)
            )
            loss, speed = train_epoch(strategy, model, images, labels, batches, rates)
            if run is not None:
                run.log((epoch + 1) * len(batches), loss=loss, **speed)
                shown = [f"{name} {value:,.1f}" for name, value in speed.items()]
                print(f"epoch {epoch + 1}: loss {loss:.4f}, {', '.join(shown)}")

        difference = find_largest_difference(strategy, model)
        if run is None:
            return {"largest_difference": difference}

        print(
            f"\nLargest difference between the weights of {config.workers} workers: "
            f"{difference}"
        )
        model = copy_for_chief(model)
        metrics = evaluate(model, dataset)
        workers = {"largest_difference": difference, **speed}
        return run.finish(model, **metrics, workers=workers)


if __name__ == "__main__":
    command_line.run(main, Config)
