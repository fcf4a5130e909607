"""Estimate the energy of an artificial network of the same size on conventional hardware.

The artificial network has the same connections and performs one multiply-accumulate per connection
in each forward pass. `conventional.json` lists the energy per operation, with sources. A static
input takes one pass; a signal in time takes one pass per time step, as in the spiking network.
Reports show both, and `WHEN` explains when each applies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

import msgspec

from neurodeploy.hw_sim.chips import Grade
from neurodeploy.models import schema
from neurodeploy.models.layers import RecurrentLayer, fan_out
from neurodeploy.models.network import QuantizedNetwork

WHEN: Final = {
    "one_pass": (
        "one pass per sample: for input that stands still, such as an image, which a spiking "
        "network sees for several steps"
    ),
    "every_step": (
        "a pass in every time step: for a signal in time that is followed step by step, as the "
        "spiking network does"
    ),
}
"""When each of the two figures of a processor applies."""

_JOULES: Final = {"nJ": 1e-9, "pJ": 1e-12}


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The energy of one operation on one kind of hardware, a row of `conventional.json`.

    Attributes:
        name: a short key.
        title: the hardware in words.
        operation: "multiply-accumulate" or "accumulate".
        value: energy of one operation in `unit`.
        unit: "nJ" or "pJ".
        source: publication that reports it.
        grade: quality of the evidence, see `hw_sim.chips.GRADES`.
        caveat: limits of the figure.
    """

    name: str
    title: str
    operation: Literal["multiply-accumulate", "accumulate"]
    value: float
    unit: Literal["nJ", "pJ"]
    source: str
    grade: Grade
    caveat: str

    @property
    def energy_j(self) -> float:
        """Energy of one operation in joules."""
        return self.value * _JOULES[self.unit]


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    processors: tuple[Operation, ...]
    spiking: Operation


@dataclass(frozen=True)
class Processor:
    """An artificial network of the same size on one processor.

    Attributes:
        operation: Energy of a multiply-accumulate on it.
        one_pass_j: Energy of one forward pass, in joules.
        every_step_j: Energy of one forward pass per time step of a sample, in joules.
    """

    operation: Operation
    one_pass_j: float
    every_step_j: float


@dataclass(frozen=True)
class Additions:
    """The additions of the spiking network in conventional arithmetic.

    Attributes:
        operation: Energy of an addition.
        synops_per_sample: SynOps, mean over samples.
        energy_per_sample_j: Energy of these additions, in joules.
    """

    operation: Operation
    synops_per_sample: float
    energy_per_sample_j: float


@dataclass(frozen=True)
class Conventional:
    """An artificial network of the same size on conventional hardware.

    Attributes:
        num_steps: Time steps per sample.
        one_pass_macs: Multiply-accumulates of one forward pass.
        every_step_macs: Multiply-accumulates of one forward pass per time step of a sample.
        processors: One entry per processor.
        spiking: The spiking network's additions in conventional arithmetic; None if it did not run.
        when: Which of the two figures applies when, one sentence each.
    """

    num_steps: int
    one_pass_macs: int
    every_step_macs: int
    processors: tuple[Processor, ...]
    spiking: Additions | None
    when: dict[str, str] = field(default_factory=lambda: dict(WHEN))


def conventional(
    network: QuantizedNetwork, steps: int, synops: float | None = None
) -> Conventional:
    """Estimate the energy of an artificial network of the same size on conventional hardware.

    Args:
        network: the spiking network.
        steps: time steps per sample.
        synops: SynOps per sample, if the network ran.
    """
    macs = multiply_accumulates(network)
    rows, add = operations()
    return Conventional(
        num_steps=steps,
        one_pass_macs=macs,
        every_step_macs=macs * steps,
        processors=tuple(
            Processor(row, macs * row.energy_j, macs * steps * row.energy_j) for row in rows
        ),
        spiking=None if synops is None else Additions(add, synops, synops * add.energy_j),
    )


def multiply_accumulates(network: QuantizedNetwork) -> int:
    """Return the number of connections of the network, including those with zero weight.

    This is the number of multiply-accumulates per forward pass, and of SynOps per step if every
    neuron fires. A kernel weight counts once per use; padding does not count. An input layer has no
    connections.
    """
    own = sum(each.recurrent.size for each in network.layers if isinstance(each, RecurrentLayer))
    return int(own + sum(int(fan_out(layer).sum()) for layer in network.layers))


@lru_cache(maxsize=1)
def operations() -> tuple[tuple[Operation, ...], Operation]:
    """Return the rows of `conventional.json`: those of processors, and the one of additions."""
    file = resources.files("neurodeploy.hw_sim") / "conventional.json"
    content = schema.decode(file.read_bytes(), _Content, file.name)
    return content.processors, content.spiking
