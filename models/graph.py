"""Populations of neurons and the connections between them, of which a network consists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from numpy.typing import ArrayLike

from neurodeploy.models.arrays import IntArray
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta, arrays_of
from neurodeploy.models.synapses import (
    Conv,
    DelayKind,
    Dense,
    Drive,
    Shape,
    Synapse,
    checked_delay,
    checked_shape,
    kind_of,
    no_delay,
    set_fields,
)

INPUT: Final = "input"
"""The source of a connection that brings the input of the network."""


def check_neuron(neuron: Neuron, shape: Shape) -> None:
    """Raise InputError unless `neuron` has one value, or one per neuron or channel, of each."""
    if not isinstance(neuron, (CubaLif, Delta, SigmaDelta, Sigma)):
        raise InputError(
            f"the neuron is a {type(neuron).__name__}; give one of neurodeploy.models.neurons"
        )
    neurons = math.prod(shape)
    sizes = {1, neurons, shape[0]} if len(shape) == 3 else {1, neurons}
    for name, values in arrays_of(neuron).items():
        if values.size not in sizes:
            raise InputError(f"{name} has {values.size} values for {neurons} neurons")


def check_driven(neuron: Neuron) -> None:
    """Raise InputError unless the input can drive such neurons directly."""
    if not isinstance(neuron, (CubaLif, Delta)):
        raise InputError(
            f"an input layer has {type(neuron).__name__} neurons; give CubaLif or Delta"
        )
    if isinstance(neuron, CubaLif) and neuron.bias.any():
        raise InputError("the input drives the bias of its neurons; give the layer an offset")


@dataclass(frozen=True, eq=False, repr=False)
class Population(Shown):
    """Neurons with the same dynamics.

    Attributes:
        name: unique name within the network.
        neuron: their parameters, one value for all, or one per neuron or channel.
        shape: (neurons,), (height, width) or (channels, height, width).

    Examples:
        >>> neuron = neurodeploy.CubaLif(current_decay=1024, voltage_decay=128, threshold=64)
        >>> neurodeploy.Population("hidden", neuron, (8, 4, 4)).neurons
        128
    """

    if TYPE_CHECKING:

        def __init__(self, name: str, neuron: Neuron, shape: Sequence[int]) -> None: ...

    name: str
    neuron: Neuron
    shape: Shape

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name in ("", INPUT):
            raise InputError(
                f"a population is named {self.name!r}; give a text other than {INPUT!r}"
            )
        set_fields(self, shape=checked_shape(self.shape, (1, 2, 3), "shape"))
        check_neuron(self.neuron, self.shape)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False, repr=False)
class Connection(Shown):
    """Synapses from a population, or from the input, to a population.

    A spike sent at step t arrives at step t + 1 + delay. What arrives at a population from all its
    connections adds up.

    Attributes:
        source: name of a population, or "input".
        target: name of a population; the source itself for recurrence.
        synapse: `Dense`, `Conv`, or, from the input only, `Drive`.
        delay: int8 array that broadcasts to (neurons, inputs), 0..62 time steps. 0: none;
            (1, inputs) or (inputs,): axonal, one per input; (neurons, 1): dendritic, one per
            neuron; (neurons, inputs): synaptic, one per synapse. A convolution takes one number.

    Examples:
        >>> loop = neurodeploy.Connection("a", "a", neurodeploy.Dense([[0, -9], [-9, 0]]), delay=2)
        >>> loop.delay_kind, loop.max_delay
        ('axonal', 2)
    """

    if TYPE_CHECKING:

        def __init__(
            self, source: str, target: str, synapse: Synapse, delay: ArrayLike = 0
        ) -> None: ...

    source: str
    target: str
    synapse: Synapse
    delay: IntArray = field(default_factory=no_delay)

    def __post_init__(self) -> None:
        if not isinstance(self.synapse, (Dense, Conv, Drive)):
            raise InputError(
                f"{self.title} has a {type(self.synapse).__name__} as synapse; give Dense, Conv "
                "or Drive"
            )
        dense = isinstance(self.synapse, Dense)
        shape = (self.synapse.neurons, self.synapse.inputs) if dense else (1, 1)
        set_fields(self, delay=checked_delay(self.delay, shape, "delay"))
        if isinstance(self.synapse, Drive) and (self.source != INPUT or self.delay.any()):
            raise InputError(f"{self.title} is a Drive; only the input drives, without delay")

    @property
    def title(self) -> str:
        """The connection in a message, such as "the connection from 'a' to 'b'"."""
        return f"the connection from {self.source!r} to {self.target!r}"

    @property
    def delay_kind(self) -> DelayKind:
        """Kind of the delays."""
        return kind_of(self.delay)

    @property
    def max_delay(self) -> int:
        """The longest delay in time steps."""
        return int(self.delay.max())


def check_connections(
    populations: Mapping[str, Population], connections: Sequence[Connection], input_shape: Shape
) -> None:
    """Raise InputError unless every connection fits its source and its target.

    Raises:
        InputError: if a name is unknown, sizes disagree, or a population receives nothing.
    """
    driven = [each.target for each in connections if isinstance(each.synapse, Drive)]
    receive = set()
    for each in connections:
        for name in (each.source, each.target):
            if name not in populations and name != INPUT:
                raise InputError(f"{each.title} names {name!r}, which is no population; add it")
        if each.target == INPUT:
            raise InputError(f"{each.title} leads into the input; give a population as target")
        _check_target(each, populations[each.target], driven)
        sent = input_shape if each.source == INPUT else populations[each.source].shape
        _check_source(each, sent)
        receive.add(each.target)
    for name in populations:
        if name not in receive:
            raise InputError(f"population {name!r} receives nothing; connect it or leave it out")


def _check_target(connection: Connection, target: Population, driven: Sequence[str]) -> None:
    synapse, title = connection.synapse, connection.title
    image = isinstance(synapse, Conv)
    if synapse.neurons != target.neurons or (image and synapse.shape != target.shape):
        raise InputError(
            f"{title} has synapses for neurons of shape {synapse.shape}, and the population has "
            f"shape {target.shape}; the shapes must agree"
        )
    if isinstance(target.neuron, Delta) and connection.source != INPUT:
        raise InputError(f"{title} leads to delta neurons, which only the input drives")
    if isinstance(synapse, Drive):
        check_driven(target.neuron)
        if driven.count(target.name) > 1:
            raise InputError(f"{title} drives a population twice; leave one out")
    elif target.name in driven:
        raise InputError(f"{title} joins a population that the input drives; connect the next one")
    elif driven and connection.source == INPUT:
        raise InputError(
            f"{title} takes the input as spikes, and elsewhere it drives neurons; connect it to a "
            "driven population"
        )


def _check_source(connection: Connection, shape: Shape) -> None:
    synapse = connection.synapse
    image = len(synapse.input_shape) > 1
    if math.prod(shape) != synapse.inputs or (image and synapse.input_shape != shape):
        raise InputError(
            f"{connection.title} takes inputs of shape {synapse.input_shape}, and its source has "
            f"shape {shape}; the shapes must agree"
        )


def groups(
    names: Sequence[str], arrows: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], ...]:
    """Return the populations in topological order, those of a cycle as one group.

    Args:
        names: all populations; of two that could come first, the earlier one does.
        arrows: for each population, those that it sends to.
    """
    back: dict[str, list[str]] = {name: [] for name in names}
    for source in names:
        for target in arrows[source]:
            back[target].append(source)
    seen: set[str] = set()
    found: list[tuple[str, ...]] = []
    for name in reversed(_finished(reversed(names), arrows, set())):
        if name not in seen:
            members = set(_finished([name], back, seen))
            found.append(tuple(each for each in names if each in members))
    return tuple(found)


def _finished(
    roots: Iterable[str], arrows: Mapping[str, Sequence[str]], seen: set[str]
) -> list[str]:
    """Return the names that depth-first search reaches, each after all that it leads to."""
    done: list[str] = []
    for root in roots:
        stack = [] if root in seen else [(root, iter(arrows[root]))]
        seen.add(root)
        while stack:
            target = next((each for each in stack[-1][1] if each not in seen), None)
            if target is None:
                done.append(stack.pop()[0])
            else:
                seen.add(target)
                stack.append((target, iter(arrows[target])))
    return done
