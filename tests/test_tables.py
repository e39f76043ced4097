"""The tables of lessons in the READMEs, which `python -m tools.tables` writes."""

from lessons.__main__ import COURSE, ROOT, TITLES, find_lessons

import pytest

from tools import tables


def test_each_lesson_has_its_chinese_line_and_no_other_has():
    assert set(TITLES) == {lesson.path.stem for lesson in find_lessons()}
    assert all(set(titles) == {"title", "result"} for titles in TITLES.values())


def test_lessons_are_in_the_order_of_their_titles():
    assert tuple(lesson.path.stem for lesson in find_lessons()) == COURSE


@pytest.mark.parametrize("readme", tables.HEADS)
def test_table_is_up_to_date(readme):
    written = (ROOT / readme).read_text(encoding="utf-8")
    assert tables.insert_table(readme) == written, "run python -m tools.tables"
