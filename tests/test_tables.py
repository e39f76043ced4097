"""The tables of lessons in READMEs and galleries, which `python -m tools.tables`
writes, and the pictures in the galleries.
"""

import ast
import json
import re
import subprocess
import sys

from lessons import measurements
from lessons.course import COURSE, ROOT, TITLES, find_lessons
from training import run_folder

import pytest
from PIL import Image

from tools import gallery, tables, tensorboard_pages


def test_each_lesson_has_its_chinese_lines_and_no_other_has():
    assert set(TITLES) == {lesson.path.stem for lesson in find_lessons()}
    for name, titles in TITLES.items():
        assert set(titles) == {"title", "result", "idea", "look", "try"}, name


def test_chinese_things_to_try_are_those_of_the_docstring():
    for lesson in find_lessons():
        told = TITLES[lesson.path.stem]["try"]
        tries = dict(measurements.find_tries(lesson.path))
        assert list(told) == list(tries), lesson.path.stem
        for flags, effect in told.items():
            extra = find_numbers(effect) - find_numbers(f"{flags} {tries[flags]}")
            assert not extra, f"{lesson.path.stem} {flags}: {extra}"


def test_numbers_of_the_chinese_lines_are_those_of_the_page():
    for lesson in find_lessons():
        page = lesson.path.read_text(encoding="utf-8")
        for name in ("title", "result", "idea", "look"):
            told = TITLES[lesson.path.stem][name]
            extra = find_numbers(told) - find_numbers(page)
            assert not extra, f"{lesson.path.stem}, {name}: {extra}"


def test_chinese_lines_name_what_tensorboard_shows():
    """Its pages, and the tags in backquotes, are those that the docstring names."""
    for lesson in find_lessons():
        docstring = ast.get_docstring(ast.parse(lesson.path.read_bytes()))
        english = docstring.partition("In TensorBoard:")[2].partition("\nTry:")[0]
        look = TITLES[lesson.path.stem]["look"]
        pages = set(re.findall(r"page\s+(\w+)", english))
        assert set(re.findall(r"([A-Z]\w+) 页", look)) == pages, lesson.path.stem
        for tag in re.findall(r"`(\w+)`", look):
            assert tag in english, f"{lesson.path.stem}: {tag}"


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
        pictures = [path.stem for path in folder.glob("course_*.*")]
        assert len(pictures) == len(set(pictures))
        assert set(pictures) <= lessons


def test_every_picture_of_a_gallery_has_a_caption_in_both_languages():
    shown = [
        lesson.path.stem for lesson in find_lessons() if tables.find_picture(lesson)
    ]
    assert set(tables.CAPTIONS) == set(shown)
    for name, caption in tables.CAPTIONS.items():
        assert set(caption) == set(tables.LANGUAGES), name


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("98.4 % (98.3 to 98.5 over 5 seeds) of all", "98.4 % of all"),
        ("26 % (3 seeds); the mean 100 %", "26 %; the mean 100 %"),
        ("7 % (6 to 8), a fifth", "7 %, a fifth"),
        ("palace (with a probability of 31 %)", "palace (with a probability of 31 %)"),
    ],
)
def test_readme_leaves_out_ranges_over_seeds(result, shown):
    assert tables.leave_out_seeds(result) == shown


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


def test_gallery_shows_what_a_lesson_prints_that_draws_nothing(tmp_path):
    """Each group adds a row; a page that does not run is no picture."""
    group = "Sums\n  1 + 1       2           shape=()\n"
    heights = []
    for count in (2, 4):
        page = tmp_path / f"groups_{count}.py"
        printed = "\n".join(["started\n", *count * [group]])
        page.write_text(f"print({printed!r})")
        picture = gallery.draw_output(page).convert("L")
        least, most = picture.getextrema()
        assert least < 50
        assert most > 200
        heights.append(picture.height)
    assert heights[1] == pytest.approx(2 * heights[0], abs=1)
    page.write_text("raise SystemExit('no such thing')")
    with pytest.raises(subprocess.CalledProcessError):
        gallery.draw_output(page)


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
def test_picture_of_tensorboard_is_of_a_page_that_may_be_shown(lesson, said, page):
    """No photographs of people, and none that not everybody may copy."""
    text = f'"""A lesson.\n\nIn TensorBoard: {said}\n"""\n'
    assert tensorboard_pages.choose_page(lesson, text) == page


def test_gallery_refuses_photographs_of_people(finished_run):
    record = run_folder.read(finished_run)
    record.config["lesson"] = "course_4_photo_search"
    record.config["hyperparameters"]["folder"] = None
    with pytest.raises(ValueError, match="expected a run with --folder"):
        gallery.choose_figure(record)
