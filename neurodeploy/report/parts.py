"""What a report is made of: counted values, their provenance, and what no estimate includes.

The descriptions in docs/schemas/report.json are the docstrings of these types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from neurodeploy.hw_sim.readout import Score

NOT_MODELLED: Final = (
    "Energy and time of the host, the embedded processors and the links that carry input onto the "
    "chip and output off it; the spikes exchanged are counted.",
    "Loading the network, and what clearing its state takes beyond one write per neuron.",
    "Congestion of the mesh; every spike takes its shortest route.",
    "How Intel's compiler orders neurocores; here they fill tile after tile, layer after layer, "
    "and chips form a square, row by row.",
    "What graded spikes and sigma-delta neurons cost beyond binary spikes and CUBA LIF neurons.",
    "The memory that long delays take from a neurocore's accumulators.",
    "Energy and time of links between chips beyond their hops; messages between chips are counted.",
    "Voltage, temperature and differences between chips of one kind.",
)
"""Effects that no estimate includes, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the values of the report come from.

    Attributes:
        sha256: Digest of the network.
        backend: Backend that ran the network.
        dataset: Dataset and its location, or the file of samples.
        split: Part of the dataset; "custom" for samples from a file or array.
        dt_ms: One time step of the sensor in milliseconds, or null.
        seed: Seed of the training, or null.
        trained_on: Dataset of the training and its location, or null.
        cost_files_sha256: Digest of each chip's cost file, by chip.
        num_overflows: Number of times a neuron state exceeded its bit width, over all steps; null
            if the backend does not count overflows.
        notes: Notes on the data, one sentence each.
    """

    sha256: str
    backend: str = ""
    dataset: str = ""
    split: str = ""
    dt_ms: float | None = None
    seed: int | None = None
    trained_on: str | None = None
    cost_files_sha256: dict[str, str] = field(default_factory=dict)
    num_overflows: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CountedLayer:
    """Activity of one layer, averaged over samples.

    Attributes:
        layer: Index of the layer, from 0.
        neurons: Number of neurons.
        shape: Shape of the layer, (neurons,) or (channels, height, width).
        inputs: Number of neurons or channels that send spikes to the layer.
        kind: Kind of layer.
        neuron_model: Kind of its neurons.
        synapses: Weights, zeros included; a shared kernel counts once.
        delay_kind: "none", "axonal", "dendritic" or "synaptic".
        spikes_in_per_sample: Spikes that arrive at the layer, per sample.
        spikes_per_sample: Spikes that the layer emits, per sample.
        synops_per_sample: SynOps per sample: stored weights added because a spike arrived.
        dense_synops_per_sample: SynOps per sample if every input spiked at every step.
        neuron_updates_per_sample: Neuron updates per sample: neurons times steps.
        dendrite_updates_per_sample: What Intel's counter of updates would show per sample: twice
            the neuron updates, and the spikes.
        firing_rate_per_step: Emitted spikes per neuron and step, 0 to 1.
    """

    layer: int
    neurons: int
    shape: tuple[int, ...]
    inputs: int
    kind: str
    neuron_model: str
    synapses: int
    delay_kind: str
    spikes_in_per_sample: float
    spikes_per_sample: float
    synops_per_sample: float
    dense_synops_per_sample: int
    neuron_updates_per_sample: float
    dendrite_updates_per_sample: float
    firing_rate_per_step: float


@dataclass(frozen=True, kw_only=True)
class Total:
    """Sums over the layers.

    Attributes:
        neurons: Number of neurons.
        synapses: Weights, zeros included.
        spikes_in_per_sample: Spikes that arrive at a layer, per sample.
        spikes_per_sample: Spikes that a layer emits, per sample.
        synops_per_sample: SynOps per sample.
        dense_synops_per_sample: SynOps per sample if every input spiked at every step.
        neuron_updates_per_sample: Neuron updates per sample.
        dendrite_updates_per_sample: What Intel's counter of updates would show per sample.
    """

    neurons: int
    synapses: int
    spikes_in_per_sample: float
    spikes_per_sample: float
    synops_per_sample: float
    dense_synops_per_sample: int
    neuron_updates_per_sample: float
    dendrite_updates_per_sample: float


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Exact values from the simulation.

    Attributes:
        num_samples: Samples that ran.
        num_steps: Time steps per sample.
        propagation_steps: Minimum number of steps from input to output, one per layer.
        max_delay_steps: Maximum delay in steps: the sum of the longest delays of all layers.
        score: The predictions compared with the labels; null without labels.
        layers: One entry per layer, from input to output.
        total: Sums over the layers.
    """

    num_samples: int
    num_steps: int
    propagation_steps: int
    max_delay_steps: int
    score: Score | None
    layers: tuple[CountedLayer, ...]
    total: Total
