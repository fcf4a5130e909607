"""Downloads and archives: whole and as published, or not at all, with one sentence that says why.

The mirrors are servers on the loopback interface.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import InputError
from neurodeploy.tasks import download as downloading
from neurodeploy.tasks.download import Download, fetch
from neurodeploy.tasks.idx_downloads import FASHION_DOWNLOADS, MNIST_DOWNLOADS
from neurodeploy.tasks.unpack import unpack

CONTENT = bytes(range(256)) * 5000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Mirror(BaseHTTPRequestHandler):
    """Answers as the name of the file asks for."""

    asked: list[str]

    def do_GET(self) -> None:
        """Send the file, or what goes wrong."""
        self.asked.append(self.path)
        name = self.path.strip("/")
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
        elif name == "ftp":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/whole")
        elif name == "gone":
            self.send_error(404)
            return
        else:
            self.send_response(200)
        content = {"other": CONTENT[::-1], "short": CONTENT[:-1], "long": CONTENT + b"x"}
        sent = content.get(name, CONTENT) if name not in ("moved", "ftp") else b""
        if name != "unsized":
            self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if name == "silent":
            threading.Event().wait(2)
            return
        self.wfile.write(sent[: len(sent) // 2] if name == "broken" else sent)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def mirror() -> Iterator[SimpleNamespace]:
    """Serve on the loopback interface; return the address and what was asked for."""
    asked: list[str] = []
    handler = type("Handler", (Mirror,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/", asked=asked)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the mirrors themselves."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def of(*urls: str, checksum: str | None = MD5, **changes: Any) -> Download:
    """Return the download of CONTENT from some addresses."""
    return Download(urls, "data.gz", changes.pop("size", len(CONTENT)), checksum, **changes)


@pytest.mark.parametrize("checksum", [MD5, SHA256])
@pytest.mark.parametrize("name", ["whole", "moved", "unsized"])
def test_a_file_is_downloaded_whole(
    name: str, checksum: str, mirror: SimpleNamespace, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "mnist"
    path = fetch(of(mirror.url + name, checksum=checksum), folder, lambda *each: seen.append(each))
    assert path == folder / "data.gz"
    assert path.read_bytes() == CONTENT
    assert os.listdir(folder) == ["data.gz"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 2


def test_a_file_that_is_there_is_not_downloaded_again(
    mirror: SimpleNamespace, tmp_path: Path
) -> None:
    for _ in range(2):
        fetch(of(mirror.url + "whole"), tmp_path)
    assert mirror.asked == ["/whole"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CONTENT[:100], "has 100 bytes, the published file 1,280,000"),
        (CONTENT[::-1], f"has md5 {hashlib.md5(CONTENT[::-1]).hexdigest()}, the published file"),
    ],
    ids=["half", "other"],
)
def test_another_file_in_its_place_is_refused_and_kept(
    content: bytes, words: str, mirror: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "data.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"data\.gz is there already but") as raised:
        fetch(of(mirror.url + "whole"), tmp_path)
    assert words in str(raised.value)
    assert str(raised.value).endswith("; move it away and try again, for nothing is overwritten")
    assert (tmp_path / "data.gz").read_bytes() == content
    assert mirror.asked == []


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.gz").mkdir()
    with pytest.raises(InputError, match=r"data\.gz is a folder; move it away and try again"):
        fetch(of("http://127.0.0.1/x"), tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short", "sent a file that has 1,279,999 bytes, the published file 1,280,000"),
        ("long", "sent more than the 1,280,000 bytes that there are"),
        ("broken", "sent a file that has 640,000 bytes"),
        ("other", f"sent a file that has md5 {hashlib.md5(CONTENT[::-1]).hexdigest()}, the "
         f"published file {MD5[4:]}"),
        ("gone", "answered 404 Not Found"),
        ("silent", "gave no answer within 0.2 s"),
        ("ftp", "unknown url type: ftp"),
    ],
)  # fmt: skip
def test_what_a_mirror_does_wrong_is_one_sentence_and_leaves_nothing(
    name: str, words: str, mirror: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "TIMEOUT_S", 0.2)
    with pytest.raises(InputError, match=r"^data\.gz could not be downloaded \(127\.") as raised:
        fetch(of(mirror.url + name), tmp_path / "mnist")
    assert words in str(raised.value)
    assert str(raised.value).endswith(
        f"try again later, or get it from elsewhere and place it at {tmp_path}/mnist/data.gz"
    )
    assert "\n" not in str(raised.value)
    assert os.listdir(tmp_path / "mnist") == []


def test_the_next_mirror_is_asked_and_all_are_named(
    mirror: SimpleNamespace, tmp_path: Path
) -> None:
    fetch(of(mirror.url + "gone", mirror.url + "broken", mirror.url + "whole"), tmp_path / "a")
    assert mirror.asked == ["/gone", "/broken", "/whole"]
    host = mirror.url.split("/")[2]
    with pytest.raises(InputError) as raised:
        fetch(of(mirror.url + "gone", mirror.url + "other"), tmp_path / "b")
    assert f"({host} answered 404 Not Found; {host} sent a file that has md5" in str(raised.value)


def test_a_mirror_that_refuses_or_is_unknown_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=f"127.0.0.1:{port} failed .Connection refused."):
        fetch(of(f"http://127.0.0.1:{port}/whole"), tmp_path)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(InputError, match=r"data\.invalid failed \(Name or service not known\)"):
        fetch(of("http://data.invalid/whole"), tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_has_no_checksum_must_still_be_whole(mirror: SimpleNamespace, tmp_path: Path) -> None:
    why = {"checksum": None, "size": None, "unchecked": "it is packed anew for each download"}
    assert fetch(of(mirror.url + "whole", **why), tmp_path).read_bytes() == CONTENT
    with pytest.raises(InputError, match="broke off after 640,000 of 1,280,000 bytes"):
        fetch(of(mirror.url + "broken", **why), tmp_path / "b")


def test_ctrl_c_leaves_nothing(mirror: SimpleNamespace, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(of(mirror.url + "whole"), tmp_path, interrupt)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_beforehand(
    mirror: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        downloading.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000)
    )
    with pytest.raises(InputError, match=r"needs 1,280,000 bytes and .* has 1,000,000 free; make"):
        fetch(of(mirror.url + "whole"), tmp_path)
    assert os.listdir(tmp_path) == []
    assert mirror.asked == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"data\.gz cannot be written \(File exists\); set"):
        fetch(of("http://127.0.0.1/whole"), tmp_path / "file")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: of("ftp://a.org/b"), "'ftp://a.org/b' is no address of http or https"),
        (lambda: of("file:///etc/passwd"), "is no address of http or https"),
        (of, "'data.gz' must have a plain name and a mirror"),
        (lambda: Download(("http://a.org/b",), "../x", 1, MD5), "'../x' must have a plain name"),
        (lambda: of("http://a.org/b", checksum="md5:12"), "the checksum is 'md5:12'; it must be"),
        (lambda: of("http://a.org/b", checksum="crc:12"), "the checksum is 'crc:12'; it must be"),
        (lambda: of("http://a.org/b", checksum=None), "has no checksum or size; give both, or say"),
        (lambda: of("http://a.org/b", size=None), "has no checksum or size; give both, or say"),
    ],
)
def test_a_download_that_cannot_be_checked_is_refused(
    make: Callable[[], Download], message: str
) -> None:
    with pytest.raises(InputError) as raised:
        make()
    assert message in str(raised.value)


def test_mnist_and_fashion_mnist_have_four_different_files_each() -> None:
    both = (*MNIST_DOWNLOADS, *FASHION_DOWNLOADS)
    assert len({each.checksum for each in both}) == 8
    assert {each.file for each in MNIST_DOWNLOADS} == {each.file for each in FASHION_DOWNLOADS}
    assert len({each.file for each in MNIST_DOWNLOADS}) == 4


def zipped(path: Path, members: dict[str, bytes], *, mode: int = 0o100644) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return path


def tarred(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    """Write a tar archive with gzip."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


PACKERS = {"zip": zipped, "tar.gz": tarred}
FILES = {"set/a.txt": b"one", "set/below/b.bin": CONTENT, "c": b""}


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_is_unpacked_into_a_new_folder(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", FILES)
    unpack(archive, tmp_path / "data" / "new")
    home = tmp_path / "data" / "new"
    found = {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}
    assert found == FILES
    assert os.listdir(tmp_path / "data") == ["new"]


def test_folders_in_an_archive_are_made(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("empty/", b"")
    unpack(tmp_path / "x.zip", tmp_path / "new")
    assert (tmp_path / "new" / "empty").is_dir()


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "a\\..\\out", "c:out"])
def test_a_path_out_of_the_folder_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"good": b"1", name: b"2"})
    with pytest.raises(InputError, match="which may lead out of the folder; remove the archive"):
        unpack(archive, tmp_path / "data" / "new")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 'link', which is a link or a device"):
        unpack(tarred(tmp_path / "x", {"link": b""}, kind), tmp_path / "data" / "new")
    with pytest.raises(InputError, match="holds 'link', which is a link or a device"):
        unpack(zipped(tmp_path / "y", {"link": b"/etc"}, mode=0o120777), tmp_path / "data" / "new")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"a": bytes(600_000), "b": bytes(600_000)})
    assert archive.stat().st_size < 5000
    with pytest.raises(InputError, match="holds more than 1,000,000 bytes or 500,000 files"):
        unpack(archive, tmp_path / "data" / "new", most_bytes=1_000_000)
    assert os.listdir(tmp_path / "data") == []


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": bytes(600_000)})
    size = (600_000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(InputError, match="is cut short or damaged; remove it and download it"):
        unpack(archive, tmp_path / "data" / "new")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("kind", PACKERS)
def test_a_half_downloaded_archive_is_refused(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"a": os.urandom(5000), "b": b"2"})
    whole = archive.read_bytes()
    for kept in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        archive.write_bytes(whole[:kept])
        with pytest.raises(InputError, match=r"x is cut short or damaged; remove it and downl"):
            unpack(archive, tmp_path / "data" / "new")
        assert os.listdir(tmp_path / "data") == []


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"no archive" * 100))
    packed[-6] ^= 1
    (tmp_path / "x").write_bytes(packed)
    with pytest.raises(InputError, match="x is cut short or damaged"):
        unpack(tmp_path / "x", tmp_path / "new")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "2")
    with pytest.raises(InputError, match="holds 'a' twice; remove the archive"):
        unpack(tmp_path / "x", tmp_path / "new")


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    for start, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(start) + flag] |= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be unpacked \(.* encrypted.*; unpack it by hand"):
        unpack(archive, tmp_path / "new")


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1"})
    (tmp_path / "new").mkdir()
    with pytest.raises(InputError, match="new is there already; move it away and try again"):
        unpack(archive, tmp_path / "new")
    assert os.listdir(tmp_path / "new") == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1"})
    with pytest.raises(InputError, match=r"new cannot be written \(Not a directory\); set NEURO"):
        unpack(archive, archive / "below" / "new")


def test_names_that_clash_are_one_sentence(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1", "a/b": b"2"})
    with pytest.raises(InputError, match=r"x cannot be unpacked into .*new \("):
        unpack(archive, tmp_path / "new")
    assert os.listdir(tmp_path) == ["x"]


def test_a_missing_archive_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="x does not exist; download it again"):
        unpack(tmp_path / "x", tmp_path / "new")
