"""GloVe: vectors of words that stand near each other in texts (Pennington, Socher and
Manning, 2014), learned from Wikipedia and news in English.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.sources import catalog, downloads


class Vectors(NamedTuple):
    """Vectors of words.

    Attributes:
        vectors: float32 `(400000, 50)`, the most frequent word first; read from the
            disk when it is looked at.
        words: file of the words in the same order, a column "index" in a Parquet file,
            which `pandas.read_parquet` reads with pyarrow or fastparquet.
        source: what the vectors are and where they were found, for the learner.
    """

    vectors: np.ndarray
    words: Path
    source: str


def load_glove() -> Vectors:
    """Finds the vectors of 400,000 words in 50 dimensions.

    Raises:
        ConnectionError: a file is missing and cannot be downloaded.
        ValueError: it is damaged, or `COURSE_DATA` names no folder.
    """
    path, words = downloads.obtain(catalog.ENTRIES["glove"])
    source = f"{catalog.ENTRIES['glove'].title}, from {path.parent}"
    return Vectors(np.load(path, mmap_mode="r"), words, source)
