"""The small run of each lesson is made once for all tests that ask for it."""

import os
import pickle

import pytest
from filelock import FileLock

from tests.few import load
from tests.lessons import small


@pytest.fixture
def small_run_of(capfd, tmp_path_factory):
    """A function from the name of a lesson to its small run.

    Processes of pytest-xdist share the runs, with a lock as its documentation shows.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "small_runs"

    def make(name: str) -> small.Run:
        lesson, fields = load(name), {}
        if "run" in lesson.Config.__dataclass_fields__:  # of a lesson before it
            fields["run"] = str(get(lesson.Config.run).folder)
        if (folder / name).exists():
            pytest.fail(f"the small run of {name} failed in another test")
        capfd.readouterr()
        metrics, fitted = small.watch_fits(lesson, folder / name, **fields)
        out, err = capfd.readouterr()
        return small.Run(metrics, folder / name / name / "test", out, err, fitted)

    def get(name: str) -> small.Run:
        folder.mkdir(exist_ok=True)
        made = folder / f"{name}.pickle"
        with FileLock(folder / f"{name}.lock"):
            if not made.is_file():
                made.write_bytes(pickle.dumps(make(name)))
        return pickle.loads(made.read_bytes())

    return get


@pytest.fixture
def small_run(request, small_run_of) -> small.Run:
    """The small run of the lesson whose tests stand in this file."""
    return small_run_of(request.module.__name__.rpartition(".test_")[2])
