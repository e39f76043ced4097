"""Lists the lessons: python -m lessons."""

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Lesson(NamedTuple):
    """What the docstring of a lesson says of it.

    Attributes:
        path: of its file.
        number: of its part of the course.
        idea: its first line.
        command: that runs it, in the project's folder.
        result: what it reaches, and in how many minutes.
    """

    path: Path
    number: int
    idea: str
    command: str
    result: str


def find_lessons() -> list[Lesson]:
    """Reads the docstrings of all lessons, in course order, without importing them."""
    paths = [*ROOT.glob("course_*.py"), *(ROOT / "lessons").glob("course_*.py")]
    return sorted(map(read_lesson, paths), key=lambda lesson: (lesson.number, str(lesson.path)))


def read_lesson(path: Path) -> Lesson:
    """Returns what the docstring of the lesson at `path` says.

    Raises:
        ValueError: the docstring does not begin with the idea, the command and the result, a paragraph each.
    """
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraphs = [" ".join(paragraph.split()) for paragraph in docstring.split("\n\n")]
    match paragraphs:
        case [idea, command, result, *_] if command.startswith("python ") and result.startswith("Result: "):
            number = int(re.match(r"course_(\d+)_", path.name)[1])
            return Lesson(path, number, idea, command, result.removeprefix("Result: "))
    raise ValueError(f"{path}: expected a docstring that begins with the idea, the command and the result")


def main() -> None:
    """Prints each lesson's number, idea, command, result and minutes."""
    if len(sys.argv) > 1:
        sys.exit(f"python -m lessons takes no arguments, received: {' '.join(sys.argv[1:])}")
    for lesson in find_lessons():
        print(f"{lesson.number}  {lesson.idea}\n   {lesson.command}\n   {lesson.result}\n")
    print("A lesson's flags: its command with --help")


if __name__ == "__main__":
    main()
