"""The messages of a placed network: senders, receiving neurocores, and hops.

A message is a spike that is sent to one neurocore. It reaches all synapses of its sender there,
also if each weight takes two: every synapse in the list of an axon names its own format
(nengo-loihi, `hardware.builder.build_synapse`). The host sends the input to layer 0 and receives
the spikes of the last layer. It is assumed to connect to the first tile of the first chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.blocks import reach
from neurodeploy.hw_sim.placement import LayerPlacement, Placement, Places
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer


@dataclass(frozen=True)
class Traffic:
    """The number of messages and of their hops.

    Attributes:
        messages: number of messages, each a spike to one neurocore or to the host.
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


def traffic(messages: NDArray[np.float64], sender: Places, receiver: Places) -> Traffic:
    """Return the traffic of messages, which are routed east-west first, then north-south.

    Args:
        messages: messages from each sender to each receiver, float (senders, receivers).
        sender: places of the senders.
        receiver: places of the receivers.
    """
    across = np.abs(sender.x[:, None] - receiver.x)
    along = np.abs(sender.y[:, None] - receiver.y)
    other = sender.chip[:, None] != receiver.chip
    return Traffic(
        float(messages.sum()),
        float((messages * across).sum()),
        float((messages * along).sum()),
        float((messages * other).sum()),
    )


def longest_route(
    messages: NDArray[np.float64], sender: Places, receiver: Places
) -> tuple[int, int]:
    """Return the hops (east-west, north-south) of the longest route of any message."""
    across = np.abs(sender.x[:, None] - receiver.x)
    along = np.abs(sender.y[:, None] - receiver.y)
    hops = np.where(messages > 0, across + along, -1)
    where = np.unravel_index(int(hops.argmax()), hops.shape)
    return (int(across[where]), int(along[where])) if hops[where] > 0 else (0, 0)


@dataclass(frozen=True, eq=False)
class Counters:
    """The counters that a spike of each sender increments, as pairs of sender and counter.

    Attributes:
        start: index of the first pair of each sender, int64 (senders + 1,).
        counter: counter of each pair, int64 (pairs,).
        synapses: weights that one spike adds to the counter of each pair, int32 (pairs,).
        words: words of synaptic memory that one spike reads there, int32 (pairs,).
        sending: number of counters of sending neurocores, which come first.
        receiving: number of counters of spikes that arrive, which follow; the others count spikes
            by route.
        routes: messages over each link for one spike of each route; see `routes_of`.
    """

    start: NDArray[np.int64]
    counter: NDArray[np.int64]
    synapses: NDArray[np.int32]
    words: NDArray[np.int32]
    sending: int
    receiving: int
    routes: NDArray[np.int32]

    @property
    def count(self) -> int:
        """Number of counters."""
        return self.sending + self.receiving + len(self.routes)


def counters(placement: Placement, index: int) -> Counters:
    """Return the counters of the spikes of layer `index` - 1, or of the input for 0.

    The counters of the sending neurocores come first, followed by those of the receiving ones: one
    per neurocore of layer `index` if it is a convolution, one in total if it is dense, and none if
    it is an input layer, which receives values. Those of the routes come last.

    Example: neurons 0 and 1 on neurocore A and neuron 2 on B send to a convolution on neurocores C
    and D. C has synapses from neurons 0 and 1, D from neurons 1 and 2, 2 weights per spike.
    Counters 0 and 1 count the spikes of A and B, with their messages; counters 2 and 3 those that
    arrive at C and D; counters 4 to 6 those from A to C, from A to both and from B to D:

        neuron     0       1         2
        counter    0 2 4   0 2 3 5   1 3 6     start = 0, 3, 7, 10
        synapses   1 2 1   2 2 2 1   1 2 1

    Args:
        placement: placement of the network.
        index: index of the receiving layer, or the number of layers for the host.
    """
    layers = placement.network.layers
    senders = layers[0].inputs if index == 0 else layers[index - 1].neurons
    reached, receiving = np.zeros((4, 0), np.int64), 0
    if index < len(layers):
        reached = reached_by(placement, index, senders)
        receiving = parts_of(layers[index], placement.layers[index])
    common, own = common_receivers(placement, index), reached[:, :0]
    if index < len(layers) and isinstance(layers[index], ConvLayer):
        own = reached
    every, one, parts, sending = np.arange(senders), np.ones(senders, np.int64), [], 0
    if index > 0:
        blocks = placement.layers[index - 1].blocks
        sending = blocks.count
        sent = np.bincount(own[0], minlength=senders) + len(common)
        parts.append(np.stack([every, blocks.of_neuron(), sent, one]))
    parts.append(reached + np.array([[0], [sending], [0], [0]]))
    kind, routes = routes_of(placement, index, common, own)
    parts.append(np.stack([every, kind + sending + receiving, one, one]))
    sender, counter, *weights = np.concatenate(parts, axis=1)
    order = np.argsort(sender, kind="stable")
    start = np.searchsorted(sender[order], np.arange(senders + 1)).astype(np.int64)
    synapses, words = (each[order].astype(np.int32) for each in weights)
    return Counters(start, counter[order], synapses, words, sending, receiving, routes)


def common_receivers(placement: Placement, index: int) -> NDArray[np.int64]:
    """Return the neurocores that receive every spike of layer `index` - 1, int64 (neurocores,).

    They are those of a dense layer `index`, and those of layer `index` - 1 itself if it is
    recurrent. The host counts as neurocore 0. A convolution has none: see `reached_by`.
    """
    layers, found = placement.network.layers, [np.zeros(0, np.int64)]
    if index == len(layers):
        found.append(np.zeros(1, np.int64))
    elif not isinstance(layers[index], (ConvLayer, InputLayer)):
        found.append(placement.layers[index].numbers)
    if index > 0 and isinstance(layers[index - 1], RecurrentLayer):
        found.append(placement.layers[index - 1].numbers)
    return np.concatenate(found)


def routes_of(
    placement: Placement, index: int, common: NDArray[np.int64], own: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return which links the spikes of layer `index` - 1, or of the input for 0, cross.

    A spike crosses the links to each of its neurocores by itself: chips without multicast send one
    message to each. Senders of one tile whose spikes go to the same neurocores are of one kind.

    Args:
        placement: placement of the network.
        index: index of the receiving layer, or the number of layers for the host.
        common: neurocores that receive every spike; see `common_receivers`.
        own: the pairs of a convolution; see `reached_by`.

    Returns:
        The kind of every sender, int64 (senders,); and the messages over each link for one spike of
        each kind, int32 (kinds, links), see `link_loads`.
    """
    layers, places = placement.network.layers, placement.places
    core = np.zeros(layers[0].inputs, np.int64)  # the host
    if index > 0:
        placed = placement.layers[index - 1]
        core = placed.blocks.of_neuron() + placed.first
    ends = np.searchsorted(own[0], np.arange(len(core) + 1)).tolist()
    others = (own[1] + placement.layers[index].first if own.size else own[1]).tolist()
    wide = int(places.x.max()) + 1
    sources = (places.y * wide + places.x)[core].tolist()
    kinds: dict[tuple[int, ...], int] = {}
    keys = ((tile, *others[a:b]) for tile, a, b in zip(sources, ends, ends[1:]))
    kind = [kinds.setdefault(key, len(kinds)) for key in keys]
    loads = []
    for source, *some in kinds:
        received = np.zeros((int(places.y.max()) + 1, wide), np.int64)
        for to in (common, some):
            np.add.at(received, (places.y[to], places.x[to]), 1)
        loads.append(link_loads(received, *divmod(source, wide)).reshape(-1))
    return np.array(kind, np.int64), np.array(loads, np.int32)


def link_loads(received: NDArray[np.int64], row: int, column: int) -> NDArray[np.int64]:
    """Return the messages over every link if one tile sends, east-west first, then north-south.

    The link east of column x carries what is received in columns above x, if the sender is not
    further east; in a column, the link south of row y what is received below, and so on.

    Args:
        received: messages that each tile receives, int64 (rows, columns).
        row: row of the sending tile.
        column: its column.

    Returns:
        int64 array (4, rows, columns): the links that leave each tile east, west, south and north.
    """
    loads = np.zeros((4, *received.shape), np.int64)
    y, x = np.ogrid[: received.shape[0], : received.shape[1]]
    across = received.sum(0)
    loads[0, row] = np.where(x >= column, across.sum() - across.cumsum(), 0)
    loads[1, row] = np.where(x <= column, across.cumsum() - across, 0)
    loads[2] = np.where(y >= row, received.sum(0) - received.cumsum(0), 0)
    loads[3] = np.where(y <= row, received.cumsum(0) - received, 0)
    return loads


def parts_of(layer: Layer, placed: LayerPlacement) -> int:
    """Return the number of counters for the spikes that arrive at a layer.

    A convolution has one per neurocore. A dense layer has one in total, since all its neurocores
    receive the same spikes.
    """
    if isinstance(layer, InputLayer):
        return 0
    return placed.neurocores if isinstance(layer, ConvLayer) else 1


def reached_by(placement: Placement, index: int, senders: int) -> NDArray[np.int64]:
    """Return the pairs of senders and counters of layer `index`.

    The rows are sender, counter, synapses and words of synaptic memory. The counters are those of
    `parts_of`, from 0. For a dense layer, synapses and words are 1: the actual numbers depend on
    the neurons of a neurocore.

    Returns:
        int64 array (4, pairs).
    """
    layer = placement.network.layers[index]
    if isinstance(layer, InputLayer):
        return np.zeros((4, 0), np.int64)
    if isinstance(layer, ConvLayer):
        found = reach(layer, placement.layers[index].blocks, placement.chip)
        return np.stack([found.sender, found.block, found.synapses, found.words])
    every = np.arange(senders)
    return np.stack([every, np.zeros_like(every), *np.ones((2, senders), np.int64)])


Flow: TypeAlias = tuple[NDArray[Any], Places, Places]
"""Messages, float (sending tiles, receiving tiles), and the places of both."""


def messages(placement: Placement, index: int, sent: NDArray[np.int64]) -> Flow:
    """Return the messages from the sending tiles to those of layer `index`.

    Args:
        placement: placement of the network.
        index: index of the receiving layer, or the number of layers for the host.
        sent: spikes of each sender, int64 (senders,).
    """
    layers = placement.network.layers
    host = placement.places.at(slice(1))
    source, sender = np.zeros(len(sent), np.int64), host
    if index > 0:
        core, sender = tiles_of(placement, index - 1)
        source = core[placement.layers[index - 1].blocks.of_neuron()]
    if index == len(layers):
        return np.bincount(source, sent.astype(float), len(sender.x))[:, None], sender, host
    core, receiver = tiles_of(placement, index)
    if not isinstance(layers[index], ConvLayer):
        if isinstance(layers[index], InputLayer):  # values are not messages
            sent = np.zeros_like(sent)
        return _to_all(source, sent, core), sender, receiver
    who, part, *_ = reached_by(placement, index, len(sent))
    pair = source[who] * len(receiver.x) + core[part]
    flat = np.bincount(pair, sent[who].astype(float), len(sender.x) * len(receiver.x))
    return flat.reshape(len(sender.x), len(receiver.x)), sender, receiver


def own_messages(placement: Placement, index: int, sent: NDArray[np.int64]) -> Flow:
    """Return the messages of a recurrent layer to its own neurocores; see `messages`."""
    placed = placement.layers[index]
    core, places = tiles_of(placement, index)
    return _to_all(core[placed.blocks.of_neuron()], sent, core), places, places


def tiles_of(placement: Placement, index: int) -> tuple[NDArray[np.int64], Places]:
    """Return the tile of each neurocore of a layer, as an index into the places of its tiles.

    Routes depend on tiles only.
    """
    places = placement.places.at(placement.layers[index].slice)
    number = places.chip * places.tiles + places.tile
    _, first, tile = np.unique(number, return_index=True, return_inverse=True)
    return tile, places.at(first)


def _to_all(
    source: NDArray[np.int64], sent: NDArray[np.int64], core: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the messages between tiles of spikes that go to every neurocore."""
    each = np.bincount(source, sent.astype(float))
    return np.outer(each, np.bincount(core))
