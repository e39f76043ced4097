"""A local web server that says what a test wants, and ways to have no network."""

import contextlib
import hashlib
import http.server
import re
import socket
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from data import __main__ as commands
from data.sources import catalog, downloads, locate

BODY = np.random.default_rng(0).bytes(400_000)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as `server.pages` says, which maps paths, or whole addresses as a proxy
    is asked for, to pages.
    """

    def do_GET(self):
        page = self.server.pages.get(
            self.path, SimpleNamespace(statuses=[404], body=b"not here")
        )
        status = page.statuses.pop(0) if len(page.statuses) > 1 else page.statuses[0]
        asked = SimpleNamespace(
            method=self.command,
            path=self.path,
            range=self.headers.get("Range"),
            authorization=self.headers.get("Authorization"),
            sent=0,
        )
        self.server.asked.append(asked)
        if getattr(page, "authorization", None) not in (None, asked.authorization):
            page, status = SimpleNamespace(body=b"who are you?"), 401
        begin, body = 0, page.body
        if (
            status == 200
            and asked.range
            and getattr(page, "ranges", True)
            and self.headers["If-Range"] == page.etag
        ):
            begin = int(re.fullmatch(r"bytes=(\d+)-", asked.range)[1]) + getattr(
                page, "shift", 0
            )
            status, body = 206 if begin < len(body) else 416, body[begin:]
        self.send_response(status)
        for name, value in getattr(page, "headers", {}).items():
            self.send_header(name, value)
        if getattr(page, "etag", None):
            self.send_header("ETag", page.etag)
        if status == 206:
            self.send_header(
                "Content-Range", f"bytes {begin}-{len(page.body) - 1}/{len(page.body)}"
            )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = getattr(
            page, "stop", None
        )  # after so many bytes the line is cut, or nothing more comes
        for start in range(0, len(body[:stop]), 50_000):
            asked.sent += len(body[:stop][start : start + 50_000])
            self.wfile.write(body[:stop][start : start + 50_000])
            time.sleep(getattr(page, "pause", 0))
        if stop and getattr(page, "stalls", False):
            self.server.released.wait(30)
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 (the standard library's name)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Says nothing where a test goes away in the middle of an answer."""

    def handle_error(self, request, client_address):
        pass


@contextlib.contextmanager
def serving():
    """A local web server with `pages`, what it was `asked`, and its `url`."""
    server = Server(("127.0.0.1", 0), Handler)
    server.pages, server.asked, server.released = {}, [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def page(body=BODY, statuses=(200,), etag='"one"', **fields):
    return SimpleNamespace(body=body, statuses=list(statuses), etag=etag, **fields)


def publish(server, *paths, body=BODY, name="file", **fields):
    """Returns an entry of the catalog with one file, which the server has under these
    paths.
    """
    checksum = f"sha256:{hashlib.sha256(body).hexdigest()}"
    mirrors = tuple(path if "://" in path else server.url + path for path in paths)
    return catalog.Entry(
        "test",
        "a test",
        "none",
        (),
        (catalog.File(name, len(body), checksum, mirrors, **fields),),
    )


def download(entry, **fields):
    return downloads.download(entry, entry.files[0], **fields)


def gets(server):
    return [asked for asked in server.asked if asked.method == "GET"]


def kept():
    """The names of what the cache holds, without locks."""
    names = (
        {path.name for path in locate.cache_folder().glob("*")}
        if locate.cache_folder().exists()
        else set()
    )
    return {name for name in names if not name.startswith(".")}


def call(monkeypatch, capsys, *words, code=0):
    """Calls python -m data, and returns what it printed on stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["data", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == code
    return capsys.readouterr()


@contextlib.contextmanager
def swallowing(accepts):
    """The address of a proxy that swallows every connection: it accepts and never
    answers, or does not even accept.
    """
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(100 if accepts else 0)
        while (
            not accepts
        ):  # fill the queue of connections, until the system drops what comes
            try:
                stack.enter_context(
                    socket.create_connection(listening.getsockname(), timeout=0.1)
                )
            except TimeoutError:
                break
        yield "http://{}:{}".format(*listening.getsockname())
