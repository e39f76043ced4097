"""The table and the figure of `course_5_cut_point.py`."""

from matplotlib.figure import Figure


def tabulate(
    stages: tuple[str, ...], accuracies: dict[str, list[dict[str, float]]]
) -> dict[str, dict[str, float]]:
    """Returns a row for each stage, with a column for each task and split, such as
    "digits test".

    Args:
        stages: the names of the stages.
        accuracies: by task, for each stage the accuracies by split.
    """
    table = {}
    for place, stage in enumerate(stages):
        row = {}
        for task, rows in accuracies.items():
            for split, accuracy in rows[place].items():
                row[f"{task} {split}"] = accuracy
        table[f"{place + 1}  {stage}"] = row
    return table


def plot_depths(accuracies: dict[str, list[dict[str, float]]]) -> Figure:
    """Draws the test accuracy of each task over the stage after which the network is
    cut.

    Args:
        accuracies: by task, for each stage the accuracies by split.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for task, rows in accuracies.items():
        stages = range(1, len(rows) + 1)
        axes.plot(stages, [row["test"] for row in rows], "o-", label=task)
    axes.set(xlabel="cut after stage", ylabel="test accuracy", xticks=stages)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
