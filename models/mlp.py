"""A multilayer perceptron: every unit sees every unit of the layer before."""

import keras


def build_mlp(
    units: tuple[int, ...] = (256, 512), dropout: float = 0.3, classes: int = 10
) -> keras.Model:
    """Builds a network of fully connected layers for images of 28 x 28 pixels.

    Args:
        units: width of each hidden layer.
        dropout: share of each hidden layer that is left out at random in training, from
            0 to below 1 (Srivastava et al., "Dropout: A Simple Way to Prevent Neural
            Networks from Overfitting", 2014).
        classes: number of classes.

    Returns:
        A model from uint8 `(batch, 28, 28, 1)` in [0, 255] to float32 logits `(batch,
        classes)`.
    """
    model = keras.Sequential(name="mlp")
    model.add(keras.Input((28, 28, 1)))
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(keras.layers.Flatten())  # (batch, 784)
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(classes, dtype="float32", name="logits"))
    return model
