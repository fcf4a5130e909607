"""Networks side by side in a terminal: one table, or as many as its width asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


def show(found: SideBySide, console: Console | None = None) -> None:
    """Print the networks side by side on stdout, and in what their runs differ."""
    out = console or stdout()
    for entry in found.entries:
        said, counted = entry.report.provenance, entry.report.counted
        line = f"{entry.name} sha256 {entry.report.digest[:12]}, {said['data']}"
        run = f"{wording.ran(counted)}, run on {said['backend']}"
        out.print(plain(f"{line}, {run}"), soft_wrap=True)
    for listing in fitting(beside.listings(found.entries), out.width):
        print_listing(out, listing)
    _show_problems(found.entries, out)
    print_list(out, found.notes)


def _show_problems(entries: Sequence[Entry], out: Console) -> None:
    for entry in entries:
        for name, each in entry.report.estimated.items():
            for problem in each.problems:
                start = f"{escape(entry.name)} does not fit {escape(name)}:"
                out.print(f"[bold red]{start}[/] {escape(problem)}", soft_wrap=True)


def fitting(parts: Mapping[str, Listing], width: int) -> Iterator[Listing]:
    """Yield tables of the same rows as one where that fits `width`, else as few as possible.

    A part that is too wide is split between its columns. Heads are broken into lines.
    """
    whole = _broken(beside.joined(parts))
    if _width(whole) <= width:
        yield whole
        return
    for part in map(_broken, parts.values()):
        start = 1
        for end in range(2, len(part.head) + 1):
            last = end == len(part.head)
            if last or _width(_cut(part, start, end + 1)) > width:
                yield _cut(part, start, end)
                start = end


def _cut(listing: Listing, start: int, end: int) -> Listing:
    """Return the columns from `start` to before `end`, after the first."""
    rows = tuple((row[0], *row[start:end]) for row in listing.rows)
    return Listing(listing.title, (listing.head[0], *listing.head[start:end]), rows)


def _broken(listing: Listing) -> Listing:
    """Return a table whose heads are a word a line."""
    head = tuple(name.replace(" ", "\n") for name in listing.head)
    return Listing(listing.title, head, listing.rows)


def _width(listing: Listing) -> int:
    """Return the characters of a terminal that a table takes."""
    widest = [
        max(cell_len(line) for line in (*name.split("\n"), *(row[place] for row in listing.rows)))
        for place, name in enumerate(listing.head)
    ]
    return sum(width + FRAME for width in widest) + 1
