"""A real run in a real TensorBoard: its HTTP API for the data of every page, and its
pages in a browser.
"""

import gzip
import importlib.util
import io
import json
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from lessons import course_3_cnn

import numpy as np
import pytest
from PIL import Image

from tests.few import few_digits
from tools import browser

RUN = "course_3_cnn/shown"
# The server is on this machine: never ask the proxy for it.
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Server:
    """A TensorBoard process and its address."""

    def __init__(self, logdir):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        words = [
            sys.executable,
            *("-m", "tensorboard.main"),
            "--logdir",
            logdir,
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if f"{RUN}/test" in json.loads(self.get("/data/runs")):
                    return
            except OSError:
                pass
            time.sleep(0.3)
        raise TimeoutError("TensorBoard does not show the run")

    def get(self, path, body=None, **query):
        """The bytes that the server answers to a GET, or to a POST of `body`."""
        path += "?" + urllib.parse.urlencode(query) if query else ""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}
        )
        return OPEN(request, timeout=60).read()

    def json(self, plugin, path, body=None, **query):
        return json.loads(self.get(f"/data/plugin/{plugin}/{path}", body, **query))


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """Of a run of 108 updates."""
    logdir = tmp_path_factory.mktemp("logdir")
    config = course_3_cnn.Config(
        epochs=3,
        batch_size=250,  # the lesson adds four moved copies of each image
        learning_rate=1e-2,
        filters=(4, 8),
        units=32,
        profile=True,
        logdir=logdir,
        name="shown",
    )
    with few_digits(train=1800, validation=100, test=300):
        return {**course_3_cnn.main(config), "logdir": logdir}


@pytest.fixture(scope="module")
def server(metrics):
    server = Server(metrics["logdir"])
    yield server
    server.process.terminate()
    server.process.wait(10)


def test_scalars(server, metrics):
    tags = server.json("scalars", "tags")
    train, validation = tags[f"{RUN}/train"], tags[f"{RUN}/validation"]
    layers = [tag for tag in train if tag.startswith("update_to_weight/")]
    assert set(train) == {
        "loss",
        "accuracy",
        "learning_rate",
        "images_per_second",
        "gradient_norm",
        *layers,
    }
    assert len(layers) == 4
    assert set(validation) == {"loss", "accuracy"}, (
        "in one chart with those of the training"
    )
    for tag in ("loss", "accuracy"):
        assert (
            len(server.json("scalars", "scalars", run=f"{RUN}/train", tag=tag)) >= 100
        )
        assert (
            len(server.json("scalars", "scalars", run=f"{RUN}/validation", tag=tag))
            >= 10
        )
    rates = [
        value
        for _, _, value in server.json(
            "scalars", "scalars", run=f"{RUN}/train", tag="learning_rate"
        )
    ]
    assert max(rates) == pytest.approx(1e-2, rel=0.01)
    assert rates[-1] < rates[0] < max(rates)
    speeds = [
        value
        for _, _, value in server.json(
            "scalars", "scalars", run=f"{RUN}/train", tag="images_per_second"
        )
    ]
    assert min(speeds) > 0
    assert 100 < np.median(speeds) < 1e7
    ratios = [
        value
        for _, _, value in server.json(
            "scalars", "scalars", run=f"{RUN}/train", tag=layers[0]
        )
    ]
    assert all(0 < ratio < 1 for ratio in ratios)
    final = server.json("scalars", "scalars", run=f"{RUN}/final", tag="test_accuracy")
    assert final[-1][2] == pytest.approx(metrics["test"]["accuracy"])


def test_time_series(server):
    tags = server.json("timeseries", "tags")
    assert "loss" in tags["scalars"]["runTagInfo"][f"{RUN}/train"]
    assert "filters" in tags["images"]["tagRunSampledInfo"]


def test_graphs(server):
    info = server.json("graphs", "info")[f"{RUN}/train"]
    assert info["run_graph"], "the page opens on this one"
    assert info["tags"]["keras"]["conceptual_graph"]
    graph = server.get(
        "/data/plugin/graphs/graph", run=f"{RUN}/train", tag="keras", conceptual="true"
    ).decode()
    names = [
        line.split('"')[1]
        for line in graph.splitlines()
        if line.strip().startswith("name:")
    ]
    assert [name.split("/")[-1] for name in names][1:4] == [
        "rescaling",
        "conv2d",
        "max_pooling2d",
    ]
    assert len(names) < 15, "layers, not operations"


@pytest.mark.parametrize("page", ["histograms", "distributions"])
def test_histograms_and_distributions(server, page):
    tags = server.json(page, "tags")[f"{RUN}/train"]
    for kind in ("weights", "gradients"):
        chosen = [tag for tag in tags if tag.startswith(f"{kind}/")]
        assert len(chosen) == 8, "kernel and bias of four layers"
        assert len(server.json(page, page, run=f"{RUN}/train", tag=chosen[0])) >= 8


def test_images(server, metrics):
    tags = server.json("images", "tags")[RUN]
    changing = {
        "filters",
        "feature_maps",
        "confusion/validation",
        "mistakes/validation",
    }
    assert set(tags) == {"inputs", "confusion", "mistakes", *changing}
    for tag in tags:
        steps = server.json("images", "images", run=RUN, tag=tag, sample=0)
        assert len(steps) >= (8 if tag in changing else 1)
        pictures = []
        for step in (steps[0], steps[-1]):
            data = server.get(f"/data/plugin/images/individualImage?{step['query']}")
            pictures.append(np.asarray(Image.open(io.BytesIO(data)), int))
            assert pictures[-1].std() > 5, "not of one color"
        if tag in changing:
            assert (
                pictures[0].shape != pictures[1].shape
                or np.abs(pictures[0] - pictures[1]).mean() > 1
            )
    folder = metrics["logdir"] / RUN / "figures"
    assert {path.stem for path in folder.iterdir()} == {
        "inputs",
        "confusion",
        "mistakes",
        "filters",
        "feature_maps",
    }


def test_hparams(server, metrics):
    experiment = server.json("hparams", "experiment", body={})
    names = {info["name"] for info in experiment["hparamInfos"]}
    assert names == {
        "epochs",
        "batch_size",
        "learning_rate",
        "filters",
        "units",
        "dropout",
        "seed",
        "precision",
    }
    wanted = {
        f"{split}_{name}"
        for split in ("train", "validation", "test")
        for name in ("loss", "accuracy")
    }
    assert {info["name"]["tag"] for info in experiment["metricInfos"]} == wanted
    request = {
        "startIndex": 0,
        "sliceSize": 10,
        "allowedStatuses": [
            "STATUS_UNKNOWN",
            "STATUS_SUCCESS",
            "STATUS_FAILURE",
            "STATUS_RUNNING",
        ],
        "colParams": [{"metric": info["name"]} for info in experiment["metricInfos"]],
    }
    (group,) = server.json("hparams", "session_groups", body=request)["sessionGroups"]
    assert group["name"] == RUN
    assert group["hparams"]["learning_rate"] == 1e-2
    assert group["hparams"]["filters"] == "4 8"
    values = {
        metric["name"]["tag"]: metric["value"] for metric in group["metricValues"]
    }
    assert values["validation_loss"] == pytest.approx(metrics["validation"]["loss"])
    assert values["test_accuracy"] == pytest.approx(metrics["test"]["accuracy"])


def test_projector(server):
    assert RUN in server.json("projector", "runs")
    (embedding,) = server.json("projector", "info", run=RUN)["embeddings"]
    name = embedding["tensorName"]
    count, size = embedding["tensorShape"]
    vectors = np.frombuffer(
        server.get("/data/plugin/projector/tensor", run=RUN, name=name), np.float32
    )
    assert vectors.reshape(count, size).shape == (300, 32), (
        "the test images, before the last layer"
    )
    labels = (
        server.get("/data/plugin/projector/metadata", run=RUN, name=name)
        .decode()
        .split()
    )
    assert len(labels) == 300
    assert set(labels) == set("0123456789")
    sprites = Image.open(
        io.BytesIO(
            server.get("/data/plugin/projector/sprite_image", run=RUN, name=name)
        )
    )
    assert sprites.size == (18 * 32, 18 * 32)
    # Vectors of one digit are nearer to each other than to those of another.
    vectors = vectors.reshape(count, size) / np.linalg.norm(
        vectors.reshape(count, size), axis=1, keepdims=True
    )
    same = np.array(labels)[:, np.newaxis] == np.array(labels)
    assert (vectors @ vectors.T)[same].mean() > (vectors @ vectors.T)[
        ~same
    ].mean() + 0.2


def test_pr_curves(server):
    tags = server.json("pr_curves", "tags")[f"{RUN}/test"]
    assert {tag["displayName"] for tag in tags.values()} == set("0123456789")
    (curve,) = server.json(
        "pr_curves", "pr_curves", run=f"{RUN}/test", tag="class_3/pr_curves"
    )[f"{RUN}/test"]
    precision, recall = np.array(curve["precision"]), np.array(curve["recall"])
    assert recall[0] == pytest.approx(1.0)
    assert precision[np.abs(recall - 0.9).argmin()] > 0.5


def test_text(server):
    assert set(server.json("text", "tags")[RUN]) == {
        "lesson",
        "hyperparameters",
        "options",
        "versions",
        "environment",
        "doctor",
    }
    (lesson,) = server.json("text", "text", run=RUN, tag="lesson")
    assert "A convolutional network reads handwritten digits" in lesson["text"]
    (table,) = server.json("text", "text", run=RUN, tag="hyperparameters")
    assert "<td>learning_rate</td>" in table["text"].replace("\n", "")


def test_profile(server, metrics):
    traces = list(
        (metrics["logdir"] / RUN / "train/plugins/profile").glob("*/*.xplane.pb")
    )
    assert len(traces) == 1
    assert traces[0].stat().st_size > 10_000
    if importlib.util.find_spec("tensorboard_plugin_profile") is None:
        pytest.skip("the page Profile needs the extra profile (the trace is there)")
    answer = server.get(
        "/data/plugin/profile/runs"
    )  # packed, whether it was asked for or not
    assert traces[0].parent.name in gzip.decompress(answer).decode()


@pytest.fixture
def driver():
    missing = browser.find_missing()
    if missing:
        pytest.skip(f"needs {missing}")
    with browser.opened() as opened:
        yield opened


# The page's text, also of the elements that keep theirs in a shadow tree.
TEXT = """
const collect = node => [...node.childNodes].map(child =>
    (child.nodeType == 3 ? child.textContent : '') + collect(child)
    + (child.shadowRoot ? collect(child.shadowRoot) : '')).join(' ');
return collect(document.body).replace(/\\s+/g, ' ');
"""
COUNT_IMAGES = """
const count = node => [...node.querySelectorAll('*')].reduce((sum, child) =>
    sum + (child.tagName == 'IMG' && child.naturalWidth > 100)
    + (child.shadowRoot ? count(child.shadowRoot) : 0), 0);
return count(document);
"""


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("scalars", [f"{RUN}/validation", "gradient_norm", "tag: accuracy"]),
        ("images", [RUN, "tag: confusion", "filters", "mistakes"]),
        ("hparams", [RUN, "learning_rate", "validation_accuracy"]),
        ("projector", ["Points: 300", "Dimension: 32"]),
    ],
)
def test_pages_in_a_browser(server, driver, page, shown):
    driver.get(f"{server.url}/#{page}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        text = driver.execute_script(TEXT)
        while frames := driver.find_elements(
            "tag name", "iframe"
        ):  # the projector is in one inside another
            driver.switch_to.frame(frames[0])
            text += driver.execute_script(TEXT)
        driver.switch_to.default_content()
        missing = [words for words in shown if words not in text]
        if not missing and (
            page != "images" or driver.execute_script(COUNT_IMAGES) >= 2
        ):
            return
        time.sleep(0.5)
    pytest.fail(f"not on the page {page}: {missing}; it says: {text[:2000]}")
