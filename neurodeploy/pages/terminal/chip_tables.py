"""What a network would take on each kind of chip, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, cast

from rich.table import Table

from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.pages import chip_rows, words
from neurodeploy.pages.chip_rows import Group
from neurodeploy.pages.terminal.chip_columns import Columns

Band: TypeAlias = "Callable[[Estimated], Estimate | None]"
Text: TypeAlias = "Callable[[Estimated], str | None]"


def estimates(chips: Sequence[Estimated], holds: str) -> Table:
    """Return time and energy of a sample and until the answers hold, and power, at both paces.

    Args:
        chips: one column each.
        holds: which words say of what an earliest step is known.
    """
    table = Table(title="Estimated, a sample: likely (low to high)", title_justify="left")
    columns = Columns(table, chips, lambda e: e.placement.chip.title)
    _add(columns, chip_rows.SIZE)
    columns.heading("at full speed")
    _add(columns, chip_rows.TIME + chip_rows.ENERGY)
    if words.pace(chips):
        columns.heading(f"sensor's {words.pace(chips)}")
        _add(columns, chip_rows.PACE_TIME + chip_rows.PACE_ENERGY)
    if any(each.decision for each in chips):
        columns.heading(f"until {holds}")
        _add(columns, chip_rows.DECISION)
    return table


def load(chips: Sequence[Estimated]) -> Table:
    """Return the longest step beside the mean one, and what passes between cores and host."""
    table = Table(title="Load, a sample: mean and peak, numbered from 0", title_justify="left")
    _add(Columns(table, chips, lambda e: e.placement.chip.title), chip_rows.LOAD)
    return table


def _add(columns: Columns[Estimated], groups: Iterable[Group]) -> None:
    for group in groups:
        if any(isinstance(row.read(each), Estimate) for row in group for each in columns.items):
            bands = [
                (row.label, cast("Callable[[Estimated], Estimate]", row.read)) for row in group
            ]
            columns.bands(group[0].unit, *bands)
        else:
            for row in group:
                columns.words(row.label, cast("Text", row.read))
