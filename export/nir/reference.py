"""Reference simulator of NIR graphs: floats, one step per node, in numpy.

What integers are compared with. In the dialect of a framework it gives this framework's spikes.
A node outside of cycles runs over all time steps at once; the nodes of a cycle run step by step,
and there a neuron hands on its spikes of the step before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, Final

import nir
import numpy as np
from numpy.typing import DTypeLike, NDArray

from neurodeploy.export.nir.dialects import Dialect, dynamics
from neurodeploy.export.nir.graph import NEURONS, components, order, shapes
from neurodeploy.export.nir.graph import delayed as delayed_edges
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import Dynamics
from neurodeploy.models.synapses import Shape

Array = NDArray[Any]
"""Floats of one node over time: (steps, samples, *shape)."""

SAMPLES: Final = 16
"""Samples that run at once, which bounds the memory."""
DELAY_TOLERANCE: Final = 1e-6
"""Allowed distance of a delay from a whole number of steps, as in `folding`."""
IMAGES: Final = 16
"""Images that are convolved at once."""


@dataclass(frozen=True, eq=False, repr=False)
class NodeRun(Shown):
    """Spikes and voltages of a neuron node.

    Attributes:
        spikes: int32 (samples, neurons, steps), number of spikes in each step.
        voltage: float (samples, neurons, steps) after the reset, counted from the voltage of the
            start; None if it was not recorded.
    """

    spikes: NDArray[np.int32]
    voltage: Array | None = None


def simulate(
    graph: nir.NIRGraph,
    inputs: NDArray[Any],
    dialect: Dialect,
    dt_s: float | None,
    *,
    nodes: Collection[str] | None = None,
    voltages: bool = True,
    dtype: DTypeLike = np.float64,
) -> dict[str, NodeRun]:
    """Run a graph and return what its neurons do.

    Args:
        graph: a graph of `graph.read` or `graph.checked`.
        inputs: (samples, *shape, steps), the values of the Input.
        dialect: an entry of `DIALECTS`, with its options.
        dt_s: time step in seconds, see `dialects.time_step`.
        nodes: names of the neuron nodes to record; by default all.
        voltages: whether to record voltages.
        dtype: float64, or float32 to follow a framework where voltages meet thresholds exactly.

    Raises:
        InputError: when the input has another shape, or a node has no meaning in the dialect.
    """
    run = _Graph(graph, dialect, dt_s, np.dtype(dtype))
    if inputs.shape[1:-1] != run.input_shape or not len(inputs):
        raise InputError(
            f"the input has shape {inputs.shape}; it must be (samples, "
            f"{', '.join(map(str, run.input_shape))}, steps)"
        )
    names = [name for name in run.neurons if nodes is None or name in nodes]
    parts: dict[str, list[NodeRun]] = {name: [] for name in names}
    for start in range(0, len(inputs), SAMPLES):
        some = np.moveaxis(inputs[start : start + SAMPLES], -1, 0).astype(run.dtype)
        for name, result in run.run(some, names, voltages=voltages):
            parts[name].append(result)
    return {name: _joined(results) for name, results in parts.items()}


def _joined(results: Sequence[NodeRun]) -> NodeRun:
    voltage = [each.voltage for each in results if each.voltage is not None]
    return NodeRun(
        np.concatenate([each.spikes for each in results]),
        np.concatenate(voltage) if voltage else None,
    )


class _Graph:
    """A graph made ready: groups of nodes in order, and the function of each node."""

    def __init__(
        self, graph: nir.NIRGraph, dialect: Dialect, dt_s: float | None, dtype: np.dtype[Any]
    ) -> None:
        self.dtype = dtype
        self.nodes: Mapping[str, Any] = graph.nodes
        self.edges = [(str(one), str(other)) for one, other in graph.edges]
        self.delayed = delayed_edges(graph)
        self.shapes = shapes(graph)
        self.groups = _groups(graph)
        self.sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for source, target in self.edges:
            self.sources[target].append(source)
        self.neurons: dict[str, Dynamics] = {}
        self.delays: dict[str, NDArray[np.int64]] = {}
        self.functions: dict[str, Callable[[Array], Array]] = {}
        for name, node in self.nodes.items():
            if isinstance(node, nir.Input):
                self.input_shape = self.shapes[name]
            if isinstance(node, NEURONS):
                self.neurons[name] = dynamics(node, dialect, dt_s, name)
            elif isinstance(node, nir.Delay):
                self.delays[name] = delay_steps(node, dt_s, name)
                self.functions[name] = partial(delayed, steps=self.delays[name])
            else:
                self.functions[name] = linear(node, name, dtype)

    def run(
        self, inputs: Array, names: Collection[str], *, voltages: bool
    ) -> Iterator[tuple[str, NodeRun]]:
        """Run some samples: inputs (steps, samples, *shape)."""
        out: dict[str, Array] = {}
        states: dict[str, Array] = {}
        waiting = dict.fromkeys(self.nodes, 0)
        for source, _ in self.edges:
            waiting[source] += 1
        for group in self.groups:
            keep = {name for name in group if voltages and name in names}
            if len(group) > 1 or (group[0], group[0]) in self.delayed:
                self._run_cycle(group, out, states, keep, inputs.shape[:2])
            else:
                self._run_node(group[0], out, states, keep, inputs)
            for name in group:
                if name in names:
                    spikes = out[name] if self.neurons[name].fires else np.zeros_like(out[name])
                    yield name, _recorded(spikes, states.pop(name, None))
                for source in self.sources[name]:
                    waiting[source] -= 1
            for name in [each for each in out if not waiting[each]]:
                del out[name]

    def _run_node(
        self,
        name: str,
        out: dict[str, Array],
        states: dict[str, Array],
        keep: Collection[str],
        inputs: Array,
    ) -> None:
        """Add the output of a node outside of cycles to `out`, and its voltage to `states`."""
        if isinstance(self.nodes[name], nir.Input):
            out[name] = inputs
            return
        x = self._sum(name, out)
        if name not in self.neurons:
            out[name] = self.functions[name](x)
            return
        neurons = Neurons(self.neurons[name], x.shape[1:], self.dtype)
        out[name] = np.empty_like(x)
        if name in keep:
            states[name] = np.empty_like(x)
        for t in range(len(x)):
            out[name][t] = neurons.step(x[t])
            if name in keep:
                states[name][t] = neurons.v

    def _run_cycle(
        self,
        group: Sequence[str],
        out: dict[str, Array],
        states: dict[str, Array],
        keep: Collection[str],
        sizes: Shape,
    ) -> None:
        """Add the outputs of the nodes of cycles to `out`, and voltages to `states`."""
        before = {key: value for key, value in out.items() if key not in group}
        outside = {name: self._sum(name, before) for name in group}
        neurons: dict[str, Neurons] = {}
        held: dict[str, Array] = {}
        for name in group:
            out[name] = np.zeros((*sizes, *self.shapes[name]), self.dtype)
            if name in self.neurons:
                neurons[name] = Neurons(self.neurons[name], out[name].shape[1:], self.dtype)
            if name in self.delays:
                held[name] = np.zeros_like(out[name])
            if name in keep:
                states[name] = np.zeros_like(out[name])
        for t in range(sizes[0]):
            for name in group:
                x = self._now(name, out, outside[name], group, t)
                if name in neurons:
                    out[name][t] = neurons[name].step(x)
                elif name in held:
                    held[name][t] = x
                    out[name][t] = delayed(held[name], self.delays[name], np.array([t]))[0]
                else:
                    out[name][t] = self.functions[name](x[None])[0]
                if name in keep:
                    states[name][t] = neurons[name].v

    def _now(
        self, name: str, out: Mapping[str, Array], outside: Array, group: Collection[str], t: int
    ) -> Array:
        """Return the input of a node of a cycle in step t."""
        x: Array = outside[t] if outside.ndim else outside
        for source in self.sources[name]:
            if source in group:
                step = t - 1 if (source, name) in self.delayed else t
                x = x + out[source][step] if step >= 0 else x + np.zeros_like(out[source][0])
        return x

    def _sum(self, name: str, out: Mapping[str, Array]) -> Array:
        """Return the sum of the outputs that reach a node, or a zero without axes."""
        total: Array = np.zeros((), self.dtype)
        for source in self.sources[name]:
            if source in out:
                total = total + out[source] if total.ndim else out[source]
        return total


def _groups(graph: nir.NIRGraph) -> list[list[str]]:
    """Return the nodes in the order in which they run; the nodes of cycles are one group."""
    component = components(graph.nodes, graph.edges)
    members: dict[str, list[str]] = {}
    for name in order(graph):
        members.setdefault(component[name], []).append(name)
    needs: dict[str, set[str]] = {root: set() for root in members}
    for one, other in graph.edges:
        needs[component[other]] |= {component[one]} - {component[other]}
    return [members[root] for root in TopologicalSorter(needs).static_order()]


class Neurons:
    """The state of a layer of neurons, and its step; see `Dynamics` for the equations.

    Attributes:
        i: current, (samples, *shape).
        v: voltage after the reset, (samples, *shape).
    """

    def __init__(self, dynamics: Dynamics, shape: Shape, dtype: np.dtype[Any]) -> None:
        def values(values: Array) -> Array:
            return values.astype(dtype).reshape(shape[1:] if values.size > 1 else -1)

        self.dynamics = dynamics
        self.current_retention = values(dynamics.current_retention)
        self.input_gain = values(dynamics.input_gain)
        self.voltage_retention = values(dynamics.voltage_retention)
        self.current_gain = values(dynamics.current_gain)
        self.leak = values(dynamics.leak)
        self.threshold = values(dynamics.threshold)
        self.reset_value = values(dynamics.reset_value)
        self.i: Array = np.zeros(shape, dtype)
        self.v: Array = np.zeros(shape, dtype)
        self.spikes: Array = np.zeros(shape, dtype)

    def step(self, x: Array) -> Array:
        """Return the output of one step: spikes, or the voltage of neurons that never fire."""
        self.i = self.current_retention * self.i + self.input_gain * x
        v: Array = self.voltage_retention * self.v + self.current_gain * self.i + self.leak
        if not self.dynamics.fires:
            self.v = v
            return v
        if self.dynamics.reset_delay:
            v = self._reset(v, self.spikes)
            self.spikes = self._fired(v, self.threshold)
            self.v = v
        else:
            self.spikes = self._fired(v, self._limit())
            self.v = self._reset(v, self.spikes)
        return self.spikes

    def _limit(self) -> Array:
        """Return what a voltage must exceed for a spike."""
        if not self.dynamics.overshoot_waits:
            return self.threshold
        return np.asarray(np.where(self.v > self.threshold, 2, 1) * self.threshold, self.v.dtype)

    def _fired(self, v: Array, limit: Array) -> Array:
        fired = v > limit if self.dynamics.strict else v >= limit
        if self.dynamics.multi_spike:
            return np.asarray(np.where(fired, np.floor(v / self.threshold), 0), v.dtype)
        return np.asarray(fired, v.dtype)

    def _reset(self, v: Array, spikes: Array) -> Array:
        if self.dynamics.reset == "subtract":
            return np.asarray(v - spikes * self.threshold, v.dtype)
        if self.dynamics.reset == "value":
            return np.asarray(np.where(spikes > 0, self.reset_value, v), v.dtype)
        return v


def _recorded(spikes: Array, voltage: Array | None) -> NodeRun:
    """Turn (steps, samples, *shape) into (samples, neurons, steps)."""

    def turned(values: Array) -> Array:
        return np.moveaxis(values.reshape(*values.shape[:2], -1), 0, -1)

    return NodeRun(
        np.ascontiguousarray(turned(spikes), np.int32),
        None if voltage is None else np.ascontiguousarray(turned(voltage)),
    )


def delay_steps(node: nir.Delay, dt_s: float | None, name: str) -> NDArray[np.int64]:
    """Return a delay in steps.

    Raises:
        InputError: when it is no whole number of steps, or the time step is unknown.
    """
    delay = np.asarray(node.delay, np.float64)
    if dt_s is None and delay.any():
        raise InputError(f"node {name} delays by seconds, and the time step is unknown; set dt")
    delays = delay / (dt_s or 1.0)
    steps = np.rint(delays)
    off = np.abs(delays - steps)
    if (off > DELAY_TOLERANCE * np.maximum(1, steps)).any():
        worst = float(delay.ravel()[np.argmax(off)])
        raise InputError(
            f"node {name} delays by {worst:g} s, and a step takes {dt_s:g} s; delays must be whole "
            "numbers of steps"
        )
    return steps.astype(np.int64)


def delayed(x: Array, steps: NDArray[np.int64], times: NDArray[Any] | None = None) -> Array:
    """Return x[t - steps] at some times, by default all; zero before the start."""
    flat = x.reshape(*x.shape[:2], -1)
    each = np.broadcast_to(steps.reshape(-1), flat.shape[2:])
    time = (np.arange(len(x)) if times is None else times)[:, None, None] - each
    taken = np.take_along_axis(flat, np.maximum(time, 0), axis=0)
    return np.asarray(np.where(time >= 0, taken, 0).reshape(-1, *x.shape[1:]), x.dtype)


def linear(node: Any, name: str, dtype: DTypeLike) -> Callable[[Array], Array]:
    """Return the function of a checked node without state, for (steps, samples, *shape).

    Raises:
        InputError: when the node is of an unknown type.
    """
    if isinstance(node, nir.Input | nir.Output):
        return lambda x: x
    if isinstance(node, nir.Linear | nir.Affine):
        weight = np.asarray(node.weight, dtype)
        bias = np.asarray(getattr(node, "bias", 0), dtype)
        return lambda x: x @ weight.T + bias
    if isinstance(node, nir.Scale):
        scale = np.asarray(node.scale, dtype)
        return lambda x: x * scale
    if isinstance(node, nir.Flatten):
        shape = tuple(int(size) for size in node.output_type["output"])
        return lambda x: x.reshape(*x.shape[:2], *shape)
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        return partial(_convolved, node, dtype)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        return partial(_pooled, node)
    raise InputError(f"node {name} is {type(node).__name__}, which the reference cannot run")


def _pair(value: Any) -> Shape:
    return tuple(int(each) for each in np.ravel(value))


def _windows(images: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Array:
    """Return views (images, *positions, *kernel, channels) of images (images, *size, channels)."""
    axes = len(kernel)
    images = np.pad(images, [(0, 0), *((pad, pad) for pad in padding), (0, 0)])
    spans = tuple(gap * (size - 1) + 1 for gap, size in zip(dilation, kernel))
    view: Any = np.lib.stride_tricks.sliding_window_view  # its types allow one axis only
    windows: Array = view(images, spans, axis=tuple(range(1, 1 + axes)))
    steps = [slice(None, None, each) for each in (1, *stride, 1, *dilation)]
    return np.moveaxis(windows[tuple(steps)], 1 + axes, -1)


def _convolved(node: Any, dtype: DTypeLike, x: Array) -> Array:
    """Return the convolution, a few images at a time, since the windows of all need much memory."""
    weight = np.moveaxis(np.asarray(node.weight, dtype), 1, -1)  # (outputs, *kernel, inputs)
    axes, groups = weight.ndim - 2, int(np.ravel(node.groups)[0])
    rows = np.split(weight.reshape(len(weight), -1), groups)
    images = np.moveaxis(x.reshape(-1, *x.shape[2:]), 1, -1)
    sizes = [_pair(each) for each in (node.stride, node.padding, node.dilation)]
    parts = []
    for start in range(0, len(images), IMAGES):
        some = np.split(images[start : start + IMAGES], groups, axis=-1)
        views = [_windows(each, weight.shape[1:-1], *sizes) for each in some]
        columns = [each.reshape(*each.shape[: 1 + axes], -1) for each in views]
        parts.append(np.concatenate([c @ r.T for c, r in zip(columns, rows)], axis=-1))
    result = np.moveaxis(np.concatenate(parts) + np.asarray(node.bias, dtype), -1, 1)
    return np.ascontiguousarray(result).reshape(*x.shape[:2], *result.shape[1:])


def _pooled(node: Any, x: Array) -> Array:
    """Return the sums or averages over windows; padding counts as zeros."""
    kernel = _pair(node.kernel_size)
    images = x.reshape(-1, *x.shape[3:], 1)
    windows = _windows(images, kernel, _pair(node.stride), _pair(node.padding), (1, 1))
    count = math.prod(kernel) if isinstance(node, nir.AvgPool2d) else 1
    pooled = windows.sum(axis=(-3, -2, -1)) / count
    return np.asarray(pooled.reshape(*x.shape[:3], *pooled.shape[1:]), x.dtype)
