"""Run the commands of a run, count their processor time, end them when they are no more use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.accuracy.code import ROOT

TOLD: Final = 300
"""Characters of a reason."""


class RunFailed(Exception):
    """A run that came to no figures; its text says why and where its log is.

    Attributes:
        code: exit code of the command that failed, None where none did.
        said: the last line that it said, whole.
    """

    code: int | None = None
    said: str = ""


@dataclass
class Commands:
    """Runs commands, and ends those that run when there is no more use for them."""

    ended: bool = False
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _spent: dict[int, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, words: Sequence[str], log: Path, good: tuple[int, ...] = (0,)) -> str:
        """Run a Python module in the project's folder and return what it prints.

        Raises:
            RunFailed: when it ends with another exit code than a good one.
        """
        line = [sys.executable, "-m", *words]
        with log.open("a") as said:
            said.write(f"$ python -m {' '.join(words)}\n")
            said.flush()
            with self._lock:
                if self.ended:
                    raise RunFailed("interrupted")
                process = subprocess.Popen(
                    line,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                    cwd=ROOT,
                    env=_one_thread(),
                )
                self._running.add(process)
            out, code = self._finished(process)
        if code not in good:
            lines = [each for each in log.read_text().splitlines() if each.strip()]
            failed = RunFailed(
                f"{words[0]} ended with exit code {code} ({lines[-1][:TOLD]}); see {log}"
            )
            failed.code, failed.said = code, lines[-1]
            raise failed
        return out

    def _finished(self, process: subprocess.Popen[str]) -> tuple[str, int]:
        """Return what a command printed and its exit code, and count its processor time."""
        assert process.stdout is not None
        with process.stdout as stream:
            out = stream.read()
        _, status, usage = os.wait4(process.pid, 0)
        with self._lock:
            process.returncode = os.waitstatus_to_exitcode(status)
            self._running.discard(process)
            spent = usage.ru_utime + usage.ru_stime
            name = threading.get_ident()
            self._spent[name] = self._spent.get(name, 0.0) + spent
        return out, process.returncode

    def spent(self) -> float:
        """Return the processor seconds of this thread's commands since it was last asked."""
        with self._lock:
            return self._spent.pop(threading.get_ident(), 0.0)

    def end(self) -> None:
        """End the commands that run, and let none begin."""
        with self._lock:
            self.ended = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)


def _one_thread() -> dict[str, str]:
    """Return an environment in which no library starts threads of its own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1")}
