"""The energy of one sample, in joules: what is counted, times what each event costs.

The network comes in as means over samples of `LayerCounts`; constants come from the cost file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import LayerCounts
from hw_sim.chip import Chip
from hw_sim.estimate import Estimate
from hw_sim.placement import Placement


@dataclass(frozen=True)
class Energy:
    """The energy of one sample in joules, by what spends it.

    Attributes:
        synaptic: weights added.
        neuron: neurons advanced.
        spike_traffic: spikes generated and carried to neurocores.
        static: what the powered chip takes meanwhile, whatever happens on it.
    """

    synaptic: Estimate
    neuron: Estimate
    spike_traffic: Estimate
    static: Estimate

    @property
    def dynamic(self) -> Estimate:
        """What the network's events cost: everything but `static`."""
        return self.synaptic + self.neuron + self.spike_traffic

    @property
    def total(self) -> Estimate:
        """All of it."""
        return self.dynamic + self.static


def sample_energy(
    counts: Sequence[LayerCounts], placement: Placement, *, duration_s: Estimate
) -> Energy:
    """Return the energy of the mean sample.

    Args:
        counts: what each layer did, an entry a sample.
        placement: where the layers are.
        duration_s: seconds that the chip is on for one sample.
    """
    spikes = sum(mean(layer.spikes) for layer in counts)
    synops = sum(mean(layer.synops) for layer in counts)
    updates = sum(mean(layer.neuron_updates) for layer in counts)
    chip = placement.chip
    return Energy(
        synaptic=synaptic_energy(synops, chip),
        neuron=neuron_energy(updates, spikes, chip=chip),
        spike_traffic=spike_energy(spikes, messages(counts, placement), placement=placement),
        static=static_power(placement) * duration_s,
    )


def mean(values: NDArray[np.int64]) -> float:
    """Return the mean over samples of one array of `LayerCounts`, int64 (batch,)."""
    return float(values.mean())


def synaptic_energy(synops: float, chip: Chip) -> Estimate:
    """Return SynOps * energy of a synaptic operation, in joules."""
    return chip.cost("synaptic_operation_energy") * synops


def neuron_energy(updates: float, spikes: float, *, chip: Chip) -> Estimate:
    """Return the joules of `updates` neuron updates, of which `spikes` end in a spike.

    A neuron at rest is updated for less, and which ones are at rest is not counted. Low: only
    those that spike are active, updates * inactive + spikes * (active - inactive). Value and high:
    all are active, updates * active, as KerasSpiking counts.
    """
    active = chip.cost("neuron_update_active_energy")
    return _active_or_not(updates, spikes, active, chip.cost("neuron_update_inactive_energy"))


def update_time(updates: float, spikes: float, *, chip: Chip) -> Estimate:
    """Return the seconds of `updates` neuron updates one after another; see `neuron_energy`."""
    active = chip.cost("neuron_update_active_time")
    return _active_or_not(updates, spikes, active, chip.cost("neuron_update_inactive_time"))


def _active_or_not(updates: float, spikes: float, active: Estimate, inactive: Estimate) -> Estimate:
    low = spikes * active.low + (updates - spikes) * inactive.low
    return Estimate(low, updates * active.value, updates * active.high)


def messages(counts: Sequence[LayerCounts], placement: Placement) -> float:
    """Return the spikes carried for one sample: each goes to its receivers in the next layer.

    Those are all neurocores of the layer, or the most that a spike reaches in a convolution. Input
    spikes go to the first layer, the last layer's to one reader; a recurrent layer's own are among
    its `spikes_in`.
    """
    carried = mean(counts[-1].spikes)
    for layer, placed in zip(counts, placement.layers, strict=True):
        carried += mean(layer.spikes_in) * placed.receivers
    return carried


def spike_energy(spikes: float, messages: float, *, placement: Placement) -> Estimate:
    """Return spikes * generation + messages * (one message + hops * one hop), in joules.

    Args:
        spikes: spikes that neurons emit.
        messages: spikes that arrive at a neurocore or reader, each counted.
        placement: how many tiles they cross.
    """
    chip = placement.chip
    one = chip.cost("spike_message_energy") + hop_cost(placement, "energy")
    return chip.cost("spike_generation_energy") * spikes + one * messages


def hop_cost(placement: Placement, what: str) -> Estimate:
    """Return the joules or seconds that one message spends on hops between tiles.

    The tiles in use fill the mesh row by row, w wide and h high. Low: none, sender and receiver
    share a tile. Value: the mean over random pairs of tiles, (w^2 - 1) / 3w and (h^2 - 1) / 3h
    hops. High: corner to corner, w - 1 and h - 1.

    Args:
        placement: how many tiles are in use.
        what: "energy" or "time".
    """
    chip, tiles = placement.chip, placement.tiles
    width = min(tiles, chip.limit("tiles_east_west"))
    height = -(-tiles // width)
    return chip.cost(f"hop_east_west_{what}") * _hops(width) + chip.cost(
        f"hop_north_south_{what}"
    ) * _hops(height)


def _hops(length: int) -> Estimate:
    return Estimate(0, (length**2 - 1) / (3 * length), length - 1)


def static_power(placement: Placement) -> Estimate:
    """Return the watts that the powered chip takes before any event.

    Value and high: the whole chip's. Low: the share of the neurocores in use, as where the rest is
    used by others or switched off.
    """
    share = placement.neurocores / placement.chip.limit("cores_per_chip")
    return placement.chip.cost("static_power") * Estimate(min(share, 1.0), 1.0, 1.0)
