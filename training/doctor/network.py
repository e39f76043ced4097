"""What can be read from the layers of a network."""

import math

import keras


def count_values(model: keras.Model) -> int:
    """Returns about how many values the layers of a network compute for an example, at
    least 1.
    """
    total = 1
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += count_values(layer)
        else:
            outputs = keras.tree.flatten(getattr(layer, "output", []))
            total += sum(
                math.prod(size or 1 for size in output.shape[1:]) for output in outputs
            )
    return total


def find_kernel(layer: keras.layers.Layer):
    """Returns the kernel of a layer, of a recurrent one that for its inputs, None if it
    has none.
    """
    forward = getattr(layer, "forward_layer", layer)  # of a bidirectional one
    holder = forward if hasattr(forward, "kernel") else getattr(forward, "cell", None)
    return getattr(holder, "kernel", None)


def find_first_layer(model: keras.Model) -> keras.layers.Layer | None:
    """Returns the first layer with weights; None if that is no matrix or convolution,
    or the inputs are words.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer) or not layer.weights:
            continue
        return None if find_kernel(layer) is None else layer
    return None


def find_rectified(layers: list[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """Returns the layers whose outputs a rectifier cuts off at 0."""
    return [
        layer
        for layer in layers
        if name_activation(layer) == "relu" or isinstance(layer, keras.layers.ReLU)
    ]


def name_activation(layer: keras.layers.Layer) -> str:
    """Returns the name of a layer's activation, "linear" if it has none."""
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def name_last_activation(model: keras.Model) -> str:
    """Returns the name of the last activation, "linear" if there is none."""
    passing = keras.layers.Reshape | keras.layers.Flatten | keras.layers.Dropout
    for layer in reversed(model.layers):
        if isinstance(layer, keras.layers.Softmax):
            return "softmax"
        if isinstance(layer, keras.layers.ReLU):
            return "relu"
        if isinstance(layer, passing):
            continue
        return name_activation(layer)
    return "linear"


def is_repaired_by_keras(model: keras.Model) -> bool:
    """True if Keras takes the logits of a softmax or sigmoid that is the very last
    operation.
    """
    last = model.layers[-1]
    return name_activation(last) in ("softmax", "sigmoid") or isinstance(
        last, keras.layers.Softmax
    )


def takes_words(model: keras.Model) -> bool:
    """True if the network looks up ids of words in a table."""
    return any(isinstance(layer, keras.layers.Embedding) for layer in model.layers)
