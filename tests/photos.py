"""Photographs of handwritten digits, made: pen strokes on paper of several colors, in
uneven light, off center.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# Each digit as strokes through points (x, y) in [0, 1], y downwards; two handwritings.
DIGITS = {
    0: ["0.5,0 0.2,0.15 0.1,0.5 0.25,0.9 0.5,1 0.8,0.85 0.9,0.5 0.75,0.12 0.5,0", "0.6,0.02 0.3,0.1 0.15,0.45 0.2,0.8 0.45,1 0.75,0.9 0.85,0.55 0.8,0.2 0.55,0"],
    1: ["0.5,0 0.5,0.5 0.48,1", "0.62,0 0.55,0.4 0.45,1"],
    2: ["0.1,0.25 0.3,0.03 0.65,0 0.85,0.2 0.75,0.45 0.4,0.75 0.1,1 0.5,0.97 0.95,0.98", "0.2,0.2 0.45,0 0.75,0.1 0.8,0.35 0.55,0.65 0.15,0.95 0.3,0.92 0.6,0.97 0.9,0.9"],
    3: ["0.15,0.12 0.45,0 0.8,0.12 0.75,0.35 0.4,0.48 0.8,0.6 0.88,0.82 0.5,1 0.1,0.88", "0.2,0.05 0.55,0 0.75,0.2 0.6,0.42 0.35,0.47 0.7,0.55 0.8,0.8 0.5,0.98 0.2,0.95"],
    4: ["0.3,0 0.2,0.3 0.1,0.6 0.5,0.6 0.95,0.57; 0.75,0.2 0.7,0.6 0.68,1", "0.2,0.05 0.15,0.5 0.45,0.52 0.85,0.48; 0.8,0 0.78,0.5 0.75,1"],
    5: ["0.85,0.02 0.5,0.02 0.2,0.04 0.17,0.4 0.5,0.36 0.85,0.55 0.85,0.82 0.5,1 0.1,0.9", "0.25,0.05 0.22,0.4 0.55,0.38 0.8,0.6 0.72,0.88 0.4,1 0.15,0.92; 0.25,0.05 0.55,0.04 0.85,0"],
    6: ["0.7,0 0.4,0.2 0.18,0.55 0.2,0.85 0.5,1 0.8,0.85 0.78,0.6 0.5,0.52 0.22,0.68", "0.55,0 0.25,0.35 0.12,0.7 0.3,0.97 0.65,0.98 0.82,0.75 0.6,0.56 0.3,0.62 0.18,0.8"],
    7: ["0.1,0.05 0.5,0.03 0.9,0.02 0.65,0.4 0.45,1", "0.1,0.12 0.5,0.06 0.85,0.05 0.7,0.35 0.5,0.7 0.4,1"],
    8: ["0.75,0.12 0.5,0 0.22,0.15 0.35,0.4 0.65,0.55 0.82,0.8 0.5,1 0.18,0.82 0.35,0.55 0.68,0.38 0.78,0.12", "0.5,0.47 0.25,0.25 0.45,0.02 0.72,0.2 0.5,0.47 0.22,0.75 0.45,1 0.75,0.78 0.5,0.47"],
    9: ["0.8,0.2 0.5,0 0.2,0.18 0.25,0.42 0.55,0.45 0.8,0.2 0.78,0.5 0.72,1", "0.78,0.15 0.45,0.02 0.2,0.3 0.45,0.5 0.75,0.3 0.78,0.12 0.7,0.6 0.5,1"],
}  # fmt: skip
PAPERS = [
    (245, 243, 235),
    (250, 225, 120),
    (170, 205, 240),
    (190, 225, 180),
    (60, 70, 80),
    (30, 90, 60),
]
PENS = [
    (25, 25, 35),
    (20, 40, 150),
    (150, 20, 30),
    (15, 80, 40),
    (240, 240, 235),
    (250, 240, 200),
]


def smooth(points: np.ndarray) -> np.ndarray:
    """Returns a curve through the points (Catmull-Rom), `(n, 2)`."""
    padded = np.concatenate(
        [2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]]
    )
    t = np.linspace(0, 1, 20, endpoint=False)[:, np.newaxis]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*pieces, points[-1:]])


def photograph(digit: int, handwriting: int, seed: int) -> np.ndarray:
    """Returns a photograph of a digit, uint8 `(600, 800, 3)` or `(800, 600, 3)`."""
    random = np.random.default_rng(seed)
    height, width = ((600, 800), (800, 600))[seed % 2]
    style = seed % len(PAPERS)
    image = Image.new("RGB", (width, height), PAPERS[style])
    draw = ImageDraw.Draw(image)
    length = random.uniform(200, 380)
    corner = random.uniform([40, 40], [width - length - 40, height - length - 40])
    pen = random.uniform(0.02, 0.09) * length
    slant = random.uniform(-0.12, 0.12)
    for stroke in DIGITS[digit][handwriting].split(";"):
        points = np.array(
            [[float(value) for value in point.split(",")] for point in stroke.split()]
        )
        points = points * [0.65, 1] + random.normal(0, 0.012, points.shape)
        points[:, 0] += slant * (0.5 - points[:, 1])
        for x, y in smooth(points * length + corner):
            radius = pen / 2 * random.uniform(0.9, 1.1)
            draw.ellipse(
                [x - radius, y - radius, x + radius, y + radius], fill=PENS[style]
            )
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), np.float64)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = (
        0.8 + 0.2 * (np.cos(angle) * x + np.sin(angle) * y) - 0.1 * (x**2 + y**2)
    )  # a lamp to one side, a vignette
    return np.uint8(
        np.clip(
            pixels * light[..., np.newaxis] + random.normal(0, 4, pixels.shape), 0, 255
        )
    )
