"""A hunt for bad input: what is generated gives a run or one clear line, never a
traceback or half a run folder.
"""

import collections
import contextlib
import functools
import gc
import gzip
import importlib
import io
import itertools
import json
import shutil
import tempfile
import types
import typing
import warnings
import zipfile
from pathlib import Path

from lessons.__main__ import run_command
from lessons.course import ROOT, find_lessons
from training import command_line, resume, run_folder, runs
from training.cluster import local_workers

import h5py
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, configuration, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from data import (
    digits,
    digits_in_2d,
    fashion,
    mail,
    paintings,
    photo_folders,
    photo_index,
    picture_as_function,
    reviews,
    running_text,
    weights,
)
from data.images import drawing, read
from data.sources import catalog
from models import efficientnet_lite, torch_file, vgg
from tests.lessons import (
    test_course_7_mail_filter,
    test_course_7_text_classification,
    test_course_7_writing,
)
from tests.test_torch_file import Tensor
from tests.test_torch_file import write as write_torch

configuration.set_hypothesis_home_dir(
    tempfile.mkdtemp(prefix="hypothesis_")
)  # it would keep tables in the project
WANTED = 2000  # generated inputs in all
ASKED = []  # inputs of each test
GENERATED = collections.Counter()  # inputs by their kind, in this process
LESSONS = {
    lesson.path.stem: importlib.import_module(
        ".".join(lesson.path.relative_to(ROOT).with_suffix("").parts)
    )
    for lesson in find_lessons()
}


def hunt(inputs: int):
    """Settings of a test that tries so many inputs, the same ones every time."""
    ASKED.append(inputs)
    return settings(
        max_examples=inputs,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


class AcceptedError(Exception):
    """Ends a run whose input was accepted."""


def try_input(function, *arguments):
    """Returns what a function returns for an input, or the one line that refuses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would be another line on stderr
        warnings.simplefilter("ignore", ResourceWarning)  # not shown
        warnings.filterwarnings("ignore", module=r"PIL\.")  # as data.images.read does
        try:
            return function(*arguments)
        except Exception as error:
            if not command_line.is_message(error):
                raise
            line = " ".join(str(error).split())
            assert len(line) > 10, repr(error)
            return Refusal(line)


class Refusal(str):
    """The line of a message."""


@contextlib.contextmanager
def working_in(folder: Path):
    """Goes to a folder, which is made, and back."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        yield folder


@pytest.fixture(scope="module")
def place():
    """A folder with what flags can name: pictures, photos, a run, damaged and missing
    things.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hunt_") as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        patch.setenv("KERAS_HOME", str(folder / "keras_home"))
        gc.collect()
        # Keras collects garbage at the start of each run, and would look at all of
        # TensorFlow.
        gc.freeze()
        for owner, function in (
            (digits, "load_digits"),
            (fashion, "load_fashion"),
            (picture_as_function, "load_picture_as_function"),
            (weights, "find_efficientnet_lite0"),
            (vgg, "read_kernels"),
            (paintings, "draw_swirls"),
            (digits_in_2d, "load_digits_in_2d"),
        ):
            patch.setattr(owner, function, functools.cache(getattr(owner, function)))
        with contextlib.redirect_stdout(io.StringIO()):
            make_things(folder)
        yield folder
        gc.unfreeze()


def make_things(folder: Path) -> None:
    random = np.random.default_rng(0)
    for kind in ("ants", "bees"):
        for index in range(4):
            path = folder / f"photos/{kind}/{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 255, (40, 50, 3)).astype("uint8")).save(
                path
            )
    (folder / "empty").mkdir()
    (folder / "one_class/apples").mkdir(parents=True)
    (folder / "text.png").write_text("no picture")
    Image.fromarray(np.full((90, 90, 3), 200, "uint8")).save(folder / "plain.png")
    Image.new("RGB", (4, 400)).save(folder / "thin.png")
    drawn = np.full((60, 60), 255, "uint8")
    drawn[10:50, 28:34] = 0
    Image.fromarray(drawn).save(folder / "digit.png")
    lesson = LESSONS["course_3_cnn"]
    config = lesson.Config(
        epochs=1, logdir=folder / "trained", name="small", precision="float32"
    )
    with runs.start(config, digits.load_digits()) as run:
        run.finish(lesson.build_cnn((2, 2), 4, 0.4))


THINGS = [
    "photos", "photos/ants/0.png", "empty", "one_class", "text.png", "plain.png",
    "thin.png", "digit.png", "nowhere", "nowhere/at/all.png", ".", "..", "/",
    "/proc/self/mem", "/dev/null", "", " ", "con", "a/b", "~", "trained",
    "trained/course_3_cnn/small", "trained/course_3_cnn", "course_3_cnn", "temple",
    "flower", "glass", "swirls", "auto", "hed", "vgg16", "block1_conv1", "block5_conv1",
    "block9_conv9", "n" * 300, "d/" * 2500, "照片", "\udcff.png", "-",
]  # fmt: skip
NUMBERS = [
    "0", "1", "2", "3", "7", "8", "16", "17", "31", "32", "100", "224", "4000", "4001",
    "999999999999999999999999", "-1", "-0", "+5", "0.5", "-0.1", "1.0", "1e-9",
    "1e-400", "1e29", "1e30", "1e38", "1e400", "-1e400", "nan", "-nan", "inf", "-inf",
    "Infinity", "", " ", "1,5", "0x10", "1_000", "٣", "½", "1e", "None", "true",
    "9" * 5000, "\udcff",
]  # fmt: skip
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
)
NAMES = [
    "..",
    ".",
    "con",
    "a/b",
    "x" * 199,
    "x" * 201,
    "照" * 66,
    "照" * 67,
    "",
    " ",
    "a\nb",
    "*",
    "mine",
    "-x",
    "\udcff",
]


def words_for(kind, wild: bool) -> st.SearchStrategy:
    """Returns a strategy for the words after a flag whose value is of this type:
    plausible ones, or any.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        count = (
            st.integers(0, 5)
            if inner[-1] is ...
            else st.sampled_from([len(inner)] * 9 + [0, 1, 3])
        )
        one = words_for(inner[0], wild)
        return count.flatmap(lambda n: st.tuples(*[one] * n)).map(
            lambda several: list(itertools.chain(*several))
        )
    if origin in (typing.Union, types.UnionType):
        return st.one_of(
            [words_for(one, wild) for one in inner if one is not types.NoneType]
        )
    if kind is bool:
        return st.sampled_from([[], ["true"], ["1"]] if wild else [[]])
    if origin is typing.Literal:
        choices = st.sampled_from([str(one) for one in inner])
    elif kind in (int, float):
        choices = (
            st.integers(1, 64).map(str) if kind is int else st.floats(0.001, 1).map(str)
        )
    else:
        choices = st.sampled_from(THINGS)
    if wild:
        number = kind in (int, float)
        choices = st.one_of(
            TEXTS,
            st.sampled_from(NUMBERS if number else THINGS),
            st.integers().map(str),
            st.floats().map(str),
        )
    return choices.map(lambda word: [word])


@st.composite
def command_lines(draw) -> tuple[str, list[str]]:
    """Draws a lesson and words for its command line: one to four flags, and now and
    then what is no flag.
    """
    name = draw(st.sampled_from(list(LESSONS)))
    hints = typing.get_type_hints(LESSONS[name].Config)
    fields = draw(
        st.lists(
            st.sampled_from(
                [field for field in hints if field not in ("logdir", "name")]
            ),
            min_size=1,
            max_size=4,
        )
    )
    wild = draw(st.integers(0, len(fields)))  # which one may be anything; perhaps none
    words = ["--run", "trained/course_3_cnn/small"] if "run" in hints else []
    for index, field in enumerate(fields):
        words += [
            "--" + field.replace("_", "-"),
            *draw(words_for(hints[field], index == wild)),
        ]
    match draw(st.integers(0, 19)):
        case 0 | 1 | 2:
            words += ["--name", draw(st.one_of(st.sampled_from(NAMES), TEXTS))]
        case 3 | 4:
            words += ["--logdir", draw(st.sampled_from(THINGS))]
        case 5:
            stray = draw(
                st.one_of(
                    TEXTS,
                    st.sampled_from(
                        ["--", "-h", "=", "--=", "-1", "--no-debug", "--epoch", "--x"]
                    ),
                )
            )
            words.insert(draw(st.integers(0, len(words))), stray)
    return name, words


@pytest.fixture
def cut_short(monkeypatch):
    """Runs end where they would begin to compute, after all that checks their input."""
    real = runs.start

    @contextlib.contextmanager
    def start(*arguments, **named):
        with real(*arguments, **named):
            raise AcceptedError
        yield

    def launch(main, config):
        raise AcceptedError

    monkeypatch.setattr(runs, "start", start)
    monkeypatch.setattr(local_workers, "launch", launch)  # its processes would compute
    # Their data come with no installation.
    monkeypatch.setattr(mail, "load_messages", test_course_7_mail_filter.make_messages)
    monkeypatch.setattr(
        reviews, "load_reviews", test_course_7_text_classification.make_reviews
    )
    monkeypatch.setattr(running_text, "load_text", test_course_7_writing.make_text)


def run_lesson(name: str, words: list[str]) -> None:
    lesson = LESSONS[name]
    try:
        lesson.main(
            command_line.parse(lesson.Config, words, f"{name}.py", lesson.__doc__)
        )
    except (AcceptedError, SystemExit) as end:  # SystemExit: --help
        assert not getattr(end, "code", 0)


def check_folders(folder: Path) -> None:
    """What is left of runs in a folder is whole: no run folder without its two files,
    no partial file.
    """
    assert not list(folder.rglob("*partial*"))
    for config in folder.rglob("config.json"):
        assert run_folder.read(config.parent).metrics["status"] in (
            "failed",
            "finished",
        )
    for path in folder.glob("runs/*/*"):
        assert (path / "config.json").is_file(), path


def simplify(text: str) -> str:
    """Returns a text as a message may show it."""
    return "".join(text.split()).lower().replace("_", "")


@hunt(450)
@given(command_lines())
@example(("course_2_mlp", ["", "--seed", "1"]))
@example(("course_2_mlp", ["--units", "9" * 24]))
@example(("course_1_tf_basic_operation", ["--size", "9" * 24]))
@example(("course_1_tf_lr", ["--name", "con"]))
@example(("course_1_tf_lr", ["--logdir", "\udcff.png"]))
@example(("course_3_convolution", ["--picture", "/proc/self/mem"]))
def test_command_lines(place, cut_short, generated):
    GENERATED["command lines"] += 1
    name, words = generated
    with (
        tempfile.TemporaryDirectory(prefix="work_", dir=place.parent) as work,
        working_in(Path(work)) as folder,
    ):
        for path in place.iterdir():
            Path(path.name).symlink_to(path)
        refusal = try_input(run_lesson, name, words)
        if refusal is not None:
            said = simplify(refusal)
            assert any(
                simplify(form)[:60] in said
                for word in words
                for form in (word, repr(word)[1:-1])
            ), (
                words,
                refusal,
            )
        check_folders(folder)


FORMATS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("1", "L", "P", "RGB"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
    "WEBP": ("L", "RGB", "RGBA"),
}
SIZES = (
    (1, 1),
    (7, 9),
    (8, 8),
    (9, 17),
    (30, 20),
    (64, 48),
    (500, 8),
    (8, 500),
    (3000, 1),
)


@functools.cache
def encode_picture(
    form: str,
    mode: str,
    size: tuple[int, int],
    compression: str | None = None,
    turn: int = 0,
) -> bytes:
    """Returns the bytes of a picture file with random pixels."""
    random, (width, height) = np.random.default_rng(0), size
    if mode in ("F", "I", "I;16"):
        kind = {"F": "float32", "I": "int32", "I;16": "uint16"}[mode]
        image = Image.fromarray(random.uniform(0, 65535, (height, width)).astype(kind))
    else:
        image = Image.fromarray(
            random.integers(0, 255, (height, width, 3)).astype("uint8")
        ).convert(mode)
    file, extra = io.BytesIO(), {}
    if turn and form in ("JPEG", "PNG", "WEBP"):
        extra["exif"] = Image.Exif()
        extra["exif"][0x0112] = turn
    image.save(
        file, form, **extra | ({"compression": compression} if compression else {})
    )
    return file.getvalue()


def flip(content: bytearray, place: int, value: int) -> None:
    content[place % len(content)] = value


def cut(content: bytearray, place: int, _) -> None:
    del content[place % len(content) :]


def drop(content: bytearray, place: int, value: int) -> None:
    del content[place % len(content) : place % len(content) + 1 + value % 16]


def insert(content: bytearray, place: int, value: int) -> None:
    content[place % len(content) : 0] = bytes([value]) * (1 + value % 16)


def damages(size: int = 10**6) -> st.SearchStrategy:
    """Returns a strategy for what can happen to the bytes of a file: a function from
    bytes to bytes.
    """
    places = st.one_of(
        st.integers(0, 64),
        st.integers(0, 1024),
        st.integers(-64, -1),
        st.integers(0, size),
    )

    kinds = st.sampled_from([flip, flip, flip, flip, cut, drop, insert])
    values = st.one_of(st.sampled_from([0, 1, 127, 128, 255]), st.integers(0, 255))
    return st.lists(st.tuples(kinds, places, values), max_size=6)


def damage(content: bytes, changes: list[tuple]) -> bytes:
    """Returns changed bytes."""
    content = bytearray(content)
    for change, place, value in changes:
        if content:
            change(content, place, value)
    return bytes(content)


@st.composite
def picture_files(draw) -> bytes:
    form = draw(st.sampled_from(list(FORMATS)))
    mode, size = draw(st.sampled_from(FORMATS[form])), draw(st.sampled_from(SIZES))
    compressions = (
        [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"]
        if form == "TIFF" and mode != "LA"
        else [None]
    )
    whole = encode_picture(
        form, mode, size, draw(st.sampled_from(compressions)), draw(st.integers(0, 9))
    )
    return damage(whole, draw(damages(len(whole))))


@pytest.fixture
def quiet_descriptor(capfd):
    """Nothing may be written to stderr, not even by a library in C."""
    yield
    assert capfd.readouterr().err == ""


def use_picture(path: Path) -> None:
    picture = read.read_picture(path)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    read.cut_out_square(picture, 32)
    if picture.size < 30_000:
        image = drawing.cut_out_drawing(picture).image
        assert image.shape == (28, 28, 1)
    read.scale_to(picture, 64)


@hunt(650)
@given(picture_files())
def test_picture_files(quiet_descriptor, place, generated):
    GENERATED["picture files"] += 1
    path = place / "generated.png"
    path.write_bytes(generated)
    try_input(use_picture, path)
    path.unlink()


@hunt(60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(THINGS[:20] + NAMES + ["a.png", "b.PNG", "c.gif"]),
            picture_files(),
        ),
        max_size=8,
    )
)
def test_photo_folders(quiet_descriptor, place, generated):
    """Files of any content and name in two classes of four photos, some in a folder for
    the test.
    """
    GENERATED["photo folders"] += 1
    with tempfile.TemporaryDirectory(prefix="photos_", dir=place) as name:
        folder = Path(name)
        for kind in ("ants", "bees"):
            (folder / kind).mkdir()
            for index in range(len(generated) % 5):
                (folder / kind / f"{index}.png").write_bytes(
                    (place / f"photos/{kind}/{index}.png").read_bytes()
                )
        for index, (file, content) in enumerate(generated):
            path = (
                folder
                / ("ants", "bees", "test/ants")[index % 3]
                / file.replace("/", "_")[:80]
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.strip(".") and not path.exists():
                path.write_bytes(content)
        with contextlib.redirect_stdout(io.StringIO()):
            loaded = try_input(photo_folders.load_photo_folder, folder, 32)
            try_input(photo_index.list_files, folder)
    if not isinstance(loaded, Refusal):
        assert loaded.train.x.shape[1:] == (32, 32, 3)


def pack(arrays: dict[str, np.ndarray], compressed: bool = False) -> bytes:
    """Returns the bytes of an .npz file."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def repack(archive: bytes, name: str, change) -> bytes:
    """Returns a zip archive in which one member is changed, so that its checksum is
    right.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.namelist():
            new.writestr(
                member, change(old.read(member)) if member == name else old.read(member)
            )
    return file.getvalue()


@st.composite
def archives(draw, make) -> bytes:
    """Draws a damaged archive: its own bytes, or those of a member."""
    whole = make()
    changes = draw(damages(len(whole)))
    if draw(st.booleans()):
        return damage(whole, changes)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        member = draw(st.sampled_from(archive.namelist()))
    return repack(whole, member, lambda content: damage(content, changes))


@functools.cache
def make_mnist(compressed: bool = False) -> bytes:
    sizes = {"x_train": (4, 28, 28), "y_train": 4, "x_test": (2, 28, 28), "y_test": 2}
    return pack(
        {name: np.zeros(size, "uint8") for name, size in sizes.items()}, compressed
    )


@functools.cache
def make_objects() -> bytes:
    """An archive whose arrays are pickles."""
    return pack(
        {
            name: np.array([{}, None], object)
            for name in (*digits.ARRAYS, "events", "step", "kind", "names")
        }
    )


@functools.cache
def make_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((2, 2)))
    return file.getvalue()


def make_state() -> bytes:
    return pack(
        {
            "number": np.array(1),
            "seconds": np.array(3.0),
            "events": np.array('{"train/events.out.tfevents.1": 5}'),
            "step": np.array(5),
            "picture": np.zeros((1, 8, 8, 3)),
        }
    )


def make_index() -> bytes:
    return pack(
        photo_index.Index(
            np.array("kind"),
            np.array(["a.png"]),
            np.zeros((1, 2), "int64"),
            np.zeros((1, 8), "float32"),
            np.zeros((1, 32, 32, 3), "uint8"),
        )._asdict()
    )


ARCHIVES = st.one_of(
    *(
        archives(make)
        for make in (
            make_mnist,
            lambda: make_mnist(True),
            make_state,
            make_index,
            make_objects,
        )
    ),
    st.builds(lambda changes: damage(make_array(), changes), damages(200)),
    st.binary(max_size=60),
)


@hunt(200)
@given(ARCHIVES)
@example(make_array())
@example(make_mnist())
@example(make_objects())
def test_numpy_archives(quiet_descriptor, place, generated):
    """As mnist.npz, as the state of a run, and as an index of photos."""
    GENERATED[".npz files"] += 1
    with tempfile.TemporaryDirectory(prefix="arrays_", dir=place) as name:
        folder = Path(name)
        (folder / "state").mkdir()
        for file in ("mnist.npz", "state/loop.npz", "index.npz"):
            (folder / file).write_bytes(generated)
        refusal = try_input(digits.read_arrays, folder / "mnist.npz")
        assert isinstance(refusal, Refusal), "only MNIST's own bytes are MNIST"
        assert str(folder / "mnist.npz") in refusal
        try_input(resume.States, folder, True)
        with contextlib.redirect_stdout(io.StringIO()):
            try_input(photo_index.find_index, [folder / "index.npz"], "kind")


@hunt(60)
@given(
    st.sampled_from(catalog.ENTRIES["fashion-mnist"].files), damages(200), st.booleans()
)
def test_idx_files(quiet_descriptor, place, file, changes, inside):
    GENERATED["IDX files"] += 1
    whole = b"\0\0\x08\x03" + bytes(range(200))
    path = place / Path(file.name).name
    path.write_bytes(
        gzip.compress(damage(whole, changes))
        if inside
        else damage(gzip.compress(whole), changes)
    )
    assert str(path) in try_input(fashion.read_array, path, file)
    path.unlink()


@functools.cache
def make_zip(place: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for split, kind, index in itertools.product(
            ("train", "val"), ("ants", "bees"), range(2)
        ):
            archive.write(
                place / f"photos/{kind}/{index + 2 * (split == 'val')}.png",
                f"hymenoptera_data/{split}/{kind}/{index}.png",
            )
    return file.getvalue()


@hunt(80)
@given(st.data())
def test_zip_of_photos(quiet_descriptor, place, data):
    GENERATED["zips of photos"] += 1
    whole = make_zip(place)
    folder = place / "cache"
    folder.mkdir(exist_ok=True)
    (folder / "hymenoptera_data.zip").write_bytes(data.draw(archives(lambda: whole)))
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        patch.setenv("COURSE_DATA", str(folder))
        try_input(photo_folders.load_ants_and_bees, 32)


@functools.cache
def make_torch(place: Path) -> bytes:
    tensors = collections.OrderedDict(
        a=Tensor("x", 12, 0, (3, 4), (4, 1)), b=Tensor("y", 1, 0, (), ())
    )
    return write_torch(
        place / "file.pth", tensors, {"x": range(12), "y": [1]}
    ).read_bytes()


@hunt(200)
@given(damages(700))
@example([(flip, -5, 255)])
@example([(flip, -7, 16)])
def test_torch_files(quiet_descriptor, place, changes):
    GENERATED["torch files"] += 1
    path = place / "generated.pth"
    path.write_bytes(damage(make_torch(place), changes))
    read = try_input(torch_file.read_tensors, path)
    assert isinstance(read, Refusal | dict)
    path.unlink()


@functools.cache
def make_vgg(place: Path) -> bytes:
    """The first convolutions of a VGG, in the form of Keras's published file."""
    with h5py.File(place / "vgg.h5", "w") as file:
        for name, channels in (("block1_conv1", 3), ("block1_conv2", 64)):
            group = file.create_group(name)
            group[f"{name}_W_1:0"], group[f"{name}_b_1:0"] = (
                np.zeros((3, 3, channels, 64), "f4"),
                np.zeros(64, "f4"),
            )
            group.attrs["weight_names"] = [f"{name}_W_1:0", f"{name}_b_1:0"]
    return (place / "vgg.h5").read_bytes()


@hunt(100)
@given(damages(8000))
def test_vgg_files(quiet_descriptor, place, changes):
    GENERATED["VGG files"] += 1
    path = place / "generated.h5"
    path.write_bytes(damage(make_vgg(place), changes))
    layers = ("block1_conv1", "block1_conv2")
    refusal = try_input(vgg.read_kernels.__wrapped__, path, layers)
    assert str(path) in refusal
    path.unlink()


@functools.cache
def network() -> keras.Model:
    return efficientnet_lite.build_efficientnet_lite0()


@functools.cache
def make_weights(place: Path) -> bytes:
    """A small file of Keras's weights, of another network."""
    LESSONS["course_3_cnn"].build_cnn((2, 2), 4, 0.4).save_weights(
        place / "small.weights.h5"
    )
    return (place / "small.weights.h5").read_bytes()


@hunt(40)
@given(
    damages(20000),
    st.sampled_from([".weights.h5", ".h5", ".pth", ".keras", ".txt", ""]),
)
def test_weight_files(quiet_descriptor, place, changes, ending):
    GENERATED["files of weights"] += 1
    path = place / f"generated{ending}"
    path.write_bytes(damage(make_weights(place), changes))
    assert str(path) in try_input(efficientnet_lite.load_weights, network(), path)
    path.unlink()


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([10**400, "running"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def records(draw, place: Path) -> dict[str, bytes]:
    """Draws the two JSON files of a run, with a value replaced somewhere, or damaged
    bytes; and the copy of its page, which may be anything.
    """
    files = {}
    for name in ("config.json", "metrics.json"):
        content = json.loads(
            (place / "trained/course_3_cnn/small" / name).read_text("utf-8")
        )
        content |= (
            {"train": {"loss": 1.0, "accuracy": 0.5}} if name == "metrics.json" else {}
        )
        for _ in range(draw(st.integers(0, 2))):
            where = content
            key = draw(st.sampled_from(sorted(where)))
            while isinstance(where[key], dict) and where[key] and draw(st.booleans()):
                where = where[key]
                key = draw(st.sampled_from(sorted(where)))
            if draw(st.booleans()):
                where[key] = draw(JSON)
            else:
                del where[key]
            if not content:
                break
        files[name] = json.dumps(content).encode()
        if draw(st.integers(0, 4)) == 0:
            files[name] = damage(files[name], draw(damages(400)))
        if draw(st.integers(0, 30)) == 0:
            files[name] = draw(
                st.sampled_from(
                    [
                        b"[" * 100_000,
                        b"1" * 5000,
                        b"null",
                        b"[]",
                        b"",
                        b"\xff\xfe",
                        b"{}",
                    ]
                )
            )
    page = (place / "trained/course_3_cnn/small/course_3_cnn.py").read_bytes()
    files["course_3_cnn.py"] = draw(
        st.one_of(
            st.builds(lambda changes: damage(page, changes), damages(len(page))),
            st.binary(max_size=60),
        )
    )
    return files


@hunt(110)
@given(st.data())
def test_run_folders(place, data):
    """As `compare` and `predict` read them, the first one beside a whole one."""
    GENERATED["run folders"] += 1
    folder = place / "records"
    if not folder.exists():
        shutil.copytree(
            place / "trained/course_3_cnn/small", folder / "course_3_cnn/whole"
        )
        (folder / "course_3_cnn/whole/model.keras").unlink()  # for `compare` only
    run = folder / "course_3_cnn/odd"
    (run / "figures").mkdir(parents=True, exist_ok=True)
    for name, content in data.draw(records(place)).items():
        (run / name).write_bytes(content)
    (run / "model.keras").write_bytes(
        (place / "trained/course_3_cnn/small/model.keras").read_bytes()
    )
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try_input(run_command, ["compare", "--logdir", str(folder)])
        words = [
            "predict",
            "--logdir",
            str(folder),
            data.draw(st.sampled_from([str(run), "course_3_cnn"])),
        ]
        try_input(run_command, [*words, str(place / "digit.png")])
    assert all(line.startswith("left out: ") for line in err.getvalue().splitlines())
    check_partial = list(run.rglob("*partial*"))
    assert not check_partial


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("metrics.json", lambda whole: b"[" * 100_000),
        ("metrics.json", lambda whole: whole.replace(b'"finished"', b"5")),
        (
            "metrics.json",
            lambda whole: whole.replace(
                b'"seconds"', b'"train": {"loss": []}, "seconds"'
            ),
        ),
        (
            "config.json",
            lambda whole: whole.replace(
                b'"class_names": [', b'"class_names": 5, "other": ['
            ),
        ),
        (
            "config.json",
            lambda whole: whole.replace(
                b'"class_names": [', b'"class_names": ["eleventh", '
            ),
        ),
        ("model.keras", lambda whole: whole[:-30]),
        ("model.keras", lambda whole: whole.replace(b"Sequential", b"Sequentiel")),
        ("model.keras", lambda whole: damage(whole, [(flip, -600, 1)])),
    ],
)
def test_what_the_hunt_found_in_run_folders(
    name, change, place, tmp_path, quiet_descriptor
):
    run = tmp_path / "course_3_cnn/small"
    shutil.copytree(place / "trained/course_3_cnn/small", run)
    whole = (run / name).read_bytes()
    assert change(whole) != whole
    (run / name).write_bytes(change(whole))
    with contextlib.redirect_stdout(io.StringIO()):
        refusal = try_input(
            run_command, ["predict", str(run), str(place / "digit.png")]
        )
    assert isinstance(refusal, Refusal)
    assert str(run) in refusal


@hunt(60)
@given(st.data())
def test_saved_models(quiet_descriptor, place, data):
    GENERATED["saved models"] += 1
    whole = (place / "trained/course_3_cnn/small/model.keras").read_bytes()
    record = run_folder.read(place / "trained/course_3_cnn/small")
    folder = place / "models"
    folder.mkdir(exist_ok=True)
    (folder / "model.keras").write_bytes(data.draw(archives(lambda: whole)))
    try_input(record._replace(folder=folder).load_model)


def test_enough_is_asked_for():
    print("generated in this process:", sum(GENERATED.values()), dict(GENERATED))
    assert sum(ASKED) >= WANTED
