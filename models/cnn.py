"""A convolutional network: small filters slide over the image, so that a pattern is
found wherever it stands.
"""

import keras


def build_cnn(
    filters: tuple[int, ...] = (32, 64),
    units: int = 256,
    dropout: float = 0.4,
    classes: int = 10,
    kernel: int = 5,
) -> keras.Model:
    """Builds a network of convolutions with pooling, then one hidden layer, for images
    of 28 x 28 pixels.

    The plan is that of LeNet-5 (LeCun et al., "Gradient-Based Learning Applied to
    Document Recognition", 1998) with today's activation and pooling.

    Args:
        filters: number of filters of each convolution. Each is followed by pooling,
            which halves the image.
        units: width of the hidden layer.
        dropout: fraction of the hidden layer that is left out at random in training,
            from 0 to below 1.
        classes: number of classes.
        kernel: width and height of the filters, pixels.

    Returns:
        A model from uint8 `(batch, 28, 28, 1)` in [0, 255] to float32 logits `(batch,
        classes)`.
    """
    model = keras.Sequential(name="cnn")
    model.add(keras.Input((28, 28, 1)))
    model.add(keras.layers.Rescaling(1 / 255))
    for count in filters:
        model.add(
            keras.layers.Conv2D(count, kernel, padding="same", activation="relu")
        )  # (batch, size, size, count)
        model.add(keras.layers.MaxPooling2D())  # (batch, size / 2, size / 2, count)
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(classes, dtype="float32", name="logits"))
    return model
