"""Paintings that the project draws itself, as styles for other pictures: strokes of a
brush, and stained glass.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import KDTree

from data import folders, photos

WIDTH, HEIGHT = 640, 480
FINE = 2  # drawn twice as large, then made smaller
NIGHT = [
    (16, 28, 74),
    (24, 58, 128),
    (40, 96, 160),
    (86, 146, 184),
    (150, 190, 190),
    (214, 206, 140),
    (246, 206, 74),
]
NIGHT += [(238, 160, 40)]
LIGHTS = (
    (0.22, 0.3, 0.2, 1),
    (0.6, 0.24, 0.27, -1),
    (0.86, 0.6, 0.18, 1),
    (0.38, 0.75, 0.2, -1),
)
GLASS = [
    (176, 24, 40),
    (226, 92, 30),
    (244, 180, 40),
    (250, 226, 130),
    (30, 120, 80),
    (110, 180, 90),
    (24, 80, 160),
]
GLASS += [(90, 170, 220), (90, 40, 130), (232, 232, 214)]


def load_styles(names: tuple[str, ...]) -> list[photos.Photo]:
    """Loads or draws pictures whose style is wanted.

    Args:
        names: of files, or "swirls" and "glass" for the two that are drawn here.

    Raises:
        ValueError: there is no name, a name is neither of these nor a file, or the file
            is no picture that can be used.
        OSError: a file cannot be opened.
    """
    if not names:
        raise ValueError(
            "--style has no value, expected the files of one or more pictures"
        )
    drawn = {"swirls": draw_swirls, "glass": draw_glass}
    styles = []
    for name in names:
        path = folders.find_home(name)
        if path.is_file():
            styles.append(photos.load_photo(path))
        elif name in drawn:
            styles.append(photos.Photo(drawn[name](), f"the drawn painting {name}"))
        else:
            raise ValueError(
                f"--style is {name!r}, expected the file of a picture, or "
                f"{' or '.join(drawn)}"
            )
    return styles


def draw_noise(
    random: np.random.Generator, shape: tuple[int, int], scale: float
) -> np.ndarray:
    """Returns smooth random values, float `shape`, from 0 to 1; `scale` is about half
    the size of a spot.
    """
    values = ndimage.gaussian_filter(random.normal(size=shape), scale, mode="wrap")
    return (values - values.min()) / np.ptp(values)


@functools.cache
def draw_swirls() -> np.ndarray:
    """Paints a night sky with strokes of a brush that follow the whirls around four
    lights.

    Returns:
        uint8 `(480, 640, 3)` in [0, 255], the same every time.
    """
    random = np.random.default_rng(0)
    width, height, grid = FINE * WIDTH, FINE * HEIGHT, 8
    y, x = np.mgrid[:height:grid, :width:grid].astype(float)
    flow = np.stack([np.full_like(x, 0.6), 1.6 * draw_noise(random, x.shape, 14) - 0.8])
    light = np.zeros_like(x)
    for column, row, radius, turn in LIGHTS:
        right, down = x / width - column, (y / height - row) * HEIGHT / WIDTH
        distance = np.hypot(right, down)
        pull = (
            turn
            * 3.2
            * np.exp(-2 * (distance / radius) ** 2)
            / np.maximum(distance, 0.02)
        )
        flow += np.stack([-pull * down, pull * right])
        light = np.maximum(light, np.exp(-((distance / (0.42 * radius)) ** 2)))
    tone = (
        0.55 * draw_noise(random, x.shape, 9)
        + 0.25 * draw_noise(random, x.shape, 3)
        + 0.2 * y / height
    )
    tone = 0.62 * tone + 0.75 * light
    flow /= np.maximum(0.3, np.hypot(*flow))

    def cell(place: np.ndarray) -> tuple[int, int]:
        column, row = np.clip(place, 0, (width - 1, height - 1)) // grid
        return int(row), int(column)

    canvas = Image.new("RGB", (width, height), NIGHT[1])
    draw = ImageDraw.Draw(canvas)
    for size, count in ((22, 2600), (14, 6000), (8, 7000)):
        for place in random.uniform((0, 0), (width, height), (count, 2)):
            shade = np.clip(tone[cell(place)] + random.normal(0, 0.06), 0, 0.999) * (
                len(NIGHT) - 1
            )
            color = np.array(
                [
                    np.interp(shade, range(len(NIGHT)), channel)
                    for channel in zip(*NIGHT, strict=True)
                ]
            )
            color += random.normal(0, 12) + random.normal(0, 6, 3)
            path = [tuple(place)]
            for _ in range(random.integers(4, 10)):
                place = place + 0.8 * size * flow[:, *cell(place)]
                path.append(tuple(place))
            radius = size * random.uniform(0.28, 0.5)
            stroke(draw, path, color, radius)
            shift = radius * random.uniform(
                -0.5, 0.5
            )  # a bristle that leaves a lighter or darker line
            moved = [(column + shift, row + shift) for column, row in path]
            stroke(draw, moved, color * random.choice([0.8, 1.15]), 0.18 * radius)
    return np.asarray(canvas.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def stroke(
    draw: ImageDraw.ImageDraw, path: list[tuple], color: np.ndarray, radius: float
) -> None:
    """Draws a line with round ends."""
    fill = tuple(np.clip(color, 0, 255).astype(np.uint8).tolist())
    draw.line(path, fill, max(1, round(2 * radius)), joint="curve")
    for column, row in (path[0], path[-1]):
        draw.ellipse(
            (column - radius, row - radius, column + radius, row + radius), fill
        )


@functools.cache
def draw_glass() -> np.ndarray:
    """Draws a window of stained glass: the cells of a Voronoi diagram, bent, with lead
    between them.

    Returns:
        uint8 `(480, 640, 3)` in [0, 255], the same every time.
    """
    random = np.random.default_rng(0)
    width, height = FINE * WIDTH, FINE * HEIGHT
    y, x = np.mgrid[:height, :width].astype(float)
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    centers = random.uniform((0, 0), (width, height), (170, 2))
    for _ in range(2):  # to cells of similar size (Lloyd, 1982)
        owner = KDTree(centers).query(pixels[::37])[1]
        members = np.maximum(1, np.bincount(owner, minlength=len(centers)))[
            :, np.newaxis
        ]
        centers = (
            np.stack(
                [np.bincount(owner, axis, len(centers)) for axis in pixels[::37].T],
                axis=1,
            )
            / members
        )
    bend = [
        60
        * ndimage.zoom(
            draw_noise(random, (height // 8, width // 8), 8), 8, order=1
        ).ravel()
        for _ in "xy"
    ]
    distances, owner = KDTree(centers).query(pixels + np.stack(bend, axis=1), k=2)
    colors = np.array(GLASS)[random.integers(len(GLASS), size=len(centers))]
    colors = (colors * random.uniform(0.75, 1.1, (len(centers), 1)))[owner[:, 0]]
    light = 0.7 + 0.5 * ndimage.zoom(
        draw_noise(random, (height // 8, width // 8), 3), 8, order=1
    )
    glass = colors * (
        light * (0.9 + 0.2 * draw_noise(random, (height, width), 2.5))
    ).reshape(-1, 1)
    clear = np.clip((distances[:, 1:] - distances[:, :1] - 7) / 4, 0, 1)
    window = np.clip(glass * clear + 22 * (1 - clear), 0, 255).reshape(height, width, 3)
    return np.asarray(
        Image.fromarray(np.uint8(window)).resize(
            (WIDTH, HEIGHT), Image.Resampling.LANCZOS
        )
    )
