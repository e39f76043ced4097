"""Checks an exercise: trains the learner's version on splits and with seeds that it has
not seen, and measures it.

What is measured stands here and not in the script, and on a test split that the script
is never given.
"""

import contextlib
import dataclasses
import inspect
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

from lessons.exercises import finding, running
from training import device, doctor, keras_patches, tensorboard

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit  # the sigmoid

from data import Dataset, paintings, photos, weights
from data.images import read
from models import vgg

SEEDS = (5926, 1847)
PAINTED = (
    ("flower", "swirls"),
    ("portrait", "glass"),
)  # pictures other than those of the run
LOOKED_THROUGH = 1000  # batches of a tf.data.Dataset, in search of test pictures


class Goal(NamedTuple):
    """What a solution reaches, with each seed.

    Attributes:
        accuracy: fraction of the test pictures that are read right, or of the scenes
            that are right in the sense of their `finding.Task`, at least.
        epochs: passes over the training pictures, at most.
        loss: mean cross-entropy on the test pictures, at most; None if it does not
            matter.
        layers: hidden layers, at least.
        doctor: whether the doctor may look on; what it tries takes long for large
            networks, and texts it does not read.
        examples: what the network is given: "pictures", "windows" of a text, or texts
            under another name.
        caught: fraction of class 1 that is found, at least; None if it does not matter.
        gap: between the validation accuracy that `fit` reports and the one on the test
            examples, at most; None if it does not matter.
        unknown: whether words that are in no training text must be all the same to the
            network.
        nudge: where to look, of what the doctor does not see.
    """

    accuracy: float
    epochs: int
    loss: float | None = None
    layers: int = 0
    doctor: bool = True
    examples: str = "pictures"
    caught: float | None = None
    gap: float | None = None
    unknown: bool = False
    nudge: str | None = None


GOALS = {
    1: Goal(0.87, epochs=5),
    2: Goal(0.88, epochs=10),
    3: Goal(0.87, epochs=10),
    4: Goal(0.84, epochs=60, loss=0.54),
    6: Goal(0.86, epochs=5, loss=0.6),
    7: Goal(0.88, epochs=10, loss=0.5),
    8: Goal(0.87, epochs=5),
    9: Goal(0.86, epochs=5),
    10: Goal(0.86, epochs=5),
    11: Goal(0.84, epochs=10, layers=12),
    12: Goal(0.77, epochs=8, doctor=False),
    13: Goal(0.85, epochs=6, doctor=False),
    14: Goal(0.90, epochs=10),
    15: Goal(
        0.94,
        epochs=4,
        doctor=False,
        examples="messages",
        caught=0.5,
        nudge="Look at the end of what the network reads: how many of the 100 numbers "
        "of a message are words?",
    ),
    16: Goal(
        0.77,
        epochs=6,
        doctor=False,
        examples="reviews",
        gap=0.05,
        nudge="Look at ten validation reviews: has the network seen them before?",
    ),
    17: Goal(
        0.91,
        epochs=10,
        doctor=False,
        examples="messages",
        unknown=True,
        nudge="Look at the words of a validation message: which of them does the "
        "reader know, and from where? When does the network learn what to do with "
        "others?",
    ),
    18: Goal(
        0.6,
        epochs=8,
        doctor=False,
        examples="scenes",
        nudge="Draw ten scenes, each with the box that `fit` is given for it: does it "
        "lie around the digit?",
    ),
    19: Goal(
        0.5,
        epochs=8,
        doctor=False,
        examples="scenes",
        nudge="Look at the heat around one center, in the network's answer and in the "
        "target: what may it say at most where it knows the center only to a place or "
        "two?",
    ),
    20: Goal(
        0.45,
        epochs=5,
        doctor=False,
        examples="windows",
        nudge="Print one window, and below it what `fit` wants the network to say "
        "after each of its characters: is it the next one?",
    ),
    21: Goal(
        0.5,
        epochs=8,
        doctor=False,
        examples="scenes",
        nudge="Count in the very array that `fit` is given how many places have each "
        "class: are there classes that no mask has?",
    ),
    22: Goal(
        0.45,
        epochs=5,
        doctor=False,
        examples="windows",
        gap=0.1,
        nudge="Change the last character of a window: which of the answers at the "
        "places before it change?",
    ),
}
WITHOUT_FIT = "`train` returned without a call of `fit`."
FEWEST = 300  # validation examples of which an accuracy is worth comparing
INVENTED = "qzvxkjw"  # a word that is in no text
STYLE_LEFT, CONTENT_LOST = (
    0.2,
    0.85,
)  # of exercise 5: losses of style, as a fraction of the photo's, and content, at most

# Where to look, after what the doctor found: not what it is.
NUDGES = {
    "learning_rate_too_high": (
        "the size of the steps: how large is an update beside the weight that it "
        "changes?"
    ),
    "learning_rate_too_low": (
        "the size of the steps: how large is an update beside the weight that it "
        "changes?"
    ),
    "input_not_normalized": (
        "what enters the first layer: which numbers are these, and of what size?"
    ),
    "target_not_normalized": (
        "what the network should answer: which numbers are these, and of what size?"
    ),
    "unreadable_data": (
        "what `fit` is given: of which type, and of what shape, are x and y?"
    ),
    "activation_loss_mismatch": (
        "the way from the last layer to the loss: what does each of the two take "
        "numbers for?"
    ),
    "wrong_loss": (
        "what the loss compares: what is a label here, and what is the network's "
        "answer?"
    ),
    "dead_relu": (
        "the hidden layers: what do they give for one image, and what for another?"
    ),
    "vanishing_gradient": (
        "the gradients, from the last layer to the first: what becomes of them on "
        "their way?"
    ),
    "exploding_gradient": (
        "the gradients, from the last layer to the first: what becomes of them on "
        "their way?"
    ),
    "zero_init_symmetry": (
        "the weights of a layer before training: do its units differ from each other?"
    ),
    "nothing_trainable": "which weights change at all: compare them before and after",
    "unshuffled_data": "one batch after the other: which labels are in each?",
    "labels_broken": (
        "ten examples just as `fit` gets them: does each label belong to its image?"
    ),
    "overfitting": "the gap: training loss and validation loss, in one chart",
    "underfitting": (
        "the training loss alone: is the network able to learn its own examples, if "
        "it is given time?"
    ),
    "class_imbalance_collapse": "the answers: how often is each of them given?",
    "nan_input": "the numbers in the data, before anything is done with them",
}


class RefusedError(Exception):
    """What the learner's version may not do, or does not return."""


class Hidden:
    """Stands for the test split in what `train` is given."""

    def refuse(self, *_):
        """Raises instead of giving the pictures.

        Raises:
            RefusedError: always.
        """
        raise RefusedError("train asks for the test split: it is for the check alone")

    __getattr__ = __getitem__ = __iter__ = __len__ = refuse


class Verdict(NamedTuple):
    """What a check says.

    Attributes:
        measured: a line for each figure, with what was asked for.
        missing: what is not reached, and by how much; empty if the exercise is solved.
        nudge: where to look; None if there is nothing to say.
    """

    measured: list[str]
    missing: list[str]
    nudge: str | None = None


def check(number: int, module: ModuleType, config) -> Verdict:
    """Trains the learner's version and measures it; with the second seed only if the
    first one succeeds.

    Args:
        number: of the exercise.
        module: the learner's script.
        config: its `Config` with the learner's flags.
    """
    measured = []
    for index, seed in enumerate(SEEDS):
        config = dataclasses.replace(config, seed=seed)
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        try:
            with device.computing("float32", False), keras_patches.applied():
                if number == 5:
                    verdict = check_painting(module, config, *PAINTED[index])
                else:
                    goal, dataset = GOALS[number], running.load(number, seed)
                    if number in finding.TASKS:
                        task = finding.TASKS[number]
                        verdict = check_finding(goal, task, module, config, dataset)
                    else:
                        verdict = check_training(
                            goal, module, config, dataset, index == 0
                        )
        except RefusedError as refusal:
            return Verdict(measured, [str(refusal)])
        measured += verdict.measured
        if verdict.missing:
            break
    return verdict._replace(measured=measured)


def check_training(
    goal: Goal, module: ModuleType, config, dataset: Dataset, diagnose: bool
) -> Verdict:
    """Measures the network that the learner's `train` returns, on a test split that it
    is not given.

    Raises:
        RefusedError: what the learner's version may not do.
    """
    model, outputs, fits = train_and_answer(goal, module, config, dataset, diagnose)
    x, labels = dataset.test
    probabilities = read_probabilities(outputs, len(dataset.class_names))
    answers = probabilities.argmax(axis=1)
    accuracy = np.mean(answers == labels)
    loss = -np.mean(
        np.log(np.maximum(1e-7, probabilities[np.arange(len(labels)), labels]))
    )

    verb = "told apart" if x.dtype == object else "read"
    verb = "continued" if goal.examples == "windows" else verb
    measured = [
        f"{accuracy:.1%} of the test {goal.examples} are {verb} right, at least "
        f"{goal.accuracy:.0%} are asked for"
    ]
    missing = []
    if accuracy < goal.accuracy:
        missing.append(
            f"{100 * (goal.accuracy - accuracy):.1f} percentage points of right "
            "answers are missing"
        )
    if goal.caught:
        caught = np.mean(answers[labels == 1] == 1)
        measured.append(
            f"{caught:.1%} of the {dataset.class_names[1]} among them is caught, at "
            f"least {goal.caught:.0%} is asked for"
        )
        if caught < goal.caught:
            missing.append(
                f"{100 * (goal.caught - caught):.1f} percentage points of caught "
                f"{dataset.class_names[1]} are missing"
            )
    if goal.gap:
        reported = read_reported_accuracy(goal, fits)
        points = 100 * abs(reported - accuracy)
        more = "higher" if reported > accuracy else "lower"
        measured.append(
            f"fit reported a validation accuracy of {reported:.1%}: {points:.1f} "
            f"percentage points {more}, at most {100 * goal.gap:.0f} are allowed"
        )
        if points > 100 * goal.gap:
            missing.append(
                f"the validation accuracy is {points:.1f} percentage points {more} "
                f"than the accuracy on new {goal.examples}"
            )
    if goal.unknown:
        fraction = find_fraction_changed(model, fits)
        measured.append(
            f"of the validation {goal.examples} with a word that no training text has, "
            f"{fraction:.0%} get another answer with an invented word in its place, 0% "
            "is asked for"
        )
        if fraction > 0:
            missing.append(
                f"with words that the training never showed, {fraction:.0%} of the "
                f"validation {goal.examples} are not answered as with any unknown word"
            )
    if goal.loss:
        measured.append(
            f"their mean cross-entropy is {loss:.3f}, at most {goal.loss} is asked for"
        )
        if loss > goal.loss:
            missing.append(f"their cross-entropy is {loss - goal.loss:.3f} too high")
    if goal.layers:
        layers = (
            sum(isinstance(layer, keras.layers.Dense) for layer in flatten(model)) - 1
        )
        measured.append(
            f"the network has {layers} hidden layers, at least {goal.layers} are asked "
            "for"
        )
        if layers < goal.layers:
            missing.append(
                f"the network has {goal.layers - layers} hidden layers fewer than are "
                "asked for"
            )
    return Verdict(
        measured, missing, find_nudge(goal, model, dataset, fits) if missing else None
    )


def check_finding(
    goal: Goal, task: finding.Task, module: ModuleType, config, dataset: Dataset
) -> Verdict:
    """Measures how well the network that the learner's `train` returns finds digits in
    scenes, on a test split that it is not given.

    Raises:
        RefusedError: what the learner's version may not do.
    """
    _, outputs, fits = train_and_answer(goal, module, config, dataset, diagnose=False)
    try:
        scores = task.score(outputs, dataset.test.y)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    accuracy = scores["accuracy"]
    measured = [
        f"{accuracy:.1%} of the test {task.right}, at least {goal.accuracy:.0%} are "
        "asked for"
    ]
    if accuracy >= goal.accuracy:
        return Verdict(measured, [])
    missing = f"{100 * (goal.accuracy - accuracy):.1f} percentage points are missing"
    nudge = goal.nudge if fits else WITHOUT_FIT
    return Verdict(measured, [missing], nudge)


def train_and_answer(
    goal: Goal, module: ModuleType, config, dataset: Dataset, diagnose: bool
) -> tuple[keras.Model, np.ndarray, list["Fit"]]:
    """Trains the learner's version, without the test split.

    Returns:
        The network, what it answers to the test split, and what `fit` was given.

    Raises:
        RefusedError: what the learner's version may not do.
    """
    fits = []
    with watch_fits(goal, dataset, fits, diagnose and goal.doctor):
        model = module.train(config, dataset._replace(test=Hidden()), verbose=0)
    if not isinstance(model, keras.Model):
        raise RefusedError(
            f"train returned {type(model).__name__}, expected the trained keras.Model"
        )
    x = dataset.test.x
    try:
        return model, answer(model, x), fits
    except (ValueError, tf.errors.OpError) as error:
        values = "texts" if x.dtype == object else str(x.dtype)
        limits = " in [0, 255]" if x.dtype == np.uint8 else ""
        reason = str(error).splitlines()[0]
        raise RefusedError(
            f"the network cannot read the test {goal.examples}, {values} "
            f"{x.shape}{limits}: {reason}"
        ) from None


def answer(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Returns what a network answers to images, or to texts, an array of objects."""
    x = tf.constant(x) if x.dtype == object else x
    return model.predict(x, batch_size=500, verbose=0)


def read_reported_accuracy(goal: Goal, fits: list["Fit"]) -> float:
    """Returns the last validation accuracy that `fit` reported.

    Raises:
        RefusedError: there is none, or it is of fewer than 300 examples.
    """
    reported = fits[-1].history.get("val_accuracy") if fits else None
    if not reported:
        raise RefusedError(
            "fit reports no val_accuracy: give it validation_data, and the model the "
            "metric accuracy"
        )
    count = count_examples(fits[-1].validation)
    if count < FEWEST:
        raise RefusedError(
            f"fit is given {count} validation {goal.examples}, expected at least "
            f"{FEWEST}"
        )
    return reported[-1]


def find_fraction_changed(model: keras.Model, fits: list["Fit"]) -> float:
    """Returns the fraction of the validation texts with words that no training text has
    whose answer changes when an invented word takes their place.

    Words are of letters alone; what is part of a word in a training text is not new.

    Raises:
        RefusedError: `fit` was not given texts to train and to validate on.
    """
    known = read_texts(fits[-1].x) if fits else []
    held_out = read_texts(fits[-1].validation) if fits else []
    if not known or len(held_out) < FEWEST:
        raise RefusedError(
            f"fit is given {len(known)} training and {len(held_out)} validation texts, "
            f"expected at least {FEWEST} of each"
        )
    seen = "\n".join(known).lower()
    texts, changed = [], []
    for text in held_out:
        words = text.split()
        others = [
            INVENTED if word.isalpha() and word.lower() not in seen else word
            for word in words
        ]
        if others != words:
            texts.append(" ".join(words))
            changed.append(" ".join(others))
    if not texts:
        return 0.0
    before, after = (answer(model, np.array(part, object)) for part in (texts, changed))
    return float(np.mean(np.abs(before - after).max(axis=1) > 1e-4))


def count_examples(validation) -> int:
    """Returns how many examples there are in the `validation_data` of `fit`: `(x, y)`,
    the batches of a `tf.data.Dataset`, or None.
    """
    if isinstance(validation, tf.data.Dataset):
        return sum(map(count_examples, validation.take(LOOKED_THROUGH)))
    return 0 if validation is None else len(validation[0])


def read_texts(x) -> list[str]:
    """Returns the texts that `fit` was given: of a tensor, an array, `(x, y)` or the
    batches of a `tf.data.Dataset`; none if it is something else.
    """
    if isinstance(x, tf.data.Dataset):
        return [text for batch in x.take(LOOKED_THROUGH) for text in read_texts(batch)]
    if isinstance(x, tuple | list) and len(x) > 0:
        return read_texts(x[0])
    if not is_text(x):
        return []
    texts = np.asarray(x, object).ravel()
    return [t.decode() if isinstance(t, bytes) else str(t) for t in texts]


def is_text(x) -> bool:
    """True for an array or tensor of texts."""
    if isinstance(x, tf.Tensor):
        return x.dtype == tf.string
    return isinstance(x, np.ndarray) and x.dtype.kind in "OUS"


def find_nudge(
    goal: Goal, model: keras.Model, dataset: Dataset, fits: list["Fit"]
) -> str:
    """Returns where to look next, without saying what is wrong there."""
    if not fits:
        return WITHOUT_FIT
    if not model.trainable_variables:
        return say_where_to_look("nothing_trainable")
    if goal.nudge:
        return goal.nudge
    last = fits[-1]
    if last.largest <= 2:
        return (
            f"`fit` was given numbers of at most {last.largest:.3g}; the check "
            "gives pictures as they are, 0 to 255."
        )
    if last.doctor and last.doctor.findings:
        return say_where_to_look(last.doctor.findings[0].code)
    answers = read_probabilities(answer(model, dataset.train.x)).argmax(axis=1)
    right, said = (
        np.mean(answers == dataset.train.y),
        last.history.get("accuracy", [np.nan])[-1],
    )
    if abs(said - right) > 0.2:
        return (
            f"By `fit`, {said:.0%} of the training pictures were read right in the "
            "last epoch; by `predict`, of the "
            f"same pictures, {right:.0%} are."
        )
    return (
        "The doctor finds nothing more: does the training loss fall to the end, and "
        "if not, what holds it up?"
    )


def say_where_to_look(code: str) -> str:
    """Returns a nudge for what the doctor found."""
    return f"The doctor looks at {NUDGES[code]}"


class Fit(NamedTuple):
    """A call of `fit` that was watched.

    Attributes:
        history: of Keras.
        doctor: that looked on; None if there was none.
        largest: absolute value among the inputs; 255 if they are not known.
        x: what it was given to learn from.
        validation: its `validation_data`.
    """

    history: dict
    doctor: doctor.TrainingDoctor | None
    largest: float
    x: Any
    validation: Any


class Budget(keras.callbacks.Callback):
    """Ends a training that sees more examples than are allowed.

    Args:
        passes: over the training pictures that are left.
        fraction: of a pass that a batch is.
        message: of the error.
    """

    def __init__(self, passes: float, fraction: float, message: str):
        super().__init__()
        self.passes, self.fraction, self.message = passes, fraction, message

    def on_train_batch_begin(self, batch, logs=None):
        """Counts.

        Raises:
            RefusedError: none are left.
        """
        if self.passes < self.fraction / 2:
            raise RefusedError(self.message)
        self.passes -= self.fraction


@contextlib.contextmanager
def watch_fits(
    goal: Goal, dataset: Dataset, fits: list[Fit], diagnose: bool
) -> Iterator[None]:
    """Looks at what every `fit` is given, refuses what is not allowed, and has a doctor
    look on.

    Args:
        goal: how many epochs are allowed.
        dataset: with the test pictures that may not be among those that `fit` is given.
        fits: what was seen is added here.
        diagnose: whether a doctor looks on.
    """
    fit = keras.Model.fit
    signature = inspect.signature(fit)
    hidden = find_fingerprints(dataset.test.x)
    epochs, left = 0, float(goal.epochs)

    def watched_fit(*values, **named):
        nonlocal epochs, left
        bound = signature.bind(*values, **named)
        bound.apply_defaults()
        arguments = bound.arguments
        x, batch_size = arguments["x"], arguments["batch_size"] or 32
        largest = 255.0
        if isinstance(x, np.ndarray | tf.Tensor) and not is_text(x):
            largest = float(np.max(np.abs(x)))
        elif isinstance(x, tf.data.Dataset):
            batch_size = len(keras.tree.flatten(next(iter(x)))[0])
        epochs += arguments["epochs"] - arguments["initial_epoch"]
        if epochs > goal.epochs:
            raise RefusedError(
                f"fit is asked for {epochs} epochs, at most {goal.epochs} are allowed"
            )
        seen = len(hidden & find_fingerprints(x))
        if seen:
            raise RefusedError(
                f"{seen} of the {len(hidden)} test {goal.examples} are among those "
                "that fit is given"
            )
        passes = (
            f"more than {goal.epochs} passes over the {len(dataset.train.y):,} "
            f"training {goal.examples}"
        )
        fraction = 1 / math.ceil(len(dataset.train.y) / batch_size)
        budget = Budget(left, fraction, f"fit is given examples for {passes}")
        watcher = None
        if diagnose:
            names = (
                "x",
                "y",
                "validation_data",
                "validation_split",
                "batch_size",
                "shuffle",
            )
            watcher = doctor.TrainingDoctor(
                **{name: arguments[name] for name in names}, report=None
            )
        arguments["callbacks"] = [
            *(arguments["callbacks"] or []),
            budget,
            *([watcher] if watcher else []),
        ]
        history = fit(*bound.args, **bound.kwargs)
        left = budget.passes
        validation = arguments["validation_data"]
        fits.append(Fit(history.history, watcher, largest, x, validation))
        return history

    def refuse(*values, **named):
        raise RefusedError("train_on_batch is not watched by the check: use fit")

    with (
        mock.patch.object(keras.Model, "fit", watched_fit),
        mock.patch.object(keras.Model, "train_on_batch", refuse),
    ):
        yield


def check_painting(module: ModuleType, config, photo: str, painting: str) -> Verdict:
    """Measures the picture that the learner's `paint` returns for a photo and a
    painting, named as in `data`.

    Raises:
        RefusedError: it returns no picture.
    """
    content = read.scale_to(photos.choose_photo(photo).pixels, 128)
    look = read.scale_to(paintings.load_styles((painting,))[0].pixels, 128)
    result = np.asarray(module.paint(config, content, look))
    if result.shape != content.shape or result.dtype != np.uint8:
        raise RefusedError(
            f"paint returned {result.dtype} {result.shape}, expected a picture, uint8 "
            f"{content.shape}"
        )
    content_layer = "block4_conv2"
    style_layers = tuple(f"block{block}_conv1" for block in range(1, 5))
    layers = (content_layer, *style_layers)
    path = weights.find_convolutions("hed").path
    network = vgg.build_vgg(vgg.read_kernels(path, layers), layers)

    def see(picture: np.ndarray) -> dict[str, np.ndarray]:
        features = network(np.float32([picture]))
        return {layer: np.float64(features[layer][0]) for layer in layers}

    wanted, painted = see(content), see(look)

    def measure(picture: np.ndarray) -> tuple[float, float]:
        seen = see(picture)
        style_loss = sum(
            compare_styles(seen[layer], painted[layer]) for layer in style_layers
        )
        difference = seen[content_layer] - wanted[content_layer]
        return style_loss, np.mean(difference**2) / np.mean(wanted[content_layer] ** 2)

    before, _ = measure(content)
    after, lost = measure(result)
    left = after / before
    measured = [
        f"{photo} and {painting}: of the style's loss {left:.1%} is left, at most "
        f"{STYLE_LEFT:.0%} is asked for",
        f"{photo} and {painting}: the content's loss is {lost:.2f}, at most "
        f"{CONTENT_LOST} is asked for",
    ]
    missing = []
    if not left <= STYLE_LEFT:
        missing.append(
            f"the style's loss must fall by {100 * (left - STYLE_LEFT):.1f} % of the "
            "photo's more"
        )
    if not lost <= CONTENT_LOST:
        missing.append(f"the content's loss is {lost - CONTENT_LOST:.2f} too high")
    nudge = (
        "Multiply each loss by its weight: what does the sum consist of, at the "
        "start and at the end?"
    )
    return Verdict(measured, missing, nudge if missing else None)


def compare_styles(features: np.ndarray, target: np.ndarray) -> float:
    """Returns the style loss of features: the squared distance of their Gram matrix
    from the target's, with each filter measured by its strength in the target.

    Args:
        features: of a picture, float `(height, width, filters)`.
        target: of the painting, float `(height', width', filters)`.
    """
    grams = []
    for part in (features, target):
        rows = part.reshape(-1, part.shape[-1])
        grams.append(rows.T @ rows / len(rows))
    strength = np.diag(grams[1])
    scale = (strength + 0.1 * strength.mean() + keras.config.epsilon()) ** -0.5
    return np.mean(((grams[0] - grams[1]) * np.outer(scale, scale)) ** 2) / 4


def read_probabilities(outputs: np.ndarray, classes: int = 10) -> np.ndarray:
    """Returns what a network thinks of each class: float `(n, classes)`.

    Args:
        outputs: `(n, classes)` probabilities or logits, or `(n, 1)`: of two classes the
            probability or the logit of the second, of digits the digit itself as a
            number.
        classes: how many there are.

    Raises:
        RefusedError: another shape, or values that are no finite numbers.
    """
    if outputs.ndim != 2 or outputs.shape[1] not in (1, classes):
        wanted = 1 if classes == 2 else classes
        raise RefusedError(
            f"the network's answer has the shape {outputs.shape}, expected "
            f"{(len(outputs), wanted)}"
        )
    if not np.isfinite(outputs).all():
        raise RefusedError(
            "the network's answers are no finite numbers: the training diverged"
        )
    if outputs.shape[1] == 1 and classes == 2:
        in_range = outputs.min() >= 0 and outputs.max() <= 1  # as probabilities are
        outputs = outputs if in_range else expit(outputs)
        return np.hstack([1 - outputs, outputs])
    if outputs.shape[1] == 1:
        outputs = -np.abs(outputs - np.arange(10))  # the nearest digit
    return tensorboard.to_probabilities(outputs)


def find_fingerprints(x) -> set[bytes]:
    """Returns a fingerprint of each image in an array or in the batches of a
    `tf.data.Dataset`, whatever its scale.
    """
    if isinstance(x, tf.data.Dataset):
        parts = (
            batch[0] if isinstance(batch, tuple) else batch
            for batch in x.take(LOOKED_THROUGH)
        )
        return set().union(*map(find_fingerprints, parts))
    if not isinstance(x, np.ndarray | tf.Tensor):
        return set()
    if is_text(x):
        return {text.encode() for text in read_texts(x)}
    rows = np.float32(x).reshape(len(x), -1)
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    return {
        row.tobytes()
        for row in np.uint8(np.round(255 * (rows - low) / np.maximum(1e-7, high - low)))
    }


def flatten(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of a model and of the models in it."""
    parts = (
        [layer] if not isinstance(layer, keras.Model) else flatten(layer)
        for layer in model.layers
    )
    return [layer for part in parts for layer in part]
