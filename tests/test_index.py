"""Files of packages from an index that the test starts: what can go wrong with them,
and what pip and uv are set to.
"""

import base64
import errno
import hashlib
import io
import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from data.sources import archives, catalog, downloads, entries, locate, settings
from tests.few import ROOT
from tests.server import call, download, gets, page, swallowing

CONTENT = np.random.default_rng(2).bytes(300_000)
OTHER = np.random.default_rng(3).bytes(1000)
WHEEL = "data_pack-1.0-py3-none-any.whl"
SDIST = "data_pack-1.0.tar.gz"
HTML, JSON = "text/html", "application/vnd.pypi.simple.v1+json"


def make_wheel(*members):
    """The bytes of a wheel with a member that is wanted, and others."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data_pack/__init__.py", "raise SystemExit('imported')")
        archive.writestr("data_pack/file.bin", CONTENT)
        archive.writestr("data_pack/other.bin", OTHER)
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def make_sdist(*members, setup=""):
    """The bytes of an sdist with a member that is wanted, and others."""
    packed = io.BytesIO()
    contents = [
        ("data_pack-1.0/setup.py", setup.encode()),
        ("data_pack-1.0/data_pack/file.bin", CONTENT),
    ]
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in members:
            archive.addfile(info)
    return packed.getvalue()


def describe(body, file=WHEEL, member="data_pack/file.bin", content=CONTENT, size=None):
    """An entry of the catalog with a file that comes in a package."""

    def digest(part):
        return f"sha256:{hashlib.sha256(part).hexdigest()}"

    package = entries.Package("data-pack", "1.0", file, len(body), digest(body), "MIT")
    wanted = entries.File(
        "folder/file.bin",
        size or len(content),
        digest(content),
        package=package,
        member=member,
    )
    return entries.Entry("test", "a test", "none", (), (wanted,))


def offer(server, body, file=WHEEL, form=HTML, told="right", link="relative", **more):
    """Puts a file of a package on the index.

    Args:
        server: of the test.
        body: the file's bytes.
        file: its name.
        form: of the page, HTML or JSON.
        told: what the page says of the SHA-256: "right", "wrong" or "nothing".
        link: "relative", "absolute" or "redirected".
        more: fields of the file's page; "yanked" is one of the index.
    """
    digest = {"right": hashlib.sha256(body).hexdigest(), "wrong": "0" * 64}.get(told)
    path = f"/files/{file}"
    server.pages[path] = page(body, **{k: v for k, v in more.items() if k != "yanked"})
    url = {"relative": f"../..{path}", "absolute": server.url + path}.get(
        link, f"{server.url}/moved/{file}"
    )
    server.pages[f"/moved/{file}"] = page(b"", [302], headers={"Location": path})
    old = file.replace("1.0", "0.9")
    if form == HTML:
        fragment = f"#sha256={digest}" if digest else ""
        yanked = 'data-yanked="a mistake"' if "yanked" in more else ""
        text = (
            f'<!DOCTYPE html><html><body><a href="{old}">{old}</a>'
            f'<a href="{url}{fragment}" {yanked}>{file}</a></body></html>'
        )
    else:
        one = {"filename": file, "url": url, "hashes": {}}
        if digest:
            one["hashes"] = {"sha256": digest}
        if "yanked" in more:
            one["yanked"] = "a mistake"
        files = [{"filename": old, "url": old, "hashes": {}}, one]
        text = json.dumps({"name": "data-pack", "files": files})
    headers = {"Content-Type": form}
    server.pages["/simple/data-pack/"] = page(text.encode(), headers=headers)


@pytest.fixture
def index(server, monkeypatch):
    """The server, as the only index that pip is set to."""
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    return server


def left():
    """What is below the cache, without locks and what is remembered of hosts."""
    folder = locate.cache_folder()
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {name for name in found if not Path(name).name.startswith(".")}


@pytest.mark.parametrize("form", [HTML, JSON])
@pytest.mark.parametrize("told", ["right", "nothing"])
@pytest.mark.parametrize("link", ["relative", "absolute", "redirected"])
def test_member_reaches_the_cache(index, capfd, form, told, link):
    """And nothing else of the package does."""
    body = make_wheel()
    offer(index, body, form=form, told=told, link=link)
    path = download(describe(body))
    assert path == locate.cache_folder() / "folder/file.bin"
    assert path.read_bytes() == CONTENT
    assert left() == {"folder", "folder/file.bin"}
    assert download(describe(body)) == path
    assert [asked.path for asked in gets(index)].count(f"/files/{WHEEL}") == 1
    out, err = capfd.readouterr()
    assert out == f"Downloading {WHEEL} (0.3 MB) from 127.0.0.1\n"
    assert err == ""


def test_package_itself_is_kept(index):
    body = make_wheel()
    offer(index, body)
    entry = describe(body)
    file = entry.files[0]._replace(
        name=WHEEL, size=len(body), checksum=entry.files[0].package.checksum, member=""
    )
    assert download(entry._replace(files=(file,))).read_bytes() == body
    assert left() == {WHEEL}


def test_all_members_of_a_package_come_at_once(index, monkeypatch):
    body = make_wheel()
    offer(index, body)
    first = describe(body)
    second = describe(body, member="data_pack/other.bin", content=OTHER)
    second = second._replace(files=(second.files[0]._replace(name="other/two.bin"),))
    monkeypatch.setattr(catalog, "ENTRIES", {"first": first, "second": second})
    download(first)
    assert left() == {"folder", "folder/file.bin", "other", "other/two.bin"}
    (path,) = downloads.obtain(second)
    assert path.read_bytes() == OTHER
    assert [asked.path for asked in gets(index)].count(f"/files/{WHEEL}") == 1


@pytest.mark.parametrize("form", [HTML, JSON])
def test_yanked_version_is_the_right_one(index, form):
    body = make_wheel()
    offer(index, body, form=form, yanked=True)
    assert download(describe(body)).read_bytes() == CONTENT


@pytest.mark.parametrize("what", ["package", "version"])
def test_missing_is_named(index, what):
    if what == "version":
        offer(index, make_wheel(), file="data_pack-2.0-py3-none-any.whl")
    with pytest.raises(ConnectionError, match=f"^127.0.0.1: does not have {WHEEL}$"):
        download(describe(make_wheel()))
    assert not left()
    assert not downloads.recall()


def test_another_file_is_not_downloaded_where_the_index_says_so(index):
    body = make_wheel()
    offer(index, body, told="wrong")
    with pytest.raises(ConnectionError, match=f"has another {WHEEL}, whose SHA-256 is"):
        download(describe(body))
    assert [asked.path for asked in index.asked] == ["/simple/data-pack/"]


@pytest.mark.parametrize("body", [make_wheel(("more", b"")), b"a login page"])
def test_another_file_never_reaches_the_cache(index, body):
    offer(index, body, told="nothing")
    with pytest.raises(ConnectionError, match=r"^127\.0\.0\.1: .*(hash|sends more)"):
        download(describe(make_wheel()))
    assert left() <= {"folder"}


def test_file_that_does_not_end_is_cut(index):
    body = make_wheel()
    offer(index, body + bytes(10_000_000), told="nothing")
    with pytest.raises(ConnectionError, match=r"sends more than the .* bytes"):
        download(describe(body))
    assert gets(index)[-1].sent < 10_000_000
    assert not left()


@pytest.mark.parametrize(
    "text",
    [b"<html>Please log in", b"[1]", b"{", b'{"files": [1]}', b"\xff\xfe\x00"],
    ids=range(5),
)
@pytest.mark.parametrize("form", [HTML, JSON, "image/png"])
def test_rubbish_from_an_index_is_one_line(index, capfd, text, form):
    index.pages["/simple/data-pack/"] = page(text, headers={"Content-Type": form})
    said = r"^127.0.0.1: (does not have|what it says of the package cannot be read)"
    with pytest.raises(ConnectionError, match=said):
        download(describe(make_wheel()))
    assert capfd.readouterr() == ("", "")


def link_to(target, name, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def listing(folder):
    return sorted(
        path.as_posix() for path in folder.rglob("*") if "keras_home" not in path.parts
    )


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_names_and_links_that_lead_elsewhere_do_no_harm(index, tmp_path, kind):
    """What is not wanted is not looked at."""
    names = ["../evil", "/evil", "data_pack/../../../evil", "C:\\evil"]
    if kind == "wheel":
        body = make_wheel(*((name, b"evil") for name in names), (zip_link("a"), "/etc"))
        entry = describe(body)
    else:
        members = [tarfile.TarInfo(name) for name in names]
        body = make_sdist(*members, link_to("/etc", "data_pack-1.0/etc"))
        entry = describe(body, SDIST, "data_pack-1.0/data_pack/file.bin")
    offer(index, body, file=WHEEL if kind == "wheel" else SDIST)
    before = listing(tmp_path)
    assert download(entry).read_bytes() == CONTENT
    assert left() == {"folder", "folder/file.bin"}
    assert listing(tmp_path) == before
    assert not Path("/evil").exists()


@pytest.mark.parametrize(
    "kind", ["symbolic link", "hard link", "device", "in a wheel", "folder", "missing"]
)
def test_member_that_is_no_file_is_refused(index, tmp_path, kind):
    secret, member = tmp_path / "secret", "data_pack/wanted"
    secret.write_bytes(CONTENT)
    if kind == "in a wheel":
        body, file = make_wheel((zip_link(member), str(secret))), WHEEL
    elif kind == "folder":
        body, file = make_wheel((f"{member}/", b"")), WHEEL
        member += "/"
    else:
        types = {
            "symbolic link": tarfile.SYMTYPE,
            "hard link": tarfile.LNKTYPE,
            "device": tarfile.CHRTYPE,
        }
        links = [link_to(str(secret), member, types[kind])] if kind in types else []
        body, file = make_sdist(*links), SDIST
    offer(index, body, file=file)
    said = "does not hold" if kind == "missing" else "is no file, but a link or a fo"
    with pytest.raises(ConnectionError, match=f"{file}.* {said}|{member} in .* {said}"):
        download(describe(body, file, member))
    assert left() <= {"folder"}


def test_member_of_another_content_is_refused(index):
    body = make_wheel()
    offer(index, body)
    entry = describe(body, content=CONTENT[::-1])
    with pytest.raises(ConnectionError, match=r"file.bin in .*whl is another file"):
        download(entry)
    assert left() <= {"folder"}


@pytest.mark.parametrize("honest", [True, False])
def test_bomb_in_a_wheel_is_refused(index, honest):
    """A member that unpacks to 100 MB, and one that says it is small."""
    body = bytearray(make_wheel(("data_pack/bomb", bytes(100_000_000))))
    if not honest:
        size = (100_000_000).to_bytes(4, "little")
        for _ in range(body.count(size)):
            place = body.index(size)
            body[place : place + 4] = (1000).to_bytes(4, "little")
    body = bytes(body)
    assert len(body) < 500_000
    offer(index, body)
    started = time.monotonic()
    entry = describe(
        body, member="data_pack/bomb", content=bytes(1000) + b"1", size=1000
    )
    with pytest.raises(
        ConnectionError, match=r"expected 1,000|is another file|damaged"
    ):
        download(entry)
    assert left() <= {"folder"}
    assert time.monotonic() - started < 5


def test_bomb_in_an_sdist_is_refused(index, monkeypatch):
    """A member before the one that is wanted takes more than all data."""
    monkeypatch.setattr(archives, "MAX_BYTES", 1_000_000)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("a", bytes(2_000_000)), ("b", CONTENT)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    offer(index, packed.getvalue(), file=SDIST)
    with pytest.raises(ConnectionError, match=f"{SDIST} unpacks to more than 0.001 GB"):
        download(describe(packed.getvalue(), SDIST, "b"))
    assert left() <= {"folder"}


@pytest.mark.parametrize("file", [WHEEL, SDIST])
def test_archive_that_cannot_be_read_is_refused(index, file):
    body = make_wheel()[:-30] if file == WHEEL else make_sdist()[:200]
    offer(index, body, file=file)
    with pytest.raises(ConnectionError, match=f"{file} (cannot be read|is damaged)"):
        download(describe(body, file, "data_pack-1.0/data_pack/file.bin"))
    assert left() <= {"folder"}


def test_nothing_of_an_sdist_is_run(index, tmp_path):
    """A setup.py that would write a file, which it does where it is run."""
    setup = f"open({str(tmp_path / 'attacked')!r}, 'w').close()"
    body = make_sdist(setup=setup)
    offer(index, body, file=SDIST)
    entry = describe(body, SDIST, "data_pack-1.0/data_pack/file.bin")
    assert download(entry).read_bytes() == CONTENT
    assert not (tmp_path / "attacked").exists()
    exec(setup)
    assert (tmp_path / "attacked").exists(), "it was an attack"


@pytest.mark.parametrize("stalls", [True, False])
def test_broken_download_goes_on(index, monkeypatch, stalls):
    monkeypatch.setattr(downloads, "STALL_SECONDS", 0.3)
    body = make_wheel()
    offer(index, body, stop=200_000, stalls=stalls)
    entry = describe(body)
    said = r"^127.0.0.1: broke off after 0.2 of 0.3 MB, the next .* goes on there$"
    with pytest.raises(ConnectionError, match=said):
        download(entry)
    assert locate.find("folder/file.bin") is None
    offer(index, body)
    assert download(entry).read_bytes() == CONTENT
    assert 0 < gets(index)[-1].sent < len(body) - 100_000
    assert left() == {"folder", "folder/file.bin"}


@pytest.mark.parametrize("what", ["package", "member"])
@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk"
)
def test_full_disk(index, what):
    body = make_wheel()
    offer(index, body)
    partial = {
        "package": f"partial_127.0.0.1_{WHEEL}",
        "member": f"folder/partial_{WHEEL}_file.bin",
    }[what]
    path = locate.cache_folder() / partial
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    reason = rf"{WHEEL} cannot be kept in .* \({os.strerror(errno.ENOSPC)}\): make room"
    with pytest.raises(ConnectionError, match=reason):
        download(describe(body))
    assert left() <= {"folder"}
    assert download(describe(body)).read_bytes() == CONTENT


def test_disk_without_room(index):
    body = make_wheel()
    offer(index, body)
    entry = describe(body)
    large = entry.files[0]._replace(size=10**15)
    with pytest.raises(
        ConnectionError, match=r"cannot be kept in .* MB left, expected"
    ):
        downloads.download(entry, large)
    assert not index.asked


def test_package_that_was_left_is_taken(index):
    """A process that was killed before it took the member out."""
    body = make_wheel()
    locate.cache_folder().mkdir(parents=True)
    (locate.cache_folder() / WHEEL).write_bytes(body)
    assert download(describe(body)).read_bytes() == CONTENT
    assert not index.asked
    assert left() == {"folder", "folder/file.bin"}


def test_two_processes_take_two_members_of_one_download(index):
    body = make_wheel()
    offer(index, body, pause=0.15)
    first = describe(body)
    second = describe(body, member="data_pack/other.bin", content=OTHER)
    second = second._replace(files=(second.files[0]._replace(name="other/two.bin"),))
    script = """
import sys
from data.sources import catalog, downloads
from data.sources.entries import Entry, File, Package
catalog.ENTRIES = dict(first=ENTRIES[0], second=ENTRIES[1])
print(*downloads.obtain(catalog.ENTRIES[sys.argv[1]]))
""".replace("ENTRIES[", f"({first!r}, {second!r})[", 2)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second")
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    names = [Path(output.split()[-1]).name for output in outputs]
    assert names == ["file.bin", "two.bin"]
    assert [asked.path for asked in gets(index)].count(f"/files/{WHEEL}") == 1
    assert left() == {"folder", "folder/file.bin", "other", "other/two.bin"}


SECRET = "pass word/of:zoe@"
BASIC = "Basic " + base64.b64encode(f"zoe:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    "way",
    ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "netrc"],
)
@pytest.mark.parametrize("ends", ["well", "refused", "missing", "broken"])
def test_credentials_are_used_and_never_told(
    server, monkeypatch, tmp_path, capfd, caplog, way, ends
):
    """Not on the screen, in logs, in messages, or in what is kept."""
    caplog.set_level(logging.DEBUG)
    body = make_wheel()
    offer(
        server, body, link="absolute", **({"stop": 100_000} if ends == "broken" else {})
    )
    for one in server.pages.values():
        one.authorization = BASIC if ends != "refused" else "Basic other"
    if ends == "missing":
        del server.pages[f"/files/{WHEEL}"]
    host = server.url.removeprefix("http://")
    url = f"http://zoe:{quote(SECRET, safe='')}@{host}/simple"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    if way == "netrc":
        name = host.partition(":")[0]
        netrc = tmp_path / "netrc"
        netrc.write_text(f'machine {name} login zoe password "{SECRET}"')
        monkeypatch.setenv("NETRC", str(netrc))
        url, way = f"{server.url}/simple", "PIP_INDEX_URL"
    if way == "UV_INDEX":
        monkeypatch.setenv("UV_INDEX_MY_OWN_USERNAME", "zoe")
        monkeypatch.setenv("UV_INDEX_MY_OWN_PASSWORD", SECRET)
        url = f"my-own={server.url}/simple"
    if way.startswith("PIP"):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/none")
    monkeypatch.setenv(way, url)
    said = ""
    if ends == "well":
        assert download(describe(body)).read_bytes() == CONTENT
    else:
        with pytest.raises(ConnectionError) as raised:
            download(describe(body))
        said = str(raised.value)
        assert {"refused": "HTTP 401", "missing": "HTTP 404", "broken": "broke off"}[
            ends
        ] in said
    out, err = capfd.readouterr()
    told = [said, out, err, caplog.text]
    for path in locate.cache_folder().parent.rglob("*"):
        told.append(path.name)
        if path.is_file():
            told.append(path.read_bytes().decode("latin-1"))
    for text in told:
        for secret in (SECRET, quote(SECRET, safe=""), BASIC.split()[1], "zoe"):
            assert secret not in text
    assert server.asked


def test_credentials_stay_on_their_host(server, monkeypatch):
    """Where the index leads to another host, it is asked without them."""
    body = make_wheel()
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    offer(server, body)
    text = f'<a href="{elsewhere}/files/{WHEEL}">{WHEEL}</a>'.encode()
    server.pages["/simple/data-pack/"] = page(text, headers={"Content-Type": HTML})
    monkeypatch.setenv(
        "PIP_INDEX_URL", f"{server.url.replace('//', '//zoe:x@')}/simple"
    )
    assert download(describe(body)).read_bytes() == CONTENT
    sent = {asked.path: asked.authorization for asked in server.asked}
    assert sent["/simple/data-pack/"]
    assert sent[f"/files/{WHEEL}"] is None


@pytest.mark.parametrize(
    "address",
    ["https//zoe:secret@host/simple", "zoe:secret@host", "ftp://zoe:secret@host/"],
)
@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_INDEX", "PIP_FIND_LINKS"])
def test_address_that_is_none_is_not_repeated(monkeypatch, variable, address):
    monkeypatch.setenv(variable, address)
    monkeypatch.setenv("PIP_NO_INDEX", "0" if variable == "PIP_INDEX_URL" else "1")
    with pytest.raises(ConnectionError) as raised:
        download(describe(make_wheel()))
    assert "secret" not in str(raised.value)


def test_offline_is_one_line(monkeypatch, capsys):
    """Nobody listens there; the second time nobody is asked, but by fetch."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://localhost:9/simple")
    entry = describe(make_wheel())
    monkeypatch.setattr(catalog, "ENTRIES", {"test": entry})
    said = (
        "^file.bin is neither in COURSE_DATA nor in .*, and cannot be downloaded "
        r"\(localhost: cannot be reached\): python -m data fetch test$"
    )
    with pytest.raises(ConnectionError, match=said):
        downloads.obtain(entry)
    with pytest.raises(ConnectionError, match=r"not asked for an hour: localhost at"):
        downloads.obtain(entry)
    output = call(monkeypatch, capsys, "fetch", "test", code=1)
    assert output.err == "failed  folder/file.bin: localhost: cannot be reached\n"
    output = call(monkeypatch, capsys, "fetch", "--small", code=1)
    assert re.fullmatch(
        r"Not here yet: test \(.*\); later: python -m data fetch --small\n", output.err
    )


@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "dropped"])
def test_silent_indexes_cost_one_time_out_once(monkeypatch, accepts):
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(downloads, "ANSWER_SECONDS", 1.0)
    monkeypatch.setenv("PIP_INDEX_URL", "http://a.test/simple")
    monkeypatch.setenv(
        "PIP_EXTRA_INDEX_URL", "http://b.test/simple http://c.test/simple"
    )
    with swallowing(accepts) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("HTTP_PROXY", proxy)
        started = time.monotonic()
        with pytest.raises(ConnectionError, match=r"a\.test: .*b\.test: |b\.test: "):
            download(describe(make_wheel()))
        assert time.monotonic() - started < 3
        started = time.monotonic()
        with pytest.raises(ConnectionError, match="not reached, so not asked"):
            download(describe(make_wheel()))
        assert time.monotonic() - started < 1


def test_proxies(server, monkeypatch):
    """That of the environment, and pip's own before it."""
    body = make_wheel()
    offer(server, body, link="relative")
    for path in list(server.pages):
        server.pages[f"http://index.test{path}"] = server.pages.pop(path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://index.test/simple")
    monkeypatch.setenv("PIP_PROXY", server.url)
    assert download(describe(body)).read_bytes() == CONTENT
    (locate.cache_folder() / "folder/file.bin").unlink()
    monkeypatch.delenv("PIP_PROXY")
    with pytest.raises(ConnectionError, match="the proxy in the environment cannot be"):
        download(describe(body))
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert download(describe(body), again=True).read_bytes() == CONTENT


@pytest.fixture
def secure(server, tmp_path):
    """The server behind a certificate of its own, whose file is returned."""
    import ssl

    if not shutil.which("openssl"):
        pytest.skip("needs openssl, to make a certificate")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    subprocess.run(
        ["openssl", *words.split(), "subjectAltName=DNS:localhost", *files],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://localhost:{server.server_address[1]}"
    return tmp_path / "certificate"


@pytest.mark.parametrize(
    "trust",
    [
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "PIP_TRUSTED_HOST",
        "UV_INSECURE_HOST",
        "",
    ],
)
def test_certificates(server, secure, monkeypatch, capfd, trust):
    for name in settings.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    body = make_wheel()
    offer(server, body, link="absolute")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    if trust:
        monkeypatch.setenv(trust, "localhost" if "HOST" in trust else str(secure))
        assert download(describe(body)).read_bytes() == CONTENT
    else:
        with pytest.raises(ConnectionError, match="its certificate is not trusted"):
            download(describe(body))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["index", "path", "links", "file"])
def test_folders_are_indexes_too(monkeypatch, tmp_path, kind):
    """As pip takes them: an index in files, and a folder of packages."""
    body = make_wheel()
    folder = tmp_path / "an index/data-pack"
    folder.mkdir(parents=True)
    (folder / WHEEL).write_bytes(body)
    (folder / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    if kind in ("index", "path"):
        parent = folder.parent
        (folder.parent / "data-pack").mkdir(exist_ok=True)
        url = parent.as_uri() if kind == "index" else str(parent)
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        text = f"[global]\nindex-url = {parent.as_uri()}\n"
        (tmp_path / "pip.conf").write_text(text)
        if kind == "path":
            link = tmp_path / "link"
            link.symlink_to(parent)
            monkeypatch.setenv("PIP_INDEX_URL", str(link))
    else:
        url = folder.as_uri() if kind == "links" else (folder / WHEEL).as_uri()
        monkeypatch.setenv("PIP_FIND_LINKS", url)
        monkeypatch.setenv("PIP_NO_INDEX", "true")
    assert download(describe(body)).read_bytes() == CONTENT
    assert (folder / WHEEL).read_bytes() == body
    assert left() == {"folder", "folder/file.bin"}


def test_the_next_index_takes_over(server, monkeypatch):
    """One that lacks the package, one that has another file, and the right one."""
    body = make_wheel()
    offer(server, body)
    server.pages["/right/data-pack/"] = server.pages["/simple/data-pack/"]
    offer(server, body, told="wrong")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/none")
    places = f"{server.url}/simple {server.url}/right"
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", places)
    assert download(describe(body)).read_bytes() == CONTENT


def test_no_index_is_said(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ConnectionError, match="pip or uv is set to ask no package ind"):
        download(describe(make_wheel()))


@pytest.mark.parametrize("to", [True, False])
def test_commands_know_packages(index, monkeypatch, capsys, tmp_path, to):
    body = make_wheel()
    offer(index, body)
    monkeypatch.setattr(catalog, "ENTRIES", {"test": describe(body)})
    listed = " ".join(call(monkeypatch, capsys, "list").out.split())
    assert "size 0.3 MB, in a package of 0.3 MB; license: none; " in listed
    assert "package: data-pack 1.0, MIT" in listed
    assert "not here: python -m data fetch test, from the package index" in listed
    words = ["--to", tmp_path / "stick"] if to else []
    out = call(monkeypatch, capsys, "fetch", "--small", *words).out
    folder = tmp_path / "stick" if to else locate.cache_folder()
    assert out.splitlines()[-1] == f"loaded  {folder / 'folder/file.bin'}"
    monkeypatch.setenv("COURSE_DATA", str(folder))
    assert str(folder) in call(monkeypatch, capsys, "list").out
    assert "All are right" in call(monkeypatch, capsys, "verify").out
    monkeypatch.delenv("COURSE_DATA")
    (folder / "folder/file.bin").write_bytes(b"cut off")
    if not to:
        wrong = call(monkeypatch, capsys, "verify", code=1).err
        assert re.fullmatch(
            r"wrong .* is damaged .*: python -m data fetch test\n", wrong
        )
    assert "again   " in call(monkeypatch, capsys, "fetch", "test", *words).out
    assert (folder / "folder/file.bin").read_bytes() == CONTENT


def urls(addresses):
    return [address.url for address in addresses]


@pytest.fixture
def homes(monkeypatch, tmp_path):
    """Folders for settings of the system, the user and a project."""
    for name in ("system", "user", "project/below"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.delenv("PIP_CONFIG_FILE")
    monkeypatch.delenv("UV_NO_CONFIG")
    monkeypatch.chdir(tmp_path / "project/below")

    def write(place, text):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


posix = pytest.mark.skipif(os.name != "posix", reason="settings are elsewhere")


@posix
def test_settings_of_pip_in_files(homes, monkeypatch, tmp_path):
    """The system's, the user's old and new ones, the environment's, a named one,
    variables: each counts more than the one before.
    """
    places = [
        "system/pip/pip.conf",
        "home/.pip/pip.conf",
        "user/pip/pip.conf",
        "environment/pip.conf",
    ]
    for number, place in enumerate(places):
        homes(place, f"[global]\nindex_url = http://{number}.test/simple\n")
        assert urls(settings.read_settings().indexes) == [
            f"http://{number}.test/simple"
        ]
    homes("named.conf", "[global]\nindex-url = http://named.test/\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "named.conf"))
    assert urls(settings.read_settings().indexes) == ["http://named.test/"]
    homes(places[0], "[install]\nindex-url = http://install.test/\n")
    assert urls(settings.read_settings().indexes) == ["http://install.test/"]
    monkeypatch.setenv("PIP_INDEX_URL", "http://variable.test/")
    assert urls(settings.read_settings().indexes) == ["http://variable.test/"]
    assert settings.read_settings().replaced
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert settings.read_settings().indexes == ()
    assert not settings.read_settings().replaced


@posix
def test_settings_of_pip_are_those_that_pip_tells(homes, tmp_path):
    """Against pip itself, with lists of several lines and an option of a command."""
    pytest.importorskip("pip")
    homes(
        "user/pip/pip.conf",
        "[global]\nindex-url = http://one.test/simple\nextra-index-url =\n"
        "    http://two.test/simple\n    http://three.test/simple\n"
        "trusted-host = one.test two.test:8080\ncert = /of/the/user\n",
    )
    homes(
        "system/pip/pip.conf", "[global]\ncert = /of/the/system\nproxy = http://p:1\n"
    )
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    told = dict(line.split("=", 1) for line in told.splitlines())

    def pip_says(name):
        return told[f"global.{name}"].strip("'").replace("\\n", " ").split()

    found = settings.read_settings()
    assert urls(found.indexes) == pip_says("index-url") + pip_says("extra-index-url")
    assert list(found.trusted) == pip_says("trusted-host")
    assert [found.certificates] == pip_says("cert")
    assert [found.proxy] == pip_says("proxy")


@posix
def test_settings_of_uv_in_files(homes, monkeypatch):
    homes("system/uv/uv.toml", 'index-url = "http://system.test/"\n')
    assert urls(settings.read_settings().indexes) == ["http://system.test/"]
    homes(
        "user/uv/uv.toml",
        '[pip]\nindex-url = "http://user.test/"\nextra-index-url = ["http://more.test/"]',
    )
    found = settings.read_settings()
    assert urls(found.indexes) == ["http://more.test/", "http://user.test/"]
    homes(
        "project/pyproject.toml",
        '[[tool.uv.index]]\nname = "own"\nurl = "http://zoe:x@project.test/"\n'
        'default = true\n[[tool.uv.index]]\nurl = "http://for.test/"\nexplicit = true\n'
        '[[tool.uv.index]]\nurl = "http://flat.test/"\nformat = "flat"\n',
    )
    homes("project/below/pyproject.toml", "[tool.other]\n")
    found = settings.read_settings()
    assert urls(found.indexes) == ["http://more.test/", "http://project.test/"]
    assert found.indexes[1].credentials == ("zoe", "x")
    assert urls(found.links) == ["http://flat.test/"]
    homes("project/below/uv.toml", "no-index = true")
    found = settings.read_settings()
    assert (found.indexes, found.replaced) == ((), True)
    homes("project/below/uv.toml", "")
    monkeypatch.setenv("UV_INDEX", "http://a.test/ b=http://b.test/?x=1")
    monkeypatch.setenv("UV_INDEX_URL", "http://old.test/")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://new.test/")
    found = settings.read_settings()
    expected = ["http://a.test/", "http://b.test/?x=1", "http://more.test/"]
    assert urls(found.indexes) == [*expected, "http://new.test/"]
    assert found.replaced


@posix
def test_settings_of_both_count(homes, monkeypatch):
    homes("user/uv/uv.toml", 'index-url = "http://uv.test/"')
    homes("user/pip/pip.conf", "[global]\nindex-url = http://pip.test/\n")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://pip.test/ http://more.test/")
    found = urls(settings.read_settings().indexes)
    assert found == ["http://uv.test/", "http://pip.test/", "http://more.test/"]


@posix
@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("user/pip/pip.conf", "index-url = http://zoe:secret@host/simple"),
        ("user/pip/pip.conf", "[global]\nzoe secret@host/simple"),
        ("user/pip/pip.conf", "[global]\nindex-url = ://zoe:secret@host/simple"),
        ("user/uv/uv.toml", "index-url = http://zoe:secret@host/simple"),
        ("user/uv/uv.toml", "index = ['http://zoe:secret@host/simple']"),
        ("user/uv/uv.toml", "[[index]]\nname = 'zoe:secret@'"),
        ("user/uv/uv.toml", "index-url = 'zoe:secret@host'"),
    ],
)
def test_settings_that_cannot_be_read_are_not_repeated(homes, place, text):
    homes(place, text)
    with pytest.raises(ConnectionError, match="correct") as raised:
        download(describe(make_wheel()))
    assert "secret" not in str(raised.value)


def test_pip_need_not_be_installed(index):
    """Nor is any of it imported, nor anything that was downloaded."""
    body = make_wheel()
    offer(index, body)
    script = f"""
import sys
sys.modules["pip"] = None
from data.sources import downloads
from data.sources.entries import Entry, File, Package
entry = {describe(body)!r}
print(downloads.download(entry, entry.files[0]))
assert not {{"pip._internal", "data_pack", "uv"}} & set(sys.modules)
"""
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (locate.cache_folder() / "folder/file.bin").read_bytes() == CONTENT


def test_default_index_is_asked_where_none_is_named(monkeypatch):
    """Whatever it is: behind the proxy of the tests it cannot be reached."""
    with pytest.raises(ConnectionError) as alone:
        download(describe(make_wheel()))
    said = r"^[\w.]+: the proxy in the environment cannot be reached$"
    assert re.fullmatch(said, str(alone.value))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://localhost:9/")
    with pytest.raises(ConnectionError) as both:
        download(describe(make_wheel()), again=True)
    assert str(alone.value) in str(both.value)
    assert "localhost: cannot be reached" in str(both.value)
    monkeypatch.setenv("PIP_INDEX_URL", "http://localhost:9/")
    with pytest.raises(ConnectionError, match=r"^localhost: cannot be reached$"):
        download(describe(make_wheel()), again=True)
