"""Tables that terminal, page and notebook share.

Values are numbers, strings, or `Estimate`s in SI units. Values that belong together, such as those
of a column, share one unit, which the heading names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.report import wording
from neurodeploy.report.wording import Scale, clean

Item = TypeVar("Item")


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: formatted value.
        note: text after or below it, such as the range of an estimate; "" for none.
        value: value before formatting; strings are left-aligned, all others right-aligned.
        style: "good", "warn", "weak", "bad" or ""; "strong" in a first cell highlights the row.
    """

    text: str
    note: str = ""
    value: Any = None
    style: str = ""

    @property
    def line(self) -> str:
        """Text and note on one line, such as "2 (1 to 3)"."""
        if not self.note or self.note.startswith(("of ", "on ")):
            return f"{self.text} {self.note}".rstrip()
        return f"{self.text} ({self.note})"


Value: TypeAlias = "Cell | Estimate | float | str | None"
NONE: Final = Cell("-")


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it.

    Attributes:
        title: title of the table.
        columns: column headings.
        rows: cells of each row. A row of one cell is a heading for the rows below it. A name that
            starts with two spaces marks a part of the row above.
        notes: explanations, one sentence each.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[bool, ...]:
        """Whether each column holds text."""
        rows = [row for row in self.rows if len(row) > 1]
        return tuple(
            all(isinstance(row[place].value, (str, type(None))) for row in rows)
            for place in range(len(self.columns))
        )


def cell(value: Value, scale: Scale | None = None) -> Cell:
    """Return the cell of a value; an estimate is in the unit of `scale`."""
    if isinstance(value, Cell):
        return value
    if value is None:
        return NONE
    if isinstance(value, str):
        return Cell(clean(value), value=value)
    if isinstance(value, Estimate):
        scale = scale or Scale("", 1.0)
        return Cell(scale.number(value.value), scale.ends(value), value)
    if isinstance(value, bool):
        return Cell("yes" if value else "no", value=value)
    return Cell(f"{value:,}" if isinstance(value, int) else wording.number(value), value=value)


def count(value: float) -> Cell:
    """Return the cell of a mean count."""
    return Cell(wording.count(value), value=value)


def share(value: float) -> Cell:
    """Return the cell of a fraction in percent."""
    return Cell(wording.share(value), value=value)


def amount(value: float, unit: str) -> Cell:
    """Return the cell of a value in SI units, with the unit that fits it."""
    return Cell(wording.amount(value, unit), value=value)


def band(value: Estimate, unit: str) -> Cell:
    """Return the cell of an estimate in SI units, with the unit that fits it and its range."""
    scale = wording.scale([value.value], unit)
    return Cell(scale.amount(value.value), scale.ends(value), value)


def rows_of(
    title: str,
    items: Iterable[Item],
    columns: dict[str, Callable[[Item], Value]],
    notes: Sequence[str] = (),
) -> Table:
    """Return a table with a row per item.

    Args:
        title: title of the table.
        items: items, one per row.
        columns: functions that return the value of an item, by column heading.
        notes: explanations, one sentence each.
    """
    rows = tuple(tuple(cell(read(item)) for read in columns.values()) for item in items)
    return Table(title, tuple(columns), rows, tuple(notes))


@dataclass(frozen=True)
class Field:
    """One figure of a chip or of a network.

    Attributes:
        label: label of the figure.
        read: function that returns the value of an item; estimates are in SI units, None means no
            value.
        unit: SI unit of an estimate.
    """

    label: str
    read: Callable[[Any], Value]
    unit: str = ""


SMALL: Final = 0.01
"""Smallest value at which a part still uses the unit of its whole."""


def read_fields(fields: Sequence[Field], items: Sequence[Any]) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the label and the cells of each field that has a value for any item.

    Estimates share the unit that fits the largest of them, and the label names the unit. A part,
    whose label starts with two spaces, uses the unit of the whole above it unless it is too small.
    """
    whole = Scale("", 1.0)
    for field in fields:
        values = [field.read(item) for item in items]
        if all(value is None for value in values):
            continue
        largest = max((v.value for v in values if isinstance(v, Estimate)), default=0.0)
        scale, label = wording.scale([largest], field.unit), field.label
        part = label.startswith(" ") and whole.unit.endswith(field.unit or "-")
        if part and not 0 < largest * whole.factor < SMALL:
            scale = whole
        elif scale.unit:
            label = f"{label} ({scale.unit})"
        if not field.label.startswith(" "):
            whole = scale
        yield label, [cell(value, scale) for value in values]


def chip_table(
    chips: Sequence[tuple[str, Estimated]], title: str, sections: Mapping[str, Sequence[Field]]
) -> Table:
    """Return a table with a column per chip.

    Args:
        chips: title and estimates of each chip.
        title: title of the table.
        sections: fields of each section, by heading; "" for no heading.
    """
    rows: list[tuple[Cell, ...]] = []
    items = [each for _, each in chips]
    for heading, fields in sections.items():
        found = list(read_fields(fields, items))
        if heading and found:
            rows.append((cell(heading),))
        rows += [(cell(label), *cells) for label, cells in found]
    return Table(title, ("", *(name for name, _ in chips)), tuple(rows))
