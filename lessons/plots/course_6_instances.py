"""What `course_6_instances.py` draws: votes as arrows, objects in colors, precision."""

from training import figures

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

COLUMNS = 8  # pictures of the test in a row
BESIDE = 3  # pictures in a row of the slider: TensorBoard shrinks what is wide
APART = 3  # pixels, from one arrow to the next
HEAD = 5  # pixels, length of an arrow's head
FADE = 0.6  # how much of a picture behind arrows is white
PAINT = 0.7  # how much of a pixel is the color of its object
YELLOW = (1.0, 0.85, 0.0)
# Of the objects of a picture; if there are more, they begin again.
PALETTE = [*colormaps["tab10"].colors, *colormaps["Dark2"].colors]
PALETTE[7] = YELLOW  # gray is the color of many photographs
COLORS = np.uint8(np.round(255 * np.array(PALETTE)))


def find_color(number: int) -> tuple[int, int, int]:
    """Returns the color of an object, which is numbered from 1."""
    return tuple(COLORS[(number - 1) % len(COLORS)].tolist())


def paint(picture: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Paints each object of a picture in a color of its own.

    Args:
        picture: uint8 `(height, width, 3)`.
        numbers: the object of each pixel, uint8 `(height, width)`, 0 for none.
    """
    colors = COLORS[(numbers.astype(int) - 1) % len(COLORS)]
    painted = PAINT * colors + (1 - PAINT) * picture
    painted[numbers == 0] = picture[numbers == 0]
    return np.uint8(np.round(painted))


def match_numbers(numbers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns objects with the number, and so the color, of the true object with which
    they share most pixels; those that come later than another one with the same, or
    that share none, have numbers behind all true ones.
    """
    most = int(truth.max())
    new = np.zeros(int(numbers.max()) + 1, np.uint8)
    used = set()
    for number in range(1, len(new)):
        shared = np.bincount(truth[numbers == number], minlength=most + 1)
        shared[0] = 0
        true = int(shared.argmax())
        if not shared[true] or true in used:
            true = max(most, *used, 0) + 1
        used.add(true)
        new[number] = true
    return new[numbers]


def draw_arrows(
    picture: np.ndarray, votes: np.ndarray, numbers: np.ndarray, side: int
) -> np.ndarray:
    """Draws the votes of some of the pixels of objects as arrows, in the color of the
    object that they make, on a faded picture.

    Args:
        picture: uint8 `(height, width, 3)`.
        votes: from a pixel to its center, x and y in pixels, float `(height, width,
            2)`.
        numbers: the object of each pixel, uint8 `(height, width)`, 0 for none.
        side: longer side of the drawing, pixels.
    """
    scale = side / max(picture.shape[:2])
    faded = np.uint8(255 * FADE + picture * (1 - FADE))
    size = (round(scale * picture.shape[1]), round(scale * picture.shape[0]))
    canvas = Image.fromarray(faded).resize(size, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)
    for row, column in np.argwhere(numbers):
        if (row + column) % APART:
            continue
        color = find_color(int(numbers[row, column]))
        start = scale * (np.array([column, row]) + 0.5)
        move = scale * votes[row, column]
        end = start + move
        draw.line([*start, *end], fill=color)
        length = np.hypot(*move)
        if length > HEAD:
            back = HEAD * move / length
            across = np.array([-back[1], back[0]]) / 2
            corners = [end, end - back + across, end - back - across]
            draw.polygon([tuple(corner) for corner in corners], fill=color)
    return np.asarray(canvas)


def draw_votes(images: np.ndarray, maps, found) -> np.ndarray:
    """Draws of each image the votes, and below the objects that they make.

    Args:
        images: uint8 `(n, height, width, 3)`.
        maps: `Maps` of the images.
        found: `Instances` in them.
    """
    side = figures.WIDTH // BESIDE - 6
    rows = []
    for start in range(0, len(images), BESIDE):
        some = range(start, min(start + BESIDE, len(images)))
        arrows = [
            draw_arrows(images[one], maps.votes[one], found.numbers[one], side)
            for one in some
        ]
        painted = [paint(images[one], found.numbers[one]) for one in some]
        rows.append(figures.draw_grid(arrows, columns=BESIDE))
        rows.append(figures.draw_grid(painted, columns=BESIDE))
    return np.concatenate(rows)


def draw_test(images: np.ndarray, truth, methods: dict, shown) -> np.ndarray:
    """Draws some images, the objects that are there, and those of each method.

    Args:
        images: uint8 `(n, height, width, 3)`.
        truth: `Instances` that are there.
        methods: `Instances` that were found, by the name of the method.
        shown: which images.
    """
    rows = [
        figures.draw_heading("scenes of the test"),
        figures.draw_grid(images[shown], columns=COLUMNS),
    ]
    for name, found in {"the objects that are there": truth, **methods}.items():
        painted = []
        for one in shown:
            numbers = match_numbers(found.numbers[one], truth.numbers[one])
            painted.append(paint(images[one], numbers))
        rows.append(figures.draw_heading(name))
        rows.append(figures.draw_grid(painted, columns=COLUMNS))
    return np.concatenate(rows)


def draw_instances(pictures, numbers, captions: list[list[str]]) -> np.ndarray:
    """Draws pictures, beside each its objects, and a legend below.

    Args:
        pictures: each uint8 `(height, width, 3)`.
        numbers: of each, the object of a pixel, uint8 `(height, width)`, 0 for none.
        captions: of each, a line about each object.
    """
    rows = []
    for picture, mine, lines in zip(pictures, numbers, captions, strict=True):
        pair = [picture, paint(picture, mine)]
        rows.append(figures.draw_grid(pair, columns=BESIDE))
        rows.append(draw_legend(lines))
    return np.concatenate(rows)


def draw_legend(lines: list[str]) -> np.ndarray:
    """Draws a line about each object beside its color, as many in a row as fit."""
    cell = figures.WIDTH // 4
    height = figures.LINE * max(1, -(-len(lines) // 4)) + 6
    canvas = Image.new("RGB", (figures.WIDTH, height), "white")
    draw = ImageDraw.Draw(canvas)
    for index, line in enumerate(lines or ["nothing found"]):
        x, y = 4 + index % 4 * cell, 2 + index // 4 * figures.LINE
        if lines:
            draw.rectangle((x, y + 2, x + 12, y + 14), fill=find_color(index + 1))
        draw.text((x + 17, y), line, "black", figures.choose_font(line))
    return np.asarray(canvas)


def plot_precision(thresholds: np.ndarray, precision: dict[str, dict]) -> Figure:
    """Draws the average precision over the IoU that a mask needs, where objects touch
    and where they do not.

    Args:
        thresholds: of the IoU, float `(10,)`.
        precision: at each threshold, float `(10,)`, by the name of the method, then of
            the scenes.
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, part in zip(panels, ("touching", "apart"), strict=True):
        for name, values in precision.items():
            axes.plot(thresholds, values[part], "o-", label=name)
        title = f"scenes in which objects {'touch' if part == 'touching' else 'do not'}"
        axes.set(title=title, xlabel="IoU that a mask needs", ylim=(0, 1))
        axes.grid(alpha=0.3)
    panels[0].set(ylabel="average precision")
    panels[1].legend()
    return figure
