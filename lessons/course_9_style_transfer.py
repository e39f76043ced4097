"""The style of one picture on the content of another.

    python lessons/course_9_style_transfer.py

Result: style's loss a tenth of the recolored photograph's (0.007, 0.08), content's near
it (0.77, 0.71), in 0.4 minutes

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
    --keep-colours                              the strokes without the colors
"""

from dataclasses import dataclass
from typing import Literal

from training import command_line, device, figures, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import paintings, photos, weights
from data.images import color, read
from models import style


@dataclass(frozen=True)
class Config(options.OneDeviceOptions):
    content: str = "temple"  # file of the picture that keeps its content, or "temple", "flower", "portrait" of pip
    style: tuple[str, ...] = (
        "glass",
    )  # files of pictures that give their style, or the drawn "glass" and "swirls"
    style_mix: tuple[float, ...] = ()  # strength of each style; all alike if not given
    weights: str = "auto"  # hed (came with pip), vgg16, vgg19 (downloads), a file; auto: of VGG what is there, else hed
    size: int = 400  # of the result's longer side, pixels
    steps: int = 60  # at each size, of which each is half of the next
    learning_rate: float = (
        4.0  # at the start, falling to zero; black and white are 255 apart
    )
    content_weight: float = 1.0  # of the content's loss
    style_weight: float = 50.0  # of the style's loss
    smoothness_weight: float = (
        6.0  # of the differences between neighboring pixels, against noise
    )
    content_layers: tuple[str, ...] = ("block4_conv2",)  # in which content is compared
    style_layers: tuple[str, ...] = tuple(
        f"block{n}_conv1" for n in range(1, 6)
    )  # in which style is compared
    keep_colours: bool = False  # of the content
    start: Literal["content", "noise"] = "content"  # the first picture


def main(config: Config) -> dict:
    content, styles = (
        photos.choose_photo(config.content),
        paintings.load_styles(config.style, config.style_mix),
    )
    found, layers = (
        weights.find_convolutions(config.weights),
        (config.content_layers, config.style_layers),
    )
    kernels, precision = (
        style.read_kernels(found.path, *layers),
        device.choose_precision(config.precision),
    )
    shapes = [
        read.find_scaled_shape(photo.pixels, config.size, photo.source)
        for photo in (content, *styles)
    ]
    memory = style.check_memory(kernels, shapes, precision, device.free_memory())
    image, *paints = (
        read.scale_to(photo.pixels, config.size) for photo in (content, *styles)
    )
    paints = [
        color.match_colors(paint, image) if config.keep_colours else paint
        for paint in paints
    ]
    with runs.start(
        config,
        found._replace(source="; ".join(s.source for s in (content, *styles, found))),
    ) as run:
        network = style.build_style_network(kernels, layers[0] + layers[1])

        def find_targets(size: int) -> tuple:
            wanted, *looks = (
                read.scale_to(picture, size) for picture in (image, *paints)
            )
            return style.find_targets(network, wanted, looks, *layers, config.style_mix)

        @tf.function
        def differentiate(
            picture: tf.Tensor, wanted: dict, grams: dict
        ) -> tuple[dict, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(picture)
                features = network(picture)
                content_loss = [
                    style.content_loss(features[name], wanted[name]) for name in wanted
                ]
                style_loss = [
                    style.style_loss(style.gram_matrix(features[name]), grams[name])
                    for name in grams
                ]
                losses = {
                    "content": tf.reduce_mean(content_loss),
                    "style": tf.reduce_mean(style_loss),
                }
                losses["smoothness"] = style.total_variation(picture)
                losses["loss"] = sum(
                    getattr(config, f"{name}_weight") * loss
                    for name, loss in losses.items()
                )
            return losses, tape.gradient(losses["loss"], picture)

        def show() -> np.ndarray:
            pixels = np.uint8(np.round(picture[0]))
            pixels = (
                color.keep_lightness(pixels, image) if config.keep_colours else pixels
            )
            return run.add_picture("picture", pixels, step)

        noise = tf.random.uniform(image.shape, maxval=255)
        start = (
            noise
            if config.start == "noise"
            else color.match_colors(image, *paints, shares=config.style_mix)
        )
        state = run.load_state() or {"step": 0, "picture": np.float32([start])}
        sizes, picture, step = (
            style.halve(config.size, *shapes[0]),
            state["picture"],
            int(state["step"]),
        )
        first, steps, look_every = (
            step,
            len(sizes) * config.steps,
            -(-config.steps // 6),
        )
        work = np.repeat(np.square(sizes) / config.size**2, config.steps)[
            first:
        ]  # of each step, 1 for the last ones
        wait = work.sum() * device.time_call(
            differentiate, tf.constant(np.float32([image])), *find_targets(config.size)
        )
        print(
            f"{config.steps} steps at each of the sizes {sizes}: about {wait:.0f} s "
            f"and {memory / 1e6:.0f} MB"
        )
        bar = keras.utils.Progbar(
            100,
            verbose=run.verbose,
            unit_name="percent",
            stateful_metrics=("content", "style"),
        )
        try:
            for step in range(first, steps):
                if step in (first, step // config.steps * config.steps):
                    targets = find_targets(size := sizes[step // config.steps])
                    picture = tf.image.resize(
                        picture, read.find_scaled_shape(image, size), "bicubic"
                    )
                    picture = tf.Variable(
                        picture,
                        constraint=lambda pixels: tf.clip_by_value(pixels, 0, 255),
                    )
                    adam = keras.optimizers.Adam(beta_2=0.99)
                    adam.build([picture])
                    if step % config.steps:
                        adam.load_own_variables(
                            {name: state[name] for name in state if name.isdigit()}
                        )
                adam.learning_rate = (
                    config.learning_rate * (1 + np.cos(np.pi * step / steps)) / 2
                )
                losses, gradient = differentiate(picture.value(), *targets)
                adam.apply([gradient], [picture])
                run.add_scalars("train", step, **losses)
                bar.update(
                    int(100 * work[: step + 1 - first].sum() / work.sum()),
                    list(losses.items())[:2],
                )
                if (step + 1) % look_every == 0 and step + 1 < steps:
                    show()
                    adam.save_own_variables(state)
                    run.save_state(
                        **state | {"step": step + 1, "picture": picture.numpy()}
                    )
        finally:  # after Ctrl-C as well
            shown = [image, *paints, show()]
        run.add_picture(
            "side_by_side",
            figures.draw_grid(shown, ["content", *config.style, "result"], len(shown)),
        )
        return run.finish(train={name: float(value) for name, value in losses.items()})


if __name__ == "__main__":
    command_line.run(main, Config)
