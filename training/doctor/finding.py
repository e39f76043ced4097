"""What the doctor says of a training."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What is wrong with a training.

    Attributes:
        code: of the fault, such as "learning_rate_too_high".
        epoch: in which it was seen, counted from 1; 0 before training.
        step: the number of updates after which it was seen.
        evidence: what was measured, in a sentence.
        advice: what to try, in this order.
        severity: "error" if the result is of no use, else "warning".
    """

    code: str
    epoch: int
    step: int
    evidence: str
    advice: str
    severity: str = "error"

    def __str__(self):
        when = (
            f"epoch {self.epoch}, update {self.step}"
            if self.epoch
            else "before training"
        )
        return f"{self.code} ({when}): {self.evidence}. Try: {self.advice}."
