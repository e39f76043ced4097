"""Rules on inputs and targets: numbers that are none, their order, their scale."""

import math

from training.doctor import baselines, experiments, judgment
from training.doctor.case import Case, root_mean_square
from training.doctor.finding import Finding
from training.doctor.task import class_ids

import numpy as np

MAX_VALUES_CHECKED_FOR_NAN = 50_000_000  # of x and of y


def find_nan_input(case: Case) -> Finding | None:
    """A NaN reaches every weight; or is silently taken for 0 by a fused kernel, so look
    at x.
    """
    of_validation = zip(
        ("x of the validation", "y of the validation"),
        case.validation or (),
        strict=False,
    )
    for name, values in (("x", case.x), ("y", case.y), *of_validation):
        if np.issubdtype(values.dtype, np.floating) and len(values):
            checked = MAX_VALUES_CHECKED_FOR_NAN * len(values) // values.size
            values = values[: max(1, checked)]
            wrong = ~np.isfinite(values)
            if wrong.any():
                rows = int(wrong.reshape(len(values), -1).any(axis=1).sum())
                return case.found(
                    "nan_input",
                    f"{rows} of {len(values)} rows of {name} hold NaN or infinity",
                    "leave out or fill these rows, look where they come from",
                    True,
                )
    return None


def find_sorted_data(case: Case) -> Finding | None:
    """Each update forgets a little of what was before, so classes that come one after
    the other are forgotten.
    """
    if case.task.kind not in ("sparse", "categorical", "binary"):
        return None
    ids = class_ids(case.ordered, case.task.kind)
    if ids is None:
        return None
    whole = class_ids(case.y, case.task.kind)
    if whole is None:
        return None
    advice = (
        "shuffle the examples and their labels together, before they are split and in "
        "every epoch"
    )
    frequencies = np.bincount(whole) / len(whole)
    others = None
    if case.validation is not None:
        others = class_ids(case.validation[1], case.task.kind)
    if case.record.validation_split and others is not None and len(others) >= 20:
        held_out = np.bincount(others, minlength=len(frequencies)) / len(others)
        missing = len(held_out) - len(frequencies)
        apart = np.abs(held_out - np.pad(frequencies, (0, missing))).sum() / 2
        if apart > 0.5:
            common = frequencies.argmax(), held_out.argmax()
            evidence = (
                f"{frequencies[common[0]]:.0%} of the training examples are of class "
                f"{common[0]}, and "
                f"{held_out[common[1]]:.0%} of the validation split, which is the "
                f"last of them, of class {common[1]}"
            )
            return case.found("unshuffled_data", evidence, advice, True)
    by_chance = float((frequencies**2).sum())
    alike = float(np.mean(ids[1:] == ids[:-1])) if len(ids) > 1 else 0.0
    size = case.batch_size
    batches = [ids[start : start + size] for start in range(0, len(ids), size)]
    if not case.order_kept or len(batches) < 2 or size >= len(case.x):
        return None
    purities = [np.bincount(batch).max() / len(batch) for batch in batches]
    usual = baselines.expected_purity(frequencies, size)
    if alike > by_chance + 0.5 * (1 - by_chance) and float(
        np.mean(purities)
    ) > usual + 0.5 * (1 - usual):
        evidence = (
            f"{alike:.0%} of the examples follow one of their own class, "
            f"{by_chance:.0%} would by chance"
        )
        severity = "warning" if judgment.is_good(case) else "error"
        return case.found("unshuffled_data", evidence, advice, True, severity)
    return None


def find_scale_of_one_split(case: Case) -> Finding | None:
    """What a network learns of numbers of one size does not hold for numbers of
    another.
    """
    if case.validation is None or not np.issubdtype(case.rows.dtype, np.number):
        return None
    last = case.record.history[-1] if case.record.history else {}
    if not last.get("val_loss", 0.0) > 2 * abs(last.get("loss", 0.0)):
        return None
    parts = case.rows, case.validation[0]
    sizes = [root_mean_square(part) for part in parts]
    if max(sizes) < 5 * min(sizes):
        return None
    evidence = (
        f"the root mean square of x is {sizes[0]:.3g} in training, and "
        f"{sizes[1]:.3g} in validation"
    )
    return case.found(
        "input_not_normalized",
        evidence,
        "the same scaling for both, best inside the model",
        True,
    )


def find_input_scale(case: Case) -> Finding | None:
    """Weights begin for inputs of about unit size (LeCun et al., "Efficient BackProp",
    1998, 4.3).
    """
    scale = case.input_scale()
    if scale is None or 0.03 < scale < 5:
        return None
    if experiments.is_better(case, experiments.trial(case, standardize=True)):
        return describe_input_scale(case, scale)
    return None


def describe_input_scale(case: Case, scale: float) -> Finding:
    """Returns the finding, with the advice."""
    evidence = f"the inputs of the first layer have a root mean square of {scale:.3g}"
    spread = case.input_spread()
    if spread >= 50:
        evidence += f", the largest feature {spread:.3g} times the smallest"
    advice = "a Rescaling or Normalization layer before it"
    return case.found("input_not_normalized", evidence, advice, True)


def find_target_scale(case: Case) -> Finding | None:
    """Outputs begin near 0 and have about unit size, and a step is made for errors of
    that size: the gradient of a squared error is as large as the target (Bishop, Neural
    Networks for Pattern Recognition, 1995, 8.2).
    """
    scale = case.target_scale()
    if scale is None or 0.05 < scale < 10:
        return None
    control = min(experiments.trial(case), case.relative_loss())
    best = experiments.trial(case, scale_targets=True)
    both = False
    entering = case.input_scale()
    if entering is not None and not 0.03 < entering < 5:
        scaled = experiments.trial(case, standardize=True, scale_targets=True)
        both = experiments.is_better(case, scaled, best)
        best = min(best, scaled)
    diverges = not math.isfinite(case.relative_loss())
    # A rate at which large numbers explode may be too low to come far with small ones.
    if best > (2.0 if diverges else 0.9) or not (
        experiments.is_better(case, best, control)
    ):
        return None
    instead = "and does not diverge" if diverges else f"not {control:.3g}"
    y = np.float64(case.targets)
    evidence = (
        f"the targets are {y.mean():.3g} on average, with a standard deviation of "
        f"{y.std():.3g}; with targets of mean 0 and standard deviation 1, a copy comes "
        f"to a loss of {best:.3g} of the best constant's, {instead}"
    )
    advice = (
        "y = (y - mean) / std with both from the training targets, in validation too; "
        "predictions * std + mean are in the old unit"
    )
    if both:
        evidence = evidence.replace("targets of mean", "inputs and targets of mean")
        advice += "; a Normalization layer for the inputs"
    return case.found("target_not_normalized", evidence, advice, True)
