"""A network of fully connected layers from any few numbers to any others."""

import keras


def build_dense(
    inputs: int, units: tuple[int, ...], outputs: int, dropout: float = 0.0, activation: str | None = None
) -> keras.Model:
    """Builds hidden layers of rectified linear units and one layer of outputs.

    Args:
        inputs: number of inputs.
        units: width of each hidden layer; none for neurons that see the inputs themselves.
        outputs: number of outputs.
        dropout: share of each hidden layer that is left out at random in training, from 0 to below 1.
        activation: of the outputs, such as "sigmoid" for a probability; None for any number.

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
