"""The folder of a run, `LOGDIR/LESSON/NAME`: everything that a run writes, and nothing
elsewhere.

`config.json` says how the run was made:
    lesson: name of the lesson, such as "course_3_cnn". hyperparameters: the fields of
    the lesson's own `Config`, as used. options: those that every lesson shares: seed,
    logdir, name, precision, strategy, profile, debug. source: what the data is and
    where it came from. class_names: the name of each class; absent where a lesson has
    none. device: such as "CPU (2 cores)", or "2 mirrored devices, GPU (...)".
    precision: "float32" or "bfloat16", as used. versions: of python, tensorflow, keras
    and numpy.

`metrics.json` says what came of it:
    lesson: as above. status: "running", "finished", "interrupted" or "failed". A run
    that was killed stays "running". train, validation, test: tables of Keras metric
    names, such as "loss" and "accuracy", of the final model in
        inference mode. Absent where a lesson has none, and until the run is finished.
    seconds: from the start of the run to its end, with evaluation and figures. error:
    why the run failed; absent otherwise. findings: of the doctor, each with code,
    epoch, step, evidence, advice and severity; absent where it did not watch. Whatever
    else a lesson measures, under its own name.

Beside them: `model.keras` (the trained model), `figures/*.png`, `projector/` (vectors,
labels and pictures), `index.npz` (of photographs that were searched), `state/` (of an
unfinished run, for `--resume`), and TensorBoard's event files: `train/`, `validation/`
and `test/` hold curves, `final/` hyperparameters with final metrics, the folder itself
texts and pictures.
"""

import contextlib
import json
import logging
import math
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from importlib import metadata
from inspect import getfile
from pathlib import Path

from training import checkpoints, classifier, device, doctor, figures, quiet, recorder
from training.options import Options, flag

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

# TensorFlow takes the models of several runs in one process for one function that is
# traced again and again.
logging.getLogger("tensorflow").addFilter(
    lambda record: "triggered tf.function retracing" not in record.getMessage()
)


@contextlib.contextmanager
def start(config: Options, dataset=None) -> Iterator["Run"]:
    """Opens the folder of a new run, and writes down how the run ends.

    Args:
        config: the lesson's configuration. The file it is defined in names the lesson.
        dataset: what a loader of `data` returned, with `source`, `train` and possibly
            `validation`, `test` and `class_names`; None for a lesson without data.

    Raises:
        ValueError: `batch_size` or `examples` is more than there are to train on, or a
            run of that name exists.
        OSError: the folder cannot be made.
    """
    for name in ("batch_size", "examples"):
        count = getattr(config, name, 0)
        if count and count > len(dataset.train[1]):
            raise ValueError(
                f"{flag(name)} is {count}, expected at most the "
                f"{len(dataset.train[1])} training examples"
            )
    run = Run(config, dataset)
    try:
        with (
            device.computing(run.precision, config.debug, run.strategy),
            note_interrupt(run),
        ):
            yield run
    except BaseException as error:
        run.clear()
        if run.finished:  # and Ctrl-C came after it
            raise
        if run.interrupted or isinstance(error, KeyboardInterrupt):
            with contextlib.suppress(OSError):
                run.write_metrics(status="interrupted")
            print(f"\nInterrupted. What was recorded so far is in {run.folder}")
            then = (
                "goes on" if run.states.saved else "starts over: nothing was saved yet"
            )
            print(
                "The same command with "
                f"{join_words(['--resume', '--name', run.folder.name])} {then}"
            )
            raise KeyboardInterrupt from error
        if isinstance(error, FloatingPointError) and run.doctor:
            run.doctor.on_train_end()
        with contextlib.suppress(
            OSError
        ):  # on a full disk; what is reported then is the first error
            message = hide_home(" ".join(str(error).split())) or type(error).__name__
            run.write_metrics(status="failed", error=message)
        raise
    finally:
        run.clear()
        for writer in run.writers.values():
            writer.close()


@contextlib.contextmanager
def note_interrupt(run: "Run") -> Iterator[None]:
    """Notes Ctrl-C in `run.interrupted`: inside TensorFlow, Python's exception can
    become another one, or be lost.
    """

    def note(number, frame):
        run.interrupted = True
        raise KeyboardInterrupt

    main_thread = (
        threading.current_thread() is threading.main_thread()
    )  # no other can handle signals
    if (
        not main_thread
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Run:
    """One run of a lesson: its folder, its TensorBoard writer and its results."""

    def __init__(self, config: Options, dataset):
        self.config = config
        self.dataset = dataset
        self.class_names = getattr(dataset, "class_names", None)
        self.lesson = Path(getfile(type(config))).stem
        if "TF_CONFIG" in os.environ:  # where `quiet` leaves it to what joins a cluster
            with quiet.hold_stderr():
                quiet.prepare_devices()
        self.precision = device.choose_precision(config.precision)
        self.strategy = device.choose_strategy(config.strategy)
        devices, batch_size = (
            self.strategy.num_replicas_in_sync,
            getattr(config, "batch_size", 0),
        )
        if batch_size % devices:
            raise ValueError(
                f"--batch-size is {batch_size}, expected a multiple of the {devices} "
                "devices that share it"
            )
        keras.utils.clear_session()  # layers are named from the start, so that runs of one process share their charts
        keras.utils.set_random_seed(config.seed)

        shared = {field.name for field in fields(Options)}
        values = asdict(config)
        del values["resume"]  # tells how a run is carried out, not what it is
        self.hyperparameters = {
            name: value for name, value in values.items() if name not in shared
        }
        description = {
            "lesson": self.lesson,
            "hyperparameters": self.hyperparameters,
            "options": {
                name: value for name, value in values.items() if name in shared
            },
            "source": hide_home(dataset.source) if dataset else "no data",
            **({"class_names": self.class_names} if self.class_names else {}),
            "device": device.describe(self.strategy.num_replicas_in_sync),
            "precision": self.precision,
            "versions": {"python": platform.python_version()}
            | {
                package: metadata.version(package)
                for package in ("tensorflow", "keras", "numpy")
            },
        }
        parent = config.logdir / self.lesson
        self.folder = (
            checkpoints.find_run(parent, config.name) if config.resume else None
        )
        resumed = self.folder is not None
        if resumed:
            checkpoints.check(self.folder, description)
        else:
            self.folder = make_folder(parent, config.name)
        self.states = checkpoints.States(self.folder, resumed)
        self.fits = 0
        self.interrupted = self.finished = False
        self.doctor = None
        self.figures = self.folder / "figures"
        self.started = time.perf_counter() - self.states.seconds
        self.writers = Writers(self.states)
        try:
            if not resumed:
                write_json(self.folder / "config.json", description)
            checkpoints.occupy(self.folder)
            self.figures.mkdir(exist_ok=True)
            self.write_metrics(status="running")
            self.add_texts(dict(description))
        except BaseException:
            with contextlib.suppress(
                tf.errors.OpError
            ):  # on a full disk, closing fails as writing did
                for writer in self.writers.values():
                    writer.close()
            if not resumed:  # of a run that could not even begin nothing is left
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        print(f"{self.lesson}, run {self.folder}")
        if config.resume:
            nothing = (
                "nothing was saved, it starts over"
                if resumed
                else "there is no such run yet, it starts"
            )
            saved = "what was saved" if self.states.saved else f"nothing: {nothing}"
            print(f"  resumes    {saved}")
        print(f"  data       {description['source']}")
        print(f"  computes   on {description['device']} in {self.precision}\n")

    def clear(self) -> None:
        """Removes what only a run that is going on needs: on a full disk, that makes
        room for `metrics.json`.
        """
        (self.folder / checkpoints.PROCESS).unlink(missing_ok=True)

    @property
    def verbose(self) -> int:
        """Keras's `verbose`: a progress bar on a terminal, a line an epoch in a file or
        pipe.
        """
        return 1 if sys.stdout.isatty() else 2

    def callbacks(self, diagnose: bool = True) -> list[keras.callbacks.Callback]:
        """Returns the callbacks for the `fit` of a lesson: the doctor, an end to what
        diverges, and the recording.

        Args:
            diagnose: whether the doctor is among them.
        """
        profile = self.folder / "train" if self.config.profile else None
        splits = self.dataset.train, self.dataset.validation
        watchers = [recorder.Recorder(self.writers, *splits, self.class_names, profile)]
        return self.resumable(*([self.watch(*splits)] if diagnose else []), *watchers)

    def resumable(
        self, *callbacks, every_epoch: bool = True, **lists: list
    ) -> list[keras.callbacks.Callback]:
        """Returns the callbacks of a `fit` with two more: one ends what diverges, one
        saves the rest for `--resume`.

        Args:
            *callbacks: the others. What `callbacks` returns has these two already.
            every_epoch: whether to save after each epoch, or only after the last one,
                as is needed with callbacks that remember, such as Keras's
                `EarlyStopping`.
            **lists: those that the callbacks fill with arrays of one shape. They are
                kept as well.
        """
        self.fits += 1
        saving = checkpoints.Checkpoint(
            self, f"fit{self.fits}", callbacks, lists, every_epoch
        )
        return [*callbacks, recorder.StopOnDivergence(), saving]

    def watch(self, train, validation=None) -> keras.callbacks.Callback:
        """Returns the doctor alone, for a `fit` whose curves are recorded otherwise.

        Args:
            train: inputs and labels that `fit` is given.
            validation: inputs and labels.
        """
        batch_size = getattr(self.config, "batch_size", None)
        self.doctor = doctor.TrainingDoctor(*train, validation, batch_size=batch_size)
        return self.doctor

    def curves(self, name: str) -> keras.callbacks.Callback:
        """Returns the callback that draws the curves of one of several trainings in a
        run.

        Loss and metrics are shown as "name/loss" and so on, a point an epoch, training
        and validation in one chart.
        """

        def add_point(epoch: int, logs: dict) -> None:
            for split, prefix in (("validation", "val_"), ("train", "")):
                values = {
                    key.removeprefix(prefix): logs.pop(key)
                    for key in list(logs)
                    if key.startswith(prefix)
                }
                self.add_scalars(
                    split,
                    epoch,
                    **{f"{name}/{key}": value for key, value in values.items()},
                )

        return keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: add_point(epoch, dict(logs))
        )

    def save_state(self, name: str = "loop", /, **values) -> None:
        """Saves what a loop without `fit` needs to go on from here after an
        interruption.

        Args:
            name: of the loop in its run.
            **values: arrays and numbers.
        """
        for writer in self.writers.values():
            writer.flush()
        self.states.save(name, time.perf_counter() - self.started, **values)

    def load_state(self, name: str = "loop") -> dict | None:
        """Returns what `save_state` saved last, if the run is resumed and it saved
        something, else None.
        """
        return self.states.load(name)

    def add_figure(self, path: Path, step: int = 0) -> None:
        """Shows a PNG file in TensorBoard, on the page Images."""
        with self.writers["."].as_default():
            image = tf.io.decode_png(path.read_bytes(), channels=3)
            tf.summary.image(path.stem, image[None], step=step)

    def add_picture(self, name: str, picture, step: int = 0):
        """Saves a picture, uint8 `(height, width, 3)`, in `figures`, shows it in
        TensorBoard, and returns it.

        Several steps of one name make a slider; in `figures` the last one stays.
        """
        self.add_figure(
            figures.save_picture(picture, self.figures / f"{name}.png"), step
        )
        return picture

    def add_texts(self, description: dict) -> None:
        """Writes TensorBoard's page Text: what the lesson is, how it was configured,
        and on what it ran.
        """
        tables = {
            name: description.pop(name)
            for name in ("hyperparameters", "options", "versions")
        }
        with self.writers["."].as_default(step=0):
            tf.summary.text(
                "lesson",
                sys.modules[type(self.config).__module__].__doc__ or self.lesson,
            )
            for name, table in {**tables, "environment": description}.items():
                rows = "".join(f"| {key} | {value} |\n" for key, value in table.items())
                table_text = f"| name | value |\n| --- | --- |\n{rows}"
                tf.summary.text(name, table_text.encode("utf-8", "backslashreplace"))
        with self.writers["final"].as_default(step=0):
            values = {
                **self.hyperparameters,
                "seed": self.config.seed,
                "precision": self.precision,
            }
            known = {
                name: readable(value)
                for name, value in values.items()
                if value is not None
            }
            hparams.hparams(known, trial_id=f"{self.lesson}/{self.folder.name}")

    def add_classifier(self, model: keras.Model) -> None:
        """Shows in TensorBoard what a classifier learned, and how it does on the test
        split.

        The pages: Images, PR Curves, Projector. The pictures are saved in `figures` as
        well.

        Args:
            model: a classifier whose last layer gives logits.
        """
        train, test = self.dataset.train, self.dataset.test
        captions = [self.class_names[label] for label in train.labels[:40]]
        self.add_picture("inputs", figures.draw_grid(train.images[:40], captions))
        for name, picture in classifier.draw_network(model, test.images[0]).items():
            figures.save_picture(picture, self.figures / f"{name}.png")
        probabilities = classifier.find_probabilities(
            model.predict(test.images, batch_size=500, verbose=0)
        )
        predicted = probabilities.argmax(axis=1)
        self.add_picture(
            "confusion",
            figures.draw_confusion(test.labels, predicted, self.class_names),
        )
        self.add_picture(
            "mistakes", figures.draw_mistakes(*test, probabilities, self.class_names)
        )
        with self.writers["test"].as_default():
            classifier.write_precision_recall(
                test.labels, probabilities, self.class_names
            )
        images, labels = (
            test.images[: classifier.PROJECTED],
            test.labels[: classifier.PROJECTED],
        )
        vectors = keras.Model(model.inputs[0], model.layers[-1].input).predict(
            images, batch_size=500, verbose=0
        )
        self.add_projector(
            f"{model.layers[-1].name}, input",
            vectors,
            images,
            [self.class_names[n] for n in labels],
        )

    def add_projector(self, title: str, vectors, images, names: list[str]) -> None:
        """Shows vectors in TensorBoard, on the page Projector, the first 1,000 of them,
        with their pictures and names.

        Args:
            title: what the vectors are.
            vectors: float `(n, features)`.
            images: uint8 `(n, height, width, 1 or 3)` in [0, 255].
            names: of the images.
        """
        with self.writers["."].as_default():  # the page needs an event file
            classifier.write_projector(self.folder, title, vectors, images, names)

    def add_graph(self, model: keras.Model) -> None:
        """Shows the layers of a model in TensorBoard, on the page Graphs.

        `callbacks` do so by themselves.
        """
        with self.writers["train"].as_default(step=0):
            recorder.write_graph(model)

    def add_function_graph(self, function, *arguments: tf.Tensor) -> None:
        """Shows in TensorBoard, on the page Graphs, the operations of a `tf.function`
        called with `arguments`.
        """
        with self.writers["train"].as_default(step=0):
            tf.summary.graph(function.get_concrete_function(*arguments).graph)

    def add_scalars(self, split: str, step: int, **values: float) -> None:
        """Adds a point to curves in TensorBoard; one tag in several splits is one
        chart. For loops without `fit`.

        Args:
            split: "train", "validation", "test" or "final".
            step: on the horizontal axis, such as the number of updates.
            **values: the value of each curve.
        """
        with self.writers[split].as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def finish(self, model: keras.Model | None = None, **metrics) -> dict:
        """Saves the model, writes `metrics.json`, and prints the result table.

        Args:
            model: the trained model, for `model.keras`.
            **metrics: the final metrics. `train`, `validation` and `test` are tables of
                Keras metric names, as `model.evaluate(..., return_dict=True)` returns
                them.

        Returns:
            `metrics` with `seconds` added.

        Raises:
            FloatingPointError: a loss is no finite number.
        """
        if model is not None:
            partial = self.folder / "model.partial.keras"
            try:
                model.save(partial)
                partial.replace(self.folder / "model.keras")
            finally:
                partial.unlink(missing_ok=True)
        if self.doctor:
            metrics["findings"] = [
                finding._asdict() for finding in self.doctor.findings
            ]
            with self.writers["."].as_default(step=0):
                tf.summary.text("doctor", "\n\n".join(self.doctor.say()))
        for split in ("train", "validation", "test"):
            loss = metrics.get(split, {}).get("loss", 0.0)
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss is {loss} at the end: try a tenth of the learning rate "
                    "or of the weights"
                )
        splits = {
            name: metrics[name]
            for name in ("train", "validation", "test")
            if name in metrics
        }
        for split, values in splits.items():
            self.add_scalars(
                "final",
                0,
                **{f"{split}_{name}": value for name, value in values.items()},
            )
        for writer in self.writers.values():
            writer.flush()
        metrics = self.write_metrics(status="finished", **metrics)
        self.finished = True
        self.states.remove()
        if splits:
            print("\n" + table(splits))
        print(
            f"\n{self.lesson} finished in {metrics['seconds']:.1f} s. See it in "
            "TensorBoard:"
        )
        print(f"  {tensorboard_command(self.config.logdir)}")
        return metrics

    def write_metrics(self, status: str, **metrics) -> dict:
        """Writes `metrics.json` and returns what it holds."""
        seconds = round(time.perf_counter() - self.started, 2)
        metrics = {
            "lesson": self.lesson,
            "status": status,
            **metrics,
            "seconds": seconds,
        }
        write_json(self.folder / "metrics.json", metrics)
        return metrics


class Writers(dict):
    """TensorBoard's event writers for the subfolders of a run, each made when it is
    first used.
    """

    def __init__(self, states: checkpoints.States):
        super().__init__()
        self.states = states

    def __missing__(self, subfolder: str) -> tf.summary.SummaryWriter:
        """Opens the event file of a subfolder: a split, or "." for the run itself.

        A resumed run has recorded already what it computes anew: until it has caught
        up, nothing is written.
        """
        if self.states.replaying:
            return tf.summary.create_noop_writer()
        self[subfolder] = tf.summary.create_file_writer(
            str(self.states.run_folder / subfolder)
        )
        return self[subfolder]


def make_folder(parent: Path, name: str | None) -> Path:
    """Makes and returns a folder in `parent` that did not exist, named after the time
    if `name` is None.

    Raises:
        ValueError: a folder of that name exists.
        OSError: the folder cannot be made.
    """
    folder = parent / (name or time.strftime("%Y-%m-%d_%H-%M-%S"))
    for attempt in range(1, 1000):
        try:
            folder.mkdir(parents=True)
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


def hide_home(text: str) -> str:
    """Returns a text with "~" for the home folder, whose path often tells a name: runs
    are shown to others.
    """
    with contextlib.suppress(RuntimeError):  # there is no home folder
        text = text.replace(f"{Path.home()}{os.sep}", f"~{os.sep}")
    return text


def write_json(path: Path, content: dict) -> None:
    """Writes `content` beside `path`, then renames it, so that the file is complete or
    absent.
    """
    partial = path.with_name(path.name + ".partial")
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
    try:
        partial.write_text(text, "utf-8", "backslashreplace")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def readable(value):
    """Returns a hyperparameter as HParams takes it: a bool, number or text; several
    values as "32 64".
    """
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return value if isinstance(value, bool | int | float) else str(value)


def table(rows: dict[str, dict[str, float]], digits: int = 4) -> str:
    """Returns rows of named numbers as aligned text, such as the metrics of train,
    validation and test.
    """
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [["", *names]]
    for label, row in rows.items():
        lines.append(
            [
                label,
                *(f"{row[name]:.{digits}f}" if name in row else "" for name in names),
            ]
        )
    widths = [max(10, *map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        f"{label:{widths[0]}}"
        + "".join(
            f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True)
        )
        for label, *cells in lines
    )


def tensorboard_command(logdir: Path) -> str:
    """Returns the command that shows `logdir`, as it must be typed in the current
    folder.
    """
    program = Path(sys.executable).with_name("tensorboard")
    if shutil.which("tensorboard") == str(program):
        program = "tensorboard"
    elif program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    return join_words([str(program), "--logdir", str(logdir)])


def join_words(words: list[str]) -> str:
    """Returns the words of a command as they must be typed."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
