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

from training import command_line, device, figures, options, runs

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
    size: Annotated[int, options.between(1, 10_000_000)] = (
        400  # of the result's longer side, pixels
    )
    steps: int = 60  # at each size, of which each is half of the next
    learning_rate: float = (
        4.0  # at the start, falling to zero; black and white are 255 apart
    )
    content_weight: Weight = 1.0  # of the content's loss
    style_weight: Weight = 50.0  # of the style's loss
    smoothness_weight: Weight = 6.0  # of the differences between neighboring pixels
    content_layers: tuple[str, ...] = ("block4_conv2",)  # in which content is compared
    style_layers: tuple[str, ...] = tuple(
        f"block{n}_conv1" for n in range(1, 6)
    )  # in which style is compared
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
    layers = config.content_layers, config.style_layers
    kernels = style.read_kernels(found.path, *layers)
    shapes = [
        read.find_scaled_shape(photo.pixels, config.size, photo.source)
        for photo in (content, *styles)
    ]
    precision = device.choose_precision(config.precision)
    memory = style.check_memory(kernels, shapes, precision, device.free_memory())
    image = read.scale_to(content.pixels, config.size)
    paints = [read.scale_to(photo.pixels, config.size) for photo in styles]
    if config.keep_colors:
        paints = [color.match_colors(paint, image) for paint in paints]

    with runs.start(config, sources=[content, *styles, found]) as run:
        network = style.build_style_network(kernels, layers[0] + layers[1])

        def find_targets(size: int) -> tuple:
            scaled = [read.scale_to(picture, size) for picture in (image, *paints)]
            return style.find_targets(
                network, scaled[0], scaled[1:], *layers, config.style_mix
            )

        loss_weights = (
            config.content_weight,
            config.style_weight,
            config.smoothness_weight,
        )
        noise = tf.random.uniform(image.shape, maxval=255)
        if config.start == "noise":
            picture = noise[None]
        else:
            picture = color.match_colors(image, *paints, shares=config.style_mix)[None]
        sizes = style.halve(config.size, *shapes[0])
        work = config.steps * np.square(sizes).sum() / config.size**2  # in large steps
        wait = work * device.time_call(
            losses_and_gradient,
            network,
            tf.constant(np.float32([image])),
            *find_targets(config.size),
            loss_weights,
        )
        print(
            f"{config.steps} steps at each of the sizes {sizes}: about {wait:.0f} s "
            f"and {memory / 1e6:.0f} MB"
        )
        colors = image if config.keep_colors else None
        total = len(sizes) * config.steps
        for number, size in enumerate(sizes):
            targets = find_targets(size)
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
        shown = [image, *paints, draw()]
        captions = ["content", *config.style, "result"]
        run.show("side_by_side", figures.draw_grid(shown, captions, len(shown)))
        return run.finish(train={name: float(value) for name, value in losses.items()})


if __name__ == "__main__":
    command_line.run(main, Config)
