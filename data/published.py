"""Whether what the catalog names is still published, asked without downloading it."""

from collections.abc import Iterator

import requests

from data.sources import downloads, sessions
from data.sources.entries import File, Package


def ask(published: File | Package) -> Iterator[tuple[str, Exception | None]]:
    """Asks every mirror of a file, or every package index for a package.

    Yields:
        A host, and why the file cannot be had from it; None if it can.
    """
    if isinstance(published, Package):
        offers = downloads.find_package(published, lambda url: True)
    else:
        offers = (
            sessions.Offer(url, sessions.Session(), None) for url in published.mirrors
        )
    for url, session, error in offers:
        if session:
            try:
                with session:
                    check_head(session, url, published.size)
            except (requests.RequestException, ValueError) as fault:
                error = fault
        yield downloads.name_host(url), error


def check_head(session: requests.Session, url: str, size: int) -> None:
    """Asks what a file would be.

    Raises:
        requests.RequestException: the host does not have it, or does not answer.
        ValueError: it is longer than the catalog says.
    """
    response = session.head(
        url,
        allow_redirects=True,
        timeout=(downloads.CONNECT_SECONDS, downloads.STALL_SECONDS),
        headers={"Accept-Encoding": "identity"},
    )
    response.raise_for_status()
    length = int(response.headers.get("Content-Length", 0))
    if length > size:
        raise ValueError(f"has {length:,} bytes, expected at most {size:,}")
