"""What SECURITY.md promises."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from lessons import course_4_pretrained_features
from lessons.__main__ import run_command
from lessons.course import ROOT
from training import resume, run_folder, runs

import keras
import matplotlib
import numpy as np
import pytest
from PIL import Image

from data import digits, photo_folders, photo_index
from tests.few import OPENING, load
from tests.test_bad_input import PICTURE
from tests.test_disks import run_process

SOURCES = [
    path
    for folder in ("data", "models", "training", "lessons", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(host, port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


@pytest.mark.parametrize("way", ["command", "printed"])
def test_tensorboard_listens_on_this_machine_only(way, tmp_path, monkeypatch):
    """A server that listens on all addresses would answer on 127.0.0.2 as well, which
    is one of the machine on Linux.

    The program `tensorboard` is not beside this Python, as in an environment over
    another.
    """
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    port = free_port()
    words = [python, "-m", "lessons", "tensorboard", "--logdir", str(tmp_path)]
    if way == "printed":
        words = shlex.split(runs.tensorboard_command(tmp_path))
    process = subprocess.Popen(
        [*words, "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE if way == "command" else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if way == "command":  # after a line that there are no runs yet
            said = process.stdout.readline() + process.stdout.readline()
            assert f"http://127.0.0.1:{port}/" in said
        deadline = time.monotonic() + 60
        while not answers("127.0.0.1", port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        if sys.platform == "linux":
            assert not answers("127.0.0.2", port)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def crafted_run(tmp_path):
    """A run folder whose model holds code that makes a file, and that file."""
    marker = tmp_path / "attacked"

    name = str(marker)
    code = keras.layers.Lambda(
        lambda x: (__import__("pathlib").Path(name).touch(), x)[1]
    )
    layers = [
        keras.Input((28, 28, 1)),
        code,
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    folder = tmp_path / "runs/course_3_cnn/crafted"
    (folder / "figures").mkdir(parents=True)
    keras.Sequential(layers).save(folder / "model.keras")
    marker.unlink()
    versions = {
        "versions": {"keras": keras.__version__},
        "class_names": list("0123456789"),
    }
    config = {
        "lesson": "course_3_cnn",
        "hyperparameters": {},
        "options": {"seed": 0},
        "precision": "float32",
        "source": "-",
    }
    (folder / "config.json").write_text(json.dumps(config | versions))
    (folder / "metrics.json").write_text(
        json.dumps({"lesson": "course_3_cnn", "status": "finished", "seconds": 1})
    )
    return folder, marker


def test_the_crafted_model_is_an_attack(crafted_run):
    """Without the safe mode, it does make the file."""
    folder, marker = crafted_run
    model = keras.models.load_model(folder / "model.keras", safe_mode=False)
    model(np.zeros((1, 28, 28, 1)))
    assert marker.exists()


@pytest.mark.parametrize("name", ["predict", *OPENING])
def test_code_in_a_saved_model_is_refused(name, crafted_run):
    """Wherever the run of a network is opened."""
    folder, marker = crafted_run
    with pytest.raises(ValueError, match=r"model.keras cannot be loaded"):
        if name == "predict":
            run_command(["predict", str(folder), PICTURE])
        else:
            lesson = load(name)
            lesson.main(lesson.Config(run=str(folder), logdir=folder / "out"))
    assert not marker.exists()
    for path in folder.glob("out/*/*"):
        assert run_folder.read(path).metrics["status"] == "failed"


def test_functions_named_in_a_saved_model_are_refused(crafted_run):
    """A configuration that asks for os.system where a layer should stand."""
    folder, marker = crafted_run
    whole = (folder / "model.keras").read_bytes()
    shutil.copy(folder / "model.keras", folder / "old.zip")
    with (
        zipfile.ZipFile(folder / "old.zip") as old,
        zipfile.ZipFile(folder / "model.keras", "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                model = json.loads(content)
                layer = {
                    "module": "os",
                    "class_name": "system",
                    "config": f"touch {marker}",
                    "registered_name": None,
                }
                model["config"]["layers"][1] = layer
                content = json.dumps(model)
            new.writestr(name, content)
    assert (folder / "model.keras").read_bytes() != whole
    with pytest.raises(ValueError, match=r"model.keras cannot be loaded"):
        run_folder.find_classifier(str(folder), folder).load_model()
    assert not marker.exists()


class Attack:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_pickles_in_numpy_files_are_refused(tmp_path, capsys):
    marker = tmp_path / "attacked"
    attack = np.array([Attack(marker)], object)
    names = (*digits.ARRAYS, "number", "seconds", "events", *photo_index.Index._fields)
    (tmp_path / "state").mkdir()
    for name in ("mnist.npz", "state/loop.npz", "index.npz"):
        np.savez(tmp_path / name, **dict.fromkeys(names, attack))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        digits.read_arrays(tmp_path / "mnist.npz")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        resume.States(tmp_path, resumed=True)
    assert photo_index.find_index([tmp_path / "index.npz"], "any") is None
    assert "allow_pickle=False" in capsys.readouterr().out
    assert not marker.exists()
    np.load(tmp_path / "mnist.npz", allow_pickle=True)["x_train"]
    assert marker.exists(), "it was an attack"


def test_pickle_in_a_file_of_weights_is_refused(tmp_path):
    """As the flag --weights gives it to a lesson; tests/test_torch_file.py has more of
    them.
    """
    marker, path = tmp_path / "attacked", tmp_path / "weights.pth"
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    lesson = course_4_pretrained_features
    with pytest.raises(ValueError, match=r"posix.system"):
        lesson.main(lesson.Config(weights=path, logdir=tmp_path / "runs"))
    assert not marker.exists()


def test_archives_are_read_in_place(tmp_path, monkeypatch, capsys):
    """Names that lead out of the archive lead nowhere."""
    folder = tmp_path / "a/b/data"
    folder.mkdir(parents=True)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    with zipfile.ZipFile(folder / "hymenoptera_data.zip", "w") as archive:
        for name in (
            "../../evil.png",
            "/evil.png",
            "hymenoptera_data/train/ants/../../../../../evil.png",
        ):
            archive.write(PICTURE, name)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="hymenoptera_data"):
        photo_folders.load_ants_and_bees(32)
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/evil.png").exists()


@pytest.mark.parametrize(
    "pattern",
    [
        "allow_pickle(?!=False)",
        "enable_unsafe_deserialization",
        "extractall",
        "shell=True",
        r"os\.system",
    ],
)
def test_sources_ask_for_nothing_unsafe(pattern):
    assert not [path for path in SOURCES if re.search(pattern, path.read_text("utf-8"))]


def test_models_are_loaded_in_one_place():
    found = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if "models.load_model(" in path.read_text("utf-8")
    ]
    assert found == ["training/run_folder.py"]
    assert "load_model(path, safe_mode=True)" in (ROOT / found[0]).read_text("utf-8")


def test_a_run_tells_nothing_of_its_machine(tmp_path):
    """Home folder, user, machine and environment, in the bytes and the names of all
    that a run writes.
    """
    home, photo = tmp_path / "home/zoe_of_tests", tmp_path / "photo.jpg"
    home.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "CameraOfZoe", {2: (48.0, 8.0, 15.0)}  # maker, place
    Image.open(PICTURE).save(photo, exif=exif)
    assert b"CameraOfZoe" in photo.read_bytes()
    variables = {
        "HOME": str(home),
        "USER": "zoe_of_tests",
        "LOGNAME": "zoe_of_tests",
        "MY_TOKEN": "token_of_zoe",
    }
    variables |= {
        "KERAS_HOME": None,
        "MPLCONFIGDIR": matplotlib.get_configdir(),
    }  # whose list of fonts takes a while
    logdir = tmp_path / "runs"
    photo_flags = ("--pictures", photo.name)
    for lesson, flags in (
        ("course_4_pretrained_features", photo_flags),
        ("course_2_mlp", ("--epochs", 1, "--units", 8)),
    ):
        code, out, err = run_process(
            lesson, *flags, "--logdir", logdir, folder=tmp_path, **variables
        )
        assert (code, err) == (0, ""), out
    written = [path for path in logdir.rglob("*") if path.is_file()]
    assert {"config.json", "metrics.json", "model.keras", "projector_config.pbtxt"} <= {
        path.name for path in written
    }
    machine = socket.gethostname()
    secrets = [
        "zoe_of_tests",
        "token_of_zoe",
        "CameraOfZoe",
        str(tmp_path / "home"),
        *([machine] if len(machine) > 5 else []),
    ]
    for path in written:
        texts = [path.read_bytes()]
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                texts += map(archive.read, archive.namelist())
        for text in texts:
            assert not [secret for secret in secrets if secret.encode() in text], path
        if "tfevents" not in path.name:
            assert machine not in path.name
    assert [path for path in written if f".{machine}." in path.name], (
        "what SECURITY.md says of the names of event files"
    )
    for path in logdir.rglob("*.png"):
        with Image.open(path) as image:
            assert set(image.info) <= {"Software", "dpi"}
            assert image.info.get("Software", "Matplotlib").startswith("Matplotlib")
