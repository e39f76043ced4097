"""What a run needs to go on after it was interrupted: `state/` in its folder, a file
for each `fit` or loop.

A resumed lesson runs again from its top. Each `fit` that was over takes its saved
weights and does nothing, the one that was interrupted goes on after its last saved
epoch, and everything else is computed anew. The event files are cut back to what they
held when the newest file was saved, and nothing is recorded until the run has come to
there: the curves have neither a gap nor a doubled step.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import sys
from pathlib import Path

from training import quiet  # noqa: F401 (imports TensorFlow)

import keras
import numpy as np
import psutil

STATE = "state"
PROCESS = "process.json"
CLOCK_SECONDS = 5  # by which a clock that is set right may move the start of a process


class Checkpoint(keras.callbacks.Callback):
    """Saves a `fit` after each epoch, and takes up what an interrupted run saved of it.

    Saved are all variables of the model and of its optimizer, with the state of the
    seed generators (of dropout, for one), which a saved model does not hold; the
    history; and of the other callbacks the attributes they name in `KEPT`. Once a seed
    is set, Keras's `fit` takes the examples in the same order in every epoch: no order
    need be saved.

    Args:
        run: a `runs.Run`, to save into.
        name: of the fit in its run.
        others: the other callbacks of the fit, which come before this one.
        lists: those that the other callbacks fill with arrays of one shape, by name.
        every_epoch: whether to save after each epoch, or only after the last one.
    """

    def __init__(
        self, run, name: str, others: tuple, lists: dict[str, list], every_epoch: bool
    ):
        super().__init__()
        self.run = run
        self.name = name
        self.kept = [callback for callback in others if hasattr(callback, "KEPT")]
        self.lists = lists
        self.every_epoch = every_epoch
        self.history: dict[str, list[float]] = {}
        self.over = False

    def on_train_begin(self, logs=None):
        """Takes up what was saved of this fit.

        Raises:
            ValueError: it is of another model.
        """
        state = self.run.load_state(self.name)
        if state is None:
            return
        variables = self.variables()
        if any(
            np.shape(state.get(name)) != tuple(variable.shape)
            for name, variable in variables.items()
        ):
            raise ValueError(
                f"--resume: {self.run.states.folder} holds other weights than the "
                "model has now: undo what was changed "
                "in it, or remove that folder to start over"
            )
        for name, variable in variables.items():
            variable.assign(state[name])
        for name, values in self.lists.items():
            values[:] = state.get(name, ())
        told = json.loads(str(state["told"]))
        for callback, attributes in zip(self.kept, told["callbacks"], strict=True):
            vars(callback).update(attributes)
        self.history, self.over = told["history"], told["over"]
        self.model.history.history.update(
            {name: list(values) for name, values in self.history.items()}
        )
        # Where Keras's own BackupAndRestore says it as well.
        self.model._initial_epoch = (
            self.params["epochs"] if self.over else told["epoch"]
        )

    def on_train_batch_end(self, batch, logs=None):
        """Ends a training that was interrupted, where the exception was lost."""
        if self.run.interrupted:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        """Saves an epoch that is not the last one."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if self.every_epoch and epoch + 1 < self.params["epochs"]:
            self.save(epoch + 1, over=self.model.stop_training)

    def on_train_end(self, logs=None):
        """Saves that the fit is over."""
        self.model._initial_epoch = None
        if not self.over:
            self.save(self.params["epochs"], over=True)

    def save(self, epoch: int, over: bool) -> None:
        """Saves the state after so many epochs."""
        callbacks = [
            {name: getattr(callback, name) for name in callback.KEPT}
            for callback in self.kept
        ]
        told = json.dumps(
            {
                "epoch": epoch,
                "over": over,
                "history": self.history,
                "callbacks": callbacks,
            }
        )
        arrays = {name: variable.numpy() for name, variable in self.variables().items()}
        self.run.save_state(
            self.name,
            told=told,
            **arrays,
            **{name: v for name, v in self.lists.items() if v},
        )

    def variables(self) -> dict:
        """Returns the variables of the model and of its optimizer, by names that are
        good in a file.
        """
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        owners = {"model": self.model, "optimizer": optimizer}
        return {
            f"{name}{n}": v
            for name, owner in owners.items()
            for n, v in enumerate(owner.variables)
        }


class States:
    """The files in `state/`, each complete or absent.

    Attributes:
        replaying: true from the start of a resumed run until it has come to where its
            newest file was saved.
        seconds: that the run had taken by then.

    Args:
        folder: of the run.
        resumed: whether to go on with what is there.

    Raises:
        ValueError: the newest file is damaged.
    """

    def __init__(self, folder: Path, resumed: bool):
        self.run_folder = folder
        self.folder = folder / STATE
        self.saved = 0
        self.seconds = 0.0
        self.newest = None
        if resumed:
            newest = {"number": 0, "seconds": 0.0, "events": {}}
            for path in self.folder.glob("*.npz"):
                state = self.read(path.stem)
                if state["number"] > newest["number"]:
                    newest, self.newest = state, path.stem
            self.saved, self.seconds = newest["number"], newest["seconds"]
            self.cut_events(newest["events"])
        self.replaying = self.newest is not None

    def save(self, name: str, seconds: float, **values) -> None:
        """Saves arrays, numbers and texts under a name, and how long the event files
        are by now.

        Raises:
            OSError: the disk is full; what was saved before is kept.
        """
        self.saved += 1
        self.folder.mkdir(exist_ok=True)
        partial = self.folder / "partial"
        try:
            with partial.open("wb") as file:
                np.savez(
                    file,
                    number=self.saved,
                    seconds=seconds,
                    events=json.dumps(self.measure_events()),
                    **values,
                )
            partial.replace(self.folder / f"{name}.npz")
        finally:
            partial.unlink(missing_ok=True)

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Returns what was saved under a name, None if nothing was; with the newest,
        the run has caught up.
        """
        if not (self.folder / f"{name}.npz").exists():
            return None
        if name == self.newest:
            self.replaying = False
        return {
            key: value
            for key, value in self.read(name).items()
            if key not in ("number", "seconds", "events")
        }

    def read(self, name: str) -> dict[str, np.ndarray]:
        """Returns what a file holds.

        Raises:
            ValueError: it is damaged.
        """
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path) as file:
                content = dict(file)
            lengths = {
                path: int(length)
                for path, length in json.loads(content["events"].item()).items()
            }
            return {
                **content,
                "number": int(content["number"]),
                "seconds": float(content["seconds"]),
                "events": lengths,
            }
        except (
            Exception
        ) as error:  # NumPy has no end of what it raises for a damaged file
            raise ValueError(
                f"{path} is damaged ({error}): remove {self.folder} to start over"
            ) from None

    def measure_events(self) -> dict[str, int]:
        """Returns the length of each event file in bytes."""
        paths = self.run_folder.glob("**/events.out.tfevents.*")
        return {
            str(path.relative_to(self.run_folder)): path.stat().st_size
            for path in paths
        }

    def cut_events(self, lengths: dict[str, int]) -> None:
        """Cuts the event files back to what `measure_events` had returned, and removes
        those that came after it.
        """
        for path in self.run_folder.glob("**/events.out.tfevents.*"):
            length = lengths.get(str(path.relative_to(self.run_folder)))
            if length is None:
                path.unlink()
            else:
                os.truncate(path, length)

    def remove(self) -> None:
        """Removes the files of a run that is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find_run(parent: Path, name: str | None) -> Path | None:
    """Returns the folder of the run `name` in `parent`, or of the newest one; None if
    there is none.

    A folder of that name without a description, of a run that was killed at its very
    start, makes room for a new one.
    """
    if name and not (parent / name / "config.json").exists():
        with contextlib.suppress(OSError):
            (parent / name / "config.json.partial").unlink(missing_ok=True)
            (parent / name).rmdir()
    described = parent.glob(f"{glob.escape(name) if name else '*'}/config.json")
    return max(
        (path.parent for path in described),
        key=lambda folder: folder.stat().st_ctime_ns,
        default=None,
    )


def occupy(folder: Path) -> None:
    """Writes down that this process works in `folder`."""
    process = psutil.Process()
    (folder / PROCESS).write_text(
        json.dumps({"pid": process.pid, "created": process.create_time()}), "utf-8"
    )


def find_other_process(folder: Path) -> int | None:
    """Returns the number of another process that is alive and works in `folder`, None
    if there is none.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
        noted = json.loads((folder / PROCESS).read_text("utf-8"))
        since = psutil.Process(noted["pid"]).create_time() - noted["created"]
        if noted["pid"] != os.getpid() and abs(since) < CLOCK_SECONDS:
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
    try:
        started = json.loads((folder / "config.json").read_text("utf-8"))
        before = identify(started)
        metrics = (
            folder / "metrics.json"
        )  # which is missing if the run was killed at its very start
        status = (
            json.loads(metrics.read_text("utf-8"))["status"]
            if metrics.exists()
            else "running"
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"--resume: {folder} was not written by this version, or is damaged "
            f"({error!r})"
        ) from None
    if status == "finished":
        print(f"{folder} is finished: there is nothing to go on with")
        sys.exit(0)
    process = find_other_process(folder)
    if process:
        raise ValueError(
            f"--resume: {folder} is still going on, as process {process}: wait for it, "
            "or stop it"
        )
    now = identify(json.loads(json.dumps(description, default=str)))
    differences = [
        f"{name} {before.get(name)}, not {now[name]}"
        for name in now
        if before.get(name) != now[name]
    ]
    if differences:
        raise ValueError(
            f"--resume: {folder} was started with {'; '.join(differences)}: give it "
            "the same flags and the same data"
        )
    for name in ("device", "versions"):
        if started[name] != description[name]:
            print(
                f"The {name} differ from then: {started[name]}, now "
                f"{description[name]}. The end may differ as well"
            )


def identify(description: dict) -> dict:
    """Returns what must be the same in a run that goes on, out of what `config.json`
    holds.
    """
    return {
        **description["hyperparameters"],
        "seed": description["options"]["seed"],
        "precision": description["precision"],
        # Where the data was found may have changed, and why it is no other.
        "source": re.sub(
            r",? (from|in) [^;:]*", "", description["source"].partition(", because ")[0]
        ),
    }
