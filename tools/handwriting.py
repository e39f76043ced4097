"""Composes photographs of handwriting on paper, and counts how many of them a trained
network reads.

    python -m tools.handwriting RUN --first 29 --rounds 4
    python -m tools.handwriting RUN --part held_out

RUN is the folder of a run such as that of `course_3_cnn.py`. Each round has 50
photographs with one digit or several, and 30 with none. The digits are images that the
network was not trained on, 2 to 20 % as high as the photograph, written with a thick or
a thin pen on white, colored, ruled or squared paper, in printed boxes, beside a margin.
Paper, table and what else there is come from photographs of scikit-image and
scikit-learn. Perspective, shadows, blur, noise and JPEG follow. With `--save FOLDER`,
all photographs are saved with what was read on them.

The finder is developed on one part, of which rounds 0 to 28 were looked at. The other
is for a last look: it has the other half of the digits, other photographs of tables and
paper, and a seed of its own, and who changes the finder after having looked at it draws
another seed. It was counted once: who changes the finder now draws another one.
"""

import argparse
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lessons.commands import predict
from training import figures, predictions, run_folder

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage
from skimage import data as photographs
from skimage import measure, morphology, transform
from sklearn import datasets

from data import digits

SIZES = ((1200, 900), (900, 1200), (1600, 1200))  # width, height
# What the paper is like, and how often with digits and without.
KINDS = {
    "plain": (8, 3),
    "table": (12, 5),  # the edges of the sheet and what it lies on
    "ruled": (10, 4),
    "squared": (6, 4),
    "boxed": (8, 4),
    "margin": (6, 3),
    "nothing": (0, 7),  # no paper at all
}
SURE = 0.95
SEVERAL = 3  # every third photograph with digits has several
PAPERS = ((245, 243, 235), (250, 248, 245), (232, 228, 215), (250, 232, 150))
DARK_PAPERS = ((45, 50, 55), (30, 75, 55))
PENS = ((25, 25, 35), (20, 40, 140), (150, 25, 35), (15, 80, 45), (105, 105, 108))
CHALKS = ((240, 240, 235), (245, 235, 180))
LINES = ((150, 175, 215), (170, 170, 175), (205, 150, 150), (120, 140, 170))

# Pens, from thick to thin: gray levels of an image of MNIST above which it is ink, and
# parts of a pen's width.
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7)
THINNER = (1, 0.8, 0.6)

# What lies below the paper: grayscale or RGB, uint8.
TABLES = {
    "astronaut": photographs.astronaut,
    "brick": photographs.brick,
    "camera": photographs.camera,
    "cat": photographs.chelsea,
    "china": lambda: datasets.load_sample_image("china.jpg"),
    "coins": photographs.coins,
    "cup": photographs.coffee,
    "dark wood": lambda: photographs.coffee()[210:, 480:],
    "flower": lambda: datasets.load_sample_image("flower.jpg"),
    "grass": photographs.grass,
    "gravel": photographs.gravel,
    "moon": photographs.moon,
    "motorcycle": lambda: photographs.stereo_motorcycle()[0],
    "rocket": photographs.rocket,
    "stars": photographs.hubble_deep_field,
    "tissue": photographs.immunohistochemistry,
    "wood": lambda: photographs.coffee()[:150, 420:],
}


class Part(NamedTuple):
    """What the photographs of a part are composed of.

    Attributes:
        half: of MNIST's test images, 0 or 1.
        tables: names in `TABLES`.
        paper: returns a photographed page, grayscale, uint8.
        seed: of everything that is drawn.
    """

    half: int
    tables: tuple[str, ...]
    paper: Callable[[], np.ndarray]
    seed: int


PARTS = {
    "developed": Part(
        half=0,
        tables=(
            "brick",
            "china",
            "coins",
            "cup",
            "dark wood",
            "grass",
            "motorcycle",
            "stars",
            "wood",
        ),
        paper=photographs.page,
        seed=1,
    ),
    "held_out": Part(
        half=1,
        tables=(
            "astronaut",
            "camera",
            "cat",
            "flower",
            "gravel",
            "moon",
            "rocket",
            "tissue",
        ),
        paper=photographs.text,
        seed=20261129,
    ),
}


class Photograph(NamedTuple):
    """A composed photograph.

    Attributes:
        picture: uint8 `(height, width, 3)` in [0, 255].
        kind: of the paper, one of `KINDS`.
        text: the digits on it in reading order; empty if there are none.
        centers: x and y of the middle of each digit, float `(n, 2)`.
    """

    picture: np.ndarray
    kind: str
    text: str
    centers: np.ndarray


def compose_part(part: Part, rounds: Iterable[int]) -> Iterator[Photograph]:
    """Composes the photographs of a part one after the other, always the same, in
    rounds of 80.
    """
    _, _, test = digits.load_digits().parts()
    images, labels = test.x[part.half :: 2, ..., 0], test.y[part.half :: 2]
    for turn, has_digits in itertools.product(rounds, (True, False)):
        kinds = [
            kind
            for kind, counts in KINDS.items()
            for _ in range(counts[not has_digits])
        ]
        for number, kind in enumerate(kinds):
            random = np.random.default_rng((part.seed, turn, has_digits, number))
            count = 0
            if has_digits:
                count = 1 if number % SEVERAL else int(random.integers(2, 6))
            chosen = random.choice(len(labels), count, replace=False)
            written = [(images[index], int(labels[index])) for index in chosen]
            yield compose(random, kind, written, part)


def compose(
    random: np.random.Generator,
    kind: str,
    written: list,
    part: Part = PARTS["developed"],
) -> Photograph:
    """Composes a photograph.

    Args:
        random: draws everything.
        kind: one of `KINDS`.
        written: digits from left to right, each an image uint8 `(28, 28)` and its
            label.
        part: has the tables and the paper.
    """
    width, height = SIZES[random.integers(len(SIZES))]
    below = photograph_table(random, part.tables, (width, height))
    if kind == "nothing":
        return Photograph(develop(random, below), kind, "", np.empty((0, 2)))
    shown = random.uniform(0.5, 0.85, 2) if kind == "table" else (1.35, 1.35)
    size = (round(width * shown[0]), round(height * shown[1]))
    dark = kind in ("plain", "table") and random.random() < 0.15
    papers, pens = (DARK_PAPERS, CHALKS) if dark else (PAPERS, PENS)
    color = papers[random.integers(len(papers))]
    sheet = photograph_paper(random, part.paper(), size, color)
    length = height * np.exp(random.uniform(np.log(0.02), np.log(0.2)))
    # The middle of the sheet, which perspective does not move out of the photograph.
    room = np.array(size) * 0.84 if kind == "table" else np.array((width, height)) * 0.8
    pitch = random.uniform(0.95, 1.4)  # of digits in a row, in their heights
    length = min(length, room[0] / (pitch * max(1, len(written)) + 0.6), room[1] / 1.8)
    corner = (np.array(size) - room) / 2
    span = np.array((pitch * max(1, len(written)) * length, length))
    start = corner + random.uniform(0, 1, 2) * np.maximum(0, room - span)
    print_lines(random, sheet, kind, start, span, length, max(1, len(written)))
    pen = np.array(pens[random.integers(len(pens))])
    thin = random.uniform(0.035, 0.09) if random.random() < 0.4 else None
    centers = []
    for place, (image, _) in enumerate(written):
        ink = grow(image, length * random.uniform(0.9, 1.1), thin)
        corner = start + (place * pitch * length, 0)
        corner = corner + random.normal(0, 0.04, 2) * length
        write(sheet, ink, corner, pen)
        centers.append(corner + np.array(ink.shape[::-1]) / 2)
    picture, centers = lay(random, sheet, below, centers)
    text = "".join(str(label) for _, label in written)
    return Photograph(develop(random, picture), kind, text, centers)


def photograph_table(random, tables, size: tuple[int, int]) -> np.ndarray:
    """Returns what is below the paper, float `(height, width, 3)` in [0, 255]."""
    picture = TABLES[tables[random.integers(len(tables))]]()
    image = Image.fromarray(picture).convert("RGB")
    width, height = image.size
    part = random.uniform(0.6, 1, 2) * (width, height)
    left, top = random.uniform(0, 1, 2) * ((width, height) - part)
    box = (left, top, left + part[0], top + part[1])
    image = image.resize(size, Image.Resampling.BICUBIC, box)
    tint = random.uniform(0.6, 1, 3) if picture.ndim == 2 else random.uniform(0.8, 1)
    return np.asarray(image, np.float32) * np.float32(tint)


def photograph_paper(random, page, size: tuple[int, int], color) -> np.ndarray:
    """Returns an empty sheet, float `(height, width, 3)` in [0, 255]: the uneven ground
    of a photographed page, without its letters, and grain.
    """
    ground = ndimage.gaussian_filter(ndimage.grey_closing(np.float64(page), 31), 12)
    ground = ground[:, ground.shape[1] // 4 :]  # the fold of the book is left out
    ground = Image.fromarray(np.float32(ground / ground.max()))
    ground = np.asarray(ground.resize(size, Image.Resampling.BICUBIC))
    grain = random.standard_normal((size[1] // 2 + 1, size[0] // 2 + 1), np.float32)
    grain = np.repeat(np.repeat(grain, 2, axis=0), 2, axis=1)[: size[1], : size[0]]
    texture = 1 - 0.5 * (1 - ground) + 0.01 * grain
    return texture[..., np.newaxis] * np.array(color, np.float32)


def print_lines(random, sheet, kind: str, start, span, length, count: int) -> None:
    """Prints lines, squares, boxes or a margin on a sheet."""
    height, width, _ = sheet.shape
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    line = int(random.integers(2, 5))
    gap = max(28, length * random.uniform(1.1, 1.8))
    if kind == "squared":
        gap = max(20, length * random.uniform(0.5, 1.6))
    colors = LINES
    rows = np.arange(
        start[1] + random.uniform(0.8, 1.25) * length - 99 * gap, height, gap
    )
    columns = np.arange(start[0] - 99.3 * gap, width, gap)
    if kind == "boxed":
        colors = ((40, 40, 45), (90, 90, 95), (60, 80, 150))
        margin = length * random.uniform(0.15, 0.5)
        pitch = span[0] / count
        one_each = count > 1 and pitch > 1.1 * length and random.random() < 0.5
        for place in range(count if one_each else 1):
            left = start[0] + place * pitch - margin / (2 if one_each else 1)
            right = left + (pitch if one_each else span[0] + margin)
            box = (left, start[1] - margin, right, start[1] + length + margin)
            draw.rectangle([round(side) for side in box], outline=255, width=line)
    if kind in ("ruled", "squared", "margin"):
        for y in rows:
            draw.line([(0, y), (width, y)], 255, line)
    if kind == "squared":
        for x in columns:
            draw.line([(x, 0), (x, height)], 255, line)
    color = np.array(colors[random.integers(len(colors))])
    mask = np.asarray(image)[..., np.newaxis] / 255
    sheet += mask * (color - sheet)
    if kind == "margin":
        x = max(5, start[0] - length * random.uniform(0.3, 0.8))
        mask = np.abs(np.arange(width) - x)[np.newaxis, :, np.newaxis] < line
        sheet += mask * (np.array((210, 70, 80)) - sheet)


def grow(image: np.ndarray, length: float, thin: float | None) -> np.ndarray:
    """Returns an image of MNIST as high as `length`, float in [0, 1], with sharp edges.

    Who writes a loop leaves it open. So the pen is made thinner, by `LEVELS` or
    `THINNER`, if this opens one and breaks no stroke.

    Args:
        image: uint8 `(28, 28)`.
        length: of the digit in pixels.
        thin: width of the pen as a fraction of the length; None for that of the image.
    """
    rows, columns = np.nonzero(image > 60)
    image = np.pad(
        image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], 2
    )
    scale = max(1.0, 200 / len(image))
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    large = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    gray = ndimage.gaussian_filter(np.asarray(large) / 255, 3)
    drawn = [gray > level for level in LEVELS]
    if thin is not None:
        middle = morphology.skeletonize(keep_loops(drawn))
        away = ndimage.distance_transform_edt(~middle)
        drawn = [away < width * thin * len(gray) / 2 for width in THINNER]
    return keep_loops([shrink(strokes, length) for strokes in drawn])


def keep_loops(drawn: list[np.ndarray]) -> np.ndarray:
    """Returns the first of drawings of a digit, `(height, width)`, that has the most
    holes, of those that are in no more parts than the first.

    Args:
        drawn: with thinner and thinner pens.
    """
    parts, holes = [], []
    for strokes in drawn:
        strokes = strokes > strokes.max() / 2
        _, count = ndimage.label(strokes, np.ones((3, 3)))
        parts.append(count)
        holes.append(count - measure.euler_number(strokes))
    whole = [number for number, count in enumerate(parts) if count <= parts[0]]
    return drawn[max(whole, key=lambda number: holes[number])]


def shrink(strokes: np.ndarray, length: float) -> np.ndarray:
    """Returns strokes, bool `(height, width)`, without the space around them and as
    high as `length`, float in [0, 1].
    """
    rows, columns = (
        np.flatnonzero(strokes.any(axis=1)),
        np.flatnonzero(strokes.any(axis=0)),
    )
    strokes = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = length / len(strokes)
    size = (max(3, round(strokes.shape[1] * scale)), round(length))
    shrunk = Image.fromarray(np.uint8(255 * strokes)).resize(size, Image.Resampling.BOX)
    return np.asarray(shrunk) / 255


def write(sheet: np.ndarray, ink: np.ndarray, corner, pen: np.ndarray) -> None:
    """Writes a digit on a sheet, its upper left corner at `corner`, x and y."""
    x, y = np.maximum(0, np.round(corner)).astype(int)
    place = sheet[y : y + ink.shape[0], x : x + ink.shape[1]]
    ink = 0.95 * ink[: place.shape[0], : place.shape[1], np.newaxis]
    place += ink * (pen - place)


def lay(random, sheet: np.ndarray, below: np.ndarray, points: list):
    """Lays a sheet into the middle of a photograph, turned a little and in perspective.

    Returns:
        The photograph, float `(height, width, 3)` in [0, 255], and where the points of
        the sheet are in it, float `(n, 2)`.
    """
    (high, wide, _), (height, width, _) = sheet.shape, below.shape
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float64)
    angle = np.deg2rad(random.uniform(-7, 7))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = (corners - (wide / 2, high / 2)) @ turn + (width / 2, height / 2)
    moved += random.uniform(-0.03, 0.03, (4, 2)) * (wide, high)
    laying = transform.ProjectiveTransform.from_estimate(corners, moved)
    matrix = laying.inverse.params
    coefficients = (matrix / matrix[2, 2]).ravel()[:8]

    def warp(pixels):
        image = Image.fromarray(pixels)
        return np.asarray(
            image.transform(
                (width, height),
                Image.Transform.PERSPECTIVE,
                coefficients,
                Image.Resampling.BICUBIC,
            ),
            np.float32,
        )

    covered = warp(np.full((high, wide), 255, np.uint8))
    laid = warp(np.uint8(np.clip(sheet, 0, 255)))
    # The sheet throws a narrow shadow.
    shade = Image.fromarray(np.uint8(np.roll(covered, (6, 5), axis=(0, 1))))
    shade = np.asarray(shade.filter(ImageFilter.GaussianBlur(5)), np.float32) / 255
    covered = covered[..., np.newaxis] / 255
    below = below * (1 - 0.5 * shade[..., np.newaxis])
    picture = covered * laid + (1 - covered) * below
    return picture, laying(np.reshape(points, (-1, 2)))


def develop(random, picture: np.ndarray) -> np.ndarray:
    """Returns a photograph of what lies there: lamp, shadow, blur, noise and JPEG."""
    height, width, _ = picture.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, np.newaxis]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    angle = random.uniform(0, 2 * np.pi)
    side = np.cos(angle) * x + np.sin(angle) * y
    light = (
        0.85 + random.uniform(0, 0.2) * side - random.uniform(0, 0.12) * (x**2 + y**2)
    )
    if random.random() < 0.5:  # somebody stands in the light
        angle = random.uniform(0, 2 * np.pi)
        edge = np.cos(angle) * x + np.sin(angle) * y - random.uniform(-0.3, 0.6)
        edge += 0.1 * np.sin(4 * x + random.uniform(0, 6))
        soft = random.uniform(0.01, 0.15)
        light *= 1 - random.uniform(0.2, 0.5) / (1 + np.exp(-edge / soft))
    lit = Image.fromarray(np.uint8(np.clip(picture * light[..., np.newaxis], 0, 255)))
    blurred = np.asarray(lit.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.2))))
    noise = random.standard_normal(picture.shape, np.float32) * random.uniform(1, 5)
    image = Image.fromarray(np.uint8(np.clip(blurred + noise, 0, 255)))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(random.integers(60, 93)))
    return np.asarray(Image.open(file))


def is_right(digit, answer: str, photograph: Photograph) -> bool:
    """Returns whether a digit was written where it was read."""
    left, top, right, bottom = digit.box
    return any(
        left < x < right and top < y < bottom and truth == answer
        for (x, y), truth in zip(photograph.centers, photograph.text, strict=True)
    )


def main() -> None:
    """Reads the photographs of a part and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder of a run, or a lesson's name")
    parser.add_argument("--part", choices=PARTS, default="developed")
    parser.add_argument("--rounds", type=int, default=1, help="of 80 photographs")
    parser.add_argument("--first", type=int, default=0, help="round to begin with")
    parser.add_argument("--logdir", type=Path, default=Path("runs"))
    parser.add_argument("--save", type=Path, help="a folder for the photographs")
    arguments = parser.parse_args()
    record = run_folder.find_trained(arguments.run, arguments.logdir)
    model, names = record.load_model((28, 28, 1)), record.config["class_names"]
    read, taken, sure = [], [], []
    rounds = range(arguments.first, arguments.first + arguments.rounds)
    part = compose_part(PARTS[arguments.part], rounds)
    for number, photograph in enumerate(part, 80 * arguments.first):
        found = predict.read_digits(model, photograph.picture)
        answers = [names[int(np.argmax(digit.probabilities))] for digit in found]
        text = "".join(answers)
        if photograph.text:
            read.append(text == photograph.text)
        else:
            taken.append(text != "")
        sure += [
            is_right(digit, answer, photograph)
            for digit, answer in zip(found, answers, strict=True)
            if digit.probabilities.max() > SURE
        ]
        if text != photograph.text:
            said = f"read {text or 'nothing'}, written {photograph.text or 'nothing'}"
            print(f"{number} ({photograph.kind}): {said}", flush=True)
        if arguments.save is not None:
            drawn = predictions.draw_digits([(photograph.picture, found)], names)
            arguments.save.mkdir(parents=True, exist_ok=True)
            figures.save_picture(photograph.picture, arguments.save / f"{number}.png")
            figures.save_picture(drawn, arguments.save / f"{number}_read.png")
    print(f"read right: {sum(read)} of {len(read)} photographs with digits")
    print(f"taken for digits: {sum(taken)} of {len(taken)} photographs without")
    print(f"above {SURE:.0%}: {sum(sure)} of {len(sure)} answers right")


if __name__ == "__main__":
    main()
