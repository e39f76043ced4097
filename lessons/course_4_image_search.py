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

from training import command_line, figures, options, runs

import keras
import numpy as np

from data import fashion, photo_index, weights
from data.images import read
from models import backbones, cnn, features


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    query: Path | None = (
        None  # picture to look for in a folder; Fashion-MNIST is searched if not given
    )
    folder: Path | None = None  # of the photos to search in, with its subfolders
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"  # network that knows ImageNet
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
    vectors, sought, rows = compute(collection[0]), compute(queries[0]), []
    for several in np.split(np.arange(len(sought)), range(500, len(sought), 500)):
        for cosines, label in zip(
            sought[several] @ vectors.T, queries[1][several], strict=True
        ):
            right = np.sort(cosines[collection[1] == label])[
                ::-1
            ]  # the cosines of the right kind, the largest first
            ranks = len(cosines) - np.searchsorted(
                np.sort(cosines), right
            )  # their places among all
            nearest = collection[1][np.argpartition(cosines, -10)[-10:]]
            rows.append(
                (
                    np.mean(nearest == label),
                    np.mean(np.arange(1, len(ranks) + 1) / ranks),
                )
            )
    return dict(
        zip(
            ("precision at 10", "average precision"),
            np.mean(rows, axis=0).tolist(),
            strict=True,
        )
    )


def search_folder(config: Config) -> dict:
    query, files = (
        read.read_picture(config.query),
        photo_index.list_files(config.folder),
    )
    pretrained = weights.find_weights(config.backbone, config.weights)
    with runs.start(config, sources=[pretrained]) as run:
        compute = features.use_network(
            backbones.build_backbone(config.backbone, pretrained.path, pretrained.keep)
        )
        folder = config.folder.resolve()
        kind = f"{config.backbone}, {config.weights}, {run.precision}, {folder}"
        index = photo_index.update_index(run.folder / "index.npz", kind, files, compute)
        vector = compute(read.cut_out_square(query, 224)[np.newaxis])[0]
        nearest = search(index.vectors, vector)
        names, cosines = (
            index.names[nearest].tolist(),
            (index.vectors[nearest] @ vector).tolist(),
        )
        print(
            "\n".join(
                f"{cosine:.3f} {name}"
                for cosine, name in zip(cosines, names, strict=True)
            )
        )
        shown = [
            query,
            *(read.read_picture(config.folder / name) for name in names),
        ]
        captions = [
            f"{cosine:.2f} {Path(name).name[:16]}"
            for cosine, name in zip(cosines, names, strict=True)
        ]
        run.show(
            "neighbors", figures.draw_grid(shown, ["like this?", *captions], columns=6)
        )
        run.projector(
            config.backbone, index.vectors, index.thumbnails, index.names.tolist()
        )
        return run.finish(found=dict(zip(names, cosines, strict=True)))


def main(config: Config) -> dict:
    if config.folder:
        return search_folder(config)
    dataset, pretrained = (
        fashion.load_fashion(),
        weights.find_weights(config.backbone, config.weights),
    )
    images, labels = everything = [
        np.concatenate(both)
        for both in zip(dataset.train, dataset.validation, strict=True)
    ]
    part, few = (
        [array[:size] for array in split]
        for split, size in ((everything, 9000), (dataset.test, 1000))
    )
    with runs.start(config, dataset) as run:
        model = cnn.build_cnn(units=config.units)
        model.compile(
            "adam",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(
            *dataset.train,
            batch_size=100,
            epochs=config.epochs,
            validation_data=dataset.validation,
            callbacks=run.callbacks(),
            verbose=run.verbose,
        )
        own = features.use_network(model)
        network = backbones.build_backbone(
            config.backbone, *pretrained[:2], 224 if config.backbone == "vgg16" else 96
        )
        ways = {
            "pixels": features.get_pixels,
            "histogram": features.count_colors,
            "HOG": features.compute_hog,
        }
        quality, ways = (
            {},
            ways | {"own network": own, "ImageNet": features.use_network(network)},
        )
        for pool, queries in ((everything, dataset.test), (part, few)):
            for way, compute in ways.items():
                if way != "ImageNet" or pool is part:  # all would take minutes
                    quality[f"{len(queries[1]):,} in {len(pool[1]):,}: {way}"] = (
                        measure(compute, pool, queries)
                    )
        run.table("Quality of the search", quality, digits=3)
        kinds = np.array(dataset.class_names)
        sought = [
            dataset.test.x[dataset.test.y == label][0] for label in range(len(kinds))
        ]
        vectors, queries = own(images), own(np.stack(sought))
        found = [search(vectors, query) for query in queries]
        milliseconds = (
            1000 * timeit.timeit(lambda: search(vectors, queries[0]), number=20) / 20
        )
        print(f"\nA search among {len(images):,} pictures took {milliseconds:.2g} ms")
        shown = [
            picture
            for query, places in zip(sought, found, strict=True)
            for picture in (query, *images[places])
        ]
        captions = [
            name
            for kind, row in zip(kinds, found, strict=True)
            for name in (kind + "?", *kinds[labels[row]])
        ]
        run.show("neighbors", figures.draw_grid(shown, captions, columns=11))
        run.projector("own network", vectors, images, kinds[labels].tolist())
        return run.finish(quality=quality, search_milliseconds=milliseconds)


if __name__ == "__main__":
    command_line.run(main, Config)
