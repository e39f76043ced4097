"""What may break on another system: folders with odd names, the encoding of a console,
files that somebody holds open, a TensorFlow without its compiler or its libraries.

`pytest -m smoke` runs these and a few other quick tests.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lessons.course import ROOT, find_lessons
from training import (
    device,
    files,
    options,
    quiet,
    resume,
    run_folder,
    run_json,
    runs,
)

import keras
import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.smoke


def run(*words, encoding="utf-8", **variables):
    """Runs Python in the project's folder, with pipes of an encoding."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, **variables},
        capture_output=True,
        encoding=encoding,
        timeout=300,
        check=False,
    )


def test_every_lesson_is_listed():
    listed = run("-m", "lessons")
    assert listed.returncode == 0, listed.stderr
    for lesson in find_lessons():
        assert lesson.command in listed.stdout


def test_the_data_are_listed():
    listed = run("-m", "data")
    assert listed.returncode == 0, listed.stderr
    assert "mnist" in listed.stdout


def test_a_run_in_folders_with_odd_names(tmp_path):
    """Also where the console, or a pipe in its place, has no Chinese characters."""
    logdir = tmp_path / "my course 课程"
    words = ("course_1_tf_lr", "--logdir", logdir)
    lesson = ("course_1_tf_lr.py", "--epochs", 5, "--name", "测试", *words[1:])
    done = run(*lesson, encoding="cp1252")
    assert done.returncode == 0, done.stderr
    record = run_folder.read(logdir / "course_1_tf_lr/测试")
    assert record.metrics["status"] == "finished"
    assert any(record.folder.rglob("events.out.tfevents.*"))
    compared = run("-m", "lessons", "compare", *words, encoding="cp1252")
    assert compared.returncode == 0, compared.stderr
    assert "course_1_tf_lr" in compared.stdout


def test_a_file_that_is_held_open_is_replaced_later(tmp_path, monkeypatch):
    """Windows refuses to replace what another program reads."""
    attempts = []
    replace = Path.replace

    def refuse_twice(path, target):
        attempts.append(path)
        if len(attempts) <= 2:
            raise PermissionError(13, "Access is denied", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse_twice)
    run_json.write(tmp_path / "metrics.json", {"status": "finished"})
    assert "finished" in (tmp_path / "metrics.json").read_text("utf-8")
    assert len(attempts) == 3


def test_a_file_that_stays_held_open_is_named(tmp_path, monkeypatch):
    def refuse(path, target):
        raise PermissionError(13, "Access is denied", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(files, "PAUSES", (0.0,))
    with pytest.raises(PermissionError, match=r"metrics\.json"):
        run_json.write(tmp_path / "metrics.json", {})
    assert not any(tmp_path.iterdir())


@pytest.fixture
def open_files_are_locked(monkeypatch):
    """As on Windows: what this process holds open can neither be removed nor renamed,
    and nothing can take its place. Returns what was attempted.
    """
    attempts = []

    def refuse_open(function):
        def guarded(*paths, **options):
            for path in paths:
                if is_open(path):
                    attempts.append(f"{function.__name__} {path}")
                    raise PermissionError(13, "used by another process", str(path))
            return function(*paths, **options)

        return guarded

    for name in ("remove", "rename", "replace", "unlink"):
        monkeypatch.setattr(os, name, refuse_open(getattr(os, name)))
    # So that it calls os.unlink with whole paths.
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    return attempts


def is_open(path) -> bool:
    """True if this process holds a file open."""
    held = Path("/proc/self/fd").iterdir()
    return os.path.realpath(path) in {os.path.realpath(link) for link in held}


@dataclass(frozen=True)
class Config(options.Options):
    steps: int = 4


def count(config, stop_at=None):
    """A run with a state, curves, pictures and a network."""
    with runs.start(config) as run:
        state, model = np.zeros(1), keras.Sequential([keras.Input((2,))])
        model.add(keras.layers.Dense(1))
        for step in run.steps(config.steps, state=state, model=model):
            if step == stop_at:
                raise KeyboardInterrupt
            state += 1
            run.log(step, loss=1.0, picture=np.zeros((8, 8, 3)))
        run.predictions([0], [1], [1])
        run.finish(model, test={"loss": 1.0}, total=float(state[0]))
    return run.folder


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_no_file_is_removed_or_replaced_while_it_is_open(
    open_files_are_locked, monkeypatch, tmp_path
):
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0)
    with (tmp_path / "open").open("w"), pytest.raises(PermissionError):
        (tmp_path / "open").unlink()
    open_files_are_locked.clear()
    with pytest.raises(KeyboardInterrupt):
        count(Config(logdir=tmp_path, name="测试"), stop_at=2)
    folder = count(Config(logdir=tmp_path, name="测试", resume=True))
    assert run_folder.read(folder).metrics["total"] == 4
    assert not (folder / resume.STATE).exists()
    assert open_files_are_locked == []


def test_a_path_that_is_too_long_for_the_files_of_a_run(monkeypatch, tmp_path):
    def refuse(path, *arguments, **options):
        raise FileNotFoundError(2, "The system cannot find the path specified")

    monkeypatch.setattr(run_folder, "HAS_SHORT_PATHS", True)
    assert run_folder.make(tmp_path, "fits").is_dir()
    assert not any((tmp_path / "fits").iterdir())
    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(ValueError, match="260 characters"):
        run_folder.make(tmp_path, "long")
    assert not (tmp_path / "long").exists()


def test_without_a_compiler_functions_are_not_compiled(monkeypatch):
    def fail():
        raise tf.errors.UnimplementedError(None, None, "no compiler for platform Host")

    monkeypatch.setattr(quiet, "compile_something", fail)
    quiet.prepare_devices()
    device.can_compile.cache_clear()
    try:
        assert not device.can_compile()
    finally:
        device.can_compile.cache_clear()


def test_missing_libraries_of_windows_are_named(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "raise ImportError('DLL load failed while importing _pywrap_tensorflow: ...')"
    )
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    done = run("course_1_tf_lr.py", "--help", PYTHONPATH=path)
    assert done.returncode == 2
    assert "Visual C++" in done.stderr
    assert len(done.stderr.splitlines()) == 1
