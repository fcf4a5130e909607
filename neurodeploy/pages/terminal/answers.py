"""The outputs of a network for its first samples, as a table in a terminal."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodeploy.hw_sim.answers import Answers
from neurodeploy.pages.terminal.tables import add_numbers, print_table

SAMPLES_SHOWN: Final = 10
OUTPUTS_SHOWN: Final = 10


def show(answers: Answers, samples: int, out: Console) -> None:
    """Print the outputs of the first samples, and how they were read."""
    outputs = answers.outputs
    out.print(f"[bold]Answers[/] (counted): {escape(answers.how)}")
    table = Table()
    add_numbers(table, "sample")
    if outputs.shape[1] > 1:
        add_numbers(table, "largest output")
    some = min(outputs.shape[1], OUTPUTS_SHOWN)
    table.add_column(f"outputs 0 to {some - 1}" if some > 1 else "output", justify="left")
    for sample, row in zip(answers.samples, outputs[:SAMPLES_SHOWN]):
        best = int(row.argmax())
        largest = [f"{best}: {_number(row[best])}"] if len(row) > 1 else []
        listed = ", ".join(map(_number, row[:some])) + ", ..." * (len(row) > some)
        table.add_row(str(sample), *largest, listed)
    print_table(out, table)
    if samples > SAMPLES_SHOWN:
        out.print(
            f"  and {samples - SAMPLES_SHOWN:,} more; --json has those of the first "
            f"{len(outputs):,}"
        )


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value.item(), float) else str(value)
