"""Downloads and archives: whole and as published, or not at all, with one sentence that says why.

The mirrors are servers on the loopback interface.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neurodeploy import data as tasks
from neurodeploy.commands import data
from neurodeploy.data import origin
from neurodeploy.data.origin import Download, Origin, fetch, unpack
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError

CONTENT = bytes(range(256)) * 5000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
UNCHECKED = {"checksum": None, "size": None, "unchecked": "it is packed anew for each download"}


class Mirror(BaseHTTPRequestHandler):
    """Answers as the name of the file asks for."""

    asked: list[str]
    files: dict[str, bytes]

    def do_GET(self) -> None:
        """Send the file, or what goes wrong."""
        self.asked.append(self.path)
        name = self.path.strip("/")
        if name == "gone":
            self.send_error(404)
            return
        target = {"moved": "/whole", "ftp": "ftp://127.0.0.1/whole"}.get(name)
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        sent = b"" if target else self.files.get(name, CONTENT)
        if name != "unsized":
            self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if name == "silent":
            threading.Event().wait(2)
            return
        try:
            self.wfile.write(sent[: len(sent) // 2] if name in ("broken", "slow") else sent)
            if name == "slow":
                self.wfile.flush()
                threading.Event().wait(20)
        except OSError:  # the other side has had enough
            pass

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Serve on the loopback interface; return the address, the files and what was asked for."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    files = {"other": CONTENT[::-1], "short": CONTENT[:-1], "long": CONTENT * 2}
    handler = type("Handler", (Mirror,), {"asked": [], "files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    yield SimpleNamespace(url=url, host=url.split("/")[2], asked=handler.asked, files=files)
    server.shutdown()
    thread.join()
    server.server_close()


def of(*urls: str, checksum: str | None = MD5, **changes: Any) -> Download:
    """Return the download of CONTENT from some addresses."""
    return Download(urls, "data.gz", changes.pop("size", len(CONTENT)), checksum, **changes)


@pytest.mark.parametrize("name", ["whole", "moved", "unsized"])
@pytest.mark.parametrize(
    "checks", [{}, {"checksum": SHA256}, UNCHECKED], ids=["md5", "sha256", "none"]
)
def test_a_file_is_downloaded_whole_and_once(
    name: str, checks: dict[str, Any], mirror: SimpleNamespace, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "mnist"
    download = of(mirror.url + name, **checks)
    path = fetch(download, folder, lambda *each: seen.append(each))
    assert path == folder / "data.gz"
    assert path.read_bytes() == CONTENT
    assert os.listdir(folder) == ["data.gz"]
    assert path.stat().st_mode & 0o444 == folder.stat().st_mode & 0o444
    assert len(seen) > 2
    if name != "unsized":
        assert seen[-1] == (len(CONTENT), len(CONTENT))
    asked = list(mirror.asked)
    assert fetch(download, folder) == path
    assert mirror.asked == asked


@pytest.mark.parametrize("content", [CONTENT[:100], CONTENT[::-1], None])
def test_what_lies_in_the_files_place_stays(
    content: bytes | None, mirror: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "data.gz"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        fetch(of(mirror.url + "whole"), tmp_path)
    assert str(path) in str(raised.value)
    assert "move it away" in str(raised.value)
    assert content is None or path.read_bytes() == content
    assert mirror.asked == []


@pytest.mark.parametrize(
    ("name", "words", "checks"),
    [
        ("short", "does not match the known hash", {}),
        ("long", "does not match the known hash", {}),
        ("other", "does not match the known hash", {}),
        ("broken", "IncompleteRead", {}),
        ("broken", "IncompleteRead", UNCHECKED),
        ("gone", "404", {}),
        ("silent", "Read timed out", {}),
        ("ftp", "ftp://127.0.0.1/whole", {}),
    ],
)
def test_what_a_mirror_does_wrong_is_one_sentence_and_leaves_nothing(
    name: str, words: str, checks: dict[str, Any], mirror: SimpleNamespace, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(origin, "TIMEOUT_S", 0.2)
    with pytest.raises(InputError) as raised:
        fetch(of(mirror.url + name, **checks), tmp_path / "mnist")
    message = str(raised.value)
    assert f"({mirror.host}: " in message
    assert words in message
    assert message.endswith(f"place it at {tmp_path}/mnist/data.gz")
    assert "\n" not in message
    assert os.listdir(tmp_path / "mnist") == []


def test_the_next_mirror_is_asked_and_all_are_named(
    mirror: SimpleNamespace, tmp_path: Path
) -> None:
    fetch(of(*(mirror.url + name for name in ("gone", "broken", "whole"))), tmp_path / "a")
    assert mirror.asked == ["/gone", "/broken", "/whole"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(InputError) as raised:
        fetch(of(mirror.url + "gone", f"http://{closed}/whole"), tmp_path / "b")
    assert f"({mirror.host}: 404" in str(raised.value)
    assert f"; {closed}: " in str(raised.value)
    assert "Connection refused" in str(raised.value)


def test_interrupted_downloads_leave_no_file_of_that_name(
    mirror: SimpleNamespace, tmp_path: Path
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(of(mirror.url + "whole"), tmp_path, interrupt)
    assert os.listdir(tmp_path) == []
    code = f"""
from pathlib import Path
from neurodeploy.data.origin import Download, fetch
fetch(Download(({mirror.url + "slow"!r},), "data.gz", {len(CONTENT)}, {MD5!r}),
      Path({str(tmp_path)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "data.gz").exists()
    assert origin.is_empty(tmp_path)  # so that `data --get` downloads it
    assert fetch(of(mirror.url + "whole"), tmp_path).read_bytes() == CONTENT


def test_a_disk_that_fills_up_leaves_nothing(mirror: SimpleNamespace, tmp_path: Path) -> None:
    code = f"""
import resource, signal
from pathlib import Path
from neurodeploy.data.origin import Download, fetch
from neurodeploy.models.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    fetch(Download(({mirror.url + "whole"!r},), "data.gz", {len(CONTENT)}, {MD5!r}),
          Path({str(tmp_path)!r}))
except InputError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"{tmp_path}/data.gz cannot be written (File too large); free disk space" in run.stdout
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: of("http://a.org/b", checksum=None), "checksum or size"),
        (lambda: of("http://a.org/b", size=None), "checksum or size"),
        (lambda: Origin("", "", "", "", downloads=(of("http://a.org/b"),) * 2, unpacked=True), "2"),
    ],
)
def test_a_download_that_cannot_be_checked_is_refused(
    make: Callable[[], object], named: str
) -> None:
    with pytest.raises(InputError) as raised:
        make()
    assert named in str(raised.value)


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
            member.mode = 0o4755
            archive.addfile(member, io.BytesIO(content))
    return path


PACKERS = {"zip": zipped, "tar.gz": tarred}
FILES = {"set/a.txt": b"one", "set/below/b.bin": CONTENT, "c": b""}


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_is_unpacked_into_a_new_folder(kind: str, tmp_path: Path) -> None:
    archive, home = PACKERS[kind](tmp_path / "x", FILES), tmp_path / "data" / "new"
    unpack(archive, home)
    found = {path.relative_to(home).as_posix(): path for path in home.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == FILES
    assert not any(path.stat().st_mode & 0o7000 for path in found.values())
    assert os.listdir(tmp_path / "data") == ["new"]
    with pytest.raises(InputError, match="new already exists"):
        unpack(archive, home)


def encrypted(path: Path) -> Path:
    """Write a zip archive that says that it is encrypted."""
    content = bytearray(zipped(path, {"a": b"1"}).read_bytes())
    for start, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(start) + flag] |= 1
    path.write_bytes(content)
    return path


def damaged(path: Path) -> Path:
    """Write a gzip file whose checksum is wrong."""
    packed = bytearray(gzip.compress(b"no archive" * 100))
    packed[-6] ^= 1
    path.write_bytes(packed)
    return path


OUT = ("../out", "a/../../out", "/etc/out", "a\\..\\out", "c:out")


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", OUT)
def test_nothing_is_written_outside_the_folder(kind: str, name: str, tmp_path: Path) -> None:
    archive, folder = PACKERS[kind](tmp_path / "x", {"a": b"1", name: b"2"}), tmp_path / "data/new"
    with contextlib.suppress(InputError):
        unpack(archive, folder)
    assert set(os.listdir(tmp_path)) <= {"x", "data"}
    assert os.listdir(tmp_path / "data") == (["new"] if folder.exists() else [])
    assert not Path("/etc/out").exists()


REFUSED: dict[str, Callable[[Path], Path]] = {
    "link": lambda p: tarred(p, {"link": b""}, tarfile.SYMTYPE),
    "hard link": lambda p: tarred(p, {"link": b""}, tarfile.LNKTYPE),
    "pipe": lambda p: tarred(p, {"link": b""}, tarfile.FIFOTYPE),
    "checksum": damaged,
    "encrypted": encrypted,
    "clash": lambda p: zipped(p, {"a": b"1", "a/b": b"2"}),
    "missing": lambda p: p,
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_or_damaged_archive_is_refused_and_leaves_nothing(
    case: str, tmp_path: Path
) -> None:
    archive = REFUSED[case](tmp_path / "x")
    with pytest.raises(InputError, match=r"download it again$") as raised:
        unpack(archive, tmp_path / "data" / "new")
    assert str(archive) in str(raised.value)
    assert not (tmp_path / "data").exists() or os.listdir(tmp_path / "data") == []
    assert set(os.listdir(tmp_path)) <= {"x", "data"}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_half_downloaded_archive_is_refused(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"a": os.urandom(5000), "b": b"2"})
    whole = archive.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        archive.write_bytes(whole[:length])
        with pytest.raises(InputError, match="x cannot be unpacked"):
            unpack(archive, tmp_path / "data" / "new")
        assert os.listdir(tmp_path / "data") == []


TWO = {"one.gz": b"first file", "two.gz": b"second file"}


@pytest.fixture
def two(mirror: SimpleNamespace) -> tuple[Download, ...]:
    """Return two downloads that the mirror serves."""
    mirror.files.update(TWO)
    return tuple(
        Download((mirror.url + name,), name, len(content),
                 "sha256:" + hashlib.sha256(content).hexdigest())
        for name, content in TWO.items()
    )  # fmt: skip


def test_get_downloads_completes_and_checks_the_tasks_folder(
    toy_task: Callable[..., Task], data_home: Path, mirror: SimpleNamespace,
    two: tuple[Download, ...], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    toy_task(downloads=two)
    assert data.main(["--task", "toy", "--get"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"the data of toy are in {data_home}/toy\n"
    assert {path.name: path.read_bytes() for path in (data_home / "toy").iterdir()} == TWO
    (data_home / "toy" / "one.gz").unlink()
    assert data.main(["--task", "toy", "--get", "--json"]) == 0
    assert mirror.asked == ["/one.gz", "/two.gz", "/one.gz"]
    (data_home / "toy" / "two.gz").write_bytes(b"second")
    assert data.main(["--task", "toy", "--get"]) == 2
    error = capsys.readouterr().err
    assert f"error: {data_home}/toy/two.gz has sha256" in error
    assert error.endswith("move it away and try again\n")


def test_an_archive_is_unpacked_and_removed(
    toy_task: Callable[..., Task], data_home: Path, tmp_path: Path, mirror: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    mirror.files["toy.zip"] = zipped(tmp_path / "toy.zip", {"toy-1.0/a.txt": b"text"}).read_bytes()
    why = UNCHECKED["unchecked"]
    toy_task(
        downloads=(Download((mirror.url + "toy.zip",), "toy.zip", None, None, why),), unpacked=True
    )
    (data_home / "toy").mkdir(parents=True)  # an empty folder holds no data
    assert data.main(["--task", "toy", "--get"]) == 0
    assert f"note: toy.zip has no checksum: {why}\n" in capsys.readouterr().err
    assert (data_home / "toy" / "toy-1.0" / "a.txt").read_text() == "text"
    assert os.listdir(data_home) == ["toy"]
    assert data.main(["--task", "toy", "--get"]) == 0
    assert mirror.asked == ["/toy.zip"]


@pytest.mark.parametrize("place", ["elsewhere", "file", "by hand"])
def test_data_that_are_there_are_left_alone(
    place: str, toy_task: Callable[..., Task], data_home: Path, tmp_path: Path
) -> None:
    (data_home / "toy").parent.mkdir()
    if place == "file":
        (data_home / "toy").write_text("a file")
    elif place == "by hand":
        (data_home / "toy").mkdir()
        (data_home / "toy" / "unpacked").write_text("")
    find = {"find": lambda: tmp_path} if place == "elsewhere" else {}
    toy_task(downloads=(of("http://127.0.0.1:1/data.gz"),), **find)
    assert data.main(["--task", "toy", "--get"]) == 0


@pytest.mark.parametrize("name", tasks.TASKS)
def test_every_task_that_names_the_command_can_be_downloaded(name: str) -> None:
    source = tasks.TASKS[name].origin
    named = f"python -m neurodeploy.data --task {name} --get" in source.obtain
    assert named == bool(source.downloads or source.fetch)
