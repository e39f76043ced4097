"""The tables of lessons in READMEs and galleries, which `python -m tools.tables`
writes, and the pictures in the galleries.
"""

import json
import re
import sys

from lessons import measurements
from lessons.course import COURSE, ROOT, TITLES, find_lessons
from training import run_folder

import pytest
from PIL import Image

from tools import gallery, tables, tensorboard_pages


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
            assert find_numbers(told["effect"]) <= find_numbers(first.effect)


def test_numbers_of_a_chinese_idea_are_those_of_the_page():
    for lesson in find_lessons():
        idea = TITLES[lesson.path.stem].get("idea", "")
        page = lesson.path.read_text(encoding="utf-8")
        extra = find_numbers(idea) - find_numbers(page)
        assert not extra, f"{lesson.path.stem}: {extra}"


def find_numbers(text: str) -> set[str]:
    """The numbers in a text, as they are written."""
    return set(re.findall(r"\d[\d.,]*\d|\d", text))


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


@pytest.mark.parametrize(
    ("lesson", "said", "page"),
    [
        (
            "course_6_detection",
            "a slider (page Images), losses (page Scalars).",
            "Images",
        ),
        ("course_11_distributed", '"loss" (page Scalars).', "Scalars"),
        (
            "course_5_transfer_learning",
            "curves (page Scalars), (page Images)",
            "Scalars",
        ),
        ("course_4_photo_search", "what was found (page Images)", ""),
    ],
)
def test_picture_of_tensorboard_is_of_a_page_that_may_be_shown(
    finished_run, lesson, said, page
):
    """No photographs of people, and none that not everybody may copy."""
    record = run_folder.read(finished_run)
    record.config["lesson"] = lesson
    text = f'"""A lesson.\n\nIn TensorBoard: {said}\n"""\n'
    (finished_run / f"{lesson}.py").write_text(text)
    assert tensorboard_pages.choose_page(record) == page


def test_gallery_refuses_photographs_of_people(finished_run):
    record = run_folder.read(finished_run)
    record.config["lesson"] = "course_4_photo_search"
    record.config["hyperparameters"]["folder"] = None
    with pytest.raises(ValueError, match="expected a run with --folder"):
        gallery.choose_figure(record)
