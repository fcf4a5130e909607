"""The integer network that exporters, simulators and reports take.

A `QuantizedNetwork` is immutable data: frozen layers, integers only, read-only arrays, validated at
construction.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from neurodeploy.models import display, loihi
from neurodeploy.models.arrays import checked_integer
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.graph import INPUT, Connection, Population, check_connections, groups
from neurodeploy.models.layers import (
    LAYERS,
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    graph_of,
    layer_of,
    max_delay,
    weights_of,
)
from neurodeploy.models.neurons import NEURONS, CubaLif, Delta, Sigma, SigmaDelta
from neurodeploy.models.old_names import renamed
from neurodeploy.models.synapses import Conv, Dense, Drive, Shape, is_wide, set_fields

__all__ = [
    "Readout", "ConvLayer", "CubaLif", "Delta", "DenseLayer", "InputLayer", "Layer",
    "QuantizedNetwork", "RecurrentLayer", "Sigma", "SigmaDelta", "TaskDescription",
]  # fmt: skip

LAYERS_SHOWN: Final = 8
"""Maximum number of layers in the `repr` of a network."""

Readout: TypeAlias = Literal["spikes", "voltage", "values"]


@dataclass(frozen=True, repr=False)
class TaskDescription(Shown):
    """The task that a network was trained for: how to encode signals and interpret outputs.

    Attributes:
        name: key of the task registry, or "" when unknown.
        encoder: the spike encoder's name and parameters, as JSON values.
        class_names: one name per output.
        num_steps: time steps per sample.
        dt_ms: duration of a time step in milliseconds.

    Examples:
        >>> neurodeploy.TaskDescription(class_names=("rest", "move"), dt_ms=20.0).dt_ms
        20.0
    """

    name: str = ""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    num_steps: int | None = None
    dt_ms: float | None = None

    def __post_init__(self) -> None:
        texts = (self.name, *self.class_names)
        numbers = (("num_steps", self.num_steps, int), ("dt_ms", self.dt_ms, (int, float)))
        if isinstance(self.class_names, str) or not all(isinstance(t, str) for t in texts):
            raise InputError(f"the task's name and class names are {texts}; give texts")
        for name, value, kind in numbers:
            if value is not None and not (isinstance(value, kind) and value > 0):
                raise InputError(f"{name} is {value!r}; give a number over 0")
        object.__setattr__(self, "encoder", MappingProxyType(dict(self.encoder)))
        object.__setattr__(self, "class_names", tuple(self.class_names))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "name": self.name,
            "encoder": dict(self.encoder),
            "class_names": list(self.class_names),
            "num_steps": self.num_steps,
            "dt_ms": self.dt_ms,
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> TaskDescription:
        """Return the task from the output of `as_dict`, of this or an earlier release.

        Raises:
            InputError: when a field is missing, unknown or of another type.
        """
        try:
            values = renamed({**values, "class_names": values["class_names"]}, "task")
            task = TaskDescription(**values)
            json.dumps(task.as_dict(), allow_nan=False)
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(f"the task description is damaged ({error})") from None
        return task


@dataclass(frozen=True, eq=False, repr=False)
class QuantizedNetwork(Shown):
    """A spiking network with integer parameters: populations of neurons and their connections.

    A spike sent at step t arrives at t + 1 + delay. What arrives from all connections adds up.
    Several connections may join the same two populations, and populations may form cycles.

    Attributes:
        populations: in topological order, those of a cycle behind one another.
        connections: ordered by target, then by source.
        output: name of the population that is read out.
        task: what the network was trained for.
        provenance: origin of the network (versions, seed, source) as JSON; not in the digest.
        input_shape: (channels,) or (channels, height, width); that of the first connection from the
            input by default.
        message_bits: bits of graded input spikes, up to 24; 0 for binary spikes.
        neurons_per_output: consecutive output neurons whose mean is one output, as in lava-dl's
            `average` layer.

    A time step lasts `task.dt_ms` milliseconds; if that is None, rates per second are unknown.

    Examples:
        A chain, from arrays:

        >>> neuron = neurodeploy.CubaLif(current_decay=4096, voltage_decay=128, threshold=64)
        >>> hidden = neurodeploy.DenseLayer([[70, 0], [0, 70], [40, 40]], neuron)
        >>> output = neurodeploy.DenseLayer([[90, 0, 20], [0, 90, 20]], neuron, delay=[[0, 3, 1]])
        >>> about = neurodeploy.TaskDescription(class_names=("left", "right"), dt_ms=10.0)
        >>> network = neurodeploy.QuantizedNetwork.chain([hidden, output], about)
        >>> network.inputs, network.outputs, [each.delay_kind for each in network.connections]
        (2, 2, ['none', 'axonal'])
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            populations: Sequence[Population],
            connections: Sequence[Connection],
            output: str,
            task: TaskDescription = ...,
            provenance: Mapping[str, Any] = ...,
            input_shape: Sequence[int] = (),
            message_bits: int = 0,
            neurons_per_output: int = 1,
        ) -> None: ...

    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    output: str
    task: TaskDescription = TaskDescription()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    input_shape: Shape = ()
    message_bits: int = 0
    neurons_per_output: int = 1

    @staticmethod
    def chain(
        layers: Sequence[Layer],
        task: TaskDescription = TaskDescription(),
        provenance: Mapping[str, Any] = MappingProxyType({}),
        input_shape: Sequence[int] = (),
        message_bits: int = 0,
        neurons_per_output: int = 1,
    ) -> QuantizedNetwork:
        """Return the network of layers in a row, populations "0", "1", ...

        Args:
            layers: in the order of the data; the inputs of a layer are the neurons of the one
                before.
            task: like the others, as in the class.
        """
        if not isinstance(layers, (list, tuple)):
            raise InputError(
                f"layers is a {type(layers).__name__}; give a list of layers, as in "
                "QuantizedNetwork.chain([layer])"
            )
        _check_chain(layers)
        populations, connections = graph_of(layers)
        return QuantizedNetwork(
            populations,
            connections,
            populations[-1].name,
            task,
            provenance,
            input_shape,
            message_bits,
            neurons_per_output,
        )

    def __post_init__(self) -> None:
        for name, kind in (("populations", Population), ("connections", Connection)):
            values = getattr(self, name)
            if not (isinstance(values, (list, tuple)) and all(isinstance(x, kind) for x in values)):
                raise InputError(
                    f"{name} is not a list of {kind.__name__} objects; use "
                    "QuantizedNetwork.chain for layers"
                )
        if not isinstance(self.task, TaskDescription):
            raise InputError(f"the task is {self.task!r}; give a TaskDescription")
        self._set_graph()
        bits = checked_integer(self.message_bits, 0, loihi.MESSAGE_BITS_MAX, "message_bits")
        last = self._output.neurons
        size = checked_integer(self.neurons_per_output, 1, last, "neurons_per_output")
        set_fields(
            self,
            provenance=MappingProxyType(dict(self.provenance)),
            message_bits=bits,
            neurons_per_output=size,
        )
        self._check_ends()

    def _set_graph(self) -> None:
        """Check populations and connections, and order them."""
        names = [each.name for each in self.populations]
        by_name = dict(zip(names, self.populations))
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"two populations are named {name!r}; give each its own name")
        if self.output not in by_name:
            raise InputError(f"the output is {self.output!r}, which is no population; add it")
        first = [each.synapse.input_shape for each in self.connections if each.source == INPUT]
        if not first:
            raise InputError("no connection comes from the input; add one")
        shape = tuple(self.input_shape) or max(first, key=len)
        check_connections(by_name, self.connections, shape)
        order = [name for group in self.groups for name in group]
        place = {name: index for index, name in enumerate([INPUT, *order])}
        ordered = sorted(self.connections, key=lambda x: (place[x.target], place[x.source]))
        populations = tuple(by_name[name] for name in order)
        set_fields(self, populations=populations, connections=tuple(ordered), input_shape=shape)

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the populations in topological order, those of a cycle as one group."""
        arrows: dict[str, list[str]] = {each.name: [] for each in self.populations}
        for each in self.connections:
            if each.source != INPUT:
                arrows[each.source].append(each.target)
        return groups(list(arrows), arrows)

    def population(self, name: str) -> Population:
        """Return the population of a name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Population]:
        return {each.name: each for each in self.populations}

    def into(self, name: str) -> tuple[Connection, ...]:
        """Return the connections that lead to a population, its own last."""
        return self._into[name]

    @cached_property
    def _into(self) -> dict[str, tuple[Connection, ...]]:
        into: dict[str, list[Connection]] = {each.name: [] for each in self.populations}
        for each in sorted(self.connections, key=lambda x: x.source == x.target):
            into[each.target].append(each)
        return {name: tuple(found) for name, found in into.items()}

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The network as a chain of layers.

        Raises:
            InputError: if it is no chain.
        """
        if self.output != self.populations[-1].name:
            raise InputError(
                f"the output is {self.output!r}, and this takes a chain, whose output is its last "
                f"population, {self.populations[-1].name!r}"
            )
        source, layers = INPUT, list[Layer]()
        for each in self.populations:
            into, layer = self.into(each.name), self.as_layer(each.name)
            if layer is None or into[0].source != source:
                raise InputError(
                    f"{into[-1].title} makes the network a graph, and this takes a chain: "
                    "populations in a row, each with synapses from the one before and at most "
                    "dense ones of its own"
                )
            layers.append(layer)
            source = each.name
        return tuple(layers)

    def as_layer(self, name: str) -> Layer | None:
        """Return a population as a layer of a chain, or None if none has its connections."""
        return self._as_layers[name]

    @cached_property
    def _as_layers(self) -> dict[str, Layer | None]:
        return {each.name: layer_of(each, self.into(each.name)) for each in self.populations}

    @cached_property
    def is_chain(self) -> bool:
        """Whether the network is a chain of layers."""
        try:
            return bool(self.layers)
        except InputError:
            return False

    def with_layers(self, layers: Sequence[Layer]) -> QuantizedNetwork:
        """Return a chain with other layers and the same task, provenance and input."""
        _check_chain(layers)
        populations, connections = graph_of(layers)
        output = populations[-1].name
        return replace(self, populations=populations, connections=connections, output=output)

    def synapses_per_weight(self, name: str) -> int:
        """Return the synapses that store one weight into a population.

        2 if a weight of one of its connections exceeds -256..255: both are synapses from the same
        sender to the same neuron, in two groups with exponents of their own; see `weight_parts`.
        """
        kinds = (each.synapse for each in self.into(name))
        return 1 + any(is_wide(x.weight) for x in kinds if not isinstance(x, Drive))

    @property
    def output_index(self) -> int:
        """Index of the output among the populations."""
        return list(self._by_name).index(self.output)

    @property
    def _output(self) -> Population:
        return self.population(self.output)

    def __repr__(self) -> str:
        """Return one line for the network and one per layer or population."""
        shape = "x".join(map(str, self.input_shape))
        neurons = sum(each.neurons for each in self.populations)
        weights = sum(each.synapse.count for each in self.connections)
        name = f"{self.task.name}, " if self.task.name else ""
        lines = [
            f"QuantizedNetwork({name}input {shape}, {self.outputs:,} outputs, {neurons:,} neurons, "
            f"{weights:,} weights)",
            *(f"  {text}" for text in self._described()[:LAYERS_SHOWN]),
        ]
        more = len(self.populations) - LAYERS_SHOWN
        return "\n".join([*lines, *[f"  ... {more} more layers"] * (more > 0)])

    def _described(self) -> list[str]:
        """Return a line per layer of a chain, or per population of a graph."""
        if self.is_chain:
            return [f"{index} {describe_layer(layer)}" for index, layer in enumerate(self.layers)]
        sources: dict[str, list[str]] = {each.name: [] for each in self.populations}
        for each in self.connections:
            sources[each.target].append(each.source)
        return [
            f"{each.name}: {'x'.join(map(str, each.shape))} {NEURONS[type(each.neuron)]}, "
            f"from {', '.join(sources[each.name])}"
            for each in self.populations
        ]

    def _check_ends(self) -> None:
        neurons = self._output.neurons
        if neurons % self.neurons_per_output:
            raise InputError(
                f"neurons_per_output is {self.neurons_per_output}, which does not divide the "
                f"{neurons} output neurons"
            )
        if self.task.class_names and len(self.task.class_names) != self.outputs:
            raise InputError(
                f"the network has {self.outputs} outputs for {len(self.task.class_names)} "
                "classes; the numbers must agree"
            )

    def save(self, path: str | PurePath, *, dialect: str | None = None) -> None:
        """Write the network to a netx or NIR file, as `neurodeploy.save` does."""
        display.import_function(display.SAVE[0])(self, path, dialect=dialect)

    @property
    def digest(self) -> str:
        """The sha256 of the content, 64 hexadecimal digits.

        It covers populations, connections, input and task, not the provenance or the bytes of a
        file. New releases do not change the digest of a network.
        """
        task = self.task.as_dict()
        task["steps"] = task.pop("num_steps")  # its name when the digest was defined
        sha = hashlib.sha256(json.dumps(task, sort_keys=True).encode())
        sha.update(f"{self.input_shape} {self.message_bits} {self.neurons_per_output}".encode())
        for part in self.layers if self.is_chain else (*self.populations, *self.connections):
            _add_content(sha, part)
        sha.update(b"" if self.is_chain else self.output.encode())
        return sha.hexdigest()

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Number of outputs: output neurons, or groups of `neurons_per_output` of them."""
        return self._output.neurons // self.neurons_per_output

    @property
    def readout(self) -> Readout:
        """How the output population is read.

        "spikes": the number of spikes per sample. "voltage": the voltage after the last step, in a
        layer that never fires (netx's layer without neurons). "values": the graded spikes of the
        last step, in a layer of sigma or delta neurons.
        """
        neuron = self._output.neuron
        if not isinstance(neuron, CubaLif):
            return "values"
        return "voltage" if neuron.threshold == loihi.THRESHOLD_NEVER else "spikes"


def describe_layer(layer: Layer) -> str:
    """Return a description of a layer: kind, shape, neurons, range of the weights, delays."""
    shape = "x".join(map(str, layer.shape))
    neurons = f"{LAYERS[type(layer)]}: {shape} {NEURONS[type(layer.neuron)]}"
    arrays = weights_of(layer)
    weights = []
    if arrays:
        low, high = min(w.min() for w in arrays), max(w.max() for w in arrays)
        weights = [f"{layer.synapses:,} weights {low}..{high}"]
        weights += ["two synapses per weight"] * (layer.synapses_per_weight == 2)
    longest = max_delay(layer)
    delays = [f"{layer.delay_kind} delays to {longest}"] if longest else []
    return ", ".join([neurons, *weights, *delays])


def check_network(network: Any) -> None:
    """Raise InputError unless `network` is a QuantizedNetwork; the message says how to get one."""
    if isinstance(network, QuantizedNetwork):
        return
    kind = type(network).__name__
    way_out = "give a QuantizedNetwork"
    if hasattr(network, "blocks"):
        way_out = "quantize it first, with neurodeploy.quantize(model)"
    elif hasattr(network, "model"):
        way_out = "quantize its model first, with neurodeploy.quantize(run.model)"
    elif isinstance(network, (str, PurePath)):
        way_out = "load it first, with neurodeploy.load(path)"
    raise InputError(f"the network is a {kind}; {way_out}")


def _check_chain(layers: Sequence[Layer]) -> None:
    if not layers:
        raise InputError("the network has no layers; it needs at least one")
    for index, layer in enumerate(layers):
        if not isinstance(layer, tuple(LAYERS)):
            raise InputError(f"layer {index} is a {type(layer).__name__}; give layers only")
    for index, (before, after) in enumerate(pairwise(layers), start=1):
        if isinstance(after, InputLayer) or isinstance(after.neuron, Delta):
            raise InputError(f"layer {index} takes the input; only the first layer can")
        if before.neurons != after.inputs:
            raise InputError(
                f"layer {index} has {after.inputs} inputs but layer {index - 1} has "
                f"{before.neurons} neurons; the sizes must agree"
            )
        if isinstance(after, ConvLayer) and before.shape != after.input_shape:
            raise InputError(
                f"layer {index} convolves images of shape {after.input_shape} but layer "
                f"{index - 1} has shape {before.shape}; the shapes must agree"
            )


def _add_content(sha: Any, item: Any) -> None:
    """Add the type of a layer or neuron and its fields, in order, to the hash."""
    sha.update(type(item).__name__.encode())
    for each in fields(item):
        value = getattr(item, each.name)
        if isinstance(value, np.ndarray):
            sha.update(f"{each.name} {value.shape}".encode())
            sha.update(value.astype("<i4").tobytes())
        elif isinstance(value, (*NEURONS, Dense, Conv, Drive)):
            _add_content(sha, value)
        else:
            sha.update(f"{each.name} {value}".encode())
