"""A convolution slides a small kernel over a picture.

    python lessons/course_3_convolution.py

Result: the numbers of the slides, exactly, and the edges of a photograph
Time: 0.1 minutes (2 cores, bfloat16)

You will see the slides' picture of 6 x 6 pixels, in which a 1 is ink, and two kernels
of 3 x 3 weights. At each place the weights are multiplied with the pixels below them
and summed: a large sum says "here is what I look for". Kernel 1 looks for a stroke that
falls to the right, kernel 2 for an upright one. Pooling keeps the largest sum of each 2
x 2 field. Then a photograph: two kernels with weights chosen by hand (Sobel and
Feldman, 1968) find its edges.

In TensorBoard: under Images, "slide" has the picture, both kernels and what they give,
"edges" the photograph.

Try:
    --stride 2        the kernel moves two pixels at a time: 2 x 2 sums instead of 4 x 4
    --padding same    a frame of zeros around the picture: as many sums as there are
                      pixels
    --picture my.jpg  the edges of a picture of your own
"""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from lessons.plots import course_3_convolution as plots
from training import command_line, figures, options, runs

import keras
import numpy as np

from data import photos

PICTURE = [
    [int(digit) for digit in row]
    for row in ("100001", "010010", "001100", "100010", "010010", "001010")
]
FALLING = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
UPRIGHT = [[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]]
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]  # turned, it looks for level edges


@dataclass(frozen=True)
class Config(options.Options):
    stride: Annotated[int, options.between(1, 3)] = (
        1  # pixels that the kernel moves at a time
    )
    padding: Literal["valid", "same"] = (
        "valid"  # same: zeros around the picture, so that the borders count
    )
    picture: Path | None = (
        None  # to look for edges in; a photograph of scikit-learn if not given
    )


def convolve(picture, kernels, stride: int, padding: str) -> np.ndarray:
    """Returns the sums of each kernel at each place, float32 `(new height, new width,
    kernels)`.

    Args:
        picture: `(height, width, channels)`.
        kernels: `(kernels, size, size, channels)`.
        stride: pixels from place to place.
        padding: "valid" or "same".
    """
    kernels = np.moveaxis(
        np.array(kernels, "float32"), 0, -1
    )  # (size, size, channels, kernels), as Keras wants them
    return keras.ops.conv(
        np.array([picture], "float32"), kernels, strides=stride, padding=padding
    ).numpy()[0]


def output_size(size: int, kernel: int, stride: int, padding: str) -> int:
    """Returns how many places a kernel has in a picture of `size` pixels, in one
    direction.
    """
    if padding == "same":
        return math.ceil(size / stride)
    return (size - kernel) // stride + 1


def check_formula() -> int:
    """Compares `output_size` with Keras; returns in how many cases they agree, which
    must be all.
    """
    cases = itertools.product(range(1, 13), range(1, 6), range(1, 5), ("valid", "same"))
    cases = [case for case in cases if case[1] <= case[0]]
    for size, kernel, stride, padding in cases:
        layer = keras.layers.Conv2D(1, kernel, strides=stride, padding=padding)
        if layer.compute_output_shape((1, size, size, 1))[1] != output_size(
            size, kernel, stride, padding
        ):
            raise ArithmeticError(
                f"Keras disagrees: {size} pixels, kernel {kernel}, stride {stride}, "
                f"{padding}"
            )
    return len(cases)


def main(config: Config) -> dict:
    photo = photos.load_photo(config.picture)
    with runs.start(config, sources=[photo]) as run:
        picture = np.array(PICTURE)[:, :, np.newaxis]  # (6, 6, 1): one channel
        kernels = np.array([FALLING, UPRIGHT])[:, :, :, np.newaxis]  # (2, 3, 3, 1)
        print(f"the first place: {picture[:3, :3, 0].tolist()} times {FALLING}")
        print(f"  summed up: {np.sum(picture[:3, :3, 0] * FALLING)}")
        sums = convolve(
            picture, kernels, config.stride, config.padding
        )  # (4, 4, 2): a channel for each kernel
        pooled = keras.ops.max_pool(sums[np.newaxis], 2).numpy()[0]  # (2, 2, 2)
        panels = {}
        for index, kernel in enumerate((FALLING, UPRIGHT)):
            panels |= {
                f"picture{' again' * index}": picture[..., 0],
                f"kernel {index + 1}": kernel,
            }
            panels |= {
                f"sums of kernel {index + 1}": sums[..., index],
                f"pooled {index + 1}": pooled[..., index],
            }
        for title, values in panels.items():
            print(f"\n{title}\n{np.array(values, int)}")
        run.show("slide", plots.plot_matrices(panels))

        print(
            "\noutput size: (size - kernel) // stride + 1, or with padding ceil(size / "
            "stride)"
        )
        print(f"  as Keras says in all of {check_formula()} cases")
        print(
            f"weights of a neuron for a picture of 60 x 60 x 3: dense {60 * 60 * 3:,}, "
            f"as a 3 x 3 kernel {3 * 3 * 3}"
        )

        # A kernel is as deep as the picture: for red, green and blue three layers of
        # weights, and still one sum.
        edges = [
            np.stack([kernel] * 3, axis=-1) / 3
            for kernel in (SOBEL, np.transpose(SOBEL))
        ]
        found = np.abs(convolve(photo.pixels, edges, config.stride, config.padding))
        print(
            f"the photograph {photo.pixels.shape} gives {found.shape}: one channel "
            "for each kernel"
        )
        strength = np.minimum(
            255,
            np.stack(
                [found[..., 0], found[..., 1], np.hypot(*np.moveaxis(found, -1, 0))]
            ),
        )
        captions = ["the photograph", "upright edges", "level edges", "both"]
        shown = [
            photo.pixels,
            *(np.uint8(255 - values)[..., np.newaxis] for values in strength),
        ]
        run.show("edges", figures.draw_grid(shown, captions, columns=2))
        return run.finish(
            sums=sums.astype(int).tolist(), pooled=pooled.astype(int).tolist()
        )


if __name__ == "__main__":
    command_line.run(main, Config)
