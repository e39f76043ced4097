"""The figures of `course_1_tf_lr.py`."""

import numpy as np
from matplotlib.figure import Figure


def compute_costs(x: np.ndarray, y: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Returns half of the mean squared error of each line, float `(...)`.

    Args:
        x: of the points, float `(n, 1)`.
        y: of the points, float `(n, 1)`.
        lines: W and b, float `(..., 2)`.
    """
    errors = lines[..., :1] * x[:, 0] + lines[..., 1:] - y[:, 0]  # (..., n)
    return np.mean(errors**2, axis=-1) / 2


def plot_costs(dataset, path: list[np.ndarray]) -> Figure:
    """Draws the cost of training and test points after each epoch, both axes
    logarithmic.

    Args:
        dataset: of points.
        path: W and b after each epoch, the first before training.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for label, split in (("training", dataset.train), ("test", dataset.test)):
        costs = compute_costs(*split, np.stack(path).astype(float))
        drawn = costs < 1e30  # what diverges is drawn as far as an axis can show it
        axes.plot(np.flatnonzero(drawn), costs[drawn], label=label)
    axes.set_xscale("symlog", linthresh=1)
    axes.set(yscale="log", xlabel="epoch", ylabel="cost", title="Cost", xlim=(0, None))
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return figure


def plot_fit(dataset, reached: dict[str, float], best: dict[str, float]) -> Figure:
    """Draws the points and two lines.

    Args:
        dataset: of points.
        reached: W and b at the end of gradient descent.
        best: W and b of least squares.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(*dataset.train, color="black", label="training points", zorder=3)
    axes.scatter(
        *dataset.test, color="white", edgecolor="black", label="test points", zorder=3
    )
    x = np.array([2, 11])
    axes.plot(x, reached["W"] * x + reached["b"], "-", label="gradient descent")
    axes.plot(x, best["W"] * x + best["b"], "--", label="best line")
    y = np.concatenate([dataset.train.y, dataset.test.y])
    margin = 0.3 * np.ptp(y)
    limits = (y.min() - margin, y.max() + margin)
    axes.set(xlabel="x", ylabel="y", title="Fit", ylim=limits)
    axes.legend()
    return figure


def plot_path(dataset, path: list[np.ndarray], best: dict[str, float]) -> Figure:
    """Draws the path of W and b over the cost of the training points, as a landscape.

    Args:
        dataset: of points.
        path: W and b after each epoch, the first before training.
        best: W and b where the cost is lowest.
    """
    goal = best["W"], best["b"]
    corners = np.stack([*path, goal])
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.15 * np.maximum(high - low, 0.5)
    (left, bottom), (right, top) = low - margin, high + margin
    W, b = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    costs = compute_costs(*dataset.train, np.stack([W, b], axis=-1))
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    levels = np.geomspace(costs.min() * 1.001, costs.max(), 20)
    axes.contourf(W, b, costs, levels, cmap="viridis", norm="log")
    axes.plot(
        *np.stack(path).T,
        "o-",
        color="white",
        markersize=2,
        linewidth=1,
        label="after each epoch",
    )
    axes.plot(*goal, "r*", markersize=12, label="lowest cost")
    axes.set(xlabel="W", ylabel="b", title="The path over the cost")
    axes.legend()
    return figure
