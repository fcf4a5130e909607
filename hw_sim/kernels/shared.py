"""Threads for kernels, and a cache per layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numba
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.layers import Layer

T = TypeVar("T")


def cache_per_layer(compute: Callable[..., T]) -> Callable[..., T]:
    """Cache the results of a function of a layer and hashable values, for the layer's lifetime."""
    cache: WeakKeyDictionary[Layer, dict[Any, T]] = WeakKeyDictionary()

    @wraps(compute)
    def cached(layer: Layer, *values: Any) -> T:
        results = cache.setdefault(layer, {})
        if values not in results:
            results[values] = compute(layer, *values)
        return results[values]

    return cached


_limit: ContextVar[int | None] = ContextVar("threads", default=None)


def num_threads() -> int:
    """Return the number of threads that kernels use."""
    available: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    return min(_limit.get() or available, available)


def set_threads(threads: int) -> None:
    """Set the maximum number of threads of the kernels that this thread calls."""
    _limit.set(threads)


@contextmanager
def limit_threads(threads: int | None) -> Iterator[None]:
    """Limit the number of threads of kernels in a block; None changes nothing."""
    before = _limit.set(_limit.get() if threads is None else threads)
    try:
        yield
    finally:
        _limit.reset(before)


def run_parallel(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """Call `kernel(start, stop, *arguments)` for parts of range(count), one per thread.

    The threads are Python's; kernels release the GIL. numba's own `parallel=True` takes twice as
    long to compile, and its threads cannot be shared by Python threads.
    """
    parts = min(num_threads(), count)
    edges = [count * part // max(parts, 1) for part in range(parts + 1)]
    spans = list(pairwise(edges))
    others = [_pool().submit(kernel, start, stop, *arguments) for start, stop in spans[1:]]
    if count:
        kernel(0, edges[1], *arguments)
    for other in others:
        other.result()


class NoAlias(CompilerBase):  # type: ignore[misc]
    """numba's compiler with the assumption that arrays do not overlap, so that loops vectorize."""

    def define_pipelines(self) -> list[Any]:
        """Return numba's default passes."""
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def parallel(function: Callable[..., None]) -> Any:
    """Compile `function(start, stop, *arrays)` to run on slices of the first array's first axis.

    The result takes `arrays` and runs the function on all threads; see `run_parallel`. Output
    arrays must not overlap with others. Its attribute `kernel` is the compiled function.
    """
    kernel = compile_kernel(function, pipeline_class=NoAlias)

    @wraps(function)
    def run(*arrays: Any) -> None:
        run_parallel(kernel, len(arrays[0]), *arrays)

    run.kernel = kernel  # type: ignore[attr-defined]
    return run


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="kernels")


# Threads do not survive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
