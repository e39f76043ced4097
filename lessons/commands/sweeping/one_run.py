"""One run of a sweep."""

import contextlib
import dataclasses
import inspect
import io
import shutil
from pathlib import Path
from types import ModuleType

from lessons.commands.sweeping import grid
from training import options, run_folder, run_json

TRIES = 3  # of a run whose process was killed, or whose machine was lost


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
    for name, value in run_json.as_written(dataclasses.asdict(config)).items():
        if name in grid.OWN or value is None:
            continue
        if used.get(name, value) != value:
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
    if record.metrics["status"] in run_json.ENDED:
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
