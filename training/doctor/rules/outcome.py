"""What is said of a bad training if no other cause was found: too small, too short, or
known by heart.
"""

import math

from training.doctor import experiments, scores
from training.doctor.case import Case
from training.doctor.finding import Finding
from training.doctor.judgment import MIN_SKILL, SHORT

import numpy as np


def describe_overfitting(case: Case) -> Finding:
    """Known by heart: good on what was trained on, worse on the rest (Goodfellow et
    al., Deep Learning, 5.2).
    """
    losses = [entry.get("val_loss", math.nan) for entry in case.record.history]
    best = 1 + int(np.nanargmin(losses)) if np.isfinite(losses).any() else len(losses)
    evidence = (
        f"{scores.name_skill(case.task)} {case.train_skill:.2f} on training examples, "
        f"{case.validation_skill:.2f} on others; "
        f"the validation loss was lowest after epoch {best} of {len(losses)}"
    )
    advice = "more examples or augmentation, dropout or weight decay, a smaller network"
    advice = advice if best == len(losses) else f"stop earlier, {advice}"
    return case.found("overfitting", evidence, advice, severity="warning")


def describe_underfitting(case: Case) -> Finding | None:
    """Worse than a simple rule, without another cause: too small, or too short."""
    known = case.train_skill
    wanted = case.simple_skill - SHORT / 2 if case.has_simple_rule else MIN_SKILL
    if not known < wanted:
        return None
    more = experiments.trial(case, start=case.final)
    now = case.relative_loss()
    evidence = f"{scores.name_skill(case.task)} {known:.2f} on training examples"
    if case.has_simple_rule:
        where = "the same" if case.is_small else "new ones"
        evidence += f", where a simple rule has {case.simple_skill:.2f} on {where}"
    advice = "more epochs, then more units or layers"
    if more > 0.9 * now:
        held = [
            layer.name
            for layer in case.model.layers
            if getattr(layer, "rate", 0) and "drop" in layer.name
        ]
        held += [
            layer.name
            for layer in case.model.layers
            if getattr(layer, "kernel_regularizer", None)
        ]
        first = f"less of {' and '.join(held)}, " if held else ""
        advice = first + "more units or layers, then more epochs"
    over_time = case.rates_over_time()
    if len(over_time) and over_time[-1] < 0.02 * over_time.max():
        evidence += (
            f"; the learning rate fell from {over_time.max():.2g} to "
            f"{over_time[-1]:.2g}, at which nothing is learned any more"
        )
        advice = f"a learning rate that falls later or less, {advice}"
    return case.found("underfitting", evidence, advice, severity="warning")
