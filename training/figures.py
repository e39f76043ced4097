"""Pictures for the run folder and for TensorBoard.

`draw_*` return a picture, uint8 `(height, width, 3)` in [0, 255], within milliseconds,
so that they can be drawn while a network trains. `plot_*` return a figure of
Matplotlib.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from training import files, quiet  # noqa: F401 (quiet: Matplotlib's log lines)

import numpy as np
from matplotlib import get_data_path
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

WIDTH = 960  # pixels, of a grid of pictures
FONT = ImageFont.load_default(13)
# What Linux, Windows and macOS may have for Chinese characters.
CHINESE_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "msyh.ttc",  # Windows
    "simhei.ttf",
    "simsun.ttc",
    "PingFang.ttc",  # macOS
    "Hiragino Sans GB.ttc",
    "STHeiti Medium.ttc",
)
LINE = 17  # pixels, height of a line of text
CELL = 12  # pixels, width of a character; one that is as wide as high has two
ROW = 24  # pixels, height of a row of shaded characters
SURPRISE = 6.0  # nats from which on a character is as red as it can be
WIDE = "\u2e80"  # where the characters begin that are as wide as high


def draw_grid(
    pictures, captions: list[str] | None = None, columns: int = 10
) -> np.ndarray:
    """Draws pictures in rows, each with its caption below.

    Args:
        pictures: `(n, height, width, 1)` or `(n, height, width, 3)`, in [0, 255].
        captions: one for each picture; a line break begins a new line.
        columns: pictures in a row.
    """
    cell = WIDTH // columns
    scales = [(cell - 6) / max(picture.shape[:2]) for picture in pictures]
    below = 6 + max(
        (
            round(len(picture) * scale)
            for picture, scale in zip(pictures, scales, strict=True)
        ),
        default=0,
    )
    lines = (
        max((caption.count("\n") + 1 for caption in captions), default=0)
        if captions
        else 0
    )
    pitch = below + LINE * lines
    canvas = Image.new(
        "RGB", (cell * columns, pitch * max(1, -(-len(pictures) // columns))), "white"
    )
    draw = ImageDraw.Draw(canvas)
    for index, (picture, scale) in enumerate(zip(pictures, scales, strict=True)):
        x, y = index % columns * cell, index // columns * pitch
        height, width, channels = picture.shape
        size = (round(width * scale), round(height * scale))
        smooth = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        tile = Image.fromarray(
            np.asarray(picture, np.uint8).squeeze(-1)
            if channels == 1
            else np.uint8(picture)
        )
        canvas.paste(tile.resize(size, smooth), (x + 3, y + 3))
        if captions:
            draw.multiline_text(
                (x + 4, y + below - 1),
                captions[index],
                "black",
                choose_font(captions[index]),
                spacing=3,
            )
    return np.asarray(canvas)


@functools.cache
def load_chinese_font() -> ImageFont.FreeTypeFont | None:
    """Loads the system's font for Chinese characters; if there is none, says once what
    to install, and returns None.
    """
    for name in CHINESE_FONTS:
        try:
            return ImageFont.truetype(name, 13)
        except OSError:
            continue
    print(
        "No font for Chinese characters was found, so figures show boxes: install "
        "Noto Sans CJK (Debian and Ubuntu: apt install fonts-noto-cjk)",
        flush=True,
    )
    return None


@functools.cache
def load_latin_font() -> ImageFont.FreeTypeFont:
    """Loads Matplotlib's font for Latin, Greek and Cyrillic characters."""
    path = Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(str(path), 13)


def choose_font(text: str):
    """Returns a font that has the characters of a text, if there is one."""
    if text.isascii():
        return FONT
    chinese = load_chinese_font() if any(c >= "\u2e80" for c in text) else None
    return chinese or load_latin_font()


def draw_signed(values: np.ndarray, columns: int = 16) -> np.ndarray:
    """Draws weights in color: blue below zero, white at zero, red above, each picture
    to its own largest value.

    Args:
        values: float `(n, height, width)`.
        columns: pictures in a row.
    """
    values = values / np.maximum(1e-12, np.abs(values).max(axis=(1, 2), keepdims=True))
    fade = 1 - np.abs(values)
    red, blue = np.where(values > 0, 1, fade), np.where(values < 0, 1, fade)
    return draw_grid(255 * np.stack([red, fade, blue], axis=-1), columns=columns)


def draw_colored(weights: np.ndarray, columns: int = 16) -> np.ndarray:
    """Draws weights for red, green and blue as small pictures, each from its own lowest
    value to its highest.

    Args:
        weights: float `(n, height, width, 3)`.
        columns: pictures in a row.
    """
    low, high = (
        weights.min(axis=(1, 2, 3), keepdims=True),
        weights.max(axis=(1, 2, 3), keepdims=True),
    )
    return draw_grid(255 * (weights - low) / (high - low + 1e-12), columns=columns)


@np.errstate(
    over="ignore", invalid="ignore"
)  # numbers that explode are to be seen, not warned of
def draw_feature_maps(
    picture: np.ndarray, maps: dict[str, np.ndarray], columns: int = 12
) -> np.ndarray:
    """Draws a picture and the first feature maps of each layer, a row a layer.

    Args:
        picture: `(height, width, 1 or 3)` in [0, 255].
        maps: by the name of the layer, float `(height, width, channels)`.
        columns: feature maps of each layer.
    """
    rows = [draw_heading("input"), draw_grid(picture[np.newaxis], columns=columns)]
    for name, values in maps.items():
        shown = np.moveaxis(values[..., :columns], -1, 0)[..., np.newaxis]
        low, high = shown.min(), shown.max()
        size = f"{values.shape[0]} x {values.shape[1]}"
        rows.append(
            draw_heading(
                f"{name}: {len(shown)} of {values.shape[-1]} maps of {size} pixels"
            )
        )
        rows.append(
            draw_grid(255 * (shown - low) / max(1e-12, high - low), columns=columns)
        )
    return np.concatenate(rows)


def draw_bars_of_texts(
    heading: str,
    texts: Sequence[str],
    probabilities: Sequence[float],
    colors: Sequence[tuple[int, int, int]],
    letters: int,
) -> np.ndarray:
    """Draws texts, a line each, with a bar for a probability of each.

    Args:
        heading: of the picture.
        texts: of which the first characters are shown.
        probabilities: in [0, 1], of each text.
        colors: of the bars, red, green and blue in [0, 255].
        letters: characters of a text that are shown.
    """
    pitch, bar = 24, 100
    canvas = Image.new("RGB", (WIDTH, pitch * (len(texts) + 1)), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((8, 5), heading, "black", FONT)
    rows = zip(texts, probabilities, colors, strict=True)
    for row, (text, probability, color) in enumerate(rows, start=1):
        y = pitch * row
        right = 8 + round(bar * probability)
        draw.rectangle((8, y + 3, 8 + bar, y + pitch - 4), outline="gray")
        draw.rectangle((8, y + 3, right, y + pitch - 4), fill=color)
        line = " ".join(text.split())[:letters]
        draw.text((bar + 20, y + 3), f"{probability:4.0%}", "black", FONT)
        draw.text((bar + 65, y + 3), line, "black", choose_font(line))
    return np.asarray(canvas)


def draw_heading(text: str) -> np.ndarray:
    """Draws a line of text as wide as a grid."""
    canvas = Image.new("RGB", (WIDTH, LINE + 4), "white")
    ImageDraw.Draw(canvas).text((4, 2), text, "black", FONT)
    return np.asarray(canvas)


def draw_surprise(text: str, nats: np.ndarray) -> np.ndarray:
    """Draws a text, each character on red, the stronger the less probable a network
    found it.

    Args:
        text: to draw.
        nats: -log of the probability of each character, `(characters,)`; NaN for one
            that was not predicted, which is drawn on gray.
    """
    heading = draw_heading(
        f"the redder, the less expected; full red from {SURPRISE:.0f} nats"
    )
    return np.concatenate([heading, draw_shaded(text, np.divide(nats, SURPRISE))])


def draw_shaded(text: str, shades: np.ndarray) -> np.ndarray:
    """Draws a text in rows as wide as a grid, each character on a red of its own.

    Args:
        text: to draw.
        shades: `(characters,)`, from 0 for white to 1 for the strongest red, and above;
            NaN for gray.
    """
    columns = WIDTH // CELL
    places = []
    column = row = 0
    for character in text:
        width = 2 if character >= WIDE else 1
        if column + width > columns:
            column, row = 0, row + 1
        places.append((column, row, width))
        column += width
        if character == "\n":  # a line break
            column, row = 0, row + 1
    canvas = Image.new("RGB", (WIDTH, (row + 1) * ROW), "white")
    draw = ImageDraw.Draw(canvas)
    font = choose_font(text)
    for character, value, (column, row, width) in zip(
        text, shades, places, strict=True
    ):
        x, y = column * CELL, row * ROW
        fade = 255 - round(200 * min(1.0, value)) if value == value else None
        color = (220, 220, 220) if fade is None else (255, fade, fade)
        draw.rectangle((x, y, x + width * CELL - 1, y + ROW - 3), fill=color)
        middle = (x + width * CELL / 2, y + ROW / 2 - 1)
        if character.isprintable():  # a line break has a place of its own
            draw.text(middle, character, "black", font, anchor="mm")
    return np.asarray(canvas)


def draw_confusion(
    labels: np.ndarray, predicted: np.ndarray, class_names: tuple[str, ...]
) -> np.ndarray:
    """Draws how often each true class (row) was given each answer (column). The
    more mistakes a cell has, the redder it is.

    Args:
        labels: integers `(n,)`, the true classes.
        predicted: integers `(n,)`, the answers.
        class_names: the name of each class.
    """
    classes = len(class_names)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predicted), 1)
    wrong = counts - np.diag(np.diag(counts))
    font = choose_font("".join(class_names))
    margin = 30 + max(round(font.getlength(name)) for name in class_names)
    cell = max(28, min(56, (WIDTH - margin) // classes))
    title = f"{wrong.sum()} of {len(labels)} wrong; rows: truth, columns: answer"
    width = max(margin + cell * classes + 10, round(FONT.getlength(title)) + 12)
    canvas = Image.new("RGB", (width, 2 * margin + cell * classes), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text(
        (6, 6),
        title,
        "black",
        FONT,
    )
    for row, column in np.ndindex(classes, classes):
        corner = (margin + cell * column, margin + cell * row)
        fade = 255 - round(200 * wrong[row, column] / max(1, wrong.max()))
        color = (235, 245, 235) if row == column else (255, fade, fade)
        draw.rectangle(
            [*corner, corner[0] + cell - 1, corner[1] + cell - 1],
            fill=color,
            outline="white",
        )
        if counts[row, column]:
            center = (corner[0] + cell / 2, corner[1] + cell / 2)
            draw.text(
                center,
                str(counts[row, column]),
                "gray" if row == column else "black",
                FONT,
                anchor="mm",
            )
    for index, name in enumerate(class_names):
        middle = margin + cell * index + cell / 2
        draw.text((margin - 8, middle), name, "black", font, anchor="rm")
        if font.getlength(name) < cell:
            draw.text(
                (middle, margin + cell * classes + 8), name, "black", font, anchor="mt"
            )
            continue
        label = Image.new("RGB", (margin, LINE), "white")
        ImageDraw.Draw(label).text(
            (margin - 2, LINE / 2), name, "black", font, anchor="rm"
        )
        canvas.paste(
            label.rotate(90, expand=True),
            (round(middle - LINE / 2), margin + cell * classes + 4),
        )
    return np.asarray(canvas)


def draw_boundary(model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Draws the answers of a network of two inputs as a map, 320 x 320 pixels: blue for
    0, white for 0.5, red for 1.

    The more examples there are, the smaller they are drawn, and at most 400 of them.

    Args:
        model: a function from float `(n, 2)` to probabilities, float `(n, 1)` in [0,
            1].
        x: float `(m, 2)`, examples.
        y: float `(m, 1)`, their true answers, 0 or 1.
    """
    side, low, high = 320, x.min() - 0.5, x.max() + 0.5
    axis = np.linspace(low, high, 160)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    answers = np.asarray(model(points)).reshape(160, 160)
    red, blue = np.minimum(1, 2 * answers), np.minimum(1, 2 - 2 * answers)
    colors = np.stack([red, np.minimum(red, blue), blue], axis=-1)[
        ::-1
    ]  # the second input points upwards
    canvas = Image.fromarray(np.uint8(70 + 185 * colors)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    draw = ImageDraw.Draw(canvas)
    places, radius = (x[:400] - low) / (high - low) * side, 9 if len(x) < 10 else 4
    for (column, row), answer in zip(places, y[:400].ravel(), strict=True):
        box = (
            column - radius,
            side - row - radius,
            column + radius,
            side - row + radius,
        )
        draw.ellipse(
            box,
            fill=(220, 30, 30) if answer > 0.5 else (30, 60, 220),
            outline="white",
            width=1 + radius // 8,
        )
    return np.asarray(canvas)


def draw_mistakes(
    images, labels: np.ndarray, probabilities: np.ndarray, class_names: tuple[str, ...]
) -> np.ndarray:
    """Draws the 24 wrongly answered images whose true class was held the least likely,
    the worst first.

    Args:
        images: `(n, height, width, 1 or 3)` in [0, 255].
        labels: integers `(n,)`, the true classes.
        probabilities: float `(n, classes)` in [0, 1].
        class_names: the name of each class.
    """
    predicted = probabilities.argmax(axis=1)
    truth = probabilities[np.arange(len(labels)), labels]
    worst = [index for index in np.argsort(truth) if predicted[index] != labels[index]][
        :24
    ]
    captions = [
        f"said {class_names[answer]} ({probabilities[index, answer]:.0%})\nis "
        f"{class_names[labels[index]]}"
        for index, answer in zip(worst, predicted[worst], strict=True)
    ]
    return draw_grid(images[worst], captions, columns=8)


def save_picture(picture: np.ndarray, path: Path) -> Path:
    """Saves a drawn picture as PNG, complete or not at all, and returns `path`."""
    with files.written(path) as partial:
        Image.fromarray(picture).save(partial)
    return path


def save_figure(figure: Figure, path: Path) -> Path:
    """Saves a Matplotlib figure as PNG, complete or not at all, and returns `path`."""
    with files.written(path) as partial:
        figure.savefig(partial, dpi=120)
    return path


def plot_costs(costs: dict[str, float]) -> Figure:
    """Draws what a character of the test costs, nats by the name of what predicts it:
    the first in another color.
    """
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    colors = ["C1"] + ["C0"] * (len(costs) - 1)
    bars = axes.barh(list(costs), list(costs.values()), color=colors)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="nats a character")
    axes.margins(x=0.1)
    return figure


def plot_curves(
    x: np.ndarray, panels: dict[str, dict[str, np.ndarray]], xlabel: str
) -> Figure:
    """Draws curves over the same x, a panel beside the other.

    Args:
        x: float `(n,)`.
        panels: by the label of the vertical axis: curves, float `(n,)`, by their name.
        xlabel: label of the horizontal axis.
    """
    figure = Figure(figsize=(5.2 * len(panels), 4), layout="constrained")
    for axes, (label, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for name, values in curves.items():
            axes.plot(x, values, label=name)
        axes.set(xlabel=xlabel, ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def plot_ranges(panels: dict[str, dict], ylabel: str, yscale: str = "linear") -> Figure:
    """Draws the mean of repeated measurements as a line, and their range as a band, in
    panels side by side.

    Args:
        panels: by the name of the horizontal axis: for each of its values, evenly
            spaced, the measurements of each line, such as `{"units": {4: {"training":
            [0.1, 0.2], "validation": [0.2, 0.4]}}}`.
        ylabel: what was measured.
        yscale: "linear" or "log".
    """
    figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
    for axes, (xlabel, panel) in zip(
        figure.subplots(1, len(panels), squeeze=False, sharey=True)[0],
        panels.items(),
        strict=True,
    ):
        for label in next(iter(panel.values())):
            measured = [values[label] for values in panel.values()]
            axes.plot([np.mean(values) for values in measured], "o-", label=label)
            low, high = (
                [min(values) for values in measured],
                [max(values) for values in measured],
            )
            axes.fill_between(range(len(panel)), low, high, alpha=0.2)
        axes.set_xticks(range(len(panel)), list(map(str, panel)))
        axes.set(xlabel=xlabel, yscale=yscale)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.axes[0].set(ylabel=ylabel, ylim=(0 if yscale == "linear" else None, None))
    return figure
