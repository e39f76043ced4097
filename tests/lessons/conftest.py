"""The small run of each lesson is made once for all tests that ask for it."""

import os
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest
from filelock import FileLock

from data import weights
from models import backbones
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


@pytest.fixture(scope="session")
def built_efficientnet() -> tuple[Path, keras.Model, dict[str, list[np.ndarray]]]:
    """The file of EfficientNet-Lite0's weights, the network, and the weights of each
    layer.
    """
    path = weights.find_weights("efficientnet_lite0").path
    network = backbones.build_backbone("efficientnet_lite0", path)
    copies = {layer.name: layer.get_weights() for layer in network.layers}
    return path, network, copies


@pytest.fixture
def efficientnet(built_efficientnet, monkeypatch) -> dict[str, list[np.ndarray]]:
    """The weights of EfficientNet-Lite0 by layer; a lesson that builds it is given the
    one network that all tests share.
    """
    path, network, copies = built_efficientnet

    def build(name, weights, keep):
        assert (name, weights.name) == ("efficientnet_lite0", path.name)
        return network

    monkeypatch.setattr(backbones, "build_backbone", build)
    return copies
