"""Which lessons there are, in their order, and what their docstrings say."""

import ast
import difflib
import functools
import importlib
import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# The order to take them in; a lesson that is not named comes after those of its number.
TITLES = tomllib.loads((ROOT / "lessons/titles.zh.toml").read_text(encoding="utf-8"))
COURSE = tuple(TITLES)  # the order to take the lessons in
# Lessons that were split: their runs are still compared under the old name.
RENAMED = {
    "course_3_inside_a_cnn": (
        "course_3_what_filters_see",
        "course_3_saliency",
        "course_3_grad_cam",
    ),
    "course_4_image_search": ("course_4_similar_clothes", "course_4_photo_search"),
}


class Lesson(NamedTuple):
    """What the docstring of a lesson says of it.

    Attributes:
        path: of its file.
        number: of its part of the course.
        idea: its first line.
        command: that runs it, in the project's folder.
        result: what it reaches.
        minutes: that it takes.
    """

    path: Path
    number: int
    idea: str
    command: str
    result: str
    minutes: str


@functools.cache
def find_lessons() -> list[Lesson]:
    """Reads the docstrings of all lessons, in course order, without importing them.

    A file of the learner's own beside them that is no lesson is left out, with a line
    on stderr.
    """
    lessons = []
    for path in [*ROOT.glob("course_*.py"), *(ROOT / "lessons").glob("course_*.py")]:
        if path.stem not in RENAMED:
            try:
                lessons.append(read_lesson(path))
            except (ValueError, SyntaxError, OSError) as error:
                reason = " ".join(str(error).split()).removeprefix(f"{path}: ")
                print(f"left out: {path}: {reason}", file=sys.stderr)
    places = {name: place for place, name in enumerate(COURSE)}
    return sorted(
        lessons,
        key=lambda lesson: (
            lesson.number,
            places.get(lesson.path.stem, len(COURSE)),
            lesson.path.stem,
        ),
    )


def read_docstring(path: Path) -> str:
    """Returns the docstring of a file in any encoding that it names; "" without one.

    Raises:
        SyntaxError: it is no Python.
        OSError: it cannot be read.
    """
    return ast.get_docstring(ast.parse(path.read_bytes(), path.name)) or ""


def read_lesson(path: Path) -> Lesson:
    """Returns what the docstring of the lesson at `path` says.

    Raises:
        ValueError: the docstring does not begin with the idea, the command, and the
            result with its time, a paragraph each; or its name has no number.
        SyntaxError: it is no Python.
        OSError: it cannot be read.
    """
    paragraphs = [
        " ".join(paragraph.split()) for paragraph in read_docstring(path).split("\n\n")
    ]
    text = "\n".join(paragraphs[:3])
    match = re.match(r"(.+)\n(python .+)\nResult: (.+) Time: ([\d.]+) minutes?\b", text)
    if match is None:
        raise ValueError(
            f"{path}: expected a docstring that begins with the idea, the command, and "
            '"Result:" with "Time:", a paragraph each'
        )
    number = re.match(r"course_(\d+)_", path.name)
    if number is None:
        raise ValueError(f"{path}: expected a name such as course_2_mlp.py")
    return Lesson(path, int(number[1]), *match.groups())


def name_lesson(name: str) -> str:
    """Returns the name of a lesson, given with or without its folder and ending.

    Raises:
        ValueError: there is none of that name; the near names are given.
    """
    known = [lesson.path.stem for lesson in find_lessons()]
    stem = Path(name).name.removesuffix(".py")
    if stem in RENAMED:
        raise ValueError(explain_old_name(stem))
    if stem not in known:
        near = difflib.get_close_matches(stem, known, cutoff=0.4) or known
        raise ValueError(
            f"unknown lesson {name!r}; perhaps you meant {' or '.join(near)}"
        )
    return stem


def explain_old_name(name: str) -> str:
    """Returns in one line which lessons took the place of an old one."""
    return f"{name} is now several lessons: {', '.join(RENAMED[name])}"


def refuse_old_name(name: str) -> None:
    """Ends the process as for other input that cannot be used: a line, exit code 2."""
    print(explain_old_name(name), file=sys.stderr)
    sys.exit(2)


def import_lesson(name: str):
    """Returns the module of a lesson; None if there is none of that name, as of a run
    of an exercise.
    """
    if name not in [lesson.path.stem for lesson in find_lessons()]:
        return None
    folder = "lessons." if (ROOT / "lessons" / f"{name}.py").is_file() else ""
    return importlib.import_module(folder + name)
