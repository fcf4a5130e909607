"""A report in a terminal: what matters on one screen, then the tables, then how to read them."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodeploy.hw_sim.reports.report import NOT_MODELLED, Report
from neurodeploy.pages import listings, step_listings, words
from neurodeploy.pages.terminal import answers, chip_tables, summary
from neurodeploy.pages.terminal.chip_columns import groups
from neurodeploy.pages.terminal.tables import console as stdout
from neurodeploy.pages.terminal.tables import print_list, print_listing, print_table


def show(report: Report, console: Console | None = None) -> None:
    """Print the report on stdout."""
    out = console or stdout()
    summary.show(report, out)
    _show_problems(report, out)
    _show_counted(report, out)
    _show_estimated(report, out)
    _show_elsewhere(report, out)
    if report.measured is not None:
        print_listing(out, listings.measured(report.measured))
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
    print_listing(out, listings.network(report))
    print_listing(out, listings.layers(report))
    score = report.counted.score
    if score is not None:
        print_listing(out, listings.classes(score, words.classes(report)))
    elif report.answers is not None:
        out.print()
        answers.show(report.answers, report.counted.samples, out)


def _show_estimated(report: Report, out: Console) -> None:
    for chips in groups(list(report.estimated.values()), out):
        _table(out, chip_tables.estimates(chips, words.holds([report])))
    for chips in groups(list(report.estimated.values()), out):
        _table(out, chip_tables.load(chips))
    print_listing(out, listings.neurocores(report))
    print_listing(out, listings.constants(report))
    if report.decisions is not None:
        for listing in step_listings.decisions(report, report.decisions):
            print_listing(out, listing)


def _show_elsewhere(report: Report, out: Console) -> None:
    if report.conventional is not None:
        print_listing(out, listings.conventional(report, report.conventional))
    if report.neurobench is not None:
        print_listing(out, listings.neurobench(report.neurobench))


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
