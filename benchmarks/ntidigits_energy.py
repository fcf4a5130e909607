"""Estimate lava-dl's N-TIDIGITS network on Loihi 1, whose energy and speed Intel measured.

Intel ran 20 copies on each of 32 chips. All copies see the same sample at once, so that a step
takes the time of one copy and of the barrier over all chips. The measured samples are those of a
test set, one after another; the estimate has the one utterance that lava-dl's wheel ships.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from benchmarks import workloads
from benchmarks.published_energy import NTIDIGITS, Copies
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, Estimate, chip
from neurodeploy.hw_sim.estimates import (
    Latency,
    by_constants,
    neuron_energy,
    sample_energy,
    sample_latency,
)
from neurodeploy.hw_sim.placement import Placement, place, with_copies
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.workload import Workload, measure

CHIP: Final = "loihi1"


@dataclass(frozen=True, eq=False)
class Run:
    """One copy on some neurocores, among all the others.

    Attributes:
        name: description of the placement.
        workload: workload of one copy.
        latency: its latency, with the barrier over all copies, but not over inputs and relays.
        dynamic: dynamic energy of one sample in joules, inputs and relays included.
        by_constants: the same with each constant set alone.
        inputs: the part of the input neurons and the relays.
    """

    name: str
    workload: Workload
    latency: Latency
    dynamic: Estimate
    by_constants: dict[str, Estimate]
    inputs: Estimate


def run() -> tuple[Run, Run]:
    """Simulate and estimate the network as Intel placed it, and as neurodeploy places it.

    Raises:
        FileNotFoundError: if lava-dl was installed without its tests.
    """
    network, spikes = workloads.ntidigits(1)
    activity = fast.run(network, spikes)
    costs = chip(CHIP)
    theirs = workloads.placed_as(network, costs, [(size,) for size in NTIDIGITS.sizes[1:]])
    return (
        _run("Intel's", Activity(spikes, activity.spikes), theirs),
        _run("neurodeploy's", Activity(spikes, activity.spikes), place(network, costs)),
    )


def _run(name: str, activity: Activity, placement: Placement) -> Run:
    placement = with_copies(placement, NTIDIGITS.copies, NTIDIGITS.chips)
    workload = measure(activity, placement)
    latency = sample_latency(workload)
    energy = sample_energy(workload, duration_s=latency.sample_s)
    inputs = input_energy(workload, placement.chip)
    return Run(
        name=name,
        workload=workload,
        latency=latency,
        dynamic=energy.dynamic + inputs,
        by_constants={
            name: each.dynamic + input_energy(workload, placement.chip.using(name))
            for name, each in by_constants(workload, latency.sample_s).items()
        },
        inputs=inputs,
    )


def barrier(costs: Chip, copies: Copies) -> Estimate:
    """Return the seconds of the barrier over all tiles of all chips."""
    tiles = math.ceil(copies.cores_per_chip / costs.limit("cores_per_tile"))
    return costs.barrier_time(tiles * copies.chips)


def input_energy(workload: Workload, costs: Chip) -> Estimate:
    """Return the joules per sample and copy of the input neurons, and of a share of the relays.

    Each of them passes one input channel on with one weight.
    """
    cores = 1 + NTIDIGITS.relays / NTIDIGITS.copies
    spikes = cores * workload.injected.per_sample
    updates = cores * NTIDIGITS.sizes[0] * workload.num_steps
    synaptic = costs.cost("synaptic_operation_energy") * spikes
    return neuron_energy(updates, spikes, chip=costs) + synaptic
