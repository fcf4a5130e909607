"""The backends: ways to run a network, behind one signature, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from neurodeploy.hw_sim import memory
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backend_names import DESCRIPTIONS
from neurodeploy.hw_sim.memory import Estimator
from neurodeploy.hw_sim.run_options import RunOptions
from neurodeploy.hw_sim.simulators import fast, lava, loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork


class Run(Protocol):
    """Run every sample from cleared state for its whole length."""

    def __call__(
        self, network: QuantizedNetwork, spikes: NDArray[Any], options: RunOptions = ...
    ) -> Activity:
        """Return what the network did with its input (batch, channels, time); see `inputs`."""


@dataclass(frozen=True)
class Backend:
    """One entry of the table.

    Attributes:
        name: as the option `--backend` takes it.
        description: one line, from `backend_names`.
        batch: samples that one call takes at most, or None for as many as memory allows.
        run: see `Run`; raises InputError for wrong spikes and BackendError when it cannot run.
        memory: estimates what a run takes.
        timed: whether it runs in a process of its own, which a time limit can end.
    """

    name: str
    description: str
    batch: int | None
    run: Run
    memory: Estimator
    timed: bool


BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(
            "fast",
            DESCRIPTIONS["fast"],
            512,
            fast.run,
            memory.fast,
            timed=False,
        ),
        Backend(
            "lava",
            DESCRIPTIONS["lava"],
            None,
            lava.run,
            memory.lava,
            timed=True,
        ),
        Backend(
            "loihi2",
            DESCRIPTIONS["loihi2"],
            None,
            loihi.run,
            memory.lava,
            timed=True,
        ),
    )
}


def get(name: str) -> Backend:
    """Return the backend of that name, or raise InputError that names those there are."""
    if name not in BACKENDS:
        raise InputError(f"{name!r} is no backend; the backends are {', '.join(BACKENDS)}")
    return BACKENDS[name]
