"""The lesson that CONTRIBUTING.md adds works as it says."""

import os
import re
import shutil
import subprocess
import sys

from lessons.course import ROOT

import pytest

NAME = "course_2_learning_curve"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "runs", "exercises_of_mine")


@pytest.fixture
def project(tmp_path):
    """A copy of the project with the lesson's files."""
    shutil.copytree(ROOT, tmp_path / "project", ignore=LEFT_OUT)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(rf"`(\S*{NAME}\.py)`", text):
        if "/" in path:
            block = re.search(rf"`{path}`.*?```python\n(.*?)```", text, re.DOTALL)
            (tmp_path / "project" / path).write_text(block[1], encoding="utf-8")
    titles = tmp_path / "project/lessons/titles.zh.toml"
    entry = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    before = titles.read_text(encoding="utf-8")
    after = before.replace("[course_2_overfitting]", f"{entry}\n[course_2_overfitting]")
    titles.write_text(after, encoding="utf-8")
    return tmp_path / "project"


def call(project, *words) -> str:
    """What a module of the copied project prints."""
    environment = {**os.environ, "PYTHONPATH": str(project)}
    environment.pop("PYTEST_XDIST_WORKER", None)  # it would share runs with others
    process = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_lesson_in_four_files(project):
    assert "More examples: how much does a network gain" in call(project, "lessons")
    call(project, "tools.tables")
    for readme in ("README.md", "README.zh-CN.md"):
        text = (project / readme).read_text(encoding="utf-8")
        places = [text.index(f"{name}.py") for name in ("course_2_mlp", NAME)]
        assert places == sorted(places)
    words = "-p no:cacheprovider -p no:xdist -q tests/lessons tests/test_tables.py"
    told = call(project, "pytest", *words.split(), "-k", "learning_curve or tables")
    assert re.search(r"(\d+) passed", told)
    assert "skipped" not in told
