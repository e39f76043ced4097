"""Tensors, operations, variables, graphs and gradients: TensorFlow on one page.

    python course_1_tf_basic_operation.py

Result: 60 expressions beside their values
Time: 0.1 minutes (2 cores, bfloat16)

You will see what TensorFlow computes with, before any network is built from it. Each
printed expression stands in this file: read both side by side. The order is the
course's: numbers, operations, shapes, then the idea that made TensorFlow what it is,
"build the equation, then feed the numbers", and at last the derivative of an equation.

In TensorBoard: under Graphs, the graph of the function `neuron` below: its arguments,
and each operation on the way.

Try:
    --size 1000000  larger tensors: a graph saves the time between operations, and now
                    that is a smaller share
    --debug         functions run line by line, as written: traced anew at each call,
                    and no time saved a line of your own in `main`, such as
                    show(f"{tf.reverse(vector, axis=[0]) = !s}")
"""

import timeit
from dataclasses import dataclass

from training import command_line, options, runs

import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    size: int = (
        10  # length of the vector in the race between a graph and single operations
    )


def show(*lines: str) -> None:
    """Prints each "expression = value" as a row of a page."""
    for line in lines:
        expression, _, value = " ".join(line.split()).partition(" = ")
        value, _, kind = (
            value.removeprefix("tf.Tensor(")
            .removesuffix(")")
            .strip()
            .partition(", shape=")
        )
        print(f"  {expression:48} {value:36} {kind and 'shape=' + kind}".rstrip())


def main(config: Config) -> dict:
    with runs.start(config) as run:
        print("Constants: numbers of one type in one shape")
        a, b = tf.constant(2), tf.constant(3)
        vector, other = tf.constant([1.0, -2.0, 4.0]), tf.constant([2.0, 2.0, 0.5])
        show(
            f"{a = !s}",
            f"{vector = !s}",
            f"{tf.zeros([2, 3]) = !s}",
            f"{tf.range(6) = !s}",
        )

        print("\nOperations on each element")
        show(
            f"{tf.add(a, b) = !s}",
            f"{a + b = !s}",
            f"{tf.subtract(a, b) = !s}",
            f"{tf.divide(a, b) = !s}",
        )
        show(
            f"{tf.add_n([vector, other, other]) = !s}",
            f"{tf.multiply(vector, other) = !s}",
            f"{tf.exp(vector) = !s}",
        )
        show(
            f"{tf.scalar_mul(10.0, vector) = !s}",
            f"{tf.abs(vector) = !s}",
            f"{tf.negative(vector) = !s}",
        )
        show(
            f"{tf.sign(vector) = !s}",
            f"{tf.math.reciprocal(vector) = !s}",
            f"{tf.square(vector) = !s}",
        )
        show(
            f"{tf.sqrt(other) = !s}",
            f"{tf.math.rsqrt(other) = !s}",
            f"{tf.pow(vector, 3) = !s}",
        )

        print("\nPlaces and sets (tf.setdiff1d is now tf.sets.difference)")
        show(
            f"{tf.argmax(vector) = !s}",
            f"{tf.where(vector > 0) = !s}",
            f"{tf.where(vector > 0, vector, other) = !s}",
        )
        show(f"{tf.unique([3, 3, 5, 3]).y = !s}", f"{tf.unique([3, 3, 5, 3]).idx = !s}")
        show(f"{tf.sets.difference([[1, 2, 3]], [[2]]).values = !s}")

        print("\nFrom many numbers to fewer")
        matrix = tf.constant([[1, 3], [2, 1], [0, 5]])
        show(
            f"{matrix = !s}",
            f"{tf.reduce_sum(matrix) = !s}",
            f"{tf.reduce_sum(matrix, axis=0) = !s}",
        )
        show(
            f"{tf.reduce_prod(matrix, axis=1) = !s}",
            f"{tf.reduce_min(matrix) = !s}",
            f"{tf.reduce_max(matrix) = !s}",
        )
        show(
            f"{tf.reduce_mean(matrix) = !s}",
            f"{tf.reduce_mean(tf.cast(matrix, tf.float32)) = !s}",
        )
        show(f"{tf.reduce_all(matrix > 0) = !s}", f"{tf.reduce_all(matrix >= 0) = !s}")

        print(
            "\nThe product of two matrices: each row of the first with each column of "
            "the second"
        )
        show(
            f"{tf.matmul(matrix, [[3, 2, 1], [1, 2, 3]]) = !s}",
            f"{matrix @ [[3, 2, 1], [1, 2, 3]] = !s}",
        )

        print(
            "\nBroadcasting: an axis of length 1, or a missing one, is repeated until "
            "the shapes match"
        )
        show(
            f"{matrix + 10 = !s}",
            f"{matrix + [10, 20] = !s}",
            f"{matrix + [[10], [20], [30]] = !s}",
        )

        print(
            "\nTypes do not mix unasked, and tf.div is now / or // or "
            "tf.math.divide_no_nan"
        )
        show(
            f"{a / b = !s}",
            f"{a // b = !s}",
            f"{tf.math.divide_no_nan(vector, 0.0) = !s}",
        )
        show(f"{tf.cast(a, tf.float32) + vector = !s}")
        try:
            show(f"{a + vector = !s}")
        except tf.errors.InvalidArgumentError as error:
            show(f"a + vector = error: {error.message.partition(' [Op')[0]}")

        print("\nVariables: numbers that training changes")
        weights, bias = tf.Variable([0.5, 0.5, 0.5]), tf.Variable(-1.0)
        show(
            f"{bias.value() = !s}",
            f"{bias.assign_add(3.0).value() = !s}",
            f"{weights.value() = !s}",
        )

        print(
            "\nBuild the equation, then feed the numbers: placeholders have become the "
            "arguments of a function"
        )
        traces = []

        @tf.function
        def neuron(x):
            traces.append("this line runs while the graph is built, and not again")
            return tf.sigmoid(tf.reduce_sum(weights * x) + bias)

        show(
            f"{neuron(vector) = !s}",
            f"{neuron(other) = !s}",
            f"{neuron(-vector) = !s}",
            f"{len(traces) = !s}",
        )
        run.graph(neuron, vector)

        def hundred_steps(x):
            for _ in range(100):
                x = 0.5 * x + 1.0
            return x

        in_graph, start = tf.function(hundred_steps), tf.zeros([config.size])
        show(f"{hundred_steps(start)[0] = !s}", f"{in_graph(start)[0] = !s}")
        eager, graph = (
            min(timeit.repeat(lambda f=f: f(start), number=10))
            for f in (hundred_steps, in_graph)
        )
        print(
            f"  the graph is {eager / graph:.0f} times as fast as the same operations "
            "one by one"
        )

        print(
            "\nDerivatives: a tape records the operations, and is then played backwards"
        )
        x = tf.Variable(2.0)
        with tf.GradientTape() as tape:
            y = x**3 - 2.0 * x + 1.0
        slope = tape.gradient(y, x)
        show(f"{y = !s}", f"{slope = !s}", f"{3 * x**2 - 2 = !s}")

        print("\nWhere it was computed (with tf.device('CPU'): chooses)")
        show(
            f"{(matrix + matrix).device = !s}",
            f"{tf.config.list_logical_devices() = !s}",
        )
        return run.finish(graph_speedup=eager / graph, slope=float(slope))


if __name__ == "__main__":
    command_line.run(main, Config)
