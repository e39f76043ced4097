"""What a run needs to go on after it was interrupted: `state/` in its folder, a file
for each `fit` or loop.

A resumed lesson runs again from its top. Each `fit` or loop that was over takes its
saved end and does nothing, the one that was interrupted goes on where it was saved, and
everything else is computed anew. The event files are cut back to what they held when
the newest file was saved, and nothing is recorded until the run has come to there: the
curves have neither a gap nor a doubled step.
"""

import contextlib
import difflib
import glob
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from training import files, quiet, run_json  # noqa: F401 (quiet imports TensorFlow)

import keras
import numpy as np
import psutil
import tensorflow as tf

STATE = "state"
CLOCK_SECONDS = 5  # by which a clock that is set right may move the start of a process
OWN = ("number", "seconds", "events")  # what `States` itself keeps in a file


def pack(state: dict) -> dict:
    """Returns the present values of a state, as arrays and texts by name: that of the
    value, a dot, and a part of it.

    Args:
        state: built models and optimizers, variables, arrays, NumPy generators, and
            lists of what JSON takes or of arrays, by name.

    Raises:
        TypeError: something else is in it.
    """
    packed = {}
    for name, value in state.items():
        if isinstance(value, list):
            packed |= pack_list(name, value)
        elif isinstance(value, np.random.Generator):
            packed[f"{name}.generator"] = json.dumps(value.bit_generator.state)
        else:
            packed |= {
                key: np.asarray(v) for key, v in find_places(name, value).items()
            }
    return packed


def pack_list(name: str, values: list) -> dict:
    """Returns a list as a JSON text; or if it holds arrays as one array, or one for
    each if their shapes differ.
    """
    if not any(isinstance(value, np.ndarray | np.generic) for value in values):
        return {f"{name}.json": json.dumps(values)}
    if len({(np.shape(value), np.asarray(value).dtype) for value in values}) == 1:
        return {f"{name}.all": np.stack(values)}
    return {f"{name}.{index}": np.asarray(value) for index, value in enumerate(values)}


def unpack(state: dict, saved: dict) -> None:
    """Gives everything in a state the values that `pack` returned.

    Raises:
        ValueError: they are of other things than those.
    """
    for name, value in state.items():
        own = {k: part for k, part in saved.items() if k.partition(".")[0] == name}
        if isinstance(value, list):
            value[:] = unpack_list(name, own)
        elif isinstance(value, np.random.Generator):
            value.bit_generator.state = json.loads(str(own[f"{name}.generator"]))
        else:
            places = find_places(name, value)
            if find_shapes(places) != find_shapes(own):
                raise ValueError(f"{name} is another than the one that was saved")
            for key, place in places.items():
                if isinstance(place, np.ndarray):
                    place[...] = own[key]
                else:
                    place.assign(own[key])


def unpack_list(name: str, saved: dict) -> list:
    """Returns the list that `pack_list` took apart.

    Raises:
        ValueError: it is not in `saved`.
    """
    if f"{name}.json" in saved:
        return json.loads(str(saved[f"{name}.json"]))
    if f"{name}.all" in saved:
        return list(saved[f"{name}.all"])
    if f"{name}.0" not in saved:
        raise ValueError(f"{name} is another than what was saved")
    return [saved[f"{name}.{index}"] for index in range(len(saved))]


def find_shapes(values: dict) -> dict[str, tuple]:
    """Returns the shapes of arrays or variables, by their names."""
    return {name: tuple(np.shape(value)) for name, value in values.items()}


def find_places(name: str, value) -> dict:
    """Returns the variables or the array in which a value keeps its numbers, by names
    that are good in a file.

    Raises:
        TypeError: it is nothing that can be changed in place.
    """
    # A Sequential of layers that are built already, with variables, counts as built.
    if isinstance(value, keras.Model) and (value.built or value.variables):
        places = {f"{name}.model{n}": v for n, v in enumerate(value.variables)}
        optimizer = getattr(value, "optimizer", None)  # missing before `compile`
        if optimizer is not None:
            if not optimizer.built:
                optimizer.build(value.trainable_variables)
            places |= find_places(name, optimizer)
        return places
    if isinstance(value, keras.optimizers.Optimizer) and value.built:
        return {
            f"{name}.optimizer{n}": variable
            for n, variable in enumerate(value.variables)
        }
    if isinstance(value, keras.Variable | tf.Variable | np.ndarray):
        return {f"{name}.value": value}
    raise TypeError(
        f"{name} is {type(value).__name__}, expected a built model, a built optimizer, "
        "a variable, an array, a list or a NumPy generator: what can be changed in "
        "place"
    )


class Interrupt(keras.callbacks.Callback):
    """Ends a `fit` that was interrupted where the exception was lost.

    Args:
        run: a `runs.Run`.
    """

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_begin(self, logs: Any = None):
        """Tells the run that a `fit` is going on, in which Ctrl-C waits for nothing."""
        self.run.fitting = True

    def on_train_batch_end(self, batch, logs: Any = None):
        """Looks whether Ctrl-C came."""
        if self.run.interrupted:
            raise KeyboardInterrupt

    def on_train_end(self, logs: Any = None):
        """Tells the run that it is over."""
        self.run.fitting = False


class Checkpoint(Interrupt):
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
        state: what the other callbacks change, as `pack` takes it.
    """

    params: dict  # which Keras sets
    # Keras's own callbacks that remember something from epoch to epoch.
    REMEMBER = (
        keras.callbacks.EarlyStopping,
        keras.callbacks.ModelCheckpoint,
        keras.callbacks.ReduceLROnPlateau,
    )

    def __init__(self, run, name: str, others: list, state: dict):
        super().__init__(run)
        self.name = name
        self.kept = [callback for callback in others if hasattr(callback, "KEPT")]
        self.state = state
        self.every_epoch = not any(isinstance(other, self.REMEMBER) for other in others)
        self.history: dict[str, list[float]] = {}
        self.over = False

    def on_train_begin(self, logs: Any = None):
        """Restores what was saved of this fit.

        Raises:
            ValueError: it was saved for another model.
        """
        super().on_train_begin(logs)
        self.run.epochs = self.params["epochs"]
        saved = self.run.load_state(self.name, model=self.model, **self.state)
        if saved is None:
            return
        for callback, attributes in zip(self.kept, saved["callbacks"], strict=True):
            vars(callback).update(attributes)
        self.history, self.over = saved["history"], saved["over"]
        self.model.history.history.update(
            {name: list(values) for name, values in self.history.items()}
        )
        # Where Keras's own BackupAndRestore says it as well.
        self.model._initial_epoch = (
            self.params["epochs"] if self.over else saved["epoch"]
        )

    def on_epoch_end(self, epoch, logs: Any = None):
        """Saves an epoch that is not the last one."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if self.every_epoch and epoch + 1 < self.params["epochs"]:
            self.save(epoch + 1, over=self.model.stop_training)

    def on_train_end(self, logs: Any = None):
        """Saves that the fit is over."""
        super().on_train_end(logs)
        self.run.epochs = None
        self.model._initial_epoch = None
        if not self.over:
            self.save(self.params["epochs"], over=True)

    def save(self, epoch: int, over: bool) -> None:
        """Saves the state after so many epochs."""
        callbacks = [
            {name: getattr(callback, name) for name in callback.KEPT}
            for callback in self.kept
        ]
        told = {
            "epoch": epoch,
            "over": over,
            "history": self.history,
            "callbacks": callbacks,
        }
        self.run.save_state(self.name, told, model=self.model, **self.state)


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
            newest: dict[str, Any] = {"number": 0, "seconds": 0.0, "events": {}}
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
        events = json.dumps(self.measure_events())
        partial = self.folder / "partial"
        try:
            with partial.open("wb") as file:
                np.savez(
                    file, number=self.saved, seconds=seconds, events=events, **values
                )
            files.move(partial, self.folder / f"{name}.npz")
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
        saved = self.read(name)
        return {key: value for key, value in saved.items() if key not in OWN}

    def read(self, name: str) -> dict[str, Any]:
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
        except Exception as error:  # a damaged file can raise anything
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


def find_run(parent: Path, lesson: str, name: str | None) -> Path | None:
    """Returns the folder of the run `name` in `parent`, or of the newest one; None if
    there is none.

    A folder of that name without a description, of a run that was killed at its very
    start, makes room for a new one.
    """
    if name and not (parent / name / run_json.CONFIG).exists():
        with contextlib.suppress(OSError):
            for start in (
                f"{lesson}.py",
                f"{lesson}.partial.py",
                "config.partial.json",
            ):
                (parent / name / start).unlink(missing_ok=True)
            (parent / name).rmdir()
    described = parent.glob(f"{glob.escape(name) if name else '*'}/{run_json.CONFIG}")
    return max(
        (path.parent for path in described),
        key=lambda folder: folder.stat().st_ctime_ns,
        default=None,
    )


def occupy(folder: Path) -> None:
    """Writes down that this process works in `folder`."""
    process = psutil.Process()
    noted = {"pid": process.pid, "created": process.create_time()}
    run_json.write(folder / run_json.PROCESS, noted)


def find_other_process(folder: Path) -> int | None:
    """Returns the number of another process that is alive and works in `folder`, None
    if there is none.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
        noted = run_json.read(folder / run_json.PROCESS)
        since = psutil.Process(noted["pid"]).create_time() - noted["created"]
        if noted["pid"] != os.getpid() and abs(since) < CLOCK_SECONDS:
            return noted["pid"]
    return None


def check(folder: Path, description: dict, page: str) -> None:
    """Makes sure that the run in `folder` can go on.

    Args:
        folder: of the run.
        description: what `config.json` would hold for a new run.
        page: the lesson's text.

    Raises:
        ValueError: the run was started otherwise, or is still going on.
        SystemExit: it is finished, with exit code 0, after a line that says so.
    """
    try:
        started = run_json.read(folder / run_json.CONFIG)
        differences = run_json.find_differences(started, description)
        metrics = folder / run_json.METRICS  # missing if it was killed at its start
        status = run_json.read(metrics)["status"] if metrics.exists() else "running"
        copy = folder / f"{description['lesson']}.py"
        old_page = copy.read_text("utf-8", "replace")
    except FileNotFoundError:
        raise ValueError(
            f"--resume: {folder} holds no copy of its lesson: it is of an earlier "
            "version, and cannot go on. Start anew"
        ) from None
    except run_json.DAMAGED as error:
        raise ValueError(
            f"--resume: {folder} was not written by this version, or is damaged "
            f"({error!r})"
        ) from None
    process = find_other_process(folder)
    if status == "finished":
        if not process:  # it was killed between its last line and tidying up
            shutil.rmtree(folder / STATE, ignore_errors=True)
            (folder / run_json.PROCESS).unlink(missing_ok=True)
        print(f"{folder} is finished: there is nothing to go on with")
        sys.exit(0)
    if process:
        raise ValueError(
            f"--resume: {folder} is still going on, as process {process}: wait for it, "
            "or stop it"
        )
    if differences:
        raise ValueError(
            f"--resume: {folder} was started with {'; '.join(differences)}: give it "
            "the same flags and the same data"
        )
    if page != old_page:
        line = find_first_difference(old_page, page)
        raise ValueError(
            f"--resume: {folder} was started with another {copy.name}, which differs "
            f"from line {line}: undo the change, or start anew"
        )
    for name in ("device", "versions"):
        if started[name] != description[name]:
            print(
                f"The {name} differ from then: {started[name]}, now "
                f"{description[name]}. The end may differ as well"
            )


def find_first_difference(before: str, now: str) -> int:
    """Returns the number of the first line of `now` that is not in `before` as well."""
    matcher = difflib.SequenceMatcher(
        None, before.splitlines(), now.splitlines(), autojunk=False
    )
    changes = (op for op in matcher.get_opcodes() if op[0] != "equal")
    return next((op[3] + 1 for op in changes), 1)
