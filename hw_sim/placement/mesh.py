"""Where neurocores lie: they fill tiles, tiles the mesh of a chip row by row, and chips a square.

So do the chips of the square: row by row. n chips stand in rows of ceil(sqrt(n)), as five do in a
row of three and one of two below, and a message goes on from the mesh of one to that of the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips.chip import Chip


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


def longest_way(messages: NDArray[np.float64], sender: Places, reader: Places) -> tuple[int, int]:
    """Return the hops (east-west, north-south) of the longest way that any message takes."""
    across = np.abs(sender.x[:, None] - reader.x)
    along = np.abs(sender.y[:, None] - reader.y)
    hops = np.where(messages > 0, across + along, -1)
    where = np.unravel_index(int(hops.argmax()), hops.shape)
    return (int(across[where]), int(along[where])) if hops[where] > 0 else (0, 0)
