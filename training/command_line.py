"""Turns a lesson's `Config` into its command line, and errors into one line."""

import contextlib
import io
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training import streams

OUT_OF_MEMORY = (
    "the memory is too small for this: try less of what was asked for, such as units, "
    "images or pixels"
)
# The modules that speak to the user in the `ValueError`s that they raise.
OURS = re.compile(r"(data|models|training|lessons\.(commands|course|exercises))\.")
FULL_DISK = (
    "no space is left on the disk: make some, or name a folder elsewhere with --logdir"
)


def run(main: Callable, config_class: type) -> None:
    """Reads the command line into a `Config` and calls the lesson's `main` with it.

    The process ends with exit code 2 and one line on stderr for input that cannot be
    used, 1 for a training that diverged, 130 after Ctrl-C. Any other error is a mistake
    in the code and keeps its traceback.

    Args:
        main: function of one argument, the configuration.
        config_class: dataclass whose fields become the flags, with their trailing
            comments as help.
    """
    page = sys.modules[main.__module__]
    # In a cell of a notebook, nobody gave flags: those there are are the kernel's.
    program, *flags = sys.argv if hasattr(page, "__file__") else ["notebook"]
    program = Path(program).name
    guard(program, lambda: main(parse(config_class, flags, program, page.__doc__)))


def guard(program: str, function: Callable[[], None]) -> None:
    """Calls `function`; what the user should know of an error becomes one line, and the
    process ends as `run` says.
    """
    streams.fill()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a question mark instead of a
        # crash. What a notebook or an editor put in its place shows all of them.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        function()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        streams.give_up()
        sys.exit(1)
    except FloatingPointError as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if not is_message(error):
            raise
        print(f"{program}: {explain(error)}", file=sys.stderr)
        sys.exit(2)


def parse(
    config_class: Any,
    arguments: list[str],
    program: str,
    description: str | None,
):
    """Returns a `config_class` made from `arguments`.

    Args:
        config_class: a dataclass; or several with `|`, of which the first word names
            one.
        arguments: the words behind the program's name.
        program: its name, for the help.
        description: of it, for the help.

    Raises:
        ValueError: an unknown flag, a value of the wrong kind or out of its range.
        SystemExit: `--help` was asked for and printed.
    """
    import tyro  # takes a while, for which the list of the lessons need not wait

    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(
                config_class,
                args=arguments,
                prog=program,
                description=description,
                config=(tyro.conf.PositionalMetavarFromFieldName,),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
    raise ValueError(unbox(box.getvalue()))


def unbox(box: str) -> str:
    """Returns tyro's message, which has a title, a frame, rules and several lines, as
    one line.
    """
    _title, *lines = (line.strip("│| ") for line in box.splitlines())
    # Neither the frame, nor in which other commands there is a flag of that name.
    text = " ".join(
        line
        for line in lines
        if line.strip("╰╯─-+") and not re.fullmatch("in .+ --help", line)
    )
    text = re.sub(r"^Error parsing \w+:", "", text).replace("Error parsing ", "")
    text = re.sub(
        r"invalid literal for int\(\) with base 10: (\S+)",
        r"\1 is not a whole number",
        text,
    )
    text = re.sub(
        r"could not convert string to float: (\S+)", r"\1 is not a number", text
    )
    text = text.partition("For full helptext")[0].replace(
        "Argument helptext:", "- expected:"
    )
    text = " ".join(text.split())
    return (
        text.replace("Unrecognized options:", "Unrecognized options: ''")
        if text.endswith(":")
        else text
    )


def is_message(error: Exception) -> bool:
    """True if the error speaks to the user, false if it is a mistake in the code.

    It speaks to the user if it comes from the system (a full disk, a missing right, no
    memory left), or if `data`, `models`, `training`, a command or exercise of
    `lessons`, a `__main__.py` or a `Config` raised it themselves. A `ValueError` from
    deeper down, such as Keras's about shapes that do not fit, is a matter of code:
    there the traceback shows the line to look at.
    """
    if isinstance(error, OSError) or is_exhausted(error):
        return True
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    module = frame.f_globals["__name__"]
    ours = OURS.match(f"{module}.")
    ours = ours or Path(frame.f_code.co_filename).name == "__main__.py"
    return isinstance(error, ValueError) and bool(
        ours or frame.f_code.co_name == "__post_init__"
    )


def is_exhausted(error: Exception) -> bool:
    """True for the errors of Python, NumPy and TensorFlow (known by its name: it need
    not be loaded) without memory.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
    )


def explain(error: Exception) -> str:
    """Returns what the user should know of an error, in one line."""
    if "No space left on device" in str(error) and not isinstance(
        error, ConnectionError
    ):  # which names its own disk
        return FULL_DISK
    return OUT_OF_MEMORY if is_exhausted(error) else " ".join(str(error).split())
