"""What the neurons of a layer take of a neurocore, budget by budget.

A neurocore holds neurons of one layer and all the synapses that reach them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from operator import or_
from typing import Final, Literal, TypeAlias

import numpy as np

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.placement.blocks import Blocks, Readers, input_axons, output_axons
from neurodeploy.models.layers import (
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    each_neuron,
    max_delay,
    weights_of,
)
from neurodeploy.models.neurons import CubaLif

Signs: TypeAlias = Literal["mixed", "excitatory", "inhibitory"]


@dataclass(frozen=True)
class WeightFormat:
    """How a chip stores the weights of one layer.

    Attributes:
        signs: "mixed" spends one bit on the sign; the others share one sign.
        bits: bits of a mantissa, sign included; more than the chip's limit where none suffices.
        exponent: power of two that the chip multiplies mantissas by.
    """

    signs: Signs
    bits: int
    exponent: int


@dataclass(frozen=True)
class SynapseFormat:
    """The bits of one synapse of a layer.

    Attributes:
        weight: bits of its weight.
        delay: bits of its delay: those of the layer's longest.
    """

    weight: int
    delay: int


@dataclass(frozen=True)
class BudgetUse:
    """What one neurocore of a layer uses of one budget.

    Attributes:
        name: of the budget, in words.
        used: by the fullest neurocore of the layer, in `unit`.
        limit: what a neurocore has.
        unit: what is counted.
    """

    name: str
    used: int
    limit: int
    unit: str

    @property
    def fits(self) -> bool:
        """Whether the budget suffices."""
        return self.used <= self.limit

    @property
    def full(self) -> float:
        """The share of the budget that is used, above 1 where it does not suffice."""
        return self.used / self.limit if self.limit else float(self.used > 0)


def weight_format(layer: Layer, chip: Chip) -> WeightFormat:
    """Return the narrowest format that holds every weight of `layer`.

    weight = mantissa * 2^shift with shift = 8 - bits + exponent, and 1 more with mixed signs.
    Mixed mantissas are -2^(bits - 1)..2^(bits - 1) - 1, the others 0..2^bits - 1 of one sign. Bits
    past the small widths are the chip's largest width, which is all there is above them.

    Source: nengo-loihi, `block.SynapseConfig.shift_bits` and `discretize.discretize_weights`.
    """
    weights = weights_of(layer) or (np.zeros(1, np.int16),)
    low = min(int(each.min()) for each in weights)
    high = max(int(each.max()) for each in weights)
    signs: Signs = "mixed" if low < 0 < high else "inhibitory" if low < 0 else "excitatory"
    together = functools.reduce(or_, (int(np.bitwise_or.reduce(w, axis=None)) for w in weights))
    shift = max((together & -together).bit_length() - 1, 0)  # zeros that end every weight
    low, high = low >> shift, high >> shift
    if signs == "mixed":
        bits = 1 + max((-low - 1).bit_length(), high.bit_length())
    else:
        bits = max(-low, high, 1).bit_length()
    largest, sign = chip.limit("weight_bits_max"), int(signs == "mixed")
    bits = max(bits, chip.limit("weight_exponent_min") + largest + sign - shift)
    if chip.limit("weight_bits_small_max") < bits < largest:
        bits = largest
    return WeightFormat(signs, bits, shift - (largest - bits + sign))


def synapse_format(layer: Layer, chip: Chip) -> SynapseFormat:
    """Return the bits of a synapse; a delay of any kind is stored with each, as Lava does it."""
    return SynapseFormat(weight_format(layer, chip).bits, max_delay(layer).bit_length())


def synaptic_bits(layer: Layer, blocks: Blocks, *, each: SynapseFormat, chip: Chip) -> int:
    """Return the bits of synaptic memory that the largest block and its inputs take.

    Every sender has one list of synapses in the neurocore, in pieces of a most length where the
    chip has one, and a piece of n takes n * (weight bits + delay bits) and a header, rounded up to
    whole words. Dense lists carry no index and networks that do not learn no tag. Zero weights take
    room as well. A recurrent layer's own neurons are senders too. A convolution shares its kernel:
    one list a kernel weight of an input channel, to the block's output channels of its group.

    Args:
        layer: whose neurons.
        blocks: into which it is cut.
        each: what one synapse takes.
        chip: whose memory.

    Source: nengo-loihi, `block.SynapseConfig.bits_per_axon`.
    """
    if isinstance(layer, InputLayer):
        return 0
    bits = each.weight + each.delay
    return max(
        sum(lists * _list_bits(synapses, bits, chip) for lists, synapses in block)
        for block in _lists(layer, blocks)
    )


def _list_bits(synapses: int, bits: int, chip: Chip) -> int:
    """Return the bits of one list of synapses of so many bits each."""
    length = chip.limit("synapse_list_length") if "synapse_list_length" in chip.limits else synapses
    word, header = chip.limit("synapse_list_word"), chip.limit("synapse_list_header")
    full, rest = divmod(synapses, length)
    pieces = [(full, length), (rest > 0, rest)]
    return sum(count * -(-(n * bits + header) // word) * word for count, n in pieces)


def _lists(layer: Layer, blocks: Blocks) -> list[list[tuple[int, int]]]:
    """Return the lists of each block that differs in them, as (lists, synapses of one).

    A block of a convolution may hold channels of several groups, each with lists of its own.
    """
    if not isinstance(layer, ConvLayer):
        own = layer.neurons if isinstance(layer, RecurrentLayer) else 0
        return [[(layer.senders + own, blocks.neurons)]]
    channels, kernel = len(layer.weight), int(layer.weight[0].size)
    group = np.arange(channels) // (channels // layer.groups)
    parts = [group[start : start + blocks.size[0]] for start in range(0, channels, blocks.size[0])]
    sizes = [np.unique(part, return_counts=True)[1].tolist() for part in parts]
    return [[(kernel, size) for size in block] for block in sizes]


def decay_settings(layer: Layer, blocks: Blocks) -> int:
    """Return the most different pairs of decays in one block.

    It is 0 where the layer has one pair for all: every neurocore holds that.
    """
    neuron = layer.neuron
    if (
        not isinstance(neuron, CubaLif)
        or neuron.current_decay.size == neuron.voltage_decay.size == 1
    ):
        return 0
    decays = (neuron.current_decay, neuron.voltage_decay)
    columns = [blocks.of_neuron(), *(each_neuron(each, layer.shape) for each in decays)]
    different = np.unique(np.stack(columns, axis=1), axis=0)
    return int(np.bincount(different[:, 0]).max())


@dataclass(frozen=True)
class Cut:
    """A layer cut into blocks, as its budgets see it.

    Attributes:
        layer: that is cut.
        blocks: into which.
        readers: what takes its spikes.
        each: what one synapse takes.
        chip: whose budgets.
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
"""By the row of its limit, each budget's name, unit, and what a cut uses of it."""


def budgets_of(cut: Cut) -> tuple[BudgetUse, ...]:
    """Return what the largest block uses of each budget that it uses at all.

    A budget for which the chip has no limit is left out.
    """
    uses = (
        BudgetUse(name, use(cut), cut.chip.limit(row), unit)
        for row, (name, unit, use) in BUDGETS.items()
        if row in cut.chip.limits
    )
    return tuple(budget for budget in uses if budget.used)
