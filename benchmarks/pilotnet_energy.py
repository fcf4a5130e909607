"""Estimate the energy of lava-dl's PilotNet on Loihi 2, to compare it with Intel's measurement.

The setup follows Intel's: all layers, 16 steps per inference, a constant image on the input
neurons, and cleared states before each inference. netx staggers the clearing, so every layer sees
an image for 16 steps, as in the simulator. Intel's frame is not public. The wheel ships one image;
it runs unchanged, shifted sideways and darkened, to show the influence of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import workloads
from benchmarks.published_energy import PILOTNET
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, chip
from neurodeploy.hw_sim.estimates import (
    Energy,
    Latency,
    by_constants,
    neuron_energy,
    sample_energy,
    sample_latency,
)
from neurodeploy.hw_sim.neurobench_metrics import effective_fan_out
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import QuantizedNetwork

CHIP = "loihi2"
TUNED = "PilotNet"
"""The constant set that was fitted to this measurement."""

DARKER = (2, 4)
"""Divisors of the image in its darker versions."""


@dataclass(frozen=True, eq=False)
class Image:
    """The estimates for one image.

    Attributes:
        name: description of the image.
        nonzero_synops: SynOps of nonzero weights per inference.
        workload: workload of one inference.
        latency: latency of the inference.
        energy: energy of the inference.
        energies: energy with each constant set alone.
    """

    name: str
    nonzero_synops: float
    workload: Workload
    latency: Latency
    energy: Energy
    energies: Mapping[str, Energy]

    @property
    def counters(self) -> dict[str, float]:
        """The counts that Intel's counters report, for the same number of steps."""
        work, steps = self.workload, PILOTNET.counted_steps / self.workload.num_steps
        neurons = sum(layer.neurons for layer in work.placement.layers)
        return {
            "synops": float(work.synops.sum()) * steps,
            "nonzero_synops": self.nonzero_synops * steps,
            "updates": float(neurons * PILOTNET.counted_steps),
            "spikes": float(work.spikes.sum()) * steps,
            "busiest_synops": float(work.core_synops.max()) * steps,
        }


@dataclass(frozen=True, eq=False)
class Result:
    """All images; the first is the unchanged one.

    Attributes:
        digest: digest of the network.
        images: estimates for each image.
    """

    digest: str
    images: tuple[Image, ...]

    @property
    def placement(self) -> Placement:
        """The placement of the network."""
        return self.images[0].workload.placement


def run(shifted: int) -> Result:
    """Simulate the network on the image, `shifted` shifted versions, and darker versions.

    Raises:
        FileNotFoundError: if lava-dl was installed without its tests.
    """
    network, values = workloads.pilotnet(1 + shifted, whole=True)
    placement = place(network, chip(CHIP))
    names = ["the wheel's image"]
    names += [f"turned by {workloads.PILOTNET_SHIFT * (k + 1)} pixels" for k in range(shifted)]
    names += [f"1/{part} as bright" for part in DARKER]
    values = np.concatenate([values, *(values[:1] // part for part in DARKER)])
    found = fast.run(network, values)
    images = []
    for index, name in enumerate(names):
        one = slice(index, index + 1)
        alone = Activity(found.inputs[one], tuple(each[one] for each in found.spikes))
        images.append(_image(name, network, alone, placement))
    return Result(network.digest, tuple(images))


def _image(name: str, network: QuantizedNetwork, activity: Activity, placement: Placement) -> Image:
    workload = measure(activity, placement)
    latency = sample_latency(workload)
    return Image(
        name=name,
        nonzero_synops=_nonzero_synops(network, activity.spikes),
        workload=workload,
        latency=latency,
        energy=sample_energy(workload, duration_s=latency.sample_s),
        energies=by_constants(workload, latency.sample_s),
    )


def _nonzero_synops(network: QuantizedNetwork, spikes: tuple[NDArray[Any], ...]) -> float:
    """Return the SynOps of nonzero weights of one inference."""
    sent = (each.sum((0, 2), dtype=np.int64) for each in spikes[:-1])
    layers = network.layers[1:]
    assert isinstance(network.layers[0], InputLayer)
    return float(sum(int(each @ effective_fan_out(layer)) for each, layer in zip(sent, layers)))


def from_counters(placement: Placement, name: str) -> tuple[float, float]:
    """Return the dynamic energy per inference in mJ that follows from Intel's counters.

    SynOps * SynOp energy of a convolution + spikes * (generation + message)
    + neuron updates * energy of an active one. Nearly all SynOps are those of convolutions.

    Args:
        placement: placement of the network.
        name: name of the constant set.

    Returns:
        Two figures. In the first, updates are neurons times steps. In the second, they are Intel's
        counter, which is 2.3 times as high.
    """
    costs: Chip = placement.chip.using(name)
    spikes = PILOTNET.an_inference(PILOTNET.spikes)
    synops = PILOTNET.an_inference(PILOTNET.synops)
    events = costs.cost("convolution_operation_energy").value * synops
    events += costs.cost("spike_message_energy").value * spikes
    neurons = sum(layer.neurons for layer in placement.layers)
    updates = (float(neurons * PILOTNET.steps), PILOTNET.an_inference(PILOTNET.updates))
    own, counted = (neuron_energy(each, spikes, chip=costs).value for each in updates)
    return (events + own) * 1e3, (events + counted) * 1e3
