"""Estimate the energy and the speed of lava-dl's PilotNet on Loihi 2, which Intel measured.

Two things about Intel's run follow from its notebook's plots, and the estimate does the same:

- The image is without effect: biases of the layers alone drive the network. The notebook assigns
  the image to a bias, but the neurocores that it would drive add next to no weights.
- The states were not cleared every 16 steps, as the notebook asks for: the time of a step repeats
  every four steps from step 16 on, without a trace of the layers starting anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import workloads
from benchmarks.published_energy import PILOTNET
from neurodeploy.hw_sim.activity import Activity, dendrite_updates
from neurodeploy.hw_sim.blocks import axis_taps, list_lengths, whole
from neurodeploy.hw_sim.chips import Estimate, chip
from neurodeploy.hw_sim.estimates import (
    Energy,
    Latency,
    by_constants,
    sample_energy,
    sample_latency,
)
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.layers import ConvLayer
from neurodeploy.models.network import QuantizedNetwork

CHIP: Final = "loihi2"
TUNED: Final = "PilotNet"
"""The constant set that was fitted to this measurement."""

STEPS: Final = 224
STEADY: Final = slice(64, STEPS)
"""Steps that are simulated, and those that are measured."""


@dataclass(frozen=True, eq=False)
class Run:
    """The estimates of one way to run the network.

    Attributes:
        name: description of the run.
        workload: workload of its steps.
        latency: latency of its steps.
        energy: energy of one inference, 16 steps.
        energies: the same with each constant set alone.
    """

    name: str
    workload: Workload
    latency: Latency
    energy: Energy
    energies: Mapping[str, Energy]

    def per_step(self, layer: int) -> tuple[float, float, float]:
        """Return SynOps, Intel's counter of updates, and arriving messages of a layer per step."""
        work, placed = self.workload, self.workload.placement.layers[layer]
        updates = dendrite_updates(placed.neurons, work.spikes[layer].mean())
        messages = work.core_messages[placed.slice].sum() / work.num_steps
        return float(work.synops[layer].mean()), float(updates), float(messages)

    @property
    def trace_us(self) -> NDArray[np.float64]:
        """Microseconds of four successive steps, float (4,): the mean over all periods.

        The first is the longest.
        """
        barrier = self.latency.barrier_s.value
        steps = (self.workload.busiest_by_step_s + barrier).reshape(-1, 4).mean(0) * 1e6
        return np.roll(steps, -int(steps.argmax()))


@dataclass(frozen=True, eq=False)
class Result:
    """All runs; the first is Intel's.

    Attributes:
        network: the network.
        intel: Intel's run on the neurocores that its compiler printed.
        placed: the same run on the neurocores of `neurodeploy.place`.
        slower: Intel's run with one more step between two layers, see `one_more_step`.
        others: other runs on Intel's neurocores.
        padded_synops: SynOps per step of each layer, with those of the last block as explained in
            `padded_synops`.
    """

    network: QuantizedNetwork
    intel: Run
    placed: Run
    slower: Run
    others: tuple[Run, ...]
    padded_synops: tuple[float, ...]


def run() -> Result:
    """Simulate and estimate the network.

    Raises:
        FileNotFoundError: if lava-dl was installed without its tests.
    """
    network, image = workloads.pilotnet(1, whole=True)
    nothing = np.zeros((1, image.shape[1], STEPS), image.dtype)
    alone = fast.run(network, nothing)
    theirs = workloads.placed_as(network, chip(CHIP), PILOTNET.blocks)
    steady, cleared = (
        Activity(nothing[:, :, some], tuple(each[:, :, some] for each in alone.spikes))
        for some in (STEADY, slice(PILOTNET.steps))
    )
    sent = fast.run(network, image)
    return Result(
        network,
        intel=_run("biases alone, states never cleared", steady, theirs),
        placed=_run("the same, as neurodeploy places it", steady, place(network, chip(CHIP))),
        slower=_run("the same, one more step between layers", one_more_step(alone), theirs),
        others=(
            _run("biases alone, states cleared every 16 steps", cleared, theirs),
            _run("the wheel's image, states cleared", Activity(sent.inputs, sent.spikes), theirs),
        ),
        padded_synops=padded_synops(network, steady),
    )


def one_more_step(activity: Activity) -> Activity:
    """Return the measured steps with layer k of the network k steps behind.

    In the simulator, as in Lava, a spike takes one step to the next layer. Two are inferred from
    the notebook's plot: layers 2 and 3 are busiest in the same steps, and the first steps, in which
    layer 2 works alone, come two steps before those of layer 3.
    """
    first, last = STEADY.start, STEADY.stop
    spikes = (each[:, :, first - k : last - k] for k, each in enumerate(activity.spikes))
    return Activity(activity.inputs[:, :, STEADY], tuple(spikes))


def _run(name: str, activity: Activity, placement: Placement) -> Run:
    workload = measure(activity, placement)
    latency = sample_latency(workload)
    inference = PILOTNET.steps / workload.num_steps
    energies = by_constants(workload, latency.sample_s)
    return Run(
        name=name,
        workload=workload,
        latency=latency,
        energy=_times(sample_energy(workload, duration_s=latency.sample_s), inference),
        energies={name: _times(energy, inference) for name, energy in energies.items()},
    )


def _times(energy: Energy, factor: float) -> Energy:
    parts = (energy.synaptic, energy.neuron, energy.within_tiles, energy.over_hops, energy.static)
    return Energy(*(part * factor for part in parts))


def padded_synops(network: QuantizedNetwork, activity: Activity) -> tuple[float, ...]:
    """Return SynOps per step of each layer if the last block of columns were a full one.

    The counters of Intel's smaller last blocks fit neurons that go on beyond the edge of the layer:
    they are updated, and the spikes that would reach them are added to them.
    """
    found = [0.0]
    for index, layer in enumerate(network.layers[1:], 1):
        spikes = activity.spikes[index - 1][0].sum(1, dtype=np.int64)
        if isinstance(layer, ConvLayer):
            width = PILOTNET.blocks[index][0]
            columns = -(-layer.shape[2] // width) * width
            found.append(_synops(layer, spikes, columns) / activity.inputs.shape[2])
        else:
            found.append(float(spikes.sum()) * layer.neurons / activity.inputs.shape[2])
    return tuple(found)


def _synops(layer: ConvLayer, spikes: NDArray[np.int64], columns: int) -> float:
    """Return the SynOps of a convolution with so many output columns."""
    blocks = whole(layer)
    lengths, rows = list_lengths(layer, blocks)[:, 0], axis_taps(layer, blocks, 1)[:, 0]
    senders = spikes.reshape(layer.input_shape)
    by_column = np.einsum("cyx,cij,yi->xj", senders, lengths, rows)  # SynOps of kernel column j
    x, j = np.indices(by_column.shape)
    output, rest = np.divmod(x + layer.padding[1] - j * layer.dilation[1], layer.stride[1])
    return float(by_column[(rest == 0) & (output >= 0) & (output < columns)].sum())


def from_counters(placement: Placement, name: str) -> Estimate:
    """Return the dynamic energy per inference in joules that follows from Intel's counters.

    SynOps * SynOp energy of a convolution + messages * message + updates * energy of an active one.
    Nearly all SynOps are those of convolutions.

    Args:
        placement: placement of the network.
        name: name of the constant set.

    Returns:
        Value and low: updates are neurons times steps. High: they are Intel's counter, which is
        2.3 times as high.
    """
    costs = placement.chip.using(name)
    events = costs.cost("convolution_operation_energy") * PILOTNET.per_inference("synops")
    events += costs.cost("spike_message_energy") * PILOTNET.per_inference("messages")
    update = costs.cost("neuron_update_active_energy").value
    neurons = sum(layer.neurons for layer in placement.layers) * PILOTNET.steps
    counted = PILOTNET.per_inference("updates")
    return events + Estimate(neurons * update, neurons * update, counted * update, "J")
