"""The models against NumPy and SciPy."""

import functools

from lessons import course_2_mlp, course_3_cnn

import keras
import numpy as np
import pytest
from scipy.signal import correlate2d

from models import backbones, cnn, dense, features
from tests.conftest import needs_bfloat16


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)


def test_mlp_is_matrix_products(images):
    model = course_2_mlp.build_mlp((20, 30), dropout=0.5)
    kernels_and_biases = [weight.numpy() for weight in model.weights]
    assert model.count_params() == 784 * 20 + 20 + 20 * 30 + 30 + 30 * 10 + 10
    values = images.reshape(3, 784) / 255
    for kernel, bias in zip(
        kernels_and_biases[:4:2], kernels_and_biases[1:4:2], strict=True
    ):
        values = np.maximum(values @ kernel + bias, 0)
    np.testing.assert_allclose(
        model(images), values @ kernels_and_biases[4] + kernels_and_biases[5], atol=1e-5
    )


@pytest.mark.parametrize("build", [course_3_cnn.build_cnn, cnn.build_cnn])
def test_cnn_is_convolutions(build, images):
    model = build((2, 3), units=5, dropout=0.4)
    kernel1, bias1, kernel2, bias2, kernel3, bias3, kernel4, bias4 = (
        weight.numpy() for weight in model.weights
    )

    def convolve_and_pool(maps, kernel, bias):
        """`maps` is (height, width, channels)."""
        result = np.stack(
            [
                sum(
                    correlate2d(maps[..., c], kernel[..., c, k], mode="valid")
                    for c in range(maps.shape[-1])
                )
                + bias[k]
                for k in range(kernel.shape[-1])
            ],
            axis=-1,
        )
        result = np.maximum(result, 0)
        height, width = (size // 2 * 2 for size in result.shape[:2])  # an odd one ends
        corners = [
            result[i:height:2, j:width:2] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        return np.max(corners, axis=0)

    for image, logits in zip(images, model(images).numpy(), strict=True):
        maps = convolve_and_pool(
            convolve_and_pool(image / 255, kernel1, bias1), kernel2, bias2
        )
        hidden = np.maximum(maps.ravel() @ kernel3 + bias3, 0)
        np.testing.assert_allclose(logits, hidden @ kernel4 + bias4, atol=1e-4)


def test_ancestors_cnn():
    expected = (
        (9 * 32 + 32)
        + (9 * 32 * 64 + 64)
        + (5 * 5 * 64 * 256 + 256)
        + (256 * 10 + 10)
    )
    assert cnn.build_cnn().count_params() == expected


BUILDERS = {
    "mlp": functools.partial(course_2_mlp.build_mlp, (20, 30), 0.3),
    "cnn": functools.partial(course_3_cnn.build_cnn, (2, 3), 5, 0.4),
    "shared cnn": functools.partial(cnn.build_cnn, (2, 3), 5),
}


@pytest.mark.parametrize(
    "precision", ["float32", pytest.param("mixed_bfloat16", marks=needs_bfloat16)]
)
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_saved_model_gives_the_same_bits(build, precision, images, tmp_path):
    keras.config.set_dtype_policy(precision)
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), again.predict(images, verbose=0)
    )


@needs_bfloat16
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_output_stays_in_float32(build, images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")
    assert model(images).dtype == "float32"
    assert model.layers[-2].compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("name", "original", "preprocess"),
    [
        (
            "mobilenet_v2",
            keras.applications.MobileNetV2,
            keras.applications.mobilenet_v2.preprocess_input,
        ),
        ("vgg16", keras.applications.VGG16, keras.applications.vgg16.preprocess_input),
    ],
)
def test_backbone_is_that_of_keras_with_its_preprocessing(
    name, original, preprocess, tmp_path
):
    """The file is written by Keras's own network, with its order of layers and VGG16's
    order of colors.
    """
    network = original(weights=None, classifier_activation=None)
    make_statistics(network)
    network.save(
        tmp_path / "file.h5"
    )  # the old format, in which Keras publishes weights
    pictures = np.random.default_rng(1).integers(
        0, 256, (1, 224, 224, 3), dtype=np.uint8
    )
    expected = network.predict(preprocess(pictures.astype("float32")), verbose=0)
    model = backbones.build_backbone(name, tmp_path / "file.h5")
    np.testing.assert_allclose(
        model.predict(pictures, verbose=0),
        expected,
        rtol=1e-3,
        atol=1e-3 * np.ptp(expected),
    )
    assert model.get_layer("features").output.shape[1] in (1280, 4096)
    maps = [model.get_layer(depth).output.shape[1] for depth in backbones.DEPTHS[name]]
    assert maps == sorted(maps, reverse=True)


def make_statistics(network):
    """Gives batch normalization random statistics, scales and offsets."""
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, weight.shape)
                    for weight in layer.get_weights()
                ]
            )


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v2"])
def test_folded_backbone_has_the_same_features(name):
    network = backbones.build_backbone(name, size=64)
    make_statistics(network)
    network = keras.Model(network.inputs[0], network.get_layer("features").output)
    folded = backbones.fold_normalization(network)
    assert not [
        layer
        for layer in folded.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    pictures = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    expected = network(pictures).numpy()
    np.testing.assert_allclose(
        folded(pictures), expected, rtol=1e-4, atol=1e-5 * np.ptp(expected)
    )


def test_only_what_can_be_folded_is_folded():
    """The first convolution has an activation, the second is read twice, the third has
    a bias and channels of two.
    """
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = second = keras.layers.Conv2D(4, 1)(keras.layers.BatchNormalization()(x))
    x = keras.layers.Add()([keras.layers.BatchNormalization()(x), second])
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, bias_initializer="ones")(x)
    network = keras.Model(inputs, keras.layers.BatchNormalization()(x))
    make_statistics(network)
    folded = backbones.fold_normalization(network)
    assert (
        sum(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in folded.layers
        )
        == 2
    )
    pictures = np.random.default_rng(1).normal(size=(2, 8, 8, 3))
    np.testing.assert_allclose(
        folded(pictures), network(pictures), rtol=1e-4, atol=1e-5
    )
    assert backbones.fold_normalization(folded) is folded


def test_backbone_refuses_what_it_cannot_take(tmp_path):
    with pytest.raises(
        ValueError, match="vgg16 cannot take images of 256 x 256 pixels, expected 224"
    ):
        backbones.build_backbone("vgg16", size=256)
    with pytest.raises(
        ValueError,
        match=(
            "mobilenet_v2 cannot take images of 100 x 100 pixels, expected a multiple"
        ),
    ):
        backbones.build_backbone("mobilenet_v2", size=100)
    for name, content in (("empty.h5", b""), ("page.h5", b"<html>login</html>")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            ValueError, match=f"{name} does not hold weights of mobilenet_v2"
        ):
            backbones.build_backbone("mobilenet_v2", tmp_path / name)


def test_features_of_a_network_are_what_its_last_layer_gets(images):
    model = cnn.build_cnn((2, 3), units=5, classes=4)
    kernel, bias = model.layers[-1].get_weights()
    vectors = features.use_network(model)(images)
    logits = model.predict(images, verbose=0)
    np.testing.assert_allclose(vectors @ kernel + bias, logits, rtol=1e-3, atol=1e-5)


def test_dense_is_matrix_products():
    model = dense.build_dense(2, (5, 4), 3, dropout=0.5, activation="sigmoid")
    kernel1, bias1, kernel2, bias2, kernel3, bias3 = (
        weight.numpy() for weight in model.weights
    )
    x = np.random.default_rng(0).normal(size=(7, 2))
    hidden = np.maximum(np.maximum(x @ kernel1 + bias1, 0) @ kernel2 + bias2, 0)
    np.testing.assert_allclose(
        model(x), 1 / (1 + np.exp(-(hidden @ kernel3 + bias3))), atol=1e-6
    )


@pytest.mark.parametrize("parameters", [1000, 1234, 4000, 100_000])
@pytest.mark.parametrize("depth", range(1, 17))
def test_networks_of_equal_size(depth, parameters):
    units = dense.choose_units(2, depth, 3, parameters)
    assert len(units) == depth
    assert max(units) - min(units) <= 1
    assert dense.build_dense(2, units, 3).count_params() == pytest.approx(
        parameters, rel=0.02
    )
