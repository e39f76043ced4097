"""How good answers are: skill, which is comparable between tasks, and cost."""

from training.doctor.task import Task, decide, decide_each, place_ids

import numpy as np


def measure_skill(outputs: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Returns how good answers are: 0 for the best constant, 1 for perfect; mean
    recall, or explained variance.
    """
    if task.kind == "squared":
        y = y.reshape(outputs.shape) if y.size == outputs.size else y
        return explained_variance(outputs, y, np.mean((y - y.mean(axis=0)) ** 2))
    truth = place_ids(y, task)
    if truth is not None:
        return mean_recall(truth, decide(outputs, task))
    # Several labels an example, each of which may be rare.
    answers = decide_each(outputs, task).reshape(-1, task.outputs)
    truth = np.reshape(y > 0.5, answers.shape)
    return float(np.mean(list(map(mean_recall, truth.T, answers.T))))


def name_skill(task: Task) -> str:
    """Returns what `measure_skill` measures."""
    return "explained variance" if task.kind == "squared" else "skill (0 is chance)"


def mean_recall(truth: np.ndarray, answers: np.ndarray) -> float:
    """Returns the mean recall of the classes, brought to 0 for chance and 1 for
    perfect.
    """
    classes = np.unique(truth)
    mean = np.mean([np.mean(answers[truth == label] == label) for label in classes])
    return float((mean - 1 / max(2, len(classes))) / (1 - 1 / max(2, len(classes))))


def explained_variance(answers: np.ndarray, y: np.ndarray, variance: float) -> float:
    """Returns 1 minus the mean squared error as a fraction of a variance."""
    least = 1e-12 * np.mean(np.float64(y) ** 2) + np.finfo(float).tiny
    return float(1 - np.mean((answers - y) ** 2) / max(least, variance))


def cost(outputs: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Returns cross-entropy or mean squared error, computed here, whatever the
    network's own loss is.
    """
    if task.kind == "squared":
        return float(
            np.mean(
                (outputs - (y.reshape(outputs.shape) if y.size == outputs.size else y))
                ** 2
            )
        )
    if task.kind == "binary" or task.outputs == 1:
        p = (
            1 / (1 + np.exp(-np.clip(outputs, -60, 60)))
            if task.from_logits
            else outputs
        )
        p, y = np.clip(p, 1e-7, 1 - 1e-7), y.reshape(outputs.shape)
        return float(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)))
    rows = outputs.reshape(-1, outputs.shape[-1])
    ids = place_ids(y, task)
    if ids is None:
        raise TypeError("targets that are no classes")
    if task.from_logits:
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
    rows = rows / np.maximum(1e-12, rows.sum(axis=1, keepdims=True))
    return float(np.mean(-np.log(np.clip(rows[np.arange(len(ids)), ids], 1e-7, 1))))


def constant_cost(y: np.ndarray, task: Task) -> float:
    """Returns the cost of the best answer that is always the same."""
    if task.kind == "squared":
        return float(np.mean((y - y.mean(axis=0)) ** 2))
    ids = place_ids(y, task)
    if ids is None or task.kind == "binary":
        p = np.clip(np.mean(y, axis=0), 1e-7, 1 - 1e-7)
        return float(np.mean(-p * np.log(p) - (1 - p) * np.log(1 - p)))
    frequencies = np.bincount(ids) / len(ids)
    frequencies = frequencies[frequencies > 0]
    return float(-np.sum(frequencies * np.log(frequencies)))
