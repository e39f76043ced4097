"""How time and memory grow with the data and with the size of the pictures.

With the data: an epoch of course_3_cnn as shipped, without validation, on a sixteenth,
a quarter and all of MNIST's 55,000 training images; to the sixteenth it adds no moved
images. With the size: a step of course_9_style_transfer for pictures of 128 to 1,024
pixels. Memory is the most that the process held, less what it held after importing
TensorFlow; all of MNIST (55 MB) is part of it also where only a fraction is trained on.
Each is measured once, in a process of its own.

Both grow more slowly than the work, because a part is always the same: the recorder
looks 12 times and writes 100 points in a run of any length, and the network, its
optimizer and TensorFlow's compiled functions take 300 MB for any picture.

The figure is benchmarks/growth.png.
"""

import statistics
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from matplotlib.figure import Figure

from benchmarks import cnn_epoch, measuring, memory, style_transfer

FIGURE = Path(__file__).with_name("growth.png")


class Cost(NamedTuple):
    """What something took: seconds, and MB of memory beyond TensorFlow's import."""

    seconds: float
    memory: float


def train_on(divisor: int, fields: dict) -> tuple[int, Cost]:
    """Returns the number of training images divided by `divisor`, and the cost of an
    epoch of course_3_cnn on so many, with some fields of its `Config`.
    """
    from lessons import course_3_cnn

    from data import Split, digits

    before = memory.measure_peak()
    dataset = digits.load_digits()
    train = Split(*(part[: len(part) // divisor] for part in dataset.train))
    dataset = dataset._replace(train=train)
    with (
        mock.patch.object(digits, "load_digits", lambda: dataset),
        mock.patch.object(course_3_cnn, "FEW", 0),
    ):
        seconds = len(train.y) * statistics.mean(cnn_epoch.time_lesson(**fields))
    return len(train.y), Cost(seconds, memory.measure_peak() - before)


def paint(size: int) -> Cost:
    """Returns the cost of a step of course_9_style_transfer for a picture whose longer
    side has `size` pixels.
    """
    from training import device

    from data import weights
    from models import vgg

    before = memory.measure_peak()
    layers = style_transfer.CONTENT_LAYERS + style_transfer.STYLE_LAYERS
    kernels = vgg.read_kernels(weights.find_convolutions("auto").path, layers)
    with device.computing(device.choose_precision("auto"), debug=False):
        step = style_transfer.lesson_step(kernels, size)
        step()
        seconds = style_transfer.time_step(step)
    return Cost(seconds, memory.measure_peak() - before)


def tabulate(title: str, costs: dict[int, Cost], grown: dict[int, float]) -> str:
    """Returns costs as a table in Markdown, with how they grew beside how the work
    grew.

    Args:
        title: what the keys are.
        costs: by size.
        grown: how many times the smallest size's work each size has.
    """
    lines = [
        f"| {title} | work | seconds | times | memory | times |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    least = next(iter(costs.values()))
    for size, cost in costs.items():
        slower, larger = cost.seconds / least.seconds, cost.memory / least.memory
        cells = (
            f"{size:,}",
            f"{grown[size]:.3g}",
            f"{cost.seconds:.3f}",
            f"{slower:.2f}",
        )
        cells += f"{cost.memory:,.0f} MB", f"{larger:.2f}"
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(
    path: Path, panels: list[tuple[str, dict[int, Cost], dict[int, float]]]
) -> None:
    """Draws seconds and memory against the work, beside lines for linear growth.

    Args:
        path: of the PNG.
        panels: for each half of the figure its title, and costs and work as `tabulate`
            takes them.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (title, costs, grown) in zip(
        figure.subplots(1, len(panels)), panels, strict=True
    ):
        work = [grown[size] for size in costs]
        for name, color in (("seconds", "tab:blue"), ("memory", "tab:orange")):
            values = [getattr(cost, name) for cost in costs.values()]
            unit, values = (
                ("seconds", values)
                if name == "seconds"
                else ("GB", [value / 1e3 for value in values])
            )
            axes.loglog(
                work,
                values,
                "o-",
                color=color,
                label=f"{name}, {unit}" if name == "memory" else unit,
            )
            axes.loglog(
                work, [values[-1] * one / work[-1] for one in work], ":", color=color
            )
        axes.set_xticks(work, [f"{size:,}" for size in costs])
        axes.minorticks_off()
        axes.set(xlabel=title)
        axes.grid(alpha=0.3)
        axes.legend(title="dotted: as the work grows")
    figure.savefig(path, dpi=100)


def measure(small: bool = False) -> str:
    """Returns the tables as Markdown, and draws the figure.

    Args:
        small: whether to do so with the smallest sizes only, and without the figure.
    """
    divisors, sizes = (
        ((16, 8), (48, 64)) if small else ((16, 4, 1), (128, 256, 512, 1024))
    )
    fields = {"epochs": 2, "filters": (2,), "units": 8} if small else {}
    trained = dict(
        measuring.run_alone(train_on, divisor, fields) for divisor in divisors
    )
    painted = {size: measuring.run_alone(paint, size) for size in sizes}
    panels = [
        (
            "training images",
            trained,
            {images: images / min(trained) for images in trained},
        ),
        (
            "pixels of the longer side",
            painted,
            {size: (size / min(painted)) ** 2 for size in painted},
        ),
    ]
    if not small:
        plot(FIGURE, panels)
    return "\n\n".join(tabulate(*panel) for panel in panels)
