"""What makes Keras faster must not change its results."""

import contextlib
import json

from lessons import course_1_gradient_descent, course_2_mlp
from training import keras_patches, runs

import keras
import numpy as np
import pytest
import tensorflow as tf

from data import digits


def train(fast: bool, **settings) -> list[np.ndarray]:
    """Returns the weights and the optimizer's variables after an epoch on 1,000 real
    digits, in batches of 96.
    """
    keras.utils.set_random_seed(0)
    images, labels = (part[:1000] for part in digits.load_digits().train)
    with keras_patches.applied() if fast else contextlib.nullcontext():
        model = course_2_mlp.build_mlp((32,), 0.2)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3, **settings), loss)
        model.fit(images, labels, batch_size=96, epochs=1, verbose=0)
    return [
        variable.numpy()
        for variable in [*model.trainable_variables, *model.optimizer.variables]
    ]


@pytest.mark.parametrize(
    "settings", [{}, {"amsgrad": True}, {"clipnorm": 0.1, "weight_decay": 0.01}]
)
def test_adam_in_one_operation_ends_at_the_weights_of_keras(settings):
    for fast, plain in zip(
        train(True, **settings), train(False, **settings), strict=True
    ):
        np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-6)


def test_adam_in_one_operation_is_the_published_one():
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=7), random.normal(size=(5, 7))
    first, second, expected = np.zeros(7), np.zeros(7), start.copy()
    for step, gradient in enumerate(gradients, 1):
        first = 0.8 * first + 0.2 * gradient
        second = 0.95 * second + 0.05 * gradient**2
        expected -= 0.1 * (first / (1 - 0.8**step)) / np.sqrt(second / (1 - 0.95**step))
    with keras_patches.applied():
        adam = keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.95, epsilon=1e-12)
        variable = keras.Variable(start, dtype="float64")
        for gradient in gradients:
            adam.apply([tf.constant(gradient)], [variable])
    np.testing.assert_allclose(variable.numpy(), expected, rtol=0, atol=1e-6)


def test_adam_is_one_operation_but_for_gradients_of_some_rows():
    def kinds(gradient) -> set[str]:
        adam, variable = (
            keras.optimizers.Adam(),
            keras.Variable(np.ones((4, 2), np.float32)),
        )
        adam.build([variable])
        update = tf.function(lambda: adam.apply([gradient()], [variable]))
        return {
            operation.type
            for operation in update.get_concrete_function().graph.get_operations()
        }

    rows = tf.constant([1, 2])
    with keras_patches.applied():
        assert "ResourceApplyAdam" in kinds(lambda: tf.ones((4, 2)))
        assert "ResourceApplyAdam" not in kinds(
            lambda: tf.IndexedSlices(tf.ones((2, 2)), rows, tf.constant([4, 2]))
        )
    assert "ResourceApplyAdam" not in kinds(lambda: tf.ones((4, 2)))


def find_methods() -> tuple:
    """The two methods of Keras that are replaced."""
    adapter = keras_patches.ArrayDataAdapter
    return keras.optimizers.Adam.update_step, adapter.get_tf_dataset


@pytest.mark.parametrize(
    ("options", "replaced"),
    [({}, True), ({"plain_keras": True}, False), ({"debug": True}, False)],
)
def test_keras_is_as_it_was_after_a_run(options, replaced, tmp_path, capsys):
    """And the run's header and config.json say whether it was not."""
    before = find_methods()
    config = course_1_gradient_descent.Config(logdir=tmp_path, name="run", **options)
    with runs.start(config) as run:
        during = find_methods()
    assert (during != before) is replaced
    assert find_methods() == before
    assert ("faster by  Adam in one operation" in capsys.readouterr().out) is replaced
    description = json.loads((run.folder / "config.json").read_text())
    assert bool(description["faster"]) is replaced


def test_batches_are_those_of_keras_without_tuning():
    images, labels = np.arange(10), np.arange(10) % 3

    def draw() -> tuple[list, bool | None]:
        tf.random.set_seed(1)
        dataset = keras_patches.ArrayDataAdapter(
            images, labels, batch_size=4, shuffle=True
        ).get_tf_dataset()
        return [
            part.numpy().tolist() for batch in dataset for part in batch
        ], dataset.options().autotune.enabled

    plain, tuned = draw()
    with keras_patches.applied():
        fast, still_tuned = draw()
    assert fast == plain
    assert (tuned, still_tuned) == (None, False)
