"""The tables of lessons in READMEs and galleries, which `python -m tools.tables`
writes, and the pictures in the galleries.
"""

import json
import sys

from lessons import measurements
from lessons.course import COURSE, ROOT, TITLES, find_lessons

import pytest
from PIL import Image

from tools import gallery, tables


def test_each_lesson_has_its_chinese_line_and_no_other_has():
    assert set(TITLES) == {lesson.path.stem for lesson in find_lessons()}
    for titles in TITLES.values():
        assert {"title", "result"} <= set(titles) <= {"title", "result", "idea", "try"}


def test_chinese_thing_to_try_is_the_first_one():
    for lesson in find_lessons():
        told = TITLES[lesson.path.stem].get("try")
        if told is not None:
            first = measurements.find_first_try(lesson.path)
            assert told.keys() == {"flags", "effect"}
            assert told["flags"] == first.flags


def test_lessons_are_in_the_order_of_their_titles():
    assert tuple(lesson.path.stem for lesson in find_lessons()) == COURSE


@pytest.mark.parametrize("page", tables.PAGES)
def test_table_is_up_to_date(page):
    written = (ROOT / page).read_text(encoding="utf-8")
    assert tables.insert_table(page) == written, "run python -m tools.tables"


def test_every_picture_is_of_a_lesson():
    lessons = {lesson.path.stem for lesson in find_lessons()}
    for folder in (tables.PICTURES, tables.SCREENS):
        pictures = [path.stem for path in folder.glob("*.*")]
        assert len(pictures) == len(set(pictures))
        assert set(pictures) <= lessons


@pytest.fixture
def finished_run(tmp_path):
    """A run of a lesson with two figures, of which its docstring names the second."""
    folder = tmp_path / "runs/course_6_detection/test"
    (folder / "figures").mkdir(parents=True)
    for name, color in (("another", "blue"), ("found", "red")):
        picture = Image.new("RGB", (1920, 480), color)
        picture.save(folder / "figures" / f"{name}.png")
    (folder / "course_6_detection.py").write_text(
        '"""A lesson.\n\nIn TensorBoard: the slider of "missing", and "found".\n"""\n'
    )
    config = {
        "lesson": "course_6_detection",
        "hyperparameters": {},
        "options": {"seed": 0},
        "source": "",
        "precision": "float32",
        "versions": {"keras": "3"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    metrics = {"lesson": "course_6_detection", "status": "finished", "seconds": 1}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_gallery_takes_the_picture_that_the_docstring_names(
    finished_run, monkeypatch, tmp_path
):
    monkeypatch.setattr(tables, "PICTURES", tmp_path / "pictures")
    (tmp_path / "pictures").mkdir()
    old = tmp_path / "pictures/course_6_detection.jpg"
    old.write_text("an earlier picture")
    monkeypatch.setattr(sys, "argv", ["gallery", str(finished_run)])
    gallery.main()
    (path,) = (tmp_path / "pictures").iterdir()
    picture = Image.open(path).convert("RGB")
    assert picture.size == (960, 240)
    red, green, blue = picture.getpixel((9, 9))
    assert red > 250
    assert max(green, blue) < 5


def test_gallery_refuses_a_run_that_is_not_finished(finished_run, monkeypatch):
    metrics = finished_run / "metrics.json"
    metrics.write_text(metrics.read_text().replace("finished", "interrupted"))
    monkeypatch.setattr(sys, "argv", ["gallery", str(finished_run)])
    with pytest.raises(ValueError, match="is interrupted, not finished"):
        gallery.main()
