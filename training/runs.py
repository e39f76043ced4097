"""A run of a lesson: one folder that holds everything it writes.

`training/run_folder.py` says what is in the folder, file by file.
"""

import ast
import contextlib
import inspect
import json
import logging
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training import (
    device,
    doctor,
    figures,
    files,
    keras_patches,
    options,
    quiet,
    recorder,
    resume,
    run_folder,
    run_json,
    streams,
    tables,
    tensorboard,
)

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from tqdm import tqdm

PICTURES = 10  # that a loop or `fit` shows in a slider, and its first one
# `device.measure_speed` of the two cores that the lessons' times "AVX2 only" hold for.
AVX2_SPEED = 220e9
SAVE_SECONDS = 2  # after which the state of a loop is saved again

# TensorFlow takes the models of several runs in one process for one function that is
# traced again and again.
logging.getLogger("tensorflow").addFilter(
    lambda record: "triggered tf.function retracing" not in record.getMessage()
)


@contextlib.contextmanager
def start(
    config: options.Options, dataset=None, sources=(), precision: str | None = None
) -> Iterator["Run"]:
    """Opens the folder of a new run, and writes down how the run ends.

    Models are built inside the block: the seed is set when it begins, and so is the
    precision of their layers.

    Args:
        config: the lesson's configuration. The file it is defined in names the lesson.
        dataset: a `data.Dataset`; None for a lesson without data.
        sources: what else was read, such as photographs and weights: each has a text
            `source`.
        precision: "float32" or "bfloat16"; if not given, what `config.precision` says,
            or float32 in a lesson without that option.

    Raises:
        ValueError: `batch_size` or `examples` is more than there are to train on, or a
            run of that name exists.
        OSError: the folder cannot be made.
    """
    for name in ("batch_size", "examples"):
        count = getattr(config, name, 0)
        if dataset and count and count > count_examples(dataset.train.y):
            raise ValueError(
                f"{options.flag(name)} is {count}, expected at most the "
                f"{count_examples(dataset.train.y)} training examples"
            )
    run = Run(config, dataset, sources, precision)
    try:
        with (
            device.computing(run.precision, config.debug, run.strategy),
            keras_patches.applied() if run.faster else contextlib.nullcontext(),
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
            words = join_words(["--resume", "--name", run.folder.name])
            print(f"The same command with {words} {then}")
            raise KeyboardInterrupt from error
        if isinstance(error, FloatingPointError) and run.doctor:
            run.doctor.on_train_end()
        with contextlib.suppress(
            OSError
        ):  # on a full disk; the first error is reported
            message = " ".join(str(error).split()) or type(error).__name__
            run.write_metrics(status="failed", error=run_folder.hide_home(message))
        raise
    finally:
        run.clear()
        for writer in run.writers.values():
            writer.close()


def open(
    name: str, logdir: Path = Path("runs"), lesson: str | None = None
) -> run_folder.Record:
    """Opens an earlier run of a classifier: its `config`, its `precision`, and with
    `load_model()` its network.

    Args:
        name: folder of a run, or a lesson's name for its newest finished run.
        logdir: folder in which the lessons' runs are.
        lesson: the only lesson whose runs will do; None for any.

    Raises:
        ValueError: there is no such run, it has no saved classifier, or it is of
            another lesson.
    """
    return run_folder.find_classifier(name, logdir, lesson)


def count_examples(y) -> int:
    """Returns how many examples have answers: an array, or a dictionary of arrays for a
    model of several outputs.
    """
    return len(next(iter(y.values())) if isinstance(y, dict) else y)


def read_page(config_class: type) -> tuple[str, str]:
    """Returns the name and the text of the lesson that a `Config` stands in.

    A lesson that was pasted into a notebook has the text of its cell, and the name that
    the command in its docstring gives it.

    Raises:
        ValueError: the lesson is another clone's.
    """
    module = sys.modules[config_class.__module__]
    if getattr(module, "__file__", None):
        page = Path(str(module.__file__))
        check_clone(page)
        return page.stem, page.read_text("utf-8", "replace")
    text = ""
    # A plain Python console keeps no text.
    with contextlib.suppress(AttributeError, OSError):
        text = "".join(inspect.findsource(module.main)[0])
    command = re.search(r"^    python (?:\S*/)?(\w+)\.py$", text, re.MULTILINE)
    return command[1] if command else "notebook", text


def check_clone(page: Path) -> None:
    """Makes sure that a lesson runs with the `training`, `models` and `data` beside it.

    Raises:
        ValueError: this is the `training` of another clone of the project.
    """
    own = Path(__file__).resolve().parents[1]
    for folder in page.resolve().parents[:3]:
        if (folder / "training/runs.py").is_file() and not folder.samefile(own):
            raise ValueError(
                f"{page} would run with the folders training, models and data of "
                f"{own}: start Python anew, with PYTHONPATH={folder}"
            )


def find_docstring(page: str) -> str:
    """Returns the docstring of a lesson; "" if it has none."""
    with contextlib.suppress(SyntaxError):  # of a cell with commands of the notebook
        return ast.get_docstring(ast.parse(page)) or ""
    return ""


def find_time(page: str) -> str:
    """Returns what the docstring of a lesson says of the time that it takes, or ""."""
    match = re.search(r"^Time: (.+(?:\n .+)*)", find_docstring(page), re.MULTILINE)
    return " ".join(match[1].split()) if match else ""


def estimate_time(needed: str) -> str:
    """Returns how long a lesson probably takes on this machine, such as "; about 1.3
    minutes here".

    The minutes with AVX2 only are multiplied with how much slower a product of matrices
    is here. That is right within a factor of two or so: lessons do more than products.

    Args:
        needed: as `find_time` returns it; without minutes with AVX2 only, the result is
            "".
    """
    match = re.search(r"([\d.]+) minutes[^(]*\([^)]*AVX2", needed)
    if not match:
        return ""
    minutes = float(match[1]) * AVX2_SPEED / device.measure_speed()
    return f"; about {max(minutes, 0.1):.1f} minutes here"


@contextlib.contextmanager
def note_interrupt(run: "Run") -> Iterator[None]:
    """Notes Ctrl-C in `run.interrupted`: inside TensorFlow, Python's exception can
    become another one, or be lost.

    A step of `run.steps` is finished first, unless Ctrl-C comes twice.
    """

    def note(number, frame):
        wait = run.loop and not run.fitting and not run.interrupted
        run.interrupted = True
        if not wait:
            raise KeyboardInterrupt

    main_thread = threading.current_thread() is threading.main_thread()
    # No other thread can handle signals.
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
    """One run of a lesson: its folder, what TensorBoard shows of it, and its results.

    Attributes:
        folder: of the run.
        precision: "float32" or "bfloat16", what its layers compute in.
        verbose: Keras's `verbose`: a progress bar on a terminal, a line an epoch in a
            file or pipe.
    """

    def __init__(self, config: options.Options, dataset, sources=(), precision=None):
        self.config = config
        self.dataset = dataset
        self.class_names = getattr(dataset, "class_names", None)
        self.lesson, self.page = read_page(type(config))
        if "TF_CONFIG" in os.environ:  # where `quiet` leaves it to what joins a cluster
            with quiet.hold_stderr():
                quiet.prepare_devices()
        wanted = precision or getattr(config, "precision", "float32")
        self.precision = device.choose_precision(wanted)
        self.strategy = device.choose_strategy(getattr(config, "strategy", "one"))
        devices = self.strategy.num_replicas_in_sync
        batch_size = getattr(config, "batch_size", 0)
        if batch_size % devices:
            raise ValueError(
                f"--batch-size is {batch_size}, expected a multiple of the "
                f"{devices} devices that share it"
            )
        self.faster = not (config.plain_keras or config.debug)
        # Layers are named from the start, so that runs of one process share their
        # charts.
        keras.utils.clear_session()
        keras.utils.set_random_seed(config.seed)

        self.description = self.describe([dataset, *sources] if dataset else sources)
        parent = config.logdir / self.lesson
        found = (
            resume.find_run(parent, self.lesson, config.name) if config.resume else None
        )
        resumed = found is not None
        if found is not None:
            resume.check(found, self.description, self.page)
        self.folder: Path = found or run_folder.make(parent, config.name)
        self.states = resume.States(self.folder, resumed)
        self.fits = self.loops = 0
        self.loop = None  # the bar of a `run.steps` that is going on ...
        self.step = 0  # ... and its step
        self.epochs = None  # of a `fit` that is going on
        self.interrupted = self.finished = self.fitting = False
        self.doctor = None
        self.figures = self.folder / "figures"
        self.started = time.perf_counter() - self.states.seconds
        self.writers = tensorboard.Writers(self.states)
        try:
            self.begin_folder()
        except BaseException:
            with contextlib.suppress(tf.errors.OpError):  # as writing did
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
        print(f"  data       {self.description['source']}")
        print(f"  computes   on {self.description['device']} in {self.precision}")
        if self.faster:
            print(f"  faster by  {keras_patches.NAMES} (not with --plain-keras)")
        needed = find_time(self.page)
        if needed:
            print(f"  takes      {needed} as shipped{estimate_time(needed)}")
        print()

    def describe(self, sources) -> dict:
        """Returns what `config.json` holds.

        Args:
            sources: of the data and the weights.
        """
        text = "; ".join(source.source for source in sources) or "no data"
        return run_json.describe(
            self.lesson,
            self.config,
            source=run_folder.hide_home(text),
            class_names=self.class_names,
            device=device.describe(self.strategy.num_replicas_in_sync),
            precision=self.precision,
            faster=keras_patches.NAMES if self.faster else "",
        )

    def begin_folder(self) -> None:
        """Writes what a run has from its start: what it is, and that it is going on."""
        if not (self.folder / run_json.CONFIG).exists():
            with files.written(self.folder / f"{self.lesson}.py") as partial:
                partial.write_text(self.page, "utf-8")
            run_json.write(self.folder / run_json.CONFIG, self.description)
        resume.occupy(self.folder)
        self.figures.mkdir(exist_ok=True)
        self.write_metrics(status="running")
        self.write_texts(dict(self.description))

    def keep_folder(self) -> None:
        """Makes the folder anew if somebody removed it while the run goes on: so its
        end is not lost.
        """
        if (self.folder / run_json.CONFIG).exists():
            return
        print(f"\n{self.folder} was removed: it is made anew, without what it held")
        for writer in self.writers.values():  # they would write into removed files
            writer.close()
        self.writers.clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.begin_folder()

    def clear(self) -> None:
        """Removes what only a run that is going on needs: on a full disk, that makes
        room for `metrics.json`.
        """
        if self.loop:
            self.loop.close()
            self.loop = None
        (self.folder / run_json.PROCESS).unlink(missing_ok=True)

    @property
    def verbose(self) -> int:
        """Keras's `verbose`: a progress bar on a terminal, a line an epoch in a file or
        pipe.
        """
        return 1 if streams.is_terminal() else 2

    def callbacks(
        self,
        *others: keras.callbacks.Callback,
        name: str | None = None,
        train=None,
        validation=None,
        doctor: bool = True,
        curves: bool = True,
        **state,
    ) -> list[keras.callbacks.Callback]:
        """Returns the callbacks for a `fit`: curves, the doctor, an end to what
        diverges, and saving for `--resume`.

        Inside `run.steps`, only an end to what diverges: the loop saves and records.

        Args:
            *others: callbacks of your own, which come first.
            name: of the training, if it is one of several in a run: its curves are
                "name/loss" and so on, with a point an epoch. Without a name, curves
                have about 100 points, and weights, gradients and what a classifier
                sees are recorded as well.
            train: inputs and labels that `fit` is given, if they are not those of the
                run's data set.
            validation: inputs and labels, likewise.
            doctor: whether the doctor watches.
            curves: whether to record curves.
            **state: what callbacks of your own change, as in `run.steps`.
        """
        if self.loop is not None:
            return [*others, recorder.StopOnDivergence(), resume.Interrupt(self)]
        if train is None and self.dataset is not None:
            train, validation = self.dataset.train, self.dataset.validation
        watchers = list(others)
        if doctor:
            watchers.append(self.make_doctor(train, validation))
        if curves and name is not None:
            watchers.append(recorder.Curves(self.log, name))
        elif curves:
            profile = self.folder / "train" if self.config.profile else None
            watchers.append(
                recorder.Recorder(
                    self.writers, train, validation, self.class_names, profile
                )
            )
        self.fits += 1
        saving = resume.Checkpoint(self, f"fit{self.fits}", watchers, state)
        return [*watchers, recorder.StopOnDivergence(), saving]

    def make_doctor(self, train, validation) -> doctor.TrainingDoctor:
        """Returns the doctor for a `fit` on these inputs and labels."""
        batch_size = getattr(self.config, "batch_size", None)
        self.doctor = doctor.TrainingDoctor(*train, validation, batch_size=batch_size)
        return self.doctor

    def steps(self, count: int, name: str | None = None, **state) -> Iterator[int]:
        """Yields the numbers of the steps of a loop without `fit`, with a progress bar.

        The state is saved every other second and at the end. A resumed run gives it
        back and goes on from there; a loop that was over restores its end and yields
        nothing. On Ctrl-C the step is finished and the state saved. A loop inside
        another only shows how far it is: the outer one saves.

        Args:
            count: of the steps.
            name: that the bar shows, where a run has several loops.
            **state: what the loop changes: variables, built optimizers, models, arrays,
                lists and NumPy generators. All are changed in place.

        Raises:
            TypeError: the state holds something else.
            ValueError: what was saved does not fit the state.
        """
        if self.loop is not None:
            yield from tqdm(range(count), name, leave=False, **bar_options())
            return
        resume.pack(state)  # so that what is no state is said at once
        self.loops += 1
        key = f"loop{self.loops}"
        saved = self.load_state(key, **state)
        first = saved["step"] if saved else 0
        if first >= count:
            return
        self.loop = tqdm(total=count, initial=first, desc=name, **bar_options())
        saved_at = time.monotonic()
        try:
            for step in range(first, count):
                self.step = step
                yield step
                self.loop.update()
                due = time.monotonic() - saved_at > SAVE_SECONDS
                if due or self.interrupted or step + 1 == count:
                    self.save_state(key, {"step": step + 1}, **state)
                    saved_at = time.monotonic()
                if self.interrupted:
                    raise KeyboardInterrupt
        finally:
            if self.loop is not None:
                self.loop.close()
                self.loop = None

    def save_state(self, key: str, told: dict, /, **state) -> None:
        """Saves where a `fit` or a loop is, and the present values of its state."""
        self.keep_folder()
        for writer in self.writers.values():
            writer.flush()
        seconds = time.perf_counter() - self.started
        self.states.save(key, seconds, told=json.dumps(told), **resume.pack(state))

    def load_state(self, key: str, /, **state) -> dict | None:
        """Gives a state the values that `save_state` saved; returns where it was, None
        if nothing was saved.

        Raises:
            ValueError: what was saved does not fit.
        """
        saved = self.states.load(key)
        if saved is None:
            return None
        try:
            resume.unpack(state, saved)
            return json.loads(str(saved["told"]))
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"--resume: {self.states.folder} holds another state than the lesson "
                f"has now ({error}): undo what was changed, or remove that folder to "
                "start over"
            ) from None

    def log(self, step: int, curve: str = "train", /, **values) -> None:
        """Adds points to curves, and pictures to sliders.

        Of the pictures of a loop or `fit`, about ten are kept, among them the first and
        the last one.

        Args:
            step: on the horizontal axis.
            curve: "train", "validation", "test", or a name: TensorBoard shows the same
                value of several in one chart.
            **values: numbers by the name of the chart; pictures, as `run.show` takes
                them, by the name of the slider, or functions that draw one, which are
                called only when it is kept.

        Raises:
            FloatingPointError: a value named "loss" is no finite number.
        """
        self.keep_folder()
        numbers = {}
        for name, value in values.items():
            drawn = isinstance(value, Figure) or np.ndim(value) >= 2
            if callable(value) or drawn:
                if self.is_kept(step):
                    self.show(name, value() if callable(value) else value, step)
            else:
                numbers[name] = float(value)
        if numbers:
            with self.writers[curve].as_default(step=step), np.errstate(over="ignore"):
                for name, value in numbers.items():
                    tf.summary.scalar(name, np.float32(value))
        if self.loop is not None and numbers:
            self.loop.set_postfix({k: f"{v:.4g}" for k, v in numbers.items()}, False)
        if not math.isfinite(numbers.get("loss", 0.0)):
            raise FloatingPointError(
                f"the loss is {numbers['loss']} at step {step}: the training diverged. "
                "Try a tenth of the learning rate: --learning-rate"
            )

    def is_kept(self, step: int) -> bool:
        """True if a picture of this step of a loop or `fit` goes into the slider."""
        count = self.loop.total if self.loop is not None else self.epochs
        if count is None:
            return True
        done = self.step if self.loop is not None else step
        return done in (0, count - 1) or (done + 1) % max(1, count // PICTURES) == 0

    def show(self, name: str, figure, step: int = 0) -> None:
        """Saves a picture in `figures`, and shows it in TensorBoard, on the page
        Images.

        Several steps of one name make a slider; in `figures` the last one stays.

        Args:
            name: of the picture.
            figure: of Matplotlib; or an array `(height, width, 3)` in [0, 255], also
                with a first axis of length 1.
            step: in the slider.
        """
        self.keep_folder()
        path = self.figures / f"{name}.png"
        if isinstance(figure, Figure):
            figures.save_figure(figure, path)
        else:
            pixels = np.clip(np.round(np.asarray(figure)), 0, 255).astype(np.uint8)
            figures.save_picture(pixels.reshape(pixels.shape[-3:]), path)
        with self.writers["."].as_default():
            image = tf.io.decode_png(path.read_bytes(), channels=3)
            tf.summary.image(name, image[None], step=step)

    def table(
        self, title: str, rows: dict[str, dict[str, float]], digits: int = 4
    ) -> None:
        """Prints a table, and keeps it on TensorBoard's page Text.

        Args:
            title: of the table.
            rows: numbers by the name of their column, by the name of the row.
            digits: behind the point.
        """
        cells = tables.to_cells(rows, digits)
        print(f"\n{title}\n{tables.align(cells)}")
        with self.writers["."].as_default(step=0):
            tensorboard.write_table(title, cells)

    def text(self, title: str, text: str, step: int = 0) -> None:
        """Keeps a text as it is on TensorBoard's page Text.

        Args:
            title: of the text; several steps of one title stand below each other.
            text: of any characters, also with line breaks.
            step: that it belongs to.
        """
        with self.writers["."].as_default(step=step):
            tensorboard.write_text(title, text)

    def graph(self, drawn: Any, *arguments: tf.Tensor) -> None:
        """Shows a network in TensorBoard, on the page Graphs; `callbacks` do so by
        themselves.

        Args:
            drawn: a model: its layers; or a `tf.function`: its operations.
            *arguments: of the function.
        """
        with self.writers["train"].as_default(step=0):
            if isinstance(drawn, keras.Model):
                tensorboard.write_graph(drawn)
            else:
                tf.summary.graph(drawn.get_concrete_function(*arguments).graph)

    def projector(self, title: str, vectors, images, names: list[str]) -> None:
        """Shows vectors in TensorBoard, on the page Projector, the first 1,000 of them,
        with their pictures and names.

        Args:
            title: what the vectors are.
            vectors: float `(n, features)`.
            images: uint8 `(n, height, width, 1 or 3)` in [0, 255].
            names: of the images.
        """
        self.keep_folder()
        with self.writers["."].as_default():  # the page needs an event file
            tensorboard.write_projector(self.folder, title, vectors, images, names)

    def classifier(self, model: keras.Model) -> None:
        """Shows in TensorBoard what a classifier of images learned, and how it does on
        the test split.

        The pages: Images, PR Curves, Projector. The pictures are saved in `figures` as
        well.

        Args:
            model: a classifier whose last layer gives logits.
        """
        train, test = self.dataset.train, self.dataset.test
        class_names = self.dataset.class_names
        captions = [class_names[label] for label in train.y[:40]]
        self.show("inputs", figures.draw_grid(train.x[:40], captions))
        for name, picture in tensorboard.draw_network(model, test.x[0]).items():
            figures.save_picture(picture, self.figures / f"{name}.png")
        probabilities = tensorboard.to_probabilities(
            model.predict(test.x, batch_size=500, verbose=0)
        )
        predicted = probabilities.argmax(axis=1)
        self.show("confusion", figures.draw_confusion(test.y, predicted, class_names))
        self.show("mistakes", figures.draw_mistakes(*test, probabilities, class_names))
        with self.writers["test"].as_default():
            tensorboard.write_precision_recall(test.y, probabilities, class_names)
        images, labels = (part[: tensorboard.PROJECTED] for part in test)
        inner = keras.Model(model.inputs[0], model.layers[-1].input)
        vectors = inner.predict(images, batch_size=500, verbose=0)
        names = [class_names[label] for label in labels]
        self.projector(f"{model.layers[-1].name}, input", vectors, images, names)

    def predictions(self, ids, prediction, truth, **more: np.ndarray) -> None:
        """Saves the prediction for each test example as `test_predictions.npz`, from
        which every figure of the test can be computed again.

        Args:
            ids: of the examples, such as their places in the data set, `(n,)`.
            prediction: `(n, ...)`.
            truth: `(n, ...)`.
            **more: of each example, `(n, ...)`, such as a probability.
        """
        self.keep_folder()
        arrays = {"id": ids, "prediction": prediction, "truth": truth, **more}
        with files.written(self.folder / run_folder.PREDICTIONS) as partial:
            np.savez_compressed(partial, allow_pickle=False, **arrays)

    def write_texts(self, description: dict) -> None:
        """Writes TensorBoard's page Text: what the lesson is, how it was configured,
        and on what it ran; and the hyperparameters for the page HParams.
        """
        tables = {
            name: description.pop(name)
            for name in ("hyperparameters", "options", "versions")
        }
        with self.writers["."].as_default(step=0):
            tf.summary.text("lesson", find_docstring(self.page) or self.lesson)
            for name, table in {**tables, "environment": description}.items():
                rows = [[key, str(value)] for key, value in table.items()]
                tensorboard.write_table(name, [["name", "value"], *rows])
        with self.writers["final"].as_default(step=0):
            values = {
                **self.description["hyperparameters"],
                "seed": self.config.seed,
                "precision": self.precision,
            }
            tensorboard.write_hyperparameters(
                values, f"{self.lesson}/{self.folder.name}"
            )

    def finish(self, model: keras.Model | None = None, **metrics) -> dict:
        """Saves the model, writes `metrics.json`, and prints the result table.

        Args:
            model: the trained model, for `model.keras`; if the page defines layers of
                its own, also for `export/`.
            **metrics: the final metrics. `train`, `validation` and `test` are tables of
                Keras metric names, as `model.evaluate(..., return_dict=True)` returns
                them.

        Returns:
            `metrics` with `seconds` added.

        Raises:
            FloatingPointError: a loss is no finite number.
        """
        self.keep_folder()
        if model is not None:
            with files.written(self.folder / run_folder.MODEL) as partial:
                model.save(partial)
            if has_own_layers(model):
                with files.written(self.folder / run_folder.EXPORT) as partial:
                    model.export(partial, verbose=False)
        if self.doctor:
            metrics["findings"] = [
                finding._asdict() for finding in self.doctor.findings
            ]
            with self.writers["."].as_default(step=0):
                tf.summary.text("doctor", "\n\n".join(self.doctor.say()))
        splits = {name: metrics[name] for name in run_json.SPLITS if name in metrics}
        for split, values in splits.items():
            loss = values.get("loss", 0.0)
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss is {loss} at the end: try a tenth of the learning rate "
                    "or of the weights"
                )
            self.log(
                0,
                "final",
                **{f"{split}_{name}": value for name, value in values.items()},
            )
        for writer in self.writers.values():
            writer.flush()
        metrics = self.write_metrics(status="finished", **metrics)
        self.finished = True
        self.states.remove()
        if splits:
            print("\n" + tables.align(tables.to_cells(splits)))
        print(
            f"\n{self.lesson} finished in {metrics['seconds']:.1f} s. See it in "
            "TensorBoard:"
        )
        print(f"  {tensorboard_command(self.config.logdir)}")
        return metrics

    def write_metrics(self, status: str, **metrics) -> dict:
        """Writes `metrics.json` and returns what it holds."""
        self.keep_folder()
        seconds = round(time.perf_counter() - self.started, 2)
        metrics = {
            "lesson": self.lesson,
            "status": status,
            **metrics,
            "seconds": seconds,
        }
        run_json.write(self.folder / run_json.METRICS, metrics)
        return metrics


def has_own_layers(model: keras.Model) -> bool:
    """True if a model is made of more than Keras's own layers."""
    modules = {type(layer).__module__ for layer in model._flatten_layers()}
    return any(not module.startswith("keras.") for module in modules)


def bar_options() -> dict:
    """Returns how tqdm draws a bar: on stdout, and on a terminal only."""
    return {
        "file": sys.stdout,
        "disable": not streams.is_terminal(),
        "unit": "step",
    }


def tensorboard_command(logdir: Path) -> str:
    """Returns the command that shows `logdir`, as it must be typed in the current
    folder.

    It starts TensorBoard's module: the program `tensorboard` may be missing, or be of
    another Python.
    """
    python = Path(sys.executable)
    if shutil.which(python.name) == str(python):
        python = python.name
    elif python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return join_words([str(python), "-m", "tensorboard.main", "--logdir", str(logdir)])


def join_words(words: list[str]) -> str:
    """Returns the words of a command as they must be typed."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
