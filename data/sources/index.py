"""Finds a file of a package on the indexes that pip and uv are set to.

By unearth, PDM's finder: it reads the simple API in HTML and in JSON, folders and
`--find-links`, knows the default index, and brings four small packages; pypi-simple
reads neither folders nor links and brings seven, one of them compiled. What unearth
asks goes through requests, as the downloads do.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

import requests
import unearth

from data.sources import locate, sessions
from data.sources.entries import Package
from data.sources.settings import Settings, split_address

ABSENT = (404, 410)
logging.getLogger("unearth").setLevel(logging.CRITICAL)  # errors are told by `find`


class Place(NamedTuple):
    """Where a package is looked for.

    Attributes:
        url: of an index, or of what names or holds files; or a folder.
        is_index: true if it has a page for each package.
    """

    url: str
    is_index: bool


class Fetcher:
    """What unearth asks through: a session of requests, and files.

    Attributes:
        session: with the settings.
        timeout: seconds until a connection is there, and until something comes.
    """

    def __init__(self, session: requests.Session, timeout: tuple[float, float]):
        self.session = session
        self.timeout = timeout

    def get(self, url: str, *, headers: dict | None = None):
        """Returns a page.

        Raises:
            OSError: it cannot be had.
        """
        if url.startswith("file:"):
            page = locate.read_path(url).read_bytes()
            kind = {"Content-Type": "text/html"}
            return SimpleNamespace(
                status_code=200,
                reason="",
                url=url,
                content=page,
                encoding=None,
                headers=kind,
            )
        response = self.session.get(url, headers=headers, timeout=self.timeout)
        response.raise_for_status()
        return response

    def head(self, url: str, *, headers: dict | None = None) -> requests.Response:
        """Asks what a page would be."""
        return self.session.head(
            url, headers=headers, timeout=self.timeout, allow_redirects=True
        )

    def iter_secure_origins(self) -> list[tuple[str, str, str]]:
        """Allows every address: what comes from it is checked by its bytes."""
        return [("*", "*", "*")]


def list_places(settings: Settings) -> list[Place]:
    """Returns where the settings say that packages are looked for."""
    indexes = [Place(address.url, True) for address in settings.indexes]
    if not settings.replaced:
        (default,) = unearth.PackageFinder().sources
        indexes.append(Place(default["url"], True))
    return [*(Place(address.url, False) for address in settings.links), *indexes]


def ask(
    package: Package, place: Place, settings: Settings, timeout: tuple[float, float]
) -> sessions.Offer:
    """Asks one place for a file, and returns where it is.

    Raises:
        FileNotFoundError: the place does not have it.
        ValueError: it has another file of that name, or what it says cannot be read.
        OSError: the place cannot be asked, which requests says.
    """
    session = sessions.Session(settings)
    finder = unearth.PackageFinder(
        Fetcher(session, timeout),  # ty: ignore[invalid-argument-type] (no streams)
        index_urls=[place.url] if place.is_index else (),
        find_links=() if place.is_index else [place.url],
        ignore_compatibility=True,
    )
    algorithm, _, digest = package.checksum.partition(":")
    try:
        # The version is a certain one: that it was yanked does no harm.
        found = finder.find_all_packages(package.name, allow_yanked=True)
        links = [one.link for one in found if one.link.filename == package.file]
        stated = [
            (link.hash_option or {}).get(algorithm, [digest])[0] for link in links
        ]
        addresses = [split_address(link.url_without_fragment) for link in links]
    except FileNotFoundError:
        links = []
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code not in ABSENT:
            raise
        links = []
    except OSError:
        raise
    except Exception:  # unearth does not look whether a page is in the right form
        raise ValueError("what it says of the package cannot be read") from None
    if not links:
        raise FileNotFoundError(f"does not have {package.file}")
    if digest not in stated:
        raise ValueError(f"has another {package.file}, whose SHA-256 is {stated[0]}")
    address = addresses[stated.index(digest)]
    session.credentials.add(address)
    return sessions.Offer(address.url, session, None)


def find(
    package: Package,
    places: list[Place],
    settings: Settings,
    timeout: tuple[float, float],
) -> Iterator[sessions.Offer]:
    """Asks all places at once, and yields what each says as it comes.

    A thread for each, because looking up a name has no time-out of its own and can hang
    behind a firewall.

    Args:
        package: what is looked for.
        places: of `list_places`.
        settings: of pip and uv.
        timeout: seconds until a connection is there, and until a place has answered.
    """
    answers = queue.SimpleQueue()

    def put(place: Place) -> None:
        try:
            offer = ask(package, place, settings, timeout)
        except requests.Timeout:  # also where a connection came about, but no answer
            offer = sessions.Offer(place.url, None, requests.Timeout())
        except (OSError, ValueError) as error:
            offer = sessions.Offer(place.url, None, error)
        answers.put((place, offer))

    for place in places:
        threading.Thread(target=put, args=(place,), daemon=True).start()
    waiting = list(places)
    deadline = time.monotonic() + timeout[1]
    while waiting:
        try:
            place, offer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            for place in waiting:
                yield sessions.Offer(place.url, None, requests.Timeout())
            return
        waiting.remove(place)
        yield offer
