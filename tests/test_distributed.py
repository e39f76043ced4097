"""Several devices of a machine, and several machines: the weights are those of one, and
what goes wrong is said.
"""

import dataclasses
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from lessons import course_2_mlp, course_3_fooling_a_cnn
from lessons import course_11_distributed as distributed
from training import command_line, options
from training.cluster import local_workers, meeting, tf_config

import keras
import numpy as np
import pytest

import course_1_tf_lr
from data import digits
from tests.test_training import read_curve
from tools import kills
from tools.kills import ROOT

NAME = "course_11_distributed"
# 4,000 images in batches of 303: shares of 152 and 151, or of 76 and 75, and in the
# last batch, of 61, of 31 and 30.
UNEVEN = {"epochs": 2, "batch_size": 303, "units": (32,)}
TWO = ["127.0.0.1:2001", "127.0.0.1:2002"]


def describe(workers, kind="worker", index=0, **jobs):
    return json.dumps(
        {"cluster": {"worker": workers, **jobs}, "task": {"type": kind, "index": index}}
    )


def start(addresses, index, logdir, **fields):
    """Starts a worker as Kubernetes would: the lesson's command, with TF_CONFIG."""
    words = [
        sys.executable,
        str(ROOT / f"lessons/{NAME}.py"),
        "--logdir",
        str(logdir),
        "--name",
        "test",
    ]
    for field, value in fields.items():
        words += [
            options.flag(field),
            *(map(str, value) if isinstance(value, tuple) else [str(value)]),
        ]
    environment = {**os.environ, "TF_CONFIG": describe(addresses, index=index)}
    del environment["TF_CPP_MIN_LOG_LEVEL"]  # which importing TensorFlow here has set
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "encoding": "utf-8",
    }
    return subprocess.Popen(words, cwd=ROOT, env=environment, **pipes)


def read_weights(logdir):
    return keras.models.load_model(logdir / NAME / "test/model.keras").get_weights()


def check_equal(logdir, others):
    for one, other in zip(read_weights(logdir), read_weights(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of one worker's run."""
    logdir = tmp_path_factory.mktemp("alone")
    metrics = distributed.main(distributed.Config(logdir=logdir, name="test", **UNEVEN))
    assert metrics["workers"]["largest_difference"] == 0
    return logdir


def test_one_worker_descends_as_numpy_does(alone):
    """The same steps with gradients in NumPy, float64."""
    keras.utils.set_random_seed(0)
    first = distributed.build_mlp((32,))
    kernel1, bias1, kernel2, bias2 = weights = [
        np.float64(weight) for weight in first.get_weights()
    ]
    images, labels = digits.load_digits().train
    x, targets = images.reshape(len(images), -1) / 255, np.eye(10)[labels]
    for epoch in range(2):
        order = np.random.default_rng([0, epoch]).permutation(len(x))
        batches = [order[begin : begin + 303] for begin in range(0, len(x), 303)]
        for number, batch in enumerate(batches):
            hidden = np.maximum(x[batch] @ kernel1 + bias1, 0)
            powers = np.exp(hidden @ kernel2 + bias2)
            error = (powers / powers.sum(axis=1, keepdims=True) - targets[batch]) / len(
                batch
            )
            behind = error @ kernel2.T * (hidden > 0)
            gradients = (
                x[batch].T @ behind,
                behind.sum(axis=0),
                hidden.T @ error,
                error.sum(axis=0),
            )
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= 0.5 * (1 - (epoch + number / len(batches)) / 2) * gradient
    for own, expected in zip(read_weights(alone), weights, strict=True):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.full)])
def test_workers_end_with_the_weights_of_one(count, alone, tmp_path):
    """And only the chief writes."""
    addresses = local_workers.find_free_addresses(count)
    workers = [
        start(addresses, index, tmp_path / str(index), **UNEVEN)
        for index in range(count)
    ]
    said = [worker.communicate(timeout=200) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * count, said
    assert [errors for _, errors in said] == [""] * count
    assert (
        f"Largest difference between the weights of {count} workers: 0.0\n"
        in said[0][0]
    )
    assert [
        line
        for line in said[1][0].splitlines()
        if not line.startswith("Waiting for another process that downloads")
    ] == [f"worker 1 of {count}: the chief at {addresses[0]} prints and writes"]
    check_equal(alone, tmp_path / "0")
    written = {path.name for path in tmp_path.iterdir()} - {
        "keras_home"
    }  # which loading data writes
    assert written == {"0"}, "the others have written nothing"
    metrics, one = (
        json.loads((logdir / NAME / "test/metrics.json").read_text())
        for logdir in (tmp_path / "0", alone)
    )
    assert metrics["workers"]["largest_difference"] == 0
    assert metrics["test"]["loss"] == pytest.approx(one["test"]["loss"], abs=1e-5)
    config = json.loads((tmp_path / "0" / NAME / "test/config.json").read_text())
    assert config["hyperparameters"]["workers"] == count


@pytest.mark.full
def test_workers_of_one_command(alone, tmp_path, capfd):
    metrics = distributed.main(
        distributed.Config(logdir=tmp_path / "two", name="test", workers=2, **UNEVEN)
    )
    assert metrics["status"] == "finished"
    assert metrics["workers"]["largest_difference"] == 0
    assert capfd.readouterr().err == ""
    check_equal(alone, tmp_path / "two")
    assert "TF_CONFIG" not in os.environ
    with pytest.raises(ValueError, match=r"'test', but .* exists"):
        distributed.main(
            distributed.Config(
                logdir=tmp_path / "two", name="test", workers=2, **UNEVEN
            )
        )


@pytest.mark.full
@pytest.mark.parametrize("killed", [0, 1])
def test_killed_worker_ends_the_others_and_all_are_resumed(killed, tmp_path):
    fields = {**UNEVEN, "epochs": 60}
    whole = distributed.main(
        distributed.Config(logdir=tmp_path / "whole", name="test", workers=2, **fields)
    )
    addresses = local_workers.find_free_addresses(2)
    workers = [
        start(addresses, index, tmp_path / "killed", **fields) for index in range(2)
    ]
    for line in workers[0].stdout:
        if line.startswith("epoch 3"):
            break
    workers[killed].kill()
    errors = workers[1 - killed].communicate(timeout=30)[1]
    workers[killed].communicate()
    name = f"{'worker 1' if killed else 'the chief'} at {addresses[killed]}"
    assert errors == (
        f"{NAME}.py: {name} ended in the middle: see what it said, and start "
        "all workers again, with --resume\n"
    )
    assert workers[1 - killed].returncode == 2
    again = distributed.Config(
        logdir=tmp_path / "killed", name="test", workers=2, resume=True, **fields
    )
    assert distributed.main(again)["test"] == whole["test"]
    assert (
        kills.find_differences(
            tmp_path / "whole" / NAME / "test", tmp_path / "killed" / NAME / "test"
        )
        == []
    )


@pytest.mark.full
@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no groups of processes to interrupt"
)
def test_ctrl_c_reaches_all_workers_of_one_command(tmp_path):
    words = [
        sys.executable,
        str(ROOT / f"lessons/{NAME}.py"),
        "--workers",
        "2",
        "--epochs",
        "4000",
        "--logdir",
        tmp_path,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(
        [*words, "--name", "test"], cwd=ROOT, start_new_session=True, **pipes
    )
    for line in process.stdout:
        if line.startswith("epoch 3"):
            break
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert (
        output.splitlines()[-1] == "The same command with --resume --name test goes on"
    )
    assert (
        json.loads((tmp_path / NAME / "test/metrics.json").read_text())["status"]
        == "interrupted"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("3", "cannot be read"),
        ('{"cluster": []}', "cannot be read"),
        (describe("127.0.0.1:2001"), "cannot be read"),
        (describe([2001]), "cannot be read"),
        (describe(TWO, index="one"), "cannot be read"),
        ("{}", "names 0 chiefs and 0 workers"),
        (describe([]), "names 0 chiefs and 0 workers"),
        (describe(TWO[:1], chief=["a:1", "b:1"]), "names 2 chiefs and 1 workers"),
        (describe(TWO, ps=["127.0.0.1:2003"]), "has worker, ps in its"),
        (describe(["127.0.0.1"]), "has the address '127.0.0.1', which is not"),
        (describe([":2001"]), "has the address ':2001', which is not"),
        (describe(["localhost:0"]), "has the address 'localhost:0', which is not"),
        (describe(["localhost:65536"]), "has the address 'localhost:65536'"),
        (describe(["localhost:two"]), "has the address 'localhost:two'"),
        (describe({"0": "a:1", "2": "b:1"}), "has the address 0, which is not"),
        (describe([*TWO, TWO[0]]), "has the address 127.0.0.1:2001 twice"),
        (describe(TWO, chief=TWO[:1]), "has the address 127.0.0.1:2001 twice"),
        (json.dumps({"cluster": {"worker": TWO}}), "has the task None None"),
        (describe(TWO, index=2), "has the task worker 2, and 2 of that type"),
        (describe(TWO, index=-1), "has the task worker -1"),
        (describe(TWO, kind="chief"), "has the task chief 0, and 0 of that type"),
        (describe(TWO, kind="ps"), "has the task ps 0"),
    ],
)
def test_wrong_description(text, said, monkeypatch, tmp_path):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=f"^TF_CONFIG .*{re.escape(said)}") as refused:
        distributed.main(distributed.Config(logdir=tmp_path / "runs"))
    assert str(refused.value).endswith(f": expected such as {tf_config.EXAMPLE}")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_description(monkeypatch):
    assert tf_config.read_cluster().index == 0
    monkeypatch.setenv("TF_CONFIG", describe(TWO, index=1))
    assert tf_config.read_cluster() == (tuple(TWO), 1)
    jobs = {"workers": ["b:1", "[::1]:1"], "chief": ["a:1"]}
    for kind, index, place in (("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)):
        monkeypatch.setenv("TF_CONFIG", describe(kind=kind, index=index, **jobs))
        assert tf_config.read_cluster() == (("a:1", "b:1", "[::1]:1"), place)


def test_workers_and_description_contradict_each_other(monkeypatch, tmp_path):
    monkeypatch.setenv("TF_CONFIG", describe(TWO))
    with pytest.raises(
        ValueError, match="--workers is 3, but TF_CONFIG names 2: leave the flag out"
    ):
        distributed.main(distributed.Config(logdir=tmp_path, workers=3))


def meet(*workers):
    """Lets processes, here threads, meet; returns for each what it was refused with.

    Args:
        workers: addresses, index, facts, seconds to wait, and to come later.
    """
    refused = [None] * len(workers)

    def come(place, addresses, index, facts, seconds, later=0.0):
        time.sleep(later)
        try:
            meeting.meet(tf_config.Cluster(tuple(addresses), index), facts, seconds)
        except (ValueError, OSError) as error:
            refused[place] = f"{type(error).__name__}: {error}"

    threads = [
        threading.Thread(target=come, args=(place, *worker))
        for place, worker in enumerate(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_workers_meet_whoever_else_knocks():
    """Also where something probes the chief's port, as Kubernetes does."""
    addresses = local_workers.find_free_addresses(3)
    knocking = threading.Event()

    def knock():
        host, port = addresses[0].split(":")
        while not knocking.wait(0.05):
            try:
                with socket.create_connection((host, int(port)), timeout=1) as probe:
                    probe.sendall(b"GET / HTTP/1.1\r\n")
            except OSError:
                pass

    stranger = threading.Thread(target=knock)
    stranger.start()
    try:
        workers = [(addresses, index, {"seed": "0"}, 20) for index in range(3)]
        assert meet(*workers) == [None] * 3
    finally:
        knocking.set()
        stranger.join()


def test_workers_that_were_started_differently():
    config = distributed.Config()
    dataset = digits.load_digits()
    other = dataclasses.replace(config, batch_size=50, logdir="elsewhere", name="b")
    less = dataset._replace(train=[part[:-1] for part in dataset.train])
    chiefs, others = meeting.describe(config, dataset), meeting.describe(other, less)
    addresses = local_workers.find_free_addresses(2)
    for refused in meet((addresses, 0, chiefs, 20), (addresses, 1, others, 20)):
        assert refused.startswith(
            f"ValueError: worker 1 at {addresses[1]} has batch_size 50, the chief 100; "
            "training data"
        )
        assert "3999 examples" in refused
    named = dataclasses.replace(config, name="c")
    assert chiefs == meeting.describe(named, dataset)


def test_workers_with_other_addresses():
    first, second, third = local_workers.find_free_addresses(3)
    for refused in meet(([first, second], 0, {}, 5), ([first, third], 1, {}, 5)):
        assert f"has addresses {first}, {third}, the chief {first}, {second}" in refused


def test_worker_that_does_not_come():
    addresses = local_workers.find_free_addresses(3)
    refused = meet((addresses, 0, {}, 1), (addresses, 1, {}, 1))
    assert refused[0].startswith("TimeoutError: worker")
    assert f"worker 2 at {addresses[2]} did not answer within 1 s" in refused[0]
    assert refused[1].startswith(
        f"TimeoutError: the chief at {addresses[0]} did not answer within 1 s"
    )
    assert "TimeoutError: the chief" in meet((addresses, 1, {}, 0.5))[0]


def test_worker_that_waits_no_longer_is_not_counted():
    """Worker 1 gives up before worker 2 comes: it must not be taken for present."""
    addresses = local_workers.find_free_addresses(3)
    refused = meet(
        (addresses, 0, {}, 2), (addresses, 1, {}, 0.5), (addresses, 2, {}, 2, 1.0)
    )
    assert refused[0].startswith(f"TimeoutError: worker 1 at {addresses[1]}")
    assert None not in refused


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_workers_meet_over_ipv6():
    try:
        probes = [
            socket.create_server(("::1", 0), family=socket.AF_INET6) for _ in range(2)
        ]
    except OSError as error:
        pytest.skip(f"needs IPv6: {error}")
    addresses = [f"[::1]:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    assert meet((addresses, 0, {}, 20), (addresses, 1, {}, 20)) == [None] * 2


def test_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (refused,) = meet(([address, "127.0.0.1:2001"], 0, {}, 1))
    assert refused.startswith(
        f"OSError: the port of the chief at {address} cannot be opened (Address "
        "already in use"
    )


DEVICES = """
import importlib, json, sys
import os
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, devices)
from pathlib import Path
from lessons import course_2_mlp as lesson
from training import recorder
from data import digits
dataset = digits.load_digits()
for split, n in (("train", 400), ("validation", 60), ("test", 60)):
    parts = (part[:n] for part in getattr(dataset, split))
    dataset = dataset._replace(**{split: type(dataset.train)(*parts)})
digits.load_digits = lambda: dataset
recorder.LOOKS = 4
fields = {"epochs": 2, "units": (64,), "dropout": 0.0, "learning_rate": 0.03}
fields |= {"precision": "float32", "logdir": Path(sys.argv[1])}
lesson.main(lesson.Config(name="one", **fields))
count, original = 0, recorder.StopOnDivergence.on_train_batch_end
def stop(self, batch, logs=None):
    global count
    count += 1
    if count == 6:
        raise KeyboardInterrupt
    original(self, batch, logs)
recorder.StopOnDivergence.on_train_batch_end = stop
try:
    lesson.main(lesson.Config(name="two", strategy="mirrored", **fields))
except KeyboardInterrupt:
    lesson.main(lesson.Config(name="two", strategy="mirrored", resume=True, **fields))
try:
    odd = fields | {"batch_size": 25}
    lesson.main(lesson.Config(name="odd", strategy="mirrored", **odd))
except ValueError as error:
    print(error)
"""


def test_two_devices_end_with_the_weights_of_one(tmp_path):
    """Two logical CPUs, also after an interruption.

    With dropout, each device would leave out other units.
    """
    process = subprocess.run(
        [sys.executable, "-c", DEVICES, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stderr
    one, two = (tmp_path / "course_2_mlp" / name for name in ("one", "two"))
    weights = [
        keras.models.load_model(folder / "model.keras").get_weights()
        for folder in (one, two)
    ]
    for expected, given in zip(*weights, strict=True):
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-6)
    configs = [
        json.loads((folder / "config.json").read_text()) for folder in (one, two)
    ]
    assert configs[1]["options"]["strategy"] == "mirrored"
    assert configs[1]["device"] == f"2 mirrored devices, {configs[0]['device']}"
    assert f"computes   on {configs[1]['device']} in float32" in process.stdout
    assert "resumes    what was saved" in process.stdout
    assert (
        "--batch-size is 25, expected a multiple of the 2 devices that share it"
        in process.stdout
    )
    assert {path.name for path in one.parent.iterdir()} == {"one", "two"}
    files = [
        {path.relative_to(run).as_posix() for path in run.rglob("*.*")}
        for run in (one, two)
    ]
    files = [{name for name in names if "tfevents" not in name} for names in files]
    assert {"model.keras", "metrics.json", "figures/confusion.png"} < files[0]
    assert files[0] == files[1]
    assert set(kills.read_events(one)) == set(kills.read_events(two))
    for split, tag in itertools.product(
        ("train", "validation"), ("loss", "accuracy", "gradient_norm")
    ):
        if (split, tag) != ("validation", "gradient_norm"):
            expected, given = (read_curve(folder / split, tag) for folder in (one, two))
            assert given == pytest.approx(expected, rel=1e-3), (split, tag)


def test_mirrored_needs_devices(tmp_path):
    with pytest.raises(
        ValueError,
        match="mirrored, but TensorFlow finds 1 CPU here, expected two GPUs or more",
    ):
        course_2_mlp.main(
            course_2_mlp.Config(strategy="mirrored", logdir=tmp_path / "runs")
        )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "lesson", [course_1_tf_lr, course_3_fooling_a_cnn, distributed]
)
def test_lessons_that_devices_cannot_share_refuse_it(lesson):
    with pytest.raises(ValueError, match="Unrecognized options: --strategy, mirrored"):
        command_line.parse(lesson.Config, ["--strategy", "mirrored"], "lesson.py", None)
    with pytest.raises(ValueError, match="--debug runs line by line, on one device"):
        course_2_mlp.Config(strategy="mirrored", debug=True)
