"""Count what a set of compared networks exercised: firing, overflows and delays by kind of layer.

Silent layers test nothing, so a delay counts only if spikes arrived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.pages import Table
from benchmarks.random_networks import Case
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models import loihi
from neurodeploy.models.layers import (
    LAYERS,
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    weights_of,
)
from neurodeploy.models.network import CubaLif
from neurodeploy.models.neurons import NEURONS, arrays_of

LOW, HIGH = 0.01, 0.60
"""Range of firing rates (spikes per neuron and step) at which a layer is a useful test."""
DELAYS: Final = ("none", "axonal", "dendritic", "synaptic", "recurrent")
OVERFLOWS: Final = ("wraps of u", "wraps of a sum", "clips of v")


@dataclass
class Census:
    """Counts over the networks added so far.

    Attributes:
        networks: number of networks.
        steps: number of time steps of all samples and networks.
        rows: one dict per layer: `layer` and `neuron` by name, `network`, `spikes`, `updates`
            (neurons times steps), `delays` if spikes reached it, and a count per overflow.
        features: number of networks by feature.
    """

    networks: int = 0
    steps: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    features: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, activity: Activity) -> None:
        """Count a network and its activity, which includes states and overflows."""
        self.networks += 1
        self.steps += case.spikes.shape[0] * case.spikes.shape[2]
        self.features.update(set(_features(case)))
        for index, layer in enumerate(case.network.layers):
            sent, overflows = activity.spikes[index], activity.overflows[index]
            arrived = activity.states[index].weighted.any()
            wraps = OVERFLOWS[0] if isinstance(layer.neuron, CubaLif) else OVERFLOWS[1]
            self.rows.append({
                "layer": LAYERS[type(layer)],
                "neuron": NEURONS[type(layer.neuron)],
                "network": self.networks,
                "spikes": int(np.count_nonzero(sent)),
                "updates": sent.size,
                "delays": tuple(_delays(layer)) if arrived else (),
                wraps: int(overflows.wraps.sum()),
                OVERFLOWS[2]: int(overflows.clips.sum()),
            })  # fmt: skip

    def firing(self, *by: str) -> pd.DataFrame:
        """Return firing statistics of layers by "layer", "neuron" or both.

        The columns are the number of layers, how many of them fired at a useful rate, and the rate.
        """
        frame = pd.DataFrame(self.rows)
        frame["useful"] = (frame.spikes / frame.updates).between(LOW, HIGH)
        found = frame.groupby(list(by))[["useful", "spikes", "updates"]].sum()
        found["layers"] = frame.groupby(list(by)).size()
        found["rate"] = found.spikes / found.updates.clip(lower=1)
        return found

    @property
    def delays(self) -> Counter[str]:
        """Number of layers that received spikes, by kind of delay."""
        return Counter(name for row in self.rows for name in row["delays"])

    @property
    def overflows(self) -> Counter[str]:
        """Number of networks, and of neuron steps, with each overflow."""
        frame = pd.DataFrame(self.rows).reindex(columns=["network", *OVERFLOWS]).fillna(0)
        sums = frame.groupby("network").sum()
        steps = {f"{name}, steps": int(count) for name, count in sums.sum().items()}
        networks = {f"{name}, networks": int(n) for name, n in (sums > 0).sum().items()}
        return Counter({**steps, **networks})

    def tables(self) -> str:
        """Return the census as tables in Markdown."""
        both, alone = self.firing("layer", "neuron"), self.firing("layer")
        rows = [
            [*names, f"{row.layers:,.0f}", f"{row.useful:,.0f}", f"{row.rate:.1%}"]
            for names, row in (
                *both.iterrows(), *(((name, "all"), row) for name, row in alone.iterrows())
            )
        ]  # fmt: skip
        firing = ["layer", "neurons", "layers", "of them with 1% to 60%", "firing"]
        found = [Table("", "", firing, rows)]
        for heading, counts in (
            ("delays of layers that spikes reached", {name: self.delays[name] for name in DELAYS}),
            ("overflows", dict(sorted(self.overflows.items()))),
            ("networks with", dict(sorted(self.features.items()))),
        ):
            counted = [[name, f"{count:,}"] for name, count in counts.items()]
            found.append(Table("", "", [heading, "count"], counted))
        return "\n\n".join(table.markdown for table in found)


def things(case: Case, activity: Activity) -> set[object]:
    """Return a network's features, and for each layer how it runs and overflows."""
    found: set[object] = set(_features(case))
    shape, arriving = case.network.input_shape, activity.inputs
    for index, layer in enumerate(case.network.layers):
        kind = (type(layer), type(layer.neuron), arriving.dtype)
        found |= {kind, (*kind, len(shape)), (*kind, *_delays(layer))}
        for name in ("wraps", "clips"):
            if getattr(activity.overflows[index], name).any():
                found.add((*kind, name))
        shape, arriving = layer.shape, activity.spikes[index]
    return found


def _delays(layer: Layer) -> Iterator[str]:
    recurrent = isinstance(layer, RecurrentLayer)
    yield layer.delay_kind if not recurrent or layer.delay.any() else "none"
    if recurrent and layer.recurrent_delay.any():
        yield "recurrent"


def _features(case: Case) -> Iterator[str]:
    network = case.network
    yield f"{len(network.layers)} layers"
    yield f"{len(case.spikes)} samples"
    yield f"readout of {network.readout}"
    if not case.spikes.any():
        yield "silent input"
    elif case.spikes.all():
        yield "saturated input"
    if network.message_bits:
        yield "graded input"
        if network.message_bits >= 16 and isinstance(network.layers[0], ConvLayer):
            yield "convolution of large graded input"
    if network.neurons_per_output > 1:
        yield "average of groups"
    before = network.input_shape
    for layer in network.layers:
        yield from _layer_features(layer)
        yield from _neuron_features(layer)
        if len(before) == 3 and not isinstance(layer, (ConvLayer, InputLayer)):
            yield "dense layer after images"
        before = layer.shape


def _layer_features(layer: Layer) -> Iterator[str]:
    if isinstance(layer, ConvLayer):
        if layer.stride != (1, 1):
            yield "convolution with stride"
        if any(layer.padding):
            yield "convolution with padding"
        if any(n > 1 and gap > 1 for n, gap in zip(layer.weight.shape[2:], layer.dilation)):
            yield "convolution with dilation"
        if layer.groups > 1:
            yield "convolution in groups"
        if layer.weight.shape[2] != layer.weight.shape[3]:
            yield "kernel not square"
        if layer.input_shape[1] != layer.input_shape[2]:
            yield "image not square"
    if layer.synapses_per_weight == 2:
        yield f"two synapses per weight, {LAYERS[type(layer)]}"
    for weight in weights_of(layer):
        if not weight.any():
            yield "weights all zero"
        if weight.min() == loihi.WEIGHT_MIN and weight.max() == loihi.WEIGHT_MAX:
            yield "weights at both extremes"
        if weight.max() < 0 and weight.min() == weight.max():
            yield "weights all -2^k"


def _neuron_features(layer: Layer) -> Iterator[str]:
    neuron: Any = layer.neuron
    for name, values in arrays_of(neuron).items():
        kind = "decay" if "decay" in name else name
        if values.any() and kind == "bias":
            yield f"bias of {NEURONS[type(neuron)]}"
        if values.size > 1:
            channel = len(layer.shape) == 3 and values.size == layer.shape[0]
            yield f"{kind} per {'channel' if channel else 'neuron'}"
        if kind == "decay":
            yield from (f"decay of {n}" for n in (0, loihi.DECAY_ONE) if (values == n).all())
    if isinstance(neuron, CubaLif) and neuron.threshold in (0, loihi.THRESHOLD_MAX):
        yield f"threshold of {neuron.threshold}"
    if (places := getattr(neuron, "spike_exp", loihi.SPIKE_EXP)) != loihi.SPIKE_EXP:
        yield f"spike_exp of {places}"
    if getattr(neuron, "state_exp", loihi.STATE_EXP) != loihi.STATE_EXP:
        yield f"state_exp of {neuron.state_exp}"
