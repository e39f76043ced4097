"""What `course_6_segmentation.py` draws: classes over pictures, confused classes."""

from training import figures

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

COLUMNS = 6  # pictures in a row
SHOWN = 8  # pictures of the test
PAINT = 0.6  # how much of a pixel is the color of its class
UNKNOWN = (0, 0, 0)  # color of a pixel without a class
YELLOW = (1.0, 0.85, 0.0)
RIGHT, WRONG = (225, 225, 225), (220, 30, 30)
LINE = 20  # pixels, height of a line of the legend


def find_colors(class_names) -> np.ndarray:
    """Returns the color of each class, uint8 `(256, 3)`; classes beyond those named are
    black.
    """
    palette = [colormaps[name].colors for name in ("tab10", "Set2", "Set3", "Dark2")]
    palette = np.concatenate(palette)
    palette[7] = YELLOW  # gray is the color of many photographs
    known = palette[np.arange(len(class_names)) % len(palette)]
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(known)] = np.round(255 * known)
    return colors


def has_background(class_names) -> bool:
    """True if the first class is what is left unpainted."""
    return class_names[0] == "background"


def paint(picture: np.ndarray, classes: np.ndarray, class_names) -> np.ndarray:
    """Paints the classes of pixels over a picture; the background stays as it is.

    Args:
        picture: uint8 `(height, width, 3)`.
        classes: uint8 `(height, width)`.
        class_names: the name of each class.
    """
    colors = find_colors(class_names)
    if has_background(class_names):
        colors = np.roll(colors, 1, axis=0)  # so that digits begin with the first color
    painted = PAINT * colors[classes] + (1 - PAINT) * picture
    if has_background(class_names):
        painted[classes == 0] = picture[classes == 0]
    return np.uint8(np.round(painted))


def draw_legend(class_names) -> np.ndarray:
    """Draws the name of each class beside its color, in a line or more."""
    colors = find_colors(class_names)
    named = list(class_names)
    if has_background(class_names):
        named = named[1:]
    pieces, x, y = [], 4, 0
    for name, color in zip(named, colors, strict=False):
        font = figures.choose_font(name)
        width = LINE + round(font.getlength(name)) + 12
        if x + width > figures.WIDTH and x > 4:
            x, y = 4, y + LINE
        pieces.append((x, y, name, font, tuple(color.tolist())))
        x += width
    canvas = Image.new("RGB", (figures.WIDTH, y + LINE + 4), "white")
    draw = ImageDraw.Draw(canvas)
    for x, y, name, font, color in pieces:
        draw.rectangle((x, y + 4, x + LINE - 8, y + LINE - 4), fill=color)
        draw.text((x + LINE - 3, y + 2), name, "black", font)
    return np.asarray(canvas)


def stack(rows: list[np.ndarray]) -> np.ndarray:
    """Puts pictures of about the same width below each other, on white."""
    width = max(row.shape[1] for row in rows)
    pads = [((0, 0), (0, width - row.shape[1]), (0, 0)) for row in rows]
    padded = [
        np.pad(row, pad, constant_values=255)
        for row, pad in zip(rows, pads, strict=True)
    ]
    return np.concatenate(padded)


def draw_classes(pictures, classes, class_names) -> np.ndarray:
    """Draws pictures, below each the same with its classes, and a legend.

    Args:
        pictures: each uint8 `(height, width, 3)`.
        classes: of each, uint8 `(height, width)`.
        class_names: the name of each class.

    Returns:
        uint8 `(height, width, 3)`.
    """
    columns = min(COLUMNS, max(2, len(pictures)))
    rows = []
    for start in range(0, len(pictures), columns):
        some = list(pictures[start : start + columns])
        painted = [
            paint(picture, labels, class_names)
            for picture, labels in zip(
                some, classes[start : start + columns], strict=True
            )
        ]
        rows.append(figures.draw_grid(some, columns=columns))
        rows.append(figures.draw_grid(painted, columns=columns))
    return stack([*rows, draw_legend(class_names)])


def draw_from_worst_to_best(
    images: np.ndarray,
    truth: np.ndarray,
    answers: np.ndarray,
    counts: np.ndarray,
    class_names,
) -> np.ndarray:
    """Draws pictures from the most wrong pixels to the fewest, evenly spread; below
    each the truth, the answer, and where it is wrong.

    Args:
        images: uint8 `(n, height, width, 3)`.
        truth: uint8 `(n, height, width)`; 255 for a pixel without a class.
        answers: uint8 `(n, height, width)`.
        counts: of each picture, by true class and answer, `(n, classes, classes)`.
        class_names: the name of each class.
    """
    right = np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))
    places = np.linspace(0, len(right) - 1, min(SHOWN, len(right))).astype(int)
    shown = np.argsort(right, kind="stable")[places]
    captions = [f"{right[index]:.0%} right" for index in shown]
    mistakes = []
    for index in shown:
        wrong = truth[index] != answers[index]
        picture = np.where(wrong[..., np.newaxis], WRONG, RIGHT)
        picture[truth[index] == 255] = UNKNOWN
        mistakes.append(np.uint8(picture))
    rows = [
        figures.draw_grid(images[shown], captions, columns=len(shown)),
        *(
            figures.draw_grid(
                [paint(images[index], labels[index], class_names) for index in shown],
                columns=len(shown),
            )
            for labels in (truth, answers)
        ),
        figures.draw_grid(mistakes, columns=len(shown)),
        draw_legend(class_names),
    ]
    return stack(rows)


def list_classes(
    counts: np.ndarray, iou: np.ndarray, baseline: np.ndarray, class_names
) -> dict[str, dict[str, float]]:
    """Returns the rows of a table: of each class that occurs, its IoU, that of the
    baseline, and the fraction of the pixels that have it.

    Args:
        counts: by true class and answer, `(classes, classes)`.
        iou: `(classes,)`.
        baseline: likewise.
        class_names: the name of each class.
    """
    parts = counts.sum(axis=1) / counts.sum()
    return {
        name: {"iou": float(one), "baseline": float(other), "pixels": float(part)}
        for name, one, other, part in zip(
            class_names, iou, baseline, parts, strict=True
        )
        if part
    }


def plot_confusion(counts: np.ndarray, class_names) -> Figure:
    """Draws of the pixels of each class which part is given which class.

    Args:
        counts: by true class and answer, `(classes, classes)`.
        class_names: the name of each class.
    """
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(4, 0.55 * len(class_names) + 2)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    for place, part in np.ndenumerate(parts):
        if part >= 0.005:
            color = "white" if part > 0.5 else "black"
            text = f"{100 * part:.0f}"
            axes.text(*place[::-1], text, color=color, ha="center", va="center")
    ticks = range(len(class_names))
    axes.set_xticks(ticks, class_names, rotation=90)
    axes.set_yticks(ticks, class_names)
    axes.set(xlabel="answer", ylabel="truth", title="% of the pixels of a class")
    figure.colorbar(image, shrink=0.6)
    return figure
