"""The Lava backend: the process graph on Lava's CPU simulator, in a process of its own.

Lava's runs can hang without a word, leave processes behind, and cannot share a process with torch
without doubling its memory. So a child runs them, under a time limit; its error comes back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hw_sim
from export import netx
from hw_sim.activity import Activity, States
from hw_sim.run_options import RunOptions, check_spikes
from models.errors import BackendError, InputError
from models.network import QuantizedNetwork

START_LIMIT_S = 120.0
STEP_LIMIT_S = 0.05


def run(
    network: QuantizedNetwork,
    spikes: NDArray[np.uint8],
    options: RunOptions = RunOptions(),
) -> Activity:
    """Run every sample from cleared state for its whole length, all in one run of Lava.

    Args:
        network: what to run.
        spikes: 0 or 1, uint8 array (batch, channels, time).
        options: `states`, `progress` and `time_limit_s` count here; the limit is two minutes and
            50 ms a step by default.

    Raises:
        InputError: when the spikes do not fit the network.
        BackendError: when Lava raises, dies or exceeds the time limit.
    """
    inputs = check_spikes(network, spikes)
    if not inputs.size:
        raise InputError(f"the input spikes have shape {inputs.shape}; Lava needs one step at least")
    total = inputs.shape[0] * inputs.shape[2]
    limit = options.time_limit_s or START_LIMIT_S + STEP_LIMIT_S * total
    with tempfile.TemporaryDirectory(prefix="neurodeploy-lava-") as folder:
        job = Path(folder)
        netx.write(network, job / "network.net")
        np.save(job / "spikes.npy", inputs)
        if options.states:
            (job / "states").touch()
        child = start_worker(job)
        try:
            _wait(child, job, limit, total, options.progress)
        finally:
            end(child)
        return _collect(network, inputs, job, states=options.states)


def start_worker(job: Path) -> subprocess.Popen[bytes]:
    """Start the worker in a session of its own, so that all that it starts can be ended."""
    root = Path(hw_sim.__file__).parent.parent
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (job / "output.txt").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "hw_sim.lava_worker", str(job)],
            cwd=job,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(child: subprocess.Popen[bytes]) -> None:
    """End the worker and all processes of its session: asked first, so that shared memory is
    given back, then by force."""
    for sign, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and _group_lives(child):
            time.sleep(0.02)
    child.wait()


def _group_lives(child: subprocess.Popen[bytes]) -> bool:
    child.poll()
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait(
    child: subprocess.Popen[bytes],
    job: Path,
    limit_s: float,
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    deadline = time.monotonic() + limit_s
    while child.poll() is None and not (job / "error.txt").exists():
        if time.monotonic() > deadline:
            raise BackendError(
                f"Lava's simulator did not finish {total} steps in {limit_s:.0f} s; "
                "run fewer samples or raise --time-limit"
            )
        if progress is not None:
            progress(_step(job), total)
        time.sleep(0.02)
    if not (job / "done").exists():
        raise BackendError(f"Lava's simulator failed: {_reason(job)}")
    if progress is not None:
        progress(total, total)


def _step(job: Path) -> int:
    try:
        return int(np.load(job / "step.npy")[0])
    except (OSError, ValueError, EOFError):
        return 0


def _reason(job: Path) -> str:
    for name in ("error.txt", "output.txt"):
        path = job / name
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        if lines:
            return lines[-1]
    return "its process ended without a word"


def _collect(
    network: QuantizedNetwork, inputs: NDArray[np.uint8], job: Path, *, states: bool
) -> Activity:
    batch, _, steps = inputs.shape

    def load(index: int, name: str) -> Any:
        stream = np.load(job / f"layer_{index}_{name}.npy")
        return np.ascontiguousarray(stream.reshape(-1, batch, steps).transpose(1, 0, 2))

    indices = range(len(network.layers))
    return Activity(
        inputs,
        tuple(load(i, "spikes") for i in indices),
        tuple(States(load(i, "current"), load(i, "voltage")) for i in indices) if states else (),
    )
