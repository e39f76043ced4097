"""The style of one picture on the content of another.

    python lessons/course_9_style_transfer.py

Result: a temple in stained glass, the loss of its style down from 0.79 to 0.007, in 0.4 minutes

You will see a photograph turn into a painting while no weight of the network changes: what is trained is the picture.
Its pixels move until a network finds deep down what it finds in the photograph, and in all depths what it finds in the
painting: not where filters answer, but which of them together (Gatys, Ecker and Bethge, 2015; see `models/style.py`).

In TensorBoard: under Images the slider of "picture"; under Scalars the losses of content and style, of each step.

Try:
    --content photo.jpg --style painting.jpg    your own pictures; or --style swirls, a drawn one
    --style-weight 500                          more of the style, less of the content
    --style-layers block1_conv1 block2_conv1    small patterns only: colors and grain, no strokes
    --keep-colours                              the strokes without the colors
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training import command_line, device, figures, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import imagenet, paintings, photos, pictures
from models import style


@dataclass(frozen=True)
class Config(options.Options):
    content: Path | None = None  # picture that keeps its content; scikit-learn's temple if not given
    style: tuple[str, ...] = ("glass",)  # files of pictures that give their style, or the drawn "glass" and "swirls"
    style_mix: tuple[float, ...] = ()  # strength of each style; all alike if not given
    weights: str = "auto"  # hed (came with pip), vgg16, vgg19 (downloads), a file; auto: of VGG what is there, else hed
    size: int = 400  # of the result's longer side, pixels
    steps: int = 60  # at each size, of which each is half of the next
    learning_rate: float = 4.0  # at the start, falling to zero; black and white are 255 apart
    content_weight: float = 1.0  # of the content's loss
    style_weight: float = 50.0  # of the style's loss
    content_layers: tuple[str, ...] = ("block4_conv2",)  # in which content is compared
    style_layers: tuple[str, ...] = tuple(f"block{n}_conv1" for n in range(1, 6))  # in which style is compared
    keep_colours: bool = False  # of the content
    start: Literal["content", "noise"] = "content"  # the first picture
    resume: bool = False  # go on with the run of that --name, else with the last one


def main(config: Config) -> dict:
    content, styles = photos.load_photo(config.content), paintings.load_styles(config.style, config.style_mix)
    weights, layers = imagenet.find_convolutions(config.weights), (config.content_layers, config.style_layers)
    kernels, precision = style.read_kernels(weights.path, *layers), device.choose_precision(config.precision)
    height, width = pictures.find_scaled_shape(content.picture, config.size)
    memory = style.check_memory(kernels, height, width, precision, device.free_memory())
    paints = [pictures.match_colors(p.picture, content.picture) if config.keep_colours else p.picture for p in styles]
    with runs.start(config, weights._replace(source="; ".join(s.source for s in (content, *styles, weights)))) as run:
        network = style.build_style_network(kernels, layers[0] + layers[1])

        def find_targets(size: int) -> tuple:
            image, *looks = (pictures.scale_to(picture, size) for picture in (content.picture, *paints))
            return image, *style.find_targets(network, image, looks, *layers, config.style_mix)

        @tf.function
        def differentiate(picture: tf.Tensor, wanted: dict, grams: dict) -> tuple[dict, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(picture)
                features = network(picture)
                content_loss = [style.content_loss(features[name], wanted[name]) for name in wanted]
                style_loss = [style.style_loss(style.gram_matrix(features[name]), grams[name]) for name in grams]
                losses = {"content": tf.reduce_mean(content_loss), "style": tf.reduce_mean(style_loss)}
                loss = config.content_weight * losses["content"] + config.style_weight * losses["style"]
                loss += 6 * style.total_variation(picture)  # against noise
            return losses | {"loss": loss}, tape.gradient(loss, picture)

        def show() -> np.ndarray:
            pixels = np.uint8(np.round(picture[0]))
            pixels = pictures.keep_lightness(pixels, image) if config.keep_colours else pixels
            run.add_picture("picture", pixels, step)
            return pixels

        image, *targets = find_targets(config.size)
        noise, start = tf.random.uniform(image.shape, maxval=255), pictures.match_colors(image, *paints)
        state = run.state or {"step": 0, "picture": np.float32([noise if config.start == "noise" else start])}
        sizes, picture, step = style.halve(config.size, height, width), state["picture"], int(state["step"])
        first, steps, look_every = step, len(sizes) * config.steps, -(-config.steps // 6)
        work = np.repeat(np.square(sizes) / config.size**2, config.steps)[first:]  # of each step, 1 for the last ones
        seconds = work.sum() * device.time_call(differentiate, tf.constant(np.float32([image])), *targets)
        print(f"{config.steps} steps at each of the sizes {sizes}: about {seconds:.0f} s and {memory / 1e6:.0f} MB")
        bar = keras.utils.Progbar(100, verbose=run.verbose, unit_name="percent", stateful_metrics=("content", "style"))
        try:
            for step in range(first, steps):
                if step in (first, step // config.steps * config.steps):
                    image, *targets = find_targets(sizes[step // config.steps])
                    picture = tf.Variable(tf.image.resize(picture, image.shape[:2], "bicubic"))
                    adam = keras.optimizers.Adam(beta_2=0.99)
                    adam.build([picture])
                    if step % config.steps:
                        adam.load_own_variables({name: state[name] for name in state if name.isdigit()})
                adam.learning_rate = config.learning_rate * (1 + np.cos(np.pi * step / steps)) / 2
                losses, gradient = differentiate(picture.value(), *targets)
                adam.apply([gradient], [picture])
                picture.assign(tf.clip_by_value(picture, 0, 255))
                run.add_scalars("train", step, **losses)
                bar.update(round(100 * work[: step + 1 - first].sum() / work.sum()), list(losses.items())[:2])
                if (step + 1) % look_every == 0 and step + 1 < steps:
                    show()
                    adam.save_own_variables(state)
                    run.save_state(**state | {"step": step + 1, "picture": picture.numpy()})
        finally:  # after Ctrl-C as well
            shown = [content.picture, *paints, show()]
        run.add_picture("side_by_side", figures.draw_grid(shown, ["content", *config.style, "result"], len(shown)))
        return run.finish(train={name: float(value) for name, value in losses.items()})


if __name__ == "__main__":
    command_line.run(main, Config)
