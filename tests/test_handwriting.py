"""Digits are found in photographs of paper, wherever and however small they are."""

from pathlib import Path
from types import SimpleNamespace

from lessons.commands import predict

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage import measure

from data import digits, fashion
from data.images import handwriting
from data.images import read as images_read
from tests.photos import photograph
from tools import handwriting as composer

WITH_DIGITS = [kind for kind, (count, _) in composer.KINDS.items() if count]
WITHOUT = ("table", "ruled", "squared", "nothing")


@pytest.fixture(scope="module")
def network(reader):
    return keras.models.load_model(reader / "model.keras")


@pytest.fixture
def small_photos(monkeypatch):
    monkeypatch.setattr(composer, "SIZES", ((800, 600), (600, 800)))


def write(text: str) -> list:
    """Digits of the sample that the network was not trained on."""
    test = digits.load_sample("a test needs no more").test
    return [
        (test.x[np.flatnonzero(test.y == int(digit))[number], ..., 0], int(digit))
        for number, digit in enumerate(text)
    ]


def read(network, picture) -> str:
    found = predict.read_digits(network, picture)
    return "".join(str(one.probabilities.argmax()) for one in found)


def test_digits_on_all_kinds_of_paper(network, small_photos):
    """One is allowed to be misread by the tests' small network."""
    texts = ["4", "47", "0", "6", "6", "58"]
    wrong = []
    for kind, text in zip(WITH_DIGITS, texts, strict=True):
        photo = composer.compose(np.random.default_rng(1), kind, write(text))
        assert photo.text == text
        found = predict.read_digits(network, photo.picture)
        answers = [str(one.probabilities.argmax()) for one in found]
        if answers != [*text]:
            wrong.append((kind, text, answers))
            continue
        for one, answer in zip(found, answers, strict=True):
            assert composer.is_right(one, answer, photo), kind
            assert one.image.shape == (28, 28, 1)
    assert len(wrong) <= 1, wrong


def test_no_digit_is_found_where_none_is(network, monkeypatch):
    monkeypatch.setattr(composer, "SIZES", ((640, 480), (480, 640)))
    for kind in WITHOUT:
        photo = composer.compose(np.random.default_rng(3), kind, [])
        assert read(network, photo.picture) == "", kind
    for value in (0, 128, 255):
        assert handwriting.find_candidates(np.full((60, 80, 3), value, np.uint8)) == []


@pytest.mark.parametrize("inverted", [False, True])
def test_ink_may_be_dark_or_light(inverted, network):
    """Large digits too, over half of their photograph."""
    right = 0
    for digit in (1, 2, 3):
        photo = photograph(digit, 0, 2 * digit)[::2, ::2]
        found = predict.read_digits(network, 255 - photo if inverted else photo)
        right += [one.probabilities.argmax() for one in found] == [digit]
        dark_on_light = (digit % 3 < 2) != inverted
        assert all(one.dark_on_light == dark_on_light for one in found)
    assert right >= 2


def test_a_printed_box_is_no_zero_and_hides_no_digit(network):
    random = np.random.default_rng(0)
    for text in ("", "4"):
        sheet = np.full((500, 600, 3), 235.0, np.float32)
        sheet[100:103, 100:240] = sheet[240:243, 100:240] = 50
        sheet[100:243, 100:103] = sheet[100:243, 237:240] = 50
        for image, _ in write(text):
            composer.write(sheet, composer.grow(image, 90, 0.07), (140, 125), 40)
        assert read(network, composer.develop(random, sheet)) == text


def test_what_has_straight_lines_but_is_open_is_no_box():
    """Such as a 6 in straight strokes whose right side is short."""
    sheet = Image.new("RGB", (900, 900), (245, 243, 235))
    corners = [(500, 330), (500, 300), (300, 300), (300, 600), (500, 600), (500, 500)]
    ImageDraw.Draw(sheet).line(corners, (25, 25, 35), 16)
    clearest = handwriting.find_candidates(np.asarray(sheet))[0]
    np.testing.assert_allclose(clearest.box, (292, 292, 508, 608), atol=6)


def test_digits_may_touch_each_other_or_a_printed_box(network):
    random = np.random.default_rng(0)
    sheet = np.full((500, 700, 3), 235.0, np.float32)
    empty = sheet.copy()
    corner = 150
    for image, _ in write("69"):
        ink = composer.grow(image, 90, 0.09)
        composer.write(sheet, ink, (corner, 150), 40)
        corner += ink.shape[1] - 8
    _, parts = ndimage.label((sheet < 150).all(axis=2), np.ones((3, 3)))
    assert parts == 1
    assert read(network, composer.develop(random, sheet)) == "69"
    sheet = empty
    sheet[130:133, 140:340] = sheet[250:253, 140:340] = 60
    for left in (140, 240, 337):
        sheet[130:253, left : left + 3] = 60
    for (image, _), left in zip(write("47"), (141, 241), strict=True):
        composer.write(sheet, composer.grow(image, 85, 0.09), (left, 150), 60)
    _, parts = ndimage.label((sheet < 150).all(axis=2), np.ones((3, 3)))
    assert parts == 1
    assert read(network, composer.develop(random, sheet)) == "47"


@pytest.mark.parametrize("pale", [False, True])
def test_digits_stick_out_of_tilted_boxes(pale, network):
    """Of two pixels on each side, darker than the ink or so pale that they are hardly
    seen beside it.
    """
    random = np.random.default_rng(0)
    sheet = Image.new("RGB", (700, 500), (235, 235, 235))
    tilted = np.array([[0, 0], [300, -30], [310, 70], [10, 100]]) + (150, 250)
    color = (170, 180, 215) if pale else (40, 40, 45)
    corners = [tuple(corner) for corner in tilted]
    draw = ImageDraw.Draw(sheet)
    draw.line([*corners, corners[0]], color, 2)
    middles = (tilted[[0, 3]] + tilted[[1, 2]]) / 2
    draw.line([tuple(corner) for corner in middles], color, 2)
    sheet = np.array(sheet, np.float32)
    for (image, _), corner in zip(write("47"), ((180, 270), (320, 255)), strict=True):
        composer.write(sheet, composer.grow(image, 95, 0.09), corner, 80)
    assert read(network, composer.develop(random, sheet)) == "47"


def test_lines_are_found_whatever_crosses_them():
    """A grid, and strokes that are fainter than it."""
    mask = np.zeros((900, 1200), bool)
    mask[20::30] = mask[21::30] = mask[:, 10::30] = mask[:, 11::30] = True
    written = np.zeros_like(mask)
    written[125:160, 203:209] = written[135:140, 185:230] = True
    across, down = handwriting.find_printed(mask | written)
    assert across[20::30].all()
    assert down[:, 10::30].all()
    assert not (across | down)[127:133, 204:208].any()
    contrast = np.where(mask, 0.6, 0.0)
    contrast[written] = 0.5  # fainter than the lines
    left = handwriting.remove_lines(mask | written, contrast, across, down)
    assert left[written & ~mask].mean() > 0.8
    assert left[~written].mean() < 0.01


def test_a_sheet_ends_at_its_edge_but_not_at_a_shadow():
    picture = np.full((600, 800, 3), (90, 80, 70), np.float32)
    picture[100:500, 150:650] = 240
    picture[200:260, 300:306] = picture[200:206, 300:340] = 40  # written
    x = np.linspace(-1, 1, 800)
    shade = 1 - 0.45 / (1 + np.exp(-(x - 0.1) / 0.03))
    sheets = handwriting.find_sheets(np.uint8(picture * shade[:, np.newaxis]))
    high, wide = sheets.shape
    rows, columns = np.mgrid[:high, :wide] * 600 / high
    inside = (rows > 110) & (rows < 490) & (columns > 160) & (columns < 640)
    outside = (rows < 90) | (rows > 510) | (columns < 140) | (columns > 660)
    ((sheet,),) = (np.unique(sheets[inside]),)
    assert sheet > 0
    assert sheet not in sheets[outside]


def test_a_number_is_on_one_sheet(network):
    """Grass beside it has strokes, too, some like a 1."""
    for seed in (5, 6):
        random = np.random.default_rng(seed)
        grass = composer.photograph_table(random, ("grass",), (900, 700))
        grass[150:550, 200:700] = 235
        for place, (image, _) in enumerate(write("47")):
            ink = composer.grow(image, 40, 0.09)
            composer.write(grass, ink, (400 + 50 * place, 300), 50)
        assert read(network, composer.develop(random, grass)) == "47", seed


def test_loops_stay_open_whatever_the_pen():
    """Composed of an image that has a gray spot as its loop."""
    image = Image.new("L", (28, 28))
    draw = ImageDraw.Draw(image)
    draw.ellipse([8, 4, 18, 14], 255)
    draw.line([17, 10, 14, 23], 255, 3)
    image = np.array(image)
    image[7:12, 11:16] = 140
    for length, thin in ((20, None), (90, None), (30, 0.09), (90, 0.05)):
        grown = composer.grow(image, length, thin)
        assert measure.euler_number(grown > 0.5) == 0, (length, thin)


def test_what_was_written_with_another_pen_is_no_digit_of_the_number(network):
    """A blue 47 beside a red 1."""
    random = np.random.default_rng(0)
    sheet = np.full((500, 700, 3), 235.0, np.float32)
    ((red, _),) = write("1")
    ink = composer.grow(red, 80, 0.09)
    composer.write(sheet, ink, (150, 150), np.array((200, 30, 30)))
    for place, (image, _) in enumerate(write("47")):
        ink = composer.grow(image, 80, 0.09)
        composer.write(sheet, ink, (250 + 100 * place, 150), np.array((30, 40, 160)))
    assert read(network, composer.develop(random, sheet)) == "47"


def test_a_ruled_line_through_a_digit_is_no_part_of_it(network):
    """Also where it is as dark as the ink."""
    random = np.random.default_rng(1)
    sheet = np.full((450, 600, 3), 235.0, np.float32)
    for top in range(20, 450, 60):
        sheet[top : top + 3] = 90
    for place, (image, _) in enumerate(write("47")):
        ink = composer.grow(image, 80, 0.08)
        composer.write(sheet, ink, (200 + 100 * place, 155), 80)
    assert read(network, composer.develop(random, sheet)) == "47"


def test_digits_are_read_line_by_line():
    places = [(100, 10), (20, 14), (60, 90), (180, 5), (20, 84)]
    found = [
        handwriting.Digit((x, y, x + 30, y + 40), True, None, None) for x, y in places
    ]
    assert [one.box[:2] for one in handwriting.sort(found)] == [
        (20, 14),
        (100, 10),
        (180, 5),
        (20, 84),
        (60, 90),
    ]
    rising = [(20 + 50 * place, 100 - 12 * place) for place in range(6)]
    found = [
        handwriting.Digit((x, y, x + 30, y + 40), True, None, None) for x, y in rising
    ]
    assert [one.box[:2] for one in handwriting.sort(found)] == rising


def test_only_networks_of_digits_look_for_digits(
    network, small_photos, monkeypatch, tmp_path
):
    """Clothes fill their picture."""
    photo = composer.compose(np.random.default_rng(1), "table", write("47"))
    Image.fromarray(photo.picture).save(tmp_path / "a.png")

    def ask(class_names):
        config = {"class_names": list(class_names)}
        run = SimpleNamespace(folder="", config=config, load_model=lambda: network)
        return predict.predict_pictures(run, [str(tmp_path / "a.png")])

    answers = ask(digits.CLASS_NAMES)
    assert answers.lines[0].startswith(f"{tmp_path / 'a.png'}: 47   (4 ")
    assert answers.lines[0].endswith(" light)")
    assert answers.picture.shape[1:] == (960, 3)
    monkeypatch.setattr(handwriting, "find_candidates", None)
    (line,) = ask(fashion.CLASS_NAMES).lines
    assert any(name in line for name in fashion.CLASS_NAMES)


def test_pictures_that_people_reported(network):
    """Where they are at hand: a small digit, paper on a table, an empty page."""
    folder = Path(__file__).parents[2] / "shared/reports/05-handwriting"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    for name, text in (("small_7", "7"), ("table_1", "1"), ("blank_lined", "")):
        picture = images_read.read_picture(folder / f"{name}.jpg")
        assert read(network, picture) == text, name
