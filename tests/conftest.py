"""Every test runs with an empty cache, without the network and without `COURSE_DATA`, unless it asks for them."""

import os
from pathlib import Path

from training import quiet  # noqa: F401 (imports TensorFlow without its log lines)

import pytest

COURSE_DATA = os.environ.get("COURSE_DATA")


@pytest.fixture(autouse=True)
def isolation(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for scheme in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # the port "discard": connections are refused
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def course_data(monkeypatch) -> Path:
    """The folder of `COURSE_DATA` with all of MNIST. Skips the test where there is none."""
    if not COURSE_DATA or not (Path(COURSE_DATA) / "mnist.npz").is_file():
        pytest.skip("needs COURSE_DATA, a folder with mnist.npz")
    monkeypatch.setenv("COURSE_DATA", COURSE_DATA)
    return Path(COURSE_DATA)
