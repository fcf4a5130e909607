"""Run a worker in a process of its own: the parent's side and the child's.

Lava's runs can hang silently and leave processes behind, and with torch in the same process they
take twice the memory. So a child process runs them under a time limit and reports its errors.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.export import netx
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.models.network import QuantizedNetwork

POLL_S = 0.02

SOCKET_IN_FOLDER = "/pymp-12345678/listener-12345678"
"""How `multiprocessing` names the sockets of Lava's shared memory in a temporary folder."""

SOCKET_NAME_MAX = 100
"""Bytes in the name of a socket; Linux takes 107 and macOS 103."""


@dataclass(frozen=True)
class Job:
    """A run of a worker.

    Attributes:
        module: the worker, started as `python -m module folder`.
        folder: its input and output; the worker leaves `done` or `error.txt` there.
        subject: how messages name it, such as "Lava's simulator".
        steps: time steps of all samples.
        limit_s: seconds until it is ended.
        progress: called with the time steps done and their total.
    """

    module: str
    folder: Path
    subject: str
    steps: int
    limit_s: float
    progress: Callable[[int, int], None] | None = None


@contextmanager
def job_folder(network: QuantizedNetwork, spikes: NDArray[Any]) -> Iterator[Path]:
    """Yield a temporary folder with the network and the spikes for a worker.

    Raises:
        InputError: when there is no sample or no step, which Lava cannot run.
        BackendError: when the folder cannot be written.
    """
    if not spikes.size:
        raise InputError(
            f"the input spikes have shape {spikes.shape}; Lava needs at least one step"
        )
    with ExitStack() as stack:
        try:
            temporary = tempfile.TemporaryDirectory(prefix="neurodeploy-")
            folder = Path(stack.enter_context(temporary))
            netx.write(network, folder / "network.net")
            np.save(folder / "spikes.npy", spikes)
        except OSError as error:
            raise BackendError(
                f"no temporary folder can be written ({error}); set TMPDIR to one that can"
            ) from None
        yield folder


def run_job(job: Job) -> None:
    """Run a worker to its end, and end all processes of its session whatever happens.

    Raises:
        BackendError: when the worker raises, dies or exceeds the time limit.
    """
    with started(job) as child:
        _wait(child, job)


@contextmanager
def started(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker, and end all processes of its session at the end of the block."""
    root = Path(__file__).parents[3]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (job.folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", job.module, str(job.folder)],
            cwd=job.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **_temporary(job.folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        _end(child)


def _temporary(folder: Path) -> dict[str, str]:
    """Have the worker make its temporary folders in `folder`, which is removed however it ends.

    Where names of sockets there would be too long, it uses the system's folder.
    """
    named = len(os.fsencode(folder)) + len(SOCKET_IN_FOLDER)
    return {"TMPDIR": str(folder)} if named <= SOCKET_NAME_MAX else {}


def _end(child: subprocess.Popen[bytes]) -> None:
    """End all processes of the worker's session: with SIGTERM, so that they release shared memory,
    then with SIGKILL."""
    for sign, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and _group_lives(child):
            time.sleep(POLL_S)
    child.wait()


def _group_lives(child: subprocess.Popen[bytes]) -> bool:
    child.poll()
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return not _only_zombies(child.pid)


def _only_zombies(group: int) -> bool:
    """Return whether all processes of a group have ended and wait to be reaped by init, which a
    container's init may never do."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):  # it is gone by now
            continue
        if int(its_group) == group:
            states.append(state)
    return bool(states) and set(states) <= {"Z", "X"}


def _wait(child: subprocess.Popen[bytes], job: Job) -> None:
    progress = job.progress or (lambda done, total: None)
    deadline = time.monotonic() + job.limit_s
    while child.poll() is None and not (job.folder / "error.txt").exists():
        if time.monotonic() > deadline:
            raise BackendError(
                f"{job.subject} did not finish {job.steps} steps in {job.limit_s:.3g} s; "
                "run fewer samples or raise --time-limit"
            )
        progress(_step(job.folder), job.steps)
        time.sleep(POLL_S)
    if not (job.folder / "done").exists():
        raise BackendError(f"{job.subject} failed: {_reason(job.folder, child.returncode)}")
    progress(job.steps, job.steps)


def _step(folder: Path) -> int:
    try:
        return int(np.load(folder / "step.npy")[0])
    except (OSError, ValueError, EOFError):
        return 0


def _reason(folder: Path, code: int | None) -> str:
    for name in ("error.txt", "output.txt"):
        path = folder / name
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        if lines:
            return lines[-1]
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}; run it again"
    return "its process ended without a message; run it again"


WATCH_S = 0.2


class Watch:
    """A thread that ends this process when its parent is gone or one of Lava's processes failed.

    An error in one of Lava's processes can leave a run waiting for ever.

    Attributes:
        runtime: the Lava runtime to look at, None between runs.
    """

    def __init__(self, folder: Path) -> None:
        self.runtime: Any = None
        self._folder = folder
        self._parent = os.getppid()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            if os.getppid() != self._parent:
                os.killpg(0, signal.SIGTERM)
            if errors := actor_errors(self.runtime) or killed_actor(self.runtime):
                report_error(self._folder, errors)
            time.sleep(WATCH_S)


def work(run: Callable[[Path, Watch], None], folder: str) -> None:
    """Call `run` with the job's folder and a watch; leave `done` in the folder, or the error."""
    job = Path(folder)
    watch = Watch(job)
    try:
        run(job, watch)
    except (BackendError, InputError) as error:
        report_error(job, str(error))
    except Exception:
        report_error(job, actor_errors(watch.runtime) or traceback.format_exc())
    (job / "done").touch()


def report_error(folder: Path, text: str) -> None:
    """Write the error for the parent and exit at once.

    The parent ends Lava's children: `net.stop()` would wait for them for ever.
    """
    (folder / "error.tmp").write_text(text)
    (folder / "error.tmp").replace(folder / "error.txt")
    os._exit(1)


def killed_actor(runtime: Any) -> str:
    """Return which signal ended one of Lava's processes, whose run then waits for ever; else ""."""
    if runtime is None or not hasattr(os, "waitid"):
        return ""
    for actor in list(runtime._messaging_infrastructure.actors):
        try:
            ended = os.waitid(os.P_PID, actor.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except (OSError, ValueError):  # it was waited for, it ended well
            continue
        if ended is not None and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            name = signal.Signals(ended.si_status).name
            return f"one of Lava's processes was ended by {name}{SIGNALS.get(name, '')}"
    return ""


SIGNALS = {
    "SIGBUS": ", no shared memory is left; enlarge /dev/shm or run fewer neurons",
    "SIGKILL": ", which the system does where memory runs out; run fewer neurons or samples",
}
"""What it means that a signal ended a process, and the way out."""


def actor_errors(runtime: Any) -> str:
    """Return the tracebacks of Lava's processes, which Lava itself only logs at level INFO."""
    if runtime is None:
        return ""
    found = []
    for actor in list(runtime._messaging_infrastructure.actors):
        try:
            error = actor.exception
        except OSError:  # its pipe is closed, it ended well
            continue
        if error is not None:
            found.append(error[1])
    return "\n".join(found)
