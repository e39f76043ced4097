"""Pictures as people have them, read in one place."""

import io
import struct
from pathlib import Path

import keras
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from data.images import drawing, read
from tests.photos import photograph


def test_photographed_digits_are_read(reader):
    """At least 18 of 20, by a network that never saw any but MNIST's."""
    model = keras.models.load_model(reader / "model.keras")
    found = [
        drawing.cut_out_drawing(photograph(digit, hand, 2 * digit + hand))
        for digit, hand in np.ndindex(10, 2)
    ]
    answers = model.predict(np.stack([one.image for one in found]), verbose=0).argmax(
        axis=1
    )
    assert (answers == np.repeat(range(10), 2)).sum() >= 18


@pytest.mark.parametrize("inverted", [False, True])
def test_ground_is_found_out_and_does_not_matter(inverted):
    for seed in range(12):
        photo = photograph(5, seed % 2, seed)
        found = drawing.cut_out_drawing(255 - photo if inverted else photo)
        assert found.dark_on_light == ((seed % 6 < 4) != inverted)
        other = drawing.cut_out_drawing(photo if inverted else 255 - photo)
        assert np.abs(found.image.astype(int) - other.image).mean() < 1


def test_drawing_has_the_form_of_mnist(course_data):
    with np.load(course_data / "mnist.npz") as archive:
        originals = archive["x_test"][:50]
    for original in originals:
        again = drawing.cut_out_drawing(np.repeat(original[..., np.newaxis], 3, axis=2))
        assert not again.dark_on_light
        assert np.corrcoef(again.image.ravel(), original.ravel())[0, 1] > 0.8


def test_drawing_is_centered_and_20_pixels_long():
    y, x = np.mgrid[:28, :28]
    for seed in range(6):
        image = (
            drawing.cut_out_drawing(photograph(8, 0, seed)).image[..., 0].astype(float)
        )
        rows = np.flatnonzero(image.max(axis=1) > 30)
        assert 18 <= rows[-1] - rows[0] + 1 <= 21
        assert (x * image).sum() / image.sum() == pytest.approx(14, abs=0.5)
        assert (y * image).sum() / image.sum() == pytest.approx(14, abs=0.5)


@pytest.mark.parametrize("color", [0, 128, 255])
def test_empty_paper(color):
    with pytest.raises(ValueError, match="no drawing found"):
        drawing.cut_out_drawing(np.full((60, 80, 3), color, np.uint8))


RED = np.full((20, 30, 3), (200, 30, 40), np.uint8)


def save(path, image, **keywords):
    image.save(path, **keywords)
    return read.read_picture(path)


def test_formats_and_modes(tmp_path):
    image = Image.fromarray(RED)
    for picture in (
        save(tmp_path / "color.png", image),
        save(tmp_path / "color.jpg", image, quality=95),
        save(
            tmp_path / "palette.png", image.convert("P", palette=Image.Palette.ADAPTIVE)
        ),
        save(tmp_path / "cmyk.jpg", image.convert("CMYK"), quality=95),
        save(tmp_path / "opaque.png", image.convert("RGBA")),
        save(tmp_path / "我的 照片.png", image),
    ):
        assert picture.dtype == np.uint8
        assert picture.shape == RED.shape
        assert np.abs(picture.astype(int) - RED).max() <= 6
    gray = save(tmp_path / "gray.png", image.convert("L"))
    assert gray.shape == RED.shape
    assert len(np.unique(gray)) == 1
    assert save(tmp_path / "bit.png", image.convert("1")).shape == RED.shape


def test_16_bits_keep_their_contrast(tmp_path):
    ramp = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    picture = save(tmp_path / "deep.png", Image.fromarray(ramp))
    np.testing.assert_allclose(picture[..., 0], ramp / 257, atol=1)


RAMP = np.linspace(0, 1, 600).reshape(20, 30)
DEEP = {
    "float": np.float32(RAMP),
    "float_that_overshoots": np.float32(RAMP * 1.04 - 0.01),
    "float_to_255": np.float32(RAMP * 255),
    "light_measured": np.float32(RAMP * 7),
    "int32": np.int32(RAMP * 255),
    "int32_of_100000": np.int32(RAMP * 100_000),
    "uint32": np.uint32(RAMP * (2**32 - 1)),
    "tomogram": np.int16(RAMP * 4000 - 1000),
    "10_bits": np.uint16(RAMP * 1023),
    "12_bits": np.uint16(RAMP * 4095),
    "14_bits": np.uint16(RAMP * 16383),
    "16_bits": np.uint16(RAMP * 65535),
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_are_neither_black_nor_noise(name, order, tmp_path):
    """As TIFF; what Pillow cannot read of it is refused by name."""
    path = tmp_path / f"{name}.tif"
    tifffile.imwrite(path, DEEP[name], byteorder=order)
    if (name, order) == ("uint32", ">"):
        with pytest.raises(ValueError, match=r"uint32.tif is a TIFF of a rare kind"):
            read.read_picture(path)
        return
    picture = read.read_picture(path)
    assert picture.shape == (20, 30, 3)
    assert np.abs(picture[..., 0] / 255 - RAMP).max() < 0.04


def test_pictures_that_people_reported():
    """Where they are at hand: gray ramps in four kinds of TIFF, and photos as HEIC."""
    folder = Path(__file__).parents[2] / "shared/reports"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    for path in sorted(folder.glob("02-tiff-black/*.tif")):
        picture = read.read_picture(path)
        assert picture.min() == 0
        assert 250 <= picture.max() <= 255
        assert 120 < picture.mean() < 135
    for path in sorted(folder.glob("01-heic/*")):
        try:
            assert read.read_picture(path).std() > 30
        except ValueError as error:
            assert "is HEIC, a format of iPhones" in str(error)


def test_deep_pictures_of_odd_numbers(tmp_path):
    """Zero may be white; a pixel may be no number; a black picture stays black."""
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, DEEP["16_bits"], photometric="miniswhite")
    inverted = read.read_picture(path)
    assert np.abs(inverted[..., 0] / 255 - (1 - RAMP)).max() < 0.01
    broken = DEEP["float"].copy()
    broken[0, 10] = np.nan
    tifffile.imwrite(path, broken)
    picture = read.read_picture(path)
    assert picture[0, 10, 0] == 0
    assert picture[-1, -1, 0] == 255
    tifffile.imwrite(path, np.zeros((20, 30), np.int32))
    assert (read.read_picture(path) == 0).all()
    colors = np.uint16(4095 * np.repeat(RAMP[..., np.newaxis], 3, axis=2))
    tifffile.imwrite(path, np.full((20, 30), np.nan, np.float32))
    with pytest.raises(ValueError, match="without one pixel that is a finite number"):
        read.read_picture(path)
    tifffile.imwrite(path, colors, photometric="rgb")
    with pytest.raises(ValueError, match="is almost black, 12 bits in 16: save it as"):
        read.read_picture(path)
    small = {"photometric": "rgb", "subfiletype": 1}
    tifffile.imwrite(tmp_path / "raw.nef", RED, **small)
    with pytest.raises(ValueError, match="is the preview of a camera's raw picture"):
        read.read_picture(tmp_path / "raw.nef")


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", r"HEIC.*pip install.*as JPEG|damaged"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL: save it as JPEG"),
        (b"%PDF-1.7\n", "a PDF: save it as JPEG"),
        (b'<?xml version="1.0"?>\n<svg width="9">', "an SVG drawing: save it"),
        (b"\n<!DOCTYPE html><html>", "a web page.*fetch it again"),
        (b"II*\0\x08\0\0\0", "a TIFF of a rare kind, or damaged"),
    ],
)
def test_what_is_no_picture_is_named_whatever_its_name(beginning, said, tmp_path):
    """What phones, cameras and failed downloads leave, named .jpg."""
    path = tmp_path / "IMG_2042.jpg"
    path.write_bytes(beginning + bytes(300))
    with pytest.raises(ValueError, match=rf"IMG_2042.jpg is (a )?({said})") as error:
        read.read_picture(path)
    assert len(str(error.value).removeprefix(str(path))) < 120


def test_photos_of_iphones_are_read_with_pillow_heif(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(RED)).save(tmp_path / "IMG_2041.HEIC", quality=95)
    (tmp_path / "IMG_2041.HEIC").rename(tmp_path / "IMG_2042.jpg")
    picture = read.read_picture(tmp_path / "IMG_2042.jpg")
    assert picture.shape == RED.shape
    assert np.abs(picture.astype(int) - RED).max() <= 12


def test_transparent_is_white(tmp_path):
    picture = save(tmp_path / "clear.png", Image.new("RGBA", (30, 20), (0, 0, 0, 0)))
    assert (picture == 255).all()
    mixed = Image.new("P", (30, 20), 0)
    mixed.putpalette([0, 0, 0, 255, 0, 0])
    assert (save(tmp_path / "palette.png", mixed, transparency=0) == 255).all()


def test_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    original = np.zeros((20, 30, 3), np.uint8)
    original[:, :15] = 255
    turned = save(tmp_path / "phone.png", Image.fromarray(original), exif=exif)
    assert turned.shape == (30, 20, 3)
    assert (turned[:15] == 255).all()
    assert (turned[15:] == 0).all()


def test_odd_exif_data_are_no_matter(tmp_path):
    """Only the orientation is read; a resolution that is text is passed over."""
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    resolution = struct.pack("<HHI4s", 0x011A, 2, 4, b"odd")
    exif = (
        b"Exif\0\0II*\0"
        + struct.pack("<IH", 8, 2)
        + orientation
        + resolution
        + bytes(4)
    )
    assert save(tmp_path / "odd.jpg", Image.fromarray(RED), exif=exif).shape == (
        30,
        20,
        3,
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_turned_as_pillow_does(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    picture = save(tmp_path / "turned.png", Image.fromarray(noise), exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        np.testing.assert_array_equal(
            picture, np.asarray(ImageOps.exif_transpose(image))
        )


def bad_files(folder):
    """Files that are no pictures to be used, and what is said of each."""
    whole = folder / "whole.png"
    Image.effect_noise((400, 300), 90).save(whole)
    photo = folder / "photo.jpg"
    Image.effect_noise((400, 300), 90).save(photo)
    cases = {
        "text.png": (b"not a picture", "is not a picture"),
        "empty.png": (b"", "is not a picture"),
        "cut.png": (whole.read_bytes()[:3000], "damaged"),
        "cut.jpg": (photo.read_bytes()[:3000], "damaged"),
        "flipped.png": (
            whole.read_bytes()[:1000] + bytes(200) + whole.read_bytes()[1200:],
            "damaged",
        ),
    }
    turned = io.BytesIO()
    Image.effect_noise((40, 30), 90).save(
        turned, "TIFF", compression="tiff_adobe_deflate"
    )
    tiff = turned.getvalue()
    cases["packed.tif"] = (
        tiff[:30] + bytes(60) + tiff[90:],
        "damaged",
    )  # libtiff complains past Python's stderr
    cases["tags.tif"] = (tiff[:-8], "damaged|not a picture")  # Pillow warns
    cases["header.png"] = (
        b"\x89PNG\r\n\x1a\n\0\0\0\x05IHDR" + bytes(9),
        "damaged",
    )  # a ValueError of Pillow's
    for name, (content, said) in cases.items():
        (folder / name).write_bytes(content)
        yield folder / name, said
    Image.new("L", (1, 1)).save(folder / "dot.png")
    yield folder / "dot.png", "1 x 1 pixels, expected at least 8 x 8"
    Image.new("1", (20_000, 20_000)).save(folder / "huge.png")
    yield (
        folder / "huge.png",
        "too many pixels|20000 x 20000 pixels, expected at most 50 million",
    )


def test_bad_files(tmp_path, capfd):
    for path, said in bad_files(tmp_path):
        with pytest.raises(ValueError, match=said) as error:
            read.read_picture(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError):
        read.read_picture(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="is a folder, expected a picture: name the"):
        read.read_picture(tmp_path)
    assert capfd.readouterr().err == ""
