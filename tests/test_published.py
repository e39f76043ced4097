"""`python -m data ask`: which files the publishers still have."""

import pytest

from data.sources import catalog
from tests.server import call, page, publish

pytestmark = pytest.mark.smoke


@pytest.fixture
def published(server, monkeypatch):
    """An entry with a file that its first mirror has, its second has no more, and of
    which its third has another.
    """
    server.pages |= {"/there": page(), "/longer": page(body=bytes(500_000))}
    entry = publish(server, "/there", "/gone", "/longer")
    monkeypatch.setattr(catalog, "ENTRIES", {"test": entry})
    return entry


def test_ask_names_what_is_gone(published, server, monkeypatch, capsys):
    output = call(monkeypatch, capsys, "ask", code=1)
    there, lacking, longer, last = output.out.splitlines()
    assert there == "there   file, 127.0.0.1"
    assert lacking == "missing file, 127.0.0.1 (HTTP 404)"
    assert "500,000 bytes" in longer
    assert last == "2 missing"
    assert {asked.method for asked in server.asked} == {"HEAD"}


def test_ask_says_that_all_are_there(published, monkeypatch, capsys):
    (file,) = published.files
    kept = published._replace(files=(file._replace(mirrors=file.mirrors[:1]),))
    monkeypatch.setattr(catalog, "ENTRIES", {"test": kept})
    output = call(monkeypatch, capsys, "ask")
    assert output.out.splitlines()[-1] == "All are there"
