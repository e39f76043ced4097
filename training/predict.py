"""Classifies pictures with a saved run."""

import warnings
from pathlib import Path

from training import classifier, compare, figures

import keras
import numpy as np


def find_run(run: str, logdir: Path, lesson: str | None = None) -> compare.Record:
    """Returns the run of a folder, or the newest finished classifier of a lesson.

    Args:
        run: folder of a run, or a lesson's name.
        logdir: folder in which the lessons' runs are.
        lesson: the only lesson whose runs will do; None for any.

    Raises:
        ValueError: there is no such run, it has no saved classifier, or it is of
            another lesson.
    """
    if Path(run).name != run:
        records = [compare.read_run(Path(run))]
    elif (logdir / run).is_dir():
        records = [
            record
            for record in compare.read_runs(logdir, run)
            if record.metrics["status"] == "finished"
        ]
    else:
        raise ValueError(
            f"{run!r} is neither the folder of a run nor a lesson with runs in "
            f"{logdir}: train a network first, such "
            "as with python lessons/course_3_cnn.py"
        )
    records = [
        record for record in records if (record.folder / "model.keras").is_file()
    ]
    if not records:
        raise ValueError(
            f"{run!r} has no finished run with a saved model: run the lesson to its "
            "end first"
        )
    record = max(
        records, key=lambda record: (record.folder / "model.keras").stat().st_mtime
    )
    if "class_names" not in record.config:
        raise ValueError(
            f"{record.folder} is no classifier: {record.config['lesson']} does not "
            "sort pictures into classes"
        )
    if lesson is not None and record.config["lesson"] != lesson:
        raise ValueError(
            f"{record.folder} is a run of {record.config['lesson']}, expected one of "
            f"{lesson}"
        )
    return record


def load_model(
    record: compare.Record, shape: tuple[int, int, int] | None = None, seed: int = 0
) -> keras.Model:
    """Loads the saved model of a run, in Keras's safe mode: no code that a file may
    hold is run.

    Args:
        record: of a classifier.
        shape: height, width and channels of the images that it must take; None if any
            will do.
        seed: of its dropout, whose state is not saved.

    Raises:
        ValueError: the file is damaged, of another version of Keras, or of another kind
            of network.
    """
    path = record.folder / "model.keras"
    keras.utils.set_random_seed(seed)
    try:
        with warnings.catch_warnings(
            action="error", category=UserWarning
        ):  # that a part is not what was saved
            model = keras.models.load_model(path, safe_mode=True)
    except Exception as error:  # Keras has no end of what it raises for a damaged file
        reason = f"written by Keras {record.config['versions']['keras']}, this is {keras.__version__}: {error}"
        raise ValueError(f"{path} cannot be loaded ({reason[:300]})") from None
    received, classes = (
        (model.input_shape, model.output_shape),
        len(record.config["class_names"]),
    )
    expected = (None, *(shape or model.input_shape[1:])), (None, classes)
    if received != expected:
        raise ValueError(
            f"{path} has inputs and outputs of the shapes {received}, expected "
            f"{expected}"
        )
    return model


def classify(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the probability of each class, float32 `(n, classes)`; `images` are as
    the model takes them.
    """
    return classifier.find_probabilities(model.predict(images, verbose=0))


def plot_predictions(
    path: Path,
    pictures: list,
    images: np.ndarray,
    probabilities,
    class_names: list[str],
) -> Path:
    """Draws each picture, what the network saw of it, and its three likeliest classes.

    Args:
        path: of the PNG.
        pictures: each uint8 `(height, width, 3)`.
        images: uint8 `(n, height, width, 1 or 3)`.
        probabilities: float `(n, classes)`.
        class_names: the name of each class.
    """
    cells, captions = [], []
    for picture, image, row in zip(pictures, images, probabilities, strict=True):
        cells += [picture, image]
        likely = [
            f"{class_names[index]}  {row[index]:.1%}"
            for index in np.argsort(row)[::-1][:3]
        ]
        captions += ["\n".join(likely), "as the network\nsees it"]
    return figures.save_picture(figures.draw_grid(cells, captions, columns=6), path)
