"""What does a filter like to see? A look into a trained convolutional network.

    python lessons/course_3_what_filters_see.py

Result: 99.8 % mean probability for pictures that climbed from noise, one for each digit
        (99.6 to 100 over 5 networks, trained on a sample of 4,000 images); 14 to 35 %
        after one of 100 steps
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

Run `course_3_cnn.py` first: its network is opened here. Three looks into it:

- The kernels of the first convolution as small pictures: strokes and edges.
- The feature maps of one digit, layer by layer: where each filter found what it looks
  for. The later the layer, the coarser the map and the more special the filter.
- Activation maximization (Erhan et al., 2009): the weights stay, and the *pixels*
  change. From noise, they climb along the slope of an output or a filter for 100 steps,
  and it responds more and more strongly. The pictures show what it likes.

The network is almost sure of each of the ten pictures. We recognize some of the digits
and see only strokes in the others: what the network responds to is not just what we
read, and `course_3_fooling_a_cnn.py` makes use of that. A single step along the slope
of all pixels already gives the wanted digit a probability of about a quarter, where
guessing would give 10 %. For drawing and for these probabilities, the pixels are
brightened until the largest is 255.

In TensorBoard: the slider of "digits" shows the pixels climb, with the network's
answers; "units" what the filters of the last convolution like, in the few pixels that
they see (page Images).

Try:
    --picture photo.jpg the feature maps of your own handwriting
    --learning-rate 5   steps of at most 5 gray levels: with a decay of 3 %, no pixel
                        climbs beyond 5 / 0.03 = 167, and only the steepest get bright.
                        The network still gives these digits a mean probability of 88 %
                        (1 network)
    --decay 0           without it, pixels that do not matter keep their noise
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lessons.plots import course_3_what_filters_see as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import digits
from data.images import drawing, read


@dataclass(frozen=True)
class Config(options.Options):
    steps: int = 100  # of the climb
    learning_rate: float = 30.0  # gray levels per step, at the steepest pixel
    # Fraction of each pixel that each step takes away.
    decay: Annotated[float, options.between(0, below=1)] = 0.03
    # Folder of a run of that lesson, or its name for the newest run.
    run: str = "course_3_cnn"
    picture: Path | None = None  # photo of one digit; else one of the test split


def maximize(
    activation, count: int, steps: int, learning_rate: float, decay: float, seed: int
) -> list[np.ndarray]:
    """Climbs from noise to images that maximize an activation.

    Args:
        activation: a function from `count` images to a number for each.
        count: of the images.
        steps: of the climb.
        learning_rate: gray levels by which the steepest pixel moves in a step.
        decay: fraction of each pixel that each step takes away.
        seed: of the noise.

    Returns:
        For each step the images so far, float32 (count, 28, 28, 1) in [0, 255],
        brightened until the largest pixel is 255.
    """
    noise = np.random.default_rng(seed).uniform(0, 64, (count, 28, 28, 1))
    images = tf.Variable(noise.astype("float32"))

    @tf.function
    def climb():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(activation(images))
        slope = tape.gradient(total, images)
        slope /= largest(tf.abs(slope))
        moved = (1 - decay) * images + learning_rate * slope
        images.assign(tf.clip_by_value(moved, 0, 255))
        return 255 * images / largest(images)

    return [climb().numpy() for _ in range(steps)]


def largest(images: tf.Tensor) -> tf.Tensor:
    """Returns the largest value of each image, kept above 0: (count, 1, 1, 1)."""
    return tf.reduce_max(images, axis=(1, 2, 3), keepdims=True) + 1e-12


def output_of_each(model: keras.Model):
    """Returns the function from ten images to the logit of digit 0 for the first, of
    digit 1 for the second, and so on.
    """
    return lambda images: tf.linalg.diag_part(model(images))


def filter_of_each(model: keras.Model, layer: keras.layers.Conv2D):
    """Returns a function of as many images as a convolution has filters: it gives the
    sum that filter 0 computes in the middle of image 0, filter 1 in that of image 1,
    and so on.

    The sums are taken without bias and before relu: where relu gives 0, its slope is 0
    as well, and the pixels would not know where to climb.
    """
    below = keras.Model(model.inputs[0], layer.input)

    def activation(images):
        inputs = tf.cast(below(images), tf.float32)
        sums = keras.ops.conv(inputs, layer.kernel, padding=layer.padding)
        middle = sums[:, sums.shape[1] // 2, sums.shape[2] // 2]  # (count, filters)
        return tf.linalg.diag_part(middle)

    return activation


def main(config: Config) -> dict:
    dataset = digits.load_digits()
    earlier = runs.open(config.run, config.logdir, lesson="course_3_cnn")
    image = dataset.test.x[:1]
    if config.picture:
        image = drawing.cut_out_drawing(read.read_picture(config.picture)).image[None]

    with runs.start(config, dataset, precision=earlier.precision) as run:
        model = earlier.load_model()
        layers = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
        spatial = [layer for layer in model.layers if isinstance(layer, layers)]
        convolutions = [layer for layer in spatial if hasattr(layer, "kernel")]
        run.show("kernels", plots.draw_kernels(convolutions[0].kernel.numpy()))
        maps = keras.Model(model.inputs[0], [layer.output for layer in spatial])(image)
        names = [layer.name for layer in spatial]
        run.show("feature_maps", plots.draw_maps(image[0], names, maps))

        settings = config.steps, config.learning_rate, config.decay, config.seed
        climbed = maximize(output_of_each(model), 10, *settings)
        probabilities = [
            tf.nn.softmax(model.predict(images, verbose=0)).numpy()
            for images in climbed
        ]
        for step in np.linspace(0, config.steps - 1, 11).astype(int):
            picture = plots.draw_digits(climbed[step], probabilities[step])
            run.show("digits", picture, step)
        last = convolutions[-1]
        liked = maximize(filter_of_each(model, last), last.filters, *settings)
        run.show("units", plots.draw_units(liked[-1]))

        confidence = [float(np.diag(rows).mean()) for rows in probabilities]
        rows = {
            "noise, after one step": {"probability": confidence[0]},
            "after the climb": {"probability": confidence[-1]},
        }
        run.table(
            "Probability of the digit that the pixels climb to, mean of ten", rows
        )
        return run.finish(confidence={"start": confidence[0], "end": confidence[-1]})


if __name__ == "__main__":
    command_line.run(main, Config)
