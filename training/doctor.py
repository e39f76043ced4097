"""Names what is wrong with a training, with the evidence and what to try: `diagnose`,
or `TrainingDoctor` for a `fit`.

A symptom has many causes, so thresholds alone name the wrong one more often than the
right one. The doctor works as one debugs by hand (Karpathy, "A Recipe for Training
Neural Networks", 2019): first what is certain about data, labels and loss; then whether
the training is bad at all, against a nearest-neighbor or linear rule on the same
examples; and only for what is bad, experiments on a copy of the network from its first
weights: a cause is what, once removed, lets the copy learn.

Nothing of it touches the training: its weights are the same to the bit with and
without.
"""

import contextlib
import functools
import itertools
import math
import random
import re
import time
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

from training import device

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

HEALTHY = "The doctor finds nothing wrong."
ROWS = 1000  # examples that are looked at
NUMBERS = 30_000_000  # in the examples that are looked at, at most
FEW = 40  # examples that are looked at at least
PROBE = 200  # of them for gradients and activations
# Numbers that the layers give for the examples that are looked at, at most.
COMPUTED = 2_000_000_000
HELD = 100_000_000  # of these at a time
TRIAL_UPDATES = 120  # of an experiment, at most
TRIAL_SECONDS = 5.0  # of the first experiment; the others get as many updates
LOOKED_THROUGH = 50_000_000  # numbers of x or y, for those that are none
SHORT = 0.12  # by how much the skill may fall short of the simple rule
# Learning rates that are usual: below the first and above the last, the rate is what
# one looks at first.
USUAL = {
    "SGD": (1e-3, 0.5),
    "Adadelta": (0.01, 1.0),
    "Adagrad": (1e-3, 0.1),
    "Ftrl": (1e-3, 0.1),
}
USUAL_ADAPTIVE = (5e-5, 0.012)
# What looking at an unusual model or data raises; a doctor never breaks a training.
UNUSUAL = (
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    RuntimeError,
    ArithmeticError,
)


class Finding(NamedTuple):
    """What is wrong with a training.

    Attributes:
        code: of the fault, such as "learning_rate_too_high".
        epoch: in which it was seen, counted from 1; 0 before training.
        step: the number of updates after which it was seen.
        evidence: what was measured, in a sentence.
        advice: what to try, in this order.
        severity: "error" if the result is of no use, else "warning".
    """

    code: str
    epoch: int
    step: int
    evidence: str
    advice: str
    severity: str = "error"

    def __str__(self):
        when = (
            f"epoch {self.epoch}, update {self.step}"
            if self.epoch
            else "before training"
        )
        return f"{self.code} ({when}): {self.evidence}. Try: {self.advice}."


def diagnose(model: keras.Model, **fit_arguments) -> list[Finding]:
    """Runs `model.fit` and says what is wrong with it.

    Args:
        model: compiled.
        **fit_arguments: of `model.fit`, with `x` by its name.

    Returns:
        What was found, the likeliest cause first; empty for a healthy training.

    Raises:
        Exception: what `fit` raises, unless the doctor knows why.
    """
    names = ("x", "y", "validation_data", "validation_split", "batch_size", "shuffle")
    doctor = TrainingDoctor(
        **{name: fit_arguments[name] for name in names if name in fit_arguments},
        report=None,
    )
    callbacks = [*(fit_arguments.pop("callbacks", None) or []), doctor]
    try:
        model.fit(**fit_arguments, callbacks=callbacks)
    except (FloatingPointError, tf.errors.InvalidArgumentError, ValueError):
        doctor.examine()
        if not doctor.findings:
            raise
    if doctor.unseen:
        print(doctor.say()[-1])
    return doctor.findings


class TrainingDoctor(keras.callbacks.Callback):
    """Watches a `fit` and says at its end what is wrong; `findings` has it, and
    `unseen` what could not be looked at.

    Args:
        x: what `fit` is given, because a callback does not see it: arrays or a
            `tf.data.Dataset` of batches.
        y: labels or targets, if `x` is an array.
        validation_data: as `fit` takes it.
        validation_split: as `fit` takes it.
        batch_size: as `fit` takes it.
        shuffle: as `fit` takes it.
        report: called with one line for each finding, or the line that all is well;
            None for silence.
    """

    KEPT = ("history", "epoch", "step", "broken_at")

    def __init__(
        self,
        x=None,
        y=None,
        validation_data=None,
        validation_split=0.0,
        batch_size=None,
        shuffle=True,
        report: Callable[[str], None] | None = print,
    ):
        super().__init__()
        self.data = x, y
        self.validation_data = validation_data
        self.validation_split = validation_split
        self.batch_size = batch_size or 32
        self.shuffle = shuffle
        self.report = report
        self.history: list[dict] = []
        self.findings: list[Finding] = []
        self.unseen: list[str] = []
        self.epoch = self.step = 0
        self.broken_at: tuple[int, int] | None = None
        self.initial = None
        self.rate = math.nan

    def on_train_begin(self, logs=None):
        """Keeps the first weights and the first learning rate."""
        self.rate = float(
            keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        )
        self.initial = [np.copy(value) for value in self.model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        """Notes where the loss stopped being a number."""
        self.step += 1
        loss = (logs or {}).get("loss")
        if self.broken_at is None and loss is not None and not math.isfinite(loss):
            self.broken_at = self.epoch + 1, self.step

    def on_epoch_end(self, epoch, logs=None):
        """Keeps loss and metrics."""
        self.epoch = epoch + 1
        self.history.append(
            {name: float(value) for name, value in (logs or {}).items()}
        )

    def on_train_end(self, logs=None):
        """Examines the training, and reports."""
        self.examine()
        if self.report:
            for line in self.say():
                self.report(line)

    def say(self) -> list[str]:
        """Returns a line for each finding and one for what could not be looked at, or
        that nothing is wrong.
        """
        lines = [str(finding) for finding in self.findings]
        if self.unseen:
            lines.append(
                f"The doctor could not look at everything: {'; '.join(self.unseen)}."
            )
        return lines or [HEALTHY]

    def examine(self) -> None:
        """Fills `findings`, and `unseen` if something stands in the way.

        Never raises for an unusual model.
        """
        if self.initial is None:
            self.initial = self.model.get_weights()
        with untouched_random_numbers():
            try:
                self.findings = Examination(self).find()
            except (*UNUSUAL, tf.errors.OpError) as error:
                self.note(error)
            if self.broken_at and not self.findings:
                self.findings = [self.explain_broken_loss()]

    def note(self, error: Exception) -> None:
        """Keeps why something could not be looked at, once, in a few words."""
        words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:120]
        if words not in self.unseen:
            self.unseen.append(words)

    def explain_broken_loss(self) -> Finding:
        """Returns why the loss of a model that cannot be read is not a number: for its
        data, else for its steps.
        """
        evidence = "the loss is not a number from epoch {}, update {}".format(
            *self.broken_at
        )
        for part in tf.nest.flatten(self.data):
            if (
                isinstance(part, np.ndarray)
                and part.dtype.kind == "f"
                and not np.isfinite(part).all()
            ):
                return Finding(
                    "nan_input",
                    0,
                    0,
                    "x or y holds NaN or infinity",
                    "leave out or fill these rows",
                )
        return Finding(
            "learning_rate_too_high",
            *self.broken_at,
            evidence,
            "a tenth of the learning rate",
        )


@contextlib.contextmanager
def untouched_random_numbers() -> Iterator[None]:
    """Gives back the state of Python's and NumPy's random numbers, from which Keras
    draws its seeds.
    """
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (Keras uses the global one)
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002 (as above)


class Task(NamedTuple):
    """What a network is asked to do, read from its loss and its output.

    Attributes:
        kind: "sparse", "categorical" or "binary" cross-entropy, "squared" (or another
            distance), or "other".
        from_logits: whether the loss takes logits.
        outputs: number of output units.
        name: of the loss, in lower case and without underscores.
    """

    kind: str
    from_logits: bool
    outputs: int
    name: str


def read_task(model: keras.Model, outputs: tf.Tensor) -> Task:
    """Returns what the loss of a compiled model and its outputs for some examples ask
    for.

    Raises:
        TypeError: the model has several outputs or losses.
    """
    loss = model.loss
    if isinstance(loss, list | dict) or isinstance(outputs, list | dict | tuple):
        raise TypeError("a model of several outputs")
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    name = getattr(loss, "__name__", type(loss).__name__).lower().replace("_", "")
    kinds = {
        "sparsecategoricalcrossentropy": "sparse",
        "categoricalcrossentropy": "categorical",
        "binarycrossentropy": "binary",
        "meansquarederror": "squared",
        "meanabsoluteerror": "squared",
        "huber": "squared",
        "logcosh": "squared",
    }
    settings = getattr(loss, "_fn_kwargs", None) or {}
    return Task(
        kinds.get(name, "other"),
        bool(settings.get("from_logits", False)),
        int(outputs.shape[-1]),
        name,
    )


def take(x, y, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first `rows` examples as they are trained on, as arrays.

    Raises:
        TypeError: there are several inputs or outputs, or nothing that can be read
            twice.
    """
    if isinstance(x, tf.data.Dataset):
        inputs, targets = [], []
        for batch in x.take(math.ceil(rows / 8)):
            if len(batch) < 2 or any(
                isinstance(part, dict | tuple | list) for part in batch[:2]
            ):
                raise TypeError("several inputs or outputs")
            inputs.append(np.asarray(batch[0]))
            targets.append(np.asarray(batch[1]))
            if sum(map(len, inputs)) >= rows:
                break
        return np.concatenate(inputs)[:rows], np.concatenate(targets)[:rows]
    if (
        y is None
        or isinstance(x, dict | tuple | list)
        or isinstance(y, dict | tuple | list)
    ):
        raise TypeError("several inputs or outputs, or data that cannot be read twice")
    return np.asarray(x[:rows]), np.asarray(y[:rows])


class Examination:
    """One look at a training that has ended.

    Each method `find_*` is a rule, and returns a finding or None.
    """

    def __init__(self, doctor: TrainingDoctor):
        self.doctor, self.model = doctor, doctor.model
        x, y = doctor.data
        self.arrays = not isinstance(x, tf.data.Dataset)
        if self.arrays:
            self.x, self.y = take(x, y, 10**9)
            if doctor.validation_split:
                cut = int(len(self.x) * (1 - doctor.validation_split))
                doctor.validation_data = self.x[cut:], self.y[cut:]
                self.x, self.y = self.x[:cut], self.y[:cut]
            self.ordered = self.y[: 40 * doctor.batch_size]
            self.batch_size, self.order_kept = doctor.batch_size, not doctor.shuffle
        else:
            first = np.asarray(next(iter(x))[0])
            epoch = len(first) * ((doctor.params or {}).get("steps") or ROWS)
            self.x, self.y = take(
                x, y, max(PROBE, min(epoch, NUMBERS // max(1, first[0].size)))
            )
            self.ordered, self.batch_size = self.y, len(first)
            self.order_kept = (
                True  # what was drawn is what is trained on, shuffled or not
            )
        numbers = count_numbers(self.model)
        self.looked_at = max(
            FEW, min(ROWS, NUMBERS // max(1, self.x[0].size), COMPUTED // numbers)
        )
        self.together = max(1, min(250, HELD // numbers))
        picked = np.sort(
            np.random.default_rng(0).permutation(len(self.x))[: self.looked_at]
        )
        self.rows, self.targets = self.x[picked], self.y[picked]
        self.task = read_task(
            self.model, self.model(tf.constant(self.rows[:2]), training=False)
        )
        self.validation = None
        if doctor.validation_data is not None:
            data = doctor.validation_data
            pair = (
                (data, None)
                if isinstance(data, tf.data.Dataset)
                else (data[0], data[1])
            )
            self.validation = take(*pair, 10**9 if self.arrays else ROWS)
            picked = np.random.default_rng(0).permutation(len(self.validation[0]))[
                : self.looked_at
            ]
            self.validation = tuple(part[picked] for part in self.validation)
        self.final = self.model.get_weights()
        self.trials, self.trial_updates = {}, TRIAL_UPDATES

    def found(
        self,
        code: str,
        evidence: str,
        advice: str,
        before: bool = False,
        severity: str = "error",
    ) -> Finding:
        """Returns a finding, seen before training or at its end."""
        epoch, step = (
            (0, 0) if before else (max(1, self.doctor.epoch), self.doctor.step)
        )
        return Finding(code, epoch, step, evidence, advice, severity)

    def find(self) -> list[Finding]:
        """Applies the rules in the order of causes: what is certain first, effects
        last. The first finding ends it.
        """
        certain = [
            self.find_nan_input,
            self.find_wrong_loss,
            self.find_bad_labels,
            self.find_activation_mismatch,
            self.find_nothing_trainable,
            self.find_symmetry,
            self.find_sorted_data,
            self.find_scale_of_one_split,
        ]
        finding = self.first_of(certain)
        if finding:
            return [finding]
        if self.task.kind == "other":
            self.doctor.unseen.append(
                "a loss of one's own: only its curve was looked at"
            )
            rules = [self.find_divergence]
        elif self.doctor.broken_at or not all(
            np.isfinite(value).all() for value in self.final
        ):
            rules = [self.find_divergence]
        elif self.is_good():
            rules = [self.find_better_rate]
        elif self.overfits():
            rules = [
                self.find_shift,
                self.find_disagreement,
                self.find_permutation,
                self.describe_overfitting,
            ]
        else:
            rules = [
                self.find_shift,
                self.find_dead_units_at_the_start,
                self.find_imbalance,
                self.find_input_scale,
                self.find_vanishing,
                self.find_learning_rate,
                self.find_early_end,
                self.find_exploding,
                self.find_dead_units,
                self.find_frozen_part,
                self.find_permutation,
                self.describe_underfitting,
            ]
        finding = self.first_of(rules)
        return [finding] if finding else []

    def first_of(self, rules: list[Callable[[], Finding | None]]) -> Finding | None:
        """Returns what the first rule that finds something finds."""
        return next(
            (finding for rule in rules if (finding := self.try_rule(rule))), None
        )

    def try_rule(self, rule: Callable[[], Finding | None]) -> Finding | None:
        """Returns what a rule finds; a rule that cannot be applied to this model leaves
        the others alone.
        """
        try:
            return rule()
        except (*UNUSUAL, tf.errors.OpError) as error:
            self.doctor.note(error)
            return None

    # What is certain.

    def find_nan_input(self) -> Finding | None:
        """A number that is none reaches every weight; or is silently taken for 0 by a
        fused kernel, so look at x.
        """
        of_validation = zip(
            ("x of the validation", "y of the validation"),
            self.validation or (),
            strict=False,
        )
        for name, values in (("x", self.x), ("y", self.y), *of_validation):
            if np.issubdtype(values.dtype, np.floating) and len(values):
                values = values[: max(1, LOOKED_THROUGH * len(values) // values.size)]
                wrong = ~np.isfinite(values)
                if wrong.any():
                    rows = int(wrong.reshape(len(values), -1).any(axis=1).sum())
                    evidence = (
                        f"{rows} of {len(values)} rows of {name} hold NaN or infinity"
                    )
                    return self.found(
                        "nan_input",
                        evidence,
                        "leave out or fill these rows, look where they come from",
                        True,
                    )
        return None

    def find_wrong_loss(self) -> Finding | None:
        """Each loss asks for targets of one form: distances for quantities,
        cross-entropies for ids or shares.
        """
        kind, outputs, y = self.task.kind, self.task.outputs, self.y
        ids = y.size == len(y) and is_whole(y)
        classes = len(np.unique(y)) if ids else 0
        accuracy = any(
            "acc" in name for entry in self.doctor.history[:1] for name in entry
        )
        one_hot = (
            y.ndim == 2
            and y.shape[1] > 1
            and is_whole(y)
            and (y.sum(axis=1) == 1).all()
        )
        right = (
            "sparse_categorical_crossentropy for class ids, mean_squared_error for "
            "quantities"
        )
        if kind == "categorical" and (ids or outputs == 1):
            evidence = (
                "categorical cross-entropy, which takes a share for each class, "
                f"against y of the shape {y.shape}"
            )
            if outputs == 1:
                evidence = "categorical cross-entropy of one output, which is always 0"
            return self.found(
                "wrong_loss",
                evidence,
                "sparse_categorical_crossentropy, or one-hot labels",
                True,
            )
        if (
            kind == "categorical"
            and y.ndim == 2
            and is_whole(y)
            and (y.sum(axis=1) != 1).any()
        ):
            evidence = (
                "categorical cross-entropy, whose shares add up to 1, against "
                f"{y.sum(axis=1).max():.0f} labels at once"
            )
            return self.found(
                "wrong_loss",
                evidence,
                "binary_crossentropy with a sigmoid for each label",
                True,
            )
        if self.task.name == "poisson" and y.min() < 0:
            evidence = (
                f"the loss of counts, poisson, against quantities down to {y.min():.3g}"
            )
            return self.found(
                "wrong_loss", evidence, "mean_squared_error with a linear output", True
            )
        if self.task.name == "meansquaredlogarithmicerror" and y.min() < 0:
            evidence = (
                f"the loss of logarithms against quantities down to {y.min():.3g}, "
                "which have none"
            )
            return self.found("wrong_loss", evidence, "mean_squared_error", True)
        if (
            self.task.name == "meanabsolutepercentageerror"
            and np.abs(y).min() < 1e-2 * np.abs(y).mean()
        ):
            evidence = (
                "an error in percent of the target, against targets as small as "
                f"{np.abs(y).min():.2g}, where it is "
                f"beyond all measure, beside {np.abs(y).mean():.2g} on average"
            )
            return self.found(
                "wrong_loss",
                evidence,
                "mean_squared_error or mean_absolute_error",
                True,
            )
        if kind == "sparse" and one_hot:
            evidence = (
                "sparse categorical cross-entropy, which takes class ids, against "
                f"y of the shape {y.shape}"
            )
            return self.found(
                "wrong_loss",
                evidence,
                "categorical_crossentropy for one-hot labels",
                True,
            )
        if (
            kind == "sparse"
            and outputs == 1
            and classes > 1
            and self.last_activation() != "softmax"
        ):
            evidence = (
                f"sparse categorical cross-entropy of one output for {classes} classes"
            )
            return self.found(
                "wrong_loss",
                evidence,
                "an output for each class; binary_crossentropy for two",
                True,
            )
        if kind == "squared" and ids and outputs > 1:
            return self.found(
                "wrong_loss",
                f"a distance of {outputs} outputs from class ids",
                right,
                True,
            )
        if kind == "squared" and ids and 2 < classes <= 100 and accuracy:
            return self.found(
                "wrong_loss",
                f"a distance from the ids of {classes} classes, which have no order",
                right,
                True,
            )
        if kind == "binary" and ids and classes > 2:
            return self.found(
                "wrong_loss",
                f"binary cross-entropy against the ids of {classes} classes",
                right,
                True,
            )
        if (
            kind == "binary"
            and one_hot
            and outputs > 2
            and self.last_activation() == "softmax"
        ):
            evidence = (
                f"binary cross-entropy of a softmax over {outputs} classes, of "
                "which one is right"
            )
            return self.found("wrong_loss", evidence, "categorical_crossentropy", True)
        if (
            kind == "binary"
            and np.issubdtype(y.dtype, np.floating)
            and (y.min() < 0 or y.max() > 1)
            and not is_whole(y)
        ):
            evidence = (
                f"binary cross-entropy against quantities from {y.min():.3g} to "
                f"{y.max():.3g}"
            )
            return self.found(
                "wrong_loss", evidence, "mean_squared_error with a linear output", True
            )
        if (
            kind in ("sparse", "categorical")
            and not is_whole(y)
            and ((kind == "sparse") or y.max() > 1 or y.min() < 0)
        ):
            evidence = (
                "cross-entropy of classes against quantities that are no class ids"
            )
            return self.found(
                "wrong_loss", evidence, "mean_squared_error with a linear output", True
            )
        return None

    def find_bad_labels(self) -> Finding | None:
        """Labels that are all one class, or no class at all, teach nothing."""
        kind, outputs, y = self.task.kind, self.task.outputs, self.y
        advice = (
            "look at a few examples beside their labels, at the code that reads and "
            "pairs them"
        )
        if kind in ("sparse", "categorical", "binary"):
            ids = y.argmax(axis=-1) if kind == "categorical" else y
            if len(np.unique(ids)) == 1 and len(ids) > 1:
                return self.found(
                    "labels_broken",
                    f"all {len(y)} labels are {ids.ravel()[0]}",
                    advice,
                    True,
                )
        elif (
            kind == "squared"
            and len(y) > 1
            and np.ptp(y.reshape(len(y), -1), axis=0).max() == 0
        ):
            return self.found(
                "labels_broken", f"all {len(y)} targets are equal", advice, True
            )
        if kind == "sparse" and outputs > 1 and (y.min() < 0 or y.max() >= outputs):
            evidence = (
                f"labels from {y.min()} to {y.max()} for {outputs} outputs, which "
                f"stand for 0 to {outputs - 1}"
            )
            return self.found(
                "labels_broken", evidence, "count the classes from 0; " + advice, True
            )
        if kind == "binary" and is_whole(y) and (y.min() < 0 or y.max() > 1):
            return self.found(
                "labels_broken",
                f"labels from {y.min()} to {y.max()}, not 0 or 1",
                "labels 0 and 1",
                True,
            )
        if (
            kind == "categorical"
            and is_whole(y)
            and y.ndim > 1
            and (y.sum(axis=-1) != 1).mean() > 0.01
        ):
            return self.found(
                "labels_broken", "rows of y that do not name one class", advice, True
            )
        return None

    def find_activation_mismatch(self) -> Finding | None:
        """The output must be able to reach the targets, in the form that the loss
        expects; measured, not read.
        """
        kind, from_logits, outputs, _ = self.task
        last, inner = self.last_activation(), self.values_before_the_last_activation()
        answers = self.predict(self.rows[:PROBE], self.untrained)
        share = "sigmoid" if outputs == 1 else "softmax"
        if not np.isfinite(answers).all():
            return None
        if last == "softmax" and outputs == 1:
            return self.found(
                "activation_loss_mismatch",
                "softmax on one output is always 1",
                "sigmoid",
                True,
            )
        if kind in ("sparse", "categorical", "binary"):
            if (
                last in ("softmax", "sigmoid")
                and inner is not None
                and is_share(inner, last)
            ):
                return self.found(
                    "activation_loss_mismatch",
                    f"{last} is applied twice",
                    "take the first one out",
                    True,
                )
            if (
                from_logits
                and not self.is_repaired_by_keras()
                and (is_share(answers, "softmax") if outputs > 1 else last == "sigmoid")
            ):
                evidence = (
                    f"the outputs are shares from {answers.min():.2g} to "
                    f"{answers.max():.2g}, and the loss takes logits"
                )
                return self.found(
                    "activation_loss_mismatch",
                    evidence,
                    "from_logits=False, or no activation",
                    True,
                )
            if last == "relu":
                return self.found(
                    "activation_loss_mismatch",
                    "relu on the output of a classifier",
                    f"{share}, or none with from_logits=True",
                    True,
                )
            if (
                kind == "binary"
                and last == "softmax"
                and outputs > 1
                and np.any(self.y.sum(axis=-1) > 1)
            ):
                evidence = (
                    "softmax lets only one of the outputs be near 1, and some "
                    "examples have several labels"
                )
                return self.found(
                    "activation_loss_mismatch",
                    evidence,
                    "sigmoid, for each label of its own",
                    True,
                )
            if (
                not from_logits
                and last != "softmax"
                and (answers.min() < -1e-6 or answers.max() > 1 + 1e-6)
            ):
                evidence = (
                    f"outputs from {answers.min():.2g} to {answers.max():.2g}, and "
                    "the loss takes shares from 0 to 1"
                )
                return self.found(
                    "activation_loss_mismatch",
                    evidence,
                    f"from_logits=True, or {share}",
                    True,
                )
            if not from_logits and last == "tanh":
                return self.found(
                    "activation_loss_mismatch",
                    "tanh on the output of a classifier",
                    f"{share}, or none with from_logits=True",
                    True,
                )
            return None
        reach = {
            "relu": (0, np.inf),
            "sigmoid": (0, 1),
            "tanh": (-1, 1),
            "softplus": (0, np.inf),
            "softmax": (0, 1),
        }
        low, high = reach.get(last, (-np.inf, np.inf))
        beyond = float(np.mean((self.y < low - 0.01) | (self.y > high + 0.01)))
        if kind == "squared" and beyond > 0.02:
            evidence = (
                f"{beyond:.0%} of the targets are beyond the reach of {last}, which "
                f"gives {low} to {high}"
            )
            return self.found(
                "activation_loss_mismatch",
                evidence,
                "an output without activation",
                True,
            )
        return None

    def find_nothing_trainable(self) -> Finding | None:
        """Without a trainable weight nothing can change."""
        if self.model.trainable_variables:
            return None
        evidence = f"none of {self.model.count_params():,} weights is trainable"
        return self.found(
            "nothing_trainable",
            evidence,
            "trainable = True for the last layers, then compile again",
            True,
        )

    def find_symmetry(self) -> Finding | None:
        """Units that begin alike and get the same gradient stay alike (Goodfellow et
        al., Deep Learning, 8.4).

        Zeros in the last layer alone do no harm: looked at is whether the units of a
        hidden layer are still alike.
        """
        layers = [
            layer
            for layer in self.model.layers
            if find_kernel(layer) is not None and layer.trainable
        ]
        for layer in layers[:-1]:
            kernel = find_kernel(layer).numpy()
            width = getattr(
                layer, "units", kernel.shape[-1]
            )  # a recurrent layer has several kernels side by side
            units = kernel.reshape(-1, width)
            if (
                units.shape[1] > 1
                and np.isfinite(units).all()
                and np.ptp(units, axis=1).max() <= 1e-5 * (np.abs(units).max() + 1e-12)
            ):
                evidence = (
                    f"all {units.shape[1]} units of {layer.name} have equal weights "
                    "after training"
                )
                return self.found(
                    "zero_init_symmetry",
                    evidence,
                    "random initial weights, such as glorot_uniform",
                )
        kernels = [find_kernel(layer).numpy() for layer in layers]
        if len(kernels) > 1 and not any(np.any(kernel) for kernel in kernels):
            return self.found(
                "zero_init_symmetry",
                "all weights are zero after training",
                "random initial weights",
            )
        return None

    def find_sorted_data(self) -> Finding | None:
        """Each update forgets a little of what was before, so classes that come one
        after the other are forgotten.
        """
        if self.task.kind not in ("sparse", "categorical", "binary"):
            return None
        ids = class_ids(self.ordered, self.task.kind)
        if ids is None:
            return None
        whole = class_ids(self.y, self.task.kind)
        advice = (
            "shuffle the examples and their labels together, before they are split "
            "and in every epoch"
        )
        shares = np.bincount(whole) / len(whole)
        others = (
            None
            if self.validation is None
            else class_ids(self.validation[1], self.task.kind)
        )
        if self.doctor.validation_split and others is not None and len(others) >= 20:
            counts = np.bincount(others, minlength=len(shares)) / len(others)
            apart = (
                np.abs(counts - np.pad(shares, (0, len(counts) - len(shares)))).sum()
                / 2
            )
            if apart > 0.5:
                common = shares.argmax(), counts.argmax()
                evidence = (
                    f"{shares[common[0]]:.0%} of the training examples are of class "
                    f"{common[0]}, and "
                    f"{counts[common[1]]:.0%} of the validation split, which is the "
                    f"last of them, of class {common[1]}"
                )
                return self.found("unshuffled_data", evidence, advice, True)
        by_chance, alike = (
            float((shares**2).sum()),
            float(np.mean(ids[1:] == ids[:-1])) if len(ids) > 1 else 0.0,
        )
        batches = [
            ids[start : start + self.batch_size]
            for start in range(0, len(ids), self.batch_size)
        ]
        if not self.order_kept or len(batches) < 2 or self.batch_size >= len(self.x):
            return None
        purity = float(
            np.mean([np.bincount(batch).max() / len(batch) for batch in batches])
        )
        usual = expected_purity(shares, self.batch_size)
        if alike > by_chance + 0.5 * (1 - by_chance) and purity > usual + 0.5 * (
            1 - usual
        ):
            evidence = (
                f"{alike:.0%} of the examples follow one of their own class, "
                f"{by_chance:.0%} would by chance"
            )
            severity = "warning" if self.is_good() else "error"
            return self.found("unshuffled_data", evidence, advice, True, severity)
        return None

    def find_scale_of_one_split(self) -> Finding | None:
        """What a network learns of numbers of one size does not hold for numbers of
        another.
        """
        if self.validation is None or not np.issubdtype(self.rows.dtype, np.number):
            return None
        sizes = [
            float(np.sqrt(np.mean(np.float64(part) ** 2)))
            for part in (self.rows, self.validation[0])
        ]
        last = self.doctor.history[-1] if self.doctor.history else {}
        harmless = not last.get("val_loss", 0.0) > 2 * abs(last.get("loss", 0.0))
        if max(sizes) < 5 * min(sizes) or harmless:
            return None
        evidence = (
            f"the root mean square of x is {sizes[0]:.3g} in training, and "
            f"{sizes[1]:.3g} in validation"
        )
        return self.found(
            "input_not_normalized",
            evidence,
            "the same scaling for both, best inside the model",
            True,
        )

    # What is bad.

    def is_good(self) -> bool:
        """True if the network does about as well as a simple rule, on validation where
        there is one.
        """
        self.train_skill = self.skill(self.predict(self.rows), self.targets)
        self.validation_skill = None
        if self.validation is not None:
            self.validation_skill = self.skill(
                self.predict(self.validation[0]), self.validation[1]
            )
        judged = (
            self.train_skill if self.validation_skill is None else self.validation_skill
        )
        if judged >= 0.97 and self.train_skill >= 0.9:
            return True
        self.simple_skill = self.learn_simply(self.rows, self.targets)
        margin = (
            2 * SHORT if self.task.kind == "squared" else SHORT + self.uncertainty()
        )
        if self.simple_skill < 0.1:  # what no simple rule learns
            return judged > 0.25 and not self.gap_is_wide()
        return judged >= self.simple_skill - margin and not self.gap_is_wide()

    def uncertainty(self) -> float:
        """Returns the standard error of the skill on validation examples: a few of a
        rare class say little.
        """
        truth = (
            None
            if self.validation is None
            else class_ids(self.validation[1], self.task.kind)
        )
        if truth is None:
            return 0.0
        answers, classes = (
            decide(self.predict(self.validation[0]), self.task),
            np.unique(truth),
        )
        counts = np.array([np.sum(truth == label) for label in classes])
        hits = np.array([np.sum(answers[truth == label] == label) for label in classes])
        shares = (hits + 1) / (counts + 2)
        return float(
            np.sqrt(np.sum(shares * (1 - shares) / counts)) / max(1, len(classes) - 1)
        )

    def gap_is_wide(self) -> bool:
        """True if training examples are known much better than others, and more
        training makes it worse.
        """
        if self.validation_skill is None:
            return False
        losses = [
            entry["val_loss"] for entry in self.doctor.history if "val_loss" in entry
        ]
        rising = bool(losses) and losses[-1] > 1.15 * min(losses)
        gap = self.train_skill - self.validation_skill
        return (gap > 0.1 and rising) or gap > 0.3

    def overfits(self) -> bool:
        """True if the training examples are known and others are not."""
        known = self.train_skill >= max(0.5, self.simple_skill - SHORT)
        return (
            self.validation_skill is not None
            and known
            and self.train_skill - self.validation_skill > 0.08
        )

    def describe_overfitting(self) -> Finding:
        """Known by heart: good on what was trained on, worse on the rest (Goodfellow et
        al., Deep Learning, 5.2).
        """
        losses = [entry.get("val_loss", math.nan) for entry in self.doctor.history]
        best = (
            1 + int(np.nanargmin(losses)) if np.isfinite(losses).any() else len(losses)
        )
        evidence = (
            f"{self.name_skill()} {self.train_skill:.2f} on training examples, "
            f"{self.validation_skill:.2f} on others; "
            f"the validation loss was lowest after epoch {best} of {len(losses)}"
        )
        advice = (
            "more examples or augmentation, dropout or weight decay, a smaller network"
        )
        advice = advice if best == len(losses) else f"stop earlier, {advice}"
        return self.found("overfitting", evidence, advice, severity="warning")

    def find_divergence(self) -> Finding | None:
        """A loss that is no number: from steps that are too large, unless the numbers
        were too large before.
        """
        broken = self.doctor.broken_at
        losses = [entry.get("loss", math.nan) for entry in self.doctor.history]
        numbers = all(np.isfinite(value).all() for value in self.final)
        if not broken and numbers and losses and np.isfinite(losses).all():
            return None
        epoch, step = broken or (self.doctor.epoch, self.doctor.step)
        where = (
            f"the {'loss is' if numbers else 'weights are'} not a number from epoch "
            f"{epoch}, update {step}"
        )
        rate = self.learning_rate()
        advice = (
            "a tenth of the learning rate, then a hundredth; a warm-up; clipnorm=1 "
            "in the optimizer"
        )
        if self.task.kind != "other" and rate <= self.usual()[1]:
            scale = self.input_scale()
            if (
                scale is not None
                and scale > 5
                and self.better(self.trial(standardize=True))
            ):
                return self.describe_input_scale(scale)._replace(epoch=epoch, step=step)
            exploding = self.find_exploding()
            if exploding:
                return exploding._replace(
                    epoch=epoch, step=step, evidence=f"{where}; {exploding.evidence}"
                )
        return Finding(
            "learning_rate_too_high",
            epoch,
            step,
            f"{where}, at a learning rate of {rate:.3g}",
            advice,
            "error",
        )

    def find_shift(self) -> Finding | None:
        """Labels of the neighbors: if a simple rule learns the labels one or two places
        further, they are displaced.
        """
        if not self.arrays or self.task.kind == "other" or len(self.x) < 60:
            return None
        rows = slice(0, ROWS)
        inputs, targets = self.x[rows], self.y[rows]
        base = self.neighbors(inputs, targets)
        if base > 0.3:
            return None
        for shift in (1, -1, 2, -2, 3, -3):
            moved = self.neighbors(inputs, np.roll(self.y, shift, axis=0)[rows])
            if moved > max(0.3, base + 0.25):
                evidence = (
                    f"a nearest-neighbor rule has a skill of {base:.2f} with the "
                    f"labels as they are, and {moved:.2f} "
                    f"with those {abs(shift)} {'before' if shift > 0 else 'behind'}"
                )
                return self.found(
                    "labels_broken",
                    evidence,
                    "pair examples and labels anew, from the files on",
                    True,
                )
        return None

    def find_disagreement(self) -> Finding | None:
        """Two splits are about the same thing: what a simple rule learns of one, it
        must know of the other.
        """
        if self.simple_skill < 0.4:
            return None
        between = self.neighbors(self.rows, self.targets, *self.validation)
        if between > 0.4 * self.simple_skill:
            return None
        evidence = (
            "a simple rule that knows some training examples has a skill of "
            f"{self.simple_skill:.2f} on others of "
            f"them, and of {between:.2f} on the validation examples"
        )
        return self.found(
            "labels_broken",
            evidence,
            "compare how the labels of both splits are made",
            True,
        )

    def find_permutation(self) -> Finding | None:
        """Labels that neither the network nor any simple rule can tell on new examples
        have nothing to do with them.
        """
        if self.simple_skill >= 0.1 or len(self.rows) < 60:
            return None
        if self.validation_skill is not None and self.validation_skill > 0.2:
            return None
        evidence = (
            "on examples that it has not seen, a simple rule has a skill of "
            f"{self.simple_skill:.2f}"
            + (
                f" and the network {self.validation_skill:.2f}"
                if self.validation_skill is not None
                else ""
            )
            + ", where 0 is chance"
        )
        return self.found(
            "labels_broken",
            evidence,
            "look at examples beside their labels, whether they are paired rightly",
            True,
        )

    def find_dead_units_at_the_start(self) -> Finding | None:
        """A rectifier that is 0 for every example has no gradient and never learns (Lu
        et al., "Dying ReLU", 2019).
        """
        return self.find_dead_units(self.doctor.initial)

    def find_dead_units(self, weights=None) -> Finding | None:
        """A rectifier that fell silent during the training, or with other weights;
        judged after the learning rate.
        """
        for name, share in self.dead_shares(weights or self.final).items():
            if share >= (0.85 if weights is self.doctor.initial else 0.7):
                evidence = f"{share:.0%} of the units of {name} are 0 for every example"
                first = weights is self.doctor.initial
                advice = "biases that begin at 0, he_normal weights, leaky_relu"
                advice = advice if first else "smaller steps, " + advice
                return self.found("dead_relu", evidence, advice, first)
        return None

    def find_imbalance(self) -> Finding | None:
        """Where one class is nearly all there is, always answering it costs little (He
        and Garcia, 2009).
        """
        ids = class_ids(self.y, self.task.kind)
        if ids is None:
            return None
        counts = np.bincount(ids)
        counts = counts[counts > 0]
        ratio = counts.max() / counts.min()
        answers = decide(self.predict(self.rows), self.task)
        truth = class_ids(self.targets, self.task.kind)
        largest = np.bincount(ids).argmax()
        rare = truth != largest
        if (
            ratio < 4
            or counts.max() < 0.6 * counts.sum()
            or not rare.any()
            or np.mean(answers[rare] == truth[rare]) > 0.35
        ):
            return None
        if (
            np.mean(answers[~rare] == largest) < 0.9
            or self.learning_rate() < self.usual()[0] / 3
        ):
            return None
        evidence = (
            f"{counts.max() / counts.sum():.0%} of the labels are {largest}, and so "
            "are "
            f"{np.mean(answers == largest):.0%} of the answers; of the others "
            f"{np.mean(answers[rare] == truth[rare]):.0%} are right"
        )
        return self.found(
            "class_imbalance_collapse",
            evidence,
            "class_weight, or drawing the rare classes more often",
        )

    def find_input_scale(self) -> Finding | None:
        """Weights begin for inputs of about unit size (LeCun et al., "Efficient
        BackProp", 1998, 4.3).
        """
        scale = self.input_scale()
        if scale is None or 0.03 < scale < 5:
            return None
        if self.better(self.trial(standardize=True)):
            return self.describe_input_scale(scale)
        return None

    def describe_input_scale(self, scale: float) -> Finding:
        """Returns the finding, with the advice."""
        evidence = (
            f"the inputs of the first layer have a root mean square of {scale:.3g}"
        )
        if self.spread() >= 50:
            evidence += f", the largest feature {self.spread():.3g} times the smallest"
        return self.found(
            "input_not_normalized",
            evidence,
            "a Rescaling or Normalization layer before it",
            True,
        )

    def find_vanishing(self) -> Finding | None:
        """Each layer multiplies the gradient; far below 1, and the first layers stand
        still (Hochreiter, 1991).
        """
        norms = self.layer_gradients()
        if len(norms) < 4:
            return None
        first, last = norms[0], norms[-1]
        stands_still = first < 1e-3 * last or np.median(norms) < 1e-7
        if stands_still and self.learning_rate() >= self.usual()[0] / 3:
            evidence = (
                f"the gradients (root mean square) are {first:.1e} in the first "
                f"layer, {last:.1e} in the last"
            )
            if first >= 1e-3 * last:
                evidence = (
                    "the gradients have a root mean square of "
                    f"{np.median(norms):.1e} in the median of the layers"
                )
            advice = (
                "relu and he_normal instead of sigmoid or tanh, batch "
                "normalization, residual connections, fewer layers"
            )
            return self.found("vanishing_gradient", evidence, advice, True)
        return None

    def find_learning_rate(self) -> Finding | None:
        """Trials from the first weights, with larger and smaller steps (Smith,
        "Cyclical Learning Rates", 2017).
        """
        rate, (low, high) = self.learning_rate(), self.usual()
        final = self.relative_loss(self.model)
        if rate > high and final > 1.05:
            evidence = (
                f"the loss is {final:.3g} times that of the best constant answer, "
                f"at a learning rate of {rate:.2g}"
            )
            return self.found(
                "learning_rate_too_high",
                evidence,
                f"a learning rate of {high / 10:.2g}, then tenths of it",
            )
        usual = [
            10.0**power
            for power in range(-8, 9)
            if power and low <= rate * 10.0**power <= high
        ]
        tried = []
        if rate > high / 3 or self.is_erratic():
            tried.append(
                ("learning_rate_too_high", [factor for factor in usual if factor < 1])
            )
        if rate < 3 * low:
            tried.append(
                ("learning_rate_too_low", [factor for factor in usual if factor > 1])
            )
        control = self.trial()
        for code, factors in tried:
            best = min(
                factors, key=lambda factor: self.trial(factor=factor), default=None
            )
            if (
                code == "learning_rate_too_high"
            ):  # which may do well for a while, or end well by luck
                control = max(control, self.relative_loss(self.model))
            if best and self.better(self.trial(factor=best), control):
                reached = (
                    f"not {control:.3g}"
                    if math.isfinite(control)
                    else "and does not diverge"
                )
                evidence = (
                    f"with {rate * best:.2g} instead of {rate:.2g}, a copy comes in as "
                    "many updates to a loss of "
                    f"{self.trial(factor=best):.3g} of the best constant's, {reached}"
                )
                return self.found(
                    code, evidence, f"a learning rate of {rate * best:.2g}"
                )
        return None

    def find_better_rate(self) -> Finding | None:
        """Good enough, at an unusual rate: a short trial at a usual one must not come
        further than all of it.
        """
        if (
            self.learning_rate() <= self.usual()[1]
            or self.relative_loss(self.model) < 0.1
        ):
            return None
        return self.find_learning_rate()

    def find_early_end(self) -> Finding | None:
        """A schedule that is at zero long before the end: tried are as many updates at
        its highest rate.
        """
        rate = self.model.optimizer._learning_rate
        if not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            return None
        rates = np.array(
            [
                float(rate(step))
                for step in np.linspace(0, self.doctor.step, 100, dtype=int)
            ]
        )
        used, final = (
            float(np.mean(rates > 0.02 * rates.max())),
            self.relative_loss(self.model),
        )
        if used < 0.5 and self.better(self.trial(), final):
            evidence = (
                f"the schedule is above a fiftieth of its highest rate for {used:.0%} "
                "of the updates; at that rate, a "
                f"copy comes to a loss of {self.trial():.3g} of the best constant's, "
                f"not {final:.3g}"
            )
            return self.found(
                "learning_rate_too_low",
                evidence,
                "a schedule over all updates of the training",
            )
        return None

    def find_exploding(self) -> Finding | None:
        """Gradients that grow from layer to layer make every step wild (Pascanu et al.,
        2013).
        """
        norm = self.gradient_norm()
        if not np.isfinite(norm) or norm > 1e3 or self.growth() > 100:
            evidence = f"the gradient's norm was {norm:.3g} before the first update"
            advice = (
                "smaller initial weights (glorot_uniform, he_normal), clipnorm=1, "
                "batch normalization"
            )
            return self.found("exploding_gradient", evidence, advice, True)
        return None

    def find_frozen_part(self) -> Finding | None:
        """What is frozen cannot adapt: tried is the same training with every layer
        trainable.
        """
        frozen = [
            layer.name
            for layer in self.model.layers
            if layer.weights and not layer.trainable_weights
        ]
        if frozen and self.better(self.trial(unfreeze=True)):
            evidence = (
                f"with {frozen[-1]} trainable as well, a copy learns what this "
                "network does not"
            )
            return self.found(
                "nothing_trainable",
                evidence,
                f"trainable = True for {frozen[-1]}, then compile again",
                True,
            )
        return None

    def describe_underfitting(self) -> Finding | None:
        """Worse than a simple rule, and no other cause was found: too small, or too
        short.
        """
        if not self.train_skill < self.simple_skill - SHORT / 2:
            return None
        more = self.trial(start=self.final)
        now = self.relative_loss(self.model)
        evidence = (
            f"{self.name_skill()} {self.train_skill:.2f} on training examples, where a "
            "simple rule has "
            f"{self.simple_skill:.2f} on new ones"
        )
        advice = "more epochs, then more units or layers"
        if more > 0.9 * now:
            drops = [
                layer.name
                for layer in self.model.layers
                if getattr(layer, "rate", 0) and "drop" in layer.name
            ]
            held = [
                layer.name
                for layer in self.model.layers
                if getattr(layer, "kernel_regularizer", None)
            ]
            first = (
                f"less of {' and '.join([*drops, *held])}, " if drops or held else ""
            )
            advice = first + "more units or layers, then more epochs"
        return self.found("underfitting", evidence, advice, severity="warning")

    # What is measured.

    def predict(self, rows: np.ndarray, model: keras.Model | None = None) -> np.ndarray:
        """Returns the outputs for rows, float64, of the trained model or of a copy."""
        return self.run(model or self.model, rows).astype(np.float64)

    def run(self, model: keras.Model, rows: np.ndarray) -> np.ndarray:
        """Returns a network's outputs for rows, computed in parts for the memory."""
        outputs = [
            model(tf.constant(rows[part]), training=False) for part in self.parts(rows)
        ]
        return np.concatenate([np.asarray(values) for values in outputs])

    def parts(self, rows: np.ndarray) -> list[slice]:
        """Returns the parts of rows that the network can be given at a time."""
        return [
            slice(start, start + self.together)
            for start in range(0, len(rows), self.together)
        ]

    def copy(self, weights) -> keras.Model:
        """Returns a copy of the network.

        Raises:
            ValueError: Keras cannot copy it.
        """
        model = keras.models.clone_model(self.model)
        if not model.built:
            model(tf.constant(self.rows[:2]), training=False)
        for layer, own in zip(model.layers, self.model.layers, strict=True):
            layer.trainable = own.trainable
        model.set_weights(weights)
        return model

    def skill(self, outputs: np.ndarray, y: np.ndarray) -> float:
        """Returns how good answers are: 0 for the best constant, 1 for perfect; mean
        recall, or explained variance.
        """
        if self.task.kind == "squared":
            y = y.reshape(outputs.shape) if y.size == outputs.size else y
            return float(
                1
                - np.mean((outputs - y) ** 2)
                / max(1e-12, np.mean((y - y.mean(axis=0)) ** 2))
            )
        truth = class_ids(y, self.task.kind)
        if truth is None:  # several labels an example
            return float(
                np.mean((outputs > (0 if self.task.from_logits else 0.5)) == (y > 0.5))
                * 2
                - 1
            )
        return recall(truth, decide(outputs, self.task))

    def name_skill(self) -> str:
        """Returns what `skill` measures."""
        return (
            "explained variance"
            if self.task.kind == "squared"
            else "skill (0 is chance)"
        )

    def learn_simply(self, rows: np.ndarray, y: np.ndarray) -> float:
        """Returns the skill of the better of a linear and a nearest-neighbor rule on a
        third that it has not seen.
        """
        order = np.random.default_rng(2).permutation(len(rows))
        rows, y, cut = self.features(rows)[order], y[order], 2 * len(rows) // 3
        if self.task.kind == "squared":
            y = y.reshape(len(y), -1)
            if y.shape[1] > 50:
                # Of a picture, which takes too long: asked for is a little more than
                # its mean.
                return 0.3
            rules = [Ridge(1.0), KNeighborsRegressor(5)]
            answers = [
                rule.fit(rows[:cut], y[:cut]).predict(rows[cut:]) for rule in rules
            ]
            variance = max(1e-12, np.mean((y[cut:] - y[cut:].mean(axis=0)) ** 2))
            return max(
                float(
                    1
                    - np.mean((given.reshape(-1, y.shape[1]) - y[cut:]) ** 2) / variance
                )
                for given in answers
            )
        ids = class_ids(y, self.task.kind)
        if ids is None or len(np.unique(ids[:cut])) < 2:
            return 0.0
        rules = [
            LogisticRegression(C=0.1, max_iter=60, class_weight="balanced"),
            KNeighborsClassifier(3),
        ]
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # sklearn: more iterations would make it a little better
            return max(
                recall(ids[cut:], rule.fit(rows[:cut], ids[:cut]).predict(rows[cut:]))
                for rule in rules
            )

    def neighbors(
        self, rows: np.ndarray, y: np.ndarray, others=None, other_y=None
    ) -> float:
        """Returns the skill of a nearest-neighbor rule on a third of the rows, or on
        others.
        """
        cut = 2 * len(rows) // 3
        order = np.random.default_rng(0).permutation(len(rows))
        train, test = order[:cut], order[cut:]
        if others is not None:
            train, test = (
                np.arange(len(rows)),
                np.arange(len(rows), len(rows) + len(others)),
            )
            rows, y = np.concatenate([rows, others]), np.concatenate([y, other_y])
        rows = self.features(rows)
        if self.task.kind == "squared":
            y = y.reshape(len(y), -1)
            given = (
                KNeighborsRegressor(3).fit(rows[train], y[train]).predict(rows[test])
            )
            return float(
                1 - np.mean((given - y[test]) ** 2) / max(1e-12, np.var(y[test]))
            )
        ids = class_ids(y, self.task.kind)
        if ids is None:
            return 1.0
        return recall(
            ids[test],
            KNeighborsClassifier(3).fit(rows[train], ids[train]).predict(rows[test]),
        )

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Returns inputs as a simple rule takes them: standardized columns, or counts
        of words.
        """
        flat = rows.reshape(len(rows), -1)
        if any(
            isinstance(layer, keras.layers.Embedding) for layer in self.model.layers
        ):
            return np.stack(
                [
                    np.bincount(row, minlength=int(flat.max()) + 1)
                    for row in np.int64(flat)
                ]
            ).astype(float)
        flat = np.float64(flat)
        if flat.shape[1] > 1500:
            flat = flat[:, :: -(-flat.shape[1] // 1500)]
        return (flat - flat.mean(axis=0)) / (
            flat.std(axis=0) + 1e-2 * (flat.std() + 1e-12)
        )

    def relative_loss(
        self, model: keras.Model, rows: np.ndarray | None = None
    ) -> float:
        """Returns a model's loss on the looked-at rows, or their standardized form, as
        a share of a constant's.
        """
        outputs = self.predict(self.rows if rows is None else rows, model)
        if not np.isfinite(outputs).all():
            return math.inf
        return cost(outputs, self.targets, self.task) / max(
            1e-9, constant_cost(self.targets, self.task)
        )

    def trial(
        self, factor: float = 1.0, standardize=False, unfreeze=False, start=None
    ) -> float:
        """Trains a copy for a short while with one thing changed, and returns its loss
        as a share of a constant's.

        Args:
            factor: of the learning rate.
            standardize: whether to bring the inputs to mean 0 and standard deviation 1.
            unfreeze: whether to make every layer trainable.
            start: first weights; those of the training if not given.
        """
        key = (factor, standardize, unfreeze, start is None)
        if (
            key not in self.trials
            and not self.trials
            and key != (1.0, False, False, True)
        ):
            # Without a change, which says for how many updates there is time.
            self.trial()
        if key in self.trials:
            return self.trials[key]
        model = self.copy(self.doctor.initial if start is None else start)
        if unfreeze:
            model.trainable = True
            for layer in model.layers:
                layer.trainable = True
        settings = self.model.optimizer.get_config()
        settings["learning_rate"] = self.learning_rate() * factor
        optimizer = type(self.model.optimizer).from_config(settings)
        inputs, rows = self.x[: 20 * ROWS], self.rows
        if standardize:
            center, width = (
                inputs.reshape(len(inputs), -1).mean(axis=0),
                inputs.reshape(len(inputs), -1).std(axis=0),
            )
            width = width + 1e-2 * width.max() + 1e-12
            shape = (1, *inputs.shape[1:])
            inputs, rows = (
                (np.float32(part) - np.float32(center.reshape(shape)))
                / np.float32(width.reshape(shape))
                for part in (inputs, rows)
            )
        count = min(
            self.trial_updates * (3 if unfreeze else 1),
            max(20, self.doctor.step or TRIAL_UPDATES),
        )
        draw = np.random.default_rng(1)
        targets = self.y[: len(inputs)]
        size = min(self.batch_size, len(inputs), 128)
        picks = np.concatenate(
            [
                draw.permutation(len(inputs))
                for _ in range(-(-count * size // len(inputs)))
            ]
        )
        picks = picks[: count * size].reshape(count, size)
        optimizer.build(model.trainable_variables)

        def update(x, y):
            with tf.GradientTape() as tape:
                outputs = model(x, training=True)
                value = self.loss(y, outputs) / devices  # their gradients are added
            optimizer.apply(
                tape.gradient(value, model.trainable_variables),
                model.trainable_variables,
            )

        devices = tf.distribute.get_strategy().num_replicas_in_sync
        train = tf.function(lambda *batch: device.run_on_devices(update, *batch))
        for done, pick in enumerate(picks, start=1):
            train(tf.constant(inputs[pick]), tf.constant(targets[pick]))
            if done == 1:
                started = time.perf_counter()
            elif not self.trials and time.perf_counter() - started > TRIAL_SECONDS:
                self.trial_updates = done
                break
        self.trials[key] = self.relative_loss(model, rows)
        return self.trials[key]

    def loss(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the mean of the network's own loss."""
        loss = (
            keras.losses.get(self.model.loss)
            if isinstance(self.model.loss, str)
            else self.model.loss
        )
        flat = self.task.kind != "sparse" and len(y.shape) == len(outputs.shape) - 1
        mean = tf.reduce_mean(loss(y[..., tf.newaxis] if flat else y, outputs))
        divided = isinstance(
            loss, keras.losses.Loss
        )  # by the number of devices that share a training
        return (
            mean * tf.distribute.get_strategy().num_replicas_in_sync
            if divided
            else mean
        )

    def better(self, changed: float, control: float | None = None) -> bool:
        """True if a trial comes clearly further than the one without a change."""
        control = self.trial() if control is None else control
        if not math.isfinite(control):
            return changed < 1.05
        return changed < control - 0.15 and changed < 0.85 * control

    def learning_rate(self) -> float:
        """Returns the learning rate, of a schedule the highest so far."""
        rate = self.model.optimizer._learning_rate
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            return max(
                float(rate(step))
                for step in np.linspace(0, max(1, self.doctor.step), 50, dtype=int)
            )
        return self.doctor.rate

    def usual(self) -> tuple[float, float]:
        """Returns the lowest and highest learning rate usual for the optimizer."""
        return USUAL.get(type(self.model.optimizer).__name__, USUAL_ADAPTIVE)

    def is_erratic(self) -> bool:
        """True if the training loss rises as often as it falls, or ends above where it
        was.
        """
        losses = [entry["loss"] for entry in self.doctor.history if "loss" in entry]
        rises = sum(after > before for before, after in itertools.pairwise(losses))
        return len(losses) > 2 and rises >= 0.3 * (len(losses) - 1)

    def last_activation(self) -> str:
        """Returns the name of the last activation, "linear" if there is none."""
        for layer in reversed(self.model.layers):
            if isinstance(layer, keras.layers.Softmax):
                return "softmax"
            if isinstance(layer, keras.layers.ReLU):
                return "relu"
            if isinstance(
                layer,
                keras.layers.Reshape | keras.layers.Flatten | keras.layers.Dropout,
            ):
                continue
            return name_activation(layer)
        return "linear"

    def is_repaired_by_keras(self) -> bool:
        """True if Keras takes the logits of a softmax or sigmoid that is the very last
        operation.
        """
        last = self.model.layers[-1]
        return name_activation(last) in ("softmax", "sigmoid") or isinstance(
            last, keras.layers.Softmax
        )

    def values_before_the_last_activation(self) -> np.ndarray | None:
        """Returns what enters the last activation if that is a layer of its own, else
        None.
        """
        last = self.model.layers[-1]
        if not isinstance(last, keras.layers.Softmax | keras.layers.Activation):
            return None
        inner = keras.Model(self.untrained.inputs[0], self.untrained.layers[-1].input)
        return self.run(inner, self.rows[:PROBE])

    def first_layer(self) -> keras.layers.Layer | None:
        """Returns the first layer with weights; None if that is no matrix or
        convolution, or the inputs are words.
        """
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.InputLayer) or not layer.weights:
                continue
            return None if find_kernel(layer) is None else layer
        return None

    def entering(self) -> np.ndarray | None:
        """Returns what enters the first layer with weights, `(n, features)`."""
        layer = self.first_layer()
        if layer is None:
            return None
        # In a copy, because the layer itself may be part of another network as well,
        # whose input it names.
        copied = self.untrained.layers[self.model.layers.index(layer)]
        values = np.float64(
            self.run(
                keras.Model(self.untrained.inputs[0], copied.input), self.rows[:PROBE]
            )
        )
        return values.reshape(-1, values.shape[-1])

    def input_scale(self) -> float | None:
        """Returns the root mean square of what enters the first layer with weights,
        None if it cannot be said.
        """
        values = self.entering()
        return None if values is None else float(np.sqrt(np.mean(values**2)))

    def spread(self) -> float:
        """Returns how many times larger the largest feature is than the smallest that
        is not always 0.
        """
        values = self.entering()
        if values is None or values.shape[1] > 200:
            return 1.0
        sizes = np.sqrt(np.mean(values**2, axis=0))
        sizes = sizes[sizes > 0]
        return float(sizes.max() / sizes.min()) if len(sizes) else 1.0

    @functools.cached_property
    def untrained(self) -> keras.Model:
        """A copy with the first weights, to look at."""
        return self.copy(self.doctor.initial)

    @functools.cached_property
    def gradients(self) -> list[np.ndarray]:
        """The gradient of the loss by each kernel before training, in the order of the
        layers.
        """
        model = self.copy(
            self.doctor.initial
        )  # of its own, as batch normalization counts what it sees in training
        kernels = [find_kernel(layer) for layer in model.layers if layer.trainable]
        kernels = [kernel for kernel in kernels if kernel is not None]
        rows, targets = self.rows[:PROBE], self.targets[:PROBE]
        total = [np.zeros(1) for _ in kernels]

        def slopes(x, y):
            with tf.GradientTape() as tape:
                value = self.loss(y, model(x, training=True))
            return tape.gradient(value, [kernel.value for kernel in kernels])

        for part in self.parts(rows):
            found = device.run_on_devices(
                slopes, tf.constant(rows[part]), tf.constant(targets[part])
            )
            share = len(rows[part]) / len(rows)
            pairs = zip(total, found, strict=True)
            total = [
                sums if own is None else sums + share * np.asarray(own)
                for sums, own in pairs
            ]
        return total

    def layer_gradients(self) -> list[float]:
        """Returns the root mean square of each layer's gradient before training."""
        return [
            float(np.sqrt(np.mean(np.float64(part) ** 2))) for part in self.gradients
        ]

    def gradient_norm(self) -> float:
        """Returns the norm of the whole gradient before training."""
        return float(
            np.sqrt(sum(np.sum(np.float64(part) ** 2) for part in self.gradients))
        )

    def growth(self) -> float:
        """Returns how many times larger the network's outputs are than what enters it,
        before training.
        """
        answers = self.predict(self.rows[:PROBE], self.untrained)
        scale = self.input_scale()
        if scale is None or self.last_activation() != "linear":
            return 0.0
        return float(np.sqrt(np.mean(answers**2)) / max(scale, 1e-12))

    def dead_shares(self, weights) -> dict[str, float]:
        """Returns for each layer with a rectifier the share of its units that are 0 for
        every looked-at row.
        """
        model = self.copy(weights)
        rectified = [
            layer
            for layer in model.layers[:-1]
            if name_activation(layer) == "relu" or isinstance(layer, keras.layers.ReLU)
        ]
        if not rectified:
            return {}
        watched = keras.Model(model.inputs[0], [layer.output for layer in rectified])
        rows, alive = self.rows[:PROBE], [False] * len(rectified)
        for part in self.parts(rows):
            outputs = keras.tree.flatten(
                watched(tf.constant(rows[part]), training=False)
            )
            flat = [
                np.asarray(values).reshape(-1, values.shape[-1]) for values in outputs
            ]
            alive = [
                seen | (values > 0).any(axis=0)
                for seen, values in zip(alive, flat, strict=True)
            ]
        return {
            layer.name: float(1 - seen.mean())
            for layer, seen in zip(rectified, alive, strict=True)
        }


def count_numbers(model: keras.Model) -> int:
    """Returns about how many numbers the layers of a network give for an example, at
    least 1.
    """
    total = 1
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += count_numbers(layer)
        else:
            outputs = keras.tree.flatten(getattr(layer, "output", []))
            total += sum(
                math.prod(size or 1 for size in output.shape[1:]) for output in outputs
            )
    return total


def find_kernel(layer: keras.layers.Layer):
    """Returns the kernel of a layer, of a recurrent one that for its inputs, None if it
    has none.
    """
    layer = getattr(layer, "forward_layer", layer)  # of a bidirectional one
    holder = layer if hasattr(layer, "kernel") else getattr(layer, "cell", None)
    return getattr(holder, "kernel", None)


def name_activation(layer: keras.layers.Layer) -> str:
    """Returns the name of a layer's activation, "linear" if it has none."""
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def is_whole(y: np.ndarray) -> bool:
    """True if all numbers are whole."""
    return bool(np.all(np.equal(np.mod(y, 1), 0)))


def is_share(values: np.ndarray, kind: str) -> bool:
    """True if rows are shares that sum to 1, or for "sigmoid" all values lie between 0
    and 1 and not at 0.
    """
    inside = values.min() >= 0 and values.max() <= 1
    return bool(
        inside
        and (
            np.allclose(values.sum(axis=-1), 1, atol=1e-3)
            if kind == "softmax"
            else values.min() > 0
        )
    )


def class_ids(y: np.ndarray, kind: str) -> np.ndarray | None:
    """Returns the class of each example, `(n,)`; None if an example has several labels
    or a quantity.
    """
    if (kind == "categorical" and y.ndim > 1) or (
        kind == "binary"
        and y.ndim == 2
        and y.shape[1] > 1
        and (y.sum(axis=1) == 1).all()
    ):
        return y.reshape(-1, y.shape[-1]).argmax(axis=-1)
    if (
        kind in ("sparse", "binary")
        and y.size == len(y)
        and is_whole(y)
        and y.min() >= 0
    ):
        return np.int64(y.ravel())
    return None


def decide(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Returns the class that the outputs name."""
    if task.outputs == 1:
        return np.int64(outputs.ravel() > (0 if task.from_logits else 0.5))
    return outputs.reshape(-1, outputs.shape[-1]).argmax(axis=-1)


def recall(truth: np.ndarray, answers: np.ndarray) -> float:
    """Returns the mean recall of the classes, brought to 0 for chance and 1 for
    perfect.
    """
    classes = np.unique(truth)
    mean = np.mean([np.mean(answers[truth == label] == label) for label in classes])
    return float((mean - 1 / max(2, len(classes))) / (1 - 1 / max(2, len(classes))))


def expected_purity(shares: np.ndarray, size: int) -> float:
    """Returns which share of a batch the largest class has on average if it is drawn by
    chance.
    """
    draws = np.random.default_rng(0).multinomial(size, shares, 200)
    return float(np.mean(draws.max(axis=1) / size))


def cost(outputs: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Returns cross-entropy or mean squared error, computed here, whatever the
    network's own loss is.
    """
    if task.kind == "squared":
        return float(
            np.mean(
                (outputs - (y.reshape(outputs.shape) if y.size == outputs.size else y))
                ** 2
            )
        )
    if task.kind == "binary" or task.outputs == 1:
        share = (
            1 / (1 + np.exp(-np.clip(outputs, -60, 60)))
            if task.from_logits
            else outputs
        )
        share, y = np.clip(share, 1e-7, 1 - 1e-7), y.reshape(outputs.shape)
        return float(np.mean(-y * np.log(share) - (1 - y) * np.log(1 - share)))
    rows = outputs.reshape(-1, outputs.shape[-1])
    ids = class_ids(y, task.kind)
    if task.from_logits:
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
    rows = rows / np.maximum(1e-12, rows.sum(axis=1, keepdims=True))
    return float(np.mean(-np.log(np.clip(rows[np.arange(len(ids)), ids], 1e-7, 1))))


def constant_cost(y: np.ndarray, task: Task) -> float:
    """Returns the cost of the best answer that is always the same."""
    if task.kind == "squared":
        return float(np.mean((y - y.mean(axis=0)) ** 2))
    ids = class_ids(y, task.kind)
    if ids is None or task.kind == "binary":
        share = np.clip(np.mean(y, axis=0), 1e-7, 1 - 1e-7)
        return float(np.mean(-share * np.log(share) - (1 - share) * np.log(1 - share)))
    shares = np.bincount(ids) / len(ids)
    shares = shares[shares > 0]
    return float(-np.sum(shares * np.log(shares)))
