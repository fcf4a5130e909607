"""Estimate what a sample takes on other hardware: an artificial network, or the spiking one itself.

An artificial network of the same size has the same connections and performs one multiply-accumulate
per connection in each forward pass. A static input takes one pass; a signal in time takes one pass
per time step, as in the spiking network. Reports show both, and `WHEN` explains when each applies.
For some tasks an artificial network of at least the spiking network's accuracy is known.

`conventional.json` has the constants, with sources. Those of processors are the energy of an
operation. Those of microcontrollers are measured inferences of whole networks, so they include
memory and control:

    energy of a multiply-accumulate = energy of an inference / its multiply-accumulates
    energy of a cycle               = energy of an inference * inferences per second / clock

The spiking network takes `spiking_cycles` for each SynOp and for each neuron update.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from statistics import mean
from typing import Final, Literal

import msgspec

from neurodeploy.hw_sim.chips import Estimate, Grade, exactly
from neurodeploy.models import schema
from neurodeploy.models.layers import ConvLayer, Layer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.synapses import fan_out

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


Kind = Literal["dense", "convolution", "depthwise"]
"""Kind of layers that do most of the work of a network; depthwise separable ones apart."""


class Inference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measured inference of one network on one microcontroller.

    Attributes:
        network: the network.
        layers: kind of layers that do most of its work.
        macs: multiply-accumulates of the inference.
        energy_uj: energy of the inference in microjoules.
        per_second: inferences per second.
    """

    network: str
    layers: Kind
    macs: int
    energy_uj: float
    per_second: float


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One microcontroller and its measured inferences.

    Attributes:
        name: a short key.
        title: processor, device and clock.
        clock_mhz: frequency of the clock in MHz.
        source: publication that reports the inferences.
        grade: quality of the evidence, see `hw_sim.chips.GRADES`.
        caveat: limits of the figures.
        inferences: one entry per network.
    """

    name: str
    title: str
    clock_mhz: float
    source: str
    grade: Grade
    caveat: str
    inferences: tuple[Inference, ...]

    def mac_energy(self, layers: Kind) -> Estimate:
        """Return the joules of a multiply-accumulate in "dense" or "convolution" layers.

        Value: the inference of a network of such layers. Low and high: those of all inferences.
        """
        each = {it.layers: it.energy_uj * 1e-6 / it.macs for it in self.inferences}
        every = [it.energy_uj * 1e-6 / it.macs for it in self.inferences]
        return Estimate(min(every), each[layers], max(every), "J")

    @property
    def cycle_energy(self) -> Estimate:
        """Joules of a clock cycle: the mean, the lowest and the highest of the inferences."""
        clock = self.clock_mhz * 1e6
        every = [it.energy_uj * 1e-6 * it.per_second / clock for it in self.inferences]
        return Estimate(min(every), mean(every), max(every), "J")


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number from one source.

    Attributes:
        value: the number.
        source: the source.
        grade: quality of the evidence, see `hw_sim.chips.GRADES`.
    """

    value: float
    source: str
    grade: Grade


class Cycles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Clock cycles of one event of the spiking network, on any of the microcontrollers.

    Attributes:
        value: preferred number.
        unit: "cycles".
        source: source of `value`.
        grade: quality of the evidence, see `hw_sim.chips.GRADES`.
        alternatives: numbers from other sources.
    """

    value: float
    unit: Literal["cycles"]
    source: str
    grade: Grade
    alternatives: tuple[Count, ...]

    @property
    def estimate(self) -> Estimate:
        """The number, from the lowest to the highest of all sources."""
        every = [self.value, *(other.value for other in self.alternatives)]
        return Estimate(min(every), self.value, max(every))


class SpikingCycles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Clock cycles of the spiking network on a microcontroller.

    Attributes:
        synop: cycles of one SynOp, an addition of an 8-bit weight.
        neuron_update: cycles of one step of one CUBA LIF neuron.
    """

    synop: Cycles
    neuron_update: Cycles


class Artificial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An artificial network of at least the accuracy of a task's spiking network.

    It is the one of fewest multiply-accumulates among those that the accuracy benchmark trained.

    Attributes:
        task: the task.
        network: kind of network.
        layers: kind of its layers.
        macs: multiply-accumulates per sample.
        accuracy: on the task's test samples, 0 to 1.
        source: where it is reported.
        grade: quality of the evidence, see `hw_sim.chips.GRADES`.
    """

    task: str
    network: str
    layers: Kind
    macs: int
    accuracy: float
    source: str
    grade: Grade


class Constants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `conventional.json`.

    Attributes:
        title: what the file is about.
        processors: energy of an operation on each processor.
        spiking: energy of an addition in conventional arithmetic.
        microcontrollers: measured inferences on each microcontroller.
        spiking_cycles: cycles of the spiking network on a microcontroller.
        artificial: artificial networks of known accuracy, by task.
    """

    title: str
    processors: tuple[Operation, ...]
    spiking: Operation
    microcontrollers: tuple[Board, ...]
    spiking_cycles: SpikingCycles
    artificial: tuple[Artificial, ...]


@dataclass(frozen=True)
class Processor:
    """Artificial networks on one processor.

    Attributes:
        operation: Energy of a multiply-accumulate on it.
        one_pass_j: Energy of one forward pass of a network of the same size, in joules.
        every_step_j: Energy of one forward pass per time step of a sample, in joules.
        artificial_j: Energy per sample of the artificial network of known accuracy, in joules;
            null if the task has none.
    """

    operation: Operation
    one_pass_j: float
    every_step_j: float
    artificial_j: float | None = None


@dataclass(frozen=True)
class Microcontroller:
    """Artificial networks and the spiking one on one microcontroller, with int8 kernels.

    Attributes:
        board: The microcontroller and the inferences measured on it.
        one_pass_j: Energy of one forward pass of a network of the same size, in joules.
        every_step_j: Energy of one forward pass per time step of a sample, in joules.
        artificial_j: Energy per sample of the artificial network of known accuracy, in joules;
            null if the task has none.
        spiking_j: Energy per sample of the spiking network itself, in joules: its SynOps and neuron
            updates; null if it did not run.
    """

    board: Board
    one_pass_j: Estimate
    every_step_j: Estimate
    artificial_j: Estimate | None
    spiking_j: Estimate | None


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
    """What a sample takes on conventional hardware.

    Attributes:
        num_steps: Time steps per sample.
        one_pass_macs: Multiply-accumulates of one forward pass of a network of the same size.
        every_step_macs: Multiply-accumulates of one forward pass per time step of a sample.
        processors: One entry per processor.
        spiking: The spiking network's additions in conventional arithmetic; None if it did not run.
        microcontrollers: One entry per microcontroller.
        spiking_cycles: Cycles of a SynOp and of a neuron update on a microcontroller.
        artificial: The artificial network of known accuracy; null if the task has none.
        when: Which of the two figures applies when, one sentence each.
    """

    num_steps: int
    one_pass_macs: int
    every_step_macs: int
    processors: tuple[Processor, ...]
    spiking: Additions | None
    microcontrollers: tuple[Microcontroller, ...]
    spiking_cycles: SpikingCycles
    artificial: Artificial | None = None
    when: dict[str, str] = field(default_factory=lambda: dict(WHEN))


def conventional(
    network: QuantizedNetwork, steps: int, synops: float | None = None
) -> Conventional:
    """Estimate what a sample takes on conventional hardware.

    Args:
        network: the spiking network. The name of its task selects the artificial network.
        steps: time steps per sample.
        synops: SynOps per sample, if the network ran.
    """
    macs, found = multiply_accumulates(network), constants()
    known = {each.task: each for each in found.artificial}.get(network.task.name)
    add = found.spiking
    return Conventional(
        num_steps=steps,
        one_pass_macs=macs,
        every_step_macs=macs * steps,
        processors=tuple(
            Processor(
                row,
                macs * row.energy_j,
                macs * steps * row.energy_j,
                None if known is None else known.macs * row.energy_j,
            )
            for row in found.processors
        ),
        spiking=None if synops is None else Additions(add, synops, synops * add.energy_j),
        microcontrollers=tuple(
            _on_board(board, network, steps=steps, synops=synops, known=known)
            for board in found.microcontrollers
        ),
        spiking_cycles=found.spiking_cycles,
        artificial=known,
    )


def _on_board(
    board: Board,
    network: QuantizedNetwork,
    *,
    steps: int,
    synops: float | None,
    known: Artificial | None,
) -> Microcontroller:
    one_pass = exactly(0.0, "J")
    for layer in network.layers:
        kind: Kind = "convolution" if isinstance(layer, ConvLayer) else "dense"
        one_pass += board.mac_energy(kind) * float(_layer_macs(layer))
    return Microcontroller(
        board=board,
        one_pass_j=one_pass,
        every_step_j=one_pass * float(steps),
        artificial_j=None if known is None else board.mac_energy(known.layers) * float(known.macs),
        spiking_j=None if synops is None else spiking_energy(board, network, steps, synops),
    )


def spiking_energy(board: Board, network: QuantizedNetwork, steps: int, synops: float) -> Estimate:
    """Return the joules of a sample of the spiking network on a microcontroller.

    energy = (SynOps * cycles of each + neurons * steps * cycles of an update) * energy of a cycle
    """
    cycles = constants().spiking_cycles
    updates = float(sum(layer.neurons for layer in network.layers) * steps)
    total = cycles.synop.estimate * synops + cycles.neuron_update.estimate * updates
    return total * board.cycle_energy


def multiply_accumulates(network: QuantizedNetwork) -> int:
    """Return the number of connections of the network, including those with zero weight.

    This is the number of multiply-accumulates per forward pass, and of SynOps per step if every
    neuron fires. A kernel weight counts once per use; padding does not count. An input layer has no
    connections.
    """
    return sum(map(_layer_macs, network.layers))


def _layer_macs(layer: Layer) -> int:
    own = layer.recurrent.size if isinstance(layer, RecurrentLayer) else 0
    return int(own + int(fan_out(layer.synapse()).sum()))


@lru_cache(maxsize=1)
def constants() -> Constants:
    """Return the content of `conventional.json`."""
    file = resources.files("neurodeploy.hw_sim") / "conventional.json"
    return schema.decode(file.read_bytes(), Constants, file.name)
