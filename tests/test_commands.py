"""python -m lessons: list, compare, sweep, predict, tensorboard."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from lessons import __main__ as commands
from lessons import (
    course,
    course_2_mlp,
    course_3_cnn,
    course_4_pretrained_features,
    course_5_transfer_learning,
    course_6_detection,
    course_6_localization,
)
from lessons.commands.sweeping import grid as combinations
from training import command_line, predictions, run_folder

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from tensorboard import main as tensorboard_main

import course_1_tf_lr
from data import digits, paintings, photos, texts
from tests.photos import photograph
from tests.test_pictures import bad_files


def call(monkeypatch, capsys, *words, code=None):
    """Calls python -m lessons, and returns what it printed on stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["lessons", *map(str, words)])
    if code is None:
        commands.main()
    else:
        with pytest.raises(SystemExit) as stop:
            commands.main()
        assert stop.value.code == code
    output = capsys.readouterr()
    if code:
        assert len(output.err.splitlines()) == 1, output.err
    return output


@pytest.mark.parametrize("words", [[], ["list"], ["--help"], ["sweep", "--help"]])
def test_what_is_there_is_told_at_once(words, capfd):
    """Without TensorFlow, which takes seconds."""
    code = (
        "import runpy, sys; sys.argv = ['lessons', *sys.argv[1:]]\n"
        "try: runpy.run_module('lessons', run_name='__main__')\n"
        "finally: print({'tensorflow', 'keras', 'matplotlib'} & {*sys.modules})"
    )
    subprocess.run([sys.executable, "-c", code, *words], cwd=course.ROOT, check=True)
    *lines, loaded = capfd.readouterr().out.splitlines()
    assert loaded == "set()"
    told = "\n".join(lines)
    if words[-1:] == ["--help"]:
        assert "usage: python -m lessons" in told
        assert ("NAME=VALUE" in told) == ("sweep" in words)
    else:
        for lesson in course.find_lessons():
            assert f"\n   {lesson.command}\n   {lesson.result}\n" in told


@pytest.fixture(scope="module")
def logdir(reader, tmp_path_factory):
    """A logdir with a trained classifier and two runs of the line."""
    logdir = tmp_path_factory.mktemp("runs")
    shutil.copytree(reader, logdir / "course_3_cnn/reader")
    for rate in (0.001, 0.02):
        course_1_tf_lr.main(
            course_1_tf_lr.Config(
                epochs=300, learning_rate=rate, logdir=logdir, name=f"rate {rate}"
            )
        )
    return logdir


def test_own_photos_from_folder_to_prediction(monkeypatch, capsys, tmp_path):
    photos = dict(zip(("temple", "flower"), load_sample_images().images, strict=True))
    for name, photo in photos.items():
        (tmp_path / "我的照片" / name).mkdir(parents=True)
        for index in range(4):
            part = Image.fromarray(
                photo[20 * index : 20 * index + 200, 40 * index : 40 * index + 300]
            )
            part.save(tmp_path / "我的照片" / name / f"{index}.jpg")
        Image.fromarray(photo[70:300, 130:460]).save(tmp_path / f"{name}.jpg")
    (tmp_path / "我的照片/temple/notes.txt").write_text("not a photo")
    config = course_5_transfer_learning.Config(
        data_dir=tmp_path / "我的照片",
        ways=("head",),
        size=96,
        logdir=tmp_path / "runs",
    )
    metrics = course_5_transfer_learning.main(config)
    assert metrics["train"]["accuracy"] == 1
    assert (
        "Left out 1 of 9 files: 我的照片/temple/notes.txt (is not a picture"
        in capsys.readouterr().out
    )
    words = (
        "course_5_transfer_learning",
        tmp_path / "temple.jpg",
        tmp_path / "flower.jpg",
        "--logdir",
        config.logdir,
    )
    lines = call(monkeypatch, capsys, "predict", *words).out.splitlines()
    assert re.match(r".*temple.jpg: temple \d\d", lines[1])
    assert re.match(r".*flower.jpg: flower \d\d", lines[2])
    assert list(
        (config.logdir / "course_5_transfer_learning").glob(
            "*/figures/predictions_1.png"
        )
    )


def test_compare_shows_what_differs_best_first(monkeypatch, capsys, logdir):
    lines = call(
        monkeypatch, capsys, "compare", "course_1_tf_lr", "--logdir", logdir
    ).out.split("\n")[2:]
    assert lines[0].split() == [
        "run",
        "learning_rate",
        "train_loss",
        "test_loss",
        "seconds",
        "status",
    ]
    assert lines[1].startswith("rate 0.02 ")
    assert lines[2].startswith("rate 0.001 ")
    everything = call(monkeypatch, capsys, "compare", "--logdir", logdir).out
    assert "course_3_cnn" in everything
    assert "validation_accuracy" in everything


def change_page(folder, old, new):
    """Returns the module of a copy of the line's page in which a line is another."""
    path = folder / "course_1_tf_lr.py"
    folder.mkdir()
    page = Path(course_1_tf_lr.__file__).read_text("utf-8")
    path.write_text(page.replace(f"{old}\n", f"{new}\n"), "utf-8")
    spec = importlib.util.spec_from_file_location(f"line_{folder.name}", path)
    lesson = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lesson)
    return lesson


@pytest.fixture(scope="module")
def changed(logdir, tmp_path_factory):
    """A logdir with the two runs of the line, two of copies of its page, and a line of
    the page, which is another in the copy "other". "more" has two lines before it.
    """
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(logdir / "course_1_tf_lr", folder / "course_1_tf_lr")
    page = Path(course_1_tf_lr.__file__).read_text("utf-8")
    (line,) = re.findall("^    epochs: int.*$", page, re.MULTILINE)
    for name, new in (
        ("other", f"{line}, or more"),
        ("more", f"    # one\n    # two\n{line}"),
    ):
        lesson = change_page(folder / name, line, new)
        lesson.main(lesson.Config(logdir=folder, name=name, epochs=50))
    return folder, line


def test_compare_shows_which_pages_differ_and_where(
    monkeypatch, capsys, changed, tmp_path
):
    """A column tells the pages apart; below the table are the lines that are not those
    of the best run. A run of an earlier version has no page, and is shown as well.
    """
    folder, line = changed
    shutil.copytree(folder / "course_1_tf_lr", tmp_path / "course_1_tf_lr")
    (tmp_path / "course_1_tf_lr/rate 0.001/course_1_tf_lr.py").unlink()
    said = call(monkeypatch, capsys, "compare", "--logdir", tmp_path)
    assert said.err == ""
    table, *differences = said.out.strip().split("\n\n")
    head, *rows = table.splitlines()[1:]
    assert head.split()[-2:] == ["status", "page"]
    pages = {re.split("  +", row)[0]: row.split()[-1] for row in rows}
    assert pages.pop("rate 0.02") == "A", "that of the best run"
    assert pages.pop("rate 0.001") == "?"
    assert set(pages.values()) == {"B", "C"}
    assert len(differences) == 2
    for difference in differences:
        before, now, place, *lines = difference.splitlines()
        assert before == "--- page A"
        (name,) = (name for name, page in pages.items() if now == f"+++ page {page}")
        if name == "other":
            assert re.fullmatch(r"@@ -(\d+) \+\1 @@", place)
            assert lines == [f"-{line}", f"+{line}, or more"]
        else:
            assert lines == ["+    # one", "+    # two"]


def test_runs_of_one_page_have_no_column_for_it(monkeypatch, capsys, logdir):
    said = call(monkeypatch, capsys, "compare", "course_1_tf_lr", "--logdir", logdir)
    assert "page" not in said.out


def test_long_differences_are_cut(monkeypatch, capsys, logdir, tmp_path):
    shutil.copytree(logdir / "course_1_tf_lr", tmp_path / "course_1_tf_lr")
    page = tmp_path / "course_1_tf_lr/rate 0.001/course_1_tf_lr.py"
    page.write_text(page.read_text("utf-8") + "more = 1\n" * 100, "utf-8")
    said = call(monkeypatch, capsys, "compare", "--logdir", tmp_path).out
    *_, last = said.splitlines()
    assert last == "... 63 lines more", "of three lines of a head and 100 lines"
    assert said.count("\n+more = 1") == 37


def test_sweep_refuses_runs_of_another_page(monkeypatch, capsys, changed, tmp_path):
    words = ("sweep", "course_1_tf_lr", "epochs=50", "--logdir", tmp_path)
    shutil.copytree(
        changed[0] / "course_1_tf_lr/other", tmp_path / "course_1_tf_lr/epochs=50"
    )
    line = call(monkeypatch, capsys, *words, code=2).err
    assert "holds a run of another course_1_tf_lr.py, which was changed since" in line


def test_compare_leaves_out_what_is_no_run(monkeypatch, capsys, logdir, tmp_path):
    shutil.copytree(logdir / "course_1_tf_lr", tmp_path / "course_1_tf_lr")
    folder = tmp_path / "course_1_tf_lr"
    (folder / "mine").mkdir()
    for name, content in (("cut", '{"lesson":'), ("other", "{}"), ("list", "[]")):
        shutil.copytree(folder / "rate 0.02", folder / name)
        (folder / name / "config.json").write_text(content)
    output = call(monkeypatch, capsys, "compare", "--logdir", tmp_path)
    assert [line.split(" ")[2].rsplit("/")[-1] for line in output.err.splitlines()] == [
        "cut",
        "list",
        "mine",
        "other",
    ]
    assert "rate 0.001" in output.out


def test_sweep_runs_the_product_and_records_failures(monkeypatch, capsys, tmp_path):
    words = (
        "sweep",
        "course_1_tf_lr",
        "learning-rate=0.02,1",
        "seed=0,1",
        "epochs=100",
        "--logdir",
        tmp_path,
    )
    output = call(monkeypatch, capsys, *words)
    assert output.err == ""
    folder = tmp_path / "course_1_tf_lr"
    records = {
        path.name: run_folder.read(path) for path in folder.iterdir() if path.is_dir()
    }
    assert len(records) == 4
    for name, record in records.items():
        chosen = dict(part.split("=") for part in name.split(","))
        assert record.settings["learning_rate"] == float(chosen["learning_rate"])
        assert record.settings["seed"] == int(chosen["seed"])
        assert record.config["hyperparameters"]["epochs"] == 100
        assert record.metrics["status"] == (
            "failed" if chosen["learning_rate"] == "1" else "finished"
        )
    assert (folder / "sweep,learning_rate,seed,epochs.png").stat().st_size > 10_000
    assert "#hparams" in output.out
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")}
    assert "4 of 4 runs are done already" in call(monkeypatch, capsys, *words).out
    assert before == {
        path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")
    }


def test_interrupted_sweep_goes_on(monkeypatch, capsys, tmp_path):
    main, ran = course_1_tf_lr.main, []

    def interrupted_in_the_third(config):
        ran.append(config.name)
        if len(ran) == 3:
            monkeypatch.setattr(course_1_tf_lr.toy, "load_points", stop)
        return main(config)

    def stop():
        raise KeyboardInterrupt

    words = ("sweep", "course_1_tf_lr", "seed=0,1,2", "epochs=20")
    words += ("--logdir", tmp_path)
    monkeypatch.setattr(course_1_tf_lr, "main", interrupted_in_the_third)
    monkeypatch.setattr(sys, "argv", ["lessons", *map(str, words)])
    with pytest.raises(SystemExit):
        commands.main()
    monkeypatch.undo()
    output = call(monkeypatch, capsys, *words)
    assert "2 of 3 runs are done already" in output.out
    assert (
        len([path for path in (tmp_path / "course_1_tf_lr").iterdir() if path.is_dir()])
        == 3
    )


def test_run_that_was_killed_is_run_again(monkeypatch, capsys, tmp_path):
    words = ("sweep", "course_1_tf_lr", "seed=0,1", "epochs=20", "--logdir", tmp_path)
    call(monkeypatch, capsys, *words)
    path = tmp_path / "course_1_tf_lr/seed=1,epochs=20/metrics.json"
    path.write_text(
        json.dumps({"lesson": "course_1_tf_lr", "status": "running", "seconds": 1})
    )
    assert "1 of 2 runs are done already" in call(monkeypatch, capsys, *words).out
    assert json.loads(path.read_text())["status"] == "finished"


def test_sweep_values():
    grid = combinations.parse_grid(
        course_2_mlp.Config, ["units=32,64x128", "dropout=0", "debug=false"]
    )
    configs = combinations.make_configs(course_2_mlp.Config, grid, Path("runs"))
    assert [config.units for config in configs] == [(32,), (64, 128)]
    assert not configs[0].debug


@pytest.mark.parametrize(
    "word",
    [
        "filters=4x8,16x32",
        "filters=4 8,16 32",
        "filters=(4,8),(16,32)",
        "filters=[4, 8], [16, 32]",
        "filters=4x8\uff0c16x32",
    ],
)
def test_sweep_takes_several_values_of_one_run_as_people_write_them(word):
    grid = combinations.parse_grid(course_3_cnn.Config, [word])
    configs = combinations.make_configs(course_3_cnn.Config, grid, Path("runs"))
    assert {config.name: config.filters for config in configs} == {
        "filters=4x8": (4, 8),
        "filters=16x32": (16, 32),
    }


def test_sweep_runs_values_that_mean_the_same_once():
    """Also in another call: the name of a run does not depend on how it is written."""
    names = []
    for words in (
        [
            "learning-rate=0.001,1e-3,.001",
            "seed=1,01",
            "filters=8x16,08 16",
            "debug=FALSE",
        ],
        ["learning_rate=1e-03", "seed=+1", "filters=(8,16,)", "debug=false"],
    ):
        grid = combinations.parse_grid(course_3_cnn.Config, words)
        (config,) = combinations.make_configs(course_3_cnn.Config, grid, Path("runs"))
        names.append(config.name)
    assert names[0] == names[1]


def test_sweep_of_paths_and_of_many_values_has_names_that_differ(tmp_path):
    """They have slashes, are long, or end in a dot."""
    folders = [f"{'照片/' * 30}{number}/a." for number in range(3)]
    words = [f"data_dir={','.join(folders)}", "epochs=1,2", "weights=~/a b.pth"]
    grid = combinations.parse_grid(course_5_transfer_learning.Config, words)
    configs = combinations.make_configs(
        course_5_transfer_learning.Config, grid, tmp_path
    )
    assert len({config.name for config in configs}) == 6
    for config in configs:
        (tmp_path / config.name).mkdir()


def test_sweep_of_paths_goes_on(monkeypatch, capsys, tmp_path):
    pictures = []
    for number in (1, 2):
        (tmp_path / f"photos/{number}").mkdir(parents=True)
        photo = np.roll(load_sample_images().images[0][::8, ::8], 9 * number, axis=1)
        Image.fromarray(photo).save(tmp_path / f"photos/{number}/a.png")
        pictures.append(str(tmp_path / f"photos/{number}/a.png"))
    words = ("sweep", "course_3_convolution", f"picture={','.join(pictures)}")
    words += ("--logdir", tmp_path / "runs")
    assert "failed" not in call(monkeypatch, capsys, *words).out
    assert "2 of 2 runs are done already" in call(monkeypatch, capsys, *words).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "course_3_cn", "seed=1"], "perhaps you meant course_3_cnn"),
        (
            ["sweep", "course_3_cnn", "learning_rat=1"],
            "perhaps you meant learning_rate",
        ),
        (["sweep", "course_3_cnn", "logdir=1"], "unknown hyperparameter 'logdir'"),
        (["sweep", "course_3_cnn", "seed"], "expected a hyperparameter and its values"),
        (
            ["sweep", "course_3_cnn", "seed="],
            "expected a hyperparameter and its values",
        ),
        (
            ["sweep", "course_3_cnn", "seed=1,,2"],
            "expected a hyperparameter and its values",
        ),
        (["sweep", "course_3_cnn", "seed=1", "seed=2"], "seed is named twice"),
        (["sweep", "course_3_cnn", "seed=one"], "not a whole number"),
        (["sweep", "course_3_cnn", "filters=4-8"], "joined by x, as in units=32,64x64"),
        (["sweep", "course_3_cnn", "epochs=1,0"], "--epochs is 0"),
        (["sweep", "course_3_cnn"], "NAME=VALUE"),
        (["compare", "course_x"], "unknown lesson 'course_x'"),
        (["compare"], "holds no runs"),
        (["nonsense"], "nonsense Available subcommands: list, compare, sweep, predict"),
        (["compare", "--logdri", "x"], "--logdri, x Perhaps you meant: --logdir PATH"),
        (["compare", "course_3_cnn", "course_2_mlp"], "course_2_mlp"),
        (["sweep"], "Missing from python -m lessons sweep: LESSON"),
        (["predict"], "Missing from python -m lessons predict: RUN"),
        (["predict", "course_3_cnn"], "expected something to ask about"),
        (["tensorboard", "--port", "first"], "'first' is not a whole number"),
        (
            ["predict", "course_3_cnn", "a.png"],
            "neither the folder of a run nor a lesson",
        ),
        (["predict", "./nowhere", "a.png"], "nowhere is not a folder"),
        (
            ["predict", "./here", "a.png"],
            "here is no complete run folder: it has no config.json",
        ),
    ],
)
def test_bad_words(words, said, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert said in call(monkeypatch, capsys, *words, code=2).err
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_predict(monkeypatch, capsys, logdir, tmp_path):
    for digit in (1, 4, 7):
        Image.fromarray(photograph(digit, 0, digit)).save(
            tmp_path / f"数字 {digit}.jpg"
        )
    paths = sorted(tmp_path.glob("*.jpg"))
    for run in (logdir / "course_3_cnn/reader", "course_3_cnn"):
        output = call(monkeypatch, capsys, "predict", run, *paths, "--logdir", logdir)
        for path in paths:
            (line,) = (
                line for line in output.out.splitlines() if line.startswith(str(path))
            )
            assert line.split(": ")[1].startswith(path.stem[-1])
            assert line.endswith("on light)") or line.endswith("on dark)")
    assert (
        logdir / "course_3_cnn/reader/figures/predictions_2.png"
    ).stat().st_size > 10_000


def test_predict_refuses_bad_pictures(monkeypatch, capsys, logdir, tmp_path):
    files = [path for path, _ in bad_files(tmp_path)][:3]
    for path in [*files, tmp_path / "missing.png", tmp_path / "*.jpeg"]:
        line = call(
            monkeypatch,
            capsys,
            "predict",
            "course_3_cnn",
            path,
            "--logdir",
            logdir,
            code=2,
        ).err
        assert str(path) in line
    line = call(
        monkeypatch,
        capsys,
        "predict",
        "course_1_tf_lr",
        path,
        "--logdir",
        logdir,
        code=2,
    ).err
    assert "is no classifier" in line


@pytest.mark.parametrize("named", ["files", "folder", "pattern", "home"])
def test_predict_answers_for_the_others_where_a_picture_is_bad(
    named, monkeypatch, capsys, logdir, tmp_path
):
    """However they are named; what cannot be used is counted in a line."""
    (tmp_path / "own/deeper").mkdir(parents=True)
    for digit, place in ((1, "1.jpg"), (4, "4.jpg"), (7, "deeper/7.jpg")):
        photo = Image.fromarray(photograph(digit, 0, digit))
        photo.save(tmp_path / "own" / place)
    (tmp_path / "own/2.jpg").write_text("not a picture")
    (tmp_path / "own/3.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    monkeypatch.setenv("HOME", str(tmp_path))
    words, count = {
        "files": (sorted((tmp_path / "own").rglob("*.jpg")), 5),
        "folder": ([tmp_path / "own"], 5),
        "pattern": ([tmp_path / "own/*.jpg"], 4),
        "home": (["~/own/[1-4].jpg"], 4),
    }[named]
    words = ("predict", "course_3_cnn", *words, "--logdir", logdir)
    lines = call(monkeypatch, capsys, *words).out.splitlines()
    answers = [line.partition(".jpg: ") for line in lines if ".jpg: " in line]
    assert [(Path(name).name, said[0]) for name, _, said in answers] == [
        ("1", "1"),
        ("4", "4"),
        ("7", "7"),
    ][: count - 2]
    (line,) = (line for line in lines if line.startswith("Left out"))
    assert line.startswith(f"Left out 2 of {count} files: ")
    assert "2.jpg (is not a picture, expected a PNG or JPEG file)" in line
    assert "3.jpg (is " in line


def test_predict_with_many_pictures_keeps_few_of_them(
    monkeypatch, capsys, logdir, tmp_path
):
    """They are read one after the other; the figure shows the first ones."""
    monkeypatch.setattr(predictions, "SHOWN", 3)
    (tmp_path / "own").mkdir()
    photo = photograph(4, 0, 4)[::4, ::4]
    for number in range(7):
        Image.fromarray(np.roll(photo, number, axis=1)).save(
            tmp_path / f"own/{number}.png"
        )
    words = ("predict", "course_3_cnn", tmp_path / "own", "--logdir", logdir)
    said = call(monkeypatch, capsys, *words).out
    assert sum(".png: " in line for line in said.splitlines()) == 7
    with Image.open(said.strip().rpartition("Figure: ")[2]) as image:
        assert image.height < 500, "a row of three, and their digits"


@pytest.mark.parametrize(
    "run",
    [
        "runs/course_3_cnn",
        "runs/course_3_cnn/",
        "./runs/course_3_cnn/reader/model.keras",
        "course_3_cnn.py",
        "lessons/course_3_cnn.py",
        "~/runs/course_3_cnn",
    ],
)
def test_a_run_is_found_as_people_name_it(run, monkeypatch, logdir, tmp_path):
    shutil.copytree(logdir / "course_3_cnn", tmp_path / "runs/course_3_cnn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    record = run_folder.find_trained(run, Path("runs"))
    assert record.folder.resolve() == (tmp_path / "runs/course_3_cnn/reader").resolve()


def test_compare_takes_the_folder_of_the_runs(monkeypatch, capsys, logdir, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = call(monkeypatch, capsys, "compare", logdir / "course_1_tf_lr").out
    assert "rate 0.02" in said


def test_the_home_folder_may_be_named_as_in_a_shell(monkeypatch, tmp_path):
    """Where a shell leaves it, in quotes or behind "="."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = command_line.parse(
        course_5_transfer_learning.Config,
        ["--logdir=~/x", "--data-dir", "~/photos"],
        "lesson",
        None,
    )
    assert config.logdir == tmp_path / "x"
    assert config.data_dir == tmp_path / "photos"
    pictures = course_4_pretrained_features.Config(pictures=["~/a.jpg", "~$b.jpg"])
    assert pictures.pictures == (tmp_path / "a.jpg", Path("~$b.jpg"))
    arguments = commands.read_command(["compare", "--logdir", "~/x"])
    assert arguments.logdir == tmp_path / "x"
    Image.fromarray(photograph(1, 0, 1)).save(tmp_path / "a.png")
    assert photos.choose_photo("~/a.png").pixels.shape == (800, 600, 3)
    assert len(paintings.load_styles(("~/a.png", "glass"))) == 2
    (tmp_path / "a.txt").write_text("good\nbad\n")
    assert len(texts.read_sentences(["~/a.txt", "~/*.txt"])) == 4


def test_tensorboard_does_not_open_an_empty_page_in_silence(
    monkeypatch, capsys, tmp_path
):
    words = ("tensorboard", "--logdir", tmp_path / "nowhere")
    said = call(monkeypatch, capsys, *words, code=2).err
    assert "nowhere is not a folder, expected that of the runs: run a lesson" in said
    monkeypatch.setattr(tensorboard_main, "run_main", lambda: None)
    (tmp_path / "empty/course_3_cnn").mkdir(parents=True)
    said = call(monkeypatch, capsys, "tensorboard", "--logdir", tmp_path / "empty").out
    assert "holds no runs yet: the page stays empty until a lesson runs" in said


def test_predict_takes_a_run_of_an_earlier_version(
    monkeypatch, capsys, logdir, tmp_path
):
    """Which kept no copy of its page."""
    shutil.copytree(logdir / "course_3_cnn/reader", tmp_path / "copy")
    (tmp_path / "copy/course_3_cnn.py").unlink()
    Image.fromarray(photograph(1, 0, 1)).save(tmp_path / "1.png")
    words = "predict", tmp_path / "copy", tmp_path / "1.png"
    assert "1.png: 1 " in call(monkeypatch, capsys, *words).out


def test_predict_refuses_a_damaged_model(monkeypatch, capsys, logdir, tmp_path):
    shutil.copytree(logdir / "course_3_cnn/reader", tmp_path / "copy")
    Image.fromarray(photograph(1, 0, 1)).save(tmp_path / "1.png")
    model = tmp_path / "copy/model.keras"
    model.write_bytes(model.read_bytes()[:5000])
    line = call(
        monkeypatch, capsys, "predict", tmp_path / "copy", tmp_path / "1.png", code=2
    ).err
    assert "cannot be loaded (written by Keras" in line
    model.unlink()
    line = call(
        monkeypatch, capsys, "predict", tmp_path / "copy", tmp_path / "1.png", code=2
    ).err
    assert "no finished run with a saved model" in line


def test_reloaded_model_gives_the_same_bits(logdir):
    path = logdir / "course_3_cnn/reader/model.keras"
    images = digits.load_digits().test.x[:100]
    first, second = (keras.models.load_model(path) for _ in range(2))
    np.testing.assert_array_equal(
        first.predict(images, verbose=0), second.predict(images, verbose=0)
    )
    second.save(logdir / "again.keras")
    again = keras.models.load_model(logdir / "again.keras")
    np.testing.assert_array_equal(
        first.predict(images, verbose=0), again.predict(images, verbose=0)
    )


@pytest.mark.parametrize("lesson", [course_6_localization, course_6_detection])
def test_pages_that_read_pictures_answer_for_those_that_can_be_used(
    lesson, monkeypatch, capsys, tmp_path
):
    """As `predict_pictures` does, and in the pixels of each picture."""
    if lesson is course_6_localization:
        model = lesson.add_softmax(lesson.build_network(False))
    else:
        model = lesson.add_heads(lesson.build_encoder((96, 96)), 10)
        for name, bias in (("heat", [5]), ("classes", [9, *9 * [0]])):
            model.get_layer(name).bias.assign(bias)
    monkeypatch.setattr(predictions, "SHOWN", 1)
    run = SimpleNamespace(
        load=lambda: model,
        config={
            "class_names": list("0123456789"),
            "hyperparameters": {"window": 3},
        },
    )
    for name, size in (("wide.png", (300, 100)), ("high.png", (80, 160))):
        Image.effect_noise(size, 90).save(tmp_path / name)
    (tmp_path / "bad.png").write_text("not a picture")
    answers = lesson.predict(run, [str(tmp_path), str(tmp_path / "wide.png")])
    assert "Left out 1 of 3 files" in capsys.readouterr().out
    heads = [line for line in answers.lines if ".png: " in line]
    assert [Path(line.split(": ")[0]).name for line in heads] == [
        "high.png",
        "wide.png",
    ]
    assert answers.picture.shape[2] == 3
    boxes = {}
    for line in answers.lines:
        if ".png: " in line:
            found = boxes.setdefault(Path(line.split(": ")[0]).name, [])
        found += [
            tuple(map(int, pair)) for pair in re.findall(r"\((\d+), (\d+)\)", line)
        ]
    for name, (width, height) in {
        "high.png": (80, 160),
        "wide.png": (300, 100),
    }.items():
        assert boxes[name]
        assert all(x <= width and y <= height for x, y in boxes[name])
    assert max(x for x, _ in boxes["wide.png"]) > 100
