"""One row of a cost file: a limit or the cost of one event, with all that sources say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from neurodeploy.hw_sim.estimates.estimate import Estimate

GRADES: Final = ("code", "notebook", "abstract", "second-hand", "derived", "memory", "measured")
"""How well a value is founded: read in public code; printed by Intel's benchmark notebook; from a
paper's abstract; from somebody's note on a paper; arithmetic on other values; not confirmed; on the
hardware itself by who gives the file, which is true of no installed one."""

SI_FACTORS: Final = {"pJ": 1e-12, "ns": 1e-9, "us": 1e-6, "mW": 1e-3}
"""From the units of cost rows to joules, seconds and watts."""


class Reading(NamedTuple):
    """What one source says of a row.

    Attributes:
        value: in the row's unit.
        source: where it comes from.
        grade: one of `GRADES`.
        set: the constant set that it belongs to, as "SANA-FE"; "" for none.
    """

    value: float
    source: str
    grade: str
    set: str = ""


@dataclass(frozen=True)
class Cost:
    """A limit, or what one event costs.

    Attributes:
        value: the value used.
        unit: a unit of `SI_FACTORS` for costs, the thing counted for limits.
        source: where `value` comes from.
        grade: one of `GRADES`.
        set: the constant set of `value`; "" for none.
        alternatives: what other sources say.
    """

    value: float
    unit: str
    source: str
    grade: str
    set: str = ""
    alternatives: tuple[Reading, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What every source says; the first is the one used."""
        return (Reading(self.value, self.source, self.grade, self.set), *self.alternatives)

    @property
    def low(self) -> float:
        """The lowest value that a source gives."""
        return min(reading.value for reading in self.readings)

    @property
    def high(self) -> float:
        """The highest value that a source gives."""
        return max(reading.value for reading in self.readings)

    @property
    def si(self) -> Estimate:
        """The cost in joules, seconds or watts, from the lowest to the highest reading."""
        return Estimate(self.low, self.value, self.high) * SI_FACTORS[self.unit]

    def using(self, set_name: str) -> Cost:
        """Return the row with the reading of a constant set alone, or the one used without it."""
        of_set = (reading for reading in self.readings if reading.set == set_name)
        return replace(self, **next(of_set, self.readings[0])._asdict(), alternatives=())

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values: as in the cost file, and its ends."""
        return {
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            **self.readings[0]._asdict(),
            "alternatives": [reading._asdict() for reading in self.alternatives],
        }
