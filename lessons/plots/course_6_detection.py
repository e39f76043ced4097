"""What `course_6_detection.py` draws: boxes over pictures, heat, precision."""

from training import figures

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

COLUMNS = 6  # pictures in a row of 960 pixels
BESIDE = 3  # of them in the slider: TensorBoard shrinks what is wide
# Boxes in a row of pictures, if they all had as many, from which on their colors alone
# say what they are.
CROWD = 48
# Of the classes; if there are more, they begin again.
COLORS = [
    tuple(round(255 * part) for part in color) for color in colormaps["tab10"].colors
]


def draw_found(images: np.ndarray, found, heat: np.ndarray, class_names, least: float):
    """Draws images with their boxes, and the heat of each below.

    Args:
        images: uint8 `(n, height, width, 3)`.
        found: `Detections`.
        heat: float `(n, height / 4, width / 4, 1)` in [0, 1].
        class_names: the name of each class.
        least: score of a box that is drawn.

    Returns:
        uint8 `(height, width, 3)`.
    """
    drawn = []
    for image, boxes, scores, labels in zip(images, *found, strict=True):
        shown = scores >= least
        texts = [class_names[label] for label in labels[shown]]
        names = name_boxes(texts, class_names, COLUMNS)
        drawn.append(draw_picture(image, boxes[shown], labels[shown], names, COLUMNS))
    width = figures.WIDTH * BESIDE // COLUMNS
    rows = [draw_legend(class_names, width)]
    for start in range(0, len(images), BESIDE):
        part = slice(start, start + BESIDE)
        colored = colormaps["inferno"](heat[part, ..., 0])[..., :3]
        for pictures in (drawn[part], 255 * colored):
            rows.append(figures.draw_grid(pictures, columns=COLUMNS)[:, :width])
    return np.concatenate(rows)


def draw_boxes(pictures, found, class_names, least: float) -> np.ndarray:
    """Draws pictures with the boxes that were found, each with its class and score.

    Args:
        pictures: each uint8 `(height, width, 3)`.
        found: `Detections`, in pixels of the pictures.
        class_names: the name of each class.
        least: score of a box that is drawn.

    Returns:
        uint8 `(height, width, 3)`.
    """
    columns = min(COLUMNS, len(pictures))
    drawn = []
    for picture, boxes, scores, labels in zip(pictures, *found, strict=True):
        shown = scores >= least
        texts = [
            f"{class_names[label]} {score:.0%}"
            for label, score in zip(labels[shown], scores[shown], strict=True)
        ]
        names = name_boxes(texts, class_names, columns)
        drawn.append(draw_picture(picture, boxes[shown], labels[shown], names, columns))
    grid = figures.draw_grid(drawn, columns=columns)
    return np.concatenate([draw_legend(class_names, grid.shape[1]), grid])


def name_boxes(texts: list[str], class_names, columns: int) -> list[str]:
    """Returns what is written at the boxes of a picture: nothing where they are many
    for its size, and the legend has a color for each class.
    """
    crowded = columns * len(texts) >= CROWD and len(class_names) <= len(COLORS)
    return [""] * len(texts) if crowded else texts


def draw_legend(class_names, width: int) -> np.ndarray:
    """Draws the color of each class, in as many lines as that takes, uint8 `(height,
    width, 3)`; nothing where there are more classes than colors.
    """
    if len(class_names) > len(COLORS):
        return np.zeros((0, width, 3), np.uint8)
    canvas = Image.new("RGB", (width, figures.LINE * len(class_names) + 4), "white")
    draw = ImageDraw.Draw(canvas)
    left, top = 3, 2
    for name, color in zip(class_names, COLORS, strict=False):
        font = figures.choose_font(name)
        wide = round(draw.textlength(name, font)) + 30
        if left + wide > width and left > 3:
            left, top = 3, top + figures.LINE
        draw.rectangle((left, top + 3, left + 10, top + 13), color)
        draw.text((left + 15, top), name, "black", font)
        left += wide
    return np.asarray(canvas)[: top + figures.LINE + 2]


def draw_picture(picture, boxes, labels, names: list[str], columns: int) -> np.ndarray:
    """Scales a picture to the width that it has in a grid, and draws boxes over it,
    those of each class in a color of their own.

    Args:
        picture: uint8 `(height, width, 3)`.
        boxes: left, top, right, bottom in pixels, the most certain first, `(n, 4)`.
        labels: the class of each, `(n,)`.
        names: one above each box; "" for none.
        columns: of the grid.
    """
    side = figures.WIDTH // columns - 6
    scale = side / max(picture.shape[:2])
    width, height = (max(1, round(scale * pixels)) for pixels in picture.shape[1::-1])
    canvas = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(canvas)
    corners = np.round(scale * np.asarray(boxes)).astype(int).tolist()
    colors = [COLORS[label % len(COLORS)] for label in labels]
    # The most certain last, on top of the others; names on top of all boxes.
    order = range(len(boxes))[::-1]
    for index in order:
        draw.rectangle(corners[index], outline=colors[index], width=2)
    for index in order:
        if names[index]:
            font = figures.choose_font(names[index])
            _, _, wide, high = draw.textbbox((0, 0), names[index], font)
            left = max(0, min(corners[index][0], width - wide - 3))
            top = max(0, corners[index][1] - high - 2)
            draw.rectangle((left, top, left + wide + 2, top + high + 2), colors[index])
            draw.text((left + 2, top), names[index], "white", font)
    return np.asarray(canvas)


def list_classes(curves: np.ndarray, class_names) -> dict[str, dict[str, float]]:
    """Returns the average precision of each class that has objects, as rows of a table.

    Args:
        curves: precision, float `(classes, thresholds, recalls)`.
        class_names: the name of each class.
    """
    means = curves.mean(axis=-1)  # (classes, thresholds)
    return {
        name: {"ap50": float(row[0]), "ap": float(row.mean())}
        for name, row in zip(class_names, means, strict=True)
        if not np.isnan(row).any()
    }


def plot_precision(recalls: np.ndarray, curves: dict[str, np.ndarray]) -> Figure:
    """Draws precision over recall at an IoU of 0.5, the mean over classes: the area
    under a line is the mean average precision.

    Args:
        recalls: float `(101,)`.
        curves: by name, float `(classes, thresholds, 101)`.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        line = np.nanmean(values[:, 0], axis=0)
        axes.plot(recalls, line, label=f"{name}: {line.mean():.2f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(title="mean average precision")
    return figure
