"""Networks side by side in a terminal: one table, or as many as its width asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from neurodeploy.pages import beside, wording
from neurodeploy.pages.listings import Listing
from neurodeploy.pages.terminal.tables import console as stdout
from neurodeploy.pages.terminal.tables import plain, print_list, print_listing

if TYPE_CHECKING:
    from neurodeploy.running.side_by_side import Entry, SideBySide

FRAME: Final = 3
"""Characters of a terminal that a column takes beside its text."""


def show(found: SideBySide, console: Console | None = None, *, brief: bool = False) -> None:
    """Print the networks side by side on stdout, and in what their runs differ.

    When `brief`, the tables alone and why a chip cannot hold a network.
    """
    out = console or stdout()
    for entry in () if brief else found.entries:
        said, counted = entry.report.provenance, entry.report.counted
        line = f"{entry.name} sha256 {entry.report.digest[:12]}, {said['dataset']}"
        run = f"{wording.ran(counted)}, run on {said['backend']}"
        out.print(plain(f"{line}, {run}"), soft_wrap=True)
    width = out.width if out.is_terminal else None  # what reads a pipe has room
    for listing in fitting(beside.listings(found.entries), width):
        print_listing(out, listing)
    _show_problems(found.entries, out)
    if not brief:
        print_list(out, found.notes)


def _show_problems(entries: Sequence[Entry], out: Console) -> None:
    for entry in entries:
        for name, each in entry.report.estimated.items():
            for problem in each.problems:
                start = f"{escape(entry.name)} does not fit {escape(name)}:"
                out.print(f"[bold red]{start}[/] {escape(problem)}", soft_wrap=True)


def fitting(parts: Mapping[str, Listing], width: int | None) -> list[Listing]:
    """Return tables of the same rows: one where that fits `width`, else as few as possible.

    The columns keep their order and units; several tables are numbered. Heads are broken into
    lines, and the ends of estimates stand below them where room is short. No width is room for all.
    """
    whole = _broken(beside.joined(parts))
    if width is None or _width(whole) <= width:
        return [whole]
    whole = replace(whole, rows=tuple(tuple(map(_stacked, row)) for row in whole.rows))
    made, start = [], 1
    for end in range(2, len(whole.head) + 1):
        last = end == len(whole.head)
        if last or _width(_cut(whole, start, end + 1)) > width:
            made.append(_cut(whole, start, end))
            start = end
    if len(made) == 1:
        return made
    return [
        replace(each, title=f"{each.title}, table {place} of {len(made)}")
        for place, each in enumerate(made, 1)
    ]


def _cut(listing: Listing, start: int, end: int) -> Listing:
    """Return the columns from `start` to before `end`, after the first."""
    rows = tuple((row[0], *row[start:end]) for row in listing.rows)
    return Listing(listing.title, (listing.head[0], *listing.head[start:end]), rows)


def _broken(listing: Listing) -> Listing:
    """Return a table whose heads are a word a line."""
    head = tuple(name.replace(" ", "\n") for name in listing.head)
    return Listing(listing.title, head, listing.rows)


def _stacked(cell: str) -> str:
    """Return an estimate with its ends on a line of their own."""
    return re.sub(r" (?=\([^ ]+ to [^ ]+\)$)", "\n", cell)


def _width(listing: Listing) -> int:
    """Return the characters of a terminal that a table takes."""
    widest = [
        max(
            cell_len(line)
            for text in (name, *(row[place] for row in listing.rows))
            for line in text.split("\n")
        )
        for place, name in enumerate(listing.head)
    ]
    return sum(width + FRAME for width in widest) + 1
