"""How many processor cores the compiled kernels and the matrix products use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numba


@contextmanager
def limited_to(threads: int | None) -> Iterator[int]:
    """Let kernels and products use so many threads, all there are for None; yield how many."""
    before = numba.get_num_threads()
    count = min(threads or before, before)
    numba.set_num_threads(count)
    try:
        with _products().limit(limits=count, user_api="blas"):
            yield count
    finally:
        numba.set_num_threads(before)


@lru_cache(maxsize=1)
def _products() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
