"""Finds data files: in the folders of `COURSE_DATA`, in Keras's cache, or on a mirror."""

import os
import queue
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

CONNECT_SECONDS = 4
STALL_SECONDS = 15


def cache_folder(kind: str = "datasets") -> Path:
    """Returns Keras's folder for "datasets" or for the weights of "models", in `KERAS_HOME`, else in `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / kind


def find(*names: str, kind: str = "datasets") -> Path | None:
    """Returns what the first of the folders in `COURSE_DATA` and the cache has of the names, else None.

    Args:
        *names: of a file or folder, relative to those folders, the preferred one first. `COURSE_DATA` separates folders
            as `PATH` does.
        kind: "datasets" or "models".

    Raises:
        ValueError: `COURSE_DATA` names a folder that does not exist.
    """
    folders = [Path(folder).expanduser() for folder in os.environ.get("COURSE_DATA", "").split(os.pathsep) if folder]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"COURSE_DATA names {folder}, which is not a folder: correct it or unset COURSE_DATA")
    for folder in [*folders, cache_folder(kind)]:
        for name in names:
            if (folder / name).exists():
                return folder / name
    return None


def download(name: str, mirrors: list[str], checksum: str | None, kind: str = "datasets") -> Path:
    """Downloads a file into the cache and returns its path there.

    Args:
        name: of the file in the cache.
        mirrors: addresses of the same file. The one that answers first is asked first.
        checksum: of the file's bytes, such as "sha256:731c5a...". Other bytes never reach the cache. None where the
            publisher names none: what is read from the file must be checked.
        kind: "datasets" or "models".

    Raises:
        ConnectionError: no mirror gave the file, and why. Mirrors that do not answer cost `CONNECT_SECONDS` in all.
    """
    urls, faults = answering(mirrors)
    pooch.get_logger().setLevel("WARNING")
    for url in urls:
        print(f"Downloading {name} from {urlsplit(url).hostname}", flush=True)
        downloader = pooch.HTTPDownloader(timeout=(CONNECT_SECONDS, STALL_SECONDS))
        try:
            target = cache_folder(kind) / name
            return Path(pooch.retrieve(url, checksum, target.name, target.parent, downloader=downloader))
        except (OSError, ValueError) as error:
            faults.append(f"{urlsplit(url).hostname}: {shorten(error)}")
    raise ConnectionError("; ".join(faults))


def answering(mirrors: list[str]) -> tuple[list[str], list[str]]:
    """Asks all mirrors at once, until one answers that it has the file.

    A thread for each, because looking up a name has no time-out of its own and can hang behind a firewall.

    Returns:
        The mirrors worth asking, the one that answered first; and what was wrong with the others.
    """
    answers = queue.SimpleQueue()

    def ask(url: str) -> None:
        try:
            requests.head(url, timeout=CONNECT_SECONDS, allow_redirects=True).raise_for_status()
            answers.put((url, None))
        except (requests.RequestException, UnicodeError) as error:
            answers.put((url, error))

    for url in mirrors:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    waiting, faults = dict.fromkeys(mirrors), {}
    deadline = time.monotonic() + CONNECT_SECONDS
    first = []
    while waiting and not first:
        try:
            url, error = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            faults |= dict.fromkeys(waiting, f"no answer in {CONNECT_SECONDS} s")
            break
        del waiting[url]
        if error is None:
            first = [url]
        else:
            faults[url] = shorten(error)
    usable = [*first, *waiting] if first else []
    return usable, [f"{urlsplit(url).hostname}: {faults[url]}" for url in mirrors if url in faults]


def shorten(error: Exception) -> str:
    """Returns in a few words why a download failed."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return f"no answer in {CONNECT_SECONDS} s"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return " ".join(str(error).split())
