"""The folder of a run, `LOGDIR/LESSON/NAME`: what is in it, and how it is written, read
and checked.

`config.json` says how the run was made, and `metrics.json` what came of it; what they
hold is told in `run_json.py`. Beside them: a copy of the lesson's page as it was run,
such as `course_3_cnn.py`; `model.keras` (the trained model), `export/` (the same as a
SavedModel, which needs neither Keras nor the page; only of a model with layers that the
page defines),
`test_predictions.npz` (of each test example an id, what was predicted and what is
true), `figures/*.png`, `projector/` (vectors, labels and pictures), `index.npz` (of
photographs that were searched), `state/` (of an unfinished run, for `--resume`), and
TensorBoard's event files: `train/`, `validation/` and `test/` hold curves, `final/`
hyperparameters with final metrics, the folder itself texts and pictures. A file is
complete or absent. Runs of earlier versions have no page.
"""

import contextlib
import os
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

from training import options, run_json

MODEL, EXPORT = "model.keras", "export"
PREDICTIONS = "test_predictions.npz"
# Windows may allow 260 characters in a path, so many of them behind that of a run.
HAS_SHORT_PATHS, LONGEST = os.name == "nt", 75


class Record(NamedTuple):
    """A run as its folder tells.

    Attributes:
        folder: of the run.
        config: what `config.json` holds.
        metrics: what `metrics.json` holds.
    """

    folder: Path
    config: dict
    metrics: dict

    @property
    def lesson(self) -> str:
        """The name of the lesson."""
        return self.config["lesson"]

    @property
    def precision(self) -> str:
        """What it computed in, "float32" or "bfloat16"."""
        return self.config["precision"]

    @property
    def page(self) -> str | None:
        """The text of the lesson as it was run; None for a run of an earlier version.

        Raises:
            OSError: it cannot be read.
        """
        path = self.folder / f"{self.lesson}.py"
        return path.read_text("utf-8", "replace") if path.is_file() else None

    @property
    def settings(self) -> dict:
        """The hyperparameters, the seed, the precision and the data of the run."""
        return run_json.find_settings(self.config)

    @property
    def results(self) -> dict[str, float]:
        """The final metrics, such as `validation_accuracy`; empty if the run is not
        finished.
        """
        return run_json.find_results(self.metrics)

    def load(self, seed: int = 0):
        """Loads the saved network, in Keras's safe mode: no code that a file may hold
        is run.

        Args:
            seed: of its dropout, whose state is not saved.

        Returns:
            A `keras.Model`.

        Raises:
            ValueError: the file is damaged, or of another version of Keras.
        """
        import keras

        path = self.folder / MODEL
        keras.utils.set_random_seed(seed)
        try:
            # A warning tells that a part is not what was saved.
            with warnings.catch_warnings(action="error", category=UserWarning):
                return keras.models.load_model(path, safe_mode=True)
        except Exception as error:  # a damaged file can raise anything
            version = self.config["versions"]["keras"]
            reason = f"written by Keras {version}, this is {keras.__version__}: {error}"
            raise ValueError(f"{path} cannot be loaded ({reason[:300]})") from None

    def load_model(self, shape: tuple[int, int, int] | None = None, seed: int = 0):
        """Loads the saved classifier of images, as `load`.

        Args:
            shape: height, width and channels of the images that it must take; None if
                any will do.
            seed: of its dropout, whose state is not saved.

        Returns:
            A `keras.Model`.

        Raises:
            ValueError: the file is damaged, of another version of Keras, or of another
                kind of network.
        """
        model = self.load(seed)
        received = model.input_shape, model.output_shape
        classes = len(self.config["class_names"])
        expected = (None, *(shape or model.input_shape[1:])), (None, classes)
        if received != expected:
            raise ValueError(
                f"{self.folder / MODEL} has inputs and outputs of the shapes "
                f"{received}, expected {expected}"
            )
        return model


def read(folder: Path) -> Record:
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
        config = run_json.read(folder / run_json.CONFIG)
        metrics = run_json.read(folder / run_json.METRICS)
        run_json.check(config, metrics)
        return Record(folder, config, metrics)
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} is no complete run folder: it has no {Path(error.filename).name}"
        ) from None
    except run_json.DAMAGED as error:
        raise ValueError(
            f"{folder} was not written by this version, or is damaged ({error!r})"
        ) from None


def read_all(logdir: Path, lesson: str | None = None) -> list[Record]:
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
            records.append(read(folder))
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not records:
        raise ValueError(
            f"{logdir / (lesson or '')} holds no runs: run a lesson first, or choose "
            "another --logdir"
        )
    return records


def find_trained(run: str, logdir: Path) -> Record:
    """Returns the run of a folder, or the newest finished run of a lesson, with a saved
    network.

    Args:
        run: folder of a run, or a file in it; or a lesson's name, its page, or the
            folder of its runs.
        logdir: folder in which the lessons' runs are.

    Raises:
        ValueError: there is no such run, or it has no saved network.
    """
    path = options.find_home(run)
    is_folder = path.name != run
    if path.name in (run_json.CONFIG, run_json.METRICS, MODEL):
        path, is_folder = path.parent, True
    elif path.suffix == ".py" and not path.is_dir():
        path, is_folder = Path(path.stem), False
    below = any(path.glob(f"*/{run_json.CONFIG}"))
    of_a_lesson = below and not (path / run_json.CONFIG).is_file()
    if of_a_lesson and (is_folder or not (logdir / path).is_dir()):
        logdir, path, is_folder = path.parent, Path(path.name), False
    if is_folder:
        records = [read(path)]
    elif (logdir / path).is_dir():
        records = [
            record
            for record in read_all(logdir, path.name)
            if record.metrics["status"] == "finished"
        ]
    else:
        raise ValueError(
            f"{run!r} is neither the folder of a run nor a lesson with runs in "
            f"{logdir}: train a network first, such as with python "
            "lessons/course_3_cnn.py"
        )
    records = [record for record in records if (record.folder / MODEL).is_file()]
    if not records:
        raise ValueError(
            f"{run!r} has no finished run with a saved model: run the lesson to its "
            "end first"
        )
    return max(records, key=lambda record: (record.folder / MODEL).stat().st_mtime)


def find_classifier(run: str, logdir: Path, lesson: str | None = None) -> Record:
    """Returns the run of a folder, or the newest finished classifier of a lesson.

    Args:
        run: folder of a run, or a lesson's name.
        logdir: folder in which the lessons' runs are.
        lesson: the only lesson whose runs will do; None for any.

    Raises:
        ValueError: there is no such run, it has no saved classifier, or it is of
            another lesson.
    """
    record = find_trained(run, logdir)
    check_classifier(record)
    if lesson is not None and record.lesson != lesson:
        raise ValueError(
            f"{record.folder} is a run of {record.lesson}, expected one of {lesson}"
        )
    return record


def check_classifier(record: Record) -> None:
    """Makes sure that a run is of a classifier.

    Raises:
        ValueError: it is not.
    """
    if "class_names" not in record.config:
        raise ValueError(
            f"{record.folder} is no classifier: {record.lesson} does not sort pictures "
            "into classes"
        )


def make(parent: Path, name: str | None) -> Path:
    """Makes and returns a folder in `parent` that did not exist, named after the time
    if `name` is None.

    Raises:
        ValueError: a folder of that name exists, or its path is too long.
        OSError: the folder cannot be made.
    """
    folder = parent / (name or time.strftime("%Y-%m-%d_%H-%M-%S"))
    for attempt in range(1, 1000):
        try:
            folder.mkdir(parents=True)
            if HAS_SHORT_PATHS:
                check_length(folder)
            return folder
        except FileExistsError:
            if not folder.is_dir():
                raise
            if name:
                raise ValueError(
                    f"--name is {name!r}, but {folder} exists: choose another, or "
                    "remove it"
                ) from None
            folder = folder.with_name(f"{folder.name.partition('+')[0]}+{attempt}")
        except OSError as error:
            raise type(error)(
                f"the run's folder {folder} cannot be made ({error.strerror}): name a "
                "folder to write to with --logdir"
            ) from None
    raise ValueError(f"{parent} holds 1000 runs that were started in the same second")


def check_length(folder: Path) -> None:
    """Makes sure that the files of a run can be made in its folder.

    Raises:
        ValueError: their paths would be too long; the folder is removed.
    """
    try:
        probe = folder / ("x" * LONGEST)
        probe.touch()
        probe.unlink()
    except OSError:
        folder.rmdir()
        raise ValueError(
            f"the run's folder {folder.resolve()} has too long a path, as Windows may "
            "allow 260 characters in all: choose a shorter --name or --logdir, or let "
            "Windows have long paths, see docs/install.md"
        ) from None


def hide_home(text: str) -> str:
    """Returns a text with "~" for the home folder, whose path often tells a name: runs
    are shown to others.
    """
    with contextlib.suppress(RuntimeError):  # there is no home folder
        text = text.replace(f"{Path.home()}{os.sep}", f"~{os.sep}")
    return text
