"""The data of a report: what its tables, figures, pages and JSON show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurodeploy.evaluation.comparison import Comparison
from neurodeploy.evaluation.recording import RecordedSample, Trace
from neurodeploy.hw_sim.activity import LayerCounts, Measured
from neurodeploy.hw_sim.conventional import Conventional
from neurodeploy.hw_sim.decisions import Decisions, propagation_steps
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.neurobench_metrics import Neurobench
from neurodeploy.hw_sim.readout import Predictions, Score
from neurodeploy.models.display import Shown
from neurodeploy.models.layers import LAYERS, Layer, RecurrentLayer, max_delay
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS
from neurodeploy.models.synapses import stored_fan_out
from neurodeploy.report.report_json import Counted, CountedLayer, Provenance, Total


@dataclass(frozen=True, eq=False, repr=False)
class ReportData(Shown):
    """The fields of a report, which `Report` describes; it adds what writes them."""

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
