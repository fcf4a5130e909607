"""Estimate the energy of Blouw et al.'s keyword spotter on Loihi 1, for a range of firing rates.

Its spikes are not public, so they are drawn at random: every input and neuron fires in a step with
the same probability. Weights are random, too. All layers run on the chip; in the authors' public
example, the first hidden layer runs on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.published_energy import KEYWORDS
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, chip
from neurodeploy.hw_sim.estimates import (
    Energy,
    Latency,
    by_constants,
    sample_energy,
    sample_latency,
)
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

CHIP = "loihi1"
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
STEPS = (10, 20, 50, 100)
NEURON = CubaLif(1024, 410, 300)
"""Has no effect: spikes are drawn, and every neuron costs the same."""


@dataclass(frozen=True, eq=False)
class AtRate:
    """One inference at one firing rate.

    Attributes:
        rate: probability that an input or a neuron fires in a step, 0..1.
        latency: latency of the inference.
        energy: energy of the inference.
        energies: energy with each constant set alone.
    """

    rate: float
    latency: Latency
    energy: Energy
    energies: dict[str, Energy]


@dataclass(frozen=True, eq=False)
class Result:
    """The keyword spotter at all firing rates.

    Attributes:
        placement: placement on the chip.
        rates: one inference at each of `RATES`, with the published number of steps.
        silent, full: one inference at rates 0 and 1; the energy is linear in the rate.
    """

    placement: Placement
    rates: tuple[AtRate, ...]
    silent: AtRate
    full: AtRate

    def meets(self, energy_uj: float, name: str, steps: int = KEYWORDS.steps) -> float:
        """Return the rate at which the dynamic energy of one inference is `energy_uj`.

        Args:
            energy_uj: target energy in microjoules.
            name: name of the constant set.
            steps: time steps per inference.

        Returns:
            (energy - silent) / (full - silent). Above 1 if no rate suffices, below 0 if the silent
            network takes more.
        """
        scale = steps / KEYWORDS.steps * 1e6
        silent, full = (
            each.energies[name].dynamic.value * scale for each in (self.silent, self.full)
        )
        return (energy_uj - silent) / (full - silent)


def run(samples: int, seed: int = 1) -> Result:
    """Draw `samples` inferences at each rate and estimate their energy and latency."""
    rng = np.random.default_rng(seed)
    layers = [
        DenseLayer(2 * rng.integers(-128, 128, (neurons, senders)), NEURON)
        for senders, neurons in pairwise(KEYWORDS.sizes)
    ]
    placement = place(QuantizedNetwork(tuple(layers)), chip(CHIP))
    at = {
        rate: _at_rate(rate, measure(_drawn(rate, samples, rng), placement))
        for rate in (0.0, *RATES)
    }
    return Result(placement, tuple(at[rate] for rate in RATES), at[0.0], at[1.0])


def _drawn(rate: float, samples: int, rng: np.random.Generator) -> Activity:
    inputs, *spikes = (
        (rng.random((samples, size, KEYWORDS.steps)) < rate).astype(np.uint8)
        for size in KEYWORDS.sizes
    )
    return Activity(inputs, tuple(spikes))


def _at_rate(rate: float, workload: Workload) -> AtRate:
    latency = sample_latency(workload)
    energy = sample_energy(workload, duration_s=latency.sample_s)
    return AtRate(rate, latency, energy, by_constants(workload, latency.sample_s))


def more_layers_uj() -> float:
    """Return the measured energy per inference of eight additional copies, in microjoules."""
    few, many = KEYWORDS.scaled
    return many.above_uj(KEYWORDS.woken_mw) - few.above_uj(KEYWORDS.woken_mw)


def more_layers_rate(name: str) -> float:
    """Return the firing rate at which the additional layers take the measured energy.

    A copy of L layers has L * 256 neurons and, including input and output, (L + 1) * 256^2 weights.
    Energy per inference = steps * (neurons * update + rate * (weights * SynOp
    + neurons * (generation + message))), where `update` is that of an active neuron.

    Args:
        name: name of the constant set.
    """
    costs: Chip = chip(CHIP).using(name)
    few, many = KEYWORDS.scaled
    copies, width = many.copies - few.copies, KEYWORDS.sizes[1]
    neurons = copies * KEYWORDS.layers * width
    weights = copies * (KEYWORDS.layers + 1) * width**2
    spike = costs.cost("spike_generation_energy") + costs.cost("spike_message_energy")
    active = weights * costs.cost("synaptic_operation_energy").value + neurons * spike.value
    silent = neurons * costs.cost("neuron_update_active_energy").value
    return (more_layers_uj() * 1e-6 / KEYWORDS.steps - silent) / active
