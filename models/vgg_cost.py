"""How much memory and time a picture costs, whose pixels are changed by what VGG finds
in them.
"""

import time
from collections.abc import Callable

import numpy as np
import psutil
import tensorflow as tf

from models.vgg import Kernels

# At a step's peak, for each output of a convolution; measured.
BYTES_KEPT = {"bfloat16": 7, "float32": 9}


def estimate_memory(kernels: Kernels, height: int, width: int, precision: str) -> int:
    """Returns about how many bytes a step takes at its peak for a picture of `height` x
    `width` pixels.

    Args:
        kernels: of the network, as `vgg.read_kernels` returns them.
        height: in pixels.
        width: in pixels.
        precision: "float32" or "bfloat16".
    """
    outputs = 0.0  # of all convolutions, for a pixel
    for name, (_, bias) in kernels.items():
        block = int(name.removeprefix("block")[0])
        outputs += len(bias) / 4 ** (
            block - 1
        )  # each block has a quarter of the places
    return round(BYTES_KEPT[precision] * outputs * height * width)


def check_memory(
    kernels: Kernels, shapes: list[tuple[int, int]], precision: str
) -> int:
    """Returns what `estimate_memory` does for the largest picture, and refuses it if
    the memory is too small.

    Args:
        kernels: of the network, as `vgg.read_kernels` returns them.
        shapes: height and width of each picture, in pixels.
        precision: "float32" or "bfloat16".

    Raises:
        ValueError: with the largest size that fits.
    """
    height, width = max(shapes, key=np.prod)
    needed = estimate_memory(kernels, height, width, precision)
    free = free_memory()
    if free is not None and needed > free:
        fits = int(max(height, width) * (free / needed) ** 0.5)
        raise ValueError(
            f"a picture of {width} x {height} pixels takes about {needed / 1e9:.1f} GB "
            f"of memory, and {free / 1e9:.1f} GB are free: take --size {fits} or less"
        )
    return needed


def free_memory() -> int | None:
    """Returns how many bytes of memory are free, None for a GPU, of which TensorFlow
    does not say it.
    """
    if tf.config.list_physical_devices("GPU"):
        return None
    return psutil.virtual_memory().available


def print_forecast(
    step: Callable, inputs: tuple, sizes: list[int], steps: int, memory: int
) -> None:
    """Prints how long a training at several sizes will take, and how much memory.

    Args:
        step: function that computes a step, called before with inputs of these shapes:
            the first call takes longer, because TensorFlow compiles it.
        inputs: of the function, with a picture of the last size.
        sizes: of the pictures, in pixels. Twice the size has four times the pixels, and
            takes four times as long.
        steps: at each size.
        memory: in bytes.
    """
    started = time.perf_counter()
    step(*inputs)
    seconds = time.perf_counter() - started
    seconds *= steps * sum(size**2 for size in sizes) / sizes[-1] ** 2
    print(
        f"{steps} steps at each of the sizes {sizes}: about {seconds:.0f} s and "
        f"{memory / 1e6:.0f} MB"
    )
