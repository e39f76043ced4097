"""A polynomial in one variable whose coefficients are the weights of one neuron."""

import keras
import numpy as np


def build_polynomial(degree: int, x: np.ndarray) -> keras.Model:
    """Builds y = w1 x + w2 x^2 + ... + b as one linear neuron on the powers of x.

    Above degree 1 each power is standardised to mean 0 and variance 1 over the training
    points: as it is, x^3 is so much larger than x that no learning rate fits both.

    Args:
        degree: highest power, from 1. At 1 the model is a line.
        x: float `(n, 1)`, the training points, for mean and variance of their powers.

    Returns:
        A model from float32 `(batch, 1)` to float32 `(batch, 1)`. Its weights are drawn
        from N(0, 1).
    """
    inputs = powers = keras.Input((1,), name="x")
    if degree > 1:
        exponents = range(1, degree + 1)
        of_training = x ** np.array(exponents)
        standardise = keras.layers.Normalization(
            mean=of_training.mean(axis=0), variance=of_training.var(axis=0)
        )
        powers = standardise(
            keras.layers.Concatenate()([inputs**exponent for exponent in exponents])
        )
    neuron = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
        bias_initializer=keras.initializers.RandomNormal(stddev=1.0),
        name="neuron",
    )
    return keras.Model(inputs, neuron(powers), name="polynomial")
