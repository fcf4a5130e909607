"""Tables and lists in a terminal, of which nothing is cut off."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, Any, Final, cast

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from neurodeploy.pages.listings import Listing
from neurodeploy.pages.wording import MICRO, clean

WIDEST: Final = 1000
"""No table takes more columns of a terminal."""


def console() -> Console:
    """Return stdout as it is: nothing coloured by guesses, no `:name:` turned into a picture."""
    file = sys.stdout if _can_print(MICRO, sys.stdout) else cast("IO[str]", _WithoutMicro())
    return Console(file=file, highlight=False, emoji=False)


def _can_print(text: str, file: IO[str]) -> bool:
    try:
        text.encode(getattr(file, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class _WithoutMicro:
    """stdout whose encoding lacks the micro sign: u stands for it."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text.replace(MICRO, "u"))

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


def plain(text: object, style: str = "") -> Text:
    """Return text that comes from files, such as names of classes, to be shown as it is.

    Markup in it is no markup, and control characters, which move the cursor, are replaced.
    """
    return Text(clean(str(text)), style)


def add_numbers(table: Table, name: str | Text) -> None:
    """Add a column of numbers, which are never cut or broken off."""
    table.add_column(name, justify="right", no_wrap=True)


def print_listing(out: Console, listing: Listing, *, framed: bool = True) -> None:
    """Print a table and its notes, after an empty line.

    Without a frame the title stands above the labels.
    """
    if framed:
        table = Table(title=plain(listing.title), title_justify="left")
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    corner = "" if framed else listing.title
    for place, name in enumerate(listing.head):
        justify: JustifyMethod = "left" if place in listing.words else "right"
        head = Text("\n").join(map(plain, (name or corner).split("\n")))
        table.add_column(head, justify=justify, no_wrap=True)
    for row in listing.rows:
        style = "bold" if row[0].startswith("*") or len(row) == 1 else ""
        table.add_row(*map(_cell, row), style=style)
    out.print()
    print_table(out, table)
    print_list(out, listing.notes)


def _cell(text: str) -> Text:
    """Return a cell, whose ends of an estimate may stand on a line of their own."""
    value, below, ends = text.partition("\n(")
    return Text("\n").join([plain(value), plain(f"({ends}")]) if below else plain(text)


def print_table(out: Console, table: Table) -> None:
    """Print a table, wider than a narrow terminal where its numbers and words take that."""
    for column in table.columns:
        texts = [line for text in (column.header, *column.cells) for line in str(text).split("\n")]
        whole = texts if column.no_wrap else [word for text in texts for word in text.split()]
        column.min_width = max(map(cell_len, whole), default=1)
    least = Measurement.get(out, out.options.update(width=WIDEST), table).minimum
    if least > out.width:
        table.width = least
    out.print(table, crop=False)


def print_list(out: Console, sentences: Iterable[str]) -> None:
    """Print sentences indented on a terminal, and elsewhere one a line, whole."""
    listed = Table.grid(padding=(0, 1))
    for sentence in sentences:
        if out.is_terminal:
            listed.add_row("  -", escape(sentence))
        else:
            out.print(f"  - {escape(sentence)}", soft_wrap=True)
    if listed.row_count:
        out.print(listed)
