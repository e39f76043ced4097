"""Networks for photographs that were trained on ImageNet: three architectures with one
input and one output.
"""

import warnings
from collections import Counter
from pathlib import Path

import keras
import numpy as np

from models import efficientnet_lite

# The last layer of each stage, at which a network can be cut.
DEPTHS = {
    "efficientnet_lite0": (
        "conv_stem_relu6",
        "blocks.0._bn2",
        "blocks.2.add",
        "blocks.4.add",
        "blocks.7.add",
        "blocks.10.add",
        "blocks.14.add",
        "blocks.15._bn2",
    ),
    "mobilenet_v2": (
        "Conv1_relu",
        "expanded_conv_project_BN",
        "block_2_add",
        "block_5_add",
        "block_9_add",
        "block_12_add",
        "block_15_add",
        "block_16_project_BN",
    ),
    "vgg16": (
        "block1_pool",
        "block2_pool",
        "block3_pool",
        "block4_pool",
        "block5_pool",
    ),
}
BLUE_GREEN_RED = (
    103.939,
    116.779,
    123.68,
)  # means of ImageNet's pixels, which VGG16 was trained without


def build_backbone(
    name: str, weights: Path | None = None, keep: Path | None = None, size: int = 224
) -> keras.Model:
    """Builds a network for the 1,000 classes of ImageNet, with the preprocessing that
    it was trained with inside.

    "efficientnet_lite0": Tan and Le, 2019, 4.7 million parameters. "mobilenet_v2":
    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, 3.5
    million. "vgg16": Simonyan and Zisserman, "Very Deep Convolutional Networks for
    Large-Scale Image Recognition", 2014, 138 million.

    Args:
        name: one of these three.
        weights: file of weights; None for random ones.
        keep: file in which the weights are kept in Keras's form, for the next time;
            None for none.
        size: height and width of the images, a multiple of 32; the weights were trained
            at 224, and VGG16's fully connected layers take no other.

    Returns:
        A model from uint8 `(batch, size, size, 3)` in [0, 255] to float32 logits
        `(batch, 1000)`. Its layer "features" gives a vector of 1,280 numbers for an
        image, 4,096 for VGG16.

    Raises:
        ValueError: the file is damaged or of another network, or the network cannot
            take images of that size.
        OSError: it cannot be read.
    """
    if size % 32 or (name == "vgg16" and size != 224):
        expected = "224" if name == "vgg16" else "a multiple of 32"
        raise ValueError(
            f"{name} cannot take images of {size} x {size} pixels, expected {expected}"
        )
    if name == "efficientnet_lite0":
        return efficientnet_lite.build_efficientnet_lite0(weights, keep, size)
    inputs = keras.Input((size, size, 3), name="images")
    if name == "mobilenet_v2":
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
        x = keras.applications.MobileNetV2(
            input_tensor=x, include_top=False, weights=None
        ).output
        x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    else:
        x = keras.layers.Rescaling(
            1, offset=[-mean for mean in reversed(BLUE_GREEN_RED)]
        )(inputs)
        x = keras.applications.VGG16(
            input_tensor=x, include_top=False, weights=None
        ).output
        x = keras.layers.Dense(4096, activation="relu", name="fc1")(
            keras.layers.Flatten()(x)
        )
        x = keras.layers.Dense(4096, activation="relu", name="features")(x)
    model = keras.Model(
        inputs,
        keras.layers.Dense(1000, dtype="float32", name="predictions")(x),
        name=name,
    )
    if weights is not None:
        try:
            with warnings.catch_warnings(
                action="ignore"
            ):  # a hundred, if it is another network's, before the error
                model.load_weights(weights)
        except Exception as error:  # a damaged file can raise anything
            raise ValueError(
                f"{weights} does not hold weights of {name} ({error}): delete or "
                "replace it"
            ) from None
    if name == "vgg16" and weights is not None:
        first = model.get_layer(
            "block1_conv1"
        )  # it was trained on blue, green and red in this order
        first.kernel.assign(first.kernel[:, :, ::-1])
    return model


def fold_normalization(model: keras.Model) -> keras.Model:
    """Makes batch normalization a part of the convolutions before it: the same answers
    in about half of the time.

    In inference, it multiplies what a filter gives by a number and adds another; so can
    the filter and its bias.

    Args:
        model: for inference, with each layer in one place. It stays as it is.

    Returns:
        A model with weights of its own, equal to rounding; `model` itself if there is
        nothing to fold.
    """
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = {
        id(layer.output): layer.name
        for layer in model.layers
        if isinstance(layer, kinds)
    }
    read = [*(layer.input for layer in model.layers), model.outputs]
    readers = Counter(id(tensor) for tensor in keras.tree.flatten(read))
    folded = {}  # by the name of the convolution
    for layer in model.layers:
        if (
            isinstance(layer, keras.layers.BatchNormalization)
            and layer.scale
            and layer.center
        ):
            name = convolutions.get(id(layer.input))
            alone = readers[id(layer.input)] == 1
            if (
                name
                and alone
                and model.get_layer(name).activation is keras.activations.linear
            ):
                folded[name] = layer
    if not folded:
        return model

    def clone(layer: keras.Layer) -> keras.Layer:
        if layer in folded.values():
            return keras.layers.Identity(name=layer.name)
        return type(layer).from_config(
            layer.get_config() | ({"use_bias": True} if layer.name in folded else {})
        )

    def call(layer: keras.Layer, *inputs, **options):
        return (
            inputs[0]
            if isinstance(layer, keras.layers.Identity)
            else layer(*inputs, **options)
        )

    shorter = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        weights = layer.get_weights()
        if layer.name in folded:
            gamma, beta, mean, variance = folded[layer.name].get_weights()
            factor = gamma / np.sqrt(variance + folded[layer.name].epsilon)
            kernel, bias = weights if len(weights) == 2 else (*weights, 0)
            last = (
                kernel.shape[2:]
                if isinstance(layer, keras.layers.DepthwiseConv2D)
                else -1
            )
            weights = [kernel * factor.reshape(last), (bias - mean) * factor + beta]
        if weights and layer not in folded.values():
            shorter.get_layer(layer.name).set_weights(weights)
    return shorter
