"""Penguins near Palmer Station, Antarctica (Gorman, Williams and Fraser, 2014; Horst,
Hill and Gorman, 2020).
"""

import csv

import numpy as np

from data import Dataset, Split
from data.sources import catalog, downloads

PENGUINS = catalog.ENTRIES["penguins"]
CLASS_NAMES = ("Adelie", "Chinstrap", "Gentoo")
NUMBERS = (
    "bill_length_mm",
    "bill_depth_mm",
    "flipper_length_mm",
    "body_mass_g",
    "year",
)
WORDS = ("island", "sex")


def load_penguins() -> Dataset:
    """Loads 344 penguins of three species, with what is missing.

    Returns:
        A `Dataset` of 206, 69 and 69 penguins, drawn always the same. x is a dictionary
        of columns `(n,)`: "bill_length_mm", "bill_depth_mm", "flipper_length_mm" (mm),
        "body_mass_g" (g) and "year", float32 with NaN where a value is missing;
        "island" and "sex", strings, empty where one is missing. y is the species, int32
        `(n,)`.

    Raises:
        ConnectionError: the file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    (path,) = downloads.obtain(PENGUINS)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(0).permutation(len(rows))
    splits = []
    for part in np.split(order, [206, 275]):
        chosen = [rows[index] for index in part]
        x = {name: read_numbers(chosen, name) for name in NUMBERS}
        x |= {name: read_words(chosen, name) for name in WORDS}
        y = [CLASS_NAMES.index(row["species"]) for row in chosen]
        splits.append(Split(x, np.array(y, np.int32)))
    source = f"344 penguins of three species, from {path}"
    return Dataset(*splits, source=source, class_names=CLASS_NAMES)


def read_numbers(rows: list[dict[str, str]], name: str) -> np.ndarray:
    """Returns a column of numbers, float32."""
    return np.array([row[name].replace("NA", "nan") for row in rows], np.float32)


def read_words(rows: list[dict[str, str]], name: str) -> np.ndarray:
    """Returns a column of words."""
    return np.array([row[name].replace("NA", "") for row in rows], object)
