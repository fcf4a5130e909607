"""Estimate the energy that more layers add to Blouw et al.'s keyword spotter on Loihi 1.

What a copy adds is the network; what the network without copies takes is mostly the chip's x86
processors and waiting for input and output. The spikes are not public. They are assumed at the
target rate of a training script, and neurons and weights are counted.
"""

from __future__ import annotations

from typing import Final

from benchmarks.published_energy import KEYWORDS
from neurodeploy.hw_sim.chips import Chip, Estimate, chip
from neurodeploy.hw_sim.estimates import neuron_energy

CHIP: Final = "loihi1"
WIDTH: Final = KEYWORDS.sizes[1]


def copy_energy(costs: Chip, rate: float = KEYWORDS.rate) -> Estimate:
    """Return the dynamic energy per inference in joules of one copy of the hidden layers.

    A copy of L layers has L * 256 neurons and, including input and output, (L + 1) * 256^2 weights.
    Energy per inference = steps * (neurons * update + rate * (weights * SynOp
    + neurons * (generation + message))).

    Args:
        costs: the chip.
        rate: share of neurons that fire in a step, 0..1.
    """
    neurons = KEYWORDS.layers * WIDTH
    weights = (KEYWORDS.layers + 1) * WIDTH**2
    each_step = neuron_energy(neurons, rate * neurons, chip=costs)
    each_step += costs.cost("synaptic_operation_energy") * (rate * weights)
    each_step += costs.cost("spike_message_energy") * (rate * neurons)
    return each_step * KEYWORDS.steps


def spotter_energy(costs: Chip, rate: float = KEYWORDS.rate) -> Estimate:
    """Return the same of the keyword spotter itself, all of whose layers run on the chip."""
    inputs, *layers = KEYWORDS.sizes
    weights = sum(one * other for one, other in zip(KEYWORDS.sizes, layers))
    each_step = neuron_energy(sum(layers), rate * sum(layers), chip=costs)
    each_step += costs.cost("synaptic_operation_energy") * (rate * weights)
    each_step += costs.cost("spike_message_energy") * (rate * (inputs + sum(layers)))
    return each_step * KEYWORDS.steps


def matching_rate(name: str) -> float:
    """Return the share of neurons that must fire in a step for a copy to take what was measured.

    Args:
        name: name of the constant set.
    """
    costs: Chip = chip(CHIP).using(name)
    silent, full = (copy_energy(costs, rate).value * 1e6 for rate in (0.0, 1.0))
    return (KEYWORDS.slope_uj - silent) / (full - silent)
