"""Compare two runs of one network spike by spike, and show the first place where they differ.

The first place is that of the earliest layer, since what one layer does wrong the next cannot do
right; within it of the earliest sample, then time step, then neuron.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import Backend, RunOptions
from neurodeploy.models.errors import BackendError
from neurodeploy.models.layers import Shape
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.samples import Advance, Samples


@dataclass(frozen=True, order=True)
class Divergence:
    """A spike that differs; the first is of the earliest layer, sample, time step, neuron."""

    layer: int
    sample: int
    step: int
    neuron: int

    def __str__(self) -> str:
        return (
            f"layer {self.layer}, sample {self.sample}, time step {self.step}, neuron {self.neuron}"
        )


@dataclass(frozen=True)
class Proof:
    """What a comparison of two runs of one network found.

    Attributes:
        samples: how many were compared.
        spikes: how many spikes both sides emitted in all layers, where they agree.
        different: neuron steps that differ.
        first: the first of them, or None.
        wraps: how often u wrapped and v was clipped in the integer run.
    """

    samples: int
    spikes: int
    different: int
    first: Divergence | None
    wraps: int = 0

    @property
    def equal(self) -> bool:
        """Whether every spike is equal."""
        return self.different == 0

    def __add__(self, other: Proof) -> Proof:
        """Return both comparisons as one, the samples of `other` after these."""
        found = [] if self.first is None else [self.first]
        if other.first is not None:
            found.append(replace(other.first, sample=other.first.sample + self.samples))
        return Proof(
            self.samples + other.samples,
            self.spikes + other.spikes,
            self.different + other.different,
            min(found, default=None),
            self.wraps + other.wraps,
        )


def compare(expected: Any, given: Any) -> Proof:
    """Compare two runs, each a sequence of arrays (samples, neurons, time), one a layer."""
    spikes, different, first = 0, 0, None
    for index, (one, other) in enumerate(zip(expected, given, strict=True)):
        wrong = one != other
        count = int(wrong.sum())
        spikes += int(((one != 0) & ~wrong).sum())
        different += count
        if count and first is None:
            sample, step, neuron = np.argwhere(wrong.transpose(0, 2, 1))[0]
            first = Divergence(index, int(sample), int(step), int(neuron))
    return Proof(len(given[0]), spikes, different, first)


@dataclass(frozen=True)
class Side:
    """What one backend had at a place of a network.

    Attributes:
        backend: its name.
        spike: what the neuron sent in this step.
        weighted: its weighted input of the step, or None where the backend does not tell.
        current: u after the step, or None.
        voltage: v after the step, or None.
    """

    backend: str
    spike: int
    weighted: int | None
    current: int | None
    voltage: int | None


@dataclass(frozen=True)
class Comparison:
    """What two backends gave for the same input.

    Attributes:
        backends: their names.
        layers: how many layers were compared.
        proof: the spikes that agree and those that differ.
        voltages: answers that are read from v and differ.
        place: of the first difference in words, or "".
        sides: what each backend had there when the sample was run once more, or ().
        note: what else is to be known about the sides, or "".
    """

    backends: tuple[str, str]
    layers: int
    proof: Proof
    voltages: int = 0
    place: str = ""
    sides: tuple[Side, ...] = ()
    note: str = ""

    @property
    def equal(self) -> bool:
        """Whether every spike and every answer is equal."""
        return self.proof.equal and not self.voltages

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {"equal": self.equal, **asdict(self)}


class BackendComparison:
    """Run a second backend on what the first has run, part by part, and keep what differs."""

    def __init__(
        self,
        network: QuantizedNetwork,
        backends: tuple[Backend, Backend],
        options: RunOptions,
        inputs: Samples,
        advance: Advance | None = None,
    ) -> None:
        self._network, self._backends, self._options = network, backends, options
        self._inputs, self._advance = inputs, advance
        self._proof, self._voltages = Proof(0, 0, 0, None), 0
        self._input: NDArray[Any] | None = None

    def add(self, activity: Activity) -> None:
        """Run the other backend on the input of `activity`, the next samples, and compare."""
        progress = self._inputs.progress_from(self._proof.samples, self._advance)
        asked = replace(self._options, progress=progress)
        other = self._backends[1].run(self._network, activity.inputs, asked)
        proof = self._proof + compare(activity.spikes, other.spikes)
        if proof.first is not None and proof.first != self._proof.first:
            sample = proof.first.sample - self._proof.samples
            self._input = activity.inputs[sample : sample + 1].copy()
        if activity.last_voltage is not None and other.last_voltage is not None:
            self._voltages += int((activity.last_voltage != other.last_voltage).sum())
        self._proof = proof

    def result(self) -> Comparison:
        """Return what was found; where spikes differ, that sample is run once more for its states.

        Raises:
            InputError, BackendError: as the backends do.
        """
        names = (self._backends[0].name, self._backends[1].name)
        found = Comparison(names, len(self._network.layers), self._proof, self._voltages)
        first = self._proof.first
        if first is None:
            return found
        shape = self._network.layers[first.layer].shape
        found = replace(found, place=place_of(first, shape, self._inputs))
        try:
            sides = tuple(self._side(backend, first) for backend in self._backends)
        except BackendError as error:
            return replace(found, note=f"its states are not known, for {error}")
        note = "" if sides[0].spike != sides[1].spike else "run alone, the sample does not differ"
        return replace(found, sides=sides, note=note)

    def _side(self, backend: Backend, place: Divergence) -> Side:
        assert self._input is not None
        asked = replace(self._options, states=True, progress=None)
        activity = backend.run(self._network, self._input, asked)
        where = (0, place.neuron, place.step)
        spike = int(activity.spikes[place.layer][where])
        if not activity.states:
            return Side(backend.name, spike, None, None, None)
        states = activity.states[place.layer]
        values = (states.weighted, states.current, states.voltage)
        return Side(backend.name, spike, *(int(each[where]) for each in values))


def place_of(first: Divergence, shape: Shape, inputs: Samples) -> str:
    """Return in words where a difference is, in a layer of some shape and samples of some input."""
    number = int(inputs.numbers[first.sample])
    among = "" if number == first.sample else f"; it is sample {number} of the whole input"
    return f"{first}{position(first.neuron, shape)}{among}"


def position(neuron: int, shape: Shape) -> str:
    """Return where in an image a neuron lies, as words to add, or "" in a layer without images."""
    names = {2: ("y", "x"), 3: ("channel", "y", "x")}.get(len(shape))
    if names is None:
        return ""
    places = np.unravel_index(neuron, shape)
    return f" ({', '.join(f'{name} {int(at)}' for name, at in zip(names, places))})"
