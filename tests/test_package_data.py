"""Data from the package index: the real files, beside what others make of them."""

import csv
import io
import itertools
import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from data import books, easy_vqa, glove, penguins, reviews, series
from data.sources import catalog, downloads


def find(name):
    return downloads.obtain(catalog.ENTRIES[name])


def test_easy_vqa(fetched):
    """The publisher's numbers; all questions of a picture are on the same side."""
    fetched("easy-vqa")
    dataset, pictures = easy_vqa.load_easy_vqa()
    assert pictures.shape == (5000, 64, 64, 3)
    assert pictures.dtype == np.uint8
    assert len(dataset.class_names) == 13
    counts = [len(split.y) for split in dataset[:3]]
    assert sum(counts[:2]) == 38_575
    assert counts[2] == 9_673
    shown = [set(split.x["picture"].tolist()) for split in dataset[:3]]
    assert [len(one) for one in shown] == [3600, 400, 1000]
    assert set.union(*shown) == set(range(5000))
    assert shown[2] == set(range(4000, 5000))
    assert len(np.unique(pictures.reshape(5000, -1), axis=0)) == 5000
    questions, index, answers = (*dataset.test.x.values(), dataset.test.y)
    with zipfile.ZipFile(find("easy-vqa")[0]) as wheel:
        test = "easy_vqa/data/test"
        asked = json.loads(wheel.read(f"{test}/questions.json"))
        picture = Image.open(io.BytesIO(wheel.read(f"{test}/images/7.png")))
    names = [dataset.class_names[answer] for answer in answers]
    assert [list(one) for one in zip(questions, names, index - 4000, strict=True)] == (
        asked
    )
    np.testing.assert_array_equal(pictures[4007], np.asarray(picture.convert("RGB")))


def test_sanguo(fetched):
    fetched("sanguo")
    novel = books.load_sanguo()
    assert len(novel.parts) == len(set(novel.parts)) == len(novel.names) == 120
    assert sum(map(len, novel.parts)) == 599_828
    for part, name in zip(novel.parts, novel.names, strict=True):
        assert re.match("第[一二三四五六七八九十百]+回", name)
        assert part.strip().startswith(name)
    assert "话说天下大势" in novel.parts[0]


def test_bible(fetched):
    fetched("bible")
    bible = books.load_bible()
    assert (bible.names[0], bible.names[-1]) == ("Genesis", "Revelation")
    verses = [part.split("\n") for part in bible.parts]
    assert len(verses) == len(set(bible.names)) == 66
    assert sum(map(len, verses)) == 31_102
    psalms = verses[bible.names.index("Psalms")]
    assert len(psalms) == 2_461  # as in every bible with this numbering
    assert verses[bible.names.index("John")][0].startswith("In the beginning was the W")


def letters_of(text):
    """Without blanks and punctuation, by a regular expression."""
    return re.sub(r"[\W_]", "", text.casefold())


def test_reviews(fetched):
    """No text stands on two sides, nor in two classes, however it is punctuated."""
    fetched("reviews")
    dataset = reviews.load_reviews()
    assert [len(split.y) for split in dataset[:3]] == [13_856, 1_732, 1_733]
    for split in dataset[:3]:
        assert 0.45 < split.y.mean() < 0.5
    found = [letters_of(text) for split in dataset[:3] for text in split.x]
    assert len(found) == len(set(found))
    lines = [path.read_text("utf-8").splitlines() for path in find("reviews")]
    assert sum(bool(line.strip()) for line in itertools.chain(*lines)) == 35_123
    negative, positive = (set(map(str.strip, part)) - {""} for part in lines)
    assert len(negative & positive) == 47
    assert len(negative ^ positive) == 17_363
    negative, positive = (set(map(letters_of, part)) - {""} for part in lines)
    assert set(found) == negative ^ positive
    for split in dataset[:3]:
        for text, label in zip(split.x, split.y, strict=True):
            assert letters_of(text) in (negative, positive)[label]


def test_reviews_are_told_apart_by_their_letters():
    lines = [["Bad!", "bad", "  ", "so, so", "..."], ["so so", "good", "Good.", "好"]]
    kept, labels = reviews.keep_one_of_each(lines)
    assert dict(zip(kept, labels.tolist(), strict=True)) == {
        "Bad!": 0,
        "Good.": 1,
        "好": 1,
    }


def test_penguins(fetched):
    fetched("penguins")
    dataset = penguins.load_penguins()
    assert [len(split.y) for split in dataset[:3]] == [206, 69, 69]
    columns = {
        name: np.concatenate([split.x[name] for split in dataset[:3]])
        for name in dataset.train.x
    }
    species = np.concatenate([split.y for split in dataset[:3]])
    assert np.bincount(species).tolist() == [152, 68, 124]  # as published
    assert {name: int(np.isnan(columns[name]).sum()) for name in penguins.NUMBERS} == {
        "bill_length_mm": 2,
        "bill_depth_mm": 2,
        "flipper_length_mm": 2,
        "body_mass_g": 2,
        "year": 0,
    }
    assert (columns["sex"] == "").sum() == 11
    with find("penguins")[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = sorted(
        (row["species"], row["island"], row["body_mass_g"].replace("NA", "nan"))
        for row in rows
    )
    names = [dataset.class_names[label] for label in species]
    mass = [f"{value:.0f}" for value in columns["body_mass_g"]]
    assert sorted(zip(names, columns["island"], mass, strict=True)) == expected


@pytest.mark.parametrize(
    ("name", "load", "shapes"),
    [
        (
            "basic-motions",
            series.load_basic_motions,
            [(32, 100, 6), (8, 100, 6), (40, 100, 6)],
        ),
        (
            "japanese-vowels",
            series.load_japanese_vowels,
            [(216, 29, 12), (54, 29, 12), (370, 29, 12)],
        ),
    ],
)
def test_series(fetched, name, load, shapes):
    """Every value of the files is there, each series once."""
    fetched(name)
    dataset = load()
    assert [split.x.shape for split in dataset[:3]] == shapes
    counts = np.bincount(dataset.validation.y)
    assert len(set(counts)) == 1
    whole = np.concatenate([split.x for split in dataset[:3]])
    assert len(np.unique(whole.reshape(len(whole), -1), axis=0)) == len(whole)
    train = [dataset.train, dataset.validation]
    for path, splits in zip(find(name), (train, [dataset.test]), strict=True):
        lines = path.read_text().partition("@data")[2].split()
        read = {}
        for line in lines:
            *channels, answer = line.split(":")
            read[tuple(map(np.float32, ",".join(channels).split(",")))] = answer
        for split in splits:
            for x, y in zip(split.x, split.y, strict=True):
                values = x[np.any(x != 0, axis=1)].T.ravel()
                assert read.pop(tuple(values)) == dataset.class_names[y]
        assert not read


def test_glove(fetched):
    """The file of words is not read: it takes a package that nothing else needs."""
    fetched("glove")
    found = glove.load_glove()
    assert found.vectors.shape == (400_000, 50)
    assert found.vectors.dtype == np.float32
    the = [0.418, 0.24968, -0.41242, 0.1217]  # as published: glove.6B.50d.txt, line 1
    np.testing.assert_allclose(found.vectors[0, :4], the, atol=1e-6)
    assert np.isfinite(found.vectors).all()
    content = found.words.read_bytes()
    assert content[:4] == content[-4:] == b"PAR1"


@pytest.mark.parametrize("name", ["sanguo", "penguins", "glove"])
def test_damaged_file_is_refused(name, monkeypatch, tmp_path):
    """One clear line that says which file, wherever it came from."""
    for file in catalog.ENTRIES[name].files:
        (tmp_path / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / file.name).write_bytes(b"cut off")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    load = {
        "sanguo": books.load_sanguo,
        "penguins": penguins.load_penguins,
        "glove": glove.load_glove,
    }[name]
    with pytest.raises(ValueError, match=r"is damaged .*delete or replace it"):
        load()


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (easy_vqa.load_easy_vqa, "easy-vqa"),
        (books.load_sanguo, "sanguo"),
        (books.load_bible, "bible"),
        (reviews.load_reviews, "reviews"),
        (penguins.load_penguins, "penguins"),
        (series.load_basic_motions, "basic-motions"),
        (series.load_japanese_vowels, "japanese-vowels"),
        (glove.load_glove, "glove"),
    ],
)
def test_without_network_a_line_names_the_command(load, name):
    with pytest.raises(ConnectionError) as raised:
        load()
    said = str(raised.value)
    assert "is neither in COURSE_DATA nor in" in said
    assert said.endswith(f": python -m data fetch {name}")
    assert "\n" not in said


def test_catalog_of_packages():
    """What the installation brings stays small, and licenses are named."""
    packages = {
        package for entry in catalog.ENTRIES.values() for package in entry.packages
    }
    small = [package.size for package in packages if package.size < 10e6]
    assert sum(small) < 30e6
    for package in packages:
        assert package.license
        assert re.fullmatch("sha256:[0-9a-f]{64}", package.checksum)
    files = [file for entry in catalog.ENTRIES.values() for file in entry.files]
    assert len({file.name for file in files}) == len(files)
    for file in files:
        assert not (file.package and file.mirrors)
        same = {other.kind for other in files if other.package == file.package}
        assert not file.package or same == {file.kind}
