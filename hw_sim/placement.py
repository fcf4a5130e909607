"""Where a network goes: how many neurocores each layer takes and why, on which tiles and chips.

A layer is cut into blocks, one a neurocore, until every budget of a neurocore fits. Layers are cut
from the last to the first, since a layer needs output axons to the neurocores of the next that it
reaches. Neurocores of the first layer come first. They fill tiles, tiles fill the mesh of a chip
row by row, and chips fill a square row by row: n chips stand in rows of ceil(sqrt(n)). A message
goes on from the mesh of one chip to that of the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

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
from neurodeploy.models.layers import Layer, Shape
from neurodeploy.models.network import QuantizedNetwork, check_network


@dataclass(frozen=True, eq=False)
class Places:
    """The places of neurocores, one entry each, int64 arrays (neurocores,).

    Attributes:
        chip: number of the chip.
        tile: number of the tile on its chip.
        x: column of the tile, counted on over chips that stand side by side.
        y: row of the tile, counted on over chips that stand below one another.
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
        """Return the places of some of the neurocores."""
        return Places(self.chip[which], self.tile[which], self.x[which], self.y[which])


def places_of(neurocores: int, chip: Chip) -> Places:
    """Return where so many neurocores lie, by their numbers from 0.

    Args:
        neurocores: 1 or more.
        chip: of one kind, as many as it takes.
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

    Attributes:
        blocks: how the layer is cut, a block a neurocore.
        first: number of its first neurocore, from 0; the others follow.
        receivers: the most of them that one arriving spike goes to.
        readers: what its own spikes go to.
        weights: how they are stored.
        budgets: what the fullest one uses; "neurons" is always among them.
        bound_by: name of the budget that asked for the last cut; of the one that is used to the
            largest fraction in a layer that is not cut.
    """

    blocks: Blocks
    first: int
    receivers: int
    readers: Readers
    weights: WeightFormat
    budgets: tuple[BudgetUse, ...]
    bound_by: str

    @property
    def neurons(self) -> int:
        """Neurons of the layer."""
        return int(np.prod(self.blocks.shape))

    @property
    def neurocores(self) -> int:
        """How many neurocores the layer takes."""
        return self.blocks.count

    @property
    def neurons_per_core(self) -> int:
        """Neurons of the fullest neurocore."""
        return self.blocks.neurons

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of its neurocores, int64 (neurocores,)."""
        return np.arange(self.first, self.first + self.neurocores)

    @property
    def slice(self) -> slice:
        """Its neurocores among all."""
        return slice(self.first, self.first + self.neurocores)

    @property
    def binding(self) -> BudgetUse:
        """What the fullest neurocore uses of the budget that decides how many there are."""
        return next(budget for budget in self.budgets if budget.name == self.bound_by)

    @property
    def fullest(self) -> BudgetUse:
        """What it uses of the budget that is used to the largest fraction."""
        return fullest(self.budgets)


@dataclass(frozen=True)
class Core:
    """One neurocore in use.

    Attributes:
        number: of the neurocore, from 0.
        layer: whose neurons it holds, from 0.
        neurons: how many.
        chip: number of its chip.
        tile: number of its tile on the chip.
        x: column of the tile on its chip.
        y: row of the tile on its chip.
        budget: name of the budget that is used to the largest fraction.
        utilization: that fraction.
    """

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
        chip: of which kind.
        network: what is placed.
        layers: one entry a layer.

    Examples:
        >>> placement = neurodeploy.place(network, "loihi1")
        >>> [layer.neurocores for layer in placement.layers], placement.chips
        ([1, 1], 1)
    """

    chip: Chip
    network: QuantizedNetwork
    layers: tuple[LayerPlacement, ...]

    def __repr__(self) -> str:
        each = ", ".join(f"{layer.neurocores:,}" for layer in self.layers[:ITEMS])
        more = ", ..." * (len(self.layers) > ITEMS)
        return (
            f"Placement({self.chip.title}: {self.neurocores:,} neurocores on {self.chips:,} "
            f"chip{'s' * (self.chips != 1)}; by layer {each}{more})"
        )

    @property
    def neurocores(self) -> int:
        """Neurocores of all layers; layers never share one."""
        return sum(layer.neurocores for layer in self.layers)

    @cached_property
    def places(self) -> Places:
        """Where they lie."""
        return places_of(self.neurocores, self.chip)

    @property
    def chips(self) -> int:
        """Chips in use."""
        return self.places.chips

    @property
    def tiles(self) -> int:
        """Tiles in use on the fullest chip."""
        return self.places.tiles

    def cores(self) -> Iterator[Core]:
        """Yield every neurocore in use, by number."""
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


def place(network: QuantizedNetwork, chip: Chip | str = "loihi2") -> Placement:
    """Return where `network` goes on chips of this kind.

    Nothing is refused here: `design_rules.check` says whether the placement can be.

    Args:
        network: to place.
        chip: a chip, or the name of an installed one, "loihi1" or "loihi2".

    Raises:
        InputError: when there is no such chip.

    Examples:
        >>> neurodeploy.place(network, "loihi2").neurocores
        2
    """
    check_network(network)
    if isinstance(chip, str):
        chip = find_chip(chip)
    if not isinstance(chip, Chip):
        raise InputError(f"the chip is {chip!r}; give the name of one, or a Chip")
    layers: list[LayerPlacement] = []
    readers = Readers(1, convolve=False)  # what reads the last layer's spikes is one place
    for layer in reversed(network.layers):
        layers.append(place_layer(layer, readers, chip))
        readers = readers_of(layer, layers[-1].blocks)
    numbered: list[LayerPlacement] = []
    for placed in reversed(layers):
        first = numbered[-1].first + numbered[-1].neurocores if numbered else 0
        numbered.append(replace(placed, first=first))
    return Placement(chip, network, tuple(numbered))


def place_layer(
    layer: Layer, readers: Readers, chip: Chip, each: SynapseFormat | None = None
) -> LayerPlacement:
    """Return the neurocores of one layer, its first numbered 0.

    It is cut for budgets that a cut lessens. What stays too much, such as the input axons of one
    neuron of a dense layer, `design_rules.check` tells.

    Args:
        layer: what is placed.
        readers: what takes its spikes.
        chip: on which.
        each: what one synapse takes; by default what the layer's weights and delays need.
    """
    cut = Cut(layer, whole(layer), readers, each or synapse_format(layer, chip), chip)
    budgets = budgets_of(cut)
    binding = fullest(budgets)
    if not all(budget.fits for budget in budgets):
        least = {budget.name: budget.used for budget in budgets_of(_finest(cut))}
        while asking := tuple(b for b in budgets if not b.fits and b.used > least.get(b.name, 0)):
            binding = fullest(asking)
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
    """Return the layer cut into single neurons."""
    shape = cut.blocks.shape
    return replace(cut, blocks=Blocks(shape, (1,) * len(shape)))


def fullest(budgets: tuple[BudgetUse, ...]) -> BudgetUse:
    """Return the budget of which the largest fraction is used."""
    return max(budgets, key=lambda budget: budget.utilization)


def _fill(layer: Layer, placed: LayerPlacement, chip: Chip) -> dict[Shape, BudgetUse]:
    """Return, for each size of block that the layer has, the budget it uses most of.

    A smaller block at the end of an axis takes what one of its size takes at most, anywhere in the
    layer, and never more than a whole one.
    """
    each = synapse_format(layer, chip)
    most = {budget.name: budget.used for budget in placed.budgets}
    found: dict[Shape, BudgetUse] = {}
    for size in set(placed.blocks.sizes()):
        blocks = Blocks(placed.blocks.shape, size)
        uses = budgets_of(Cut(layer, blocks, placed.readers, each, chip))
        found[size] = fullest(tuple(replace(u, used=min(u.used, most[u.name])) for u in uses))
    return found
