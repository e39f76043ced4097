"""Simple rules, a linear one and nearest neighbors, on the examples of a training: what
a network should reach, and what can be learned from these examples at all.
"""

import warnings

from training.doctor import scores
from training.doctor.task import Task, class_ids

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

MAX_TARGETS = 50  # of an example; a simple rule takes too long for more
MAX_FEATURES = 1500
MIN_EXAMPLES = 12  # of which some can be set aside


def learn_simply(features: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Returns the skill of the better of a linear and a nearest-neighbor rule on a
    third that it has not seen; of fewer than 12 examples, as the four of XOR, what can
    be known by heart.

    Args:
        features: `(n, features)`, as `make_features` returns them.
        y: labels or targets, `(n, ...)`.
        task: what is asked.
    """
    if len(features) < MIN_EXAMPLES:
        return learn_by_heart(features, y, task)
    order = np.random.default_rng(2).permutation(len(features))
    rows, y, cut = features[order], y[order], 2 * len(features) // 3
    if task.kind == "squared":
        y = y.reshape(len(y), -1)
        if y.shape[1] > MAX_TARGETS:
            # Of a picture: asked for is a little more than its mean.
            return 0.3
        rules = [Ridge(1.0), KNeighborsRegressor(5)]
        answers = [rule.fit(rows[:cut], y[:cut]).predict(rows[cut:]) for rule in rules]
        variance = np.mean((y[cut:] - y[cut:].mean(axis=0)) ** 2)
        return max(
            scores.explained_variance(given.reshape(-1, y.shape[1]), y[cut:], variance)
            for given in answers
        )
    ids = class_ids(y, task.kind)
    if ids is None or len(np.unique(ids[:cut])) < 2:
        return 0.0
    rules = [
        LogisticRegression(C=0.1, max_iter=60, class_weight="balanced"),
        KNeighborsClassifier(3),
    ]
    with warnings.catch_warnings():
        # scikit-learn: more iterations would make it a little better.
        warnings.simplefilter("ignore")
        return max(
            scores.mean_recall(
                ids[cut:], rule.fit(rows[:cut], ids[:cut]).predict(rows[cut:])
            )
            for rule in rules
        )


def learn_by_heart(features: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Returns the skill of a rule on the examples that it has seen: of the nearest
    neighbor for classes and for targets of two values, else of a line.
    """
    if task.kind == "squared":
        y = y.reshape(len(y), -1)
        by_line = len(np.unique(y)) > 2
        rule = Ridge(1.0) if by_line else KNeighborsRegressor(1)
        answers = rule.fit(features, y).predict(features).reshape(y.shape)
        return scores.explained_variance(answers, y, np.var(y, axis=0).mean())
    ids = class_ids(y, task.kind)
    if ids is None or len(np.unique(ids)) < 2:
        return 0.0
    rule = KNeighborsClassifier(1).fit(features, ids)
    return scores.mean_recall(ids, rule.predict(features))


def ask_neighbors(
    features: np.ndarray, y: np.ndarray, task: Task, learned: int | None = None
) -> float:
    """Returns the skill of a nearest-neighbor rule on examples that it has not seen.

    Args:
        features: `(n, features)`, as `make_features` returns them.
        y: labels or targets, `(n, ...)`.
        task: what is asked.
        learned: how many of the examples, the first ones, it learns from; two thirds of
            them, drawn by chance, if not given.
    """
    if learned is None:
        order = np.random.default_rng(0).permutation(len(features))
        learned = 2 * len(features) // 3
    else:
        order = np.arange(len(features))
    train, test = order[:learned], order[learned:]
    count = min(3, len(train))
    if task.kind == "squared":
        y = y.reshape(len(y), -1)
        rule = KNeighborsRegressor(count).fit(features[train], y[train])
        answers = rule.predict(features[test])
        return scores.explained_variance(answers, y[test], np.var(y[test]))
    ids = class_ids(y, task.kind)
    if ids is None:
        return 1.0
    rule = KNeighborsClassifier(count).fit(features[train], ids[train])
    return scores.mean_recall(ids[test], rule.predict(features[test]))


def make_features(rows: np.ndarray, are_words: bool) -> np.ndarray:
    """Returns inputs as a simple rule takes them: standardized columns, or counts of
    words.

    Args:
        rows: inputs `(n, ...)`.
        are_words: whether they are ids of words.
    """
    flat = rows.reshape(len(rows), -1)
    if are_words:
        size = int(flat.max()) + 1
        counts = [np.bincount(row, minlength=size) for row in flat.astype(np.int64)]
        return np.stack(counts).astype(float)
    if flat.shape[1] > MAX_FEATURES:
        flat = flat[:, :: -(-flat.shape[1] // MAX_FEATURES)]
    flat = flat.astype(np.float64)
    width = flat.std(axis=0) + 1e-2 * (flat.std() + 1e-12)
    return (flat - flat.mean(axis=0)) / width


def expected_purity(frequencies: np.ndarray, size: int) -> float:
    """Returns which fraction of a batch the largest class has on average if the batch
    is drawn by chance.
    """
    draws = np.random.default_rng(0).multinomial(size, frequencies, 200)
    return float(np.mean(draws.max(axis=1) / size))
