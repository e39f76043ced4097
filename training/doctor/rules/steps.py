"""Rules on the steps: are they too large, too small, or over too early?"""

import itertools
import math

from training.doctor import experiments
from training.doctor.case import Case
from training.doctor.finding import Finding
from training.doctor.rules import data, weights

import numpy as np


def find_divergence(case: Case) -> Finding | None:
    """A loss that is no number: from steps that are too large, unless the numbers were
    too large before.
    """
    record = case.record
    losses = [entry.get("loss", math.nan) for entry in record.history]
    numbers = all(np.isfinite(value).all() for value in case.final)
    if not record.broken_at and numbers and losses and np.isfinite(losses).all():
        return None
    epoch, step = record.broken_at or (record.epoch, record.step)
    where = (
        f"the {'loss is' if numbers else 'weights are'} not a number from epoch "
        f"{epoch}, update {step}"
    )
    rate = case.learning_rate
    if case.task.kind != "other" and rate <= case.usual_rates[1]:
        scale = case.input_scale()
        if (
            scale is not None
            and scale > 5
            and experiments.is_better(case, experiments.trial(case, standardize=True))
        ):
            found = data.describe_input_scale(case, scale)
            return found._replace(epoch=epoch, step=step)
        found = data.find_target_scale(case)
        if found:
            return found._replace(epoch=epoch, step=step)
        found = weights.find_exploding(case)
        if found:
            evidence = f"{where}; {found.evidence}"
            return found._replace(epoch=epoch, step=step, evidence=evidence)
    return Finding(
        "learning_rate_too_high",
        epoch,
        step,
        f"{where}, at a learning rate of {rate:.3g}",
        "a tenth of the learning rate, then a hundredth; a warm-up; clipnorm=1 in the "
        "optimizer",
    )


def find_better_rate(case: Case) -> Finding | None:
    """Good enough, at an unusual rate: a short trial at a usual one must not come
    further than all of it.
    """
    if case.learning_rate <= case.usual_rates[1] or case.relative_loss() < 0.1:
        return None
    return find_learning_rate(case)


def find_learning_rate(case: Case) -> Finding | None:
    """Trials from the first weights, with larger and smaller steps (Smith, "Cyclical
    Learning Rates", 2017).
    """
    rate, (low, high) = case.learning_rate, case.usual_rates
    final = case.relative_loss()
    if rate > high and final > 1.05:
        return case.found(
            "learning_rate_too_high",
            f"the loss is {final:.3g} times that of the best constant answer, at a "
            f"learning rate of {rate:.2g}",
            f"a learning rate of {high / 10:.2g}, then tenths of it",
        )
    usual = [
        10.0**power
        for power in range(-8, 9)
        if power and low <= rate * 10.0**power <= high
    ]
    tried = []
    if rate > high / 3 or is_erratic(case.record.losses()):
        smaller = [factor for factor in usual if factor < 1]
        tried.append(("learning_rate_too_high", smaller))
    if rate < 3 * low:
        larger = [factor for factor in usual if factor > 1]
        tried.append(("learning_rate_too_low", larger))
    control = experiments.trial(case)
    for code, factors in tried:
        best = min(
            factors,
            key=lambda factor: experiments.trial(case, factor=factor),
            default=None,
        )
        if code == "learning_rate_too_high":
            # Which may do well for a while, or end well by luck.
            control = max(control, case.relative_loss())
        if best is None:
            continue
        reached = experiments.trial(case, factor=best)
        if experiments.is_better(case, reached, control):
            instead = (
                f"not {control:.3g}"
                if math.isfinite(control)
                else "and does not diverge"
            )
            evidence = (
                f"with {rate * best:.2g} instead of {rate:.2g}, a copy comes in as "
                f"many updates to a loss of {reached:.3g} of the best constant's, "
                f"{instead}"
            )
            return case.found(code, evidence, f"a learning rate of {rate * best:.2g}")
    return None


def is_erratic(losses: list[float]) -> bool:
    """True if the training loss rises in 3 of 10 epochs or more."""
    rises = sum(after > before for before, after in itertools.pairwise(losses))
    return len(losses) > 2 and rises >= 0.3 * (len(losses) - 1)


def find_early_end(case: Case) -> Finding | None:
    """A schedule or a callback that is at zero long before the end: tried are as many
    updates at the highest rate.
    """
    over_time = case.rates_over_time()
    if not len(over_time):
        return None
    used = float(np.mean(over_time > 0.02 * over_time.max()))
    final = case.relative_loss()
    if used >= 0.5 or not experiments.is_better(case, experiments.trial(case), final):
        return None
    evidence = (
        f"the learning rate is above a fiftieth of its highest for {used:.0%} of the "
        "updates; at that rate, a "
        f"copy comes to a loss of {experiments.trial(case):.3g} of the best "
        f"constant's, not {final:.3g}"
    )
    return case.found(
        "learning_rate_too_low",
        evidence,
        "a schedule over all updates of the training; a callback with more patience "
        "and a min_lr",
    )
