"""Networks side by side: a row per network, a column per figure with one unit; and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import wording
from neurodeploy.pages.listings import NONE, Listing

if TYPE_CHECKING:
    from neurodeploy.running.side_by_side import Entry, SideBySide

Value: TypeAlias = "Estimate | float | int | bool | None"
CSV_UNITS: Final = {"J": ("uj", 1e6), "s": ("ms", 1e3), "": ("", 1.0)}
"""The unit in the name of a column of the CSV, and the factor to it from the SI unit."""


@dataclass(frozen=True)
class Column:
    """One figure of every network.

    Attributes:
        label: in a table.
        read: its value of a report; an `Estimate` is in SI units.
        text: writes a value that is no estimate.
        unit: of an estimate, "" otherwise.
    """

    label: str
    read: Callable[[Report], Value]
    text: Callable[[Any], str] = "{:,}".format
    unit: str = ""


def _scored(name: str) -> Callable[[Report], Value]:
    return lambda report: getattr(report.counted.score, name, None)


def _sum(name: str) -> Callable[[Report], Value]:
    return lambda report: sum(getattr(layer, name) for layer in report.counted.layers)


COUNTED: Final = (
    Column("accuracy", _scored("accuracy"), "{:.2%}".format),
    Column("macro F1", _scored("macro_f1"), "{:.3f}".format),
    Column("neurons", _sum("neurons")),
    Column("weights", _sum("synapses")),
    Column("spikes per sample", _sum("spikes_per_sample"), wording.count),
    Column("SynOps per sample", _sum("synops_per_sample"), wording.count),
    Column("updates per sample", _sum("neuron_updates_per_sample"), wording.count),
)
"""Exact from simulation; the updates are those of neurons."""


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


_ON_CHIP: Final[dict[str, tuple[Callable[[Estimated], Value], Callable[[Any], str], str]]] = {
    "fits": (lambda e: not e.problems, _yes_no, ""),
    "neurocores": (lambda e: e.placement.neurocores, "{:,}".format, ""),
    "chips": (lambda e: e.placement.chips, "{:,}".format, ""),
    "real time kept": (lambda e: e.real_time.keeps_up if e.real_time else None, _yes_no, ""),
    "steps to decision": (
        lambda e: e.decision.num_steps if e.decision else None,
        "{:,}".format,
        "",
    ),
    "energy per sample": (lambda e: e.energy.total, str, "J"),
    "dynamic energy": (lambda e: e.energy.dynamic, str, "J"),
    "latency": (lambda e: e.latency.sample_s, str, "s"),
}
"""What is read of each chip, how it is written, and its unit."""


def _on(name: str, read: Callable[[Estimated], Value], report: Report) -> Value:
    return read(report.estimated[name])


def columns_of(reports: Sequence[Report]) -> dict[str, tuple[Column, ...]]:
    """Return the columns by what they are of: "" for counted ones, then the name of each chip."""
    chips = {
        name: tuple(
            Column(label, partial(_on, name, read), text, unit)
            for label, (read, text, unit) in _ON_CHIP.items()
        )
        for name in reports[0].estimated
    }
    return {"": COUNTED, **chips}


def listings(entries: Sequence[Entry]) -> dict[str, Listing]:
    """Return what was counted, by "", and what is estimated, by the name of the chip: tables of the
    same rows.

    A column has one unit, that of its largest value; columns without a value are left out.
    """
    reports = [entry.report for entry in entries]
    made = {}
    for name, columns in columns_of(reports).items():
        found = [(column, [column.read(each) for each in reports]) for column in columns]
        shown = [_column(*pair) for pair in found if any(v is not None for v in pair[1])]
        rows = zip((entry.name for entry in entries), *(cells for _, cells in shown))
        title = reports[0].estimated[name].placement.chip.title if name else ""
        what = f"Estimated for {title}: likely (low to high)" if name else "Counted"
        made[name] = Listing(what, ("network", *(head for head, _ in shown)), tuple(rows))
    return made


def _column(column: Column, values: Sequence[Value]) -> tuple[str, list[str]]:
    """Return a column's head with its unit, and its cells."""
    bands = [value.value for value in values if isinstance(value, Estimate)]
    scale = wording.scale(bands, column.unit)
    head = f"{column.label} ({scale.unit})" if scale.unit else column.label
    return head, [
        NONE if v is None else scale.band(v) if isinstance(v, Estimate) else column.text(v)
        for v in values
    ]


def joined(parts: Mapping[str, Listing]) -> Listing:
    """Return the tables of `listings` as one, whose heads name the chip."""
    head = tuple(f"{name} {each}".strip() for name, of in parts.items() for each in of.head[1:])
    together = zip(*(part.rows for part in parts.values()))
    rows = tuple((each[0][0], *(cell for row in each for cell in row[1:])) for each in together)
    return Listing("Counted, and estimated: likely (low to high)", ("network", *head), rows)


def csv_text(found: SideBySide) -> str:
    """Return the networks as CSV: a row each, full precision, the unit at the end of a name.

    An estimate has three columns, its value and its ends, low and high. An empty cell is a figure
    that is not known.
    """
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    rows = [dict(_fields(entry)) for entry in found.entries]
    write(rows[0])
    for row in rows:
        write(row.values())
    return text.getvalue()


def _fields(entry: Entry) -> Iterator[tuple[str, Any]]:
    report = entry.report
    yield from (("network", entry.name), ("file", str(entry.file)), ("sha256", report.digest))
    yield from (("samples", report.counted.num_samples), ("steps", report.counted.num_steps))
    for chip, columns in columns_of([report]).items():
        for column in columns:
            name = f"{chip} {column.label}".strip().replace(" ", "_").lower()
            yield from _values(name, column, report)


def _values(name: str, column: Column, report: Report) -> Iterator[tuple[str, Any]]:
    value = column.read(report)
    if not column.unit:
        yield name, value
        return
    assert isinstance(value, Estimate)
    unit, factor = CSV_UNITS[column.unit]
    yield f"{name}_{unit}", value.value * factor
    yield f"{name}_low_{unit}", value.low * factor
    yield f"{name}_high_{unit}", value.high * factor
