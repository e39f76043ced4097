"""Segmentation: what is every pixel?

    python lessons/course_6_segmentation.py

Result: mean IoU 0.50 of 11 classes on 2,000 test scenes (0.49 to 0.51 over 3 seeds);
        the commonest class of each place reaches 0.09
Time: 1.6 minutes (2 cores, AVX2 only), 1.4 minutes (2 cores, bfloat16)

A classifier says what a picture shows, a detector draws boxes around it. Segmentation
says of each pixel what it is a part of: here of the photograph behind, or of a digit
from 0 to 9. These are 11 classes.

What something is shows in a large part of the picture. Where it ends shows in a few
pixels. A network for both is the U-Net (Ronneberger, Fischer and Brox, 2015):

- The way down: convolutions with a stride of 2 turn 96 x 96 pixels into 6 x 6 places
  with 96 features each. Each place sees much of the picture and knows what is there,
  but not in which of the 16 x 16 pixels that it stands for.
- The way up: the places are enlarged to 12 x 12, 24 x 24 and 48 x 48, with a
  convolution before and after each time.
- The skip connections: at each size, the features of the way down are added. They still
  know where the edges are. (The first U-Net put them beside the enlarged features,
  which makes twice the work for the next convolution.)

One question about each pixel becomes two, and the network answers both:

- object: is the pixel a part of any digit?
- which: if so, of which one?

The probability of a 7 is the product, p(7) = p(object) p(7 | object), and the cross-
entropy of a digit's pixel is the sum of those of both questions; for the background
there is only "object". So the loss of each question can be what suits it, and can be
weighted by itself (`--which-weight`). Only pixels of digits are asked "which", and each
digit counts the same, however many pixels it has. In the loss of "object", the
background must not outweigh the few pixels of digits: the cross-entropy is divided by
the number of these, and a second term ignores background that is right, as the IoU does
(`dice_loss`).

Does that pay? The usual loss is that of a classifier, the mean cross-entropy of all
pixels. With it, the same network reaches the same mean IoU, 0.51 (1 seed each). The two
questions are worth asking all the same: each can be answered as finely as it needs,
their losses show what is learned when, and whoever cuts objects out, or asks which
pixels belong together (`course_6_instances`), needs only the first.

"Object" is answered for each pixel: from each of the 48 x 48 places come the answers
for 2 x 2 pixels, 96 x 96 in all. "Which" is answered for 24 x 24 places of 4 x 4
pixels, since a digit is larger than that. Its loss is computed on these places; to name
the class of each pixel, its logits are interpolated to 96 x 96.

How good is the answer? The accuracy, the fraction of pixels that are right, says
little: 94 % of the test's pixels are background, so "background" everywhere is right
for 94 %. The intersection over union (IoU) of a class counts the pixels that have the
class and are given it, and divides by those that have it or are given it. All pictures
of the test are counted together, in one confusion matrix. The mean over the classes
gives a 7 as much weight as the background. The baseline, the commonest class of each
place in 2,000 other scenes, has an IoU of 0.94 for the background and of 0 for ten
digits.

The scenes are drawn: digits of MNIST, turned, scaled and colored, on parts of
photographs. Nobody had to paint masks, their edges are exact, and each update draws
scenes of its own. These hold 4 to 6 digits, since more digits teach more; the scenes of
validation and test hold 1 to 6. Digits and photographs of the test are in no scene to
learn from. There are only nine photographs to learn from. They are turned by quarter
turns, and the colors of each scene are changed at random, so that other photographs do
not surprise the network. A figure for drawn scenes says little about real ones.

`--data camvid` learns from 270 photographs out of a car that drives through Cambridge
(CamVid, for research only). For so few, the way down is pretrained, EfficientNet-Lite0,
and there is one question about each place of 4 x 4 pixels, which of 11 classes it has.
The last fifth of each drive is for validation. The mean IoU on 233 photographs of the
test is 0.50, the baseline's 0.16 (1 seed). Of these, 171 are from a drive that nothing
is learned from: 0.49. The other 62 go on where a drive of the training ends. Road and
sky reach 0.92 and 0.90, cars 0.74; what is thin or rare is hardly found, poles 0.05 and
bicyclists 0.06. Nothing that drives may rely on such a network.

In TensorBoard: the slider "classes" shows scenes with their answers, in the colors of
the legend (page Images). "object" and "which" are the losses of both questions. The
second is near log 10 = 2.3 in the first 300 updates, as if all ten digits were equally
likely. "mean_iou" and "accuracy" are those of validation scenes (page Scalars).
"confusion" shows which digits are taken for which, "test" scenes from the worst to the
best, with the truth, the answer and what is wrong (page Images). The IoU of each class
is a table (page Text).

Try:
    --no-skips          no skip connections, but as many weights: 0.34. Put "classes" of
                        both runs side by side: large digits become patches of several
                        colors
    --steps 11000       five and a half times as many updates: 0.63
    --classes object    only object or background, as for cutting objects out: the IoU
                        of "object" is 0.70
    --which-weight 1    a third of the weight for "which": 0.50, no clear difference
    --data-dir folder   your own photos with masks
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from lessons.plots import course_6_segmentation as plots
from training import command_line, options, predictions, runs, schedules

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from data import Dataset, Split, masks, own_pictures, scenes, weights
from models import backbones

STRIDE = 4  # pixels from one place to the next, where the network says which digit
FILTERS = (16, 32, 64, 96)  # of the encoder at strides of 2, 4, 8 and 16
REPEATS = (0, 1, 1, 2)  # further convolutions at these strides
WIDTHS = (64, 48, 16)  # of the decoder at strides of 8, 4 and 2
# Digits in a scene to learn from; other scenes have 1 to 6. More digits teach more.
CROWD = (4, 6)
# Of EfficientNet-Lite0, the last layers at strides of 4, 8, 16 and 32.
STAGES = ("blocks.2.add", "blocks.4.add", "blocks.10.add", "blocks.14.add")
PHOTO_WIDTHS = (96, 64, 48)  # of the decoder at strides of 16, 8 and 4
PHOTO_SIZE = (180, 240)  # height and width of photos, pixels
LARGEST = 1.6  # of photos to learn from, how far parts are enlarged
SHOWN = 640  # pixels, to which the longer side of a photo of one's own is reduced


class Defaults(NamedTuple):
    """What depends on the kind of pictures: pictures per update, updates, and the
    highest learning rate.
    """

    batch_size: int
    steps: int
    learning_rate: float


SCENES = Defaults(batch_size=16, steps=2000, learning_rate=1e-2)
PHOTOS = Defaults(batch_size=8, steps=800, learning_rate=3e-3)


@dataclass(frozen=True)
class Config(options.Options):
    # Scenes: drawn digits on photographs; camvid: road scenes, seen from a car.
    data: Literal["scenes", "camvid"] = "scenes"
    # Instead, a folder of photos with masks.
    data_dir: Path | None = None
    # Of scenes: a class for each digit, or one for all: object or background.
    classes: Literal["digits", "object"] = "digits"
    # Skip connections from the encoder to the decoder, at equal size.
    skips: bool = True
    steps: int | None = None  # updates; if not given 2,000, for photos 800
    # Highest value of the schedule; if not given 1e-2, for photos 3e-3.
    learning_rate: float | None = None
    # By which the loss of the question "which digit" is multiplied, of drawn scenes.
    which_weight: Annotated[float, options.between(0, 1e6)] = 3.0
    # File of EfficientNet-Lite0's weights, for photos; looked for if not given.
    weights: Path | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.weights is not None and not self.has_photos:
            raise ValueError(
                "--weights are those of the encoder for photos: add --data camvid or "
                "--data-dir, or leave them out"
            )
        if self.classes == "object" and self.has_photos:
            raise ValueError(
                "--classes object is for scenes, photos have the classes of their "
                "masks: leave it out, or --data camvid and --data-dir"
            )

    @property
    def has_photos(self) -> bool:
        """True for photos, False for drawn scenes."""
        return self.data_dir is not None or self.data == "camvid"


def convolve(x, filters: int, kernel: int = 3, stride: int = 1):
    """Adds a convolution with batch normalization and ReLU."""
    x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
    # With 0.99, the default, the moving averages would follow too slowly.
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.ReLU()(x)


def pad(images, multiple: int):
    """Adds black below and to the right, until height and width are multiples."""
    _, height, width, _ = images.shape
    below, right = -height % multiple, -width % multiple
    return keras.layers.ZeroPadding2D(((0, below), (0, right)))(images)


def build_encoder(size: tuple[int, int]) -> keras.Model:
    """Builds the way down, not yet trained: from a picture to what is in it.

    Returns:
        A model from uint8 images (batch, 96, 96, 3) to features of four sizes, the
        finest first: (batch, 48, 48, 16) to (batch, 6, 6, 96).
    """
    inputs = keras.Input((*size, 3))
    x = keras.layers.Rescaling(1 / 128, -1)(inputs)  # from [0, 255] to [-1, 1]
    levels = []
    for count, more in zip(FILTERS, REPEATS, strict=True):
        # (batch, 48, 48, 16), (batch, 24, 24, 32), (batch, 12, 12, 64), then
        # (batch, 6, 6, 96)
        x = convolve(x, count, kernel=3 if levels else 5, stride=2)
        for _ in range(more):
            x = convolve(x, count)
        levels.append(x)
    return keras.Model(inputs, levels, name="encoder")


def build_pretrained_encoder(
    size: tuple[int, int], found: weights.Weights
) -> keras.Model:
    """Builds the way down for photos from EfficientNet-Lite0, which was trained on
    ImageNet: some hundred photos are too few to learn from them what edges and textures
    are.

    Returns:
        A model from uint8 images (batch, 180, 240, 3) to features of four sizes, the
        finest first: (batch, 48, 64, 24) to (batch, 6, 8, 192).
    """
    inputs = keras.Input((*size, 3))
    images = pad(inputs, 32)  # (batch, 192, 256, 3)
    square = backbones.build_backbone("efficientnet_lite0", found.path, found.keep)
    backbone = keras.models.clone_model(square, keras.Input(images.shape[1:]))
    backbone.set_weights(square.get_weights())
    for layer in backbone.layers:
        # Means and variances stay those of ImageNet: eight photos give poor ones.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    levels = [backbone.get_layer(name).output for name in STAGES]
    levels = keras.Model(backbone.inputs[0], levels, name="efficientnet")(images)
    return keras.Model(inputs, levels, name="encoder")


def add_decoder(
    encoder: keras.Model, widths: tuple[int, ...], skips: bool
) -> keras.Model:
    """Adds the way up: from what is in a picture to where it is.

    Args:
        encoder: from images to features, the finest first.
        widths: features of each step up, the coarsest first.
        skips: whether each step up is given the encoder's features of its size.

    Returns:
        A model from uint8 images (batch, height, width, 3) to the features of each step
        up, the coarsest first.
    """
    *finer, x = encoder.outputs  # (batch, 6, 6, 96)
    steps = []
    for level, width in zip(reversed(finer), widths, strict=True):
        # (batch, 12, 12, 64), (batch, 24, 24, 32), (batch, 48, 48, 16)
        # As many features as the encoder has at this size, so that they can be added.
        x = keras.layers.Conv2D(level.shape[-1], 1)(x)
        x = keras.layers.UpSampling2D(2)(x)
        if skips:
            x = keras.layers.Add()([x, level])
        # (batch, 12, 12, 64), (batch, 24, 24, 48), (batch, 48, 48, 16)
        x = convolve(x, width)
        steps.append(x)
    return keras.Model(encoder.inputs[0], steps, name="u_net")


def add_questions(u_net: keras.Model, classes: int) -> keras.Model:
    """Adds the two questions about a scene: is a pixel part of an object, and which is
    the object?

    Returns:
        A model from uint8 images (batch, 96, 96, 3) to a dictionary of float32:
        "object" 1 logit for each pixel, (batch, 96, 96, 1), and "which" a logit for
        each class but the background, for each place of 4 x 4 pixels, (batch, 24, 24,
        10).
    """
    # Of 24 x 24 and 48 x 48 places. With another step up, there is one more before.
    _, middle, finest = u_net.outputs
    # At first, sigmoid(-3) = 5 % everywhere: most pixels are background, and with 50 %
    # the first updates would only learn that.
    rare = keras.initializers.Constant(-3.0)
    # From each place of 2 x 2 pixels four logits, one for each pixel.
    pixels = keras.layers.Conv2DTranspose(
        1, 2, strides=2, bias_initializer=rare, name="object"
    )
    outputs = {
        "object": pixels(finest),
        "which": keras.layers.Conv2D(classes - 1, 1, name="which")(middle),
    }
    return keras.Model(u_net.inputs[0], outputs, name="questions")


def combine(questions: keras.Model) -> keras.Model:
    """Combines the answers to both questions: p(7) = p(object) p(7 | object).

    Returns:
        A model from uint8 images (batch, 96, 96, 3) to the logarithm of the probability
        of each class, background first, float32 (batch, 96, 96, 11).
    """
    inside = questions.output["object"]
    which = questions.output["which"]
    which = keras.layers.UpSampling2D(STRIDE, interpolation="bilinear")(which)
    which = keras.layers.Activation("log_softmax")(which)  # (batch, 96, 96, 10)
    outside = keras.layers.Rescaling(-1)(inside)
    background = keras.layers.Activation("log_sigmoid")(outside)
    inside = keras.layers.Activation("log_sigmoid")(inside)
    objects = keras.layers.Add()([inside, which])
    outputs = keras.layers.Concatenate()([background, objects])
    return keras.Model(questions.inputs[0], outputs, name="segmentation")


def add_classes(u_net: keras.Model, classes: int) -> keras.Model:
    """Adds the classes of photos, one question about each place of 4 x 4 pixels.

    Returns:
        A model from uint8 images (batch, height, width, 3) to logits, float32 (batch,
        height, width, classes).
    """
    x = keras.layers.Conv2D(classes, 1, name="classes")(u_net.outputs[-1])
    # Enlarged to the size of the photo; what was added to that is cut off.
    _, height, width, _ = u_net.input_shape
    x = keras.layers.UpSampling2D(-(-height // x.shape[1]), interpolation="bilinear")(x)
    below, right = x.shape[1] - height, x.shape[2] - width
    x = keras.layers.Cropping2D(((0, below), (0, right)))(x)
    return keras.Model(u_net.inputs[0], x, name="segmentation")


def make_targets(y: dict[str, np.ndarray], classes: int) -> dict[str, np.ndarray]:
    """Returns what the network should answer to both questions about scenes.

    Args:
        y: of scenes, as `scenes.Scenes.draw` returns it.
        classes: how many there are, with the background; 2 if a digit is a digit.

    Returns:
        "object" float32 (n, height, width, 1), 1 where a pixel is part of an object;
        "which" float32 (n, height / 4, width / 4, classes - 1), for each place and
        class the number of pixels, each divided by the visible area of its object: over
        all places, an object adds up to 1.
    """
    count, height, width = y["masks"].shape
    most = y["labels"].shape[1]
    grid = (height // STRIDE, width // STRIDE)
    scene, row, column = np.nonzero(y["masks"])
    number = y["masks"][scene, row, column] - 1  # of the object in its scene
    # If a digit is a digit, there is one class for all of them: 0.
    label = np.minimum(y["labels"][scene, number], classes - 2)

    owner = scene * most + number
    areas = np.bincount(owner, minlength=count * most)  # visible pixels of each object
    where = (scene, row // STRIDE, column // STRIDE, label)
    shape = (count, *grid, classes - 1)
    # Each pixel adds 1 / area to its place and class. Up to 16 add to the same number,
    # of which `which[where] += 1 / areas[owner]` would keep only one.
    which = np.bincount(
        np.ravel_multi_index(where, shape), 1 / areas[owner], np.prod(shape)
    )
    return {
        "object": np.float32(y["masks"] > 0)[..., np.newaxis],
        "which": np.float32(which.reshape(shape)),
    }


def dice_loss(logits: tf.Tensor, objects: tf.Tensor) -> tf.Tensor:
    """Returns 1 minus the Dice coefficient of the pixels of objects.

    It compares the pixels that are part of an object with those that the network says
    are: twice the number of pixels that are in both, divided by the sum of both
    numbers. That is 2 IoU / (1 + IoU): 0 or 1 where the IoU is, and larger in between.
    Background that is right does not count. Each pixel counts with its predicted
    probability instead of 0 or 1, so that the loss has a gradient.

    Args:
        logits: float32 (n, height, width, 1).
        objects: the same shape, 1 or 0.
    """
    said = tf.sigmoid(logits)
    both = tf.reduce_sum(objects * said)
    return 1 - 2 * both / (tf.reduce_sum(objects) + tf.reduce_sum(said))


def find_scene_losses(
    outputs: dict, targets: dict, which_weight: float
) -> dict[str, tf.Tensor]:
    """Returns the losses of both questions, and "loss", their weighted sum.

    Args:
        outputs: of the network, as `add_questions` says.
        targets: as `make_targets` returns them.
        which_weight: by which the loss of "which" is multiplied.
    """
    objects = targets["object"]
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(objects, outputs["object"])
    said = tf.nn.log_softmax(outputs["which"])
    losses = {
        "object": tf.reduce_sum(entropy) / tf.reduce_sum(objects)
        + dice_loss(outputs["object"], objects),
        "which": -tf.reduce_sum(targets["which"] * said)
        / tf.reduce_sum(targets["which"]),
    }
    losses["loss"] = losses["object"] + which_weight * losses["which"]
    return losses


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the mean cross-entropy of the pixels of photos that have a class, as
    "loss".

    Args:
        logits: float32 (n, height, width, classes).
        labels: uint8 (n, height, width); 255 for a pixel without a class.
    """
    known = labels != masks.VOID
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.cast(tf.where(known, labels, 0), tf.int32), logits
    )
    known = tf.cast(known, tf.float32)
    mean = tf.reduce_sum(entropy * known) / tf.maximum(tf.reduce_sum(known), 1)
    return {"loss": mean}


@tf.function
def train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    images: tf.Tensor,
    targets: tf.Tensor | dict,
    find_losses: Callable,
) -> dict[str, tf.Tensor]:
    """Updates the network from a batch; returns the losses before it."""
    with tf.GradientTape() as tape:
        losses = find_losses(model(images, training=True), targets)
    gradients = tape.gradient(losses["loss"], model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return losses


def classify(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the likeliest class of each pixel, uint8 (n, height, width), of uint8
    images (n, height, width, 3).
    """
    answers = np.empty(images.shape[:3], np.uint8)
    # Not all at once: the outputs have a number for each class, the answers one byte.
    for start in range(0, len(images), 50):
        part = slice(start, start + 50)
        answers[part] = model.predict_on_batch(images[part]).argmax(axis=-1)
    return answers


def count_pairs(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Counts the pixels of each picture by their true class and the answer: its
    confusion matrix. Pixels without a class are left out.

    Args:
        truth: uint8 (n, height, width); 255 for a pixel without a class.
        answers: uint8 (n, height, width).
        classes: how many there are.

    Returns:
        int (n, classes, classes): the true class, then the answer.
    """
    counts = np.empty((len(truth), classes, classes), int)
    for index, (true, answer) in enumerate(zip(truth, answers, strict=True)):
        known = true != masks.VOID
        pairs = classes * true[known].astype(int) + answer[known]
        pairs = np.bincount(pairs, minlength=classes**2)
        counts[index] = pairs.reshape(classes, classes)
    return counts


def iou(counts: np.ndarray) -> np.ndarray:
    """Returns the intersection over union of each class: the pixels that have it and
    are given it, as a fraction of those that have it or are given it.

    Args:
        counts: of all pictures together, (classes, classes), as `count_pairs` says.

    Returns:
        (classes,); NaN for a class that no pixel has.
    """
    right = np.diag(counts)
    true = counts.sum(axis=1)
    given = counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(true > 0, right / (true + given - right), np.nan)


def summarize(counts: np.ndarray, unseen: np.ndarray | None = None) -> dict[str, float]:
    """Returns the mean IoU of the classes that occur, and the fraction of pixels that
    are right.

    Args:
        counts: of each picture, (n, classes, classes), as `count_pairs` returns them.
        unseen: which pictures come from a drive that is not learned from, bool (n,);
            their mean IoU is found as well.
    """
    total = counts.sum(axis=0)
    summary = {
        "mean_iou": float(np.nanmean(iou(total))),
        "accuracy": float(np.trace(total) / total.sum()),
    }
    if unseen is not None:
        part = counts[unseen].sum(axis=0)
        summary["mean_iou_unseen"] = float(np.nanmean(iou(part)))
    return summary


def find_commonest(truth: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
    """Returns the answers of two baselines: the commonest class of each place, uint8
    (height, width), and one class everywhere, the commonest of all.
    """
    counts = [np.count_nonzero(truth == label, axis=0) for label in range(classes)]
    counts = np.array(counts)  # (classes, height, width)
    return np.uint8(counts.argmax(axis=0)), np.uint8(counts.sum(axis=(1, 2)).argmax())


def to_classes(split: Split, classes: str) -> Split:
    """Returns scenes with the class of each pixel: 0 for the photograph, i + 1 for the
    digit i, or 1 for any.
    """
    labels = split.y["labels"] + 1  # (n, most); 0 where there is no object
    if classes == "object":
        labels = np.minimum(labels, 1)
    # Masks have the number of an object, 0 for none.
    table = np.pad(labels, ((0, 0), (1, 0))).astype(np.uint8)
    picture = np.arange(len(table))[:, np.newaxis, np.newaxis]
    return Split(split.x, table[picture, split.y["masks"]])


def draw_scenes(
    drawing: scenes.Scenes, classes: int, count: int, random: np.random.Generator
) -> tuple[np.ndarray, dict]:
    """Draws scenes to learn from, and changes their colors, since there are only nine
    photographs. Red, green and blue change places, and half of the scenes become
    negatives, with their digits.

    Returns:
        Images, uint8 (count, 96, 96, 3), and their targets.
    """
    images, y = drawing.draw(count, random)
    for image in images:
        image[:] = image[..., random.permutation(3)]
        if random.integers(2):
            image[:] = 255 - image
    return images, make_targets(y, classes)


def draw_photos(split: Split, count: int, random: np.random.Generator) -> Split:
    """Draws parts of photos to learn from, enlarged to their size, half of them
    mirrored.
    """
    _, height, width = split.y.shape
    images = np.empty((count, height, width, 3), np.uint8)
    labels = np.empty((count, height, width), np.uint8)
    chosen = random.choice(len(split.x), count)
    for index, photo in enumerate(chosen):
        part = np.array([width, height]) / random.uniform(1, LARGEST)
        start = random.uniform(0, [width, height] - part)
        box = (*start, *start + part)
        size = (width, height)
        image = Image.fromarray(split.x[photo])
        label = Image.fromarray(split.y[photo])
        images[index] = image.resize(size, Image.Resampling.BILINEAR, box)
        # Never interpolated: between classes 3 and 5 there is no class 4.
        labels[index] = label.resize(size, Image.Resampling.NEAREST, box)
        if random.integers(2):
            images[index] = images[index, :, ::-1]
            labels[index] = labels[index, :, ::-1]
    return Split(images, labels)


class Data(NamedTuple):
    """Pictures with the class of each pixel.

    Attributes:
        dataset: x are uint8 (n, height, width, 3), y uint8 (n, height, width).
        draw: a function from a number of pictures and a generator to a batch to learn
            from.
        unseen: which pictures of the test come from a drive that is not learned from,
            bool (n,); None if nothing is known.
    """

    dataset: Dataset
    draw: Callable
    unseen: np.ndarray | None = None


def load_scenes(classes: str) -> Data:
    """Loads scenes, with a class for each digit or one for all."""
    dataset, drawing = scenes.load_scenes()
    drawing.objects = CROWD
    # Nine photographs are few: each is also learned from in three other directions.
    drawing.photographs = [
        [np.rot90(picture, turns) for picture in sizes]
        for sizes in drawing.photographs
        for turns in range(4)
    ]
    names = scenes.CLASS_NAMES if classes == "digits" else ("object",)
    dataset = Dataset(
        train=to_classes(dataset.train, classes),  # for the baselines only
        validation=to_classes(dataset.validation, classes),
        test=to_classes(dataset.test, classes),
        source=dataset.source,
        class_names=("background", *names),
    )
    draw = functools.partial(draw_scenes, drawing, len(dataset.class_names))
    return Data(dataset, draw)


def load_photos(folder: Path | None) -> Data:
    """Loads photos of a folder, else those of CamVid."""
    if folder is None:
        dataset, unseen = masks.load_camvid(PHOTO_SIZE)
    else:
        dataset, unseen = masks.load_mask_folder(folder, PHOTO_SIZE), None
    return Data(dataset, functools.partial(draw_photos, dataset.train), unseen)


def predict(run, inputs: list[str]) -> predictions.Answers:
    """Says what a trained network sees at each pixel of pictures of one's own. Each is
    stretched to the size that the network takes, and the answer back again.
    """
    model = run.load()
    class_names = run.config["class_names"]
    _, height, width, _ = model.input_shape
    lines, shown, answers = [], [], []
    for path, picture in own_pictures.read_pictures(inputs):
        photo = Image.fromarray(picture)
        image = np.asarray(photo.resize((width, height)))
        logits = model.predict_on_batch(image[np.newaxis])
        photo.thumbnail((SHOWN, SHOWN))
        logits = tf.image.resize(logits, (photo.height, photo.width))[0]
        answer = logits.numpy().argmax(axis=-1).astype(np.uint8)
        fractions = np.bincount(answer.flat, minlength=len(class_names)) / answer.size
        lines.append(f"{path}:")
        for label in np.argsort(-fractions, kind="stable"):
            if fractions[label]:
                lines.append(f"  {fractions[label]:6.1%} {class_names[label]}")
        if len(shown) < predictions.SHOWN:
            shown.append(np.asarray(photo))
            answers.append(answer)
    return predictions.Answers(lines, plots.draw_classes(shown, answers, class_names))


def main(config: Config) -> dict:
    if config.has_photos:
        defaults = PHOTOS
        dataset, draw, unseen = load_photos(config.data_dir)
    else:
        defaults = SCENES
        dataset, draw, unseen = load_scenes(config.classes)
    config = dataclasses.replace(
        config,
        steps=config.steps or defaults.steps,
        learning_rate=config.learning_rate or defaults.learning_rate,
    )
    test = dataset.test
    some = Split(*(part[:100] for part in dataset.validation))
    names = dataset.class_names
    classes = len(names)
    size = test.x.shape[1:3]
    pretrained = []
    if config.has_photos:
        pretrained = [weights.find_weights("efficientnet_lite0", config.weights)]

    with runs.start(config, dataset, sources=pretrained) as run:
        if config.has_photos:
            encoder = build_pretrained_encoder(size, pretrained[0])
            u_net = add_decoder(encoder, PHOTO_WIDTHS, config.skips)
            model = trained = add_classes(u_net, classes)
            find_losses = cross_entropy
        else:
            u_net = add_decoder(build_encoder(size), WIDTHS, config.skips)
            trained = add_questions(u_net, classes)
            model = combine(trained)
            find_losses = functools.partial(
                find_scene_losses, which_weight=config.which_weight
            )
        run.graph(model)
        adam = keras.optimizers.Adam(
            schedules.one_cycle(config.learning_rate, config.steps), beta_2=0.99
        )
        adam.build(trained.trainable_variables)

        for step in run.steps(config.steps, model=trained, adam=adam):
            # A generator for each step: a resumed run draws the same.
            random = np.random.default_rng((config.seed, step))
            images, targets = draw(defaults.batch_size, random)
            run.log(
                step,
                **train_step(trained, adam, images, targets, find_losses),
                classes=lambda: plots.draw_classes(
                    some.x[:12], classify(model, some.x[:12]), names
                ),
            )
            if (step + 1) % max(1, config.steps // 10) == 0:
                counts = count_pairs(some.y, classify(model, some.x), classes)
                run.log(step, "validation", **summarize(counts))

        # The test.
        answers = classify(model, test.x)
        counts = count_pairs(test.y, answers, classes)
        by_place, by_class = (
            count_pairs(test.y, np.broadcast_to(guess, answers.shape), classes)
            for guess in find_commonest(dataset.train.y, classes)
        )
        table = plots.list_classes(
            counts.sum(axis=0),
            iou(counts.sum(axis=0)),
            iou(by_place.sum(axis=0)),
            names,
        )
        run.table("IoU by class", table)
        run.show("confusion", plots.plot_confusion(counts.sum(axis=0), names))
        run.show("test", plots.draw_from_worst_to_best(*test, answers, counts, names))
        run.predictions(np.arange(len(test.x)), answers, test.y)
        # It learns no more; so the saved network can be evaluated as it is, with a loss
        # that Keras knows. Logarithms of probabilities are logits, too: their softmax
        # is these probabilities.
        model.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=masks.VOID
            ),
        )
        return run.finish(
            model,
            test={**summarize(counts, unseen), "examples": len(test.x)},
            baseline={
                **summarize(by_place, unseen),
                "one_class": summarize(by_class)["mean_iou"],
            },
            classes=table,
        )


if __name__ == "__main__":
    command_line.run(main, Config)
