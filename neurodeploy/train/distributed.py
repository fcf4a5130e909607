"""Training with several processes, started by torchrun, through `torch.distributed`.

Each process computes its rows of every batch; DistributedDataParallel averages the gradients, with
gloo on CPUs and NCCL on GPUs. Only rank 0 prints and writes files. Only the process in which an
error happens reports it. torch is imported lazily, so that commands start fast.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from neurodeploy.models.errors import BackendError, InputError

ENVIRONMENT: Final = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Variables that torchrun sets for every process."""

REPORTED: Final = "neurodeploy/reported"
"""Key of the store that counts reports of an error."""

WAIT_S: Final = 2.0
"""Seconds to wait for another process to report its error."""

LOST: Final = ("gloo", "nccl", "connection", "broken pipe", "store", "peer")
"""Words in torch's messages that mean that another process ended."""


def rank() -> int:
    """Return the rank of this process; 0 without torchrun."""
    return _environment()[0]


def world_size() -> int:
    """Return the number of processes; 1 without torchrun."""
    return _environment()[1]


def _environment() -> tuple[int, int]:
    """Return rank and world size from torchrun's environment variables.

    Raises:
        InputError: if they are not valid.
    """
    if not all(os.environ.get(name) for name in ENVIRONMENT):
        return 0, 1
    values = {name: os.environ[name] for name in ("RANK", "WORLD_SIZE")}
    for name, value in values.items():
        if not value.isdecimal():
            raise InputError(f"{name} is {value!r} in the environment; start with torchrun")
    rank, size = map(int, values.values())
    if not rank < size:
        raise InputError(f"RANK is {rank} of WORLD_SIZE {size} processes; start with torchrun")
    return rank, size


@contextlib.contextmanager
def rank_zero_only() -> Iterator[None]:
    """Silence stdout and stderr in this block except on rank 0."""
    with contextlib.ExitStack() as silent:
        if rank():
            nowhere = silent.enter_context(open(os.devnull, "w"))
            silent.enter_context(contextlib.redirect_stdout(nowhere))
            silent.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def threads_per_process() -> int | None:
    """Return the number of CPU cores for each process of this machine, None for one process."""
    local = os.environ.get("LOCAL_WORLD_SIZE", "1")
    if world_size() == 1 or not local.isdecimal():
        return None
    return max(1, (os.cpu_count() or 1) // max(1, int(local)))


def local_device(name: str) -> str:
    """Return the device of this process: with several GPUs, "cuda" means one per process."""
    local = os.environ.get("LOCAL_RANK", "")
    return f"cuda:{local}" if name == "cuda" and world_size() > 1 and local.isdecimal() else name


def rows(count: int) -> slice:
    """Return this process's slice of `count` rows; the slices are in order of rank."""
    rank, size = _environment()
    return slice(rank * count // size, (rank + 1) * count // size)


def all_sum(values: Sequence[float]) -> list[float]:
    """Return the sum of each value over all processes."""
    if world_size() == 1:
        return [float(each) for each in values]
    import torch

    sums = torch.tensor(values, dtype=torch.float64)
    torch.distributed.all_reduce(sums)
    return [float(each) for each in sums]


def broadcast(value: Any) -> Any:
    """Return rank 0's value in every process."""
    if world_size() == 1:
        return value
    import torch

    values = [value]
    torch.distributed.broadcast_object_list(values, 0, device=torch.device("cpu"))
    return values[0]


def check_same(values: dict[str, Any]) -> None:
    """Raise InputError unless every process has the same values as rank 0."""
    expected = broadcast(values)
    wrong = [name for name in expected if values.get(name) != expected[name]]
    if wrong:
        raise InputError(
            f"{wrong[0]} of process {rank()} of {world_size()} differs from process 0; start all "
            "processes with the same options, data and versions"
        )


def data_parallel(network: Any) -> Any:
    """Return the network wrapped in DistributedDataParallel, or itself for one process."""
    if world_size() == 1:
        return network
    from torch.nn.parallel import DistributedDataParallel

    on_gpu = network.device.type == "cuda"
    # torch 2.15 renamed this option.
    options = inspect.signature(DistributedDataParallel).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in options else "broadcast_buffers"
    buffers: dict[str, Any] = {name: False}
    return DistributedDataParallel(
        network,
        device_ids=[network.device.index] if on_gpu else None,
        # Synaptic delays only get gradients in a part of the training.
        find_unused_parameters=any(
            layer.delays == "synaptic" for layer in network.architecture.layers
        ),
        **buffers,
    )


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the process group in this block, if torchrun started several processes.

    Only one process raises an error; the others exit silently with the same exit code.

    Raises:
        InputError: if the processes cannot connect.
        BackendError: if another process ended without reporting an error.
    """
    if world_size() == 1:
        yield
        return
    import torch

    store = _join()
    try:
        yield
    except (InputError, BackendError, MemoryError):
        if not _reports_first(store):
            sys.exit(2)
        raise
    except KeyboardInterrupt:
        if rank():
            sys.exit(130)
        raise
    except RuntimeError as error:
        if _reported_elsewhere(store):
            sys.exit(2)
        if not any(word in str(error).lower() for word in LOST):
            raise
        if not _reports_first(store):
            sys.exit(2)
        raise BackendError(
            f"one of the {world_size()} processes ended without an error message, perhaps out of "
            "memory; continue with --resume"
        ) from None
    torch.distributed.destroy_process_group()


def _join() -> Any:
    """Initialize the process group and return its store."""
    import torch
    from torch.distributed.rendezvous import rendezvous

    rank, size = _environment()
    try:
        store = next(rendezvous("env://"))[0]  # type: ignore[no-untyped-call]
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"process {rank} of {size} cannot connect to the others ({reason}); start all with "
            "torchrun"
        ) from None
    return store


def _reports_first(store: Any) -> bool:
    """Return whether this process is the first to report an error."""
    try:
        return bool(store.add(REPORTED, 1) == 1)
    except RuntimeError:  # rank 0, which hosts the store, has reported and ended
        return rank() == 0


def _reported_elsewhere(store: Any) -> bool:
    """Return whether another process reports an error within `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            if store.add(REPORTED, 0):
                return True
        except RuntimeError:
            return rank() != 0
        time.sleep(0.05)
    return False
