"""Learning rates: which one a training had, and which are usual."""

import keras
import numpy as np

# Below the first and above the last, the rate is what one looks at first.
USUAL = {
    "SGD": (1e-3, 0.5),
    "Adadelta": (0.01, 1.0),
    "Adagrad": (1e-3, 0.1),
    "Ftrl": (1e-3, 0.1),
}
USUAL_ADAPTIVE = (5e-5, 0.012)


def usual_rates(optimizer: keras.optimizers.Optimizer) -> tuple[float, float]:
    """Returns the lowest and the highest learning rate usual for an optimizer."""
    return USUAL.get(type(optimizer).__name__, USUAL_ADAPTIVE)


def get_schedule(optimizer: keras.optimizers.Optimizer):
    """Returns the schedule of an optimizer, None if its learning rate has none."""
    rate = optimizer._learning_rate
    schedules = keras.optimizers.schedules
    return rate if isinstance(rate, schedules.LearningRateSchedule) else None


def read_schedule(schedule, steps: int, count: int) -> np.ndarray:
    """Returns the learning rates `(count,)` of a schedule over so many updates."""
    return np.array(
        [float(schedule(step)) for step in np.linspace(0, steps, count, dtype=int)]
    )
