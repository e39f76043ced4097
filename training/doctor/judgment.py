"""Whether a training is bad at all: complaints are for those that are worse than a
simple rule on the same examples.
"""

import enum

from training.doctor.case import Case
from training.doctor.task import class_ids, decide

import numpy as np

SHORT = 0.12  # by how much the skill may fall short of the simple rule
MIN_SKILL = 0.25  # where no simple rule learns anything


class State(enum.Enum):
    """How a training ended."""

    UNTRAINED = "there was no update"
    UNKNOWN = "its loss is none of Keras's, so answers cannot be compared"
    BROKEN = "its loss or its weights are not numbers any more"
    GOOD = "about as good as a simple rule"
    MEMORIZED = "it knows its training examples, and others not"
    BAD = "worse than a simple rule, on training examples too"


def judge(case: Case) -> State:
    """Returns how a training ended."""
    if not case.record.step:
        return State.UNTRAINED
    if case.task.kind == "other":
        return State.UNKNOWN
    numbers = all(np.isfinite(value).all() for value in case.final)
    if case.record.broken_at or not numbers:
        return State.BROKEN
    if is_good(case):
        return State.GOOD
    return State.MEMORIZED if is_memorized(case) else State.BAD


def is_good(case: Case) -> bool:
    """True if the network does about as well as a simple rule, on validation where
    there is one.
    """
    known, held_out = case.train_skill, case.validation_skill
    judged = known if held_out is None else held_out
    if judged >= 0.97 and known >= 0.9:
        return True
    if case.simple_skill < 0.1:  # what no simple rule learns
        return judged > MIN_SKILL and not is_gap_wide(case)
    squared = case.task.kind == "squared"
    margin = 2 * SHORT if squared else SHORT + estimate_uncertainty(case)
    return judged >= case.simple_skill - margin and not is_gap_wide(case)


def is_memorized(case: Case) -> bool:
    """True if the training examples are known and others are not."""
    known = case.train_skill >= max(0.5, case.simple_skill - SHORT)
    return (
        case.validation_skill is not None
        and known
        and case.train_skill - case.validation_skill > 0.08
    )


def is_gap_wide(case: Case) -> bool:
    """True if training examples are known much better than others, and more training
    makes it worse.
    """
    if case.validation_skill is None:
        return False
    losses = case.record.losses("val_loss")
    rising = bool(losses) and losses[-1] > 1.15 * min(losses)
    gap = case.train_skill - case.validation_skill
    return (gap > 0.1 and rising) or gap > 0.3


def estimate_uncertainty(case: Case) -> float:
    """Returns the standard error of the skill on validation examples: a few of a rare
    class say little.
    """
    if case.validation is None:
        return 0.0
    truth = class_ids(case.validation[1], case.task.kind)
    if truth is None:
        return 0.0
    answers = decide(case.predict(case.validation[0]), case.task)
    classes = np.unique(truth)
    counts = np.array([np.sum(truth == label) for label in classes])
    hits = np.array([np.sum(answers[truth == label] == label) for label in classes])
    recalls = (hits + 1) / (counts + 2)
    variance = np.sum(recalls * (1 - recalls) / counts)
    return float(np.sqrt(variance) / max(1, len(classes) - 1))
