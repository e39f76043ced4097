"""The combinations of a sweep: words of the command line to a `Config` each."""

import dataclasses
import difflib
import hashlib
import itertools
import re
from pathlib import Path

from training import command_line, options

OWN = ("logdir", "name", "resume")  # options that the sweep sets itself
HOW = (
    "values between commas, such as seed=0,1,2; where a run takes several at a time, "
    'joined by x, as in units=32,64x64, or in quotes, as in "units=(32),(64,64)"'
)


def parse_grid(
    config_class: type[options.Options], words: list[str]
) -> dict[str, list[str]]:
    """Reads words such as "learning_rate=1e-3,1e-2" into the values of each
    hyperparameter, as text.

    Raises:
        ValueError: a word of another form, an unknown hyperparameter (the near names
            are given), or one named twice.
    """
    known = [
        field.name
        for field in dataclasses.fields(config_class)
        if field.name not in OWN
    ]
    grid = {}
    for word in words:
        name, _, listed = word.partition("=")
        name = name.strip("- ").replace("-", "_")
        # Commas in brackets are left; some keyboards have wide ones.
        values = re.split(r",(?![^(\[]*[)\]])", listed.replace("\uff0c", ","))
        values = [value.strip() for value in values]
        if not all(values):
            raise ValueError(
                f"received {word!r}, expected a hyperparameter and its {HOW}"
            )
        if name not in known:
            near = difflib.get_close_matches(name, known) or known
            raise ValueError(
                f"unknown hyperparameter {name!r}; perhaps you meant "
                f"{' or '.join(near)}"
            )
        if name in grid:
            raise ValueError(
                f"{name} is named twice: give all its values at once, such as "
                f"{name}=1,2,3"
            )
        grid[name] = values
    if not grid:
        raise ValueError(
            "expected at least one hyperparameter and its values, such as "
            "learning_rate=1e-3,1e-2"
        )
    return grid


def make_configs(
    config_class: type[options.Options], grid: dict[str, list[str]], logdir: Path
) -> list[options.Options]:
    """Returns a `Config` for each different combination; its name says which.

    Args:
        config_class: of the lesson.
        grid: the values of each hyperparameter, as on the command line; several values
            of one run as `HOW` says.
        logdir: folder for the runs.

    Raises:
        ValueError: a value that is of the wrong kind or out of its range.
    """
    configs = {}
    kinds = {name: str(config_class.__dataclass_fields__[name].type) for name in grid}
    several = [name for name, kind in kinds.items() if "tuple" in kind]
    for values in itertools.product(*grid.values()):
        arguments = ["--logdir", str(logdir)]
        for name, value in zip(grid, values, strict=True):
            option = options.flag(name)
            if kinds[name] == str(bool):
                if value.lower() not in ("true", "false"):
                    raise ValueError(f"{name} is {value!r}, expected true or false")
                no = "no-" * (value.lower() == "false")
                arguments.append(f"--{no}{option[2:]}")
            elif name in several:
                numbers = r"[\s,]+|(?<=[\d.])x(?=[\d.-])"
                parts = re.split(numbers, value.strip("()[] ,"))
                arguments += [option, *filter(None, parts)]
            else:
                arguments += [option, value]
        try:
            config = command_line.parse(config_class, arguments, "sweep", None)
        except ValueError as error:
            raise ValueError(f"{error}{f'; write {HOW}' * bool(several)}") from None
        configs[dataclasses.replace(config, name=name_run(config, list(grid)))] = None
    return list(configs)


def name_run(config: options.Options, names: list[str]) -> str:
    """Returns a name for the folder of a run, of its values of some hyperparameters;
    the same for values that are the same.
    """
    name = ",".join(f"{name}={write(getattr(config, name))}" for name in names)
    if options.is_folder_name(name):
        return name
    # Too long, or with a slash: the beginning, and what tells it from others.
    plain = re.sub(r"[^\w.=,+-]+", "-", name).encode()[:150].decode(errors="ignore")
    code = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{plain},{code}"


def write(value) -> str:
    """Returns the value of a hyperparameter as it is written in a sweep."""
    if isinstance(value, tuple):
        return "x".join(map(write, value))
    return str(value).removesuffix(".0")
