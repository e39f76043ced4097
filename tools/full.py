"""Runs the lessons as shipped, over seeds, and what they suggest to try, and writes
what they measure into `docs/results.json`: a part of `make full`.

    python -m tools.full [LESSON...]

What is there already of the code as it is now is not run again, so that a call goes on
where the last one stopped. Lessons that open the run of a trained network get one of
the same seed. A run that would need a file of the learner's own, or data that is not at
hand (see COURSE_DATA), is left out and named. `lessons/measurements.py` says what an
entry holds; `python -m tools.tables` shows the figures in the READMEs and in docs/.
"""

import argparse
import itertools
import json
import math
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple, get_type_hints

from lessons import measurements
from lessons.course import ROOT, Lesson, find_lessons, import_lesson, name_lesson
from training import command_line, device, files, run_folder, run_json

SEEDS = 5
DIGITS = 6  # that are kept of a value
MOST_VALUES = 400  # of a run
# Of a processor that networks gain from, the largest last, by Linux's names.
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX",
}
# Neither figures nor curves.
LEFT_OUT = {"seconds", "findings", "status", "lesson", "error"}


class Job(NamedTuple):
    """A run to be made.

    Attributes:
        lesson: that is run.
        flags: to run it with.
        seed: of the run.
        offline: whether it gets only the data that comes with the installation.
    """

    lesson: Lesson
    flags: str
    seed: int
    offline: bool

    @property
    def folder(self) -> Path:
        """Where it is, inside of all runs of this tool."""
        place = f"seed_{self.seed}{'_offline' if self.offline else ''}"
        return Path(place) / self.lesson.path.stem / self.name

    @property
    def name(self) -> str:
        """Of its folder."""
        return re.sub(r"[^\w.-]+", "_", self.flags).strip("_-") or "as_shipped"

    def __str__(self) -> str:
        """What is run, in words."""
        flags = f" {self.flags}" if self.flags else ""
        offline = ", without download" if self.offline else ""
        return f"{self.lesson.path.stem}{flags}, seed {self.seed}{offline}"


def plan(lesson: Lesson, seeds: int) -> Iterator[Job]:
    """Yields the runs of a lesson: as shipped with each seed, and then the things to
    try with the first one. Where two seeds measure the same, nothing is random, and no
    third one is asked for.
    """
    page = lesson.path
    offline = measurements.is_offline(page.stem)
    for seed in range(seeds):
        yield Job(lesson, "", seed, offline)
        values = [entry["values"] for entry in measurements.find(page)[:2]]
        if seed == 1 and len(values) == 2 and values[0] == values[1]:
            break
    for flags in measurements.list_flags(page):
        yield Job(lesson, flags, 0, offline=False)


def is_measured(job: Job) -> bool:
    """True if the file has an entry for a run of the code as it is now."""
    entries = measurements.find(job.lesson.path, job.flags, offline=job.offline)
    return job.seed in [entry["seed"] for entry in entries]


def find_own_files(job: Job) -> str:
    """Returns why a thing to try cannot be run without its learner; "" if it can."""
    words = shlex.split(job.flags)
    hints = get_type_hints(import_lesson(job.lesson.path.stem).Config)
    for flag, value in itertools.pairwise(words):
        if not flag.startswith("--") or value.startswith("--"):
            continue
        if flag in ("--name", "--resume"):
            return "it asks for a change of the page"
        is_path = "Path" in str(hints[flag.strip("-").replace("-", "_")])
        is_number = re.fullmatch(r"[\d.e+-]+", value)
        is_file = (is_path or Path(value).suffix) and not is_number
        if is_file and not (ROOT / value).exists():
            return f"{value} stands for a file or folder of the learner's own"
    return ""


def find_networks(job: Job) -> list[Job]:
    """Returns the run of the trained network that a lesson opens, if it opens one."""
    code = job.lesson.path.read_text(encoding="utf-8")
    default = re.search(r'^    run: str = "(\w+)"', code, re.MULTILINE)
    if default is None:
        return []
    named = re.search(r"--run (\w+)", job.flags)
    name = named[1] if named else default[1]
    (lesson,) = (found for found in find_lessons() if found.path.stem == name)
    return [Job(lesson, "", job.seed, job.offline)]


def run(job: Job, logdir: Path) -> None:
    """Makes a run and the entry for it, and before that the network that it opens.

    Raises:
        ValueError: it cannot be run here; the reason is what the lesson says.
    """
    words = shlex.split(job.flags)
    for network in find_networks(job):
        folder = logdir / network.folder
        if not (folder / run_folder.MODEL).is_file() or not is_measured(network):
            run(network, logdir)
        place = words.index("--run") if "--run" in words else len(words)
        words[place:] = ["--run", str(folder), *words[place + 2 :]]
    folder = logdir / job.folder
    shutil.rmtree(folder, ignore_errors=True)  # of a call that was interrupted
    command = [sys.executable, str(job.lesson.path), *words, "--seed", str(job.seed)]
    command += ["--logdir", str(folder.parents[1]), "--name", job.name]
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    used = count_cpu_seconds()
    with tempfile.TemporaryDirectory() as empty:
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=make_offline(empty) if job.offline else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if process.returncode not in (0, 1) or not (folder / run_json.METRICS).is_file():
        raise ValueError(process.stderr.strip().rpartition("\n")[2] or "it was ended")
    record = run_folder.read(folder)
    if record.metrics["status"] not in run_json.ENDED:
        raise ValueError(process.stderr.strip().rpartition("\n")[2] or "it was ended")
    source = record.config["source"]
    if ", because" in source and not job.offline:
        raise ValueError(f"it had {source}")
    entry = {
        "lesson": record.lesson,
        "flags": job.flags,
        "seed": job.seed,
        "offline": job.offline,
        "page": measurements.hash_code(job.lesson.path),
        "commit": find_commit(),
        "date": date.today().isoformat(),
        "machine": describe_machine(record.config["device"]),
        "precision": record.precision,
        "data": hide_folders(source),
        "seconds": record.metrics["seconds"],
        "cpu_seconds": used and round(count_cpu_seconds() - used, 1),
        "load": load,
        "status": record.metrics["status"],
        "values": find_values(record.metrics),
    }
    if "error" in record.metrics:
        entry["error"] = record.metrics["error"]
    if not is_measured(job):  # else it was made for the network alone
        append(entry)


def make_offline(empty: str) -> dict[str, str]:
    """Returns an environment in which nothing can be downloaded, and no data is at hand
    but that of the installation.

    Args:
        empty: folder that takes the place of the cache.
    """
    nowhere = "http://127.0.0.1:9"  # the port "discard": connections are refused
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    environment = {**os.environ, **dict.fromkeys(proxies, nowhere), "KERAS_HOME": empty}
    environment.pop("COURSE_DATA", None)
    return environment


def count_cpu_seconds() -> float | None:
    """Returns how long the processes that this one has waited for have computed; None
    where the system does not say.
    """
    try:
        import resource
    except ImportError:  # on Windows
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def find_commit() -> str:
    """Returns the commit that is checked out; "" without Git.

    Raises:
        ValueError: code was changed since, so that nobody could measure it again.
    """
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return ""
    git = ["git", "-C", str(ROOT)]
    status = [*git, "status", "--porcelain", "--untracked-files=no", "--", "*.py"]
    changed = subprocess.run(status, capture_output=True, text=True).stdout
    if changed:
        raise ValueError(
            f"{changed.split()[1]} has changes that are not committed: commit first, "
            "so that a figure can be measured again"
        )
    commit = [*git, "rev-parse", "--short", "HEAD"]
    return subprocess.run(commit, capture_output=True, text=True).stdout.strip()


def describe_machine(where: str) -> str:
    """Returns what a run computed on, such as "AMD EPYC, 2 cores, AVX2".

    Args:
        where: as the run says it.
    """
    if "GPU" in where:
        return where
    name, instructions = platform.processor() or platform.machine(), ""
    if sys.platform == "linux":
        info = Path("/proc/cpuinfo").read_text()
        named = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
        name = named[1] if named else name  # ARM has none
        known = [INSTRUCTIONS[flag] for flag in INSTRUCTIONS if flag in info]
        instructions = known[-1] if known else ""
    if device.is_limited():
        instructions = f"{os.environ['ONEDNN_MAX_CPU_ISA']} only"
    cores = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    name = re.sub(r"\((?:R|TM)\)", "", name)
    counted = "1 core" if cores == 1 else f"{cores} cores"
    return ", ".join(filter(None, (name, counted, instructions)))


def hide_folders(source: str) -> str:
    """Returns where data came from without the folders of this machine."""
    for folder in os.environ.get("COURSE_DATA", "").split(os.pathsep):
        if folder:
            source = source.replace(f"{folder}{os.sep}", "").replace(folder, "a folder")
    return run_folder.hide_home(source)


def find_values(metrics: dict) -> dict[str, float]:
    """Returns the numbers in what a run measured, by their names."""
    values = {}

    def collect(part, name: str) -> None:
        if isinstance(part, dict):
            parts = part.items()
        elif isinstance(part, list):
            parts = enumerate(part)
        else:
            is_number = isinstance(part, int | float) and not isinstance(part, bool)
            if is_number and math.isfinite(part):
                values[name] = float(f"{part:.{DIGITS}g}")
            return
        for key, value in parts:
            collect(value, f"{name}.{key}" if name else str(key))

    collect({key: part for key, part in metrics.items() if key not in LEFT_OUT}, "")
    return dict(list(values.items())[:MOST_VALUES])


def append(entry: dict) -> None:
    """Adds an entry to the file, in a line of its own."""
    entries = [*measurements.read(), entry]
    lines = [json.dumps(each, ensure_ascii=False) for each in entries]
    with files.written(measurements.RESULTS) as partial:
        partial.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def list_measured(lessons: list[Lesson], seeds: int) -> None:
    """Prints of each run whether it was made."""
    for lesson in lessons:
        print(f"\n{lesson.path.stem}: {measurements.describe(lesson.path)}")
        for job in plan(lesson, seeds):
            if is_measured(job):
                continue
            print(f"  {job}: {find_own_files(job) or measurements.NOT_MEASURED}")


def main() -> None:
    """Makes the runs that are not in the file yet."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.full", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="all if none")
    parser.add_argument(
        "--list", action="store_true", help="say what is not measured, and run nothing"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"{SEEDS}")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no run after so many"
    )
    parser.add_argument(
        "--logdir", type=Path, default=ROOT / "runs/full", help="folder of the runs"
    )
    arguments = parser.parse_args()
    names = [name_lesson(name) for name in arguments.lessons]
    lessons = [
        lesson for lesson in find_lessons() if not names or lesson.path.stem in names
    ]
    if arguments.list:
        list_measured(lessons, arguments.seeds)
        return
    find_commit()
    end = time.monotonic() + 60 * arguments.minutes
    for lesson in lessons:
        for job in plan(lesson, arguments.seeds):
            if is_measured(job):
                continue
            if time.monotonic() > end:
                print("the time is over; the same command goes on from here")
                return
            reason = find_own_files(job)
            if not reason:
                started = time.monotonic()
                try:
                    run(job, arguments.logdir.absolute())
                except ValueError as error:
                    reason = str(error)
            if reason:
                print(f"{job}: left out, {reason}", flush=True)
            else:
                print(f"{job}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    command_line.guard("python -m tools.full", main)
