"""Chips: their limits and what an event costs on them, read from `costs/*.json`.

A cost file is data: one row a limit or event, each with its value, unit, source and grade, and
where sources differ a lowest and a highest value with sources of their own. A new chip is a new
file. The file's sha256 goes into every report.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from hw_sim.estimate import Estimate
from models.errors import InputError

GRADES: Final = ("code", "notebook", "abstract", "second-hand", "derived", "memory")
"""How well a row is founded: read in public code; printed by Intel's benchmark notebook; from a
paper's abstract; from somebody's note on a paper; arithmetic on other rows; not confirmed."""

SI_FACTORS: Final = {"pJ": 1e-12, "ns": 1e-9, "us": 1e-6, "mW": 1e-3}
"""From the units of cost rows to joules, seconds and watts."""


@dataclass(frozen=True)
class Cost:
    """One row of a cost file: a limit, or what one event costs.

    Attributes:
        low: lowest value that a source gives, in `unit`.
        value: the value used.
        high: highest value that a source gives.
        unit: a unit of `SI_FACTORS` for costs, the thing counted for limits.
        source: where `value` comes from.
        grade: one of `GRADES`.
        low_source: where `low` comes from, with its grade; "" when it is `value`.
        high_source: the same for `high`.
    """

    low: float
    value: float
    high: float
    unit: str
    source: str
    grade: str
    low_source: str = ""
    high_source: str = ""

    @property
    def si(self) -> Estimate:
        """The cost in joules, seconds or watts."""
        factor = SI_FACTORS[self.unit]
        return Estimate(self.low, self.value, self.high) * factor


@dataclass(frozen=True, eq=False)
class Chip:
    """What a network meets on one kind of chip.

    Attributes:
        name: key of `CHIPS`, as users type it.
        title: the chip's full name.
        limits: by name, in whole things; a limit that nobody published has no row.
        costs: by name, energy, time and power.
        barrier: time of the barrier between steps as (tiles in use up to, row), ascending.
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

    def limit(self, name: str) -> int:
        """Return the limit `name`, which must have a row."""
        return int(self.limits[name].value)

    def cost(self, name: str) -> Estimate:
        """Return the cost `name` in joules, seconds or watts."""
        return self.costs[name].si

    def barrier_time(self, tiles: int) -> Estimate:
        """Return the seconds that a barrier over `tiles` tiles takes: the next tabulated size."""
        for up_to, row in self.barrier:
            if tiles <= up_to:
                return row.si
        return self.barrier[-1][1].si

    def rows(self) -> dict[str, Cost]:
        """Return every row of the cost file by name, limits first."""
        barrier = {f"barrier_time_{tiles}_tiles": row for tiles, row in self.barrier}
        return {**self.limits, **self.costs, **barrier}


def chip(name: str) -> Chip:
    """Return the chip called `name`.

    Raises:
        InputError: when there is no such chip; the message names those there are.
    """
    if name not in CHIPS:
        raise InputError(f"there is no chip {name!r}; choose one of {', '.join(CHIPS)}")
    return CHIPS[name]


def read_cost(row: Mapping[str, Any]) -> Cost:
    """Return one row of a cost file as a `Cost`; a missing end is the value itself."""
    ends: dict[str, Any] = {"low": row["value"], "high": row["value"]}
    for end in ("low", "high"):
        if end in row:
            ends[end] = row[end]["value"]
            ends[f"{end}_source"] = f"{row[end]['source']} ({row[end]['grade']})"
    return Cost(
        value=row["value"], unit=row["unit"], source=row["source"], grade=row["grade"], **ends
    )


def read_chip(text: str) -> Chip:
    """Return the chip that the cost file with this content describes."""
    data = json.loads(text)
    return Chip(
        name=data["name"],
        title=data["title"],
        limits=_read_section(data["limits"]),
        costs=_read_section(data["costs"]),
        barrier=tuple(sorted((int(k), read_cost(row)) for k, row in data["barrier"].items())),
        caveats=tuple(data["caveats"]),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _read_section(section: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Cost]:
    return MappingProxyType({name: read_cost(row) for name, row in section.items()})


def _read_all() -> Mapping[str, Chip]:
    files = resources.files("hw_sim").joinpath("costs").iterdir()
    texts = [f.read_text(encoding="utf-8") for f in files if f.name.endswith(".json")]
    chips = sorted(map(read_chip, texts), key=lambda each: each.name)
    return MappingProxyType({each.name: each for each in chips})


CHIPS: Final = _read_all()
"""Every chip that has a cost file, by name."""
