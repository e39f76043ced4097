"""Runs that others carry out: each is tried again if it is lost with its worker."""

import collections
from collections.abc import Iterable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Protocol

from lessons.commands.sweeping import one_run
from training import options

from tqdm import tqdm

TRIES = 3  # of a run whose worker is lost again and again


class WorkerLostError(Exception):
    """A run ended with its worker: its process was killed, or its machine is gone."""


class Workers(Protocol):
    """Who carries out runs, on this machine or on others."""

    def submit(self, config: options.Options) -> futures.Future[str]:
        """Begins a run, or lets it wait for its turn. Its result says in a few words
        how it ended; it raises `WorkerLostError`.
        """
        ...


def run_all(
    configs: Iterable[options.Options], folder: Path, workers: Workers
) -> Iterator[tuple[options.Options, str]]:
    """Yields each run when it has ended, with a few words on how.

    Args:
        configs: of the runs.
        folder: of the runs of this lesson.
        workers: who carry them out.
    """
    losses = collections.Counter()
    running = {workers.submit(config): config for config in configs}
    while running:
        # Windows hears Ctrl-C between two waits.
        ended, _ = futures.wait(running, 1, futures.FIRST_COMPLETED)
        for future in ended:
            config = running.pop(future)
            try:
                outcome = future.result()
            except WorkerLostError as loss:
                losses[config] += 1
                if one_run.is_done(folder, config):  # a moment before
                    outcome = "finished"
                elif losses[config] < TRIES:
                    tqdm.write(f"{config.name} - {loss}: it is run again")
                    running[workers.submit(config)] = config
                    continue
                else:
                    outcome = (
                        f"failed: {loss}, {TRIES} times; is the memory too small for "
                        "so many --workers?"
                    )
            yield config, outcome
