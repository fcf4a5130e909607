"""The counted part of a report: exact figures of a run, means over its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import LayerCounts
from neurodeploy.hw_sim.decisions import way_steps
from neurodeploy.hw_sim.score import Score
from neurodeploy.models.layers import LAYERS, Layer, RecurrentLayer, fan_out, longest_delay
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS


@dataclass(frozen=True)
class CountedLayer:
    """What one layer did in the mean sample; the fields are the keys of the JSON report.

    Attributes:
        layer: its place in the network, from 0.
        neurons: of the layer.
        shape: in which they are arranged, (neurons,) or (channels, height, width).
        senders: neurons or channels that send to it.
        kind: of the layer, in words.
        neuron: kind of its neurons, in words.
        synapses: stored weights, zeros too; those of a shared kernel count once.
        delays: which kind it has.
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
    senders: int
    kind: str
    neuron: str
    synapses: int
    delays: str
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
        samples: how many ran.
        steps: time steps of each.
        score: the answers against labels, where there were labels.
        layers: an entry a layer.
        way_steps: steps that a spike takes at least from the input through all layers: one each.
        delay_steps: steps that delays add at most: the longest delay of each layer, summed.
    """

    samples: int
    steps: int
    score: Score | None
    layers: tuple[CountedLayer, ...]
    way_steps: int
    delay_steps: int

    def as_json(self) -> dict[str, Any]:
        """Return the section `counted` of the report as JSON values."""
        layers = [{**vars(layer), "shape": list(layer.shape)} for layer in self.layers]
        summed = [k for k in layers[0] if k in ("neurons", "synapses") or k.endswith("_per_sample")]
        return {
            "samples": self.samples,
            "steps": self.steps,
            "way_steps": self.way_steps,
            "delay_steps": self.delay_steps,
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
        way_steps=way_steps(network),
        delay_steps=sum(map(longest_delay, network.layers)),
    )


def _counted_layer(index: int, layer: Layer, did: LayerCounts, *, steps: int) -> CountedLayer:
    each_step = int(fan_out(layer).sum())
    if isinstance(layer, RecurrentLayer):
        each_step += layer.neurons**2
    return CountedLayer(
        layer=index,
        neurons=layer.neurons,
        shape=layer.shape,
        senders=layer.senders,
        kind=LAYERS[type(layer)],
        neuron=NEURONS[type(layer.neuron)],
        synapses=layer.synapses,
        delays=layer.delay_kind,
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
