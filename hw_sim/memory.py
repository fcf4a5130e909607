"""The memory that a run needs, the available memory, and the batch size that fits."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurodeploy.models.errors import InputError

STATES: Final = 3
"""Number of states per neuron that a run returns on request, 4 bytes each."""


@dataclass(frozen=True)
class Need:
    """The memory that a backend needs, in bytes.

    Attributes:
        fixed: for the network, independent of the batch size.
        sample: for each sample of a batch.
    """

    fixed: int
    sample: int


BATCH_BYTES: Final = 600 * 10**6
"""Maximum memory for the samples of a batch, which keeps a command below about 1 GB."""

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
UNLIMITED: Final = 1 << 60
"""Limits from here on mean unlimited; version 1 of cgroups writes about 2^63."""


def batch_size(needs: Sequence[Need], *, steps: int, most: int) -> int:
    """Return the batch size, 1 to `most`.

    Args:
        needs: memory needs of the backends and of the input, which are added up.
        steps: time steps per sample, for messages.
        most: maximum batch size.

    Raises:
        InputError: when the memory does not suffice for the network or for one sample.
    """
    fixed, sample = sum(need.fixed for need in needs), sum(need.sample for need in needs)
    free = available()
    if free is not None:
        check(fixed, free, "the network takes", "run a smaller one")
        check(
            fixed + sample,
            free,
            f"one sample of {steps:,} time steps takes",
            "give shorter samples or a smaller network",
        )
    room = BATCH_BYTES if free is None else min(BATCH_BYTES, (free - fixed) // 2)
    return max(1, min(most, room // max(sample, 1)))


def check(needed: int, free: int | None, subject: str, way_out: str) -> None:
    """Raise InputError if more memory is needed than free.

    Args:
        needed: needed bytes.
        free: free bytes, or None if unknown.
        subject: start of the message, as in "one sample takes".
        way_out: end of the message.
    """
    if free is not None and needed > free:
        raise InputError(
            f"{subject} about {_gigabytes(needed)} of memory and the machine has "
            f"{_gigabytes(free)} free; {way_out}"
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**8 else f"{count / 1e6:,.1f} MB"


def available() -> int | None:
    """Return the bytes that this process can still allocate, or None if unknown."""
    limits = [*_cgroup_limits(), *filter(None, [_machine()])]
    return min(limits, default=None)


def _machine() -> int | None:
    """Return the available memory of the machine in bytes, reclaimable caches included."""
    try:
        for line in (PROC / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:  # not Linux: the installed memory, as an upper bound
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None


def _cgroup_limits() -> list[int]:
    """Return the free bytes in each control group of this process, version 2 and version 1."""
    found = []
    for folder in _cgroup_folders():
        limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current", folder / "memory.usage_in_bytes")
        if limit is not None and used is not None and limit < UNLIMITED:
            found.append(max(0, limit - used + _cached(folder / "memory.stat")))
    return found


def _cgroup_folders() -> list[Path]:
    """Return the folders of the control groups of this process, up to the root of each tree."""
    folders = {CGROUPS: None, CGROUPS / "memory": None}
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        root = CGROUPS / "memory" if "memory" in controllers.split(",") else CGROUPS
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for count in range(1, len(parts) + 1):
            folders[root.joinpath(*parts[:count])] = None
    return list(folders)


def _number(*paths: Path) -> int | None:
    """Return the number in the first of the files that contains one."""
    for path in paths:
        try:
            return int(path.read_text())
        except (OSError, ValueError):  # missing, or "max"
            continue
    return None


def _cached(path: Path) -> int:
    """Return the bytes of reclaimable file cache in a control group."""
    try:
        stat = dict(line.split(maxsplit=1) for line in path.read_text().splitlines())
        return int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0


# What glibc does with freed memory

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_REUSED_BYTES = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc to reuse up to 1 GiB of freed memory; return False without glibc.

    By default glibc returns every large array to the kernel and requests new pages for the next
    one. The page faults take half the time of a training step of a small network.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _REUSED_BYTES) and mallopt(_TRIM_THRESHOLD, _REUSED_BYTES))
