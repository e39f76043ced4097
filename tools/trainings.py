"""Small trainings on real data, faulty and healthy, for the doctor: each a function of
a seed, under the code it earns.

`python -m tools.trainings` prints what the doctor says of each one; with `--set-aside`
of those that were not looked at while its rules were written.
"""

import argparse
import collections
import functools
import time
from collections.abc import Callable

from training import doctor

import keras
import numpy as np
import tensorflow as tf
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from data import digits as course_digits

CASES: dict[str, tuple[str | None, Callable]] = {}
SET_ASIDE: dict[str, tuple[str | None, Callable]] = {}
layers = keras.layers


def case(code: str | None, collection: dict = CASES):
    """Registers a training under the code that the doctor should name first, None for a
    healthy one.
    """

    def register(function):
        collection[function.__name__] = code, function
        return function

    return register


@functools.cache
def load(name):
    loaded = getattr(datasets, f"load_{name}")()
    x, y = loaded.data.astype("float32"), loaded.target
    order = np.random.default_rng(7).permutation(len(x))
    return x[order], y[order]


def digits():
    """1,797 digits of 8 x 8 pixels in [0, 1]: training and validation."""
    x, y = load("digits")
    return split(x / 16, y)


def split(x, y, fraction=0.75):
    cut = int(fraction * len(x))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def table(name):
    x, y = load(name)
    return split(StandardScaler().fit_transform(x).astype("float32"), y)


def mlp(inputs, *units, out=10, last=None, activation="relu", **arguments):
    hidden = [layers.Dense(n, activation=activation, **arguments) for n in units]
    return keras.Sequential(
        [keras.Input((inputs,)), *hidden, layers.Dense(out, activation=last)]
    )


def logits(classes=True):
    kind = (
        keras.losses.SparseCategoricalCrossentropy
        if classes
        else keras.losses.BinaryCrossentropy
    )
    return kind(from_logits=True)


def fit(
    model,
    data,
    loss,
    optimizer="adam",
    metrics=("accuracy",),
    epochs=10,
    batch_size=32,
    **arguments,
):
    (x, y), validation = data
    model.compile(optimizer, loss, metrics=list(metrics))
    return model, {
        "x": x,
        "y": y,
        "validation_data": validation,
        "epochs": epochs,
        "batch_size": batch_size,
        **arguments,
    }


# Healthy, and what looks like a fault and is none.


@case(None)
def mlp_on_digits(seed):
    return fit(mlp(64, 64), digits(), logits(), epochs=15)


@case(None)
def deep_mlp_on_digits(seed):
    return fit(mlp(64, 64, 64, 64), digits(), logits(), epochs=15)


@case(None)
def softmax_output(seed):
    return fit(
        mlp(64, 64, last="softmax"),
        digits(),
        "sparse_categorical_crossentropy",
        epochs=15,
    )


@case(None)
def softmax_before_a_loss_of_logits_which_keras_repairs(seed):
    return fit(mlp(64, 64, last="softmax"), digits(), logits(), epochs=15)


@case(None)
def one_hot_labels(seed):
    (x, y), (v, w) = digits()
    data = (x, np.eye(10, dtype="float32")[y]), (v, np.eye(10, dtype="float32")[w])
    return fit(mlp(64, 64, last="softmax"), data, "categorical_crossentropy", epochs=15)


@case(None)
def one_sigmoid_for_each_class(seed):
    (x, y), (v, w) = digits()
    data = (x, np.eye(10, dtype="float32")[y]), (v, np.eye(10, dtype="float32")[w])
    return fit(mlp(64, 64, last="sigmoid"), data, "binary_crossentropy", epochs=30)


@case(None)
def squared_error_of_probabilities(seed):
    (x, y), (v, w) = digits()
    data = (x, np.eye(10, dtype="float32")[y]), (v, np.eye(10, dtype="float32")[w])
    return fit(mlp(64, 64, last="softmax"), data, "mean_squared_error", epochs=30)


@case(None)
def cnn_on_digits(seed):
    (x, y), (v, w) = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    return fit(
        model,
        ((x.reshape(-1, 8, 8, 1), y), (v.reshape(-1, 8, 8, 1), w)),
        logits(),
        epochs=20,
    )


@case(None)
def batch_norm_and_dropout(seed):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.3),
            layers.Dense(10),
        ]
    )
    return fit(model, digits(), logits(), epochs=15)


@case(None)
def pixels_scaled_inside(seed):
    (x, y), (v, w) = digits()
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Rescaling(1 / 255),
            layers.Dense(64, "relu"),
            layers.Dense(10),
        ]
    )
    return fit(model, ((x * 255, y), (v * 255, w)), logits(), epochs=25)


@case(None)
def plain_gradient_descent(seed):
    return fit(mlp(64, 64), digits(), logits(), keras.optimizers.SGD(0.1), epochs=20)


@case(None)
def momentum(seed):
    return fit(
        mlp(64, 64),
        digits(),
        logits(),
        keras.optimizers.SGD(0.02, momentum=0.9),
        epochs=15,
    )


@case(None)
def rmsprop_large_batches(seed):
    return fit(
        mlp(64, 64),
        digits(),
        logits(),
        keras.optimizers.RMSprop(3e-3),
        epochs=25,
        batch_size=128,
    )


@case(None)
def falling_learning_rate(seed):
    schedule = keras.optimizers.schedules.CosineDecay(5e-3, 420)
    return fit(
        mlp(64, 64), digits(), logits(), keras.optimizers.Adam(schedule), epochs=10
    )


@case(None)
def unshuffled_but_in_no_order(seed):
    return fit(mlp(64, 64), digits(), logits(), epochs=15, shuffle=False)


@case(None)
def sorted_but_shuffled_by_fit(seed):
    (x, y), validation = digits()
    order = np.argsort(y, kind="stable")
    return fit(mlp(64, 64), ((x[order], y[order]), validation), logits(), epochs=15)


@case(None)
def pipeline(seed):
    (x, y), (v, w) = digits()
    model = mlp(64, 64)
    model.compile("adam", logits(), metrics=["accuracy"])
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(2000, seed=seed).batch(32)
    return model, {
        "x": data,
        "validation_data": tf.data.Dataset.from_tensor_slices((v, w)).batch(64),
        "epochs": 15,
    }


@case(None)
def validation_split(seed):
    model, arguments = fit(mlp(64, 64), digits(), logits(), epochs=15)
    arguments.pop("validation_data")
    return model, arguments | {"validation_split": 0.2}


@case(None)
def no_validation(seed):
    model, arguments = fit(mlp(64, 64), digits(), logits(), epochs=15)
    arguments.pop("validation_data")
    return model, arguments


@case(None)
def zeros_in_the_last_layer(seed):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, "relu"),
            layers.Dense(10, kernel_initializer="zeros"),
        ]
    )
    return fit(model, digits(), logits(), epochs=15)


@case(None)
def linear_classifier(seed):
    return fit(mlp(64), digits(), logits(), keras.optimizers.Adam(0.01), epochs=15)


@case(None)
def tanh_network(seed):
    return fit(mlp(64, 64, 64, activation="tanh"), digits(), logits(), epochs=15)


@case(None)
def yes_or_no(seed):
    return fit(
        mlp(30, 16, out=1, last="sigmoid"),
        table("breast_cancer"),
        "binary_crossentropy",
        keras.optimizers.Adam(5e-3),
        epochs=15,
    )


@case(None)
def yes_or_no_with_logits(seed):
    return fit(
        mlp(30, 16, out=1),
        table("breast_cancer"),
        logits(classes=False),
        keras.optimizers.Adam(5e-3),
        metrics=(),
        epochs=15,
    )


@case(None)
def few_examples(seed):
    return fit(
        mlp(13, 16, out=3),
        table("wine"),
        logits(),
        keras.optimizers.Adam(5e-3),
        epochs=30,
    )


@case(None)
def regression(seed):
    (x, y), (v, w) = table("diabetes")
    y, w = (y - 150) / 77, (w - 150) / 77
    return fit(
        mlp(10, 16, out=1),
        ((x, y), (v, w)),
        "mean_squared_error",
        metrics=("mae",),
        epochs=15,
    )


@case(None)
def mild_imbalance_with_weights(seed):
    (x, y), (v, w) = digits()
    kept = (y != 0) | (np.arange(len(y)) % 3 == 0)
    data = (x[kept], np.int64(y[kept] == 0)), (v, np.int64(w == 0))
    return fit(
        mlp(64, 32, out=1, last="sigmoid"),
        data,
        "binary_crossentropy",
        epochs=20,
        class_weight={0: 1.0, 1: 5.0},
    )


@case(None)
def rare_class_that_is_learned(seed):
    (x, y), (v, w) = digits()
    return fit(
        mlp(64, 32, out=1, last="sigmoid"),
        ((x, np.int64(y == 4)), (v, np.int64(w == 4))),
        "binary_crossentropy",
        epochs=20,
    )


@case(None)
def autoencoder(seed):
    (x, _), (v, _) = digits()
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(32, "relu"), layers.Dense(64, "sigmoid")]
    )
    return fit(
        model,
        ((x, x), (v, v)),
        "mean_squared_error",
        keras.optimizers.Adam(3e-3),
        metrics=(),
        epochs=20,
    )


@case(None)
def frozen_first_layer_that_does_no_harm(seed):
    model = mlp(64, 256)
    model.layers[0].trainable = False
    return fit(model, digits(), logits(), keras.optimizers.Adam(5e-3), epochs=15)


@case(None)
def residual_network(seed):
    inputs = keras.Input((64,))
    x = layers.Dense(32)(inputs)
    for _ in range(6):
        x = layers.Add()(
            [x, layers.Dense(32)(layers.ReLU()(layers.LayerNormalization()(x)))]
        )
    return fit(keras.Model(inputs, layers.Dense(10)(x)), digits(), logits(), epochs=12)


@case(None)
def some_dead_units(seed):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(
                200, "relu", bias_initializer=keras.initializers.RandomNormal(-0.5, 0.8)
            ),
            layers.Dense(10),
        ]
    )
    return fit(model, digits(), logits(), epochs=15)


# Faults.


@case("learning_rate_too_high")
def adam_at_1(seed):
    return fit(mlp(64, 64), digits(), logits(), keras.optimizers.Adam(1.0))


@case("learning_rate_too_high")
def adam_at_a_third_deep(seed):
    return fit(mlp(64, 64, 64), digits(), logits(), keras.optimizers.Adam(0.3))


@case("learning_rate_too_high")
def sgd_that_diverges(seed):
    (x, y), (v, w) = table("diabetes")
    return fit(
        mlp(10, 32, out=1),
        ((x, (y - 150) / 77), (v, (w - 150) / 77)),
        "mean_squared_error",
        keras.optimizers.SGD(2.0),
        metrics=(),
    )


@case("learning_rate_too_high")
def momentum_at_2(seed):
    return fit(
        mlp(64, 64, 64), digits(), logits(), keras.optimizers.SGD(3.0, momentum=0.9)
    )


@case("learning_rate_too_low")
def warm_up_to_a_millionth(seed):
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-8, 200, warmup_target=1e-6, warmup_steps=100
    )
    return fit(mlp(64, 64), digits(), logits(), keras.optimizers.Adam(schedule))


@case("learning_rate_too_high")
def warm_up_to_1(seed):
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-3, 400, warmup_target=1.0, warmup_steps=100
    )
    return fit(mlp(64, 64), digits(), logits(), keras.optimizers.Adam(schedule))


@case("learning_rate_too_low")
def adam_at_a_millionth(seed):
    return fit(mlp(64, 64), digits(), logits(), keras.optimizers.Adam(1e-6))


@case("learning_rate_too_low")
def sgd_at_a_ten_thousandth(seed):
    return fit(mlp(64, 64), digits(), logits(), keras.optimizers.SGD(1e-4))


@case("learning_rate_too_low")
def yes_or_no_too_slowly(seed):
    return fit(
        mlp(30, 16, out=1, last="sigmoid"),
        table("breast_cancer"),
        "binary_crossentropy",
        keras.optimizers.Adam(1e-6),
    )


@case("input_not_normalized")
def pixels_to_255_with_sgd(seed):
    (x, y), (v, w) = digits()
    return fit(
        mlp(64, 64, 64),
        ((x * 255, y), (v * 255, w)),
        logits(),
        keras.optimizers.SGD(0.1),
    )


@case("input_not_normalized")
def table_as_it_came(seed):
    return fit(
        mlp(30, 16, 16, out=1, last="sigmoid"),
        split(*load("breast_cancer")),
        "binary_crossentropy",
        keras.optimizers.SGD(0.01),
    )


@case("input_not_normalized")
def wine_as_it_came(seed):
    return fit(
        mlp(13, 16, out=3),
        split(*load("wine")),
        logits(),
        keras.optimizers.Adam(1e-3),
        epochs=20,
    )


@case("input_not_normalized")
def scaled_twice(seed):
    (x, y), (v, w) = digits()
    return fit(
        mlp(64, 64),
        ((x / 255, y), (v / 255, w)),
        logits(),
        keras.optimizers.SGD(0.1),
        epochs=15,
    )


@case("activation_loss_mismatch")
def no_activation_without_logits(seed):
    return fit(mlp(64, 64), digits(), "sparse_categorical_crossentropy")


@case("activation_loss_mismatch")
def softmax_twice(seed):
    model = keras.Sequential([*mlp(64, 64, last="softmax").layers, layers.Softmax()])
    return fit(model, digits(), "sparse_categorical_crossentropy")


@case("activation_loss_mismatch")
def softmax_reshape_logits(seed):
    model = keras.Sequential(
        [*mlp(64, 64, last="softmax").layers, layers.Reshape((10,))]
    )
    return fit(model, digits(), logits())


@case("activation_loss_mismatch")
def softmax_on_one_unit(seed):
    return fit(
        mlp(30, 16, out=1, last="softmax"),
        table("breast_cancer"),
        "binary_crossentropy",
    )


@case("activation_loss_mismatch")
def relu_on_the_output(seed):
    (x, y), (v, w) = table("diabetes")
    return fit(
        mlp(10, 16, out=1, last="relu"),
        ((x, (y - 150) / 77), (v, (w - 150) / 77)),
        "mean_squared_error",
        metrics=(),
    )


@case("activation_loss_mismatch")
def relu_before_cross_entropy(seed):
    return fit(mlp(64, 64, last="relu"), digits(), "sparse_categorical_crossentropy")


@case("wrong_loss")
def squared_error_on_ids(seed):
    return fit(mlp(64, 64, last="softmax"), digits(), "mean_squared_error")


@case("wrong_loss")
def squared_error_on_ids_with_one_output(seed):
    return fit(mlp(64, 64, out=1), digits(), "mean_squared_error")


@case("wrong_loss")
def binary_cross_entropy_for_ten_classes(seed):
    (x, y), (v, w) = digits()
    data = (x, np.eye(10, dtype="float32")[y]), (v, np.eye(10, dtype="float32")[w])
    return fit(mlp(64, 64, last="softmax"), data, "binary_crossentropy")


@case("wrong_loss")
def binary_cross_entropy_for_quantities(seed):
    (x, y), (v, w) = table("diabetes")
    return fit(
        mlp(10, 16, out=1, last="sigmoid"),
        ((x, y / 77), (v, w / 77)),
        "binary_crossentropy",
        metrics=(),
    )


@case("wrong_loss")
def categorical_cross_entropy_for_several_labels(seed):
    (x, y), (v, w) = digits()
    several = [
        np.float32(np.stack([part % 2, part > 4, part % 3 == 0], axis=1))
        for part in (y, w)
    ]
    data = (x, several[0]), (v, several[1])
    return fit(
        mlp(64, 32, out=3, last="sigmoid"),
        data,
        "categorical_crossentropy",
        metrics=("binary_accuracy",),
    )


@case("wrong_loss")
def loss_of_counts_for_signed_quantities(seed):
    (x, y), (v, w) = table("diabetes")
    return fit(
        mlp(10, 16, out=1),
        ((x, (y - 150) / 77), (v, (w - 150) / 77)),
        "poisson",
        metrics=(),
    )


@case("wrong_loss")
def percents_of_what_is_near_zero(seed):
    (x, y), (v, w) = table("diabetes")
    data = (x, (y - 150) / 77), (v, (w - 150) / 77)
    return fit(mlp(10, 16, out=1), data, "mean_absolute_percentage_error", metrics=())


@case("learning_rate_too_low")
def schedule_over_a_tenth_of_the_updates(seed):
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 40)
    return fit(mlp(64, 32), digits(), logits(), keras.optimizers.Adam(schedule))


@case("dead_relu")
def biases_far_below(seed):
    return fit(
        mlp(64, 64, 64, bias_initializer=keras.initializers.Constant(-10.0)),
        digits(),
        logits(),
    )


@case("dead_relu")
def negative_weights(seed):
    return fit(
        mlp(
            64, 64, 64, kernel_initializer=keras.initializers.RandomUniform(-0.5, -0.1)
        ),
        digits(),
        logits(),
    )


@case("dead_relu")
def one_dead_layer(seed):
    model = mlp(64, 64, 32, 32)
    model.layers[1].set_weights(
        [model.layers[1].kernel.numpy(), np.full(32, -20, "float32")]
    )
    return fit(model, digits(), logits())


@case("vanishing_gradient")
def ten_sigmoid_layers(seed):
    return fit(mlp(64, *[32] * 10, activation="sigmoid"), digits(), logits())


@case("vanishing_gradient")
def fifteen_layers_with_small_weights(seed):
    small = keras.initializers.RandomNormal(0, 0.02)
    return fit(
        mlp(64, *[32] * 12, activation="tanh", kernel_initializer=small),
        digits(),
        logits(),
        keras.optimizers.SGD(0.1),
    )


@case("exploding_gradient")
def weights_far_too_large(seed):
    large = keras.initializers.RandomNormal(0, 2.0)
    return fit(
        mlp(64, *[64] * 6, kernel_initializer=large),
        digits(),
        logits(),
        keras.optimizers.SGD(0.05),
    )


@case("exploding_gradient")
def deep_regression_that_explodes(seed):
    large = keras.initializers.RandomNormal(0, 1.0)
    (x, y), (v, w) = table("diabetes")
    data = (x, (y - 150) / 77), (v, (w - 150) / 77)
    return fit(
        mlp(10, *[32] * 8, out=1, kernel_initializer=large),
        data,
        "mean_squared_error",
        keras.optimizers.SGD(0.01),
        metrics=(),
    )


@case("zero_init_symmetry")
def all_zeros(seed):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, "tanh", kernel_initializer="zeros"),
            layers.Dense(10, kernel_initializer="zeros"),
        ]
    )
    return fit(model, digits(), logits())


@case("zero_init_symmetry")
def all_equal(seed):
    equal = keras.initializers.Constant(0.05)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, "relu", kernel_initializer=equal),
            layers.Dense(10, kernel_initializer=equal),
        ]
    )
    return fit(model, digits(), logits())


@case("nothing_trainable")
def all_frozen(seed):
    model = mlp(64, 64)
    model.trainable = False
    return fit(model, digits(), logits())


@case("nothing_trainable")
def head_frozen_behind_a_narrow_layer(seed):
    model = mlp(64, 64, 3)
    model.layers[0].trainable = model.layers[1].trainable = False
    return fit(model, digits(), logits(), epochs=15)


@case("unshuffled_data")
def sorted_digits(seed):
    (x, y), validation = digits()
    order = np.argsort(y, kind="stable")
    return fit(mlp(64, 64), ((x[order], y[order]), validation), logits(), shuffle=False)


@case("unshuffled_data")
def sorted_pipeline(seed):
    (x, y), (v, w) = digits()
    order = np.argsort(y, kind="stable")
    model = mlp(64, 64)
    model.compile("adam", logits(), metrics=["accuracy"])
    data = (
        tf.data.Dataset.from_tensor_slices((x[order], y[order])).shuffle(50).batch(32)
    )
    return model, {
        "x": data,
        "validation_data": tf.data.Dataset.from_tensor_slices((v, w)).batch(64),
        "epochs": 10,
    }


@case("unshuffled_data")
def last_classes_for_validation(seed):
    (x, y), _ = digits()
    order = np.argsort(y, kind="stable")
    model = mlp(64, 64)
    model.compile("adam", logits(), metrics=["accuracy"])
    return model, {"x": x[order], "y": y[order], "validation_split": 0.2, "epochs": 10}


@case("labels_broken")
def permuted(seed):
    (x, y), validation = digits()
    return fit(
        mlp(64, 64),
        ((x, np.random.default_rng(seed).permutation(y)), validation),
        logits(),
        epochs=20,
    )


@case("labels_broken")
def permuted_everywhere(seed):
    (x, y), (v, w) = digits()
    random = np.random.default_rng(seed)
    return fit(
        mlp(64, 128),
        ((x, random.permutation(y)), (v, random.permutation(w))),
        logits(),
        epochs=60,
    )


@case("labels_broken")
def constant(seed):
    (x, y), validation = digits()
    return fit(mlp(64, 64), ((x, np.zeros_like(y)), validation), logits())


@case("labels_broken")
def one_place_off(seed):
    (x, y), validation = digits()
    return fit(mlp(64, 64), ((x, np.roll(y, 1)), validation), logits(), epochs=15)


@case("labels_broken")
def counted_from_1(seed):
    (x, y), (v, w) = digits()
    return fit(mlp(64, 64), ((x, y + 1), (v, w + 1)), logits())


@case("labels_broken")
def validation_counted_otherwise(seed):
    (x, y), (v, w) = digits()
    return fit(mlp(64, 64), ((x, y), (v, (w + 1) % 10)), logits(), epochs=15)


@case("overfitting")
def hundred_digits_by_heart(seed):
    (x, y), validation = digits()
    noise = np.random.default_rng(seed).normal(0, 0.35, x.shape).astype("float32")
    return fit(
        mlp(64, 256, 256),
        (
            ((x + noise)[:150], y[:150]),
            (
                validation[0]
                + np.random.default_rng(1)
                .normal(0, 0.35, validation[0].shape)
                .astype("float32"),
                validation[1],
            ),
        ),
        logits(),
        epochs=40,
    )


@case("overfitting")
def diabetes_by_heart(seed):
    (x, y), (v, w) = table("diabetes")
    data = (x[:150], (y[:150] - 150) / 77), (v, (w - 150) / 77)
    return fit(
        mlp(10, 256, 256, out=1),
        data,
        "mean_squared_error",
        keras.optimizers.Adam(3e-3),
        metrics=(),
        epochs=100,
    )


@case("underfitting")
def two_units(seed):
    return fit(
        mlp(64, 2, activation="tanh"),
        digits(),
        logits(),
        keras.optimizers.Adam(5e-3),
        epochs=20,
    )


@case("underfitting")
def a_single_epoch(seed):
    return fit(mlp(64, 16), digits(), logits(), epochs=1)


@case("underfitting")
def far_too_much_weight_decay(seed):
    return fit(
        mlp(64, 32, kernel_regularizer=keras.regularizers.L2(1.0)),
        digits(),
        logits(),
        epochs=15,
    )


@case("class_imbalance_collapse")
def one_in_fifty(seed):
    (x, y), (v, w) = digits()
    kept = (y != 8) | (np.arange(len(y)) % 5 == 0)
    noise = np.random.default_rng(seed).normal(0, 0.5, x.shape).astype("float32")
    data = (
        ((x + noise)[kept], np.int64(y[kept] == 8)),
        (
            v + np.random.default_rng(1).normal(0, 0.5, v.shape).astype("float32"),
            np.int64(w == 8),
        ),
    )
    return fit(mlp(64, 8, out=1, last="sigmoid"), data, "binary_crossentropy", epochs=4)


@case("class_imbalance_collapse")
def nearly_all_of_one_class(seed):
    (x, y), (v, w) = digits()
    rare = np.isin(y, (3, 5)) & (np.arange(len(y)) % 4 == 0)
    kept = rare | ~np.isin(y, (3, 5))
    data = (
        (x[kept], np.where(y[kept] == 3, 1, np.where(y[kept] == 5, 2, 0))),
        (v, np.where(w == 3, 1, np.where(w == 5, 2, 0))),
    )
    return fit(mlp(64, 8, out=3), data, logits(), epochs=3)


@case("nan_input")
def one_missing_value(seed):
    (x, y), validation = digits()
    x = x.copy()
    x[17, 3] = np.nan
    return fit(mlp(64, 64), ((x, y), validation), logits())


@case("nan_input")
def infinite_target(seed):
    (x, y), (v, w) = table("diabetes")
    y = (y - 150) / 77
    y[5] = np.inf
    return fit(
        mlp(10, 16, out=1),
        ((x, y), (v, (w - 150) / 77)),
        "mean_squared_error",
        metrics=(),
    )


# What people ran into.


def prices():
    """The diabetes targets, as large as the prices of houses: 25,000 to 346,000."""
    (x, y), (v, w) = table("diabetes")
    return (x, 1000 * y), (v, 1000 * w)


def squares(noise=0.5):
    """Pictures of 16 x 16 pixels with noise and a square of 3 x 3, and its mask."""
    random = np.random.default_rng(13)
    masks = np.zeros((400, 16, 16, 1), "float32")
    for mask in masks:
        row, column = random.integers(0, 13, 2)
        mask[row : row + 3, column : column + 3] = 1
    pictures = np.float32(masks + random.normal(0, noise, masks.shape))
    return split(pictures, masks)


def pixel_network(out=1, last="sigmoid", activation="relu"):
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 3, padding="same", activation=activation),
            layers.Conv2D(8, 3, padding="same", activation=activation),
            layers.Conv2D(out, 1, activation=last),
        ]
    )


def xor():
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    return (x, np.int64([0, 1, 1, 0])), None


@case("target_not_normalized")
def prices_as_they_are(seed):
    return fit(mlp(10, 16, out=1), prices(), "mse", metrics=("mae",), epochs=15)


@case("dead_relu")
def dead_output(seed):
    (x, y), (v, w) = table("diabetes")
    model = mlp(10, 16)
    model.pop()
    model.add(layers.Dense(1, "relu", bias_initializer=keras.initializers.Constant(-9)))
    return fit(model, ((x, y / 77), (v, w / 77)), "mse", metrics=())


@case("class_imbalance_collapse")
def masks_of_background_alone(seed):
    (x, y), (v, w) = squares()
    random = np.random.default_rng(2)
    far = [np.float32(part + random.normal(0, 2, part.shape)) for part in (x, v)]
    return fit(pixel_network(), ((far[0], y), (far[1], w)), "binary_crossentropy")


def several_labels(noise=0.0, rare=False):
    """Digits, and what holds of each."""
    splits = []
    for x, y in digits():
        labels = [y == 3, y == 5] if rare else [y % 2 == 1, y > 4, y % 3 == 0]
        moved = x + np.random.default_rng(len(x)).normal(0, noise, x.shape)
        splits.append((np.float32(moved), np.float32(np.stack(labels, axis=1))))
    return tuple(splits)


@case("class_imbalance_collapse")
def several_labels_of_which_none_is_named(seed):
    data = several_labels(noise=1.0, rare=True)
    model = mlp(64, 8, out=2, last="sigmoid")
    return fit(model, data, "binary_crossentropy", metrics=(), epochs=4)


@case("learning_rate_too_low")
def callback_that_ends_the_training(seed):
    falling = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 * 0.01**epoch)
    return fit(mlp(64, 32), digits(), logits(), callbacks=[falling], epochs=6)


@case("underfitting")
def xor_by_a_line(seed):
    data, optimizer = xor(), keras.optimizers.SGD(0.1)
    return fit(mlp(2, out=1), data, logits(classes=False), optimizer, epochs=20)


@case("learning_rate_too_low")
def lists_of_one_and_a_metric_of_ones_own(seed):
    def size(truth, answers):
        return keras.ops.mean(keras.ops.abs(answers))

    (x, y), (v, w) = digits()
    data = ([x], [y]), ([v], [w])
    optimizer = keras.optimizers.Adam(1e-6)
    return fit(mlp(64, 64), data, [logits()], optimizer, [size], epochs=3)


@case("unreadable_data")
def words_as_labels(seed):
    (x, y), (v, w) = digits()
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven"])
    return fit(mlp(64, 16), ((x, names[y % 8]), (v, names[w % 8])), logits())


# Set aside: looked at only once, when the rules were done. Other data, other networks.

aside = functools.partial(case, collection=SET_ASIDE)


@functools.cache
def mnist():
    """2,000 training and 500 validation images of MNIST, uint8 `(n, 28, 28, 1)`."""
    loaded = course_digits.load_digits()
    train, validation = loaded.train, loaded.validation
    return (train.x[:2000], train.y[:2000]), (validation.x, validation.y)


def cnn(*before, out=10, last=None, **arguments):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *before,
            layers.Conv2D(16, 5, 2, activation="relu", **arguments),
            layers.Conv2D(32, 3, 2, activation="relu", **arguments),
            layers.Flatten(),
            layers.Dense(out, activation=last),
        ]
    )


def rows(units, cell=layers.GRU, **arguments):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Reshape((28, 28)),
            cell(units, **arguments),
            layers.Dense(10),
        ]
    )


def moons(noise=0.2, count=600):
    x, y = datasets.make_moons(count, noise=noise, random_state=3)
    return split(x.astype("float32"), y)


def waves():
    x = np.random.default_rng(5).uniform(-3, 3, (800, 1)).astype("float32")
    return split(x, np.sin(2 * x).astype("float32"))


@aside(None)
def cnn_on_mnist(seed):
    return fit(cnn(layers.Rescaling(1 / 255)), mnist(), logits(), epochs=4)


@aside(None)
def cnn_with_batch_norm_on_raw_pixels(seed):
    return fit(cnn(layers.BatchNormalization()), mnist(), logits(), epochs=4)


@aside(None)
def gru_over_rows(seed):
    return fit(rows(32), mnist(), logits(), keras.optimizers.Adam(5e-3), epochs=5)


@aside(None)
def half_moons(seed):
    return fit(
        mlp(2, 32, 32, out=1),
        moons(),
        logits(classes=False),
        keras.optimizers.Adam(5e-3),
        metrics=(),
        epochs=30,
    )


@aside(None)
def noisy_moons_that_nobody_can_tell_apart_well(seed):
    return fit(
        mlp(2, 8, out=1, last="sigmoid"),
        moons(noise=0.6),
        "binary_crossentropy",
        keras.optimizers.Adam(5e-3),
        epochs=20,
    )


@aside(None)
def a_wave(seed):
    return fit(
        mlp(1, 64, 64, out=1, activation="tanh"),
        waves(),
        "mean_squared_error",
        keras.optimizers.Adam(5e-3),
        metrics=(),
        epochs=60,
    )


@aside(None)
def iris(seed):
    return fit(
        mlp(4, 16, out=3, last="softmax"),
        table("iris"),
        "sparse_categorical_crossentropy",
        keras.optimizers.Adam(1e-2),
        epochs=30,
    )


@aside(None)
def augmented_cnn(seed):
    return fit(
        cnn(layers.Rescaling(1 / 255), layers.RandomTranslation(0.05, 0.05)),
        mnist(),
        logits(),
        keras.optimizers.Adam(3e-3),
        epochs=5,
    )


@aside(None)
def words(seed):
    random = np.random.default_rng(11)
    y = random.integers(0, 2, 800)
    x = np.where(
        random.random((800, 20)) < 0.25,
        random.integers(1, 10, (800, 20)) + 10 * y[:, None],
        random.integers(21, 200, (800, 20)),
    )
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Embedding(200, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    return fit(
        model,
        split(x, y),
        logits(classes=False),
        keras.optimizers.Adam(0.01),
        metrics=(),
        epochs=15,
    )


@aside(None)
def huber_on_diabetes(seed):
    (x, y), (v, w) = table("diabetes")
    return fit(
        mlp(10, 8, out=1),
        ((x, (y - 150) / 77), (v, (w - 150) / 77)),
        "huber",
        keras.optimizers.Adam(5e-3),
        metrics=(),
        epochs=12,
    )


@aside("learning_rate_too_high")
def cnn_at_a_tenth(seed):
    return fit(
        cnn(layers.Rescaling(1 / 255)),
        mnist(),
        logits(),
        keras.optimizers.Adam(0.15),
        epochs=3,
    )


@aside("learning_rate_too_low")
def cnn_at_a_hundred_thousandth(seed):
    return fit(
        cnn(layers.Rescaling(1 / 255)),
        mnist(),
        logits(),
        keras.optimizers.SGD(1e-5, momentum=0.9),
        epochs=3,
    )


@aside("input_not_normalized")
def cnn_on_raw_pixels_with_sgd(seed):
    return fit(cnn(), mnist(), logits(), keras.optimizers.SGD(0.05), epochs=3)


@aside("activation_loss_mismatch")
def softmax_and_softmax_layer_with_logits(seed):
    return fit(
        keras.Sequential(
            [
                *cnn(layers.Rescaling(1 / 255), last="softmax").layers,
                layers.Activation("softmax"),
            ]
        ),
        mnist(),
        logits(),
        epochs=3,
    )


@aside("activation_loss_mismatch")
def sigmoid_for_a_wave(seed):
    return fit(
        mlp(1, 64, 64, out=1, last="sigmoid"),
        waves(),
        "mean_squared_error",
        metrics=(),
        epochs=20,
    )


@aside("wrong_loss")
def absolute_error_on_ids(seed):
    return fit(
        cnn(layers.Rescaling(1 / 255), last="softmax"),
        mnist(),
        "mean_absolute_error",
        epochs=3,
    )


@aside("wrong_loss")
def binary_cross_entropy_on_ids(seed):
    return fit(
        mlp(4, 16, out=1, last="sigmoid"),
        table("iris"),
        "binary_crossentropy",
        epochs=10,
    )


@aside("dead_relu")
def dead_convolution(seed):
    return fit(
        cnn(
            layers.Rescaling(1 / 255),
            bias_initializer=keras.initializers.Constant(-5.0),
        ),
        mnist(),
        logits(),
        epochs=3,
    )


@aside("vanishing_gradient")
def twelve_sigmoids_on_moons(seed):
    return fit(
        mlp(2, *[16] * 12, out=1, activation="sigmoid"),
        moons(),
        logits(classes=False),
        metrics=(),
        epochs=10,
    )


@aside("exploding_gradient")
def large_weights_on_mnist(seed):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            *[
                layers.Dense(
                    64,
                    "relu",
                    kernel_initializer=keras.initializers.RandomNormal(0, 1.5),
                )
                for _ in range(5)
            ],
            layers.Dense(10),
        ]
    )
    return fit(model, mnist(), logits(), keras.optimizers.SGD(0.01), epochs=3)


@aside("zero_init_symmetry")
def equal_filters(seed):
    return fit(
        cnn(layers.Rescaling(1 / 255), kernel_initializer="ones"),
        mnist(),
        logits(),
        epochs=3,
    )


@aside("nothing_trainable")
def frozen_convolutions_and_head(seed):
    model = cnn(layers.Rescaling(1 / 255))
    for layer in model.layers:
        layer.trainable = False
    return fit(model, mnist(), logits(), epochs=3)


@aside("unshuffled_data")
def sorted_moons(seed):
    (x, y), validation = moons()
    order = np.argsort(y, kind="stable")
    return fit(
        mlp(2, 16, out=1),
        ((x[order], y[order]), validation),
        logits(classes=False),
        metrics=(),
        epochs=10,
        shuffle=False,
    )


@aside("labels_broken")
def two_places_off(seed):
    (x, y), validation = mnist()
    return fit(
        cnn(layers.Rescaling(1 / 255)),
        ((x, np.roll(y, -2)), validation),
        logits(),
        epochs=3,
    )


@aside("labels_broken")
def shuffled_without_their_images(seed):
    (x, y), (v, w) = moons()
    random = np.random.default_rng(seed)
    return fit(
        mlp(2, 32, out=1),
        ((x, random.permutation(y)), (v, random.permutation(w))),
        logits(classes=False),
        metrics=(),
        epochs=20,
    )


@aside("overfitting")
def noisy_moons_by_heart(seed):
    (x, y), validation = moons(noise=0.6, count=200)
    return fit(
        mlp(2, 256, 256, 256, out=1),
        ((x[:60], y[:60]), validation),
        logits(classes=False),
        keras.optimizers.Adam(5e-3),
        metrics=(),
        epochs=150,
    )


@aside("underfitting")
def line_through_a_wave(seed):
    return fit(
        mlp(1, out=1),
        waves(),
        "mean_squared_error",
        keras.optimizers.Adam(0.01),
        metrics=(),
        epochs=30,
    )


@aside("class_imbalance_collapse")
def rare_nines(seed):
    (x, y), (v, w) = mnist()
    kept = (y != 9) | (np.arange(len(y)) % 8 == 0)
    return fit(
        cnn(layers.Rescaling(1 / 255), out=1, last="sigmoid"),
        ((x[kept], np.int64(y[kept] == 9)), (v, np.int64(w == 9))),
        "binary_crossentropy",
        keras.optimizers.SGD(0.02),
        epochs=2,
    )


@aside("nan_input")
def missing_in_a_table(seed):
    (x, y), validation = table("wine")
    x = x.copy()
    x[::40, 5] = np.nan
    return fit(mlp(13, 16, out=3), ((x, y), validation), logits(), epochs=10)


@aside("target_not_normalized")
def prices_at_which_steps_explode(seed):
    return fit(mlp(10, 16, out=1), prices(), "mse", keras.optimizers.SGD(0.01), ())


@aside("target_not_normalized")
def millionths(seed):
    (x, y), (v, w) = table("diabetes")
    return fit(mlp(10, 16, out=1), ((x, y / 1e8), (v, w / 1e8)), "mse", metrics=())


@aside("target_not_normalized")
def prices_and_inputs_as_they_are(seed):
    (x, y), (v, w) = prices()
    data = (500 + 300 * x, y), (500 + 300 * v, w)
    return fit(mlp(10, 16, out=1), data, "mse", keras.optimizers.SGD(1e-3), ())


@aside(None)
def output_with_a_rectifier(seed):
    (x, y), (v, w) = table("diabetes")
    data = (x, y / 77), (v, w / 77)
    model = mlp(10, 16, out=1, last="relu")
    model.layers[-1].set_weights([abs(model.layers[-1].kernel.numpy()), np.zeros(1)])
    return fit(model, data, "mse", keras.optimizers.Adam(5e-3), (), epochs=20)


@aside(None)
def masks_that_are_learned(seed):
    return fit(
        pixel_network(activation="tanh"),
        squares(noise=0.2),
        "binary_crossentropy",
        keras.optimizers.Adam(0.01),
        epochs=15,
    )


@aside("class_imbalance_collapse")
def class_of_each_pixel_is_background(seed):
    (x, y), (v, w) = squares()
    random = np.random.default_rng(2)
    far = [np.float32(part + random.normal(0, 2, part.shape)) for part in (x, v)]
    data = (far[0], np.int64(y[..., 0])), (far[1], np.int64(w[..., 0]))
    return fit(pixel_network(out=2, last=None), data, logits())


@aside("class_imbalance_collapse")
def masks_with_a_loss_of_ones_own(seed):
    def distance(truth, answers):
        return keras.ops.mean(keras.ops.square(truth - answers), axis=(1, 2, 3))

    (x, y), (v, w) = squares()
    random = np.random.default_rng(2)
    far = [np.float32(part + random.normal(0, 2, part.shape)) for part in (x, v)]
    return fit(pixel_network(), ((far[0], y), (far[1], w)), distance, epochs=4)


@aside(None)
def several_labels_that_are_learned(seed):
    model = mlp(64, 64, out=3, last="sigmoid")
    return fit(model, several_labels(), "binary_crossentropy", metrics=(), epochs=15)


@aside(None)
def callback_that_lowers_the_rate_at_the_end(seed):
    falling = keras.callbacks.LearningRateScheduler(lambda epoch: 5e-3 * 0.8**epoch)
    return fit(mlp(64, 64), digits(), logits(), callbacks=[falling], epochs=15)


@aside(None)
def xor_that_is_learned(seed):
    data, optimizer = xor(), keras.optimizers.Adam(0.1)
    model = mlp(2, 16, out=1, last="sigmoid", activation="tanh")
    return fit(model, data, "mse", optimizer, (), epochs=60)


def run(name: str, seed: int) -> tuple[str | None, list[doctor.Finding], float]:
    """Returns the code that a training earns, the findings, and the seconds that it
    took.
    """
    code, build = {**CASES, **SET_ASIDE}[name]
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model, arguments = build(seed)
    started = time.perf_counter()
    findings = doctor.diagnose(model, **arguments, verbose=0)
    return code, findings, time.perf_counter() - started


def main() -> None:
    """Prints the table of cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set-aside", action="store_true")
    arguments = parser.parse_args()
    right, counts = collections.Counter(), collections.Counter()
    for name in arguments.names or (SET_ASIDE if arguments.set_aside else CASES):
        for seed in range(arguments.seeds):
            code, findings, seconds = run(name, seed)
            first = findings[0].code if findings else None
            kind = "healthy" if code is None else "faulty"
            counts[kind] += 1
            right[kind] += first == code
            mark = "  " if first == code else "X "
            print(
                f"{mark}{name:45} {seed} {code} -> {first} {seconds:.1f} s  "
                f"{findings[0].evidence if findings else ''}",
                flush=True,
            )
    for kind in counts:
        print(f"{kind}: {right[kind]} of {counts[kind]}")


if __name__ == "__main__":
    main()
