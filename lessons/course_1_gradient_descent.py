"""What a loss is, and how gradient descent walks down to a minimum, though not always
the lowest.

    python lessons/course_1_gradient_descent.py

Result: plain descent and Adam end in the nearer minimum, momentum in the lower one
Time: 0.2 minutes (2 cores, bfloat16)

You will see two losses judge the answer y' of a neuron where the truth is 1: the
squared error (y' - 1)^2 and the cross-entropy -log y'. A sure and wrong answer costs at
most 1 by the first, and its slope is almost zero: nothing is learned from it. By the
second it costs without limit, and the slope is steepest where the answer is most wrong.

Then three ways down a surface with two minima, f(x, y) = (x^2 - 1)^2 + 0.3 x + y^2.
Plain descent steps against the slope. Momentum (Polyak, 1964) keeps nine tenths of its
last step, like a ball that rolls. Adam (Kingma and Ba, 2015) makes steps of about the
same length in each direction. Momentum rolls over the hill here; none of them promises
to.

In TensorBoard: under Images, move the slider of "descent"; under Scalars, compare the
height of the three.

Try:
    --learning-rate 0.005 momentum no longer comes over the hill: all three end in the
    nearer minimum
    --learning-rate 0.15  plain descent jumps into the lower minimum by luck, momentum
                          diverges
    --start 0.5 1.5       all three end in the nearer minimum
"""

from dataclasses import dataclass
from typing import Annotated

from lessons.plots import course_1_gradient_descent as plots
from training import command_line, figures, options, runs

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    steps: int = 300  # of each descent
    learning_rate: float = 0.05  # of each descent
    momentum: Annotated[float, options.between(0, below=1)] = (
        0.9  # fraction of the last step that momentum keeps
    )
    start: Annotated[tuple[float, float], options.between(-2, 2)] = (1.7, 1.5)  # x, y


def surface(x, y):
    """Returns the height above the place (x, y): a valley at x = 0.96, a deeper one at
    x = -1.04, a hill between.
    """
    return (x**2 - 1) ** 2 + 0.3 * x + y**2


def judge(logits: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Returns two losses of the answers sigmoid(logits) where 1 is true, and their
    slopes, each float `(n,)`.
    """
    logits = tf.Variable(logits)
    with tf.GradientTape(persistent=True) as tape:
        answers = tf.sigmoid(logits)
        losses = {
            "squared error": (answers - 1.0) ** 2,
            "cross-entropy": -tf.math.log(answers),
        }
    slopes = {name: tape.gradient(loss, logits) for name, loss in losses.items()}
    return {
        "loss": {name: v.numpy() for name, v in losses.items()},
        "slope": {n: v.numpy() for n, v in slopes.items()},
    }


def descend(optimizer: keras.optimizers.Optimizer, config: Config) -> np.ndarray:
    """Returns the places from the start to the end of a descent, float64 `(steps + 1,
    2)`, fewer if it diverges.
    """
    place = keras.Variable(config.start)
    path = [place.value.numpy().copy()]
    while len(path) <= config.steps and np.abs(path[-1]).max() < 1e3:
        with tf.GradientTape() as tape:
            height = surface(place[0], place[1])
        optimizer.apply([tape.gradient(height, place.value)], [place])
        path.append(place.value.numpy().copy())
    return np.array(path, "float64")


def main(config: Config) -> dict:
    with runs.start(config) as run:
        answers = np.linspace(0.001, 0.999, 200)
        judged = judge(np.log(answers / (1 - answers)))
        print("answer y' (1 is true)   squared error, slope     cross-entropy, slope")
        for index in (0, 20, 100, 180, 199):
            row = [
                judged[kind][name][index]
                for name in judged["loss"]
                for kind in ("loss", "slope")
            ]
            print(
                f"{answers[index]:>16.3f} {row[0]:>17.3f} {row[1]:>9.3f} "
                f"{row[2]:>15.3f} {row[3]:>9.3f}"
            )
        run.show(
            "losses", figures.plot_curves(answers, judged, "answer y' where 1 is true")
        )

        rate = config.learning_rate
        paths = {
            "plain": descend(keras.optimizers.SGD(rate), config),
            "momentum": descend(
                keras.optimizers.SGD(rate, momentum=config.momentum), config
            ),
            "Adam": descend(keras.optimizers.Adam(rate), config),
        }
        ends = {}
        print()
        for name, path in paths.items():
            for step, place in enumerate(path):
                run.log(step, name, height=surface(*place))
            x, y = path[-1].tolist()
            ends[name] = (
                "diverged"
                if abs(x) > 1e3
                else {"x": x, "y": y, "height": surface(x, y)}
            )
            where = (
                f"at ({x:.2f}, {y:.2f}), height {surface(x, y):.2f}"
                if ends[name] != "diverged"
                else "nowhere: diverged"
            )
            print(f"{name:10} ends {where}")
        for step in sorted(
            {*range(0, config.steps, max(1, config.steps // 12)), config.steps}
        ):
            shown = {name: path[: step + 1] for name, path in paths.items()}
            run.show("descent", plots.plot_descent(surface, shown), step)
        return run.finish(ends=ends)


if __name__ == "__main__":
    command_line.run(main, Config)
