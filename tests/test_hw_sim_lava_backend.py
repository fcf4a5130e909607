"""The Lava backend's child process: limits, errors that come back, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast, lava, process
from neurodeploy.hw_sim.simulators.process import Job, run_job
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

LINUX = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into /proc")


@pytest.fixture
def network() -> QuantizedNetwork:
    rng = np.random.default_rng(1)
    neuron = CubaLif(np.array([1024]), np.array([300]), 100)
    hidden, output = (rng.integers(-50, 100, shape) for shape in ((5, 4), (3, 5)))
    return QuantizedNetwork.chain((DenseLayer(hidden, neuron), DenseLayer(output, neuron)))


@pytest.fixture
def spikes() -> np.ndarray:
    return (np.random.default_rng(2).random((2, 4, 60)) < 0.4).astype(np.uint8)


@pytest.fixture
def endless() -> np.ndarray:
    """Return input for which Lava takes minutes."""
    return np.zeros((1, 4, 100_000), np.uint8)


def members(group: int) -> list[int]:
    """Return the processes of a process group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def shared_memory(group: int) -> set[Path]:
    """Return the files in /dev/shm that processes of a group have mapped."""
    found = set()
    for number in members(group):
        try:
            lines = Path(f"/proc/{number}/maps").read_text().splitlines()
        except OSError:
            continue
        found |= {Path(line.split()[-1]) for line in lines if "/dev/shm/" in line}
    return found


class Spy:
    """What happened to the child: its id, its folder and the one around it, the most it had, and
    the progress told."""

    def __init__(self) -> None:
        self.child = 0
        self.folder = Path()
        self.temporary = Path()
        self.processes: set[int] = set()
        self.memory: set[Path] = set()
        self.told: list[tuple[int, int]] = []

    def options(
        self, then: Callable[[], None] = lambda: None, limit: float | None = None
    ) -> RunOptions:
        """Return options that note what the child has, and call `then` once Lava runs."""

        def progress(done: int, total: int) -> None:
            self.told.append((done, total))
            self.processes |= set(members(self.child))
            self.memory |= shared_memory(self.child)
            if done > 0:
                then()

        return RunOptions(progress=progress, time_limit_s=limit)

    def assert_nothing_is_left(self) -> None:
        assert len(self.processes) > 3, "Lava was running"
        assert self.memory, "Lava had shared memory"
        assert members(self.child) == []
        assert not [path for path in self.memory if path.exists()]
        assert not self.folder.exists()
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def spy(monkeypatch, tmp_path_factory) -> Spy:
    noted, popen = Spy(), subprocess.Popen
    noted.temporary = tmp_path_factory.mktemp("t")  # short, for the names of sockets
    monkeypatch.setenv("TMPDIR", str(noted.temporary))
    monkeypatch.setattr("tempfile.tempdir", None)

    def start(command, **options):
        child = popen(command, **options)
        noted.child, noted.folder = child.pid, Path(command[-1])
        return child

    monkeypatch.setattr(process.subprocess, "Popen", start)
    return noted


@LINUX
def test_a_run_leaves_nothing_behind_and_tells_its_progress(network, spikes, spy):
    activity = lava.run(network, spikes, spy.options())
    spy.assert_nothing_is_left()
    expected = fast.run(network, spikes)
    for layer, right in zip(activity.spikes, expected.spikes, strict=True):
        assert layer.any()
        np.testing.assert_array_equal(layer, right)
    assert spy.told[0] == (0, 120)
    assert spy.told[-1] == (120, 120)
    assert spy.told == sorted(spy.told)


@LINUX
def test_a_time_limit_ends_the_run_and_leaves_nothing_behind(network, endless, spy):
    for limit in (6, 60, 600):  # until Lava has started within it
        with pytest.raises(
            BackendError,
            match=f"not finish 100000 steps in {limit} s; run fewer samples or raise --time-limit",
        ):
            lava.run(network, endless, spy.options(limit=limit))
        if spy.memory and len(spy.processes) > 3:
            break
    spy.assert_nothing_is_left()


def interrupt(spy: Spy) -> None:
    raise KeyboardInterrupt


def fail(spy: Spy) -> None:
    """The neurons of layer 0 write their progress to this file."""
    (spy.folder / "step.npy").unlink(missing_ok=True)


def kill(spy: Spy) -> None:
    os.kill(spy.child, signal.SIGKILL)


def kill_one(spy: Spy) -> None:
    os.kill(max(set(members(spy.child)) - {spy.child}), signal.SIGKILL)


def take_memory(spy: Spy) -> None:
    """A message without memory behind it is a SIGBUS, as on a full /dev/shm."""
    for path in spy.memory:
        if path.exists():
            os.truncate(path, 0)


@LINUX
@pytest.mark.parametrize(
    ("happens", "error", "named"),
    [
        (interrupt, KeyboardInterrupt, None),
        (fail, BackendError, r"FileNotFoundError: .*step\.npy"),
        (kill, BackendError, "process was ended by SIGKILL"),
        (kill_one, BackendError, "one of Lava's processes was ended by SIGKILL"),
        (take_memory, BackendError, "SIGBUS.*/dev/shm"),
    ],
)
def test_whatever_ends_a_run_is_named_and_leaves_nothing_behind(
    happens, error, named, network, endless, spy
):
    with pytest.raises(error, match=named):
        lava.run(network, endless, spy.options(lambda: happens(spy), limit=600))
    spy.assert_nothing_is_left()


@LINUX
def test_too_little_shared_memory_is_refused_before_a_start(network, spikes, monkeypatch):
    usage = shutil.disk_usage("/dev/shm")._replace(free=5000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(BackendError, match=r"needs 0\.0 MB .* has 0\.0 MB free; enlarge"):
        lava.run(network, spikes)


@pytest.mark.parametrize(
    ("module", "named"),
    [("simulators.lava_worker", r"network\.net does not exist"),
     ("absent", r"No module named .?neurodeploy\.hw_sim\.absent")],
)  # fmt: skip
def test_an_error_before_lava_starts_comes_back(module, named, tmp_path):
    with pytest.raises(BackendError, match=named):
        run_job(Job(f"neurodeploy.hw_sim.{module}", tmp_path, "Lava", steps=1, limit_s=600))


@LINUX
def test_a_killed_parent_leaves_no_process_behind(network, endless, tmp_path):
    netx.write(network, tmp_path / "network.net")
    np.save(tmp_path / "spikes.npy", endless)
    code = (
        "import subprocess, sys, time\n"
        "module = 'neurodeploy.hw_sim.simulators.lava_worker'\n"
        "worker = [sys.executable, '-m', module, sys.argv[1]]\n"
        "print(subprocess.Popen(worker, start_new_session=True, stdout=2).pid, flush=True)\n"
        "time.sleep(100)\n"
    )
    with (tmp_path / "output.txt").open("wb") as output:
        parent = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=Path(process.__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=output,
        )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    try:
        wait_until(lambda: len(members(worker)) > 3)
        parent.kill()
        parent.wait()
        wait_until(lambda: members(worker) == [])
    finally:
        parent.stdout.close()
        if members(worker):
            os.killpg(worker, signal.SIGKILL)


def wait_until(true: Callable[[], bool], limit_s: float = 300) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_worker_never_imports_torch(network, spikes, tmp_path):
    netx.write(network, tmp_path / "network.net")
    np.save(tmp_path / "spikes.npy", spikes)
    code = (
        "import sys\n"
        "from neurodeploy.hw_sim.simulators import lava_worker\n"
        "lava_worker.run_worker(lava_worker.run, sys.argv[1])\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    with (tmp_path / "output.txt").open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=Path(process.__file__).parents[3],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, (tmp_path / "output.txt").read_text()
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("shape", [(0, 4, 9), (2, 4, 0)])
def test_a_run_of_no_steps_is_refused(network, shape):
    with pytest.raises(InputError, match="Lava needs at least one step"):
        lava.run(network, np.zeros(shape, np.uint8))
