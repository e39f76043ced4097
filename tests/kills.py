"""Kills lessons at random moments and resumes them: the result must be that of a run
that was left alone.

    python -m tests.kills
    python -m tests.kills course_3_cnn --kills 10

Every lesson that trains is run small in a process of its own, once undisturbed, then
again and again: killed with SIGKILL at a moment drawn evenly from its duration after
the imports, resumed, sometimes killed once more, and resumed to its end.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lessons.__main__ import ROOT, find_lessons
from training import checkpoints, compare, quiet  # noqa: F401 (imports TensorFlow without its log lines)
from training.options import flag

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# The lessons that train, each so small that it takes some seconds.
TRAININGS = {
    "course_1_tf_lr": {"epochs": 20_000},
    "course_1_neuron_xor": {"epochs": 5},
    "course_2_mlp": {"epochs": 6},
    "course_2_overfitting": {"draws": 1, "epochs": 5},
    "course_2_deep_or_wide": {"updates": 20, "depths": (1,)},
    "course_3_cnn": {"epochs": 5},
    "course_3_fooling_a_cnn": {"updates": 20},
    "course_4_image_search": {"epochs": 2},
    "course_5_transfer_learning": {"epochs": 2},
    "course_9_style_transfer": {"size": 200, "steps": 30},
    "course_11_distributed": {"epochs": 60},
}
TIMES = {
    "seconds",
    "search_milliseconds",
    "images_per_second",
    "compute_ms",
    "all_reduce_ms",
}  # what differs between runs in metrics.json
CURVES_OF_TIME = {"images_per_second", "compute_ms", "all_reduce_ms"}
AGAIN = 0.3  # share of the resumed runs that are killed as well


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
                    if tag in CURVES_OF_TIME
                    else event.tensor_proto.SerializeToString(),
                )
                for event in loaded.Tensors(tag)
            ]
    return events


def find_differences(expected: Path, folder: Path) -> list[str]:
    """Returns what two runs of a lesson do not have in common: metrics, weights, files,
    and TensorBoard's events.

    Names and times of the runs may differ.
    """
    first, second = (
        json.loads((run / "metrics.json").read_text("utf-8"))
        for run in (expected, folder)
    )
    differences = [
        name
        for name in {*first, *second} - TIMES
        if first.get(name) != second.get(name)
    ]
    files = [
        {
            path.relative_to(run).as_posix()
            for path in run.rglob("*")
            if path.is_file() and "tfevents" not in path.name
        }
        for run in (expected, folder)
    ]
    differences += sorted(files[0] ^ files[1])
    if "model.keras" in files[0] & files[1]:
        weights = [
            keras.models.load_model(run / "model.keras").get_weights()
            for run in (expected, folder)
        ]
        if not all(np.array_equal(*pair) for pair in zip(*weights, strict=True)):
            differences.append("weights")
    events = [read_events(run) for run in (expected, folder)]
    named = {
        (".", "options"),
        (".", "environment"),
        ("final", "_hparams_/session_start_info"),
    }  # with name or time
    tags = {*events[0], *events[1]} - named
    return differences + sorted(
        "/".join(tag) for tag in tags if events[0].get(tag) != events[1].get(tag)
    )


def start(
    name: str, logdir: Path, run_name: str, resume: bool = False, **fields
) -> subprocess.Popen:
    """Starts a lesson in a process of its own."""
    words = [
        "--logdir",
        str(logdir),
        "--name",
        run_name,
        *(["--resume"] if resume else []),
    ]
    for field, value in fields.items():
        words += [
            flag(field),
            *(map(str, value) if isinstance(value, tuple) else [str(value)]),
        ]
    path = next(lesson.path for lesson in find_lessons() if lesson.path.stem == name)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([sys.executable, str(path), *words], cwd=ROOT, **pipes)


def finish(process: subprocess.Popen) -> str:
    """Waits for a process and returns what it printed.

    Raises:
        RuntimeError: it failed.
    """
    output = process.communicate(timeout=600)[0]
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {output[-800:]}")
    return output


def kill_at_random(
    process: subprocess.Popen, folder: Path, seconds: float, dice: random.Random
) -> bool:
    """Kills a process at a random moment of the `seconds` after it opened its folder;
    False if it was over before.
    """
    noted = folder / checkpoints.PROCESS
    while process.poll() is None and not (
        noted.exists() and f'"pid": {process.pid},' in noted.read_text("utf-8")
    ):
        time.sleep(0.01)
    try:
        process.communicate(timeout=dice.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    return False


def main() -> int:
    """Prints a line for each lesson; returns how many of the killed runs came to
    another end.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.kills", description="Kills lessons and resumes them."
    )
    parser.add_argument(
        "lessons",
        nargs="*",
        metavar="LESSON",
        default=list(TRAININGS),
        help="all if not given",
    )
    parser.add_argument("--kills", type=int, default=50, help="over all of the lessons")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    dice, logdir = (
        random.Random(arguments.seed),
        Path(tempfile.mkdtemp(prefix="kills_")),
    )
    finish(
        start("course_3_cnn", logdir / "trained", "trained", epochs=2)
    )  # for the lesson that opens a run
    print(
        f"{'lesson':28} kills      equal   went on at   seconds of\n{'':46} what was "
        "saved  a whole run",
        flush=True,
    )
    left, wrong = arguments.kills, 0
    for index, name in enumerate(arguments.lessons):
        fields = TRAININGS[name]
        if name == "course_3_fooling_a_cnn":
            fields = {"run": logdir / "trained/course_3_cnn/trained", **fields}
        finish(start(name, logdir, "whole", **fields))
        seconds = json.loads((logdir / name / "whole/metrics.json").read_text("utf-8"))[
            "seconds"
        ]
        wanted = left // (len(arguments.lessons) - index)
        left -= wanted
        kills = runs = goes_on = 0
        ends = []
        while kills < wanted:
            runs += 1
            run_name, killed = f"killed {runs}", 0
            folder = logdir / name / run_name
            while kill_at_random(
                start(name, logdir, run_name, killed > 0, **fields),
                folder,
                seconds,
                dice,
            ):
                kills, killed = kills + 1, killed + 1
                if (folder / "metrics.json").exists():
                    compare.read_run(folder)
                    read_events(folder)
                if kills == wanted or dice.random() > AGAIN:
                    break
            if killed:
                goes_on += "resumes    what was saved" in finish(
                    start(name, logdir, run_name, True, **fields)
                )
                ends.append(find_differences(logdir / name / "whole", folder))
                if ends[-1]:
                    print(f"  {run_name}: {', '.join(ends[-1])}")
        equal = sum(not differences for differences in ends)
        wrong += len(ends) - equal
        print(
            f"{name:28} {kills:5} {equal:3} of {len(ends):<3} {goes_on:12} "
            f"{seconds:12.0f}",
            flush=True,
        )
    print(f"{arguments.kills} kills, {wrong} other ends")
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, main()))
