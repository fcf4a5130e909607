"""The table of backends: ways to run a network, with one signature.

A simulator is imported when it is first used, so that help texts start fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:  # numba and Lava take long to import
    from numpy.typing import NDArray

    from neurodeploy.hw_sim.activity import Activity
    from neurodeploy.hw_sim.memory import Need
    from neurodeploy.models.network import QuantizedNetwork


@dataclass(frozen=True)
class RunOptions:
    """How to run; a backend ignores options that it does not have.

    Attributes:
        states: also return u and v of every layer, where the backend can read them.
        threads: processor cores to use (`fast`); all of them by default.
        time_limit_s: seconds until a run in another process is ended (`lava`, `loihi2`).
        progress: called with the time steps done and their total (`lava`, `loihi2`).
    """

    states: bool = False
    threads: int | None = None
    time_limit_s: float | None = None
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        threads, limit = self.threads, self.time_limit_s
        if threads is not None and not (type(threads) is int and threads >= 1):
            raise InputError(f"threads is {threads!r}; give a whole number from 1, or None for all")
        if limit is not None and not (isinstance(limit, (int, float)) and limit > 0):
            raise InputError(f"time_limit_s is {limit!r}; give a number of seconds over 0")


class Run(Protocol):
    """Run every sample from cleared state for its whole length."""

    def __call__(
        self, network: QuantizedNetwork, spikes: NDArray[Any], options: RunOptions = ...
    ) -> Activity:
        """Return what the network did with its input (batch, channels, time)."""


@dataclass(frozen=True)
class Backend:
    """One entry of the table.

    Attributes:
        name: value of the option `--backend`.
        description: one line, for help texts.
        batch: most samples per call, or None for as many as memory allows.
        run: see `Run`; raises InputError for wrong spikes and BackendError when it cannot run.
        memory: estimates the memory of a run, from the network and the time steps of a sample.
        timed: whether it runs in a process of its own, which a time limit can end.
    """

    name: str
    description: str
    batch: int | None
    run: Run
    memory: Callable[[QuantizedNetwork, int], Need]
    timed: bool


def _backend(
    name: str, module: str, description: str, *, batch: int | None = None, timed: bool = False
) -> Backend:
    def simulator() -> Any:
        return import_module(f"neurodeploy.hw_sim.simulators.{module}")

    def run(
        network: QuantizedNetwork, spikes: NDArray[Any], options: RunOptions = RunOptions()
    ) -> Activity:
        found: Activity = simulator().run(network, spikes, options)
        return found

    def memory(network: QuantizedNetwork, steps: int) -> Need:
        found: Need = simulator().memory(network, steps)
        return found

    return Backend(name, description, batch, run, memory, timed)


BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        _backend("fast", "fast", "own simulator, bit-exact with Lava", batch=512),
        _backend("lava", "lava", "Lava's process graph on Lava's CPU simulator", timed=True),
        _backend("loihi2", "loihi", "a Loihi 2, through Intel's hardware packages", timed=True),
    )
}


def get(name: str) -> Backend:
    """Return the backend called `name`, or raise an InputError that lists them."""
    if name not in BACKENDS:
        raise InputError(f"{name!r} is not a backend; choose one of {', '.join(BACKENDS)}")
    return BACKENDS[name]
