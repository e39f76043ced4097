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


def test_tests_that_fail_anyway_catch_nothing(monkeypatch, capsys):
    """Their faults are not planted."""
    names = ["mlp: hidden layers frozen", "learning rate 0 in exercise 3"]
    red, green = (FAULTS[name].tests[0] for name in names)
    outcomes = [
        program.Outcome(1, {red: "assert 1 < 0"}, [], 0, ""),
        program.Outcome(1, {green: "assert 1 < 0"}, [], 1, ""),
    ]
    monkeypatch.setattr(program, "run_tests", lambda *_: outcomes.pop(0))
    assert program.check(names) == 1
    said = capsys.readouterr().out
    assert f"fails without any fault: {red}" in said
    assert "1 of 2 faults are caught" in said
    assert not outcomes


REPORT = """<testsuites><testsuite>
<testcase classname="tests.lessons.test_a" name="test_one[x-1]">
<failure message="assert 1 &lt; 0" /></testcase>
<testcase classname="tests.test_b" name="test_two">
<error message="no data" /></testcase>
<testcase classname="tests.test_b" name="test_three" />
</testsuite></testsuites>"""


def test_report_is_read(tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    failures, errors = program.read_report(tmp_path / "report.xml")
    assert failures == {"tests/lessons/test_a.py::test_one[x-1]": "assert 1 < 0"}
    assert errors == ["tests/test_b.py::test_two"]
    for test in ("tests/lessons/test_a.py", "tests/lessons/test_a.py::test_one"):
        assert program.is_among(test, failures)
    assert not program.is_among("tests/lessons/test_a.py::test_on", failures)


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
