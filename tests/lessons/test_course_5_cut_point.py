"""Late features are too special for digits, and heads are chosen on validation."""

from lessons import course_5_cut_point as lesson

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import Split, digits
from tests.lessons import small

SMALL = {"digits_each": 5}
PATCHES = {
    "data.digits.load_digits": small.fewer(digits.load_digits, train=4000, others=70)
}


def check_digits(metrics, best: float, last: float):
    """Half of the way from 10 %, which ten digits are by chance, to the docstring's
    figures; early and last stages are worse than the best one.
    """
    tested = [row["digits test"] for row in metrics["accuracies"].values()]
    assert tested[0] < 0.6
    assert metrics["test"]["digits"] > (0.1 + best) / 2
    assert metrics["baseline"]["digits"] > (0.1 + last) / 2
    assert metrics["baseline"]["digits"] < max(tested) - 0.02


def test_late_features_are_too_special_for_digits(small_run):
    """From five of each."""
    check_digits(small_run.metrics, 0.76, 0.6)


def test_stage_is_chosen_on_validation(small_run):
    """And not on the test; the last stage is the baseline."""
    metrics = small_run.metrics
    rows = list(metrics["accuracies"].values())
    validation = np.array([row["digits validation"] for row in rows])
    best = np.flatnonzero(validation == validation.max())[-1]
    assert metrics["test"] == {"digits": rows[best]["digits test"]}
    assert metrics["baseline"] == {"digits": rows[-1]["digits test"]}
    equally_good = [
        {"validation": 0.5, "test": 0.9},
        {"validation": 0.8, "test": 0.4},
        {"validation": 0.8, "test": 0.3},
        {"validation": 0.7, "test": 1.0},
    ]
    assert lesson.choose_stage(equally_good) == 2


@pytest.mark.full
def test_digits_as_shipped(tmp_path):
    check_digits(lesson.main(lesson.Config(logdir=tmp_path)), 0.91, 0.87)


@pytest.mark.parametrize("seed", [1, 2])
def test_head_is_chosen_on_validation(seed):
    """Against scikit-learn's search with the validation split as its only fold; noise
    lets the training split prefer another strength.
    """
    random = np.random.default_rng(seed)
    train_y = random.integers(0, 2, 40)
    validation_y = random.integers(0, 2, 300)
    train_x = random.normal(size=(40, 30))
    train_x[:, :2] += train_y[:, np.newaxis]
    validation_x = random.normal(size=(300, 30))
    validation_x[:, :2] += validation_y[:, np.newaxis]
    fold = PredefinedSplit(np.repeat([-1, 0], [40, 300]))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    strengths = {"logisticregression__C": lesson.STRENGTHS}
    search = GridSearchCV(
        pipeline, strengths, cv=fold, refit=False, return_train_score=True
    )
    search.fit(
        np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    )
    training_scores = search.cv_results_["mean_train_score"]
    assert training_scores.argmax() != search.best_index_
    chosen = lesson.fit_head(Split(train_x, train_y), Split(validation_x, validation_y))
    assert search.best_params_["logisticregression__C"] == chosen[-1].C
    score = chosen.score(validation_x, validation_y)
    assert score == pytest.approx(search.best_score_)
