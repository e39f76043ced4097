"""Series of several channels, of the UEA archive (Bagnall et al., 2018): the motions of
a wrist, and vowels of nine speakers.
"""

from pathlib import Path

import numpy as np

from data import Dataset, Split
from data.sources import catalog, downloads


def load_basic_motions() -> Dataset:
    """Loads 80 recordings of a smart watch, ten seconds at ten values a second.

    Four students wore the watch and did everything five times. Who is who is not said:
    the same person is in all splits.

    Returns:
        A `Dataset` with series float32 `(n, 100, 6)`, acceleration along three axes and
        rotation around them, and labels int32 `(n,)`: 32 to train on and 8 for
        validation, two of each class drawn from the publisher's training set, and the
        publisher's 40 for the test.

    Raises:
        ConnectionError: a file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    return load_series("basic-motions", 2)


def load_japanese_vowels() -> Dataset:
    """Loads 640 utterances of the vowels /ae/ by nine men (Kudo, Toyama and Shimbo,
    1999): who speaks?

    Returns:
        A `Dataset` with series float32 `(n, 29, 12)`, coefficients of the spectrum
        (LPC cepstrum) each 6.4 ms, and labels int32 `(n,)`, the speakers: 216 to train
        on and 54 for validation, six of each speaker drawn from the publisher's
        training set, and the publisher's 370 for the test. Utterances have 7 to 29
        steps; behind the last one are zeros, for `keras.layers.Masking`.

    Raises:
        ConnectionError: a file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    return load_series("japanese-vowels", 6)


def load_series(name: str, held_out: int) -> Dataset:
    """Loads an entry of the catalog, and draws so many examples of each class for
    validation, always the same.
    """
    paths = downloads.obtain(catalog.ENTRIES[name])
    (series, labels, class_names), (test_series, test_labels, _) = map(
        read_series, paths
    )
    steps = max(map(len, series + test_series))
    x, test_x = pad(series, steps), pad(test_series, steps)
    order = np.random.default_rng(0).permutation(len(labels))
    drawn = np.concatenate(
        [order[labels[order] == label][:held_out] for label in range(len(class_names))]
    )
    kept = np.setdiff1d(order, drawn)
    return Dataset(
        Split(x[kept], labels[kept]),
        Split(x[drawn], labels[drawn]),
        Split(test_x, test_labels),
        source=f"{catalog.ENTRIES[name].title}, from {paths[0].parent}",
        class_names=class_names,
    )


def read_series(path: Path) -> tuple[list[np.ndarray], np.ndarray, tuple[str, ...]]:
    """Reads a file in sktime's form (.ts): a series in each line, its channels and then
    its class after colons.

    Returns:
        The series, each float32 `(steps, channels)`; their labels, int32; the names of
        the classes.
    """
    series, labels, class_names = [], [], ()
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("@classLabel"):
            class_names = tuple(line.split()[2:])
        elif line.strip() and line[0] not in "#@":
            *channels, name = line.split(":")
            rows = [np.array(channel.split(","), np.float32) for channel in channels]
            series.append(np.stack(rows, axis=1))
            labels.append(class_names.index(name.strip()))
    return series, np.array(labels, np.int32), class_names


def pad(series: list[np.ndarray], steps: int) -> np.ndarray:
    """Returns series as one array, float32 `(n, steps, channels)`, with zeros behind
    those that are shorter.
    """
    padded = np.zeros((len(series), steps, series[0].shape[1]), np.float32)
    for place, one in zip(padded, series, strict=True):
        place[: len(one)] = one
    return padded
