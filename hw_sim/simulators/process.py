"""Run a worker in a child process: the code of the parent and of the child.

Runs of Lava can hang and leave processes behind, and need twice the memory if torch is in the same
process. So they run in a child process with a time limit, which reports its errors.
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

POLL_S, STREAM_POLL_S = 0.02, 0.001

SOCKET_IN_FOLDER = "/pymp-12345678/listener-12345678"
"""The name pattern of the sockets that `multiprocessing` creates in the temporary folder."""

SOCKET_NAME_MAX = 100
"""Maximum length of a socket's path in bytes; the limit is 107 on Linux and 103 on macOS."""


@dataclass(frozen=True)
class Job:
    """A run of a worker.

    Attributes:
        module: the worker, started as `python -m module folder`.
        folder: folder of its input and output; at the end it contains `done` or `error.txt`.
        subject: name of the worker in messages, such as "Lava's simulator".
        steps: time steps of all samples together.
        limit_s: seconds after which the worker is terminated.
        progress: called with the completed time steps and their total.
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
    """Run a worker and terminate all processes of its session at the end.

    Raises:
        BackendError: when the worker raises, is killed or exceeds the time limit.
    """
    with started(job) as child:
        wait(child, job)


@contextmanager
def started(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker; terminate all processes of its session at the end of the block."""
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
    """Return the variables that put the worker's temporary folders into `folder`.

    They are then removed with it. If paths of sockets there would be too long, return none.
    """
    named = len(os.fsencode(folder)) + len(SOCKET_IN_FOLDER)
    return {"TMPDIR": str(folder)} if named <= SOCKET_NAME_MAX else {}


def _end(child: subprocess.Popen[bytes]) -> None:
    """Terminate all processes of the worker's session.

    First with SIGTERM, so that they release shared memory, then with SIGKILL.
    """
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
    """Return whether all processes of a group are zombies, which init may never reap."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if int(its_group) == group:
            states.append(state)
    return bool(states) and set(states) <= {"Z", "X"}


def wait(child: subprocess.Popen[bytes], job: Job, chunk: int | None = None) -> None:
    """Wait until a worker ends or, with `chunk`, has done that chunk of steps of a stream.

    Raises:
        BackendError: when the worker raises, is killed or exceeds the time limit.
    """
    done = job.folder / ("done" if chunk is None else f"done_{chunk}")
    progress = job.progress or (lambda done, total: None)
    deadline = time.monotonic() + job.limit_s
    while child.poll() is None and not (job.folder / "error.txt").exists():
        if chunk is not None and done.exists():
            break
        if time.monotonic() > deadline:
            raise BackendError(
                f"{job.subject} did not finish {job.steps} steps in {job.limit_s:.3g} s; "
                "run fewer samples or raise --time-limit"
            )
        progress(_step(job.folder), job.steps)
        time.sleep(POLL_S if chunk is None else STREAM_POLL_S)
    if not done.exists():
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


WATCHDOG_S = 0.2


class Watchdog:
    """A thread that ends this process if its parent has ended or one of Lava's processes failed.

    After an error in one of its processes a run of Lava can wait forever.

    Attributes:
        runtime: the Lava runtime to monitor, None between runs.
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
            time.sleep(WATCHDOG_S)


def run_worker(run: Callable[[Path, Watchdog], None], folder: str) -> None:
    """Call `run` with the job's folder and a watchdog; write `done` or the error to the folder."""
    job = Path(folder)
    watchdog = Watchdog(job)
    try:
        run(job, watchdog)
    except (BackendError, InputError) as error:
        report_error(job, str(error))
    except Exception:
        report_error(job, actor_errors(watchdog.runtime) or traceback.format_exc())
    (job / "done").touch()


def report_error(folder: Path, text: str) -> None:
    """Write the error for the parent and exit at once.

    The parent terminates Lava's processes; `net.stop()` would wait for them forever.
    """
    (folder / "error.tmp").write_text(text)
    (folder / "error.tmp").replace(folder / "error.txt")
    os._exit(1)


def killed_actor(runtime: Any) -> str:
    """Return a message if a signal ended one of Lava's processes, else ""."""
    if runtime is None or not hasattr(os, "waitid"):
        return ""
    for actor in list(runtime._messaging_infrastructure.actors):
        try:
            ended = os.waitid(os.P_PID, actor.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except (OSError, ValueError):  # it has been reaped, so it ended normally
            continue
        if ended is not None and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            name = signal.Signals(ended.si_status).name
            return f"one of Lava's processes was ended by {name}{SIGNALS.get(name, '')}"
    return ""


SIGNALS = {
    "SIGBUS": ", no shared memory is left; enlarge /dev/shm or run fewer neurons",
    "SIGKILL": ", which the system does where memory runs out; run fewer neurons or samples",
}
"""Signal -> its likely cause and the way out."""


def actor_errors(runtime: Any) -> str:
    """Return the tracebacks of Lava's processes, which Lava itself only logs at level INFO."""
    if runtime is None:
        return ""
    found = []
    for actor in list(runtime._messaging_infrastructure.actors):
        try:
            error = actor.exception
        except OSError:  # its pipe is closed, so it ended normally
            continue
        if error is not None:
            found.append(error[1])
    return "\n".join(found)
