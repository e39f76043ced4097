"""Linear regression: gradient descent fits a line to 17 points.

    python course_1_tf_lr.py

Result: cost 0.0772 on the 17 training points and 0.0800 on 8 test points, the same for
        5 of 5 seeds; the best possible line has 0.0769 and 0.0783
Time: 0.1 minutes

A neuron with one input computes y = W x + b, a line. Training looks for the W and b
that make the cost small: half of the mean squared error between the line and the
points. The gradient of the cost says in which direction W and b would make it grow
fastest. Gradient descent takes a small step in the opposite direction, again and again.

Here each step looks at a single point, as in the course: 17 steps are one epoch, one
pass over the points, and 3,000 epochs are 51,000 steps. You will see the line end close
to the best one, but not on it: the last steps each pull it towards one point alone. The
best line is known, because for a line least squares has a formula. Networks have none:
they are trained as this line is.

In TensorBoard: the cost (Scalars). The fit, and the path of W and b over the cost as a
landscape: first down the steep side, then slowly along the valley (Images).

Try:
    --epochs 100       too few: W and b are still on their way along the valley
    --learning-rate 1  too large: each step overshoots, and the cost grows without limit
    --seed 1           another random start, the same end
"""

from dataclasses import dataclass

from lessons.plots import course_1_tf_lr as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import toy

POINTS = 100  # of each curve in TensorBoard


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 3000  # passes over the 17 points
    learning_rate: float = 0.02  # length of a step, as a multiple of the gradient


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


@tf.function
def cost(line: keras.Model, x: tf.Tensor, y: tf.Tensor, count: int) -> tf.Tensor:
    """Returns the sum of the squared errors, divided by twice the number of points."""
    return tf.reduce_sum((line(x) - y) ** 2) / (2 * count)


def update(line: keras.Model, x, y, count: int, learning_rate: float) -> None:
    """Moves W and b one step downhill: against the gradient of the cost."""
    with tf.GradientTape() as tape:  # notes what is computed with W and b
        point_cost = cost(line, x, y, count)
    gradients = tape.gradient(point_cost, line.trainable_variables)
    for variable, gradient in zip(line.trainable_variables, gradients, strict=True):
        variable.assign_sub(learning_rate * gradient)


@tf.function(jit_compile=True)  # compiled: the 51,000 updates take 10 milliseconds
def train(line: keras.Model, x, y, epochs: int, learning_rate: float) -> tf.Tensor:
    """Updates W and b with one point after the other, for some epochs.

    Returns:
        W and b after each epoch, float32 (epochs, 2).
    """
    path = tf.TensorArray(tf.float32, epochs)
    for epoch in tf.range(epochs):
        for point in tf.range(len(x)):
            update(line, x[point, None], y[point, None], len(x), learning_rate)
        path = path.write(epoch, get_weights(line))
    return path.stack()


def main(config: Config) -> dict:
    dataset = toy.load_points()
    x, y = map(tf.constant, dataset.train)  # (17, 1) each
    test_x, test_y = map(tf.constant, dataset.test)  # (8, 1) each

    with runs.start(config, dataset) as run:
        line = build_line()
        line.summary()
        run.graph(line)

        path = [get_weights(line).numpy()]  # before training
        blocks = np.array_split(range(config.epochs), min(POINTS, config.epochs))
        for block in run.steps(len(blocks), line=line, path=path):
            epochs = len(blocks[block])
            path.extend(train(line, x, y, epochs, config.learning_rate).numpy())
            run.log(len(path) - 1, "train", cost=cost(line, x, y, len(x)))
            run.log(len(path) - 1, "test", cost=cost(line, test_x, test_y, len(test_x)))

        train_cost = float(cost(line, x, y, len(x)))
        test_cost = float(cost(line, test_x, test_y, len(test_x)))
        run.show("costs", plots.plot_costs(dataset, path))
        if not np.isfinite(train_cost):
            raise FloatingPointError(
                "the cost grew without limit: each step went further than the last. "
                f"Try a tenth: --learning-rate {config.learning_rate / 10:g}"
            )

        best = fit_least_squares(dataset)
        W, b = path[-1].tolist()
        reached = {"train cost": train_cost, "test cost": test_cost, "W": W, "b": b}
        run.table("The line", {"gradient descent": reached, "best": best}, digits=7)
        run.show("fit", plots.plot_fit(dataset, reached, best))
        run.show("path", plots.plot_path(dataset, path, best))
        return run.finish(
            line,
            train={"loss": train_cost},
            test={"loss": test_cost},
            closed_form=best,
        )


def fit_least_squares(dataset) -> dict[str, float]:
    """Returns W and b of the best line, by the formula of least squares, and its costs.

    For a line there is such a formula. For a network there is none.
    """
    x, y = (np.ravel(values).astype(float) for values in dataset.train)
    best = np.polynomial.Polynomial.fit(x, y, deg=1)
    costs = [np.mean((best(x) - y) ** 2) / 2 for x, y in (dataset.train, dataset.test)]
    b, W = best.convert().coef.tolist()
    return {"train cost": float(costs[0]), "test cost": float(costs[1]), "W": W, "b": b}


if __name__ == "__main__":
    command_line.run(main, Config)
