"""The command `data --get`: what it downloads and unpacks, and what it leaves alone."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neurodeploy import data, tasks
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import inventory
from neurodeploy.tasks.download import Download
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.task import Task

FILES = {"one.gz": b"first file", "two.gz": b"second file"}


def downloads(files: dict[str, bytes]) -> tuple[Download, ...]:
    """Return downloads of files, of which the test serves the content."""
    return tuple(
        Download(
            (f"http://127.0.0.1/{name}",), name, len(content),
            "sha256:" + hashlib.sha256(content).hexdigest(),
        )
        for name, content in files.items()
    )  # fmt: skip


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Serve `files` in place of the network, and count what was asked for."""
    from neurodeploy.tasks import download

    network = SimpleNamespace(files=dict(FILES), asked=[])

    def blocks(url: str) -> Any:
        name = url.rpartition("/")[2]
        network.asked.append(name)
        if name not in network.files:
            raise download._MirrorError("answered 404 Not Found")
        yield network.files[name], len(network.files[name])

    monkeypatch.setattr(download, "_blocks", blocks)
    return network


def test_downloads_are_put_into_the_tasks_folder_and_shown(
    toy_task: Callable[..., Task], data_home: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    toy_task(downloads=downloads(FILES))
    assert data.main(["--task", "toy", "--get"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"the data of toy are in {data_home}/toy\n"
    assert "12 windows" in captured.out
    assert {path.name: path.read_bytes() for path in (data_home / "toy").iterdir()} == FILES
    assert served.asked == ["one.gz", "two.gz"]
    assert data.main(["--task", "toy", "--get", "--json"]) == 0
    assert served.asked == ["one.gz", "two.gz"]


def test_what_is_missing_is_completed_and_what_is_damaged_is_told(
    toy_task: Callable[..., Task], data_home: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    toy_task(downloads=downloads(FILES))
    (data_home / "toy").mkdir(parents=True)
    (data_home / "toy" / "two.gz").write_bytes(FILES["two.gz"])
    assert data.main(["--task", "toy", "--get"]) == 0
    assert served.asked == ["one.gz"]
    (data_home / "toy" / "two.gz").write_bytes(b"second")
    capsys.readouterr()
    assert data.main(["--task", "toy", "--get"]) == 2
    assert capsys.readouterr().err == (
        f"error: {data_home}/toy/two.gz is there already but has 6 bytes, the published file 11; "
        "move it away and try again, for nothing is overwritten\n"
    )


def test_a_download_that_fails_leaves_the_data_missing(
    toy_task: Callable[..., Task], data_home: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made = toy_task(downloads=downloads(FILES))
    served.files.clear()
    assert data.main(["--task", "toy", "--get"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: one.gz could not be downloaded (127.0.0.1 answered 404 Not Found); try again "
        f"later, or get it from elsewhere and place it at {data_home}/toy/one.gz\n"
    )
    assert inventory.entry(made).state == "missing"


@pytest.mark.parametrize("name", tasks.TASKS)
def test_data_that_are_said_to_be_downloadable_are(name: str) -> None:
    origin = tasks.TASKS[name].origin
    said = f"python -m neurodeploy.data --task {name} --get" in origin.obtain
    assert said == bool(origin.downloads or origin.fetch)


def test_an_archive_is_unpacked_and_removed(
    toy_task: Callable[..., Task], data_home: Path, tmp_path: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("toy-1.0/a.txt", "text")
    served.files = {"toy.zip": (tmp_path / "toy.zip").read_bytes()}
    why = "it is packed anew for each download, and the reader checks what it holds"
    one = Download(("http://127.0.0.1/toy.zip",), "toy.zip", None, None, why)
    toy_task(downloads=(one,), unpacked=True)
    (data_home / "toy").mkdir(parents=True)  # an empty folder is no data
    assert data.main(["--task", "toy", "--get"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"note: toy.zip has no checksum: {why}\n")
    assert (data_home / "toy" / "toy-1.0" / "a.txt").read_text() == "text"
    assert os.listdir(data_home) == ["toy"]
    assert data.main(["--task", "toy", "--get"]) == 0
    assert served.asked == ["toy.zip"]


def test_another_way_of_getting_is_called_with_the_folder(
    toy_task: Callable[..., Task], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(folder: Path) -> None:
        print("other libraries print")
        folder.mkdir(parents=True)
        (folder / "file").write_text("")

    toy_task(fetch=fetch)
    assert data.main(["--task", "toy", "--get", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["tasks"][0]["state"] == "found"
    assert captured.err == f"other libraries print\nthe data of toy are in {data_home}/toy\n"


def test_an_interrupted_way_of_getting_leaves_no_empty_folder(
    toy_task: Callable[..., Task], data_home: Path
) -> None:
    def fetch(folder: Path) -> None:
        folder.mkdir(parents=True)
        raise KeyboardInterrupt

    made = toy_task(fetch=fetch)
    assert data.main(["--task", "toy", "--get"]) == 130
    assert inventory.entry(made).state == "missing"


def test_data_that_are_elsewhere_are_left_alone(
    toy_task: Callable[..., Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task(find=lambda: tmp_path, fetch=lambda folder: pytest.fail("it was fetched"))
    assert data.main(["--task", "toy", "--get"]) == 0
    assert capsys.readouterr().err == f"the data of toy are in {tmp_path}\n"


def test_a_file_in_place_of_the_folder_is_left_alone(
    toy_task: Callable[..., Task], data_home: Path
) -> None:
    toy_task(fetch=lambda folder: pytest.fail("it was fetched"))
    data_home.mkdir()
    (data_home / "toy").write_text("a file")
    assert data.main(["--task", "toy", "--get"]) == 0


def test_data_placed_by_hand_are_left_alone(
    toy_task: Callable[..., Task], data_home: Path, served: SimpleNamespace
) -> None:
    toy_task(downloads=downloads(FILES))
    (data_home / "toy").mkdir(parents=True)
    (data_home / "toy" / "unpacked").write_text("")
    assert data.main(["--task", "toy", "--get"]) == 0
    assert served.asked == []


def test_data_that_cannot_be_downloaded_are_one_sentence_and_end_with_2(
    toy_task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task()
    assert data.main(["--task", "toy", "--get"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: the data of the task toy are not downloaded by this command; get them with `cp`\n"
    )


def test_only_one_archive_is_unpacked() -> None:
    with pytest.raises(InputError, match="2 downloads are to be unpacked; give one"):
        Origin("", "", "", "", downloads=downloads(FILES), unpacked=True)
