"""The page on adding a task does what it says: its example trains, exports and reports."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from neurodeploy import data as tasks
from neurodeploy.commands import cli, export, report, train
from neurodeploy.models.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "how-to" / "own-task.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a folder with the page's file and recordings as it describes them; name the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gestures.py").write_text(EXAMPLE)
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    rng, time = np.random.default_rng(0), np.arange(64) / 50
    for person in range(1, 7):
        for number in range(6):
            turn = 2 * np.pi * (1.5 * time + rng.random())
            moves = {
                "circle": np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1),
                "shake": np.stack([np.sign(np.sin(8 * turn)), 0 * turn, 0 * turn], 1),
                "still": np.zeros((64, 3)),
            }
            for gesture, values in moves.items():
                noisy = values + np.array([0, 0, 1]) + rng.normal(0, 0.05, (64, 3))
                name = f"{person}_{gesture}_{number}.csv"
                np.savetxt(recordings / name, noisy, delimiter=",", fmt="%.4f")
    variable, value = re.fullmatch(r"export (\w+)=(.*)", COMMANDS.splitlines()[0]).groups()  # type: ignore[union-attr]
    monkeypatch.setenv(variable, value)
    return tmp_path


def test_the_example_learns_exports_and_reports(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mains: dict[str, cli.Main] = {"train": train.main, "export": export.main, "report": report.main}
    for line in COMMANDS.splitlines()[1:]:
        python, module, name, *words = shlex.split(line)
        assert [python, module] == ["python", "-m"]
        assert mains[name.removeprefix("neurodeploy.")](words) == 0
    accuracy = re.search(r"accuracy (\d+\.\d+)%", capsys.readouterr().out)
    assert accuracy is not None
    assert float(accuracy.group(1)) > 90


def test_the_example_refuses_what_it_says(folder: Path) -> None:
    task = tasks.get("gestures")
    with pytest.raises(InputError, match=r"holds no PERSON_GESTURE_NUMBER\.csv; give another"):
        task.read(folder)
    for name, text, message in (
        ("1_still_9.csv", "1,2,3\n", r"9\.csv holds \(1, 3\) numbers; record 64 lines"),
        (
            "1_still_9.csv",
            "x,y,z\n",
            r"9\.csv holds no numbers \(could not convert .* record it again",
        ),
        ("1_wave_1.csv", "1,2,3\n", r"1_wave_1\.csv has no gesture of circle, shake, still in its"),
    ):
        (folder / "recordings" / name).write_text(text)
        with pytest.raises(InputError, match=message):
            task.read(folder / "recordings")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"other\.py, which NEURODEPLOY_TASKS lists, is not a file; correct the variable"),
        ("x = 1\n", r"other\.py, which .* has no TASK; end it with TASK = Task"),
        (EXAMPLE.replace('"gestures",\n    desc', '"har",\n    desc'), "has a task 'har', but"),
    ],
)
def test_a_file_that_is_no_task_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    path = tmp_path / "other.py"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv(tasks.VARIABLE, str(path))
    with pytest.raises(InputError, match=message):
        tasks.known()


def test_a_file_that_is_listed_twice_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tasks.VARIABLE, "gestures.py:gestures.py")
    with pytest.raises(InputError, match="has a task 'gestures', but"):
        tasks.known()
