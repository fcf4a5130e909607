"""Where a network goes on a chip: how many neurocores each layer takes, and why.

A neurocore holds neurons of one layer and all the synapses that reach them. A layer is halved
until every budget of a neurocore fits, as Intel's compiler does. Layers are placed from the last
to the first, since a layer needs output axons to the neurocores of the next that it reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from hw_sim.axons import Readers, input_axons, output_axons, receivers
from hw_sim.chip import Chip
from models.layers import (
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    each_neuron,
    longest_delay,
    weights_of,
)
from models.network import CubaLif, QuantizedNetwork

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


@dataclass(frozen=True)
class LayerPlacement:
    """The neurocores of one layer.

    Attributes:
        neurons: of the layer.
        neurocores: how many it takes.
        neurons_per_core: neurons of the fullest one.
        receivers: the most of them that one arriving spike goes to.
        weights: how they are stored.
        budgets: what the fullest one uses; "neurons" is always among them.
    """

    neurons: int
    neurocores: int
    neurons_per_core: int
    receivers: int
    weights: WeightFormat
    budgets: tuple[BudgetUse, ...]

    @property
    def binding(self) -> BudgetUse:
        """The budget that is used to the largest fraction."""
        return max(self.budgets, key=lambda budget: budget.used / budget.limit)


@dataclass(frozen=True)
class Placement:
    """The neurocores of a network on one chip.

    Attributes:
        chip: on which.
        layers: one entry a layer.
    """

    chip: Chip
    layers: tuple[LayerPlacement, ...]

    @property
    def neurocores(self) -> int:
        """Neurocores of all layers; layers never share one."""
        return sum(layer.neurocores for layer in self.layers)

    @property
    def tiles(self) -> int:
        """Tiles in use when neurocores fill them one after another."""
        return -(-self.neurocores // self.chip.limit("cores_per_tile"))


def place(network: QuantizedNetwork, chip: Chip) -> Placement:
    """Return how many neurocores each layer of `network` takes on `chip`.

    Nothing is refused here: `design_rules.check` says whether the placement can be.
    """
    layers: list[LayerPlacement] = []
    readers = Readers(1, convolve=False)  # what reads the last layer's spikes is one place
    for layer in reversed(network.layers):
        layers.append(_place_layer(layer, readers, chip))
        readers = Readers(layers[-1].receivers, isinstance(layer, ConvLayer))
    return Placement(chip, tuple(reversed(layers)))


def _place_layer(layer: Layer, readers: Readers, chip: Chip) -> LayerPlacement:
    neurons, halvings = layer.neurons, 0
    budgets = budgets_of(layer, neurons, readers=readers, chip=chip)
    while neurons > 1 and not all(budget.fits for budget in budgets):
        halvings += 1
        neurons = -(-layer.neurons // 2**halvings)
        budgets = budgets_of(layer, neurons, readers=readers, chip=chip)
    return LayerPlacement(
        neurons=layer.neurons,
        neurocores=-(-layer.neurons // neurons),
        neurons_per_core=neurons,
        receivers=receivers(layer, neurons),
        weights=weight_format(layer, chip),
        budgets=budgets,
    )


def weight_format(layer: Layer, chip: Chip) -> WeightFormat:
    """Return the narrowest format that holds every weight of `layer`.

    weight = mantissa * 2^shift with shift = 8 - bits + exponent, and 1 more with mixed signs.
    Mixed mantissas are -2^(bits - 1)..2^(bits - 1) - 1, the others 0..2^bits - 1 of one sign. Bits
    past the small widths are the chip's largest width, which is all there is above them.

    Source: nengo-loihi, `block.SynapseConfig.shift_bits` and `discretize.discretize_weights`.
    """
    weights = [each.reshape(-1) for each in weights_of(layer)] or [np.zeros(1, np.int64)]
    weight = np.concatenate(weights).astype(np.int64)
    low, high = int(weight.min()), int(weight.max())
    signs: Signs = "mixed" if low < 0 < high else "inhibitory" if low < 0 else "excitatory"
    together = int(np.bitwise_or.reduce(np.abs(weight), axis=None))
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


def synaptic_bits(layer: Layer, neurons: int, chip: Chip) -> int:
    """Return the bits of synaptic memory that `neurons` neurons of `layer` and their inputs take.

    Every sender has one list of synapses in the core, in pieces of at most 64, and a piece of n
    takes n * (weight bits + delay bits) + 10 bits, rounded up to whole words. Dense lists carry no
    index and networks that do not learn no tag. A delay of any kind is stored with each synapse,
    which is how Lava expresses it. Zero weights take room as well. A recurrent layer's own neurons
    are senders too. A convolution shares its kernel: one list a kernel weight of an input channel,
    to all output channels of its group.

    Source: nengo-loihi, `block.SynapseConfig.bits_per_axon`.
    """
    each = weight_format(layer, chip).bits + longest_delay(layer).bit_length()
    lists, synapses = layer.senders, neurons
    if isinstance(layer, InputLayer):
        return 0
    if isinstance(layer, RecurrentLayer):
        lists += layer.neurons
    if isinstance(layer, ConvLayer):
        synapses = len(layer.weight) // layer.groups
        lists = layer.synapses // synapses
    length, word = chip.limit("synapse_list_length"), chip.limit("synapse_list_word")
    whole, rest = divmod(synapses, length)
    pieces = [length] * whole + [rest] * (rest > 0)
    header = chip.limit("synapse_list_header")
    return lists * sum(-(-(n * each + header) // word) * word for n in pieces)


def decay_settings(layer: Layer, neurons: int) -> int:
    """Return the most different pairs of decays among `neurons` consecutive neurons of `layer`.

    Consecutive as in `hw_sim.axons`: of an image, all channels of a place together.
    It is 0 where the layer has one pair for all: every neurocore holds that.
    """
    neuron = layer.neuron
    if (
        not isinstance(neuron, CubaLif)
        or neuron.current_decay.size == neuron.voltage_decay.size == 1
    ):
        return 0
    decays = (
        each_neuron(each, layer.shape) for each in (neuron.current_decay, neuron.voltage_decay)
    )
    pairs = np.stack(list(decays), axis=1)
    if len(layer.shape) == 3:  # all channels of a place together
        pairs = pairs.reshape(layer.shape[0], -1, 2).swapaxes(0, 1).reshape(-1, 2)
    starts = range(0, layer.neurons, neurons)
    return max(len(np.unique(pairs[start : start + neurons], axis=0)) for start in starts)


Use: TypeAlias = Callable[[Layer, int, Readers, Chip], int]

BUDGETS: Final[dict[str, tuple[str, str, Use]]] = {
    "neurons_per_core": ("neurons", "neurons", lambda layer, neurons, readers, chip: neurons),
    "synaptic_memory": (
        "synaptic memory", "bits",
        lambda layer, neurons, readers, chip: synaptic_bits(layer, neurons, chip),
    ),
    "input_axons_per_core": (
        "input axons", "axons",
        lambda layer, neurons, readers, chip: input_axons(layer, neurons),
    ),
    "output_axons_per_core": ("output axons", "axons", output_axons),
    "decay_settings_per_core": (
        "decay settings", "settings",
        lambda layer, neurons, readers, chip: decay_settings(layer, neurons),
    ),
}  # fmt: skip
"""By the row of its limit, each budget's name, unit, and what neurons of a layer use of it."""


def budgets_of(
    layer: Layer, neurons: int, *, readers: Readers, chip: Chip
) -> tuple[BudgetUse, ...]:
    """Return what `neurons` neurons of `layer` on one core use of each budget that they use.

    A budget for which the chip has no limit is left out.

    Args:
        layer: whose neurons.
        neurons: how many of them.
        readers: what takes their spikes.
        chip: whose budgets.
    """
    uses = (
        BudgetUse(name, use(layer, neurons, readers, chip), chip.limit(row), unit)
        for row, (name, unit, use) in BUDGETS.items()
        if row in chip.limits
    )
    return tuple(budget for budget in uses if budget.used)
