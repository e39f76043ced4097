"""Applies the rules to a training that has ended, however unusual it is."""

import contextlib
import random
import re
from collections.abc import Iterator

from training.doctor import judgment
from training.doctor.case import Case
from training.doctor.finding import Finding
from training.doctor.record import Record
from training.doctor.rules import RULES

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


def examine(record: Record) -> tuple[list[Finding], list[str]]:
    """Returns what is wrong with a training, at most one finding, and what could not be
    looked at.
    """
    finding, unseen = None, []
    with untouched_random_numbers():
        try:
            finding = apply_rules(Case(record), unseen)
        except UNUSUAL as error:
            note(error, unseen)
        if record.broken_at and not finding:
            finding = explain_broken_loss(record)
    return [finding] if finding else [], unseen


def apply_rules(case: Case, unseen: list[str]) -> Finding | None:
    """Returns what the first rule that finds something finds. A rule that cannot be
    applied to this model leaves the others alone.

    Args:
        case: the training.
        unseen: what could not be looked at is added here.
    """
    state = None
    for rule, states in RULES:
        if states and state is None:  # all that is certain is past
            state = judgment.judge(case)
            if state is judgment.State.UNKNOWN:
                unseen.append("a loss of one's own: only its curve was looked at")
        if states and state not in states:
            continue
        try:
            finding = rule(case)
        except UNUSUAL as error:
            note(error, unseen)
        else:
            if finding:
                return finding
    return None


def note(error: Exception, unseen: list[str]) -> None:
    """Keeps why something could not be looked at, once, in a few words."""
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:120]
    if words not in unseen:
        unseen.append(words)


def explain_broken_loss(record: Record) -> Finding:
    """Returns why the loss of a model that cannot be read is not a number: for its
    data, else for its steps.
    """
    for part in tf.nest.flatten((record.x, record.y)):
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
