"""The doctor names the fault of small trainings on real data, and leaves them as they
are.
"""

import random
import re

from training import doctor
from training.doctor import case, network, rules

import keras
import numpy as np
import pytest

from tests import test_exercises
from tools import trainings

# One of each code that tests/test_exercises.py does not find in an exercise, and what
# looks like a fault and is none. All of them, with three seeds: make full.
QUICK = [
    "softmax_before_a_loss_of_logits_which_keras_repairs",
    "pipeline",
    "regression",
    "yes_or_no_with_logits",
    "fifteen_layers_with_small_weights",
    "weights_far_too_large",
    "all_equal",
    "all_frozen",
    "one_place_off",
    "hundred_digits_by_heart",
    "one_in_fifty",
    "one_missing_value",
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
    assert len(codes - {None}) == 16
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


@pytest.mark.parametrize("name", ["batch_norm_and_dropout", "adam_at_a_millionth"])
def test_training_is_the_same_with_and_without(name):
    """Also where the doctor experiments on copies."""
    findings = []
    for with_doctor, without in zip(
        train(trainings.CASES[name][1], True, findings),
        train(trainings.CASES[name][1], False),
        strict=True,
    ):
        np.testing.assert_array_equal(with_doctor, without)
    assert bool(findings) == (name == "adam_at_a_millionth")


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
