"""course_4_similar_clothes: one query over 60,000 vectors, beside scikit-learn's
neighbors.

The lesson's `search` is the shipped one. The peer is `NearestNeighbors(n_neighbors=10,
algorithm="brute", metric="cosine")` of scikit-learn, which was given the vectors
before. Both find the ten nearest of the pictures of Fashion-MNIST that the lesson
searches, by the features of its own network, here after one epoch. A figure is the
median of 100 queries, one after the other, each with a picture of the test split.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import measuring
from benchmarks.measuring import Way

QUERIES = 100


def save_vectors(path: Path) -> None:
    """Writes the vectors of the collection and those of the queries into a file, as the
    lesson computes them.
    """
    from lessons import course_4_similar_clothes as lesson
    from training import quiet  # noqa: F401

    import keras

    from data import fashion
    from models import cnn, features

    keras.utils.set_random_seed(0)
    dataset = fashion.load_fashion()
    model = cnn.build_cnn(units=128, kernel=3)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*dataset.train, 100, verbose=0)
    compute = features.use_network(model)
    collection = np.concatenate([dataset.train.x, dataset.validation.x])
    np.savez(
        path,
        vectors=lesson.describe(compute, collection),
        queries=lesson.describe(compute, dataset.test.x[:QUERIES]),
    )


def draw_vectors(path: Path) -> None:
    """Writes random vectors of length 1 into a file."""
    random = np.random.default_rng(0)
    drawn = {
        name: random.normal(size=(count, 32))
        for name, count in (("vectors", 2000), ("queries", 20))
    }
    np.savez(
        path,
        **{
            n: np.float32(v / np.linalg.norm(v, axis=1, keepdims=True))
            for n, v in drawn.items()
        },
    )


def run_lesson(path: Path) -> tuple[float, np.ndarray]:
    """Returns the seconds of a query and the places of the ten nearest for each, by the
    lesson's `search`.
    """
    from lessons import course_4_similar_clothes as lesson

    with np.load(path) as file:
        vectors, queries = file["vectors"], file["queries"]
    return time_queries(lambda query: lesson.search(vectors, query), queries)


def run_neighbors(path: Path) -> tuple[float, np.ndarray]:
    """Returns the same by scikit-learn's neighbors."""
    from sklearn.neighbors import NearestNeighbors

    with np.load(path) as file:
        vectors, queries = file["vectors"], file["queries"]
    neighbors = NearestNeighbors(
        n_neighbors=10, algorithm="brute", metric="cosine"
    ).fit(vectors)
    return time_queries(
        lambda query: neighbors.kneighbors(query[None], return_distance=False)[0],
        queries,
    )


def time_queries(search, queries: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the median seconds of a search, and what was found for each query."""
    search(queries[0])
    seconds, found = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(search(query))
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), np.array(found)


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to search a few random vectors once.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npz"
        measuring.run_alone(draw_vectors if small else save_vectors, path)

        def run(function) -> float:
            seconds, found[function] = measuring.run_alone(function, path)
            return seconds

        ways = [
            Way("the lesson's `search`", lambda: run(run_lesson)),
            Way(
                '`NearestNeighbors(algorithm="brute", metric="cosine")`',
                lambda: run(run_neighbors),
                3,
            ),
        ]
        figures = measuring.take_turns(ways, 1 if small else None)
        with np.load(path) as file:
            cosines = file["queries"] @ file["vectors"].T
    ours, theirs = found[run_lesson], found[run_neighbors]
    equal = (ours == theirs).all(axis=1)
    apart = np.abs(
        np.take_along_axis(cosines, ours, 1) - np.take_along_axis(cosines, theirs, 1)
    ).max()
    table = measuring.tabulate(
        "one query", ways, figures, lambda seconds: f"{1000 * seconds:.3g} ms"
    )
    return (
        f"{table}\n\nThe same ten in the same order for {equal.sum()} of {len(equal)} "
        "queries; the cosines of what "
        f"both found differ by at most {apart:.0e}."
    )
