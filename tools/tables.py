"""Writes the tables of lessons in the READMEs and in the galleries of docs/.

    python -m tools.tables

The English tables come from the docstrings of the lessons, the Chinese ones from
`lessons/titles.zh.toml`, minutes in both from the docstrings, and pictures from
`docs/pictures`, where `python -m tools.gallery` puts them. `tests/test_tables.py` says
when a table is out of date, or a lesson lacks its Chinese line.
"""

import itertools
import os.path
import re
from pathlib import Path

from lessons.course import ROOT, TITLES, Lesson, find_lessons

PICTURES = ROOT / "docs/pictures"
CHINESE = {"README.zh-CN.md", "docs/zh/gallery.md"}
HEADS = {
    "README.md": ("number", "lesson", "idea", "result", "minutes"),
    "README.zh-CN.md": ("编号", "文件", "内容", "结果", "分钟"),
}
# The parts of the course: their names in English and in Chinese.
PARTS = {
    1: ("Neurons and descent", "神经元和梯度下降"),
    2: ("Fully connected networks", "全连接网络"),
    3: ("Convolution", "卷积"),
    4: ("Pretrained features", "预训练特征"),
    5: ("Transfer", "迁移"),
    6: ("Detection and segmentation", "检测和分割"),
    7: ("Text and sequences", "文本和序列"),
    8: ("Pictures and language", "图片和语言"),
    9: ("Generation", "生成"),
    10: ("Games", "游戏"),
    11: ("Several machines", "几台机器"),
}
TABLE = re.compile(r"(?<=<!-- lessons -->\n).*?(?=<!-- end of lessons -->)", re.DOTALL)


def describe(lesson: Lesson, chinese: bool) -> tuple[str, str]:
    """Returns the idea and the result of a lesson.

    Raises:
        KeyError: the lesson has no Chinese line.
    """
    if not chinese:
        return lesson.idea.rstrip("."), lesson.result.partition(";")[0]
    titles = TITLES[lesson.path.stem]
    return titles["title"], titles["result"]


def name_part(number: int, chinese: bool) -> str:
    """Returns the name of a part of the course, with its number."""
    return f"{number} {PARTS.get(number, ('', ''))[chinese]}".rstrip()


def find_picture(lesson: Lesson) -> Path | None:
    """Returns the picture of a lesson in the gallery; None if it has none."""
    return next(iter(sorted(PICTURES.glob(f"{lesson.path.stem}.*"))), None)


def make_table(page: str) -> str:
    """Returns the table of a README.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    rows = [HEADS[page], ["---"] * 5]
    for lesson in find_lessons():
        path = f"`{lesson.path.relative_to(ROOT).as_posix()}`"
        idea, result = describe(lesson, page in CHINESE)
        rows.append((str(lesson.number), path, idea, result, lesson.minutes))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def make_gallery(page: str) -> str:
    """Returns the tables of a gallery, one for each part of the course.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    chinese = page in CHINESE
    folder = (ROOT / page).parent
    lines = []
    lessons = itertools.groupby(find_lessons(), key=lambda lesson: lesson.number)
    for number, part in lessons:
        head = "| 图 | 课程 |" if chinese else "| picture | lesson |"
        lines += ["", f"## {name_part(number, chinese)}", "", head, "| --- | --- |"]
        for lesson in part:
            idea, result = describe(lesson, chinese)
            picture = find_picture(lesson)
            shown = ""
            if picture is not None:
                source = Path(os.path.relpath(picture, folder)).as_posix()
                shown = f'<img src="{source}" width="400" alt="{idea}">'
            link = Path(os.path.relpath(lesson.path, folder)).as_posix()
            minutes = f"{lesson.minutes} {'分钟' if chinese else 'minutes'}"
            text = f"**[{idea}]({link})**<br>{result}<br>`{lesson.path.stem}`"
            lines.append(f"| {shown} | {text}, {minutes} |")
    return "\n".join([*lines, "", ""])


PAGES = {
    "README.md": make_table,
    "README.zh-CN.md": make_table,
    "docs/gallery.md": make_gallery,
    "docs/zh/gallery.md": make_gallery,
}


def insert_table(page: str) -> str:
    """Returns the text of a page with its table as it should be.

    Raises:
        ValueError: there is no place for the table.
        KeyError: a lesson has no Chinese line.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    if not TABLE.search(text):
        raise ValueError(
            f"{page}: expected <!-- lessons --> and <!-- end of lessons --> around the "
            "table"
        )
    return TABLE.sub(lambda match: PAGES[page](page), text)


def main() -> None:
    """Writes all tables."""
    for page in PAGES:
        Path(ROOT / page).write_text(insert_table(page), encoding="utf-8")
        print(f"{page} is up to date")


if __name__ == "__main__":
    main()
