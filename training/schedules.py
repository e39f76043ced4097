"""Schedules of the learning rate that several lessons use."""

import keras


def one_cycle(
    learning_rate: float,
    updates: int,
    rising: int | None = None,
    start: float = 0.0,
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a schedule: the learning rate rises, then falls to zero along a cosine
    ("one cycle": Smith and Topin, "Super-Convergence", 2018).

    Small steps at first, while Adam's averages of the gradients are still rough; small
    steps at the end, to settle.

    Args:
        learning_rate: its highest value.
        updates: of the whole training.
        rising: how many of them it takes to rise; a fifth if not given.
        start: the learning rate of the first update.
    """
    rising = updates // 5 if rising is None else rising
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=start,
        warmup_target=learning_rate,
        warmup_steps=rising,
        decay_steps=updates - rising,
    )
