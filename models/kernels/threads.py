"""Split a batch over threads that sleep, not spin, while they wait.

torch and numba each have a thread pool that spins while it waits. Alternating between them on all
cores slows both down, tenfold on a busy machine. So each thread of this pool runs both compiled
kernels and matrix products, for its part of a batch.
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


def map_batch(samples: int, function: Callable[[slice], T]) -> list[T]:
    """Return the results of `function` for the parts of a batch, on as many threads as torch has.

    Args:
        samples: size of the batch; the parts are in order and differ by one sample at most.
        function: called with each part; its slow operations must release the GIL.
    """
    count = min(torch.get_num_threads(), samples)
    if count <= 1:
        return [function(slice(0, samples))]
    edges = [samples * k // count for k in range(count + 1)]
    return list(_pool(count).map(function, map(slice, edges, edges[1:])))


@lru_cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Return a pool of `count` threads, in each of which torch uses a single thread."""
    before = torch.get_num_threads()
    all_started = Barrier(count)

    def start() -> None:
        torch.set_num_threads(1)
        all_started.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="samples")
    for started in [pool.submit(start) for _ in range(count)]:
        started.result()
    torch.set_num_threads(before)  # the default of threads started later
    return pool


# Threads do not survive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
