"""Experiments on a copy of the network, from its first weights: a cause is what, once
removed, lets the copy learn.
"""

import math
import time
from collections.abc import Callable

from training import device
from training.doctor.case import MAX_EXAMPLES, TRIAL_UPDATES, Case

import numpy as np
import tensorflow as tf
from sklearn.utils import gen_batches

MAX_VALUES_AT_A_TIME = 10_000_000  # as float64 they take 80 MB
TRIAL_SECONDS = 5.0  # of the first experiment; the others get as many updates


def trial(
    case: Case,
    factor: float = 1.0,
    standardize: bool = False,
    scale_targets: bool = False,
    unfreeze: bool = False,
    start: list[np.ndarray] | None = None,
) -> float:
    """Trains a copy for a short while with one thing changed, and returns its loss as a
    fraction of the best constant's. What was tried once is remembered.

    Args:
        case: the training.
        factor: of the learning rate.
        standardize: whether to bring the inputs to mean 0 and standard deviation 1.
        scale_targets: whether to bring the targets there.
        unfreeze: whether to make every layer trainable.
        start: first weights; those of the training if not given.
    """
    key = (factor, standardize, scale_targets, unfreeze, start is None)
    if not case.trials and key != (1.0, False, False, False, True):
        # Without a change, which says for how many updates there is time.
        trial(case)
    if key not in case.trials:
        case.trials[key] = train_a_copy(
            case, factor, standardize, scale_targets, unfreeze, start
        )
    return case.trials[key]


def train_a_copy(case, factor, standardize, scale_targets, unfreeze, start) -> float:
    """Carries out a `trial`."""
    model = case.copy(case.record.initial if start is None else start)
    if unfreeze:
        model.trainable = True
        for layer in model.layers:
            layer.trainable = True
    settings = case.model.optimizer.get_config()
    settings["learning_rate"] = case.learning_rate * factor
    optimizer = type(case.model.optimizer).from_config(settings)
    inputs = case.x[: 20 * MAX_EXAMPLES]
    targets = case.y[: len(inputs)]
    change_inputs = fit_scale(inputs) if standardize else np.asarray
    change_targets = fit_scale(targets) if scale_targets else np.asarray
    count = min(
        case.trial_updates * (3 if unfreeze else 1),
        max(20, case.record.step or TRIAL_UPDATES),
    )
    picks = draw_batches(len(inputs), min(case.batch_size, len(inputs), 128), count)
    optimizer.build(model.trainable_variables)
    devices = tf.distribute.get_strategy().num_replicas_in_sync

    def update(x, y):
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            value = case.mean_loss(y, outputs) / devices  # their gradients are added
        optimizer.apply(
            tape.gradient(value, model.trainable_variables),
            model.trainable_variables,
        )

    train = tf.function(lambda *batch: device.run_on_devices(update, *batch))
    for done, pick in enumerate(picks, start=1):
        x, y = change_inputs(inputs[pick]), change_targets(targets[pick])
        train(tf.constant(x), tf.constant(y))
        if done == 1:
            started = time.perf_counter()
        elif not case.trials and time.perf_counter() - started > TRIAL_SECONDS:
            case.trial_updates = done
            break
    rows, wanted = change_inputs(case.rows), change_targets(case.targets)
    return case.relative_loss(model, rows, wanted)


def fit_scale(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that brings each place of arrays `(n, ...)` to mean 0 and
    standard deviation 1 in `values`, as float32.
    """
    flat = values.reshape(len(values), -1)
    center = flat.mean(axis=0, dtype=float)
    count = max(1, MAX_VALUES_AT_A_TIME // max(1, flat.shape[1]))
    squares = sum(
        np.square(flat[rows] - center).sum(axis=0)
        for rows in gen_batches(len(flat), count)
    )
    width = np.sqrt(squares / len(flat))
    width = width + 1e-2 * width.max() + 1e-12
    center, width = (
        np.float32(each.reshape(values.shape[1:])) for each in (center, width)
    )
    return lambda part: (part.astype(np.float32) - center) / width


def draw_batches(examples: int, size: int, count: int) -> np.ndarray:
    """Returns which examples each of `count` batches has, `(count, size)`: all of them,
    in a new order each time, before one comes again.
    """
    random = np.random.default_rng(1)
    passes = -(-count * size // examples)
    picks = np.concatenate([random.permutation(examples) for _ in range(passes)])
    return picks[: count * size].reshape(count, size)


def is_better(case: Case, changed: float, control: float | None = None) -> bool:
    """True if a trial comes clearly further than the one without a change."""
    control = trial(case) if control is None else control
    if not math.isfinite(control):
        return changed < 1.05
    return changed < control - 0.15 and changed < 0.85 * control
