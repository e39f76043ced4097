"""Linear regression: gradient descent fits a line to 17 points.

    python course_1_tf_lr.py

Result: cost 0.0772 on the 17 training points and 0.0800 on 8 test points, the same for
        5 of 5 seeds; the line with the lowest training cost has 0.0769 and 0.0783
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

A neuron with one input computes y = W x + b, a line. Training looks for the W and b
that make the cost small. The cost, also called the loss, is half of the mean squared
error between the line and the points. Its gradient is the direction in which a change
of W and b makes it grow fastest. Gradient descent takes a small step in the opposite
direction, again and again. Eight other points are kept for the test: they tell whether
the line also fits points that it was not fitted to.

Each update looks at a single point, and goes down the part of the cost that comes from
this point. Large data sets are learned in a similar way, from a few examples at a time.
The 17 points, always in the same order, make 17 updates, one epoch. Together these are
about one step down the cost of all points. 3,000 epochs are 51,000 updates.

You will see that the line ends close to the line with the lowest training cost, but not
on it: each of the last updates pulls it toward a single point. More epochs do not close
this gap, because by then an epoch ends where it began. A smaller learning rate with
more epochs nearly closes it. The least-squares formula gives the best line without any
training. For a network there is no such formula: networks are trained by updates like
these.

In TensorBoard: the cost (page Scalars). The line among the points, and the path of W
and b over the cost as a landscape: down a steep side, then slowly along a valley (page
Images).

Try:
    --epochs 100       too few: W and b are still on their way along the valley
    --learning-rate 1  too large: each update overshoots, the cost grows without limit,
                       and the lesson ends with an error that says so
    --seed 1           another random start, the same costs in the end
"""

from dataclasses import dataclass

from lessons.plots import course_1_tf_lr as plots
from training import command_line, device, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import toy

RECORDS = 100  # how often the costs are recorded, for the curves in TensorBoard


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 3000  # passes over the 17 points
    learning_rate: float = 0.02  # an update is this times the gradient


def build_line() -> keras.Model:
    """Returns y = W x + b as one neuron, with random W and b: (n, 1) to (n, 1)."""
    neuron = keras.layers.Dense(
        units=1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),  # W
        bias_initializer=keras.initializers.RandomNormal(stddev=1.0),  # b
    )
    return keras.Sequential([keras.Input((1,)), neuron])


def get_weights(line: keras.Model) -> tf.Tensor:
    """Returns W and b: float32 (2,)."""
    W, b = line.weights  # (1, 1) and (1,)
    return tf.concat([W[0], b], axis=0)


def cost(line: keras.Model, x: tf.Tensor, y: tf.Tensor, count: int) -> tf.Tensor:
    """Returns the part of the cost that comes from the given points: the sum of their
    squared errors, divided by 2 * count. `count` is the number of all points.
    """
    return tf.reduce_sum((line(x) - y) ** 2) / (2 * count)


def update(line: keras.Model, x, y, count: int, learning_rate: float) -> None:
    """Moves W and b one step against the gradient of what the given points contribute
    to the cost.
    """
    with tf.GradientTape() as tape:  # notes what is computed with W and b
        point_cost = cost(line, x, y, count)
    gradients = tape.gradient(point_cost, line.trainable_variables)
    for variable, gradient in zip(line.trainable_variables, gradients, strict=True):
        variable.assign_sub(learning_rate * gradient)  # variable -= ...


# Compiled where TensorFlow can do it, so that 51,000 updates take milliseconds.
@tf.function(jit_compile=device.can_compile())
def train(line: keras.Model, x, y, epochs: int, learning_rate: float) -> tf.Tensor:
    """Updates W and b with one point after the other, for some epochs.

    Returns:
        W and b after each epoch, float32 (epochs, 2).
    """
    reached = tf.TensorArray(tf.float32, epochs)  # a list, for compiled functions
    for epoch in tf.range(epochs):
        for point in tf.range(len(x)):
            one_x, one_y = x[point, None], y[point, None]  # (1, 1) each
            update(line, one_x, one_y, len(x), learning_rate)
        reached = reached.write(epoch, get_weights(line))
    return reached.stack()


def main(config: Config) -> dict:
    dataset = toy.load_points()
    x, y = map(tf.constant, dataset.train)  # (17, 1) each
    test_x, test_y = map(tf.constant, dataset.test)  # (8, 1) each

    with runs.start(config, dataset) as run:
        line = build_line()
        line.summary()
        run.graph(line)

        path = [get_weights(line).numpy()]  # W and b before training, then each epoch's
        parts = np.array_split(range(config.epochs), min(RECORDS, config.epochs))
        for part in run.steps(len(parts), line=line, path=path):
            epochs = len(parts[part])
            path.extend(train(line, x, y, epochs, config.learning_rate).numpy())
            done = len(path) - 1  # epochs
            run.log(done, "train", cost=cost(line, x, y, len(x)))
            run.log(done, "test", cost=cost(line, test_x, test_y, len(test_x)))

        train_cost = float(cost(line, x, y, len(x)))
        test_cost = float(cost(line, test_x, test_y, len(test_x)))
        run.show("costs", plots.plot_costs(dataset, path))
        if not np.isfinite(train_cost):
            raise FloatingPointError(
                "the cost grew without limit: each update overshot more than the last. "
                f"Try a tenth: --learning-rate {config.learning_rate / 10:g}"
            )

        best = fit_least_squares(dataset)
        W, b = path[-1].tolist()
        reached = {"train cost": train_cost, "test cost": test_cost, "W": W, "b": b}
        run.table("The line", {"gradient descent": reached, "best": best}, digits=7)
        run.show("fit", plots.plot_fit(dataset, reached, best))
        run.show("path", plots.plot_path(dataset, path, best))
        # So that the saved line can be evaluated as it is. The cost is half the error.
        line.compile("sgd", loss="mse", loss_weights=0.5)
        return run.finish(
            line,
            train={"loss": train_cost},
            test={"loss": test_cost},
            closed_form=best,
        )


def fit_least_squares(dataset) -> dict[str, float]:
    """Returns W and b of the line with the lowest training cost, by the formula of
    least squares, and its costs.
    """
    x, y = (np.ravel(values).astype(float) for values in dataset.train)
    polynomial = np.polynomial.Polynomial.fit(x, y, deg=1)
    b, W = polynomial.convert().coef.tolist()
    costs = []
    for x, y in (dataset.train, dataset.test):
        costs.append(np.mean((polynomial(x) - y) ** 2) / 2)
    return {"train cost": float(costs[0]), "test cost": float(costs[1]), "W": W, "b": b}


if __name__ == "__main__":
    command_line.run(main, Config)
