"""Texts to read on in, and what predicts them without a network."""

import itertools
import math
import random
from collections import Counter, defaultdict
from difflib import SequenceMatcher

import numpy as np
import pytest

from data import Split, books, running_text
from models import text_measures

WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "while")
SAMPLE = " ".join(random.Random(0).choices(WORDS, k=3000))  # 15,000 characters


@pytest.fixture
def own(tmp_path):
    """A file of one's own."""
    (tmp_path / "my.txt").write_text(SAMPLE)
    return tmp_path / "my.txt"


def check(dataset, text):
    """Each character but the first is to be predicted once, from the one before it."""
    parts = (dataset.validation, dataset.train, dataset.test)
    asked = np.concatenate([split.y for split in parts])
    before = np.concatenate([split.x for split in parts])
    assert asked.dtype == before.dtype == np.int32
    assert running_text.decode(asked, dataset.class_names) == text[1:]
    assert running_text.decode(before, dataset.class_names) == text[:-1]
    assert list(dataset.class_names) == sorted(set(text))
    shares = [len(split.y) / len(text) for split in dataset[:3]]
    assert shares == pytest.approx([0.85, 0.05, 0.1], abs=3 / len(text))


def test_own_text(own):
    dataset = running_text.load_text(str(own))
    check(dataset, SAMPLE)
    assert dataset.source == (
        f"your text, {own}: {len(SAMPLE):,} characters, {len(set(SAMPLE))} different "
        "ones"
    )
    check(running_text.load_text(str(own), 10_001), SAMPLE[:10_001])


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030"]
)
def test_encodings_and_line_breaks(tmp_path, encoding):
    text = "话说天下大势。分久必合。\n“Why?”\n" * 600
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    content = (mark + text.replace("\n", "\r\n")).encode(encoding)
    (tmp_path / "三国.txt").write_bytes(content)
    check(running_text.load_text(str(tmp_path / "三国.txt")), text)


def test_rows_side_by_side():
    x, y = running_text.cut_rows(Split(np.arange(11), np.arange(1, 12)), 3, 3)
    assert x.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert y.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    with pytest.raises(ValueError, match=r"3 rows .* 3 characters .* at least 4"):
        running_text.cut_rows(Split(np.arange(11), np.arange(1, 12)), 3, 4)


def test_no_command_reaches_a_terminal():
    text = "a\tb\n话\u3000说 \x1b[2J\r\x9b1m\x07"
    assert running_text.to_printable(text) == "a\tb\n话\u3000说 �[2J��1m�"


def test_characters_that_only_the_test_has(own):
    own.write_text(SAMPLE + "!?!")
    dataset = running_text.load_text(str(own))
    count = len(set(SAMPLE)) + 2
    assert dataset.source.endswith(
        f", {count} different ones, of which the test has 2 that training has not"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "my.txt is empty, expected text"),
        (b" \n" * 9000, "my.txt is empty, expected text"),
        (b"\x89PNG\r\n\x1a\n\0\0" * 2000, "my.txt is no text, but a file of another"),
        (b"PK\x03\x04" + bytes(range(256)) * 100, "my.txt is no text, but a file of"),
        (b"too short", "my.txt has 9 characters, expected at least 10,000 to learn"),
    ],
)
def test_what_cannot_be_used(own, content, said):
    own.write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        running_text.load_text(str(own))
    assert "\n" not in str(error.value)


def test_no_such_text(own):
    with pytest.raises(ValueError, match="nowhere is neither bible, sanguo, shakesp"):
        running_text.load_text("nowhere")
    with pytest.raises(ValueError, match=r"is neither bible.* nor a file"):
        running_text.load_text(str(own.parent))
    with pytest.raises(ValueError, match="99 characters of a text, expected at least"):
        running_text.load_text(str(own), 99)


def test_unknown_characters(own):
    known = running_text.load_text(str(own)).class_names
    numbers = running_text.encode("the fox", known)
    assert numbers.tolist() == [known.index(character) for character in "the fox"]
    assert running_text.encode("", known).tolist() == []
    with pytest.raises(ValueError, match=r"has 'É', '\\n', '狐', expected only"):
        running_text.encode("École\n狐É", known)


def test_bible(fetched):
    """Its notes are left out, and nothing else."""
    fetched("bible")
    text, depth = [], 0
    for character in "\n".join(books.load_bible().parts):
        depth += character == "{"
        text += character if not depth else ""
        depth -= character == "}"
    lines = [" ".join(line.split()) for line in "".join(text).splitlines()]
    dataset = running_text.load_text("bible")
    check(dataset, "\n".join(filter(None, lines)))
    assert not {"{", "}"} & set(dataset.class_names)
    assert sum(len(split.y) for split in dataset[:3]) == 4_023_022


def test_sanguo(fetched):
    """Also the best n-gram, in bits, counted on nine tenths."""
    fetched("sanguo")
    dataset = running_text.load_text("sanguo")
    assert sum(len(split.y) for split in dataset[:3]) == 599_827
    assert len(dataset.class_names) == 3960
    learned = np.concatenate([dataset.validation.y, dataset.train.y])
    scores = text_measures.score_ngrams(learned, dataset.test.y, 3960, 4)
    bits = scores.mean(axis=1) / np.log(2)
    assert bits.argmin() == 2
    assert bits[2] == pytest.approx(7.02, abs=0.005)


def test_shakespeare(course_data, monkeypatch, tmp_path):
    """Figures that were found with other programs: four orders, and xz."""
    if not (course_data / "text/tinyshakespeare.txt").is_file():
        pytest.skip("needs text/tinyshakespeare.txt in COURSE_DATA")
    monkeypatch.setenv("COURSE_DATA", str(course_data))
    dataset = running_text.load_text("shakespeare")
    assert len(dataset.class_names) == 65
    assert sum(len(split.y) for split in dataset[:3]) == 1_115_393
    learned = np.concatenate([dataset.validation.y, dataset.train.y])
    scores = text_measures.score_ngrams(learned, dataset.test.y, 65).mean(axis=1)
    assert scores[3] == pytest.approx(1.774, abs=0.001)
    assert scores[4] == pytest.approx(1.669, abs=0.001)
    assert scores.argmin() == 4
    for part, expected in (
        (dataset.train.y, 1.671),
        (learned[: len(dataset.train.y)], 1.947),
    ):
        five = text_measures.score_ngrams(part, dataset.test.y, 65, 5)[4].mean()
        assert five == pytest.approx(expected, abs=0.002)
    learned, text = (
        running_text.decode(part, dataset.class_names)
        for part in (learned, dataset.test.y)
    )
    assert text_measures.score_xz(learned, text) == pytest.approx(1.745, abs=0.001)


def test_another_shakespeare_is_refused(monkeypatch, tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text/tinyshakespeare.txt").write_text(SAMPLE)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"tinyshakespeare.txt is damaged"):
        running_text.load_text("shakespeare")


def test_witten_and_bell_by_hand():
    """After "abab", in an alphabet of three: each fraction was computed on paper."""
    (a, b, c) = range(3)
    scores = text_measures.score_ngrams(
        np.array([a, b, a, b]), np.array([a, c, a]), symbols=3, orders=2
    )
    # Order 1: a and b came twice each, two kinds of four characters.
    single = {a: (2 + 2 / 3) / 6, b: (2 + 2 / 3) / 6, c: (0 + 2 / 3) / 6}
    # Order 2: a came once after b, b twice after a, nothing after c.
    double = [
        (1 + 1 * single[a]) / (1 + 1),
        (0 + 1 * single[c]) / (2 + 1),
        single[a],
    ]
    expected = [[single[a], single[c], single[a]], double]
    np.testing.assert_allclose(scores, -np.log(expected), rtol=1e-12)


class Counting:
    """The same with dictionaries, one character after the other."""

    def __init__(self, learned, symbols, orders):
        self.symbols, self.orders = symbols, orders
        self.behind = defaultdict(Counter)
        for order in range(1, orders + 1):
            for end in range(order - 1, len(learned)):
                context = tuple(learned[end - order + 1 : end])
                self.behind[context][learned[end]] += 1

    def predict(self, context, character):
        """Of each order."""
        probability, found = 1 / self.symbols, []
        for order in range(1, self.orders + 1):
            counts = self.behind[tuple(context[len(context) - order + 1 :])]
            total, kinds = sum(counts.values()), len(counts)
            if total:
                probability = (counts[character] + kinds * probability) / (
                    total + kinds
                )
            found.append(probability)
        return found


@pytest.mark.parametrize(("symbols", "count"), [(2, 300), (5, 3000), (60, 3000)])
def test_ngrams_with_dictionaries(symbols, count):
    random = np.random.default_rng(0)
    codes = np.minimum(random.geometric(0.2, count), symbols) - 1
    codes[::3] = codes[:1]  # something to learn
    learned, text = codes[: -count // 10], codes[-count // 10 :]
    scores = text_measures.score_ngrams(learned, text, symbols, 6)
    counting, everything = Counting(learned.tolist(), symbols, 6), codes.tolist()
    expected = [
        counting.predict(
            everything[: len(learned) + place], everything[len(learned) :][place]
        )
        for place in range(len(text))
    ]
    np.testing.assert_allclose(scores, -np.log(expected).T, atol=1e-12)


def test_probabilities_add_up_to_one():
    learned = np.random.default_rng(0).integers(0, 7, 2000)
    sums = sum(
        np.exp(-text_measures.score_ngrams(learned, np.array([one]), 8, 5))
        for one in range(8)  # the last one was never seen
    )
    np.testing.assert_allclose(sums, 1, rtol=1e-12)


def test_too_little_for_the_order():
    with pytest.raises(ValueError, match="3 characters to learn from, expected at lea"):
        text_measures.score_ngrams(np.array([0, 1, 0]), np.array([1]), 2, 6)


def test_xz():
    """What was there before costs next to nothing, noise all of its bits."""
    letters = "".join(random.Random(0).choices("abcdefghijklmnop", k=20_000))
    assert text_measures.score_xz(SAMPLE, SAMPLE[:5000]) < 0.05
    assert text_measures.score_xz("abc", letters) == pytest.approx(
        math.log(16), rel=0.06
    )


@pytest.mark.parametrize("seed", range(20))
def test_longest_copy(seed):
    chance = random.Random(seed)
    learned, written = ("".join(chance.choices("ab c", k=300)) for _ in range(2))
    found = text_measures.find_longest_copy(written, learned)
    match = SequenceMatcher(None, written, learned, False).find_longest_match()
    assert len(found) == match.size
    assert found in written
    assert found in learned


def test_nothing_is_copied():
    assert text_measures.find_longest_copy("xyz", "abc") == ""
    assert text_measures.find_longest_copy("", "abc") == ""
    assert text_measures.find_longest_copy("abc", "xabcabc") == "abc"
    pieces = itertools.chain.from_iterable(zip("abcdef", "uvwxyz", strict=True))
    assert text_measures.find_longest_copy("".join(pieces), "fzabcdef") == "fz"
