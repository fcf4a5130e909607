"""The JSON object of a report, schema version 4, as typed data.

`report_object` and `comparison_object` build it. `docs/schemas/report.json` describes it; the
descriptions are the docstrings of the types.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from neurodeploy.evaluation.comparison import Comparison
from neurodeploy.evaluation.recording import Trace
from neurodeploy.hw_sim.activity import Measured
from neurodeploy.hw_sim.chips import Cost
from neurodeploy.hw_sim.conventional import Conventional
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.neurobench_metrics import Neurobench
from neurodeploy.hw_sim.readout import Predictions, Score
from neurodeploy.models.json_fields import from_attributes, json_type

if TYPE_CHECKING:
    from neurodeploy.report import report as reports

    ChipValues = dict[str, Any]
else:
    ChipValues = json_type(Estimated)

VERSION: Final = 4

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
class Network:
    """The network that ran.

    Attributes:
        sha256: Digest of the network's content: layers, input and task.
        task: Name of its task, "" for none.
        class_names: One name per output; empty if unknown.
        input_shape: (channels,) or (channels, height, width).
        metadata: Metadata stored in the network's file, such as the training options.
    """

    sha256: str
    task: str
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    metadata: dict[str, Any]


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


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A value from one source.

    Attributes:
        value: Value, in the unit of the row.
        source: The source.
        grade: Grade of the source.
        set: Constant set, "" for none.
    """

    value: float
    source: str
    grade: str
    set: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """A row of a cost file.

    Attributes:
        chip: Chip of the cost file.
        name: Name of the row.
        unit: Unit of the values.
        value: Preferred value, in `unit`.
        low: Lowest value of any source, in `unit`.
        high: Highest value of any source, in `unit`.
        source: Source of the preferred value.
        grade: Grade of that source.
        set: Constant set of the preferred value, "" for none.
        alternatives: Values from other sources.
    """

    chip: str
    name: str
    unit: str
    value: float
    low: float
    high: float
    source: str
    grade: str
    set: str
    alternatives: tuple[Reading, ...]


class Report(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="neurodeploy.report"
):
    """The report on one network.

    Attributes:
        schema: Name of this schema.
        version: Version of this schema. It increases when a key is removed or changes meaning,
            but not when a key is added.
        network: The network that ran.
        versions: Versions of Python and the packages that matter.
        provenance: Where the values come from.
        counted: Exact values from the simulation.
        predictions: Outputs of the first 100 samples; null if they were not recorded.
        decisions: Predictions after every step; null for a network with one output.
        neurobench: NeuroBench's metrics; null if they were not counted.
        estimated: Estimates, by chip.
        conventional: An artificial network of the same size on conventional hardware, or null.
        not_modelled: Effects that no estimate includes, one sentence each.
        sources: All rows of the cost files.
        measured: Measurements of Intel's profiler; present only after a run on the chip.
        comparison: Comparison with another backend or the trained network; present only if
            requested.
        trace: Rates, silent and saturated neurons per layer; present only with `--trace`.
    """

    version: Literal[4] = VERSION
    network: Network
    versions: dict[str, str]
    provenance: Provenance
    counted: Counted
    predictions: Predictions | None
    decisions: Decisions | None
    neurobench: Neurobench | None
    estimated: dict[str, ChipValues]
    conventional: Conventional | None
    not_modelled: tuple[str, ...] = NOT_MODELLED
    sources: tuple[Source, ...]
    measured: Measured | UnsetType = UNSET
    comparison: Comparison | UnsetType = UNSET
    trace: Trace | UnsetType = UNSET


@dataclass(frozen=True, kw_only=True)
class ComparedNetwork:
    """One of several networks.

    Attributes:
        file: Path of the network's file, "" if it was not read from one.
        name: Unique name of the network.
        report: The report on it.
    """

    file: str
    name: str
    report: Report


class NetworkComparison(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="neurodeploy.comparison"
):
    """The reports on several networks, from `report --compare a.net b.net`.

    Attributes:
        schema: Name of this schema.
        version: Version of this schema.
        notes: Differences between the runs that affect the comparison, one sentence each.
        networks: The networks, in input order.
    """

    version: Literal[4] = VERSION
    notes: tuple[str, ...]
    networks: tuple[ComparedNetwork, ...]


def report_object(report: reports.Report) -> Report:
    """Return a report as the JSON object."""
    network = report.network
    optional = {name: getattr(report, name) for name in ("measured", "comparison", "trace")}
    return from_attributes(
        report,
        Report,
        network=Network(
            sha256=report.digest,
            task=network.task.name,
            class_names=network.task.class_names,
            input_shape=network.input_shape,
            metadata=dict(network.provenance),
        ),
        versions=dict(report.versions),
        estimated={name: each.to_dict() for name, each in report.estimated.items()},
        sources=tuple(
            _source(row, chip.name, name)
            for chip in (each.placement.chip for each in report.estimated.values())
            for name, row in chip.rows().items()
        ),
        **{name: UNSET if each is None else each for name, each in optional.items()},
    )


def _source(row: Cost, chip: str, name: str) -> Source:
    alternatives = tuple(from_attributes(each, Reading) for each in row.alternatives)
    return from_attributes(row, Source, chip=chip, name=name, alternatives=alternatives)


def comparison_object(found: reports.SideBySide) -> NetworkComparison:
    """Return reports side by side as the JSON object."""
    networks = (
        ComparedNetwork(file=each.file, name=each.name, report=report_object(each.report))
        for each in found.entries
    )
    return NetworkComparison(notes=found.notes, networks=tuple(networks))


def to_dict(value: msgspec.Struct) -> dict[str, Any]:
    """Return a JSON object as dicts, lists, strings and numbers.

    Raises:
        ValueError: when a number is NaN or infinite.
    """
    text = json.dumps(msgspec.to_builtins(value, enc_hook=dict), allow_nan=False)
    plain: dict[str, Any] = json.loads(text)
    return plain
