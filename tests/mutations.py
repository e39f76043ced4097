"""Plants faults in a copy of the project, one at a time, and looks whether the tests
that concern them fail.

    python -m tests.mutations [NAME...] [--list]

A fault counts as caught if an assertion of a test fails. If the program merely crashes,
it does not: nobody needs a test for that, and most faults in learning do not crash.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
ASSERTED = (
    "assert",
    "AssertionError",
    "Failed: ",
)  # what the message of a failed test begins with, if not of a crash


class Fault(NamedTuple):
    """A change of one file, and the tests that notice it.

    Attributes:
        file: path in the project.
        old: text that stands in it exactly once.
        new: what takes its place.
        tests: pytest's node ids, the fewest and fastest that notice.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def lesson(name: str, old: str, new: str, *tests: str) -> Fault:
    """Returns a fault in a lesson that tests of lessons notice."""
    file = f"{name}.py" if name == "course_1_tf_lr" else f"lessons/{name}.py"
    return Fault(
        file, old, new, tuple(f"tests/test_lessons.py::{test}" for test in tests)
    )


def exercise(number: int, optimizer: str, fields: str = "") -> Fault:
    """Returns the fault that the solution of an exercise learns at a rate of 0."""
    slow = number in (4, 5, 11, 12, 13)
    old, test = (
        f"{optimizer}(config.learning_rate{fields}",
        f"test_solution_passes{'' if slow else '_with_one_seed'}",
    )
    file = f"lessons/exercises/exercise_{number:02}.py"
    return Fault(
        file,
        old,
        f"{optimizer}(0.0{fields}",
        (f"tests/test_exercises.py::{test}[{number}]",),
    )


COPIES = "tests/test_models.py::"
STYLE = "tests/test_style.py::"
RESUME = "tests/test_resume.py::test_ctrl_c_loses_at_most_an_epoch"
LINE, DESCENT, XOR, MLP = (
    "course_1_tf_lr",
    "course_1_gradient_descent",
    "course_1_neuron_xor",
    "course_2_mlp",
)
DEEP, PLANE, CNN, INSIDE = (
    "course_2_deep_or_wide",
    "course_2_overfitting",
    "course_3_cnn",
    "course_3_inside_a_cnn",
)
FOOLING, SEARCH, CUT = (
    "course_3_fooling_a_cnn",
    "course_4_image_search",
    "course_5_cut_point",
)
TRANSFER, PAINTING = "course_5_transfer_learning", "course_9_style_transfer"
SHARED, TOGETHER = (
    "course_11_distributed",
    "tests/test_distributed.py::test_workers_end_with_the_weights_of_one",
)
DESCENDED = "test_descents_end_where_the_docstring_says[as shipped]"
PAINTED = "test_picture_takes_on_the_style_and_keeps_the_content"

# A learning rate of 0, or what stands for it, in each lesson that trains.
STANDSTILLS = {
    LINE: lesson(
        LINE,
        "config.learning_rate * gradient",
        "0.0 * gradient",
        "test_line_equals_numpy",
    ),
    DESCENT: lesson(
        DESCENT, "rate = config.learning_rate\n", "rate = 0.0\n", DESCENDED
    ),
    XOR: lesson(XOR, "SGD(config.learning_rate)", "SGD(0.0)", "test_neurons_and_xor"),
    MLP: lesson(MLP, "Adam(one_cycle)", "Adam(0.0)", f"test_classifier_learns[{MLP}]"),
    DEEP: lesson(
        DEEP,
        "Adam(falling)",
        "Adam(0.0)",
        "test_deep_beats_wide_where_the_docstring_says",
    ),
    PLANE: lesson(
        PLANE,
        "AdamW(run.config.learning_rate,",
        "AdamW(0.0,",
        "test_overfitting_and_its_remedies",
    ),
    CNN: lesson(CNN, "Adam(one_cycle)", "Adam(0.0)", f"test_classifier_learns[{CNN}]"),
    INSIDE: lesson(
        INSIDE,
        "config.learning_rate * slope",
        "0.0 * slope",
        "test_activation_maximisation_convinces_the_network",
    ),
    FOOLING: lesson(
        FOOLING,
        "CosineDecay(run.config.learning_rate, run.config.updates)",
        "CosineDecay(0.0, run.config.updates)",
        "test_fooling_and_adversarial_training",
    ),
    SEARCH: lesson(
        SEARCH,
        'compile("adam"',
        "compile(keras.optimizers.Adam(0.0)",
        "test_learned_features_find_more_of_the_same_kind",
    ),
    TRANSFER: lesson(
        TRANSFER,
        "CosineDecay(learning_rate, updates)",
        "CosineDecay(0.0, updates)",
        "test_digits_are_transferred_where_there_are_no_photos",
    ),
    SHARED: lesson(
        SHARED,
        "rate = config.learning_rate * (",
        "rate = 0.0 * (",
        "test_distributed_learns",
    ),
    CUT: lesson(
        CUT,
        "max_iter=1000",
        "max_iter=0",
        "test_late_features_are_too_special_for_digits",
    ),
    PAINTING: Fault(
        f"lessons/{PAINTING}.py",
        "adam.learning_rate = config.learning_rate",
        "adam.learning_rate = 0.0",
        (STYLE + PAINTED,),
    ),
}
EXERCISES = {
    **{number: exercise(number, "Adam") for number in (1, 3, 5, 7, 8, 10, 11, 12, 13)},
    **{number: exercise(number, "SGD") for number in (2, 6)},
    4: exercise(4, "AdamW"),
    9: exercise(9, "SGD", ", momentum=0.9"),
    14: Fault(
        "lessons/exercises/exercise_14.py",
        "CosineDecay(config.learning_rate,",
        "CosineDecay(0.0,",
        ("tests/test_exercises.py::test_solution_passes_with_one_seed[14]",),
    ),
}

FAULTS = {
    **{f"learning rate 0 in {name}": fault for name, fault in STANDSTILLS.items()},
    **{
        f"learning rate 0 in exercise {number}": fault
        for number, fault in sorted(EXERCISES.items())
    },
    "digits: labels shuffled": Fault(
        "data/digits.py",
        "images[order, :, :, np.newaxis], labels[order]",
        "images[order, :, :, np.newaxis], labels",
        ("tests/test_data.py::test_sample_is_mlxtends_and_split_without_overlap",),
    ),
    "digits: the split is one off, and an example in both": Fault(
        "data/digits.py",
        "Split(images[held_out:], labels[held_out:])",
        "Split(images[held_out - 1 :], labels[held_out - 1 :])",
        ("tests/test_data.py::test_sample_is_mlxtends_and_split_without_overlap",),
    ),
    "color map: the split is one off, and a place in both": Fault(
        "data/color_map.py",
        "np.split(order, [3072, 3584])",
        "(order[:3073], order[3072:3584], order[3584:])",
        ("tests/test_data.py::test_color_map_is_the_picture_folded",),
    ),
    "photos: those held out stay in training": Fault(
        "data/photo_folders.py",
        "Split(images[~drawn], labels[~drawn])",
        "Split(images, labels)",
        (
            "tests/test_photo_folders.py::test_splits_are_drawn_from_each_class_without_overlap",
        ),
    ),
    "mlp: dropout active at evaluation": Fault(
        "models/mlp.py",
        "keras.layers.Dropout(dropout)",
        "keras.layers.Lambda(lambda values: keras.random.dropout(values, dropout))",
        (COPIES + "test_mlp_is_matrix_products",),
    ),
    "mlp: softmax before a loss of logits": Fault(
        "models/mlp.py",
        'name="logits"',
        'activation="softmax", name="logits"',
        (COPIES + "test_mlp_is_matrix_products",),
    ),
    "mlp: hidden layers frozen": Fault(
        "models/mlp.py",
        'Dense(width, activation="relu")',
        'Dense(width, activation="relu", trainable=False)',
        (f"tests/test_lessons.py::test_classifier_learns[{MLP}]",),
    ),
    "cnn: scaling left out": Fault(
        "models/cnn.py",
        "Rescaling(1 / 255)",
        "Rescaling(1.0)",
        (COPIES + "test_cnn_is_convolutions",),
    ),
    "efficientnet: backbone weights left random": Fault(
        "models/efficientnet_lite.py",
        "load_weights(model, weights)",
        "pass",
        ("tests/test_lessons.py::test_pretrained_network_names_what_it_sees",),
    ),
    "efficientnet: preprocessing left out": Fault(
        "models/efficientnet_lite.py",
        "Rescaling(1 / 128, offset=-127 / 128)",
        "Rescaling(1.0)",
        ("tests/test_lessons.py::test_pretrained_network_names_what_it_sees",),
    ),
    "efficientnet: kernels reshaped, not transposed": Fault(
        "models/efficientnet_lite.py",
        ".transpose(2, 3, 1, 0)",
        ".reshape(layer.kernel.shape)",
        ("tests/test_lessons.py::test_pretrained_network_names_what_it_sees",),
    ),
    "style network: the first kernel's colors not turned round": Fault(
        "models/style.py",
        "kernel[:, :, ::-1] if",
        "kernel if",
        (STYLE + "test_weights_that_came_with_pip_find_edges_as_in_their_package",),
    ),
    "style network: kernels not transposed": Fault(
        "models/style.py",
        "found[name] = kernel, bias",
        "found[name] = kernel.transpose(1, 0, 2, 3), bias",
        (STYLE + "test_weights_that_came_with_pip_find_edges_as_in_their_package",),
    ),
    "style: sum instead of mean in the Gram matrix": Fault(
        "models/style.py",
        "transpose_a=True) / places",
        "transpose_a=True)",
        (STYLE + "test_gram_matrix_and_losses_against_numpy",),
    ),
    "style: half of the Gram matrix's gradient": Fault(
        "models/style.py",
        "(upstream + tf.transpose(upstream)) / places",
        "upstream / places",
        (STYLE + "test_gradient_against_differences",),
    ),
    "style: sign of the content's loss": Fault(
        "models/style.py",
        "tf.reduce_mean((features - target) ** 2)",
        "-tf.reduce_mean((features - target) ** 2)",
        (STYLE + "test_gram_matrix_and_losses_against_numpy",),
    ),
    "style: several styles count alike": Fault(
        "models/style.py",
        "share / sum(shares) *",
        "1 / len(styles) *",
        (STYLE + "test_targets_are_the_contents_features_and_the_mean_of_the_styles",),
    ),
    "style transfer: content and style swapped": Fault(
        f"lessons/{PAINTING}.py",
        "image, *paints = (",
        "*paints, image = (",
        (STYLE + PAINTED,),
    ),
    "style transfer: losses of content and style swapped": Fault(
        f"lessons/{PAINTING}.py",
        '{"content": tf.reduce_mean(content_loss), "style": tf.reduce_mean(style_loss)}',
        '{"content": tf.reduce_mean(style_loss), "style": tf.reduce_mean(content_loss)}',
        (STYLE + PAINTED,),
    ),
    "style transfer: weights of the losses ignored": Fault(
        f"lessons/{PAINTING}.py",
        'getattr(config, f"{name}_weight") * loss',
        "loss",
        (STYLE + PAINTED,),
    ),
    "style transfer: gradient not applied": Fault(
        f"lessons/{PAINTING}.py",
        "adam.apply([gradient], [picture])",
        "pass",
        (STYLE + PAINTED,),
    ),
    "search: cosines of vectors that are not normalized": Fault(
        "models/features.py",
        "return vectors / np.maximum(1e-12, np.linalg.norm(vectors, axis=1, "
        "keepdims=True))",
        "return vectors",
        (COPIES + "test_histogram_counts_colors",),
    ),
    "search: the ten farthest": lesson(
        SEARCH,
        "np.argpartition(-cosines,",
        "np.argpartition(cosines,",
        "test_search_is_measured_as_scikit_learn_does",
    ),
    "search: test data in training": lesson(
        SEARCH,
        "dataset, weights = fashion.load_fashion(),",
        "dataset, weights = (lambda whole: "
        "whole._replace(train=whole.test))(fashion.load_fashion()),",
        f"test_nothing_is_learned_from_validation_or_test[{SEARCH}]",
    ),
    "line: the cost of a point not divided by their number": lesson(
        LINE,
        "tf.gather(y, [point])) / len(x)",
        "tf.gather(y, [point]))",
        "test_line_equals_numpy",
    ),
    "descent: gradient not applied": lesson(
        DESCENT,
        "optimizer.apply([tape.gradient(height, place.value)], [place])",
        "tape.gradient(height, place.value)",
        "test_plain_descent_is_the_formula",
    ),
    "descent: momentum dropped": lesson(
        DESCENT,
        "SGD(rate, momentum=config.momentum)",
        "SGD(rate)",
        DESCENDED,
    ),
    "mlp: sign of the loss": lesson(
        MLP,
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), "
        "loss_weights=-1.0",
        f"test_classifier_learns[{MLP}]",
    ),
    "mlp: logits taken for probabilities": lesson(
        MLP,
        "from_logits=True",
        "from_logits=False",
        f"test_saved_model_reads_raw_pictures_as_reported[{MLP}]",
    ),
    "mlp: test data in training": lesson(
        MLP,
        "train, validation = dataset.train,",
        "train, validation = dataset.test,",
        f"test_same_seed_same_result[{MLP}]",
    ),
    "cnn: validation data used as training data": lesson(
        CNN,
        "train, validation = dataset.train,",
        "train, validation = dataset.validation,",
        f"test_same_seed_same_result[{CNN}]",
    ),
    "overfitting: examples drawn from validation": lesson(
        PLANE,
        "plane.draw_examples(points,",
        "plane.draw_examples(points._replace(train=[np.tile(part, (8, 1)) for part in "
        "points.validation]),",
        f"test_nothing_is_learned_from_validation_or_test[{PLANE}]",
    ),
    "overfitting: weight decay ignored": lesson(
        PLANE,
        "weight_decay=weight_decay)",
        "weight_decay=0.0)",
        "test_overfitting_and_its_remedies",
    ),
    "overfitting: chosen by training error": lesson(
        PLANE,
        'best = min(remedies, key=lambda name: np.mean(errors[name]["validation"]))',
        'best = min(remedies, key=lambda name: np.mean(errors[name]["training"]))',
        "test_overfitting_and_its_remedies",
    ),
    "deep or wide: test data in training": lesson(
        DEEP,
        "(part[drawn] for part in function.train)",
        "(part[drawn % len(part)] for part in function.test)",
        f"test_nothing_is_learned_from_validation_or_test[{DEEP}]",
    ),
    "inside: what matters least is painted over": lesson(
        INSIDE,
        "np.where(ink, -values, 1)",
        "np.where(ink, values, 1)",
        "test_inside_a_cnn",
    ),
    "inside: Grad-CAM with the largest slope, not the mean": lesson(
        INSIDE,
        "weights = tf.reduce_mean(",
        "weights = tf.reduce_max(",
        "test_saliency_and_grad_cam_against_differences[Flatten]",
    ),
    "fooling: sign of the attack": lesson(
        FOOLING,
        "images + 255 * size * signs",
        "images - 255 * size * signs",
        "test_fast_gradient_sign_is_the_sign_of_the_slope",
    ),
    "fooling: dropout active in the attack": lesson(
        FOOLING,
        "training=False",
        "training=True",
        "test_fast_gradient_sign_is_the_sign_of_the_slope",
    ),
    "fooling: test data in training": lesson(
        FOOLING,
        "train(run, model, dataset.train,",
        "train(run, model, dataset.test,",
        f"test_nothing_is_learned_from_validation_or_test[{FOOLING}]",
    ),
    "distributed: each worker takes the same share": Fault(
        f"lessons/{SHARED}.py",
        "values[worker.replica_id_in_sync_group ::",
        "values[0::",
        (TOGETHER + "[2]",),
    ),
    "distributed: mean over the shares, not over the batch": Fault(
        f"lessons/{SHARED}.py",
        "tf.reduce_sum(losses) / count",
        "tf.reduce_mean(losses) / strategy.num_replicas_in_sync",
        (TOGETHER + "[2]",),
    ),
    "distributed: gradients of the others left out": Fault(
        f"lessons/{SHARED}.py",
        'tf.distribute.get_replica_context().all_reduce("sum", tf.identity_n([loss, *gradients]))',
        "[loss, *gradients]",
        (TOGETHER + "[2]",),
    ),
    "transfer: layers to be tuned left frozen": lesson(
        TRANSFER,
        "layer.trainable = layer in last",
        "layer.trainable = False",
        "test_digits_are_transferred_where_there_are_no_photos",
    ),
    "transfer: the network before learned nothing": lesson(
        TRANSFER,
        'backbone.compile("adam"',
        "backbone.compile(keras.optimizers.Adam(0.0)",
        "test_digits_are_transferred_where_there_are_no_photos",
    ),
    "transfer: validation data used as training data": lesson(
        TRANSFER,
        "images = {split: getattr(dataset, split) for",
        'images = {split: getattr(dataset, split.replace("train", "validation")) for',
        f"test_nothing_is_learned_from_validation_or_test[{TRANSFER}]",
    ),
    "cut point: head chosen on test": lesson(
        CUT,
        'head.score(vectors["validation"], labels["validation"])',
        'head.score(vectors["test"], labels["test"])',
        "test_head_is_chosen_on_validation",
    ),
    "confusion matrix: wrong axis of argmax": Fault(
        "training/runs.py",
        "predicted = probabilities.argmax(axis=1)",
        "predicted = probabilities.argmax(axis=0)[test.labels] % len(self.class_names)",
        (
            f"tests/test_lessons.py::test_saved_model_reads_raw_pictures_as_reported[{MLP}]",
        ),
    ),
    "confusion matrix: truth and answers swapped": Fault(
        "training/figures.py",
        "np.add.at(counts, (labels, predicted), 1)",
        "np.add.at(counts, (predicted, labels), 1)",
        (
            f"tests/test_lessons.py::test_saved_model_reads_raw_pictures_as_reported[{MLP}]",
        ),
    ),
    "recorder: dropout active where it looks": Fault(
        "training/recorder.py",
        "outputs = self.probe(images, training=False)",
        "outputs = self.probe(images, training=True)",
        ("tests/test_training.py::test_recording_does_not_change_the_training",),
    ),
    "speed: one variable of Adam's taken for the other": Fault(
        "training/speed.py",
        "v=adam._velocities[index]",
        "v=adam._momentums[index]",
        ("tests/test_speed.py::test_adam_in_one_operation_is_the_published_one",),
    ),
    "classifier: logits taken for probabilities": Fault(
        "training/classifier.py",
        "return tf.nn.softmax(outputs).numpy()",
        "return outputs",
        ("tests/test_exercises.py::test_probabilities",),
    ),
    "resume: state of dropout not saved": Fault(
        "training/checkpoints.py",
        "enumerate(owner.variables)",
        "enumerate(owner.weights if owner is self.model else owner.variables)",
        (RESUME + "[cnn]",),
    ),
    "resume: optimizer not restored": Fault(
        "training/checkpoints.py",
        "variable.assign(state[name])",
        "name[0] == 'o' or variable.assign(state[name])",
        (RESUME + "[mlp]",),
    ),
    "resume: the doctor forgets": Fault(
        "training/doctor.py",
        'KEPT = ("history", "epoch", "step", "broken_at")',
        "KEPT = ()",
        (RESUME + "[mlp]",),
    ),
    "resume: curves not cut back": Fault(
        "training/checkpoints.py",
        "os.truncate(path, length)",
        "pass",
        (RESUME + "[line]",),
    ),
    "exercises: the test split is given to the learner": Fault(
        "lessons/exercises/checking.py",
        "dataset._replace(test=Hidden())",
        "dataset",
        (
            "tests/test_exercises.py::test_check_cannot_be_fooled[asks for the test "
            "split]",
        ),
    ),
}


def find_problem(fault: Fault, root: Path = ROOT) -> str | None:
    """Returns why a fault cannot be planted, None if it can."""
    count = (root / fault.file).read_text("utf-8").count(fault.old)
    return (
        None
        if count == 1
        else f"{fault.file} has {fault.old!r} {count} times, expected once"
    )


def copy_project(folder: Path) -> None:
    """Copies the files that git knows, as they are now, into a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in listed.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def run_tests(folder: Path, tests) -> tuple[int, list[str], str]:
    """Runs pytest in a copy of the project; returns its exit code, how each failure
    begins, and what it printed.
    """
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    # Without bytecode: a fault that is as long as what it replaces, planted in the same
    # second, would be overlooked.
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment = {
        name: value
        for name, value in environment.items()
        if not name.startswith("PYTEST_")
    }
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
        *tests,
    ]
    process = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    cases = ElementTree.parse(report).iter("failure") if report.exists() else ()
    return (
        process.returncode,
        [case.get("message", "") for case in cases],
        process.stdout + process.stderr,
    )


def check(names: list[str]) -> int:
    """Plants faults and prints which ones are caught; returns how many are not.

    Args:
        names: of the faults.

    Raises:
        ValueError: a fault cannot be planted, or its tests fail without it.
    """
    with tempfile.TemporaryDirectory(prefix="mutations_") as temporary:
        folder = Path(temporary).resolve()
        copy_project(folder)
        for name in names:
            problem = find_problem(FAULTS[name], folder)
            if problem:
                raise ValueError(f"{name}: {problem}")
        started = time.perf_counter()
        tests = dict.fromkeys(test for name in names for test in FAULTS[name].tests)
        code, _, printed = run_tests(folder, tests)
        if code:
            raise ValueError(
                f"the tests fail without any fault: mend that first\n{printed}"
            )
        print(
            f"without any fault {len(tests)} node ids are green, in "
            f"{time.perf_counter() - started:.0f} s\n",
            flush=True,
        )
        missed, width = 0, max(map(len, names))
        for name in names:
            fault, started = FAULTS[name], time.perf_counter()
            path = folder / fault.file
            whole = path.read_text("utf-8")
            path.write_text(whole.replace(fault.old, fault.new), "utf-8")
            code, messages, _ = run_tests(folder, fault.tests)
            path.write_text(whole, "utf-8")
            caught = code == 1 and any(
                message.startswith(ASSERTED) for message in messages
            )
            missed += not caught
            crash = (
                f" ({messages[0].splitlines()[0][:80]})"
                if messages and not caught
                else ""
            )
            verdict = "caught" if caught else f"NOT caught, exit code {code}{crash}"
            seconds = time.perf_counter() - started
            print(
                f"{name:{width}}  {verdict:10} {seconds:4.0f} s  "
                f"{' '.join(fault.tests)}",
                flush=True,
            )
    print(f"\n{len(names) - missed} of {len(names)} faults are caught")
    return missed


def main() -> None:
    """Reads the command line, and ends with 1 if a fault is not caught, with 2 if it
    could not be looked for.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutations", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a fault; all if none is given"
    )
    parser.add_argument(
        "--list", action="store_true", help="print the faults, and plant none"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in FAULTS]
    if unknown:
        parser.error(f"there is no fault {unknown[0]!r}: --list names them")
    names = arguments.names or list(FAULTS)
    if arguments.list:
        for name in names:
            print(f"{name}: {FAULTS[name].file}")
        return
    try:
        sys.exit(1 if check(names) else 0)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
