"""The faults, by name. Each is what its docstring says goes wrong.

TensorFlow and Keras are imported inside of the functions: before a fault is planted, a
process may want to set how they are imported.
"""

from collections.abc import Callable
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


# --- models/ -----------------------------------------------------------------------


NAMES_WHAT_IT_SEES = "tests/test_lessons.py::test_pretrained_network_names_what_it_sees"
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


@fault(
    "efficientnet: preprocessing left out",
    "models.efficientnet_lite",
    NAMES_WHAT_IT_SEES,
    during="build_efficientnet_lite0",
)
def leave_out_rescaling(_: ModuleType, patches: Patches) -> None:
    """Pixels from 0 to 255 enter the first convolution."""
    import keras

    def initialize(original, layer, scale, offset=0.0, **named):
        original(layer, 1.0, 0.0, **named)

    patches.wrap(keras.layers.Rescaling, "__init__", initialize)


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


@fault(
    "style network: the first kernel's colors not turned round", "models.style", EDGES
)
def leave_colors(style: ModuleType, patches: Patches) -> None:
    """The first kernel meets red where it was trained on blue."""

    def build(original, kernels, layers):
        kernel, bias = kernels["block1_conv1"]
        turned = {"block1_conv1": (kernel[:, :, ::-1], bias)}
        return original(kernels | turned, layers)

    patches.wrap(style, "build_style_network", build)


@fault("style network: kernels not transposed", "models.style", EDGES)
def transpose_kernels(style: ModuleType, patches: Patches) -> None:
    """Height and width of the kernels are exchanged."""

    def read_kernels(original, *values):
        return {
            name: (kernel.transpose(1, 0, 2, 3), bias)
            for name, (kernel, bias) in original(*values).items()
        }

    patches.wrap(style, "read_kernels", read_kernels)


@fault(
    "style: sum instead of mean in the Gram matrix",
    "models.style",
    f"{STYLE}test_gram_matrix_and_losses_against_numpy",
)
def add_up_gram(style: ModuleType, patches: Patches) -> None:
    """The matrix grows with the picture."""

    def gram_matrix(original, features):
        return original(features) * float(features.shape[1] * features.shape[2])

    patches.wrap(style, "gram_matrix", gram_matrix)


@fault(
    "style: half of the Gram matrix's gradient",
    "models.style",
    f"{STYLE}test_gradient_against_differences",
)
def halve_gradient(style: ModuleType, patches: Patches) -> None:
    """One of the two equal terms of the gradient is forgotten."""
    import tensorflow as tf

    @tf.custom_gradient
    def halve(gram):
        return tf.identity(gram), lambda upstream: upstream / 2

    def gram_matrix(original, features):
        return halve(original(features))

    patches.wrap(style, "gram_matrix", gram_matrix)


@fault(
    "style: sign of the content's loss",
    "models.style",
    f"{STYLE}test_gram_matrix_and_losses_against_numpy",
)
def turn_sign(style: ModuleType, patches: Patches) -> None:
    """The content is avoided."""
    patches.wrap(style, "content_loss", lambda original, *values: -original(*values))


@fault(
    "style: several styles count alike",
    "models.style",
    f"{STYLE}test_targets_are_the_contents_features_and_the_mean_of_the_styles",
)
def ignore_mix(style: ModuleType, patches: Patches) -> None:
    """The strength of each style is ignored."""

    def find_targets(
        original, network, content, styles, content_layers, style_layers, *_
    ):
        return original(network, content, styles, content_layers, style_layers)

    patches.wrap(style, "find_targets", find_targets)


@fault(
    "search: cosines of vectors that are not normalized",
    "models.features",
    "tests/test_models.py::test_histogram_counts_colors",
)
def leave_lengths(features: ModuleType, patches: Patches) -> None:
    """Vectors keep their lengths."""
    patches.put(features, "normalize", lambda vectors: np.asarray(vectors, np.float32))


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
