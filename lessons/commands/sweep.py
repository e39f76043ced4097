"""Runs a lesson with every combination of some hyperparameters."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated

from lessons import course
from lessons.commands import compare, runs_option
from lessons.commands.sweeping import attempts, grid, local_workers, one_run
from training import options, run_folder

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
    workers: int = 1  # runs at the same time, on this machine or on each of the cluster
    # Ray's, that shares the runs: HOST:PORT, or auto for the one this machine is in.
    cluster: str | None = None

    def __post_init__(self):
        super().__post_init__()
        if not self.values:
            raise ValueError("expected at least one NAME=VALUE,VALUE, as seed=0,1,2")
        allowed = Annotated[int, options.between(1)]
        options.check_range("workers", self.workers, allowed)

    def act(self) -> None:
        """Runs all combinations, and compares them."""
        name = course.name_lesson(self.lesson)
        with self.start_workers(name) as workers:
            run(course.import_lesson(name), list(self.values), self.logdir, workers)

    def start_workers(
        self, lesson: str
    ) -> contextlib.AbstractContextManager[attempts.Workers | None]:
        """Returns who carries out the runs; None for this process."""
        if self.cluster is not None:
            from lessons.commands.sweeping import ray_cluster

            return ray_cluster.RayCluster(lesson, self.cluster, self.workers)
        # No more than there may be runs.
        count = min(self.workers, math.prod(v.count(",") + 1 for v in self.values))
        if count == 1:
            return contextlib.nullcontext()
        return local_workers.LocalWorkers(lesson, count)


def run(
    lesson: ModuleType,
    words: list[str],
    logdir: Path,
    workers: attempts.Workers | None,
) -> None:
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

    from tqdm import tqdm

    values = grid.parse_grid(lesson.Config, words)
    configs = grid.make_configs(lesson.Config, values, logdir)
    folder = logdir / lesson.__name__.rpartition(".")[2]
    waiting = [config for config in configs if not one_run.is_done(folder, config)]
    done = len(configs) - len(waiting)
    if done:
        print(f"{done} of {len(configs)} runs are done already")
    bar_options = runs.bar_options() | {"unit": "run", "leave": False}
    try:
        with tqdm(total=len(configs), initial=done, **bar_options) as bar:
            ended = run_all(waiting, folder, workers)
            for number, (config, outcome) in enumerate(ended, done + 1):
                bar.write(f"{number} of {len(configs)}: {config.name} - {outcome}")
                bar.update()
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on")
        raise

    records = []
    for config in configs:
        with contextlib.suppress(ValueError):
            records.append(run_folder.read(folder / str(config.name)))
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


def run_all(
    configs: list[options.Options], folder: Path, workers: attempts.Workers | None
) -> Iterator[tuple[options.Options, str]]:
    """Yields each run when it has ended, with a few words on how."""
    if workers is not None:
        yield from attempts.run_all(configs, folder, workers)
    else:
        for config in configs:
            yield config, one_run.run_one(config)
