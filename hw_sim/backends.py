"""The table of backends, which run networks and share one signature.

A backend is imported on first use, so that `--help` is fast.
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
    """Options of a run; a backend ignores those that it does not support.

    Attributes:
        states: also return u and v of every layer (`fast`, `lava`).
        threads: number of threads (`fast`); one per core by default.
        time_limit_s: seconds after which a run is terminated (`lava`, `loihi2`).
        progress: called with the completed time steps and their total (`lava`, `loihi2`).
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
        """Return the activity for an input (batch, channels, time)."""


class Running(Protocol):
    """A network that runs in chunks of steps, and carries its state from one to the next.

    Attributes:
        now: number of steps so far.
    """

    now: int

    def run(self, inputs: NDArray[Any]) -> Activity:
        """Run the next steps of a checked input (num_streams, channels, steps)."""

    def step(self, spikes: NDArray[Any]) -> NDArray[Any] | None:
        """Run one step the quick way and return the last layer's spikes, or do nothing: None."""

    def reset(self) -> None:
        """Clear the state and start again at step 0."""

    def close(self) -> None:
        """End its processes, if it has any."""


@dataclass(frozen=True)
class Backend:
    """A backend.

    Attributes:
        name: value of the option `--backend`.
        description: one line, for help texts.
        batch: maximum batch size, or None if only memory limits it.
        run: see `Run`; raises InputError for wrong spikes and BackendError when it cannot run.
        memory: estimates the memory of a run from the network and the time steps per sample.
        timed: whether it runs in a child process and supports a time limit.
        stream: starts a continuous run of a number of streams; see `hw_sim.streaming`.
    """

    name: str
    description: str
    batch: int | None
    run: Run
    memory: Callable[[QuantizedNetwork, int], Need]
    timed: bool
    stream: Callable[[QuantizedNetwork, int, RunOptions], Running]


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

    def stream(network: QuantizedNetwork, num_streams: int, options: RunOptions) -> Running:
        if not hasattr(simulator(), "Stream"):
            raise InputError(f"{name} does not run streams; choose fast or lava")
        started: Running = simulator().Stream(network, num_streams, options)
        return started

    return Backend(name, description, batch, run, memory, timed, stream)


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
