"""The command `data`: what it lists, shows and downloads, and how it says that it cannot."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.errors import InputError
from neurodeploy import data, tasks
from neurodeploy.tasks import inventory
from neurodeploy.tasks.download import Download
from neurodeploy.tasks.encoders.registry import Delta
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.task import Task
from neurodeploy.tasks.windows import TEST, TRAIN, Windows

FILES = {"one.gz": b"first file", "two.gz": b"second file"}


def read(path: Path) -> Windows:
    """Return 10 windows of 2 classes, of which the last 4 test."""
    return Windows(
        np.zeros((12, 3, 8), np.float32),
        np.arange(12) % 2,
        None,
        ("no", "[yes]"),
        ("x (g)", "y (g)", "z (g)"),
        50.0,
        f"made up from {path.name}",
        parts=np.array([TRAIN] * 10 + [TEST] * 2),
        notes=("one thing was left out",),
    )


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
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a data home of its own and a terminal of 80 columns."""
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "home"


@pytest.fixture
def task(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """Return a function that registers a task as the only one, with what is said of its origin."""

    def register(**changes: Any) -> Task:
        origin = Origin(
            "12 made-up windows", "CC0", "Nobody, Nothing, 2020", "get them with `cp`", ("toy",)
        )
        made = Task(
            "toy", "a toy", read, lambda windows: Delta(), Recipe(), replace(origin, **changes)
        )
        monkeypatch.setattr(tasks, "TASKS", {"toy": made})
        return made

    return register


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


# The list


def test_all_tasks_are_listed_with_state_terms_and_citation(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main([]) == 0
    out = capsys.readouterr().out
    flat = " ".join(out.split())
    table = " ".join(out.partition("└")[0].replace("│", " ").split())
    for task in tasks.TASKS.values():
        assert task.name in table
        assert task.origin.citation in flat
        assert inventory.entry(task).state in table
        where = task.origin.where()
        assert str(where) in flat if where is not None else task.origin.obtain in flat
    assert f"Downloads go to {home}; NEURODEPLOY_DATA names another folder." in flat


def test_the_table_fits_80_columns(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.main([])
    table = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "┏┃┡│├└"]
    assert len(table) > len(tasks.TASKS)
    assert max(map(len, table)) <= 80


def test_the_list_as_json_is_one_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data.main(["--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["schema"], values["version"]) == ("neurodeploy.data", 1)
    assert values["home"] == str(home)
    assert [each["name"] for each in values["tasks"]] == list(tasks.TASKS)
    assert all("contents" not in each for each in values["tasks"])


def test_the_list_reads_no_data(
    task: Callable[..., Task], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = task()
    (home / "toy").mkdir(parents=True)
    monkeypatch.setattr(
        tasks, "TASKS", {"toy": replace(made, read=lambda path: pytest.fail("it was read"))}
    )
    assert data.main([]) == 0


def test_data_of_which_a_download_is_missing_are_incomplete(
    task: Callable[..., Task], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task(downloads=downloads(FILES))
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "one.gz").write_bytes(FILES["one.gz"])
    assert data.main([]) == 0
    out = capsys.readouterr().out
    assert "incomplete" in out
    assert "toy: two.gz missing; get them with `cp`" in out
    assert f"toy  {home}/toy" in out


def test_files_under_other_names_are_not_called_incomplete(
    task: Callable[..., Task], home: Path
) -> None:
    made = task(downloads=downloads(FILES))
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "unpacked").write_bytes(b"")
    assert inventory.entry(made).state == "found"


# One task


def test_one_task_is_shown_with_its_classes_and_parts(
    task: Callable[..., Task], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task()
    (home / "toy").mkdir(parents=True)
    assert data.main(["--task", "toy"]) == 0
    out = capsys.readouterr().out
    flat = " ".join(out.replace("│", " ").split())
    for words in (
        "licence CC0", "to cite Nobody, Nothing, 2020", f"where {home}/toy",
        "12 windows of 3 channels and 8 samples at 50 Hz", "source made up from toy",
        "test on official test samples", "no 4 1 1", "[yes] 4 1 1", "all 8 2 2",
        "- one thing was left out", "Next: python -m neurodeploy.train --task toy",
    ):  # fmt: skip
        assert words in flat


def test_a_folder_that_is_given_is_shown_instead(
    task: Callable[..., Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task()
    assert data.main(["--task", "toy", "--data", str(tmp_path / "mine")]) == 0
    out = capsys.readouterr().out
    assert "made up from mine" in out
    assert out.endswith(f"Next: python -m neurodeploy.train --task toy --data {tmp_path}/mine\n")


def test_missing_data_of_one_task_are_said_to_be_missing(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    task()
    assert data.main(["--task", "toy"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert "where missing to get get them with `cp`" in flat
    assert "Next" not in flat


def test_one_task_as_json_holds_what_its_data_hold(
    task: Callable[..., Task], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task(downloads=downloads(FILES))
    (home / "toy").mkdir(parents=True)
    assert data.main(["--task", "toy", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["tasks"]
    assert (found["state"], found["path"], found["lacking"]) == ("found", f"{home}/toy", [])
    assert found["downloads"][0]["size_bytes"] == 10
    held = found["contents"]
    assert held["classes"][0] == {"name": "no", "train": 4, "validation": 1, "test": 1}
    assert (held["windows"], held["channels"], held["samples"], held["rate_hz"]) == (12, 3, 8, 50)


@pytest.mark.parametrize(
    ("shape", "grid", "words"),
    [
        ((4, 6, 1), (2, 3), "4 images of 2 x 3 pixels"),
        ((4, 12, 5), (2, 3), "4 windows of 2 x 2 x 3 pixels and 5 samples"),
    ],
)
def test_pixels_are_told_as_such(
    shape: tuple[int, ...], grid: tuple[int, int], words: str,
    task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = tuple(map(str, range(shape[1])))
    subjects = np.arange(4)
    windows = Windows(
        np.zeros(shape, np.uint8), np.zeros(4, int), subjects, ("a",), names, None, "", (2, 3),
        grid=grid,
    )  # fmt: skip
    made = replace(task(), read=lambda path: windows)
    monkeypatch.setattr(tasks, "TASKS", {"toy": made})
    assert data.main(["--task", "toy", "--data", "x"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert f"holds {words} source" in flat
    assert "test on subjects 2, 3" in flat


def test_malformed_data_are_one_sentence_and_end_with_2(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["--task", "har", "--data", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {tmp_path} holds no known data set")


# Downloads


def test_downloads_are_put_into_the_tasks_folder_and_shown(
    task: Callable[..., Task], home: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    task(downloads=downloads(FILES))
    assert data.main(["--task", "toy", "--get"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"the data of toy are in {home}/toy\n"
    assert "12 windows" in captured.out
    assert {path.name: path.read_bytes() for path in (home / "toy").iterdir()} == FILES
    assert served.asked == ["one.gz", "two.gz"]
    assert data.main(["--task", "toy", "--get", "--json"]) == 0
    assert served.asked == ["one.gz", "two.gz"]


def test_what_is_missing_is_completed_and_what_is_damaged_is_told(
    task: Callable[..., Task], home: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    task(downloads=downloads(FILES))
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "two.gz").write_bytes(FILES["two.gz"])
    assert data.main(["--task", "toy", "--get"]) == 0
    assert served.asked == ["one.gz"]
    (home / "toy" / "two.gz").write_bytes(b"second")
    capsys.readouterr()
    assert data.main(["--task", "toy", "--get"]) == 2
    assert capsys.readouterr().err == (
        f"error: {home}/toy/two.gz is there already but has 6 bytes, the published file 11; move "
        "it away and try again, for nothing is overwritten\n"
    )


def test_a_download_that_fails_leaves_the_data_missing(
    task: Callable[..., Task], home: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made = task(downloads=downloads(FILES))
    served.files.clear()
    assert data.main(["--task", "toy", "--get"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: one.gz could not be downloaded (127.0.0.1 answered 404 Not Found); try again "
        f"later, or get it from elsewhere and place it at {home}/toy/one.gz\n"
    )
    assert inventory.entry(made).state == "missing"


@pytest.mark.parametrize("name", tasks.TASKS)
def test_data_that_are_said_to_be_downloadable_are(name: str) -> None:
    origin = tasks.TASKS[name].origin
    said = f"python -m neurodeploy.data --task {name} --get" in origin.obtain
    assert said == bool(origin.downloads or origin.fetch)


def test_an_archive_is_unpacked_and_removed(
    task: Callable[..., Task], home: Path, tmp_path: Path, served: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("toy-1.0/a.txt", "text")
    served.files = {"toy.zip": (tmp_path / "toy.zip").read_bytes()}
    why = "it is packed anew for each download, and the reader checks what it holds"
    one = Download(("http://127.0.0.1/toy.zip",), "toy.zip", None, None, why)
    task(downloads=(one,), unpacked=True)
    (home / "toy").mkdir(parents=True)  # an empty folder is no data
    assert data.main(["--task", "toy", "--get"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"note: toy.zip has no checksum: {why}\n")
    assert (home / "toy" / "toy-1.0" / "a.txt").read_text() == "text"
    assert os.listdir(home) == ["toy"]
    assert data.main(["--task", "toy", "--get"]) == 0
    assert served.asked == ["toy.zip"]


def test_another_way_of_getting_is_called_with_the_folder(
    task: Callable[..., Task], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(folder: Path) -> None:
        print("other libraries print")
        folder.mkdir(parents=True)
        (folder / "file").write_text("")

    task(fetch=fetch)
    assert data.main(["--task", "toy", "--get", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["tasks"][0]["state"] == "found"
    assert captured.err == f"other libraries print\nthe data of toy are in {home}/toy\n"


def test_an_interrupted_way_of_getting_leaves_no_empty_folder(
    task: Callable[..., Task], home: Path
) -> None:
    def fetch(folder: Path) -> None:
        folder.mkdir(parents=True)
        raise KeyboardInterrupt

    made = task(fetch=fetch)
    assert data.main(["--task", "toy", "--get"]) == 130
    assert inventory.entry(made).state == "missing"


def test_data_that_are_elsewhere_are_left_alone(
    task: Callable[..., Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task(find=lambda: tmp_path, fetch=lambda folder: pytest.fail("it was fetched"))
    assert data.main(["--task", "toy", "--get"]) == 0
    assert capsys.readouterr().err == f"the data of toy are in {tmp_path}\n"


def test_a_file_in_place_of_the_folder_is_left_alone(task: Callable[..., Task], home: Path) -> None:
    task(fetch=lambda folder: pytest.fail("it was fetched"))
    home.mkdir()
    (home / "toy").write_text("a file")
    assert data.main(["--task", "toy", "--get"]) == 0


def test_data_placed_by_hand_are_left_alone(
    task: Callable[..., Task], home: Path, served: SimpleNamespace
) -> None:
    task(downloads=downloads(FILES))
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "unpacked").write_text("")
    assert data.main(["--task", "toy", "--get"]) == 0
    assert served.asked == []


def test_data_that_cannot_be_downloaded_are_one_sentence_and_end_with_2(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    task()
    assert data.main(["--task", "toy", "--get"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: the data of the task toy are not downloaded by this command; get them with `cp`\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--get"], "--get is for the data of one task; name it with --task"),
        (["--data", "x"], "--data is for the data of one task; name it with --task"),
        (["--task", "har", "--data", "x", "--get"], "--get downloads data, --data says that they"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {message}")


def test_only_one_archive_is_unpacked(home: Path) -> None:
    with pytest.raises(InputError, match="2 downloads are to be unpacked; give one"):
        Origin("", "", "", "", downloads=downloads(FILES), unpacked=True)
