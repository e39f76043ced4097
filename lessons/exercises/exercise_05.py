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
from models import vgg

CONTENT_LAYERS = ("block4_conv2",)
STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")

Weight = Annotated[float, options.between(0, 1e6)]


@dataclass(frozen=True)
class Config(options.Options):
    steps: int = 60  # changes of the picture
    learning_rate: float = 5.0  # of Adam; black and white are 255 apart
    content_weight: Weight = 50.0  # of the content's loss
    style_weight: Weight = 0.01  # of the style's loss


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Returns how strongly each two filters are active together: (filters, filters)."""
    _, height, width, filters = features.shape
    rows = tf.reshape(features, (height * width, filters))
    return tf.matmul(rows, rows, transpose_a=True) / (height * width)


def content_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns how far features are from the photograph's: 0 for the same features."""
    return tf.reduce_mean((features - target) ** 2) / tf.reduce_mean(target**2)


def style_loss(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns how far a Gram matrix is from the painting's, with each filter scaled by
    its strength in the painting.
    """
    strength = tf.linalg.diag_part(target)
    scale = tf.math.rsqrt(strength + 0.1 * tf.reduce_mean(strength))
    return tf.reduce_mean(((gram - target) * scale[:, tf.newaxis] * scale) ** 2) / 4


def paint(
    config: Config, photo: np.ndarray, painting: np.ndarray, record=None
) -> np.ndarray:
    """Returns `photo` in the style of `painting`; all are uint8 `(height, width, 3)`.

    `record` is called at each step, with its number, the losses and the picture.
    """
    layers = CONTENT_LAYERS + STYLE_LAYERS
    path = weights.find_convolutions("hed").path
    network = vgg.build_vgg(vgg.read_kernels(path, layers), layers)
    photo_features = network(np.float32([photo]))
    painting_features = network(np.float32([painting]))
    grams = {name: gram_matrix(painting_features[name]) for name in STYLE_LAYERS}

    @tf.function
    def losses_and_gradient(picture):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            features = network(picture)
            content = sum(
                content_loss(features[name], photo_features[name])
                for name in CONTENT_LAYERS
            )
            style = sum(
                style_loss(gram_matrix(features[name]), grams[name])
                for name in STYLE_LAYERS
            )
            loss = config.content_weight * content + config.style_weight * style
        losses = {"content": content, "style": style, "loss": loss}
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
