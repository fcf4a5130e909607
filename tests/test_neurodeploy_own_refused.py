"""A faulty task in a file of the user's own, or one with bad data: one sentence, exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InputError
from neurodeploy import data, tasks, train
from neurodeploy.tasks import inventory, own

TASK = """\
import numpy as np
from neurodeploy.tasks.encoders.registry import Delta
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.task import Task
from neurodeploy.tasks.windows import Windows

def read(path):
    signals = np.zeros((24, 2, 16))
    labels, subjects = np.arange(24) % 2, np.arange(24) // 4
    test_subjects = (0,)
    CHANGE
    return Windows(signals, labels, subjects, ("rest", "move"), ("x", "y"), 50.0, f"own in {path}",
                   test_subjects)

TASK = Task("own", "a task", read, lambda windows: Delta(), Recipe(), Origin("d", "l", "c", "o"))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], Path]:
    """Return a function that writes a file and names it as one with a task."""

    def write_(content: str | bytes) -> Path:
        path = tmp_path / "own.py"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setenv(own.VARIABLE, str(path))
        return path

    return write_


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import sys\nsys.exit(3)\n", "SystemExit: 3 (line 2)"),
        ("exit()\n", "SystemExit: None (line 1)"),
        ("raise ValueError('one\\ntwo')\n", "ValueError: one (line 1)"),
        ("\n\nraise RuntimeError\n", "RuntimeError (line 3)"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module' (line"),
        (b"x = 1\n\0\n", "null bytes"),
        (b"x = '\xff'\n", "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_file_that_fails_is_one_sentence(
    content: str | bytes, said: str, write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(content)
    assert train.main(["--task", "har"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith(f"error: {path}, which NEURODEPLOY_TASKS lists, fails with ")
    assert said in captured.err
    assert captured.err.endswith("; correct it\n")
    assert path.exists()


def test_an_interruption_is_none(write: Callable[..., Path]) -> None:
    write("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        tasks.known()


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("", "is no file; correct the variable"),
        ("own.txt", "is no Python file; name it NAME.py"),
        ("long" * 100, r"cannot be looked up \(File name too long\); give another path"),
    ],
    ids=["folder", "text", "long"],
)
def test_what_is_no_python_file_is_refused(
    listed: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.txt").write_text("x = 1\n")
    monkeypatch.setenv(own.VARIABLE, f"{tmp_path}/{listed}")
    with pytest.raises(InputError, match=message):
        tasks.known()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "signals[3, 1, 2] = np.nan",
            "window 3, channel 1 holds nan; signals must be finite, so",
        ),
        ("signals[3, 1, 2] = -np.inf", "window 3, channel 1 holds -inf; signals must be finite"),
        ("labels = labels + 1", "holds label 2; labels run from 0 to 1"),
        ("labels = labels / 2", "labels hold 0.5; they must be whole numbers"),
        ("signals = signals[:, :1]", "signals have shape (24, 1, 16); they must be (windows, 2 ch"),
        ("subjects = subjects[1:]", "subjects have shape (23,) for 24 windows; give one a window"),
        (
            "subjects = subjects * 0",
            "when subjects 0 test, (none) is left to train and to valid",
        ),
        ("test_subjects = (99,)", "the test split, subjects (none), has no window of rest, move"),
        ("labels = labels * (subjects > 0)", "the test split, subjects 0, has no window of move"),
        ("labels = labels * (subjects != 3)", "the validation split, subjects 3, has no window of"),
        (
            "open(path / 'absent.csv')",
            "absent.csv cannot be read (No such file or directory); ch",
        ),
        ("return signals", "as ndarray; its `read` must return Windows"),
    ],
)
def test_bad_data_of_an_own_task_are_one_sentence_and_stay(
    change: str, message: str, write: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(TASK.replace("CHANGE", change))
    given = tmp_path / "given"
    given.mkdir()
    (given / "kept.csv").write_text("1,2\n")
    assert data.main(["--task", "own", "--data", str(given)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert captured.err.count("; ") >= 1  # what is wrong, and what to do
    assert [(p.name, p.read_text()) for p in given.iterdir()] == [("kept.csv", "1,2\n")]


def test_the_task_without_a_fault_is_taken(write: Callable[..., Path], tmp_path: Path) -> None:
    write(TASK.replace("CHANGE", "pass"))
    counts = inventory.contents(tasks.get("own"), tmp_path).counts
    assert {part: list(each) for part, each in counts.items()} == {
        "train": [8, 8], "validation": [2, 2], "test": [2, 2],
    }  # fmt: skip


def test_data_that_cannot_be_read_leave_an_earlier_run_as_it_was(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(TASK.replace("CHANGE", "signals[3, 1, 2] = np.nan"))
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.pt").write_bytes(b"an earlier model")
    (run / "history.jsonl").write_text("{}\n")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert train.main(["--task", "own", "--data", f"{tmp_path}", "--out", f"{run}"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
