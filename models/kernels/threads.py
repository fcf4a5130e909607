"""Split the samples of a batch over threads that sleep, not spin, while they wait.

torch and numba each have a pool of threads, whose waiting ones spin. Used in turn on all cores they
slow each other down, tenfold where another program runs as well. These threads run compiled code
and matrix products of their own part of a batch, each on one thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")


def over_samples(samples: int, work: Callable[[slice], T]) -> list[T]:
    """Return what `work` makes of each part of a batch, on as many threads as torch has.

    Args:
        samples: in the batch; the parts follow each other and differ by one sample at most.
        work: is given the part; it must release Python's lock where it takes time.
    """
    count = min(torch.get_num_threads(), samples)
    if count <= 1:
        return [work(slice(0, samples))]
    edges = [samples * k // count for k in range(count + 1)]
    return list(_pool(count).map(work, map(slice, edges, edges[1:])))


@lru_cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Return so many threads, on each of which torch computes on that thread alone."""
    before = torch.get_num_threads()
    all_started = Barrier(count)

    def start() -> None:
        torch.set_num_threads(1)
        all_started.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="samples")
    for started in [pool.submit(start) for _ in range(count)]:
        started.result()
    torch.set_num_threads(before)  # what later threads begin with
    return pool


# A forked process has no threads but one.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
