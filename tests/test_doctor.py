"""The doctor names the fault of small trainings on real data, and leaves them as they
are.
"""

import random
import re

from training import doctor
from training.doctor import case, experiments, network, rules

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import test_exercises
from tools import trainings

# One of each code that tests/test_exercises.py does not find in an exercise, and what
# looks like a fault and is none. All of them, with three seeds: make full.
QUICK = [
    "softmax_before_a_loss_of_logits_which_keras_repairs",
    "regression",
    "fifteen_layers_with_small_weights",
    "weights_far_too_large",
    "all_equal",
    "all_frozen",
    "one_place_off",
    "hundred_digits_by_heart",
    "one_missing_value",
    "prices_as_they_are",
    "dead_output",
    "masks_of_background_alone",
    "callback_that_ends_the_training",
    "xor_by_a_line",
    "lists_of_one_and_a_metric_of_ones_own",
    "words_as_labels",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUICK)
def test_first_finding_is_the_fault(name):
    code, findings, _ = trainings.run(name, 0)
    assert (findings[0].code if findings else None) == code
    for finding in findings:
        assert finding.evidence
        assert finding.advice
        assert str(finding).count("\n") == 0


def test_quick_ones_have_every_code():
    codes = {code for code, _ in trainings.CASES.values()}
    of_exercises = {test_exercises.EXERCISES[n][0] for n in test_exercises.QUICK}
    assert {trainings.CASES[name][0] for name in QUICK} | of_exercises == codes
    assert len(codes - {None}) == 18
    assert sum(code is None for code, _ in trainings.CASES.values()) >= 25
    assert len(trainings.CASES) >= 60
    assert len(trainings.SET_ASIDE) >= 0.3 * len(trainings.CASES)


def train(build, watched, findings=None):
    """Returns the weights after training, and the next random numbers."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    model, arguments = build(3)
    arguments["epochs"] = 3
    if watched:
        watcher = doctor.TrainingDoctor(
            arguments["x"], arguments["y"], arguments["validation_data"], report=None
        )
        arguments["callbacks"] = [watcher]
    model.fit(**arguments, verbose=0)
    if watched:
        findings.extend(watcher.findings)
    return [*model.get_weights(), random.random(), np.random.random()]  # noqa: NPY002 (Keras uses the global one)


def learn_too_slowly(seed):
    """Batch normalization and dropout, at a rate for which the doctor tries others."""
    model, arguments = trainings.CASES["batch_norm_and_dropout"][1](seed)
    model.optimizer.learning_rate = 1e-6
    return model, arguments


def test_training_is_the_same_with_and_without():
    """Also where the doctor experiments on copies."""
    findings = []
    watched = train(learn_too_slowly, True, findings)
    for with_doctor, without in zip(
        watched, train(learn_too_slowly, False), strict=True
    ):
        np.testing.assert_array_equal(with_doctor, without)
    assert findings[0].code == "learning_rate_too_low"


class Doubled(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(10)

    def call(self, x):
        return 2 * self.dense(x)


def test_unusual_models_are_left_alone_and_said_so(capsys):
    (x, y), _ = trainings.digits()
    inputs = keras.Input((64,)), keras.Input((64,))
    joined = keras.layers.Concatenate()(inputs)
    two = keras.Model(
        inputs, [keras.layers.Dense(10)(joined), keras.layers.Dense(1)(joined)]
    )
    two.compile("adam", [trainings.logits(), "mse"])
    own = Doubled()
    own.compile("adam", trainings.logits())
    other = trainings.mlp(64, 16)
    other.compile(
        "adam", lambda truth, answers: keras.ops.mean(keras.ops.square(answers))
    )
    for model, arguments in (
        (two, {"x": [x, x], "y": [y, np.float32(y)]}),
        (own, {"x": x, "y": y}),
        (other, {"x": x, "y": y}),
        (other, {"x": ((x[:32], y[:32]) for _ in range(50))}),
    ):
        watcher = doctor.TrainingDoctor(**arguments)
        model.fit(**arguments, callbacks=[watcher], verbose=0, epochs=1)
        said = capsys.readouterr().out
        assert "doctor" in said
        if model is not own:
            assert "could not look at everything" in said


def test_layer_of_two_networks_is_looked_at(capsys):
    """As a head that learns on features, and stands at the end of the network that
    computes them.
    """
    (x, y), _ = trainings.digits()
    whole = trainings.mlp(64, 16)
    features = keras.Model(whole.inputs[0], whole.layers[-1].input).predict(
        x, verbose=0
    )
    head = keras.Sequential([whole.layers[-1]])
    head.compile("adam", trainings.logits())
    watcher = doctor.TrainingDoctor(features, y)
    head.fit(features, y, callbacks=[watcher], verbose=0)
    assert not watcher.unseen, capsys.readouterr().out


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "collection", [trainings.CASES, trainings.SET_ASIDE], ids=["own", "set aside"]
)
def test_figures_of_the_doctor(collection):
    """At least 90 % of the first findings right, at most 1 of 25 healthy trainings with
    a finding; three seeds.
    """
    right = {True: [], False: []}
    for name in collection:
        for seed in range(3):
            code, findings, _ = trainings.run(name, seed)
            right[code is None].append((findings[0].code if findings else None) == code)
    print(
        f"\nfaulty {sum(right[False])} of {len(right[False])}, healthy "
        f"{sum(right[True])} of {len(right[True])}"
    )
    assert np.mean(right[False]) >= 0.9
    assert np.mean(right[True]) >= 0.96


def test_large_networks_are_looked_at_in_parts(monkeypatch):
    (x, y), _ = trainings.digits()
    inner = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(30, activation="relu")]
    )
    model = keras.Sequential([keras.Input((64,)), inner, keras.layers.Dense(10)])
    assert network.count_values(model) == 1 + (1 + 30) + 10
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watcher = doctor.TrainingDoctor(x, y, report=None)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[watcher])

    def look():
        looked_at = case.Case(watcher.record())
        return looked_at.chunk, [looked_at.predict(x[:50]), *looked_at.gradients]

    chunk, whole = look()
    monkeypatch.setattr(case, "MAX_ACTIVATIONS_AT_A_TIME", 42 * 7)
    few, parts = look()
    assert (chunk, few) == (250, 7)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-7)


def test_every_rule_has_its_place_and_its_reason():
    topics = (rules.data, rules.labels, rules.loss, rules.outcome, rules.steps)
    written = {
        rule
        for topic in (*topics, rules.weights)
        for name, rule in vars(topic).items()
        if re.match("find_|describe_(over|under)fitting", name)
        and rule.__module__ == topic.__name__
    }
    ordered = [rule for rule, _ in rules.RULES]
    assert set(ordered) == written
    assert len(ordered) == len(written)
    assert all(rule.__doc__ for rule in ordered)


(X, Y), _ = trainings.digits()
NAMES = np.array(["cat", "dog"])[Y % 2]
TABLE = np.array([[1.5, "male"], [2.5, "female"]] * 20, object)
GAPS = np.array([[1.5, None], [2.5, 3.0]] * 20, object)
RAGGED = [list(range(3 + place % 2)) for place in range(40)]


@pytest.mark.parametrize(
    ("x", "y", "evidence"),
    [
        (
            X[:40],
            NAMES[:40],
            "y holds words, such as 'cat'|y holds words, such as 'dog'",
        ),
        (X[:40], NAMES[:40].astype(object), "y holds words"),
        (X[:40], NAMES[:40].tolist(), "y is a list of 40 elements"),
        (X[:40], Y[:40].tolist(), "y is a list of 40 elements.* outputs"),
        (X[:40].tolist(), Y[:40], "x is a list of 40 elements.* inputs"),
        (list(X[:40]), Y[:40], "x is a list of 40 elements"),
        (X[:40].astype(str), Y[:40], "x holds numbers that are written as words"),
        (X[:40].astype(object), Y[:40], "x has the type object, and all of it are"),
        (TABLE, Y[:40], r"1 of 2 columns are no numbers \(1\), such as 'male'"),
        (GAPS, Y[:40], r"1 of 2 columns are no numbers \(1\), such as 'None'"),
        (RAGGED, Y[:40], "x is a list of 40 rows of different lengths, 3 to 4"),
        (np.array(RAGGED, object), Y[:40], "rows of x have different lengths, 3 to 4"),
        (
            tf.data.Dataset.from_tensor_slices((X[:40], NAMES[:40])).batch(8),
            None,
            "y holds words",
        ),
    ],
)
def test_form_that_keras_cannot_read(x, y, evidence):
    model = trainings.mlp(np.shape(X)[1], 4)
    model.compile("sgd", trainings.logits())
    arguments = {"x": x} if y is None else {"x": x, "y": y}
    (finding,) = doctor.diagnose(model, **arguments, verbose=0)
    assert finding.code == "unreadable_data"
    assert re.search(evidence, finding.evidence)


def test_error_of_keras_that_the_doctor_cannot_explain_is_raised():
    model = trainings.mlp(64, 4)
    with pytest.raises(ValueError, match="compile"):
        doctor.diagnose(model, x=X, y=Y, verbose=0)
    model.compile("sgd", trainings.logits())
    with pytest.raises(ValueError, match="cardinality"):
        doctor.diagnose(model, x=X, y=Y[:40], verbose=0)

    def stop(epoch, logs):
        raise LookupError("of a callback")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    with pytest.raises(LookupError, match="of a callback"):
        doctor.diagnose(model, x=X, y=Y, callbacks=[callback], verbose=0)


def train_two_outputs(**fit_arguments):
    """Returns what is found of a network that names a digit, and whether it is odd."""
    inputs = keras.Input((64,))
    hidden = keras.layers.Dense(32, "relu")(inputs)
    outputs = {
        "digit": keras.layers.Dense(10, name="digit")(hidden),
        "odd": keras.layers.Dense(1, "sigmoid", name="odd")(hidden),
    }
    model = keras.Model(inputs, outputs)
    losses = {"digit": trainings.logits(), "odd": "binary_crossentropy"}
    model.compile(keras.optimizers.Adam(0.01), losses)
    return doctor.diagnose(model, **fit_arguments, verbose=0)


def test_each_of_several_outputs_is_looked_at(capsys):
    (x, y), (v, w) = trainings.digits()
    y, w = ({"digit": part, "odd": part % 2} for part in (y, w))
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    assert not train_two_outputs(x=batches, validation_data=(v, w), epochs=8)
    (finding,) = train_two_outputs(x=x, y=y | {"odd": 2 * y["odd"]})
    assert finding.code == "labels_broken"
    assert finding.evidence.startswith("output odd: labels from 0 to 2")
    assert "could not" not in capsys.readouterr().out


def test_missing_numbers_of_several_inputs_are_found():
    parts = [keras.Input((32,)), keras.Input((32,))]
    joined = keras.layers.Concatenate()(parts)
    hidden = keras.layers.Dense(8, "relu")(joined)
    model = keras.Model(parts, keras.layers.Dense(10)(hidden))
    model.compile("adam", trainings.logits())
    right = X[:, 32:].copy()
    right[5, 5] = np.nan
    (finding,) = doctor.diagnose(model, x=[X[:, :32], right], y=Y, verbose=0)
    assert finding.code == "nan_input"


def test_scale_is_numpys_also_of_parts(monkeypatch):
    """Of photographs that are looked at a few at a time."""
    monkeypatch.setattr(experiments, "MAX_VALUES_AT_A_TIME", 3 * 4 * 4)
    values = np.random.default_rng(0).integers(0, 256, (10, 4, 4), np.uint8)
    center, width = values.mean(axis=0), values.std(axis=0)
    expected = (values[:2] - center) / (width + 1e-2 * width.max())
    scaled = experiments.fit_scale(values)(values[:2])
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-5)


def test_root_mean_square_is_numpys():
    for kind in (np.uint8, np.int64, np.float32):
        values = np.random.default_rng(0).integers(0, 200, (5, 7, 3)).astype(kind)
        expected = np.sqrt(np.mean(np.float64(values) ** 2))
        assert case.root_mean_square(values) == pytest.approx(expected)
