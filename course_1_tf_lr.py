"""Gradient descent fits a line to 17 points.

    python course_1_tf_lr.py

Result: training cost 0.0772, test cost 0.0800 in 0.1 minutes; the best possible line
has 0.0769 and 0.0783

You will see one neuron, y = W x + b, start at random and walk down the cost surface:
3,000 epochs, each of 17 steps against the gradient of the cost of a single point. The
cost is sum((prediction - y)^2) / (2 n) with n = 17, also for one point. The walk does
not end on the best line but close to it, because each step serves one point alone.

In TensorBoard: the cost; under Images the fit, and the path: first down the steep side,
then slowly along the valley.

Try:
    --epochs 100       stops on the way, in the valley
    --learning-rate 1  too high: each epoch leads further away, and the cost explodes
    --degree 9         a curve: the closed form overfits, the descent has not come so
                       far and beats the line on both
"""

from dataclasses import dataclass
from typing import Literal

from training import command_line, figures, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import toy
from models import polynomial

GRID = np.linspace(2, 11, 200, dtype="float32")[:, None]  # where the fit is drawn


@dataclass(frozen=True)
class Config(options.OneDeviceOptions):
    precision: Literal["float32"] = "float32"  # of the computation
    epochs: int = 3000  # passes over the 17 points
    learning_rate: float = 0.02  # size of a step, as a multiple of the gradient
    degree: int = 1  # highest power of x: 1 is a line


def main(config: Config) -> dict:
    dataset = toy.load_points()
    (x, y), (test_x, test_y) = dataset.train, dataset.test
    with runs.start(config, dataset) as run:
        model = polynomial.build_polynomial(config.degree, x)
        model.summary()
        run.add_graph(model)

        def cost(x, y):
            return tf.reduce_sum((model(x) - y) ** 2) / (2 * len(x))

        def weights():
            return tf.concat(
                [tf.reshape(variable, [-1]) for variable in model.trainable_variables],
                axis=0,
            )

        @tf.function(jit_compile=True)
        def train_chunk(epochs: int):
            """Returns training cost, test cost and weights after each epoch, float32
            `(epochs, 2 + degree + 1)`.
            """
            history = tf.TensorArray(tf.float32, epochs)
            for epoch in tf.range(epochs):
                for point in tf.range(len(x)):
                    with tf.GradientTape() as tape:
                        point_cost = cost(
                            tf.gather(x, [point]), tf.gather(y, [point])
                        ) / len(x)
                    gradients = tape.gradient(point_cost, model.trainable_variables)
                    for variable, gradient in zip(
                        model.trainable_variables, gradients, strict=True
                    ):
                        variable.assign_sub(config.learning_rate * gradient)
                history = history.write(
                    epoch,
                    tf.concat([[cost(x, y), cost(test_x, test_y)], weights()], axis=0),
                )
            return history.stack()

        history = np.concatenate([[cost(x, y), cost(test_x, test_y)], weights()])[
            None
        ]  # before training
        limit = 100 * (1 + history[0, 0])
        history = (run.load_state() or {"history": history})[
            "history"
        ]  # of an interrupted run
        model.layers[-1].set_weights([history[-1, 2:-1, None], history[-1, -1:]])
        bar = keras.utils.Progbar(
            config.epochs, verbose=run.verbose, stateful_metrics=["train", "test"]
        )
        while (done := len(history) - 1) < config.epochs and history[-1, 0] < limit:
            epochs = min(
                max(100, config.epochs // 100), config.epochs - done
            )  # in one call of the compiled function
            history = np.concatenate([history, train_chunk(epochs)])
            bar.update(
                len(history) - 1, [("train", history[-1, 0]), ("test", history[-1, 1])]
            )
            for epoch in range(done + 10, len(history), 10):
                run.add_scalars(
                    "train",
                    epoch,
                    loss=history[epoch, 0],
                    learning_rate=config.learning_rate,
                )
                run.add_scalars("test", epoch, loss=history[epoch, 1])
            run.save_state(history=history)
        run.add_figure(
            figures.plot_costs(run.figures / "costs.png", history[:, 0], history[:, 1])
        )
        if not history[-1, 0] < limit:
            powers = keras.Model(model.input, model.layers[-1].input)(x)
            raise FloatingPointError(
                explain_divergence(config.learning_rate, powers, history[:, 0])
            )
        best = np.polynomial.Polynomial.fit(
            x.ravel().astype(float), y.ravel(), config.degree
        )  # least squares
        best_costs = [
            np.mean((best(x) - y) ** 2) / 2,
            np.mean((best(test_x) - test_y) ** 2) / 2,
        ]
        best_weights = best.convert().coef[::-1]
        names = (
            ["train cost", "test cost", "W", "b"]
            if config.degree == 1
            else ["train cost", "test cost"]
        )
        rows = {
            "reached": history[-1].tolist(),
            "closed form": [*best_costs, *best_weights],
        }
        rows = {
            label: dict(zip(names, row, strict=False)) for label, row in rows.items()
        }
        print("\n" + runs.table(rows, digits=7))

        curves = {"gradient descent": model(GRID).numpy(), "closed form": best(GRID)}
        run.add_figure(
            figures.plot_fit(
                run.figures / "fit.png", (x, y), (test_x, test_y), GRID, curves
            )
        )
        if config.degree == 1:
            run.add_figure(
                figures.plot_path(
                    run.figures / "path.png", x, y, history[:, 2:], best_weights
                )
            )
        train, test = ({"loss": rows["reached"][name]} for name in names[:2])
        return run.finish(
            model, train=train, test=test, closed_form=rows["closed form"]
        )


def explain_divergence(learning_rate, powers, costs) -> str:
    """Returns by how much an epoch multiplies the distance to its goal, and the rate up
    to which that shrinks.
    """
    features = np.column_stack([powers, np.ones(len(powers))])

    def growth(learning_rate):
        steps = [
            np.eye(len(f)) - learning_rate / len(features) * np.outer(f, f)
            for f in features
        ]
        return max(abs(np.linalg.eigvals(np.linalg.multi_dot(steps[::-1]))))

    rate = next(
        rate
        for rate in min(learning_rate, 10) * 0.99 ** np.arange(1, 2000)
        if growth(rate) <= 1
    )
    factor = (
        f"more than {growth(1e12):.3g}"
        if learning_rate > 1e12
        else f"{growth(learning_rate):.3g}"
    )
    return (
        f"the cost went from {costs[0]:.3g} to {costs[-1]:.3g} in {len(costs) - 1} "
        "epochs: at --learning-rate "
        f"{learning_rate:g} each epoch multiplies the distance to its goal by "
        f"{factor}; up to {rate:.2g} it shrinks"
    )


if __name__ == "__main__":
    command_line.run(main, Config)
