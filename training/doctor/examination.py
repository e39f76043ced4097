"""Applies the rules to a training that has ended, however unusual it is."""

import contextlib
import random
import re
from collections.abc import Iterator

from training.doctor import judgment, outputs
from training.doctor.case import Case
from training.doctor.finding import Finding
from training.doctor.record import Record
from training.doctor.rules import RULES, RULES_FOR_ERRORS

import numpy as np
import tensorflow as tf

# What looking at an unusual model or data raises; a doctor never breaks a training.
UNUSUAL = (
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    RuntimeError,
    ArithmeticError,
    tf.errors.OpError,
)
# What `fit` raises for wrong numbers and shapes. Other errors have other reasons than
# the rules on trainings know.
OF_NUMBERS = (FloatingPointError, ValueError, tf.errors.InvalidArgumentError)


def examine(record: Record) -> tuple[list[Finding], list[str]]:
    """Returns what is wrong with a training, at most one finding, and what could not be
    looked at.
    """
    finding, unseen = None, []
    with untouched_random_numbers():
        if record.error:
            finding = explain_error(record)
        if not finding and (not record.error or isinstance(record.error, OF_NUMBERS)):
            try:
                parts = outputs.split_outputs(record)
                cases = {name: Case(part) for name, part in parts.items()}
                finding = apply_rules(cases, unseen)
            except UNUSUAL as error:
                note(error, unseen)
        if not finding and (unseen or record.broken_at):
            finding = look_at_parts(record)
    return [finding] if finding else [], unseen


def explain_error(record: Record) -> Finding | None:
    """Returns why Keras could not read what `fit` was given, None if it could."""
    for rule in RULES_FOR_ERRORS:
        try:
            finding = rule(record)
        except UNUSUAL:  # the error that is there already says more
            continue
        if finding:
            return finding
    return None


def apply_rules(cases: dict[str, Case], unseen: list[str]) -> Finding | None:
    """Returns what the first rule that finds something finds. A rule that cannot be
    applied to this model leaves the others alone.

    Args:
        cases: the training, of several outputs one for each, by its name.
        unseen: what could not be looked at is added here.
    """
    judged = {}
    for rule, states in RULES:
        if states and not judged:  # all that is certain is past
            judged = {name: judgment.judge(case) for name, case in cases.items()}
            if judgment.State.UNKNOWN in judged.values():
                unseen.append("a loss of one's own: only its curve was looked at")
        for name, case in cases.items():
            if states and judged[name] not in states:
                continue
            try:
                finding = rule(case)
            except UNUSUAL as error:
                note(error, unseen)
                continue
            if finding and name:
                evidence = f"output {name}: {finding.evidence}"
                finding = finding._replace(evidence=evidence)
            if finding:
                return finding
    return None


def note(error: Exception, unseen: list[str]) -> None:
    """Keeps why something could not be looked at, once, in a few words."""
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:120]
    if words not in unseen:
        unseen.append(words)


def look_at_parts(record: Record) -> Finding | None:
    """Returns what can be said of a model that cannot be read, or of several inputs:
    whether the data are numbers, whether the loss is one.
    """
    for place, part in enumerate(tf.nest.flatten((record.x, record.y))):
        if (
            isinstance(part, np.ndarray)
            and part.dtype.kind == "f"
            and not np.isfinite(part).all()
        ):
            return Finding(
                "nan_input",
                0,
                0,
                f"array {place + 1} of x and y holds NaN or infinity",
                "leave out or fill these rows",
            )
    if not record.broken_at:
        return None
    return Finding(
        "learning_rate_too_high",
        *record.broken_at,
        "the loss is not a number from epoch {}, update {}".format(*record.broken_at),
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
