"""The flag of the commands that read or write runs."""

from dataclasses import dataclass, field
from pathlib import Path

from training import options


@dataclass(frozen=True)
class RunsOption:
    """What a command inherits that reads or writes runs."""

    logdir: Path = field(default=Path("runs"), kw_only=True)  # folder of the runs

    def __post_init__(self):
        object.__setattr__(self, "logdir", options.find_home(self.logdir))
