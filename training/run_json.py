"""The JSON files of a run: what they hold, and how they are written, read and checked.

`config.json` says how the run was made:
    lesson: name of the lesson, such as "course_3_cnn".
    hyperparameters: the fields of the lesson's own `Config`, as used.
    options: those that lessons share: seed, logdir, name, profile, plain_keras, debug,
        and precision and strategy where the lesson has them.
    source: what the data and the weights are and where they came from.
    class_names: the name of each class; absent where a lesson has none.
    device: such as "CPU (2 cores)", or "2 mirrored devices, GPU (...)".
    precision: "float32" or "bfloat16", as used.
    faster: what made Keras faster, as the header says it; empty with --plain-keras.
    versions: of python, tensorflow, keras and numpy.

`metrics.json` says what came of it:
    lesson: as above.
    status: "running", "finished", "interrupted" or "failed". A run that was killed
        stays "running".
    train, validation, test: tables of Keras metric names, such as "loss" and
        "accuracy", of the final model in inference mode. Absent where a lesson has
        none, and until the run is finished.
    seconds: from the start of the run to its end, with evaluation and figures.
    error: why the run failed; absent otherwise.
    findings: of the doctor, each with code, epoch, step, evidence, advice and severity;
        absent where it did not watch.
    Whatever else a lesson measures, under its own name.

`process.json` is there while a run goes on:
    pid: number of the process.
    created: when it was started, in seconds since 1970.
"""

import dataclasses
import json
import platform
import re
from importlib import metadata
from pathlib import Path

from training import files, options

CONFIG, METRICS, PROCESS = "config.json", "metrics.json", "process.json"
PACKAGES = ("tensorflow", "keras", "numpy")  # whose versions are told
SPLITS = ("train", "validation", "test")
ENDED = ("finished", "failed")  # statuses of a run that there is no more to do for
# What a damaged file, or one of another form, raises where it is read.
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def describe(
    lesson: str,
    config: options.Options,
    *,
    source: str,
    class_names: list[str] | None,
    device: str,
    precision: str,
    faster: str,
) -> dict:
    """Returns what `config.json` is to hold of a run that starts, see there."""
    values = dataclasses.asdict(config)
    del values["resume"]  # tells how a run is carried out, not what it is
    own = {name: value for name, value in values.items() if name not in options.NAMES}
    shared = {name: value for name, value in values.items() if name not in own}
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {
        "lesson": lesson,
        "hyperparameters": own,
        "options": shared,
        "source": source,
        **({"class_names": class_names} if class_names else {}),
        "device": device,
        "precision": precision,
        "faster": faster,
        "versions": {"python": platform.python_version()} | versions,
    }


def read(path: Path) -> dict:
    """Returns what one of the files holds.

    Raises:
        ValueError: it holds something else.
        OSError: it cannot be read.
    """
    return json.loads(path.read_text("utf-8"))


def write(path: Path, content: dict) -> None:
    """Writes one of the files."""
    with files.written(path) as partial:
        partial.write_text(encode(content), "utf-8", "backslashreplace")


def encode(content: dict) -> str:
    """Returns what a file holds as its text."""
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def as_written(content: dict) -> dict:
    """Returns what is read again once `content` was written."""
    return json.loads(encode(content))


def check(config: dict, metrics: dict) -> None:
    """Makes sure that what is read of a run is of the kind that it is used as.

    Raises:
        KeyError, TypeError, AttributeError: something is missing, or of another kind.
    """
    lesson, names = config["lesson"], config.get("class_names", [])
    if not isinstance(names, list) or not isinstance(find_settings(config), dict):
        raise TypeError(f"class_names are {names!r}, expected a list")
    keras_version = config["versions"]["keras"]
    texts = (lesson, config["precision"], keras_version, metrics["status"], *names)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"received {text!r}, expected text")
    if Path(lesson).name != lesson:
        raise TypeError(f"received {lesson!r}, expected the name of a lesson")
    for number in find_results(metrics).values():
        if not isinstance(number, int | float):
            raise TypeError(f"received {number!r}, expected a number")


def find_settings(config: dict) -> dict:
    """Returns the hyperparameters, the seed, the precision and the data of a run."""
    return {
        **config["hyperparameters"],
        "seed": config["options"]["seed"],
        "precision": config["precision"],
        "data": config["source"].partition(", because")[0],
    }


def find_results(metrics: dict) -> dict[str, float]:
    """Returns the final metrics, such as `validation_accuracy`; empty if the run is not
    finished.
    """
    return {
        f"{split}_{name}": value
        for split in SPLITS
        for name, value in metrics.get(split, {}).items()
    }


def find_differences(before: dict, now: dict) -> list[str]:
    """Returns in words each setting in which two runs differ, so that one cannot go on
    as the other.

    Args:
        before: what `config.json` holds.
        now: what it would hold for the other run.
    """
    before, now = identify(before), identify(as_written(now))
    return [
        f"{name} {before.get(name)}, not {now[name]}"
        for name in now
        if before.get(name) != now[name]
    ]


def identify(config: dict) -> dict:
    """Returns what must be the same in a run that goes on."""
    return {
        **config["hyperparameters"],
        "seed": config["options"]["seed"],
        "plain_keras": config["options"].get("plain_keras", False),
        "precision": config["precision"],
        # Where the data was found may have changed, and why it is no other.
        "source": re.sub(
            r",? (from|in) [^;:]*",
            "",
            config["source"].partition(", because ")[0],
        ),
    }
