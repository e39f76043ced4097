"""What may be wrong with a training, in the order in which it is asked: causes before
their effects, what is certain before what is measured, what is measured before what is
tried. The first rule that finds something ends it.
"""

from collections.abc import Callable

from training.doctor.case import Case
from training.doctor.finding import Finding
from training.doctor.judgment import State
from training.doctor.record import Record
from training.doctor.rules import data, form, labels, loss, outcome, steps, weights

# Of what `fit` was given, if it raised an error.
RULES_FOR_ERRORS: tuple[Callable[[Record], Finding | None], ...] = (
    form.find_lists,
    form.find_words,
    form.find_objects,
)

# Certain, whatever came of it: asked before the training is judged.
ALWAYS: tuple[State, ...] = ()
UNTRAINED, UNKNOWN, BROKEN, GOOD, MEMORIZED, BAD = State

RULES: tuple[tuple[Callable[[Case], Finding | None], tuple[State, ...]], ...] = (
    (data.find_nan_input, ALWAYS),
    (loss.find_wrong_loss, ALWAYS),
    (labels.find_bad_labels, ALWAYS),
    (loss.find_activation_mismatch, ALWAYS),
    (weights.find_nothing_trainable, ALWAYS),
    (weights.find_symmetry, ALWAYS),
    (data.find_sorted_data, ALWAYS),
    (data.find_scale_of_one_split, ALWAYS),
    # Of what is judged, and how.
    (steps.find_divergence, (UNKNOWN, BROKEN)),
    (steps.find_better_rate, (GOOD,)),
    (labels.find_shift, (MEMORIZED, BAD)),
    (labels.find_disagreement, (MEMORIZED,)),
    (weights.find_dead_units_at_the_start, (BAD,)),
    (labels.find_imbalance, (UNKNOWN, BAD)),
    (data.find_input_scale, (BAD,)),
    (data.find_target_scale, (BAD,)),
    (weights.find_vanishing, (BAD,)),
    (steps.find_learning_rate, (BAD,)),
    (steps.find_early_end, (BAD,)),
    (weights.find_exploding, (BAD,)),
    (weights.find_dead_units, (BAD,)),
    (weights.find_frozen_part, (BAD,)),
    (labels.find_permutation, (MEMORIZED, BAD)),
    (outcome.describe_overfitting, (MEMORIZED,)),
    (outcome.describe_underfitting, (BAD,)),
)
