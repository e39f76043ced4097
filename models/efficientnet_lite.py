"""EfficientNet-Lite0: a small network for photographs, trained on ImageNet.

Its plan is that of EfficientNet-B0 (Tan and Le, "EfficientNet: Rethinking Model Scaling
for Convolutional Neural Networks", 2019) without squeeze-and-excitation and with ReLU6,
so that small devices compute it fast.
"""

import contextlib
import os
import warnings
from pathlib import Path

import keras

from models import torch_file

# Of each stage: expansion, filters, blocks, stride of the first block, kernel size.
STAGES = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
]
STAGES.append((6, 320, 1, 1, 3))


def build_efficientnet_lite0(
    weights: Path | None = None, keep: Path | None = None, size: int = 224
) -> keras.Model:
    """Builds the network with 4.7 million parameters, for the 1,000 classes of
    ImageNet.

    A block widens its input with 1 x 1 convolutions, filters each channel by itself (a
    depthwise convolution), and narrows it again; where input and output have one shape,
    they are added ("MBConv": Sandler et al., 2018).

    Args:
        weights: file of weights, PyTorch's (`.pth`) or Keras's (`.weights.h5`); None
            for random ones.
        keep: file in which the weights are kept in Keras's form, for the next time;
            None for none.
        size: height and width of the images, a multiple of 32; the weights were trained
            at 224.

    Returns:
        A model from uint8 `(batch, size, size, 3)` in [0, 255] to float32 logits
        `(batch, 1000)`. Its layer "features" gives float `(batch, 1280)`.

    Raises:
        ValueError: the file is damaged or of another network.
        OSError: it cannot be read.
    """
    inputs = keras.Input((size, size, 3), name="images")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = convolve(
        x, "conv_stem", "bn0", 32, kernel=3, stride=2
    )  # (batch, size / 2, size / 2, 32)
    block = 0
    for expansion, filters, blocks, first_stride, kernel in STAGES:
        for index in range(blocks):
            stride, name, before = (
                (first_stride if index == 0 else 1),
                f"blocks.{block}.",
                x,
            )
            if expansion > 1:
                x = convolve(
                    x, f"{name}_expand_conv", f"{name}_bn0", expansion * x.shape[-1]
                )
            x = convolve(
                x, f"{name}_depthwise_conv", f"{name}_bn1", None, kernel, stride
            )
            x = convolve(
                x, f"{name}_project_conv", f"{name}_bn2", filters, activation=False
            )
            if before.shape == x.shape:
                x = keras.layers.Add(name=f"{name}add")([before, x])
            block += 1
    x = convolve(x, "conv_head", "bn1", 1280)  # (batch, size / 32, size / 32, 1280)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    x = keras.layers.Dropout(0.2)(x)
    outputs = keras.layers.Dense(1000, dtype="float32", name="fc")(x)
    model = keras.Model(inputs, outputs, name="efficientnet_lite0")
    if weights is not None:
        load_weights(model, weights)
    if keep is not None:
        keep_weights(model, keep)
    return model


def keep_weights(model: keras.Model, path: Path) -> None:
    """Saves weights for the next time, or says why that is not possible: the model is
    there without it.
    """
    partial = path.with_name(f"partial_{os.getpid()}_{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # h5py: RuntimeError for a full disk
        print(
            f"The weights are converted again next time, as {path} cannot be written "
            f"({error})"
        )
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def convolve(
    x,
    name: str,
    normalization: str,
    filters: int | None,
    kernel: int = 1,
    stride: int = 1,
    activation=True,
):
    """Adds a convolution, depthwise if `filters` is None, with batch normalization and,
    if asked for, ReLU6.
    """
    if filters is None:
        layer = keras.layers.DepthwiseConv2D(
            kernel, stride, padding="same", use_bias=False, name=name
        )
    else:
        layer = keras.layers.Conv2D(
            filters, kernel, stride, padding="same", use_bias=False, name=name
        )
    x = keras.layers.BatchNormalization(
        epsilon=1e-3, momentum=0.99, name=normalization
    )(layer(x))
    return keras.layers.ReLU(6.0, name=f"{name}_relu6")(x) if activation else x


def load_weights(model: keras.Model, path: Path) -> None:
    """Fills a network of `build_efficientnet_lite0` with the weights of a file.

    Raises:
        ValueError: the file is damaged or of another network.
    """
    if path.suffix != ".pth":
        try:
            with warnings.catch_warnings(
                action="ignore"
            ):  # a hundred, if it is another network's, before the error
                model.load_weights(path)
        except Exception as error:  # a damaged file can raise anything
            raise ValueError(
                f"{path} does not hold weights of EfficientNet-Lite0 ({error})"
            ) from None
        return
    tensors = torch_file.read_tensors(path)
    # Their names are those of the layers behind "_", with which no name in a SavedModel
    # may begin. PyTorch's kernels are (filters, channels, height, width).
    try:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                parts = ("weight", "bias", "running_mean", "running_var")
                layer.set_weights([tensors[f"_{layer.name}.{part}"] for part in parts])
            elif isinstance(layer, keras.layers.DepthwiseConv2D):
                layer.set_weights(
                    [tensors[f"_{layer.name}.weight"].transpose(2, 3, 0, 1)]
                )
            elif isinstance(layer, keras.layers.Conv2D):
                layer.set_weights(
                    [tensors[f"_{layer.name}.weight"].transpose(2, 3, 1, 0)]
                )
            elif isinstance(layer, keras.layers.Dense):
                layer.set_weights(
                    [tensors[f"_{layer.name}.weight"].T, tensors[f"_{layer.name}.bias"]]
                )
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold weights of EfficientNet-Lite0 ({error})"
        ) from None
