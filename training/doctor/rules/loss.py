"""Rules on the loss: does it take such targets, and such outputs?"""

from training.doctor import network
from training.doctor.case import PROBE, Case
from training.doctor.finding import Finding
from training.doctor.task import are_probabilities, is_one_hot, is_whole

import numpy as np

RIGHT = (
    "sparse_categorical_crossentropy for class ids, mean_squared_error for quantities"
)
LINEAR = "mean_squared_error with a linear output"
REACH = {
    "relu": (0, np.inf),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "softplus": (0, np.inf),
    "softmax": (0, 1),
}


def find_wrong_loss(case: Case) -> Finding | None:
    """Each loss asks for targets of one form: distances for quantities, cross-entropies
    for ids or probabilities.
    """
    check = {
        "categorical": check_categorical,
        "sparse": check_sparse,
        "squared": check_squared,
        "binary": check_binary,
        "other": check_other,
    }[case.task.kind]
    wrong = check(case)
    return case.found("wrong_loss", *wrong, True) if wrong else None


def check_categorical(case: Case) -> tuple[str, str] | None:
    """Returns evidence and advice if categorical cross-entropy is wrong here."""
    y = case.y
    if case.task.outputs == 1:
        return (
            "categorical cross-entropy of one output, which is always 0",
            "sparse_categorical_crossentropy, or one-hot labels",
        )
    if are_ids(y):
        return (
            "categorical cross-entropy, which takes a probability for each class, "
            f"against y of the shape {y.shape}",
            "sparse_categorical_crossentropy, or one-hot labels",
        )
    if y.ndim == 2 and is_whole(y) and (y.sum(axis=1) != 1).any():
        return (
            "categorical cross-entropy, whose classes exclude each other, against "
            f"{y.sum(axis=1).max():.0f} labels at once",
            "binary_crossentropy with a sigmoid for each label",
        )
    if not is_whole(y) and (y.max() > 1 or y.min() < 0):
        return "cross-entropy of classes against quantities that are no class ids", (
            LINEAR
        )
    return None


def check_sparse(case: Case) -> tuple[str, str] | None:
    """Returns evidence and advice if sparse categorical cross-entropy is wrong here."""
    y, outputs = case.y, case.task.outputs
    if is_one_hot(y):
        return (
            "sparse categorical cross-entropy, which takes class ids, against y of the "
            f"shape {y.shape}",
            "categorical_crossentropy for one-hot labels",
        )
    classes = len(np.unique(y)) if are_ids(y) else 0
    if (
        outputs == 1
        and classes > 1
        and network.name_last_activation(case.model) != "softmax"
    ):
        return (
            f"sparse categorical cross-entropy of one output for {classes} classes",
            "an output for each class; binary_crossentropy for two",
        )
    if not is_whole(y):
        return "cross-entropy of classes against quantities that are no class ids", (
            LINEAR
        )
    return None


def check_squared(case: Case) -> tuple[str, str] | None:
    """Returns evidence and advice if a distance is wrong here."""
    if not are_ids(case.y):
        return None
    classes = len(np.unique(case.y))
    has_accuracy = any(
        "acc" in name for entry in case.record.history[:1] for name in entry
    )
    if case.task.outputs > 1:
        return f"a distance of {case.task.outputs} outputs from class ids", RIGHT
    if 2 < classes <= 100 and has_accuracy:
        return (
            f"a distance from the ids of {classes} classes, which have no order",
            RIGHT,
        )
    return None


def check_binary(case: Case) -> tuple[str, str] | None:
    """Returns evidence and advice if binary cross-entropy is wrong here."""
    y, outputs = case.y, case.task.outputs
    classes = len(np.unique(y)) if are_ids(y) else 0
    if classes > 2:
        return f"binary cross-entropy against the ids of {classes} classes", RIGHT
    if (
        is_one_hot(y)
        and outputs > 2
        and network.name_last_activation(case.model) == "softmax"
    ):
        return (
            f"binary cross-entropy of a softmax over {outputs} classes, of which one "
            "is right",
            "categorical_crossentropy",
        )
    if (
        np.issubdtype(y.dtype, np.floating)
        and (y.min() < 0 or y.max() > 1)
        and not is_whole(y)
    ):
        return (
            f"binary cross-entropy against quantities from {y.min():.3g} to "
            f"{y.max():.3g}",
            LINEAR,
        )
    return None


def check_other(case: Case) -> tuple[str, str] | None:
    """Returns evidence and advice if a loss of counts, logarithms or percents is wrong
    here.
    """
    name, y = case.task.name, case.y
    if name == "poisson" and y.min() < 0:
        return (
            f"the loss of counts, poisson, against quantities down to {y.min():.3g}",
            LINEAR,
        )
    if name == "meansquaredlogarithmicerror" and y.min() < 0:
        return (
            f"the loss of logarithms against quantities down to {y.min():.3g}, which "
            "have none",
            "mean_squared_error",
        )
    if name == "meanabsolutepercentageerror":
        smallest, mean = np.abs(y).min(), np.abs(y).mean()
        if smallest < 1e-2 * mean:
            return (
                "an error in percent of the target, against targets as small as "
                f"{smallest:.2g}, where it is "
                f"beyond all measure, beside {mean:.2g} on average",
                "mean_squared_error or mean_absolute_error",
            )
    return None


def are_ids(y: np.ndarray) -> bool:
    """True if there is one whole number an example."""
    return y.size == len(y) and is_whole(y)


def find_activation_mismatch(case: Case) -> Finding | None:
    """The output must be able to reach the targets, in the form that the loss expects;
    measured, not read.
    """
    kind, outputs = case.task.kind, case.task.outputs
    last = network.name_last_activation(case.model)
    inner = case.values_before_the_last_activation()
    answers = case.predict(case.rows[:PROBE], case.untrained)
    if not np.isfinite(answers).all():
        return None
    if last == "softmax" and outputs == 1:
        wrong = "softmax on one output is always 1", "sigmoid"
    elif kind in ("sparse", "categorical", "binary"):
        wrong = check_classifier(case, last, inner, answers)
    elif kind == "squared":
        wrong = check_reach(case, last)
    else:
        wrong = None
    return case.found("activation_loss_mismatch", *wrong, True) if wrong else None


def check_classifier(
    case: Case, last: str, inner: np.ndarray | None, answers: np.ndarray
) -> tuple[str, str] | None:
    """Returns evidence and advice if a classifier's outputs are not what its loss
    takes.

    Args:
        case: the training.
        last: the last activation.
        inner: what enters it if it is a layer of its own.
        answers: of the network before the training.
    """
    kind, from_logits, outputs, _ = case.task
    right = "sigmoid" if outputs == 1 else "softmax"
    if (
        last in ("softmax", "sigmoid")
        and inner is not None
        and are_probabilities(inner, last)
    ):
        return f"{last} is applied twice", "take the first one out"
    if (
        from_logits
        and not network.is_repaired_by_keras(case.model)
        and (
            are_probabilities(answers, "softmax") if outputs > 1 else last == "sigmoid"
        )
    ):
        return (
            f"the outputs are probabilities from {answers.min():.2g} to "
            f"{answers.max():.2g}, and the loss takes logits",
            "from_logits=False, or no activation",
        )
    if last == "relu":
        return (
            "relu on the output of a classifier",
            f"{right}, or none with from_logits=True",
        )
    if (
        kind == "binary"
        and last == "softmax"
        and outputs > 1
        and np.any(case.y.sum(axis=-1) > 1)
    ):
        return (
            "softmax lets only one of the outputs be near 1, and some examples have "
            "several labels",
            "sigmoid, for each label of its own",
        )
    if (
        not from_logits
        and last != "softmax"
        and (answers.min() < -1e-6 or answers.max() > 1 + 1e-6)
    ):
        return (
            f"outputs from {answers.min():.2g} to {answers.max():.2g}, and the loss "
            "takes probabilities from 0 to 1",
            f"from_logits=True, or {right}",
        )
    if not from_logits and last == "tanh":
        return (
            "tanh on the output of a classifier",
            f"{right}, or none with from_logits=True",
        )
    return None


def check_reach(case: Case, last: str) -> tuple[str, str] | None:
    """Returns evidence and advice if targets are beyond the last activation."""
    low, high = REACH.get(last, (-np.inf, np.inf))
    beyond = float(np.mean((case.y < low - 0.01) | (case.y > high + 0.01)))
    if beyond > 0.02:
        return (
            f"{beyond:.0%} of the targets are beyond the reach of {last}, which gives "
            f"{low} to {high}",
            "an output without activation",
        )
    return None
