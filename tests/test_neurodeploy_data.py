"""The command `data`: what it lists and shows, and how it says that it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from neurodeploy import data as tasks
from neurodeploy.commands import data
from neurodeploy.data import inventory
from neurodeploy.data.origin import Download
from neurodeploy.data.task import Task

TWO = tuple(
    Download((f"http://127.0.0.1/{name}",), name, 10, "sha256:" + "0" * 64)
    for name in ("one.gz", "two.gz")
)
Register = Callable[..., Task]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs the command, which must end with 0, and returns its words."""

    def run(*words: str) -> str:
        assert data.main([*words]) == 0
        return " ".join(capsys.readouterr().out.replace("│", " ").split())

    return run


def put(data_home: Path, name: str = "unpacked") -> None:
    """Put a file into the folder of the toy task."""
    (data_home / "toy").mkdir(parents=True)
    (data_home / "toy" / name).write_bytes(b"first file")


def test_all_tasks_are_listed_with_state_terms_and_citation_in_80_columns(
    data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main([]) == 0
    out = capsys.readouterr().out
    flat = " ".join(out.split())
    table = [line for line in out.splitlines() if line[:1] in "┏┃┡│├└"]
    assert len(table) > len(tasks.TASKS)
    assert max(map(len, table)) <= 80
    for task in tasks.TASKS.values():
        assert any(task.name in line for line in table)
        assert any(inventory.entry(task).state in line for line in table)
        assert task.origin.citation in flat
        where = task.origin.where()
        assert str(where) in flat if where is not None else task.origin.obtain in flat
    assert str(data_home) in flat


def test_the_list_as_json_is_one_object_and_reads_no_data(
    toy_task: Register, data_home: Path, show: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(data_home)
    made = replace(toy_task(), read=lambda path: pytest.fail("it was read"))
    monkeypatch.setattr(tasks, "TASKS", {"toy": made})
    values = json.loads(show("--json"))
    assert (values["schema"], values["version"]) == ("neurodeploy.data", 2)
    assert values["home"] == str(data_home)
    assert [each["name"] for each in values["tasks"]] == ["toy"]
    assert "contents" not in values["tasks"][0]


def test_data_of_which_a_download_is_missing_are_incomplete(
    toy_task: Register, data_home: Path, show: Callable[..., str]
) -> None:
    made = toy_task(downloads=TWO)
    put(data_home)  # a file of another name is not called incomplete
    assert inventory.entry(made).state == "found"
    (data_home / "toy" / "one.gz").write_bytes(b"first file")
    shown = show()
    assert "incomplete" in shown
    assert "toy: two.gz missing; get them with `cp`" in shown
    assert f"toy {data_home}/toy" in shown


def test_an_empty_folder_is_no_data_and_hides_none(
    toy_task: Register, data_home: Path, tmp_path: Path
) -> None:
    (data_home / "toy").mkdir(parents=True)
    assert inventory.entry(toy_task()).state == "missing"
    assert inventory.entry(toy_task(find=lambda: tmp_path)).path == tmp_path
    put(data_home / "again")
    again = inventory.entry(toy_task(places=("toy", "again/toy")))
    assert again.path == data_home / "again" / "toy"


def test_a_link_in_a_circle_leaves_the_list_whole(
    toy_task: Register, data_home: Path, show: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    toy_task()
    data_home.mkdir(parents=True, exist_ok=True)
    (data_home / "toy").symlink_to("toy")
    assert f"data that can be read at {data_home}/toy missing" in show()
    assert data.main(["--task", "toy"]) == 2
    assert "toy cannot be accessed (Too many levels of sym" in capsys.readouterr().err


def test_one_task_is_shown_with_its_classes_and_parts(
    toy_task: Register, data_home: Path, tmp_path: Path, show: Callable[..., str]
) -> None:
    toy_task()
    missing = show("--task", "toy")
    assert "where missing to get get them with `cp`" in missing
    assert "Next" not in missing
    put(data_home)
    shown = show("--task", "toy")
    for words in (
        "licence CC0", "to cite Nobody, Nothing, 2020", f"where {data_home}/toy",
        "12 samples of 3 channels and 8 steps at 50 Hz", "source made up from toy",
        "test on test samples", "no 4 1 1", "[yes] 4 1 1", "all 8 2 2",
        "one thing was left out", "Next: python -m neurodeploy.train --task toy",
    ):  # fmt: skip
        assert words in shown
    mine = show("--task", "toy", "--data", str(tmp_path / "mine"))
    assert "made up from mine" in mine
    assert mine.endswith(f"python -m neurodeploy.train --task toy --data {tmp_path}/mine")


def test_one_task_as_json_holds_what_its_data_hold(
    toy_task: Register, data_home: Path, show: Callable[..., str]
) -> None:
    toy_task(downloads=TWO)
    put(data_home)
    (found,) = json.loads(show("--task", "toy", "--json"))["tasks"]
    assert (found["state"], found["path"], found["lacking"]) == ("found", f"{data_home}/toy", [])
    assert found["downloads"][0]["size_bytes"] == 10
    held = found["contents"]
    assert held["classes"][0] == {"name": "no", "train": 4, "validation": 1, "test": 1}
    keys = ("num_samples", "channels", "num_steps", "rate_hz")
    assert [held[key] for key in keys] == [12, 3, 8, 50]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--get"], "--get"),
        (["--data", "x"], "--data"),
        (["--task", "har", "--data", "x", "--get"], "--data"),
        (["--task", "har", "--data", "/dev/null"], "/dev/null"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_ends_with_2(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert named in captured.err
    assert len(captured.err.splitlines()) == 1
