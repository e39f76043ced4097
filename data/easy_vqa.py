"""easy-VQA: pictures of a colored shape, and questions about them (Zhou, 2019)."""

import json
import zipfile

import numpy as np
from PIL import Image

from data import Dataset, Split
from data.sources import catalog, downloads

EASY_VQA = catalog.ENTRIES["easy-vqa"]
FOLDER = "easy_vqa/data"
COUNTS = {"train": 4000, "test": 1000}  # pictures
VALIDATION = 400  # pictures of the publisher's training set


def load_easy_vqa() -> tuple[Dataset, np.ndarray]:
    """Loads the questions with their answers, and the pictures that they are about.

    A picture has about ten questions, which are all in the same split. The publisher's
    test is the test; the pictures for validation are drawn from the publisher's
    training set, always the same.

    Returns:
        A `Dataset` with x a dictionary: "question", strings `(n,)`, and "picture",
        int32 `(n,)`, indices into the pictures; answers y are int32 `(n,)`. About
        34,700, 3,900 and 9,673 questions. And the pictures, uint8 `(5000, 64, 64, 3)`
        in [0, 255].

    Raises:
        ConnectionError: the package is missing and cannot be downloaded.
        ValueError: its file is damaged, or `COURSE_DATA` names no folder.
    """
    (path,) = downloads.obtain(EASY_VQA)
    questions, pictures = {}, []
    with zipfile.ZipFile(path) as archive:
        class_names = sorted(archive.read(f"{FOLDER}/answers.txt").decode().split())
        for split, count in COUNTS.items():
            asked = json.loads(archive.read(f"{FOLDER}/{split}/questions.json"))
            questions[split] = [
                (text, len(pictures) + index, class_names.index(answer))
                for text, answer, index in asked
            ]
            for index in range(count):
                with archive.open(f"{FOLDER}/{split}/images/{index}.png") as file:
                    pictures.append(np.asarray(Image.open(file).convert("RGB")))
    order = np.random.default_rng(0).permutation(COUNTS["train"])
    held_out = set(order[:VALIDATION].tolist())
    splits = (
        [one for one in questions["train"] if one[1] not in held_out],
        [one for one in questions["train"] if one[1] in held_out],
        questions["test"],
    )
    dataset = Dataset(
        *map(make_split, splits),
        source=f"easy-VQA, 5,000 pictures and 48,248 questions, from {path}",
        class_names=tuple(class_names),
    )
    return dataset, np.stack(pictures)


def make_split(questions: list[tuple[str, int, int]]) -> Split:
    """Returns questions, each with its picture and its answer, as arrays."""
    texts, pictures, answers = zip(*questions, strict=True)
    x = {"question": np.array(texts, object), "picture": np.array(pictures, np.int32)}
    return Split(x, np.array(answers, np.int32))
