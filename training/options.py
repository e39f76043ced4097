"""The options of every lesson, and the ranges of the hyperparameters that lessons have
in common.
"""

import re
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Literal

RANGES = {
    "seed": (lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295"),
    "epochs": (
        lambda value: 1 <= value <= 1_000_000,
        "a whole number from 1 to 1000000",
    ),
    "batch_size": (lambda value: value >= 1, "a whole number from 1"),
    "learning_rate": (
        lambda value: 0 < value < 1e30,
        "a number above 0, such as 0.001",
    ),
    "units": (lambda value: 1 <= value <= 100_000, "a whole number from 1 to 100000"),
    "filters": (lambda value: 1 <= value <= 10_000, "a whole number from 1 to 10000"),
    "examples": (lambda value: value >= 8, "a whole number from 8"),
    "depths": (lambda value: 1 <= value <= 16, "whole numbers from 1 to 16"),
    "parameters": (
        lambda value: 1000 <= value <= 1_000_000,
        "a whole number from 1000 to 1000000",
    ),
    "folds": (lambda value: 0 <= value <= 5, "a whole number from 0 to 5"),
    "updates": (
        lambda value: 10 <= value <= 1_000_000,
        "a whole number from 10 to 1000000",
    ),
    "draws": (lambda value: 1 <= value <= 1_000, "a whole number from 1 to 1000"),
    "patience": (
        lambda value: 1 <= value <= 1_000_000,
        "a whole number from 1 to 1000000",
    ),
    "weight_decay": (lambda value: 0 <= value <= 1e6, "a number from 0 to 1000000"),
    "epsilon": (lambda value: 0 < value <= 1, "a share above 0, at most 1"),
    "steps": (
        lambda value: 1 <= value <= 1_000_000,
        "a whole number from 1 to 1000000",
    ),
    "blur": (lambda value: 0 <= value <= 1000, "a number of pixels from 0 to 1000"),
    "angle": (isfinite, "a number of degrees"),
    "decay": (lambda value: 0 <= value < 1, "a share from 0 to below 1"),
    "stride": (lambda value: 1 <= value <= 3, "a whole number from 1 to 3"),
    "size": (
        lambda value: 1 <= value <= 10_000_000,
        "a whole number from 1 to 10000000",
    ),
    "regularization": (lambda value: 0 <= value <= 1e6, "a number from 0 to 1000000"),
    "digits_each": (lambda value: 2 <= value <= 300, "a whole number from 2 to 300"),
    "tuned_layers": (
        lambda value: 1 <= value <= 1_000,
        "a whole number from 1 to 1000",
    ),
    "content_weight": (lambda value: 0 <= value <= 1e6, "a number from 0 to 1000000"),
    "style_weight": (lambda value: 0 <= value <= 1e6, "a number from 0 to 1000000"),
    "smoothness_weight": (
        lambda value: 0 <= value <= 1e6,
        "a number from 0 to 1000000",
    ),
    "workers": (lambda value: 1 <= value <= 100_000, "a whole number from 1 to 100000"),
    "wait": (
        lambda value: 0 < value <= 86_400,
        "a number of seconds above 0, at most 86400",
    ),
    "degree": (lambda value: 1 <= value <= 16, "a whole number from 1 to 16"),
    "dropout": (lambda value: 0 <= value < 1, "a share from 0 to below 1"),
}

DEVICE = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # no name for a folder on Windows


@dataclass(frozen=True)
class Options:
    """What every lesson can be asked on its command line.

    A lesson's `Config` inherits it.

    Raises:
        ValueError: a field in `RANGES` is out of its range, `name` is not one plain
            folder name, or `logdir` not UTF-8.
    """

    seed: int = 0  # of every random number in the run
    logdir: Path = Path("runs")  # folder for the runs, the one to show in TensorBoard
    name: str | None = (
        None  # of the run's folder, LOGDIR/LESSON/NAME; the time if not given
    )
    precision: Literal["auto", "float32", "bfloat16"] = (
        "auto"  # bfloat16 if auto finds a CPU or GPU that computes it
    )
    strategy: Literal["one", "mirrored"] = (
        "one"  # mirrored: all GPUs of the machine share each batch of a training
    )
    profile: bool = False  # trace a few updates for TensorBoard's page Profile (install requirements-profile.txt)
    resume: bool = False  # go on with the run of that --name, else with the last one, where it was interrupted
    debug: bool = False  # run eagerly with numeric checks: slow, but breakpoints and prints in a model work

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in RANGES or value is None:
                continue
            valid, expected = RANGES[field.name]
            for part in value if isinstance(value, tuple) else (value,):
                if not valid(part):
                    raise ValueError(
                        f"{flag(field.name)} is {part}, expected {expected}"
                    )
        if self.name is not None and not is_folder_name(self.name):
            raise ValueError(
                f"--name is {self.name[:80]!r}, expected one plain folder name, such "
                "as wide_network"
            )
        if self.debug and self.strategy != "one":
            raise ValueError(
                "--debug runs line by line, on one device: leave it or --strategy out"
            )
        if any(
            "\ud800" <= character <= "\udfff" for character in str(self.logdir)
        ):  # bytes that are no UTF-8
            raise ValueError(
                f"--logdir is {str(self.logdir)!r}, expected a name in UTF-8, as "
                "TensorFlow asks for"
            )


@dataclass(frozen=True)
class OneDeviceOptions(Options):
    """The options of a lesson that devices cannot share: it has no `fit`, many small
    ones, or a trained model.
    """

    strategy: Literal["one"] = "one"  # nothing here is worth sharing among several GPUs


def is_folder_name(name: str) -> bool:
    """True if `name` can name one folder on every system, and does not lead out of the
    folder it is in.
    """
    plain = not any(
        character in '/\\:*?"<>|' or not character.isprintable() for character in name
    )
    plain = (
        plain and name == name.rstrip(". ") and name != ""
    )  # Windows leaves dots and spaces at the end out
    return plain and not DEVICE.fullmatch(name) and len(name.encode()) <= 200


def flag(field_name: str) -> str:
    """Returns the command line's spelling of a field: `learning_rate` is
    `--learning-rate`.
    """
    return "--" + field_name.replace("_", "-")
