"""How long each lesson takes as shipped, and how much memory it needs.

Each is a process of its own, from its start to its end: with the import of TensorFlow,
recording, evaluation and figures. All write into one folder, so that the lessons that
look into a trained network find the one of course_3_cnn. Each runs once; a second time
takes a few per cent more or less.
"""

import contextlib
import sys
import tempfile
import time
from typing import NamedTuple

from lessons import course

import psutil

ASKED_MINUTES, ASKED_GB = 4, 2
INTERVAL = 0.1  # seconds between looks at the memory


class Run(NamedTuple):
    """What a process took: minutes, and the largest memory that it had, 10^9 bytes."""

    minutes: float
    memory: float


def run(words: list[str]) -> Run:
    """Runs Python with `words`, in the folder of the project.

    Raises:
        ChildProcessError: it failed; with the last line that it printed.
    """
    memory = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        started = time.perf_counter()
        process = psutil.Popen(
            [sys.executable, *words], cwd=course.ROOT, stdout=output, stderr=output
        )
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):  # it has just ended
                memory = max(memory, process.memory_info().rss)
            time.sleep(INTERVAL)
        seconds = time.perf_counter() - started
        output.seek(0)
        last = output.read().strip().rpartition("\n")[2]
    if process.returncode:
        raise ChildProcessError(f"{' '.join(words)}: {last}")
    return Run(seconds / 60, memory / 1e9)


def measure(small: bool = False) -> str:
    """Returns the minutes and the memory of all lessons as Markdown.

    Args:
        small: whether to run the first lesson only.
    """
    lessons = course.find_lessons()[: 1 if small else None]
    runs = {}
    with tempfile.TemporaryDirectory() as logdir:
        for lesson in lessons:
            page = lesson.path.relative_to(course.ROOT)
            runs[lesson.path.stem] = run([str(page), "--logdir", logdir])
    rows = [
        f"| {name} | {each.minutes:.2f} | {each.memory:.1f} |"
        for name, each in runs.items()
    ]
    longest = max(runs, key=lambda name: runs[name].minutes)
    largest = max(runs, key=lambda name: runs[name].memory)
    return "\n".join(
        [
            "| lesson | minutes | memory, GB |",
            "| --- | --- | --- |",
            *rows,
            "",
            f"The longest: {longest}, {runs[longest].minutes:.2f} minutes, asked at "
            f"most {ASKED_MINUTES}. The most memory: {largest}, "
            f"{runs[largest].memory:.1f} GB, asked at most {ASKED_GB}.",
        ]
    )
