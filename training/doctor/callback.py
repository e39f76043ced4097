"""The doctor as a callback of `fit`, and as a call in its place."""

import math
from collections.abc import Callable

from training.doctor import examination
from training.doctor.finding import Finding
from training.doctor.record import Record

import keras
import numpy as np

HEALTHY = "The doctor finds nothing wrong."


class TrainingDoctor(keras.callbacks.Callback):
    """Watches a `fit` and says at its end what is wrong; `findings` lists it, and
    `unseen` what could not be checked.

    Args:
        x: what `fit` is given, because a callback does not see it: arrays or a
            `tf.data.Dataset` of batches.
        y: labels or targets, if `x` is an array.
        validation_data: as `fit` takes it.
        validation_split: as `fit` takes it.
        batch_size: as `fit` takes it.
        shuffle: as `fit` takes it.
        report: called with one line for each finding, or the line that all is well;
            None for silence.
    """

    KEPT = ("history", "epoch", "step", "broken_at", "rates")

    def __init__(
        self,
        x=None,
        y=None,
        validation_data=None,
        validation_split=0.0,
        batch_size=None,
        shuffle=True,
        report: Callable[[str], None] | None = print,
    ):
        super().__init__()
        self.data = x, y
        self.validation_data = validation_data
        self.validation_split = validation_split
        self.batch_size = batch_size or 32
        self.shuffle = shuffle
        self.report = report
        self.history: list[dict] = []
        self.findings: list[Finding] = []
        self.unseen: list[str] = []
        self.epoch = self.step = 0
        self.broken_at: tuple[int, int] | None = None
        self.initial = None
        self.rates: list[float] = []
        self.error: Exception | None = None

    def on_train_begin(self, logs=None):
        """Keeps the first weights."""
        self.initial = [np.copy(value) for value in self.model.get_weights()]

    def on_train_batch_begin(self, batch, logs=None):
        """Keeps the learning rate of each epoch, which a callback may have changed."""
        if batch == 0:
            rate = self.model.optimizer.learning_rate
            self.rates.append(float(keras.ops.convert_to_numpy(rate)))

    def on_train_batch_end(self, batch, logs=None):
        """Notes where the loss stopped being a number."""
        self.step += 1
        loss = (logs or {}).get("loss")
        if self.broken_at is None and loss is not None and not math.isfinite(loss):
            self.broken_at = self.epoch + 1, self.step

    def on_epoch_end(self, epoch, logs=None):
        """Keeps loss and metrics."""
        self.epoch = epoch + 1
        self.history.append(
            {name: float(value) for name, value in (logs or {}).items()}
        )

    def on_train_end(self, logs=None):
        """Examines the training, and reports."""
        self.examine()
        if self.report:
            for line in self.say():
                self.report(line)

    def say(self) -> list[str]:
        """Returns a line for each finding and one for what could not be looked at, or
        that nothing is wrong.
        """
        lines = [str(finding) for finding in self.findings]
        if self.unseen:
            lines.append(
                f"The doctor could not look at everything: {'; '.join(self.unseen)}."
            )
        return lines or [HEALTHY]

    def examine(self) -> None:
        """Fills `findings`, and `unseen` if something stands in the way.

        Never raises for an unusual model.
        """
        self.findings, self.unseen = examination.examine(self.record())

    def record(self) -> Record:
        """Returns what was seen, in plain values."""
        if self.initial is None:
            self.initial = self.model.get_weights()
        return Record(
            model=self.model,
            initial=self.initial,
            rates=self.rates,
            x=self.data[0],
            y=self.data[1],
            validation_data=self.validation_data,
            validation_split=self.validation_split,
            batch_size=self.batch_size,
            shuffle=self.shuffle,
            steps_per_epoch=(self.params or {}).get("steps"),
            history=self.history,
            epoch=self.epoch,
            step=self.step,
            broken_at=self.broken_at,
            error=self.error,
        )


def diagnose(model: keras.Model, **fit_arguments) -> list[Finding]:
    """Runs `model.fit` and says what is wrong with it.

    Args:
        model: compiled.
        **fit_arguments: of `model.fit`, with `x` by its name.

    Returns:
        What was found, the likeliest cause first; empty for a healthy training.

    Raises:
        Exception: what `fit` raises, unless the doctor knows why.
    """
    names = ("x", "y", "validation_data", "validation_split", "batch_size", "shuffle")
    doctor = TrainingDoctor(
        **{name: fit_arguments[name] for name in names if name in fit_arguments},
        report=None,
    )
    callbacks = [*(fit_arguments.pop("callbacks", None) or []), doctor]
    try:
        model.fit(**fit_arguments, callbacks=callbacks)
    except examination.UNUSUAL as error:
        if doctor.model is None:  # it came to no training
            doctor.set_model(model)
        doctor.error = error
        doctor.examine()
        if not doctor.findings:
            raise
    if doctor.unseen:
        print(doctor.say()[-1])
    return doctor.findings
