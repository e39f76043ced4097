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
from skimage import filters

from data.images import drawing

# Pixels: longer sides to which a photograph is scaled to look for digits, the widest
# strokes there, and the least height of a digit.
SCALES = ((1200, 64, 14), (320, 80, 40))
BLOCK = 4  # pixels, in which the paper is estimated and printed lines are looked for
FAINT = 0.12  # contrast of ink to paper, at least
# A printed line is longer than a fifth of the photograph's longer side, thinner than a
# part in 150, and has one of these slopes.
LINE, THIN = 5, 150
SLOPES = np.arange(-0.15, 0.16, 0.03)
MOST = 500  # parts in a photograph; texture has more
KEPT = 30  # candidates that a network is shown
# Widths, in heights: of digits in a row that touch, of one digit, and of what is tried
# to be cut.
WIDE, SINGLE, CUT = 6, 1.6, 0.7
WHOLE = 0.8  # one digit may be this much less probable for each cut that it saves
CUTS = 4  # places where digits may touch, at most
WIDEST = 0.62  # strokes, as a part of the digit's height
SMALLEST = 16  # pixels, sides of a printed box
SQUARE = 0.88  # part of a rectangle that a printed box fills; an ellipse fills 0.79
CLUTTERED = 0.3  # part of the surroundings that stands out as much as the ink
UNEVEN = 0.5  # brightness of the darkest paper around, as a part of the brightest
STRAIGHT = 0.7  # quality of a straight stroke, which may be an edge or a scratch
RARE = 0.8  # quality of light strokes on a dark ground, which may be reflections
CLEAR = 0.5  # quality times probability of the best digit
OBVIOUS = 0.8  # quality times probability where far strokes raise no doubt
ALSO = 0.45  # quality of another one, as a part of the best digit's
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
    """

    box: tuple[float, float, float, float]
    dark_on_light: bool
    ink: np.ndarray
    color: np.ndarray
    quality: float


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
    for side, stroke, least in SCALES:
        scale = side / max(picture.shape[:2])
        size = [max(8, round(scale * length)) for length in picture.shape[1::-1]]
        how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
        colors = np.asarray(Image.fromarray(picture).resize(size, how), np.float32)
        # Light and ink multiply: in logarithms, a shadow changes no difference.
        colors = np.log(ndimage.gaussian_filter(colors, (0.7, 0.7, 0)) + 20)
        for dark in (True, False):
            ink, paper = find_ink(colors if dark else -colors, stroke)
            candidates += find_strokes(ink, paper, stroke, least, scale, dark)
    # What is found at both scales is the same.
    apart = []
    for one in sorted(candidates, key=lambda one: -one.quality):
        if all(find_overlap(one, other)[1] < 0.6 for other in apart):
            apart.append(one)
    return apart[:KEPT]


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


def find_strokes(ink, paper, stroke, least, scale, dark) -> list[Candidate]:
    """Returns the candidates at a scale.

    Args:
        ink: how much darker than paper, logarithms, float `(height, width, 3)`.
        paper: logarithms of its brightness, a pixel a block.
        stroke: pixels, the widest.
        least: pixels, the height of a digit.
        scale: of the photograph.
        dark: whether ink of this kind is darker than the paper.
    """
    contrast = 1 - np.exp(-ink.max(axis=2))
    # Beside strong ink, half of its contrast is needed: so pale lines are cut from it.
    near = 0.45 * ndimage.maximum_filter(
        ndimage.uniform_filter(contrast, 3), stroke // 2
    )
    # Strokes may be fainter than FAINT, but not all along.
    low = np.clip(3 * np.median(contrast), FAINT / 2, FAINT)
    mask = filters.apply_hysteresis_threshold(
        contrast, np.maximum(low, near), np.maximum(FAINT, near)
    )
    mask = remove_lines(remove_boxes(mask), contrast)
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    places = ndimage.find_objects(parts)
    # Of the background, which has the number 0, and of each part.
    heights = np.array([0] + [rows.stop - rows.start for rows, _ in places])
    middles = np.array([0] + [rows.start + rows.stop for rows, _ in places]) / 2
    found = []
    height, width = mask.shape
    for rows, columns, members in join(places):
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
        around = 2 + round(0.35 * high)
        top, left = max(0, rows.start - around), max(0, columns.start - around)
        bottom, right = rows.stop + around, columns.stop + around
        surroundings = slice(top, bottom), slice(left, right)
        ground = paper[
            top // BLOCK : bottom // BLOCK + 1, left // BLOCK : right // BLOCK + 1
        ]
        near_parts = parts[surroundings]
        # Printed lines are no clutter, nor are other digits of the same line.
        similar = (heights > 0.5 * high) & (heights < 2 * high)
        similar &= (middles > rows.start) & (middles < rows.stop)
        strong = contrast[surroundings] > 0.4 * level
        strong &= mask[surroundings] & ~similar[near_parts]
        is_own = ndimage.binary_dilation(np.isin(near_parts, members), iterations=3)
        clutter = strong[~is_own].mean() if not is_own.all() else 1
        evenness = measure_evenness(ground)
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
        found.append(Candidate(box, dark, drawn, color, float(quality)))
    return found


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


def remove_lines(mask: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Returns a mask without long, thin and straight lines, but with the strokes that
    cross them or are darker.

    Args:
        mask: what could be strokes, bool `(height, width)`.
        contrast: of ink to paper, float `(height, width)`.
    """
    for _ in range(2):  # lines from left to right, then those from top to bottom
        faint = contrast > FAINT
        lines = find_lines(faint)
        if lines.any():
            on_lines = lines & faint
            thickness = np.median(measure_runs(faint)[on_lines])
            if thickness <= max(mask.shape) / THIN + 1:
                lines &= measure_runs(mask) <= 1.6 * thickness + 1
                darkest = 1.25 * np.percentile(contrast[on_lines], 90)
                mask = mask & ~(lines & (contrast < darkest))
        mask, contrast = mask.T, contrast.T
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
    """Returns the blocks of a mask that lie on long lines, nearly horizontal ones."""
    height, width = mask.shape
    blocks = np.pad(mask, [(0, -height % BLOCK), (0, -width % BLOCK)])
    high, wide = blocks.shape[0] // BLOCK, blocks.shape[1] // BLOCK
    blocks = blocks.reshape(high, BLOCK, wide, BLOCK).any(axis=(1, 3))
    length = max(mask.shape) // (LINE * BLOCK)
    found = np.zeros_like(blocks)
    margin = int(0.15 * wide) + 1
    # A line may leave its row of blocks by one.
    wider = ndimage.binary_dilation(blocks, np.ones((3, 1)))
    padded = np.pad(wider, [(margin, margin), (0, 0)])
    columns = np.arange(wide)
    for slope in SLOPES:
        rows = np.round(slope * (columns - wide / 2)).astype(int) + margin
        rows = rows + np.arange(high)[:, np.newaxis]
        sheared = padded[rows, columns].astype(np.uint8)
        straight = ndimage.grey_opening(sheared, (1, length), mode="constant") > 0
        back = np.zeros_like(padded)
        back[rows, columns] = straight
        found |= back[margin : margin + high]
    return found.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[:height, :width]


def remove_boxes(mask: np.ndarray) -> np.ndarray:
    """Returns a mask, bool `(height, width)`, without printed boxes, or rows of them,
    but with what is written in them, even if it touches them.
    """
    mask = mask.copy()
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
        own = parts[rows, columns] == number
        if min(rows.start, columns.start) == 0:
            continue
        if rows.stop == len(mask) or columns.stop == mask.shape[1]:
            continue
        if min(own.shape) < SMALLEST or own.mean() > 0.5:
            continue
        filled, inked, side = fit_rectangle(own)
        if filled < SQUARE or inked > 0.5:
            continue
        length = round(0.75 * side)
        across, down = find_straight(own, length), find_straight(own.T, length).T
        if has_both_halves(across) and has_both_halves(down.T):
            lines = ndimage.binary_dilation(across | down, np.ones((3, 3)))
            mask[rows, columns] &= ~lines
    return mask


def has_both_halves(lines: np.ndarray) -> bool:
    """Returns whether there are lines, bool `(height, width)`, above and below."""
    upper, lower = np.array_split(lines, 2)
    return bool(upper.any() and lower.any())


def find_straight(own: np.ndarray, length: int) -> np.ndarray:
    """Returns the pixels, bool `(height, width)`, that lie on nearly horizontal lines
    of a length at least.
    """
    high, wide = own.shape
    margin = int(SLOPES[-1] * wide) + 2
    # A line may leave its row by one pixel.
    wider = np.pad(own, [(margin, margin), (0, 0)])
    wider = ndimage.binary_dilation(wider, np.ones((3, 1)))
    columns = np.arange(wide)
    found = np.zeros_like(wider)
    for slope in SLOPES:
        rows = np.round(slope * (columns - wide / 2)).astype(int) + margin // 2
        rows = rows + np.arange(high + margin)[:, np.newaxis]
        sheared = wider[rows, columns]
        found[rows, columns] |= sheared & (length <= measure_runs(sheared.T).T)
    return found[margin : margin + high] & own


def fit_rectangle(own: np.ndarray) -> tuple[float, float, float]:
    """Returns which part of the smallest rectangle around strokes, bool `(height,
    width)`, their convex hull fills, which part they fill themselves, and the
    rectangle's shorter side.
    """
    hull = spatial.ConvexHull(np.argwhere(own))
    angles = np.deg2rad(np.arange(-12, 13, 2))
    y, x = hull.points[hull.vertices].T[..., np.newaxis]
    wide = np.ptp(np.cos(angles) * x + np.sin(angles) * y, axis=0)
    high = np.ptp(np.cos(angles) * y - np.sin(angles) * x, axis=0)
    least = np.argmin(wide * high)
    area = wide[least] * high[least]
    return hull.volume / area, own.sum() / area, min(wide[least], high[least])


def join(places: list) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Joins parts that lie above or over each other, as the bar of a 5 does.

    Args:
        places: rows and columns of each part.

    Yields:
        Rows and columns of a digit, and the labels of its parts.
    """
    boxes = np.array(
        [(r.start, c.start, r.stop, c.stop) for r, c in places], np.float64
    ).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = np.flatnonzero(sides.max(axis=1) >= 5)
    kept = kept[np.argsort(-sides[kept].max(axis=1), kind="stable")][:MOST]
    boxes, sides, labels = boxes[kept], sides[kept], 1 + kept
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
    group = np.arange(len(labels))
    for i, j in np.argwhere(np.triu(near, 1)):
        group[group == group[i]] = group[j]
    for number in np.unique(group):
        of = boxes[group == number].astype(int)
        top, left = of[:, :2].min(axis=0)
        bottom, right = of[:, 2:].max(axis=0)
        yield slice(top, bottom), slice(left, right), labels[group == number]


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
    """Returns a drawing in MNIST's form several times, with thicker strokes, turned,
    and made narrower and wider: uint8 `(18, 28, 28, 1)`, the first as it is.
    """
    scale = 100 / max(ink.shape)
    size = [max(2, round(scale * side)) for side in ink.shape[::-1]]
    large = Image.fromarray(np.float32(np.pad(ink, 1)))
    large = large.resize(size, Image.Resampling.BILINEAR)
    varied = []
    for angle in (0, -8, 8):
        turned = large.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        thick = drawing.thicken(np.asarray(turned))
        thicker = ndimage.grey_dilation(np.pad(thick, 2), size=(5, 5))
        for strokes in (thick, thicker):
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
    if not kept or clear[kept].max() < CLEAR:
        return []
    best = everything[max(kept, key=lambda index: clear[index])]
    high = best.box[3] - best.box[1]
    # One hand wrote with one pen.
    alike = [
        index
        for index in kept
        if everything[index].dark_on_light == best.dark_on_light
        and 0.5 < (everything[index].box[3] - everything[index].box[1]) / high < 2
        and is_same_pen(everything[index].color, best.color)
        and everything[index].quality > ALSO * best.quality
    ]
    near = [index for index in alike if is_near(everything[index], best)]
    # Where most is no digit, as in grass or print, nothing is. Beside a sheet of paper
    # may be grass.
    asked = near if clear[kept].max() > OBVIOUS else alike
    if np.average(certain[asked], weights=qualities[asked]) < SURE and len(asked) > 1:
        return []
    return sort(
        [
            Digit(*everything[index][:2], images[index], probabilities[index])
            for index in alike
            if clear[index] > CLEAR or index in near
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
