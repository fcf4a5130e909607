"""The table of simulators, and a function that runs one of them on one workload.

Each runs in a process of its own under a time limit: in this project's environment, or in one that
uv makes for it from the versions pinned here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXCLUDE_NEWER = "2026-11-20"
"""Versions that are not pinned resolve as they did on that day, as in `pyproject.toml`."""

TORCH = ("torch==2.15.0", "numpy<2.4")
INSTALL_LIMIT_S = 1800.0
OUT_OF_TIME = "not done after"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"
)  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """One entry of the table.

    Attributes:
        name: as the option `--peers` takes it.
        title: for tables.
        program: a module of `benchmarks.peers`.
        packages: what its environment holds; none for this project's own environment.
        python: version that its environment needs, or None for the one that runs this.
        variant: passed to the program, for peers that have several.
        delays: whether it has delays of single neurons; if not, it runs the network without.
        images: whether its program runs more than dense layers.
    """

    name: str
    title: str
    program: str
    packages: tuple[str, ...] = ()
    python: str | None = None
    variant: str = ""
    delays: bool = False
    images: bool = False


REFERENCE = "lava"
"""The peer that ratios refer to."""

_JELLY = ("spikingjelly==2.0.0", *TORCH)
_BRIAN = ("brian2-loihi==0.5.2", "brian2==2.9.0", "numpy==1.26.4", "setuptools<81")

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("fast", "neurodeploy fast", "neurodeploy_fast", delays=True, images=True),
        Peer("lava", "Lava, stock", "lava_stock", delays=True, images=True),
        Peer("own-lava", "Lava, our backend", "neurodeploy_lava", delays=True, images=True),
        Peer("slayer", "SLAYER forward", "slayer", delays=True),
        Peer("snntorch", "snnTorch", "snntorch", ("snntorch==1.0.0", *TORCH)),
        Peer("spikingjelly", "SpikingJelly", "spikingjelly", _JELLY, variant="float"),
        Peer("spikingjelly-lava", "SpikingJelly, Lava's", "spikingjelly", _JELLY, variant="lava"),
        Peer("norse", "Norse", "norse", ("norse==1.1.0", *TORCH)),
        Peer(
            "nengo-loihi", "nengo-loihi emulator", "nengo_loihi",
            ("nengo-loihi==1.1.0", "nengo==3.2.0", "numpy==1.26.4", "scipy==1.12.0"), "3.11",
        ),
        Peer(
            "brian2-loihi", "brian2-loihi, C++", "brian2_loihi", _BRIAN, "3.11", variant="plain"
        ),
        Peer(
            "brian2-loihi-stock", "brian2-loihi, C++, stock synapses", "brian2_loihi", _BRIAN,
            "3.11", variant="stock",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What running one peer on one workload came to.

    Attributes:
        peer: its name.
        threads: asked for.
        figures: the JSON object that `benchmarks.peers.measuring` describes, or None.
        reason: one line that says why there are no figures, else "".
        took_s: seconds that it took, with start and stop; 0 where it was not run.
    """

    peer: str
    threads: int
    figures: dict[str, Any] | None
    reason: str = ""
    took_s: float = 0.0

    @property
    def out_of_time(self) -> bool:
        """Whether it was ended at its time limit."""
        return self.reason.startswith(OUT_OF_TIME)

    def after(self, seconds: float) -> Outcome:
        """Return the outcome with the time that it took."""
        return replace(self, took_s=seconds)


def run(peer: Peer, workload: Path, *, threads: int, seconds: float, limit_s: float) -> Outcome:
    """Run a peer's program in a process of its own.

    Args:
        peer: an entry of `PEERS`.
        workload: a file of `benchmarks.peers.workload_file.write`.
        threads: processor cores, set by options and environment variables.
        seconds: to measure for, about, in each way.
        limit_s: after which it is ended, with all processes that it started; without installing.
    """
    python = python_of(peer)
    problem = install(python)
    if problem:
        return Outcome(peer.name, threads, None, problem)
    program = f"benchmarks.peers.{peer.program}"
    options = [str(workload.resolve()), "--threads", str(threads), "--seconds", str(seconds)]
    command = [*python, "-m", program, *options, "--variant", peer.variant]
    environment = dict.fromkeys(THREAD_VARIABLES, str(threads))
    status, out, err = _run_limited(command, environment, limit_s)
    lines = out.splitlines()
    if status == 0 and lines and lines[-1].startswith("{"):
        return Outcome(peer.name, threads, json.loads(lines[-1]))
    if status is None:
        return Outcome(peer.name, threads, None, f"{OUT_OF_TIME} {limit_s:g} s")
    return Outcome(peer.name, threads, None, why(err, status))


@lru_cache
def install(python: tuple[str, ...]) -> str:
    """Have uv fetch what an environment holds, once; return why it cannot, or ""."""
    if len(python) == 1:
        return ""
    if shutil.which(python[0]) is None:
        return "uv is not installed, which would fetch its packages"
    status, _, err = _run_limited((*python, "-c", ""), {}, INSTALL_LIMIT_S)
    return "" if status == 0 else f"does not install: {why(err, status or 1)}"


def python_of(peer: Peer) -> tuple[str, ...]:
    """Return the command that starts Python with the peer's packages."""
    if not peer.packages:
        return (sys.executable,)
    version = peer.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = [part for package in peer.packages for part in ("--with", package)]
    return (
        "uv", "run", "--quiet", "--no-project", "--isolated", "--exclude-newer", EXCLUDE_NEWER,
        "--python", version, *wanted, "python",
    )  # fmt: skip


def _run_limited(
    command: Sequence[str], environment: Mapping[str, str], limit_s: float
) -> tuple[int | None, str, str]:
    """Run a command, and leave no process of it behind.

    It runs in a folder of its own, where uv finds no project and where it leaves its files. It
    writes to files, since a pipe would stay open as long as any child of it lives.

    Returns:
        The exit status, None when it ran out of time, and what it wrote to both outputs.
    """
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        files = Path(folder) / "out.txt", Path(folder) / "err.txt"
        with files[0].open("wb") as out, files[1].open("wb") as err:
            process = subprocess.Popen(
                command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, start_new_session=True,
            )  # fmt: skip
            status = None
            try:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(limit_s)
            finally:
                # The session is the child's own, so that this ends it and its children alone.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return status, *(file.read_text(errors="replace") for file in files)


def why(errors: str, status: int) -> str:
    """Return one line out of what a program said before it failed."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    resolver = [line for line in lines if line.startswith(("error:", "cause:"))]
    chosen = " ".join(resolver) if resolver else (lines[-1] if lines else "")
    return chosen[:300] or f"ended without a word, status {status}"
