"""I want new shoes: which features find similar clothes?

    python lessons/course_4_similar_clothes.py

Result: 88 % of the first ten are of the right kind by learned features (88.2 to 88.4
        over 3 seeds), 81 % by pixels (the best without learning), 10 % by chance
Time: 1.4 minutes (2 cores, AVX2 only), 1.1 minutes (2 cores, bfloat16)

You have a picture of a shoe, and look for similar ones among 60,000 pictures of clothes
(Fashion-MNIST). A feature is a number that is computed from a picture, and all features
of a picture make a vector. The search returns the ten pictures whose vectors have the
largest cosine with that of your shoe. So the features decide what "similar" means:

- pixels: light and dark in the same places;
- histogram: as many pixels of each gray, in whatever place;
- HOG: edges of the same directions in each part of the picture;
- own network: the 128 numbers in the last hidden layer of a convolutional network that
  was trained to tell ten kinds of clothes apart. Its output for each kind is a weighted
  sum of them, so training tends to make the same numbers large for all pictures of a
  kind. What differs within a kind, such as a print on a shirt, is no help to it and
  gets lost;
- ImageNet: the same layer of a network that was trained on a million photographs.

Each of the 10,000 test pictures is a query, and pictures of its kind are right.
Precision at 10 is the fraction of relevant ones among the first ten: 88 % by the own
network, 81 % by pixels, 79 % by HOG, 36 % by the histogram. Average precision judges
the ranking of all 60,000 pictures: at the rank of each right picture, which fraction
down to there is right? It is the mean of these fractions. Averaged over the queries, it
is 0.78 by the own network, 0.49 by HOG and 0.48 by pixels. The own network has an
advantage: in training it was told the kinds of 55,000 of the 60,000 pictures, while
pixels, histogram and HOG know nothing of kinds. The queries were new to it. ImageNet's
features are compared in a part of 9,000 pictures, where precision at 10 is 79 % by
them, 77 % by pixels and 88 % by the own network.

In TensorBoard: the ten pictures found for one of each kind, by all features except
ImageNet's; those of another kind are red ("neighbors", page Images). For a bag, the
histogram finds shirts and dresses: as many light pixels, in other places. The
collection as points in space, by the features of the own network (page Projector).

Try:
    --epochs 1   a network that learned for a third of the time: 86 %
    --units 8    vectors of eight numbers instead of 128 find less: 80 %
    --cells 7    HOG of 7 x 7 parts instead of 4 x 4 finds more than pixels: 83 %
"""

import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lessons.plots import course_4_similar_clothes as plots
from training import command_line, options, runs

import keras
import numpy as np

from data import fashion, weights
from models import backbones, cnn, features

FIRST = 10  # pictures that a search returns
# Of the collection and of the queries, for the comparison with ImageNet's features: to
# compute them for all pictures would take minutes.
PART, PART_QUERIES = 9000, 1000
AT_ONCE = 2000  # images whose features are computed at a time, to save memory


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    epochs: int = 3  # of the own network's training
    units: int = 128  # of its last hidden layer: so many features of an image
    # HOG's parts in each direction: 4 are 4 x 4 parts of 7 x 7 pixels.
    cells: Literal[2, 4, 7] = 4
    # Network that was trained on ImageNet.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given


def get_pixels(images: np.ndarray) -> np.ndarray:
    """Returns the pixels of each image in a row: (n, 784)."""
    return images.reshape(len(images), -1)


def count_grays(images: np.ndarray, grays: int = 16) -> np.ndarray:
    """Returns a histogram of each image: how many of its pixels have each gray.

    Swain and Ballard, "Color Indexing", 1991, with grays in place of colors.

    Args:
        images: uint8 (n, 28, 28, 1).
        grays: number of bins, a divisor of 256.

    Returns:
        Integers (n, grays).
    """
    bins = get_pixels(images) // (256 // grays)  # (n, 784), from 0 to 15
    return np.stack([np.bincount(row, minlength=grays) for row in bins])


def compute_hog(images: np.ndarray, cells: int, directions: int = 9) -> np.ndarray:
    """Returns histograms of oriented gradients: which directions the edges have in each
    part of an image.

    Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005.

    Args:
        images: uint8 (n, 28, 28, 1).
        cells: parts in each direction, a divisor of 28.
        directions: number of bins of the histograms.

    Returns:
        Float64 (n, features); 324 features by default.
    """
    grays = np.float64(images[..., 0])  # (n, 28, 28)
    down = np.zeros_like(grays)  # how much lighter it is below than above
    down[:, 1:-1] = grays[:, 2:] - grays[:, :-2]
    right = np.zeros_like(grays)
    right[:, :, 1:-1] = grays[:, :, 2:] - grays[:, :, :-2]
    strength = np.hypot(right, down)
    # From 0 to below 180 degrees: light beside dark is the same edge as dark beside
    # light.
    angles = np.degrees(np.arctan2(down, right)) % 180
    bins = np.floor(angles * directions / 180)

    # A histogram for each cell. Strong edges count more.
    count, height, width = grays.shape
    histograms = np.zeros((count, cells, cells, directions))
    for direction in range(directions):
        edges = np.where(bins == direction, strength, 0)
        parts = edges.reshape(count, cells, height // cells, cells, width // cells)
        histograms[..., direction] = parts.mean(axis=(2, 4))

    # Four neighboring cells make a block, which is normalized: a shadow that makes all
    # of its edges weaker then changes nothing. Cells are in several blocks.
    blocks = []
    for row in range(cells - 1):
        for column in range(cells - 1):
            block = histograms[:, row : row + 2, column : column + 2]  # (n, 2, 2, 9)
            blocks.append(normalize_blocks(block.reshape(count, -1)))
    return np.concatenate(blocks, axis=1)


def normalize_blocks(blocks: np.ndarray) -> np.ndarray:
    """Returns vectors (n, 36) of length 1.

    Numbers above 0.2 are cut to 0.2 on the way, so that a single strong edge does not
    outweigh all others. That makes the vectors shorter; so they are normalized again,
    and the limit of 1 then cuts nothing.
    """
    for limit in (0.2, 1):
        lengths = np.sqrt(np.sum(blocks**2, axis=1, keepdims=True) + 1e-10)
        blocks = np.minimum(blocks / lengths, limit)
    return blocks


def describe(compute: Callable, images: np.ndarray) -> np.ndarray:
    """Returns the features of images as float32 vectors of length 1, (n, features): the
    product of two of them is their cosine.
    """
    parts = []
    for start in range(0, len(images), AT_ONCE):
        parts.append(np.float32(compute(images[start : start + AT_ONCE])))
    vectors = np.concatenate(parts)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def search(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Returns the indices of the ten vectors with the largest cosines, the nearest
    first.

    Args:
        vectors: float (n, features), of length 1.
        query: float (features,), of length 1.
    """
    cosines = vectors @ query
    nearest = np.argpartition(-cosines, FIRST)[:FIRST]  # faster than to sort all
    return nearest[np.argsort(-cosines[nearest])]


def precision_at_10(cosines: np.ndarray, right: np.ndarray) -> float:
    """Returns the fraction of right ones among the ten nearest.

    Args:
        cosines: float (n,), of each picture of the collection with the query.
        right: bool (n,), whether the picture is of the query's kind.
    """
    nearest = np.argpartition(cosines, -FIRST)[-FIRST:]
    return np.mean(right[nearest])


def average_precision(cosines: np.ndarray, right: np.ndarray) -> float:
    """Returns the mean of the precisions at the ranks of all right pictures: 1 if these
    come first.

    Pictures with equal cosines all get the last of their ranks, so that a tie is no
    advantage. The arguments are those of `precision_at_10`.
    """
    found = np.sort(cosines[right])[::-1]  # of the right ones, the nearest first
    ranks = len(cosines) - np.searchsorted(np.sort(cosines), found)  # among all
    return np.mean(np.arange(1, len(found) + 1) / ranks)


def measure(
    vectors: np.ndarray, labels: np.ndarray, queries: np.ndarray, wanted: np.ndarray
) -> dict[str, float]:
    """Searches a collection for each query, and returns the means of both measures.

    Args:
        vectors: float32 (n, features), of the collection.
        labels: integers (n,), their kinds.
        queries: float32 (m, features).
        wanted: integers (m,), the kinds that are right.
    """
    first, whole = [], []
    for start in range(0, len(queries), 500):
        several = slice(start, start + 500)
        similarities = queries[several] @ vectors.T  # (500, n)
        for cosines, label in zip(similarities, wanted[several], strict=True):
            right = labels == label
            first.append(precision_at_10(cosines, right))
            whole.append(average_precision(cosines, right))
    return {
        "precision_at_10": float(np.mean(first)),
        "average_precision": float(np.mean(whole)),
    }


def name_by_way(quality: dict[str, dict[str, float]]) -> dict[str, float]:
    """Returns each value under the names of its features and its measure, the features
    that find most first.
    """
    ways = sorted(quality, key=lambda way: -quality[way]["precision_at_10"])
    named = {}
    for way in ways:
        for name, value in quality[way].items():
            named[f"{way}_{name}"] = value
    return named


def main(config: Config) -> dict:
    dataset = fashion.load_fashion()
    pretrained = weights.find_weights(config.backbone, config.weights)
    train, validation, test = dataset.train, dataset.validation, dataset.test
    images = np.concatenate([train.x, validation.x])  # the collection
    labels = np.concatenate([train.y, validation.y])

    with runs.start(config, dataset, sources=[pretrained]) as run:
        model = cnn.build_cnn(units=config.units, kernel=3)
        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(
            train.x,
            train.y,
            batch_size=100,
            epochs=config.epochs,
            validation_data=validation,
            callbacks=run.callbacks(),
            verbose=run.verbose,
        )

        ways = {
            "pixels": get_pixels,
            "histogram": count_grays,
            "HOG": lambda images: compute_hog(images, config.cells),
            # From images to what the last layer takes.
            "own_network": features.use_network(model),
        }
        vectors, queries, quality = {}, {}, {}
        for way, compute in ways.items():
            vectors[way] = describe(compute, images)
            queries[way] = describe(compute, test.x)
            quality[way] = measure(vectors[way], labels, queries[way], test.y)
        fractions = np.bincount(labels) / len(labels)  # of each kind in the collection
        quality["chance"] = {"precision_at_10": float(np.mean(fractions[test.y]))}
        run.table(f"{len(test.y):,} searches in {len(labels):,}", quality)

        size = 224 if config.backbone == "vgg16" else 96
        # `keep` is the file in which converted weights are kept for the next run.
        network = backbones.build_backbone(
            config.backbone, pretrained.path, pretrained.keep, size
        )
        compute = features.use_network(network)
        vectors["ImageNet"] = describe(compute, images[:PART])
        queries["ImageNet"] = describe(compute, test.x[:PART_QUERIES])
        part = {}
        for way in vectors:
            part[way] = measure(
                vectors[way][:PART],
                labels[:PART],
                queries[way][:PART_QUERIES],
                test.y[:PART_QUERIES],
            )
        run.table(f"{PART_QUERIES:,} searches in {PART:,}", part)

        names = np.array(dataset.class_names)
        examples = [np.argmax(test.y == kind) for kind in range(len(names))]
        for way in ways:
            found = [search(vectors[way], queries[way][place]) for place in examples]
            picture = plots.draw_neighbors(
                test.x[examples], names, found, images, names[labels]
            )
            run.show(f"neighbors_{way}", picture)
        run.projector(
            "own network", vectors["own_network"], images, names[labels].tolist()
        )
        query = queries["own_network"][0]
        seconds = timeit.timeit(
            lambda: search(vectors["own_network"], query), number=20
        )
        milliseconds = 1000 * seconds / 20
        print(f"\nA search among {len(images):,} pictures took {milliseconds:.2g} ms")

        learned = quality.pop("own_network")
        return run.finish(
            test=learned | {"examples": len(test.y)},
            baseline=name_by_way(quality),
            part=name_by_way(part),
            search_milliseconds=milliseconds,
        )


if __name__ == "__main__":
    command_line.run(main, Config)
