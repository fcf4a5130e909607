"""The progress bar of a command, on stderr and on a terminal only.

In a file of its own, since what draws it takes longer to import than a command to start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text


class _Times(ProgressColumn):
    """The time gone, and what is left once that can be told."""

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        shown = f"{timedelta(seconds=int(task.elapsed or 0))} elapsed"
        left = task.time_remaining
        return Text(shown if left is None else f"{shown}, {timedelta(seconds=int(left))} to go")


@contextmanager
def shown(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show the bar and yield what to call with what is done and the whole, in any unit."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        _Times(Column(no_wrap=True)),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task(description, total=None)

        def advance(done: int, total: int) -> None:
            if bar.tasks[0].total is None:  # a resumed run starts far from 0: no speed in that
                bar.reset(task, completed=done, total=total)
            bar.update(task, completed=done, total=total)

        yield advance
