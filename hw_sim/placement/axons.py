"""The axons of a neurocore: which neurocores a spike goes to, and which senders one listens to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.placement.blocks import Blocks, axis_reach
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer


@dataclass(frozen=True)
class Readers:
    """What takes a layer's spikes beside the layer itself.

    Attributes:
        neurocores: the most that one spike goes to; where they convolve, that the spikes of all
            channels of one place go to.
        convolve: whether they convolve, so that a spike carries its channel.
    """

    neurocores: int
    convolve: bool


def readers_of(layer: Layer, blocks: Blocks) -> Readers:
    """Return `layer` as what takes the spikes of the layer before it.

    Spikes of one channel may not reach the blocks of every group, those of all channels do.
    """
    if not isinstance(layer, ConvLayer):
        return Readers(blocks.count, convolve=False)
    rows, columns = (int((axis_reach(layer, blocks, axis) > 0).sum(1).max()) for axis in (1, 2))
    return Readers(blocks.grid[0] * rows * columns, convolve=True)


def input_axons(layer: Layer, blocks: Blocks) -> int:
    """Return the input axons that a neurocore of `layer` needs at most: one a sender.

    A spike of an image carries its channel, so that a convolution needs one a place of the input
    that its block sees.
    """
    if isinstance(layer, InputLayer):
        return 0
    if isinstance(layer, RecurrentLayer):
        return layer.senders + layer.neurons
    if not isinstance(layer, ConvLayer):
        return layer.senders
    seen = ((axis_reach(layer, blocks, axis) > 0).sum(0).max() for axis in (1, 2))
    return int(math.prod(seen))


def receivers(layer: Layer, blocks: Blocks) -> int:
    """Return the most neurocores of `layer` that one spike goes to: all but in a convolution."""
    if not isinstance(layer, ConvLayer):
        return blocks.count
    reached = ((axis_reach(layer, blocks, axis) > 0).sum(1).max() for axis in range(3))
    return int(math.prod(reached))


def output_axons(layer: Layer, blocks: Blocks, readers: Readers, chip: Chip) -> int:
    """Return the output axons of a neurocore of `layer` at most.

    One a neuron and neurocore that its spike goes to, a recurrent layer's own among them. A spike
    to a convolution carries its channel: all channels of a place of the image share one axon, which
    takes more entries than another.

    Source: nengo-loihi, `split_blocks.split_axon` and `block.Axon.axon_slots`.
    """
    if readers.convolve:
        places = math.prod(blocks.size[1:] if len(blocks.size) == 3 else blocks.size)
        return places * readers.neurocores * chip.limit("population_axon_entries")
    own = receivers(layer, blocks) if isinstance(layer, RecurrentLayer) else 0
    return blocks.neurons * (readers.neurocores + own)
