"""One training at a time in a folder: a lock that leaves nothing behind."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.learning.run_folder import RunLock
from neurodeploy.models.errors import InputError

ROOT = Path(__file__).parent.parent

HOLD = """
import sys, time
from pathlib import Path
from neurodeploy.learning.run_folder import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_training_in_a_folder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        with pytest.raises(InputError) as caught, RunLock(tmp_path):
            pass
        assert str(caught.value) == (
            f"another training is writing to {tmp_path}; wait until it has ended or choose another "
            "output folder"
        )
        with RunLock(tmp_path.parent):
            pass
    with RunLock(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another training is writing"), RunLock(tmp_path):
            pass
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    with RunLock(tmp_path) as lock:
        assert lock.problem == ""


def test_a_folder_that_cannot_be_locked_is_used_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with RunLock(tmp_path) as lock:
        assert lock.problem == "No locks available"
        assert not lock.vanished()


@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed and made anew"])
def test_a_folder_that_vanished_is_noticed_and_locked_anew(tmp_path: Path, again: bool) -> None:
    folder = tmp_path / "runs" / "har"
    folder.mkdir(parents=True)
    with RunLock(folder) as lock:
        assert not lock.vanished()
        shutil.rmtree(tmp_path / "runs")
        if again:
            folder.mkdir(parents=True)
        assert lock.vanished()
        lock.renew()
        assert not lock.vanished()
        with pytest.raises(InputError, match="another training is writing"), RunLock(folder):
            pass


def test_a_folder_that_cannot_be_made_anew_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    with RunLock(folder) as lock:
        folder.rmdir()
        folder.write_text("a file in the way")
        assert lock.vanished()
        with pytest.raises(InputError, match=r"vanished and cannot be made anew \(File exists\)"):
            lock.renew()
