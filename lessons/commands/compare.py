"""Shows runs side by side: only what differs between them, best first."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from lessons import course
from lessons.commands import runs_option
from training import run_folder, tables

from tyro.conf import Positional

MOST_LINES = 40  # of a difference between two pages


@dataclass(frozen=True)
class Compare(runs_option.RunsOption):
    """Show runs side by side: what differs, final metrics, time; best first."""

    lesson: Positional[str | None] = None  # whose runs, else those of every lesson

    def act(self) -> None:
        """Prints a table of the runs of each lesson.

        Raises:
            ValueError: there is no such lesson, or there are no runs.
        """
        name, logdir = self.lesson, self.logdir
        if name and len(Path(name).parts) > 1 and Path(name).is_dir():
            name, logdir = Path(name).name, Path(name).parent  # as runs/course_3_cnn
        if name and name not in course.RENAMED:  # runs under an old name are shown too
            name = course.name_lesson(name)
        records = run_folder.read_all(logdir, name)
        for lesson in dict.fromkeys(record.config["lesson"] for record in records):
            print(f"\n{lesson}")
            same = [record for record in records if record.lesson == lesson]
            print_table(same)
            print_pages(same)


def rank(record: run_folder.Record) -> tuple:
    """Sorts the best first: by validation accuracy, then validation loss, else training
    loss; never by the test.
    """
    results = record.results
    accuracy = results.get("validation_accuracy", 0.0)
    loss = results.get("validation_loss", results.get("train_loss", float("inf")))
    return (not results, -accuracy, loss, record.folder.name)


def print_table(records: list[run_folder.Record]) -> None:
    """Prints the runs of one lesson: name, the settings in which they differ, final
    metrics, seconds, status.
    """
    records = sorted(records, key=rank)
    settings = dict.fromkeys(name for record in records for name in record.settings)
    varied = [
        name
        for name in settings
        if len({str(record.settings.get(name)) for record in records}) > 1
    ]
    metrics = list(dict.fromkeys(name for record in records for name in record.results))
    rows = [["run", *varied, *metrics, "seconds", "status"]]
    for record in records:
        row = [record.folder.name]
        row += [format_setting(record.settings.get(name, "")) for name in varied]
        row += [
            f"{record.results[name]:.4f}" if name in record.results else ""
            for name in metrics
        ]
        rows.append(
            [*row, str(record.metrics.get("seconds", "")), record.metrics["status"]]
        )
    pages = name_pages(records)
    if len(pages) > 1:
        rows[0].append("page")
        for row, record in zip(rows[1:], records, strict=True):
            row.append(pages[record.page])
    print(tables.align(rows, justify="left", least=1))


def format_setting(value) -> str:
    """Returns a hyperparameter as text; several values, such as the units of two
    layers, as "256 512".
    """
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def name_pages(records: list[run_folder.Record]) -> dict[str | None, str]:
    """Returns a letter for each different page of some runs, in their order; "?" for
    runs of earlier versions, which kept none.
    """
    pages = dict.fromkeys(record.page for record in records)
    known = [page for page in pages if page is not None]
    names = {page: chr(ord("A") + n) for n, page in enumerate(known[:25])}
    return {page: names.get(page, "?" if page is None else "Z") for page in pages}


def print_pages(records: list[run_folder.Record]) -> None:
    """Prints the lines in which the pages of the runs of a lesson differ from the best
    run's.
    """
    records = sorted(records, key=rank)
    pages = [
        (page.splitlines(), name)
        for page, name in name_pages(records).items()
        if page is not None
    ]
    for page, name in pages[1:]:
        first, best = pages[0]
        lines = difflib.unified_diff(first, page, f"page {best}", f"page {name}", n=0)
        shown = [line.rstrip() for line in lines]
        print("\n" + "\n".join(shown[:MOST_LINES]))
        if len(shown) > MOST_LINES:
            print(f"... {len(shown) - MOST_LINES} lines more")
