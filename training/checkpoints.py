"""What a run needs to go on after it was interrupted: `state.npz` in its folder."""

import contextlib
import glob
import json
import os
import sys
from pathlib import Path

import numpy as np
import psutil

STATE = "state.npz"
PROCESS = "process.json"


def find_run(parent: Path, name: str | None) -> Path | None:
    """Returns the folder of the run `name` in `parent`, or of the newest one; None if there is none."""
    described = parent.glob(f"{glob.escape(name) if name else '*'}/config.json")
    return max((path.parent for path in described), key=lambda folder: folder.stat().st_ctime_ns, default=None)


def occupy(folder: Path) -> None:
    """Writes down that this process works in `folder`."""
    process = psutil.Process()
    (folder / PROCESS).write_text(json.dumps({"pid": process.pid, "created": process.create_time()}), "utf-8")


def find_other_process(folder: Path) -> int | None:
    """Returns the number of another process that is alive and works in `folder`, None if there is none."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        noted = json.loads((folder / PROCESS).read_text("utf-8"))
        if noted["pid"] != os.getpid() and psutil.Process(noted["pid"]).create_time() == noted["created"]:
            return noted["pid"]
    return None


def check(folder: Path, description: dict) -> None:
    """Makes sure that the run in `folder` can go on.

    Args:
        folder: of the run.
        description: what `config.json` would hold for a new run.

    Raises:
        ValueError: the run was started otherwise, or is still going on.
        SystemExit: it is finished, with exit code 0, after a line that says so.
    """
    metrics = folder / "metrics.json"  # which is missing if the run was killed at its very start
    if metrics.exists() and json.loads(metrics.read_text("utf-8"))["status"] == "finished":
        print(f"{folder} is finished: there is nothing to go on with")
        sys.exit(0)
    process = find_other_process(folder)
    if process:
        raise ValueError(f"--resume: {folder} is still going on, as process {process}: wait for it, or stop it")
    before = json.loads((folder / "config.json").read_text("utf-8"))
    now = json.loads(json.dumps(description, default=str))
    differences = [
        f"{name} {old.get(name)}, not {value}"
        for old, new in (
            (before["hyperparameters"], now["hyperparameters"]),
            ({"seed": before["options"]["seed"]}, {"seed": now["options"]["seed"]}),
            (before, {name: now[name] for name in ("precision", "source")}),
        )
        for name, value in new.items()
        if old.get(name) != value
    ]
    if differences:
        raise ValueError(f"--resume: {folder} was started with {'; '.join(differences)}: give it the same flags")


def save(folder: Path, **values) -> None:
    """Writes arrays and numbers into `folder`, and which event files there are by then.

    Raises:
        OSError: the disk is full; what was saved before is kept.
    """
    partial = folder / "state.partial.npz"
    events = [str(path.relative_to(folder)) for path in folder.glob("**/events.out.tfevents.*")]
    try:
        np.savez(partial, events=events, **values)
        partial.replace(folder / STATE)
    finally:
        partial.unlink(missing_ok=True)


def load(folder: Path) -> dict[str, np.ndarray] | None:
    """Returns what was saved last in `folder`, None if nothing was, and removes the event files that came after it.

    Raises:
        ValueError: the file is damaged.
    """
    state, known = None, []
    if (folder / STATE).exists():
        try:
            with np.load(folder / STATE) as file:
                state = dict(file)
            known = state.pop("events").tolist()
        except Exception as error:  # NumPy has no end of what it raises for a damaged file
            raise ValueError(f"{folder / STATE} is damaged ({error}): remove it to start over") from None
    for path in folder.glob("**/events.out.tfevents.*"):
        if str(path.relative_to(folder)) not in known:
            path.unlink()
    return state
