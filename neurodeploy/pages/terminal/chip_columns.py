"""Tables in a terminal with a column for each chip, or for each of whatever is side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from rich.console import Console
from rich.table import Table

from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.pages import numbers
from neurodeploy.pages.terminal.tables import add_numbers, plain

LABEL: Final = 24
"""Characters of the labels."""
COLUMN: Final = 28
"""Characters of one column, about."""
SMALL: Final = 0.01
"""Of the unit that rows share: below it a row has a unit of its own."""

Item = TypeVar("Item")


def groups(items: Sequence[Item], out: Console) -> Iterator[Sequence[Item]]:
    """Yield so many of `items` at a time as stand side by side on this terminal."""
    size = max(1, (out.width - LABEL) // COLUMN)
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Columns(Generic[Item]):
    """A table in the making: a row a label, a column an item."""

    def __init__(
        self, table: Table, items: Sequence[Item], title: Callable[[Item], str], corner: str = ""
    ) -> None:
        """Give `table` its columns; `corner` stands above the labels."""
        self.table, self.items = table, items
        table.add_column(plain(corner), no_wrap=True)
        for item in items:
            add_numbers(table, plain(title(item)))

    def words(self, label: str, read: Callable[[Item], str | None]) -> None:
        """Add a row of texts, "-" for None; no row where all are None."""
        self._row(label, [read(item) for item in self.items])

    def bands(self, unit: str, *rows: tuple[str, Callable[[Item], Estimate | None]]) -> None:
        """Add rows of estimates in SI units, in the one unit that fits the largest value.

        A row that is too small for that unit has one of its own, which its label names.

        Args:
            unit: named after each label that is not indented, with the prefix that fits.
            rows: label and what to read of an item.
        """
        found = [(label, [read(item) for item in self.items]) for label, read in rows]
        shared = numbers.scale((c.value for _, cells in found for c in cells if c), unit)
        for place, (label, cells) in enumerate(found):
            largest = max((cell.value for cell in cells if cell is not None), default=0.0)
            small = 0 < largest * shared.factor < SMALL
            scale = numbers.scale([largest], unit) if small else shared
            own = unit and (small or not (place and label.startswith(" ")))
            named = f"{label} ({scale.unit})" if own else label
            self._row(named, [None if cell is None else scale.band(cell) for cell in cells])

    def heading(self, label: str) -> None:
        """Add a row that says what those below it are."""
        self.table.add_row(plain(label, "bold"), *("" for _ in self.items))

    def _row(self, label: str, cells: Sequence[str | None]) -> None:
        if any(cell is not None for cell in cells):
            self.table.add_row(plain(label), *(plain("-" if c is None else c) for c in cells))
