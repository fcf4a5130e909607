"""Place a network on neurocores, tiles and chips.

A layer is partitioned into blocks, one per neurocore, until it fits every budget of a neurocore.
Layers are partitioned from the last to the first, since a layer needs output axons to the
neurocores of the next. Neurocores are numbered from the first layer on. They fill tiles in order;
tiles fill the mesh of a chip row by row, and chips fill a square row by row: n chips form rows of
ceil(sqrt(n)). The meshes of neighboring chips connect.

Several copies of a network on the chips of one copy follow each other without a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.blocks import (
    Blocks,
    BudgetUse,
    Cut,
    Readers,
    SynapseFormat,
    WeightFormat,
    budgets_of,
    readers_of,
    receivers,
    synapse_format,
    weight_format,
    whole,
)
from neurodeploy.hw_sim.chips import Chip
from neurodeploy.hw_sim.chips import chip as find_chip
from neurodeploy.models.display import ITEMS, Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_fields import At, Table, same
from neurodeploy.models.layers import Layer
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.models.synapses import Shape

NEUROCORES_LISTED: Final = 2048
"""Maximum number of neurocores that the JSON lists one by one."""


@dataclass(frozen=True, eq=False)
class Places:
    """The positions of neurocores, int64 arrays (neurocores,).

    Attributes:
        chip: index of the chip.
        tile: index of the tile on its chip.
        x: column of the tile in the mesh of all chips.
        y: row of the tile in the mesh of all chips.
    """

    chip: NDArray[np.int64]
    tile: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]

    @property
    def chips(self) -> int:
        """Chips in use."""
        return int(self.chip.max()) + 1

    @property
    def tiles(self) -> int:
        """Tiles in use on the fullest chip."""
        return int(self.tile.max()) + 1

    def at(self, which: NDArray[np.int64] | slice) -> Places:
        """Return the positions of some of the neurocores."""
        return Places(self.chip[which], self.tile[which], self.x[which], self.y[which])


def places_of(neurocores: int, chip: Chip) -> Places:
    """Return the positions of neurocores.

    Args:
        neurocores: number of neurocores, 1 or more.
        chip: the kind of chips; as many as needed.
    """
    of_chip, on_chip = np.divmod(np.arange(neurocores), chip.limit("cores_per_chip"))
    tile = on_chip // chip.limit("cores_per_tile")
    row_of_chips, in_row = np.divmod(of_chip, math.isqrt(int(of_chip[-1])) + 1)
    row, column = np.divmod(tile, chip.limit("tiles_east_west"))
    x = in_row * chip.limit("tiles_east_west") + column
    return Places(of_chip, tile, x, row_of_chips * chip.limit("tiles_north_south") + row)


@dataclass(frozen=True)
class LayerPlacement:
    """The neurocores of one layer.

    `numbered` sets `first`, `layer`, `tiles` and `chips`.

    Attributes:
        blocks: partition of the layer, one block per neurocore.
        first: index of its first neurocore; the others follow.
        receivers: largest number of its neurocores that receive the same spike.
        readers: the receivers of its own spikes.
        weights: format of the stored weights.
        budgets: use of each budget by the fullest neurocore; always includes "neurons".
        bound_by: name of the budget that caused the last partition step; for a layer on one
            neurocore, the budget with the highest utilization.
        layer: index of the layer.
        tiles: number of tiles with these neurocores.
        chips: number of chips with these neurocores.
    """

    JSON: ClassVar[Table] = Table(
        {
            **same("layer neurocores tiles chips"),
            "first_neurocore": "first",
            "neurons_per_neurocore": "neurons_per_core",
            "block_shape": At("blocks.size", "Part of the layer's shape on one neurocore."),
            "weight_bits": "weights.stored_bits",
            "binding_budget": "bound_by",
            "budgets": "budgets_by_name",
        },
        "PlacedLayer",
    )

    blocks: Blocks
    first: int
    receivers: int
    readers: Readers
    weights: WeightFormat
    budgets: tuple[BudgetUse, ...]
    bound_by: str
    layer: int = 0
    tiles: int = 1
    chips: int = 1

    @property
    def neurons(self) -> int:
        """Number of neurons of the layer."""
        return int(np.prod(self.blocks.shape))

    @property
    def neurocores(self) -> int:
        """Number of neurocores."""
        return self.blocks.count

    @property
    def neurons_per_core(self) -> int:
        """Number of neurons on the fullest neurocore."""
        return self.blocks.neurons

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Indices of its neurocores, int64 (neurocores,)."""
        return np.arange(self.first, self.first + self.neurocores)

    @property
    def slice(self) -> slice:
        """Slice of its neurocores in arrays of all neurocores."""
        return slice(self.first, self.first + self.neurocores)

    @property
    def budgets_by_name(self) -> dict[str, BudgetUse]:
        """Use of each budget by the fullest neurocore, by name."""
        return {budget.name: budget for budget in self.budgets}

    @property
    def binding(self) -> BudgetUse:
        """Use of the budget that determines the number of neurocores."""
        return self.budgets_by_name[self.bound_by]

    @property
    def fullest(self) -> BudgetUse:
        """Use of the budget with the highest utilization."""
        return fullest(self.budgets)


@dataclass(frozen=True)
class Core:
    """One neurocore in use.

    Attributes:
        number: index of the neurocore; the layers in order.
        layer: index of its layer.
        neurons: number of neurons.
        chip: index of its chip.
        tile: index of its tile on the chip.
        x: column of the tile on its chip.
        y: row of the tile on its chip.
        budget: name of the budget with the highest utilization.
        utilization: use of this budget divided by its limit.
    """

    JSON: ClassVar[Table] = Table(
        {
            "index": "number",
            **same("layer neurons chip tile x y"),
            "fullest_budget": "budget",
            "utilization": "utilization",
        },
        "Neurocore",
    )

    number: int
    layer: int
    neurons: int
    chip: int
    tile: int
    x: int
    y: int
    budget: str
    utilization: float


@dataclass(frozen=True, repr=False)
class Placement(Shown):
    """The neurocores of a network on chips of one kind.

    Attributes:
        chip: the kind of chip.
        network: the network.
        layers: one entry per layer.
        copies: copies of the network on the chips that one copy takes. Neurocores, tiles of
            layers and routes are those of the first.
        groups: number of such groups of chips, each with so many copies.

    Examples:
        >>> placement = neurodeploy.place(network, "loihi1")
        >>> [layer.neurocores for layer in placement.layers], placement.chips
        ([1, 1], 1)
    """

    JSON: ClassVar[Table] = Table(
        {
            **same("neurocores neurocores_per_chip tiles chips copies chips_used total_copies"),
            **same("max_chips layers neurocore_list"),
        }
    )

    chip: Chip
    network: QuantizedNetwork
    layers: tuple[LayerPlacement, ...]
    copies: int = 1
    groups: int = 1

    def __repr__(self) -> str:
        each = ", ".join(f"{layer.neurocores:,}" for layer in self.layers[:ITEMS])
        more = ", ..." * (len(self.layers) > ITEMS)
        return (
            f"Placement({self.chip.title}: {self.neurocores:,} neurocores on {self.chips:,} "
            f"chip{'s' * (self.chips != 1)}; by layer {each}{more}"
            f"{f'; {self.copies_in_words}' * (self.total_copies > 1)})"
        )

    @property
    def neurocores(self) -> int:
        """Neurocores of all layers of one copy; layers never share one."""
        return sum(layer.neurocores for layer in self.layers)

    @property
    def neurocores_per_chip(self) -> int:
        """Neurocores of one chip."""
        return self.chip.limit("cores_per_chip")

    @property
    def max_chips(self) -> int:
        """Chips of the largest system."""
        return self.chip.limit("chips_max")

    @property
    def neurocore_list(self) -> tuple[Core, ...] | None:
        """Every neurocore of one copy; None if there are more than 2,048."""
        return tuple(self.cores()) if self.neurocores <= NEUROCORES_LISTED else None

    @cached_property
    def places(self) -> Places:
        """Positions of the neurocores."""
        return places_of(self.neurocores, self.chip)

    @property
    def chips(self) -> int:
        """Chips that one copy takes."""
        return self.places.chips

    @property
    def tiles(self) -> int:
        """Tiles in use on the fullest chip, by all copies."""
        cores = min(self.copies * self.neurocores, self.chip.limit("cores_per_chip"))
        return -(-cores // self.chip.limit("cores_per_tile"))

    @property
    def chips_used(self) -> int:
        """Chips in use, by all copies."""
        return self.chips * self.groups

    @property
    def total_copies(self) -> int:
        """Copies of the network on all chips; energy, power and time are those of one."""
        return self.copies * self.groups

    @property
    def most_copies(self) -> int:
        """Copies that fit the chips that one copy takes."""
        return self.chips * self.chip.limit("cores_per_chip") // self.neurocores

    @property
    def copies_in_words(self) -> str:
        """The number of copies and of chips, such as "20 copies on each of 32 chips"."""
        copies = f"{self.copies:,} cop{'y' if self.copies == 1 else 'ies'}"
        if self.groups == 1:
            return f"{copies} on {self.chips:,} chip{'s' * (self.chips > 1)}"
        if self.chips == 1:
            return f"{copies} on each of {self.groups:,} chips"
        return f"{copies} on each of {self.groups:,} groups of {self.chips:,} chips"

    def cores(self) -> Iterator[Core]:
        """Yield every neurocore in use, in order."""
        width = self.chip.limit("tiles_east_west")
        for index, placed in enumerate(self.layers):
            fill = _fill(self.network.layers[index], placed, self.chip)
            for number, size in zip(placed.numbers.tolist(), placed.blocks.sizes()):
                binding, places = fill[size], self.places
                yield Core(
                    number=number,
                    layer=index,
                    neurons=int(np.prod(size)),
                    chip=int(places.chip[number]),
                    tile=int(places.tile[number]),
                    x=int(places.tile[number] % width),
                    y=int(places.tile[number] // width),
                    budget=binding.name,
                    utilization=binding.utilization,
                )


def place(
    network: QuantizedNetwork,
    chip: Chip | str = "loihi2",
    *,
    copies: int = 1,
    chips_used: int | None = None,
) -> Placement:
    """Place a network on chips of one kind, as many as needed.

    Networks that do not fit are placed, too; `design_rules.check` reports the problems. Copies that
    do not fit are refused.

    Args:
        network: the network.
        chip: a chip, or the name of an installed one, "loihi1" or "loihi2".
        copies: copies of the network on each chip. If one copy takes several chips, so many copies
            share each group of that many chips.
        chips_used: number of chips with copies, a multiple of those that one copy takes; by default
            those that one copy takes.

    Raises:
        InputError: if there is no such chip, or the copies do not fit.

    Examples:
        >>> neurodeploy.place(network, "loihi2").neurocores
        2
        >>> neurodeploy.place(network, "loihi1", copies=20, chips_used=32).total_copies
        640
    """
    check_network(network)
    if isinstance(chip, str):
        chip = find_chip(chip)
    if not isinstance(chip, Chip):
        raise InputError(f"the chip is {chip!r}; give the name of one, or a Chip")
    layers: list[LayerPlacement] = []
    readers = Readers(1, convolve=False)  # the host
    for layer in reversed(network.layers):
        layers.append(place_layer(layer, readers, chip))
        readers = readers_of(layer, layers[-1].blocks)
    placed = tuple(numbered(layers[::-1], chip))
    return with_copies(Placement(chip, network, placed), copies, chips_used)


def numbered(layers: Sequence[LayerPlacement], chip: Chip) -> Iterator[LayerPlacement]:
    """Yield the layers, first to last, with the numbers that depend on the layers before."""
    first = 0
    for index, placed in enumerate(layers):
        end = first + placed.neurocores
        places = places_of(end, chip).at(slice(first, end))
        tiles = np.unique(np.stack([places.chip, places.tile]), axis=1).shape[1]
        chips = len(np.unique(places.chip))
        yield replace(placed, first=first, layer=index, tiles=tiles, chips=chips)
        first = end


def with_copies(placement: Placement, copies: int, chips_used: int | None = None) -> Placement:
    """Return the placement with several copies; arguments and errors are those of `place`."""
    for what, number in (("copies", copies), ("chips_used", chips_used)):
        if number is not None and (not isinstance(number, int | np.integer) or number < 1):
            raise InputError(f"{what} is {number!r}; give a whole number from 1")
    name, chips = placement.chip.name, placement.chips
    most, largest = placement.most_copies, placement.chip.limit("chips_max")
    one = f"one copy takes {chips:,} chip{'s' * (chips > 1)} of {name}"
    used = chips if chips_used is None else int(chips_used)
    if copies > max(most, 1):
        cores = chips * placement.chip.limit("cores_per_chip")
        raise InputError(
            f"{copies:,} copies of {placement.neurocores:,} "
            f"neurocore{'s' * (placement.neurocores > 1)} do not fit the {cores:,} "
            f"neurocores of {chips:,} chip{'s' * (chips > 1)} of {name}; give at most {most:,} "
            f"cop{'y' if most == 1 else 'ies'}, or leave this chip out"
        )
    if used % chips:
        raise InputError(f"chips_used is {used:,} and {one}; give a multiple of {chips:,}")
    if used > max(largest, chips):
        raise InputError(
            f"chips_used is {used:,}; the largest system of {name} has {largest:,} chips; give at "
            f"most {largest // chips * chips:,}"
        )
    return replace(placement, copies=int(copies), groups=used // chips)


def place_layer(
    layer: Layer, readers: Readers, chip: Chip, each: SynapseFormat | None = None
) -> LayerPlacement:
    """Return the neurocores of one layer, from index 0.

    The layer is partitioned until it fits all budgets that partitioning can relieve.
    `design_rules.check` reports the others, such as the input axons of a dense layer.

    Args:
        layer: the layer.
        readers: the receivers of its spikes.
        chip: the chip.
        each: bits of one synapse; by default those that the layer's weights and delays need.
    """
    cut = Cut(layer, whole(layer), readers, each or synapse_format(layer, chip), chip)
    budgets = budgets_of(cut)
    binding = fullest(budgets)
    if not all(budget.fits for budget in budgets):
        least = {budget.name: budget.used for budget in budgets_of(_finest(cut))}
        while exceeded := tuple(b for b in budgets if not b.fits and b.used > least.get(b.name, 0)):
            binding = fullest(exceeded)
            cut = replace(cut, blocks=cut.blocks.smaller(binding.utilization))
            budgets = budgets_of(cut)
    return LayerPlacement(
        blocks=cut.blocks,
        first=0,
        receivers=receivers(layer, cut.blocks),
        readers=readers,
        weights=weight_format(layer, chip),
        budgets=budgets,
        bound_by=binding.name,
    )


def _finest(cut: Cut) -> Cut:
    """Return the layer partitioned into single neurons."""
    shape = cut.blocks.shape
    return replace(cut, blocks=Blocks(shape, (1,) * len(shape)))


def fullest(budgets: tuple[BudgetUse, ...]) -> BudgetUse:
    """Return the budget with the highest utilization."""
    return max(budgets, key=lambda budget: budget.utilization)


def _fill(layer: Layer, placed: LayerPlacement, chip: Chip) -> dict[Shape, BudgetUse]:
    """Return the fullest budget for each size of block in the layer.

    For smaller blocks at the end of an axis, the use is an upper bound over all blocks of this
    size, limited to the use of a full block.
    """
    each = synapse_format(layer, chip)
    most = {budget.name: budget.used for budget in placed.budgets}
    found: dict[Shape, BudgetUse] = {}
    for size in set(placed.blocks.sizes()):
        blocks = Blocks(placed.blocks.shape, size)
        uses = budgets_of(Cut(layer, blocks, placed.readers, each, chip))
        found[size] = fullest(tuple(replace(u, used=min(u.used, most[u.name])) for u in uses))
    return found
