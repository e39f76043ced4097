"""Sums of a convolution are those of the slides, of SciPy and of Keras."""

import itertools

from lessons import course_3_convolution as lesson

import keras
import numpy as np
import pytest
from scipy.signal import correlate, correlate2d

SMALL = {}
PICTURE = ["100001", "010010", "001100", "100010", "010010", "001010"]
SUMS = [[3, -1, -3, -1], [-3, 1, 0, -3], [-3, -3, 0, 1], [3, -2, -2, -1]]


def test_sums_are_those_of_the_slides(small_run):
    assert ["".join(map(str, row)) for row in lesson.PICTURE] == PICTURE
    first, second = np.moveaxis(small_run.metrics["sums"], -1, 0)
    np.testing.assert_array_equal(first, SUMS)
    expected = correlate2d(lesson.PICTURE, lesson.UPRIGHT, mode="valid")
    np.testing.assert_array_equal(second, expected)
    pooled = np.moveaxis(small_run.metrics["pooled"], -1, 0)
    for maps, values in zip((first, second), pooled, strict=True):
        np.testing.assert_array_equal(values, maps.reshape(2, 2, 2, 2).max(axis=(1, 3)))
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"edges.png", "slide.png"}


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_sums_are_those_of_scipy(padding, channels):
    random = np.random.default_rng(0)
    picture = random.normal(size=(9, 7, *channels))
    kernel = random.normal(size=(3, 3, *channels))
    sums = lesson.convolve(picture, kernel, 1, padding)
    expected = correlate(np.atleast_3d(picture), np.atleast_3d(kernel), padding)
    np.testing.assert_allclose(sums, expected[..., expected.shape[2] // 2])
    strided = lesson.convolve(picture, kernel, 2, "valid")
    valid = lesson.convolve(picture, kernel, 1, "valid")
    np.testing.assert_allclose(strided, valid[::2, ::2])


def test_places_and_sums_are_those_of_keras():
    random = np.random.default_rng(0)
    picture = random.normal(size=(8, 7))
    for size, stride, padding in itertools.product(
        (2, 3), (1, 2, 3), ("valid", "same")
    ):
        kernel = random.normal(size=(size, size))
        sums = lesson.convolve(picture, kernel, stride, padding)
        expected = keras.ops.conv(
            picture[np.newaxis, ..., np.newaxis],
            kernel[..., np.newaxis, np.newaxis],
            stride,
            padding,
        )
        np.testing.assert_allclose(sums, expected[0, ..., 0], atol=1e-6)
        places = [lesson.output_size(side, size, stride, padding) for side in (8, 7)]
        assert [*sums.shape] == places


def test_edges_are_upright_or_level():
    half = np.zeros((40, 60, 3), np.uint8)
    half[:, 30:] = 255
    upright, level = np.moveaxis(lesson.find_edges(half, 1, "valid"), -1, 0)
    expected = np.abs(correlate2d(half.mean(axis=2), lesson.SOBEL, mode="valid"))
    np.testing.assert_allclose(upright, expected, atol=1e-4)
    assert set(np.argwhere(expected)[:, 1]) == {28, 29}
    assert level.max() < 1e-4
