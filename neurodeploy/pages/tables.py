"""Tables: each is built once, and terminal, page and notebook show it.

Values come in as numbers, words and `Estimate`s in SI units. Values that are read together, such as
those of a column, get one unit, which stands in the heading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.pages import wording
from neurodeploy.pages.wording import Scale, clean

Item = TypeVar("Item")


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what it shows.
        note: shown behind or below it, such as the range of an estimate; "" for none.
        value: the value that it shows; words are left-aligned, anything else right-aligned.
        style: "strong" in the first cell of a row that stands out; "good", "warn", "weak", "bad".
    """

    text: str
    note: str = ""
    value: Any = None
    style: str = ""

    @property
    def line(self) -> str:
        """Text and note, "2 (1 to 3)"."""
        if not self.note or self.note.startswith(("of ", "on ")):
            return f"{self.text} {self.note}".rstrip()
        return f"{self.text} ({self.note})"


Value: TypeAlias = "Cell | Estimate | float | str | None"
NONE: Final = Cell("-")


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it.

    Attributes:
        title: what it shows.
        columns: their headings.
        rows: their cells. A row of one cell is a heading for the rows below it; a name that starts
            with two spaces is that of a part of the row above.
        notes: how to read it, a sentence each.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[bool, ...]:
        """Which columns hold words."""
        rows = [row for row in self.rows if len(row) > 1]
        return tuple(
            all(isinstance(row[place].value, (str, type(None))) for row in rows)
            for place in range(len(self.columns))
        )


def cell(value: Value, scale: Scale | None = None) -> Cell:
    """Return the cell of a value; an estimate is shown in the unit of `scale`."""
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
    """Return the cell of a fraction, in percent."""
    return Cell(wording.share(value), value=value)


def amount(value: float, unit: str) -> Cell:
    """Return the cell of a value in SI units, with a unit of its own."""
    return Cell(wording.amount(value, unit), value=value)


def rows_of(
    title: str,
    items: Iterable[Item],
    columns: dict[str, Callable[[Item], Value]],
    notes: Sequence[str] = (),
) -> Table:
    """Return a table with a row per item.

    Args:
        title: of the table.
        items: one per row.
        columns: by their headings, what they show of an item.
        notes: how to read it.
    """
    rows = tuple(tuple(cell(read(item)) for read in columns.values()) for item in items)
    return Table(title, tuple(columns), rows, tuple(notes))


@dataclass(frozen=True)
class Field:
    """One figure of a chip or of a network.

    Attributes:
        label: its name.
        read: returns its value; an `Estimate` is in SI units, None stands for no value.
        unit: the SI unit of an estimate.
    """

    label: str
    read: Callable[[Any], Value]
    unit: str = ""


SMALL: Final = 0.01
"""Of the unit of a whole: below it a part has a unit of its own."""


def read_fields(fields: Sequence[Field], items: Sequence[Any]) -> Iterator[tuple[str, list[Cell]]]:
    """Yield label and cells of each field that has a value for any item.

    Estimates have the unit that fits the largest of them, which the label names. A part, whose
    label starts with two spaces, has the unit of the whole above it unless it is too small for it.
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
        chips: title and estimates of each.
        title: of the table.
        sections: by their headings, "" for none, the fields below each.
    """
    rows: list[tuple[Cell, ...]] = []
    items = [each for _, each in chips]
    for heading, fields in sections.items():
        found = list(read_fields(fields, items))
        if heading and found:
            rows.append((cell(heading),))
        rows += [(cell(label), *cells) for label, cells in found]
    return Table(title, ("", *(name for name, _ in chips)), tuple(rows))
