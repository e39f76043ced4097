"""I want new shoes: pictures that look like a picture, found by their features.

    python lessons/course_4_image_search.py

Result: 88 % of the first ten are right by learned features (88.0 to 88.5 over 5 seeds),
        81 % by pixels
Time: 1.6 minutes (2 cores, bfloat16)

You will see 60,000 pictures of clothes searched for those like a given one. Each
becomes a vector, and the cosine tells which are near. What counts is what it says:
pixels, a histogram of grays, directions of edges (HOG), or the last hidden layer of a
network that learned ten kinds. Average precision: the share of right ones down to each
right one, averaged.

In TensorBoard: under Images the "neighbors" of a picture of each kind; on the page
Projector the collection.

Try:
    --query shoe.jpg --folder photos your own photos, by the features of a network that
    knows ImageNet
    --epochs 1                       a network that learned for a third of the time: 86
                                     %
    --units 8                        vectors of eight numbers are too short: 71 %
"""

import timeit
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lessons.plots import course_4_image_search as plots
from training import command_line, options, runs

import keras
import numpy as np

from data import fashion, photo_index, weights
from data.images import read
from models import backbones, cnn, features


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    # Picture to look for in a folder; Fashion-MNIST is searched if not given.
    query: Path | None = None
    folder: Path | None = None  # of the photos to search in, with its subfolders
    # Network that knows ImageNet.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    epochs: int = 3  # of the network for Fashion-MNIST
    units: int = 128  # numbers in its vectors

    def __post_init__(self):
        super().__post_init__()
        if (self.query is None) != (self.folder is None):
            raise ValueError(
                "--query and --folder go together: the picture to look for, and the "
                "photos to search in"
            )


def search(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Returns the places of the ten vectors with the largest cosine, the nearest first.

    All have length 1.
    """
    cosines = vectors @ query
    nearest = np.argpartition(-cosines, min(10, len(cosines) - 1))[:10]
    return nearest[np.argsort(-cosines[nearest])]


def measure(compute, collection: tuple, queries: tuple) -> dict[str, float]:
    """Searches a collection for the like of each query; both are images and labels.

    Equal cosines rank equally low.
    """
    images, labels = collection
    query_images, query_labels = queries
    vectors = compute(images)
    sought = compute(query_images)

    rows = []
    for start in range(0, len(sought), 500):
        several = slice(start, start + 500)
        similarities = sought[several] @ vectors.T  # (500, images)
        for cosines, label in zip(similarities, query_labels[several], strict=True):
            nearest = np.argpartition(cosines, -10)[-10:]
            precision = np.mean(labels[nearest] == label)
            # Of the right kind, the largest first, and their places among all.
            right = np.sort(cosines[labels == label])[::-1]
            ranks = len(cosines) - np.searchsorted(np.sort(cosines), right)
            precisions = np.arange(1, len(ranks) + 1) / ranks
            rows.append((precision, np.mean(precisions)))
    precision, average = np.mean(rows, axis=0).tolist()
    return {"precision at 10": precision, "average precision": average}


def compare(ways: dict, collection: tuple, queries: tuple) -> dict[str, dict]:
    """Measures the search with each way of computing vectors."""
    size = f"{len(queries[1]):,} in {len(collection[1]):,}"
    quality = {}
    for way, compute in ways.items():
        quality[f"{size}: {way}"] = measure(compute, collection, queries)
    return quality


def search_folder(config: Config) -> dict:
    query = read.read_picture(config.query)
    files = photo_index.list_files(config.folder)
    pretrained = weights.find_weights(config.backbone, config.weights)

    with runs.start(config, sources=[pretrained]) as run:
        network = backbones.build_backbone(
            config.backbone, pretrained.path, pretrained.keep
        )
        compute = features.use_network(network)
        folder = config.folder.resolve()
        kind = f"{config.backbone}, {config.weights}, {run.precision}, {folder}"
        index = photo_index.update_index(run.folder / "index.npz", kind, files, compute)

        square = read.cut_out_square(query, 224)
        vector = compute(square[np.newaxis])[0]
        nearest = search(index.vectors, vector)
        names = index.names[nearest].tolist()
        cosines = (index.vectors[nearest] @ vector).tolist()
        found = dict(zip(names, cosines, strict=True))

        for name, cosine in found.items():
            print(f"{cosine:.3f} {name}")
        pictures = [read.read_picture(config.folder / name) for name in found]
        run.show("neighbors", plots.draw_found(query, pictures, found))
        run.projector(
            config.backbone, index.vectors, index.thumbnails, index.names.tolist()
        )
        return run.finish(found=found)


def main(config: Config) -> dict:
    if config.folder:
        return search_folder(config)
    dataset = fashion.load_fashion()
    pretrained = weights.find_weights(config.backbone, config.weights)
    train, validation, test = dataset.train, dataset.validation, dataset.test
    images = np.concatenate([train.x, validation.x])
    labels = np.concatenate([train.y, validation.y])

    with runs.start(config, dataset) as run:
        model = cnn.build_cnn(units=config.units)
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
        own = features.use_network(model)
        size = 224 if config.backbone == "vgg16" else 96
        network = backbones.build_backbone(
            config.backbone, pretrained.path, pretrained.keep, size
        )

        ways = {
            "pixels": features.get_pixels,
            "histogram": features.count_colors,
            "HOG": features.compute_hog,
            "own network": own,
        }
        quality = compare(ways, (images, labels), test)
        # Of a part only: it would take minutes for all.
        ways["ImageNet"] = features.use_network(network)
        part = (images[:9000], labels[:9000])
        quality |= compare(ways, part, (test.x[:1000], test.y[:1000]))
        run.table("Quality of the search", quality, digits=3)

        kinds = range(len(dataset.class_names))
        first = [np.argmax(test.y == kind) for kind in kinds]
        examples = test.x[first]  # (10, 28, 28, 1), one of each kind
        vectors = own(images)  # (60000, units)
        queries = own(examples)
        found = [search(vectors, query) for query in queries]
        seconds = timeit.timeit(lambda: search(vectors, queries[0]), number=20) / 20
        milliseconds = 1000 * seconds
        print(f"\nA search among {len(images):,} pictures took {milliseconds:.2g} ms")

        class_names = np.array(dataset.class_names)
        names = class_names[labels]
        neighbors = plots.draw_neighbors(examples, class_names, found, images, names)
        run.show("neighbors", neighbors)
        run.projector("own network", vectors, images, names.tolist())
        return run.finish(quality=quality, search_milliseconds=milliseconds)


if __name__ == "__main__":
    command_line.run(main, Config)
