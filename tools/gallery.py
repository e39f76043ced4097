"""Takes the pictures of the gallery from runs of the lessons.

    python -m tools.gallery RUN...

RUN is the folder of a finished run. The picture of its lesson is the first one that the
docstring names under "In TensorBoard:", or another one where `CHOSEN` says so. It goes
into `docs/pictures`; `python -m tools.tables` shows it in the galleries. The lesson
`PRINTED` draws nothing: its picture shows some of what it prints.
"""

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lessons.course import find_lessons
from training import figures, run_folder

from matplotlib.figure import Figure
from PIL import Image

from tools import tables

# Other figures than the first one that the docstring names: those that show more at a
# glance, and only material that may be shown to everybody. Neither the photographs of
# ants and bees nor the reviews name a license, and one of three photographs is a
# portrait.
CHOSEN = {
    "course_1_tf_lr": "fit",
    "course_1_neuron_xor": "overview",
    "course_2_mlp": "mistakes",
    "course_2_overfitting": "capacity",
    "course_2_deep_or_wide": "networks",
    "course_3_convolution": "edges",
    "course_3_cnn": "feature_maps",
    "course_4_pretrained_features": "answers_flower",
    "course_4_similar_clothes": "neighbors_own_network",
    "course_5_transfer_learning": "ways",
    "course_6_segmentation": "test",
    "course_6_instances": "arrows",
    "course_7_mail_filter": "tradeoff",
    "course_7_text_classification": "learning_curve",
    "course_7_writing": "surprise",
    "course_7_small_gpt": "attention",
    "course_9_style_transfer": "side_by_side",
}

PRINTED = "course_1_tf_basic_operation"
MOST_LETTERS = 26  # of an expression and of its value in a picture


def choose_figure(record: run_folder.Record) -> Path | None:
    """Returns the figure of a run that stands for its lesson; None if there is none.

    Raises:
        ValueError: it shows photographs of people.
    """
    if record.lesson == "course_4_photo_search" and not record.settings["folder"]:
        raise ValueError(
            f"{record.folder} searched in photographs of people, expected a run with "
            "--folder: photographs that everybody may copy, without people"
        )
    page = (record.folder / f"{record.lesson}.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(page)) or ""
    named = re.findall(r'"(\w+)"', docstring.partition("In TensorBoard:")[2])
    for name in [CHOSEN.get(record.lesson, ""), *named]:
        path = record.folder / "figures" / f"{name}.png"
        if path.is_file():
            return path
    return next(iter(sorted((record.folder / "figures").glob("*.png"))), None)


def draw_output(page: Path) -> Image.Image:
    """Returns some of what a page prints that draws nothing: of each group of rows
    "expression, value, shape" the longest one that fits, without its shape.

    Raises:
        CalledProcessError: the page does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        printed = subprocess.run(
            [sys.executable, page, "--logdir", folder],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout
        lines = []
        for group in printed.split("\n\n")[1:]:
            rows = [re.split(r"  +", row.strip()) for row in group.splitlines()[1:]]
            fitting = [row[:2] for row in rows if len(row) == 3]
            fitting = [row for row in fitting if max(map(len, row)) <= MOST_LETTERS]
            if fitting:
                expression, value = max(fitting, key=lambda row: len("".join(row)))
                lines.append(f"{expression:{MOST_LETTERS}} = {value}")
        figure = Figure(figsize=(6.4, 0.35 * len(lines)), facecolor="white")
        figure.text(
            0.02, 0.5, "\n".join(lines), va="center", family="monospace", size=14
        )
        path = figures.save_figure(figure, Path(folder) / "printed.png")
        return Image.open(path).convert("RGB")


def main() -> None:
    """Takes the pictures of the runs that are named on the command line.

    Raises:
        ValueError: there is no run in a folder, or it is of no lesson, or not finished.
    """
    lessons = {lesson.path.stem: lesson.path for lesson in find_lessons()}
    for folder in map(Path, sys.argv[1:]):
        record = run_folder.read(folder)
        if record.lesson not in lessons:
            raise ValueError(f"{folder} is a run of {record.lesson}, expected a lesson")
        if record.metrics["status"] != "finished":
            raise ValueError(f"{folder} is {record.metrics['status']}, not finished")
        figure = choose_figure(record)
        if figure is not None:
            picture = Image.open(figure)
        elif record.lesson == PRINTED:
            picture = draw_output(lessons[record.lesson])
        else:
            print(f"{record.lesson}: no picture")
            continue
        path = tables.save_picture(picture, tables.PICTURES, record.lesson)
        shown = figure or "what it prints"
        print(f"{path} from {shown}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
