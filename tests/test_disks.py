"""Runs beside each other, and disks and homes that cannot be written."""

import contextlib
import json
import os
import subprocess
import sys
import threading

from lessons import course_3_convolution
from lessons.course import ROOT
from training import run_folder, runs

import pytest

LESSON = "course_3_convolution"


def run_process(lesson, *arguments, wait=True, folder=None, **environment):
    """Runs a lesson as a learner does, with other variables in its environment; those
    that are None are taken out.
    """
    variables = {
        name: value
        for name, value in {**os.environ, **environment}.items()
        if value is not None
    }
    words = [sys.executable, ROOT / f"lessons/{lesson}.py", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(words, **pipes, text=True, env=variables, cwd=folder)
    return finish(process) if wait else process


def finish(process):
    """Returns exit code, stdout and stderr."""
    out, err = process.communicate(timeout=180)
    return process.returncode, out, err


@contextlib.contextmanager
def mounted(folder, options):
    """A file system of its own in memory, as root can have it.

    Skips the test where that is not possible.
    """
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        mounting = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs mount")
    if mounting.returncode:
        pytest.skip(f"needs the right to mount ({mounting.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_twenty_folders_in_the_same_second(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.time, "strftime", lambda form: "2026-01-01_00-00-00")
    barrier, made = threading.Barrier(20), []

    def make():
        barrier.wait()
        made.append(run_folder.make(tmp_path / "lesson", None))

    threads = [threading.Thread(target=make) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20
    assert set(made) == set((tmp_path / "lesson").iterdir())


def test_two_runs_in_the_same_second(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.time, "strftime", lambda form: "2026-01-01_00-00-00")
    config = course_3_convolution.Config(logdir=tmp_path)
    with runs.start(config) as first, runs.start(config) as second:
        first.finish(own="first")
        second.finish(own="second")
    assert first.folder != second.folder
    for run, own in ((first, "first"), (second, "second")):
        assert json.loads((run.folder / "metrics.json").read_text())["own"] == own
        assert len(list(run.folder.glob("events.out.tfevents.*"))) == 1


@pytest.mark.full
def test_two_processes_at_once(tmp_path):
    processes = [
        run_process(LESSON, "--logdir", tmp_path, "--seed", seed, wait=False)
        for seed in (1, 2)
    ]
    for process in processes:
        code, _, err = finish(process)
        assert (code, err) == (0, "")
    folders = list((tmp_path / LESSON).iterdir())
    assert len(folders) == 2
    seeds = {
        json.loads((folder / "config.json").read_text())["options"]["seed"]
        for folder in folders
    }
    assert seeds == {1, 2}
    for folder in folders:
        assert json.loads((folder / "metrics.json").read_text())["status"] == "finished"
        assert len(list(folder.glob("figures/*.png"))) == 2


def refused(capsys, monkeypatch, *arguments):
    """Runs the lesson's command line, which must end with exit code 2, and returns its
    one line.
    """
    from training import command_line

    monkeypatch.setattr(sys, "argv", [f"{LESSON}.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        command_line.run(course_3_convolution.main, course_3_convolution.Config)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_read_only_disk(tmp_path, capsys, monkeypatch):
    with mounted(tmp_path / "disk", "ro,size=1m") as disk:
        line = refused(capsys, monkeypatch, "--logdir", disk / "runs")
    assert str(disk / "runs") in line
    assert "Read-only file system" in line
    assert "--logdir" in line


@pytest.mark.parametrize("kilobytes", [4, 8, 12, 16, 20, 24, 32, 64, 200])
def test_full_disk(kilobytes, tmp_path, capfd, monkeypatch):
    """Wherever in the run the space ends, the learner reads why, and what was there
    before stays.
    """
    with mounted(tmp_path / "disk", f"size={kilobytes}k") as disk:
        (disk / "mine.txt").write_text("before")
        line = refused(capfd, monkeypatch, "--logdir", disk / "runs", "--name", "a")
        assert "no space is left" in line
        assert "--logdir" in line
        assert (disk / "mine.txt").read_text() == "before"
        assert not list(disk.rglob("*partial*"))
        assert not list(disk.rglob("process.json"))
        folder = disk / "runs" / LESSON / "a"
        if folder.exists():
            assert (folder / "config.json").exists()
            metrics = json.loads((folder / "metrics.json").read_text())
            assert metrics["status"] == "failed"
            assert "No space left" in metrics["error"]


def test_home_that_cannot_be_written(tmp_path):
    """Matplotlib, Keras and the weights that are kept all want a place in the home
    folder.
    """
    lesson = "course_4_pretrained_features"
    code, out, err = run_process(
        lesson, "--logdir", tmp_path, HOME="/proc/x", KERAS_HOME=None, MPLCONFIGDIR=None
    )
    assert (code, err) == (0, "")
    assert [path.name for path in tmp_path.iterdir() if path.name != "keras_home"] == [
        lesson
    ]
    assert "converted again next time" in out
