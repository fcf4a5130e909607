"""The energy of an artificial network of the same size on conventional hardware.

It has the same connections, each a multiply-accumulate in every pass; `conventional.json` has the
energy of one, each row with its source. An artificial network makes one pass over an input that
stands still, and one per time step over a signal that it follows step by step, as the spiking
network does. A report shows both, and `WHEN` says which one fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final, Literal

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
"""Which of the two figures of a processor fits when."""

_JOULES: Final = {"nJ": 1e-9, "pJ": 1e-12}


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one operation takes on a kind of hardware, a row of `conventional.json`.

    Attributes:
        name: a short key.
        title: the hardware in words.
        operation: "multiply-accumulate" or "accumulate".
        value: energy of one operation in `unit`.
        unit: "nJ" or "pJ".
        source: where it comes from.
        grade: how well it is founded, see `hw_sim.chips.GRADES`.
        caveat: what it leaves out.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        fields = msgspec.structs.asdict(self)
        del fields["value"], fields["unit"]
        return fields | {"operation_j": self.energy_j}


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    processors: tuple[Operation, ...]
    spiking: Operation


@dataclass(frozen=True)
class Processor:
    """The artificial network of the same size on one processor.

    Attributes:
        operation: what a multiply-accumulate takes there.
        one_pass_j: energy of one pass, in joules; see `WHEN`.
        every_step_j: energy of a pass in every time step of a sample, in joules.
    """

    operation: Operation
    one_pass_j: float
    every_step_j: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        own = {"one_pass_j": self.one_pass_j, "every_step_j": self.every_step_j}
        return self.operation.to_dict() | own


@dataclass(frozen=True)
class Conventional:
    """A network of the same size on conventional hardware.

    Attributes:
        steps: time steps of a sample.
        one_pass_macs: multiply-accumulates of the artificial network in one pass.
        processors: what they take, a processor each.
        accumulate: what an addition of the spiking network would take in conventional arithmetic.
        synops: mean synaptic operations of the spiking network per sample, or None.
    """

    steps: int
    one_pass_macs: int
    processors: tuple[Processor, ...]
    accumulate: Operation
    synops: float | None = None

    @property
    def every_step_macs(self) -> int:
        """Multiply-accumulates of a pass in every time step of a sample."""
        return self.one_pass_macs * self.steps

    @property
    def synops_j(self) -> float | None:
        """Energy of the spiking network's additions per sample in conventional arithmetic, in J."""
        return None if self.synops is None else self.synops * self.accumulate.energy_j

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        own = {"synops": self.synops, "synops_j": self.synops_j}
        return {
            "steps": self.steps,
            "one_pass_macs": self.one_pass_macs,
            "every_step_macs": self.every_step_macs,
            "when": dict(WHEN),
            "processors": [each.to_dict() for each in self.processors],
            "spiking": None if self.synops is None else self.accumulate.to_dict() | own,
        }


def conventional(
    network: QuantizedNetwork, steps: int, synops: float | None = None
) -> Conventional:
    """Return what an artificial network of the same size takes on conventional hardware.

    Args:
        network: the spiking network.
        steps: time steps of a sample.
        synops: its synaptic operations per sample, where it ran.
    """
    macs = multiply_accumulates(network)
    rows, accumulate = operations()
    return Conventional(
        steps=steps,
        one_pass_macs=macs,
        processors=tuple(
            Processor(row, macs * row.energy_j, macs * steps * row.energy_j) for row in rows
        ),
        accumulate=accumulate,
        synops=synops,
    )


def multiply_accumulates(network: QuantizedNetwork) -> int:
    """Return how many connections the network has, zero weights too: the multiply-accumulates of
    one pass, and the weights that one step adds if every neuron fires.

    A kernel's weight counts as often as it is used, zeros around an image do not; an input layer
    has no connections.
    """
    own = sum(each.recurrent.size for each in network.layers if isinstance(each, RecurrentLayer))
    return int(own + sum(int(fan_out(layer).sum()) for layer in network.layers))


@lru_cache(maxsize=1)
def operations() -> tuple[tuple[Operation, ...], Operation]:
    """Return the rows of `conventional.json`: the processors', and one for additions."""
    file = resources.files("neurodeploy.hw_sim") / "conventional.json"
    content = schema.decode(file.read_bytes(), _Content, file.name)
    return content.processors, content.spiking
