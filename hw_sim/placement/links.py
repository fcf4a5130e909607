"""Who sends to which neurocores: the links between the layers of a placed network.

Layer 0 listens to the host; what the host reads the last layer sends. The host is taken to sit at
the first tile of the first chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hw_sim.placement.blocks import reach
from hw_sim.placement.mesh import Places
from hw_sim.placement.place import LayerPlacement, Placement
from models.layers import ConvLayer, InputLayer, Layer


@dataclass(frozen=True, eq=False)
class Targets:
    """What is to be counted of the spikes of some senders, as pairs of sender and target.

    Attributes:
        start: where the pairs of each sender begin, int64 (senders + 1,).
        target: of each pair, int64 (pairs,).
        weight: synapses of each pair, int32 (pairs,).
        count: how many targets there are.
        own: the first so many targets are the senders' own neurocores.
    """

    start: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.int32]
    count: int
    own: int


def targets(placement: Placement, index: int) -> Targets:
    """Return what is counted of what layer `index` - 1 sends, of the input for 0.

    First come the neurocores that send; then those of layer `index` that a spike reaches, if that
    is a convolution, or one target for all of them. What drives an input layer reaches none.
    """
    layers = placement.network.layers
    senders = layers[0].senders if index == 0 else layers[index - 1].neurons
    pairs = [np.zeros((3, 0), np.int64)]
    own = 0
    if index > 0:
        blocks = placement.layers[index - 1].blocks
        own = blocks.count
        every = np.arange(senders)
        pairs.append(np.stack([every, blocks.of_neuron(), np.ones(senders, np.int64)]))
    count = own
    if index < len(layers):
        reached = reached_by(layers[index], placement.layers[index], senders)
        pairs.append(reached + np.array([[0], [own], [0]]))
        count += groups_of(layers[index], placement.layers[index])
    sender, target, weight = np.concatenate(pairs, axis=1)
    order = np.argsort(sender, kind="stable")
    start = np.searchsorted(sender[order], np.arange(senders + 1)).astype(np.int64)
    return Targets(start, target[order], weight[order].astype(np.int32), count, own)


def groups_of(layer: Layer, placed: LayerPlacement) -> int:
    """Return how many parts of a layer's neurocores differ in what reaches them."""
    if isinstance(layer, InputLayer):
        return 0
    return placed.neurocores if isinstance(layer, ConvLayer) else 1


def reached_by(layer: Layer, placed: LayerPlacement, senders: int) -> NDArray[np.int64]:
    """Return what each sender reaches of a layer, as rows sender, group and synapses, (3, pairs).

    A spike to a dense layer reaches all neurocores alike: one group, and a synapse a neuron, which
    are not counted here since neurocores may hold different numbers of neurons.
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
    who, block, _ = reached_by(layers[index], placed, len(sent))
    pair = source[who] * len(reader.x) + core[block]
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
