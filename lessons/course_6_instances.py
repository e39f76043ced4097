"""Instances: which pixels belong together?

    python lessons/course_6_instances.py

Result: average precision of masks 0.52 (0.49 to 0.55 over 3 seeds) at an IoU of 0.5 on
        1,280 scenes in which objects touch; connected components of the same network's
        map reach 0.27
Time: 1.6 minutes (2 cores, AVX2 only), 1.3 minutes (2 cores, bfloat16)

Segmentation says of each pixel what it is a part of. That is not enough where two
digits touch: their pixels are one patch, and nothing says where one digit ends and the
other begins. Detection does tell digits apart, but with boxes, in which most pixels are
background. This lesson finds all objects, and the pixels of each. Such an object with
its pixels is called an instance.

The idea is that each pixel votes for the center of its object (Cheng et al.,
"Panoptic-DeepLab", 2020). The network is the U-Net of `course_6_segmentation`, and its
last features go to three heads:

- object: is the pixel a part of any digit? This is a head of that lesson.
- heat: is the center of a digit here? This is a head of `course_6_detection`. The local
  maxima of the heat are the centers.
- votes: where is the center of the digit that the pixel belongs to? The answer is an
  arrow from the pixel, as two numbers: how many pixels to the right and how many down;
  negative ones point left and up.

A pixel that is part of a digit is assigned to the center that is nearest to the end of
its arrow. All pixels of one center are an instance, and its score is the heat of the
center times the mean probability of its pixels. A vote need not be exact: it only has
to end nearer to its own center than to any other.

In a drawn scene it is known which object a pixel belongs to, and where the center of
that object's box is: the loss of a vote is how far it ends from there, along x plus
along y. This loss is averaged over the pixels of each object, then over the objects, so
that small ones count as much as large ones. Votes of the background do not count. The
losses of the other heads are those of the two lessons.

The average precision is that of `course_6_detection`, with one difference: the IoU is
that of two sets of pixels, not of two boxes. All digits are one class here, "object",
since the question is what belongs together, not what it is. A thin line is hard to
match: where it is two pixels wide, a shift by one pixel leaves an IoU of a third.

The baseline uses only "object", of the very same network: adjacent pixels, diagonal
ones included, belong together. It finds the connected components of the map of objects.
Where nothing touches, this can be enough.

In most photographs of crowds, cells or fruit, things of one kind touch. So in half of
the scenes, digits come in pairs: the second digit is of the same class, stands to the
left or right of the first, and is moved until both touch or the second covers up to two
pixels of the first one's edge. Digits may also touch by chance. Objects touch in 1,280
of the 2,000 test scenes; in the other 720 they do not. The table has the average
precision at an IoU of 0.5, and in brackets its mean over ten IoUs from 0.5 to 0.95;
both are means over 3 seeds:

                            touching         apart
    votes                 0.52 (0.22)   0.70 (0.34)
    nearest center        0.39 (0.13)   0.62 (0.26)
    connected components  0.27 (0.11)   0.65 (0.34)

Where nothing touches, votes gain little at an IoU of 0.5, and nothing on average over
the ten. Comparing with "nearest center" shows what the votes add: it has the same
centers, but a pixel is assigned to the center that is nearest to itself. That cuts
large digits into pieces, since their outer parts are often nearer to the center of a
small neighbor.

The weakest part is not the votes. On validation scenes in which objects touch, where
average precision at 0.5 is 0.64 (1 seed; on other photographs than those of the test),
one output at a time was replaced by the truth. With the true map of objects it is 0.85,
with true votes 0.72, and with true centers still 0.64: what costs most is which pixels
are digits at all, and at thin lines a pixel more or less decides.

The scenes are drawn, and a figure for them says little about photographs. There are
only nine photographs to learn from, so they are turned and their colors are changed, as
in the lesson on segmentation. No digit and no photograph of the test set appears in a
training scene.

In TensorBoard: the slider "arrows" shows scenes of the validation with some votes, in
the colors of the instances that they make, and below each the instances (page Images).
"object", "heat" and "votes" are the losses of the heads; the last one is in pixels.
"mask_map50" is the average precision at an IoU of 0.5 on validation scenes (page
Scalars). "precision" compares the methods at IoUs from 0.5 to 0.95, "test" shows
what each makes of some scenes (page Images); their figures are a table (page Text).

Try:
    --pairs 0           no pairs to learn from, digits touch only by chance: 0.49 where
                        objects touch (the seed that reaches 0.55 with pairs)
    --vote-weight 0     votes are not learned, arrows in arbitrary directions: 0.07
    --classes digits    which digit, too, a mask with the wrong class is no hit: 0.36
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from lessons.plots import course_6_instances as plots
from training import command_line, options, predictions, runs, schedules

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from skimage import measure

from data import Dataset, own_pictures, scenes

FILTERS = (16, 32, 64, 96)  # of the way down at strides of 2, 4, 8 and 16
REPEATS = (0, 1, 1, 2)  # further convolutions at these strides
WIDTHS = (64, 48, 24)  # of the way up at strides of 8, 4 and 2
STRIDE = 2  # pixels from one place to the next, where heat says what is a center
COARSE = 4  # pixels from one place to the next, where the network says which digit
SPREAD = 0.12  # standard deviation of a center's heat, in widths and heights of its box
NARROWEST = 0.5  # the least of these standard deviations, places
REACH = 8.0  # by which the layer's numbers are multiplied to give pixels
WHICH_WEIGHT = 3.0  # of the loss of "which digit"

BATCH_SIZE = 16
CROWD = (4, 6)  # digits in a scene to learn from; other scenes have 1 to 6
PAIRS = 0.5  # part of the scenes of validation and test that have touching pairs

WINDOW = 5  # in which there is one peak of heat, places
PEAK = 0.1  # heat from which on a peak is a center
SMALLEST = 8  # pixels; fewer are no object
MOST = 100  # objects in a picture
THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of the IoU
RECALLS = np.linspace(0, 1, 101)
SHOWN = 640  # pixels, to which the longer side of a photo of one's own is reduced


@dataclass(frozen=True)
class Config(options.Options):
    # One class for all digits, or a class for each.
    classes: Literal["object", "digits"] = "object"
    steps: int = 1600  # updates
    learning_rate: float = 1e-2  # highest value of the schedule
    # Part of the scenes to learn from in which digits come in pairs that touch.
    pairs: Annotated[float, options.between(0, 1)] = 0.5
    # By which the distance of the votes from the centers is multiplied.
    vote_weight: Annotated[float, options.between(0, 1e6)] = 0.25


def convolve(x, filters: int, kernel: int = 3, stride: int = 1):
    """Adds a convolution with batch normalization and ReLU."""
    x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
    # With 0.99, the default, the moving averages would follow too slowly.
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.ReLU()(x)


def build_u_net(size: tuple[int, int]) -> keras.Model:
    """Builds the network of the lesson before: the way down, the way up, and the skip
    connections.

    Returns:
        A model from uint8 images (batch, 96, 96, 3) to two levels of features: (batch,
        24, 24, 48) and (batch, 48, 48, 24).
    """
    inputs = keras.Input((*size, 3))
    x = keras.layers.Rescaling(1 / 128, -1)(inputs)  # from [0, 255] to [-1, 1]
    down = []
    for count, more in zip(FILTERS, REPEATS, strict=True):
        # (batch, 48, 48, 16), (batch, 24, 24, 32), (batch, 12, 12, 64), then
        # (batch, 6, 6, 96)
        x = convolve(x, count, kernel=3 if down else 5, stride=2)
        for _ in range(more):
            x = convolve(x, count)
        down.append(x)
    *finer, x = down
    up = []
    for level, width in zip(reversed(finer), WIDTHS, strict=True):
        # (batch, 12, 12, 64), (batch, 24, 24, 48), (batch, 48, 48, 24)
        x = keras.layers.Conv2D(level.shape[-1], 1)(x)
        x = keras.layers.UpSampling2D(2)(x)
        x = keras.layers.Add()([x, level])
        x = convolve(x, width)
        up.append(x)
    return keras.Model(inputs, up[-2:], name="u_net")


def add_heads(u_net: keras.Model, classes: int) -> keras.Model:
    """Adds the heads.

    Returns:
        A model from uint8 images (batch, 96, 96, 3) to a dictionary of float32:
        "object" a logit for each pixel, (batch, 96, 96, 1); "votes" how far the center
        is to the right and below, in pixels, (batch, 96, 96, 2); "heat" a logit for
        each place of 2 x 2 pixels, (batch, 48, 48, 1); and if there are several
        classes, "which" a logit for each, for places of 4 x 4 pixels, (batch, 24, 24,
        classes).
    """
    middle, finest = u_net.outputs
    # At first, 5 % everywhere: most pixels are background, and with 50 % the first
    # updates would only learn that.
    rare = keras.initializers.Constant(-3.0)
    # From each place of 2 x 2 pixels four answers, one for each pixel.
    objects = keras.layers.Conv2DTranspose(
        1, 2, strides=2, bias_initializer=rare, name="object"
    )
    votes = keras.layers.Conv2DTranspose(2, 2, strides=2, name="votes")
    heat = keras.layers.Conv2D(1, 1, bias_initializer=rare, name="heat")
    # Centers are many pixels away, but a layer learns numbers around 1 the fastest.
    far = keras.layers.Rescaling(REACH)
    outputs = {
        "object": objects(finest),
        "votes": far(votes(finest)),
        "heat": heat(finest),
    }
    if classes > 1:
        outputs["which"] = keras.layers.Conv2D(classes, 1, name="which")(middle)
    return keras.Model(u_net.inputs[0], outputs, name="instances")


def make_heat(
    centers: np.ndarray, sizes: np.ndarray, labels: np.ndarray, grid: tuple[int, int]
) -> np.ndarray:
    """Returns the heat that the network should answer, as in the lesson on detection:
    1 at the place that has the center of an object, and falling around it as a
    Gaussian.

    Args:
        centers: x and y in pixels, float (n, most, 2).
        sizes: width and height in pixels, likewise.
        labels: int (n, most); -1 where there is no object.
        grid: height and width, in places.

    Returns:
        float32 (n, height, width, 1).
    """
    x, y = np.split(np.floor(centers / STRIDE), 2, axis=-1)  # (n, most, 1)
    deviations = np.maximum(SPREAD * sizes / STRIDE, NARROWEST)
    rows, columns = np.arange(grid[0]), np.arange(grid[1])
    across = np.exp(-(((columns - x) / deviations[..., :1]) ** 2) / 2)
    down = np.exp(-(((rows - y) / deviations[..., 1:]) ** 2) / 2)
    bumps = down[..., :, np.newaxis] * across[..., np.newaxis, :]
    bumps *= (labels >= 0)[..., np.newaxis, np.newaxis]  # (n, most, height, width)
    return np.float32(bumps.max(axis=1))[..., np.newaxis]


def make_targets(y: dict[str, np.ndarray], classes: int) -> dict[str, np.ndarray]:
    """Returns what the heads should answer.

    Args:
        y: of scenes, as `scenes.Scenes.draw` returns it.
        classes: how many there are; 1 if a digit is a digit.

    Returns:
        "object" float32 (n, height, width, 1), 1 where a pixel is part of an object;
        "weight" float32 (n, height, width), how much a pixel counts: 1 / (the visible
        pixels of its object), so that all of an object count 1; "votes" float32 (n,
        height, width, 2), from the pixel to the center of its object, x and y in
        pixels; "heat" as `make_heat` says; if there are several classes, "which"
        float32 (n, height / 4, width / 4, classes), for each place and class the sum of
        its pixels' weights.
    """
    count, height, width = y["masks"].shape
    most = y["labels"].shape[1]
    corners, others = y["boxes"][..., :2], y["boxes"][..., 2:]
    centers = (corners + others) / 2  # (n, most, 2), x and y

    scene, row, column = np.nonzero(y["masks"])
    number = y["masks"][scene, row, column] - 1  # of the object in its scene
    owner = scene * most + number
    areas = np.bincount(owner, minlength=count * most)  # visible pixels of each object
    weight = np.zeros((count, height, width), np.float32)
    weight[scene, row, column] = 1 / areas[owner]
    votes = np.zeros((count, height, width, 2), np.float32)
    pixels = np.stack([column, row], axis=-1) + 0.5  # their middles
    votes[scene, row, column] = centers[scene, number] - pixels

    grid = (height // STRIDE, width // STRIDE)
    targets = {
        "object": np.float32(y["masks"] > 0)[..., np.newaxis],
        "weight": weight,
        "votes": votes,
        "heat": make_heat(centers, others - corners, y["labels"], grid),
    }
    if classes > 1:
        shape = (count, height // COARSE, width // COARSE, classes)
        label = y["labels"][scene, number]
        where = (scene, row // COARSE, column // COARSE, label)
        which = np.bincount(
            np.ravel_multi_index(where, shape), 1 / areas[owner], np.prod(shape)
        )
        targets["which"] = np.float32(which.reshape(shape))
    return targets


def object_loss(logits: tf.Tensor, objects: tf.Tensor) -> tf.Tensor:
    """Returns the loss of "object" as in the lesson on segmentation: the cross-entropy
    of all pixels, divided by how many are part of objects, and 1 minus the Dice
    coefficient.

    Args:
        logits: float32 (n, height, width, 1).
        objects: the same shape, 1 or 0.
    """
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(objects, logits)
    entropy = tf.reduce_sum(entropy) / tf.reduce_sum(objects)
    said = tf.sigmoid(logits)
    both = tf.reduce_sum(objects * said)
    dice = 2 * both / (tf.reduce_sum(objects) + tf.reduce_sum(said))
    return entropy + 1 - dice


def focal_loss(logits: tf.Tensor, heat: tf.Tensor) -> tf.Tensor:
    """Returns how wrong heat is, as in the lesson on detection: the cross-entropy, in
    which what is nearly right hardly counts, nor heat beside a center.

    Args:
        logits: of the network, (n, height, width, 1).
        heat: of the target, the same shape, 1 at the centers.
    """
    p = tf.sigmoid(logits)
    center = tf.cast(heat == 1, tf.float32)
    missed = center * (1 - p) ** 2 * -tf.math.log_sigmoid(logits)
    invented = (1 - heat) ** 4 * p**2 * -tf.math.log_sigmoid(-logits)
    objects = tf.maximum(tf.reduce_sum(center), 1)
    return tf.reduce_sum(missed + invented) / objects


def vote_loss(votes: tf.Tensor, targets: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Returns how far votes end from the centers, in pixels along x plus along y: the
    mean over the pixels of each object, then the mean over the objects.

    Args:
        votes: of the network, (n, height, width, 2).
        targets: the same shape.
        weight: how much each pixel counts, (n, height, width); 0 for the background,
            whose votes do not matter.
    """
    distance = tf.reduce_sum(tf.abs(votes - targets), axis=-1)
    return tf.reduce_sum(distance * weight) / tf.reduce_sum(weight)


def find_losses(
    outputs: dict, targets: dict, vote_weight: float
) -> dict[str, tf.Tensor]:
    """Returns the losses of the heads, and "loss", their weighted sum.

    Args:
        outputs: of the network, as `add_heads` says.
        targets: as `make_targets` returns them.
        vote_weight: by which the loss of the votes is multiplied.
    """
    losses = {
        "object": object_loss(outputs["object"], targets["object"]),
        "heat": focal_loss(outputs["heat"], targets["heat"]),
        "votes": vote_loss(outputs["votes"], targets["votes"], targets["weight"]),
    }
    loss = losses["object"] + losses["heat"] + vote_weight * losses["votes"]
    if "which" in outputs:
        said = targets["which"] * tf.nn.log_softmax(outputs["which"])
        losses["which"] = -tf.reduce_sum(said) / tf.reduce_sum(targets["which"])
        loss += WHICH_WEIGHT * losses["which"]
    losses["loss"] = loss
    return losses


@tf.function
def train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    images: tf.Tensor,
    targets: dict,
    vote_weight: float,
) -> dict[str, tf.Tensor]:
    """Updates the network from a batch; returns the losses before it."""
    with tf.GradientTape() as tape:
        losses = find_losses(model(images, training=True), targets, vote_weight)
    gradients = tape.gradient(losses["loss"], model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return losses


class Maps(NamedTuple):
    """What a network says about pictures.

    Attributes:
        inside: the probability that a pixel is part of an object, float (n, height,
            width).
        votes: from a pixel to the center of its object, x and y in pixels, float (n,
            height, width, 2).
        heat: from 0 to 1, float (n, height / 2, width / 2).
        which: the probability of each class, if it is an object, float (n, height / 4,
            width / 4, classes).
    """

    inside: np.ndarray
    votes: np.ndarray
    heat: np.ndarray
    which: np.ndarray


def look(model: keras.Model, images: np.ndarray) -> Maps:
    """Returns what a network says about uint8 images (n, height, width, 3)."""
    outputs = model.predict(images, batch_size=50, verbose=0)
    if "which" in outputs:
        which = tf.nn.softmax(outputs["which"]).numpy()
    else:  # there is one class, which is certain
        count, height, width = images.shape[:3]
        which = np.ones((count, height // COARSE, width // COARSE, 1), np.float32)
    return Maps(
        tf.sigmoid(outputs["object"][..., 0]).numpy(),
        outputs["votes"],
        tf.sigmoid(outputs["heat"][..., 0]).numpy(),
        which,
    )


class Instances(NamedTuple):
    """The objects of pictures, each a set of pixels; in each picture the most certain
    first.

    Attributes:
        numbers: the object that a pixel belongs to, uint8 (n, height, width): 0 for
            none, i + 1 for the object in column i of the others.
        scores: from 0 to 1, float32 (n, 100); 0 without an object.
        labels: the class, int32 (n, 100); -1 without an object.
    """

    numbers: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def find_centers(heat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the centers of a picture's objects: places that are the hottest of the
    5 x 5 around them.

    Args:
        heat: float (height / 2, width / 2).

    Returns:
        x and y in pixels, float (k, 2), and the heat of each, float (k,).
    """
    around = tf.nn.max_pool2d(
        heat[np.newaxis, ..., np.newaxis], ksize=WINDOW, strides=1, padding="SAME"
    )
    rows, columns = np.nonzero((heat == around[0, ..., 0]) & (heat >= PEAK))
    places = np.stack([columns, rows], axis=-1)
    return STRIDE * (places + 0.5), heat[rows, columns]


def join_votes(
    inside: np.ndarray, votes: np.ndarray, centers: np.ndarray
) -> np.ndarray:
    """Gives each pixel of an object to the center that is nearest to the end of its
    vote.

    Args:
        inside: the probability that a pixel is part of an object, float (height,
            width).
        votes: from a pixel to its center, x and y in pixels, float (height, width, 2).
        centers: x and y in pixels, float (k, 2).

    Returns:
        The center of each pixel, int (height, width): 0 for none, i + 1 for center i.
    """
    numbers = np.zeros(inside.shape, int)
    if len(centers):
        rows, columns = np.nonzero(inside > 0.5)
        pixels = np.stack([columns, rows], axis=-1) + 0.5
        ends = pixels + votes[rows, columns]
        distances = np.linalg.norm(ends[:, np.newaxis] - centers, axis=-1)
        numbers[rows, columns] = distances.argmin(axis=1) + 1
    return numbers


def spread_classes(which: np.ndarray) -> np.ndarray:
    """Returns the probabilities of a place for each of its pixels: from float (height /
    4, width / 4, classes) to (height, width, classes).
    """
    return which.repeat(COARSE, axis=0).repeat(COARSE, axis=1)


def rank(
    numbers: np.ndarray, certainty: np.ndarray, inside: np.ndarray, which: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives the objects of a picture a class and a score, drops those that are too
    small, and numbers the others, the most certain first.

    An object's class is the likeliest one in the mean over its pixels. Its score is a
    product: how certain it is that there is such an object, the mean probability that
    its pixels are part of any, and the probability of its class.

    Args:
        numbers: the object of each pixel, int (height, width), 0 for none.
        certainty: of each object, float (k,).
        inside: the probability that a pixel is part of an object, float (height,
            width).
        which: the probability of each class, float (height, width, classes).

    Returns:
        A picture of `Instances`: uint8 (height, width), float (m,), int (m,).
    """

    def add_up(values: np.ndarray) -> np.ndarray:
        flat = np.bincount(numbers.ravel(), values.ravel(), len(certainty) + 1)
        return flat[1:]  # of each object

    areas = add_up(np.ones(numbers.shape))
    pixels = np.maximum(areas, 1)
    by_class = [add_up(which[..., label]) / pixels for label in range(which.shape[-1])]
    by_class = np.stack(by_class, axis=-1)  # (k, classes)
    scores = certainty * add_up(inside) / pixels * by_class.max(axis=1)

    (kept,) = np.nonzero(areas >= SMALLEST)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:MOST]
    new = np.zeros(len(certainty) + 1, np.uint8)
    new[kept + 1] = np.arange(1, len(kept) + 1)
    return new[numbers], scores[kept], by_class[kept].argmax(axis=1)


def gather(pictures: list[tuple]) -> Instances:
    """Returns the objects of all pictures, each as `rank` returns it."""
    found = Instances(
        np.stack([numbers for numbers, _, _ in pictures]),
        np.zeros((len(pictures), MOST), np.float32),
        np.full((len(pictures), MOST), -1, np.int32),
    )
    for index, (_, scores, labels) in enumerate(pictures):
        found.scores[index, : len(scores)] = scores
        found.labels[index, : len(labels)] = labels
    return found


def find_instances(maps: Maps, voting: bool = True) -> Instances:
    """Returns the objects that pixels vote for. Without voting, each pixel goes to the
    center that is nearest to itself.
    """
    pictures = []
    for inside, votes, heat, which in zip(*maps, strict=True):
        centers, certainty = find_centers(heat)
        numbers = join_votes(inside, votes if voting else 0 * votes, centers)
        pictures.append(rank(numbers, certainty, inside, spread_classes(which)))
    return gather(pictures)


def find_pieces(maps: Maps) -> Instances:
    """Returns what the baseline takes for objects: the connected components of the
    class map, pixels of one class that are beside each other or diagonal.
    """
    pictures = []
    for inside, _, _, which in zip(*maps, strict=True):
        which = spread_classes(which)
        classes = np.where(inside > 0.5, which.argmax(axis=-1) + 1, 0)
        numbers = measure.label(classes, background=0, connectivity=2)
        certainty = np.ones(numbers.max())
        pictures.append(rank(numbers, certainty, inside, which))
    return gather(pictures)


def iou(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns the intersection over union of each object that was found in a picture
    with each that is there: the pixels that both have, as a fraction of those that one
    or both have.

    Args:
        found: the object of each pixel, uint8 (height, width), 0 for none.
        truth: likewise.

    Returns:
        (n, m), with n and m the highest numbers.
    """
    n, m = int(found.max()), int(truth.max())
    pairs = (m + 1) * found.astype(int) + truth
    counts = np.bincount(pairs.ravel(), minlength=(n + 1) * (m + 1))
    counts = counts.reshape(n + 1, m + 1)
    both = counts[1:, 1:]
    either = counts.sum(axis=1)[1:, np.newaxis] + counts.sum(axis=0)[1:] - both
    return both / np.maximum(either, 1)


def find_hits(overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """Returns which objects that were found are hits.

    A hit has an IoU of at least the threshold with an object that is there. In the
    lesson on detection, several boxes may compete for one object. Sets of pixels that
    have none in common cannot: more than half of what two sets cover together belongs
    to both of them, and so to no third one. At exactly one half, the first is the hit.

    Args:
        overlaps: the IoU of each object that was found, the most certain first, with
            each that is there, float (n, m).
        threshold: at least 0.5.

    Returns:
        bool (n,).
    """
    enough = overlaps >= threshold
    first = enough & (np.cumsum(enough, axis=0) == 1)
    return first.any(axis=1)


def precision_at_recalls(
    scores: np.ndarray, hits: np.ndarray, objects: int
) -> np.ndarray:
    """Returns the precision at the 101 recalls 0.00, 0.01, ..., 1.00, whose mean is the
    average precision, as in the lesson on detection.

    Args:
        scores: of all objects that were found of a class, float (n,).
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


def average_precision(found: Instances, truth: Instances, classes: int) -> np.ndarray:
    """Returns the average precision of each class at each threshold of the IoU, float
    (classes, 10); NaN for a class without objects.

    Args:
        found: in n pictures.
        truth: what is there.
        classes: how many there are.
    """
    overlaps = [iou(*pair) for pair in zip(found.numbers, truth.numbers, strict=True)]
    precision = np.full((classes, len(THRESHOLDS)), np.nan)
    for label in range(classes):
        scores, hits = [], []
        for index, both in enumerate(overlaps):
            mine = found.labels[index] == label
            there = truth.labels[index] == label
            own = both[mine[: len(both)]][:, there[: both.shape[1]]]
            scores.append(found.scores[index][mine])
            hits.append([find_hits(own, threshold) for threshold in THRESHOLDS])
        scores = np.concatenate(scores)
        hits = np.concatenate(hits, axis=1)  # (10, found)
        objects = np.count_nonzero(truth.labels == label)
        if objects:
            for number, row in enumerate(hits):
                curve = precision_at_recalls(scores, row, objects)
                precision[label, number] = curve.mean()
    return precision


def take(instances: Instances, chosen: np.ndarray) -> Instances:
    """Returns the objects of some pictures."""
    return Instances(*(part[chosen] for part in instances))


def measure_methods(
    methods: dict[str, Instances], truth: Instances, classes: int
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the average precision at each threshold, the mean over classes, float
    (10,), by the name of the method, then of the scenes: "all", those in which objects
    are "touching", and those in which they are "apart".
    """
    touching = scenes.find_touching(truth.numbers)
    parts = {
        "all": np.ones(len(touching), bool),
        "touching": touching,
        "apart": ~touching,
    }
    return {
        method: {
            name: np.nanmean(
                average_precision(take(found, part), take(truth, part), classes), axis=0
            )
            for name, part in parts.items()
        }
        for method, found in methods.items()
    }


def summarize(precision: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns the figures of a method: "mask_map50" at an IoU of 0.5, "mask_map" the
    mean over the ten thresholds; those of scenes in which objects touch, and in which
    they do not, end in "_touching" and "_apart".
    """
    summary = {}
    for name, values in precision.items():
        end = "" if name == "all" else f"_{name}"
        summary[f"mask_map50{end}"] = float(values[0])
        summary[f"mask_map{end}"] = float(values.mean())
    return summary


def to_instances(y: dict[str, np.ndarray], classes: int) -> Instances:
    """Returns the objects that are in scenes."""
    labels = np.minimum(y["labels"], classes - 1)
    return Instances(y["masks"], np.float32(labels >= 0), labels)


def draw_scenes(
    drawing: scenes.Scenes, classes: int, count: int, random: np.random.Generator
) -> tuple[np.ndarray, dict]:
    """Draws scenes to learn from, and changes their colors as the lesson on
    segmentation does: red, green and blue change places, and half of the scenes become
    negatives.

    Returns:
        Images, uint8 (count, 96, 96, 3), and their targets.
    """
    images, y = drawing.draw(count, random)
    for image in images:
        image[:] = image[..., random.permutation(3)]
        if random.integers(2):
            image[:] = 255 - image
    return images, make_targets(y, classes)


def load_scenes(classes: str, pairs: float) -> tuple[Dataset, scenes.Scenes]:
    """Loads scenes, and what draws more of them to learn from.

    Args:
        classes: "object" or "digits".
        pairs: part of the scenes to learn from that have pairs that touch. Those of
            validation and test are always the same.
    """
    dataset, drawing = scenes.load_scenes(pairs=PAIRS)
    drawing.pairs = pairs
    drawing.objects = CROWD
    # Nine photographs are few: each is also learned from in three other directions.
    drawing.photographs = [
        [np.rot90(picture, turns) for picture in sizes]
        for sizes in drawing.photographs
        for turns in range(4)
    ]
    names = scenes.CLASS_NAMES if classes == "digits" else ("object",)
    return dataset._replace(class_names=names), drawing


def draw_some(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Draws the votes about some images, and the objects that they make."""
    maps = look(model, images)
    return plots.draw_votes(images, maps, find_instances(maps))


def predict(run, inputs: list[str]) -> predictions.Answers:
    """Says which objects a trained network finds in pictures of one's own. Each is
    stretched to the size that the network takes, and the objects back again.
    """
    model = run.load()
    class_names = run.config["class_names"]
    _, height, width, _ = model.input_shape
    lines, shown, drawn, captions = [], [], [], []
    for path, picture in own_pictures.read_pictures(inputs):
        photo = Image.fromarray(picture)
        image = np.asarray(photo.resize((width, height)))
        found = find_instances(look(model, image[np.newaxis]))
        numbers = found.numbers[0]
        count = int(numbers.max())
        lines.append(f"{path}: {count} found")
        names = []
        for index in range(count):
            name = class_names[found.labels[0, index]]
            names.append(f"{name} {index + 1}: {found.scores[0, index]:.0%}")
            part = np.mean(numbers == index + 1)
            lines.append(f"  {names[-1]}, {part:.1%} of the picture")
        if len(shown) < predictions.SHOWN:
            photo.thumbnail((SHOWN, SHOWN))
            resized = Image.fromarray(numbers).resize(photo.size, Image.NEAREST)
            shown.append(np.asarray(photo))
            drawn.append(np.asarray(resized))
            captions.append(names)
    return predictions.Answers(lines, plots.draw_instances(shown, drawn, captions))


def main(config: Config) -> dict:
    dataset, drawing = load_scenes(config.classes, config.pairs)
    test = dataset.test
    classes = len(dataset.class_names)
    some = dataset.validation.x[:100]  # looked at during training
    some_truth = take(to_instances(dataset.validation.y, classes), slice(100))

    with runs.start(config, dataset) as run:
        model = add_heads(build_u_net(test.x.shape[1:3]), classes)
        run.graph(model)
        adam = keras.optimizers.Adam(
            schedules.one_cycle(config.learning_rate, config.steps), beta_2=0.99
        )
        adam.build(model.trainable_variables)

        for step in run.steps(config.steps, model=model, adam=adam):
            # A generator for each step: a resumed run draws the same.
            random = np.random.default_rng((config.seed, step))
            images, targets = draw_scenes(drawing, classes, BATCH_SIZE, random)
            losses = train_step(model, adam, images, targets, config.vote_weight)
            run.log(step, **losses, arrows=lambda: draw_some(model, some[:6]))
            if (step + 1) % max(1, config.steps // 10) == 0:
                found = find_instances(look(model, some))
                precision = average_precision(found, some_truth, classes)
                run.log(step, "validation", mask_map50=np.nanmean(precision[:, 0]))

        # The test.
        maps = look(model, test.x)
        truth = to_instances(test.y, classes)
        found, pieces = find_instances(maps), find_pieces(maps)
        methods = {
            "votes": found,
            "nearest center": find_instances(maps, voting=False),
            "connected components": pieces,
        }
        precision = measure_methods(methods, truth, classes)
        summaries = {name: summarize(values) for name, values in precision.items()}
        run.table("Average precision of masks", summaries)
        run.show("precision", plots.plot_precision(THRESHOLDS, precision))
        touching = np.flatnonzero(scenes.find_touching(truth.numbers))
        run.show("test", plots.draw_test(test.x, truth, methods, touching[:8]))
        run.predictions(
            np.arange(len(test.x)),
            found.numbers,
            truth.numbers,
            score=found.scores,
            label=found.labels,
            true_label=truth.labels,
            baseline=pieces.numbers,
            baseline_score=pieces.scores,
            baseline_label=pieces.labels,
        )
        # So that whoever loads the saved network can call `evaluate` at once, with
        # losses that Keras has: those of this page are not saved with it.
        known = {
            "object": keras.losses.BinaryCrossentropy(from_logits=True),
            "votes": keras.losses.MeanAbsoluteError(),
            "heat": keras.losses.BinaryCrossentropy(from_logits=True),
            "which": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        }
        model.compile("sgd", loss={name: known[name] for name in model.output})
        return run.finish(
            model,
            test={**summaries["votes"], "examples": len(test.x)},
            baseline=summaries["connected components"],
            nearest_center=summaries["nearest center"],
        )


if __name__ == "__main__":
    command_line.run(main, Config)
