"""The program: runs tests with and without faults."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tools import planted_faults
from tools.planted_faults import planting
from tools.planted_faults.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
# What the message of a failed test begins with, if not of a crash.
ASSERTED = ("assert", "AssertionError", "Failed: ")


class Outcome(NamedTuple):
    """What became of some tests.

    Attributes:
        code: pytest's exit code.
        failures: how each failed assertion begins, by node id.
        errors: node ids of the tests that could not even begin.
        planted: in how many processes the fault was planted.
        output: what pytest printed.
    """

    code: int
    failures: dict[str, str]
    errors: list[str]
    planted: int
    output: str

    @property
    def caught(self) -> bool:
        """Whether an assertion failed."""
        return self.code == 1 and any(
            message.startswith(ASSERTED) for message in self.failures.values()
        )


def run_tests(tests, name: str = "") -> Outcome:
    """Runs tests in a process of their own, with the fault of that name if any."""
    with tempfile.TemporaryDirectory(prefix="planted_faults_") as temporary:
        folder = Path(temporary)
        (folder / planting.STARTUP).write_text(planting.STARTUP_TEXT)
        report, notes = folder / "report.xml", folder / "notes"
        notes.touch()
        # Where CI is set, pytest writes out all differences of two arrays of images,
        # which takes half an hour.
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("PYTEST_") and key not in ("CI", "BUILD_NUMBER")
        }
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            planting.NAME: name,
            planting.NOTES: str(notes),
        }
        words = ["-m", "pytest", "-m", "", "-q", "-p", "no:cacheprovider"]
        process = subprocess.run(
            [sys.executable, *words, f"--junitxml={report}", *tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        failures, errors = read_report(report)
        return Outcome(
            process.returncode,
            failures,
            errors,
            len(set(notes.read_text().split())),
            process.stdout + process.stderr,
        )


def read_report(report: Path) -> tuple[dict[str, str], list[str]]:
    """Returns failures and errors of pytest's XML file, as in `Outcome`."""
    failures: dict[str, str] = {}
    errors: list[str] = []
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            module = case.get("classname", "").replace(".", "/")
            node = f"{module}.py::{case.get('name')}"
            for failure in case.iter("failure"):
                failures[node] = failure.get("message", "")
            errors += [node for _ in case.iter("error")]
    return failures, errors


def is_among(test: str, nodes: Iterable[str]) -> bool:
    """Whether one of the nodes is the test, one of its parameters, or in its file."""
    return any(
        node == test or node.startswith((f"{test}[", f"{test}::")) for node in nodes
    )


def check(names: list[str]) -> int:
    """Plants faults and prints which ones are caught; returns how many are not.

    Where a test fails without any fault, its faults are not planted and count as not
    caught.

    Args:
        names: of the faults.

    Raises:
        ValueError: the tests cannot be run.
    """
    started = time.perf_counter()
    tests = dict.fromkeys(test for name in names for test in FAULTS[name].tests)
    outcome = run_tests(tests)
    if outcome.code > 1:
        raise ValueError(f"the tests cannot be run\n{outcome.output}")
    broken = [*outcome.failures, *outcome.errors]
    red = [test for test in tests if is_among(test, broken)]
    print(
        f"without any fault {len(tests) - len(red)} of {len(tests)} node ids are "
        f"green, in {time.perf_counter() - started:.0f} s",
        *(f"fails without any fault: {test}" for test in red),
        "",
        sep="\n",
        flush=True,
    )
    missed, width = 0, max(map(len, names))
    for name in names:
        tests, started = FAULTS[name].tests, time.perf_counter()
        if not set(tests).isdisjoint(red):
            missed += 1
            print(f"{name:{width}}  its tests fail without it", flush=True)
            continue
        outcome = run_tests(tests, name)
        missed += not outcome.caught
        verdict = "caught"
        if not outcome.caught:
            said = [*outcome.failures.values(), *outcome.errors, ""][0]
            said = said.partition("\n")[0][:80]
            verdict = (
                f"NOT caught, exit code {outcome.code}, planted in "
                f"{outcome.planted} processes {said}"
            )
        seconds = time.perf_counter() - started
        print(
            f"{name:{width}}  {verdict:10} {seconds:4.0f} s  {' '.join(tests)}",
            flush=True,
        )
    print(f"\n{len(names) - missed} of {len(names)} faults are caught")
    return missed


def main() -> None:
    """Reads the command line, and ends with 1 if a fault is not caught, with 2 if it
    could not be looked for.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.planted_faults",
        description=planted_faults.__doc__.partition("\n\n")[0],
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a fault; all if none is given"
    )
    parser.add_argument(
        "--list", action="store_true", help="print the faults, and plant none"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in FAULTS]
    if unknown:
        parser.error(f"there is no fault {unknown[0]!r}: --list names them")
    names = arguments.names or list(FAULTS)
    if arguments.list:
        for name in names:
            print(f"{name}: {FAULTS[name].module}")
        return
    try:
        sys.exit(1 if check(names) else 0)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
