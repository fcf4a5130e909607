"""What a worker process does for the parent that started it; the parent's side is `lava_process`.

Nothing here imports Lava.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurodeploy.models.errors import BackendError, InputError

WATCH_S = 0.2


class Watch:
    """A thread that ends this process when its parent is gone or one of Lava's processes failed.

    An error in one of Lava's processes can leave the run waiting for ever.

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
    """Call `run` with the job's folder and a watch, then leave `done` there, or the error."""
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
    """Leave the error for the parent and end this process at once; Lava's children are ended by
    the parent, since `net.stop()` would wait for them for ever."""
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
"""What the end of a process by a signal tells, and the way out."""


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
