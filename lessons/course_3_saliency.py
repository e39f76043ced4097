"""Which pixels mattered? Saliency, the slope of an answer at each pixel.

    python lessons/course_3_saliency.py

Result: painting over the fifth of the ink with the largest saliency changes 34 % of the
        answers to 500 test images (29 to 41 over 5 networks), a random fifth 2 to 7 %
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

Run `course_3_cnn.py` first: its network is opened here. For one image, saliency
(Simonyan et al., 2013) is how much the logit of the answer would change if a pixel were
a little brighter or darker: the absolute slope of the logit at that pixel. A
GradientTape gives the slopes of all pixels at once, as it gives those of weights.

A picture of saliency looks plausible whether it is right or not, so the lesson measures
it. If these pixels decide, painting over the most salient fifth of the ink in black
must change more answers than painting over another fifth. Only ink is painted over: the
background is black already. The baseline is a fifth of the ink chosen at random. It is
easy to beat, since its pixels are scattered, and losing pixels side by side hurts more;
`course_3_grad_cam.py` has a harder one. What saliency does not tell: whether more ink
there speaks for or against the answer, what it does to the other logits, and what
happens when a pixel changes much, since a slope is about small changes.

The figures above are of networks that were trained on the sample of 4,000 images, which
is at hand without a download. Networks trained on all of MNIST change 28 to 38 % of
1,000 answers (5 networks).

In TensorBoard: "deciding" shows eight digits, and below each its saliency: the redder,
the larger (page Images).

Try:
    --picture photo.jpg your own handwriting comes first
    --fraction 0.05     a twentieth of the ink changes 6 % of the answers of a network
                        of all of MNIST
    --run course_2_mlp  (run that lesson before) a network without convolutions
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lessons.plots import course_3_saliency as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import digits
from data.images import drawing, read

TESTED = 1000  # images of the test split, at most


@dataclass(frozen=True)
class Config(options.Options):
    # Of the ink, to be painted over.
    fraction: Annotated[float, options.between(above=0, high=1)] = 0.2
    run: str = "course_3_cnn"  # folder of a run, or a lesson's name for its newest run
    picture: Path | None = None  # photo of one digit, to be shown first


def find_saliency(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns how much each pixel matters for the network's answer.

    Args:
        model: a classifier whose last layer gives logits.
        images: (n, 28, 28, 1) in [0, 255].

    Returns:
        Float32 (n, 28, 28), from 0 to 1 for the pixel that matters most.
    """
    images = tf.constant(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        answer = tf.reduce_max(model(images), axis=1)  # the largest logit
    slopes = tf.abs(tape.gradient(answer, images))[..., 0].numpy()
    return slopes / np.maximum(slopes.max(axis=(1, 2), keepdims=True), 1e-12)


def paint_over(images: np.ndarray, values: np.ndarray, fraction: float) -> np.ndarray:
    """Returns images without the fraction of their ink that has the largest values.

    Args:
        images: uint8 (n, 28, 28, 1), ink above 0.
        values: float (n, 28, 28).
        fraction: of each image's ink.
    """
    ink = images[..., 0] > 0
    # Sorted by these, ink comes first, and of it the largest values.
    keys = np.where(ink, -values, np.inf).reshape(len(images), -1)
    order = keys.argsort(axis=1, stable=True)  # order[:, 0] is painted over first
    ranks = order.argsort(axis=1)  # ranks[:, 0]: the turn of the upper left pixel
    covered = ranks < fraction * ink.sum(axis=(1, 2))[:, np.newaxis]
    return np.where(covered.reshape(images.shape), 0, images)


def find_changed(model: keras.Model, images: np.ndarray, covered: np.ndarray) -> float:
    """Returns the fraction of images whose answer changes by the painting over."""
    before = model.predict(images, verbose=0).argmax(axis=1)
    after = model.predict(covered, verbose=0).argmax(axis=1)
    return float(np.mean(before != after))


def main(config: Config) -> dict:
    dataset = digits.load_digits()
    earlier = runs.open(config.run, config.logdir)
    images = dataset.test.x[:TESTED].copy()
    if config.picture:
        images[0] = drawing.cut_out_drawing(read.read_picture(config.picture)).image

    with runs.start(config, dataset, precision=earlier.precision) as run:
        model = earlier.load_model((28, 28, 1))
        chosen_by = {
            "saliency": find_saliency(model, images),
            "chance": np.random.default_rng(config.seed).random(images.shape[:3]),
        }
        changed = {}
        for name, values in chosen_by.items():
            covered = paint_over(images, values, config.fraction)
            changed[name] = find_changed(model, images, covered)
        rows = {name: {"answers changed": value} for name, value in changed.items()}
        run.table(f"{config.fraction:.0%} of the ink painted over, chosen by", rows)
        run.show("deciding", plots.draw_importance(images, chosen_by["saliency"]))
        return run.finish(changed=changed)


if __name__ == "__main__":
    command_line.run(main, Config)
