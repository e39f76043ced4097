"""What every run shares: quiet import, run folder, recording, precision, debugging."""

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from training import (
    device,
    options,
    quiet,
    recorder,
    resume,
    run_folder,
    runs,
    tables,
    tensorboard,
)

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data import Dataset, Split


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 2
    batch_size: int = 10
    learning_rate: float = 0.01


ZEROS = Split(np.zeros((20, 4)), np.zeros(20))
EXAMPLES = Dataset(ZEROS, ZEROS, None, "here")


def build_model():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


@pytest.fixture
def model():
    return build_model()


@pytest.fixture(scope="module")
def examples():
    x = np.random.default_rng(0).normal(size=(600, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype("uint8")


def read_events(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def read_curve(folder, tag):
    events = read_events(folder).Tensors(tag)
    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events}


def run_python(code, **keywords):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        **keywords,
    )


def test_import_leaves_stderr_empty():
    process = run_python(
        "from training import quiet; import tensorflow as tf; tf.ones(3) + 1"
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_what_the_import_makes_is_no_garbage():
    code = (
        "import gc\nfrom training import quiet\nprint(gc.isenabled(), "
        "gc.get_freeze_count() > 100_000)"
    )
    assert run_python(code).stdout == "True True\n"


def test_failed_import_gives_back_what_was_written(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os; os.write(2, b'reason\\n'); raise ImportError('broken')"
    )
    process = run_python(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from training import quiet"
    )
    assert process.returncode == 1
    assert process.stderr.startswith("reason\n")
    assert process.stderr.endswith("ImportError: broken\n")


def test_aborted_import_names_the_place(tmp_path):
    (tmp_path / "tensorflow.py").write_text("import os; os.abort()")
    process = run_python(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from training import quiet"
    )
    assert process.returncode != 0
    assert "Fatal Python error: Aborted" in process.stderr
    assert "tensorflow.py" in process.stderr


def test_stderr_works_after_the_hold(capfd):
    with quiet.hold_stderr():
        tf.compat.v1.logging.error("held")
        sys.__stderr__.write("held")
        sys.__stderr__.flush()
    sys.__stderr__.write("shown")
    sys.__stderr__.flush()
    assert capfd.readouterr().err.endswith("shown")


def test_two_unnamed_runs_never_share_a_folder(tmp_path):
    folders = {run_folder.make(tmp_path, None) for _ in range(5)}
    assert len(folders) == 5


def test_status_while_running_and_after_failure_and_interruption(tmp_path, capsys):
    def read(name):
        return json.loads(
            (tmp_path / "test_training" / name / "metrics.json").read_text()
        )

    with (
        pytest.raises(RuntimeError),
        runs.start(Config(logdir=tmp_path, name="failed"), EXAMPLES),
    ):
        assert read("failed")["status"] == "running"
        raise RuntimeError("out of\nmemory")
    assert read("failed") | {"seconds": 0} == {
        "lesson": "test_training",
        "status": "failed",
        "error": "out of memory",
        "seconds": 0,
    }
    with (
        pytest.raises(KeyboardInterrupt),
        runs.start(Config(logdir=tmp_path, name="stopped"), EXAMPLES),
    ):
        raise KeyboardInterrupt
    assert read("stopped")["status"] == "interrupted"
    assert keras.config.dtype_policy().name == "float32", (
        "a run gives back the precision it found"
    )


def test_config_holds_every_hyperparameter(tmp_path):
    with runs.start(Config(logdir=tmp_path, name="a", seed=7), EXAMPLES) as run:
        run.finish()
    config = json.loads((run.folder / "config.json").read_text())
    assert config["hyperparameters"] == {
        "epochs": 2,
        "batch_size": 10,
        "learning_rate": 0.01,
    }
    assert config["options"]["seed"] == 7
    assert config["source"] == "here"


def test_stop_on_divergence(model, examples):
    model.compile(
        keras.optimizers.SGD(1e30),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    with pytest.raises(
        FloatingPointError, match=r"learning rate of 1e\+30.*--learning-rate"
    ):
        model.fit(
            *examples, verbose=0, callbacks=[recorder.StopOnDivergence()], epochs=5
        )


@pytest.fixture(scope="module")
def recorded(examples, tmp_path_factory):
    """The model after a recorded training of 2 x 60 updates, Keras's history of it, and
    the folder.
    """
    model = build_model()
    with runs.start(
        Config(logdir=tmp_path_factory.mktemp("recorded"), name="a"),
        Dataset(Split(*examples), Split(*examples), None, "here"),
    ) as run:
        start = [weight.numpy() for weight in model.weights]
        callbacks = run.callbacks()
        history = model.fit(
            *examples,
            batch_size=10,
            epochs=2,
            callbacks=callbacks,
            verbose=0,
            shuffle=False,
        )
    return model, start, history.history, run.folder


def test_training_curve_adds_up_to_keras_epochs(recorded):
    _, _, history, folder = recorded
    for tag in ("loss", "accuracy"):
        curve = read_curve(folder / "train", tag)
        assert len(curve) >= 100
        assert max(curve) == 120
        for epoch, mean in enumerate(history[tag]):
            values = [
                value
                for step, value in curve.items()
                if epoch * 60 < step <= (epoch + 1) * 60
            ]
            assert np.mean(values) == pytest.approx(mean, rel=1e-4)


def test_validation_curve_ends_at_the_final_model(recorded, examples):
    model, _, _, folder = recorded
    curve = read_curve(folder / "validation", "loss")
    assert len(curve) >= 10
    assert curve[120] == pytest.approx(
        model.evaluate(*examples, verbose=0)[0], rel=1e-5
    )


def test_gradient_norm_against_finite_differences(recorded, examples):
    model, _, _, folder = recorded
    last = read_curve(folder / "train", "gradient_norm")[120]
    x, y = (part[:128] for part in examples)

    def loss(weights):
        kernel1, bias1, kernel2, bias2 = weights
        logits = np.maximum(x @ kernel1 + bias1, 0) @ kernel2 + bias2
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(128), y])

    weights = [weight.numpy().astype(float) for weight in model.weights]
    squares = 0.0
    for weight in weights:
        for index in np.ndindex(weight.shape):
            value = weight[index]
            weight[index] = value + 1e-5
            above = loss(weights)
            weight[index] = value - 1e-5
            squares += ((above - loss(weights)) / 2e-5) ** 2
            weight[index] = value
    assert last == pytest.approx(squares**0.5, rel=1e-3)


def test_histograms_and_graph(recorded):
    model, _, _, folder = recorded
    tags = set(read_events(folder / "train").Tags()["tensors"])
    for variable in model.trainable_variables:
        assert {f"weights/{variable.path}", f"gradients/{variable.path}"} <= tags
    assert {"keras", "learning_rate", "images_per_second"} <= tags


def test_an_embedding_is_recorded_too(tmp_path):
    numbers = Split(np.ones((20, 4), np.int32), np.zeros(20))
    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        embedding = keras.layers.Embedding(5, 2)
        pooling = keras.layers.GlobalAveragePooling1D()
        model = keras.Sequential([keras.Input((4,)), embedding, pooling])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
        callbacks = run.callbacks(train=numbers, validation=numbers, doctor=False)
        model.fit(*numbers, callbacks=callbacks, verbose=0)
    tags = read_events(run.folder / "train").Tags()["tensors"]
    assert f"gradients/{embedding.embeddings.path}" in tags


def test_update_to_weight_ratio(recorded):
    """After the first update, against the weights before and after it: a training of
    one update ends there.
    """
    model, start, _, folder = recorded
    ratios = read_curve(
        folder / "train", f"update_to_weight/{model.layers[0].kernel.path}"
    )
    assert len(ratios) == 120
    # The sum of the updates is at most the sum of their lengths, each relative to a
    # weight that changes little.
    travelled = np.linalg.norm(model.weights[0].numpy() - start[0]) / np.linalg.norm(
        start[0]
    )
    assert travelled / 2 < sum(ratios.values())
    assert 0 < max(ratios.values()) < 0.2


def test_run_keeps_a_copy_of_its_page(tmp_path):
    """That of the file in which its `Config` stands: here, of this one."""
    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        pass
    copy = run.folder / "test_training.py"
    assert copy.read_bytes() == Path(__file__).read_bytes()
    assert run_folder.read(run.folder).page == copy.read_text("utf-8")


def read_slider(run, name):
    """The steps of the pictures that a run's slider of that name shows."""
    return [event.step for event in read_events(run.folder).Tensors(name)]


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (40, [0, 3, 7, 11, 15, 19, 23, 27, 31, 35, 39]),
        (101, [0, *range(9, 100, 10), 100]),
        (3, [0, 1, 2]),
        (1, [0]),
    ],
)
def test_about_ten_pictures_of_a_loop_are_kept(count, kept, tmp_path):
    """Among them the first and the last; others are not even drawn."""
    drawn = []

    def draw():
        drawn.append(run.step)
        return np.full((8, 8, 3), run.step)

    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        for step in run.steps(count):
            run.log(step, cost=float(step), picture=draw)
    assert drawn == kept == read_slider(run, "picture")
    assert read_curve(run.folder / "train", "cost") == {
        step: float(step) for step in range(count)
    }
    assert [path.name for path in run.figures.iterdir()] == ["picture.png"]


def test_about_ten_pictures_of_a_fit_are_kept(model, examples, tmp_path):
    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        look = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: run.log(
                epoch, "looks", picture=np.zeros((8, 8, 3)), **logs
            )
        )
        model.fit(
            *examples,
            batch_size=600,
            epochs=30,
            callbacks=run.callbacks(look, doctor=False, curves=False),
            verbose=0,
        )
    assert read_slider(run, "picture") == [0, *range(2, 30, 3)]
    assert len(read_curve(run.folder / "looks", "loss")) == 30


def test_pictures_can_be_arrays_figures_or_functions(tmp_path):
    """Outside of a loop all are kept."""
    figure = Figure(figsize=(1, 1))
    pictures = {
        "array": np.zeros((8, 8, 3)),
        "batch": tf.zeros((1, 8, 8, 3)),
        "figure": figure,
        "function": lambda: figure,
    }
    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        for step in range(3):
            run.log(step, **pictures)
    for name in pictures:
        assert read_slider(run, name) == [0, 1, 2]
        assert (run.figures / f"{name}.png").is_file()
    assert not (run.folder / "train").exists(), "there is no curve"


def test_log_ends_what_diverges(tmp_path):
    """A loss, and nothing else, must be a number; it is recorded as well."""
    with (
        pytest.raises(FloatingPointError, match=r"the loss is inf at step 3.*--learn"),
        runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run,
    ):
        run.log(2, cost=np.inf)
        run.log(3, loss=np.inf)
    assert set(read_curve(run.folder / "train", "loss")) == {3}
    assert run_folder.read(run.folder).metrics["status"] == "failed"


def test_table_is_printed_and_kept(tmp_path, capsys):
    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        run.table("Speed", {"one": {"x": 1.25}, "two": {"x": -2, "y": 3}}, digits=1)
    assert capsys.readouterr().out.endswith(
        "\nSpeed\n"
        "                     x           y\n"
        "one                1.2\n"
        "two               -2.0         3.0\n"
    )
    (event,) = read_events(run.folder).Tensors("Speed")
    assert tf.make_ndarray(event.tensor_proto).item().decode() == (
        "|  | x | y |\n| --- | --- | --- |\n| one | 1.2 |  |\n| two | -2.0 | 3.0 |\n"
    )


def test_graph_of_a_model_or_a_function(model, tmp_path):
    with runs.start(Config(logdir=tmp_path, name="a"), EXAMPLES) as run:
        run.graph(model)
    assert "keras" in read_events(run.folder / "train").Tags()["tensors"]
    double = tf.function(lambda x: 2 * x)
    with runs.start(Config(logdir=tmp_path, name="b"), EXAMPLES) as run:
        run.graph(double, tf.ones(3))
    operations = {node.op for node in read_events(run.folder / "train").Graph().node}
    assert "Mul" in operations


def test_a_picture_named_partial_stays(tmp_path):
    """Names of pictures come from those of photos."""
    with runs.start(Config(logdir=tmp_path, name="kept"), EXAMPLES) as run:
        run.show("answers_partial", np.zeros((8, 8, 3), np.uint8))
    assert [path.name for path in run.figures.iterdir()] == ["answers_partial.png"]


def test_recording_does_not_change_the_training(examples, tmp_path):
    results = []
    for recording in (False, True):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(8),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(2),
            ]
        )
        model.compile(
            "adam",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        writers = tensorboard.Writers(resume.States(tmp_path, resumed=False))
        callbacks = (
            [recorder.Recorder(writers, examples, examples)] if recording else []
        )
        model.fit(*examples, epochs=2, verbose=0, callbacks=callbacks)
        results.append([weight.numpy() for weight in model.weights])
    for plain, recorded in zip(*results, strict=True):
        np.testing.assert_array_equal(plain, recorded)


def test_projector_files_are_replaced(tmp_path):
    """As when a run was killed after it wrote them, and does so again."""
    images = np.zeros((5, 8, 8, 1), np.uint8)
    for count in (5, 3):
        names = [f"picture\t{number}" for number in range(count)]
        tensorboard.write_projector(
            tmp_path, "vectors", np.eye(count), images[:count], names
        )
    folder = tmp_path / "projector"
    assert {path.name for path in folder.iterdir()} == {
        "labels.tsv",
        "sprites.png",
        "vectors.tsv",
    }
    np.testing.assert_array_equal(np.loadtxt(folder / "vectors.tsv"), np.eye(3))
    labels = (folder / "labels.tsv").read_text("utf-8").splitlines()
    assert labels == ["picture 0", "picture 1", "picture 2"]
    text = (tmp_path / "projector_config.pbtxt").read_text("utf-8")
    assert text.count("tensor_path") == 1


def test_first_update_is_traced_once(examples, tmp_path):
    calls = []

    class Counted(keras.layers.Dense):
        def call(self, inputs, training=False):
            if training:
                calls.append(inputs)
            return super(Counted, self).call(inputs)  # noqa: UP008 (inside a graph there is no other way)

    model = keras.Sequential([keras.Input((4,)), Counted(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    writers = tensorboard.Writers(resume.States(tmp_path, resumed=False))
    model.fit(
        *examples,
        batch_size=len(examples[1]),
        callbacks=[recorder.Recorder(writers, examples)],
        verbose=0,
    )
    assert len(calls) == 1


def test_profile_of_a_training_that_ends_early(model, examples, tmp_path):
    """12 updates, then a second training: it could not start its profiler if the first
    had left its own running.
    """
    for name in ("first", "second"):
        writers = tensorboard.Writers(resume.States(tmp_path / name, resumed=False))
        callback = recorder.Recorder(
            writers, examples, examples, profile=tmp_path / name
        )
        model.fit(*examples, batch_size=50, verbose=0, callbacks=[callback])
        assert len(list((tmp_path / name).glob("**/*.xplane.pb"))) == 1


def test_precision(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert device.choose_precision("float32") == "float32"
    assert device.choose_precision("bfloat16") == "bfloat16"
    for flags, expected in (
        ("avx2 avx512_bf16", "bfloat16"),
        ("amx_bf16", "bfloat16"),
        ("avx2 avx512f", "float32"),
    ):
        monkeypatch.setattr(
            device.Path, "read_text", lambda path, flags=flags: f"flags : {flags}\n"
        )
        assert device.choose_precision("auto") == (
            expected if sys.platform == "linux" else "float32"
        )


def test_precision_of_a_cpu_that_is_limited(monkeypatch):
    monkeypatch.setattr(device.Path, "read_text", lambda path: "flags : avx512_bf16\n")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert device.choose_precision("auto") == "float32"
    with pytest.raises(ValueError, match="ONEDNN_MAX_CPU_ISA is AVX2, which excludes"):
        device.choose_precision("bfloat16")


def test_debug_runs_the_model_eagerly_and_checks_numbers(examples):
    seen = []

    class Look(keras.layers.Layer):
        def call(self, inputs):
            seen.append(type(inputs).__name__)
            return inputs

    with device.computing("float32", debug=True):
        model = keras.Sequential([keras.Input((4,)), Look(), keras.layers.Dense(2)])
        model.compile(
            "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        model.fit(*examples, batch_size=300, verbose=0)
        assert seen.count("EagerTensor") == 2
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?i)nan|inf"):
            tf.math.log(tf.constant(-1.0))
    assert not tf.config.functions_run_eagerly()
    assert np.isnan(tf.math.log(tf.constant(-1.0)))


@pytest.mark.parametrize(
    ("needed", "expected"),
    [
        ("2 minutes (2 cores, AVX2 only)", "; about 4.0 minutes here"),
        ("0.4 minutes (2 cores, bfloat16), 2.2 minutes (2 cores, AVX2 only)", "4.4"),
        ("0.2 minutes for 18 photographs, 1.2 for 415 (2 cores, AVX2 only)", "0.4"),
        ("0.4 minutes (2 cores, bfloat16)", ""),
        ("", ""),
    ],
)
def test_time_on_this_machine(needed, expected, monkeypatch):
    monkeypatch.setattr(device, "measure_speed", lambda: runs.AVX2_SPEED / 2)
    found = runs.estimate_time(needed)
    assert expected in found
    assert bool(found) == bool(expected)


def test_speed_is_operations_by_seconds(monkeypatch):
    ticks = itertools.count(step=0.01)  # seconds from one look at the clock to the next
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    speed = device.measure_speed.__wrapped__()
    assert speed == pytest.approx(2 * 1024**3 / 0.01)


def test_columns_of_a_table_are_below_each_other():
    """Also below Chinese characters, each of which a terminal shows as two columns."""
    rows = {"train": {"loss": 0.5}, "测试": {"loss": 12.25, "accuracy": 1.0}}
    lines = tables.align(tables.to_cells(rows, digits=2)).splitlines()
    assert lines == [
        "                  loss    accuracy",
        "train             0.50",
        "测试             12.25        1.00",
    ]
    assert tables.align([["run", "units"], ["[b]", "64 64"]], "left", 1) == (
        "run  units\n[b]  64 64"
    )
