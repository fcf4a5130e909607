"""Downloads: whole and as published, or not at all, with one sentence that says why.

The mirrors are servers on the loopback interface.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import download as downloading
from neurodeploy.tasks.download import Download, fetch
from neurodeploy.tasks.idx_downloads import FASHION_DOWNLOADS, MNIST_DOWNLOADS

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
