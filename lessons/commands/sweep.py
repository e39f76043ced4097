"""Runs a lesson with every combination of some hyperparameters, in one process."""

import contextlib
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated

from lessons import course
from lessons.commands import compare, runs_option
from lessons.commands.sweeping import grid, one_run
from training import run_folder

import tyro


@dataclass(frozen=True)
class Sweep(runs_option.RunsOption):
    """Run a lesson with every combination of some values."""

    lesson: tyro.conf.Positional[str]  # as python -m lessons names it
    # Such as seed=0,1,2, or units=32,64x64 where a run takes several values.
    values: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="NAME=VALUE,VALUE ..."),
    ]

    def __post_init__(self):
        super().__post_init__()
        if not self.values:
            raise ValueError("expected at least one NAME=VALUE,VALUE, as seed=0,1,2")

    def act(self) -> None:
        """Runs all combinations, and compares them."""
        name = course.name_lesson(self.lesson)
        run(course.import_lesson(name), list(self.values), self.logdir)


def run(lesson: ModuleType, words: list[str], logdir: Path) -> None:
    """Runs the product of the values in `words`, then prints the table and draws the
    figure.

    A run that fails is recorded as such. Combinations that are done are not run again,
    so that the same call goes on where an interrupted one stopped.

    Raises:
        ValueError: see `grid.parse_grid` and `grid.make_configs`; or a folder of that
            name holds a run with other settings.
    """
    from lessons.commands.sweeping import figure
    from training import runs

    values = grid.parse_grid(lesson.Config, words)
    configs = grid.make_configs(lesson.Config, values, logdir)
    folder = logdir / Path(lesson.__file__).stem
    waiting = [config for config in configs if not one_run.is_done(folder, config)]
    if done := len(configs) - len(waiting):
        print(f"{done} of {len(configs)} runs are done already")
    durations = []
    for number, config in enumerate(waiting, done + 1):
        started = time.perf_counter()
        bar = "#" * round(20 * number / len(configs))
        print(
            f"[{bar:20}] {number} of {len(configs)}: {config.name}", end=" ", flush=True
        )
        outcome = one_run.run_one(lesson, config)
        durations.append(time.perf_counter() - started)
        left = statistics.mean(durations) * (len(configs) - number)
        print(
            f"- {outcome}" + (f", {left / 60:.1f} minutes left" if left else ""),
            flush=True,
        )

    records = []
    for config in configs:
        with contextlib.suppress(ValueError):
            records.append(run_folder.read(folder / config.name))
    varied = [name for name in values if len(values[name]) > 1] or list(values)
    print()
    if records:
        compare.print_table(records)
    path = figure.plot_sweep(folder / f"sweep,{','.join(values)}.png", records, varied)
    if path:
        print(f"\nFigure: {path}")
    print(
        "In TensorBoard, the page HParams (http://localhost:6006/#hparams):\n  "
        f"{runs.tensorboard_command(logdir)}"
    )
