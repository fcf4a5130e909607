"""How long neurocores take for what they do in one step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.estimates.estimate import Estimate, around
from neurodeploy.hw_sim.placement.place import Placement
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer

ENDS = ("low", "value", "high")


@dataclass(frozen=True, eq=False)
class Work:
    """What neurocores do in each step of some samples, arrays (batch, neurocores, time).

    Attributes:
        synops: weights that they add, int64.
        messages: spikes that arrive, int32.
        spikes: spikes that their neurons send, int32.
    """

    synops: NDArray[np.int64]
    messages: NDArray[np.int32]
    spikes: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class CoreTimes:
    """The seconds that one end of the estimate charges.

    Attributes:
        synop: for a SynOp, float (neurocores, 1).
        message: for a spike that arrives.
        spike: for a spike that is sent, beyond its neuron's update.
        fixed: for a step without spikes: the updates of all neurons, float (neurocores, 1).
    """

    synop: NDArray[np.float64]
    message: float
    spike: float
    fixed: NDArray[np.float64]

    def seconds(self, work: Work) -> NDArray[np.float64]:
        """Return SynOps * synop + messages * message + spikes * spike + fixed.

        Returns:
            float array (batch, neurocores, time).
        """
        found = work.synops * self.synop
        found += work.messages * self.message
        found += work.spikes * self.spike
        found += self.fixed
        return found


def core_times(placement: Placement) -> dict[str, CoreTimes]:
    """Return the seconds of what neurocores do, for each of `ENDS`.

    Neurons count as `neuron_updates` has it: one that spikes takes what it does beyond one that
    does not.
    """
    chip = placement.chip
    neurons = neurons_of(placement).astype(np.float64)[:, None]
    quiet, spiking = (neuron_updates(1, spikes, chip=chip, what="time") for spikes in (0, 1))
    generation, message = chip.cost("spike_generation_time"), chip.cost("spike_message_time")
    synop = _of_layers(placement)
    return {
        end: CoreTimes(
            synop=np.array([getattr(each, end) for each in synop])[:, None],
            message=getattr(message, end),
            spike=getattr(generation, end) + getattr(spiking, end) - getattr(quiet, end),
            fixed=neurons * np.float64(getattr(quiet, end)),
        )
        for end in ENDS
    }


def neuron_updates(updates: float, spikes: float, *, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of `updates` neuron updates, of which `spikes` end in a spike.

    A neuron at rest is updated for less than an active one, and which ones are at rest is not
    counted. Low: only those that spike are active, and one at rest takes no more than they do,
    spikes * active + (updates - spikes) * inactive. Value and high: all are active,
    updates * active, as KerasSpiking counts. What generates a spike is not among it.

    Args:
        updates: neurons times steps.
        spikes: as many at most.
        chip: on which.
        what: "energy" or "time".
    """
    active = chip.cost(f"neuron_update_active_{what}")
    inactive = chip.cost(f"neuron_update_inactive_{what}")
    low = spikes * active.low + (updates - spikes) * min(inactive.low, active.low)
    return around(updates * active.value, low, updates * active.high)


def neurons_of(placement: Placement) -> NDArray[np.int64]:
    """Return the neurons of every neurocore, int64 (neurocores,)."""
    sizes = [math.prod(size) for placed in placement.layers for size in placed.blocks.sizes()]
    return np.array(sizes, np.int64)


def operation(layer: Layer, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of one SynOp of a layer; convolutions may have a row of theirs.

    Args:
        layer: whose SynOp.
        chip: on which.
        what: "energy" or "time".
    """
    row = f"convolution_operation_{what}"
    if isinstance(layer, ConvLayer) and row in chip.costs:
        return chip.cost(row)
    return chip.cost(f"synaptic_operation_{what}")


def _of_layers(placement: Placement) -> list[Estimate]:
    found = []
    for layer, placed in zip(placement.network.layers, placement.layers):
        found += [operation(layer, placement.chip, "time")] * placed.neurocores
    return found


def is_dense(layer: Layer) -> bool:
    """Return whether a spike that arrives reaches every neuron of the layer."""
    return not isinstance(layer, (ConvLayer, InputLayer))
