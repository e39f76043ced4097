"""Where did the network look? Grad-CAM, the feature maps that decided.

    python lessons/course_3_grad_cam.py

Result: painting over the fifth of the ink where the network looked most changes 9 % of
        the answers (6 to 11 over 3 seeds), where it looked least 5 % (4 to 6)
Time: 0.1 minutes (2 cores, bfloat16)

Run `course_3_cnn.py` first: its network is opened here. The last convolution tells
where it found which corners and arcs: its feature maps. Grad-CAM (Selvaraju et al.,
2017) asks how much each of these maps speaks for the answer: the slope of the answer's
logit at each place of the map, averaged over the places. The maps, weighted by these
means and summed, show where the network looked. Negative sums, which speak against the
answer, are left out.

The maps have 14 x 14 places, so Grad-CAM is coarser than saliency: it shows a region,
not pixels. It is measured in the same way as in `course_3_saliency.py`: how many
answers change when the fifth of the ink is painted over where the network looked most?
The fair baseline is another region, the fifth where it looked least: to lose a region
of ink hurts more than to lose as many scattered pixels, which changes 1 to 2 %. So the
difference is there, but small, and on the sample of MNIST it is gone. The picture of
Grad-CAM says more than this test confirms.

In TensorBoard: "deciding" shows eight digits, and below each in red where the network
looked (page Images).

Try:
    --picture photo.jpg your own handwriting comes first
    --layer 0           the maps of the first convolution: finer, and less about the
                        answer
    --fraction 0.05     a twentieth of the ink: how many answers change?
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lessons.plots import course_3_grad_cam as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import digits
from data.images import drawing, read

TESTED = 1000  # images of the test split


@dataclass(frozen=True)
class Config(options.Options):
    layer: int = -1  # which convolution, from 0; -1 is the last one
    # Of the ink, to be painted over.
    fraction: Annotated[float, options.between(above=0, high=1)] = 0.2
    run: str = "course_3_cnn"  # folder of a run of that lesson, or it for the newest
    picture: Path | None = None  # photo of one digit, to be shown first


def grad_cam(
    model: keras.Model, layer: keras.layers.Conv2D, images: np.ndarray
) -> np.ndarray:
    """Returns where the network looked for its answer.

    Args:
        model: a classifier whose layers follow each other, with logits at the end.
        layer: a convolution of it.
        images: (n, 28, 28, 1) in [0, 255].

    Returns:
        Float32 (n, 28, 28), from 0 to 1 for the place that spoke most for the answer.
    """
    below = keras.Model(model.inputs[0], layer.output)
    with tf.GradientTape() as tape:
        maps = below(np.float32(images))  # (n, height, width, filters)
        tape.watch(maps)  # what follows is computed from the maps: slopes at them
        values = maps
        for above in model.layers[model.layers.index(layer) + 1 :]:
            values = above(values)
        answer = tf.reduce_max(values, axis=1)  # the largest logit
    slopes = tape.gradient(answer, maps)
    weights = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)  # of each map
    looked = tf.reduce_sum(tf.cast(weights * maps, tf.float32), axis=3, keepdims=True)
    looked = tf.image.resize(tf.nn.relu(looked), images.shape[1:3])[..., 0].numpy()
    return looked / np.maximum(looked.max(axis=(1, 2), keepdims=True), 1e-12)


def paint_over(images: np.ndarray, values: np.ndarray, fraction: float) -> np.ndarray:
    """Returns images without the fraction of their ink that has the largest values.

    Args:
        images: uint8 (n, 28, 28, 1), ink above 0.
        values: float (n, 28, 28).
        fraction: of each image's ink.
    """
    ink = images[..., 0] > 0
    keys = np.where(ink, -values, 1).reshape(len(images), -1)  # small for ink of value
    order = keys.argsort(axis=1)  # places, those to be painted over first
    ranks = order.argsort(axis=1)  # of each place in that order, from 0
    covered = ranks < fraction * ink.sum(axis=(1, 2))[:, np.newaxis]
    return np.where(covered.reshape(images.shape), 0, images)


def find_changed(model: keras.Model, images: np.ndarray, covered: np.ndarray) -> float:
    """Returns the fraction of images whose answer changes by the painting over."""
    before = model.predict(images, verbose=0).argmax(axis=1)
    after = model.predict(covered, verbose=0).argmax(axis=1)
    return float(np.mean(before != after))


def main(config: Config) -> dict:
    dataset = digits.load_digits()
    earlier = runs.open(config.run, config.logdir, lesson="course_3_cnn")
    images = dataset.test.x[:TESTED].copy()
    if config.picture:
        images[0] = drawing.cut_out_drawing(read.read_picture(config.picture)).image

    with runs.start(config, dataset, precision=earlier.precision) as run:
        model = earlier.load_model()
        convolutions = [
            layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
        ]
        if not -len(convolutions) <= config.layer < len(convolutions):
            raise ValueError(
                f"--layer is {config.layer}, expected a number from "
                f"{-len(convolutions)} to {len(convolutions) - 1}: the network of "
                f"{earlier.folder} has {len(convolutions)} convolutions"
            )
        looked = grad_cam(model, convolutions[config.layer], images)
        chosen_by = {
            "Grad-CAM": looked,
            "least looked at": -looked,
            "chance": np.random.default_rng(config.seed).random(images.shape[:3]),
        }
        changed = {}
        for name, values in chosen_by.items():
            covered = paint_over(images, values, config.fraction)
            changed[name] = find_changed(model, images, covered)
        rows = {name: {"answers changed": value} for name, value in changed.items()}
        run.table(f"{config.fraction:.0%} of the ink painted over, chosen by", rows)
        run.show("deciding", plots.draw_importance(images, looked))
        return run.finish(changed=changed)


if __name__ == "__main__":
    command_line.run(main, Config)
