"""Photo search: which photographs look like yours?

    python lessons/course_4_photo_search.py

Result: 82 % of searches with a cropped view find its photograph first, among 415, by a
        network's features (80 to 84 over 5 seeds), 48 % by colors (46 to 50), 7 % by
        pixels
Time: 0.3 minutes (2 cores, AVX2 only), 0.3 minutes (2 cores, bfloat16)

In `course_4_similar_clothes.py`, a network learned from labels what is similar. Your
own photographs have no labels. This lesson uses a network that was trained on other
photographs: EfficientNet-Lite0, on the 1.3 million of ImageNet. Its last layer takes
1,280 numbers and decides among 1,000 classes, and these 1,280 numbers describe your
photographs, too. They are computed once for each photograph and kept in an index. A
search only compares them, by their cosines. Nothing is trained.

How can one tell how good such a search is, if nobody has said what is right? A changed
view of a photograph should find the photograph itself, before all others. The lesson
makes four views of each photograph, and searches for each view: cropped to half of its
height and width, mirrored, darkened, and turned by 90 degrees. The seed only chooses
where a photograph is cropped. A search that ranks at random would find 1 of 415 first.

The network's features are compared with two kinds that are made by hand:

- pixels: a small copy of the photograph. A darker copy is the same vector times a
  number, and the cosine ignores lengths, so darkened views are found. In a mirrored
  copy nearly every pixel is in another place;
- histogram: how many pixels have each color, wherever they are. Mirrored and turned
  views have the same histogram and are found. Darkening changes all colors.

All three are of the middle square of a photograph or view, scaled to 224 x 224 pixels.

The way these two are computed makes them blind to some changes. A cropped view changes
both. The network learned what does not matter: in its training, photographs were
cropped and mirrored at random, their light differed, and the class stayed the same.
Turned photographs were rare in its training, and yet it finds 413 of 415 by their
turned views: their features change, but stay closer to those of their own photograph
than to those of any other.

The collection is 18 photographs that come with scikit-image, scikit-learn and
Matplotlib and, if you have fetched them (`python -m data fetch ants-and-bees`), 397
photographs of ants and bees: 415 in all, and the result above is for these. With the 18
alone, the network finds all from their cropped views, the histogram 14 (seed 0). The
test asks whether the same photograph is found again. Whether the other results look
similar is for you to judge.

In TensorBoard: six cropped views, and what each kind of features finds for them
("neighbors", page Images). The network's features as points in space (page Projector).

Try:
    --query new.jpg --folder photos
                      search in your own photos. The next search in that folder
                      computes the features of new photos only
    --kept 0.3        from smaller parts, the network finds 14 of the 18 photographs,
                      and the histogram 12 (seed 0)
    --brightness 0.1  from nearly black views, the network finds 16 of the 18, and
                      pixels find all
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from lessons.plots import course_4_photo_search as plots
from training import command_line, options, runs

import numpy as np

from data import photo_collection, photo_index, weights
from data.images import read
from models import backbones, features

SIZE = 224  # height and width of the pictures that the network was trained on
CHANGES = ("cropped", "mirrored", "darkened", "turned")
FIRST = 10  # photographs that a search returns


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    # Fraction of the height and of the width of a photograph that a cropped view keeps.
    kept: Annotated[float, options.between(0.05, 1)] = 0.5
    # Factor by which pixels are multiplied in the darkened view; 1 changes nothing.
    brightness: Annotated[float, options.between(0, 1)] = 0.5
    # Picture to look for in a folder of your own photos.
    query: Path | None = None
    folder: Path | None = None  # of the photos to search in, with its subfolders
    # Network that was trained on ImageNet.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; found or downloaded if not given

    def __post_init__(self):
        super().__post_init__()
        if (self.query is None) != (self.folder is None):
            raise ValueError(
                "--query and --folder go together: the picture to look for, and the "
                "photos to search in"
            )


def change(
    photo: np.ndarray, kept: float, brightness: float, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Returns four views of a photograph, uint8 (height, width, 3) each, by the name of
    the change.
    """
    height, width, _ = photo.shape
    rows = max(1, round(kept * height))
    columns = max(1, round(kept * width))
    top = random.integers(height - rows + 1)
    left = random.integers(width - columns + 1)
    return {
        "cropped": photo[top : top + rows, left : left + columns],
        "mirrored": photo[:, ::-1],
        "darkened": np.uint8(brightness * photo),
        "turned": np.rot90(photo),
    }


def get_pixels(squares: np.ndarray) -> np.ndarray:
    """Returns the pixels of small copies of squares (n, 224, 224, 3), in a row: 32 x 32
    pixels of three colors, (n, 3072).
    """
    side = SIZE // 32
    parts = squares.reshape(len(squares), 32, side, 32, side, 3)
    return parts.mean(axis=(2, 4)).reshape(len(squares), -1)


def count_colors(squares: np.ndarray, levels: int = 4) -> np.ndarray:
    """Returns a histogram of each image: how many of its pixels have each color.

    Swain and Ballard, "Color Indexing", 1991.

    Args:
        squares: uint8 (n, height, width, 3).
        levels: of red, of green and of blue; a divisor of 256.

    Returns:
        Integers (n, levels ** 3), 64 colors by default.
    """
    histograms = []
    for square in squares:
        red, green, blue = np.moveaxis(square // (256 // levels), -1, 0).astype(int)
        colors = (red * levels + green) * levels + blue  # (height, width), 0 to 63
        histograms.append(np.bincount(colors.ravel(), minlength=levels**3))
    return np.stack(histograms)


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Returns vectors (n, features) as float32 of length 1: the product of two of them
    is their cosine.
    """
    vectors = np.float32(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def search(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Returns the indices of the vectors with the largest cosines, the nearest first.

    Args:
        vectors: float (n, features), of length 1.
        query: float (features,), of length 1.
    """
    return np.argsort(-(vectors @ query), kind="stable")[:FIRST]


def find_ranks(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Returns at which rank each query finds its own photograph: 1 is first.

    The rank is the number of photographs, its own included, whose cosine is at least
    that of its own. So a tie counts against it.

    Args:
        vectors: float (n, features), of the photographs.
        queries: float (n, features), of a view of each.
    """
    cosines = queries @ vectors.T  # (n, n), a row for each query
    own = np.diag(cosines)[:, np.newaxis]
    return np.sum(cosines >= own, axis=1)


def read_views(
    paths: list, kept: float, brightness: float, random: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reads photographs, and changes each of them as `change` does.

    Returns:
        The middle of each photograph, a square scaled to uint8 (n, 224, 224, 3), and
        the same for the views, in a dictionary by the name of the change.
    """
    photos = np.empty((len(paths), SIZE, SIZE, 3), np.uint8)
    views = {name: np.empty_like(photos) for name in CHANGES}
    for index, path in enumerate(paths):
        photo = read.read_picture(path)
        photos[index] = read.cut_out_square(photo, SIZE)
        for name, view in change(photo, kept, brightness, random).items():
            views[name][index] = read.cut_out_square(view, SIZE)
    return photos, views


def main(config: Config) -> dict:
    query = read.read_picture(config.query) if config.query else None
    pretrained = weights.find_weights(config.backbone, config.weights)

    with (
        photo_collection.open_collection(config.folder) as collection,
        runs.start(config, sources=[collection, pretrained]) as run,
    ):
        # Weights from PyTorch are converted; the file `keep` has them for the next run.
        network = backbones.build_backbone(
            config.backbone, pretrained.path, pretrained.keep
        )
        # From images to what the last layer takes.
        describe = features.use_network(network)
        # Vectors of earlier runs are reused if network and folder are the same.
        kind = f"{config.backbone}, {config.weights}, {run.precision}"
        index = photo_index.update_index(
            run.folder / "index.npz",
            f"{kind}, {collection.name}",
            collection.files,
            describe,
        )
        vectors = normalize(index.vectors)
        names = index.names.tolist()
        paths = [collection.paths[name] for name in names]
        run.projector(config.backbone, vectors, index.thumbnails, names)

        if query is not None:
            square = read.cut_out_square(query, SIZE)
            vector = normalize(describe(square[np.newaxis]))[0]
            nearest = search(vectors, vector)
            found = {names[place]: float(vectors[place] @ vector) for place in nearest}
            for name, cosine in found.items():
                print(f"{cosine:.3f} {name}")
            pictures = [read.read_picture(paths[place]) for place in nearest]
            run.show("neighbors", plots.draw_found(query, pictures, found))
            return run.finish(found=found)

        random = np.random.default_rng(config.seed)
        photos, views = read_views(paths, config.kept, config.brightness, random)
        ways = {"network": describe, "histogram": count_colors, "pixels": get_pixels}
        originals = {
            "network": vectors,  # which the index has
            "histogram": normalize(count_colors(photos)),
            "pixels": normalize(get_pixels(photos)),
        }
        places = np.linspace(0, len(photos) - 1, plots.SHOWN).astype(int)
        first = {}
        for way, compute in ways.items():
            queries = {name: normalize(compute(views[name])) for name in views}
            first[way] = {}
            for name in views:
                ranks = find_ranks(originals[way], queries[name])
                first[way][name] = float(np.mean(ranks == 1))

            shown = queries["cropped"][places]
            found = [search(originals[way], query) for query in shown]
            picture = plots.draw_neighbors(
                views["cropped"][places], places, photos, found
            )
            run.show(f"neighbors_{way}", picture)
        run.table(f"Found first, of {len(photos)} photographs", first, digits=3)

        baseline = {}
        for way in ("histogram", "pixels"):
            for name, value in first[way].items():
                baseline[f"{way}_{name}"] = value
        baseline["chance"] = 1 / len(photos)
        test = first["network"] | {"examples": len(photos)}
        return run.finish(test=test, baseline=baseline)


if __name__ == "__main__":
    command_line.run(main, Config)
