"""What a loss is, and three ways to walk down to its minimum.

    python lessons/course_1_gradient_descent.py

Result: from the same start, plain gradient descent and Adam end in the nearer minimum,
        at height 0.29, momentum in the lower one, at -0.31
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

A loss says in one number how wrong an answer is, and its slope says how to change the
answer. A neuron computes a weighted sum, the logit, and turns it into a probability p =
sigmoid(logit) = 1 / (1 + exp(-logit)). Where 1 is the truth, the lesson compares two
losses of p. The squared error (p - 1)^2 has the slope -2 p (1 - p)^2 with respect to
the logit: nearly zero where the neuron is confidently wrong, so it hardly learns. The
cross-entropy -log p has the slope -(1 - p): steepest exactly there.

Then three optimizers walk down a surface with two minima. Plain gradient descent steps
against the slope. Momentum (Polyak, 1964) also keeps nine tenths of its last step, like
a ball that rolls. Adam (Kingma and Ba, 2015) divides each step by the usual size of the
slope, so that steps in x and in y are about as long as the learning rate. Here the ball
rolls over the hill into the lower minimum. That is luck: no method promises to find the
lowest one, and another learning rate changes who finds it.

In TensorBoard: the slider of "descent" (page Images); the height of the three, step by
step (page Scalars).

Try:
    --learning-rate 0.005 --steps 1000
                          momentum no longer gets over the hill: all three end in the
                          nearer minimum
    --learning-rate 0.15  plain gradient descent jumps into the lower minimum by chance,
                          momentum diverges
    --start 0.5 1.5       another start: all three end in the nearer minimum
"""

from dataclasses import dataclass
from typing import Annotated

from lessons.plots import course_1_gradient_descent as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    learning_rate: float = 0.05  # of each optimizer
    # Fraction of the last step that momentum keeps.
    momentum: Annotated[float, options.between(0, below=1)] = 0.9
    steps: int = 300  # of each optimizer
    start: Annotated[tuple[float, float], options.between(-2, 2)] = (1.7, 1.5)  # x, y


def squared_error(p: tf.Tensor) -> tf.Tensor:
    """Returns how wrong a probability is where 1 is the truth: at most 1."""
    return (p - 1.0) ** 2


def cross_entropy(p: tf.Tensor) -> tf.Tensor:
    """Returns how wrong a probability is where 1 is the truth: without limit."""
    return -tf.math.log(p)


def find_slope(loss, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the loss of the probabilities sigmoid(logits), and its slope.

    A neuron computes the logit first, a weighted sum, and its sigmoid is the
    probability. The slope with respect to the logit is what reaches the weights.

    Args:
        loss: a function of probabilities.
        logits: float (n,).
    """
    logits = tf.Variable(logits)
    with tf.GradientTape() as tape:
        values = loss(tf.sigmoid(logits))
    return values.numpy(), tape.gradient(values, logits).numpy()


def surface(x, y):
    """Returns the height at (x, y): a minimum at x = 0.96, a lower one at x = -1.04,
    and a hill between them.
    """
    return (x**2 - 1) ** 2 + 0.3 * x + y**2


def descend(optimizer, start: tuple[float, float], steps: int) -> np.ndarray:
    """Walks down the surface; stops early if the walk leads ever farther away.

    Returns:
        The places (x, y) from the start to the end, float64 (steps + 1, 2).
    """
    place = keras.Variable(start)
    path = [place.numpy()]
    while len(path) <= steps and np.abs(path[-1]).max() < 1000:
        with tf.GradientTape() as tape:
            height = surface(place[0], place[1])
        slope = tape.gradient(height, place.value)
        optimizer.apply([slope], [place])
        path.append(place.numpy())
    return np.array(path, "float64")


def find_end(path: np.ndarray) -> dict[str, float] | str:
    """Returns where a walk ended and the height there, or "diverged"."""
    x, y = path[-1].tolist()
    if max(abs(x), abs(y)) >= 1000:
        return "diverged"
    return {"x": x, "y": y, "height": surface(x, y)}


def main(config: Config) -> dict:
    with runs.start(config) as run:
        probabilities = np.linspace(0.001, 0.999, 200)
        logits = np.log(probabilities / (1 - probabilities))
        judged = {
            "squared error": find_slope(squared_error, logits),
            "cross-entropy": find_slope(cross_entropy, logits),
        }
        run.table(
            "Losses where 1 is the truth", plots.choose_rows(probabilities, judged)
        )
        run.show("losses", plots.plot_losses(probabilities, judged))

        rate = config.learning_rate
        optimizers = {
            "plain": keras.optimizers.SGD(rate),
            "momentum": keras.optimizers.SGD(rate, momentum=config.momentum),
            "Adam": keras.optimizers.Adam(rate),
        }
        paths = {}
        for name, optimizer in optimizers.items():
            paths[name] = descend(optimizer, config.start, config.steps)
            for step, (x, y) in enumerate(paths[name]):
                run.log(step, name, height=surface(x, y))
        for step in plots.choose_steps(config.steps):
            run.show("descent", plots.plot_descent(surface, paths, step), step)

        ends = {name: find_end(path) for name, path in paths.items()}
        rows = {
            name: end if isinstance(end, dict) else {} for name, end in ends.items()
        }
        run.table("Where they end; a row without numbers diverged", rows, digits=2)
        return run.finish(ends=ends)


if __name__ == "__main__":
    command_line.run(main, Config)
