"""Rules on the labels: do they name classes, do they belong to their examples, is one
of them nearly all there is?
"""

from training.doctor.case import MAX_EXAMPLES, Case
from training.doctor.finding import Finding
from training.doctor.task import class_ids, is_whole

import numpy as np


def find_bad_labels(case: Case) -> Finding | None:
    """Labels that are all one class, or no class at all, teach nothing."""
    kind, outputs, y = case.task.kind, case.task.outputs, case.y
    advice = (
        "look at a few examples beside their labels, at the code that reads and pairs "
        "them"
    )
    wrong = None
    if kind in ("sparse", "categorical", "binary"):
        ids = y.argmax(axis=-1) if kind == "categorical" else y
        if len(np.unique(ids)) == 1 and len(ids) > 1:
            wrong = f"all {len(y)} labels are {ids.ravel()[0]}", advice
    elif (
        kind == "squared"
        and len(y) > 1
        and np.ptp(y.reshape(len(y), -1), axis=0).max() == 0
    ):
        wrong = f"all {len(y)} targets are equal", advice
    if wrong:
        pass
    elif kind == "sparse" and outputs > 1 and (y.min() < 0 or y.max() >= outputs):
        evidence = (
            f"labels from {y.min()} to {y.max()} for {outputs} outputs, which stand "
            f"for 0 to {outputs - 1}"
        )
        wrong = evidence, "count the classes from 0; " + advice
    elif kind == "binary" and is_whole(y) and (y.min() < 0 or y.max() > 1):
        wrong = f"labels from {y.min()} to {y.max()}, not 0 or 1", "labels 0 and 1"
    elif (
        kind == "categorical"
        and is_whole(y)
        and y.ndim > 1
        and (y.sum(axis=-1) != 1).mean() > 0.01
    ):
        wrong = "rows of y that do not name one class", advice
    return case.found("labels_broken", *wrong, True) if wrong else None


def find_shift(case: Case) -> Finding | None:
    """Labels of the neighbors: if a simple rule learns the labels one or two places
    further, they are displaced.
    """
    if not case.arrays or case.task.kind == "other" or len(case.x) < 60:
        return None
    rows = slice(0, MAX_EXAMPLES)
    inputs, targets = case.x[rows], case.y[rows]
    base = case.ask_neighbors(inputs, targets)
    if base > 0.3:
        return None
    for shift in (1, -1, 2, -2, 3, -3):
        moved = case.ask_neighbors(inputs, np.roll(case.y, shift, axis=0)[rows])
        if moved > max(0.3, base + 0.25):
            evidence = (
                f"a nearest-neighbor rule has a skill of {base:.2f} with the labels as "
                f"they are, and {moved:.2f} "
                f"with those {abs(shift)} {'before' if shift > 0 else 'behind'}"
            )
            return case.found(
                "labels_broken",
                evidence,
                "pair examples and labels anew, from the files on",
                True,
            )
    return None


def find_disagreement(case: Case) -> Finding | None:
    """Two splits are about the same thing: what a simple rule learns of one, it must
    know of the other.
    """
    if case.validation is None or case.simple_skill < 0.4:
        return None
    between = case.ask_neighbors(case.rows, case.targets, *case.validation)
    if between > 0.4 * case.simple_skill:
        return None
    evidence = (
        "a simple rule that knows some training examples has a skill of "
        f"{case.simple_skill:.2f} on others of "
        f"them, and of {between:.2f} on the validation examples"
    )
    return case.found(
        "labels_broken",
        evidence,
        "compare how the labels of both splits are made",
        True,
    )


def find_permutation(case: Case) -> Finding | None:
    """Labels that neither the network nor any simple rule can tell on new examples have
    nothing to do with them.
    """
    skill = case.validation_skill
    if not case.has_simple_rule or case.simple_skill >= 0.1 or len(case.rows) < 60:
        return None
    if skill is not None and skill > 0.2:
        return None
    evidence = (
        "on examples that it has not seen, a simple rule has a skill of "
        f"{case.simple_skill:.2f}"
        + (f" and the network {skill:.2f}" if skill is not None else "")
        + ", where 0 is chance"
    )
    return case.found(
        "labels_broken",
        evidence,
        "look at examples beside their labels, whether they are paired rightly",
        True,
    )


def find_imbalance(case: Case) -> Finding | None:
    """Where one class is nearly all there is, always answering it costs little (He and
    Garcia, 2009); so with the background of a mask (Milletari et al., "V-Net", 2016).
    """
    classified = case.answers()
    if classified is None:
        return None
    truth, answers = classified
    ids = class_ids(case.y, case.task.kind)
    counts = np.bincount(truth if ids is None else ids)
    largest = counts.argmax()
    counts = counts[counts > 0]
    rare = truth != largest
    if ids is None and case.task.kind != "other" and case.relative_loss() < 0.5:
        return None  # it tells them apart, though none of them is sure enough yet
    if (
        counts.max() < 4 * counts.min()
        or counts.max() < 0.6 * counts.sum()
        or not rare.any()
        or np.mean(answers[rare] == truth[rare]) > 0.35
    ):
        return None
    if (
        np.mean(answers[~rare] == largest) < 0.9
        or case.learning_rate < case.usual_rates[0] / 3
    ):
        return None
    evidence = (
        f"{counts.max() / counts.sum():.0%} of the labels are {largest}, and so are "
        f"{np.mean(answers == largest):.0%} of the answers; of the others "
        f"{np.mean(answers[rare] == truth[rare]):.0%} are right"
    )
    advice = "class_weight, or drawing the rare classes more often"
    if ids is None:
        advice = (
            "a larger weight for the rare class in the loss (sample_weight of the "
            "shape of y, or a Dice or focal loss)"
        )
    return case.found("class_imbalance_collapse", evidence, advice)
