"""Digits on photographs: pictures of several objects, with exact boxes and masks.

Scenes are drawn, so there are as many as anybody wants, and nothing about them is in
doubt. All arithmetic is on integers: the same seed draws the same scenes on every
machine.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from data import Dataset, Split, digits
from data.images import read
from data.sources import catalog

CLASS_NAMES = digits.CLASS_NAMES
SIZE = 96  # height and width of a scene, pixels
SIZES = (64, 300)  # of scenes; a photograph has to be as large
MOST = 6  # objects in a scene
SIDES = range(12, 41)  # the longer side of a digit's box, pixels
DEGREES = 20  # that a digit is turned at most, to either side
INSIDE = 128  # of 255; a pixel of more ink than that belongs to the digit
# Luminance, of 255: one more than the 40 that are promised, for what rounding takes.
CONTRAST = 41
# Of red, green and blue, in thousandths (ITU-R BT.601). Sums stay whole numbers below
# 2**24, which float32 holds exactly.
LUMINANCE = np.array([299, 587, 114], np.float32)
CANDIDATES = 10  # places, and colors, that are tried at a time
CROSSING = 2  # pixels that the digits of a pair cross at most
FAR = 1000  # pixels, beyond any scene
# Of the photographs that come with pip. Pages of text and coins look like digits.
ENTRIES = ("scikit-image-photographs", "photographs")
UNUSED = ("coins.png", "text.png")
SPLITS = {"train": 9, "validation": 3, "test": 3}  # photographs
PATCHES = {"train": 20_000, "validation": 3_000, "test": 8_000}  # turned digits
COUNTS = {"train": 2_000, "validation": 500, "test": 2_000}  # scenes of the data set
ONE = 1024  # a pixel, or the number 1, in fixed-point arithmetic


class Patches(NamedTuple):
    """Digits that are turned and scaled, each as a list of its pixels, within its box.

    Attributes:
        labels: int32 `(n,)`.
        heights: of the boxes, int64 `(n,)`, pixels.
        widths: of the boxes, int64 `(n,)`, pixels.
        starts: of each digit's pixels in the lists, int64 `(n,)`.
        lengths: how many pixels each digit has, int64 `(n,)`.
        rows: of all pixels, uint8 `(p,)`, from the top of the box.
        columns: of all pixels, uint8 `(p,)`, from its left.
        inks: how much of a pixel is ink, uint8 `(p,)`: 255 covers what is below it.
    """

    labels: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    inks: np.ndarray


def load_scenes(
    size: int = SIZE, objects: tuple[int, int] = (1, MOST), pairs: float = 0.0
) -> tuple[Dataset, "Scenes"]:
    """Loads scenes that are the same in every run, and what draws more to train on.

    Their digits are MNIST's, or the 5,000 that come with the installation; which ones
    they are stands in `source`. The photographs are 15 that come with scikit-image and
    scikit-learn, all of them CC0, in the public domain or CC BY. Digits and photographs
    of the test are in no other split.

    Args:
        size: height and width of a scene, 64 to 300 pixels.
        objects: the fewest and the most digits in a scene, from 1 to 6.
        pairs: the fraction of scenes in which digits come in pairs that touch.

    Returns:
        A `Dataset` of 2,000, 500 and 2,000 scenes as `Scenes.draw` returns them; and
        the `Scenes` that those for training come from.

    Raises:
        ValueError: there are no such scenes, or MNIST's file is damaged.
    """
    check(size, objects, pairs)
    dataset, photographs = digits.load_digits(), load_photographs()
    splits = {}
    for number, (name, count) in enumerate(COUNTS.items()):
        drawing = Scenes(
            getattr(dataset, name),
            photographs[name],
            PATCHES[name],
            size,
            objects,
            pairs,
        )
        splits[name] = drawing.draw(count, np.random.default_rng((0, number)))
        if name == "train":
            training = drawing
    source = f"drawn scenes: digits on {sum(SPLITS.values())} photographs of the "
    source += f"packages scikit-image and scikit-learn; the digits are {dataset.source}"
    return Dataset(**splits, source=source, class_names=CLASS_NAMES), training


def check(size: int, objects: tuple[int, int], pairs: float) -> None:
    """Checks what is asked for.

    Raises:
        ValueError: there are no such scenes.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(
            f"the size of scenes is {size} pixels, expected {SIZES[0]} to {SIZES[1]}"
        )
    if not 1 <= objects[0] <= objects[1] <= MOST:
        raise ValueError(
            f"scenes of {objects[0]} to {objects[1]} objects, expected at least 1, at "
            f"most {MOST}, the smaller number first"
        )
    if not 0 <= pairs <= 1:
        raise ValueError(f"pairs in {pairs} of the scenes, expected a part from 0 to 1")


def find_touching(masks: np.ndarray) -> np.ndarray:
    """Returns in which scenes objects touch: a pixel of one is beside a pixel of
    another, or diagonal to it. Bool `(n,)`.

    Args:
        masks: the object that is seen at a pixel, `(n, height, width)`, 0 for none.
    """
    height, width = masks.shape[1:]
    touching = np.zeros(len(masks), bool)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        start, end = max(0, -right), width - max(0, right)
        one = masks[:, : height - down, start:end]
        other = masks[:, down:, start + right : end + right]
        touching |= ((one != other) & (one > 0) & (other > 0)).any(axis=(1, 2))
    return touching


def load_photographs() -> dict[str, dict[str, np.ndarray]]:
    """Loads the photographs of each split by their names, drawn always the same.

    Returns:
        9, 3 and 3 photographs for "train", "validation" and "test", uint8 `(height,
        width, 3)` in [0, 255]; some are gray.

    Raises:
        OSError: a package is not installed, or has no such file.
    """
    paths = [
        catalog.locate(shipped)
        for entry in ENTRIES
        for shipped in catalog.ENTRIES[entry].shipped
    ]
    used = {path.name: path for path in paths if path.name not in UNUSED}
    names = np.random.default_rng(0).permutation(sorted(used)).tolist()
    splits = {}
    for split, count in SPLITS.items():
        chosen, names = names[:count], names[count:]
        splits[split] = {name: read.read_picture(used[name]) for name in sorted(chosen)}
    return splits


class Scenes:
    """Draws scenes of some digits and photographs, as many as are asked for.

    Digits are turned and scaled once, when this is made; a scene combines them. For a
    training that can be resumed, draw batch `i` with `default_rng((seed, i))`.
    """

    def __init__(
        self,
        split: Split,
        photographs: dict[str, np.ndarray],
        patches: int,
        size: int = SIZE,
        objects: tuple[int, int] = (1, MOST),
        pairs: float = 0.0,
    ):
        """Turns and scales digits, and scales photographs.

        Args:
            split: images of digits as `digits.load_digits` returns them.
            photographs: uint8 `(height, width, 3)`, at least `size` high and wide.
            patches: how many digits are turned and scaled, about.
            size: height and width of a scene, pixels.
            objects: the fewest and the most digits in a scene.
            pairs: the fraction of scenes in which digits come in pairs that touch.
        """
        check(size, objects, pairs)
        self.size, self.objects, self.pairs = size, objects, pairs
        self.photographs = [shrink(one, size) for one in photographs.values()]
        self.patches = make_patches(split, patches, np.random.default_rng(0))
        self.offsets = np.int32(self.patches.rows) * size + self.patches.columns
        self.firsts, self.lasts = find_outlines(self.patches)
        # Patches in the order of their labels, and where each label begins.
        self.by_label = np.argsort(self.patches.labels, kind="stable")
        self.label_ends = np.cumsum(np.bincount(self.patches.labels, minlength=10))

    def draw(self, count: int, random: np.random.Generator) -> Split:
        """Draws scenes.

        The longer side of a digit's box has 12 to 40 pixels, distributed evenly on a
        logarithmic scale. A digit is turned by up to 20 degrees. Its color makes the
        luminance of its pixels differ by at least 40, on average, from that of the
        photograph under it. Two boxes have an IoU of at most 0.3. Later digits cover
        earlier ones; of each, at least half of the pixels stay visible.

        In the fraction `pairs` of the scenes, the second digit stands beside the first,
        to its left or right, the fourth beside the third, and the sixth beside the
        fifth. It is of the same class. Its middle is between the top and the bottom of
        the other, and it is moved towards that until their pixels touch, then by
        another 0 to 2 pixels, so that it covers some. Other digits may touch by
        accident, in these scenes and in the others.

        Args:
            count: of scenes.
            random: the same generator in the same state draws the same scenes.

        Returns:
            x are images, uint8 `(count, size, size, 3)` in [0, 255]. y is a dictionary,
            with `most` for the most objects in a scene:

            - "boxes": float32 `(count, most, 4)`, left, top, right, bottom in pixels
              ("xyxy" in Keras). Right and bottom are behind the last pixel, so that
              right - left is the width. A box is tight around all of its digit, also
              what another one covers. Rows without an object are -1.
            - "labels": int32 `(count, most)`, 0 to 9; -1 without an object.
            - "masks": uint8 `(count, size, size)`, the object that is seen at a pixel:
              0 for the photograph, i + 1 for the object in row i.
        """
        images = self.draw_backgrounds(count, random)
        numbers = random.integers(*self.objects, count, endpoint=True)
        paired = np.zeros(count, bool)
        if self.pairs:
            paired = random.random(count) < self.pairs
        chosen, tops, lefts = self.arrange(numbers, paired, random)
        layers, scenes = np.nonzero(np.arange(self.objects[1])[:, None] < numbers)
        chosen, tops, lefts = (
            values[scenes, layers] for values in (chosen, tops, lefts)
        )
        places, inks, owners = self.list_pixels(chosen, tops, lefts, scenes)

        inside = inks >= INSIDE
        masks = np.zeros(images.shape[:3], np.uint8)
        masks.reshape(-1)[places[inside]] = layers[owners[inside]] + 1

        pixels = images.reshape(-1, 3)
        below = pixels.take(places[inside], axis=0).astype(np.float32) @ LUMINANCE
        colors = choose_colors(below, inks[inside], owners[inside], len(chosen), random)
        ink = inks[:, None].astype(np.uint16)
        color = colors.take(owners, axis=0) * ink
        # One layer after the other: where digits cross, the later one covers.
        ends = np.searchsorted(owners, np.searchsorted(layers, np.unique(layers) + 1))
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            place = places[start:end]
            photo = pixels.take(place, axis=0) * (255 - ink[start:end])
            pixels[place] = (photo + color[start:end] + 127) // 255

        shape = (count, self.objects[1])
        boxes = np.full((*shape, 4), -1, np.float32)
        labels = np.full(shape, -1, np.int32)
        right = lefts + self.patches.widths[chosen]
        bottom = tops + self.patches.heights[chosen]
        boxes[scenes, layers] = np.stack([lefts, tops, right, bottom], axis=1)
        labels[scenes, layers] = self.patches.labels[chosen]
        return Split(images, {"boxes": boxes, "labels": labels, "masks": masks})

    def draw_backgrounds(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Draws parts of photographs, shrunk by a whole number, half of them mirrored:
        uint8 `(count, size, size, 3)`.
        """
        size = self.size
        images = np.empty((count, size, size, 3), np.uint8)
        chosen = random.integers(len(self.photographs), size=count).tolist()
        numbers = random.integers(2**31, size=(count, 3)).tolist()
        mirrored = random.integers(2, size=count).tolist()
        for image, photo, (scale, y, x), mirror in zip(
            images, chosen, numbers, mirrored, strict=True
        ):
            scaled = self.photographs[photo]
            picture = scaled[scale % len(scaled)]
            top = y % (picture.shape[0] - size + 1)
            left = x % (picture.shape[1] - size + 1)
            part = picture[top : top + size, left : left + size]
            image[:] = part[:, ::-1] if mirror else part
        return images

    def arrange(
        self, numbers: np.ndarray, paired: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chooses the digits of scenes and their places.

        Where a digit finds no place, or would be covered, all of its scene is arranged
        again.

        Args:
            numbers: of digits in each scene, int64 `(n,)`.
            paired: in which scenes digits come in pairs, bool `(n,)`.
            random: what is chosen depends on.

        Returns:
            Indices into the patches and the top left corners of their boxes, each int64
            `(n, most)`.
        """
        arranged = np.zeros((3, len(numbers), self.objects[1]), np.int64)
        rest = np.arange(len(numbers))
        while len(rest):
            chosen, tops, lefts, right = self.place(numbers[rest], paired[rest], random)
            arranged[:, rest] = chosen, tops, lefts
            right &= self.are_visible(numbers[rest], chosen, tops, lefts)
            rest = rest[~right]
        chosen, tops, lefts = arranged
        return chosen, tops, lefts

    def place(
        self, numbers: np.ndarray, paired: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """Chooses digits and places, one after the other: the first of some places
        where its box has an IoU of at most 0.3 with each box before. The second digit
        of a pair has places beside the first.

        Returns:
            As `arrange`, and in which scenes all digits found a place, bool `(n,)`.
        """
        shape = (len(numbers), self.objects[1])
        chosen = random.integers(len(self.patches.labels), size=shape)
        (scenes,) = np.nonzero(paired)
        if len(scenes):
            chosen[scenes, 1::2] = self.choose_alike(
                chosen[scenes, : shape[1] // 2 * 2 : 2], random
            )
        heights, widths = self.patches.heights[chosen], self.patches.widths[chosen]
        free = np.stack([self.size - heights, self.size - widths])[..., None] + 1
        tried = random.integers(2**31, size=(2, *shape, CANDIDATES)) % free
        corners = np.zeros((2, *shape), np.int64)
        right = np.ones(len(numbers), bool)
        ends = np.zeros((2, *shape), np.int64)
        sides = np.stack([heights, widths])
        areas = heights * widths
        for k in range(shape[1]):
            if k % 2 and len(scenes):
                moves = self.put_beside(
                    chosen[scenes, k - 1], chosen[scenes, k], random
                )
                tried[:, scenes, k] = corners[:, scenes, k - 1, None] + moves
            starts = tried[:, :, k, :, None]  # (2, n, candidates, 1)
            before = corners[:, :, None, :k], ends[:, :, None, :k]
            overlap = np.minimum(starts + sides[:, :, k, None, None], before[1])
            overlap -= np.maximum(starts, before[0])
            shared = np.maximum(overlap, 0).prod(axis=0)  # (n, candidates, k)
            union = areas[:, None, k, None] + areas[:, None, :k] - shared
            fits = (10 * shared <= 3 * union).all(axis=2)
            inside = (tried[:, :, k] >= 0) & (tried[:, :, k] < free[:, :, k])
            fits &= inside.all(axis=0)
            first = fits.argmax(axis=1)
            corners[:, :, k] = tried[:, np.arange(len(numbers)), k, first]
            # Of scenes that are arranged again, too.
            corners[:, :, k] = np.clip(corners[:, :, k], 0, free[:, :, k, 0] - 1)
            ends[:, :, k] = corners[:, :, k] + sides[:, :, k]
            right &= fits.any(axis=1) | (k >= numbers)
        return chosen, *corners, right

    def choose_alike(
        self, patches: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        """Chooses for each digit another one of its class, and of any size: int64, in
        the shape of `patches`, which are indices.
        """
        labels = self.patches.labels[patches]
        ends = self.label_ends[labels]
        starts = np.append(0, self.label_ends)[labels]
        drawn = random.integers(2**31, size=patches.shape)
        return self.by_label[starts + drawn % (ends - starts)]

    def put_beside(
        self, first: np.ndarray, second: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        """Finds places where the second digit of a pair touches the first, as `draw`
        says.

        Args:
            first: indices into the patches, int64 `(n,)`.
            second: likewise.
            random: what is chosen depends on.

        Returns:
            From the top left corner of the first box to that of the second, downwards
            and to the right, int64 `(2, n, candidates)`, pixels.
        """
        shape = (len(first), CANDIDATES)
        heights = self.patches.heights
        down = random.integers(2**31, size=shape) % heights[first, None]
        down -= heights[second, None] // 2
        # Of each row of the first digit, the row of the second that is beside it.
        rows = np.arange(self.firsts.shape[1])
        beside = rows - down[..., None]
        known = (beside >= 0) & (beside < len(rows))
        beside = np.clip(beside, 0, len(rows) - 1)
        firsts = np.where(known, self.firsts[second[:, None, None], beside], FAR)
        lasts = np.where(known, self.lasts[second[:, None, None], beside], -FAR)
        to_right = (self.lasts[first, None] - firsts).max(axis=2) + 1
        to_left = (self.firsts[first, None] - lasts).min(axis=2) - 1
        crossing = random.integers(CROSSING, size=shape, endpoint=True)
        right = np.where(
            random.integers(2, size=shape), to_right - crossing, to_left + crossing
        )
        return np.stack([down, right])

    def are_visible(
        self,
        numbers: np.ndarray,
        chosen: np.ndarray,
        tops: np.ndarray,
        lefts: np.ndarray,
    ) -> np.ndarray:
        """Returns in which scenes each digit shows at least half of its pixels, bool
        `(n,)`.
        """
        layers, scenes = np.nonzero(np.arange(self.objects[1])[:, None] < numbers)
        places, inks, owners = self.list_pixels(
            chosen[scenes, layers], tops[scenes, layers], lefts[scenes, layers], scenes
        )
        inside = inks >= INSIDE
        places, owners = places[inside], owners[inside]
        topmost = np.empty(len(numbers) * self.size**2, np.int32)
        topmost[places] = owners  # of several, the last one stays
        seen = np.bincount(owners[topmost[places] == owners], minlength=len(scenes))
        hidden = 2 * seen < np.bincount(owners, minlength=len(scenes))
        visible = np.ones(len(numbers), bool)
        visible[scenes[hidden]] = False
        return visible

    def list_pixels(
        self,
        chosen: np.ndarray,
        tops: np.ndarray,
        lefts: np.ndarray,
        scenes: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lists the pixels of digits, in the order of the digits.

        Args:
            chosen: indices into the patches, int64 `(m,)`.
            tops: of their boxes, int64 `(m,)`, pixels.
            lefts: of their boxes, int64 `(m,)`, pixels.
            scenes: in which they are, int64 `(m,)`.

        Returns:
            Where each pixel is, as an index into all pixels of all scenes; its ink,
            uint8; and its digit, an index into `chosen`. Each `(p,)`.
        """
        lengths = self.patches.lengths[chosen]
        owners = np.repeat(np.arange(len(chosen)), lengths)
        skipped = self.patches.starts[chosen] - (np.cumsum(lengths) - lengths)
        listed = np.arange(len(owners)) + skipped[owners]
        corners = (scenes * self.size + tops) * self.size + lefts
        return (
            self.offsets[listed] + corners[owners],
            self.patches.inks[listed],
            owners,
        )


def find_outlines(patches: Patches) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first and the last column of each digit's pixels in each row of its
    box, int64 `(n, rows)`; far to the right, and to the left, where a row has none.
    """
    shape = (len(patches.labels), SIDES.stop)
    firsts, lasts = np.full(shape, FAR), np.full(shape, -FAR)
    inside = patches.inks >= INSIDE
    owners = np.repeat(np.arange(len(patches.labels)), patches.lengths)[inside]
    rows, columns = patches.rows[inside], np.int64(patches.columns[inside])
    np.minimum.at(firsts, (owners, rows), columns)
    np.maximum.at(lasts, (owners, rows), columns)
    return firsts, lasts


def choose_colors(
    below: np.ndarray,
    inks: np.ndarray,
    owners: np.ndarray,
    count: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Chooses random colors, lighter or darker than what is below them.

    The luminance of a digit is on average at least `CONTRAST` away from that of the
    photograph under it. If no candidate is, the digit is black or white.

    Args:
        below: luminance of the photograph at the pixels of digits, float32 `(p,)`, in
            thousandths.
        inks: of these pixels, uint8 `(p,)`.
        owners: which digit each belongs to, int64 `(p,)`.
        count: of digits.
        random: what is chosen depends on.

    Returns:
        uint8 `(count, 3)` in [0, 255].
    """
    drawn = random.integers(0, 256, (count, CANDIDATES, 3), np.uint8)
    ends = np.broadcast_to(
        np.array([[0, 0, 0], [255, 255, 255]], np.uint8)[:, None], (2, count, 3)
    )
    candidates = np.concatenate([drawn, ends.transpose(1, 0, 2)], axis=1)
    # Sums of whole numbers far below 2**53, which float64 holds exactly.
    area = np.bincount(owners, minlength=count)[:, None]
    ink = np.bincount(owners, inks, count)[:, None]
    covered = np.bincount(owners, inks * np.float64(below), count)[:, None]
    differs = np.abs(ink * (candidates @ LUMINANCE) - covered)
    fits = differs >= CONTRAST * 255_000 * area
    return candidates[np.arange(count), fits.argmax(axis=1)]


def shrink(picture: np.ndarray, size: int) -> list[np.ndarray]:
    """Shrinks a photograph by 1, 2, 3 ... as long as it is at least `size` high and
    wide: each uint8 `(height, width, 3)`.
    """
    image = Image.fromarray(picture)
    most = min(picture.shape[:2]) // size
    return [np.asarray(image.reduce(scale)) for scale in range(1, most + 1)]


def make_patches(split: Split, count: int, random: np.random.Generator) -> Patches:
    """Turns and scales digits, by random angles and to random sizes.

    Args:
        split: images uint8 `(n, 28, 28, 1)`, white on black, and labels `(n,)`.
        count: how many, about: a digit that comes out a pixel too large or too small
            is left out. If there are fewer images, they are used several times.
        random: what is chosen depends on.
    """
    order = [random.permutation(len(split.y)) for _ in range(-(-count // len(split.y)))]
    order = np.concatenate(order)
    # Log-uniform: of each size as many as 1 / size, in whole numbers.
    total = sum(ONE**2 // side for side in SIDES)
    borders = np.cumsum([0, *(ONE**2 // side for side in SIDES)]) * count // total
    parts = []
    for side, start, end in zip(SIDES, borders[:-1], borders[1:], strict=True):
        chosen = order[start:end]
        degrees = random.integers(-DEGREES, DEGREES, len(chosen), endpoint=True)
        drawn = turn_and_scale(split.x[chosen, :, :, 0], degrees, side)
        parts.append(list_inked(drawn, split.y[chosen]))
    patches = Patches(*map(np.concatenate, zip(*parts, strict=True)))
    return patches._replace(starts=np.cumsum(patches.lengths) - patches.lengths)


def turn_and_scale(images: np.ndarray, degrees: np.ndarray, side: int) -> np.ndarray:
    """Turns digits and scales them to a size, by bilinear interpolation.

    Args:
        images: uint8 `(n, 28, 28)`.
        degrees: by which they are turned, int64 `(n,)`.
        side: the longer side of the box around the result, pixels; it may come out one
            more or less.

    Returns:
        uint8 `(n, side + 4, side + 4)`.
    """
    table = range(-DEGREES, DEGREES + 1)
    turns = [
        (math.cos(math.radians(one)), math.sin(math.radians(one))) for one in table
    ]
    turns = np.array([(round(ONE * c), round(ONE * s)) for c, s in turns], np.int32)
    cosine, sine = turns[degrees + DEGREES].T[:, :, None]

    # The box around the turned digit, in a pixel's 1024ths.
    which, *places = np.nonzero(images >= INSIDE)
    rows, columns = np.array(places, np.int32)
    turned = np.stack(
        [
            cosine[which, 0] * rows + sine[which, 0] * columns,
            cosine[which, 0] * columns - sine[which, 0] * rows,
        ]
    )
    starts = np.searchsorted(which, np.arange(len(images)))
    lowest = np.minimum.reduceat(turned, starts, axis=1)
    highest = np.maximum.reduceat(turned, starts, axis=1)
    longer = (highest - lowest).max(axis=0) + ONE
    step = (longer // side)[:, None]  # of the image, for a pixel of the result
    middle = (lowest + highest)[:, :, None] // 2

    # From each pixel of the result back to the image, and the four pixels around it.
    offsets = (2 * np.arange(side + 4, dtype=np.int32) - (side + 3)) * step // 2
    v = (middle[0] + offsets)[:, :, None]
    u = (middle[1] + offsets)[:, None, :]
    cosine, sine = cosine[:, :, None], sine[:, :, None]
    y = np.clip((cosine * v - sine * u) // ONE + ONE, 0, 29 * ONE)
    x = np.clip((sine * v + cosine * u) // ONE + ONE, 0, 29 * ONE)
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.int32)
    width = padded.shape[2]
    first = np.arange(0, padded.size, width**2, dtype=np.int32)[:, None, None]
    corner = first + y // ONE * width + x // ONE
    y, x = y % ONE, x % ONE
    pixels = padded.reshape(-1)
    upper = pixels[corner] * (ONE - x) + pixels[corner + 1] * x
    lower = pixels[corner + width] * (ONE - x) + pixels[corner + width + 1] * x
    return ((upper * (ONE - y) + lower * y + ONE**2 // 2) // ONE**2).astype(np.uint8)


def list_inked(drawn: np.ndarray, labels: np.ndarray) -> Patches:
    """Lists the pixels of digits within the boxes around them; those whose longer side
    is not in `SIDES` are left out.

    Args:
        drawn: uint8 `(n, height, width)`.
        labels: integers `(n,)`.
    """
    inside = drawn >= INSIDE
    starts, ends = [], []
    for axis in (2, 1):
        filled = np.any(inside, axis=axis)
        starts.append(filled.argmax(axis=1))
        ends.append(filled.shape[1] - filled[:, ::-1].argmax(axis=1))
    sides = np.array(ends) - np.array(starts)
    kept = np.isin(sides.max(axis=0), SIDES)
    which, rows, columns = np.nonzero(drawn)
    down, right = rows - starts[0][which], columns - starts[1][which]
    used = kept[which]
    used &= (down >= 0) & (down < sides[0][which])
    used &= (right >= 0) & (right < sides[1][which])
    lengths = np.bincount(which[used], minlength=len(drawn))[kept]
    return Patches(
        labels=labels[kept].astype(np.int32),
        heights=sides[0][kept],
        widths=sides[1][kept],
        starts=np.zeros(len(lengths), np.int64),
        lengths=lengths,
        rows=down[used].astype(np.uint8),
        columns=right[used].astype(np.uint8),
        inks=drawn[which[used], rows[used], columns[used]],
    )
