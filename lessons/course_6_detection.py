"""Object detection: how many digits are in a picture, where, and which?

    python lessons/course_6_detection.py

Result: mean average precision 0.75 (0.74 to 0.76 over 3 seeds) at an IoU of 0.5 on
        2,000 scenes; Otsu's threshold with a network that reads digits reaches 0.17
Time: 1.7 minutes (2 cores, AVX2 only), 1.5 minutes (2 cores, bfloat16)

A classifier gives one answer for a picture. Here a picture has one to six digits, and
nobody says how many. A detector answers with a list: for each object a box around it,
its class, and a score that says how confident it is.

The network treats objects as points ("CenterNet": Zhou, Wang and Krähenbühl, "Objects
as Points", 2019). It turns a scene of 96 x 96 pixels into a grid of 24 x 24 places.
Three heads, each one convolution, say something about every place:

- heat: is the center of an object here? The local maxima of this map are the objects.
  Each has a score, and whoever uses the detector decides from which score on an object
  counts. Neither boxes to start from (anchors) nor a second step that removes doubles
  (non-maximum suppression) is needed.
- classes: if so, what is it? Ten logits.
- boxes: if so, where is its center exactly, and how wide and high is it?

CenterNet has a heat map for each class. Here all classes share one, and a head beside
it tells them apart: so each digit teaches the network what the center of a digit looks
like, whichever it is. In a trial with 24,000 scenes instead of 48,000 and half of the
learning rate, the shared heat map reached an average precision of 0.65 on validation
scenes, ten separate ones 0.55 (1 seed).

Nearly all places are empty. So the heat is learned with the focal loss (Lin et al.,
"Focal Loss for Dense Object Detection", 2017), which hardly counts what the network
already knows. A place beside a center should be cold as well, but heat there is a small
mistake: it counts the less, the higher a Gaussian around the center is there. The other
two heads learn only from the places near a center, because elsewhere there is nothing
to name or to measure. These places are weighted by the same Gaussian (Liu et al.,
"Training-Time-Friendly Network for Real-Time Object Detection", 2019), and the weights
of an object sum to 1: each object counts the same, whatever its size.

The scenes are drawn: digits of MNIST, turned, scaled and colored, on parts of
photographs. Their boxes are exact and there is no end of them, so none is seen twice in
training. Digits and photographs of the test are in no scene to learn from. A figure for
drawn scenes tells which network or which loss is better, and nothing about photographs.

Average precision is explained at `precision_at_recalls`, the IoU at `iou`. The baseline
finds what is brighter or darker than Otsu's threshold, and a convolutional network
reads each piece. Only 22 % of the digits in the test are cut out as a piece whose box
has an IoU of at least 0.5: most are as bright, or as dark, as some part of the
photograph beside them. A perfect reader would therefore reach 0.22; this one reads 85 %
of these pieces right.

Where boxes must fit better, the network's mean over ten IoUs from 0.5 to 0.95 is 0.43,
the baseline's 0.15. Average precision counts detections of every score. If only scores
of at least 0.3 count, the network finds and names 64 to 66 % of the 6,977 digits of the
test, overlooks 26 to 28 %, and gives the others a wrong name or place. It hardly ever
finds one twice.

`--data cells` learns from real photographs: blood cells under a microscope, red and
white ones and platelets (BCCD, 189 photographs to learn from). For so few the encoder
is pretrained, EfficientNet-Lite0. Heads, targets and losses stay as they are. The mean
average precision at 0.5 is 0.88 (red cells 0.84, white 0.96, platelets 0.83; 1 seed),
the baseline's 0.22. The box of a white cell covers twenty times as many places as that
of a platelet. Three things together raised the average precision on the photographs for
validation from 0.76 to 0.90, and that of platelets from 0.59 to 0.85 (1 seed): every
object counts the same, the window for a peak is wider (`decode`), and photographs are
mirrored from top to bottom as well. The test has 72 photographs from one laboratory; no
medical decision may rest on such a network.

In TensorBoard: the slider of "found" shows scenes with their boxes, and below each its
heat, which gathers at the digits (page Images). "heat", "class" and "box" are the
losses of the heads, "map50" is the average precision on validation scenes (page
Scalars). "precision" compares network and baseline (page Images); the table of errors
says what goes wrong (page Text).

Try:
    --steps 300         a fifth of the scenes, 9,600, is too few: 0.33 (1 seed)
    --steps 8000        five times as many, in five times the time: 0.85 (1 seed)
    --spread 0.01 --steps 300
                        hardly any Gaussian around the centers: 0.25 instead of 0.33
                        (1 seed). Wrong heat beside a center counts in full, and class
                        and box are learned from one place of each object
    --data-dir folder   your own photos with boxes, as Pascal VOC or YOLO have them
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from lessons.plots import course_6_detection as plots
from training import command_line, options, predictions, runs, schedules

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from skimage import filters, measure

from data import Dataset, Split, boxes, own_pictures, scenes, weights
from models import backbones

STRIDE = 4  # pixels from one place of the grid to the next
FILTERS = (16, 32, 64)  # of the encoder at strides of 2, 4 and 8
REPEATS = (1, 2)  # further convolutions at strides of 4 and 8
WIDTH = 48  # feature maps that the heads see
NEAR = 0.2  # places with more heat in the target learn class and box
NARROWEST = 0.3  # standard deviation of a target's Gaussian, places
PHOTO_SIZE = (240, 320)  # height and width of photos, pixels
# Of EfficientNet-Lite0, the last layers at strides of 4, 8 and 16.
STAGES = ("blocks.2.add", "blocks.4.add", "blocks.10.add")

MOST = 100  # detections in a picture
THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of the IoU
RECALLS = np.linspace(0, 1, 101)
SHOWN = 0.3  # score from which on a detection is drawn, and its error counted
BESIDE = 0.1  # IoU from which on a detection means an object that it misses
LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue
READER_SCENES = 3000  # from which the baseline's network learns to read


class Defaults(NamedTuple):
    """What depends on the kind of pictures: pictures per update, updates, the highest
    learning rate, and the window in which `decode` looks for one peak, in places.
    """

    batch_size: int
    steps: int
    learning_rate: float
    window: int


SCENES = Defaults(batch_size=32, steps=1500, learning_rate=1e-2, window=3)
PHOTOS = Defaults(batch_size=8, steps=600, learning_rate=3e-3, window=5)


@dataclass(frozen=True)
class Config(options.Options):
    # Scenes: drawn digits on photographs; cells: photographs of blood cells.
    data: Literal["scenes", "cells"] = "scenes"
    # Instead, a folder of photos with boxes, in the layout of Pascal VOC or YOLO.
    data_dir: Path | None = None
    steps: int | None = None  # updates; if not given 1,500, for photos 600
    # Highest value of the schedule; if not given 1e-2, for photos 3e-3.
    learning_rate: float | None = None
    # Window in which there is one peak, places; if not given 3, for photos 5.
    window: Annotated[int | None, options.between(1, 99)] = None
    # Standard deviation of a target's Gaussian, in widths and heights of its object.
    spread: Annotated[float, options.between(above=0, high=1)] = 0.12
    class_weight: Annotated[float, options.between(0, 1e6)] = 1.0  # of this loss
    box_weight: Annotated[float, options.between(0, 1e6)] = 1.0  # of this loss
    # File of EfficientNet-Lite0's weights, for photos; looked for if not given.
    weights: Path | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.weights is not None and not self.has_photos:
            raise ValueError(
                "--weights are those of the encoder for photos: add --data cells or "
                "--data-dir, or leave them out"
            )

    @property
    def has_photos(self) -> bool:
        """True for photos, False for drawn scenes."""
        return self.data_dir is not None or self.data == "cells"


def convolve(x, filters: int, kernel: int = 3, stride: int = 1):
    """Adds a convolution with batch normalization and ReLU."""
    x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
    # With 0.99, the default, the moving averages of means and variances would follow
    # too slowly.
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.ReLU()(x)


def merge(levels: list):
    """Combines feature maps of several strides, the finest first, into 48 maps with the
    stride of the first.

    Coarse maps see much of the picture and know what is there; fine ones know where.
    So each is brought to the number of filters of the next finer one, enlarged and
    added (Lin et al., "Feature Pyramid Networks", 2017).
    """
    *finer, x = levels
    for level in reversed(finer):
        x = keras.layers.Conv2D(level.shape[-1], 1)(x)
        x = keras.layers.UpSampling2D(2)(x)
        x = keras.layers.Add()([level, x])
    return convolve(x, WIDTH)


def build_encoder(size: tuple[int, int]) -> keras.Model:
    """Builds an encoder, not yet trained.

    Most of the work is done where the picture is already small: the first convolution
    halves it at once.

    Returns:
        A model from uint8 images (batch, 96, 96, 3) to features (batch, 24, 24, 48).
    """
    inputs = keras.Input((*size, 3))
    x = keras.layers.Rescaling(1 / 128, -1)(inputs)  # from [0, 255] to [-1, 1]
    x = convolve(x, FILTERS[0], kernel=5, stride=2)  # (batch, 48, 48, 16)
    levels = []
    for count, more in zip(FILTERS[1:], REPEATS, strict=True):
        # (batch, 24, 24, 32), then (batch, 12, 12, 64)
        x = convolve(x, count, stride=2)
        for _ in range(more):
            x = convolve(x, count)
        levels.append(x)
    return keras.Model(inputs, merge(levels))


def build_pretrained_encoder(
    size: tuple[int, int], found: weights.Weights
) -> keras.Model:
    """Builds an encoder for photos from EfficientNet-Lite0, which was trained on
    ImageNet: 189 photos of cells are too few to learn what edges and textures are.

    Returns:
        A model from uint8 images (batch, 240, 320, 3) to features (batch, 60, 80, 48).
    """
    square = backbones.build_backbone("efficientnet_lite0", found.path, found.keep)
    backbone = keras.models.clone_model(square, keras.Input((*size, 3)))
    backbone.set_weights(square.get_weights())
    for layer in backbone.layers:
        # Its means and variances stay as they are, too: batches of eight photos give
        # poor ones.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    levels = [backbone.get_layer(name).output for name in STAGES]
    return keras.Model(backbone.inputs[0], merge(levels))


def add_heads(encoder: keras.Model, classes: int) -> keras.Model:
    """Adds the three heads.

    Returns:
        A model from uint8 images (batch, height, width, 3) to a dictionary of float32
        (batch, height / 4, width / 4, ...): "heat" 1 logit, "classes" logits, and
        "boxes" 4 numbers as `make_targets` says.
    """
    features = encoder.output
    # At first, 5 % heat everywhere: most places are empty, and with 50 % the first
    # updates would only learn that.
    rare = keras.initializers.Constant(-3.0)
    heat = keras.layers.Conv2D(1, 1, bias_initializer=rare, name="heat")
    outputs = {
        "heat": heat(features),
        "classes": keras.layers.Conv2D(classes, 1, name="classes")(features),
        "boxes": keras.layers.Conv2D(4, 1, name="boxes")(features),
    }
    return keras.Model(encoder.inputs[0], outputs, name="detector")


def make_targets(
    boxes: np.ndarray, labels: np.ndarray, grid: tuple[int, int], spread: float
) -> dict[str, np.ndarray]:
    """Returns what the heads should answer at each place.

    The place that has the center of an object has a heat of 1. Around it the heat falls
    as a Gaussian: in a large object, a place beside the center is nearly as good. The
    network should answer 1 where the heat is 1, and 0 elsewhere, where a wrong answer
    counts the less, the more heat there is. Class and box are those of the object whose
    Gaussian is the highest.

    Args:
        boxes: left, top, right, bottom in pixels, float (n, most, 4).
        labels: int (n, most); -1 where there is no object.
        grid: height and width, in places.
        spread: standard deviation of the Gaussian, in widths and heights of the object.

    Returns:
        "heat" float32 (n, height, width, 1); "weight" float32 (n, height, width), how
        much a place counts for class and box; "classes" int32 (n, height, width);
        "boxes" float32 (n, height, width, 4): from the middle of the place to the
        center, x and y, then the logarithms of width and height, all in places.
    """
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2 / STRIDE  # (n, most, 2), x and y
    sizes = np.maximum(boxes[..., 2:] - boxes[..., :2], 0.1) / STRIDE
    height, width = grid
    rows, columns = np.arange(height), np.arange(width)

    deviations = np.maximum(spread * sizes, NARROWEST)
    x, y = np.split(np.floor(centers), 2, axis=-1)  # (n, most, 1)
    across = np.exp(-(((columns - x) / deviations[..., :1]) ** 2) / 2)
    down = np.exp(-(((rows - y) / deviations[..., 1:]) ** 2) / 2)
    bumps = down[..., :, np.newaxis] * across[..., np.newaxis, :]
    bumps *= (labels >= 0)[..., np.newaxis, np.newaxis]  # (n, most, height, width)

    heat = bumps.max(axis=1)
    highest = bumps.argmax(axis=1)  # (n, height, width), an object at each place
    image = np.arange(len(boxes))[:, np.newaxis, np.newaxis]
    middles = np.stack(np.meshgrid(columns + 0.5, rows + 0.5), axis=-1)
    # Places near a center are weighted by their heat, and the weights of an object sum
    # to 1: otherwise large objects, with more places, would count more.
    own = (
        highest[:, np.newaxis] == np.arange(labels.shape[1])[:, np.newaxis, np.newaxis]
    )
    weights = np.where(own & (bumps > NEAR), bumps, 0.0)  # (n, most, height, width)
    weights /= np.maximum(weights.sum(axis=(2, 3), keepdims=True), 1e-9)

    offsets = centers[image, highest] - middles
    logs = np.log(sizes[image, highest])
    return {
        "heat": heat[..., np.newaxis].astype(np.float32),
        "weight": weights.sum(axis=1).astype(np.float32),
        "classes": np.maximum(labels[image, highest], 0).astype(np.int32),
        "boxes": np.concatenate([offsets, logs], axis=-1).astype(np.float32),
    }


def focal_loss(logits: tf.Tensor, heat: tf.Tensor) -> tf.Tensor:
    """Returns how wrong heat is: CenterNet's form of the focal loss.

    It is the cross-entropy, multiplied by one factor at a center, by two elsewhere. The
    first is (1 - p)^2 at a center and p^2 elsewhere. It makes small what is nearly
    right: otherwise hundreds of easy empty places would outweigh a few hard ones. The
    second, (1 - heat)^4, makes small what the network wrongly answers near a center.

    Args:
        logits: of the network, (n, height, width, 1).
        heat: of the target, the same shape, 1 at the centers.

    Returns:
        (), the sum over all places, divided by the number of objects.
    """
    p = tf.sigmoid(logits)
    center = tf.cast(heat == 1, tf.float32)
    missed = center * (1 - p) ** 2 * -tf.math.log_sigmoid(logits)
    invented = (1 - heat) ** 4 * p**2 * -tf.math.log_sigmoid(-logits)
    objects = tf.maximum(tf.reduce_sum(center), 1)
    return tf.reduce_sum(missed + invented) / objects


def mean_near_centers(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Returns the weighted mean of a value over the places near the center of each
    object, then the mean over the objects.

    Args:
        values: (n, height, width).
        weight: of the target, likewise.
    """
    return tf.reduce_sum(values * weight) / tf.maximum(tf.reduce_sum(weight), 1)


def find_losses(
    outputs: dict, targets: dict, class_weight: float, box_weight: float
) -> dict[str, tf.Tensor]:
    """Returns the losses of the three heads, and "loss", their weighted sum.

    Args:
        outputs: of the network, as `add_heads` says.
        targets: as `make_targets` returns them.
        class_weight: by which the cross-entropy of the classes is multiplied.
        box_weight: likewise the distance of the boxes' four numbers.
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        targets["classes"], outputs["classes"]
    )
    distance = tf.reduce_sum(tf.abs(outputs["boxes"] - targets["boxes"]), axis=-1)
    losses = {
        "heat": focal_loss(outputs["heat"], targets["heat"]),
        "class": mean_near_centers(entropy, targets["weight"]),
        "box": mean_near_centers(distance, targets["weight"]),
    }
    losses["loss"] = (
        losses["heat"] + class_weight * losses["class"] + box_weight * losses["box"]
    )
    return losses


@tf.function
def train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    images: tf.Tensor,
    targets: dict,
    class_weight: float,
    box_weight: float,
) -> dict[str, tf.Tensor]:
    """Updates the network from a batch; returns the losses before it."""
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        losses = find_losses(outputs, targets, class_weight, box_weight)
    gradients = tape.gradient(losses["loss"], model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return losses


class Detections(NamedTuple):
    """What was found in pictures, in each the most certain first.

    Attributes:
        boxes: left, top, right, bottom in pixels, float (n, 100, 4).
        scores: from 0 to 1, float (n, 100).
        labels: int (n, 100); -1 in rows without a detection.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def decode(outputs: dict, window: int) -> Detections:
    """Turns what the heads say into detections: the inverse of `make_targets`.

    A place is a peak if it is the hottest of the window around it. A small window keeps
    small objects apart that are close together. But in a large object many places are
    nearly as hot as the center, and those outside of the window can be a second peak.

    The score of a peak for a class is its heat times the probability of that class. So
    a peak can be in the list several times, with a class each; the unlikely ones have
    low scores.

    Args:
        outputs: as `add_heads` says.
        window: height and width, in places.
    """
    heat = tf.sigmoid(outputs["heat"])
    highest = tf.nn.max_pool2d(heat, ksize=window, strides=1, padding="SAME")
    peaks = tf.where(heat == highest, heat, 0.0)
    scores = peaks * tf.nn.softmax(outputs["classes"])  # (n, height, width, classes)

    count, height, width, classes = scores.shape
    flat = tf.reshape(scores, (count, -1))
    best, indices = tf.math.top_k(flat, min(MOST, flat.shape[1]))
    best, indices = best.numpy(), indices.numpy()  # (n, 100)
    places, labels = np.divmod(indices, classes)
    rows, columns = np.divmod(places, width)

    image = np.arange(count)[:, np.newaxis]
    x, y, log_width, log_height = np.moveaxis(
        np.asarray(outputs["boxes"])[image, rows, columns], -1, 0
    )
    x = columns + 0.5 + x
    y = rows + 0.5 + y
    half_width = np.exp(log_width) / 2
    half_height = np.exp(log_height) / 2
    corners = [x - half_width, y - half_height, x + half_width, y + half_height]
    # No object reaches out of its picture.
    boxes = np.clip(np.stack(corners, axis=-1), 0, [width, height, width, height])
    boxes = np.float32(STRIDE * boxes)
    return Detections(boxes, best, np.where(best > 0, labels, -1))


def detect(model: keras.Model, images: np.ndarray, window: int) -> Detections:
    """Returns what a network finds in uint8 images (n, height, width, 3)."""
    return decode(model.predict(images, batch_size=50, verbose=0), window)


def iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns intersection over union of each two boxes: the area that they share, as a
    fraction of the area that they cover together. 1 means equal, 0 apart.

    Args:
        one: left, top, right, bottom, float (n, 4).
        other: likewise (m, 4).

    Returns:
        (n, m).
    """
    one = one[:, np.newaxis]
    start = np.maximum(one[..., :2], other[:, :2])
    end = np.minimum(one[..., 2:], other[:, 2:])
    shared = np.maximum(end - start, 0).prod(axis=-1)
    areas = (one[..., 2:] - one[..., :2]).prod(axis=-1)
    other_areas = (other[:, 2:] - other[:, :2]).prod(axis=-1)
    return shared / np.maximum(areas + other_areas - shared, 1e-9)


def match(overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """Returns which detections of a class in a picture are hits.

    Each detection, the most certain first, takes the object with which it has the
    highest IoU, of those that are still free. If this IoU is less than the threshold,
    the detection is no hit. So the second detection of the same object is a mistake.

    Args:
        overlaps: the IoU of each detection with each object, float (n, m).
        threshold: the smallest IoU of a hit.

    Returns:
        bool (n,).
    """
    hits = np.zeros(len(overlaps), bool)
    free = np.ones(overlaps.shape[1], bool)
    for index in np.flatnonzero((overlaps >= threshold).any(axis=1)):
        left = np.where(free, overlaps[index], -1.0)
        best = left.argmax()
        if left[best] >= threshold:
            hits[index] = True
            free[best] = False
    return hits


def precision_at_recalls(
    scores: np.ndarray, hits: np.ndarray, objects: int
) -> np.ndarray:
    """Returns the precision at the 101 recalls 0.00, 0.01, ..., 1.00. Their mean is the
    average precision (COCO: Lin et al., "Microsoft COCO", 2014).

    How many detections are shown depends on the smallest score that is trusted. The
    precision is the fraction of those shown that are hits, the recall the fraction of
    the objects that are found. Showing more can only raise the recall, and tends to
    lower the precision. For each of the 101 recalls, the best precision that is reached
    with at least this recall counts; 0 if all detections together do not reach it. So
    the average precision is 1 for a detector that finds everything before its first
    mistake.

    Args:
        scores: of all detections of a class, float (n,).
        hits: bool (n,).
        objects: how many there are of the class.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(hits[order])
    recall = found / objects
    precision = found / np.arange(1, len(found) + 1)
    at_least = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(recall, RECALLS)  # that reaches each recall
    return np.append(at_least, 0.0)[first]


def precision_curves(found: Detections, truth: dict, classes: int) -> np.ndarray:
    """Returns the precision of each class, at each threshold of the IoU, at 101
    recalls, float (classes, 10, 101); NaN for a class without objects.

    Args:
        found: in n pictures.
        truth: "boxes" (n, most, 4) and "labels" (n, most), as `data.scenes` has them.
        classes: how many there are.
    """
    curves = np.full((classes, len(THRESHOLDS), len(RECALLS)), np.nan)
    for label in range(classes):
        scores, hits = [], []
        for index, labels in enumerate(truth["labels"]):
            mine = found.labels[index] == label
            objects = truth["boxes"][index][labels == label]
            overlaps = iou(found.boxes[index][mine], objects)
            scores.append(found.scores[index][mine])
            hits.append([match(overlaps, threshold) for threshold in THRESHOLDS])
        scores = np.concatenate(scores)
        hits = np.concatenate(hits, axis=1)  # (10, detections)
        objects = np.count_nonzero(truth["labels"] == label)
        if objects:
            for number, row in enumerate(hits):
                curves[label, number] = precision_at_recalls(scores, row, objects)
    return curves


def summarize(curves: np.ndarray) -> dict[str, float]:
    """Returns the mean average precision over classes: "map50" at an IoU of 0.5, "map"
    the mean over the ten thresholds from 0.5 to 0.95.
    """
    return {
        "map50": float(np.nanmean(curves[:, 0])),
        "map": float(np.nanmean(curves)),
    }


def count_errors(found: Detections, truth: dict) -> dict[str, int]:
    """Counts what is right and what is wrong among the detections that are shown, in
    kinds after TIDE (Bolya et al., 2020).

    Of each picture, those with a score of at least 0.3 are looked at, the most certain
    first. The first case that fits counts:

    - right: an IoU of at least 0.5 with an object of its class that is still free.
    - double: the same, but all such objects are taken by detections before.
    - class: an IoU of at least 0.5 with an object of another class.
    - place: an IoU of at least 0.1 with any object.
    - invented: none of these.

    A detection with a wrong class or place is taken to mean the object with which it
    overlaps most. An object is "missed" if no detection is right about it and none
    means it.
    """
    kinds = ("right", "place", "class", "double", "missed", "invented")
    counts = dict.fromkeys(kinds, 0)
    for index, labels in enumerate(truth["labels"]):
        objects = truth["boxes"][index][labels >= 0]
        classes = labels[labels >= 0]
        shown = (found.scores[index] >= SHOWN) & (found.labels[index] >= 0)
        overlaps = iou(found.boxes[index][shown], objects)
        free = np.ones(len(objects), bool)
        meant = np.zeros(len(objects), bool)
        for row, label in zip(overlaps, found.labels[index][shown], strict=True):
            kind, target = judge(row, classes == label, free)
            counts[kind] += 1
            if kind == "right":
                free[target] = False
            if kind in ("class", "place"):
                meant[target] = True
        counts["missed"] += int(np.count_nonzero(free & ~meant))
    return counts


def judge(overlaps: np.ndarray, same: np.ndarray, free: np.ndarray) -> tuple[str, int]:
    """Returns of which kind a detection is, and which object it means.

    Args:
        overlaps: its IoU with each object, float (m,).
        same: which objects are of its class, bool (m,).
        free: which objects no detection was right about so far, bool (m,).
    """
    cases = {
        "right": (same & free, 0.5),
        "double": (same, 0.5),
        "class": (~same, 0.5),
        "place": (np.ones(len(same), bool), BESIDE),
    }
    for kind, (among, least) in cases.items():
        fits = np.where(among, overlaps, 0.0)
        if len(fits) and fits.max() >= least:
            return kind, int(fits.argmax())
    return "invented", -1


class Pieces(NamedTuple):
    """What the baseline cuts out of pictures.

    Attributes:
        images: RGB and what belongs to the piece, uint8 (n, 28, 28, 4) in [0, 255].
        boxes: left, top, right, bottom in pixels, float (n, 4).
        pictures: which picture each comes from, int (n,).
    """

    images: np.ndarray
    boxes: np.ndarray
    pictures: np.ndarray


def cut_into_pieces(images: np.ndarray, sides: tuple[float, float]) -> Pieces:
    """Cuts out what hangs together and is brighter, or darker, than Otsu's threshold.

    The threshold (Otsu, 1979) divides the pixels of a picture into two groups that are
    as alike as possible within.

    Args:
        images: uint8 (n, height, width, 3).
        sides: the smallest and the largest longer side of a piece, pixels.
    """
    pieces, boxes, pictures = [], [], []
    for index, image in enumerate(images):
        gray = np.uint8(image @ LUMINANCE)
        bright = gray > filters.threshold_otsu(gray)
        for mask in (bright, ~bright):
            numbers = measure.label(mask)
            for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), 1):
                longer = max(rows.stop - rows.start, columns.stop - columns.start)
                if sides[0] <= longer <= sides[1]:
                    inside = numbers[rows, columns] == number
                    pieces.append(center_piece(image[rows, columns], inside))
                    boxes.append([columns.start, rows.start, columns.stop, rows.stop])
                    pictures.append(index)
    return Pieces(
        np.array(pieces, np.uint8).reshape(-1, 28, 28, 4),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(pictures, int),
    )


def center_piece(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Scales a piece to 20 pixels and puts it into the middle of 28 x 28, as MNIST has
    its digits.

    Args:
        pixels: uint8 (height, width, 3).
        inside: which of them belong to the piece, bool (height, width).

    Returns:
        uint8 (28, 28, 4).
    """
    piece = Image.fromarray(np.dstack([pixels, np.uint8(255 * inside)]))
    scale = 20 / max(piece.size)
    width, height = (max(1, round(scale * side)) for side in piece.size)
    canvas = Image.new("RGBA", (28, 28))
    canvas.paste(piece.resize((width, height)), (14 - width // 2, 14 - height // 2))
    return np.asarray(canvas)


def label_pieces(pieces: Pieces, truth: dict, classes: int) -> np.ndarray:
    """Returns the class of each piece: that of the object with which it has the highest
    IoU, if this is at least 0.5, else `classes`. Int (n,).
    """
    labels = np.full(len(pieces.boxes), classes)
    for index, (box, picture) in enumerate(
        zip(pieces.boxes, pieces.pictures, strict=True)
    ):
        there = truth["labels"][picture] >= 0
        overlaps = iou(box[np.newaxis], truth["boxes"][picture][there])[0]
        if len(overlaps) and overlaps.max() >= 0.5:
            labels[index] = truth["labels"][picture][there][overlaps.argmax()]
    return labels


def build_reader(classes: int) -> keras.Model:
    """Builds the baseline's network, not yet trained: from pieces uint8 (batch, 28, 28,
    4) to the probability of each class, and of none.
    """
    model = keras.Sequential(name="reader")
    model.add(keras.Input((28, 28, 4)))
    model.add(keras.layers.Rescaling(1 / 255))
    for count in (32, 64):
        model.add(keras.layers.Conv2D(count, 5, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(256, activation="relu"))
    model.add(keras.layers.Dropout(0.4))
    model.add(keras.layers.Dense(classes + 1, activation="softmax"))
    return model


def train_reader(
    split: Split,
    sides: tuple[float, float],
    classes: int,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> keras.Model:
    """Trains the baseline's network on pieces of pictures to learn from."""
    pieces = cut_into_pieces(split.x, sides)
    labels = label_pieces(pieces, split.y, classes)
    # Most pieces are none of the classes. Of these, as many are kept as of the others,
    # and at least 100.
    some = np.flatnonzero(labels < classes)
    none = np.flatnonzero(labels == classes)
    kept = np.concatenate([some, none[: max(100, len(some))]])

    reader = build_reader(classes)
    reader.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    reader.fit(
        pieces.images[kept],
        labels[kept],
        batch_size=50,
        epochs=2,
        callbacks=callbacks,
        verbose=verbose,
    )
    return reader


def read_pieces(
    reader: keras.Model, images: np.ndarray, sides: tuple[float, float]
) -> Detections:
    """Returns what the baseline finds: each piece, with its likeliest class, and the
    probability of that as the score.
    """
    found = Detections(
        np.zeros((len(images), MOST, 4), np.float32),
        np.zeros((len(images), MOST), np.float32),
        np.full((len(images), MOST), -1),
    )
    pieces = cut_into_pieces(images, sides)
    if not len(pieces.images):
        return found
    probabilities = reader.predict(pieces.images, batch_size=500, verbose=0)[:, :-1]
    scores = probabilities.max(axis=1)
    labels = probabilities.argmax(axis=1)
    for index in range(len(images)):
        mine = np.flatnonzero(pieces.pictures == index)
        best = mine[np.argsort(-scores[mine], kind="stable")][:MOST]
        found.boxes[index, : len(best)] = pieces.boxes[best]
        found.scores[index, : len(best)] = scores[best]
        found.labels[index, : len(best)] = labels[best]
    return found


def find_sides(truth: dict) -> tuple[float, float]:
    """Returns the smallest and the largest longer side of boxes, pixels."""
    there = truth["boxes"][truth["labels"] >= 0]
    longer = (there[:, 2:] - there[:, :2]).max(axis=1)
    return longer.min(), longer.max()


def draw_photos(
    split: Split, upside_down: bool, count: int, random: np.random.Generator
) -> Split:
    """Draws photos to learn from, half of them mirrored from left to right.

    Args:
        split: photos and their boxes.
        upside_down: whether half are also mirrored from top to bottom.
        count: how many are drawn.
        random: draws them.
    """
    chosen = random.choice(len(split.x), count)
    images, found = split.x[chosen], split.y["boxes"][chosen]
    for axis in (0, 1) if upside_down else (0,):  # of x, y
        mirrored = random.integers(2, size=count) == 1
        along = 2 - axis  # the axis of the images
        images[mirrored] = np.flip(images[mirrored], along)
        found[mirrored] = mirror(found[mirrored], images.shape[along], axis)
    return Split(images, {"boxes": found, "labels": split.y["labels"][chosen]})


def mirror(boxes: np.ndarray, side: int, axis: int) -> np.ndarray:
    """Returns where boxes (..., 4) are in the mirror image of a picture that is `side`
    pixels long along x (axis 0) or y (1).
    """
    mirrored = boxes.copy()
    mirrored[..., axis] = side - boxes[..., axis + 2]
    mirrored[..., axis + 2] = side - boxes[..., axis]
    return mirrored


def take_first(split: Split, count: int) -> Split:
    """Returns the first pictures of a split."""
    return Split(split.x[:count], {name: y[:count] for name, y in split.y.items()})


def load_data(data: str, data_dir: Path | None) -> tuple[Dataset, Callable]:
    """Returns the pictures, and a function from a number of pictures and a generator to
    a batch to learn from.
    """
    if data_dir is not None:
        dataset = boxes.load_box_folder(data_dir, PHOTO_SIZE)
    elif data == "cells":
        try:
            dataset = boxes.load_cells(PHOTO_SIZE)
        except ConnectionError as error:
            raise ConnectionError(
                f"--data cells: {error}; --data scenes needs no download"
            ) from error
    else:
        dataset, endless = scenes.load_scenes()
        return dataset, endless.draw
    upside_down = data_dir is None  # under a microscope, nothing is up
    return dataset, functools.partial(draw_photos, dataset.train, upside_down)


def draw_found(
    model: keras.Model, images: np.ndarray, window: int, class_names: tuple[str, ...]
) -> np.ndarray:
    """Draws images with the boxes that a network finds, and its heat below."""
    outputs = model.predict(images, verbose=0)
    heat = tf.sigmoid(outputs["heat"]).numpy()
    return plots.draw_found(images, decode(outputs, window), heat, class_names, SHOWN)


def predict(run, inputs: list[str]) -> predictions.Answers:
    """Says which objects a trained network finds in pictures of one's own. Each is
    stretched to the size that the network takes.
    """
    model = run.load()
    class_names = run.config["class_names"]
    _, height, width, _ = model.input_shape
    images, scales, pictures = [], {}, []
    for path, picture in own_pictures.read_pictures(inputs):
        images.append(np.asarray(Image.fromarray(picture).resize((width, height))))
        scales[path] = [picture.shape[1] / width, picture.shape[0] / height] * 2
        if len(pictures) < predictions.SHOWN:
            pictures.append(picture)
    found = detect(model, np.stack(images), run.config["hyperparameters"]["window"])
    lines = []
    for index, (path, scale) in enumerate(scales.items()):
        found.boxes[index] *= scale
        shown = found.scores[index] >= SHOWN
        lines.append(f"{path}: {np.count_nonzero(shown)} found")
        for box, score, label in zip(
            *(part[index][shown] for part in found), strict=True
        ):
            left, top, right, bottom = (round(float(side)) for side in box)
            corners = f"from ({left}, {top}) to ({right}, {bottom})"
            lines.append(f"  {class_names[label]} {score:4.0%} {corners}")
    first = Detections(*(part[: len(pictures)] for part in found))
    return predictions.Answers(
        lines, plots.draw_boxes(pictures, first, class_names, SHOWN)
    )


def main(config: Config) -> dict:
    dataset, draw = load_data(config.data, config.data_dir)
    defaults = PHOTOS if config.has_photos else SCENES
    config = dataclasses.replace(
        config,
        steps=config.steps or defaults.steps,
        learning_rate=config.learning_rate or defaults.learning_rate,
        window=config.window or defaults.window,
    )
    test = dataset.test
    some = take_first(dataset.validation, 100)  # looked at during training
    classes = len(dataset.class_names)
    size = test.x.shape[1:3]
    grid = (size[0] // STRIDE, size[1] // STRIDE)
    pretrained = []
    if config.has_photos:
        pretrained = [weights.find_weights("efficientnet_lite0", config.weights)]

    with runs.start(config, dataset, sources=pretrained) as run:
        # The baseline.
        split = dataset.train
        if not config.has_photos:
            # No step's batch has this seed: theirs are (seed, step).
            random = np.random.default_rng((config.seed, 2**32))
            split = draw(READER_SCENES, random)
        # Of scenes, these are 2,000 that are the same in every run.
        sides = find_sides(dataset.train.y)
        reader = train_reader(
            split,
            sides,
            classes,
            callbacks=run.callbacks(name="reader", train=split, doctor=False),
            verbose=run.verbose,
        )
        baseline = read_pieces(reader, test.x, sides)

        # The network.
        if config.has_photos:
            encoder = build_pretrained_encoder(size, pretrained[0])
        else:
            encoder = build_encoder(size)
        model = add_heads(encoder, classes)
        run.graph(model)
        adam = keras.optimizers.Adam(
            schedules.one_cycle(config.learning_rate, config.steps), beta_2=0.99
        )
        adam.build(model.trainable_variables)

        for step in run.steps(config.steps, model=model, adam=adam):
            # A generator for each step: a resumed run draws the same.
            random = np.random.default_rng((config.seed, step))
            images, truth = draw(defaults.batch_size, random)
            targets = make_targets(truth["boxes"], truth["labels"], grid, config.spread)
            losses = train_step(
                model, adam, images, targets, config.class_weight, config.box_weight
            )
            run.log(
                step,
                **losses,
                found=lambda: draw_found(
                    model, some.x[:12], config.window, dataset.class_names
                ),
            )
            if (step + 1) % max(1, config.steps // 10) == 0:
                found = detect(model, some.x, config.window)
                curves = precision_curves(found, some.y, classes)
                run.log(step, "validation", **summarize(curves))

        # The test.
        found = detect(model, test.x, config.window)
        curves = precision_curves(found, test.y, classes)
        baseline_curves = precision_curves(baseline, test.y, classes)
        by_class = plots.list_classes(curves, dataset.class_names)
        errors = {
            "network": count_errors(found, test.y),
            "baseline": count_errors(baseline, test.y),
        }
        both = {"network": curves, "baseline": baseline_curves}
        run.table("Average precision by class", by_class)
        run.table("Errors by kind", errors, digits=0)
        run.show("precision", plots.plot_precision(RECALLS, both))
        run.predictions(
            np.arange(len(test.x)),
            found.boxes,
            test.y["boxes"],
            score=found.scores,
            label=found.labels,
            true_label=test.y["labels"],
            baseline=baseline.boxes,
            baseline_score=baseline.scores,
            baseline_label=baseline.labels,
        )
        # It learns no more; so the saved network can be evaluated as it is, with losses
        # that Keras knows.
        model.compile(
            "sgd",
            loss={
                "heat": keras.losses.BinaryCrossentropy(from_logits=True),
                "classes": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "boxes": "mean_absolute_error",
            },
        )
        return run.finish(
            model,
            test={**summarize(curves), "examples": len(test.x)},
            baseline=summarize(baseline_curves),
            classes=by_class,
            errors=errors,
        )


if __name__ == "__main__":
    command_line.run(main, Config)
