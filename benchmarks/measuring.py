"""What the benchmarks share: a process for each measurement, turns, and tables."""

import contextlib
import functools
import importlib.util
import io
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

HAS_TORCH = importlib.util.find_spec("torch") is not None
SHORT = 60  # seconds: rounds that take less are repeated more often


class Way(NamedTuple):
    """One of the ways that a benchmark compares.

    Attributes:
        name: as it stands in the table.
        measure: returns what is measured, in most benchmarks seconds.
        at_least: how many times the first way's figure this one's is asked to be, None
            if nothing is asked.
        torch: whether it needs PyTorch. Without it, the table says so.
    """

    name: str
    measure: Callable[[], float]
    at_least: float | None = None
    torch: bool = False


def alone(function: Callable, *arguments) -> Callable[[], float]:
    """Returns a function that calls `function` as `run_alone` does.

    Args:
        function: of a module's top level. What it imports is imported outside of what
            it measures.
        *arguments: for it.
    """
    return functools.partial(run_alone, function, *arguments)


def run_alone(function: Callable, *arguments):
    """Returns the result of `function`, called without its output in a process of its
    own: no way disturbs another.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call_silently, function, *arguments).result()


def call_silently(function: Callable, *arguments):
    """Returns the result of `function`, whose output is left out."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def take_turns(ways: list[Way], rounds: int | None = None) -> list[dict[str, float]]:
    """Measures each way once in each round, so that a slow minute of the machine meets
    all of them.

    Args:
        ways: what is compared.
        rounds: how many; if not given, three where the first took under a minute, else
            two.

    Returns:
        What was measured in each round, by the name of the way.
    """
    figures = []
    started = time.perf_counter()
    while not figures or len(figures) < rounds:
        figures.append(
            {way.name: way.measure() for way in ways if HAS_TORCH or not way.torch}
        )
        if rounds is None:
            rounds = 3 if time.perf_counter() - started < SHORT else 2
    return figures


def tabulate(
    title: str,
    ways: list[Way],
    figures: list[dict[str, float]],
    show: Callable[[float], str],
) -> str:
    """Returns the medians and ratios of several rounds as a table in Markdown.

    Args:
        title: what was measured.
        ways: what is compared; the ratios are those to the first one, taken round by
            round.
        figures: as `take_turns` returns them.
        show: writes one figure with its unit.
    """
    rounds = "1 round" if len(figures) == 1 else f"{len(figures)} rounds"
    lines = [
        f"| {title} | median of {rounds} | range | ratio | range of the ratio | asked "
        "|",
        "| --- " * 6 + "|",
    ]
    for way in ways:
        if way.name not in figures[0]:
            lines.append(
                f"| {way.name} | not measured: it needs the extra bench | | | | "
                f"{way.at_least or ''} |"
            )
            continue
        own = [figure[way.name] for figure in figures]
        ratios = [figure[way.name] / figure[ways[0].name] for figure in figures]
        asked = "" if way.at_least is None else f"{way.at_least:g}"
        cells = [
            way.name,
            show(statistics.median(own)),
            f"{show(min(own))} to {show(max(own))}",
        ]
        cells += [
            f"{statistics.median(ratios):.3g}",
            f"{min(ratios):.3g} to {max(ratios):.3g}",
            asked,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
