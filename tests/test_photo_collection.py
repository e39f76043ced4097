"""Which photographs there are to search in."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from data import photo_collection
from data.images import read


def make_photo(brightness: int) -> bytes:
    """A gray photograph of 20 x 30 pixels, as a file."""
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (brightness,) * 3).save(file, "PNG")
    return file.getvalue()


def test_photographs_that_come_with_pip():
    with photo_collection.open_collection() as collection:
        assert "python -m data fetch ants-and-bees" in collection.source
        assert len(collection.paths) == len(collection.files) == 18
        photos = [read.read_picture(path) for path in collection.paths.values()]
    assert len({photo.tobytes() for photo in photos}) == 18


@pytest.mark.parametrize("unpacked", [False, True])
def test_ants_and_bees_where_they_are_at_hand(unpacked, monkeypatch, tmp_path):
    names = [f"{split}/{kind}/1.png" for split in ("train", "val") for kind in "ab"]
    path = tmp_path / "hymenoptera_data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(f"hymenoptera_data/{name}", make_photo(number))
    if unpacked:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path)
        path.unlink()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with photo_collection.open_collection() as collection:
        assert str(tmp_path) in collection.source
        assert list(collection.paths)[18:] == names
        for number, name in enumerate(names):
            photo = read.read_picture(collection.paths[name])
            np.testing.assert_array_equal(photo, np.full((20, 30, 3), number))


def test_own_folder(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/photo.png").write_bytes(make_photo(7))
    with photo_collection.open_collection(tmp_path) as collection:
        assert list(collection.paths) == ["deeper/photo.png"]
        assert str(tmp_path) in collection.source
    with (
        pytest.raises(ValueError, match="nowhere is not a folder"),
        photo_collection.open_collection(tmp_path / "nowhere"),
    ):
        pass
