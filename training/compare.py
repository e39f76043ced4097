"""Reads run folders and shows runs side by side: only what differs between them, best
first.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

SPLITS = ("train", "validation", "test")


class Record(NamedTuple):
    """A run as its folder tells.

    Attributes:
        folder: of the run.
        config: what `config.json` holds; `training/runs.py` documents it.
        metrics: what `metrics.json` holds.
    """

    folder: Path
    config: dict
    metrics: dict

    @property
    def settings(self) -> dict:
        """The hyperparameters, the seed, the precision and the data of the run."""
        return {
            **self.config["hyperparameters"],
            "seed": self.config["options"]["seed"],
            "precision": self.config["precision"],
            "data": self.config["source"].partition(", because")[0],
        }

    @property
    def results(self) -> dict[str, float]:
        """The final metrics, such as `validation_accuracy`; empty if the run is not
        finished.
        """
        return {
            f"{split}_{name}": value
            for split in SPLITS
            for name, value in self.metrics.get(split, {}).items()
        }


def read_run(folder: Path) -> Record:
    """Reads the two JSON files of a run folder.

    Raises:
        ValueError: it is no run folder, is incomplete, or was written in another form.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder, expected the folder of a run, such as "
            "runs/LESSON/NAME"
        )
    try:
        config, metrics = (
            json.loads((folder / name).read_text(encoding="utf-8"))
            for name in ("config.json", "metrics.json")
        )
        record = Record(folder, config, metrics)
        check_types(record)
        return record
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} is no complete run folder: it has no {Path(error.filename).name}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{folder} was not written by this version, or is damaged ({error!r})"
        ) from None


def check_types(record: Record) -> None:
    """Makes sure that what is read of a run is of the kind that it is used as.

    Raises:
        KeyError, TypeError, AttributeError: something is missing, or of another kind.
    """
    config, names = record.config, record.config.get("class_names", [])
    if not isinstance(names, list) or not isinstance(record.settings, dict):
        raise TypeError(f"class_names are {names!r}, expected a list")
    for text in (
        config["lesson"],
        config["precision"],
        config["versions"]["keras"],
        record.metrics["status"],
        *names,
    ):
        if not isinstance(text, str):
            raise TypeError(f"received {text!r}, expected text")
    for number in record.results.values():
        if not isinstance(number, int | float):
            raise TypeError(f"received {number!r}, expected a number")


def read_runs(logdir: Path, lesson: str | None = None) -> list[Record]:
    """Reads all runs of a lesson, or of every lesson; says on stderr which folders are
    no runs.

    Raises:
        ValueError: there are none.
    """
    folders = sorted(
        path for path in logdir.glob(f"{lesson or '*'}/*") if path.is_dir()
    )
    records = []
    for folder in folders:
        try:
            records.append(read_run(folder))
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not records:
        raise ValueError(
            f"{logdir / (lesson or '')} holds no runs: run a lesson first, or choose "
            "another --logdir"
        )
    return records


def rank(record: Record) -> tuple:
    """Sorts the best first: by validation accuracy, then validation loss, else training
    loss; never by the test.
    """
    results = record.results
    accuracy = results.get("validation_accuracy", 0.0)
    loss = results.get("validation_loss", results.get("train_loss", float("inf")))
    return (not results, -accuracy, loss, record.folder.name)


def print_table(records: list[Record]) -> None:
    """Prints the runs of one lesson: name, the settings in which they differ, final
    metrics, seconds, status.
    """
    records = sorted(records, key=rank)
    settings = dict.fromkeys(name for record in records for name in record.settings)
    varied = [
        name
        for name in settings
        if len({str(record.settings.get(name)) for record in records}) > 1
    ]
    metrics = list(dict.fromkeys(name for record in records for name in record.results))
    rows = [["run", *varied, *metrics, "seconds", "status"]]
    for record in records:
        row = [record.folder.name]
        row += [format_setting(record.settings.get(name, "")) for name in varied]
        row += [
            f"{record.results[name]:.4f}" if name in record.results else ""
            for name in metrics
        ]
        rows.append(
            [*row, str(record.metrics.get("seconds", "")), record.metrics["status"]]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(
                f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
            ).rstrip()
        )


def format_setting(value) -> str:
    """Returns a hyperparameter as text; several values, such as the units of two
    layers, as "256 512".
    """
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
