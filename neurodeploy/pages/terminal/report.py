"""A report in a terminal: what matters on one screen, then the tables, then how to read them."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hw_sim.estimates.conventional import WHEN
from hw_sim.reports.report import NOT_MODELLED, Report
from neurodeploy.pages.terminal import (
    answers,
    chip_tables,
    counted_tables,
    measured_table,
    other_tables,
    summary,
)
from neurodeploy.pages.terminal.chip_columns import groups
from neurodeploy.pages.terminal.tables import console as stdout
from neurodeploy.pages.terminal.tables import print_list, print_table


def show(report: Report, console: Console | None = None) -> None:
    """Print the report on stdout."""
    out = console or stdout()
    summary.show(report, out)
    _show_problems(report, out)
    _show_counted(report, out)
    _show_estimated(report, out)
    _show_elsewhere(report, out)
    if report.measured is not None:
        _table(out, measured_table.made(report.measured))
    _show_advice(report, out)
    _show_caveats(report, out)


def _table(out: Console, table: Table) -> None:
    out.print()
    print_table(out, table)


def _show_problems(report: Report, out: Console) -> None:
    for name, each in report.estimated.items():
        for problem in each.problems:
            out.print(
                f"[bold red]does not fit {escape(name)}:[/] {escape(problem)}", soft_wrap=True
            )


def _show_counted(report: Report, out: Console) -> None:
    _table(out, counted_tables.network(report))
    _table(out, counted_tables.layers(report))
    score = report.counted.score
    if score is not None:
        _table(out, counted_tables.classes(report, score))
    elif report.answers is not None:
        out.print()
        answers.show(report.answers, report.counted.samples, out)


def _show_estimated(report: Report, out: Console) -> None:
    for chips in groups(list(report.estimated.values()), out):
        _table(out, chip_tables.estimates(chips))
    for chips in groups(list(report.estimated.values()), out):
        _table(out, chip_tables.load(chips))
    _table(out, chip_tables.neurocores(report))
    _table(out, chip_tables.constants(report))
    if report.decisions is not None:
        _table(out, other_tables.decisions(report, report.decisions))
        print_list(out, other_tables.how_to_read(report.decisions, report.counted))


def _show_elsewhere(report: Report, out: Console) -> None:
    if report.conventional is not None:
        _table(out, other_tables.conventional(report, report.conventional))
        print_list(out, WHEN.values())
    if report.neurobench is not None:
        _table(out, counted_tables.neurobench(report.neurobench))


def _show_advice(report: Report, out: Console) -> None:
    found = [
        f"{name}: {sentence}" for name, each in report.estimated.items() for sentence in each.advice
    ]
    if found:
        out.print("\n[bold]What would take fewer neurocores[/]")
        print_list(out, found)


def _show_caveats(report: Report, out: Console) -> None:
    out.print("\n[bold]How to read the estimates[/]")
    caveats = [c for each in report.estimated.values() for c in each.placement.chip.caveats]
    print_list(out, dict.fromkeys(caveats))
    out.print("[bold]Not modelled[/]")
    print_list(out, NOT_MODELLED)
