"""The style of one picture on the content of another.

    python lessons/course_9_style_transfer.py

Result: style's loss a tenth of the recolored photograph's (0.007, 0.08), content's near
        it (0.77, 0.71)
Time: 0.4 minutes (2 cores, bfloat16)

You will see a photograph turn into a painting while no weight of the network changes:
what is trained is the picture, `figures/picture.png` of the run. Deep down a network is
to find in it what it finds in the photograph, and in all depths what it finds in the
painting: not where filters answer, but which together (Gatys, Ecker and Bethge, 2015).

In TensorBoard: under Images the slider of "picture"; under Scalars the losses of
content and style, of each step.

Try:
    --content photo.jpg --style painting.jpg    your own pictures; or --content flower
                                                --style swirls
    --style-weight 500                          more of the style, less of the content
    --keep-colors                               the strokes without the colors
"""

import functools
from dataclasses import dataclass
from typing import Annotated, Literal

from lessons.plots import course_9_style_transfer as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import paintings, photos, weights
from data.images import color, read
from models import style

Weight = Annotated[float, options.between(0, 1e6)]


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    # File of the picture that keeps its content, or temple, flower, portrait.
    content: str = "temple"
    # Files of the pictures that give their style, or the drawn glass and swirls.
    style: tuple[str, ...] = ("glass",)
    style_mix: tuple[float, ...] = ()  # strength of each style; equal if not given
    # Of VGG: hed (installed), vgg16, vgg19 (downloads), a file; auto: what is there.
    weights: str = "auto"
    # Of the result's longer side, pixels.
    size: Annotated[int, options.between(1, 10_000_000)] = 400
    steps: int = 60  # at each size, of which each is half of the next
    # At the start, falling to zero; black and white are 255 apart.
    learning_rate: float = 4.0
    content_weight: Weight = 1.0  # of the content's loss
    style_weight: Weight = 50.0  # of the style's loss
    smoothness_weight: Weight = 6.0  # of the differences between neighboring pixels
    content_layers: tuple[str, ...] = ("block4_conv2",)  # in which content is compared
    # In which style is compared.
    style_layers: tuple[str, ...] = tuple(f"block{n}_conv1" for n in range(1, 6))
    keep_colors: bool = False  # of the content
    start: Literal["content", "noise"] = "content"  # the first picture


@tf.function
def losses_and_gradient(
    network: keras.Model, picture: tf.Tensor, wanted: dict, grams: dict, weights: tuple
) -> tuple[dict, tf.Tensor]:
    """Returns the losses of a picture, and in which direction each pixel makes their
    weighted sum grow.

    Args:
        network: from pictures to the features of its layers, by name.
        picture: float32 (1, height, width, 3) in [0, 255].
        wanted: the features that the content has, by layer.
        grams: the Gram matrices that the styles have, by layer.
        weights: of the losses of content, style and smoothness.
    """
    with tf.GradientTape() as tape:
        tape.watch(picture)
        features = network(picture)
        content = [style.content_loss(features[name], wanted[name]) for name in wanted]
        looks = [
            style.style_loss(style.gram_matrix(features[name]), grams[name])
            for name in grams
        ]
        losses = {
            "content": tf.reduce_mean(content),
            "style": tf.reduce_mean(looks),
            "smoothness": style.total_variation(picture),
        }
        terms = zip(weights, losses.values(), strict=True)
        losses["loss"] = sum(weight * loss for weight, loss in terms)
    return losses, tape.gradient(losses["loss"], picture)


def find_targets(
    network: keras.Model,
    content: np.ndarray,
    paints: list[np.ndarray],
    size: int,
    layers: tuple[tuple[str, ...], tuple[str, ...]],
    shares: tuple[float, ...],
) -> tuple[dict, dict]:
    """Returns what a picture with a longer side of `size` pixels is compared with: the
    content's features and the styles' Gram matrices, by layer.

    Args:
        network: from pictures to the features of its layers, by name.
        content: uint8 (height, width, 3) in [0, 255].
        paints: the styles, uint8 (height, width, 3) in [0, 255].
        size: in pixels.
        layers: in which content and style are compared.
        shares: how much each style counts; empty if all are alike.
    """
    content = read.scale_to(content, size)
    paints = [read.scale_to(paint, size) for paint in paints]
    return style.find_targets(network, content, paints, *layers, shares)


def make_first_picture(
    start: str, content: np.ndarray, paints: list[np.ndarray], shares: tuple[float, ...]
) -> np.ndarray | tf.Tensor:
    """Returns the content in the colors of the styles, or noise of the same size, as
    (1, height, width, 3).
    """
    if start == "noise":
        return tf.random.uniform((1, *content.shape), maxval=255)
    return color.match_colors(content, *paints, shares=shares)[np.newaxis]


def estimate_seconds(
    network: keras.Model,
    picture: np.ndarray,
    targets: tuple[dict, dict],
    weights: tuple,
    sizes: list[int],
) -> float:
    """Returns about how many seconds a step at each of the sizes takes, the last of
    which is that of the picture: twice as many pixels take twice as long.
    """
    pixels = tf.constant(picture[np.newaxis], tf.float32)
    seconds = style.time_call(losses_and_gradient, network, pixels, *targets, weights)
    return seconds * np.square(sizes).sum() / sizes[-1] ** 2


def finish_picture(picture: tf.Variable, colors: np.ndarray | None) -> np.ndarray:
    """Returns a picture as uint8 (height, width, 3), in the colors of another one if
    there is one.
    """
    pixels = np.uint8(np.round(picture[0]))
    return pixels if colors is None else color.keep_lightness(pixels, colors)


def main(config: Config) -> dict:
    content = photos.choose_photo(config.content)
    styles = paintings.load_styles(config.style, config.style_mix)
    found = weights.find_convolutions(config.weights)
    layers = (config.content_layers, config.style_layers)
    kernels = style.read_kernels(found.path, *layers)
    shapes = [
        read.find_scaled_shape(photo.pixels, config.size, photo.source)
        for photo in (content, *styles)
    ]

    with runs.start(config, sources=[content, *styles, found]) as run:
        free = style.free_memory()
        memory = style.check_memory(kernels, shapes, run.precision, free)
        network = style.build_style_network(kernels, layers[0] + layers[1])

        image = read.scale_to(content.pixels, config.size)
        paints = [read.scale_to(photo.pixels, config.size) for photo in styles]
        if config.keep_colors:
            paints = [color.match_colors(paint, image) for paint in paints]
        picture = make_first_picture(config.start, image, paints, config.style_mix)

        loss_weights = (
            config.content_weight,
            config.style_weight,
            config.smoothness_weight,
        )
        sizes = style.halve(config.size, *shapes[0])
        targets = find_targets(
            network, image, paints, config.size, layers, config.style_mix
        )
        seconds = estimate_seconds(network, image, targets, loss_weights, sizes)
        print(
            f"{config.steps} steps at each of the sizes {sizes}: about "
            f"{config.steps * seconds:.0f} s and {memory / 1e6:.0f} MB"
        )

        colors = image if config.keep_colors else None
        total = len(sizes) * config.steps
        for number, size in enumerate(sizes):
            targets = find_targets(
                network, image, paints, size, layers, config.style_mix
            )
            shape = read.find_scaled_shape(image, size)
            picture = tf.Variable(
                tf.image.resize(tf.cast(picture, tf.float32), shape, "bicubic"),
                constraint=lambda pixels: tf.clip_by_value(pixels, 0, 255),
            )
            adam = keras.optimizers.Adam(beta_2=0.99)
            adam.build([picture])
            draw = functools.partial(finish_picture, picture, colors)
            name = f"{size} pixels"
            for step in run.steps(config.steps, name, picture=picture, adam=adam):
                done = number * config.steps + step
                falling = (1 + np.cos(np.pi * done / total)) / 2  # from 1 to 0
                adam.learning_rate = config.learning_rate * falling
                losses, gradient = losses_and_gradient(
                    network, picture.value(), *targets, loss_weights
                )
                adam.apply([gradient], [picture])
                run.log(done, **losses, picture=draw)

        losses, _ = losses_and_gradient(
            network, picture.value(), *targets, loss_weights
        )
        side_by_side = plots.draw_side_by_side(image, config.style, paints, draw())
        run.show("side_by_side", side_by_side)
        return run.finish(train={name: float(value) for name, value in losses.items()})


if __name__ == "__main__":
    command_line.run(main, Config)
