"""What the kernels share: threads, and results cached per layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numba
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.layers import Layer

T = TypeVar("T")


def cache_per_layer(compute: Callable[..., T]) -> Callable[..., T]:
    """Cache what a function of a layer and hashable values returns, as long as the layer lives."""
    cache: WeakKeyDictionary[Layer, dict[Any, T]] = WeakKeyDictionary()

    @wraps(compute)
    def cached(layer: Layer, *values: Any) -> T:
        of_layer = cache.setdefault(layer, {})
        if values not in of_layer:
            of_layer[values] = compute(layer, *values)
        return of_layer[values]

    return cached


_limit: ContextVar[int | None] = ContextVar("threads", default=None)


def num_threads() -> int:
    """Return how many threads kernels use."""
    there: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    return min(_limit.get() or there, there)


def set_threads(threads: int) -> None:
    """Let kernels that this thread calls use at most so many threads from now on."""
    _limit.set(threads)


@contextmanager
def limit_threads(threads: int | None) -> Iterator[None]:
    """Let kernels use at most so many threads; None changes nothing."""
    before = _limit.set(_limit.get() if threads is None else threads)
    try:
        yield
    finally:
        _limit.reset(before)


def run_parallel(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """Call `kernel(start, stop, *arguments)` for parts of range(count), one per thread.

    The threads are Python's, and kernels release its lock: numba's own `parallel=True` takes twice
    as long to compile, and its threads may not be shared by threads of Python.
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
    """numba's compiler, told that no two arrays overlap, so that LLVM can vectorize loops."""

    def define_pipelines(self) -> list[Any]:
        """Return numba's own passes."""
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def parallel(function: Callable[..., None]) -> Any:
    """Compile `function(start, stop, *arrays)`, and split the first axis of its first array.

    The result takes `arrays` and runs the function on all threads; see `run_parallel`. Arrays that
    are written must not overlap with others. Its attribute `kernel` is the compiled function.
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


# A forked process has only one thread.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def limit_products() -> AbstractContextManager[Any]:
    """Let matrix products use as many threads as the kernels do."""
    limit = _products().limit(limits=num_threads(), user_api="blas")
    return cast("AbstractContextManager[Any]", limit)


@lru_cache(maxsize=1)
def _products() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
