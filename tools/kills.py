"""Kills lessons at random moments and resumes them: the result must be that of a run
that was left alone.

    python -m tools.kills
    python -m tools.kills course_3_cnn --kills 10

Every lesson that trains is run small in a process of its own, once undisturbed, then
again and again: killed with SIGKILL, resumed, sometimes killed once more, and resumed
to its end. Most moments are drawn evenly from the whole run after the imports; the
others from its last second, in which it is evaluated, saved and closed. What ends with
an error, is left unreadable or comes to another end is a line of its own, and counts as
wrong.
"""

import argparse
import contextlib
import importlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from lessons.course import ROOT, find_lessons
from training import run_folder, run_json

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests import few

LESSONS = {lesson.path.stem: lesson.path for lesson in find_lessons()}
# What makes a lesson small stands in its test in tests/lessons; here, where that is too
# short to be killed, or rests on what a test replaces.
FIELDS = {
    "course_1_tf_lr": {"epochs": 20_000},
    "course_1_neuron_xor": {"epochs": 5},
    "course_2_mlp": {"epochs": 6},
    "course_2_overfitting": {"draws": 1, "epochs": 5},
    "course_2_deep_or_wide": {"updates": 20, "depths": (1,)},
    "course_3_cnn": {"epochs": 5},
    "course_3_fooling_a_cnn": {"updates": 20},
    "course_4_similar_clothes": {"epochs": 2},
    "course_5_transfer_learning": {"epochs": 2},
    "course_6_detection": {"steps": 40},
    "course_6_instances": {"steps": 40},
    "course_6_localization": {"scenes": 1000},
    "course_6_segmentation": {"steps": 40},
    "course_7_writing": {"characters": 50_000, "units": 24, "steps": 300},
    "course_7_small_gpt": {"characters": 50_000, "width": 24, "steps": 300},
    "course_9_style_transfer": {"size": 200, "steps": 30},
    "course_11_distributed": {"epochs": 60},
}
# These change nothing that a run could lose.
NOTHING_TO_LOSE = {
    "course_1_tf_basic_operation",
    "course_1_gradient_descent",
    "course_3_convolution",
    "course_3_what_filters_see",
    "course_3_saliency",
    "course_3_grad_cam",
    "course_4_pretrained_features",
    "course_4_photo_search",
    "course_5_cut_point",
}
# The ends of the names of what differs between equal runs.
TIMES = ("seconds", "milliseconds", "_ms", "_per_second")
LATE = 1 / 3  # of the kills come in the last second of a run ...
LAST_SECONDS = 1.0  # ... which is what it takes to evaluate, save and close a small one
AGAIN = 0.3  # of the resumed runs are killed as well
RUNS_A_KILL = 4  # that may end before their moment comes, or with an error, on average
TIMEOUT_SECONDS = 600  # of a run that is left alone


class RunError(Exception):
    """A run ended with an error, or left something that cannot be read."""


def read_events(folder: Path) -> dict[tuple[str, str], list]:
    """Returns the points of each tag of a run in the order in which TensorBoard shows
    them: steps and contents.
    """
    events = {}
    for path in sorted(
        {path.parent for path in folder.glob("**/events.out.tfevents.*")}
    ):
        loaded = EventAccumulator(str(path), {"tensors": 0}).Reload()
        for tag in loaded.Tags()["tensors"]:
            events[path.relative_to(folder).as_posix(), tag] = [
                (
                    event.step,
                    None
                    if tag.endswith(TIMES)
                    else event.tensor_proto.SerializeToString(),
                )
                for event in loaded.Tensors(tag)
            ]
    return events


def read_metrics(folder: Path) -> dict:
    """Returns what `metrics.json` holds, without times: one level, `split.name`."""

    def flatten(values: dict, before: str = "") -> dict:
        flat = {}
        for name, value in values.items():
            inner = isinstance(value, dict)
            flat |= (
                flatten(value, f"{before}{name}.") if inner else {before + name: value}
            )
        return flat

    metrics = flatten(run_json.read(folder / run_json.METRICS))
    return {name: v for name, v in metrics.items() if not name.endswith(TIMES)}


def is_equal(first: Path, second: Path) -> bool:
    """Whether two files of one name hold the same weights, arrays or bytes."""
    if first.suffix == ".keras":
        held = [keras.models.load_model(path).get_weights() for path in (first, second)]
        return all(np.array_equal(*pair) for pair in zip(*held, strict=True))
    if first.suffix == ".npz":
        with np.load(first) as one, np.load(second) as two:
            return set(one) == set(two) and all(
                np.array_equal(one[name], two[name]) for name in one
            )
    return first.read_bytes() == second.read_bytes()


def find_differences(expected: Path, folder: Path) -> list[str]:
    """Returns what two runs of a lesson do not have in common: metrics, weights,
    predictions, files, and TensorBoard's events.

    Names and times of the runs may differ.
    """
    first, second = read_metrics(expected), read_metrics(folder)
    differences = sorted(
        name for name in {*first, *second} if first.get(name) != second.get(name)
    )
    files = [
        {
            path.relative_to(run).as_posix()
            for path in run.rglob("*")
            if path.is_file() and "tfevents" not in path.name
        }
        for run in (expected, folder)
    ]
    differences += sorted(files[0] ^ files[1])
    for name in sorted(files[0] & files[1]):
        compared = name.endswith((".keras", ".npz", ".jsonl", ".py"))
        if compared and not is_equal(expected / name, folder / name):
            differences.append(name)
    events = [read_events(run) for run in (expected, folder)]
    # These hold the name of the run, or its time.
    named = {
        (".", "options"),
        (".", "environment"),
        ("final", "_hparams_/session_start_info"),
    }
    tags = {*events[0], *events[1]} - named
    return differences + sorted(
        "/".join(tag) for tag in tags if events[0].get(tag) != events[1].get(tag)
    )


def find_fields(name: str) -> dict:
    """Returns what makes a lesson small."""
    if name in FIELDS:
        return FIELDS[name]
    return importlib.import_module(f"tests.lessons.test_{name}").SMALL


def start(
    name: str, logdir: Path, run_name: str, again: bool = False, **fields
) -> subprocess.Popen:
    """Starts a lesson in a process of its own."""
    words = ["--logdir", str(logdir), "--name", run_name]
    words += ["--resume"] if again else []
    for key, value in fields.items():
        values = value if isinstance(value, tuple) else (value,)
        words += [f"--{key.replace('_', '-')}", *map(str, values)]
    return subprocess.Popen(
        [sys.executable, str(LESSONS[name]), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen, seconds: float = TIMEOUT_SECONDS) -> str:
    """Waits for a process and returns what it printed.

    Raises:
        RunError: it ended with an error, or does not end.
        subprocess.TimeoutExpired: it goes on after the time that was given.
    """
    try:
        output = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        if seconds < TIMEOUT_SECONDS:
            raise
        process.kill()
        process.communicate()
        raise RunError(f"does not end within {seconds} s") from None
    if process.returncode:
        said = " ".join(output[-800:].split())[-300:]
        raise RunError(f"ended with exit code {process.returncode}: {said}")
    return output


def wait_until_open(process: subprocess.Popen, folder: Path) -> float:
    """Returns when a process opened its folder, or ended without it."""
    noted = folder / run_json.PROCESS
    while process.poll() is None:
        with contextlib.suppress(OSError):
            if f'"pid": {process.pid},' in noted.read_text("utf-8"):
                break
        time.sleep(0.01)
    return time.monotonic()


@dataclass
class Tally:
    """What became of one lesson.

    Attributes:
        seconds: that a run lives after it opened its folder; measured again by each
            one that comes to its end undisturbed.
        kills: how often it was killed. late: of these in the last second.
        ends: for each run that was killed what differs from the run left alone.
        went_on: how many of them went on from what was saved.
    """

    seconds: float
    kills: int = 0
    late: int = 0
    ends: list[list[str]] = field(default_factory=list)
    went_on: int = 0

    @property
    def wrong(self) -> int:
        """How many runs came to another end, or to none."""
        return sum(bool(differences) for differences in self.ends)


def kill_at_random(
    process: subprocess.Popen, folder: Path, tally: Tally, again: bool, dice
) -> bool:
    """Kills a process at a random moment; False if it was over before.

    Raises:
        RunError: it ended with an error, or what it left cannot be read.
    """
    # How long a resumed run lives is not known: late moments are of the others.
    late = not again and tally.late < LATE * tally.kills
    first = max(0.0, tally.seconds - LAST_SECONDS) if late else 0.0
    opened = wait_until_open(process, folder)
    try:
        finish(process, dice.uniform(first, tally.seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        tally.kills += 1
        tally.late += late
        check_folder(folder)
        return True
    if not again:
        tally.seconds = time.monotonic() - opened
    return False


def check_folder(folder: Path) -> None:
    """Makes sure that others can read what a killed run left.

    Raises:
        RunError: they cannot.
    """
    if not (folder / run_json.METRICS).exists():
        return
    try:
        run_folder.read(folder)
        read_events(folder)
    except Exception as error:  # whatever it is, it would end `compare` as well
        raise RunError(f"killed, it cannot be read: {error}") from None


def kill_and_resume(
    name: str, logdir: Path, run_name: str, tally: Tally, wanted: int, dice, fields
) -> None:
    """Runs a lesson once, with at least one kill if its moment comes in time."""
    folder, killed = logdir / name / run_name, False
    differences: list[str] = []
    try:
        while kill_at_random(
            start(name, logdir, run_name, killed, **fields), folder, tally, killed, dice
        ):
            killed = True
            if tally.kills == wanted or dice.random() > AGAIN:
                break
        if not killed:
            return
        said = finish(start(name, logdir, run_name, True, **fields))
        tally.went_on += "resumes    what was saved" in said
        differences = find_differences(logdir / name / "whole", folder)
    except RunError as error:
        differences = [str(error)]
    tally.ends.append(differences)
    if differences:
        print(f"  {name}, {run_name}: {', '.join(differences)}", flush=True)


def torment(name: str, logdir: Path, wanted: int, dice: random.Random) -> Tally:
    """Kills a lesson as often as wanted, and prints its line of the table."""
    fields, tally = find_fields(name), Tally(0.0)
    opened = getattr(few.load(name).Config, "run", None)
    try:
        if opened:  # the run of a network that was trained before
            finish(start(opened, logdir / "trained", "trained", **find_fields(opened)))
            fields = {"run": logdir / "trained" / opened / "trained", **fields}
        process = start(name, logdir, "whole", **fields)
        opened = wait_until_open(process, logdir / name / "whole")
        finish(process)
        tally.seconds = time.monotonic() - opened
    except RunError as error:
        tally.ends.append([str(error)])
        print(f"  {name}, left alone: {error}", flush=True)
        wanted = 0
    for number in range(RUNS_A_KILL * wanted):
        if tally.kills >= wanted:
            break
        run_name = f"killed {number + 1}"
        kill_and_resume(name, logdir, run_name, tally, wanted, dice, fields)
    print(
        f"{name:28} {tally.kills:5} {tally.late:5} "
        f"{len(tally.ends) - tally.wrong:7} of {len(tally.ends):<3} "
        f"{tally.went_on:12} {tally.seconds:12.0f}",
        flush=True,
    )
    return tally


def main(words: list[str] | None = None) -> int:
    """Prints a line for each lesson; returns how many runs came to another end."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.kills", description="Kills lessons and resumes them."
    )
    parser.add_argument(
        "lessons",
        nargs="*",
        metavar="LESSON",
        default=[name for name in LESSONS if name not in NOTHING_TO_LOSE],
        help="all if not given",
    )
    parser.add_argument("--kills", type=int, default=50, help="over all of the lessons")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args(words)
    unknown = set(arguments.lessons) - set(LESSONS)
    if unknown:
        parser.error(f"no lesson: {', '.join(sorted(unknown))}")
    dice = random.Random(arguments.seed)
    tallies = []
    logdir = Path(tempfile.mkdtemp(prefix="kills_"))
    print(
        f"{'lesson':28} kills  late       equal   went on at   seconds of\n"
        f"{'':53} what was saved  a whole run",
        flush=True,
    )
    left = arguments.kills
    for index, name in enumerate(arguments.lessons):
        wanted = left // (len(arguments.lessons) - index)
        left -= wanted
        tallies.append(torment(name, logdir, wanted, dice))
    kills = sum(tally.kills for tally in tallies)
    late = sum(tally.late for tally in tallies)
    wrong = sum(tally.wrong for tally in tallies)
    print(f"{kills} kills, {late} of them in the last second; {wrong} wrong ends")
    if wrong:
        print(f"The runs are in {logdir}")
    else:
        shutil.rmtree(logdir)
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, main()))
