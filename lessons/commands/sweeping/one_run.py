"""One run of a sweep."""

import contextlib
import dataclasses
import inspect
import io
import shutil
import sys
from pathlib import Path

from lessons.commands.sweeping import grid
from training import options, run_folder, run_json


def is_done(folder: Path, config: options.Options) -> bool:
    """True if this combination was run to its end before.

    Args:
        folder: of the runs of the lesson.
        config: of the run.

    Raises:
        ValueError: the run's folder holds another run than this, or this one, which is
            still going on.
    """
    from training import resume  # with TensorFlow, which takes seconds

    resume.find_run(folder, folder.name, config.name)  # clears what is hardly begun
    folder = folder / str(config.name)
    if not folder.exists():
        return False
    if (folder / run_json.CONFIG).exists() and not (folder / run_json.METRICS).exists():
        return False  # killed at its start
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
    if process := resume.find_other_process(folder):
        raise ValueError(
            f"{folder} is still going on, as process {process}: wait for it, or stop it"
        )
    return False


def run_one(config: options.Options) -> str:
    """Runs a lesson once, without its output; returns in a few words how it ended.

    What an earlier attempt left in the run's folder is removed.
    """
    page = Path(inspect.getfile(type(config)))
    shutil.rmtree(config.logdir / page.stem / str(config.name), ignore_errors=True)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            metrics = sys.modules[type(config).__module__].main(config)
    # Whatever ends one run must not end the others; the run's folder holds the reason.
    except Exception as error:
        return f"failed: {' '.join(str(error).split())[:160]}"
    split = "validation" if "validation" in metrics else "train"
    results = ", ".join(
        f"{name} {value:.4f}" for name, value in metrics.get(split, {}).items()
    )
    return f"{split} {results}"
