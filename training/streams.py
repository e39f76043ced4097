"""Where a run prints: a terminal, a file, a cell of a notebook, or nowhere at all."""

import os
import sys
from pathlib import Path


def fill() -> None:
    """Swallows what is printed where stdout or stderr are closed or missing, as under
    `pythonw`.
    """
    # Else the next file that is opened would take the place of a closed descriptor, and
    # get what others write there.
    unused = os.open(os.devnull, os.O_RDWR)
    while unused <= 2:
        unused = os.open(os.devnull, os.O_RDWR)
    os.close(unused)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (open to the end)


def give_up() -> None:
    """Swallows what is still to be printed: nobody reads it, as after `| head`."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def is_terminal() -> bool:
    """True if stdout is a terminal, on which a line can be drawn anew."""
    return getattr(sys.stdout, "isatty", bool)()
