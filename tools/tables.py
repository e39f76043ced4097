"""Writes the tables of lessons in README.md and README.zh-CN.md.

    python -m tools.tables

The English table comes from the docstrings of the lessons, the Chinese one from
`lessons/titles.zh.toml`, minutes in both from the docstrings. `tests/test_tables.py`
says when a table is out of date, or a lesson lacks its Chinese line.
"""

import re
from pathlib import Path

from lessons.__main__ import ROOT, TITLES, Lesson, find_lessons

HEADS = {
    "README.md": ("number", "lesson", "idea", "result", "minutes"),
    "README.zh-CN.md": ("编号", "文件", "内容", "结果", "分钟"),
}
TABLE = re.compile(r"(?<=<!-- lessons -->\n).*?(?=<!-- end of lessons -->)", re.DOTALL)


def describe(lesson: Lesson, readme: str) -> tuple[str, str]:
    """Returns the idea and the result of a lesson, in the language of a README.

    Raises:
        KeyError: the lesson has no Chinese line.
    """
    if readme == "README.md":
        return lesson.idea.rstrip("."), lesson.result.partition(";")[0]
    titles = TITLES[lesson.path.stem]
    return titles["title"], titles["result"]


def make_table(readme: str) -> str:
    """Returns the table of a README.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    rows = [HEADS[readme], ["---"] * 5]
    for lesson in find_lessons():
        path = f"`{lesson.path.relative_to(ROOT).as_posix()}`"
        idea, result = describe(lesson, readme)
        rows.append((str(lesson.number), path, idea, result, lesson.minutes))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def insert_table(readme: str) -> str:
    """Returns the text of a README with its table as it should be.

    Raises:
        ValueError: there is no place for the table.
    """
    text = (ROOT / readme).read_text(encoding="utf-8")
    if not TABLE.search(text):
        raise ValueError(
            f"{readme}: expected <!-- lessons --> and <!-- end of lessons --> around "
            "the table"
        )
    return TABLE.sub(lambda match: make_table(readme), text)


def main() -> None:
    """Writes both tables."""
    for readme in HEADS:
        Path(ROOT / readme).write_text(insert_table(readme), encoding="utf-8")
        print(f"{readme} is up to date")


if __name__ == "__main__":
    main()
