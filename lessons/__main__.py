"""Lists the lessons, compares and repeats runs, and uses what was trained: python -m
lessons --help.
"""

import sys

from lessons.commands import list_lessons
from training import command_line

PROGRAM = "python -m lessons"


def main() -> None:
    """Runs a command, or lists the lessons."""
    command_line.guard(PROGRAM, lambda: run_command(sys.argv[1:]))


def run_command(words: list[str]) -> None:
    """Does what the words of the command line ask for; without one, lists the lessons.

    Raises:
        ValueError: they name no command, or one that cannot be done with them.
    """
    if words:
        read_command(words).act()
    else:
        list_lessons.List().act()


def read_command(words: list[str]):
    """Returns the command that `words` name, with its arguments.

    Raises:
        ValueError: there is no such command, or it has other arguments.
    """
    # Here, for the list is to be there at once.
    from lessons.commands import compare, exercise, predict, sweep, tensorboard

    commands = (
        list_lessons.List
        | compare.Compare
        | sweep.Sweep
        | predict.Predict
        | exercise.Exercise
        | tensorboard.Tensorboard
    )
    words = exercise.split_flags(words)
    description = "Without a command: lists the lessons."
    return command_line.parse(commands, words, PROGRAM, description)


if __name__ == "__main__":
    main()
