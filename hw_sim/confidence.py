"""How far estimates were off where a chip was measured.

`chips/measured_cases.json` has one entry per measured case and quantity: what this package
estimates, and what was measured. `python -m benchmarks.energy --write` writes it; docs/benchmarks/
energy-validation.md explains every case. If a constant was read from a measurement, that case says
nothing about estimates that use the constant, and it is left out.

An estimate that was 0.8 to 1.2 times the measured value in these cases gets the band
[value / 1.2, value / 0.8]. It is not a probability: there are few cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import ClassVar, Final

import msgspec

from neurodeploy.hw_sim.chips import CHIPS, Chip, Estimate
from neurodeploy.models import schema
from neurodeploy.models.json_fields import Table, same

QUANTITIES: Final = {
    "dynamic_energy": "dynamic energy",
    "step_time": "time of a step",
    "static_power": "static power",
}
"""Quantities that were measured, with their names in text."""

MIN_CASES: Final = 2
"""Fewest cases that make a band."""

SHARED: Final = ("dynamic_energy",)
"""Quantities whose constants the chips share: Loihi 2's energies per event are those of Loihi 1."""


class MeasuredCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantity of one measured case, an entry of `measured_cases.json`.

    Attributes:
        case: the network and, if need be, the run.
        chip: name of the chip.
        quantity: a name of `QUANTITIES`.
        unit: unit of the values.
        low, value, high: the estimate.
        measured: the measured value.
        rests_on: rows of the cost file whose values were read from this measurement.
    """

    case: str
    chip: str
    quantity: str
    unit: str
    low: float
    value: float
    high: float
    measured: float
    rests_on: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Estimate divided by the measured value."""
        return self.value / self.measured


@lru_cache(maxsize=1)
def measured_cases() -> tuple[MeasuredCase, ...]:
    """Return all measured cases."""
    file = resources.files("neurodeploy.hw_sim.chips") / "measured_cases.json"
    return schema.decode(file.read_bytes(), tuple[MeasuredCase, ...], file.name)


@dataclass(frozen=True)
class Range:
    """Band of an estimate that follows from measured cases.

    Attributes:
        low: the estimate divided by the largest ratio of estimate and measured value.
        high: the estimate divided by the smallest ratio.
        num_cases: number of cases.
    """

    JSON: ClassVar[Table] = Table(same("low high num_cases"))

    low: float
    high: float
    num_cases: int


@dataclass(frozen=True)
class Confidence:
    """How far estimates of one quantity were off.

    Attributes:
        quantity: a name of `QUANTITIES`.
        cases: the measured cases that do not rest on the constants in use.
        other_chips: whether some of them are of another chip, since this one has too few.
    """

    quantity: str
    cases: tuple[MeasuredCase, ...]
    other_chips: bool = False

    @property
    def enough(self) -> bool:
        """Whether there are enough cases for a band."""
        return len(self.cases) >= MIN_CASES

    def band(self, value: float) -> tuple[float, float] | None:
        """Return value / largest ratio and value / smallest ratio; None with too few cases.

        The value itself is outside if every case erred to the same side.
        """
        if not self.enough:
            return None
        ratios = [case.ratio for case in self.cases]
        return value / max(ratios), value / min(ratios)

    def range(self, estimate: Estimate) -> Range | None:
        """Return the `band` of an estimate."""
        ends = self.band(estimate.value)
        return None if ends is None else Range(*ends, len(self.cases))

    @property
    def note(self) -> str:
        """The cases and their ratios, one sentence."""
        name = QUANTITIES[self.quantity]
        each = ", ".join(f"{case.case} on {case.chip} {case.ratio:.2f}" for case in self.cases)
        if not self.enough:
            few = f"one measured case, {each}, is" if each else "no measured case is"
            return f"{name}: {few} independent of the constants, too few for a band"
        where = ", of several chips, since this one has too few" if self.other_chips else ""
        return f"{name}: estimate over measured in {len(self.cases)} cases{where}: {each}"


def confidence(
    chip: Chip, quantity: str, cases: Sequence[MeasuredCase] | None = None, *, without: str = ""
) -> Confidence:
    """Return how far estimates of a quantity were off.

    The cases of the chip count. If these are too few, those of all chips count for the quantities
    of `SHARED`. A chip has none if a row of it differs from those of the installed chip.

    Args:
        chip: the chip.
        quantity: a name of `QUANTITIES`.
        cases: the measured cases; the installed ones by default.
        without: name of a case to leave out, to see how well the others predict it.
    """
    found = tuple(
        case
        for case in (measured_cases() if cases is None else cases)
        if case.quantity == quantity and not case.rests_on and case.case != without
    )
    if chip.name not in CHIPS or chip.rows() != CHIPS[chip.name].rows():
        found = ()
    own = tuple(case for case in found if case.chip == chip.name)
    others = len(own) < MIN_CASES and quantity in SHARED
    return Confidence(quantity, found if others else own, others)
