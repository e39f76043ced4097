"""Letters as people have them, texts that are nearly alike, and folds that keep them
together.
"""

import email.message
import hashlib
import itertools
import mailbox
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data import Split, letters, mail, texts
from data.sources import catalog

HELLO = "你好。明天下午三点见面 😀"
LONG = "".join(chr(0x4E00 + 7 * index % 3000) for index in range(400))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (HELLO, "utf-8"),
        (HELLO, "utf-8-sig"),
        (HELLO, "utf-16"),
        (HELLO, "utf-32"),
        (HELLO, "gb18030"),
        (HELLO[:-2], "gbk"),
        (LONG, "gbk"),
        ("Crème brûlée à la carte", "cp1252"),
        ("plain", "ascii"),
    ],
)
def test_decode(text, encoding, tmp_path):
    assert texts.decode(text.encode(encoding)) == text
    (tmp_path / "text.txt").write_bytes(text.encode(encoding))
    assert texts.read_text(tmp_path / "text.txt") == text


def test_named_encodings_that_lie_or_do_not_exist():
    content = HELLO.encode()
    for named in ("ascii", "x-unknown", "utf-16"):
        assert texts.decode(content, named) == HELLO or named == "utf-16"
    assert texts.decode("déjà".encode("latin-1"), "utf-8") == "déjà"
    # What GB18030 would take for Chinese is read as it is said to be.
    assert texts.decode("ÄÖ".encode("latin-1"), "latin-1") == "ÄÖ"


def test_every_text_can_be_written():
    for code in (*range(0xD7F0, 0xE010), 0x1F600):
        texts.make_writable(f"a{chr(code)}b").encode()
    assert texts.make_writable(b"\xc4\xe3".decode("ascii", "surrogateescape")) == "你"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (bytes(range(256)) * 20, "is no text"),
        (b"PK\x03\x04\x00\x00" * 30, "is no text"),
    ],
)
def test_files_without_text(content, said, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        texts.read_text(tmp_path / "file")
    with pytest.raises(ValueError, match="holds no letter that can be read"):
        letters.read_letters(tmp_path / "file")


def jaccard(one: str, other: str) -> float:
    """Of the sets of pieces of five characters, as the docstring defines them."""
    sets = []
    for text in (one, other):
        text = re.sub(r"\d", "0", " ".join(text.lower().split()))
        text = "<<<<" + text + ">"
        sets.append({text[i : i + 5] for i in range(len(text) - 4)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_groups_are_the_connected_ones_of_jaccards_index():
    random = np.random.default_rng(0)
    words = ["win", "a", "free", "prize", "now", "call", "07123", "456", "today"]
    drawn = [" ".join(random.choice(words, random.integers(1, 7))) for _ in range(120)]
    drawn += ["", "", "a", "A"]
    groups = texts.group_alike(drawn)
    expected = np.arange(len(drawn))  # joined one by one
    for i, j in itertools.combinations(range(len(drawn)), 2):
        if jaccard(drawn[i], drawn[j]) >= 0.5:
            expected[expected == expected[j]] = expected[i]
    assert 3 < len(set(groups)) < len(drawn)
    np.testing.assert_array_equal(
        groups[:, None] == groups, expected[:, None] == expected
    )


def test_folds_keep_alike_messages_together():
    spam = [f"WIN {i} pounds, call 0900{i}{j} now!" for i in range(9) for j in range(5)]
    spam += [f"offer number {'abcdefghijklm'[i] * 9} ends" for i in range(13)]
    random = np.random.default_rng(1)
    ham = ["".join(random.choice(list("abcdefghij "), 40)) for _ in range(100)]
    x = np.array(spam + ham, object)
    y = np.repeat([1, 0], [len(spam), len(ham)])
    folds = mail.draw_folds(Split(x, y), 5, 0)
    assert len(set(folds[:45])) == 1, "they differ in digits only"
    assert set(folds[y == 1]) == set(folds[y == 0]) == set(range(5))
    np.testing.assert_array_equal(folds, mail.draw_folds(Split(x, y), 5, 0))
    assert (folds != mail.draw_folds(Split(x, y), 5, 1)).any()
    with pytest.raises(ValueError, match=r"spam fills 1 of 5 parts.*leaves 1;"):
        mail.draw_folds(Split(np.r_[x[:45], x[58:]], np.r_[y[:45], y[58:]]), 5, 0)


def make_letter(subject, text, kind="plain", charset="utf-8", file=None):
    letter = email.message.EmailMessage()
    letter["Subject"], letter["From"] = subject, "me@example.org"
    letter.set_content(text, subtype=kind, charset=charset)
    if file:
        letter.add_attachment(
            file, maintype="application", subtype="zip", filename="a.zip"
        )
    return letter


HTML = """<html><head><title>no</title><style>p {color: red}</style></head><body>
<script>alert('no')</script><p>Cheap &amp; <b>good</b></p><br>Call&nbsp;now</body>"""
LETTERS = {
    "plain": (make_letter("你好", "Lunch?\n").as_bytes(), "你好\nLunch?"),
    "gbk": (make_letter("会议", HELLO[:-2], charset="gb18030").as_bytes(), HELLO[:-2]),
    "html": (make_letter("Sale", HTML, "html").as_bytes(), "Cheap & good\nCall now"),
    "attachment": (
        make_letter("File", "See it\n", file=b"\0" * 99).as_bytes(),
        "See it",
    ),
    "lies": (
        b'Subject: x\nContent-Type: text/plain; charset="us-ascii"\n\n'
        + HELLO.encode(),
        HELLO,
    ),
    "unknown charset": (
        b'Subject: x\nContent-Type: text/plain; charset="klingon"\n\n' + HELLO.encode(),
        HELLO,
    ),
    "raw subject": ("Subject: 中奖\n\nhi".encode("gbk"), "中奖\nhi"),
    "broken base64": (
        b"Subject: x\nContent-Transfer-Encoding: base64\n\nSGVsbG8 gd29ybGQ$$",
        "Hello",
    ),
    "no end": (
        b'Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nhello',
        "hello",
    ),
    "a zero": (b"Subject: x\n\nhel\0lo", "hello"),
    "long line": (b"Subject: x\n\n" + b"a" * 1_000_000, "a" * 1000),
    "huge": (b"Subject: x\n\nhello\n" + b"b\n" * 3_000_000, "hello"),
    "deep": (
        b"Subject: deep\n"
        + b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i)
            for i in range(50)
        )
        + b"\nhello",
        "hello",
    ),
    "no letter": (HELLO.encode("utf-16"), HELLO),
}


@pytest.mark.parametrize("name", LETTERS)
def test_letter(name, tmp_path):
    content, expected = LETTERS[name]
    (tmp_path / "a.eml").write_bytes(content)
    (letter,), left_out = letters.read_letters(tmp_path / "a.eml")
    assert expected in letter.text
    assert not left_out
    assert len(letter.text) <= letters.MAX_CHARACTERS
    assert letter.name == str(tmp_path / "a.eml")
    for hidden in ("alert", "color", "<b>", "\0"):
        assert hidden not in letter.text


def test_written_twice_is_read_once():
    letter = make_letter("Sale", "Plain words\n")
    letter.add_alternative(HTML, subtype="html")
    assert letters.read_letter(letter.as_bytes()) == "Sale\nPlain words"


def test_a_letter_that_cannot_be_parsed_is_left_out(tmp_path):
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i)
        for i in range(3000)
    )
    (tmp_path / "bad.eml").write_bytes(nested)
    (tmp_path / "empty.eml").write_bytes(b"Subject: \n\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    (tmp_path / "good.eml").write_bytes(b"Subject: hello\n\n")
    (tmp_path / ".hidden").write_bytes(b"Subject: hidden\n\n")
    found, left_out = letters.read_letters(tmp_path)
    assert [letter.text for letter in found] == ["hello"]
    assert len(left_out) == 3
    for name in ("bad.eml", "empty.eml (has no text", "picture.png (is neither"):
        assert any(name in line for line in left_out), left_out


@pytest.mark.parametrize("kind", [mailbox.mbox, mailbox.Maildir])
def test_mailbox(kind, tmp_path):
    box = kind(tmp_path / "box", create=True)
    for number in range(3):
        box.add(make_letter(f"number {number}", f"From {number}\n"))
    box.close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found, left_out = letters.read_letters(tmp_path / "box")
    assert not left_out
    assert {f"number {n}\nFrom {n}" for n in range(3)} == {
        letter.text.replace(">From", "From") for letter in found
    }
    assert found[1].name == f"{tmp_path / 'box'}, letter 2"
    assert before == {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }


def test_inputs(tmp_path):
    (tmp_path / "a.eml").write_bytes(b"Subject: hello\n\nyou")
    found = letters.read_inputs([str(tmp_path), "You have won", "x " * 5000])
    assert [letter.text for letter in found][:2] == ["hello\nyou", "You have won"]
    with pytest.raises(ValueError, match=r"'nowhere\.eml' is no file"):
        letters.read_inputs(["nowhere.eml"])


def write_mail(folder, ham, spam):
    for name, written in (("ham", ham), ("spam", spam)):
        (folder / name).mkdir()
        for number, text in enumerate(written):
            (folder / name / f"{number:03}.txt").write_text(text, "utf-8")
    return folder / "ham", folder / "spam"


def test_own_mail(tmp_path, capsys):
    ham = [f"lunch with person {'abcdefghijklmnop'[i]}?" for i in range(12)]
    spam = [f"prize {'abcdefghijklmnop'[i] * 5}" for i in range(11)]
    both = ["in both places", "prize  aaaaa", ham[0]]
    places = write_mail(tmp_path, [*ham, both[0], ""], [*spam, *both])
    dataset = mail.load_mail(*places)
    assert sorted(dataset.train.x[dataset.train.y == 1]) == sorted(spam)
    assert sorted(dataset.train.x[dataset.train.y == 0]) == sorted(ham[1:])
    assert dataset.class_names == ("ham", "spam")
    out = capsys.readouterr().out
    assert "Left out 2 messages that are in both classes" in out
    assert "Left out 1 of 14 letters" in out
    assert "22 different messages, 11 of them spam" in dataset.source


@pytest.mark.parametrize("few", [0, 2])
def test_a_class_with_few_letters(few, tmp_path):
    places = write_mail(tmp_path, [f"letter {i}" for i in range(20)], ["x", "y"][:few])
    said = "2 different messages are spam, expected at least 10"
    with pytest.raises(ValueError, match=said if few else "holds no letter"):
        mail.load_mail(*places)


@pytest.fixture
def collection(monkeypatch, tmp_path):
    """A folder of `COURSE_DATA` with a collection of four messages, one of them
    twice.
    """
    content = "ham\tHi 你\nspam\tWIN\nham\tHi 你\nham\tso\ttrue\n".encode()
    content = b"".join(
        content.replace(b"WIN", b"WIN %d" % i).replace(b"so", b"so %d" % i)
        for i in range(10)
    ) + b"".join(b"ham\tx%d\n" % i for i in range(10))
    (file,) = catalog.ENTRIES["sms-spam"].files
    file = file._replace(contents=hashlib.sha256(content).hexdigest())
    entry = mail.MESSAGES._replace(files=(file,))
    monkeypatch.setattr(mail, "MESSAGES", entry)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return content


@pytest.mark.parametrize("form", ["file", "header", "windows", "folder", "archive"])
def test_collection_in_each_form(form, collection, tmp_path):
    path = tmp_path / "SMSSpamCollection"
    if form == "folder":
        path = tmp_path / "text/SMSSpamCollection"
        path.parent.mkdir()
    if form == "archive":
        with zipfile.ZipFile(tmp_path / "sms_spam_collection.zip", "w") as archive:
            archive.writestr("SMSSpamCollection", collection)
    else:
        header = b"Label\tSMS\n" if form == "header" else b""
        end = b"\r\n" if form == "windows" else b"\n"
        path.write_bytes((header + collection).replace(b"\n", end))
    dataset = mail.load_messages()
    assert len(dataset.train.y) == 31  # 10 spam, 1 + 10 + 10 ham
    assert dataset.train.y.sum() == 10
    assert "so 3\ttrue" in dataset.train.x


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", b"ham\tother\n"])
def test_damaged_collection(damage, collection, tmp_path):
    (tmp_path / "SMSSpamCollection").write_bytes(damage)
    with pytest.raises(ValueError, match="delete or replace it"):
        mail.load_messages()


def test_collection_that_cannot_be_had():
    with pytest.raises(ConnectionError, match=r"spam_collection\.csv is neither in"):
        mail.load_messages()


def test_collection_of_the_package(fetched, monkeypatch):
    fetched("sms-spam-smaller")
    folders = os.environ["COURSE_DATA"].split(os.pathsep)
    smaller = [
        path for path in folders if (Path(path) / "texts/spam_collection.csv").is_file()
    ]
    monkeypatch.setenv("COURSE_DATA", os.pathsep.join(smaller))
    y = mail.load_messages().train.y
    assert len(y) == 4534
    assert y.sum() == 561


def test_folders_of_systems_and_links_in_a_circle_hold_no_letters(tmp_path):
    for name in ("spam", "spam/@eaDir", "__MACOSX", "spam/more"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "1.eml").write_text(f"Subject: in {name}\n\nHello")
    (tmp_path / "spam/more/up").symlink_to(tmp_path, target_is_directory=True)
    found, left_out = letters.read_letters(tmp_path)
    assert [letter.text.split("\n")[0] for letter in found] == [
        "in spam",
        "in spam/more",
    ]
    assert left_out == []
