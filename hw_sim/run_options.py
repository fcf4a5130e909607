"""What a backend may be told about a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """How to run; a backend leaves alone what does not concern it.

    Attributes:
        states: also return u and v of every layer, where the backend can read them.
        threads: processor cores to use (`fast`); all by default.
        time_limit_s: seconds after which a run of another process is ended (`lava`, `loihi2`).
        progress: called with the time steps done and the time steps in all (`lava`).
    """

    states: bool = False
    threads: int | None = None
    time_limit_s: float | None = None
    progress: Callable[[int, int], None] | None = None
