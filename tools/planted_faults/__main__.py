"""The program: runs tests with and without faults."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
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
        messages: how each failure begins.
        planted: in how many processes the fault was planted.
        output: what pytest printed.
    """

    code: int
    messages: list[str]
    planted: int
    output: str

    @property
    def caught(self) -> bool:
        """Whether an assertion failed."""
        return self.code == 1 and any(
            message.startswith(ASSERTED) for message in self.messages
        )


def run_tests(tests, name: str = "") -> Outcome:
    """Runs tests in a process of their own, with the fault of that name if any."""
    with tempfile.TemporaryDirectory(prefix="planted_faults_") as temporary:
        folder = Path(temporary)
        (folder / planting.STARTUP).write_text(planting.STARTUP_TEXT)
        report, notes = folder / "report.xml", folder / "notes"
        notes.touch()
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("PYTEST_")
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
        cases = ElementTree.parse(report).iter("failure") if report.exists() else ()
        return Outcome(
            process.returncode,
            [case.get("message", "") for case in cases],
            len(set(notes.read_text().split())),
            process.stdout + process.stderr,
        )


def check(names: list[str]) -> int:
    """Plants faults and prints which ones are caught; returns how many are not.

    Args:
        names: of the faults.

    Raises:
        ValueError: the tests fail without any fault.
    """
    started = time.perf_counter()
    tests = dict.fromkeys(test for name in names for test in FAULTS[name].tests)
    outcome = run_tests(tests)
    if outcome.code:
        raise ValueError(
            f"the tests fail without any fault: mend that first\n{outcome.output}"
        )
    print(
        f"without any fault {len(tests)} node ids are green, in "
        f"{time.perf_counter() - started:.0f} s\n",
        flush=True,
    )
    missed, width = 0, max(map(len, names))
    for name in names:
        tests, started = FAULTS[name].tests, time.perf_counter()
        outcome = run_tests(tests, name)
        missed += not outcome.caught
        verdict = "caught"
        if not outcome.caught:
            said = (outcome.messages or [""])[0].partition("\n")[0][:80]
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
