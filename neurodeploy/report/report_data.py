"""The data of a report: what its tables, figures, pages and JSON show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np

from neurodeploy.evaluation.comparison import Comparison
from neurodeploy.evaluation.recording import RecordedSample, Trace
from neurodeploy.hw_sim.activity import LayerCounts, Measured
from neurodeploy.hw_sim.chips import Cost
from neurodeploy.hw_sim.conventional import Conventional
from neurodeploy.hw_sim.decisions import Decisions, propagation_steps
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.neurobench_metrics import Neurobench
from neurodeploy.hw_sim.readout import Predictions, Score
from neurodeploy.models.display import Shown
from neurodeploy.models.json_fields import At, Table, same
from neurodeploy.models.layers import LAYERS, Layer, RecurrentLayer, max_delay
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS
from neurodeploy.models.synapses import stored_fan_out
from neurodeploy.report.parts import NOT_MODELLED, Counted, CountedLayer, Provenance, Total

VERSION: Final = 4
"""Version of the JSON."""


@dataclass(frozen=True)
class Source:
    """A row of a cost file.

    Attributes:
        chip: chip of the cost file.
        name: name of the row.
        row: the row.
    """

    JSON: ClassVar[Table] = Table(
        {**same("chip name"), **{key: f"row.{key}" for key in Cost.JSON.keys}}
    )

    chip: str
    name: str
    row: Cost


@dataclass(frozen=True, eq=False, repr=False)
class ReportData(Shown):
    """The fields of a report, which `Report` describes; it adds what writes them."""

    JSON: ClassVar[Table] = Table(
        {
            "version": "version",
            "network": Table(
                {
                    "sha256": "digest",
                    "task": At("network.task.name", 'Name of its task, "" for none.'),
                    "class_names": "network.task.class_names",
                    "input_shape": "network.input_shape",
                    "metadata": "network.provenance",
                },
                "Network",
                "The network that ran.",
            ),
            **same("versions provenance counted predictions decisions neurobench estimated"),
            **same("conventional not_modelled sources"),
            **{name: At(name, optional=True) for name in ("measured", "comparison", "trace")},
        },
        tag="neurodeploy.report",
    )

    network: QuantizedNetwork
    digest: str
    counted: Counted
    estimated: Mapping[str, Estimated]
    versions: Mapping[str, str]
    provenance: Provenance
    measured: Measured | None = None
    predictions: Predictions | None = None
    decisions: Decisions | None = None
    conventional: Conventional | None = None
    neurobench: Neurobench | None = None
    comparison: Comparison | None = None
    trace: Trace | None = None
    sample: RecordedSample | None = None

    @property
    def accuracy(self) -> float | None:
        """Fraction of correct predictions, None without labels."""
        return None if self.counted.score is None else self.counted.score.accuracy

    @property
    def version(self) -> Literal[4]:
        """Version of this schema; it increases when a key is removed or changes, not when added."""
        return VERSION

    @property
    def not_modelled(self) -> tuple[str, ...]:
        """Effects that no estimate includes, one sentence each."""
        return NOT_MODELLED

    @property
    def sources(self) -> tuple[Source, ...]:
        """All rows of the cost files."""
        chips = (each.placement.chip for each in self.estimated.values())
        return tuple(
            Source(chip.name, name, row) for chip in chips for name, row in chip.rows().items()
        )


def count_layers(
    network: QuantizedNetwork, counts: Sequence[LayerCounts], score: Score | None = None
) -> Counted:
    """Return the counted part of a report: means over samples."""
    steps = int(counts[0].neuron_updates[0]) // network.layers[0].neurons
    pairs = enumerate(zip(network.layers, counts, strict=True))
    layers = tuple(_counted_layer(i, layer, did, steps=steps) for i, (layer, did) in pairs)
    names = Total.__dataclass_fields__
    return Counted(
        num_samples=len(counts[0].spikes),
        num_steps=steps,
        propagation_steps=propagation_steps(network),
        max_delay_steps=sum(map(max_delay, network.layers)),
        score=score,
        layers=layers,
        total=Total(**{name: sum(getattr(layer, name) for layer in layers) for name in names}),
    )


def _counted_layer(index: int, layer: Layer, did: LayerCounts, *, steps: int) -> CountedLayer:
    each_step = int(stored_fan_out(layer.synapse()).sum())
    if isinstance(layer, RecurrentLayer):
        each_step += layer.neurons**2
    each_step *= layer.synapses_per_weight
    spikes = float(np.mean(did.spikes))
    return CountedLayer(
        layer=index,
        neurons=layer.neurons,
        shape=layer.shape,
        inputs=layer.inputs,
        kind=LAYERS[type(layer)],
        neuron_model=NEURONS[type(layer.neuron)],
        synapses=layer.synapses,
        delay_kind=layer.delay_kind,
        spikes_in_per_sample=float(np.mean(did.spikes_in)),
        spikes_per_sample=spikes,
        synops_per_sample=float(np.mean(did.synops)),
        dense_synops_per_sample=each_step * steps,
        neuron_updates_per_sample=float(np.mean(did.neuron_updates)),
        dendrite_updates_per_sample=float(np.mean(did.dendrite_updates)),
        firing_rate_per_step=spikes / (layer.neurons * steps),
    )
