"""What a set of compared networks exercised: which layers fired, what overflowed, what was delayed.

Silent networks prove nothing, so a delay counts only where something arrived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
"""A layer fires usefully when this share of its neurons and steps has a spike."""

DELAYS = ("none", "axonal", "dendritic", "synaptic", "recurrent")


@dataclass
class Firing:
    """How layers of one kind fired.

    Attributes:
        layers: how many there were.
        useful: how many of them fired in `LOW` to `HIGH` of their neurons and steps.
        spikes: in all.
        updates: neurons times steps in all.
    """

    layers: int = 0
    useful: int = 0
    spikes: int = 0
    updates: int = 0

    @property
    def rate(self) -> float:
        """Spikes a neuron and step."""
        return self.spikes / max(self.updates, 1)


@dataclass
class Census:
    """Counts over the networks added so far.

    Attributes:
        networks: how many there were.
        steps: of all samples of all networks.
        layers: how each kind of layer fired, by its name.
        kinds: how each kind of layer with each kind of neuron fired, by both names.
        delays: layers that spikes reached with each kind of delay.
        overflows: steps of a neuron, and networks, with wraps of u, clips of v and wraps of sums.
        features: networks that had what the name says.
    """

    networks: int = 0
    steps: int = 0
    layers: dict[str, Firing] = field(default_factory=dict)
    kinds: dict[tuple[str, str], Firing] = field(default_factory=dict)
    delays: Counter[str] = field(default_factory=Counter)
    overflows: Counter[str] = field(default_factory=Counter)
    features: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, activity: Activity) -> None:
        """Count a network, and what it did, with states and overflows."""
        self.networks += 1
        self.steps += case.spikes.shape[0] * case.spikes.shape[2]
        self.features.update(set(_features(case)))
        overflowed = set()
        for index, layer in enumerate(case.network.layers):
            self._add_layer(layer, activity.spikes[index])
            arrived = activity.states[index].weighted.any()
            self.delays.update(_delays(layer) if arrived else ())
            overflows = activity.overflows[index]
            first = "wraps of u" if isinstance(layer.neuron, CubaLif) else "wraps of a sum"
            for name, counts in ((first, overflows.wraps), ("clips of v", overflows.clips)):
                self.overflows[f"{name}, steps"] += int(counts.sum())
                overflowed.update([f"{name}, networks"] if counts.any() else [])
        self.overflows.update(overflowed)

    def _add_layer(self, layer: Layer, sent: Any) -> None:
        name, neuron = LAYERS[type(layer)], NEURONS[type(layer.neuron)]
        rate = np.mean(sent != 0)
        for firing in (
            self.layers.setdefault(name, Firing()),
            self.kinds.setdefault((name, neuron), Firing()),
        ):
            firing.layers += 1
            firing.useful += int(LOW <= rate <= HIGH)
            firing.spikes += int(np.count_nonzero(sent))
            firing.updates += sent.size


def things(case: Case, activity: Activity) -> set[object]:
    """Return what a network counts towards: its features, and how each layer runs and overflows."""
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


def tables(census: Census) -> str:
    """Return the census as tables in Markdown."""
    rows = [
        "| layer | neurons | layers | of them with 1% to 60% | firing |",
        "|---|---|---|---|---|",
    ]
    for (layer, neuron), firing in sorted(census.kinds.items()):
        rows.append(
            f"| {layer} | {neuron} | {firing.layers:,} | {firing.useful:,} | {firing.rate:.1%} |"
        )
    for layer, firing in sorted(census.layers.items()):
        rows.append(
            f"| {layer} | all | {firing.layers:,} | {firing.useful:,} | {firing.rate:.1%} |"
        )
    rows += ["", "| delays of layers that spikes reached | layers |", "|---|---|"]
    rows += [f"| {name} | {census.delays[name]:,} |" for name in DELAYS]
    rows += ["", "| overflows | count |", "|---|---|"]
    rows += [f"| {name} | {count:,} |" for name, count in sorted(census.overflows.items())]
    rows += ["", "| networks with | count |", "|---|---|"]
    rows += [f"| {name} | {count:,} |" for name, count in sorted(census.features.items())]
    return "\n".join(rows)
