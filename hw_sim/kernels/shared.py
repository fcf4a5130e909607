"""What kernels share: how many processor cores they use, and results cached per layer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numba
from numba.np.ufunc.parallel import threading_layer

from neurodeploy.models.layers import Layer

Made = TypeVar("Made")


def cache_per_layer(make: Callable[..., Made]) -> Callable[..., Made]:
    """Return `make`, a function of a layer and hashable values, so that it keeps what it returns
    for as long as the layer lives."""
    kept: WeakKeyDictionary[Layer, dict[Any, Made]] = WeakKeyDictionary()

    @wraps(make)
    def once(layer: Layer, *values: Any) -> Made:
        of_layer = kept.setdefault(layer, {})
        if values not in of_layer:
            of_layer[values] = make(layer, *values)
        return of_layer[values]

    return once


@contextmanager
def limited_to(threads: int | None, parts: int) -> Iterator[None]:
    """Let kernels use so many threads, all there are for None, and no more than there are parts of
    the work: waking a thread that finds nothing to do takes longer than a small network."""
    before = numba.get_num_threads()
    threads = max(1, min(threads or before, parts))
    with _one_at_a_time():
        numba.set_num_threads(min(threads, before))
        try:
            yield
        finally:
            numba.set_num_threads(before)


_RUNNING = threading.RLock()


def _one_at_a_time() -> AbstractContextManager[Any]:
    """Return a lock where numba has but its own pool of threads, which ends the process when two
    threads of Python use it at once; OpenMP's and TBB's may be shared."""
    try:
        shared = threading_layer() != "workqueue"
    except ValueError:  # which one it is shows with the first kernel
        shared = False
    return nullcontext() if shared else _RUNNING


def products_alike() -> AbstractContextManager[Any]:
    """Let matrix products use as many threads as the kernels do."""
    limit = _products().limit(limits=numba.get_num_threads(), user_api="blas")
    return cast("AbstractContextManager[Any]", limit)


@lru_cache(maxsize=1)
def _products() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
