"""A report as data: what was counted, what is estimated from it, and what neither covers.

Commands turn it into text, JSON and HTML. "Counted" is exact, from simulation; "estimated" comes
from a cost table; "measured" comes from real hardware and is absent without it.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import LayerCounts, Measured
from neurodeploy.hw_sim.conventional import Conventional, conventional
from neurodeploy.hw_sim.decisions import Decisions, propagation_steps
from neurodeploy.hw_sim.estimates import steps_of
from neurodeploy.hw_sim.neurobench_metrics import Neurobench
from neurodeploy.hw_sim.readout import Predictions, Score
from neurodeploy.hw_sim.reports.estimated import Estimated, estimated
from neurodeploy.hw_sim.workload import Workload
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import LAYERS, Layer, RecurrentLayer, fan_out, max_delay
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS


@dataclass(frozen=True)
class CountedLayer:
    """What one layer did in the mean sample; the fields are the keys of the JSON report.

    Attributes:
        layer: its place in the network, from 0.
        neurons: of the layer.
        shape: in which they are arranged, (neurons,) or (channels, height, width).
        inputs: neurons or channels that send to it.
        kind: of the layer, in words.
        neuron_model: kind of its neurons, in words.
        synapses: stored weights, zeros too; those of a shared kernel count once.
        delay_kind: which kind it has.
        spikes_in_per_sample: spikes that arrived.
        spikes_per_sample: spikes that it emitted.
        synops_per_sample: stored weights added because a spike arrived.
        dense_synops_per_sample: what a spike of every sender at every step would cost.
        neuron_updates_per_sample: neurons times steps.
        firing_rate_per_step: emitted spikes a neuron and step, 0 to 1.
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
    firing_rate_per_step: float


@dataclass(frozen=True)
class Counted:
    """What was counted in a run.

    Attributes:
        num_samples: how many ran.
        num_steps: time steps of each.
        score: the answers against labels, where there were labels.
        layers: an entry a layer.
        propagation_steps: fewest steps from the input through all layers, one per layer.
        max_delay_steps: steps that delays add at most: the longest delay of each layer, summed.
    """

    num_samples: int
    num_steps: int
    score: Score | None
    layers: tuple[CountedLayer, ...]
    propagation_steps: int
    max_delay_steps: int

    def to_dict(self) -> dict[str, Any]:
        """Return the section `counted` of the report as JSON values."""
        layers = [{**vars(layer), "shape": list(layer.shape)} for layer in self.layers]
        summed = [k for k in layers[0] if k in ("neurons", "synapses") or k.endswith("_per_sample")]
        return {
            "num_samples": self.num_samples,
            "num_steps": self.num_steps,
            "propagation_steps": self.propagation_steps,
            "max_delay_steps": self.max_delay_steps,
            **_score_as_json(self.score),
            "layers": layers,
            "total": {key: sum(layer[key] for layer in layers) for key in summed},
        }


def counted(
    network: QuantizedNetwork,
    counts: Sequence[LayerCounts],
    *,
    steps: int,
    score: Score | None = None,
) -> Counted:
    """Return the counted part of a report.

    Args:
        network: what ran.
        counts: what each layer did, an entry a sample.
        steps: time steps of one sample.
        score: the answers against labels, where there are labels.
    """
    pairs = enumerate(zip(network.layers, counts, strict=True))
    layers = tuple(_counted_layer(i, layer, did, steps=steps) for i, (layer, did) in pairs)
    return Counted(
        len(counts[0].spikes),
        steps,
        score,
        layers,
        propagation_steps=propagation_steps(network),
        max_delay_steps=sum(map(max_delay, network.layers)),
    )


def _counted_layer(index: int, layer: Layer, did: LayerCounts, *, steps: int) -> CountedLayer:
    each_step = int(fan_out(layer).sum())
    if isinstance(layer, RecurrentLayer):
        each_step += layer.neurons**2
    return CountedLayer(
        layer=index,
        neurons=layer.neurons,
        shape=layer.shape,
        inputs=layer.inputs,
        kind=LAYERS[type(layer)],
        neuron_model=NEURONS[type(layer.neuron)],
        synapses=layer.synapses,
        delay_kind=layer.delay_kind,
        spikes_in_per_sample=mean(did.spikes_in),
        spikes_per_sample=mean(did.spikes),
        synops_per_sample=mean(did.synops),
        dense_synops_per_sample=each_step * steps,
        neuron_updates_per_sample=mean(did.neuron_updates),
        firing_rate_per_step=mean(did.spikes) / (layer.neurons * steps),
    )


def mean(values: NDArray[np.int64]) -> float:
    """Return the mean over samples of one array of `LayerCounts`, int64 (batch,)."""
    return float(values.mean())


def _score_as_json(score: Score | None) -> dict[str, Any]:
    if score is None:
        return {"accuracy": None, "macro_f1": None, "silent_samples": None, "confusion": None}
    return {
        "accuracy": score.accuracy,
        "macro_f1": score.macro_f1,
        "silent_samples": score.silent_samples,
        "confusion": score.confusion.tolist(),
    }


SCHEMA: Final = "neurodeploy.report"
VERSION: Final = 3
PACKAGES: Final = ("neurodeploy", "lava-nc", "lava-dl", "numpy")
"""Packages whose versions a report names."""

NOT_MODELLED: Final = (
    "Energy and time of the host, the embedded processors and the links over which input gets onto "
    "the chip and answers off it; what is exchanged is counted.",
    "Loading the network, and clearing its state between samples.",
    "Congestion of the mesh; each spike is taken to go its shortest way.",
    "How Intel's compiler orders neurocores; here they fill tile after tile, layer after layer, "
    "and chips stand in a square, row by row.",
    "What graded spikes and sigma-delta neurons take beyond spikes of 0 or 1 and CUBA LIF neurons.",
    "The memory that long delays take from a neurocore's accumulators.",
    "Energy and time of links between chips beyond their hops; messages between chips are counted.",
    "Voltage, temperature and differences between chips of one kind.",
)
"""What every estimate leaves out, one sentence each."""

MEASURED_CAVEATS: Final = (
    "The host sends input and receives the spikes of every layer at every step, which sets the "
    "pace; a network that does not wait for it takes less time and less static energy.",
    "A sample lasts milliseconds, which is short for the chip's power sensors.",
)
"""What to keep in mind about measured figures, one sentence each."""


@dataclass(frozen=True, eq=False, repr=False)
class Report(Shown):
    """What a run of a network shows and what it would cost.

    Attributes:
        network: that ran.
        digest: its sha256, 64 hexadecimal digits.
        counted: exact figures of the run.
        estimated: an entry a chip, by its name.
        versions: of Python and the packages that matter.
        provenance: what else was given about the run (backend, data, split), as JSON values.
        measured: what real hardware gave, None without it.
        predictions: the outputs of the first samples, None where they were not kept.
        decisions: how the answers came about step by step, None where that was not followed.
        conventional: what a network of the same size would take on other hardware.
        neurobench: the metrics of NeuroBench, None where they were not counted.
    """

    network: QuantizedNetwork
    digest: str
    counted: Counted
    estimated: Mapping[str, Estimated]
    versions: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    measured: Measured | None = None
    predictions: Predictions | None = None
    decisions: Decisions | None = None
    conventional: Conventional | None = None
    neurobench: Neurobench | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; keys end in their unit."""
        chips = [each.placement.chip for each in self.estimated.values()]
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "network": _network_as_json(self.network, self.digest),
            "versions": dict(self.versions),
            "provenance": dict(self.provenance),
            "counted": self.counted.to_dict(),
            "predictions": section(self.predictions),
            "decisions": section(self.decisions),
            "neurobench": section(self.neurobench),
            "estimated": {name: each.to_dict() for name, each in self.estimated.items()},
            "conventional": section(self.conventional),
            **_measured_as_json(self.measured),
            "not_modelled": list(NOT_MODELLED),
            "sources": [
                {"chip": chip.name, "name": name, **row.to_dict()}
                for chip in chips
                for name, row in chip.rows().items()
            ],
        }


def build(
    network: QuantizedNetwork,
    counts: Sequence[LayerCounts],
    *,
    workloads: Sequence[Workload],
    score: Score | None = None,
    dt_ms: float | None = None,
    provenance: Mapping[str, Any] | None = None,
    measured: Measured | None = None,
    predictions: Predictions | None = None,
    decisions: Decisions | None = None,
    neurobench: Neurobench | None = None,
) -> Report:
    """Return the report on one run of `network`.

    Args:
        network: what ran.
        counts: what each layer did, an entry a sample.
        workloads: what the neurocores did in the same run, one for each kind of chip.
        score: the answers against labels, where there are labels.
        dt_ms: milliseconds of one time step of the sensor; the network's own where not given.
        provenance: what else to say about the run, as JSON values.
        measured: what the run's `Activity` has from real hardware, if anything.
        predictions: the outputs of the first samples.
        decisions: how the answers came about step by step.
        neurobench: the metrics of NeuroBench.

    Raises:
        InputError: when the counts are not those of the network, the score or a workload is of
            other samples, or `dt_ms` is not above 0.
    """
    steps = steps_of(counts, [layer.neurons for layer in network.layers])
    samples = len(counts[0].spikes)
    if score is not None and score.num_samples != samples:
        raise InputError(
            f"{score.num_samples} samples are scored and {samples} are counted; give the same run"
        )
    _check_workloads(workloads, samples, steps)
    pace = network.task.dt_ms if dt_ms is None else dt_ms
    what = counted(network, counts, steps=steps, score=score)
    synops = sum(layer.synops_per_sample for layer in what.layers)
    return Report(
        network=network,
        digest=network.digest,
        counted=what,
        estimated=MappingProxyType(
            {
                each.placement.chip.name: estimated(each, dt_ms=pace, decisions=decisions)
                for each in workloads
            }
        ),
        versions=MappingProxyType(versions()),
        provenance=MappingProxyType(dict(provenance or {})),
        measured=measured,
        predictions=predictions,
        decisions=decisions,
        conventional=conventional(network, steps, synops),
        neurobench=neurobench,
    )


def _check_workloads(workloads: Sequence[Workload], samples: int, steps: int) -> None:
    for each in workloads:
        if (each.samples, each.steps) != (samples, steps):
            raise InputError(
                f"the neurocores of {each.placement.chip.name} worked on {each.samples} samples of "
                f"{each.steps} steps, and {samples} of {steps} are counted; give the same run"
            )


def section(part: Any) -> Any:
    """Return a part of a report as JSON values, None for a part that is missing."""
    return None if part is None else part.to_dict()


def versions() -> dict[str, str]:
    """Return the version of Python and of each of `PACKAGES` that is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _network_as_json(network: QuantizedNetwork, sha256: str) -> dict[str, Any]:
    return {
        "sha256": sha256,
        "task": network.task.name,
        "class_names": list(network.task.class_names),
        "input_shape": list(network.input_shape),
        "metadata": dict(network.provenance),
    }


def _measured_as_json(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return {}
    return {"measured": {**asdict(measured), "caveats": list(MEASURED_CAVEATS)}}
