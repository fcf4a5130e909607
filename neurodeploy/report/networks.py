"""Tables, CSV and page of several networks, with a row per network and a column per figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.models.files import replacing
from neurodeploy.report import texts, wording
from neurodeploy.report.report import Entry, SideBySide
from neurodeploy.report.report_data import ReportData
from neurodeploy.report.report_tables import ENERGY, LATENCY, SIZE, known
from neurodeploy.report.tables import Cell, Field, Table, Value, cell, count, read_fields

CSV_UNITS: Final = {"J": ("uj", 1e6), "s": ("ms", 1e3)}
"""Unit suffix of a CSV column and the factor from the SI unit, by SI unit."""


def _scored(name: str, text: str) -> Callable[[ReportData], Value]:
    def read(report: ReportData) -> Cell | None:
        value = getattr(report.counted.score, name, None)
        return None if value is None else Cell(text.format(value), value=value)

    return read


def _sum(name: str, shown: Callable[[Any], Value] = cell) -> Callable[[ReportData], Value]:
    return lambda report: shown(sum(getattr(layer, name) for layer in report.counted.layers))


COUNTED: Final = (
    Field("accuracy", _scored("accuracy", "{:.2%}")),
    Field("macro F1", _scored("macro_f1", "{:.3f}")),
    Field("neurons", _sum("neurons")),
    Field("weights", _sum("synapses")),
    Field("spikes per sample", _sum("spikes_per_sample", count)),
    Field("SynOps per sample", _sum("synops_per_sample", count)),
    Field("updates per sample", _sum("neuron_updates_per_sample", count)),
)
ON_CHIP: Final = (
    Field("fits", lambda e: not e.problems),
    *SIZE,
    Field("real time kept", known("real_time.keeps_up")),
    Field("steps to decision", known("decision.num_steps")),
    ENERGY,
    Field("dynamic energy", lambda e: e.energy.dynamic, "J"),
    LATENCY,
)


def tables(entries: Sequence[Entry]) -> dict[str, Table]:
    """Return the table of counted values under "", and a table of estimates under each chip's name.

    All tables have the same rows. Each column uses the unit of its largest value. Columns without
    values are omitted.
    """
    reports = [entry.report for entry in entries]
    found = {"": _table(entries, "Counted", COUNTED, reports)}
    for name, each in reports[0].estimated.items():
        title = (
            f"Estimates for {wording.clean(each.placement.chip.title)}: likely value (low to high)"
        )
        items = [report.estimated[name] for report in reports]
        found[name] = _table(entries, title, ON_CHIP, items)
    return found


def _table(
    entries: Sequence[Entry], title: str, fields: Sequence[Field], items: Sequence[Any]
) -> Table:
    columns = list(read_fields(fields, items))
    names = [cell(entry.name) for entry in entries]
    rows = tuple(zip(names, *(cells for _, cells in columns)))
    return Table(title, ("network", *(label for label, _ in columns)), rows)


def csv_text(found: SideBySide) -> str:
    """Return the networks as CSV in full precision, one row per network.

    Column names end in the unit. An estimate has three columns: value, low and high. A cell is
    empty if the value is unknown.
    """
    text = io.StringIO()
    rows = [dict(_csv_row(entry)) for entry in found.entries]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _csv_row(entry: Entry) -> Iterator[tuple[str, Any]]:
    report = entry.report
    yield from (("network", entry.name), ("file", str(entry.file)), ("sha256", report.digest))
    yield from (
        ("num_samples", report.counted.num_samples),
        ("num_steps", report.counted.num_steps),
    )
    chips = {name: (ON_CHIP, each) for name, each in report.estimated.items()}
    for chip, (fields, item) in {"": (COUNTED, report), **chips}.items():
        for field in fields:
            name = f"{chip} {field.label}".strip().replace(" ", "_").lower()
            value = field.read(item)
            if isinstance(value, Estimate):
                unit, factor = CSV_UNITS[field.unit]
                yield f"{name}_{unit}", value.value * factor
                yield f"{name}_low_{unit}", value.low * factor
                yield f"{name}_high_{unit}", value.high * factor
            else:
                yield name, value.value if isinstance(value, Cell) else value


def write_page(found: SideBySide, path: Path) -> None:
    """Write a page that compares networks, in the style of a report.

    Raises:
        InputError: if the file cannot be written.
    """
    from neurodeploy.report import page  # it draws with matplotlib

    first = found.entries[0].report
    text = page.template("comparison").render(
        networks=[
            {
                "name": wording.clean(entry.name),
                "digest": entry.report.digest[:12],
                "summary": texts.summary(entry.report),
                "training": texts.training(entry.report.network.provenance),
                "problems": texts.problems(entry.report),
            }
            for entry in found.entries
        ],
        tables=list(tables(found.entries).values()),
        notes=list(map(wording.clean, found.notes)),
        why=texts.why_more(first),
        versions=texts.versions(first),
    )
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())
