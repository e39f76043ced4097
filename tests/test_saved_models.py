"""What a run leaves is usable elsewhere, and is left also if somebody clears up
meanwhile.
"""

import shutil
from dataclasses import dataclass

from training import options, run_folder, runs

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data import Dataset, Split


@dataclass(frozen=True)
class Config(options.Options):
    epochs: int = 4


@keras.saving.register_keras_serializable("tests")
class Doubled(keras.layers.Layer):
    """A layer of the page's own."""

    def call(self, inputs):
        return 2 * inputs


X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
EXAMPLES = Dataset(Split(X, X.sum(axis=1)), Split(X, X.sum(axis=1)), None, "here")


def build(*layers):
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("place", ["first", "inside"])
def test_layers_of_the_pages_own_are_exported(place, tmp_path, capfd):
    """Beside the model that needs them, as one that needs nothing."""
    own = Doubled()
    layer = keras.Sequential([own]) if place == "inside" else own
    with runs.start(Config(logdir=tmp_path), EXAMPLES) as run:
        model = build(layer)
        run.finish(model)
    served = tf.saved_model.load(run.folder / "export")
    np.testing.assert_allclose(served.serve(X), model(X), rtol=1e-5)
    assert capfd.readouterr().err == ""
    again = run_folder.read(run.folder).load()
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X))


def test_models_of_keras_own_layers_need_no_export(tmp_path):
    with runs.start(Config(logdir=tmp_path), EXAMPLES) as run:
        run.finish(build(keras.Sequential([keras.layers.Dense(2)])))
    assert not (run.folder / "export").exists()


def read_steps(folder, tag):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return [event.step for event in accumulator.Tensors(tag)]


@pytest.mark.parametrize("removed", ["runs", "runs/test_saved_models/a"])
def test_the_end_of_a_training_survives_its_folder(removed, tmp_path, capsys):
    """It is said after the epoch in which it was removed."""

    def clear_up(epoch, logs):
        if epoch == 1:
            shutil.rmtree(tmp_path / removed)
        said.append("was removed" in capsys.readouterr().out)

    said = []
    config = Config(logdir=tmp_path / "runs", name="a")
    with runs.start(config, EXAMPLES) as run:
        model = build()
        model.fit(
            *EXAMPLES.train,
            epochs=4,
            callbacks=run.callbacks(
                keras.callbacks.LambdaCallback(on_epoch_begin=clear_up), name="line"
            ),
            verbose=0,
        )
        run.finish(model, train={"loss": 1.0})
    assert said == [False, False, True, False]
    record = run_folder.read(run.folder)
    assert record.metrics["status"] == "finished"
    assert record.results == {"train_loss": 1.0}
    assert "Doubled" in record.page
    assert record.load().count_params() == 4
    assert read_steps(run.folder / "train", "line/loss") == [1, 2, 3]
    assert read_steps(run.folder, "lesson") == [0]


def test_the_end_of_a_loop_survives_its_folder(tmp_path, capsys):
    """And that of what follows, also if parts of the folder are removed again."""
    value = np.zeros(2)
    with runs.start(Config(logdir=tmp_path, name="a")) as run:
        for step in run.steps(3, value=value):
            run.log(step, loss=1.0)
            if step == 0:
                shutil.rmtree(run.folder)
        shutil.rmtree(run.figures)
        run.show("picture", np.zeros((4, 4, 3)))
        shutil.rmtree(run.folder)
        run.predictions([0], [1], [1])
        run.finish(last=3)
    assert capsys.readouterr().out.count("was removed") == 2
    assert run_folder.read(run.folder).metrics["last"] == 3
    assert (run.folder / "test_predictions.npz").is_file()


def test_the_end_of_a_run_survives_its_folder(tmp_path):
    with runs.start(Config(logdir=tmp_path, name="a")) as run:
        shutil.rmtree(tmp_path)
        run.finish(build(), test={"loss": 0.5})
    record = run_folder.read(run.folder)
    assert record.results == {"test_loss": 0.5}
    assert record.load().count_params() == 4


def test_an_interrupted_run_survives_its_folder(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        runs.start(Config(logdir=tmp_path, name="a")) as run,
    ):
        shutil.rmtree(tmp_path)
        raise KeyboardInterrupt
    assert run_folder.read(run.folder).metrics["status"] == "interrupted"
