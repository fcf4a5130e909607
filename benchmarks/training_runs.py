"""The table of trainers, and a function that lets them take turns on one workload.

Each is a process of its own for each number of threads. All are started, one after the other, then
they train in rounds, one at a time, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.compare import ROOT, THREAD_VARIABLES, TORCH, Peer, install, python_of, why

STOCK, OURS = "lava-dl", "ours"
TRAINERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(STOCK, "lava-dl, stock", "lava_dl", variant="stock", delays=True),
        Peer(OURS, "neurodeploy", "lava_dl", variant="compiled", delays=True),
        Peer("snntorch", "snnTorch", "snntorch", ("snntorch==1.0.0", *TORCH)),
        Peer("spikingjelly", "SpikingJelly", "spikingjelly", ("spikingjelly==2.0.0", *TORCH)),
        Peer("norse", "Norse", "norse", ("norse==1.1.0", *TORCH)),
    )
}
HAR_TRAINERS = tuple(
    Peer(name, TRAINERS[name].title, "har", variant=TRAINERS[name].variant, delays=True)
    for name in (STOCK, OURS)
)

ROUNDS = 5
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


class Failed(Exception):
    """A program gave no answer; the text is one line that says why."""


@dataclass
class Run:
    """What one trainer came to on one number of threads.

    Attributes:
        name, title: of the trainer.
        threads: asked for.
        introduction: what `benchmarks.trainers.serving` describes, or None.
        ms: milliseconds of every step, of all turns.
        peak_mb: largest resident memory, in MB.
        reason: one line that says why figures are missing, else "".
    """

    name: str
    title: str
    threads: int
    introduction: dict[str, Any] | None = None
    ms: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    reason: str = ""

    @property
    def median_ms(self) -> float | None:
        """The median step, or None without any."""
        return median(self.ms) if self.ms and not self.reason else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**vars(self), "median_ms": self.median_ms}


class Worker:
    """A trainer's process."""

    def __init__(self, peer: Peer, files: Sequence[Path], threads: int, limit_s: float) -> None:
        """Start it.

        Args:
            peer: an entry of a table above.
            files: its workload, if it takes any.
            threads: processor cores, set by an option and environment variables.
            limit_s: seconds that an answer may take.
        """
        self.limit_s = limit_s
        command = [
            *python_of(peer), "-m", f"benchmarks.trainers.{peer.program}",
            *(str(file.resolve()) for file in files),
            "--threads", str(threads), "--variant", peer.variant,
        ]  # fmt: skip
        variables = _environment(peer, threads)
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.errors = Path(self.folder.name) / "err.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, cwd=self.folder.name, env=variables, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
            )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self.lines.put(line)
        self.lines.put("")

    def answer(self) -> dict[str, Any]:
        """Return the next answer, or raise Failed when there is none in time."""
        try:
            line = self.lines.get(timeout=self.limit_s)
        except queue.Empty:
            raise Failed(f"no answer after {self.limit_s:g} s") from None
        if not line:
            status = self.process.wait()
            raise Failed(why(self.errors.read_text(errors="replace"), status))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def turn(self, seconds: float, least: int) -> dict[str, Any]:
        """Let it train for about so many seconds, at least so many steps."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"seconds": seconds, "least": least}) + "\n")
            self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End it and whatever it started, which is in a session of its own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self.folder.cleanup()


def _environment(peer: Peer, threads: int) -> dict[str, str]:
    """Return the variables of a trainer's process.

    `models` sets how OpenMP's threads wait, before torch starts them; that belongs to ours alone.
    """
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    for name in WAITING:
        if peer.name != OURS:
            variables.pop(name, None)
    return variables


def measure(
    peers: Iterable[Peer],
    files: Sequence[Path],
    threads: Sequence[int],
    tell: Callable[[str], None],
    *,
    seconds: float,
    limit_s: float,
    rounds: int = ROUNDS,
    least: int = 2,
) -> list[Run]:
    """Let trainers take turns.

    Args:
        peers: entries of a table above.
        files: the workload, if they take any.
        threads: numbers of them, each of which every trainer gets.
        tell: is given a line about what happens.
        seconds: to train each for, about, over all rounds.
        limit_s: seconds that a start or a turn may take.
        rounds: turns of each.
        least: steps of a turn.
    """
    runs: list[Run] = []
    with ExitStack() as stack:
        workers: list[Worker | None] = []
        for peer in peers:
            for count in threads:
                run = Run(peer.name, peer.title, count)
                runs.append(run)
                workers.append(_start(run, peer, files, limit_s, stack))
                tell(f"  {run.title}, threads {count}: {run.reason or 'ready'}")
        for number in range(rounds):
            for run, worker in zip(runs, workers):
                if worker is not None and not run.reason:
                    _take_turn(run, worker, seconds / rounds, least)
            tell(f"  round {number + 1} of {rounds} done")
    return runs


def _start(
    run: Run, peer: Peer, files: Sequence[Path], limit_s: float, stack: ExitStack
) -> Worker | None:
    """Start a trainer and wait until it is warm."""
    run.reason = install(python_of(peer))
    if run.reason:
        return None
    worker = Worker(peer, files, run.threads, limit_s)
    stack.callback(worker.close)
    try:
        run.introduction = worker.answer()
    except Failed as failure:
        run.reason = str(failure)
    return worker


def _take_turn(run: Run, worker: Worker, seconds: float, least: int) -> None:
    try:
        answer = worker.turn(seconds, least)
    except Failed as failure:
        run.reason = str(failure)
        return
    run.ms += answer["ms"]
    run.peak_mb = max(run.peak_mb, answer["peak_mb"])
