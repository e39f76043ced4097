"""Convolution: a small kernel slides over a picture and sums.

    python lessons/course_3_convolution.py

Result: the sums of kernel 1 on the course's slides, 3 -1 -3 -1 in the first row and -3
        1 0 -3 in the second; and the edges of a photograph
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

A kernel is a small square of weights. It is laid on each place of the picture: each
weight is multiplied with the pixel under it, and the products are summed. Ink under a
weight of 1 adds to the sum, ink under a weight of -1 takes from it. So the sum is
largest, 3 for three weights of 1, where there is ink exactly on the stroke that the
kernel looks for. All sums together are a smaller picture, the feature map. Pooling
keeps the largest sum of each 2 x 2 field.

The picture of the slides has 6 x 6 pixels, in which a 1 is ink. Kernel 1 looks for a
stroke that falls to the right, kernel 2 for an upright one. Then Keras does the same
with a photograph, faster: two kernels with weights chosen by hand find its edges (Sobel
and Feldman, 1968). In a network the weights are not chosen but learned, as in
`course_3_cnn.py`.

Convolution needs few weights, for two reasons: a kernel sees only its neighborhood, and
it is the same at all places. For a picture of 60 x 60 pixels in three colors, a kernel
has 3 x 3 x 3 = 27 weights, where a fully connected unit has 60 x 60 x 3 = 10,800.

In TensorBoard: "slide" shows the picture, both kernels and their sums; "edges" shows
the photograph (page Images).

Try:
    --stride 2        the kernel moves two pixels at a time: 2 x 2 sums, not 4 x 4
    --padding same    zeros around the picture: 6 x 6 sums, as many as pixels
    --picture my.jpg  the edges of a picture of your own
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from lessons.plots import course_3_convolution as plots
from training import command_line, options, runs

import keras
import numpy as np

from data import photos

PICTURE = [
    [1, 0, 0, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 1, 0, 0],
    [1, 0, 0, 0, 1, 0],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 0, 1, 0],
]
FALLING = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]  # kernel 1
UPRIGHT = [[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]]  # kernel 2
SOBEL = [
    [-1, 0, 1],
    [-2, 0, 2],
    [-1, 0, 1],
]  # for upright edges; turned, for level ones


@dataclass(frozen=True)
class Config(options.Options):
    stride: Annotated[int, options.between(1, 3)] = 1  # pixels from place to place
    padding: Literal["valid", "same"] = "valid"  # same: zeros around the picture
    # To find edges in; a photo of scikit-learn if not given.
    picture: Path | None = None


def sum_at(picture: np.ndarray, kernel: np.ndarray, row: int, column: int) -> float:
    """Returns the sum at one place: each weight times the pixel under it."""
    size = len(kernel)
    window = picture[row : row + size, column : column + size]
    return np.sum(window * kernel)


def convolve(
    picture: np.ndarray, kernel: np.ndarray, stride: int, padding: str
) -> np.ndarray:
    """Returns the sums at all places, (rows, columns).

    Args:
        picture: (height, width), or (height, width, channels) with a kernel as deep.
        kernel: (size, size), or (size, size, channels).
        stride: pixels from place to place.
        padding: "valid", or "same" for zeros around the picture.
    """
    picture, kernel = np.asarray(picture), np.asarray(kernel)
    if padding == "same":
        picture = add_zeros(picture, len(kernel), stride)
    height, width = picture.shape[:2]
    rows = range(0, height - len(kernel) + 1, stride)
    columns = range(0, width - len(kernel) + 1, stride)
    return np.array([[sum_at(picture, kernel, r, c) for c in columns] for r in rows])


def output_size(size: int, kernel: int, stride: int, padding: str) -> int:
    """Returns how many places a kernel has in `size` pixels, in one direction."""
    if padding == "same":
        return math.ceil(size / stride)
    return (size - kernel) // stride + 1


def add_zeros(picture: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """Returns a picture with as many zeros around it as `output_size` needs; as in
    Keras, one more at the lower and right border if their number is odd.
    """
    frame = [(0, 0)] * picture.ndim
    for axis, size in enumerate(picture.shape[:2]):
        places = output_size(size, kernel, stride, "same")
        zeros = max(0, (places - 1) * stride + kernel - size)
        frame[axis] = zeros // 2, zeros - zeros // 2
    return np.pad(picture, frame)


def pool(sums: np.ndarray, size: int) -> np.ndarray:
    """Returns the largest sum of each field of `size` x `size`; what is left over at
    the lower and right border is dropped.
    """
    rows = range(0, sums.shape[0] - size + 1, size)
    columns = range(0, sums.shape[1] - size + 1, size)
    return np.array(
        [[sums[r : r + size, c : c + size].max() for c in columns] for r in rows]
    )


def find_edges(pixels: np.ndarray, stride: int, padding: str) -> np.ndarray:
    """Returns how strong the upright and the level edges of a photograph are, by Keras:
    float32 (rows, columns, 2).

    A kernel is as deep as the picture: for red, green and blue three layers of weights,
    and still one sum. Two kernels give two feature maps.
    """
    upright = np.stack([SOBEL, SOBEL, SOBEL], axis=-1) / 3  # (3, 3, 3): for each color
    turned = np.transpose(SOBEL)
    level = np.stack([turned, turned, turned], axis=-1) / 3
    kernels = np.stack([upright, level], axis=-1)  # (3, 3, 3, 2), as Keras wants them
    sums = keras.ops.conv(
        np.float32(pixels[np.newaxis]), np.float32(kernels), stride, padding
    )
    return np.abs(sums.numpy()[0])  # from dark to light or from light to dark


def main(config: Config) -> dict:
    photo = photos.load_photo(config.picture)

    with runs.start(config, sources=[photo]) as run:
        print("the first place:", sum_at(np.array(PICTURE), np.array(FALLING), 0, 0))
        sums, pooled = [], []
        for kernel in (FALLING, UPRIGHT):
            sums.append(convolve(PICTURE, kernel, config.stride, config.padding))
            pooled.append(pool(sums[-1], size=2))
        panels = plots.name_panels(PICTURE, [FALLING, UPRIGHT], sums, pooled)
        for title, numbers in panels.items():
            print(f"\n{title}\n{numbers}")
        run.show("slide", plots.plot_matrices(panels))

        edges = find_edges(photo.pixels, config.stride, config.padding)
        print(f"\nThe photograph {photo.pixels.shape} gives {edges.shape}")
        run.show("edges", plots.draw_edges(photo.pixels, edges))
        return run.finish(
            sums=np.stack(sums, axis=-1).tolist(),
            pooled=np.stack(pooled, axis=-1).tolist(),
        )


if __name__ == "__main__":
    command_line.run(main, Config)
