"""Lists the lessons, compares and repeats runs, and uses what was trained: python -m
lessons --help.
"""

import argparse
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
EXERCISE_ACTIONS = {
    "run": "run it, to be looked at in TensorBoard",
    "hint": "the next of three hints",
    "check": "train it with other splits and seeds: is it solved?",
    "solution": "what was wrong, and the change",
    "reset": "begin anew",
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


def read_lesson(path: Path) -> Lesson:
    """Returns what the docstring of the lesson at `path` says.

    Raises:
        ValueError: the docstring does not begin with the idea, the command, and the
            result with its time, a paragraph each; or its name has no number.
        SyntaxError: it is no Python.
        OSError: it cannot be read.
    """
    docstring = ast.get_docstring(ast.parse(path.read_bytes(), path.name)) or ""
    paragraphs = [" ".join(paragraph.split()) for paragraph in docstring.split("\n\n")]
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


def list_lessons() -> None:
    """Prints each lesson's number, idea, command, result and minutes."""
    for lesson in find_lessons():
        print(f"{lesson.number}  {lesson.idea}\n   {lesson.command}")
        print(f"   {lesson.result}\n   {lesson.minutes} minutes\n")
    print(
        "The flags of a lesson: its command with --help. What else can be done: python "
        "-m lessons --help"
    )


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


def compare_runs(arguments: argparse.Namespace) -> None:
    """Prints a table of the runs of each lesson."""
    from training import compare, run_folder

    name, logdir = arguments.lesson, arguments.logdir
    if name and len(Path(name).parts) > 1 and Path(name).is_dir():
        name, logdir = Path(name).name, Path(name).parent  # as runs/course_3_cnn
    if name and name not in RENAMED:  # runs under an old name are still shown
        name = name_lesson(name)
    records = run_folder.read_all(logdir, name)
    for lesson in dict.fromkeys(record.config["lesson"] for record in records):
        print(f"\n{lesson}")
        same = [record for record in records if record.lesson == lesson]
        compare.print_table(same)
        compare.print_pages(same)


def sweep_lesson(arguments: argparse.Namespace) -> None:
    """Runs a lesson with every combination of values."""
    name = name_lesson(arguments.lesson)
    from training import sweep

    sweep.run(import_lesson(name), arguments.values, arguments.logdir)


def import_lesson(name: str):
    """Returns the module of a lesson; None if there is none of that name, as of a run
    of an exercise.
    """
    if name not in [lesson.path.stem for lesson in find_lessons()]:
        return None
    folder = "lessons." if (ROOT / "lessons" / f"{name}.py").is_file() else ""
    return importlib.import_module(folder + name)


def show_predictions(arguments: argparse.Namespace) -> None:
    """Asks a saved network about inputs, as its lesson's page says, and prints what it
    answers.
    """
    from training import predictions, run_folder

    record = run_folder.find_trained(arguments.run, arguments.logdir)
    ask = getattr(import_lesson(record.lesson), "predict", predict_pictures)
    answers = ask(record, arguments.inputs)
    print(f"with {record.folder}")
    for line in answers.lines:
        print(line)
    if answers.picture is not None:
        print(f"Figure: {predictions.save_picture(record.folder, answers.picture)}")


def predict_pictures(record, inputs: list[str]):
    """Returns which classes a classifier of images sees in pictures, as
    `training.predictions` says.

    Raises:
        ValueError: the run is of another kind of network, or no file is a picture, or
            has a drawing where one is expected.
        OSError: the only file is missing or cannot be read.
    """
    from training import predictions, run_folder

    import numpy as np

    from data import own_pictures
    from data.images import drawing, read

    run_folder.check_classifier(record)
    model = record.load_model()
    shown, seen, grounds, empty = [], [], {}, []
    for path, picture in own_pictures.read_pictures(inputs):
        if model.input_shape[-1] == 3:  # photographs
            seen.append(read.cut_out_square(picture, model.input_shape[1]))
            grounds[path] = ""
        else:
            try:
                found = drawing.cut_out_drawing(picture)
            except ValueError as error:
                empty.append(f"{path}: {error}")
                continue
            seen.append(found.image)
            ground = "dark on light" if found.dark_on_light else "light on dark"
            grounds[path] = f"   (taken for {ground})"
        if len(shown) < predictions.SHOWN:
            shown.append(picture)
    if not seen:
        raise ValueError(empty[0])
    images = np.stack(seen)
    probabilities = predictions.classify(model, images)
    class_names = record.config["class_names"]
    lines = []
    for (path, ground), row in zip(grounds.items(), probabilities, strict=True):
        likely = "   ".join(predictions.name_likely(row, class_names))
        lines.append(f"{path}: {likely}{ground}")
    count = len(shown)
    picture = predictions.draw_predictions(
        shown, images[:count], probabilities[:count], class_names
    )
    return predictions.Answers(lines + empty, picture)


def start_tensorboard(arguments: argparse.Namespace) -> None:
    """Runs TensorBoard on the logdir, on this machine only, until it is stopped."""
    from tensorboard import main as tensorboard

    logdir = arguments.logdir
    if not logdir.is_dir():
        raise ValueError(
            f"{logdir} is not a folder, expected that of the runs: run a lesson first, "
            "or name it with --logdir"
        )
    if next(logdir.rglob("events.out.tfevents.*"), None) is None:
        print(f"{logdir} holds no runs yet: the page stays empty until a lesson runs")
    print(
        f"TensorBoard on {arguments.logdir}: http://127.0.0.1:{arguments.port}/ "
        "(Ctrl-C stops it)",
        flush=True,
    )
    sys.argv = [
        "tensorboard",
        "--logdir",
        str(arguments.logdir),
        "--host",
        "127.0.0.1",
        "--port",
        str(arguments.port),
    ]
    tensorboard.run_main()


def do_exercise(arguments: argparse.Namespace) -> None:
    """Lists the exercises, or runs, hints at, checks, solves or resets one."""
    from lessons.exercises import commands

    if arguments.action is None:
        commands.list_exercises()
    else:
        commands.act(arguments.action, arguments.number, arguments.flags)


class Parser(argparse.ArgumentParser):
    """Argparse with errors of one line."""

    def error(self, message: str) -> None:
        """Raises instead of printing the usage.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{message} (python -m lessons --help)")


def make_parser() -> Parser:
    """Returns the command line of `python -m lessons`."""
    from training import options

    parser = Parser(
        prog="python -m lessons", description="Without a command: lists the lessons."
    )
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, function, text: str) -> Parser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        command.add_argument(
            "--logdir",
            type=options.find_home,
            default=Path("runs"),
            help="folder of the runs (runs)",
        )
        return command

    command = add(
        "compare",
        compare_runs,
        "show runs side by side: what differs, final metrics, time; best first",
    )
    command.add_argument("lesson", nargs="?", metavar="LESSON")
    command = add(
        "sweep", sweep_lesson, "run a lesson with every combination of some values"
    )
    command.add_argument("lesson", metavar="LESSON")
    command.add_argument(
        "values",
        nargs="+",
        metavar="NAME=VALUE,VALUE",
        help="such as seed=0,1,2, or units=32,64x64 where a run takes several values",
    )
    command = add(
        "predict",
        show_predictions,
        "ask a trained network about your own pictures, texts or files",
    )
    command.add_argument(
        "run",
        metavar="RUN",
        help="folder of a run, or a lesson's name for its newest run",
    )
    command.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="such as a picture, as it takes them"
    )
    text = "list the exercises, broken trainings to repair, or do one"
    command = commands.add_parser("exercise", help=text, description=text)
    command.set_defaults(function=do_exercise, flags=[])
    actions = command.add_subparsers(metavar="ACTION", dest="action")
    for name, text in EXERCISE_ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument(
            "number", type=int, metavar="NUMBER", help="of the exercise"
        )
        if name in ("run", "check"):
            action.add_argument(
                "flags",
                nargs=argparse.REMAINDER,
                help="of its script, such as --epochs 3",
            )
    command = add("tensorboard", start_tensorboard, "start TensorBoard on the runs")
    command.add_argument("--port", type=int, default=6006)
    return parser


def main() -> None:
    """Runs a command, or lists the lessons."""
    from training import command_line

    command_line.guard("python -m lessons", lambda: run_command(sys.argv[1:]))


def run_command(words: list[str]) -> None:
    """Parses `words` and runs the command they name; without one, lists the lessons."""
    if not words:
        list_lessons()
        return
    arguments = make_parser().parse_args(words)
    arguments.function(arguments)


if __name__ == "__main__":
    main()
