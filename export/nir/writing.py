"""Write an integer network as a NIR graph that other frameworks run, and read it back exactly.

One step of a CUBA LIF layer with the decays d_i and d_v (of 4096) is forward Euler of NIR's CubaLIF
with tau_syn = dt * 4096 / d_i, tau_mem = dt * 4096 / d_v, w_in = tau_syn / dt, r = tau_mem / dt and
v_leak = bias * tau_mem / dt. Layers without a current filter (d_i = 4096) become LIF with
r = tau / dt, and IF with r = 1 / dt where they do not leak either. A state that never decays gets
a time constant of 2^40 steps, since NIR's time constants are finite.

Weights, threshold and bias of a layer are scaled by one power of two, so that the threshold lies in
1..2, where surrogate gradients expect it. The integers fire above their threshold and frameworks at
or above it; the written threshold lies half a unit of the last place of v above the integer one, so
that both agree.

The integers themselves lie in the metadata of the graph; see `metadata.exact`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nir
import numpy as np

from neurodeploy.export.nir import metadata
from neurodeploy.export.nir.connections import Graph, Weights, connect, connect_back
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing
from neurodeploy.models.float_network import FloatArray
from neurodeploy.models.layers import (
    LAYERS,
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    max_delay,
    per_neuron,
)
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS, CubaLif
from neurodeploy.models.synapses import Shape

DT_S: Final = 1e-4
"""Time step in seconds of networks whose time step is unknown; snnTorch's and SpikingJelly's."""
ENDLESS: Final = 2.0**40
"""Time constant, in time steps, of a state that never decays.

1 - 1/ENDLESS is 1 in float32, and in float64 readers may subtract it from 1 without a loss.
"""
HALF_UNIT: Final = 0.5 / (1 << loihi.ACTIVATION_SHIFT)
"""Half a unit of the last place of v, in units of weights and thresholds."""


@dataclass(frozen=True)
class Importer:
    """What a framework's NIR importer reads correctly.

    Attributes:
        title: name in messages.
        dt_s: time step in seconds that it assumes, or None where the graph's own counts.
        nodes: names of the neuron nodes to write; CubaLIF always works.
        delays: whether it reads Delay nodes; else delays become lines of neurons.
        voltage_bias: whether it reads v_leak.
        per_neuron: whether the neurons of a layer may differ in their time constants.
        short_loops: whether it reads neurons and their recurrent weights as a cycle of two nodes.
    """

    title: str
    dt_s: float | None = None
    nodes: tuple[str, ...] = ()
    delays: bool = False
    voltage_bias: bool = False
    per_neuron: bool = True
    short_loops: bool = True


IMPORTERS: Final = {
    "plain": Importer("NIR", None, ("IF", "LIF", "LI"), delays=True, voltage_bias=True),
    # its IF leaks with beta = 0.9 whatever the file says; a cycle of two nodes becomes a subgraph
    # that feeds the input into the recurrent weights, or that nirtorch cannot build
    "snntorch": Importer("snnTorch", 1e-4, ("LIF",), short_loops=False),
    # its LIF ignores r, and its IF expects r = 1; its importer takes dt, by default this one
    "norse": Importer("Norse", 1e-3),
    # its LIF refuses tau <= dt
    "spikingjelly": Importer("SpikingJelly", 1e-4, per_neuron=False),
}
"""Dialects that can be written, by name.

sinabs and Rockpool are missing: their importers build neurons that subtract the threshold after a
spike, and Loihi's are reset to 0.
"""


def to_nir(
    network: QuantizedNetwork, *, dialect: str = "plain", dt_s: float | None = None
) -> nir.NIRGraph:
    """Return a network as a NIR graph, with its integers in the metadata.

    NIR cannot express that Loihi rounds its states; `notes` lists this and what else differs.

    Args:
        network: dense, recurrent and convolutional layers of CUBA LIF neurons.
        dialect: the framework whose importer will read the graph, a key of `IMPORTERS`; "plain"
            is NIR as its equations say.
        dt_s: duration of a time step in seconds; by default the framework's, else the task's,
            else 1e-4.

    Raises:
        InputError: when NIR has no node for a layer, or the framework cannot read one.

    Examples:
        >>> graph = neurodeploy.to_nir(network)
        >>> [type(graph.nodes[name]).__name__ for name in ("affine1", "lif1")]
        ['Affine', 'CubaLIF']
    """
    if dialect not in IMPORTERS:
        raise InputError(
            f"the dialect to write is {dialect!r}; choose from {', '.join(IMPORTERS)} (importers "
            "of other frameworks build neurons that Loihi does not have)"
        )
    importer = IMPORTERS[dialect]
    dt_s = _time_step(network, importer, dt_s)
    graph = Graph(dt_s, importer.delays, importer.short_loops)
    graph.add("input", nir.Input({"input": np.array(network.input_shape)}))
    shape = network.input_shape
    for number, layer in enumerate(network.layers, start=1):
        graded = bool(network.message_bits) and number == 1
        _check_layer(layer, number, importer, graded=graded)
        _add_layer(graph, layer, number, shape, importer)
        shape = layer.shape
    graph.add("output", nir.Output({"output": np.array(shape)}), graph.last)
    written = nir.NIRGraph(graph.nodes, graph.edges, metadata={})
    told = "\n".join(notes(network, dialect=dialect))
    metadata.attach(written, network, dialect=dialect, dt_s=dt_s, notes=told)
    return written


def write(
    network: QuantizedNetwork, path: Path, *, dialect: str = "plain", dt_s: float | None = None
) -> None:
    """Write a network to a NIR file, atomically; see `to_nir`.

    Raises:
        InputError: when the network cannot be expressed or the file cannot be written.
    """
    graph = to_nir(network, dialect=dialect, dt_s=dt_s)
    with replacing(Path(path)) as temporary:
        nir.write(temporary, graph)


def notes(network: QuantizedNetwork, *, dialect: str = "plain") -> list[str]:
    """Return how the written graph differs from the network on the chip, one sentence each."""
    importer = IMPORTERS[dialect]
    count = len(network.layers)
    found = [
        "NIR cannot express that Loihi rounds currents and voltages to integers, so single spikes "
        "can differ",
        f"on Loihi each layer takes one time step, so output step k of the graph is step k + "
        f"{count} there, and the last {count} steps of a sample do not arrive",
    ]
    if any(getattr(layer.neuron, "bias", np.zeros(1)).any() for layer in network.layers):
        found.append(
            "on Loihi biases act from step 0 on, in layer l that is l steps before the graph's"
        )
    if not importer.delays and any(map(max_delay, network.layers)):
        found.append(
            f"{importer.title} reads no Delay nodes, so delays are lines of neurons that hand on "
            "their spikes step by step"
        )
    if network.neurons_per_output > 1:
        found.append(
            f"an output is the mean of {network.neurons_per_output} consecutive output neurons; "
            "the graph has the neurons"
        )
    return found


def _time_step(network: QuantizedNetwork, importer: Importer, dt_s: float | None) -> float:
    own = None if network.task.dt_ms is None else network.task.dt_ms / 1000
    chosen = next(each for each in (dt_s, importer.dt_s, own, DT_S) if each is not None)
    if not (math.isfinite(chosen) and chosen > 0):
        raise InputError(f"the time step is {chosen} s; give a number over 0")
    return float(chosen)


def _check_layer(layer: Layer, number: int, importer: Importer, *, graded: bool) -> None:
    """Raise InputError when NIR, or the importer, has nothing that behaves like the layer."""
    neuron = layer.neuron
    name = f"layer {number} ({LAYERS[type(layer)]} of {NEURONS[type(neuron)]} neurons)"
    if isinstance(layer, InputLayer) or not isinstance(neuron, CubaLif):
        raise InputError(
            f"{name} has no node in NIR, which knows layers of LIF neurons behind weights; write a "
            "netx file (.net) instead"
        )
    delayed = isinstance(layer, RecurrentLayer) and layer.recurrent_delay.any()
    if not importer.delays and (delayed or (graded and max_delay(layer))):
        raise InputError(
            f"{name} delays its {'own' if delayed else 'graded input'} spikes, and "
            f"{importer.title} reads no Delay nodes; write the plain dialect"
        )
    if not importer.per_neuron:
        for decay in ("current_decay", "voltage_decay"):
            values = getattr(neuron, decay)
            if values.min() != values.max():
                raise InputError(
                    f"{name} has a {decay} of {values.min()} to {values.max()}, and "
                    f"{importer.title} reads one per layer; write another dialect"
                )
    if neuron.bias.any() and not _affine_bias(layer) and not importer.voltage_bias:
        why = "behind a current filter" if _filtered(neuron) else "that differ within a channel"
        raise InputError(
            f"{name} has biases {why}, and {importer.title} reads no v_leak; write the plain "
            "dialect"
        )


def _filtered(neuron: CubaLif) -> bool:
    return bool((neuron.current_decay != loihi.DECAY_ONE).any())


def _affine_bias(layer: Any) -> bool:
    """Return whether the bias of the weights has the effect of the neurons' bias."""
    neuron: CubaLif = layer.neuron
    per_channel = neuron.bias.size in (1, layer.shape[0])
    return not _filtered(neuron) and (per_channel or not isinstance(layer, ConvLayer))


def _scale(neuron: CubaLif) -> float:
    """Return the power of two that brings the threshold into 1..2."""
    return float(2.0 ** -math.floor(math.log2(max(neuron.threshold, 1))))


def _add_layer(graph: Graph, layer: Any, number: int, before: Shape, importer: Importer) -> None:
    """Add the nodes of a layer behind `graph.last`, whose output has the shape `before`."""
    neuron: CubaLif = layer.neuron
    source, scale = graph.last, _scale(neuron)
    bias = np.asarray(neuron.bias * scale if _affine_bias(layer) else np.zeros(1), np.float64)
    if isinstance(layer, ConvLayer):
        source = graph.add(f"conv{number}", _convolution(layer, number, scale, bias), source)
        graph.add(f"lif{number}", _neurons(layer, importer, graph.dt_s), source)
        return
    if len(before) > 1:
        flat = nir.Flatten({"input": np.array(before)}, start_dim=0, end_dim=len(before) - 1)
        source = graph.add(f"flatten{number}", flat, source)
    target = f"lif{number}"
    weights = Weights(layer.weight * scale, layer.delay, bias)
    connect(graph, source, target, f"affine{number}", weights)
    if isinstance(layer, RecurrentLayer):
        back = Weights(np.asarray(layer.recurrent * scale, np.float64), layer.recurrent_delay)
        connect_back(graph, target, f"recurrent{number}", back)
    graph.add(target, _neurons(layer, importer, graph.dt_s))


def _convolution(layer: ConvLayer, number: int, scale: float, bias: FloatArray) -> nir.Conv2d:
    """Return a convolution without groups and with a square kernel, which every reader takes.

    NIR computes the shapes of grouped convolutions and of oblong kernels wrongly.
    """
    weight, padding = _square(_ungrouped(layer), layer, number)
    return nir.Conv2d(
        input_shape=layer.input_shape[1:],
        weight=(weight * scale).astype(np.float32),
        stride=layer.stride,
        padding=padding,
        dilation=layer.dilation,
        groups=1,
        bias=np.broadcast_to(bias, len(weight)).astype(np.float32),
    )


def _ungrouped(layer: ConvLayer) -> FloatArray:
    """Return the kernel with zeros between the groups, (channels, input channels, h, w)."""
    channels, width = layer.weight.shape[:2]
    full = np.zeros((channels, layer.input_shape[0], *layer.weight.shape[2:]))
    for channel, kernel in enumerate(layer.weight):
        first = channel // (channels // layer.groups) * width
        full[channel, first : first + width] = kernel
    return full


def _square(weight: FloatArray, layer: ConvLayer, number: int) -> tuple[FloatArray, Shape]:
    """Return a kernel with zeros around it to make it square, and the padding that goes with it."""
    height, width = weight.shape[2:]
    if (height - width) % 2:
        raise InputError(
            f"layer {number} (convolution) has a kernel of {height}x{width}, and NIR's shapes hold "
            "for square ones; make both sizes even or both odd, or write a netx file (.net)"
        )
    more = [(max(height, width) - size) // 2 for size in (height, width)]
    padded = np.pad(weight, ((0, 0), (0, 0), *((each, each) for each in more)))
    sizes = zip(layer.padding, more, layer.dilation)
    return padded, tuple(pad + each * gap for pad, each, gap in sizes)


def _neurons(layer: Any, importer: Importer, dt_s: float) -> nir.NIRNode:
    """Return the neuron node of a layer; the module's docstring has the equations."""
    neuron: CubaLif = layer.neuron
    nodes = importer.nodes

    def full(values: Any) -> FloatArray:
        array = per_neuron(np.atleast_1d(np.asarray(values, np.float64)), layer.shape)
        return np.array(array, np.float64).reshape(layer.shape)

    syn, mem = (
        full(np.where(decay, loihi.DECAY_ONE / np.maximum(decay, 1), ENDLESS))
        for decay in (neuron.current_decay, neuron.voltage_decay)
    )
    scale = _scale(neuron)
    leak = full(0 if _affine_bias(layer) else neuron.bias * scale) * mem
    never = neuron.threshold == loihi.THRESHOLD_NEVER
    threshold = full(ENDLESS if never else (neuron.threshold + HALF_UNIT) * scale)
    silent = never and "LI" in nodes
    if not _filtered(neuron):
        if not neuron.voltage_decay.any() and not leak.any() and "IF" in nodes:
            rate = full(1 / dt_s)
            return nir.I(rate) if silent else nir.IF(rate, threshold)
        if silent:
            return nir.LI(mem * dt_s, mem, leak)
        if "LIF" in nodes:
            return nir.LIF(mem * dt_s, mem, leak, threshold)
    if silent:
        return nir.CubaLI(syn * dt_s, mem * dt_s, mem, leak, w_in=syn)
    return nir.CubaLIF(syn * dt_s, mem * dt_s, mem, leak, threshold, w_in=syn)
