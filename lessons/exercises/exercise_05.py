"""A photograph should become a painting, and stays as it was.

    python -m lessons exercise run 5

Style transfer, as in `course_9_style_transfer.py`, of two small pictures: the temple
should look like stained glass. The loss falls, but in the end nothing has happened to
the temple.

In TensorBoard: under Images, move the slider of "picture". Under Time Series compare
the two losses, which are not yet multiplied by their weights: does the style's loss
fall at all? And which of the two makes up most of the sum?

Solved: by flags alone, for other pictures as well. The style's loss ends below a fifth
of the photograph's own, while the content's stays below 0.85: at 1 nothing is left of
the photograph.
"""

from dataclasses import dataclass
from typing import Annotated

from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import paintings, photos, weights
from data.images import read
from models import style

CONTENT_LAYERS = ("block4_conv2",)
STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")

Weight = Annotated[float, options.between(0, 1e6)]


@dataclass(frozen=True)
class Config(options.Options):
    steps: int = 60  # changes of the picture
    learning_rate: float = 5.0  # of Adam; black and white are 255 apart
    content_weight: Weight = 50.0  # of the content's loss
    style_weight: Weight = 0.01  # of the style's loss


def paint(
    config: Config, photo: np.ndarray, painting: np.ndarray, record=None
) -> np.ndarray:
    """Returns `photo` in the style of `painting`; all are uint8 `(height, width, 3)`.

    `record` is called at each step, with its number, the losses and the picture.
    """
    kernels = style.read_kernels(
        weights.find_convolutions("hed").path, CONTENT_LAYERS, STYLE_LAYERS
    )
    network = style.build_style_network(kernels, CONTENT_LAYERS + STYLE_LAYERS)
    wanted, grams = style.find_targets(
        network, photo, [painting], CONTENT_LAYERS, STYLE_LAYERS
    )

    @tf.function
    def losses_and_gradient(picture):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            features = network(picture)
            content_loss = sum(
                style.content_loss(features[name], wanted[name]) for name in wanted
            )
            style_loss = sum(
                style.style_loss(style.gram_matrix(features[name]), grams[name])
                for name in grams
            )
            loss = (
                config.content_weight * content_loss + config.style_weight * style_loss
            )
        losses = {"content": content_loss, "style": style_loss, "loss": loss}
        return losses, tape.gradient(loss, picture)

    picture = tf.Variable(
        np.float32([photo]), constraint=lambda pixels: tf.clip_by_value(pixels, 0, 255)
    )
    adam = keras.optimizers.Adam(config.learning_rate)
    for step in range(config.steps):
        losses, gradient = losses_and_gradient(picture.value())
        adam.apply([gradient], [picture])
        if record is not None:
            record(step, losses, np.uint8(picture[0]))
    return np.uint8(picture[0])


def main(config: Config) -> dict:
    photo = photos.choose_photo("temple")
    (painting,) = paintings.load_styles(("glass",))

    with runs.start(config, sources=[photo, painting]) as run:

        def record(step: int, losses: dict, picture: np.ndarray) -> None:
            run.log(step, **losses)
            if step % 10 == 9:
                run.show("picture", picture, step)
                texts = [f"{name} {loss:.4f}" for name, loss in losses.items()]
                print(f"step {step + 1}: {', '.join(texts)}")

        small_photo = read.scale_to(photo.pixels, 160)
        small_painting = read.scale_to(painting.pixels, 160)
        paint(config, small_photo, small_painting, record)
        return run.finish()


if __name__ == "__main__":
    command_line.run(main, Config)
