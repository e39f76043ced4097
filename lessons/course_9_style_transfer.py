"""Neural style transfer: repaint a photograph in the style of a painting.

    python lessons/course_9_style_transfer.py

Result: style loss 0.007 and content loss 0.74, against 0.08 and 0.71 for the photograph
        in the colors of the painting; only `--start noise` depends on the seed
Time: 1.1 minutes (2 cores, AVX2 only), 0.4 minutes (2 cores, bfloat16)

What is a style? It cannot be found by comparing pixels, since no pixel of the painting
belongs to a certain place in the photograph. So the lesson compares features: what the
filters of VGG, a network trained to name things in photographs, find in each picture.
The network never changes. Gradient descent changes the *pixels* of a picture until two
losses are low (Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style", 2015):

- content: in a deep layer, the features should be those of the photograph, each at its
  place. Deep filters respond to shapes and things more than to single pixels.
- style: in five layers, from shallow to deep, the same filters should be active
  together as in the painting. The Gram matrix has a number for each pair of filters:
  the mean of their product over all places. Which place it was is forgotten, so that
  the style can be painted anywhere.

A third loss, "smoothness", keeps neighboring pixels alike, which avoids noise.

The picture starts as the photograph in the colors of the painting. This is also the
baseline: what recoloring alone can do. The content loss is 0 for the photograph itself
and 1 where all features are zero. The new colors alone make it 0.71, since deep filters
respond to colors, too. Painting adds only 0.03, and lowers the style loss to a tenth.

In TensorBoard: the slider of "picture" (page Images). The picture is made three times,
each time twice as large: first the large shapes, then the details. The "content" and
"style" losses (page Scalars) jump where it grows, at steps 60 and 120.

Try:
    --style-weight 500  more of the style, less of the content: the style loss falls to
                        0.002, the content loss rises to 1.28
    --keep-colors       the lines of the painting in the colors of the photograph
    --content flower --style swirls
                        other pictures; both flags also take files of your own
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from lessons.plots import course_9_style_transfer as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import paintings, photos, weights
from data.images import color, read
from models import vgg, vgg_cost

CONTENT_LAYERS = ("block4_conv2",)  # in which the photograph is compared
# In which the painting is compared: the first convolution of each block.
STYLE_LAYERS = (
    "block1_conv1",
    "block2_conv1",
    "block3_conv1",
    "block4_conv1",
    "block5_conv1",
)
EPSILON = 1e-7  # against division by zero
SMALLEST = 48  # pixels, at least, of the shorter side where the painting begins

Weight = Annotated[float, options.between(0, 1e6)]


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    content: str = "temple"  # file of a photograph, or temple, flower, portrait
    # Files of paintings, or the drawn glass and swirls; several are mixed.
    style: tuple[str, ...] = ("glass",)
    # Which VGG: vgg19 or vgg16 (downloads), hed (installed; it went on to learn to find
    # edges), or a file; auto: the first of these that needs no download.
    weights: str = "auto"
    # Longer side of the result, pixels.
    size: Annotated[int, options.between(1, 10_000_000)] = 400
    steps: int = 60  # at each size; each size is twice the one before
    # Roughly the largest change of a pixel (0 to 255) in a step; falls to zero.
    learning_rate: float = 4.0
    style_weight: Weight = 50.0  # of the style loss; the content loss has 1
    smoothness_weight: Weight = 6.0  # of the differences between neighboring pixels
    keep_colors: bool = False  # those of the photograph
    # The first picture; content is the photograph in the colors of the painting.
    start: Literal["content", "noise"] = "content"


def content_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns how far features are from those of the photograph, at each place: the
    squared distance as a fraction of the photograph's own squares.

    Args:
        features: of the picture in a layer, (1, height, width, filters).
        target: of the photograph, the same shape.

    Returns:
        (), 0 where all features are the same, 1 where the picture has none.
    """
    distance = tf.reduce_mean((features - target) ** 2)
    squares = tf.reduce_mean(target**2)
    return distance / (squares + EPSILON)


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Returns for each two filters how strongly they are active together: the product
    of their features, averaged over all places.

    The paper takes the sum. With the mean, pictures of different sizes can be compared.

    Args:
        features: of a picture in a layer, (1, height, width, filters).

    Returns:
        (filters, filters).
    """
    _, height, width, filters = features.shape
    rows = tf.reshape(features, (height * width, filters))  # a row for each place
    return tf.matmul(rows, rows, transpose_a=True) / (height * width)


def style_loss(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns how far a Gram matrix is from that of the painting: the mean squared
    distance, a quarter of it as in the paper.

    Some filters have features a hundred times as large as others. Therefore the row and
    the column of each filter are divided by the square root of its strength in the
    painting first. A tenth of the mean strength is added: otherwise a filter that the
    painting hardly uses would be divided by almost nothing, and count most.

    Args:
        gram: of the picture in a layer, (filters, filters).
        target: of the painting, the same shape.

    Returns:
        (), 0 for the painting itself.
    """
    strength = tf.linalg.diag_part(target)  # (filters,), the diagonal
    strength += 0.1 * tf.reduce_mean(strength)
    scale = tf.math.rsqrt(strength + EPSILON)
    distance = (gram - target) * scale[:, tf.newaxis] * scale
    return tf.reduce_mean(distance**2) / 4


def total_variation(picture: tf.Tensor) -> tf.Tensor:
    """Returns how noisy a picture is: the mean squared difference of each pixel from
    the one below it, plus that from the one to its right.

    Args:
        picture: (1, height, width, 3) in [0, 255].
    """
    pixels = picture / 127.5  # black and white are 2 apart
    down = pixels[:, 1:] - pixels[:, :-1]
    right = pixels[:, :, 1:] - pixels[:, :, :-1]
    return tf.reduce_mean(down**2) + tf.reduce_mean(right**2)


def find_targets(
    network: keras.Model, photo: np.ndarray, styles: list[np.ndarray], size: int
) -> tuple[dict, dict]:
    """Returns what a picture is compared with: by the name of the layer, the features
    of the photograph, and the Gram matrix of the painting.

    Args:
        network: from pictures to the features of its layers, by name.
        photo: uint8 (height, width, 3) in [0, 255].
        styles: one or more paintings, likewise; their Gram matrices are averaged.
        size: of the picture's longer side, to which all of these are scaled.
    """
    features = network(read.scale_to(photo, size)[np.newaxis])
    photo_features = {layer: features[layer] for layer in CONTENT_LAYERS}
    grams = dict.fromkeys(STYLE_LAYERS, 0.0)
    for style in styles:
        features = network(read.scale_to(style, size)[np.newaxis])
        for layer in STYLE_LAYERS:
            grams[layer] += gram_matrix(features[layer]) / len(styles)
    return photo_features, grams


@tf.function
def losses_and_gradient(
    network: keras.Model,
    picture: tf.Tensor,
    photo_features: dict,
    grams: dict,
    loss_weights: dict,
) -> tuple[dict, tf.Tensor]:
    """Returns the losses of a picture, and the gradient of their weighted sum, "loss",
    with respect to each pixel.

    Args:
        network: from pictures to the features of its layers, by name.
        picture: float32 (1, height, width, 3) in [0, 255].
        photo_features: as `find_targets` returns them.
        grams: as `find_targets` returns them.
        loss_weights: by which "content", "style" and "smoothness" are multiplied.
    """
    with tf.GradientTape() as tape:
        tape.watch(picture)  # what is trained are the pixels
        features = network(picture)
        content_losses = [
            content_loss(features[layer], photo_features[layer])
            for layer in photo_features
        ]
        style_losses = [
            style_loss(gram_matrix(features[layer]), grams[layer]) for layer in grams
        ]
        losses = {
            "content": tf.reduce_mean(content_losses),  # over the layers
            "style": tf.reduce_mean(style_losses),
            "smoothness": total_variation(picture),
        }
        losses["loss"] = sum(loss_weights[name] * losses[name] for name in loss_weights)
    return losses, tape.gradient(losses["loss"], picture)


def train_step(
    network: keras.Model,
    picture: tf.Variable,
    optimizer: keras.optimizers.Optimizer,
    photo_features: dict,
    grams: dict,
    loss_weights: dict,
) -> dict:
    """Moves each pixel a step against its gradient; returns the losses before it."""
    losses, gradient = losses_and_gradient(
        network, picture.value(), photo_features, grams, loss_weights
    )
    optimizer.apply([gradient], [picture])
    picture.assign(tf.clip_by_value(picture, 0, 255))  # between black and white
    return losses


def coarse_to_fine(height: int, width: int) -> list[int]:
    """Returns the sizes in which a picture of `height` x `width` pixels is made, one
    after the other: pixels of the longer side, each half of the next.

    The shorter side has at least SMALLEST pixels, unless the picture itself is smaller.
    A filter sees few pixels at a time. In a small picture these are a large part of it,
    so that there the large shapes are made, and quickly. The details come later.
    """
    sizes = [max(height, width)]
    while sizes[0] // 2 * min(height, width) >= SMALLEST * max(height, width):
        sizes.insert(0, sizes[0] // 2)
    return sizes


def finish_picture(
    picture: tf.Variable, photo: np.ndarray, keep_colors: bool
) -> np.ndarray:
    """Returns a picture as uint8 (height, width, 3); to keep the colors, its lightness
    with the colors of the photograph.
    """
    pixels = np.uint8(np.round(picture[0]))
    return color.keep_lightness(pixels, photo) if keep_colors else pixels


def cosine(learning_rate: float, step: int, steps: int) -> float:
    """Returns the learning rate of a step: it falls to zero along a cosine."""
    return learning_rate * ((1 + np.cos(np.pi * step / steps)) / 2)


def main(config: Config) -> dict:
    photo = photos.choose_photo(config.content)
    styles = paintings.load_styles(config.style)
    found = weights.find_convolutions(config.weights)
    kernels = vgg.read_kernels(found.path, CONTENT_LAYERS + STYLE_LAYERS)
    shapes = [
        read.find_scaled_shape(picture.pixels, config.size, picture.source)
        for picture in (photo, *styles)
    ]

    with runs.start(config, sources=[photo, *styles, found]) as run:
        memory = vgg_cost.check_memory(kernels, shapes, run.precision)
        network = vgg.build_vgg(kernels, CONTENT_LAYERS + STYLE_LAYERS)
        loss_weights = {
            "content": 1.0,
            "style": config.style_weight,
            "smoothness": config.smoothness_weight,
        }

        content = read.scale_to(photo.pixels, config.size)
        paints = [read.scale_to(style.pixels, config.size) for style in styles]
        if config.keep_colors:
            paints = [color.match_colors(paint, content) for paint in paints]
        # The colors get the mean and the covariance of those of the painting.
        recolored = color.match_colors(content, *paints)

        # The baseline: recolored only, at full size.
        picture = tf.constant(recolored[np.newaxis], tf.float32)  # (1, 267, 400, 3)
        targets = find_targets(network, content, paints, config.size)
        inputs = network, picture, *targets, loss_weights
        baseline, _ = losses_and_gradient(*inputs)

        sizes = coarse_to_fine(*content.shape[:2])
        total = len(sizes) * config.steps
        vgg_cost.print_forecast(
            losses_and_gradient, inputs, sizes, config.steps, memory
        )

        if config.start == "noise":
            picture = tf.random.uniform(picture.shape, maxval=255)
        for number, size in enumerate(sizes):
            targets = find_targets(network, content, paints, size)
            shape = read.find_scaled_shape(content, size)
            picture = tf.Variable(tf.image.resize(picture, shape, "bicubic"))
            # A new one for each size, since the shape of the picture changes.
            adam = keras.optimizers.Adam(beta_2=0.99)
            adam.build([picture])
            name = f"{size} pixels"
            for step in run.steps(config.steps, name, picture=picture, adam=adam):
                done = number * config.steps + step
                adam.learning_rate = cosine(config.learning_rate, done, total)
                losses = train_step(network, picture, adam, *targets, loss_weights)
                shown = finish_picture(picture, content, config.keep_colors)
                run.log(done, **losses, picture=shown)

        losses, _ = losses_and_gradient(
            network, picture.value(), *targets, loss_weights
        )
        results = {
            "test": tf.nest.map_structure(float, losses),
            "baseline": tf.nest.map_structure(float, baseline),
        }
        run.table("Losses; the baseline is the photograph, recolored", results)
        result = finish_picture(picture, content, config.keep_colors)
        side_by_side = plots.draw_side_by_side(content, recolored, paints, result)
        run.show("side_by_side", side_by_side)
        return run.finish(**results)


if __name__ == "__main__":
    command_line.run(main, Config)
