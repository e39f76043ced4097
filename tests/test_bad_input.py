"""Input that cannot be used: one line on stderr, exit code 2, nothing left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lessons import (
    course_1_gradient_descent,
    course_1_neuron_xor,
    course_2_deep_or_wide,
    course_2_mlp,
    course_2_overfitting,
    course_3_cnn,
    course_3_convolution,
    course_3_fooling_a_cnn,
    course_3_grad_cam,
    course_3_saliency,
    course_3_what_filters_see,
    course_4_photo_search,
    course_4_pretrained_features,
    course_4_similar_clothes,
    course_5_cut_point,
    course_5_transfer_learning,
    course_6_detection,
    course_6_instances,
    course_6_localization,
    course_6_segmentation,
    course_7_mail_filter,
    course_7_small_gpt,
    course_7_text_classification,
    course_7_writing,
    course_9_style_transfer,
)
from lessons.course import ROOT
from training import command_line

import numpy as np
import pytest
from matplotlib import get_data_path

import course_1_tf_lr
from tests.few import OPENING, load

PICTURE = str(Path(get_data_path()) / "sample_data/grace_hopper.jpg")


def refuse(capsys, monkeypatch, lesson, *arguments, code=2):
    """Runs a lesson's command line that must end with `code`, and returns its one line
    on stderr.
    """
    monkeypatch.setattr(sys, "argv", [lesson.__file__, *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        command_line.run(lesson.main, lesson.Config)
    assert stop.value.code == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.fixture
def nothing_left(monkeypatch, tmp_path):
    """A new working folder that must be as empty after the test as before."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epoch", "3"], ["--epoch", "Perhaps you meant", "--epochs"]),
        (["--nonsense"], ["--nonsense"]),
        (["stray"], ["stray"]),
        (["--epochs"], ["--epochs"]),
        (["--epochs", "many"], ["--epochs", "'many'", "INT"]),
        (["--epochs", "2.5"], ["--epochs", "'2.5'"]),
        (["--epochs", "0"], ["--epochs is 0", "from 1"]),
        (["--epochs", "-3"], ["--epochs is -3", "from 1"]),
        (["--epochs", "1000000000000"], ["--epochs is 1000000000000", "1000000"]),
        (["--units", "1000000000000"], ["--units is 1000000000000", "100000"]),
        (["", "--epochs", "3"], ["Unrecognized options: ''"]),
        (["--learning-rate", "0"], ["--learning-rate is 0", "above 0"]),
        (["--learning-rate", "-0.1"], ["--learning-rate is -0.1", "above 0"]),
        (["--learning-rate", "nan"], ["--learning-rate is nan", "above 0"]),
        (["--learning-rate", "inf"], ["--learning-rate is inf", "above 0"]),
        (["--batch-size", "0"], ["--batch-size is 0", "from 1"]),
        (["--batch-size", "4001"], ["--batch-size is 4001", "4000 training examples"]),
        (["--units", "64", "0"], ["--units is 0", "from 1"]),
        (["--dropout", "1"], ["--dropout is 1", "below 1"]),
        (["--seed", "-1"], ["--seed is -1", "4294967295"]),
        (["--precision", "float8"], ["--precision", "float8", "float32"]),
        (["--name", ""], ["--name is ''", "plain folder name"]),
        (["--name", ".."], ["--name is '..'", "plain folder name"]),
        (["--name", "../outside"], ["--name is '../outside'", "plain folder name"]),
        (["--name", "/tmp/outside"], ["--name is '/tmp/outside'", "plain folder name"]),
        (["--name", "C:outside"], ["--name is 'C:outside'", "plain folder name"]),
        (["--name", "con"], ["--name is 'con'", "plain folder name"]),
        (["--name", "Com1.txt"], ["--name is 'Com1.txt'", "plain folder name"]),
        (["--name", "dot."], ["--name is 'dot.'", "plain folder name"]),
        (["--name", "long" * 100], ["--name is 'longlong", "plain folder name"]),
    ],
)
def test_flags(arguments, said, capsys, monkeypatch, nothing_left):
    line = refuse(capsys, monkeypatch, course_2_mlp, *arguments)
    assert line.startswith("course_2_mlp.py: ")
    for words in said:
        assert words in line


@pytest.mark.parametrize("stride", ["0", "4"])
def test_stride(stride, capsys, monkeypatch, nothing_left):
    assert f"--stride is {stride}" in refuse(
        capsys, monkeypatch, course_3_convolution, "--stride", stride
    )


@pytest.mark.parametrize(
    ("lesson", "arguments", "said"),
    [
        (
            course_2_overfitting,
            ["--examples", "4001"],
            ["--examples is 4001", "4000 training examples"],
        ),
        (course_2_overfitting, ["--examples", "3"], ["--examples is 3", "from 8"]),
        (
            course_2_overfitting,
            ["--weight-decay", "-1"],
            ["--weight-decay is -1", "from 0"],
        ),
        (course_2_deep_or_wide, ["--depths", "1", "17"], ["--depths is 17", "1 to 16"]),
        (
            course_2_deep_or_wide,
            ["--parameters", "10"],
            ["--parameters is 10", "from 1000"],
        ),
        (course_2_deep_or_wide, ["--picture", "nowhere.png"], ["nowhere.png"]),
        (course_3_fooling_a_cnn, ["--epsilon", "0"], ["--epsilon is 0", "above 0"]),
        (course_4_pretrained_features, ["--blur", "-1"], ["--blur is -1", "from 0"]),
        (course_4_pretrained_features, ["--pictures", "nowhere.jpg"], ["nowhere.jpg"]),
        (
            course_4_pretrained_features,
            ["--backbone", "resnet"],
            ["--backbone", "resnet", "mobilenet_v2"],
        ),
        (
            course_4_pretrained_features,
            ["--backbone", "mobilenet_v2"],
            ["cannot be reached", "--weights"],
        ),
        (course_4_pretrained_features, ["--weights", "nowhere.h5"], ["nowhere.h5"]),
        (
            course_4_photo_search,
            ["--query", "shoe.jpg"],
            ["--query and --folder go together"],
        ),
        (
            course_4_photo_search,
            ["--folder", "."],
            ["--query and --folder go together"],
        ),
        (
            course_4_photo_search,
            ["--query", "shoe.jpg", "--folder", "nowhere"],
            ["shoe.jpg"],
        ),
        (
            course_4_photo_search,
            ["--query", PICTURE, "--folder", "nowhere"],
            ["nowhere is not a folder", "photos"],
        ),
        (
            course_4_photo_search,
            ["--query", PICTURE, "--folder", "."],
            ["holds no files", "photos"],
        ),
        (course_4_photo_search, ["--kept", "0"], ["--kept is 0", "from 0.05 to 1"]),
        (course_4_similar_clothes, ["--cells", "5"], ["--cells", "5", "7"]),
        (course_4_similar_clothes, ["--backbone", "vgg16"], ["VGG16", "--weights"]),
        (
            course_5_cut_point,
            ["--digits-each", "1"],
            ["--digits-each is 1", "from 2 to 300"],
        ),
        (course_5_cut_point, ["--data-dir", "nowhere"], ["nowhere is not a folder"]),
        (
            course_5_transfer_learning,
            ["--data-dir", "nowhere"],
            ["nowhere is not a folder", "for each class"],
        ),
        (
            course_5_transfer_learning,
            ["--ways", "guess"],
            ["--ways", "guess", "fine_tuning"],
        ),
        (
            course_5_transfer_learning,
            ["--tuned-layers", "0"],
            ["--tuned-layers is 0", "from 1"],
        ),
        (
            course_5_transfer_learning,
            ["--regularization", "-1"],
            ["--regularization is -1", "from 0"],
        ),
        (course_6_detection, ["--data", "cats"], ["--data", "cats", "cells"]),
        (course_6_detection, ["--data-dir", "nowhere"], ["nowhere is not a folder"]),
        (course_6_detection, ["--spread", "0"], ["--spread is 0", "above 0"]),
        (course_6_detection, ["--weights", "x"], ["--weights", "--data cells"]),
        (course_6_localization, ["--scenes", "50"], ["--scenes is 50", "100 to 40000"]),
        (course_6_localization, ["--box-loss", "l3"], ["--box-loss", "l3", "giou"]),
        (
            course_6_localization,
            ["--scenes", "100", "--batch-size", "101"],
            ["--batch-size is 101", "100 training examples"],
        ),
        (course_6_instances, ["--classes", "cats"], ["--classes", "cats", "digits"]),
        (course_6_instances, ["--pairs", "1.5"], ["--pairs is 1.5", "0 to 1"]),
        (course_6_segmentation, ["--data", "cats"], ["--data", "cats", "camvid"]),
        (course_6_segmentation, ["--data-dir", "no"], ["no is not a folder"]),
        (course_6_segmentation, ["--weights", "x"], ["--weights", "--data camvid"]),
        (
            course_6_segmentation,
            ["--data", "camvid", "--classes", "object"],
            ["--classes object is for scenes", "leave it out"],
        ),
        (
            course_7_text_classification,
            [],
            ["neg.txt is neither in COURSE_DATA", "python -m data fetch reviews"],
        ),
        (
            course_7_text_classification,
            ["--characters", "5"],
            ["--characters is 5", "from 10"],
        ),
        (
            course_7_mail_filter,
            [],
            ["spam_collection.csv is neither", "fetch sms-spam-smaller"],
        ),
        (course_7_mail_filter, ["--spam", "."], ["--ham and --spam go together"]),
        (
            course_7_mail_filter,
            ["--ham", "nowhere", "--spam", "."],
            ["nowhere", "No such file"],
        ),
        (
            course_7_mail_filter,
            ["--ham", ".", "--spam", "."],
            ["holds no letter that can be read", ".eml"],
        ),
        (
            course_7_mail_filter,
            ["--ham", PICTURE, "--spam", PICTURE],
            ["holds no letter that can be read", "neither a letter nor text"],
        ),
        (course_7_mail_filter, ["--lost-ham", "0"], ["--lost-ham is 0", "above 0"]),
        (
            course_7_mail_filter,
            ["--cost-of-lost-ham", "-1"],
            ["--cost-of-lost-ham is -1", "above 0"],
        ),
        (
            course_7_writing,
            [],
            ["t_web.csv.gz is neither in COURSE_DATA", "python -m data fetch bible"],
        ),
        (
            course_7_writing,
            ["--text", "nowhere.txt"],
            ["nowhere.txt is neither bible, sanguo, shakespeare nor a file"],
        ),
        (course_7_writing, ["--text", PICTURE], ["grace_hopper.jpg is no text"]),
        (
            course_7_writing,
            ["--text", __file__, "--prompt", "\u4e16"],
            ["has '\u4e16'"],
        ),
        (
            course_7_writing,
            ["--text", __file__, "--batch-size", "1000"],
            ["1,000 rows (--batch-size)", "at least 32 (--window)"],
        ),
        (
            course_7_writing,
            ["--characters", "5"],
            ["--characters is 5", "from 10000"],
        ),
        (course_7_writing, ["--window", "1"], ["--window is 1", "from 2"]),
        (
            course_7_small_gpt,
            ["--text", __file__, "--prompt", "\u4e16"],
            ["has '\u4e16'"],
        ),
        (
            course_7_small_gpt,
            ["--text", __file__, "--heads", "5"],
            ["--width is 104, expected a multiple of --heads, which is 5"],
        ),
        (course_7_small_gpt, ["--window", "1"], ["--window is 1", "from 2"]),
        (course_7_small_gpt, ["--blocks", "0"], ["--blocks is 0", "from 1"]),
        (course_3_what_filters_see, ["--decay", "1"], ["--decay is 1", "below 1"]),
        (course_3_saliency, ["--fraction", "0"], ["--fraction is 0", "above 0"]),
        (course_3_grad_cam, ["--fraction", "1.5"], ["--fraction is 1.5", "to 1"]),
    ],
)
def test_lessons_on_ideas(lesson, arguments, said, capsys, monkeypatch, nothing_left):
    line = refuse(capsys, monkeypatch, lesson, *arguments)
    for words in said:
        assert words in line


@pytest.mark.parametrize("name", OPENING)
def test_lessons_that_open_a_run(name, capsys, monkeypatch, nothing_left):
    lesson = load(name)
    line = refuse(capsys, monkeypatch, lesson)
    for words in ("'course_3_cnn'", "runs", "train a network first", "course_3_cnn.py"):
        assert words in line
    line = refuse(capsys, monkeypatch, lesson, "--run", "./nowhere")
    assert "nowhere is not a folder" in line


@pytest.mark.parametrize("lesson", [course_3_grad_cam, course_3_what_filters_see])
def test_run_of_another_lesson(lesson, capsys, monkeypatch, tmp_path):
    """Where the network must have convolutions."""
    config = {
        "lesson": "course_2_mlp",
        "hyperparameters": {},
        "options": {"seed": 0},
        "precision": "float32",
        "source": "-",
        "versions": {"keras": "3"},
        "class_names": list("0123456789"),
    }
    (tmp_path / "mlp").mkdir()
    (tmp_path / "mlp/config.json").write_text(json.dumps(config))
    (tmp_path / "mlp/metrics.json").write_text('{"status": "finished"}')
    (tmp_path / "mlp/model.keras").touch()
    line = refuse(capsys, monkeypatch, lesson, "--run", tmp_path / "mlp")
    assert "is a run of course_2_mlp, expected one of course_3_cnn" in line
    assert {path.name for path in tmp_path.iterdir()} <= {"mlp", "keras_home"}


def test_name_that_exists(capsys, monkeypatch, tmp_path):
    config = course_1_tf_lr.Config(epochs=1, logdir=tmp_path, name="mine")
    course_1_tf_lr.main(config)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    line = refuse(
        capsys,
        monkeypatch,
        course_1_tf_lr,
        "--epochs",
        1,
        "--logdir",
        tmp_path,
        "--name",
        "mine",
    )
    assert "'mine'" in line
    assert "exists" in line
    assert before == {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("where", ["a file", "below a file", "a system folder"])
def test_logdir_that_cannot_be_written(where, capsys, monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    logdir = {
        "a file": file,
        "below a file": file / "runs",
        "a system folder": "/proc/runs",
    }[where]
    line = refuse(capsys, monkeypatch, course_1_tf_lr, "--logdir", logdir)
    assert str(logdir) in line
    assert "--logdir" in line
    assert file.read_text() == "mine"


def damaged_files(mnist):
    """The ways in which a `mnist.npz` can be wrong, made from those of a right one."""
    zeros = {
        name: np.zeros((3, 28, 28), "uint8")
        for name in ("x_train", "y_train", "x_test", "y_test")
    }
    return {
        "truncated": lambda path: path.write_bytes(mnist[: len(mnist) // 2]),
        "empty": lambda path: path.write_bytes(b""),
        "a web page": lambda path: path.write_bytes(
            b"<html>Please log in to this network</html>"
        ),
        "other arrays": lambda path: np.savez(path, **zeros),
        "other names": lambda path: np.savez(
            path, images=np.zeros((3, 28, 28), "uint8")
        ),
        "one bit": lambda path: path.write_bytes(
            mnist[:1000] + bytes([mnist[1000] ^ 1]) + mnist[1001:]
        ),
    }


@pytest.mark.parametrize("damage", damaged_files(b""))
@pytest.mark.parametrize("place", ["COURSE_DATA", "cache"])
def test_damaged_data_file(damage, place, capsys, monkeypatch, tmp_path, nothing_left):
    whole = tmp_path / "whole.npz"
    np.savez_compressed(
        whole,
        x_train=np.arange(8000),
        y_train=np.arange(3),
        x_test=np.arange(9),
        y_test=np.arange(3),
    )
    folder = tmp_path / (
        "course_data" if place == "COURSE_DATA" else "keras_home/datasets"
    )
    folder.mkdir(parents=True)
    if place == "COURSE_DATA":
        monkeypatch.setenv("COURSE_DATA", str(folder))
    damaged_files(whole.read_bytes())[damage](folder / "mnist.npz")
    line = refuse(capsys, monkeypatch, course_3_cnn)
    assert str(folder / "mnist.npz") in line
    assert "delete or replace it" in line


def test_course_data_that_is_no_folder(capsys, monkeypatch, nothing_left):
    monkeypatch.setenv("COURSE_DATA", "/nowhere/data")
    assert "COURSE_DATA names /nowhere/data" in refuse(
        capsys, monkeypatch, course_3_cnn
    )


def test_divergence_is_one_line(capsys, monkeypatch, tmp_path):
    line = refuse(
        capsys,
        monkeypatch,
        course_1_tf_lr,
        "--learning-rate",
        1,
        "--logdir",
        tmp_path,
        code=1,
    )
    assert line.endswith("Try a tenth: --learning-rate 0.1")


@pytest.mark.parametrize(
    ("lesson", "arguments", "said"),
    [
        (course_1_tf_lr, [], "the cost grew without limit"),
        (course_2_mlp, [], "after 2 updates"),
        (
            course_2_overfitting,
            ["--draws", 1, "--epochs", 1, "--examples", 8],
            "after 20 updates",
        ),
        (
            course_2_deep_or_wide,
            ["--depths", 1, "--updates", 10, "--parameters", 1000],
            "after 2 updates",
        ),
    ],
)
def test_absurd_learning_rate(lesson, arguments, said, capsys, monkeypatch, tmp_path):
    """The loss is no finite number any more: the run ends, says what to try, and is
    marked as failed.
    """
    arguments = [
        *arguments,
        "--learning-rate",
        "1e25",
        "--logdir",
        tmp_path,
        "--name",
        "absurd",
    ]
    line = refuse(capsys, monkeypatch, lesson, *arguments, code=1)
    metrics = json.loads(
        (tmp_path / Path(lesson.__file__).stem / "absurd/metrics.json").read_text()
    )
    assert metrics["status"] == "failed"
    assert line.endswith(metrics["error"])
    assert said in line
    assert "learning" in line


@pytest.mark.parametrize(
    ("lesson", "fields"),
    [
        (course_1_gradient_descent, {}),  # a descent ends where it leaves the picture
        pytest.param(
            course_1_neuron_xor, {"epochs": 1}, marks=pytest.mark.full
        ),  # slopes that saturate are bounded
        (
            course_9_style_transfer,
            {"size": 64, "steps": 2},
        ),  # pixels are kept between black and white
    ],
)
def test_absurd_learning_rate_where_nothing_can_diverge(
    lesson, fields, tmp_path, capsys
):
    metrics = lesson.main(lesson.Config(learning_rate=9e29, logdir=tmp_path, **fields))
    assert metrics["status"] == "finished"
    assert "nan" not in json.dumps(metrics).lower()
    assert capsys.readouterr().err == ""


def test_a_mistake_in_the_code_keeps_its_traceback(monkeypatch, tmp_path):
    """A learner who breaks the model needs the line, not a summary."""
    monkeypatch.setattr(
        course_3_cnn,
        "build_cnn",
        lambda *arguments: course_3_cnn.keras.layers.Dense(-1),
    )
    monkeypatch.setattr(sys, "argv", ["course_3_cnn.py", "--logdir", str(tmp_path)])
    with pytest.raises(ValueError, match="-1"):
        command_line.run(course_3_cnn.main, course_3_cnn.Config)


def test_help_shows_the_lesson_and_every_flag(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["course_3_cnn.py", "--help"])
    with pytest.raises(SystemExit) as stop:
        command_line.run(course_3_cnn.main, course_3_cnn.Config)
    assert stop.value.code == 0
    page = capsys.readouterr().out
    assert "Try:" in page
    for field in course_3_cnn.Config.__dataclass_fields__:
        assert f"--{field.replace('_', '-')}" in page
    assert "images per update" in page


def test_in_a_real_process(tmp_path):
    process = subprocess.run(
        [sys.executable, ROOT / "course_1_tf_lr.py", "--epochs", "-1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ,
    )
    assert process.returncode == 2
    assert process.stderr == (
        "course_1_tf_lr.py: --epochs is -1, expected a whole number from 1 to 1000000\n"
    )
    assert not list(tmp_path.glob("runs"))
