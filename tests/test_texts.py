"""Sentences, files of them, and columns of tables, as a person gives them."""

import csv

import pytest

from data import texts


def read(*inputs):
    return [sentence.text for sentence in texts.read_sentences(list(map(str, inputs)))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_inputs(encoding, separator, tmp_path):
    lines = ["质量很好", "不好, 不会再买", 'said "no"']
    (tmp_path / "a.txt").write_bytes("\n\n".join(lines).encode(encoding))
    with (tmp_path / "b.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(["编号", "评论"])
        writer.writerows([1, line] for line in lines)
        writer.writerow([4])
    assert read(tmp_path / "a.txt") == lines
    assert read(f"{tmp_path / 'b.csv'}:评论") == lines
    assert read("很好 😀", "a:b", tmp_path / "a.txt") == ["很好 😀", "a:b", *lines]


def test_names_tell_where_a_sentence_is(tmp_path):
    (tmp_path / "a.txt").write_text("x\n\ny\n")
    (tmp_path / "b.csv").write_text("text\nx\ny\n")
    found = texts.read_sentences(
        [str(tmp_path / "a.txt"), f"{tmp_path / 'b.csv'}:text"]
    )
    assert [sentence.name.rpartition(", ")[2] for sentence in found] == [
        *("line 1: x", "line 3: y"),
        *("row 2: x", "row 3: y"),
    ]
    (sentence,) = texts.read_sentences(["good"])
    assert sentence.file is None


@pytest.mark.parametrize(
    ("content", "asked", "said"),
    [
        (b"", "a.txt", "is empty"),
        (b"\n \n", "a.txt", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.txt", "is no text"),
        (b"x\n" * 100_001, "a.txt", "holds 100,001 texts"),
        (b"id,text\n1,x\n", "a.csv", "is a table, expected one of its columns"),
        (
            b"id,text\n1,x\n",
            "a.csv:words",
            "no column 'words', expected one of id, text",
        ),
        (b"id,text\n1\n", "a.csv:text", "holds 0 texts"),
        (
            b"id,text\n1," + b'"' + b"x" * 200_000,
            "a.csv:text",
            "cannot be read as a table",
        ),
    ],
)
def test_bad_files(content, asked, said, tmp_path):
    (tmp_path / asked.partition(":")[0]).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read(tmp_path / asked)


@pytest.mark.parametrize("given", ["nowhere.txt", "./nowhere.csv:text", " "])
def test_what_is_neither_file_nor_text(given):
    with pytest.raises(ValueError, match="expected"):
        read(given)


def test_a_long_line_is_cut(tmp_path):
    (tmp_path / "a.txt").write_text("好" * 1_000_000)
    assert [len(text) for text in read(tmp_path / "a.txt")] == [20_000]
    assert len(read("word " * 100_000)[0]) == 20_000
