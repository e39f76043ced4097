"""A picture takes on the style of one picture and keeps the content of another."""

from lessons import course_9_style_transfer as lesson

import numpy as np
import pytest
from PIL import Image

from data import photos
from data.images import read
from tests.few import few_layers
from tests.lessons import small

SMALL = {"size": 64, "steps": 20}
COLORS = [(0, 0, 0), (255, 255, 255), (90, 20, 160)]


def read_result(logdir, mode: str) -> np.ndarray:
    """Returns the picture of a run."""
    path = logdir / "course_9_style_transfer/test/figures/picture.png"
    return np.asarray(Image.open(path).convert(mode), float)


def read_content(mode: str) -> np.ndarray:
    """Returns the photograph, as large as the results."""
    pixels = read.scale_to(photos.load_photo().pixels, 64)
    return np.asarray(Image.fromarray(pixels).convert(mode), float)


def test_picture_takes_on_the_style_and_keeps_the_content(small_run):
    """Against the baseline, which is the content in the colors of the style."""
    end, start = small_run.metrics["test"], small_run.metrics["baseline"]
    assert end["style"] < 0.1 * start["style"]
    assert end["content"] < 1.7 * start["content"]
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"picture.png", "side_by_side.png"}
    picture = Image.open(small_run.folder / "figures/picture.png")
    assert picture.size == (64, 43), "the content's aspect ratio"


def test_weights_say_what_matters(small_run, tmp_path):
    both = small_run.metrics["test"]
    content = small.run(lesson, tmp_path, style_weight=1.0)["test"]
    assert content["content"] < both["content"]
    assert content["style"] > both["style"]


def test_noise_becomes_the_content(tmp_path):
    only_content = {"style_weight": 0.0, "smoothness_weight": 0.0}
    fields = {"start": "noise", "learning_rate": 20.0, "steps": 60}
    with few_layers(content="block1_conv1"):
        small.run(lesson, tmp_path, **only_content, **fields)
    grays = read_result(tmp_path, "L").ravel(), read_content("L").ravel()
    assert np.corrcoef(*grays)[0, 1] > 0.9


def test_colors_of_the_content_are_kept(tmp_path):
    """But for colors that no lightness of that kind has."""
    with few_layers():
        small.run(lesson, tmp_path, keep_colors=True)
    difference = np.abs(read_result(tmp_path, "YCbCr") - read_content("YCbCr"))
    lightness, *colors = difference.mean(axis=(0, 1))
    assert max(colors) < 3
    assert lightness > 5


@pytest.mark.parametrize(
    "color", [COLORS[0], *(pytest.param(c, marks=pytest.mark.full) for c in COLORS[1:])]
)
def test_one_color_alone_is_no_trouble(color, tmp_path):
    plain = tmp_path / "plain.png"
    Image.new("RGB", (80, 60), color).save(plain)
    for name, value in {"style": (str(plain),), "content": str(plain)}.items():
        metrics = small.run(lesson, tmp_path / name, size=32, steps=2, **{name: value})
        assert np.isfinite(list(metrics["test"].values())).all()
        assert read_result(tmp_path / name, "RGB").shape[2] == 3
