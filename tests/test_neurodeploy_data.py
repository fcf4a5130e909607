"""The command `data`: what it lists and shows, and how it says that it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodeploy import data, tasks
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import inventory
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.origin import Download
from neurodeploy.tasks.task import Task

TWO = tuple(
    Download((f"http://127.0.0.1/{name}",), name, 10, "sha256:" + "0" * 64)
    for name in ("one.gz", "two.gz")
)


def put(data_home: Path) -> None:
    """Put a file into the folder of the toy task."""
    (data_home / "toy").mkdir(parents=True)
    (data_home / "toy" / "unpacked").touch()


# The list


def test_all_tasks_are_listed_with_state_terms_and_citation(
    data_home: Path, capsys: pytest.CaptureFixture[str]
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
    assert f"Downloads go to {data_home}; NEURODEPLOY_DATA names another folder." in flat


def test_the_table_fits_80_columns(data_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.main([])
    table = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "┏┃┡│├└"]
    assert len(table) > len(tasks.TASKS)
    assert max(map(len, table)) <= 80


def test_the_list_as_json_is_one_object(
    data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["schema"], values["version"]) == ("neurodeploy.data", 2)
    assert values["home"] == str(data_home)
    assert [each["name"] for each in values["tasks"]] == list(tasks.TASKS)
    assert all("contents" not in each for each in values["tasks"])


def test_the_list_reads_no_data(
    toy_task: Callable[..., Task], data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = toy_task()
    put(data_home)
    monkeypatch.setattr(
        tasks, "TASKS", {"toy": replace(made, read=lambda path: pytest.fail("it was read"))}
    )
    assert data.main([]) == 0


def test_data_of_which_a_download_is_missing_are_incomplete(
    toy_task: Callable[..., Task], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task(downloads=TWO)
    (data_home / "toy").mkdir(parents=True)
    (data_home / "toy" / "one.gz").write_bytes(b"first file")
    assert data.main([]) == 0
    out = capsys.readouterr().out
    assert "incomplete" in out
    assert "toy: two.gz missing; get them with `cp`" in out
    assert f"toy  {data_home}/toy" in out


def test_files_under_other_names_are_not_called_incomplete(
    toy_task: Callable[..., Task], data_home: Path
) -> None:
    made = toy_task(downloads=TWO)
    put(data_home)
    assert inventory.entry(made).state == "found"


def test_an_empty_folder_is_no_data_and_hides_none(
    toy_task: Callable[..., Task], data_home: Path, tmp_path: Path
) -> None:
    (data_home / "toy").mkdir(parents=True)
    assert inventory.entry(toy_task()).state == "missing"
    elsewhere = toy_task(find=lambda: tmp_path)
    assert (inventory.entry(elsewhere).state, inventory.entry(elsewhere).path) == (
        "found",
        tmp_path,
    )
    put(data_home / "again")
    assert (
        inventory.entry(toy_task(places=("toy", "again/toy"))).path == data_home / "again" / "toy"
    )


def test_a_link_in_a_circle_leaves_the_list_whole(
    toy_task: Callable[..., Task], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task()
    data_home.mkdir(parents=True, exist_ok=True)
    (data_home / "toy").symlink_to("toy")
    assert data.main([]) == 0
    said = f"toy: data that can be read at {data_home}/toy missing; get them with `cp`"
    assert said in " ".join(capsys.readouterr().out.split())
    assert data.main(["--task", "toy"]) == 2
    assert "toy cannot be looked up (Too many levels of sym" in capsys.readouterr().err


def test_a_folder_that_may_not_be_entered_leaves_the_list_whole(
    toy_task: Callable[..., Task], data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_task(downloads=TWO)
    put(data_home)
    looked_up = files.kind

    def kind(path: Path) -> str:
        if path.parent == data_home / "toy":
            raise InputError(f"{path} cannot be looked up (Permission denied); give another path")
        return looked_up(path)

    monkeypatch.setattr(files, "kind", kind)
    (found,) = inventory.entries()
    assert (found.state, found.lacking) == (
        "missing", (f"data that can be read at {data_home}/toy",),
    )  # fmt: skip
    monkeypatch.setattr("os.path.lexists", lambda path: False)
    with pytest.raises(InputError, match="cannot be looked up"):
        inventory.entries()


# One task


def test_one_task_is_shown_with_its_classes_and_parts(
    toy_task: Callable[..., Task], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task()
    put(data_home)
    assert data.main(["--task", "toy"]) == 0
    out = capsys.readouterr().out
    flat = " ".join(out.replace("│", " ").split())
    for words in (
        "licence CC0", "to cite Nobody, Nothing, 2020", f"where {data_home}/toy",
        "12 samples of 3 channels and 8 steps at 50 Hz", "source made up from toy",
        "test on test samples", "no 4 1 1", "[yes] 4 1 1", "all 8 2 2",
        "- one thing was left out", "Next: python -m neurodeploy.train --task toy",
    ):  # fmt: skip
        assert words in flat


def test_a_folder_that_is_given_is_shown_instead(
    toy_task: Callable[..., Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task()
    assert data.main(["--task", "toy", "--data", str(tmp_path / "mine")]) == 0
    out = capsys.readouterr().out
    assert "made up from mine" in out
    assert out.endswith(f"Next: python -m neurodeploy.train --task toy --data {tmp_path}/mine\n")


def test_missing_data_of_one_task_are_said_to_be_missing(
    toy_task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task()
    assert data.main(["--task", "toy"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert "where missing to get get them with `cp`" in flat
    assert "Next" not in flat


def test_one_task_as_json_holds_what_its_data_hold(
    toy_task: Callable[..., Task], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_task(downloads=TWO)
    put(data_home)
    assert data.main(["--task", "toy", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["tasks"]
    assert (found["state"], found["path"], found["lacking"]) == ("found", f"{data_home}/toy", [])
    assert found["downloads"][0]["size_bytes"] == 10
    held = found["contents"]
    assert held["classes"][0] == {"name": "no", "train": 4, "validation": 1, "test": 1}
    keys = ("num_samples", "channels", "num_steps", "rate_hz")
    assert [held[key] for key in keys] == [12, 3, 8, 50]


@pytest.mark.parametrize(
    ("shape", "grid", "words"),
    [
        ((4, 6, 1), (2, 3), "4 images of 2 x 3 pixels"),
        ((4, 12, 5), (2, 3), "4 samples of 2 x 2 x 3 pixels and 5 steps"),
    ],
)
def test_pixels_are_told_as_such(
    shape: tuple[int, ...], grid: tuple[int, int], words: str,
    toy_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = tuple(map(str, range(shape[1])))
    subjects = np.arange(4)
    dataset = Dataset(
        np.zeros(shape, np.uint8), np.zeros(4, int), subjects, ("a",), names, None, "", (2, 3),
        grid=grid,
    )  # fmt: skip
    made = replace(toy_task(), read=lambda path: dataset)
    monkeypatch.setattr(tasks, "TASKS", {"toy": made})
    assert data.main(["--task", "toy", "--data", "x"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert f"holds {words} source" in flat
    assert "test on subjects 2, 3" in flat


def test_malformed_data_are_one_sentence_and_end_with_2(
    data_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["--task", "har", "--data", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {tmp_path} holds no known dataset")


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
