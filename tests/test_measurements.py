"""What `make full` measures, and keeps in `docs/results.json`."""

import json
import shlex
import sys

from lessons import measurements
from lessons.course import find_lessons
from training import command_line

import pytest

from tests.few import load
from tools import full

LESSONS = {lesson.path.stem: lesson for lesson in find_lessons()}


@pytest.mark.parametrize("name", LESSONS)
def test_flags_that_are_measured_are_flags_of_the_lesson(name):
    flags = measurements.list_flags(LESSONS[name].path)
    assert len(set(flags)) == len(flags) >= 2
    for words in flags:
        command_line.parse(load(name).Config, shlex.split(words), name, None)


def test_things_to_try_have_what_happens():
    tries = measurements.find_tries(LESSONS["course_11_distributed"].path)
    flags = [each.flags for each in tries]
    assert flags[:2] == ["--workers 2", "--workers 2 --batch-size 1000 --epochs 2"]
    assert tries[1].effect.startswith("as fast as one worker with batches of 1000")
    assert tries[1].effect.endswith("against 97.1 % with batches of 100")


def test_code_has_a_fingerprint_without_docstrings_and_comments(tmp_path):
    texts = [
        '"""9 %."""\nx = "# 1"\ndef f():\n    """One."""\n    return x\n',
        '"""8\n%."""\n\nx = "# 1"  # 1\ndef f():\n    # 2\n    """1"""\n    return x\n',
        '"""9 %."""\nx = "# 2"\ndef f():\n    """One."""\n    return x\n',
        '"""9 %."""\nx = "# 1"\ndef f():\n    """One."""\n    return -x\n',
    ]
    codes = []
    for text in texts:
        page = tmp_path / f"course_2_new_{len(codes)}.py"
        page.write_text(text)
        codes.append(measurements.hash_code(page))
    assert codes[0] == codes[1]
    assert len(set(codes)) == 3


def test_files_of_the_learner_are_not_asked_for():
    jobs = {
        str(job): full.find_own_files(job)
        for name in ("course_7_mail_filter", "course_4_pretrained_features")
        for job in full.plan(LESSONS[name], 1)
    }
    reasons = list(filter(None, jobs.values()))
    assert len(jobs) == 8
    assert reasons == ["inbox stands for a file or folder of the learner's own"]


def test_what_is_measured_is_kept_and_not_run_again(tmp_path, monkeypatch, capsys):
    results = tmp_path / "results.json"
    monkeypatch.setattr(measurements, "RESULTS", results)
    monkeypatch.setattr(measurements, "list_flags", lambda page: [])
    monkeypatch.setattr(full, "find_commit", lambda: "abcdef0")
    words = ["full", "course_1_tf_lr", "--seeds", "1", "--logdir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    full.main()
    (entry,) = json.loads(results.read_text(encoding="utf-8"))
    assert (entry["lesson"], entry["flags"], entry["seed"]) == ("course_1_tf_lr", "", 0)
    assert (entry["status"], entry["commit"]) == ("finished", "abcdef0")
    assert entry["machine"]
    assert entry["seconds"] > 0
    assert entry["values"]["test.loss"] == pytest.approx(0.08, abs=0.001)
    assert "course_1_tf_lr, seed 0: " in capsys.readouterr().out
    full.main()
    assert capsys.readouterr().out == ""
    page = LESSONS["course_1_tf_lr"].path
    assert measurements.describe(page).startswith("measured with 1 seed on ")


def test_folders_of_the_machine_are_not_kept(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "/media/stick")
    source = "MNIST, all 70,000 images, from /media/stick/mnist.npz"
    assert full.hide_folders(source) == "MNIST, all 70,000 images, from mnist.npz"
