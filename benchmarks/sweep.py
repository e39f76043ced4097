"""`python -m lessons sweep` of nine runs in one process, beside nine processes of the
lesson one after the other.

The lesson is `course_1_tf_lr` as shipped, with three learning rates and three seeds.
Both are whole processes: with the import of TensorFlow, recording, figures and saving,
and the sweep with its table and its figure.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from training import run_json

from benchmarks import measuring
from benchmarks.measuring import Way

ROOT = Path(__file__).resolve().parents[1]
LESSON = "course_1_tf_lr"
GRID = {"learning_rate": ("0.01", "0.02", "0.03"), "seed": ("0", "1", "2")}


def run_process(*words: str) -> None:
    """Runs Python with `words`.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )


def run_sweep(logdir: Path, grid: dict) -> None:
    """Runs all combinations in one process."""
    words = [f"{name}={','.join(values)}" for name, values in grid.items()]
    run_process("-m", "lessons", "sweep", LESSON, *words, "--logdir", str(logdir))


def run_each(logdir: Path, grid: dict) -> None:
    """Runs each combination in a process of its own, in a folder of the name that the
    sweep gives it.
    """
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        flags = [
            word
            for name, value in chosen.items()
            for word in ("--" + name.replace("_", "-"), value)
        ]
        name = ",".join(f"{name}={value}" for name, value in chosen.items())
        run_process(f"{LESSON}.py", *flags, "--name", name, "--logdir", str(logdir))


def read_metrics(logdir: Path) -> dict[str, dict]:
    """Returns the final metrics of each run, by its name, without its seconds."""
    found = {
        path.parent.name: run_json.read(path)
        for path in logdir.glob(f"*/*/{run_json.METRICS}")
    }
    return {
        name: {key: metrics[key] for key in metrics if key != "seconds"}
        for name, metrics in found.items()
    }


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to do a few short runs once.
    """
    grid = GRID if not small else {"seed": ("0", "1"), "epochs": ("100",)}
    metrics = {}

    def run(function) -> float:
        with tempfile.TemporaryDirectory() as logdir:
            started = time.perf_counter()
            function(Path(logdir), grid)
            seconds = time.perf_counter() - started
            metrics[function] = read_metrics(Path(logdir))
        return seconds

    count = len(list(itertools.product(*grid.values())))
    ways = [
        Way("`python -m lessons sweep`", lambda: run(run_sweep)),
        Way(f"{count} processes", lambda: run(run_each), 3),
    ]
    figures = measuring.take_turns(ways, 1 if small else None)
    equal = sum(
        metrics[run_each].get(name) == values
        for name, values in metrics[run_sweep].items()
    )
    table = measuring.tabulate(
        f"{count} runs of {LESSON}", ways, figures, "{:.3g} s".format
    )
    return f"{table}\n\nEqual final metrics in {equal} of {count} runs."
