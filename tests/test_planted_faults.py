"""The faults of tools/planted_faults can be planted, and with `make full` each of them
is caught.
"""

import importlib
import itertools
import os
import subprocess
import sys

import pytest

from tools.planted_faults import __main__ as program
from tools.planted_faults import planting
from tools.planted_faults.faults import FAULTS


@pytest.mark.parametrize("name", FAULTS)
def test_fault_can_be_planted(name):
    """What it replaces has that name, and is put back."""
    fault = FAULTS[name]
    module = importlib.import_module(fault.module)
    before = dict(vars(module))
    outer = planting.plant(fault, module)
    inner = planting.Patches()
    try:
        if fault.during is not None:
            assert outer.replaced, f"{fault.during} is called as before"
            fault.plant(module, inner)
        assert inner.replaced or outer.replaced
    finally:
        inner.undo()
        outer.undo()
    assert dict(vars(module)) == before


def list_parameters(function) -> set[str]:
    """Returns the ids of a test's parameters; none if it has none."""
    columns = []
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "parametrize":
            ids = mark.kwargs.get("ids") or itertools.repeat(None)
            ids = map(ids, mark.args[1]) if callable(ids) else ids
            column = set()
            for value, given in zip(mark.args[1], ids, strict=False):
                values = getattr(value, "values", None) or (
                    value if isinstance(value, tuple) else (value,)
                )
                named = getattr(value, "id", None) or given
                words = [getattr(word, "__name__", str(word)) for word in values]
                column.add(str(named or "-".join(words)))
            columns.append(column)
    if not columns:
        return set()
    return {
        "-".join(order)
        for words in itertools.product(*columns)
        for order in itertools.permutations(words)
    }


@pytest.mark.parametrize("name", FAULTS)
def test_fault_names_tests_that_there_are(name):
    """Without a second pytest, which takes seconds."""
    assert FAULTS[name].tests
    for test in FAULTS[name].tests:
        file, _, function = test.partition("::")
        function, _, parameter = function.removesuffix("]").partition("[")
        assert (program.ROOT / file).is_file()
        if function:
            module = file.removesuffix(".py").replace("/", ".")
            found = getattr(importlib.import_module(module), function)
            assert not parameter or parameter in list_parameters(found), test


def test_fault_is_caught_in_processes_of_their_own():
    name = "digits: labels shuffled"
    outcome = program.run_tests(FAULTS[name].tests, name)
    assert outcome.caught, outcome.output
    assert outcome.planted == 1


LESSON = """
import dataclasses, sys
from tools.planted_faults import planting

def plant(lesson, patches):
    patches.put(lesson, "WORD", "planted")

fault = planting.Fault("lessons.course_0_test", plant, (), during="main")
sys.meta_path.insert(0, planting.Planter(planting.wait_for(fault)))
from training import command_line

WORD = "whole"

def main(config):
    print(WORD)

command_line.run(main, dataclasses.make_dataclass("Config", []))
print(WORD)
"""


def test_fault_in_a_lesson_that_is_a_process(tmp_path):
    """There it is called `__main__`, and never imported."""
    path = tmp_path / "course_0_test.py"
    path.write_text(LESSON)
    process = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(program.ROOT)},
        capture_output=True,
        text=True,
    )
    assert (process.stdout, process.stderr) == ("planted\nwhole\n", "")


@pytest.mark.full
def test_every_fault_is_caught():
    words = [sys.executable, "-m", "tools.planted_faults"]
    process = subprocess.run(
        words, cwd=program.ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    print("\n" + process.stdout)
    assert process.returncode == 0
