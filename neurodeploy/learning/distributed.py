"""Train on several processes, as torchrun starts them: each takes its share of every batch.

torch's DistributedDataParallel averages the gradients, over gloo on CPUs and NCCL on GPUs. The
first process alone prints and writes; an error is told once, by the process that has it.

torch is imported when a training joins others, so that a command starts fast.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurodeploy.models.errors import BackendError, InputError


def check_compilers(device: str) -> None:
    """Raise InputError that names what is missing to compile lava-dl's kernels, all at once."""
    absent = missing_for_gpu()
    if absent:
        raise InputError(
            f"training on {device!r} compiles lava-dl's CUDA kernels, for which there is no "
            f"{' and no '.join(absent)}; install that or use --device cpu"
        )


def missing_for_gpu() -> list[str]:
    """Return what is needed and not there, each with where it comes from."""
    from torch.utils import cpp_extension

    home = cpp_extension.CUDA_HOME
    compiler = str(cpp_extension.get_cxx_compiler())  # type: ignore[no-untyped-call]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    there = {
        "nvcc (of NVIDIA's CUDA toolkit, where CUDA_HOME says)": home is not None
        and (Path(home) / "bin" / "nvcc").exists(),
        "ninja (uv pip install ninja)": cpp_extension.is_ninja_available(),
        f"C++ compiler ({compiler})": shutil.which(compiler) is not None,
        f"Python.h (package python3.{sys.version_info[1]}-dev)": header.exists(),
    }
    return [name for name, found in there.items() if not found]


PLACE: Final = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun tells every process that it starts, in the environment."""

TOLD: Final = "neurodeploy/told"
WAIT_S: Final = 2.0
"""How long to wait for the message of a process that is gone."""

LOST: Final = ("gloo", "nccl", "connection", "broken pipe", "store", "peer")
"""Words of torch's messages when another process is gone."""


def place() -> tuple[int, int]:
    """Return this process's number, from 0, and how many there are: (0, 1) without torchrun.

    Raises:
        InputError: when the environment says something else than numbers.
    """
    if not all(os.environ.get(name) for name in PLACE):
        return 0, 1
    said = {name: os.environ[name] for name in ("RANK", "WORLD_SIZE")}
    for name, value in said.items():
        if not value.isdecimal():
            raise InputError(f"{name} is {value!r} in the environment; start with torchrun")
    rank, size = int(said["RANK"]), int(said["WORLD_SIZE"])
    if not rank < size:
        raise InputError(f"RANK is {rank} of WORLD_SIZE {size} processes; start with torchrun")
    return rank, size


def threads_each() -> int | None:
    """Return how many cores each process of this machine may use, None for a single process."""
    here = os.environ.get("LOCAL_WORLD_SIZE", "1")
    if place()[1] == 1 or not here.isdecimal():
        return None
    return max(1, (os.cpu_count() or 1) // max(1, int(here)))


@dataclass(frozen=True)
class Team:
    """The processes that train one network together.

    Attributes:
        rank: number of this process; 0 leads.
        size: how many there are.
        store: where they leave words for one another, None for a single one.
    """

    rank: int = 0
    size: int = 1
    store: Any = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return which of `count` rows are this process's; those of all make the whole."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sum of each value over all processes."""
        if self.size == 1:
            return [float(each) for each in values]
        import torch

        sums = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(sums)
        return [float(each) for each in sums]

    def from_leader(self, value: Any) -> Any:
        """Return what the leader gives for `value`, in every process."""
        if self.size == 1:
            return value
        import torch

        given = [value]
        torch.distributed.broadcast_object_list(given, 0, device=torch.device("cpu"))
        return given[0]

    def check_same(self, values: dict[str, Any]) -> None:
        """Raise InputError unless every process has the leader's values, which are plain ones."""
        leaders = self.from_leader(values)
        wrong = [name for name in leaders if values.get(name) != leaders[name]]
        if wrong:
            raise InputError(
                f"process {self.rank} of {self.size} has another {wrong[0]} than process 0; start "
                "all with the same options on the same data and versions"
            )

    def wrap(self, network: Any) -> Any:
        """Return a function like the network whose gradients are the averages over all."""
        if self.size == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel as Parallel

        on_gpu = network.device.type == "cuda"
        layers = network.architecture.layers
        options = inspect.signature(Parallel).parameters  # torch renamed one of them in 2.15
        new = "forward_sync_buffers"
        buffers: dict[str, Any] = {new if new in options else "broadcast_buffers": False}
        return Parallel(
            network,
            device_ids=[network.device.index] if on_gpu else None,
            # Synaptic delays are learned for a part of the training only.
            find_unused_parameters=any(layer.delays == "synaptic" for layer in layers),
            **buffers,
        )

    def may_tell(self) -> bool:
        """Tell whether this process is the first with something to say about the end."""
        if self.store is None:
            return True
        try:
            return bool(self.store.add(TOLD, 1) == 1)
        except RuntimeError:  # the store went with the leader, which has said why
            return self.leads

    def another_told(self) -> bool:
        """Tell whether another process says within a moment why it ended."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                if self.store.add(TOLD, 0):
                    return True
            except RuntimeError:
                return not self.leads
            time.sleep(0.05)
        return False


ALONE: Final = Team()


def device_of(name: str) -> str:
    """Return the device that this process uses: of several GPUs, "cuda" means one a process."""
    local = os.environ.get("LOCAL_RANK", "")
    return f"cuda:{local}" if name == "cuda" and place()[1] > 1 and local.isdecimal() else name


@contextlib.contextmanager
def joined() -> Iterator[Team]:
    """Meet the other processes that torchrun started; yield `ALONE` where there are none.

    An error leaves this block in one process only; the others end with its exit code, silently.

    Raises:
        InputError: when they cannot reach one another.
        BackendError: when one of them ended without a word.
    """
    rank, size = place()
    if size == 1:
        yield ALONE
        return
    team = _meet(rank, size)
    try:
        yield team
    except (InputError, BackendError, MemoryError):
        if not team.may_tell():
            sys.exit(2)
        raise
    except KeyboardInterrupt:
        if not team.leads:
            sys.exit(130)
        raise
    except RuntimeError as error:
        if team.another_told():
            sys.exit(2)
        _raise_lost(team, error)
    _part()


def _meet(rank: int, size: int) -> Team:
    import torch
    from torch.distributed.rendezvous import rendezvous

    try:
        store = next(rendezvous("env://"))[0]  # type: ignore[no-untyped-call]
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"process {rank} of {size} cannot reach the others ({reason}); start all with torchrun"
        ) from None
    return Team(rank, size, store)


def _part() -> None:
    import torch

    torch.distributed.destroy_process_group()


def _raise_lost(team: Team, error: RuntimeError) -> None:
    """Raise a torch error as one sentence where it says that another process is gone."""
    if not any(word in str(error).lower() for word in LOST):
        raise error
    if not team.may_tell():
        sys.exit(2)
    raise BackendError(
        f"another of the {team.size} processes ended without a word, perhaps for want of memory; "
        "go on with --resume"
    ) from None


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Let only the first process print what is said in this block; errors that leave it are."""
    if place()[0] == 0:
        yield
        return
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
