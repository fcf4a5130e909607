"""Networks side by side, as a table in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Counted
from neurodeploy.pages import wording
from neurodeploy.pages.terminal.report import Columns, groups
from neurodeploy.pages.terminal.tables import console as stdout
from neurodeploy.pages.terminal.tables import plain, print_list, print_table
from neurodeploy.running.side_by_side import Entry, SideBySide

OnChip: TypeAlias = Callable[[Entry], Estimated]


def show(found: SideBySide, console: Console | None = None) -> None:
    """Print the networks side by side on stdout, and in what their runs differ."""
    out = console or stdout()
    for entry in found.entries:
        said, counted = entry.report.provenance, entry.report.counted
        line = f"{entry.name} sha256 {entry.report.digest[:12]}, {said['data']}"
        run = f"{wording.ran(counted)}, run on {said['backend']}"
        out.print(plain(f"{line}, {run}"), soft_wrap=True)
    for entries in groups(found.entries, out):
        out.print()
        print_table(out, _table(entries))
    for entry in found.entries:
        for name, each in entry.report.estimated.items():
            for problem in each.problems:
                out.print(
                    f"[bold red]{escape(entry.name)} does not fit {escape(name)}:[/] "
                    f"{escape(problem)}",
                    soft_wrap=True,
                )
    print_list(out, found.notes)


def _table(entries: Sequence[Entry]) -> Table:
    table = Table(title="Counted, and estimated: likely (low to high)", title_justify="left")
    columns = Columns(table, entries, lambda e: e.name)
    columns.words("samples", lambda e: f"{e.report.counted.samples:,}")
    columns.words("accuracy", lambda e: _scored(e, "accuracy", "{:.2%}"))
    columns.words("macro F1", lambda e: _scored(e, "macro_f1", "{:.3f}"))
    columns.words("neurons", lambda e: f"{_sum(e.report.counted, 'neurons'):,.0f}")
    columns.words("weights", lambda e: f"{_sum(e.report.counted, 'synapses'):,.0f}")
    for label, name in (
        ("spikes a sample", "spikes_per_sample"),
        ("SynOps a sample", "synops_per_sample"),
        ("neuron updates", "neuron_updates_per_sample"),
    ):
        columns.words(label, lambda e, name=name: wording.count(_sum(e.report.counted, name)))  # type: ignore[misc]
    for name in entries[0].report.estimated:
        _add_chip(columns, entries, name)
    return table


def _scored(entry: Entry, name: str, form: str) -> str | None:
    score = entry.report.counted.score
    return None if score is None else form.format(getattr(score, name))


def _sum(counted: Counted, name: str) -> float:
    return float(sum(getattr(layer, name) for layer in counted.layers))


def _add_chip(columns: Columns[Entry], entries: Sequence[Entry], name: str) -> None:
    def on(entry: Entry) -> Estimated:
        return entry.report.estimated[name]

    columns.heading(on(entries[0]).placement.chip.title)
    columns.words("neurocores", lambda e: f"{on(e).placement.neurocores:,}")
    columns.words(
        "chips", lambda e: "does not fit" if on(e).problems else f"{on(e).placement.chips:,}"
    )
    columns.bands("J", ("energy a sample", lambda e: on(e).energy.total))
    columns.bands("J", ("  without static", lambda e: on(e).energy.dynamic))
    columns.bands("s", ("latency", lambda e: on(e).latency.sample_s))
    pace = wording.pace([on(e) for e in entries])
    columns.words(f"real time, {pace}", lambda e: wording.keeps_up(on(e)))
    columns.words(f"{wording.holds([e.report for e in entries])} after", lambda e: _steps(on(e)))


def _steps(each: Estimated) -> str | None:
    return None if each.decision is None else number_of(each.decision.steps, "step")
