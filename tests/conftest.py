"""Every test runs with an empty cache, without the network and without `COURSE_DATA`,
unless it asks for them.
"""

import os
import tempfile
from pathlib import Path

from training import quiet  # noqa: F401 (imports TensorFlow without its log lines)

import pytest

# Put aside under another name, which the processes that pytest-xdist starts from this
# one inherit.
COURSE_DATA = os.environ.setdefault(
    "COURSE_DATA_OF_TESTS", os.environ.pop("COURSE_DATA", "")
)
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras_home_")
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
for scheme in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    os.environ[scheme] = (
        "http://127.0.0.1:9"  # the port "discard": connections are refused
    )


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))


@pytest.fixture
def course_data(monkeypatch) -> Path:
    """The folder of `COURSE_DATA` with all of MNIST.

    Skips the test where there is none.
    """
    if not COURSE_DATA or not (Path(COURSE_DATA) / "mnist.npz").is_file():
        pytest.skip("needs COURSE_DATA, a folder with mnist.npz")
    monkeypatch.setenv("COURSE_DATA", COURSE_DATA)
    return Path(COURSE_DATA)
