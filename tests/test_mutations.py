"""The faults of tests/mutations.py can be planted, and with `make full` each of them is
caught.
"""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutations


def test_every_fault_can_be_planted():
    for name, fault in mutations.FAULTS.items():
        assert not mutations.find_problem(fault), name
        assert fault.new != fault.old


def test_every_lesson_that_trains_has_a_fault_with_a_learning_rate_of_0():
    """These name a learning rate, or fit a head with scikit-learn."""
    paths = [
        *mutations.ROOT.glob("course_*.py"),
        *mutations.ROOT.glob("lessons/course_*.py"),
    ]
    trains = {
        path.stem
        for path in paths
        if "learning_rate" in path.read_text("utf-8") or "max_iter" in path.read_text()
    }
    assert trains | {"course_4_image_search"} == set(mutations.STANDSTILLS)


def test_every_fault_names_tests_that_there_are():
    """Without a second pytest, which takes seconds: those with parameters have one
    whose name or text is that.
    """
    for name, fault in mutations.FAULTS.items():
        for test in fault.tests:
            file, _, function = test.partition("::")
            function, _, parameter = function.rstrip("]").partition("[")
            found = getattr(
                importlib.import_module(f"tests.{Path(file).stem}"), function
            )
            marks = [
                mark
                for mark in getattr(found, "pytestmark", ())
                if mark.name == "parametrize"
            ]
            assert bool(marks) == bool(parameter), f"{name}: {test}"
            values = [
                getattr(v, "values", (v,))[0]
                for mark in marks
                for v in (*mark.args[1], *mark.kwargs.get("ids", ()))
            ]
            assert not marks or parameter in {
                getattr(value, "__name__", str(value)) for value in values
            }, f"{name}: {test}"


@pytest.mark.full
def test_every_fault_is_caught():
    words = [sys.executable, "-m", "tests.mutations"]
    process = subprocess.run(
        words, cwd=mutations.ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    print("\n" + process.stdout)
    assert process.returncode == 0
