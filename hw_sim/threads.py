"""How many processor cores the compiled kernels and the matrix products use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, cast

import numba


@contextmanager
def limited_to(threads: int | None, parts: int) -> Iterator[None]:
    """Let kernels use so many threads, all there are for None, and no more than there are parts of
    the work: waking a thread that finds nothing to do takes longer than a small network."""
    before = numba.get_num_threads()
    threads = max(1, min(threads or before, parts))
    if threads >= before:
        yield
        return
    numba.set_num_threads(threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def products_alike() -> AbstractContextManager[Any]:
    """Let matrix products use as many threads as the kernels do."""
    limit = _products().limit(limits=numba.get_num_threads(), user_api="blas")
    return cast("AbstractContextManager[Any]", limit)


@lru_cache(maxsize=1)
def _products() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
