"""The messages of a placed network: who sends to which neurocores, and how far messages go.

A message is a spike on its way to one neurocore. Layer 0 listens to the host; what the host reads
the last layer sends. The host is taken to sit at the first tile of the first chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.blocks import reach
from neurodeploy.hw_sim.placement import LayerPlacement, Placement, Places
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer


@dataclass(frozen=True)
class Traffic:
    """Messages, each a spike on its way to one neurocore, and the ways they take, for one sample.

    Attributes:
        messages: all of them.
        east_west: hops from tile to tile along rows.
        north_south: hops along columns.
        between_chips: messages to another chip.
    """

    messages: float
    east_west: float
    north_south: float
    between_chips: float

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.messages + other.messages,
            self.east_west + other.east_west,
            self.north_south + other.north_south,
            self.between_chips + other.between_chips,
        )

    def __mul__(self, factor: float) -> Traffic:
        return Traffic(
            self.messages * factor,
            self.east_west * factor,
            self.north_south * factor,
            self.between_chips * factor,
        )


NO_TRAFFIC = Traffic(0.0, 0.0, 0.0, 0.0)


def traffic(messages: NDArray[np.float64], sender: Places, reader: Places) -> Traffic:
    """Return the ways of messages that go east-west, then north-south, as the mesh routes them.

    Args:
        messages: from each sender (row) to each reader (column), float (senders, readers).
        sender: places of the senders.
        reader: places of the readers.
    """
    across = np.abs(sender.x[:, None] - reader.x)
    along = np.abs(sender.y[:, None] - reader.y)
    other = sender.chip[:, None] != reader.chip
    return Traffic(
        float(messages.sum()),
        float((messages * across).sum()),
        float((messages * along).sum()),
        float((messages * other).sum()),
    )


def longest_route(messages: NDArray[np.float64], sender: Places, reader: Places) -> tuple[int, int]:
    """Return the hops (east-west, north-south) of the longest way that any message takes."""
    across = np.abs(sender.x[:, None] - reader.x)
    along = np.abs(sender.y[:, None] - reader.y)
    hops = np.where(messages > 0, across + along, -1)
    where = np.unravel_index(int(hops.argmax()), hops.shape)
    return (int(across[where]), int(along[where])) if hops[where] > 0 else (0, 0)


@dataclass(frozen=True, eq=False)
class Counters:
    """Which counters a spike of each sender counts up, as pairs of sender and counter.

    Attributes:
        start: where the pairs of each sender begin, int64 (senders + 1,).
        counter: of each pair, int64 (pairs,).
        synapses: of each pair, what one spike adds to the counter's synapses, int32 (pairs,).
        count: how many counters there are.
        sending: the first so many are one for each neurocore that sends, the rest for what it
            reaches.
    """

    start: NDArray[np.int64]
    counter: NDArray[np.int64]
    synapses: NDArray[np.int32]
    count: int
    sending: int


def counters(placement: Placement, index: int) -> Counters:
    """Return what is to be counted of what layer `index` - 1 sends, of the input for 0.

    First come counters of the neurocores that send, then those of what a spike reaches: each
    neurocore of layer `index` if that is a convolution, one for all of them if it is dense, and
    none if it is an input layer, whose neurons values drive.

    Example: three neurons on two neurocores, 0 and 1 on A and 2 on B, send to a convolution on two
    neurocores, C that reads neurons 0 and 1, and D that reads 1 and 2, each with 2 weights for one
    spike. Counters 0 and 1 are A's and B's spikes, 2 and 3 what arrives at C and D:

        neuron     0     1        2
        counter    0 2   0 2 3    1 3       start = 0, 2, 5, 7
        synapses   1 2   1 2 2    1 2

    Args:
        placement: of the network.
        index: of the layer that reads, or the number of layers for the host.
    """
    layers = placement.network.layers
    senders = layers[0].inputs if index == 0 else layers[index - 1].neurons
    pairs = [np.zeros((3, 0), np.int64)]
    sending = count = 0
    if index > 0:
        blocks = placement.layers[index - 1].blocks
        sending = count = blocks.count
        every = np.arange(senders)
        pairs.append(np.stack([every, blocks.of_neuron(), np.ones(senders, np.int64)]))
    if index < len(layers):
        reached = reached_by(layers[index], placement.layers[index], senders)
        pairs.append(reached + np.array([[0], [sending], [0]]))
        count += parts_of(layers[index], placement.layers[index])
    sender, counter, synapses = np.concatenate(pairs, axis=1)
    order = np.argsort(sender, kind="stable")
    start = np.searchsorted(sender[order], np.arange(senders + 1)).astype(np.int64)
    return Counters(start, counter[order], synapses[order].astype(np.int32), count, sending)


def parts_of(layer: Layer, placed: LayerPlacement) -> int:
    """Return in how many parts a layer's neurocores are counted: those that a spike reaches alike.

    Each neurocore of a convolution is one, all of a dense layer are one together.
    """
    if isinstance(layer, InputLayer):
        return 0
    return placed.neurocores if isinstance(layer, ConvLayer) else 1


def reached_by(layer: Layer, placed: LayerPlacement, senders: int) -> NDArray[np.int64]:
    """Return what each sender reaches of a layer, as rows sender, part and synapses, (3, pairs).

    Parts are those of `parts_of`, from 0. The one part of a dense layer has one synapse here: how
    many there are follows from the neurons, of which neurocores may hold different numbers.
    """
    if isinstance(layer, InputLayer):
        return np.zeros((3, 0), np.int64)
    if isinstance(layer, ConvLayer):
        found = reach(layer, placed.blocks)
        return np.stack([found.sender, found.block, found.synapses])
    every = np.arange(senders)
    return np.stack([every, np.zeros_like(every), np.ones_like(every)])


Flow: TypeAlias = tuple[NDArray[Any], Places, Places]
"""Messages from each tile (row) to each (column), float, and the places of both."""


def messages(placement: Placement, index: int, sent: NDArray[np.int64]) -> Flow:
    """Return the messages from the tiles that send to those of layer `index`.

    Args:
        placement: of the network.
        index: of the layer that reads, or the number of layers for the host.
        sent: spikes of each sender, int64 (senders,).

    Returns:
        Messages, float (senders' tiles, readers' tiles), and the places of both.
    """
    layers = placement.network.layers
    host = placement.places.at(slice(1))
    source, sender = np.zeros(len(sent), np.int64), host
    if index > 0:
        core, sender = tiles_of(placement, index - 1)
        source = core[placement.layers[index - 1].blocks.of_neuron()]
    if index == len(layers):
        return np.bincount(source, sent.astype(float), len(sender.x))[:, None], sender, host
    placed = placement.layers[index]
    core, reader = tiles_of(placement, index)
    if not isinstance(layers[index], ConvLayer):
        driven = isinstance(layers[index], InputLayer)  # by values, which are no messages
        return _to_all(source, sent * (not driven), core), sender, reader
    who, part, _ = reached_by(layers[index], placed, len(sent))
    pair = source[who] * len(reader.x) + core[part]
    flat = np.bincount(pair, sent[who].astype(float), len(sender.x) * len(reader.x))
    return flat.reshape(len(sender.x), len(reader.x)), sender, reader


def own_messages(placement: Placement, index: int, sent: NDArray[np.int64]) -> Flow:
    """Return the messages of a recurrent layer to its own neurocores, like `messages`."""
    placed = placement.layers[index]
    core, places = tiles_of(placement, index)
    return _to_all(core[placed.blocks.of_neuron()], sent, core), places, places


def tiles_of(placement: Placement, index: int) -> tuple[NDArray[np.int64], Places]:
    """Return which of a layer's tiles each of its neurocores is on, and where these tiles are.

    Neurocores of a tile are equally far from all others: ways need no finer account.
    """
    places = placement.places.at(placement.layers[index].slice)
    number = places.chip * places.tiles + places.tile
    _, first, tile = np.unique(number, return_index=True, return_inverse=True)
    return tile, places.at(first)


def _to_all(
    source: NDArray[np.int64], sent: NDArray[np.int64], core: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the messages of spikes that each go to every neurocore, by tiles."""
    each = np.bincount(source, sent.astype(float))
    return np.outer(each, np.bincount(core))
