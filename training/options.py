"""The options that lessons share, and the ranges of their hyperparameters."""

import inspect
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

DEVICE = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # no name for a folder on Windows


class Range(NamedTuple):
    """The numbers that a field may have; see `between`."""

    low: float | None
    high: float | None
    above: float | None
    below: float | None

    def __contains__(self, value: Any) -> bool:
        """True for a number in the range; never for NaN."""
        return (
            value == value
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """The range in words, such as "from 0 to below 1"."""
        start = f"from {self.low}" if self.low is not None else ""
        start = f"above {self.above}" if self.above is not None else start
        end = f"{self.high}" if self.high is not None else ""
        end = f"below {self.below}" if self.below is not None else end
        if start and end:
            return f"{start} to {end}"
        return start or (end if self.high is None else f"at most {end}")


def between(
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Range:
    """Returns the range of a field of a `Config`, to be written into its type.

    `degree: Annotated[int, options.between(1, 16)] = 1` is an example. It holds for
    each value of a field that has several.

    Args:
        low: the smallest number allowed.
        high: the largest number allowed.
        above: instead of `low`, a number that is itself too small.
        below: instead of `high`, a number that is itself too large.
    """
    return Range(low, high, above, below)


# Of hyperparameters that several lessons have. A lesson's own stand in its `Config`.
SHARED = {
    "seed": between(0, 2**32 - 1),
    "epochs": between(1, 1_000_000),
    "updates": between(10, 1_000_000),
    "steps": between(1, 1_000_000),
    "batch_size": between(1),
    "learning_rate": between(above=0, below=1e30),
    "units": between(1, 100_000),
    "filters": between(1, 10_000),
    "dropout": between(0, below=1),
}


@dataclass(frozen=True)
class Options:
    """What every lesson can be asked on its command line. A lesson's `Config` inherits
    it.

    Made in Python, as in a notebook, it takes lists for tuples, numbers and arrays of
    NumPy, and texts for paths.

    Raises:
        ValueError: a field is of the wrong kind or out of its range, `name` is not one
            plain folder name, or `logdir` not UTF-8.
    """

    seed: int = 0  # of every random number in the run
    logdir: Path = Path("runs")  # folder for the runs, the one to show in TensorBoard
    name: str | None = None  # of the run's folder, LOGDIR/LESSON/NAME; else the time
    profile: bool = False  # trace a few updates (docs/runs.md names the plugin)
    resume: bool = False  # go on with the run of that --name, else with the last one
    plain_keras: bool = False  # leave out what makes Keras faster: see the run's header
    debug: bool = False  # run line by line: slow, but print and breakpoint() work

    def __post_init__(self):
        hints = get_type_hints(type(self))
        annotated = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            hint = hints[field.name]
            value = convert(getattr(self, field.name), hint)
            check_kind(field.name, value, hint)
            check_range(field.name, value, annotated[field.name])
            object.__setattr__(self, field.name, value)  # it is frozen
        if self.name is not None and not is_folder_name(self.name):
            raise ValueError(
                f"--name is {self.name[:80]!r}, expected one plain folder name, such "
                "as wide_network"
            )
        if any(
            "\ud800" <= character <= "\udfff" for character in str(self.logdir)
        ):  # bytes that are no UTF-8
            raise ValueError(
                f"--logdir is {str(self.logdir)!r}, expected a name in UTF-8, as "
                "TensorFlow asks for"
            )


@dataclass(frozen=True)
class PrecisionOptions(Options):
    """Those of a lesson that can compute in bfloat16."""

    # Auto: bfloat16 on a CPU or GPU that computes it.
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


@dataclass(frozen=True)
class DeviceOptions(PrecisionOptions):
    """Those of a lesson whose trainings several devices can share.

    Raises:
        ValueError: as `Options`, or `debug` on several devices.
    """

    # Mirrored: all GPUs of the machine share each batch of a training.
    strategy: Literal["one", "mirrored"] = "one"

    def __post_init__(self):
        super().__post_init__()
        if self.debug and self.strategy != "one":
            raise ValueError(
                "--debug runs line by line, on one device: leave it or --strategy out"
            )


NAMES = frozenset(field.name for field in fields(DeviceOptions))


def convert(value, hint):
    """Returns the value of a field as the command line would give it."""
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(convert(part, hint) for part in value)
    kinds = (hint, *get_args(hint))  # alternatives, or what a tuple is of
    if isinstance(value, str | Path) and Path in kinds:
        return find_home(value)
    if isinstance(value, Path) and str in kinds:
        return str(value)
    return value


def find_home(name: str | Path) -> Path:
    """Returns the path of a name that may begin with "~/", for the home folder: in
    quotes or behind "=", a shell leaves it.
    """
    return Path(os.path.expanduser(name))  # noqa: PTH111 (Path's fails at "~$letter")


def check_kind(name: str, value, hint) -> None:
    """Checks of which kind the value of a field is.

    Raises:
        ValueError: it is of another kind than its type says.
    """
    import typeguard  # takes a while, for which `python -m lessons` need not wait

    every = typeguard.CollectionCheckStrategy.ALL_ITEMS
    try:
        typeguard.check_type(value, hint, collection_check_strategy=every)
    except typeguard.TypeCheckError:
        raise ValueError(
            f"{flag(name)} is {value!r}, expected {inspect.formatannotation(hint)}"
        ) from None


def check_range(name: str, value, hint) -> None:
    """Checks the value, or each of the values, of a field.

    Args:
        name: of the field.
        value: of the field; None and what is no number are not checked.
        hint: its type, with a `Range` if it has one of its own.

    Raises:
        ValueError: it is out of its range.
    """
    own = [extra for extra in getattr(hint, "__metadata__", ()) if type(extra) is Range]
    allowed = own[0] if own else SHARED.get(name)
    for part in value if isinstance(value, tuple) else (value,):
        if allowed is None or part is None or part in allowed:
            continue
        kind = "a number" if isinstance(part, float) else "a whole number"
        raise ValueError(f"{flag(name)} is {part}, expected {kind} {allowed}")


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
