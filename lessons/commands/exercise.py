"""Exercises: the learner's copies, hints, checks and solutions."""

import contextlib
import difflib
import importlib.util
import json
import shlex
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from lessons import course
from lessons.exercises.answers import ANSWERS

from tyro.conf import OmitSubcommandPrefixes, Positional

ORIGINALS = Path(__file__).parents[1] / "exercises"
COPIES = Path("exercises")  # of the scripts, for the learner to change
PROGRESS = (
    COPIES / "progress.json"
)  # by number: hints that were given, flags of what was solved


@dataclass(frozen=True)
class List:
    """List the exercises, and which are solved."""

    def act(self) -> None:
        """Prints the table."""
        list_exercises()


@dataclass(frozen=True)
class Action:
    """What is done with one exercise."""

    number: Positional[int]  # of the exercise


@dataclass(frozen=True)
class Run(Action):
    """Run it, to be looked at in TensorBoard."""

    flags: Positional[tuple[str, ...]] = ()  # of its script, such as --epochs 3

    def act(self) -> None:
        """Runs the learner's copy."""
        run(self.number, list(self.flags))


@dataclass(frozen=True)
class Hint(Action):
    """The next of three hints."""

    def act(self) -> None:
        """Prints it."""
        hint(self.number)


@dataclass(frozen=True)
class Check(Action):
    """Train it with other splits and seeds: is it solved?"""

    flags: Positional[tuple[str, ...]] = ()  # of its script, such as --epochs 3

    def act(self) -> None:
        """Checks the learner's copy."""
        check(self.number, list(self.flags))


@dataclass(frozen=True)
class Solution(Action):
    """What was wrong, and the change."""

    def act(self) -> None:
        """Prints both."""
        show_solution(self.number)


@dataclass(frozen=True)
class Reset(Action):
    """Begin anew."""

    def act(self) -> None:
        """Puts the learner's copy aside."""
        reset(self.number)


@dataclass(frozen=True)
class Exercise:
    """List the exercises, broken trainings to repair, or do one."""

    action: OmitSubcommandPrefixes[List | Run | Hint | Check | Solution | Reset] = (
        List()
    )

    def act(self) -> None:
        """Does what is asked for.

        Raises:
            ValueError: there is no such exercise.
        """
        if isinstance(self.action, Action):
            find_original(self.action.number)
        self.action.act()


def split_flags(words: list[str]) -> list[str]:
    """Returns the words of `python -m lessons` with a "--" before what belongs to the
    script of an exercise, whose flags the command line does not know.
    """
    if words[0] == "exercise" and words[1:2] in (["run"], ["check"]) and words[3:]:
        return [*words[:3], "--", *words[3:]]
    return words


def list_exercises() -> None:
    """Prints the number of each exercise, whether it is solved, and its symptom."""
    progress = read_progress()
    for number in ANSWERS:
        symptom = course.read_docstring(find_original(number)).partition("\n")[0]
        solved = "solved" if "solved" in progress.get(str(number), {}) else ""
        print(f"{number:2}  {solved:6}  {symptom}")
    print(
        "\npython -m lessons exercise run 1; then hint, check, solution or reset with "
        "the number"
    )


def run(number: int, flags: list[str]) -> None:
    """Runs the learner's copy of an exercise."""
    path = find_copy(number)
    with without_our_frames(path):
        module = load(path)
        sys.argv = [str(path), *flags]
        from lessons.exercises import running
        from training import command_line

        if number == 5:
            command_line.run(module.main, module.Config)
        else:
            running.run(module.train, module.Config)


def hint(number: int) -> None:
    """Prints the next hint."""
    hints = ANSWERS[number].hints
    given = read_progress().get(str(number), {}).get("hints", 0)
    index = min(given, len(hints) - 1)
    update_progress(number, hints=index + 1)
    print(wrap(f"Hint {index + 1} of {len(hints)}: {hints[index]}"))
    if given == len(hints):
        print(f"It was the last one: python -m lessons exercise solution {number}")


def check(number: int, flags: list[str]) -> None:
    """Trains the learner's copy anew and says whether it solves the exercise; if not,
    the exit code is 1.
    """
    path = find_copy(number)
    read_progress()  # if it is damaged, better said before than after
    from lessons.exercises import checking
    from training import command_line

    with without_our_frames(path):
        module = load(path)
        config = command_line.parse(module.Config, flags, path.name, module.__doc__)
        print(
            f"Trains {shlex.join([str(path), *flags])} with splits and seeds of its "
            "own",
            flush=True,
        )
        try:
            verdict = checking.check(number, module, config)
        except KeyboardInterrupt:
            print("\nInterrupted before the check was done")
            raise
    for line in verdict.measured:
        print(f"  {line}")
    if not verdict.missing:
        update_progress(number, solved=flags)
        print(
            "Solved. What others say of it: python -m lessons exercise solution "
            f"{number}"
        )
        return
    print(f"Not yet: {'; '.join(verdict.missing)}.")
    if verdict.nudge:
        print(verdict.nudge)
    sys.exit(1)


def show_solution(number: int) -> None:
    """Explains an exercise, and prints the change that solves it."""
    answer = ANSWERS[number]
    print(wrap(answer.why) + "\n")
    if answer.flags:
        print(f"python -m lessons exercise check {number} {shlex.join(answer.flags)}")
    original = find_original(number).read_text("utf-8")
    lines = difflib.unified_diff(
        original.splitlines(),
        solve(number).splitlines(),
        "as it was",
        "repaired",
        n=1,
        lineterm="",
    )
    for line in lines:
        print(line)


def reset(number: int) -> None:
    """Makes the learner's copy as it was at first, and keeps what it was until now
    under another name.
    """
    path, original = find_copy(number), find_original(number)
    if path.read_bytes() != original.read_bytes():
        kept = next(
            name
            for count in range(1, 10**6)
            if not (name := path.with_suffix(f".{count}.py")).exists()
        )
        path.replace(kept)
        shutil.copyfile(original, path)
        print(f"Yours is kept as {kept}")
    update_progress(number)
    print(f"{path} is as it was at first")


def find_original(number: int) -> Path:
    """Returns the script of an exercise as it is shipped.

    Raises:
        ValueError: there is no such exercise.
    """
    if number not in ANSWERS:
        raise ValueError(
            f"there is no exercise {number}, expected a number from 1 to {max(ANSWERS)}"
        )
    return ORIGINALS / f"exercise_{number:02}.py"


def find_copy(number: int) -> Path:
    """Returns the learner's copy of the script; it is made if there is none.

    Raises:
        ValueError: there is no such exercise.
        OSError: the copy cannot be made.
    """
    original = find_original(number)
    path = COPIES / original.name
    try:
        if not path.exists():
            COPIES.mkdir(exist_ok=True)
            shutil.copyfile(original, path)
            print(f"{path} is yours to change")
        elif path.samefile(original) or not path.is_file():
            raise ValueError(
                f"{path} is no copy of your own here: go to the project's folder, or "
                "to an empty one"
            )
    except OSError as error:
        raise type(error)(
            f"{path} cannot be made ({error.strerror}): go to a folder that you can "
            "write to"
        ) from None
    return path


@contextlib.contextmanager
def without_our_frames(path: Path) -> Iterator[None]:
    """Shows of an error in the learner's script only what begins there, and ends with
    exit code 1.
    """
    try:
        yield
    except Exception as error:
        from training import command_line

        first = error.__traceback__
        while (
            first
            and Path(first.tb_frame.f_code.co_filename).resolve() != path.resolve()
        ):
            first = first.tb_next
        syntax = (
            isinstance(error, SyntaxError)
            and Path(error.filename or "").resolve() == path.resolve()
        )
        if command_line.is_message(error) or not (first or syntax):
            raise
        traceback.print_exception(error.with_traceback(first))
        sys.exit(1)


def load(path: Path) -> ModuleType:
    """Imports a script from its file.

    Raises:
        ValueError: what is checked is missing in it.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("Config", "paint" if path.stem == "exercise_05" else "train"):
        if not hasattr(module, name):
            raise ValueError(
                f"{path} has no {name}, which the check calls: put it back, or take "
                "reset"
            )
    return module


def solve(number: int) -> str:
    """Returns the script with the changes of the solution."""
    text = find_original(number).read_text("utf-8")
    for old, new in ANSWERS[number].changes:
        text = text.replace(old, new)
    return text


def wrap(text: str) -> str:
    """Returns a text in lines of at most 118 characters."""
    return textwrap.fill(text, 118)


def read_progress() -> dict[str, dict]:
    """Returns what is known of each exercise by its number: `hints` given, flags with
    which it was `solved`.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        progress = json.loads(PROGRESS.read_text("utf-8"))
        if not isinstance(progress, dict) or not all(
            isinstance(known, dict) for known in progress.values()
        ):
            raise ValueError("no table of exercises")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(
            f"{PROGRESS} is damaged ({error}): delete it, and the exercises count as "
            "unsolved"
        ) from None
    return progress


def update_progress(number: int, **known) -> None:
    """Adds to what is known of an exercise; with nothing to add, forgets what was."""
    progress = read_progress()
    progress[str(number)] = progress.get(str(number), {}) | known if known else {}
    COPIES.mkdir(exist_ok=True)
    partial = PROGRESS.with_suffix(".partial")
    partial.write_text(json.dumps(progress, indent=2) + "\n", "utf-8")
    partial.replace(PROGRESS)
