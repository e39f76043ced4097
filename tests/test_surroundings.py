"""What surrounds a lesson: notebooks, closed streams, other packages of our names,
Keras's settings of older days, files of the learner's own.
"""

import contextlib
import importlib
import json
import linecache
import os
import re
import shutil
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

from lessons import __main__ as commands
from lessons import course, course_1_gradient_descent, course_3_cnn
from training import device, options, quiet, run_folder, runs

import keras
import numpy as np
import pytest
import tensorflow as tf

import course_1_tf_lr
from data import __main__ as data_commands
from data import digits
from tests.few import ROOT

FOLDERS = ("data", "lessons", "models", "training")
CELL = "/tmp/ipykernel_1/2.py"
PAGE = Path(course_1_tf_lr.__file__).read_text("utf-8")


class Cell:
    """Takes what is printed, as notebooks and editors do; it is no file."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass


@contextlib.contextmanager
def printing():
    """What is printed inside the block, where stdout and stderr are those of a
    notebook.
    """
    cell = Cell()
    with contextlib.redirect_stdout(cell), contextlib.redirect_stderr(cell):
        yield cell


@pytest.fixture
def paste(monkeypatch):
    """A function that runs a text as a cell of a notebook; returns what it defines."""

    def run(text, known):
        # As IPython does it, so that tracebacks show the lines.
        entry = (len(text), None, text.splitlines(keepends=True), CELL)
        monkeypatch.setitem(linecache.cache, CELL, entry)
        module = types.ModuleType("__main__")
        monkeypatch.setitem(sys.modules, "__main__", module)
        if known:
            exec(compile(text, CELL, "exec"), vars(module))
        else:  # a plain Python console
            exec(text, vars(module))
        return module

    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    return run


@pytest.mark.parametrize("known", [True, False], ids=["notebook", "console"])
def test_a_lesson_can_be_pasted(known, paste, monkeypatch, tmp_path):
    """Nobody gave flags there: those of the process are the kernel's.

    A plain console keeps no text, so there TensorFlow cannot make a loop of Python a
    graph: it is given a page without one.
    """
    monkeypatch.chdir(tmp_path)
    page = PAGE if known else Path(course_1_gradient_descent.__file__).read_text()
    with printing() as cell:
        paste(re.sub("(epochs|steps): int = .*", r"\1: int = 3", page), known)
    name = "course_1_tf_lr" if known else "notebook"
    (folder,) = (tmp_path / "runs" / name).iterdir()
    record = run_folder.read(folder)
    assert record.metrics["status"] == "finished"
    assert 3 in record.settings.values()
    assert ("def main" in record.page) == known
    assert f"{name} finished" in cell.text


def test_what_a_cell_defines_can_be_called(paste, tmp_path):
    """With commands of the notebook among the lines, which are no Python."""
    text = "%matplotlib inline\n" + PAGE
    module = paste(PAGE.partition("\nif __name__")[0], known=True)
    linecache.cache[CELL] = (len(text), None, text.splitlines(keepends=True), CELL)
    metrics = module.main(module.Config(epochs=2, logdir=str(tmp_path), name="a"))
    assert metrics["status"] == "finished"
    assert (tmp_path / "course_1_tf_lr/a/model.keras").is_file()


@pytest.mark.parametrize("words", [["lessons"], ["lessons", "exercise"]])
def test_commands_print_into_a_cell(words, monkeypatch):
    monkeypatch.setattr(sys, "argv", words)
    with printing() as cell:
        commands.main()
    assert cell.text.count("\n") > 10


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (commands.main, ["compare", "course_x"], "unknown lesson 'course_x'"),
        (data_commands.main, ["fetch", "nonsense"], "nonsense"),
    ],
    ids=["lessons", "data"],
)
def test_errors_are_lines_in_a_cell_too(main, words, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", *words])
    with printing() as cell, pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    (line,) = cell.text.splitlines()
    assert said in line


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    filters: tuple[int, ...] = (4, 8)
    pictures: tuple[Path, ...] = ()
    weights: Path | None = None
    run: str = "course_3_cnn"
    learning_rate: float = 0.1


def test_values_of_python_are_taken():
    config = Config(
        seed=np.int64(3),
        filters=np.array([2, 3]),
        pictures=["a.png", Path("b.png")],
        weights="w.h5",
        logdir="somewhere",
        run=Path("runs/course_3_cnn/a"),
        learning_rate=1,
    )
    expected = Config(
        seed=3,
        filters=(2, 3),
        pictures=(Path("a.png"), Path("b.png")),
        weights=Path("w.h5"),
        logdir=Path("somewhere"),
        run=str(Path("runs/course_3_cnn/a")),
        learning_rate=1.0,
    )
    assert config == expected
    assert type(config.seed) is int
    assert Config(filters=[5]).filters == (5,)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"filters": 4}, "--filters is 4, expected tuple[int, ...]"),
        ({"filters": [4, 2.5]}, "--filters is (4, 2.5), expected tuple[int, ...]"),
        ({"seed": "one"}, "--seed is 'one', expected int"),
        ({"precision": "half"}, "--precision is 'half', expected Literal['auto', "),
        ({"weights": 3}, "--weights is 3, expected pathlib.Path | None"),
    ],
)
def test_values_of_another_kind_are_refused(fields, said):
    with pytest.raises(ValueError, match="expected") as refused:
        Config(**fields)
    assert str(refused.value).startswith(said)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_run_without_stdout_and_stderr(tmp_path):
    """What a library writes to the closed descriptors lands in no file of the run."""
    words = [ROOT / "course_1_tf_lr.py", "--epochs", "3", "--logdir", tmp_path]
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable]
    assert subprocess.run([*shell, *words], timeout=300).returncode == 0
    (folder,) = (tmp_path / "course_1_tf_lr").iterdir()
    assert run_folder.read(folder).metrics["status"] == "finished"
    for path in folder.rglob("events.out.tfevents.*"):
        assert list(tf.data.TFRecordDataset(str(path))), "damaged"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("module", ["data", "lessons"])
def test_nobody_reads_on(module):
    """As after `| head -1`, which does not wait for the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "list" if module == "data" else "exercise"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Other packages of the names of ours, which Python finds before what is
    installed.
    """
    for name in (*FOLDERS, "tests"):
        (tmp_path / "foreign" / name).mkdir(parents=True)
        (tmp_path / "foreign" / name / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "foreign"))


@pytest.fixture
def clone(tmp_path):
    """A second clone of the project, beside the one that is installed."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


@pytest.mark.parametrize("first", ["lessons", "training"])
@pytest.mark.parametrize("place", ["script", "module", "elsewhere"])
def test_a_lesson_uses_the_folders_beside_it(first, place, clone, foreign, tmp_path):
    """Whatever is found under their names elsewhere."""
    second = {"lessons": "training", "training": "lessons"}[first]
    names = (first, second, "models", "data")
    text = "".join(f"import {name}; print({name}.__file__)\n" for name in names)
    (clone / "lessons/course_1_mine.py").write_text(text)
    words = {
        "script": ["lessons/course_1_mine.py"],
        "module": ["-m", "lessons.course_1_mine"],
        "elsewhere": [clone / "lessons/course_1_mine.py"],
    }[place]
    folder = tmp_path if place == "elsewhere" else clone
    said = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    expected = [str(clone / name / "__init__.py") for name in names]
    assert said.splitlines() == expected


def test_the_list_is_that_of_the_project(foreign, tmp_path):
    """Started in another folder, which has packages of these names but `lessons`."""
    shutil.rmtree(tmp_path / "foreign/lessons")
    words = [sys.executable, "-m", "lessons", "compare", "--logdir", tmp_path]
    process = subprocess.run(
        words, cwd=tmp_path / "foreign", capture_output=True, text=True
    )
    assert "holds no runs" in process.stderr


def test_a_lesson_of_another_clone_is_refused(clone, monkeypatch, tmp_path):
    """Where a notebook has imported this project before."""
    page = types.ModuleType("course_1_other")
    page.__file__ = str(clone / "lessons/course_1_other.py")
    Path(page.__file__).write_text(PAGE)
    monkeypatch.setitem(sys.modules, page.__name__, page)
    exec(compile(PAGE, page.__file__, "exec"), vars(page))
    with pytest.raises(ValueError, match="would run with the folders") as refused:
        page.main(page.Config(epochs=2, logdir=tmp_path / "runs"))
    assert str(refused.value).endswith(f"PYTHONPATH={clone}")
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def own_files(clone, monkeypatch):
    """A project with files of a learner's own among the lessons: what each is, by its
    name.
    """
    lesson = (ROOT / "lessons/course_2_mlp.py").read_text("utf-8")
    files = {
        "course_notes.py": b'"""notes"""',
        "course_mine.py": lesson.encode(),
        "course_3_empty.py": b"",
        "course_3_broken.py": b"def main(:\n",
        "course_3_null.py": b"x = 1\0",
        "course_3_gbk.py": '# 我的\n"""x"""\n'.encode("gbk"),
        "course_3_utf_16.py": lesson.encode("utf-16"),
    }
    for name, content in files.items():
        (clone / "lessons" / name).write_bytes(content)
    (clone / "lessons/course_3_folder.py").mkdir()
    (clone / "lessons/course_3_nowhere.py").symlink_to("nowhere")
    (clone / "lessons/course_2_own.py").write_bytes(
        f"# coding: gbk\n# 我的\n{lesson}".encode("gbk", "replace")
    )
    monkeypatch.setattr(course, "ROOT", clone)
    course.find_lessons.cache_clear()
    yield [*files, "course_3_folder.py", "course_3_nowhere.py"]
    course.find_lessons.cache_clear()


def test_files_of_the_learners_own_are_left_out(own_files, monkeypatch, capsys):
    """Each with a line; what is a lesson, in whatever encoding, is one of the list."""
    monkeypatch.setattr(sys, "argv", ["lessons"])
    commands.main()
    said = capsys.readouterr()
    assert "python lessons/course_3_cnn.py" in said.out
    lines = said.err.splitlines()
    for name in own_files:
        assert sum(line.startswith("left out: ") and name in line for line in lines)
    assert len(lines) == len(own_files)
    assert "course_2_own" in [lesson.path.stem for lesson in course.find_lessons()]


def test_other_commands_go_on_beside_them(own_files, monkeypatch, capsys, tmp_path):
    words = ["sweep", "course_2_mlp", "epochs=0", "--logdir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["lessons", *words])
    with pytest.raises(SystemExit):
        commands.main()
    assert "--epochs is 0" in capsys.readouterr().err


OLD = {"image_data_format": "channels_first", "backend": "theano", "floatx": "float16"}


def test_keras_of_older_days(tmp_path):
    """`keras.json`, and the variables that had other packages import another Keras."""
    (tmp_path / "keras.json").write_text(json.dumps(OLD | {"epsilon": 1e-3}))
    code = "from training import runs; import keras; print(keras.config.backend())"
    older = {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **older, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (process.stdout, process.stderr) == ("tensorflow\n", "")


def test_keras_on_another_backend_is_refused(monkeypatch):
    """As where a notebook has imported it before, and cannot change it any more."""
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="with jax, expected TensorFlow: start"):
        importlib.reload(quiet)


def test_settings_that_keras_refuses(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "float8"}')
    process = subprocess.run(
        [sys.executable, "-c", "from training import runs"],
        cwd=ROOT,
        env={**os.environ, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith(f"{tmp_path}/keras.json: Invalid `floatx` configuration")
    assert line.endswith("Correct or delete it")


def test_settings_of_older_days_hold_outside_of_runs_only(tmp_path):
    """Inside, networks take pictures with the channels last, in float32."""
    before = {name: getattr(keras.config, name)() for name in ("dtype_policy", *OLD)}
    del before["backend"]
    old = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1e-3}
    device.set_keras(old | {"dtype_policy": "float16"})
    dataset = digits.load_sample("a test needs no more")
    config = course_3_cnn.Config(logdir=tmp_path, precision="float32")
    try:
        with runs.start(config, dataset) as run:
            model = course_3_cnn.build_cnn((2, 3), 4, 0.4)
            assert model(dataset.test.x[:2]).dtype == "float32"
            assert keras.config.epsilon() == 1e-7
            run.finish(model)
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.floatx() == "float16"
        record = run_folder.read(run.folder)
        assert record.load_model()(dataset.test.x[:2]).shape == (2, 10)
    finally:
        device.set_keras(before | {"epsilon": 1e-7})
