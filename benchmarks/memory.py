"""The memory of `course_3_cnn`, one epoch on all of MNIST, beside that of importing
TensorFlow.

The peak of the process, as its system counts it: the whole run with recording,
evaluation and figures, and a process that imports TensorFlow and ends.
"""

import re
import sys
import tempfile
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import Way

ASKED = 500  # MB more than the import takes


def measure_import() -> float:
    """Returns the peak memory of importing TensorFlow, MB."""
    import tensorflow  # noqa: F401

    return measure_peak()


def measure_lesson(values: dict) -> float:
    """Returns the peak memory of the lesson with some values of its `Config`, MB."""
    from lessons import course_3_cnn

    with tempfile.TemporaryDirectory() as logdir:
        course_3_cnn.main(course_3_cnn.Config(logdir=Path(logdir), **values))
    return measure_peak()


def measure_peak() -> float:
    """Returns the largest memory that this process has had, MB."""
    if (
        sys.platform == "linux"
    ):  # where `getrusage` counts what the process that started this one had
        return (
            int(
                re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[
                    1
                ]
            )
            * 1024
            / 1e6
        )
    import resource  # which Windows does not have

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to run each process once, and a small network.
    """
    values = {"epochs": 1}
    if small:
        values |= {"filters": (4, 8), "units": 16, "batch_size": 500}
    imported, lesson = "`import tensorflow`", "`course_3_cnn --epochs 1`"
    ways = [
        Way(imported, measuring.alone(measure_import)),
        Way(lesson, measuring.alone(measure_lesson, values)),
    ]
    figures = measuring.take_turns(ways, 1 if small else None)
    more = [figure[lesson] - figure[imported] for figure in figures]
    table = measuring.tabulate("peak memory", ways, figures, "{:.0f} MB".format)
    return (
        f"{table}\n\nMore than the import: {min(more):.0f} to {max(more):.0f} MB, "
        f"asked at most {ASKED} MB."
    )
