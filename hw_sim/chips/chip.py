"""Chips: their limits and what an event costs on them, read from `costs/*.json`.

A cost file is data: one row a limit or event, each with its value, unit, source and grade, and
what other sources say of it. A new chip is a new file; docs/cost-files.md describes them. The
file's sha256 goes into every report.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from neurodeploy.hw_sim.chips import cost_file
from neurodeploy.hw_sim.chips.cost import GRADES, SI_FACTORS, Cost, Estimate, Reading, around
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError

__all__ = [
    "CHIPS", "Chip", "Cost", "GRADES", "Reading", "SI_FACTORS",
    "chip", "choose", "read_chip", "read_chip_file",
]  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Chip(Shown):
    """What a network meets on one kind of chip.

    Attributes:
        name: key of `CHIPS`, as users type it.
        title: the chip's full name.
        limits: by name, in whole things; a limit that does not bind has no row.
        costs: by name, energy, time and power.
        barrier: time of the barrier between steps as (tiles in use, row), ascending.
        caveats: sentences that every report on this chip prints.
        digest: sha256 of the cost file, 64 hexadecimal digits.
    """

    name: str
    title: str
    limits: Mapping[str, Cost]
    costs: Mapping[str, Cost]
    barrier: tuple[tuple[int, Cost], ...]
    caveats: tuple[str, ...]
    digest: str

    def __repr__(self) -> str:
        rows = f"{len(self.limits)} limits, {len(self.costs)} costs"
        return f"Chip({self.name!r}, {self.title!r}, {rows}, sha256 {self.digest[:12]})"

    def limit(self, name: str) -> int:
        """Return the limit `name`, which must have a row."""
        return int(self.limits[name].value)

    def cost(self, name: str) -> Estimate:
        """Return the cost `name` in joules, seconds or watts."""
        return self.costs[name].si

    def barrier_time(self, tiles: int) -> Estimate:
        """Return the seconds that a barrier over `tiles` tiles takes, each end by itself.

        Between two tabulated sizes it is a straight line over the logarithm of tiles, as for a
        signal that goes up and down a tree:
            below + (above - below) * log(tiles / tiles below) / log(tiles above / tiles below).
        Below the first size and above the last it is what that one takes.
        """
        sizes = np.log([size for size, _ in self.barrier])
        rows = [row.si for _, row in self.barrier]
        low, value, high = (
            float(np.interp(math.log(tiles), sizes, [getattr(row, end) for row in rows]))
            for end in ("low", "value", "high")
        )
        return around(value, low, high)

    def rows(self) -> dict[str, Cost]:
        """Return every row of the cost file by name, limits first."""
        barrier = {f"barrier_time_{tiles}_tiles": row for tiles, row in self.barrier}
        return {**self.limits, **self.costs, **barrier}

    @property
    def sets(self) -> tuple[str, ...]:
        """The constant sets that readings belong to, in the order of the file."""
        readings = (reading for row in self.rows().values() for reading in row.readings)
        return tuple(dict.fromkeys(reading.set for reading in readings if reading.set))

    def using(self, set_name: str) -> Chip:
        """Return the chip with the costs of one constant set, without bands.

        A row of which the set says nothing has the value used without it.

        Raises:
            InputError: when no row has a value of the set; the message names the sets there are.
        """
        if set_name not in self.sets:
            raise InputError(
                f"{self.name} has no constant set {set_name!r}; choose one of "
                f"{', '.join(self.sets) or 'none'}"
            )
        costs = {name: row.using(set_name) for name, row in self.costs.items()}
        barrier = tuple((tiles, row.using(set_name)) for tiles, row in self.barrier)
        return replace(self, costs=MappingProxyType(costs), barrier=barrier)


def chip(name: str) -> Chip:
    """Return the chip called `name`.

    Raises:
        InputError: when there is no such chip; the message names those there are.
    """
    if name not in CHIPS:
        raise InputError(f"there is no chip {name!r}; choose one of {', '.join(CHIPS)}")
    return CHIPS[name]


def choose(names: Sequence[str] = (), files: Sequence[Path] = ()) -> tuple[Chip, ...]:
    """Return the chips called `names` and those of the cost `files`; all installed ones for none.

    Raises:
        InputError: when there is no such chip, a file is no cost file, is given twice, or calls its
            chip as an installed one or another file's.
    """
    chosen = {name: chip(name) for name in sorted(names if names or files else CHIPS)}
    taken = dict.fromkeys(CHIPS, "an installed chip")
    read: set[str] = set()
    for file in files:
        if os.path.realpath(file) in read:
            raise InputError(f"{file} is given twice; give each cost file once")
        read.add(os.path.realpath(file))
        made = read_chip_file(file)
        if made.name in taken:
            raise InputError(
                f"{file} calls its chip {made.name!r}, which is the name of {taken[made.name]}; "
                "give it a name of its own"
            )
        taken[made.name] = f"the chip in {file}"
        chosen[made.name] = made
    return tuple(chosen.values())


def read_chip_file(path: Path | str) -> Chip:
    """Return the chip that the cost file at `path` describes; see docs/cost-files.md.

    Raises:
        InputError: one sentence on the first fault of the file.

    Example:
        >>> costs = resources.files("neurodeploy.hw_sim.chips") / "costs"
        >>> neurodeploy.load_chip(costs / "loihi2.json").title
        'Intel Loihi 2'
    """
    path = Path(path)
    return read_chip(cost_file.read_text(path), path)


def read_chip(text: str, file: str | Path = "the cost file") -> Chip:
    """Return the chip that the cost file with this text describes; raises as `read_chip_file`."""
    return Chip(**cost_file.parse(text, file))


def _read_all() -> Mapping[str, Chip]:
    folder = resources.files("neurodeploy.hw_sim.chips").joinpath("costs")
    files = [file for file in folder.iterdir() if file.name.endswith(".json")]
    chips = [read_chip(file.read_bytes().decode(), file.name) for file in files]
    return MappingProxyType({each.name: each for each in sorted(chips, key=lambda c: c.name)})


CHIPS: Final = _read_all()
"""Every chip that has an installed cost file, by name."""
