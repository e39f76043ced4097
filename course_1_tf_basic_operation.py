"""TensorFlow's basics: tensors, operations, variables, functions and gradients.

    python course_1_tf_basic_operation.py

Result: 60 expressions beside their values
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

A tensor is an array of numbers of one type: a single number, a vector, a matrix, or
more axes. Everything in the later lessons is computed with tensors. This page prints 60
expressions, each with its value, shape and type. Read the output beside the file: every
printed expression stands here as it is.

The order is that of need: numbers, operations on each of them, sums, products of
matrices, then variables and functions, which TensorFlow compiles into a graph of
operations. It ends with a gradient: the derivative by which every network learns.

In TensorBoard: the function `neuron` as a graph of its operations (page Graphs).

Try:
    --size 1000000  longer vectors in the race between a graph and single operations:
                    computing takes longer, starting an operation does not, so the
                    graph is about twice as fast instead of twenty times
    --debug         functions run line by line, as written: slower, and the line in
                    `neuron` runs at each call
    --name mine     after adding a line of your own to the file, such as
                    show(f"{tf.reverse([1, 2, 3], axis=[0]) = !s}")
"""

import timeit
from dataclasses import dataclass
from typing import Annotated

from training import command_line, options, runs

import tensorflow as tf


@dataclass(frozen=True)
class Config(options.Options):
    size: Annotated[int, options.between(1, 100_000_000)] = 10  # of the race's vector


def show(line: str) -> None:
    """Prints "expression = value" as a row: the expression, its value, its shape.

    In an f-string, `{a + b = !s}` gives the text "a + b", an equals sign, and the value
    as print would show it. So what is printed is what was computed.
    """
    expression, _, value = " ".join(line.split()).partition(" = ")
    value = value.removeprefix("tf.Tensor(").removesuffix(")").strip()
    value, _, shape = value.partition(", shape=")
    row = f"  {expression:48} {value:36} {shape and 'shape=' + shape}"
    print(row.rstrip())


def show_constants() -> None:
    """A tensor: numbers of one type in one shape."""
    print("Constants")
    number = tf.constant(2)
    show(f"{number = !s}")
    vector = tf.constant([1.0, -2.0, 4.0])
    show(f"{vector = !s}")
    matrix = tf.constant([[1, 3], [2, 1], [0, 5]])
    show(f"{matrix = !s}")
    show(f"{tf.zeros([2, 3]) = !s}")
    show(f"{tf.range(6) = !s}")


def show_operations() -> None:
    """An operation on each element. Signs such as + are short for a function."""
    print("\nOperations on each element")
    a = tf.constant(2)
    b = tf.constant(3)
    show(f"{tf.add(a, b) = !s}")
    show(f"{a + b = !s}")
    show(f"{tf.subtract(a, b) = !s}")
    show(f"{tf.divide(a, b) = !s}")
    show(f"{a // b = !s}")
    vector = tf.constant([1.0, -2.0, 4.0])
    other = tf.constant([2.0, 2.0, 0.5])
    show(f"{tf.multiply(vector, other) = !s}")
    show(f"{tf.add_n([vector, other, other]) = !s}")
    show(f"{tf.scalar_mul(10.0, vector) = !s}")
    show(f"{tf.negative(vector) = !s}")
    show(f"{tf.abs(vector) = !s}")
    show(f"{tf.sign(vector) = !s}")
    show(f"{tf.math.reciprocal(vector) = !s}")
    show(f"{tf.math.divide_no_nan(vector, 0.0) = !s}")
    show(f"{tf.square(vector) = !s}")
    show(f"{tf.pow(vector, 3) = !s}")
    show(f"{tf.sqrt(other) = !s}")
    show(f"{tf.math.rsqrt(other) = !s}")
    show(f"{tf.exp(vector) = !s}")


def show_types() -> None:
    """Types do not mix by themselves: cast one to the other."""
    print("\nTypes")
    whole = tf.constant(2)
    vector = tf.constant([1.0, -2.0, 4.0])
    show(f"{tf.cast(whole, tf.float32) + vector = !s}")
    try:
        show(f"{whole + vector = !s}")
    except tf.errors.InvalidArgumentError as error:
        reason = error.message.partition(" [Op")[0]
        show(f"whole + vector = error: {reason}")


def show_reductions() -> None:
    """Many numbers become fewer. `axis` is the axis that disappears: axis 0 runs over
    the rows, so a number for each column is left; axis=1 leaves one for each row.
    """
    print("\nFrom many numbers to fewer")
    matrix = tf.constant([[1, 3], [2, 1], [0, 5]])
    show(f"{tf.reduce_sum(matrix) = !s}")
    show(f"{tf.reduce_sum(matrix, axis=0) = !s}")
    show(f"{tf.reduce_prod(matrix, axis=1) = !s}")
    show(f"{tf.reduce_min(matrix) = !s}")
    show(f"{tf.reduce_max(matrix) = !s}")
    show(f"{tf.reduce_mean([1, 2]) = !s}")  # of whole numbers, so it is rounded down
    show(f"{tf.reduce_mean(tf.cast(matrix, tf.float32)) = !s}")
    show(f"{tf.reduce_all(matrix > 0) = !s}")
    show(f"{tf.reduce_all(matrix >= 0) = !s}")


def show_products() -> None:
    """The product of two matrices: each row of the first and each column of the second
    are multiplied number by number, and summed up.
    """
    print("\nProducts of matrices")
    matrix = tf.constant([[1, 3], [2, 1], [0, 5]])  # (3, 2)
    other = tf.constant([[3, 2, 1], [1, 2, 3]])  # (2, 3)
    show(f"{tf.matmul(matrix, other) = !s}")
    show(f"{matrix @ other = !s}")
    show(f"{tf.reshape(matrix, [2, 3]) = !s}")


def show_broadcasting() -> None:
    """An axis that is missing or of length 1 is repeated until the shapes match."""
    print("\nBroadcasting")
    matrix = tf.constant([[1, 3], [2, 1], [0, 5]])
    show(f"{matrix + 10 = !s}")
    show(f"{matrix + [10, 20] = !s}")
    show(f"{matrix + [[10], [20], [30]] = !s}")


def show_places() -> None:
    """Where in a tensor something is, which values occur, and which of one set are not
    in another (in 2017: tf.setdiff1d).
    """
    print("\nPlaces and sets")
    vector = tf.constant([1.0, -2.0, 4.0])
    show(f"{tf.argmax(vector) = !s}")
    show(f"{tf.where(vector > 0) = !s}")
    show(f"{tf.where(vector > 0, vector, 0.0) = !s}")
    show(f"{tf.unique([3, 3, 5, 3]).y = !s}")
    show(f"{tf.unique([3, 3, 5, 3]).idx = !s}")
    show(f"{tf.sets.difference([[1, 2, 3]], [[2]]).values = !s}")


def show_variables() -> None:
    """A variable can be changed. What a network learns is kept in variables."""
    print("\nVariables")
    bias = tf.Variable(-1.0)
    show(f"{bias.value() = !s}")
    show(f"{bias.assign(0.5).value() = !s}")
    show(f"{bias.assign_add(3.0).value() = !s}")


def show_functions(run) -> None:
    """A function with @tf.function becomes a graph at its first call: TensorFlow runs
    the Python code once to note the operations, and from then on only these.

    In 2017 the inputs of a graph were placeholders; now they are arguments.
    """
    print("\nFunctions")
    weights = tf.constant([0.5, 0.5, 0.5])
    traces = []

    @tf.function
    def neuron(x):
        traces.append("this line runs while the graph is built, not afterwards")
        return tf.sigmoid(tf.reduce_sum(weights * x) + 2.0)

    vector = tf.constant([1.0, -2.0, 4.0])
    show(f"{neuron(vector) = !s}")
    show(f"{neuron(-vector) = !s}")
    show(f"{neuron(2 * vector) = !s}")
    show(f"{len(traces) = !s}")
    run.graph(neuron, vector)


def race(size: int) -> float:
    """Returns how many times as fast 100 steps are as one graph.

    Without a graph, Python starts each operation by itself, and waits for it.
    """

    def hundred_steps(x):
        for _ in range(100):
            x = 0.5 * x + 1.0
        return x

    in_graph = tf.function(hundred_steps)
    start = tf.zeros([size])
    show(f"{hundred_steps(start)[0] = !s}")
    show(f"{in_graph(start)[0] = !s}")  # and the graph is built
    eager = min(timeit.repeat(lambda: hundred_steps(start), number=10))
    graph = min(timeit.repeat(lambda: in_graph(start), number=10))
    print(f"  the graph is {eager / graph:.1f} times as fast as single operations")
    return eager / graph


def show_devices() -> None:
    """Where it was computed; `with tf.device("CPU"):` chooses another place."""
    print("\nDevices")
    show(f"{tf.zeros([2]).device = !s}")
    show(f"{tf.config.list_logical_devices() = !s}")


def show_gradient() -> float:
    """A tape notes the operations on variables; other tensors must be named to it with
    `tape.watch(tensor)`. Played backwards, it gives the derivative of the result with
    respect to each of them, by the chain rule.
    """
    print("\nA gradient")
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = x**3 - 2.0 * x + 1.0
    slope = tape.gradient(y, x)
    show(f"{y = !s}")
    show(f"{slope = !s}")
    show(f"{3 * x**2 - 2 = !s}")  # the derivative by hand
    return float(slope)


def main(config: Config) -> dict:
    with runs.start(config) as run:
        show_constants()
        show_operations()
        show_types()
        show_reductions()
        show_products()
        show_broadcasting()
        show_places()
        show_variables()
        show_functions(run)
        graph_speedup = race(config.size)
        show_devices()
        slope = show_gradient()
        return run.finish(graph_speedup=graph_speedup, slope=slope)


if __name__ == "__main__":
    command_line.run(main, Config)
