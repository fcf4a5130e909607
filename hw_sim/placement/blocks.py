"""How a layer is cut into blocks, one a neurocore, and which blocks a spike reaches.

A vector of neurons is cut into runs of equal length. A layer of images is cut as Intel's compiler
cuts PilotNet's: into 2^k columns, each with all rows and channels; where a single column does not
fit, its rows are cut in the same way, then its channels. Blocks at the end of an axis may be
smaller.

Source of the cut: the table "Per core distribution" that the compiler prints in lava-dl 0.6.0,
tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb: blocks of 16, 4, 4, 8, 8 and 16 columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer, Shape


@dataclass(frozen=True)
class Blocks:
    """The blocks of one layer.

    Attributes:
        shape: of the layer, (neurons,) or (channels, height, width).
        size: neurons of a whole block along each axis of `shape`.
    """

    shape: Shape
    size: Shape

    @property
    def grid(self) -> Shape:
        """How many blocks lie along each axis."""
        return tuple(-(-whole // part) for whole, part in zip(self.shape, self.size))

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return math.prod(self.grid)

    @property
    def neurons(self) -> int:
        """Neurons of the largest block, which is the first."""
        return math.prod(self.size)

    def sizes(self) -> list[Shape]:
        """Return the size along each axis of every block, in the order of `of_neuron`."""
        axes = [
            [min(part, whole - start) for start in range(0, whole, part)]
            for whole, part in zip(self.shape, self.size)
        ]
        return list(product(*axes))

    def of_neuron(self) -> NDArray[np.int64]:
        """Return the block of every neuron, int64 (neurons,)."""
        places = np.indices(self.shape)
        parts = [axis // part for axis, part in zip(places, self.size)]
        numbers: NDArray[np.int64] = np.ravel_multi_index(parts, self.grid).reshape(-1)
        return numbers.astype(np.int64)

    def smaller(self, excess: float) -> Blocks:
        """Return the next smaller cut: of images by columns, rows and channels, else into parts.

        Args:
            excess: how many times too much the largest block takes of some budget; a vector is cut
                into so many times more parts, as Intel's compiler does.
        """
        if len(self.shape) == 1:
            parts = min(self.count * max(2, math.ceil(excess)), self.shape[0])
            return Blocks(self.shape, (-(-self.shape[0] // parts),))
        axis = max((axis for axis, part in enumerate(self.size) if part > 1), default=None)
        if axis is None:
            return self
        size = list(self.size)
        size[axis] = 1 << (size[axis] - 1).bit_length() - 1  # the power of two below
        return Blocks(self.shape, tuple(size))


def whole(layer: Layer) -> Blocks:
    """Return the layer in one block."""
    return Blocks(layer.shape, layer.shape)


@dataclass(frozen=True, eq=False)
class Reach:
    """The blocks that a spike of each sender of a convolution reaches, as a list of pairs.

    Attributes:
        sender: of each pair, int64 (pairs,), ascending.
        block: of each pair, int64 (pairs,).
        synapses: weights that the block adds for one spike of the sender, int64 (pairs,), 1 or
            more.
    """

    sender: NDArray[np.int64]
    block: NDArray[np.int64]
    synapses: NDArray[np.int64]


def reach(layer: ConvLayer, blocks: Blocks) -> Reach:
    """Return the blocks that each sender of a convolution reaches.

    Rows, columns and channels are independent of one another: a spike reaches the blocks that are
    reached along all three axes, and the weights multiply.
    """
    axes = [axis_reach(layer, blocks, axis) for axis in range(3)]
    pairs = [np.nonzero(counts) for counts in axes]
    chosen = np.meshgrid(*(np.arange(len(found[0])) for found in pairs), indexing="ij")
    picked = [index.reshape(-1) for index in chosen]
    senders = [found[0][pick] for found, pick in zip(pairs, picked)]
    parts = [found[1][pick] for found, pick in zip(pairs, picked)]
    weights = [counts[s, p] for counts, s, p in zip(axes, senders, parts)]
    sender = np.ravel_multi_index(senders, layer.input_shape).astype(np.int64)
    block = np.ravel_multi_index(parts, blocks.grid).astype(np.int64)
    order = np.lexsort((block, sender))
    return Reach(sender[order], block[order], np.prod(weights, axis=0)[order])


def axis_reach(layer: ConvLayer, blocks: Blocks, axis: int) -> NDArray[np.int64]:
    """Return how many weights of each block a sender meets along one axis.

    Output row o reads input row o * stride + i * dilation - padding through the kernel's row i, and
    columns likewise; an input channel meets the output channels of its group.

    Args:
        layer: a convolution.
        blocks: into which it is cut.
        axis: 0 channels, 1 rows, 2 columns.

    Returns:
        int64 array (input channels, rows or columns; blocks along the axis).
    """
    size = layer.input_shape[axis]
    block = np.arange(layer.shape[axis]) // blocks.size[axis]
    found = np.zeros((size, blocks.grid[axis]), np.int64)
    if axis == 0:
        inputs, outputs = size // layer.groups, layer.shape[0] // layer.groups
        same = np.arange(size)[:, None] // inputs == np.arange(layer.shape[0]) // outputs
        for part in range(blocks.grid[0]):
            found[:, part] = same[:, block == part].sum(1)
        return found
    start = np.arange(layer.shape[axis])[:, None] * layer.stride[axis - 1] - layer.padding[axis - 1]
    reads = start + np.arange(layer.weight.shape[axis + 1]) * layer.dilation[axis - 1]
    inside = (reads >= 0) & (reads < size)
    np.add.at(found, (reads[inside], np.broadcast_to(block[:, None], reads.shape)[inside]), 1)
    return found


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
