"""Lists the lessons, compares and repeats runs, and uses what was trained: python -m
lessons --help.
"""

import argparse
import sys
from pathlib import Path

from lessons import course
from lessons.commands import predict

EXERCISE_ACTIONS = {
    "run": "run it, to be looked at in TensorBoard",
    "hint": "the next of three hints",
    "check": "train it with other splits and seeds: is it solved?",
    "solution": "what was wrong, and the change",
    "reset": "begin anew",
}


def list_lessons() -> None:
    """Prints each lesson's number, idea, command, result and minutes."""
    for lesson in course.find_lessons():
        print(f"{lesson.number}  {lesson.idea}\n   {lesson.command}")
        print(f"   {lesson.result}\n   {lesson.minutes} minutes\n")
    print(
        "The flags of a lesson: its command with --help. What else can be done: python "
        "-m lessons --help"
    )


def compare_runs(arguments: argparse.Namespace) -> None:
    """Prints a table of the runs of each lesson."""
    from training import compare, run_folder

    name, logdir = arguments.lesson, arguments.logdir
    if name and len(Path(name).parts) > 1 and Path(name).is_dir():
        name, logdir = Path(name).name, Path(name).parent  # as runs/course_3_cnn
    if name and name not in course.RENAMED:  # runs under an old name are still shown
        name = course.name_lesson(name)
    records = run_folder.read_all(logdir, name)
    for lesson in dict.fromkeys(record.config["lesson"] for record in records):
        print(f"\n{lesson}")
        same = [record for record in records if record.lesson == lesson]
        compare.print_table(same)
        compare.print_pages(same)


def sweep_lesson(arguments: argparse.Namespace) -> None:
    """Runs a lesson with every combination of values."""
    name = course.name_lesson(arguments.lesson)
    from training import sweep

    sweep.run(course.import_lesson(name), arguments.values, arguments.logdir)


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
        predict.show_predictions,
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
