"""Runs a lesson with every combination of some hyperparameters, in one process."""

import contextlib
import dataclasses
import difflib
import hashlib
import inspect
import io
import itertools
import json
import re
import shutil
import statistics
import time
from pathlib import Path
from types import ModuleType

from training import command_line, compare, figures, options, run_folder, runs

from matplotlib.figure import Figure

OWN = ("logdir", "name", "resume")  # options that the sweep sets itself
HOW = (
    "values between commas, such as seed=0,1,2; where a run takes several at a time, "
    'joined by x, as in units=32,64x64, or in quotes, as in "units=(32),(64,64)"'
)


def parse_grid(config_class: type, words: list[str]) -> dict[str, list[str]]:
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
    config_class: type, grid: dict[str, list[str]], logdir: Path
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


def run(lesson: ModuleType, words: list[str], logdir: Path) -> None:
    """Runs the product of the values in `words`, then prints the table and draws the
    figure.

    A run that fails is recorded as such. Combinations that are done are not run again,
    so that the same call goes on where an interrupted one stopped.

    Raises:
        ValueError: see `parse_grid` and `make_configs`; or a folder of that name holds
            a run with other settings.
    """
    grid = parse_grid(lesson.Config, words)
    configs = make_configs(lesson.Config, grid, logdir)
    name = Path(lesson.__file__).stem
    waiting = [config for config in configs if not is_done(logdir / name, config)]
    if done := len(configs) - len(waiting):
        print(f"{done} of {len(configs)} runs are done already")
    durations = []
    for number, config in enumerate(waiting, done + 1):
        started = time.perf_counter()
        bar = "#" * round(20 * number / len(configs))
        print(
            f"[{bar:20}] {number} of {len(configs)}: {config.name}", end=" ", flush=True
        )
        outcome = run_one(lesson, config)
        durations.append(time.perf_counter() - started)
        left = statistics.mean(durations) * (len(configs) - number)
        print(
            f"- {outcome}" + (f", {left / 60:.1f} minutes left" if left else ""),
            flush=True,
        )

    records = []
    for config in configs:
        with contextlib.suppress(ValueError):
            records.append(run_folder.read(logdir / name / config.name))
    varied = [key for key in grid if len(grid[key]) > 1] or list(grid)
    print()
    if records:
        compare.print_table(records)
    figure = plot_sweep(logdir / name / f"sweep,{','.join(grid)}.png", records, varied)
    if figure:
        print(f"\nFigure: {figure}")
    print(
        "In TensorBoard, the page HParams (http://localhost:6006/#hparams):\n  "
        f"{runs.tensorboard_command(logdir)}"
    )


def is_done(folder: Path, config: options.Options) -> bool:
    """True if this combination was run to its end before; what is left of one that was
    not is removed.

    Raises:
        ValueError: the folder holds another run than this.
    """
    folder = folder / config.name
    if not folder.exists():
        return False
    record = run_folder.read(folder)
    used = record.config["hyperparameters"] | record.config["options"]
    for name, value in dataclasses.asdict(config).items():
        value = json.loads(json.dumps(value, default=str))  # as it was written
        if name not in OWN and value is not None and used.get(name, value) != value:
            raise ValueError(
                f"{folder} holds a run with {name}={used.get(name)}, expected {value}: "
                "rename or remove it"
            )
    page = Path(inspect.getfile(type(config)))
    if record.page not in (None, page.read_text("utf-8", "replace")):
        raise ValueError(
            f"{folder} holds a run of another {page.name}, which was changed since: "
            "rename or remove it"
        )
    if record.metrics["status"] in ("finished", "failed"):
        return True
    shutil.rmtree(folder)
    return False


def run_one(lesson: ModuleType, config: options.Options) -> str:
    """Runs a lesson once, without its output; returns in a few words how it ended."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            metrics = lesson.main(config)
    # Whatever ends one run must not end the others; the run's folder holds the reason.
    except Exception as error:
        return f"failed: {' '.join(str(error).split())[:160]}"
    split = "validation" if "validation" in metrics else "train"
    results = ", ".join(
        f"{name} {value:.4f}" for name, value in metrics.get(split, {}).items()
    )
    return f"{split} {results}"


def plot_sweep(
    path: Path, records: list[run_folder.Record], names: list[str]
) -> Path | None:
    """Draws results against the first hyperparameter other than the seed: means and
    ranges over seeds.

    Args:
        path: of the PNG.
        records: the runs.
        names: the hyperparameters of the sweep; the second, if there is one, makes a
            line for each of its values.

    Returns:
        `path`, or None if there is nothing to draw.
    """
    records = [record for record in records if record.results]
    names = [name for name in names if name != "seed"] or names
    metrics = [
        metric
        for metric in ("accuracy", "loss")
        if any(f"test_{metric}" in r.results for r in records)
    ][:1]
    if not metrics:
        return None
    splits = [
        split
        for split in ("validation", "test")
        if any(f"{split}_{metrics[0]}" in r.results for r in records)
    ]
    figure = Figure(figsize=(6 * len(splits), 4.2), layout="constrained")
    for axes, split in zip(
        figure.subplots(1, len(splits), squeeze=False)[0], splits, strict=True
    ):
        lines = {}
        for record in records:
            line = ", ".join(
                f"{name} {compare.format_setting(record.settings[name])}"
                for name in names[1:]
            )
            value = record.settings[names[0]]
            value = value if is_number(value) else compare.format_setting(value)
            lines.setdefault(line, {}).setdefault(value, []).append(
                record.results[f"{split}_{metrics[0]}"]
            )
        for line, points in lines.items():
            x = sorted(points) if all(map(is_number, points)) else list(points)
            means = [statistics.mean(points[value]) for value in x]
            low = [
                mean - min(points[value]) for mean, value in zip(means, x, strict=True)
            ]
            high = [
                max(points[value]) - mean for mean, value in zip(means, x, strict=True)
            ]
            axes.errorbar(
                x,
                means,
                [low, high],
                marker="o",
                capsize=5,
                label=line or "mean and range over seeds",
            )
        if all(map(is_number, x)) and min(x) > 0 and max(x) >= 20 * min(x):
            axes.set_xscale("log")
        axes.set(xlabel=names[0], ylabel=f"{split} {metrics[0]}")
        axes.grid(alpha=0.3)
        axes.legend()
    return figures.save_figure(figure, path)


def is_number(value) -> bool:
    """True for a number that has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)
