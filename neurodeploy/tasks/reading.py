"""How far a reader has come, for whoever shows it.

A reader calls `tell`; a command that shows a bar listens while it reads. Without a listener nothing
happens, so that readers need not be told of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Advance: TypeAlias = Callable[[int, int], None]

_LISTENER: ContextVar[Advance | None] = ContextVar("listener", default=None)


def tell(done: int, total: int) -> None:
    """Say what is read and the whole, in any unit."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done, total)


@contextmanager
def listening(advance: Advance) -> Iterator[None]:
    """Have `advance` called with what readers tell."""
    token = _LISTENER.set(advance)
    try:
        yield
    finally:
        _LISTENER.reset(token)
