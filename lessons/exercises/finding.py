"""What exercises 18, 19 and 21 are about: scenes of digits, how well a network finds
these, and a picture of it.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

from lessons.plots import course_6_localization as plots
from lessons.plots import course_6_segmentation as painting
from training import figures

import keras
import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.special import expit  # the sigmoid

from data import Dataset, Split, scenes

SIZE = 64  # height and width of a scene, pixels
COUNTS = {"train": 2000, "validation": 300, "test": 1000}  # scenes
PATCHES = {"train": 4000, "validation": 500, "test": 2000}  # turned digits
BLURRED = 4  # height and width of a photograph without its details, pixels
RIGHT = 0.5  # IoU from which on a box is right
STRIDE = 2  # pixels from one place of an answer to the next
CLASSES = 8  # of a place: the background, and digits from 1 to 7
APART = 5  # places, height and width of the square in which a peak is the hottest
HOT = 0.5  # heat from which on a peak counts
NEAR = 4  # pixels that a peak may be beside a center, to the side and up or down
SHOWN = 18  # scenes in a picture
ENLARGED = 4  # times, a scene to be marked


class Task(NamedTuple):
    """What a network is to find in scenes.

    Attributes:
        objects: the fewest and the most digits in a scene.
        truth: what stands in `y` of the splits, as `scenes.Scenes.draw` names it; or
            "classes", the digit to which each pixel belongs, 0 for none.
        score: of a network's answers and of `y`: figures by name, first "accuracy".
        draw: images with a network's answers and `y`.
        right: what is counted in "accuracy".
        digits: that are in scenes.
    """

    objects: tuple[int, int]
    truth: str
    score: Callable[[np.ndarray, np.ndarray], dict[str, float]]
    draw: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    right: str
    digits: tuple[int, ...] = tuple(range(10))


def load_scenes(digits: Dataset, task: Task, seed: int) -> Dataset:
    """Draws scenes. All splits have the same photographs, out of focus, and digits of
    their own: so a few thousand scenes are enough to find digits in new ones.

    Args:
        digits: images and labels of digits.
        task: what is to be found.
        seed: of what is drawn.

    Returns:
        Images uint8 `(n, 64, 64, 3)` in [0, 255]. The answers are masks, uint8 `(n, 64,
        64)`, 1 for the digit's pixels and 0 for others; or boxes, float32 `(n, most,
        4)`, left, top, right, bottom in pixels, -1 where there is no digit; or the
        digit to which each pixel belongs, uint8 `(n, 64, 64)`.
    """
    blurred = {
        name: blur(photo)
        for photographs in scenes.load_photographs().values()
        for name, photo in photographs.items()
    }
    splits = {}
    for number, (name, count) in enumerate(COUNTS.items()):
        images, labels = getattr(digits, name)
        chosen = np.isin(labels, task.digits)
        chosen = Split(images[chosen], labels[chosen])
        drawing = scenes.Scenes(chosen, blurred, PATCHES[name], SIZE, task.objects)
        drawn = drawing.draw(count, np.random.default_rng((seed, number)))
        truth = find_classes if task.truth == "classes" else itemgetter(task.truth)
        splits[name] = Split(drawn.x, truth(drawn.y))
    source = "drawn scenes: digits on blurred photographs of the packages scikit-image "
    source += f"and scikit-learn; the digits are {digits.source}"
    return Dataset(**splits, source=source)


def blur(photo: np.ndarray) -> np.ndarray:
    """Returns a photograph without its details, uint8 `(192, 192, 3)`."""
    small = Image.fromarray(photo).resize((BLURRED, BLURRED), Image.Resampling.BOX)
    side = 3 * SIZE  # so that scenes show different parts of it
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


def find_classes(y: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the digit to which each pixel belongs, 0 for none, uint8 `(n, height,
    width)`.

    Args:
        y: of scenes, as `scenes.Scenes.draw` returns it.
    """
    labels = np.pad(y["labels"], ((0, 0), (1, 0)))  # masks begin with 1
    scene = np.arange(len(labels))[:, np.newaxis, np.newaxis]
    return np.uint8(labels[scene, y["masks"]])


def find_boxes(masks: np.ndarray) -> np.ndarray:
    """Returns the boxes around what masks mark, in fractions of width and height.

    Args:
        masks: `(n, height, width)`, not 0 where something is marked.

    Returns:
        Left, top, right, bottom: float `(n, 4)`.
    """
    ends = []
    for axis in (1, 2):
        marked = masks.any(axis=axis)  # columns, then rows
        first, behind = marked.argmax(axis=1), marked[:, ::-1].argmax(axis=1)
        length = marked.shape[1]
        ends.append([first / length, (length - behind) / length])
    (left, right), (top, bottom) = ends
    return np.stack([left, top, right, bottom], axis=1)


def find_overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the IoU of each box with the other one in its place, `(n,)`; a box whose
    right side is left of its left one has no area.
    """
    sides = np.minimum(boxes[:, 2:], others[:, 2:])
    sides = sides - np.maximum(boxes[:, :2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = [np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1) for b in (boxes, others)]
    return shared / (areas[0] + areas[1] - shared)


def score_boxes(outputs: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """Returns how well boxes fit what masks mark.

    Args:
        outputs: left, top, right, bottom in fractions of width and height, `(n, 4)`.
        masks: `(n, height, width)`.

    Raises:
        ValueError: the answers have another shape, or are no finite numbers.
    """
    check_outputs(outputs, (len(masks), 4))
    overlaps = find_overlaps(find_boxes(masks), outputs)
    return {
        "accuracy": float(np.mean(overlaps >= RIGHT)),
        "iou": float(overlaps.mean()),
    }


def draw_boxes(
    images: np.ndarray, outputs: np.ndarray, masks: np.ndarray
) -> np.ndarray:
    """Draws scenes with their true boxes in green and the answers in red."""
    truth = find_boxes(masks)
    overlaps = find_overlaps(truth, outputs)
    captions = [f"IoU {overlap:.2f}" for overlap in overlaps]
    # A network that has not learned yet may name the right side first.
    answers = np.sort(outputs.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    return plots.draw_scenes(images, truth, answers, captions)


def find_peaks(heat: np.ndarray) -> np.ndarray:
    """Returns where heat is at least 0.5 and nowhere higher within two places: x and y
    in pixels, the hottest first, `(m, 2)`.

    Args:
        heat: in [0, 1], `(height, width)`.
    """
    peaks = (heat == ndimage.maximum_filter(heat, APART)) & (heat >= HOT)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-heat[rows, columns], kind="stable")
    return (np.stack([columns, rows], axis=1)[order] + 0.5) * STRIDE


def count_found(peaks: np.ndarray, centers: np.ndarray) -> int:
    """Returns how many centers have a peak near them; each peak counts for one, the
    nearest that has none yet.

    Args:
        peaks: x and y in pixels, `(m, 2)`.
        centers: likewise, `(n, 2)`.
    """
    free = np.ones(len(centers), bool)
    for peak in peaks:
        distances = np.abs(centers - peak).max(axis=1)
        distances = np.where(free, distances, np.inf)
        if distances.min() <= NEAR:
            free[distances.argmin()] = False
    return int(np.count_nonzero(~free))


def score_heat(outputs: np.ndarray, boxes: np.ndarray) -> dict[str, float]:
    """Returns how well the peaks of heat fit the centers of boxes: the fraction of
    scenes without a mistake, the fraction of the digits that are found, and how many of
    100 peaks are at no digit.

    Args:
        outputs: logits, or probabilities, `(n, 32, 32, 1)`.
        boxes: left, top, right, bottom in pixels, `(n, most, 4)`; -1 for none.

    Raises:
        ValueError: the answers have another shape, or are no finite numbers.
    """
    check_outputs(outputs, (len(boxes), SIZE // STRIDE, SIZE // STRIDE, 1))
    right = digits = found = invented = 0
    for heat, there in zip(to_heat(outputs), list_centers(boxes), strict=True):
        peaks = find_peaks(heat)
        hit = count_found(peaks, there)
        right += hit == len(there) == len(peaks)
        digits += len(there)
        found += hit
        invented += len(peaks) - hit
    return {
        "accuracy": right / len(boxes),
        "found": found / digits,
        "invented": invented / digits,
    }


def to_heat(outputs: np.ndarray) -> np.ndarray:
    """Returns heat in [0, 1], `(n, height, width)`, from logits or probabilities with a
    further axis.
    """
    is_share = outputs.min() >= 0 and outputs.max() <= 1
    return (outputs if is_share else expit(outputs))[..., 0]


def list_centers(boxes: np.ndarray) -> list[np.ndarray]:
    """Returns for each scene the centers of its boxes, x and y in pixels."""
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    there = boxes[..., 0] >= 0
    return [some[kept] for some, kept in zip(centers, there, strict=True)]


def draw_heat(images: np.ndarray, outputs: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Draws scenes with a green dot at each true center and a red ring at each peak;
    below each its heat, from black for 0 to yellow for 1.
    """
    heat = to_heat(outputs)
    marked = [
        mark(image, centers, find_peaks(one))
        for image, centers, one in zip(images, list_centers(boxes), heat, strict=True)
    ]
    colored = 255 * colormaps["inferno"](heat)[..., :3]
    captions = [f"hottest {hottest:.2f}" for hottest in heat.max(axis=(1, 2))]
    rows = []
    for start in range(0, len(images), plots.COLUMNS):
        part = slice(start, start + plots.COLUMNS)
        rows.append(figures.draw_grid(marked[part], columns=plots.COLUMNS))
        rows.append(
            figures.draw_grid(colored[part], captions[part], columns=plots.COLUMNS)
        )
    return np.concatenate(rows)


def mark(image: np.ndarray, centers: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Enlarges a scene, and draws a green dot at each center and a red ring at each
    peak.
    """
    canvas = Image.fromarray(image).resize((ENLARGED * SIZE,) * 2)
    draw = ImageDraw.Draw(canvas)
    for x, y in ENLARGED * centers:
        draw.circle((x, y), 5, fill=plots.GREEN, outline="black")
    for x, y in ENLARGED * peaks:
        draw.circle((x, y), 14, outline=plots.RED, width=4)
    return np.asarray(canvas)


def score_classes(outputs: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Returns how well classes of places fit those of pixels. Of the pixels of a scene
    that are a digit's, or are given any digit's class, a part is given the right one: a
    scene is right if it is at least half.

    Args:
        outputs: logits, or probabilities, `(n, 32, 32, 8)`.
        classes: of each pixel, `(n, 64, 64)`.

    Raises:
        ValueError: the answers have another shape, or are no finite numbers.
    """
    check_outputs(outputs, (len(classes), SIZE // STRIDE, SIZE // STRIDE, CLASSES))
    answers = outputs.argmax(axis=-1).repeat(STRIDE, axis=1).repeat(STRIDE, axis=2)
    right = (answers == classes) & (classes > 0)
    either = (answers > 0) | (classes > 0)
    overlaps = right.sum(axis=(1, 2)) / either.sum(axis=(1, 2))
    return {
        "accuracy": float(np.mean(overlaps >= RIGHT)),
        "iou": float(overlaps.mean()),
    }


def draw_classes(
    images: np.ndarray, outputs: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Draws scenes, below each the same with the classes that are answered, and a
    legend.
    """
    answers = outputs.argmax(axis=-1).astype(np.uint8)
    answers = answers.repeat(STRIDE, axis=1).repeat(STRIDE, axis=2)
    names = ("background", *map(str, range(1, CLASSES)))
    return painting.draw_classes(images, answers, names)


def check_outputs(outputs: np.ndarray, wanted: tuple[int, ...]) -> None:
    """Checks what a network answers.

    Raises:
        ValueError: the answers have another shape, or are no finite numbers.
    """
    shape = getattr(outputs, "shape", type(outputs).__name__)
    if shape != wanted:
        raise ValueError(
            f"the network's answer has the shape {shape}, expected {wanted}"
        )
    if not np.isfinite(outputs).all():
        raise ValueError(
            "the network's answers are no finite numbers: the training diverged"
        )


class Pictures(keras.callbacks.Callback):
    """Shows before training and after each epoch what a network finds in a few scenes.

    Args:
        task: what is to be found.
        show: as `runs.Run.show`.
        split: scenes that the network does not learn from.
    """

    def __init__(self, task: Task, show: Callable, split: Split):
        super().__init__()
        self.task, self.show = task, show
        self.x, self.y = split.x[:SHOWN], split.y[:SHOWN]

    def on_train_begin(self, logs=None):
        """Shows what the network answers before it has learned."""
        self.look(0)

    def on_epoch_end(self, epoch, logs=None):
        """Adds a picture to the slider."""
        self.look(epoch + 1)

    def look(self, epochs: int) -> None:
        """Draws the answers of now."""
        outputs = np.asarray(self.model(self.x, training=False))
        self.show("found", self.task.draw(self.x, outputs, self.y), epochs)


TASKS = {
    18: Task(
        (1, 1),
        "masks",
        score_boxes,
        draw_boxes,
        "scenes have a box with an IoU of at least 0.5",
    ),
    19: Task(
        (1, 2),
        "boxes",
        score_heat,
        draw_heat,
        "scenes have one peak near each digit, and no other",
    ),
    21: Task(
        (2, 3),
        "classes",
        score_classes,
        draw_classes,
        "scenes have the right class at half of what is, or is said to be, a digit",
        digits=(6, 7),
    ),
}
