"""Neurons of two inputs: y = f(sum(w_i x_i) + b), alone or behind a hidden layer."""

import keras
import numpy as np


def build_neurons(units: int = 0) -> keras.Model:
    """Builds one sigmoid neuron, or one behind a hidden layer of tanh neurons.

    Args:
        units: width of the hidden layer; 0 for a single neuron.

    Returns:
        A model from float32 `(batch, 2)` to the probability of a 1, float32 `(batch,
        1)`. Its weights are drawn from N(0, 1).
    """
    model = keras.Sequential([keras.Input((2,))], name="neurons")
    for width, activation in ((units, "tanh"), (1, "sigmoid")):
        if width:
            normal, other = (
                keras.initializers.RandomNormal(stddev=1.0),
                keras.initializers.RandomNormal(stddev=1.0),
            )
            model.add(
                keras.layers.Dense(
                    width, activation, kernel_initializer=normal, bias_initializer=other
                )
            )
    return model


def build_slide_network() -> keras.Model:
    """Builds the course's slide: two inputs, then three layers of two sigmoid neurons
    with given weights.

    Returns:
        A model from float32 `(batch, 2)` to float32 `(batch, 2)` in (0, 1).
    """
    weights = [
        ([[1, -2], [-1, 1]], [1, 0]),
        ([[2, -1], [-2, -1]], [0, 0]),
        ([[3, -1], [-1, 4]], [-2, 2]),
    ]
    model = keras.Sequential(
        [keras.Input((2,)), *(keras.layers.Dense(2, "sigmoid") for _ in weights)],
        name="slide",
    )
    for layer, (rows, bias) in zip(model.layers, weights, strict=True):
        layer.set_weights(
            [np.transpose(rows), np.array(bias)]
        )  # a row of the slide is a neuron, Keras's is a column
    return model
