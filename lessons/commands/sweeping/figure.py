"""The figure of a sweep."""

import statistics
from pathlib import Path

from lessons.commands import compare
from training import figures, run_folder

from matplotlib.figure import Figure


def plot_sweep(
    path: Path, records: list[run_folder.Record], names: list[str]
) -> Path | None:
    """Draws results against the first hyperparameter other than the seed: means and
    ranges over seeds.

    Args:
        path: of the PNG.
        records: the runs.
        names: the hyperparameters of the sweep; the second, if there is one, makes a
            line for each of its values.

    Returns:
        `path`, or None if there is nothing to draw.
    """
    records = [record for record in records if record.results]
    names = [name for name in names if name != "seed"] or names
    metrics = [
        metric
        for metric in ("accuracy", "loss")
        if any(f"test_{metric}" in r.results for r in records)
    ][:1]
    if not metrics:
        return None
    splits = [
        split
        for split in ("validation", "test")
        if any(f"{split}_{metrics[0]}" in r.results for r in records)
    ]
    figure = Figure(figsize=(6 * len(splits), 4.2), layout="constrained")
    for axes, split in zip(
        figure.subplots(1, len(splits), squeeze=False)[0], splits, strict=True
    ):
        lines = {}
        for record in records:
            line = ", ".join(
                f"{name} {compare.format_setting(record.settings[name])}"
                for name in names[1:]
            )
            value = record.settings[names[0]]
            value = value if is_number(value) else compare.format_setting(value)
            lines.setdefault(line, {}).setdefault(value, []).append(
                record.results[f"{split}_{metrics[0]}"]
            )
        for line, points in lines.items():
            x = sorted(points) if all(map(is_number, points)) else list(points)
            means = [statistics.mean(points[value]) for value in x]
            low = [
                mean - min(points[value]) for mean, value in zip(means, x, strict=True)
            ]
            high = [
                max(points[value]) - mean for mean, value in zip(means, x, strict=True)
            ]
            axes.errorbar(
                x,
                means,
                [low, high],
                marker="o",
                capsize=5,
                label=line or "mean and range over seeds",
            )
        if all(map(is_number, x)) and min(x) > 0 and max(x) >= 20 * min(x):
            axes.set_xscale("log")
        axes.set(xlabel=names[0], ylabel=f"{split} {metrics[0]}")
        axes.grid(alpha=0.3)
        axes.legend()
    return figures.save_figure(figure, path)


def is_number(value) -> bool:
    """True for a number that has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)
