"""The faults, by name. Each is what its docstring says goes wrong.

TensorFlow and Keras are imported inside of the functions: before a fault is planted, a
process may want to set how they are imported.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from tools.planted_faults.planting import Fault, Patches

FAULTS: dict[str, Fault] = {}


def fault(name: str, module: str, *tests: str, during: str | None = None):
    """Registers the function below it as what plants a fault; see `Fault`."""

    def register(plant: Callable) -> Callable:
        FAULTS[name] = Fault(module, plant, tests, during)
        return plant

    return register


def stand_still(_: ModuleType, patches: Patches) -> None:
    """Every optimizer leaves the weights as they are, as at a learning rate of 0."""
    import keras

    def apply(original, optimizer, gradients, variables=None):
        if variables is None:
            variables = optimizer._trainable_variables
        before = [keras.ops.copy(variable) for variable in variables]
        original(optimizer, gradients, variables)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)

    patches.wrap(keras.Optimizer, "apply", apply)


def build_with(_: ModuleType, patches: Patches, when: dict, **arguments) -> None:
    """Dense layers that have certain arguments get others as well."""
    import keras

    def initialize(original, layer, units, activation=None, **named):
        given = {"activation": activation, **named}
        if when.items() <= given.items():
            given |= arguments
        original(layer, units, **given)

    patches.wrap(keras.layers.Dense, "__init__", initialize)


def train_on(split: str, loader: str) -> Callable:
    """Returns what lets a lesson take another split for the training split.

    Args:
        split: "validation" or "test".
        loader: by its name in the lesson, such as "digits.load_digits".
    """

    def plant(lesson: ModuleType, patches: Patches) -> None:
        module, _, function = loader.partition(".")

        def load(original, *values, **named):
            dataset, *more = loaded = original(*values, **named)
            if not hasattr(dataset, "train"):  # it is the data set itself
                return loaded._replace(train=getattr(loaded, split))
            return dataset._replace(train=getattr(dataset, split)), *more

        patches.wrap(getattr(lesson, module), function, load)

    return plant


def scale_by_one(_: ModuleType, patches: Patches) -> None:
    """Pixels from 0 to 255 enter the first layer."""
    import keras

    def initialize(original, layer, scale, offset=0.0, **named):
        original(layer, 1.0, 0.0, **named)

    patches.wrap(keras.layers.Rescaling, "__init__", initialize)


def drop_out_always(_: ModuleType | None, patches: Patches) -> None:
    """Dropout leaves out units in inference mode as well."""
    import keras

    def call(original, layer, inputs, training=False):
        return original(layer, inputs, training=True)

    patches.wrap(keras.layers.Dropout, "call", call)


# --- data/ -------------------------------------------------------------------------


SAMPLE = "tests/test_data.py::test_sample_is_mlxtends_and_split_without_overlap"


@fault("digits: labels shuffled", "data.digits", SAMPLE)
def shuffle_labels(digits: ModuleType, patches: Patches) -> None:
    """Images are put into another order, and labels are not."""

    def split(original, images, labels, held_out):
        order = np.random.default_rng(0).permutation(len(labels))
        return original(images, labels[np.argsort(order)], held_out)

    patches.wrap(digits, "split", split)


@fault("digits: the split is one off, and an example in both", "data.digits", SAMPLE)
def split_digits_one_off(digits: ModuleType, patches: Patches) -> None:
    """The last example that is held out is the first to learn from as well."""

    def split(original, images, labels, held_out):
        train, rest = original(images, labels, held_out)
        both = (np.concatenate([b[-1:], a]) for a, b in zip(train, rest, strict=True))
        return type(train)(*both), rest

    patches.wrap(digits, "split", split)


@fault(
    "picture as a function: the split is one off, and a place in both",
    "data.picture_as_function",
    "tests/test_data.py::test_function_is_the_picture_folded",
)
def split_picture_one_off(module: ModuleType, patches: Patches) -> None:
    """The first place of the validation split is learned from as well."""

    def load(original, *values, **named):
        dataset = original(*values, **named)
        both = (
            np.concatenate([a, b[:1]])
            for a, b in zip(dataset.train, dataset.validation, strict=True)
        )
        return dataset._replace(train=type(dataset.train)(*both))

    patches.wrap(module, "load_picture_as_function", load)


@fault(
    "photos: those held out stay in training",
    "data.photo_folders",
    "tests/test_photo_folders.py"
    "::test_splits_are_drawn_from_each_class_without_overlap",
)
def keep_photos_held_out(photo_folders: ModuleType, patches: Patches) -> None:
    """What is sampled for validation and test is left in the training split too."""

    def draw(original, images, labels, class_names):
        rest, drawn = original(images, labels, class_names)
        return type(rest)(images, labels), drawn

    patches.wrap(photo_folders, "draw", draw)


@fault(
    "masks: scaled by interpolation, as photos are",
    "data.masks",
    "tests/test_masks.py::test_no_class_appears_that_was_not_there",
)
def blend_classes(masks: ModuleType, patches: Patches) -> None:
    """Between two classes, others appear."""

    def resize(original, image, size, resample, **named):
        return original(image, size, masks.Image.Resampling.BILINEAR, **named)

    patches.wrap(masks.Image.Image, "resize", resize)


@fault(
    "CamVid: training reaches to the photographs for validation",
    "data.masks",
    "tests/test_masks.py::test_drives_are_cut",
)
def leave_no_gap(masks: ModuleType, patches: Patches) -> None:
    """Nothing is left out between the two."""
    patches.put(masks, "GAP", 0)


@fault(
    "running text: training reaches into the test",
    "data.running_text",
    "tests/test_running_text.py::test_own_text",
)
def learn_the_test(running_text: ModuleType, patches: Patches) -> None:
    """A hundred characters of the test are learned from as well."""

    def load(original, *values, **named):
        dataset = original(*values, **named)
        both = (
            np.concatenate([a, b[:100]])
            for a, b in zip(dataset.train, dataset.test, strict=True)
        )
        return dataset._replace(train=type(dataset.train)(*both))

    patches.wrap(running_text, "load_text", load)


FOUND = "tests/test_handwriting.py::"


@fault(
    "handwriting: printed lines taken for strokes",
    "data.images.handwriting",
    FOUND + "test_a_ruled_line_through_a_digit_is_no_part_of_it",
)
def keep_lines(module: ModuleType, patches: Patches) -> None:
    """No line is found, so that all stay in the mask and join the digits on them."""
    patches.put(module, "find_printed", lambda mask: np.zeros((2, *mask.shape), bool))


@fault(
    "handwriting: a printed box taken for a zero",
    "data.images.handwriting",
    FOUND + "test_a_printed_box_is_no_zero_and_hides_no_digit",
)
def keep_boxes(module: ModuleType, patches: Patches) -> None:
    """No box is found, so that all stay in the mask."""

    def find(strong, faint):
        return np.zeros((2, *strong.shape), bool)

    patches.put(module, "find_boxes", find)


@fault(
    "handwriting: digits in the order of their height on the page",
    "data.images.handwriting",
    FOUND + "test_digits_are_read_line_by_line",
)
def sort_by_height(module: ModuleType, patches: Patches) -> None:
    """A digit that begins higher comes before those on its left."""

    def sort(original, found):
        return sorted(found, key=lambda digit: digit.box[1])

    patches.wrap(module, "sort", sort)


# --- models/ -----------------------------------------------------------------------


@fault(
    "n-grams: what is to be predicted is counted",
    "models.text_measures",
    "tests/test_running_text.py::test_witten_and_bell_by_hand",
)
def count_the_test(text_measures: ModuleType, patches: Patches) -> None:
    """The characters of the test are among those that are learned."""

    def score(original, learned, text, *values, **named):
        return original(np.concatenate([learned, text]), text, *values, **named)

    patches.wrap(text_measures, "score_ngrams", score)


NAMES_WHAT_IT_SEES = (
    "tests/lessons/test_course_4_pretrained_features.py"
    "::test_likeliest_classes_are_those_of_the_docstring"
)
STYLE = "tests/test_style.py::"
EDGES = f"{STYLE}test_weights_that_came_with_pip_find_edges_as_in_their_package"


@fault(
    "efficientnet: backbone weights left random",
    "models.efficientnet_lite",
    NAMES_WHAT_IT_SEES,
)
def leave_random(efficientnet_lite: ModuleType, patches: Patches) -> None:
    """The file of weights is not read."""
    patches.put(efficientnet_lite, "load_weights", lambda model, path: None)


FAULTS["efficientnet: preprocessing left out"] = Fault(
    "models.efficientnet_lite",
    scale_by_one,
    (NAMES_WHAT_IT_SEES,),
    during="build_efficientnet_lite0",
)


class Reshaped(np.ndarray):
    """An array whose axes are named anew where they should be exchanged."""

    def transpose(self, *axes):
        """Returns an array of the right shape with its numbers in the wrong places."""
        return np.asarray(self).reshape([self.shape[axis] for axis in axes])


@fault(
    "efficientnet: kernels reshaped, not transposed",
    "models.torch_file",
    NAMES_WHAT_IT_SEES,
)
def reshape_kernels(torch_file: ModuleType, patches: Patches) -> None:
    """PyTorch's kernels get Keras's shape, and no more."""

    def read_tensors(original, path):
        tensors = original(path)
        return {
            name: tensor.view(Reshaped) if tensor.ndim == 4 else tensor
            for name, tensor in tensors.items()
        }

    patches.wrap(torch_file, "read_tensors", read_tensors)


@fault("vgg: the first kernel's colors not turned round", "models.vgg", EDGES)
def leave_colors(vgg: ModuleType, patches: Patches) -> None:
    """The first kernel meets red where it was trained on blue."""

    def build(original, kernels, layers):
        kernel, bias = kernels["block1_conv1"]
        turned = {"block1_conv1": (kernel[:, :, ::-1], bias)}
        return original(kernels | turned, layers)

    patches.wrap(vgg, "build_vgg", build)


@fault("vgg: kernels not transposed", "models.vgg", EDGES)
def transpose_kernels(vgg: ModuleType, patches: Patches) -> None:
    """Height and width of the kernels are exchanged."""

    def read_kernels(original, *values):
        return {
            name: (kernel.transpose(1, 0, 2, 3), bias)
            for name, (kernel, bias) in original(*values).items()
        }

    patches.wrap(vgg, "read_kernels", read_kernels)


# --- training/ ---------------------------------------------------------------------


RESUME = "tests/test_resume.py::test_ctrl_c_loses_at_most_an_epoch"


@fault(
    "recorder: dropout active where it looks",
    "training.recorder",
    "tests/test_training.py::test_recording_does_not_change_the_training",
)
def drop_out_while_recording(recorder: ModuleType, patches: Patches) -> None:
    """The gradient that is recorded is computed as in training."""

    def compute_gradients(original, self, images, labels):
        inner = Patches()
        drop_out_always(None, inner)
        try:
            return original(self, images, labels)
        finally:
            inner.undo()

    patches.wrap(recorder.Recorder, "compute_gradients", compute_gradients)


@fault(
    "Adam in one operation: one of its variables taken for the other",
    "training.keras_patches",
    "tests/test_keras_patches.py::test_adam_in_one_operation_is_the_published_one",
)
def take_momentum_for_velocity(keras_patches: ModuleType, patches: Patches) -> None:
    """Velocities are read and written where the momentums are."""

    def update(original, adam, gradient, variable, learning_rate):
        inner = Patches()
        inner.put(adam, "_velocities", adam._momentums)
        try:
            return original(adam, gradient, variable, learning_rate)
        finally:
            inner.undo()

    patches.wrap(keras_patches, "update_at_once", update)


@fault(
    "classifier: logits taken for probabilities",
    "training.tensorboard",
    "tests/test_exercises.py::test_probabilities",
)
def take_outputs_as_they_are(tensorboard: ModuleType, patches: Patches) -> None:
    """Outputs are shown without a softmax."""
    patches.put(tensorboard, "to_probabilities", lambda outputs: outputs)


@fault(
    "confusion matrix: wrong axis of argmax",
    "training.tensorboard",
    "tests/test_figures.py::test_classifier_is_shown_with_its_answers",
)
def choose_along_wrong_axis(tensorboard: ModuleType, patches: Patches) -> None:
    """For an answer, the likeliest image of a class is looked for."""

    class Probabilities(np.ndarray):
        def argmax(self, axis=None):
            likeliest = np.asarray(self).argmax(axis=0)
            return likeliest[np.arange(len(self)) % self.shape[1]] % self.shape[1]

    def to_probabilities(original, outputs):
        return np.asarray(original(outputs)).view(Probabilities)

    patches.wrap(tensorboard, "to_probabilities", to_probabilities)


@fault(
    "confusion matrix: truth and answers swapped",
    "training.figures",
    "tests/test_figures.py::test_confusion_has_the_truth_in_rows",
)
def swap_truth_and_answers(figures: ModuleType, patches: Patches) -> None:
    """The rows are the answers."""

    def draw_confusion(original, labels, predicted, class_names):
        return original(predicted, labels, class_names)

    patches.wrap(figures, "draw_confusion", draw_confusion)


@fault("resume: state of dropout not saved", "training.resume", f"{RESUME}[cnn]")
def forget_seeds(resume: ModuleType, patches: Patches) -> None:
    """Of a model, only what `get_weights` returns is saved."""

    def find_places(original, name, value):
        places = original(name, value)
        weights = [id(weight) for weight in getattr(value, "weights", ())]
        known = (id(weight) for weight in getattr(value, "variables", ()))
        lost = {
            f"{name}.model{n}" for n, each in enumerate(known) if each not in weights
        }
        return {key: place for key, place in places.items() if key not in lost}

    patches.wrap(resume, "find_places", find_places)


@fault("resume: optimizer not restored", "training.resume", f"{RESUME}[mlp]")
def forget_optimizer(resume: ModuleType, patches: Patches) -> None:
    """A model goes on with an optimizer that is new."""

    def find_places(original, name, value):
        places = original(name, value)
        return {key: v for key, v in places.items() if ".optimizer" not in key}

    patches.wrap(resume, "find_places", find_places)


@fault("resume: the doctor forgets", "training.doctor", f"{RESUME}[mlp]")
def forget_diagnosis(doctor: ModuleType, patches: Patches) -> None:
    """Nothing that the doctor saw before the interruption is kept."""
    patches.put(doctor.TrainingDoctor, "KEPT", ())


@fault("resume: curves not cut back", "training.resume", f"{RESUME}[mlp]")
def leave_events(resume: ModuleType, patches: Patches) -> None:
    """What was recorded after the last saved state stays."""
    patches.put(resume.States, "cut_events", lambda self, lengths: None)


# --- lessons/ ----------------------------------------------------------------------


def of(lesson: str) -> str:
    """Returns the module of a lesson."""
    return lesson if lesson == "course_1_tf_lr" else f"lessons.{lesson}"


def tested(lesson: str, test: str = "test_it_learns") -> str:
    """Returns the node id of a test of a lesson."""
    return f"tests/lessons/test_{lesson}.py::{test}"


LINE, DESCENT, XOR = (
    "course_1_tf_lr",
    "course_1_gradient_descent",
    "course_1_neuron_xor",
)
MLP, OVERFITTING, DEEP = (
    "course_2_mlp",
    "course_2_overfitting",
    "course_2_deep_or_wide",
)
CNN, FILTERS, SALIENCY = (
    "course_3_cnn",
    "course_3_what_filters_see",
    "course_3_saliency",
)
GRAD_CAM, FOOLING, CLOTHES = (
    "course_3_grad_cam",
    "course_3_fooling_a_cnn",
    "course_4_similar_clothes",
)
TRANSFER, CUT_POINT, PAINTING = (
    "course_5_transfer_learning",
    "course_5_cut_point",
    "course_9_style_transfer",
)
PHOTOS, SHARED = "course_4_photo_search", "course_11_distributed"
LOCALIZATION, DETECTION = "course_6_localization", "course_6_detection"
SEGMENTATION, INSTANCES = "course_6_segmentation", "course_6_instances"
MAIL, REVIEWS = "course_7_mail_filter", "course_7_text_classification"
WRITING, GPT = "course_7_writing", "course_7_small_gpt"
TOGETHER = "tests/test_distributed.py::test_workers_end_with_the_weights_of_one[2]"

GAP = tested(OVERFITTING, "test_gap_opens_with_capacity_and_remedies_close_it")
MEMORY = tested(OVERFITTING, "test_best_on_validation_is_tested")
TRANSFERRED = tested(TRANSFER, "test_digits_are_transferred_where_there_are_no_photos")
PAINTED = tested(PAINTING, "test_picture_takes_on_the_style_and_keeps_the_content")
ATTACK = tested(FOOLING, "test_fast_gradient_sign_is_the_sign_of_the_slope")
FOOLED = tested(FOOLING, "test_fooling_and_adversarial_training")
ENDS = tested(DESCENT, "test_descents_end_where_the_docstring_says")
NUMPYS_LINE = tested(LINE, "test_line_equals_numpy")
SEARCHED = tested(CLOTHES, "test_learned_features_find_more_of_the_same_kind")
FOUND = tested(PHOTOS, "test_views_find_their_photograph")

# Where every optimizer stands still while a function of the lesson is called.
STANDSTILLS = {
    DESCENT: ("descend", ENDS),
    XOR: ("train", tested(XOR, "test_hidden_layer_learns_xor")),
    MLP: ("main", tested(MLP)),
    OVERFITTING: ("train", GAP),
    DEEP: ("train", tested(DEEP, "test_wider_layers_approximate_better")),
    CNN: ("main", tested(CNN)),
    FOOLING: ("main", FOOLED),
    CLOTHES: ("main", SEARCHED),
    TRANSFER: ("main", TRANSFERRED),
    LOCALIZATION: ("main", tested(LOCALIZATION)),
    DETECTION: ("main", tested(DETECTION, "test_it_finds_digits")),
    SEGMENTATION: (
        "main",
        tested(SEGMENTATION, "test_it_finds_the_pixels_of_digits"),
    ),
    INSTANCES: ("main", tested(INSTANCES, "test_pixels_of_pairs_are_told_apart")),
    MAIL: ("main", tested(MAIL)),
    REVIEWS: ("main", tested(REVIEWS)),
    WRITING: ("main", tested(WRITING)),
    GPT: ("main", tested(GPT)),
    PAINTING: ("main", PAINTED),
}
# These have updates of their own, further down, ...
OWN_UPDATES = (LINE, FILTERS, CUT_POINT, SHARED)
# ... and these learn nothing.
NOTHING_LEARNED = (
    "course_1_tf_basic_operation",
    "course_3_convolution",
    "course_3_inside_a_cnn",  # the old name of three others
    SALIENCY,
    GRAD_CAM,
    "course_4_pretrained_features",
    "course_4_image_search",  # the old name of two others
    PHOTOS,
)
ROOT = Path(__file__).resolve().parents[2]
for path in sorted([*ROOT.glob("course_*.py"), *ROOT.glob("lessons/course_*.py")]):
    if path.stem not in OWN_UPDATES + NOTHING_LEARNED:
        # Of a lesson that is new, all tests are run.
        all_tests = f"tests/lessons/test_{path.stem}.py"
        function, test = STANDSTILLS.get(path.stem, ("main", all_tests))
        FAULTS[f"learning rate 0 in {path.stem}"] = Fault(
            of(path.stem), stand_still, (test,), during=function
        )


# The line.


@fault(f"learning rate 0 in {LINE}", of(LINE), NUMPYS_LINE)
def stand_still_on_line(lesson: ModuleType, patches: Patches) -> None:
    """An update moves nothing."""

    def update(original, line, x, y, count, learning_rate):
        original(line, x, y, count, 0.0 * learning_rate)

    patches.wrap(lesson, "update", update)


@fault("line: the cost of a point not divided by their number", of(LINE), NUMPYS_LINE)
def forget_count(lesson: ModuleType, patches: Patches) -> None:
    """A point moves the line as if it were the only one."""

    def cost(original, line, x, y, count):
        return original(line, x, y, 1)

    patches.wrap(lesson, "cost", cost)


# Gradient descent.


@fault(
    "descent: gradient not applied",
    of(DESCENT),
    tested(DESCENT, "test_plain_descent_is_the_formula"),
    during="descend",
)
def apply_nothing(_: ModuleType, patches: Patches) -> None:
    """Optimizers are given gradients, and do nothing with them."""
    import keras

    patches.put(keras.Optimizer, "apply", lambda *_, **__: None)


@fault("descent: momentum dropped", of(DESCENT), ENDS, during="main")
def drop_momentum(_: ModuleType, patches: Patches) -> None:
    """Every descent is plain."""
    import keras

    def initialize(original, optimizer, *values, momentum=0.0, **named):
        original(optimizer, *values, **named)

    patches.wrap(keras.optimizers.SGD, "__init__", initialize)


# Fully connected networks.


FAULTS["mlp: dropout active at evaluation"] = Fault(
    of(MLP), drop_out_always, ("tests/test_models.py::test_mlp_is_matrix_products",)
)
FAULTS["mlp: softmax before a loss of logits"] = Fault(
    of(MLP),
    functools.partial(build_with, when={"name": "logits"}, activation="softmax"),
    ("tests/test_models.py::test_mlp_is_matrix_products",),
    during="build_mlp",
)
FAULTS["mlp: hidden layers frozen"] = Fault(
    of(MLP),
    functools.partial(build_with, when={"activation": "relu"}, trainable=False),
    (tested(MLP),),
    during="build_mlp",
)
FAULTS["mlp: test data in training"] = Fault(
    of(MLP), train_on("test", "digits.load_digits"), (tested(MLP),), during="main"
)


@fault("mlp: sign of the loss", of(MLP), tested(MLP), during="main")
def climb(_: ModuleType, patches: Patches) -> None:
    """The loss is made as large as it can be."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy
    patches.wrap(loss, "call", lambda original, *values: -original(*values))


@fault("mlp: logits taken for probabilities", of(MLP), tested(MLP), during="main")
def leave_out_softmax(_: ModuleType, patches: Patches) -> None:
    """The loss is told that the outputs are probabilities."""
    import keras

    def initialize(original, loss, from_logits=False, **named):
        original(loss, from_logits=False, **named)

    loss = keras.losses.SparseCategoricalCrossentropy
    patches.wrap(loss, "__init__", initialize)


@fault("overfitting: examples drawn from validation", of(OVERFITTING), MEMORY)
def sample_validation(lesson: ModuleType, patches: Patches) -> None:
    """The examples to learn from are those that the error is measured on."""

    def sample_examples(original, dataset, count, seed):
        repeats = -(-count // len(dataset.validation.x))
        examples = (np.tile(part, (repeats, 1)) for part in dataset.validation)
        dataset = dataset._replace(train=type(dataset.train)(*examples))
        return original(dataset, count, seed)

    patches.wrap(lesson.digits_in_2d, "sample_examples", sample_examples)


@fault("overfitting: weight decay ignored", of(OVERFITTING), GAP, during="train")
def ignore_weight_decay(_: ModuleType, patches: Patches) -> None:
    """Weights do not shrink."""
    import keras

    def initialize(original, optimizer, *values, weight_decay=0.0, **named):
        original(optimizer, *values, weight_decay=0.0, **named)

    patches.wrap(keras.optimizers.AdamW, "__init__", initialize)


@fault("overfitting: chosen by training error", of(OVERFITTING), MEMORY, during="main")
def choose_on_training(lesson: ModuleType, patches: Patches) -> None:
    """A mean of validation errors is that of the training errors beside them."""
    beside = {}

    def describe(original, name, errors):
        beside[id(errors["validation"])] = errors["training"]
        return original(name, errors)

    def mean(original, values, *more, **named):
        return original(beside.get(id(values), values), *more, **named)

    patches.wrap(lesson.plots, "describe", describe)
    patches.wrap(np, "mean", mean)


FAULTS["deep or wide: test data in training"] = Fault(
    of(DEEP),
    train_on("test", "picture_as_function.load_picture_as_function"),
    (tested(DEEP, "test_saved_network_is_better_than_the_mean_color"),),
    during="main",
)


# Convolution.


FAULTS["cnn: scaling left out"] = Fault(
    of(CNN),
    scale_by_one,
    ("tests/test_models.py::test_cnn_is_convolutions",),
    during="build_cnn",
)
FAULTS["cnn: validation data used as training data"] = Fault(
    of(CNN),
    train_on("validation", "digits.load_digits"),
    (tested(CNN),),
    during="main",
)


@fault(
    f"learning rate 0 in {FILTERS}",
    of(FILTERS),
    tested(FILTERS, "test_activations_are_maximized"),
)
def stay_with_noise(lesson: ModuleType, patches: Patches) -> None:
    """The pixels do not climb."""

    def maximize(original, activation, count, steps, learning_rate, decay, seed):
        return original(activation, count, steps, 0.0 * learning_rate, decay, seed)

    patches.wrap(lesson, "maximize", maximize)


@fault(
    "saliency: what matters least is painted over",
    of(SALIENCY),
    tested(SALIENCY, "test_largest_values_are_painted_over"),
)
def paint_over_least(lesson: ModuleType, patches: Patches) -> None:
    """Signs of the values are turned."""

    def paint_over(original, images, values, fraction):
        return original(images, -values, fraction)

    patches.wrap(lesson, "paint_over", paint_over)


@fault(
    "Grad-CAM: with the largest slope, not the mean",
    of(GRAD_CAM),
    tested(GRAD_CAM, "test_grad_cam_of_a_linear_head[Flatten-1]"),
    during="grad_cam",
)
def take_largest(_: ModuleType, patches: Patches) -> None:
    """A map weighs as much as its best place."""
    import tensorflow as tf

    patches.put(tf, "reduce_mean", tf.reduce_max)


@fault("fooling: sign of the attack", of(FOOLING), ATTACK)
def turn_attack(lesson: ModuleType, patches: Patches) -> None:
    """Pixels move to where the loss is smaller."""

    def move(original, images, signs, size):
        return original(images, -signs, size)

    patches.wrap(lesson, "move", move)


FAULTS["fooling: dropout active in the attack"] = Fault(
    of(FOOLING), drop_out_always, (ATTACK,), during="find_signs"
)
FAULTS["fooling: test data in training"] = Fault(
    of(FOOLING), train_on("test", "digits.load_digits"), (FOOLED,), during="main"
)


# Pretrained features, and transfer.


@fault(
    "search: the ten farthest",
    of(CLOTHES),
    tested(CLOTHES, "test_search_is_measured_as_scikit_learn_does"),
)
def search_farthest(lesson: ModuleType, patches: Patches) -> None:
    """The vectors with the smallest cosine are found."""

    def search(original, vectors, query):
        return original(vectors, -query)

    patches.wrap(lesson, "search", search)


@fault(
    "search: cosines of vectors that are not normalized",
    of(CLOTHES),
    tested(CLOTHES, "test_search_is_measured_as_scikit_learn_does"),
)
def leave_lengths(lesson: ModuleType, patches: Patches) -> None:
    """Vectors keep their lengths."""
    patches.wrap(
        lesson, "describe", lambda _, compute, images: np.float32(compute(images))
    )


FAULTS["search: test data in training"] = Fault(
    of(CLOTHES), train_on("test", "fashion.load_fashion"), (SEARCHED,), during="main"
)


@fault("photo search: the network knows nothing", of(PHOTOS), FOUND)
def leave_out_weights(lesson: ModuleType, patches: Patches) -> None:
    """Its weights stay random."""

    def build_backbone(original, name, *_):
        return original(name)

    patches.wrap(lesson.backbones, "build_backbone", build_backbone)


@fault(
    "photo search: equal cosines rank first",
    of(PHOTOS),
    tested(PHOTOS, "test_ranks_are_those_of_scipy"),
)
def rank_equals_first(lesson: ModuleType, patches: Patches) -> None:
    """What cannot be told apart is found."""

    def find_ranks(_, vectors, queries):
        cosines = queries @ vectors.T
        return 1 + np.sum(cosines > np.diag(cosines)[:, np.newaxis], axis=1)

    patches.wrap(lesson, "find_ranks", find_ranks)


@fault("photo search: vectors keep their lengths", of(PHOTOS), FOUND)
def keep_lengths(lesson: ModuleType, patches: Patches) -> None:
    """Whatever is bright is near."""
    patches.put(lesson, "normalize", np.float32)


FAULTS["transfer: the network before learned nothing"] = Fault(
    of(TRANSFER), stand_still, (TRANSFERRED,), during="learn_digits"
)
FAULTS["transfer: head learns nothing"] = Fault(
    of(TRANSFER), stand_still, (TRANSFERRED,), during="train_head"
)
FAULTS["transfer: validation data used as training data"] = Fault(
    of(TRANSFER),
    train_on("validation", "photo_folders.load_photos_or_digits"),
    (TRANSFERRED,),
    during="main",
)


@fault("transfer: layers to be tuned left frozen", of(TRANSFER), TRANSFERRED)
def freeze_all(lesson: ModuleType, patches: Patches) -> None:
    """Fine-tuning changes nothing."""

    def freeze(original, model, count):
        original(model, count)
        for layer in model.layers:
            layer.trainable = False

    patches.wrap(lesson, "freeze_all_but_last", freeze)


@fault(
    f"learning rate 0 in {CUT_POINT}",
    of(CUT_POINT),
    tested(CUT_POINT, "test_late_features_are_too_special_for_digits"),
    during="fit_head",
)
def fit_nothing(_: ModuleType, patches: Patches) -> None:
    """The weights of logistic regression stay at zero."""
    from sklearn.linear_model import LogisticRegression

    def fit(original, regression, *values):
        original(regression, *values)
        regression.coef_ *= 0
        regression.intercept_ *= 0
        return regression

    patches.wrap(LogisticRegression, "fit", fit)


@fault(
    "cut point: head chosen on training data",
    of(CUT_POINT),
    tested(CUT_POINT, "test_head_is_chosen_on_validation"),
)
def choose_on_train(lesson: ModuleType, patches: Patches) -> None:
    """The best head on the training split is taken."""

    def fit_head(original, train, validation):
        return original(train, train)

    patches.wrap(lesson, "fit_head", fit_head)


@fault(
    "cut point: stage chosen on test",
    of(CUT_POINT),
    tested(CUT_POINT, "test_stage_is_chosen_on_validation"),
)
def choose_stage_on_test(lesson: ModuleType, patches: Patches) -> None:
    """The best stage on the test split is taken."""

    def choose_stage(original, accuracies):
        return original([{**row, "validation": row["test"]} for row in accuracies])

    patches.wrap(lesson, "choose_stage", choose_stage)


# Texts.


@fault(
    "mail filter: thresholds chosen on the test part",
    of(MAIL),
    tested(MAIL, "test_no_message_is_judged_by_its_own_threshold"),
)
def choose_threshold_on_test(lesson: ModuleType, patches: Patches) -> None:
    """The scores and labels of the messages that are judged set their threshold."""
    import keras

    labels, scores, calls = [], [], itertools.count()

    def draw_folds(original, messages, count, seed):
        parts = original(messages, count, seed)
        labels[:] = [messages.y[parts == part] for part in range(count)]
        return parts

    def find_scores(original, baseline, texts):
        scores[:] = original(baseline, texts)  # those of the test part come last
        return np.array(scores)

    def predict(original, model, *values, **named):
        predicted = original(model, *values, **named)
        scores[:] = predicted[:, 0]
        return predicted

    def choose_threshold(original, known, known_labels, lost_ham):
        # Three filters learn from each fraction of the messages.
        part = next(calls) // (3 * len(lesson.FRACTIONS))
        return original(np.array(scores), labels[part], lost_ham)

    patches.wrap(lesson.mail, "draw_folds", draw_folds)
    patches.wrap(lesson, "find_scores", find_scores)
    patches.wrap(keras.Model, "predict", predict)
    patches.wrap(lesson, "choose_threshold", choose_threshold)


@fault(
    "mail filter: thresholds from the spam, not the ham",
    of(MAIL),
    tested(MAIL, "test_threshold_blocks_the_fraction_of_new_ham"),
)
def swap_ham_and_spam(lesson: ModuleType, patches: Patches) -> None:
    """The fraction that may be blocked is one of spam."""

    def choose_threshold(original, scores, labels, lost_ham):
        return original(scores, 1 - labels, lost_ham)

    patches.wrap(lesson, "choose_threshold", choose_threshold)


@fault(
    "mail filter: naive Bayes takes ham for spam",
    of(MAIL),
    tested(MAIL, "test_baselines_give_spam_the_larger_scores"),
)
def turn_bayes(lesson: ModuleType, patches: Patches) -> None:
    """Its scores are the log-odds of ham."""

    def find_scores(original, baseline, texts):
        scores = original(baseline, texts)
        return scores if hasattr(baseline, "decision_function") else -scores

    patches.wrap(lesson, "find_scores", find_scores)


@fault(
    "mail filter: messages that are nearly alike in several parts",
    "data.mail",
    tested(MAIL, "test_parts_are_apart"),
    during="draw_folds",
)
def split_alike(mail: ModuleType, patches: Patches) -> None:
    """Each message is a group of its own."""
    patches.put(mail.texts, "group_alike", lambda texts: np.arange(len(texts)))


@fault(
    "text classification: readers know the characters of the test",
    of(REVIEWS),
    tested(REVIEWS, "test_only_the_training_reviews_were_learned"),
    during="main",
)
def read_everything(lesson: ModuleType, patches: Patches) -> None:
    """They are adapted to the reviews of all splits."""
    others = []

    def load_reviews(original, *values):
        dataset = original(*values)
        others[:] = [dataset.validation.x, dataset.test.x]
        return dataset

    def build_reader(original, train, *values):
        return original(np.concatenate([train, *others]), *values)

    patches.wrap(lesson, "build_reader", build_reader)
    patches.wrap(lesson.reviews, "load_reviews", load_reviews)


@fault(
    "text classification: the bag averages over padding",
    of(REVIEWS),
    tested(REVIEWS, "test_the_bag_does_not_look_at_places_and_padding"),
    during="build_bag",
)
def drop_mask(_: ModuleType, patches: Patches) -> None:
    """The mask of places without a piece is left out."""
    import keras

    def initialize(original, layer, *values, mask_zero=False, **named):
        original(layer, *values, mask_zero=False, **named)

    patches.wrap(keras.layers.Embedding, "__init__", initialize)


class Peeking(dict):
    """Accuracies by split; asked for that of validation, it answers with the test's."""

    def __getitem__(self, split):
        """Returns an accuracy."""
        return super().__getitem__("test" if split == "validation" else split)


@fault(
    "text classification: network chosen on test",
    of(REVIEWS),
    tested(REVIEWS, "test_validation_chooses_the_network"),
)
def choose_network_on_test(lesson: ModuleType, patches: Patches) -> None:
    """The network with the best test accuracy is the result."""

    def table(original, run, title, rows, **named):
        original(run, title, rows, **named)
        if title == "Accuracy":
            for name in rows:
                rows[name] = Peeking(rows[name])

    def finish(original, run, model, accuracies, **metrics):
        rows = {name: dict(row) for name, row in accuracies.items()}
        return original(run, model, accuracies=rows, **metrics)

    patches.wrap(lesson.runs.Run, "table", table)
    patches.wrap(lesson.runs.Run, "finish", finish)


@fault(
    "text classification: the character beside the one left out",
    of(REVIEWS),
    tested(REVIEWS, "test_what_decides_is_what_changes_the_answer"),
)
def leave_out_beside(lesson: ModuleType, patches: Patches) -> None:
    """Each change is told of the character before."""

    def leave_out(original, model, sentence):
        return np.roll(original(model, sentence), -1)

    patches.wrap(lesson, "leave_out", leave_out)


# Writing.


FAULTS["writing: test text in training"] = Fault(
    of(WRITING),
    train_on("test", "running_text.load_text"),
    (tested(WRITING, "test_only_the_training_text_is_learned"),),
    during="main",
)


@fault(
    "writing: each window begins with an empty memory",
    of(WRITING),
    tested(WRITING, "test_the_memory_goes_on_from_window_to_window"),
)
def forget_what_was_read(lesson: ModuleType, patches: Patches) -> None:
    """What came before a window is forgotten in training."""

    def train_step(original, network, optimizer, x, y, memory):
        return original(network, optimizer, x, y, 0 * memory)

    patches.wrap(lesson, "train_step", train_step)


@fault(
    "writing: measured with an empty memory in each window",
    of(WRITING),
    tested(WRITING, "test_each_character_is_predicted_once"),
    during="score",
)
def forget_while_measured(lesson: ModuleType, patches: Patches) -> None:
    """What came before a window is forgotten in the test."""

    def read(original, network, x, memory):
        return original(network, x, 0 * memory)

    patches.wrap(lesson, "read", read)


@fault(
    "writing: the temperature is left out",
    of(WRITING),
    tested(WRITING, "test_characters_are_drawn_with_their_probabilities"),
)
def write_at_one(lesson: ModuleType, patches: Patches) -> None:
    """All samples are drawn at temperature 1."""

    def write(original, network, prompt, count, temperatures, random):
        return original(network, prompt, count, (1.0,) * len(temperatures), random)

    patches.wrap(lesson, "write", write)


@fault(
    "writing: what was written is not read",
    of(WRITING),
    tested(WRITING, "test_what_is_written_is_read_again"),
    during="write",
)
def write_without_memory(lesson: ModuleType, patches: Patches) -> None:
    """The memory stays empty from character to character."""

    def read(original, network, x, memory):
        logits, _ = original(network, x, memory)
        return logits, memory

    patches.wrap(lesson, "read", read)


# A small GPT.


FAULTS["gpt: test text in training"] = Fault(
    of(GPT),
    train_on("test", "running_text.load_text"),
    (tested(GPT, "test_only_the_training_text_is_learned"),),
    during="main",
)


@fault(
    "gpt: no causal mask",
    of(GPT),
    tested(GPT, "test_what_is_to_come_changes_nothing_before"),
)
def look_ahead(lesson: ModuleType, patches: Patches) -> None:
    """Each character looks at all that is read with it."""

    def find_mask(original, numbers, memory, distances):
        return original(numbers, memory, abs(distances))

    patches.wrap(lesson, "find_mask", find_mask)


@fault(
    "gpt: scores are not divided by the root of the length",
    of(GPT),
    tested(GPT, "test_attention_is_that_of_keras"),
)
def match_too_well(lesson: ModuleType, patches: Patches) -> None:
    """Large heads have large scores."""

    def match(original, queries, keys):
        return original(queries, keys) * keys.shape[-1] ** 0.5

    patches.wrap(lesson, "match", match)


@fault(
    "gpt: an empty memory is looked at",
    of(GPT),
    tested(GPT, "test_memory_of_keys_and_values_changes_nothing"),
)
def look_at_nothing(lesson: ModuleType, patches: Patches) -> None:
    """Zeros take part as if they were keys and values."""

    def find_mask(original, numbers, memory, distances):
        return original(numbers, memory + 1.0, distances)

    patches.wrap(lesson, "find_mask", find_mask)


@fault(
    "gpt: what was written is not read",
    of(GPT),
    tested(GPT, "test_writing_without_a_memory_gives_the_same_text"),
    during="write",
)
def write_without_keys(lesson: ModuleType, patches: Patches) -> None:
    """The memory stays empty from character to character."""

    def read(original, network, x, memory):
        logits, _ = original(network, x, memory)
        return logits, memory

    patches.wrap(lesson, "read", read)


@fault(
    "gpt: the temperature is left out",
    of(GPT),
    tested(GPT, "test_characters_are_drawn_with_their_probabilities"),
)
def write_at_one_with_attention(lesson: ModuleType, patches: Patches) -> None:
    """All samples are drawn at temperature 1."""

    def write(original, network, prompt, count, temperatures, random):
        return original(network, prompt, count, (1.0,) * len(temperatures), random)

    patches.wrap(lesson, "write", write)


# Localization.


@fault(
    "localization: boxes that do not touch share an area",
    of(LOCALIZATION),
    tested(LOCALIZATION, "test_iou_and_generalized_iou_are_counted_pixels"),
)
def share_too_much(lesson: ModuleType, patches: Patches) -> None:
    """Two negative sides are multiplied to a positive area."""

    def overlap(original, truth, answer):
        first = np.maximum(truth[..., :2], answer[..., :2])
        last = np.minimum(truth[..., 2:], answer[..., 2:])
        shared = np.prod(last - first, axis=-1)
        return shared, lesson.area(truth) + lesson.area(answer) - shared

    patches.wrap(lesson, "overlap", overlap)


@fault(
    "localization: a box is enough, whatever the class",
    of(LOCALIZATION),
    tested(LOCALIZATION, "test_figures_are_those_of_the_predictions"),
)
def forget_the_class(lesson: ModuleType, patches: Patches) -> None:
    """The accuracy counts boxes that are right, of any class."""

    def score(original, *values):
        scores = original(*values)
        return {**scores, "accuracy": scores["box_right"]}

    patches.wrap(lesson, "score", score)


# Detection.


@fault(
    "detection: x and y exchanged in the targets",
    of(DETECTION),
    tested(DETECTION, "test_targets_of_one_object"),
)
def exchange_x_and_y(lesson: ModuleType, patches: Patches) -> None:
    """Boxes are taken for top, left, bottom, right."""

    def make_targets(original, boxes, *values):
        return original(boxes[..., [1, 0, 3, 2]], *values)

    patches.wrap(lesson, "make_targets", make_targets)


@fault(
    "detection: offsets dropped when decoding",
    of(DETECTION),
    tested(DETECTION, "test_targets_and_decode_are_inverse"),
)
def drop_offsets(lesson: ModuleType, patches: Patches) -> None:
    """Each box has its center in the middle of a place."""

    def decode(original, outputs, window):
        boxes = np.array(outputs["boxes"])
        boxes[..., :2] = 0
        return original({**outputs, "boxes": boxes}, window)

    patches.wrap(lesson, "decode", decode)


@fault(
    "detection: what is beside a peak is one as well",
    of(DETECTION),
    tested(DETECTION, "test_scores_are_heat_times_class"),
    during="decode",
)
def leave_all_peaks(lesson: ModuleType, patches: Patches) -> None:
    """No place is compared with those around it."""
    patches.put(lesson.tf.nn, "max_pool2d", lambda heat, **_: heat)


@fault(
    "detection: heat beside a center is not forgiven",
    of(DETECTION),
    tested(DETECTION, "test_losses_are_those_of_numpy"),
)
def forgive_nothing(lesson: ModuleType, patches: Patches) -> None:
    """The target is 1 at centers, 0 elsewhere."""
    import tensorflow as tf

    def focal_loss(original, logits, heat):
        return original(logits, tf.cast(heat == 1, tf.float32))

    patches.wrap(lesson, "focal_loss", focal_loss)


@fault(
    "detection: classes and boxes learned at every place",
    of(DETECTION),
    tested(DETECTION, "test_losses_are_those_of_numpy"),
)
def learn_everywhere(lesson: ModuleType, patches: Patches) -> None:
    """Empty places count as much as those at a center."""
    import tensorflow as tf

    def mean_near_centers(original, values, weight):
        return original(values, tf.ones_like(weight))

    patches.wrap(lesson, "mean_near_centers", mean_near_centers)


@fault(
    "detection: an object is hit twice",
    of(DETECTION),
    tested(DETECTION, "test_an_object_is_hit_once"),
)
def hit_twice(lesson: ModuleType, patches: Patches) -> None:
    """A second detection of an object is a hit, too."""

    def match(_, overlaps, threshold):
        return (overlaps >= threshold).any(axis=1)

    patches.wrap(lesson, "match", match)


@fault(
    "detection: precision as it is, not the best at a higher recall",
    of(DETECTION),
    tested(DETECTION, "test_average_precision_by_hand"),
    during="precision_at_recalls",
)
def take_precision_as_it_is(lesson: ModuleType, patches: Patches) -> None:
    """The curve keeps its teeth."""

    class Plain:
        accumulate = staticmethod(np.asarray)

    class Numpy:
        maximum = Plain

        def __getattr__(self, name):
            return getattr(np, name)

    patches.put(lesson, "np", Numpy())


@fault(
    "detection: a double counts as right",
    of(DETECTION),
    tested(DETECTION, "test_errors_by_hand"),
)
def forget_what_is_taken(lesson: ModuleType, patches: Patches) -> None:
    """Objects stay free when a detection was right about them."""

    def judge(original, overlaps, same, free):
        return original(overlaps, same, np.ones_like(free))

    patches.wrap(lesson, "judge", judge)


@fault(
    "detection: boxes stay where a photo is mirrored",
    of(DETECTION),
    tested(DETECTION, "test_mirrored_photos"),
)
def leave_boxes(lesson: ModuleType, patches: Patches) -> None:
    """They are those of the photo before."""
    patches.put(lesson, "mirror", lambda boxes, *_: boxes)


@fault(
    "detection: scenes of the test in training",
    of(DETECTION),
    tested(DETECTION, "test_it_learns_from_scenes_of_the_training_alone"),
)
def train_on_scenes_of_the_test(lesson: ModuleType, patches: Patches) -> None:
    """Batches are drawn from the test."""

    def load_data(original, *values):
        dataset, _ = original(*values)

        def draw(count, random):
            chosen = random.choice(len(dataset.test.x), count)
            truth = {name: part[chosen] for name, part in dataset.test.y.items()}
            return type(dataset.test)(dataset.test.x[chosen], truth)

        return dataset, draw

    patches.wrap(lesson, "load_data", load_data)


@fault(
    "detection: boxes are those of the squeezed picture",
    of(DETECTION),
    tested(DETECTION, "test_predict"),
    during="predict",
)
def forget_the_size(lesson: ModuleType, patches: Patches) -> None:
    """Pictures of one's own have the size of scenes before their size is noted."""

    def read_picture(original, path):
        image = lesson.Image.fromarray(original(path))
        return np.asarray(image.resize((lesson.scenes.SIZE, lesson.scenes.SIZE)))

    patches.wrap(lesson.own_pictures.read, "read_picture", read_picture)


# Segmentation.


@fault(
    "segmentation: pixels without a class learned as the first class",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_loss_is_that_of_numpy"),
)
def learn_void(lesson: ModuleType, patches: Patches) -> None:
    """The loss counts every pixel."""

    def cross_entropy(original, logits, labels):
        return original(logits, np.where(labels == lesson.masks.VOID, 0, labels))

    patches.wrap(lesson, "cross_entropy", cross_entropy)


@fault(
    "segmentation: pixels without a class counted in the test",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_iou_is_that_of_scikit_learn"),
)
def count_void(lesson: ModuleType, patches: Patches) -> None:
    """The confusion matrix counts every pixel."""

    def count_pairs(original, truth, answers, classes):
        known = np.where(truth == lesson.masks.VOID, 0, truth)
        return original(known, answers, classes)

    patches.wrap(lesson, "count_pairs", count_pairs)


@fault(
    "segmentation: the mean over pictures of each picture's IoU",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_iou_is_that_of_scikit_learn"),
)
def average_over_pictures(lesson: ModuleType, patches: Patches) -> None:
    """Not one confusion matrix, but one of each picture."""

    def summarize(original, counts, *values):
        each = [np.nanmean(lesson.iou(one)) for one in counts]
        return {**original(counts, *values), "mean_iou": float(np.mean(each))}

    patches.wrap(lesson, "summarize", summarize)


@fault(
    "segmentation: classes of pixels one too low",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_classes_of_scenes"),
)
def take_zeros_for_background(lesson: ModuleType, patches: Patches) -> None:
    """The digit 0 becomes a part of the photograph."""

    def to_classes(original, split, classes):
        found = original(split, classes)
        return found._replace(y=found.y - (found.y > 0))

    patches.wrap(lesson, "to_classes", to_classes)


@fault(
    "segmentation: large objects count more than small ones",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_targets[11]"),
)
def count_pixels(lesson: ModuleType, patches: Patches) -> None:
    """Each pixel counts the same for the question which digit it belongs to."""

    def make_targets(original, y, classes):
        targets = original(y, classes)
        return {**targets, "which": np.float32(targets["which"] > 0)}

    patches.wrap(lesson, "make_targets", make_targets)


@fault(
    "segmentation: masks interpolated where photos are enlarged",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_parts_of_photos"),
    during="draw_photos",
)
def interpolate_masks(lesson: ModuleType, patches: Patches) -> None:
    """Classes that never existed appear at the edges."""

    def resize(original, image, size, resample, *values):
        return original(image, size, lesson.Image.Resampling.BILINEAR, *values)

    patches.wrap(lesson.Image.Image, "resize", resize)


@fault(
    "segmentation: connections that stay where they are left out",
    of(SEGMENTATION),
    tested(SEGMENTATION, "test_details_come_through_connections_alone"),
)
def keep_connections(lesson: ModuleType, patches: Patches) -> None:
    """The way up sees the way down in any case."""

    def add_decoder(original, encoder, widths, skips):
        return original(encoder, widths, True)

    patches.wrap(lesson, "add_decoder", add_decoder)


# Instances.


@fault(
    "instances: votes with x and y exchanged",
    of(INSTANCES),
    tested(INSTANCES, "test_targets[1]"),
)
def exchange_axes(lesson: ModuleType, patches: Patches) -> None:
    """Arrays count rows first, boxes columns."""

    def make_targets(original, y, classes):
        targets = original(y, classes)
        return {**targets, "votes": targets["votes"][..., ::-1]}

    patches.wrap(lesson, "make_targets", make_targets)


@fault(
    "instances: large objects count more",
    of(INSTANCES),
    tested(INSTANCES, "test_targets[1]"),
)
def count_pixels_of_objects(lesson: ModuleType, patches: Patches) -> None:
    """Each pixel counts the same, not each object."""

    def make_targets(original, y, classes):
        targets = original(y, classes)
        return {**targets, "weight": np.float32(targets["weight"] > 0)}

    patches.wrap(lesson, "make_targets", make_targets)


@fault(
    "instances: the background votes as well",
    of(INSTANCES),
    tested(INSTANCES, "test_losses_are_those_of_numpy[1]"),
)
def let_background_vote(lesson: ModuleType, patches: Patches) -> None:
    """The loss of the votes counts pixels that have no center."""

    def vote_loss(original, votes, targets, weight):
        return original(votes, targets, np.ones(weight.shape, np.float32))

    patches.wrap(lesson, "vote_loss", vote_loss)


@fault(
    "instances: pixels go to the nearest center, whatever they vote",
    of(INSTANCES),
    tested(INSTANCES, "test_votes_by_hand"),
)
def ignore_votes(lesson: ModuleType, patches: Patches) -> None:
    """The votes are not counted."""

    def join_votes(original, inside, votes, centers):
        return original(inside, 0 * votes, centers)

    patches.wrap(lesson, "join_votes", join_votes)


@fault(
    "instances: an object found twice is two hits",
    of(INSTANCES),
    tested(INSTANCES, "test_an_object_is_hit_once"),
)
def hit_by_halves(lesson: ModuleType, patches: Patches) -> None:
    """Both halves of an object are hits."""

    def find_hits(_, overlaps, threshold):
        return (overlaps >= threshold).any(axis=1)

    patches.wrap(lesson, "find_hits", find_hits)


@fault(
    "instances: digits of a pair do not touch",
    "data.scenes",
    "tests/test_scenes.py::test_the_digits_of_pairs_are_alike_and_touch",
)
def keep_pairs_apart(scenes: ModuleType, patches: Patches) -> None:
    """One more pixel is between the digits of a pair."""

    def put_beside(original, drawing, *values):
        down, right = original(drawing, *values)
        return np.stack([down, right + 4 * np.sign(right)])

    patches.wrap(scenes.Scenes, "put_beside", put_beside)


# Style transfer.


FORMULAS = f"{STYLE}test_gram_matrix_and_losses_against_numpy"


@fault("style transfer: sum instead of mean in Gram matrix", of(PAINTING), FORMULAS)
def add_up_gram(lesson: ModuleType, patches: Patches) -> None:
    """The matrix grows with the picture."""

    def gram_matrix(original, features):
        return original(features) * float(features.shape[1] * features.shape[2])

    patches.wrap(lesson, "gram_matrix", gram_matrix)


@fault(
    "style transfer: half of the Gram matrix's gradient",
    of(PAINTING),
    f"{STYLE}test_gradient_against_differences",
)
def halve_gradient(lesson: ModuleType, patches: Patches) -> None:
    """One of the two equal terms of the gradient is forgotten."""
    import tensorflow as tf

    @tf.custom_gradient
    def halve(gram):
        return tf.identity(gram), lambda upstream: upstream / 2

    def gram_matrix(original, features):
        return halve(original(features))

    patches.wrap(lesson, "gram_matrix", gram_matrix)


@fault("style transfer: sign of the content's loss", of(PAINTING), FORMULAS)
def turn_sign(lesson: ModuleType, patches: Patches) -> None:
    """The content is avoided."""
    patches.wrap(lesson, "content_loss", lambda original, *values: -original(*values))


@fault(
    "style transfer: only the last of several paintings counts",
    of(PAINTING),
    f"{STYLE}test_targets_are_the_contents_features_and_the_mean_of_the_styles",
)
def forget_paintings(lesson: ModuleType, patches: Patches) -> None:
    """The Gram matrices of the others are overwritten."""

    def find_targets(original, network, photo, styles, size):
        return original(network, photo, styles[-1:], size)

    patches.wrap(lesson, "find_targets", find_targets)


@fault("style transfer: content and style swapped", of(PAINTING), PAINTED)
def swap_pictures(lesson: ModuleType, patches: Patches) -> None:
    """The painting is painted in the style of the photograph."""

    def main(original, config):
        content = lesson.photos.choose_photo(config.content)
        styles = lesson.paintings.load_styles(config.style)
        inner = Patches()
        inner.put(lesson.photos, "choose_photo", lambda _: styles[0])
        inner.put(lesson.paintings, "load_styles", lambda *_: [content])
        try:
            return original(config)
        finally:
            inner.undo()

    patches.wrap(lesson, "main", main)


@fault("style transfer: losses of content and style swapped", of(PAINTING), PAINTED)
def swap_losses(lesson: ModuleType, patches: Patches) -> None:
    """Each of the two has the weight and the name of the other."""

    def compute(original, network, picture, photo_features, grams, weights):
        swapped = {"content": weights["style"], "style": weights["content"]}
        losses, gradient = original(
            network, picture, photo_features, grams, weights | swapped
        )
        swapped = {"content": losses["style"], "style": losses["content"]}
        return losses | swapped, gradient

    patches.wrap(lesson, "losses_and_gradient", compute)


@fault(
    "style transfer: weights of the losses ignored",
    of(PAINTING),
    tested(PAINTING, "test_weights_say_what_matters"),
)
def weigh_alike(lesson: ModuleType, patches: Patches) -> None:
    """The losses are added up as they are."""

    def compute(original, network, picture, photo_features, grams, weights):
        alike = dict.fromkeys(weights, 1.0)
        return original(network, picture, photo_features, grams, alike)

    patches.wrap(lesson, "losses_and_gradient", compute)


FAULTS["style transfer: gradient not applied"] = Fault(
    of(PAINTING), apply_nothing, (PAINTED,), during="main"
)


# Several workers.


@fault(f"learning rate 0 in {SHARED}", of(SHARED), tested(SHARED))
def share_nothing(lesson: ModuleType, patches: Patches) -> None:
    """The workers step by next to nothing: 0 is refused."""

    def main(original, config):
        return original(dataclasses.replace(config, learning_rate=1e-30))

    patches.wrap(lesson, "main", main)


@fault(
    "distributed: each worker takes the same share",
    of(SHARED),
    TOGETHER,
    during="main",
)
def take_first_share(lesson: ModuleType, patches: Patches) -> None:
    """Every worker takes itself for the first one."""

    def share(original, strategy, batch):
        count = strategy.num_replicas_in_sync
        firsts = np.repeat(batch[::count], count, axis=0)
        return original(strategy, firsts[: len(batch)])

    patches.wrap(lesson, "share", share)


@fault(
    "distributed: mean over the shares, not over the batch",
    of(SHARED),
    TOGETHER,
    during="main",
)
def average_shares(lesson: ModuleType, patches: Patches) -> None:
    """What a share adds is its own mean, by the number of workers."""
    import tensorflow as tf

    def find_gradients(original, model, images, labels, batch_size):
        workers = tf.distribute.get_replica_context().num_replicas_in_sync
        own = tf.cast(tf.shape(labels)[0] * workers, tf.float32)
        return original(model, images, labels, own)

    patches.wrap(lesson, "find_gradients", find_gradients)


@fault(
    "distributed: gradients of the others left out",
    of(SHARED),
    TOGETHER,
    during="main",
)
def reduce_nothing(_: ModuleType, patches: Patches) -> None:
    """All-reduce returns what it was given."""
    import tensorflow as tf

    def all_reduce(context, operation, values, *options):
        return values

    patches.put(tf.distribute.ReplicaContext, "all_reduce", all_reduce)


# --- lessons/exercises/ ------------------------------------------------------------


SLOW_EXERCISES = (4, 5, 11, 12, 13)
for number in range(1, 15):
    seeds = "" if number in SLOW_EXERCISES else "_with_one_seed"
    FAULTS[f"learning rate 0 in exercise {number}"] = Fault(
        "keras",
        stand_still,
        (f"tests/test_exercises.py::test_solution_passes{seeds}[{number}]",),
    )


@fault(
    "exercises: the test split is given to the learner",
    "lessons.exercises.checking",
    "tests/test_exercises.py::test_check_cannot_be_fooled[asks for the test split]",
)
def show_test_split(checking: ModuleType, patches: Patches) -> None:
    """The data set that `train` is given keeps its test split."""

    def check(original, goal, module, config, dataset, diagnose):
        patches.put(checking, "Hidden", lambda: dataset.test)
        return original(goal, module, config, dataset, diagnose)

    patches.put(checking, "Hidden", checking.Hidden)
    patches.wrap(checking, "check_training", check)
