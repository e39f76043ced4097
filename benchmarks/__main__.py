"""Measures the lessons beside what a learner would use instead.

    python -m benchmarks [NAME...]

Prints what each benchmark finds and writes it to benchmarks/RESULTS.md, where the
others keep theirs. Each section names its machine. All together take three quarters of
an hour: let nothing else run beside them.
"""

import argparse
import importlib
import os
import platform
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from training import command_line

import psutil

BENCHMARKS = (
    "linear_regression",
    "cnn",
    "cnn_epoch",
    "mlp",
    "keras_patches",
    "transfer_learning",
    "style_transfer",
    "image_search",
    "start",
    "memory",
    "sweep",
    "peak",
    "growth",
)
RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# Results of the benchmarks\n"


def main() -> None:
    """Runs the benchmarks that are named on the command line, or all."""
    description, _, usage = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=description, epilog=usage.split("\n\n")[-1]
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"which: {', '.join(BENCHMARKS)}; all if none is given",
    )
    names = parser.parse_args().names or BENCHMARKS
    for name in names:
        if name not in BENCHMARKS:
            raise ValueError(
                f"received {name!r}, expected a benchmark: {', '.join(BENCHMARKS)}"
            )
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the ways are compared on the processor
    machine = describe_machine()
    print(machine)
    for name in names:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        load = psutil.getloadavg()[0]
        started = time.perf_counter()
        found = benchmark.measure()
        minutes = (time.perf_counter() - started) / 60
        when = (
            f"Measured on {time.strftime('%Y-%m-%d')}, commit {find_commit()}, in "
            f"{minutes:.1f} minutes, load before {load:.1f}."
        )
        section = (
            f"## {name}\n\n{benchmark.__doc__.strip()}\n\n{found.strip()}\n\n"
            f"{machine} {when}\n"
        )
        print(f"\n## {name}\n\n{found}\n\n{when}", flush=True)
        keep(name, section)


def keep(name: str, section: str) -> None:
    """Writes a section of `RESULTS.md` in its place; the others stay."""
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else ""
    _head, *parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    sections = {
        part.split("\n", 1)[0].removeprefix("## "): part.rstrip() + "\n"
        for part in parts
    }
    sections[name] = section
    ordered = [sections[other] for other in BENCHMARKS if other in sections]
    RESULTS.write_text("\n".join([TITLE, *ordered]), "utf-8")


def describe_machine() -> str:
    """Returns processor, cores, memory, and the versions that count."""
    cpu = platform.processor() or platform.machine()
    flags = ""
    if sys.platform == "linux":
        info = Path("/proc/cpuinfo").read_text()
        named = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)  # ARM has none
        cpu = named[1] if named else cpu
        flags = ", ".join(
            name
            for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
            if name in info
        )
    versions = [f"Python {platform.python_version()}"]
    for package, title in (
        ("tensorflow", "TensorFlow"),
        ("keras", "Keras"),
        ("torch", "PyTorch"),
        ("numpy", "NumPy"),
    ):
        try:
            versions.append(f"{title} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {title}")
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{cpu} ({flags}), {os.cpu_count()} cores, {memory:.0f} GB, no GPU used. "
        f"{', '.join(versions)}."
    )


def find_commit() -> str:
    """Returns the commit that is checked out, with "and changes" if files differ from
    it.
    """
    git = ["git", "-C", str(RESULTS.parent)]
    commit = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", ":/", ":!RESULTS.md", ":!growth.png"],
        capture_output=True,
        text=True,
    )
    return (commit or "unknown") + (" and changes" if changed.stdout.strip() else "")


if __name__ == "__main__":
    command_line.guard("python -m benchmarks", main)
