"""The program that kills and resumes lessons says what it sees."""

import dataclasses
import subprocess
import sys
import tempfile

from tests import few
from tools import kills

LESSON = """
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
if "--resume" in sys.argv:
    sys.exit("the state is damaged")
folder.mkdir(parents=True)
(folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "created": 0}))
time.sleep(float(sys.argv[2]))
"""


def test_lessons_that_are_killed_have_these_fields():
    assert set(kills.FIELDS) <= set(kills.LESSONS)
    assert set(kills.LESSONS) > kills.NOTHING_TO_LOSE
    for name in set(kills.LESSONS) - kills.NOTHING_TO_LOSE:
        known = {field.name for field in dataclasses.fields(few.load(name).Config)}
        assert set(kills.find_fields(name)) <= known, name


def test_resumed_run_that_fails_is_a_line_and_wrong(monkeypatch, tmp_path, capsys):
    def start(name, logdir, run_name, again=False, **fields):
        words = [str(logdir / name / run_name), "0.5", *(["--resume"] if again else [])]
        return subprocess.Popen(
            [sys.executable, "-c", LESSON, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    monkeypatch.setattr(kills, "start", start)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert kills.main(["course_2_mlp", "--kills", "1"]) == 1
    said = capsys.readouterr().out
    assert "killed 1: ended with exit code 1: the state is damaged" in said
    assert "1 kills, 0 of them in the last second; 1 wrong ends" in said


def test_run_that_fails_alone_is_a_line_and_wrong(monkeypatch, tmp_path, capsys):
    def start(name, logdir, run_name, again=False, **fields):
        return subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.exit('no data')"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    monkeypatch.setattr(kills, "start", start)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert kills.main(["course_2_mlp", "course_3_cnn", "--kills", "4"]) == 2
    said = capsys.readouterr().out
    assert "course_2_mlp, left alone: ended with exit code 1: no data" in said
    assert "0 kills, 0 of them in the last second; 2 wrong ends" in said
