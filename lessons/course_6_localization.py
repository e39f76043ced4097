"""One object, one box: what is it, and where?

    python lessons/course_6_localization.py

Result: 57 to 64 % of the digits of the test are named and found (3 seeds), the mean IoU
        is 0.56 to 0.63; the mean box has an IoU of 0.12
Time: 0.9 minutes (2 cores, AVX2 only), 0.8 minutes (2 cores, bfloat16)

A classifier says what a picture shows. Here a network says where it is as well: beside
the ten logits of the class, it answers with a box, four numbers. That is the step from
a classifier to a detector, which finds several objects (`course_6_detection.py`). This
network finds one, and says one even where there are two, or none.

Each scene shows one digit of MNIST, turned, scaled to 12 to 40 pixels and colored, on a
part of a photograph, 64 x 64 pixels. Scenes are drawn, so their boxes are exact and
there are as many as one wants. What holds for them need not hold for photographs, where
objects hide each other, and where boxes are drawn by people who disagree. Digits and
photographs of the test are in no scene to learn from.

How good is a box? The intersection over union (IoU) is the area that two boxes share,
divided by the area that they cover together: 1 for equal boxes, 0 for boxes that do not
touch. Two pixels beside the truth are much for a small object and little for a large
one, and the IoU says so. A box counts as right here if its IoU is at least 0.5: a
square that is shifted sideways by a third of its side just reaches that. An answer is
right if both box and class are.

A classifier may average its last feature maps over all places: a 7 is a 7 wherever it
stands. But the average says less about where something was. So this network keeps the
8 x 8 places: for each it computes how much the digit seems to be there, and a softmax
turns that into weights that sum to 1. The mean of the places with these weights is
about where the digit is. The mean of their features tells its class and its size, and
corrects its center. Nobody tells the network which place is right. It finds out,
because with the weight elsewhere the box is worse.

A box is predicted as center, width and height, in fractions of the picture. A sigmoid
keeps width and height above 0, so that the left side stays left of the right one.

The loss of the box could be how far its sides are off. But the IoU is what counts, so
the network learns from it. Where two boxes do not touch, however, the IoU is 0, and
still 0 after a small change: its slope says nothing. The generalized IoU (Rezatofighi
et al., 2019) takes the smallest box around both, and subtracts the fraction of it that
neither of them covers. This fraction falls when the boxes come closer.

The baseline answers each scene with the mean box and the most frequent digit of those
to learn from. It is hardly ever right: a box of middle size in the middle covers little
of a digit that may be anywhere.

The photographs are few: nine to learn from, three for validation and three for the
test. On those of the validation, the mean IoU is 0.71, on those of the test 0.57 (1
seed): much depends on the photograph. Small digits are found less well.

In TensorBoard: on the page Images, the slider "boxes" shows scenes of the validation
with the true box in green and the answer in red: at first all answers are alike. "test"
shows scenes of the test from the worst box to the best, "iou" how often each IoU
occurs, and how the IoU grows with the size of the digit. The page Scalars shows both
losses, the accuracy of the class alone, and the IoU after each epoch.

Try:
    --forget-places   all places weigh the same: 55 % of the test's boxes have an IoU
                      of at least 0.5, whatever their class, instead of 69 %. So an
                      average says something of the place, too, perhaps because filters
                      can tell where the border is near
    --scenes 2000     a tenth of the scenes, and so of the updates, is too few: hardly
                      any box is right
    --box-loss huber  learns from how far the sides are off, and does as well here: an
                      IoU of 0.59 instead of 0.57 (1 seed)
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from lessons.plots import course_6_localization as plots
from training import command_line, options, predictions, runs, schedules

import keras
import numpy as np
from keras import ops
from PIL import Image

from data import Split, own_pictures, scenes

SIZE = 64  # height and width of a scene, pixels
GRID = 8  # height and width of the last feature maps, places
RIGHT = 0.5  # IoU from which on a box is right
CLASSES = len(scenes.CLASS_NAMES)


@dataclass(frozen=True)
class Config(options.Options):
    # To learn from, drawn once.
    scenes: Annotated[int, options.between(100, 40_000)] = 20_000
    epochs: int = 4  # passes over the scenes
    batch_size: int = 32  # scenes per update
    learning_rate: float = 1e-2  # highest value of the schedule
    # What the box is learned from: generalized IoU, IoU, or distance of the sides.
    box_loss: Literal["giou", "iou", "huber"] = "giou"
    # The box loss counts so much beside that of the class.
    box_weight: Annotated[float, options.between(0, 1e6)] = 1.0
    # Give all places the same weight, so that where they are is lost.
    forget_places: bool = False


def area(boxes):
    """Returns width times height of boxes (..., 4): left, top, right, bottom."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlap(truth, answer):
    """Returns the areas that boxes (..., 4) share, and that they cover together."""
    # The shared box: the larger of the left and top sides, the smaller of the others.
    corner = ops.maximum(truth[..., :2], answer[..., :2])
    opposite = ops.minimum(truth[..., 2:], answer[..., 2:])
    sides = ops.maximum(opposite - corner, 0.0)  # 0: they do not touch
    shared = sides[..., 0] * sides[..., 1]
    return shared, area(truth) + area(answer) - shared


def iou(truth, answer):
    """Returns the intersection over union of boxes (..., 4), in [0, 1]."""
    shared, union = overlap(truth, answer)
    return shared / union


def giou(truth, answer):
    """Returns the generalized IoU of boxes (..., 4), in (-1, 1]."""
    shared, union = overlap(truth, answer)
    corner = ops.minimum(truth[..., :2], answer[..., :2])
    opposite = ops.maximum(truth[..., 2:], answer[..., 2:])
    around = area(ops.concatenate([corner, opposite], axis=-1))
    return shared / union - (around - union) / around


def iou_loss(truth, answer):
    """Returns 0 for equal boxes, 1 for all that do not touch."""
    return 1.0 - iou(truth, answer)


def giou_loss(truth, answer):
    """Returns 0 for equal boxes, nearly 2 for small ones that are far apart."""
    return 1.0 - giou(truth, answer)


def huber_loss(truth, answer):
    """Returns how far the sides are apart: squared if they are near, else linear."""
    # In tenths of the picture, so that it is about as large as the other losses.
    return keras.losses.huber(10 * truth, 10 * answer)


BOX_LOSSES = {"giou": giou_loss, "iou": iou_loss, "huber": huber_loss}


def convolve(x, filters: int, kernel: int = 3, stride: int = 1):
    """Adds a convolution with batch normalization and ReLU."""
    x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
    # With 0.99, the default, the moving averages would follow too slowly.
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.ReLU()(x)


def list_places() -> np.ndarray:
    """Returns x and y of the middle of each place, as fractions of the picture, float32
    (1, 64, 2).
    """
    middles = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID
    return np.stack(np.meshgrid(middles, middles), axis=-1).reshape(1, -1, 2)


def build_network(forget_places: bool) -> keras.Model:
    """Builds the network, not yet trained.

    Returns:
        A model from uint8 images (batch, 64, 64, 3) to a dictionary: "digit" logits
        (batch, 10); "box" left, top, right, bottom (batch, 4) as fractions of width and
        height.
    """
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(images)  # from [0, 255] to [-1, 1]
    x = convolve(x, 16, kernel=5, stride=2)  # (batch, 32, 32, 16)
    x = convolve(x, 32, stride=2)  # (batch, 16, 16, 32)
    x = convolve(x, 32)
    x = convolve(x, 64, stride=2)  # (batch, 8, 8, 64)
    x = convolve(x, 64)
    x = convolve(x, 64)
    features = keras.layers.Reshape((GRID**2, 64))(x)  # (batch, 64 places, 64)

    # Where? The places share a weight of 1.
    if forget_places:
        weights = ops.full((1, GRID**2, 1), 1 / GRID**2)
    else:
        weights = keras.layers.Dense(1, name="where")(features)  # (batch, 64, 1)
        weights = keras.layers.Softmax(axis=1)(weights)
    seen = ops.sum(weights * features, axis=1)  # (batch, 64)
    middle = ops.sum(weights * list_places(), axis=1)  # (batch, 2)

    # What, how far beside the middle, and how large?
    digit = keras.layers.Dense(CLASSES, name="digit")(seen)
    center = middle + keras.layers.Dense(2, name="beside")(seen)  # x and y
    size = keras.layers.Dense(2, activation="sigmoid", name="size")(seen)
    box = ops.concatenate([center - size / 2, center + size / 2], axis=-1)
    return keras.Model(images, {"digit": digit, "box": box}, name="localizer")


def take_only(split: Split) -> Split:
    """Returns scenes with the class and the box of their only digit; the box in
    fractions of the picture.
    """
    boxes = split.y["boxes"][:, 0] / SIZE  # (n, 4)
    return Split(split.x, {"digit": split.y["labels"][:, 0], "box": boxes})


def score(truth: dict, digits: np.ndarray, boxes: np.ndarray) -> dict[str, float]:
    """Returns the mean IoU of boxes, and how often box and class are right.

    Args:
        truth: "digit" (n,) and "box" (n, 4).
        digits: that were answered, (n,).
        boxes: that were answered, (n, 4).
    """
    overlaps = np.asarray(iou(truth["box"], boxes))
    box_right = overlaps >= RIGHT
    digit_right = digits == truth["digit"]
    return {
        "iou": float(overlaps.mean()),
        "accuracy": float(np.mean(box_right & digit_right)),
        "box_right": float(np.mean(box_right)),
        "digit_right": float(np.mean(digit_right)),
    }


def add_softmax(network: keras.Model) -> keras.Model:
    """Returns the network with probabilities in place of logits."""
    answers = network.output
    probabilities = keras.layers.Softmax()(answers["digit"])
    model = keras.Model(
        network.inputs[0], {"digit": probabilities, "box": answers["box"]}
    )
    # It learns no more; so the saved network can be evaluated as it is.
    model.compile(
        "sgd",
        loss={"digit": "sparse_categorical_crossentropy", "box": "huber"},
        metrics={"digit": ["accuracy"]},
    )
    return model


def predict(run, inputs: list[str]) -> predictions.Answers:
    """Says which digit a trained network sees in pictures of one's own, and where. Each
    is stretched to a square; boxes are those of the picture as it was.
    """
    images, sizes, pictures = [], {}, []
    for path, picture in own_pictures.read_pictures(inputs):
        images.append(np.asarray(Image.fromarray(picture).resize((SIZE, SIZE))))
        height, width, _ = picture.shape
        sizes[path] = (width, height)
        if len(pictures) < predictions.SHOWN:
            pictures.append(picture)
    answers = run.load().predict(np.stack(images), verbose=0)
    lines, captions, boxes = [], [], []
    for index, (path, size) in enumerate(sizes.items()):
        probabilities, box = answers["digit"][index], answers["box"][index]
        box = np.clip(box, 0, 1) * [*size, *size]
        left, top, right, bottom = (round(float(side)) for side in box)
        digit = probabilities.argmax()
        said = f"{scenes.CLASS_NAMES[digit]} {probabilities[digit]:.1%}"
        lines.append(f"{path}: {said}   from ({left}, {top}) to ({right}, {bottom})")
        captions.append(said)
        boxes.append(box)
    shown = len(pictures)
    drawn = plots.draw_pictures(pictures, boxes[:shown], captions[:shown])
    return predictions.Answers(lines, drawn)


def main(config: Config) -> dict:
    dataset, drawing = scenes.load_scenes(SIZE, objects=(1, 1))
    drawn = drawing.draw(config.scenes, np.random.default_rng(config.seed))
    train = take_only(drawn)
    validation = take_only(dataset.validation)
    test = take_only(dataset.test)
    dataset = dataset._replace(train=train, validation=validation, test=test)

    with runs.start(config, dataset) as run:
        network = build_network(config.forget_places)
        network.summary()

        updates = config.epochs * -(-config.scenes // config.batch_size)
        schedule = schedules.one_cycle(
            config.learning_rate,
            updates,
            rising=updates // 4,
            start=config.learning_rate / 25,
        )
        network.compile(
            optimizer=keras.optimizers.Adam(schedule),
            loss={
                "digit": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "box": BOX_LOSSES[config.box_loss],
            },
            loss_weights={"digit": 1.0, "box": config.box_weight},
            metrics={"digit": ["accuracy"], "box": [iou]},
        )
        network.fit(
            train.x,
            train.y,
            batch_size=config.batch_size,
            epochs=config.epochs,
            validation_data=validation,
            callbacks=run.callbacks(plots.Boxes(run.show, validation), name="network"),
            verbose=run.verbose,
        )

        answers = network.predict(test.x, batch_size=100, verbose=0)
        digits = answers["digit"].argmax(axis=1)
        boxes = answers["box"]
        overlaps = np.asarray(iou(test.y["box"], boxes))

        mean_box = np.broadcast_to(train.y["box"].mean(axis=0), boxes.shape)
        most_frequent = np.bincount(train.y["digit"]).argmax()
        baseline = score(test.y, most_frequent, mean_box)

        run.show("test", plots.draw_from_worst_to_best(test, digits, boxes, overlaps))
        run.show("iou", plots.plot_overlaps(overlaps, test.y["box"], RIGHT))
        run.predictions(
            np.arange(len(test.x)),
            digits,
            test.y["digit"],
            box=boxes,
            true_box=test.y["box"],
        )
        return run.finish(
            add_softmax(network),
            test={**score(test.y, digits, boxes), "examples": len(test.x)},
            baseline={"mean_box": baseline["iou"], "accuracy": baseline["accuracy"]},
        )


if __name__ == "__main__":
    command_line.run(main, Config)
