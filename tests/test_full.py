"""What the docstrings of the lessons say, held to what `make full` measured: to
`docs/results.json`, which `python -m tools.full` writes.

A figure that was not measured yet of the code as it is now is skipped, with that
reason.
"""

import re

from lessons import measurements
from lessons.course import find_lessons

import pytest

from tests.few import load

# What stands in a docstring, with the name of a value for its figure: as it is in
# `docs/results.json`, or with a star for the mean of several. `%` stands for percent;
# a figure is the mean over the seeds, or with `:min` and `:max` an end of their range.
CLAIMS = {
    ("course_1_tf_lr", ""): [
        "cost {train.loss} on the 17 training points and {test.loss} on 8 test points",
        "the lowest training cost has {closed_form.train cost} and "
        "{closed_form.test cost}",
    ],
    ("course_2_mlp", ""): [
        "{test.accuracy%} % test accuracy ({test.accuracy%:min} to "
        "{test.accuracy%:max} over 5 seeds)",
    ],
    ("course_2_mlp", "--epochs 30"): ["{test.accuracy%} % test accuracy for three"],
    ("course_2_mlp", "--units 32"): ["32 units: {test.accuracy%} % test accuracy"],
    ("course_2_mlp", "--learning-rate 0.1"): [
        "too high: {test.accuracy%:min} to {test.accuracy%:max} % test accuracy"
    ],
    ("course_2_overfitting", ""): [
        "{errors.64 units.validation.*%} % validation error "
        "({errors.64 units.validation.*%:min} to "
        "{errors.64 units.validation.*%:max} over 5 seeds)",
        "{errors.weight decay.validation.*%} % "
        "({errors.weight decay.validation.*%:min} to "
        "{errors.weight decay.validation.*%:max}) with weight decay",
    ],
    ("course_2_deep_or_wide", ""): [
        "four hidden layers leave {unexplained.4.folded.*%} % of the variance",
        "one wide layer of as many weights {unexplained.1.folded.*%} %",
    ],
    ("course_3_cnn", ""): [
        "{test.accuracy%} % test accuracy ({test.accuracy%:min} to "
        "{test.accuracy%:max} over 5 seeds)",
    ],
    ("course_3_cnn", "--epochs 1"): ["{test.accuracy%} % in half"],
    ("course_3_cnn", "--learning-rate 0.1"): ["too high: {test.accuracy%} %"],
    ("course_3_cnn", "--filters 4 8"): ["of the filters: {test.accuracy%} %"],
    ("course_3_what_filters_see", ""): [
        "{confidence.end%} % mean probability",
        "({confidence.end%:min} to {confidence.end%:max} over 5 networks",
        "{confidence.start%:min} to {confidence.start%:max} % after one of 100",
    ],
    ("course_3_saliency", ""): [
        "saliency changes {changed.saliency%} % of the answers",
        "({changed.saliency%:min} to {changed.saliency%:max} over 5 networks)",
        "a random fifth {changed.chance%:min} to {changed.chance%:max} %",
    ],
    ("course_3_grad_cam", ""): [
        "looked most changes {changed.Grad-CAM%} % of the answers",
        "({changed.Grad-CAM%:min} to {changed.Grad-CAM%:max} over 5 networks)",
        "looked least {changed.least looked at%} % "
        "({changed.least looked at%:min} to {changed.least looked at%:max})",
    ],
    ("course_3_fooling_a_cnn", ""): [
        "{right.as trained.worst.5%} % accuracy on test images moved by 0.2",
        "{right.as trained.random.5%} % in random directions",
        "{right.trained on attacks.worst.5%} % "
        "({right.trained on attacks.worst.5%:min} to "
        "{right.trained on attacks.worst.5%:max}) after training",
    ],
    ("course_4_similar_clothes", ""): [
        "{test.precision_at_10%} % of the first ten are of the right kind",
        "({test.precision_at_10%:min} to {test.precision_at_10%:max} over 3 seeds)",
        "{baseline.pixels_precision_at_10%} % by pixels (the best",
    ],
    ("course_4_similar_clothes", "--epochs 1"): [
        "a third of the time: {test.precision_at_10%} %"
    ],
    ("course_4_similar_clothes", "--units 8"): ["less: {test.precision_at_10%} %"],
    ("course_4_photo_search", ""): [
        "{test.cropped%} % of searches with a cropped view find its photograph first",
        "({test.cropped%:min} to {test.cropped%:max} over 5 seeds)",
        "{baseline.histogram_cropped%} % by colors",
        "{baseline.pixels_cropped%} % by pixels Time",
    ],
    ("course_5_transfer_learning", ""): [
        "{baseline.head%:min} to {baseline.head%:max} % test accuracy (4 seeds)",
        "{test.accuracy%:min} to {test.accuracy%:max} % after fine-tuning",
        "{baseline.scratch%:min} to {baseline.scratch%:max} % from scratch",
    ],
    ("course_5_cut_point", ""): [
        "{test.digits%} % test accuracy ({test.digits%:min} to {test.digits%:max} over",
        "the last stage gives {baseline.digits%} % "
        "({baseline.digits%:min} to {baseline.digits%:max})",
        "after the last stage, {test.photos%} %",
    ],
    ("course_5_cut_point", "--digits-each 5"): [
        "five of each: {test.digits%} % at stage 7, {baseline.digits%} % at the last"
    ],
    ("course_6_localization", ""): [
        "{test.accuracy%:min} to {test.accuracy%:max} % of the digits of the test",
        "the mean IoU is {test.iou:min} to {test.iou:max}",
        "the mean box has an IoU of {baseline.mean_box}",
    ],
    ("course_6_localization", "--forget-places"): [
        "weigh the same: {test.box_right%} % of the test's boxes"
    ],
    ("course_6_localization", "--box-loss huber"): ["IoU of {test.iou} instead"],
    ("course_6_detection", ""): [
        "{test.map50} ({test.map50:min} to {test.map50:max} over",
        "reads digits reaches {baseline.map50}",
    ],
    ("course_6_detection", "--steps 300"): ["is too few: {test.map50}"],
    ("course_6_detection", "--spread 0.01 --steps 300"): [
        "around the centers: {test.map50} instead"
    ],
    ("course_6_detection", "--steps 8000"): ["in five times the time: {test.map50}"],
    ("course_6_detection", "--data cells"): [
        "average precision at 0.5 is {test.map50}",
        "the baseline's {baseline.map50}. The box",
    ],
    ("course_6_segmentation", ""): [
        "mean IoU {test.mean_iou} of 11 classes on 2,000 test scenes "
        "({test.mean_iou:min} to {test.mean_iou:max} over",
        "class of each place reaches {baseline.mean_iou}",
    ],
    ("course_6_segmentation", "--data camvid"): [
        "test is {test.mean_iou}, the baseline's {baseline.mean_iou} (",
        "nothing is learned from: {test.mean_iou_unseen}.",
    ],
    ("course_6_segmentation", "--no-skips"): ["as many weights: {test.mean_iou}."],
    ("course_6_segmentation", "--steps 11000"): ["as many updates: {test.mean_iou}"],
    ("course_6_segmentation", "--classes object"): ['"object" is {classes.object.iou}'],
    ("course_6_segmentation", "--which-weight 1"): [
        'the weight for "which": {test.mean_iou}'
    ],
    ("course_6_instances", "--pairs 0"): [
        "only by chance: {test.mask_map50_touching} where"
    ],
    ("course_6_instances", "--vote-weight 0"): [
        "arbitrary directions: {test.mask_map50_touching}"
    ],
    ("course_6_instances", "--classes digits"): [
        "is no hit: {test.mask_map50_touching}"
    ],
    ("course_6_instances", ""): [
        "average precision of masks {test.mask_map50_touching}",
        "the same network's map reach {baseline.mask_map50_touching}",
        "votes {test.mask_map50_touching} ({test.mask_map_touching}) "
        "{test.mask_map50_apart} ({test.mask_map_apart})",
        "nearest center {nearest_center.mask_map50_touching} "
        "({nearest_center.mask_map_touching}) {nearest_center.mask_map50_apart} "
        "({nearest_center.mask_map_apart})",
        "connected components {baseline.mask_map50_touching} "
        "({baseline.mask_map_touching}) {baseline.mask_map50_apart} "
        "({baseline.mask_map_apart})",
    ],
    ("course_7_text_classification", ""): [
        "{accuracies.network on a bag.test%} % test accuracy with a network "
        "({accuracies.network on a bag.test%:min} to "
        "{accuracies.network on a bag.test%:max} over 5 seeds)",
        "{baseline.linear%} % with a linear model "
        "({baseline.linear%:min} to {baseline.linear%:max})",
    ],
    ("course_7_text_classification", "--keep-duplicates"): [
        "right for {test.accuracy%} %, the linear model for {baseline.linear%} %"
    ],
    ("course_7_text_classification", "--pieces 1000"): [
        "the bag falls to {accuracies.network on a bag.test%} %, the network on the "
        "order stays near {accuracies.network on the order.test%} %"
    ],
    ("course_7_mail_filter", ""): [
        "{filters.network.spam_caught%:min} to {filters.network.spam_caught%:max} % of "
        "the spam",
        "{filters.network.ham_blocked%:min} to {filters.network.ham_blocked%:max} % of "
        "the ham",
    ],
    ("course_7_mail_filter", "--lost-ham 0.02"): [
        "the network catches {test.spam_caught%} % of the spam, the linear model "
        "{baseline.spam_caught%} %"
    ],
    ("course_7_writing", ""): [
        "{test.nats_per_character} nats a character",
        "({test.nats_per_character:min} to {test.nats_per_character:max} over",
        "{baseline.nats_per_character} by n-grams",
        "{baseline.xz} by xz",
    ],
    ("course_7_writing", "--text shakespeare"): [
        "tiny Shakespeare {test.nats_per_character} {baseline.nats_per_character} "
        "{baseline.xz}",
    ],
    ("course_7_writing", "--text sanguo --batch-size 32 --steps 2400 --dropout 0.3"): [
        "a Chinese novel {test.nats_per_character} {baseline.nats_per_character} "
        "{baseline.xz}",
    ],
    ("course_7_small_gpt", ""): [
        "{test.nats_per_character} nats a character",
        "({test.nats_per_character:min} to {test.nats_per_character:max} over",
        "{baseline.recurrent} by a recurrent network",
        "{baseline.nats_per_character} by n-grams",
        "{baseline.xz} by xz",
    ],
    ("course_7_small_gpt", "--text shakespeare"): [
        "in verses: {test.nats_per_character}, where n-grams have "
        "{baseline.nats_per_character} and"
    ],
    ("course_7_small_gpt", "--steps 3700"): [
        "10 minutes end at {test.nats_per_character}"
    ],
    ("course_9_style_transfer", ""): [
        "style loss {test.style} and content loss {test.content}, against "
        "{baseline.style} and {baseline.content}",
    ],
    ("course_9_style_transfer", "--style-weight 500"): [
        "falls to {test.style}, the content loss rises to {test.content}"
    ],
    ("course_11_distributed", "--workers 2 --batch-size 1000 --epochs 2"): [
        "of the updates: {test.accuracy%} % after two epochs"
    ],
}
PLACE = re.compile(r"\{(.+?)(%?)(?::(min|max))?\}")
FIGURE = r"(-?[\d,]*\.?\d+)"


def read_figures(claim: str, docstring: str) -> list[tuple[str, str, str, str]]:
    """Returns for each place in a claim the value's name, whether it is in percent,
    which statistic it is, and the figure that the docstring has there.
    """
    parts = [re.escape(part) for part in PLACE.sub("\0", claim).split("\0")]
    found = re.search(FIGURE.join(parts), " ".join(docstring.split()))
    assert found, f"the docstring does not say {claim!r} any more"
    places = PLACE.findall(claim)
    return [
        (*place, figure) for place, figure in zip(places, found.groups(), strict=True)
    ]


def find_value(name: str, entry: dict) -> float:
    """A value of an entry; the mean of several if the name ends with a star."""
    values = entry["values"]
    if not name.endswith(".*"):
        return values[name]
    found = [values[each] for each in values if each.startswith(name[:-1])]
    return sum(found) / len(found)


def explain(name, percent, statistic, figure, entries) -> str:
    """Why a figure is not what was measured; "" if it is, up to its last digit.

    A range holds as long as nothing was measured outside of it. The mean over seeds is
    asked for where there are at least three, or two that are equal.
    """
    unit = 1.001 * 10 ** -len(figure.partition(".")[2])
    values = [(100 if percent else 1) * find_value(name, entry) for entry in entries]
    said = float(figure.replace(",", ""))
    least, most, mean = min(values), max(values), sum(values) / len(values)
    few = not entries[0]["flags"] and (
        len(values) == 1 or (len(values) == 2 and least < most)
    )
    right = {
        "min": least >= said - unit,
        "max": most <= said + unit,
        "": few or abs(mean - said) <= unit,
    }
    if right[statistic]:
        return ""
    return f"{statistic} {name} is {figure} in the docstring, measured: {values}"


@pytest.mark.parametrize(
    ("name", "flags", "claim"),
    [(*run, claim) for run, claims in CLAIMS.items() for claim in claims],
)
def test_docstring_says_what_was_measured(name, flags, claim):
    lesson = load(name)
    figures = read_figures(claim, lesson.__doc__)
    (page,) = (each for each in find_lessons() if each.path.stem == name)
    assert not flags or flags in measurements.list_flags(page.path)
    entries = measurements.find(page.path, flags)
    if not entries:
        pytest.skip(measurements.NOT_MEASURED)
    wrong = [explain(*figure, entries) for figure in figures]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize(
    ("flags", "figure", "statistic", "values", "right"),
    [
        ("", "98.4", "", [0.9837, 0.9839, 0.9841], True),
        ("", "98.4", "", [0.9812, 0.9814, 0.9816], False),
        ("", "98.4", "", [0.9812, 0.9860], True),  # two seeds are no mean
        ("", "98.4", "", [0.9812, 0.9812], False),  # nothing is random
        ("", "98.4", "", [0.97], True),
        ("--epochs 30", "98.4", "", [0.97], False),  # things to try are run once
        ("", "98.3", "min", [0.9831, 0.99], True),
        ("", "98.3", "min", [0.9812], False),
        ("", "98.5", "max", [0.9852], True),
        ("", "98.5", "max", [0.987], False),
    ],
)
def test_figures_are_held_to_their_last_digit(flags, figure, statistic, values, right):
    entries = [{"flags": flags, "values": {"test.accuracy": value}} for value in values]
    reason = explain("test.accuracy", "%", statistic, figure, entries)
    assert (reason == "") == right
