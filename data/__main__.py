"""Lists, downloads and checks what the lessons read: python -m data --help."""

import contextlib
import io
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import tyro

from data import folders
from data.sources import catalog, locate
from data.sources.entries import Package

WIDTH = 118  # of the list, characters
LABEL = 10  # of them are for what a line is about
SMALL = 10_000_000  # bytes of a package that the installation brings along


def list_entries() -> int:
    """Prints of each entry what it is, its license and size, which lessons need it, and
    where it is.
    """
    for entry in catalog.ENTRIES.values():
        print(f"{entry.name}: {entry.title}")
        for label, text in (
            ("size", "; ".join(describe(entry))),
            ("for", "; ".join(filter(None, (", ".join(entry.lessons), entry.others)))),
            ("where", "; ".join(find_places(entry))),
        ):
            wrapper = textwrap.TextWrapper(
                WIDTH, f"  {label}".ljust(LABEL), " " * LABEL
            )
            wrapper.break_long_words = wrapper.break_on_hyphens = (
                False  # paths and commands are to be copied
            )
            print(wrapper.fill(text or "-"))
    print(
        "\nTo download: python -m data fetch NAME, or --all. To check what is there: "
        "python -m data verify"
    )
    return 0


def describe(entry: catalog.Entry) -> Iterator[str]:
    """Yields size and license of an entry, and of the packages that it comes in."""
    size = locate.show_size(entry.size)
    packed = sum(package.size for package in entry.packages)
    if packed:
        size += f", in a package of {locate.show_size(packed)}"
    yield f"{size}; license: {entry.license}"
    for package in entry.packages:
        yield f"package: {package.name} {package.version}, {package.license}"


def find_places(entry: catalog.Entry) -> Iterator[str]:
    """Yields where the files of an entry are, or from where they would come."""
    there = [found[0] for found in map(search, entry.files) if found]
    if there:
        counted = (
            f", {len(there)} of {len(entry.files)} files"
            if len(there) < len(entry.files)
            else ""
        )
        yield f"{there[0] if len(entry.files) == 1 else there[0].parent}{counted}"
    mirrors = [url for file in entry.files for url in file.mirrors]
    origins = [urlsplit(url).hostname or "" for url in mirrors]
    origins += ["the package index"] if entry.packages else []
    if origins and len(there) < len(entry.files):
        missing = "the others" if there else "not here"
        hosts = ", ".join(dict.fromkeys(origins))
        yield f"{missing}: python -m data fetch {entry.name}, from {hosts}"
    for package in dict.fromkeys(shipped.package for shipped in entry.shipped):
        try:
            for shipped in entry.shipped:
                catalog.locate(shipped)
            yield f"in the pip package {package}"
        except FileNotFoundError as error:
            yield str(error)


def search(file: catalog.File) -> list[Path]:
    """Returns each place in the folders of `COURSE_DATA` and in the cache where a file
    is, or what it unpacks to.
    """
    return list(locate.search(*file.names, kind=file.kind))


def fetch_entries(arguments: "Fetch") -> int:
    """Downloads what is named and not there; returns 1 if something could not be had,
    else 0.
    """
    published = {
        entry.name: entry
        for entry in catalog.ENTRIES.values()
        if any(file.published for file in entry.files)
    }
    if bool(arguments.names) + arguments.all + arguments.small != 1:
        raise ValueError(
            f"expected names, of {', '.join(published)}, or --all for all of these, or "
            "--small for those that come in small packages"
        )
    if arguments.small:
        return fetch_small(arguments.to)
    failures = 0
    for entry in dict.fromkeys(map(catalog.choose, arguments.names or published)):
        if entry.name not in published:
            print(
                f"{entry.name} comes with the pip package {entry.shipped[0].package}: "
                "nothing to download"
            )
        for file in filter(lambda file: file.published, entry.files):
            failures += attempt(
                f"failed  {file.name}: ", fetch, entry, file, arguments.to
            )
    if arguments.to and arguments.to.is_dir() and not failures:
        print(f"To use them: COURSE_DATA={arguments.to.resolve()}")
    return min(failures, 1)


def fetch_small(folder: Path | None) -> int:
    """Fetches what comes in small packages of the index. What cannot be had is one
    line, and hosts that do not answer are waited for once.
    """
    failed = {}
    for entry in catalog.ENTRIES.values():
        if entry.packages and max(package.size for package in entry.packages) < SMALL:
            try:
                for file in entry.files:
                    fetch(entry, file, folder, again=False)
            except (ValueError, OSError) as error:
                failed[entry.name] = " ".join(str(error).split())
    if failed:
        names, reason = ", ".join(failed), next(iter(failed.values()))
        print(
            f"Not here yet: {names} ({reason}); later: python -m data fetch --small",
            file=sys.stderr,
        )
    return min(len(failed), 1)


def fetch(
    entry: catalog.Entry, file: catalog.File, folder: Path | None, again: bool = True
) -> None:
    """Brings a file into a folder, or into the cache if it is nowhere yet, and says
    from where.

    Args:
        entry: that the file belongs to.
        file: that is published.
        folder: laid out as one of `COURSE_DATA`; None for the cache.
        again: whether hosts are asked that could not be reached lately.

    Raises:
        ValueError: `COURSE_DATA` has a wrong file of that name, which the lessons would
            take.
        OSError: the file cannot be had or kept.
    """
    from data.sources import downloads

    places = search(file)
    target = (folder or locate.cache_folder(file.kind)) / file.name
    if target.exists() or (places and not folder):
        path = target if folder else places[0]
        try:
            print(f"there   {path} ({check(entry, file, path)})", flush=True)
            return
        except ValueError as error:
            if path != target:
                raise
            print(f"again   {error}", flush=True)
    for path in filter(Path.is_file, places):  # to copy what is here takes no network
        try:
            known = path != target and check(entry, file, path)
        except ValueError as error:
            print(f"not copied: {error}", flush=True)
            continue
        if known:
            print(
                f"copied  {downloads.copy(path, target)} from {path} ({known})",
                flush=True,
            )
            return
    print(f"loaded  {downloads.download(entry, file, folder, again)}", flush=True)


def check(entry: catalog.Entry, file: catalog.File, path: Path) -> str:
    """Checks a file, as `verify.check_file`, which takes a while to be imported because
    it can read all kinds of contents.

    Raises:
        ValueError: it is wrong, and what to do.
        OSError: it cannot be read.
    """
    if file.checksum and not file.contents and path.is_file():
        from data.sources import checksums

        return checksums.check(path, file.checksum)
    from data import verify

    return verify.check_file(entry, file, path)


def verify_entries() -> int:
    """Checks every file that is there; prints a line for each, and returns 1 if one is
    wrong, else 0.
    """
    failures = 0
    for entry in catalog.ENTRIES.values():
        failures += sum(
            attempt("wrong   ", verify_file, entry, file, path)
            for file in entry.files
            for path in search(file)
        )
        failures += sum(
            attempt("wrong   ", verify_shipped, shipped) for shipped in entry.shipped
        )
    print(f"{failures} wrong" if failures else "All are right")
    return min(failures, 1)


def ask_publishers() -> int:
    """Asks for every file of the catalog whether it can still be had; prints a line for
    each that was asked, and returns 1 if a mirror lacks a file or no index has a
    package, else 0.
    """
    from data import published
    from data.sources import downloads

    files = [file for entry in catalog.ENTRIES.values() for file in entry.files]
    missing = 0
    for one in dict.fromkeys(file.package or file for file in files if file.published):
        answers = list(published.ask(one))
        for host, error in answers:
            label = "missing" if error else "there  "
            reason = f" ({downloads.shorten(error)})" if error else ""
            print(f"{label} {one.name}, {host}{reason}", flush=True)
        failed = sum(error is not None for _, error in answers)
        some = isinstance(one, Package) and failed < len(answers)
        missing += 0 if some else failed
    print(f"{missing} missing" if missing else "All are there")
    return min(missing, 1)


def verify_file(entry: catalog.Entry, file: catalog.File, path: Path) -> None:
    """Checks a file, and says that it is right.

    Raises:
        ValueError: it is wrong, and what to do.
        OSError: it cannot be read.
    """
    try:
        print(f"right   {path} ({check(entry, file, path)})", flush=True)
    except ValueError as error:
        if not file.published or path != locate.cache_folder(file.kind) / file.name:
            raise
        raise ValueError(f"{error}: python -m data fetch {entry.name}") from None


def verify_shipped(shipped: catalog.Shipped) -> None:
    """Checks a file of a pip package, and says that it is right.

    Raises:
        ValueError: it is wrong, and what to do.
        OSError: it is missing or cannot be read.
    """
    from data import verify

    print("right   {} ({})".format(*verify.check_shipped(shipped)), flush=True)


def attempt(label: str, function: Callable, *arguments) -> int:
    """Calls a function; returns 0, or 1 if it raised an error, which becomes a line on
    stderr.
    """
    try:
        function(*arguments)
    except (ValueError, OSError) as error:
        print(f"{label}{' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 1
    return 0


@dataclass(frozen=True)
class List:
    """What the lessons read: size, license, which lessons, where it is."""

    def act(self) -> int:
        """Prints it."""
        return list_entries()


@dataclass(frozen=True)
class Fetch:
    """Download what is not here; a download that broke off goes on."""

    # Such as mnist; python -m data list has them all.
    names: tyro.conf.Positional[tuple[str, ...]] = ()
    all: bool = False  # everything that can be downloaded
    small: bool = False  # what comes in packages of less than 10 MB, as make setup does
    # A folder, to be named in COURSE_DATA; else the cache.
    to: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None

    def __post_init__(self):
        if self.to is not None:
            object.__setattr__(self, "to", folders.find_home(self.to))

    def act(self) -> int:
        """Fetches what is asked for."""
        return fetch_entries(self)


@dataclass(frozen=True)
class Verify:
    """Check every file that is here."""

    def act(self) -> int:
        """Prints what is right and what is wrong."""
        return verify_entries()


@dataclass(frozen=True)
class Ask:
    """Ask who publishes a file whether it is still there."""

    def act(self) -> int:
        """Prints what is there and what is missing."""
        return ask_publishers()


def parse(words: list[str]) -> List | Fetch | Verify | Ask:
    """Returns the command that the words of the command line name.

    Raises:
        ValueError: they name none, or one with other arguments.
    """
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(
                List | Fetch | Verify | Ask,
                args=words,
                default=List(),
                prog="python -m data",
                description="Without a command: lists what the lessons read.",
                config=(
                    tyro.conf.FlagCreatePairsOff,
                    tyro.conf.PositionalMetavarFromFieldName,
                ),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
    # What is wrong stands in a frame, between a title and where to find help.
    _title, *lines = (line.strip("│| ") for line in box.getvalue().splitlines())
    text = " ".join(line for line in lines if line.strip("╰╯─-+"))
    raise ValueError(text.partition(" For full helptext")[0])


def main() -> None:
    """Runs a command.

    What the user should know of an error becomes one line on stderr, with exit code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        # For a terminal that cannot show a character; a notebook has none.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = parse(sys.argv[1:]).act()
        print(end="", flush=True)
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # nobody reads it, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ValueError, OSError) as error:
        print(f"python -m data: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
