"""The backends: ways to run a network, behind one signature, in one table.

The table imports a simulator only when it is used, so that help texts cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:  # numba and Lava take long to import
    from numpy.typing import NDArray

    from neurodeploy.hw_sim.activity import Activity
    from neurodeploy.hw_sim.memory import Need
    from neurodeploy.models.network import QuantizedNetwork


@dataclass(frozen=True)
class RunOptions:
    """How to run; a backend ignores what does not concern it.

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
        name: as the option `--backend` takes it.
        description: one line, for help texts.
        batch: samples that one call takes at most, or None for as many as memory allows.
        run: see `Run`; raises InputError for wrong spikes and BackendError when it cannot run.
        memory: estimates what a run of so many time steps takes.
        timed: whether it runs in a process of its own, which a time limit can end.
    """

    name: str
    description: str
    batch: int | None
    run: Run
    memory: Callable[[QuantizedNetwork, int], Need]
    timed: bool


def _run_fast(
    network: QuantizedNetwork, spikes: NDArray[Any], options: RunOptions = RunOptions()
) -> Activity:
    from neurodeploy.hw_sim.simulators import fast

    return fast.run(network, spikes, options)


def _run_lava(
    network: QuantizedNetwork, spikes: NDArray[Any], options: RunOptions = RunOptions()
) -> Activity:
    from neurodeploy.hw_sim.simulators import lava

    return lava.run(network, spikes, options)


def _run_loihi(
    network: QuantizedNetwork, spikes: NDArray[Any], options: RunOptions = RunOptions()
) -> Activity:
    from neurodeploy.hw_sim.simulators import loihi

    return loihi.run(network, spikes, options)


def _fast_memory(network: QuantizedNetwork, steps: int) -> Need:
    from neurodeploy.hw_sim import memory

    return memory.fast(network, steps)


def _lava_memory(network: QuantizedNetwork, steps: int) -> Need:
    from neurodeploy.hw_sim import memory

    return memory.lava(network, steps)


FAST = "our own simulator, bit-exact with Lava"
LAVA = "Lava's process graph on Lava's CPU simulator"
LOIHI2 = "a Loihi 2, where Intel's hardware packages are"

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend("fast", FAST, 512, _run_fast, _fast_memory, timed=False),
        Backend("lava", LAVA, None, _run_lava, _lava_memory, timed=True),
        Backend("loihi2", LOIHI2, None, _run_loihi, _lava_memory, timed=True),
    )
}


def get(name: str) -> Backend:
    """Return the backend of that name, or raise InputError that names those there are."""
    if name not in BACKENDS:
        raise InputError(f"{name!r} is no backend; the backends are {', '.join(BACKENDS)}")
    return BACKENDS[name]
