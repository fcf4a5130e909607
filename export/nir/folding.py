"""Fold a NIR graph into a float network: what is linear between two neurons becomes one layer.

Each node carries the affine map from the neurons (or the Input) that reach it. Linear nodes compose
maps and sums add them, so the order of the nodes and parallel paths do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import nir
import numpy as np
from numpy.typing import NDArray

from neurodeploy.export.hdf5 import shown
from neurodeploy.export.nir import linear_maps as maps
from neurodeploy.export.nir.dialects import Dialect, dynamics
from neurodeploy.export.nir.graph import NEURONS, delayed, order
from neurodeploy.export.nir.linear_maps import Geometry, Map
from neurodeploy.export.nir.nodes import input_shape, output_shape
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import Dynamics, FloatArray, FloatLayer, FloatNetwork
from neurodeploy.models.synapses import Shape

Source: TypeAlias = tuple[str, bool]
"""A neuron or the Input, and whether its spikes are those of the step before."""

SILENT: Final = (nir.I, nir.LI, nir.CubaLI)
"""Neurons without spikes, whose voltage is the output."""

DELAY_TOLERANCE: Final = 1e-6
"""Allowed distance of a delay from a whole number of steps, in steps; relative for long ones."""


@dataclass(frozen=True)
class Affine:
    """What reaches a node: maps from neurons, and a constant.

    Attributes:
        sources: the maps.
        bias: float64, of the node's shape, or None.
        nodes: the linear nodes on the way from each source, in their order, without Flatten.
        held: the Delay nodes that a constant passes.
    """

    sources: Mapping[Source, Map]
    bias: FloatArray | None = None
    nodes: Mapping[Source, tuple[str, ...]] = field(default_factory=dict)
    held: tuple[str, ...] = ()


def fold(graph: nir.NIRGraph, dialect: Dialect, dt_s: float | None) -> FloatNetwork:
    """Return the float network of a checked graph.

    Args:
        graph: a graph that `graph.read` or `graph.checked` returned.
        dialect: an entry of `dialects.DIALECTS`, with its options.
        dt_s: time step in seconds; None if it is unknown and no time constant or delay needs it.

    Returns:
        A chain of layers, each named like its neuron node. An Input (channels, length) becomes
        (channels, 1, length).

    Raises:
        InputError: when the graph is no chain of neurons with one linear map between two, or a map
            is too large; names the node.
    """
    arriving = _arriving(graph, dt_s)
    entry, exit_ = (
        next(name for name, node in graph.nodes.items() if isinstance(node, kind))
        for kind in (nir.Input, nir.Output)
    )
    chain = _chain(graph, arriving, entry)
    _check_output(graph, arriving[exit_], exit_, chain[-1] if chain else entry, entry)
    shape = _image(output_shape(graph.nodes[entry]))
    layers: list[FloatLayer] = []
    notes: list[str] = []
    for name in chain:
        before = layers[-1].shape if layers else shape
        try:
            step = dynamics(graph.nodes[name], dialect, dt_s, name)
            layers.append(_layer(name, arriving[name], step, before))
        except InputError as error:
            raise _named(name, error) from None
        notes.extend(_notes(layers[-1], arriving[name]))
    return FloatNetwork(layers, shape, dt_s, notes)


def _named(name: str, error: InputError) -> InputError:
    """Return the error with the name of its node, in printable characters."""
    message = str(error).replace(name, shown(name)) if name else str(error)
    named = f"node {shown(name)}" in message or message.startswith("node ")
    return InputError(message if named else f"node '{shown(name)}': {message}")


def _arriving(graph: nir.NIRGraph, dt_s: float | None) -> dict[str, Affine]:
    """Return what reaches every node but the Input."""
    cut = delayed(graph)
    leaders: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for one, other in graph.edges:
        leaders[other].append(one)
    arriving: dict[str, Affine] = {}
    leaving: dict[str, Affine] = {}
    for name in order(graph):
        node = graph.nodes[name]
        parts = [
            Affine({(one, (one, name) in cut): maps.identity(output_shape(graph.nodes[one]))})
            if isinstance(graph.nodes[one], (nir.Input, *NEURONS))
            else leaving[one]
            for one in leaders[name]
        ]
        try:
            if parts:
                arriving[name] = _sum(parts)
            if type(node) in LINEAR:
                leaving[name] = _applied(node, name, arriving[name], dt_s)
        except InputError as error:
            raise _named(name, error) from None
    return arriving


def _sum(parts: list[Affine]) -> Affine:
    sources: dict[Source, Map] = {}
    nodes: dict[Source, tuple[str, ...]] = {}
    bias = None
    for part in parts:
        for key, map_ in part.sources.items():
            sources[key] = maps.summed(sources[key], map_) if key in sources else map_
            nodes[key] = tuple(dict.fromkeys((*nodes.get(key, ()), *part.nodes.get(key, ()))))
        if part.bias is not None:
            bias = part.bias if bias is None else bias + part.bias
    held = dict.fromkeys(name for part in parts for name in part.held)
    return Affine(sources, bias, nodes, tuple(held))


# Linear nodes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """One linear node: what it does to a map and to a constant."""

    map_: Callable[[Map], Map]
    constant: Callable[[FloatArray], FloatArray]
    bias: FloatArray | None = None


def _applied(node: Any, name: str, before: Affine, dt_s: float | None) -> Affine:
    step = LINEAR[type(node)](node, dt_s)
    sources = {key: step.map_(map_) for key, map_ in before.sources.items()}
    bias = None if before.bias is None else step.constant(before.bias)
    if step.bias is not None and step.bias.any():
        bias = step.bias if bias is None else bias + step.bias
    nodes = {
        key: before.nodes.get(key, ()) + (() if isinstance(node, nir.Flatten) else (name,))
        for key in sources
    }
    holds = isinstance(node, nir.Delay) and node.delay.any() and before.bias is not None
    return Affine(sources, bias, nodes, (*before.held, name) if holds else before.held)


def _linear(node: Any, dt_s: float | None) -> _Step:
    return _Step(
        lambda map_: maps.times_matrix(map_, node.weight),
        lambda bias: node.weight @ bias.reshape(-1),
        np.asarray(node.bias) if isinstance(node, nir.Affine) else None,
    )


def _scale(node: Any, dt_s: float | None) -> _Step:
    return _Step(lambda map_: maps.scaled(map_, node.scale), lambda bias: bias * node.scale)


def _flatten(node: Any, dt_s: float | None) -> _Step:
    shape = output_shape(node)
    return _Step(lambda map_: replace(map_, shape=shape), lambda bias: bias.reshape(shape))


def _delay(node: Any, dt_s: float | None) -> _Step:
    """Return a Delay in whole steps.

    Raises:
        InputError: when the delay is not a whole number of steps or longer than a synapse holds.
    """
    if dt_s is None and node.delay.any():
        raise InputError("its delay is in seconds and the time step is unknown; set dt")
    steps = np.asarray(node.delay) / (dt_s or 1.0)
    whole = np.round(steps)
    wrong = np.abs(steps - whole) > DELAY_TOLERANCE * np.maximum(1, whole)
    if wrong.any():
        raise InputError(
            f"its delay of {np.ravel(node.delay)[wrong.ravel()][0]:g} s is "
            f"{np.ravel(steps)[wrong.ravel()][0]:g} steps of {dt_s:g} s; delays must be whole steps"
        )
    if whole.max() > loihi.DELAY_MAX:
        raise InputError(
            f"its delay is {whole.max():g} steps; Loihi's limit is {loihi.DELAY_MAX}, so take a "
            "longer time step"
        )
    return _Step(lambda map_: maps.later(map_, whole.astype(np.int64)), lambda bias: bias)


def _conv(node: Any, dt_s: float | None) -> _Step:
    weight, image, shape = node.weight, _image(input_shape(node)), output_shape(node)
    if isinstance(node, nir.Conv1d):
        weight = weight[:, :, None]
        pairs = ((1, node.stride), (0, node.padding), (1, node.dilation))
    else:
        pairs = (tuple(node.stride), tuple(node.padding), tuple(node.dilation))
    stride, padding, dilation = pairs
    geometry = Geometry(image, weight.shape[2:], stride, padding, dilation, node.groups)
    bias = node.bias.reshape(-1, *[1] * (len(shape) - 1))
    return replace(_convolution(weight, geometry, shape), bias=np.broadcast_to(bias, shape))


def _pool(node: Any, dt_s: float | None) -> _Step:
    """Return a pool as a convolution of each channel; an average counts the zeros of the padding.

    So does PyTorch by default, and the exporters of the frameworks support nothing else.
    """
    kernel, stride, padding = (
        tuple(np.ravel(values).tolist()) for values in (node.kernel_size, node.stride, node.padding)
    )
    image = input_shape(node)
    value = 1 / math.prod(kernel) if isinstance(node, nir.AvgPool2d) else 1.0
    geometry = Geometry(image, kernel, stride, padding, groups=image[0])
    return _convolution(np.full((image[0], 1, *kernel), value), geometry, output_shape(node))


def _convolution(weight: FloatArray, geometry: Geometry, shape: Shape) -> _Step:
    def constant(bias: FloatArray) -> FloatArray:
        image = bias.reshape(1, *geometry.input_shape)
        return maps.convolve(image, weight, geometry).reshape(shape)

    return _Step(lambda map_: maps.times_kernel(map_, weight, geometry, shape), constant)


LINEAR: Final[Mapping[type, Callable[[Any, float | None], _Step]]] = {
    nir.Affine: _linear,
    nir.Linear: _linear,
    nir.Scale: _scale,
    nir.Flatten: _flatten,
    nir.Delay: _delay,
    nir.Conv1d: _conv,
    nir.Conv2d: _conv,
    nir.SumPool2d: _pool,
    nir.AvgPool2d: _pool,
}
"""Type of a linear node -> what it does."""


def _image(shape: Shape) -> Shape:
    """Return (channels, height, width) for (channels, length), and (elements,) for four axes."""
    if len(shape) > 3:
        return (math.prod(shape),)
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


# The chain of neurons -----------------------------------------------------------------------------


def _chain(graph: nir.NIRGraph, arriving: Mapping[str, Affine], entry: str) -> list[str]:
    """Return the neurons in the order of the chain that they must form.

    Raises:
        InputError: when a neuron has two sources or a source two neurons.
    """
    after: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if not isinstance(node, NEURONS):
            continue
        sources = {source for source, _ in arriving[name].sources} - {name}
        if len(sources) != 1:
            listed = " and ".join(f"'{shown(each)}'" for each in sorted(sources)[:3]) or "no other"
            raise InputError(
                f"node '{shown(name)}' gets spikes of {listed}; a layer has one source, so "
                "remove connections that skip neurons or lead back over several"
            )
        (source,) = sources
        if source in after:
            raise InputError(
                f"node '{shown(source)}' feeds both '{shown(after[source])}' and '{shown(name)}'; "
                "branches over neurons are not supported, so join them to one layer of neurons"
            )
        after[source] = name
    chain = [entry]
    while chain[-1] in after:
        chain.append(after[chain[-1]])
    for name in chain[1:-1]:
        if isinstance(graph.nodes[name], SILENT):
            raise InputError(
                f"node '{shown(name)}' is {type(graph.nodes[name]).__name__}, which has no "
                "spikes, before other neurons; Loihi sends spikes only, so use it as the last "
                "layer, or a LIF, CubaLIF or IF"
            )
    return chain[1:]


def _check_output(graph: nir.NIRGraph, arriving: Affine, exit_: str, last: str, entry: str) -> None:
    """Raise InputError unless the Output gets what the last neurons emit."""
    between = [name for names in arriving.nodes.values() for name in names]
    linear = f"node '{shown(between[-1])}'" if between else ""
    sources = {source for source, _ in arriving.sources}
    if last == entry:
        raise InputError(
            f"{linear or f'node {shown(exit_)!r}'} gets the Input with no neuron on the way; add "
            "neurons, such as a LIF, or an LI to read a voltage"
        )
    if sources != {last}:
        names = " and ".join(f"'{shown(each)}'" for each in sorted(sources)[:3])
        raise InputError(
            f"node '{shown(exit_)}' gets the output of {names}; on Loihi it is that of the last "
            f"neurons, '{shown(last)}', only, so lead no other there"
        )
    if linear:
        raise InputError(
            f"{linear} lies between the last neurons, '{shown(last)}', and the Output; add neurons "
            "behind it, such as a LIF, or an LI to read a voltage"
        )


# Layers -------------------------------------------------------------------------------------------


def _layer(name: str, arriving: Affine, step: Dynamics, before: Shape) -> FloatLayer:
    """Return the layer of a neuron: a convolution where one holds the map, else a matrix.

    Args:
        name: name of the neuron node.
        arriving: what reaches it.
        step: its dynamics.
        before: shape of the layer before it, or of the input.
    """
    main, recurrent = _main_and_recurrent(name, arriving.sources)
    kernel = maps.as_convolution(main, before) if recurrent is None else None
    bias = np.zeros(1) if arriving.bias is None else arriving.bias.reshape(-1)
    geometry = None if kernel is None or kernel.delay.any() else kernel.geometry
    if kernel is not None and geometry is not None and geometry.input_shape == before:
        table = bias.reshape(len(kernel.weight), -1) if bias.size > 1 else bias[None]
        bias = table[:, 0] if (table == table[:, :1]).all() else bias
        return FloatLayer(
            name, kernel.weight, step, bias, input_shape=before, stride=geometry.stride,
            padding=geometry.padding, dilation=geometry.dilation, groups=geometry.groups,
        )  # fmt: skip
    matrix = maps.as_matrix(main)
    layer = FloatLayer(name, matrix.weight, step, bias, delay=_held(matrix))
    if recurrent is None:
        return layer
    matrix = maps.as_matrix(recurrent)
    return replace(layer, recurrent=matrix.weight, recurrent_delay=_held(matrix))


def _main_and_recurrent(name: str, sources: Mapping[Source, Map]) -> tuple[Map, Map | None]:
    """Return the map from the neurons before a node, and the one from itself."""
    main: Map | None = None
    for (source, late), map_ in sources.items():
        if source != name:
            part = maps.later(map_, np.ones(1, np.int64)) if late else map_
            main = part if main is None else maps.summed(main, part)
    assert main is not None  # checked for the chain
    return main, sources.get((name, True))


def _held(matrix: Map) -> NDArray[np.int64]:
    """Return the delays of a matrix, which one synapse must hold."""
    if matrix.delay.max() > loihi.DELAY_MAX:
        raise InputError(
            f"the delays before it add up to {matrix.delay.max()} steps; Loihi's limit is "
            f"{loihi.DELAY_MAX}, so shorten them or take a longer time step"
        )
    return matrix.delay


def _notes(layer: FloatLayer, arriving: Affine) -> list[str]:
    """Return what was folded into a layer, one sentence each."""
    notes = []
    sizes = "x".join(map(str, layer.weight.shape))
    kind = "convolution" if layer.convolution else "matrix"
    names = [
        f"'{shown(name)}'"
        for (source, _), names in arriving.nodes.items()
        if source != layer.name
        for name in names
    ]
    if len(names) > 1:
        notes.append(
            f"{', '.join(names[:-1])} and {names[-1]} are one {kind} of {sizes} before "
            f"'{shown(layer.name)}'"
        )
    if arriving.held:
        notes.append(
            f"the constant that reaches '{shown(layer.name)}' through the Delay "
            f"'{shown(arriving.held[0])}' acts from the first step on, not after the delay"
        )
    return notes
