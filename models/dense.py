"""A network of fully connected layers from any few numbers to any others."""

import itertools

import keras


def build_dense(
    inputs: int,
    units: tuple[int, ...],
    outputs: int,
    dropout: float = 0.0,
    activation: str | None = None,
) -> keras.Model:
    """Builds hidden layers of rectified linear units and one layer of outputs.

    Args:
        inputs: number of inputs.
        units: width of each hidden layer; none for neurons that see the inputs
            themselves.
        outputs: number of outputs.
        dropout: fraction of each hidden layer that is left out at random in training,
            from 0 to below 1.
        activation: of the outputs, such as "sigmoid" for a probability; None for any
            number.

    Returns:
        A model from float32 `(batch, inputs)` to float32 `(batch, outputs)`.
    """
    model = keras.Sequential([keras.Input((inputs,))], name="dense")
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(outputs, activation=activation, name="outputs"))
    return model


def choose_units(
    inputs: int, depth: int, outputs: int, parameters: int
) -> tuple[int, ...]:
    """Chooses the widths of `depth` hidden layers, equal or differing by one, for a
    given number of parameters.

    Args:
        inputs: number of inputs.
        depth: number of hidden layers, from 1 to 16.
        outputs: number of outputs.
        parameters: weights and biases wished for, from 1,000; they are met within 2 %.
    """

    def count(units: tuple[int, ...]) -> int:
        sizes = (inputs, *units, outputs)
        return sum((before + 1) * after for before, after in itertools.pairwise(sizes))

    units = (1,) * depth
    layers = itertools.cycle(range(depth))
    while True:  # one unit more, layer after layer, as long as it comes nearer
        layer = next(layers)
        wider = (*units[:layer], units[layer] + 1, *units[layer + 1 :])
        if count(wider) - parameters > parameters - count(units):
            return units
        units = wider
