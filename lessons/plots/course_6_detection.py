"""What `course_6_detection.py` draws: boxes over pictures, heat, precision."""

from training import figures

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

COLUMNS = 6  # pictures in a row
SIDE = 320  # pixels, to which the longer side of a small picture is enlarged


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
    rows = []
    for start in range(0, len(images), COLUMNS):
        part = slice(start, start + COLUMNS)
        some = type(found)(*(values[part] for values in found))
        rows.append(draw_boxes(images[part], some, class_names, least))
        colored = colormaps["inferno"](heat[part, ..., 0])[..., :3]
        rows.append(figures.draw_grid(255 * colored, columns=COLUMNS))
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
    drawn = [
        draw_picture(picture, boxes[scores >= least], labels[scores >= least], names)
        for picture, boxes, scores, labels, names in zip(
            pictures, *found, [class_names] * len(pictures), strict=True
        )
    ]
    return figures.draw_grid(drawn, columns=min(COLUMNS, max(2, len(drawn))))


def draw_picture(picture, boxes, labels, class_names) -> np.ndarray:
    """Draws boxes over a picture, those of each class in a color of their own."""
    scale = SIDE / max(picture.shape[:2])
    height, width = (max(1, round(scale * side)) for side in picture.shape[:2])
    canvas = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)
    # The most certain last, on top of the others.
    for box, label in zip(boxes[::-1], labels[::-1], strict=True):
        left, top, right, bottom = (round(float(scale * side)) for side in box)
        color = tuple(round(255 * part) for part in colormaps["tab10"](label % 10)[:3])
        draw.rectangle((left, top, right, bottom), outline=color, width=4)
        name = class_names[label]
        font = figures.choose_font(name).font_variant(size=28)
        place = (left, max(0, top - 32))
        draw.rectangle(draw.textbbox(place, name, font), fill=color)
        draw.text(place, name, "white", font)
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
