"""What `make full` measured of the lessons, in `docs/results.json`: a list with an
entry for each run, in the order in which they were made.

    lesson: its name, such as "course_3_cnn".
    flags: what was asked of it, such as "--epochs 1"; "" for the lesson as shipped.
    seed: of the run.
    offline: whether it had only the data that comes with the installation.
    page: fingerprint of the code of the lesson, which is its file without docstrings,
        comments and empty lines: of a page whose code was changed since, nothing is
        measured.
    commit: that was checked out.
    date: of the run.
    machine: processor, cores, and the largest instructions that networks gain from.
    precision: "float32" or "bfloat16", what it computed in.
    data: which data and weights these were.
    seconds: of the run, with evaluation and figures.
    cpu_seconds: of all cores together, with the start of Python. Beside other work,
        `seconds` grow and these hardly do.
    load: of the machine when the run began, how many processes wanted to compute.
    status: "finished", or "failed" where a thing to try ends with an error.
    error: why it failed; absent otherwise.
    values: each number that the run measured, by its name in `metrics.json`, such as
        "test.accuracy".

`tools/full.py` writes it. This module reads it, and the docstrings, without importing
TensorFlow.
"""

import ast
import functools
import hashlib
import io
import itertools
import json
import re
import tokenize
from pathlib import Path
from typing import NamedTuple

from lessons.course import read_docstring

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results.json"
NOT_MEASURED = "not measured by make full yet"
# Their figures are of a network that learned from the sample of MNIST.
OFFLINE = {"course_3_what_filters_see", "course_3_saliency", "course_3_grad_cam"}


class Try(NamedTuple):
    """A thing to try, as the docstring of a lesson has it.

    Attributes:
        flags: to run the lesson with.
        effect: what happens, in one line.
    """

    flags: str
    effect: str


def read(path: Path | None = None) -> list[dict]:
    """Returns all entries; none where there is no file."""
    path = path or RESULTS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def find(
    page: Path,
    flags: str = "",
    entries: list[dict] | None = None,
    offline: bool | None = None,
) -> list[dict]:
    """Returns what was measured of the code of a lesson as it is now, by seed.

    Args:
        page: file of the lesson.
        flags: that the lesson was run with.
        entries: to look in; those of the file if not given.
        offline: with which data; as the figures in the docstring are if not given.
    """
    code = hash_code(page)
    if offline is None:
        offline = is_offline(page.stem, flags)
    found = [
        entry
        for entry in (read() if entries is None else entries)
        if entry["lesson"] == page.stem
        and entry["flags"] == flags
        and entry["page"] == code
        and entry["offline"] == offline
    ]
    return sorted(found, key=lambda entry: entry["seed"])


def is_offline(lesson: str, flags: str = "") -> bool:
    """True if a lesson is measured with nothing but the data of the installation."""
    return lesson in OFFLINE and not flags


@functools.cache
def hash_code(page: Path) -> str:
    """Returns a fingerprint of the code in the file of a lesson. Docstrings, comments
    and empty lines are left out: words may be corrected after figures were measured.
    """
    with tokenize.open(page) as file:  # in the encoding that it names
        text = file.read()
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        has_words = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if has_words and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            for row in range(docstring.lineno - 1, docstring.end_lineno or 0):
                lines[row] = ""
    code = "\n".join(line.rstrip() for line in lines if line.strip())
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def count_seeds(entries: list[dict]) -> str:
    """Returns how many seeds there are, in words."""
    return "1 seed" if len(entries) == 1 else f"{len(entries)} seeds"


def list_machines(entries: list[dict]) -> list[str]:
    """Returns the machines of some entries, and the precision on each, once each."""
    return list(
        dict.fromkeys(f"{entry['machine']}; {entry['precision']}" for entry in entries)
    )


def describe(page: Path, entries: list[dict] | None = None) -> str:
    """Returns in one line how a lesson was measured as shipped: by how many seeds, and
    on which machine.
    """
    found = find(page, entries=entries)
    if not found:
        return NOT_MEASURED
    machines = ", and ".join(list_machines(found))
    return f"measured with {count_seeds(found)} on {machines}"


def find_tries(page: Path) -> list[Try]:
    """Returns what the docstring of a lesson suggests to try."""
    docstring = read_docstring(page)
    block = docstring.partition("\nTry:\n")[2].partition("\n\n")[0]
    lines = [line for line in block.split("\n") if line.startswith("    ")]
    column = find_column(lines)
    tries = []
    for line in lines:
        if not line.startswith("    --"):
            tries[-1] = Try(tries[-1].flags, f"{tries[-1].effect} {line.strip()}")
            continue
        # A flag that goes on there, or the text that it is given, is no effect.
        goes_on = line[column:].startswith(("--", '"'))
        beside = line[column - 1 : column] == " " and not goes_on
        flags = line[:column] if beside else line
        effect = line[column:] if beside else ""
        tries.append(Try(flags.strip(), effect.strip()))
    return [Try(flags, effect.strip()) for flags, effect in tries]


def find_first_try(page: Path) -> Try | None:
    """Returns the first thing to try that needs neither a file of one's own nor another
    run; None if there is none.
    """
    tries = find_tries(page)
    own = re.compile(r"\.[a-z]{2,}\b|--(data-dir|folder|ham|run|name|debug)\b")
    return next((each for each in tries if not own.search(each.flags)), None)


def list_flags(page: Path) -> list[str]:
    """Returns all flags that a lesson is measured with: those of the things to try, and
    of the paragraphs of the docstring that begin with flags, such as `--data cells`.
    Another seed is no run of its own.
    """
    docstring = read_docstring(page)
    flags = [flags for flags, _ in find_tries(page)]
    flags += re.findall(r"^`(--[^`]+)`", docstring, re.MULTILINE)
    return [each for each in flags if not re.fullmatch(r"--seed \d+", each)]


def find_column(lines: list[str]) -> int:
    """Returns where the second column of a list of flags begins: where lines that go on
    do, or behind at least two spaces.
    """
    columns = [
        len(line) - len(line.lstrip())
        for line in lines
        if not line.startswith("    --")
    ]
    columns += [
        match.end() for line in lines if (match := re.match(r"    --.*?\S {2,}", line))
    ]
    counts = {column: columns.count(column) for column in columns}
    return max(counts, key=counts.__getitem__, default=10_000)


def summarize(entries: list[dict]) -> dict[str, tuple[float, float, float]]:
    """Returns mean, least and most of each value over some entries, in the order of the
    first one that has it.
    """
    names = dict.fromkeys(itertools.chain(*(entry["values"] for entry in entries)))
    summary = {}
    for name in names:
        values = [entry["values"][name] for entry in entries if name in entry["values"]]
        summary[name] = (sum(values) / len(values), min(values), max(values))
    return summary
