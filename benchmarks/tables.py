"""What the benchmark shows: a table a workload, and one over the random networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.compare import PEERS
from benchmarks.results import WAYS, Figures, Result, best_time

SHOWN = 40
"""Characters of a reason in a terminal."""


@dataclass(frozen=True)
class Cells:
    """A table as texts: its title, its headings, and rows as long as these."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def cells_of(result: Result) -> Cells:
    """Return the table of one workload; a row for each way in which a simulator ran."""
    headings = [
        "simulator",
        *(f"us, {_threads(count)}" for count in result.threads),
        "samples/s",
        "ns/SynOp",
        "of limit",
        *(f"x Lava, {_threads(count)}" for count in result.threads),
        "peak MB",
        "exact?",
    ]
    rows = []
    for name in result.peers:
        ways = [way for way in WAYS if any(each[way] for each in result.figures(name).values())]
        rows += [_row(result, name, way) for way in ways]
        if not ways:
            dashes = ["-"] * (len(headings) - 2)
            rows.append([PEERS[name].title, *dashes, result.reason(name)])
    return Cells(title_of(result), headings, rows)


def title_of(result: Result) -> str:
    """Return what the figures of a table refer to."""
    return (
        f"{result.name}: {result.neurons:,} neurons, {result.firing:.1%} firing, "
        f"{result.synops:,.0f} SynOps a step, {result.samples:,} "
        f"sample{'s' * (result.samples > 1)} of {result.steps:,} steps, "
        f"limit {number(result.floor_us())} us"
    )


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _row(result: Result, name: str, way: str) -> list[str]:
    """Return the cells of one way in which a simulator ran; the least threads that have figures
    give what stands beside the times."""
    figures = result.figures(name)
    first = figures[min(figures)]
    times = {count: _time(figures.get(count), way) for count in result.threads}
    label = f", {WAYS[way].format(format(first['batch_size'], ','))}" if first["batch"] else ""
    known = [time for time in times.values() if time is not None]
    synops = first["synops"]
    return [
        f"{PEERS[name].title}{label}",
        *(number(time) for time in times.values()),
        number(1e6 / min(known) / result.steps),
        number(1e3 * known[0] / synops if synops else None),
        share(result.floor_us(synops), times.get(1)),
        *(number(_ratio(result.reference_us, time)) for time in times.values()),
        f"{first['peak_mb']:,.0f}",
        exactness(first) + _restriction(result, name),
    ]


def _time(figures: Figures | None, way: str) -> float | None:
    return float(figures[way]["median"]) if figures and figures[way] else None


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or under is None else over / under


def _restriction(result: Result, name: str) -> str:
    return ", without delays" if result.delays and not PEERS[name].delays else ""


def number(value: float | None) -> str:
    """Return three digits that count."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def share(part: float, whole: float | None) -> str:
    """Return a part as percent, with two digits that count."""
    if whole is None:
        return "-"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"


def exactness(figures: Mapping[str, Any]) -> str:
    """Return whether every spike was the expected one, else how many differ for each of those."""
    if not figures["different"]:
        return f"yes, {figures['spikes']:,} spikes"
    return f"no, {share(figures['different'], max(figures['spikes'], 1))}"


def random_cells(results: Sequence[Result]) -> Cells:
    """Return one table of all random networks, each simulator's best way on one thread."""
    peers = [name for name in PEERS if any(name in result.peers for result in results)]
    headings = ["neurons", "fire", "SynOps", "limit", *(PEERS[name].title for name in peers)]
    rows = []
    for result in results:
        found = (result.figures(name).get(1) for name in peers)
        times = [number(best_time(each) if each else None) for each in found]
        start = [f"{result.neurons:,}", f"{result.firing:.0%}", number(result.synops)]
        rows.append([*start, number(result.floor_us()), *times])
    title = "Random networks: microseconds a step and sample, each simulator's best way, one thread"
    return Cells(title, headings, rows)


def table_of(cells: Cells) -> Table:
    """Return the table for a terminal."""
    table = Table(title=cells.title, title_justify="left")
    for index, heading in enumerate(cells.headings):
        last = index == len(cells.headings) - 1
        left = not index or (last and heading == "exact?")
        table.add_column(heading, justify="left" if left else "right")
    for row in cells.rows:
        table.add_row(*row[:-1], row[-1][:SHOWN])
    return table


def markdown_of(cells: Cells) -> str:
    """Return the table as Markdown, its title as a heading."""
    heading, _, rest = cells.title.partition(": ")
    return f"## {heading}\n\n{rest[:1].upper()}{rest[1:]}.\n\n{markdown_rows(cells)}"


def markdown_rows(cells: Cells) -> str:
    """Return the table as Markdown without its title."""
    alignment = ["---", *["---:"] * (len(cells.headings) - 1)]
    lines = [cells.headings, alignment, *cells.rows]
    return "\n".join(f"| {' | '.join(line).replace('`', '')} |" for line in lines) + "\n"
