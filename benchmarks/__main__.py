"""Measures the lessons beside what a learner would use instead.

    python -m benchmarks [--avx2] [NAME...]

Prints what each benchmark finds and writes it to benchmarks/RESULTS.md, where the
others keep theirs. A section has two parts, for a CPU that computes bfloat16 and for
one with AVX2 and nothing more, as most laptops have; each names its machine. All
together take about an hour: let nothing else run beside them.
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

from training import command_line, device

import psutil

BENCHMARKS = (
    "minutes",
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
KINDS = ("with bfloat16", "with AVX2 and nothing more")
# What keeps TensorFlow, XLA and PyTorch from the rest of a larger CPU.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}
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
    parser.add_argument(
        "--avx2", action="store_true", help="imitate a CPU with AVX2 and nothing more"
    )
    arguments = parser.parse_args()
    names = arguments.names or BENCHMARKS
    for name in names:
        if name not in BENCHMARKS:
            raise ValueError(
                f"received {name!r}, expected a benchmark: {', '.join(BENCHMARKS)}"
            )
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the ways are compared on the processor
    if arguments.avx2:
        os.environ.update(AVX2)
    kind = KINDS[device.choose_precision("auto") != "bfloat16"]
    machine = describe_machine()
    if arguments.avx2:
        settings = " ".join(f"{name}={value}" for name, value in AVX2.items())
        machine = f"Limited to AVX2 by {settings}: {machine}"
    print(f"{machine}\n{kind}")
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
        print(f"\n## {name}\n\n{found}\n\n{when}", flush=True)
        keep(name, kind, benchmark.__doc__, f"{found.strip()}\n\n{machine} {when}")


def keep(name: str, kind: str, description: str, found: str) -> None:
    """Writes a part of a section of `RESULTS.md` in its place; the others stay.

    Args:
        name: of the benchmark.
        kind: of the machine, one of `KINDS`.
        description: what is measured, beside what.
        found: tables and machine, in Markdown.
    """
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else ""
    sections = split_at(text, "## ")
    parts = split_at(sections.get(name, ""), "### ")
    parts[kind] = f"### {kind}\n\n{found}\n"
    ordered = [parts[other] for other in KINDS if other in parts]
    sections[name] = "\n".join([f"## {name}\n\n{description.strip()}\n", *ordered])
    ordered = [sections[other] for other in BENCHMARKS if other in sections]
    RESULTS.write_text("\n".join([TITLE, *ordered]), "utf-8")


def split_at(text: str, mark: str) -> dict[str, str]:
    """Returns the parts of a text in Markdown that begin with a heading, by its words.

    Args:
        text: what stands before the first heading is left out.
        mark: of the headings, such as "## ".
    """
    parts = re.split(rf"^(?={mark})", text, flags=re.MULTILINE)[1:]
    return {
        part.split("\n", 1)[0].removeprefix(mark): part.rstrip() + "\n"
        for part in parts
    }


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
