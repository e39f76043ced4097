"""Finds what could be handwritten digits in a photograph: strokes of ink on paper, of
any size, wherever they are.
"""

import collections
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage, spatial
from skimage import filters, segmentation

from data.images import drawing

# Pixels: longer sides to which a photograph is scaled to look for digits, the widest
# strokes there, and the least height of a digit.
SCALES = ((1200, 64, 14), (320, 80, 40))
BLOCK = 4  # pixels, in which the paper is estimated and printed lines are looked for
FAINT = 0.12  # contrast of ink to paper, at least
NEAR = 0.45  # contrast that is needed beside strong ink, as a part of its contrast
# A printed line is longer than a fifth of the photograph's longer side, thinner than a
# part in 120, and has one of these slopes.
LINE, THIN = 5, 120
SLOPES = np.arange(-0.15, 0.16, 0.03)
MOST = 500  # parts in a photograph; texture has more
KEPT = 40  # candidates that a network is shown
# Where a sheet ends, the paper's brightness or color jumps by so much, as a difference
# of logarithms; less at a shadow's edge. A sheet is such a part of the photograph.
JUMP, SHEET = 0.2, 0.05
# Widths, in heights: of digits in a row that touch, of one digit, and of what is tried
# to be cut.
WIDE, SINGLE, CUT = 6, 1.6, 0.7
WHOLE = 0.8  # one digit may be this much less probable for each cut that it saves
CUTS = 4  # places where digits may touch, at most
WIDEST = 0.62  # strokes, as a part of the digit's height
SMALLEST = 21  # pixels, sides of a printed box around the least digit
ENCLOSED = 0.15  # part of a printed box that its lines and strokes leave empty
LINED = 0.85  # part of each side of a printed box along which a line is
SQUARE = 0.88  # part of a rectangle that a printed box fills; an ellipse fills 0.79
CLUTTERED = 0.3  # part of the surroundings that stands out as much as the ink
UNEVEN = 0.5  # brightness of the darkest paper around, as a part of the brightest
STRAIGHT = 0.7  # quality of a straight stroke, which may be an edge or a scratch
RARE = 0.8  # quality of light strokes on a dark ground, which may be reflections
CLEAR = 0.5  # quality times probability of the best digit
OBVIOUS = 0.65  # quality times probability where strokes elsewhere raise no doubt
ALSO = 0.5  # quality of another one, as a part of the best digit's
FAR = 4  # heights, from where on a digit must be clear by itself
HUE = 0.97  # cosine of two inks of one pen, at least
STRONGER = 2  # the stronger of two inks of one pen, at most
SURE = 0.8  # mean probability of all that look alike


class Candidate(NamedTuple):
    """Strokes that could be a digit.

    Attributes:
        box: left, top, right, bottom in pixels of the photograph.
        dark_on_light: whether the ink is darker than the paper.
        ink: float `(height, width)` in [0, 1].
        color: of the ink beside the paper's, as a difference of logarithms, float
            `(3,)`: light and shadow do not change it.
        quality: in [0, 1], whether strokes stand out clearly from even paper.
        sheet: number of the sheet of paper; 0 if it is on none.
    """

    box: tuple[float, float, float, float]
    dark_on_light: bool
    ink: np.ndarray
    color: np.ndarray
    quality: float
    sheet: int


class Digit(NamedTuple):
    """A digit that was read.

    Attributes:
        box: left, top, right, bottom in pixels of the photograph.
        dark_on_light: whether the ink is darker than the paper.
        image: uint8 `(28, 28, 1)`, in MNIST's form.
        probabilities: float `(classes,)`.
    """

    box: tuple[float, float, float, float]
    dark_on_light: bool
    image: np.ndarray
    probabilities: np.ndarray


def find_candidates(picture: np.ndarray) -> list[Candidate]:
    """Returns what could be digits in a photograph, uint8 `(height, width, 3)`; the
    clearest first.
    """
    candidates = []
    sheets = Image.fromarray(find_sheets(picture))
    for side, stroke, least in SCALES:
        scale = side / max(picture.shape[:2])
        size = [max(8, round(scale * length)) for length in picture.shape[1::-1]]
        how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
        colors = np.asarray(Image.fromarray(picture).resize(size, how), np.float32)
        # Light and ink multiply: in logarithms, a shadow changes no difference.
        colors = np.log(ndimage.gaussian_filter(colors, (0.7, 0.7, 0)) + 20)
        for dark in (True, False):
            ink, paper = find_ink(colors if dark else -colors, stroke)
            on = np.asarray(sheets.resize(paper.shape[::-1], Image.Resampling.NEAREST))
            for sheet in np.unique(on[on > 0]):
                pixels = (on == sheet).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
                pixels = pixels[: len(ink), : ink.shape[1]]
                # Most of it is paper, whose grain is no ink.
                grain = np.median(ink[pixels][::16], axis=0)
                ink[pixels] = np.maximum(0, ink[pixels] - grain)
            candidates += find_strokes(ink, paper, on, stroke, least, scale, dark)
    # What is found at both scales is the same.
    apart, ranks, counts = [], [], collections.Counter()
    for one in sorted(candidates, key=lambda one: -one.quality):
        if all(find_overlap(one, other)[1] < 0.6 for other in apart):
            apart.append(one)
            ranks.append(counts[one.sheet])
            counts[one.sheet] += 1
    # As many of each sheet: beside paper may be grass.
    kept = np.argsort(ranks, kind="stable")[:KEPT]
    return [apart[index] for index in sorted(kept)]


def find_sheets(picture: np.ndarray) -> np.ndarray:
    """Returns the numbers of the sheets of paper, or of what else is even but for
    narrow strokes, int32, a pixel a block at the first of `SCALES`; 0 where none is.
    """
    side, stroke, _ = SCALES[0]
    scale = side / BLOCK / max(picture.shape[:2])
    size = [max(8, round(scale * length)) for length in picture.shape[1::-1]]
    colors = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
    colors = np.log(np.asarray(colors, np.float32) + 20)
    reach = stroke // BLOCK + 1
    even = np.ones(colors.shape[:2], bool)
    # Without what is dark and narrow and then what is light, and the other way round:
    # grass has paper's brightness in one of them at most.
    for first, second in itertools.permutations(
        (ndimage.grey_closing, ndimage.grey_opening)
    ):
        smooth = second(first(colors, (reach, reach, 1)), (reach, reach, 1))
        steps = ndimage.maximum_filter(smooth, (3, 3, 1))
        steps -= ndimage.minimum_filter(smooth, (3, 3, 1))
        even &= steps.max(axis=2) < JUMP
    even = ndimage.binary_erosion(even, iterations=2, border_value=1)
    sheets, _ = ndimage.label(even)
    areas = np.bincount(sheets.ravel())
    sheets[areas[sheets] < SHEET * sheets.size] = 0
    for number in np.argsort(areas, kind="stable"):
        if number and areas[number] >= SHEET * sheets.size:
            # Close to each other, strokes are no holes in the paper.
            whole = ndimage.binary_fill_holes(sheets == number)
            sheets[whole & (sheets == 0)] = number
    return segmentation.expand_labels(sheets, 2)


def find_overlap(one: Candidate, other: Candidate) -> tuple[float, float]:
    """Returns how much of the smaller and of the larger box lies in the other."""
    left, top = np.maximum(one.box[:2], other.box[:2])
    right, bottom = np.minimum(one.box[2:], other.box[2:])
    common = max(0, right - left) * max(0, bottom - top)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one.box, other.box)]
    return common / min(areas), common / max(areas)


def find_ink(colors: np.ndarray, stroke: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns how much darker each pixel is than the paper around it, as differences of
    logarithms, float `(height, width, 3)`, and the paper's brightness in blocks.

    The paper's color is that of a morphological closing: what is dark and narrower than
    `stroke` is filled with what surrounds it. Shadows and tables are wider.

    Args:
        colors: logarithms, float `(height, width, 3)`.
        stroke: pixels.
    """
    height, width, _ = colors.shape
    blocks = np.pad(colors, [(0, -height % BLOCK), (0, -width % BLOCK), (0, 0)], "edge")
    high, wide = blocks.shape[0] // BLOCK, blocks.shape[1] // BLOCK
    blocks = blocks.reshape(high, BLOCK, -1).min(axis=1)
    blocks = blocks.reshape(high, wide, BLOCK, 3).min(axis=2)
    reach = stroke // BLOCK + 1
    blocks = ndimage.grey_closing(blocks, (reach, reach, 1), mode="nearest")
    paper = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[:height, :width]
    return np.maximum(0, paper - colors), blocks.mean(axis=2)


def find_strokes(ink, paper, sheets, stroke, least, scale, dark) -> list[Candidate]:
    """Returns the candidates at a scale.

    Args:
        ink: how much darker than paper, logarithms, float `(height, width, 3)`.
        paper: logarithms of its brightness, a pixel a block.
        sheets: their numbers, a pixel a block.
        stroke: pixels, the widest.
        least: pixels, the height of a digit.
        scale: of the photograph.
        dark: whether ink of this kind is darker than the paper.
    """
    contrast = 1 - np.exp(-ink.max(axis=2))
    # Strokes may be fainter than FAINT, but not all along, and not as faint as grain.
    low = np.clip(3 * np.percentile(contrast, 75), FAINT / 2, FAINT)
    faint = filters.apply_hysteresis_threshold(contrast, low, FAINT)
    near = find_needed(contrast, stroke)
    strong = filters.apply_hysteresis_threshold(
        contrast, np.maximum(low, near), np.maximum(FAINT, near)
    )
    printed = find_boxes(strong, faint), find_printed(faint)
    # Printed lines do not count as ink: a pencil is fainter.
    near = find_needed(np.where(np.any(printed, axis=(0, 1)), 0, contrast), stroke)
    mask = filters.apply_hysteresis_threshold(
        contrast, np.maximum(low, near), np.maximum(FAINT, near)
    )
    for across, down in printed:
        mask = remove_lines(mask, contrast, across, down)
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    places = ndimage.find_objects(parts)
    # Of the background, which has the number 0, and of each part.
    heights = np.array([0] + [rows.stop - rows.start for rows, _ in places])
    middles = np.array([0] + [rows.start + rows.stop for rows, _ in places]) / 2
    found = []
    height, width = mask.shape
    numbers = np.array([find_sheet(sheets, *place) for place in places])
    joined = []
    for sheet in np.unique(numbers):
        of_sheet = np.flatnonzero(numbers == sheet)
        for rows, columns, members in join([places[number] for number in of_sheet]):
            joined.append((rows, columns, 1 + of_sheet[members], sheet))
    for rows, columns, members, sheet in joined:
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        inside = min(rows.start, columns.start) > 0
        inside &= rows.stop < height and columns.stop < width
        close = high > 0.6 * height and wide > 0.3 * high
        close &= columns.start > 0 or columns.stop < width
        if high < least or wide < 3 or wide > WIDE * high or not (inside or close):
            continue
        own = np.isin(parts[rows, columns], members)
        width_of_strokes = 2 * ndimage.distance_transform_edt(np.pad(own, 1)).max()
        if width_of_strokes > WIDEST * high:
            continue
        level = np.percentile(contrast[rows, columns][own], 75)
        strongest = own & (contrast[rows, columns] >= level)
        surroundings = surround(rows, columns)
        near_parts = parts[surroundings]
        # Printed lines are no clutter, nor are other digits of the same line.
        similar = (heights > 0.5 * high) & (heights < 2 * high)
        similar &= (middles > rows.start) & (middles < rows.stop)
        strong = contrast[surroundings] > 0.4 * level
        strong &= mask[surroundings] & ~similar[near_parts]
        is_own = ndimage.binary_dilation(np.isin(near_parts, members), iterations=3)
        clutter = strong[~is_own].mean() if not is_own.all() else 1
        evenness = measure_evenness(paper[find_blocks(*surroundings)])
        if clutter > CLUTTERED or evenness < UNEVEN:
            continue
        quality = min(1, level / 0.4) * (1 - clutter / CLUTTERED) * evenness**2
        if wide < 0.5 * high:
            quality *= STRAIGHT
        if not dark:
            quality *= RARE
        if quality < CLEAR * ALSO:
            continue
        spread = ndimage.binary_dilation(np.pad(own, 2), iterations=2)
        values = np.pad(contrast[rows, columns], 2, mode="edge") / level
        drawn = np.clip((values - 0.25) / 0.5, 0, 1) * spread
        color = np.median(ink[rows, columns][strongest], axis=0)
        sides = columns.start, rows.start, columns.stop, rows.stop
        box = tuple(side / scale for side in sides)
        found.append(Candidate(box, dark, drawn, color, float(quality), sheet))
    return found


def find_needed(contrast: np.ndarray, stroke: int) -> np.ndarray:
    """Returns which contrast is needed beside strong ink: pale lines are cut from it.

    Args:
        contrast: of ink to paper, float `(height, width)`.
        stroke: pixels, the widest.
    """
    return NEAR * ndimage.maximum_filter(
        ndimage.uniform_filter(contrast, 3), stroke // 2
    )


def find_sheet(sheets: np.ndarray, rows: slice, columns: slice) -> int:
    """Returns the number of the sheet on which most of a place and around it lies."""
    on = sheets[find_blocks(*surround(rows, columns))]
    return int(np.bincount(on.ravel()).argmax())


def surround(rows: slice, columns: slice) -> tuple[slice, slice]:
    """Returns the rows and columns of a digit with what is around it."""
    around = 2 + round(0.35 * (rows.stop - rows.start))
    top, left = max(0, rows.start - around), max(0, columns.start - around)
    return slice(top, rows.stop + around), slice(left, columns.stop + around)


def find_blocks(*pixels: slice) -> tuple[slice, ...]:
    """Returns the blocks in which rows and columns of pixels lie."""
    return tuple(slice(of.start // BLOCK, of.stop // BLOCK + 1) for of in pixels)


def measure_evenness(ground: np.ndarray) -> float:
    """Returns how bright the darkest paper is, as a part of the brightest, where one
    side may be darker than the other: an edge counts, a shadow without an edge hardly.

    Args:
        ground: logarithms, float `(height, width)`.
    """
    places = np.indices(ground.shape).reshape(2, -1)
    terms = np.stack([*places, np.ones(ground.size)], axis=1)
    plane = terms @ np.linalg.lstsq(terms, ground.ravel())[0]
    dim, bright = np.percentile(ground.ravel() - plane, (5, 95))
    return np.exp(dim - bright)


def find_printed(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where in a mask, bool `(height, width)`, long, thin and straight lines
    are: nearly horizontal ones, and nearly vertical ones.
    """
    across, down = find_lines(mask), find_lines(mask.T).T
    thick = max(mask.shape) / THIN + 1
    if measure_thickness(mask, across & ~down) > thick:
        across = np.zeros_like(mask)
    if measure_thickness(mask.T, (down & ~across).T) > thick:
        down = np.zeros_like(mask)
    return across, down


def measure_thickness(mask: np.ndarray, lines: np.ndarray) -> float:
    """Returns how thick nearly horizontal lines in a mask are, both bool `(height,
    width)`; 0 if there are none.
    """
    thickness = measure_runs(mask)[lines & mask]
    return float(np.median(thickness)) if thickness.size else 0.0


def remove_lines(
    mask: np.ndarray, contrast: np.ndarray, across: np.ndarray, down: np.ndarray
) -> np.ndarray:
    """Returns a mask without lines, but with the strokes that cross them or are darker.

    Args:
        mask: what could be strokes, bool `(height, width)`.
        contrast: of ink to paper, float `(height, width)`.
        across: where nearly horizontal lines are, bool `(height, width)`.
        down: where nearly vertical ones are.
    """
    faint = contrast > FAINT
    for _ in range(2):
        if (across & faint).any():
            thickness = measure_thickness(faint, across & ~down)
            darkest = 1.25 * np.percentile(contrast[across & faint], 90)
            thin = measure_runs(mask) <= 1.6 * thickness + 1
            mask = mask & ~(across & thin & (contrast < darkest))
        mask, faint, contrast = mask.T, faint.T, contrast.T
        across, down = down.T, across.T
    return mask


def measure_runs(mask: np.ndarray) -> np.ndarray:
    """Returns for each pixel that is set how many are, above and below it without a
    gap, and itself.
    """
    rows = np.arange(len(mask), dtype=np.int32)[:, np.newaxis]
    above = np.maximum.accumulate(np.where(mask, -1, rows), axis=0)
    below = np.where(mask, len(mask), rows)[::-1]
    return np.minimum.accumulate(below, axis=0)[::-1] - above - 1


def find_lines(mask: np.ndarray) -> np.ndarray:
    """Returns where in a mask, bool `(height, width)`, long, nearly horizontal lines
    are, with the blur along them.
    """
    height, width = mask.shape
    padded = np.pad(mask, [(0, -height % BLOCK), (0, -width % BLOCK)])
    high, wide = padded.shape[0] // BLOCK, padded.shape[1] // BLOCK
    narrow = padded.reshape(-1, wide, BLOCK).max(axis=2)
    blocks = narrow.reshape(high, BLOCK, wide).max(axis=1)
    length = max(mask.shape) // (LINE * BLOCK)
    found = np.zeros_like(narrow)
    for slope in SLOPES:
        long = find_runs(blocks, slope, length)
        if long.any():
            # In rows of pixels, not of blocks, a quarter of it has to be straight.
            straight = find_runs(narrow, BLOCK * slope, length // 4)
            found |= long.repeat(BLOCK, axis=0) & straight
    blurred = ndimage.binary_dilation(found, np.ones((3, 1)))
    return blurred.repeat(BLOCK, axis=1)[:height, :width]


def find_runs(mask: np.ndarray, slope: float, length: int) -> np.ndarray:
    """Returns the pixels of a mask, bool `(height, width)`, that lie on lines of a
    slope and of a length at least. A line may leave its row by one pixel.
    """
    high, wide = mask.shape
    margin = int(abs(slope) * wide / 2) + 2
    wider = ndimage.maximum_filter1d(np.uint8(mask), 3, axis=0)
    wider = np.pad(wider, [(2 * margin, 2 * margin), (0, 0)])
    columns = np.arange(wide)
    rows = np.round(slope * (columns - wide / 2)).astype(int) + margin
    rows = rows + np.arange(high + 2 * margin)[:, np.newaxis]
    runs = ndimage.minimum_filter1d(wider[rows, columns], length, mode="constant")
    # An even length reaches one pixel farther to the left.
    runs = ndimage.maximum_filter1d(
        runs, length, mode="constant", origin=length % 2 - 1
    )
    found = np.zeros_like(wider)
    found[rows, columns] = runs
    return (found[2 * margin : 2 * margin + high] > 0) & mask


def find_boxes(strong: np.ndarray, faint: np.ndarray) -> np.ndarray:
    """Returns where printed boxes are, or rows of them: nearly horizontal lines and
    nearly vertical ones, with the blur along them, bool `(2, height, width)`.

    Args:
        strong: lines and strokes, without what is pale beside strong ink, bool
            `(height, width)`.
        faint: with it.
    """
    found = find_boxes_of(strong)
    blurred = ndimage.binary_propagation(
        found.any(axis=0) & faint, np.ones((3, 3)), faint
    )
    across, down = found | find_boxes_of(faint & ~blurred)
    return np.stack(
        [
            ndimage.binary_dilation(across, np.ones((5, 1))),
            ndimage.binary_dilation(down, np.ones((1, 5))),
        ]
    )


def find_boxes_of(mask: np.ndarray) -> np.ndarray:
    """Returns the lines in a mask that make boxes, without the blur along them. What is
    written in a box may touch it and stick out.
    """
    found = np.zeros((2, *mask.shape), bool)
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
        own = parts[rows, columns] == number
        if min(rows.start, columns.start) == 0:
            continue
        if rows.stop == len(mask) or columns.stop == mask.shape[1]:
            continue
        if min(own.shape) < SMALLEST:
            continue
        if (ndimage.binary_fill_holes(own) & ~own).mean() < ENCLOSED:
            continue
        # What sticks out is no wider than the box.
        lines = find_straight(own, min(own.shape) / 2)
        if not lines.any(axis=(1, 2)).all():
            continue
        side, _, _ = fit_rectangle(*lines)
        lines = find_straight(own, 0.9 * side)
        if not lines.any(axis=(1, 2)).all():
            continue
        _, filled, lined = fit_rectangle(*lines)
        if filled > SQUARE and lined > LINED:
            found[:, rows, columns] |= lines
    return found


def find_straight(own: np.ndarray, length: float) -> np.ndarray:
    """Returns the pixels that lie on nearly horizontal lines of a length at least, and
    those on nearly vertical ones, bool `(2, height, width)`.
    """
    # So dense that a line leaves the nearest by half a pixel.
    count = min(61, 2 * round(SLOPES[-1] * length) + 1)
    found = np.zeros((2, *own.shape), bool)
    for slope in np.linspace(SLOPES[0], SLOPES[-1], count):
        found[0] |= find_runs(own, slope, round(length))
        found[1] |= find_runs(own.T, slope, round(length)).T
    return found


def fit_rectangle(across: np.ndarray, down: np.ndarray) -> tuple[float, float, float]:
    """Fits the smallest rectangle around lines.

    Args:
        across: nearly horizontal lines, bool `(height, width)`.
        down: nearly vertical ones.

    Returns:
        Its shorter side, without lines that stick out; which part of it the convex hull
        fills; and which part of the side that has the fewest lines along it has some.
    """
    points = np.argwhere(across | down)
    hull = spatial.ConvexHull(points)
    angles = np.deg2rad(np.arange(-12, 13, 2))
    turns = np.array(
        [[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]]
    )
    sides = np.ptp(np.tensordot(points[hull.vertices], turns, 1), axis=0)
    least = np.argmin(sides.prod(axis=0))
    sides, turn = sides[:, least], turns[..., least]
    apart = [
        np.ptp(np.argwhere(of) @ turn, axis=0)[i] for i, of in enumerate((across, down))
    ]
    turned = points @ turn
    turned = (turned - turned.min(axis=0)) / sides
    lined = []
    for along, away in (turned.T, turned.T[::-1]):
        for near in (away < 0.25, away > 0.75):
            bins, _ = np.histogram(along[near], 20, (0, 1))
            lined.append((bins > 0).mean())
    return min(apart), hull.volume / sides.prod(), min(lined)


def join(places: list) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Joins parts that lie above or over each other, as the bar of a 5 does.

    Args:
        places: rows and columns of each part.

    Yields:
        Rows and columns of a digit, and the numbers of its parts, from 0.
    """
    boxes = np.array(
        [(r.start, c.start, r.stop, c.stop) for r, c in places], np.float64
    ).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = np.flatnonzero(sides.max(axis=1) >= 5)
    kept = kept[np.argsort(-sides[kept].max(axis=1), kind="stable")][:MOST]
    boxes, sides = boxes[kept], sides[kept]
    low, high = boxes[:, np.newaxis, :2], boxes[:, np.newaxis, 2:]
    over = np.minimum(high, boxes[:, 2:]) - np.maximum(low, boxes[:, :2])
    union = np.maximum(high, boxes[:, 2:]) - np.minimum(low, boxes[:, :2])
    least = np.minimum(sides[:, np.newaxis], sides)
    inside = ((low > boxes[:, :2]) & (high < boxes[:, 2:])).all(axis=2)
    near = over[..., 1] > 0.3 * least[..., 1]
    near &= over[..., 0] > -0.12 * union[..., 0]
    most = np.maximum(sides[:, np.newaxis], sides)
    near &= union[..., 1] < np.maximum(1.3 * union[..., 0], 1.25 * most[..., 1])
    near &= union[..., 0] < 1.5 * most[..., 0]
    near &= most.max(axis=2) < 3 * np.minimum(
        sides.max(axis=1)[:, np.newaxis], sides.max(axis=1)
    )
    near &= ~inside & ~inside.T
    group = np.arange(len(kept))
    for i, j in np.argwhere(np.triu(near, 1)):
        group[group == group[i]] = group[j]
    for number in np.unique(group):
        of = boxes[group == number].astype(int)
        top, left = of[:, :2].min(axis=0)
        bottom, right = of[:, 2:].max(axis=0)
        yield slice(top, bottom), slice(left, right), kept[group == number]


def cut(candidate: Candidate) -> dict[tuple[int, int], Candidate]:
    """Cuts strokes where few of them would be hit, for digits may touch.

    Returns:
        Each piece by the number of the cut on its left and of that on its right; 0 is
        the left side.
    """
    high, wide = candidate.ink.shape
    if wide < CUT * high:
        return {(0, 1): candidate}
    # Cuts may lean: column + slope * (row - middle).
    rows = np.arange(high) - high / 2
    strokes = candidate.ink > 0.5
    costs = []
    for slope in (-0.4, -0.2, 0, 0.2, 0.4):
        columns = np.arange(wide)[:, np.newaxis] + np.round(slope * rows).astype(int)
        inside = (columns >= 0) & (columns < wide)
        hit = strokes[np.arange(high), np.clip(columns, 0, wide - 1)] & inside
        costs += [(hit.sum(), column, slope) for column, hit in enumerate(hit)]
    margin = 0.2 * high
    chosen = []
    for cost, column, slope in sorted(costs):
        if len(chosen) == CUTS or cost > 0.4 * high:
            break
        if margin < column < wide - margin and all(
            abs(column - other) > margin for other, _ in chosen
        ):
            chosen.append((column, slope))
    edges = [np.full(high, -1.0)]
    edges += [column + slope * rows for column, slope in sorted(chosen)]
    edges.append(np.full(high, float(wide)))
    pieces = {}
    left, top, right, _ = candidate.box
    size = (right - left) / (wide - 4)  # of a pixel; strokes are padded by 2
    column = np.arange(wide)
    for start, end in itertools.combinations(range(len(edges)), 2):
        inside = column > edges[start][:, np.newaxis]
        inside &= column <= edges[end][:, np.newaxis]
        ink = candidate.ink * inside
        ink *= drawing.keep_strokes(ink > 0.4)
        down, across = np.nonzero(ink > 0.4)
        if not down.size or np.ptp(down) < 0.65 * high or np.ptp(across) < 2:
            continue
        if np.ptp(across) > SINGLE * np.ptp(down):
            continue
        sides = across.min() - 2, down.min() - 2, across.max() - 1, down.max() - 1
        box = np.array(sides) * size + (left, top, left, top)
        part = ink[down.min() : down.max() + 1, across.min() : across.max() + 1]
        pieces[start, end] = candidate._replace(box=tuple(box), ink=np.pad(part, 2))
    return pieces


def choose_cuts(certain: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """Returns the pieces, from left to right, of which all together are most probably
    digits; none if no pieces cover all strokes.

    Args:
        certain: probability of each piece, by its two cuts.
    """
    best = {0: (1.0, [])}
    last = max((end for _, end in certain), default=0)
    for (start, end), probability in sorted(certain.items()):
        if start in best:
            product = best[start][0] * probability * WHOLE
            if product > best.get(end, (0, []))[0]:
                best[end] = product, [*best[start][1], (start, end)]
    return best.get(last, (0, []))[1]


def vary(ink: np.ndarray) -> np.ndarray:
    """Returns a drawing in MNIST's form several times, turned, and made narrower and
    wider: uint8 `(9, 28, 28, 1)`, the first as it is.
    """
    scale = 100 / max(ink.shape)
    size = [max(2, round(scale * side)) for side in ink.shape[::-1]]
    large = Image.fromarray(np.float32(np.pad(ink, 1)))
    large = large.resize(size, Image.Resampling.BILINEAR)
    varied = []
    for angle in (0, -8, 8):
        turned = large.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        strokes = drawing.thicken(np.asarray(turned))
        rows = np.flatnonzero(strokes.max(axis=1) > 0.3)
        columns = np.flatnonzero(strokes.max(axis=0) > 0.3)
        strokes = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        image = Image.fromarray(np.float32(strokes))
        for width in (1, 0.88, 1.12):
            wide = max(2, round(width * image.width))
            resized = np.asarray(image.resize((wide, image.height)))
            varied.append(drawing.center(np.clip(resized, 0, 1)))
    return np.stack(varied)


def choose(
    pieces: dict[tuple[int, int, int], Candidate],
    images: np.ndarray,
    probabilities: np.ndarray,
) -> list[Digit]:
    """Chooses the digits among candidates, and brings them into the order of reading.

    Args:
        pieces: of the candidates of a photograph, by the candidate's number and the
            piece's cuts.
        images: uint8 `(n, 28, 28, 1)`.
        probabilities: float `(n, classes)`.
    """
    certain = probabilities.max(axis=1)
    # Hardly a digit is wider than high.
    boxes = np.array([one.box for one in pieces.values()])
    sides = boxes[:, 2:] - boxes[:, :2]
    likely = certain * np.minimum(1, sides[:, 1] / sides[:, 0])
    cuts = collections.defaultdict(dict)
    for index, (number, start, end) in enumerate(pieces):
        cuts[number][start, end] = index
    chosen = [
        [of[cut] for cut in choose_cuts({cut: likely[i] for cut, i in of.items()})]
        for of in cuts.values()
    ]
    everything = list(pieces.values())
    qualities = np.array([one.quality for one in everything])
    clear = qualities * certain
    kept = []
    # Of what overlaps, one is a digit.
    for group in sorted(filter(None, chosen), key=lambda group: -clear[group].mean()):
        if all(
            find_overlap(everything[one], everything[other])[0] < 0.5
            for one in group
            for other in kept
        ):
            kept += group
    # All are on one sheet.
    of_sheets = collections.defaultdict(list)
    for index in kept:
        of_sheets[everything[index].sheet].append(index)
    on_sheet = max(
        (of for of in of_sheets.values() if clear[of].max() > CLEAR),
        key=lambda of: (
            qualities[of].max() * np.average(certain[of], weights=qualities[of])
        ),
        default=None,
    )
    if on_sheet is None:
        return []
    best = everything[max(on_sheet, key=lambda index: clear[index])]
    high = best.box[3] - best.box[1]
    # One hand wrote with one pen.
    alike_everywhere = [
        index
        for index in kept
        if everything[index].dark_on_light == best.dark_on_light
        and 0.5 < (everything[index].box[3] - everything[index].box[1]) / high < 2
        and is_same_pen(everything[index].color, best.color)
        and everything[index].quality > ALSO * best.quality
    ]
    alike = [index for index in alike_everywhere if index in on_sheet]
    near = [index for index in alike if is_near(everything[index], best)]
    # Where most is no digit, as in grass or print, nothing is. Beside a sheet of paper
    # may be grass.
    asked = alike if clear[on_sheet].max() > OBVIOUS else alike_everywhere
    if np.average(certain[asked], weights=qualities[asked]) < SURE and len(asked) > 1:
        return []
    return sort(
        [
            Digit(*everything[index][:2], images[index], probabilities[index])
            for index in alike
            if certain[index] > 0.5 and (clear[index] > CLEAR or index in near)
        ]
    )


def is_near(one: Candidate, other: Candidate) -> bool:
    """Returns whether two digits may belong to one number."""
    boxes = np.array([one.box, other.box]).reshape(2, 2, 2)
    apart = np.linalg.norm(np.diff(boxes.mean(axis=1), axis=0))
    return apart < FAR * (boxes[:, 1, 1] - boxes[:, 0, 1]).max()


def is_same_pen(one: np.ndarray, other: np.ndarray) -> bool:
    """Returns whether two inks, differences of logarithms `(3,)`, have about the same
    color and are about equally strong.
    """
    weak, strong = sorted((np.linalg.norm(one), np.linalg.norm(other)))
    return bool(one @ other > HUE * weak * strong and strong < STRONGER * weak)


def sort(digits: list[Digit]) -> list[Digit]:
    """Sorts digits into lines from top to bottom, and each line from left to right."""
    lines = []
    for digit in sorted(digits, key=lambda digit: digit.box[1] + digit.box[3]):
        _, top, _, bottom = digit.box
        for line in lines:
            beside = min(line, key=lambda one: abs(one.box[0] - digit.box[0]))
            _, above, _, below = beside.box
            if above < (top + bottom) / 2 < below or top < (above + below) / 2 < bottom:
                line.append(digit)
                break
        else:
            lines.append([digit])
    return [one for line in lines for one in sorted(line, key=lambda one: one.box[0])]
