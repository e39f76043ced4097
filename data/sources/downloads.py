"""Downloads files: from the mirror that answers first, going on where an earlier
download broke off.

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
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import pooch
import requests
import tqdm
import urllib3

from data.sources import locate
from data.sources.catalog import Entry, File

CONNECT_SECONDS = 4
STALL_SECONDS = 15
REMEMBERED_SECONDS = 3600
ABSENT = (404, 410)
# A server that has a bad moment is asked twice more, but not left alone for as long as
# it may ask for.
RETRIES = urllib3.Retry(
    connect=0,
    read=0,
    other=0,
    status=2,
    status_forcelist=(500, 502, 503, 504),
    backoff_factor=0.3,
    raise_on_status=False,
    respect_retry_after_header=False,
)


class BrokenOffError(requests.RequestException):
    """A download stalled, or its connection was lost, after a part of the file."""


def download(
    entry: Entry, file: File, folder: Path | None = None, again: bool = False
) -> Path:
    """Downloads a file and returns its path.

    Other bytes than the right ones never get there.

    Args:
        entry: that the file belongs to.
        file: with its mirrors. The one that answers first is asked first.
        folder: to download into; None for the cache.
        again: whether hosts are asked that could not be reached lately.

    Raises:
        ConnectionError: the file cannot be had, and why: no mirror gave it, or there is
            no place to keep it. Mirrors that do not answer cost `CONNECT_SECONDS` in
            all.
    """
    target = (folder or locate.cache_folder(file.kind)) / file.name
    with keeping(target, file.size - sum(map(measure, list_partials(target)))):
        if target.exists() and pooch.hashes.hash_matches(target, file.checksum):
            return target  # another process has just downloaded it
        return transfer(entry, file, target, again)


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


def transfer(entry: Entry, file: File, target: Path, again: bool) -> Path:
    """Asks the mirrors of a file until one gives it, and remembers which hosts cannot
    be reached.

    Raises:
        ConnectionError: none gave it, and why.
        OSError: the file cannot be written.
    """
    remembered = {} if again else recall()
    skipped = {
        host: remembered[host]
        for host in map(name_host, file.mirrors)
        if host in remembered
    }
    mirrors = [url for url in file.mirrors if name_host(url) not in skipped]
    begun = {url: measure(name_partial(target, name_host(url))) for url in mirrors}
    urls, outcomes = answering(
        mirrors, {url: size for url, size in begun.items() if size}
    )
    done = False
    while urls and not done:
        url = urls.pop(0)
        print(f"Downloading {file.name} from {name_host(url)}", flush=True)
        try:
            retrieve(url, file, target)
        except (requests.RequestException, ValueError) as error:
            outcomes.append((name_host(url), error))
        else:
            outcomes.append((name_host(url), None))
            done = True
    remember(outcomes)
    if not done:
        raise ConnectionError(explain(entry, outcomes, skipped))
    for partial in list_partials(target):
        partial.unlink()
    return target


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
        largest part, then the quickest; and of the others the host with the error.
    """
    answers = queue.SimpleQueue()

    def ask(url: str) -> None:
        try:
            response = requests.head(url, timeout=CONNECT_SECONDS, allow_redirects=True)
            if (
                response.status_code in ABSENT
            ):  # what else a server says to this question may not hold for the file
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
    return usable, [(name_host(url), faults[url]) for url in mirrors if url in faults]


def retrieve(url: str, file: File, target: Path) -> None:
    """Downloads a file from one mirror, checks it, and only then moves it to its place.

    Raises:
        requests.RequestException: the mirror did not give it.
        ValueError: it gave other bytes.
        OSError: the file cannot be written.
    """
    partial = name_partial(target, name_host(url))

    def resume(url: str, output: str, _pooch) -> None:
        receive(url, partial)
        name_validator(partial).unlink()
        partial.replace(output)

    pooch.get_logger().setLevel("WARNING")
    pooch.retrieve(url, file.checksum, target.name, target.parent, downloader=resume)


def receive(url: str, partial: Path) -> None:
    """Downloads into a partial file, and goes on with what is there if the server still
    has the same file.

    Raises:
        requests.RequestException: the server did not give all of it. What came is kept.
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
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=RETRIES))
        response = session.get(
            url, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS), headers=headers
        )
        going_on = begun and response.status_code == requests.codes.partial_content
        wrong_part = going_on and not response.headers.get(
            "Content-Range", ""
        ).startswith(f"bytes {begun}-")
        if wrong_part or (
            begun
            and response.status_code == requests.codes.requested_range_not_satisfiable
        ):
            validator.unlink()
            return receive(url, partial)
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
                for chunk in response.iter_content(2**16):
                    file.write(chunk)
                    bar.update(len(chunk))
        except requests.RequestException as error:
            if measure(partial) == begun:
                raise
            came = f"{measure(partial) / 1e6:.1f} of {total / 1e6:.1f} MB"
            then = ", the next download goes on there" if measure(validator) else ""
            raise BrokenOffError(f"broke off after {came}{then}") from error
        except OSError:
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
    """Returns the host in an address."""
    return urlsplit(url).hostname


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
    if isinstance(error, requests.HTTPError):
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
    return " ".join(str(error).split())
