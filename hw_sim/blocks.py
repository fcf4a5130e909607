"""Partition a layer into blocks, one per neurocore, and compute their use of budgets.

A vector of neurons is partitioned into runs of equal length. A layer of images is partitioned as by
Intel's compiler for PilotNet: into blocks of 2^k columns with all rows and channels. If a single
column does not fit, its rows are partitioned in the same way, then its channels. Blocks at the end
of an axis may be smaller. A neurocore holds neurons of one layer and all their input synapses.

Source: the table "Per core distribution" that the compiler prints in lava-dl 0.6.0,
tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb: blocks of 16, 4, 4, 8, 8 and 16 columns.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from operator import or_
from typing import ClassVar, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips import Chip
from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.json_fields import Table, same
from neurodeploy.models.layers import (
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    max_delay,
    per_neuron,
    weights_of,
)
from neurodeploy.models.neurons import CubaLif
from neurodeploy.models.synapses import Shape, stored_kernel, weight_parts


@dataclass(frozen=True)
class Blocks:
    """The blocks of one layer.

    Attributes:
        shape: shape of the layer, (neurons,) or (channels, height, width).
        size: size of a full block along each axis of `shape`.
    """

    shape: Shape
    size: Shape

    @property
    def grid(self) -> Shape:
        """Number of blocks along each axis."""
        return tuple(-(-whole // part) for whole, part in zip(self.shape, self.size))

    @property
    def count(self) -> int:
        """Number of blocks."""
        return math.prod(self.grid)

    @property
    def neurons(self) -> int:
        """Number of neurons of the largest block, which is the first."""
        return math.prod(self.size)

    def sizes(self) -> list[Shape]:
        """Return the size of every block along each axis, in the order of `of_neuron`."""
        axes = [
            [min(part, whole - start) for start in range(0, whole, part)]
            for whole, part in zip(self.shape, self.size)
        ]
        return list(product(*axes))

    def of_neuron(self) -> NDArray[np.int64]:
        """Return the index of the block of every neuron, int64 (neurons,)."""
        indices = np.indices(self.shape)
        parts = [axis // part for axis, part in zip(indices, self.size)]
        numbers: NDArray[np.int64] = np.ravel_multi_index(parts, self.grid).reshape(-1)
        return numbers.astype(np.int64)

    def smaller(self, excess: float) -> Blocks:
        """Return the next finer partition; images are split by columns, then rows, then channels.

        Args:
            excess: use of the exceeded budget divided by its limit. The number of blocks of a
                vector grows by this factor, as in Intel's compiler.
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
    """The blocks that receive a spike of each sender of a convolution, as pairs.

    Attributes:
        sender: sender of each pair, int64 (pairs,), ascending.
        block: block of each pair, int64 (pairs,).
        synapses: stored weights that the block adds for one spike, int64 (pairs,), 1 or more.
        words: words of synaptic memory that the block reads for it, int64 (pairs,).
    """

    sender: NDArray[np.int64]
    block: NDArray[np.int64]
    synapses: NDArray[np.int64]
    words: NDArray[np.int64]


def reach(layer: ConvLayer, blocks: Blocks, chip: Chip) -> Reach:
    """Return the blocks that receive a spike of each sender of a convolution.

    A block receives a spike if it has a stored weight of the sender. Rows and columns are
    independent of each other and of the channels: the kernel weight (i, j) counts if the block
    reads the sender's row with i and its column with j.
    """
    axes = [np.nonzero(axis_reach(layer, blocks, axis)) for axis in range(3)]
    rows, columns = (axis_taps(layer, blocks, axis)[axes[axis]] for axis in (1, 2))
    lengths = list_lengths(layer, blocks)[axes[0]]
    words = list_words(lengths, synapse_format(layer, chip), chip)
    synapses, words = (
        np.einsum("pij,qi,rj->pqr", each, rows, columns, optimize=True) for each in (lengths, words)
    )
    picked = np.nonzero(synapses)
    senders, parts = zip(*((pairs[0][n], pairs[1][n]) for pairs, n in zip(axes, picked)))
    sender = np.ravel_multi_index(senders, layer.input_shape).astype(np.int64)
    block = np.ravel_multi_index(parts, blocks.grid).astype(np.int64)
    order = np.lexsort((block, sender))
    return Reach(sender[order], block[order], synapses[picked][order], words[picked][order])


def axis_reach(layer: ConvLayer, blocks: Blocks, axis: int) -> NDArray[np.int64]:
    """Return the number of connections from each sender to each block along one axis.

    An input channel connects to the output channels of its group; for rows and columns see
    `axis_taps`. Weights of zero count.

    Args:
        layer: a convolution.
        blocks: its partition.
        axis: 0 for channels, 1 for rows, 2 for columns.

    Returns:
        int64 array (input channels, rows or columns; blocks along the axis).
    """
    if axis == 0:
        found = np.zeros((layer.input_shape[0], blocks.grid[0]), np.int64)
        np.add.at(found, _channel_blocks(layer, blocks), 1)
    else:
        found = axis_taps(layer, blocks, axis).sum(2, dtype=np.int64)
    return found


def axis_taps(layer: ConvLayer, blocks: Blocks, axis: int) -> NDArray[np.int64]:
    """Return with which kernel rows or columns each block reads each input row or column.

    Kernel row i connects input row o * stride + i * dilation - padding to output row o, likewise
    for columns.

    Args:
        layer: a convolution.
        blocks: its partition.
        axis: 1 for rows, 2 for columns.

    Returns:
        int64 array (input rows, blocks along the axis, kernel rows), 0 or 1.
    """
    size, taps = layer.input_shape[axis], np.arange(layer.weight.shape[axis + 1])
    outputs = np.arange(layer.shape[axis])[:, None]
    start = outputs * layer.stride[axis - 1] - layer.padding[axis - 1]
    reads, block, tap = np.broadcast_arrays(
        start + taps * layer.dilation[axis - 1], outputs // blocks.size[axis], taps
    )
    inside = (reads >= 0) & (reads < size)
    found = np.zeros((size, blocks.grid[axis], len(taps)), np.int64)
    found[reads[inside], block[inside], tap[inside]] = 1
    return found


def list_lengths(layer: ConvLayer, blocks: Blocks) -> NDArray[np.int64]:
    """Return the number of synapses in every list of a convolution.

    The shared kernel has one list per kernel weight of an input channel: its stored weights to the
    output channels of the block.

    Returns:
        int64 array (input channels, blocks along the channels, kernel height, kernel width).
    """
    shape = layer.input_shape[0], blocks.grid[0], *layer.weight.shape[2:]
    found = np.zeros(shape, np.int64)
    np.add.at(found, _channel_blocks(layer, blocks), stored_kernel(layer.synapse()))
    return found


def _channel_blocks(
    layer: ConvLayer, blocks: Blocks
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the input channels, int64 (input channels, 1), and the block of every output channel
    of their group, int64 (input channels, channels of a group)."""
    channel, outputs = np.arange(layer.input_shape[0])[:, None], len(layer.weight) // layer.groups
    first = channel // layer.weight.shape[1] * outputs
    return channel, (first + np.arange(outputs)) // blocks.size[0]


@dataclass(frozen=True)
class Readers:
    """The receivers of a layer's spikes, apart from the layer itself.

    Attributes:
        neurocores: largest number of neurocores that receive one spike; for a convolution, that
            receive spikes of any channel of one pixel.
        convolve: whether the receiver is a convolution; a spike then carries its channel.
    """

    neurocores: int
    convolve: bool


def readers_of(layer: Layer, blocks: Blocks) -> Readers:
    """Return the receivers of the previous layer's spikes, which are the blocks of `layer`.

    Spikes of one channel reach the blocks of its group; all channels of a pixel reach every group.
    """
    if not isinstance(layer, ConvLayer):
        return Readers(blocks.count, convolve=False)
    rows, columns = (int((axis_reach(layer, blocks, axis) > 0).sum(1).max()) for axis in (1, 2))
    return Readers(blocks.grid[0] * rows * columns, convolve=True)


def input_axons(layer: Layer, blocks: Blocks) -> int:
    """Return the largest number of input axons of a neurocore of `layer`.

    A convolution needs one per input pixel of a block, since a spike carries its channel; other
    layers need one per sender.
    """
    if isinstance(layer, InputLayer):
        return 0
    if isinstance(layer, RecurrentLayer):
        return layer.inputs + layer.neurons
    if not isinstance(layer, ConvLayer):
        return layer.inputs
    seen = ((axis_reach(layer, blocks, axis) > 0).sum(0).max() for axis in (1, 2))
    return int(math.prod(seen))


def receivers(layer: Layer, blocks: Blocks) -> int:
    """Return the largest number of neurocores of `layer` that receive one spike."""
    if not isinstance(layer, ConvLayer):
        return blocks.count
    reached = ((axis_reach(layer, blocks, axis) > 0).sum(1).max() for axis in range(3))
    return int(math.prod(reached))


def output_axons(layer: Layer, blocks: Blocks, readers: Readers, chip: Chip) -> int:
    """Return the largest number of output axons of a neurocore of `layer`.

    A neurocore needs one axon per neuron and receiving neurocore, including those of a recurrent
    layer itself. A spike to a convolution carries its channel: all channels of a pixel share one
    axon, which takes more entries.

    Source: nengo-loihi, `split_blocks.split_axon` and `block.Axon.axon_slots`.
    """
    if readers.convolve:
        pixels = math.prod(blocks.size[1:] if len(blocks.size) == 3 else blocks.size)
        return pixels * readers.neurocores * chip.limit("population_axon_entries")
    own = receivers(layer, blocks) if isinstance(layer, RecurrentLayer) else 0
    return blocks.neurons * (readers.neurocores + own)


Signs: TypeAlias = Literal["mixed", "excitatory", "inhibitory"]


@dataclass(frozen=True)
class WeightFormat:
    """The format of the stored weights of one layer.

    Attributes:
        signs: "mixed" has a sign bit; with the others, all weights have the same sign.
        bits: bits of a mantissa, including the sign; above the chip's limit if no format is wide
            enough.
        exponent: power of two that mantissas are multiplied by.
        low_bits: bits of a second synapse, without a sign, that holds the low bits of each weight;
            0 if one synapse holds a weight.
    """

    signs: Signs
    bits: int
    exponent: int
    low_bits: int = 0

    @property
    def stored_bits(self) -> int:
        """Bits of all synapses of one weight."""
        return self.bits + self.low_bits


@dataclass(frozen=True)
class SynapseFormat:
    """The bits of one synapse of a layer.

    Attributes:
        weight: bits of the weight.
        delay: bits of the longest delay of the layer.
        low: bits of the weight of a second synapse, 0 if there is none.
    """

    weight: int
    delay: int
    low: int = 0


@dataclass(frozen=True)
class BudgetUse:
    """The use of one budget by the fullest neurocore of a layer.

    Attributes:
        name: name of the budget.
        used: used amount, in `unit`.
        limit: limit of a neurocore, in `unit`.
        unit: what is counted.
    """

    JSON: ClassVar[Table] = Table(same("used limit unit utilization"), "Budget")

    name: str
    used: int
    limit: int
    unit: str

    @property
    def fits(self) -> bool:
        """Whether the use is within the limit."""
        return self.used <= self.limit

    @property
    def utilization(self) -> float:
        """Use divided by the limit; above 1 if it does not fit."""
        return self.used / self.limit if self.limit else float(self.used > 0)


def weight_format(layer: Layer, chip: Chip) -> WeightFormat:
    """Return the narrowest format that holds every weight of `layer`.

    weight = mantissa * 2^shift with shift = 8 - bits + exponent, and 1 more with mixed signs.
    Mixed mantissas are -2^(bits - 1)..2^(bits - 1) - 1, the others 0..2^bits - 1 of one sign. Above
    `weight_bits_small_max` a chip has only its largest width.

    If a weight takes two synapses, the one with the high bits is of mixed signs and has the
    exponent 7 if it is 8 bits wide.

    Source: nengo-loihi, `block.SynapseConfig.shift_bits` and `discretize.discretize_weights`.
    """
    weights = weights_of(layer) or (np.zeros(1, np.int16),)
    if layer.synapses_per_weight == 1:
        return _narrowest(weights, chip)
    low = [weight_parts(each)[0] for each in weights]
    mantissas = [weight_parts(each)[1] // loihi.WEIGHT_STEP for each in weights]
    magnitude = max(int(np.maximum(each, ~each).max()) for each in mantissas)
    bits = _width(1 + magnitude.bit_length(), chip)
    exponent = loihi.HIGH_WEIGHT_EXP - (chip.limit("weight_bits_max") - bits)
    return WeightFormat("mixed", bits, exponent, _narrowest(low, chip).bits)


def _narrowest(weights: Sequence[IntArray], chip: Chip) -> WeightFormat:
    """Return the narrowest format of one synapse that holds every weight of some arrays."""
    low = min(int(each.min()) for each in weights)
    high = max(int(each.max()) for each in weights)
    signs: Signs = "mixed" if low < 0 < high else "inhibitory" if low < 0 else "excitatory"
    together = functools.reduce(or_, (int(np.bitwise_or.reduce(w, axis=None)) for w in weights))
    shift = max((together & -together).bit_length() - 1, 0)  # trailing zeros of all weights
    low, high = low >> shift, high >> shift
    if signs == "mixed":
        bits = 1 + max((-low - 1).bit_length(), high.bit_length())
    else:
        bits = max(-low, high, 1).bit_length()
    largest, sign = chip.limit("weight_bits_max"), int(signs == "mixed")
    bits = _width(max(bits, chip.limit("weight_exponent_min") + largest + sign - shift), chip)
    return WeightFormat(signs, bits, shift - (largest - bits + sign))


def _width(bits: int, chip: Chip) -> int:
    """Return the narrowest width of the chip with at least `bits` bits; `bits` if there is none."""
    largest = chip.limit("weight_bits_max")
    return largest if chip.limit("weight_bits_small_max") < bits < largest else bits


def synapse_format(layer: Layer, chip: Chip) -> SynapseFormat:
    """Return the bits of one synapse; as in Lava, all kinds of delay are stored per synapse."""
    weights = weight_format(layer, chip)
    return SynapseFormat(weights.bits, max_delay(layer).bit_length(), weights.low_bits)


def synaptic_bits(layer: Layer, blocks: Blocks, *, each: SynapseFormat, chip: Chip) -> int:
    """Return the bits of synaptic memory of the largest block.

    Every sender has one list of synapses in the neurocore, see `list_words`. Dense lists store
    weights of zero and no index, and networks without on-chip learning store no tag. The neurons of
    a recurrent layer are senders, too. A convolution shares its kernel, see `list_lengths`.

    Args:
        layer: the layer.
        blocks: its partition.
        each: bits of one synapse.
        chip: the chip.
    """
    if isinstance(layer, InputLayer):
        return 0
    if isinstance(layer, ConvLayer):
        words = list_words(list_lengths(layer, blocks), each, chip).sum((0, 2, 3)).max()
    else:
        senders = layer.inputs + (layer.neurons if isinstance(layer, RecurrentLayer) else 0)
        words = senders * list_words(np.array(blocks.neurons), each, chip)
    return int(words) * chip.limit("synapse_list_word")


def list_words(synapses: NDArray[np.int64], each: SynapseFormat, chip: Chip) -> NDArray[np.int64]:
    """Return the words of synaptic memory that lists of synapses take.

    A list of n synapses takes n * (weight bits + delay bits) and a header, rounded up to whole
    words. Longer lists than the chip's maximum are split. A list without synapses is not stored. If
    weights take two synapses, there is a second list of the others for each list.

    Args:
        synapses: synapses of each list, int64 array.
        each: bits of one synapse.
        chip: the chip.

    Returns:
        int64 array of the same shape.

    Source: nengo-loihi, `block.SynapseConfig.bits_per_axon`.
    """
    word, header = chip.limit("synapse_list_word"), chip.limit("synapse_list_header")
    most = int(np.max(synapses, initial=1))
    length = chip.limit("synapse_list_length") if "synapse_list_length" in chip.limits else most
    full, rest = np.divmod(synapses, length)
    found = np.zeros_like(synapses)
    for bits in (weight + each.delay for weight in (each.weight, each.low) if weight):
        found += full * -(-(length * bits + header) // word)
        found += (rest > 0) * -(-(rest * bits + header) // word)
    return found


def decay_settings(layer: Layer, blocks: Blocks) -> int:
    """Return the largest number of different pairs of decays in one block.

    It is 0 if the layer has a single pair, which every neurocore can hold.
    """
    neuron = layer.neuron
    if (
        not isinstance(neuron, CubaLif)
        or neuron.current_decay.size == neuron.voltage_decay.size == 1
    ):
        return 0
    decays = (neuron.current_decay, neuron.voltage_decay)
    columns = [blocks.of_neuron(), *(per_neuron(each, layer.shape) for each in decays)]
    different = np.unique(np.stack(columns, axis=1), axis=0)
    return int(np.bincount(different[:, 0]).max())


@dataclass(frozen=True)
class Cut:
    """A partitioned layer and everything else that determines its use of budgets.

    Attributes:
        layer: the layer.
        blocks: its partition.
        readers: the receivers of its spikes.
        each: bits of one synapse.
        chip: the chip.
    """

    layer: Layer
    blocks: Blocks
    readers: Readers
    each: SynapseFormat
    chip: Chip


Use: TypeAlias = Callable[[Cut], int]

BUDGETS: Final[dict[str, tuple[str, str, Use]]] = {
    "neurons_per_core": ("neurons", "neurons", lambda cut: cut.blocks.neurons),
    "synaptic_memory": (
        "synaptic memory",
        "bits",
        lambda cut: synaptic_bits(cut.layer, cut.blocks, each=cut.each, chip=cut.chip),
    ),
    "input_axons_per_core": (
        "input axons",
        "axons",
        lambda cut: input_axons(cut.layer, cut.blocks),
    ),
    "output_axons_per_core": (
        "output axons",
        "axons",
        lambda cut: output_axons(cut.layer, cut.blocks, cut.readers, cut.chip),
    ),
    "decay_settings_per_core": (
        "decay settings",
        "settings",
        lambda cut: decay_settings(cut.layer, cut.blocks),
    ),
}
"""Limit of the chip -> name, unit and use of the budget."""


def budgets_of(cut: Cut) -> tuple[BudgetUse, ...]:
    """Return the use of each budget by the largest block.

    Budgets that the chip does not limit, and unused ones, are omitted.
    """
    uses = (
        BudgetUse(name, use(cut), cut.chip.limit(row), unit)
        for row, (name, unit, use) in BUDGETS.items()
        if row in cut.chip.limits
    )
    return tuple(budget for budget in uses if budget.used)
