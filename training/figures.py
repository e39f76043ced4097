"""The figures that several lessons draw. Each `plot_*` saves a PNG and returns its path."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def save(figure: Figure, path: Path) -> Path:
    """Saves a figure as PNG beside `path`, then renames it, and returns `path`."""
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial, dpi=120)
    return partial.replace(path)


def plot_confusion(path: Path, labels: np.ndarray, predicted: np.ndarray, class_names: tuple[str, ...]) -> Path:
    """Draws how often each true class (row) was given each answer (column).

    Args:
        path: of the PNG.
        labels: integers `(n,)`, the true classes.
        predicted: integers `(n,)`, the answers.
        class_names: the name of each class.
    """
    classes = len(class_names)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predicted), 1)
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    axes = figure.subplots()
    wrong = counts * (1 - np.eye(classes, dtype=int))
    axes.imshow(wrong, cmap="Reds", vmin=0, vmax=max(1, wrong.max()) * 1.3)
    for row, column in np.argwhere(counts):
        text = {"color": "0.6"} if row == column else {"weight": "bold"}
        axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=8, **text)
    axes.set(xticks=range(classes), yticks=range(classes), xticklabels=class_names, yticklabels=class_names)
    axes.set(xlabel="answer", ylabel="truth", title=f"{wrong.sum()} of {len(labels)} test images are wrong")
    return save(figure, path)


def plot_mistakes(
    path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, class_names: tuple[str, ...]
) -> Path:
    """Draws the 20 images whose true class was held the least likely, with the answer and the truth.

    Args:
        path: of the PNG.
        images: uint8 `(n, height, width, 1)` or `(n, height, width, 3)` in [0, 255].
        labels: integers `(n,)`, the true classes.
        probabilities: float `(n, classes)` in [0, 1].
        class_names: the name of each class.
    """
    predicted = probabilities.argmax(axis=1)
    truth = probabilities[np.arange(len(labels)), labels]
    worst = [index for index in np.argsort(truth) if predicted[index] != labels[index]][:20]
    figure = Figure(figsize=(8, 7.6), layout="constrained")
    figure.suptitle("The worst mistakes on test images: answer with its probability, and the truth")
    for axes, index in zip(figure.subplots(4, 5).flat, worst, strict=False):
        axes.imshow(images[index], cmap="gray", vmin=0, vmax=255)
        answer = predicted[index]
        axes.set_title(
            f"{class_names[answer]} ({probabilities[index, answer]:.0%}), is {class_names[labels[index]]}", fontsize=9
        )
    for axes in figure.axes:
        axes.axis("off")
    return save(figure, path)


def plot_costs(path: Path, train: np.ndarray, test: np.ndarray) -> Path:
    """Draws the cost of training and test examples after each epoch, both axes logarithmic.

    Args:
        path: of the PNG.
        train: float `(epochs + 1,)`, the first before training.
        test: float `(epochs + 1,)`.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for label, costs in (("training", train), ("test", test)):
        finite = costs < 1e30
        axes.plot(np.flatnonzero(finite), costs[finite], label=label)
    axes.set_xscale("symlog", linthresh=1)
    axes.set(yscale="log", xlabel="epoch", ylabel="cost", title="Cost", xlim=(0, None))
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return save(figure, path)


def plot_fit(path: Path, train: tuple, test: tuple, x: np.ndarray, curves: dict[str, np.ndarray]) -> Path:
    """Draws points and the curves that are to meet them.

    Args:
        path: of the PNG.
        train: x and y of the training points, each float `(n, 1)`.
        test: x and y of the test points.
        x: where the curves are known, float `(m, 1)`.
        curves: the values there of each curve, float `(m, 1)`.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(*train, color="black", label="training points", zorder=3)
    axes.scatter(*test, color="white", edgecolor="black", label="test points", zorder=3)
    for (label, values), style in zip(curves.items(), ("-", "--", ":"), strict=False):
        axes.plot(x, values, style, label=label)
    known = np.concatenate([train[1], test[1]])
    margin = 0.3 * np.ptp(known)
    axes.set(xlabel="x", ylabel="y", title="Fit", ylim=(known.min() - margin, known.max() + margin))
    axes.legend()
    return save(figure, path)


def plot_path(path: Path, x: np.ndarray, y: np.ndarray, weights: np.ndarray, best: np.ndarray) -> Path:
    """Draws the path of W and b over the surface of the cost sum((W x + b - y)^2) / (2 n).

    Args:
        path: of the PNG.
        x: float `(n, 1)`.
        y: float `(n, 1)`.
        weights: float `(epochs + 1, 2)`, W and b in the order of training.
        best: float `(2,)`, W and b where the surface is lowest.
    """
    corners = np.concatenate([weights, [best]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.15 * np.maximum(high - low, 0.5)
    w, b = np.meshgrid(*(np.linspace(start, end, 200) for start, end in zip(low - margin, high + margin, strict=True)))
    errors = w[..., np.newaxis] * x[:, 0] + b[..., np.newaxis] - y[:, 0]
    costs = np.mean(errors**2, axis=-1) / 2
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    levels = np.geomspace(costs.min() * 1.001, costs.max(), 20)
    axes.contourf(w, b, costs, levels, cmap="viridis", norm="log")
    axes.plot(*weights.T, "o-", color="white", markersize=2, linewidth=1, label="after each epoch")
    axes.plot(*best, "r*", markersize=12, label="lowest cost")
    axes.set(xlabel="W", ylabel="b", title="The path over the cost surface")
    axes.legend()
    return save(figure, path)
