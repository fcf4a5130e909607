"""A faulty task in a file of the user's own, or one with bad data: one sentence, exit code 2."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from neurodeploy import data as tasks
from neurodeploy.commands import data, train
from neurodeploy.data import inventory

TASK = """\
import numpy as np
from neurodeploy.data.encoders import Delta
from neurodeploy.data.origin import Origin
from neurodeploy.config import TrainConfig
from neurodeploy.data.task import Task
from neurodeploy.data.dataset import Dataset

def read(path):
    signals = np.zeros((24, 2, 16))
    labels, subjects = np.arange(24) % 2, np.arange(24) // 4
    test_subjects = (0,)
    CHANGE
    return Dataset(signals, labels, subjects, ("rest", "move"), ("x", "y"), 50.0, f"own in {path}",
                   test_subjects)

TASK = Task("own", "a", read, lambda dataset: Delta(), TrainConfig(), Origin("d", "l", "c", "o"))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], Path]:
    """Return a function that writes a file and names it as one with a task."""

    def write_(content: str | bytes) -> Path:
        path = tmp_path / "own.py"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setenv(tasks.VARIABLE, str(path))
        return path

    return write_


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the sentence on stderr, beside which nothing was printed."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("error: ")
    return captured.err


@pytest.mark.parametrize(
    ("content", "named"),
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
    content: str | bytes, named: str, write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(content)
    assert train.main(["--task", "har"]) == 2
    error = one_sentence(capsys)
    assert error.startswith(f"error: {path}, which {tasks.VARIABLE} lists, fails with ")
    assert named in error


def test_an_interruption_is_none(write: Callable[..., Path]) -> None:
    write("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        tasks.known()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("signals[3, 1, 2] = np.nan", "sample 3, channel 1 holds nan"),
        ("labels = labels + 1", "holds label 2; labels run from 0 to 1"),
        ("subjects = subjects * 0", "test subjects 0, only (none) is left"),
        ("test_subjects = (99,)", "test split, subjects (none), has no sample of rest, move"),
        ("open(path / 'absent.csv')", "absent.csv cannot be read (No such file or directory)"),
        ("return signals", "a ndarray for"),
        ("raise ValueError('one\\ntwo')", "own.py: read fails with ValueError: one (line 12)"),
        ("{}['x']", "own.py: read fails with KeyError: 'x' (line 12)"),
        ("np.loadtxt(['1,a'], delimiter=',')", "read fails with ValueError: could not convert s"),
        ("read(path)", "read fails with RecursionError: maximum recursion depth exceeded"),
        ("import sys; sys.exit(0)", "read fails with SystemExit: 0 (line 12)"),
        ("raise MemoryError", "memory"),
    ],
)
def test_bad_data_of_an_own_task_are_one_sentence_and_nothing_changes(
    change: str, named: str, write: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(TASK.replace("CHANGE", change))
    folder, run = tmp_path / "data", tmp_path / "run"
    for place, name in ((folder, "mine.csv"), (run, "model.pt"), (run, "history.jsonl")):
        place.mkdir(exist_ok=True)
        (place / name).write_text("{}\n")
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*")}
    assert data.main(["--task", "own", "--data", f"{folder}"]) == 2
    error = one_sentence(capsys)
    assert named in error
    assert "; " in error  # what is wrong, and what to do
    assert train.main(["--task", "own", "--data", f"{folder}", "--out", f"{run}"]) == 2
    assert {path: path.read_bytes() for path in tmp_path.glob("*/*")} == before


def test_the_task_without_a_fault_is_taken(write: Callable[..., Path], tmp_path: Path) -> None:
    write(TASK.replace("CHANGE", "pass"))
    counts = inventory.contents(tasks.get("own"), tmp_path).counts
    assert {part: list(each) for part, each in counts.items()} == {
        "train": [8, 8], "validation": [2, 2], "test": [2, 2],
    }  # fmt: skip
    named = tasks.get("own").read(path=tmp_path)  # type: ignore[call-arg]
    assert len(named) == 24


def with_task(*changes: tuple[str, str]) -> str:
    """Return the file where parts of the line with the task are others."""
    head, _, line = TASK.replace("CHANGE", "pass").partition("TASK = ")
    for before, now in changes:
        assert before in line
        line = line.replace(before, now, 1)
    return f"{head}TASK = {line}"


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        *(
            ('"own"', name, r"the task's name is .*; give 1 to 64 ASCII letters, digits, - and _")
            for name in ("3", "None", "[1]", '""', '"../../x"', '"/abs"', '"--data"', '"50%s"',
                         '"nul\\0"', '"a\\nb"', '"my task"', '"x" * 65')
        ),
        ('"own"', '"har"', "has a task .har., but another task"),
        ("lambda dataset: Delta()", "Delta", "the task's default_encoder is <class .*; give a fun"),
        (
            "TrainConfig()",
            "TrainConfig(epochs=0)",
            "fails with InputError: epochs is 0; ",
        ),
        ('Origin("d", "l", "c", "o")', "None", "the task's origin is None; give an Origin"),
        *(
            ("))", f"), {others})", "the task's other_encoders is .*; give a dict of funct")
            for others in ("None", "['a']", "{'50%': read}", "{3: read}", "{'a': Delta}")
        ),
        *(
            ('"o")', f'"o", places={places})', "the origin's places is .*; give a tuple of names")
            for places in ("(3,)", "'abc'", "('',)", "None", "('nul\\0',)")
        ),
        ('"o")', '"o", find=lambda: 1 / 0)', r"find fails with ZeroDivisionError: .* \(line 16\)"),
        ('"o")', '"o", find=lambda: "/tmp")', "find returns '/tmp'; it must return a Path, or N"),
        ('"o")', '"o", fetch=3)', "the origin's fetch is 3; give a function that gets the data"),
    ],
)  # fmt: skip
def test_a_task_that_no_list_can_show_is_one_sentence(
    before: str, now: str, message: str, write: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = write(with_task((before, now)))
    assert data.main([]) == 2
    assert re.match(rf"error: {path}.*{message}", one_sentence(capsys))


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ("lambda dataset: None", "returns None; it must return an encoder, such as Delta()"),
        ("lambda dataset: Delta", "Delta'>; it must return an encoder, such as Delta()"),
        ("lambda dataset: 1 / 0", "fails with ZeroDivisionError: division by zero (line 16); co"),
        ("lambda dataset: open('/no/file')", "fails with FileNotFoundError: [Errno 2] No such fi"),
        ("lambda: Delta()", "positional arguments but 1 was given (outside of the file); corr"),
    ],
)
def test_an_encoder_that_is_none_is_one_sentence(
    now: str, message: str, write: Callable[..., Path], workplace: None,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    others = f"), {{'other': {now}}})"
    path = write(with_task(("lambda dataset: Delta()", now), ("))", others)))
    for option, name in (([], "default_encoder"), (["--encoder", "other"], "the encoder other")):
        assert train.main(["--task", "own", "--data", "x", "--threads", "1", *option]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {path}: {name} ")
        assert message in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("lambda signals: signals", "fails with TypeError: <lambda>() takes 1 positional argument"),
        ("lambda signals, rng: 1 / 0", "fails with ZeroDivisionError: division by zero (line 16);"),
        ("lambda signals, rng: None", "returns None; it must return an array of numbers of the s"),
        ("lambda signals, rng: signals[:1]", "returns an array of float32 of shape (1, 2, 16)"),
        (
            "lambda signals, rng: signals.astype(str)",
            "it must return an array of numbers of the sa",
        ),
    ],
)
def test_an_augmentation_that_fails_is_one_sentence(
    augment: str, message: str, write: Callable[..., Path], workplace: None,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    recipe = f"TrainConfig(hidden=(4,), epochs=1, batch_size=8, augment={augment})"
    path = write(with_task(("TrainConfig()", recipe)))
    assert train.main(["--task", "own", "--data", "x", "--threads", "1"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {path}: augment ")
    assert message in error


def test_a_fetch_that_fails_is_one_sentence(
    write: Callable[..., Path], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(with_task(('"o")', '"o", fetch=lambda folder: open(folder / "absent"))')))
    assert data.main(["--task", "own", "--get"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: fetch fails with FileNotFoundError")
