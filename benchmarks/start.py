"""How soon the list of lessons is there, and how soon `course_3_cnn` has made its first
step.

(a) `python -m lessons`, from the start of the process to its end.

(b) `python lessons/course_3_cnn.py` on all of MNIST, from the start of its process to
the end of the first step of training, beside a process that imports TensorFlow; both
end there at once. The lesson is the shipped one: its process ends where Keras tells the
callbacks that the first step is over. Before that it has imported TensorFlow and Keras,
read and checked MNIST, built the network, and recorded for TensorBoard what it is
before training.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import Way

ROOT = Path(__file__).resolve().parents[1]
LIST = ("-m", "lessons")
IMPORT = ("-c", "import os, tensorflow; os._exit(0)")
FIRST_STEP = """
import os, runpy, sys
from training import quiet  # as the lesson does
from keras.callbacks import CallbackList
CallbackList.on_train_batch_end = lambda *_: os._exit(3)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LESSON = "lessons/course_3_cnn.py"


def time_process(*words: str, code: int = 0) -> float:
    """Returns the seconds of a process of Python.

    Args:
        *words: after `python`.
        code: with which it is to end.

    Raises:
        subprocess.CalledProcessError: it ended with another.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    if ended.returncode != code:
        raise subprocess.CalledProcessError(
            ended.returncode, ended.args, stderr=ended.stderr
        )
    return seconds


def time_first_step(*flags: str) -> float:
    """Returns the seconds of a process of the lesson up to the end of its first step of
    training.
    """
    with tempfile.TemporaryDirectory() as logdir:
        program = (
            "import sys\nsys.argv = "
            f"{[LESSON, '--logdir', logdir, *flags]!r}\n{FIRST_STEP}"
        )
        return time_process("-c", program, code=3)


def measure(small: bool = False) -> str:
    """Returns the seconds as Markdown.

    Args:
        small: whether to start each process once.
    """
    listing, first, imported = (
        "`python -m lessons`",
        "`course_3_cnn`, first step",
        "`import tensorflow`",
    )
    ways = [
        Way(listing, lambda: time_process(*LIST)),
        Way(imported, lambda: time_process(*IMPORT)),
        Way(first, time_first_step),
    ]
    figures = measuring.take_turns(ways, 1 if small else None)
    rows = {way.name: [figure[way.name] for figure in figures] for way in ways}
    rows["the first step after the import"] = [
        figure[first] - figure[imported] for figure in figures
    ]
    asked = {listing: "below 0.5 s", "the first step after the import": "at most 2 s"}
    lines = [
        f"| process | median of {len(figures)} rounds | range | asked |",
        "| --- | --- | --- | --- |",
    ]
    for name, own in rows.items():
        cells = [
            name,
            f"{statistics.median(own):.2f} s",
            f"{min(own):.2f} to {max(own):.2f} s",
            asked.get(name, ""),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
