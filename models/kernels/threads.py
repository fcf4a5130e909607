"""Split the samples of a batch over threads that sleep, not spin, while they wait.

torch and numba each have a pool of threads that spin while they wait. Used in turn on all cores
they slow each other down, tenfold on a busy machine. Each of these threads runs the compiled code
and matrix products of its part of a batch.
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
    """Return the result of `work` for each part of a batch, on as many threads as torch has.

    Args:
        samples: in the batch; the parts are in order and differ by one sample at most.
        work: is called with each part; its slow operations must release Python's lock.
    """
    count = min(torch.get_num_threads(), samples)
    if count <= 1:
        return [work(slice(0, samples))]
    edges = [samples * k // count for k in range(count + 1)]
    return list(_pool(count).map(work, map(slice, edges, edges[1:])))


@lru_cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Return `count` threads on which torch uses a single thread."""
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


# A forked process has only one thread.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
