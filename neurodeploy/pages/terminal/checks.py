"""What a comparison and a trace found, as text in a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodeploy.pages.terminal.tables import add_numbers, print_list, print_table
from neurodeploy.pages.terminal.tables import console as stdout
from neurodeploy.running.comparison import Comparison, Side
from neurodeploy.running.evaluation import Report
from neurodeploy.running.recording import SATURATED, Trace

COLUMNS: Final = (
    "layer", "training", "integers", "neurons", "silent", "saturated", "wraps", "clips",
)  # fmt: skip


def show(report: Report, console: Console | None = None) -> None:
    """Print the trace and the comparison on stdout, where they were asked for."""
    out = console or stdout()
    if report.trace is not None:
        _show_trace(out, report.trace)
    if report.comparison is not None:
        _show_comparison(out, report.comparison)


def _show_trace(out: Console, trace: Trace) -> None:
    table = Table(
        title="Traced: spikes per neuron and step in training and in integers, extremes",
        title_justify="left",
    )
    for name in COLUMNS:
        add_numbers(table, name)
    for row in trace.layers:
        table.add_row(
            str(row.layer),
            "-" if row.training_rate is None else f"{row.training_rate:.2%}",
            f"{row.rate:.2%}",
            f"{row.neurons:,}",
            f"{row.silent_neurons:,}",
            f"{row.saturated_neurons:,}",
            _number(row.num_wraps),
            _number(row.num_clips),
        )
    print_table(out, table)
    sentences = [
        f"silent: never fired; saturated: fired in more than {SATURATED:.0%} of the steps",
        "wraps, clips: steps in which a state left its width, as SLAYER's never do",
    ]
    if any(row.training_rate is not None for row in trace.layers):
        sentences.append("training: on the validation samples, which are others than these")
    print_list(out, [*sentences, *(f"note: {note}" for note in trace.notes)])


def _show_comparison(out: Console, found: Comparison) -> None:
    verdict, *rest = str(found).splitlines()
    style = "bold" if found.equal else "bold red"
    out.print(f"[{style}]{escape(verdict)}[/]", soft_wrap=True)
    for line in rest:
        out.print(escape(line), soft_wrap=True)
    if found.sides:
        print_table(out, _sides(found.sides))
    if found.note:
        print_list(out, [f"note: {found.note}"])


def _sides(sides: tuple[Side, ...]) -> Table:
    table = Table()
    table.add_column("at this place and step")
    for side in sides:
        add_numbers(table, side.backend)
    rows = {"sent": "spike", "weighted input": "weighted", "u": "current", "v": "voltage"}
    for label, name in rows.items():
        table.add_row(label, *(_number(getattr(side, name)) for side in sides))
    return table


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
