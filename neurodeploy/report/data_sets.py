"""Print the state and the contents of the tasks' datasets in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as RichTable

from neurodeploy.data.dataset import Dataset
from neurodeploy.data.inventory import Contents, Entry
from neurodeploy.models.display import number_of
from neurodeploy.report.tables import Cell, Table, cell, rows_of
from neurodeploy.report.terminal import console as stdout
from neurodeploy.report.terminal import plain, print_list, print_table
from neurodeploy.report.wording import clean

NAME_WIDTH: Final = 9
STYLES: Final = {"found": "good", "incomplete": "warn", "missing": "weak"}
"""Cell style of each state of an entry."""


def show_all(entries: Sequence[Entry], home: Path, console: Console | None = None) -> None:
    """Print all tasks and the state, location, download and citation of their data."""
    out = console or stdout()
    columns = {
        "task": lambda each: each.task.name,
        "data": lambda each: each.task.origin.data,
        "state": lambda each: Cell(each.state, value=each.state, style=STYLES[each.state]),
        "licence": lambda each: each.task.origin.licence,
    }
    print_table(out, rows_of("Tasks and their data", entries, columns))
    _show_places(entries, out)
    others = {e.task.name: _way(e) for e in entries if e.state != "found"}
    _sentences(out, "How to get the missing data", others)
    _sentences(out, "To cite", {e.task.name: e.task.origin.citation for e in entries})
    out.print()
    note = f"Downloads go to {home}; NEURODEPLOY_DATA names another folder."
    out.print(plain(note), soft_wrap=not out.is_terminal)


def show_one(entry: Entry, contents: Contents | None, console: Console | None = None) -> None:
    """Print the details of one task's data; `contents` is None if the data is missing."""
    out, origin = console or stdout(), entry.task.origin
    for name, text in (
        ("task", f"{entry.task.name}: {entry.task.description}"),
        ("data", origin.data),
        ("licence", origin.licence),
        ("to cite", origin.citation),
        ("where", "missing" if entry.path is None else str(entry.path)),
    ):
        _row(out, name, text)
    if entry.state != "found":
        _row(out, "to get", _way(entry))
    if contents is not None:
        _show_contents(contents, out)


def _show_places(entries: Sequence[Entry], out: Console) -> None:
    """Print the paths of the data, without line breaks."""
    found = {each.task.name: each.path for each in entries if each.path is not None}
    width = max(map(len, found), default=0)
    out.print("\n[bold]Location[/]" if found else "")
    for name, path in found.items():
        out.print(plain(f"  {name:{width}}  {path}"), soft_wrap=True)


def _row(out: Console, name: str, text: str) -> None:
    """Print a name and its text; long words such as paths are not wrapped."""
    room = out.width - NAME_WIDTH
    if not out.is_terminal or max(map(len, text.split()), default=0) > room:
        out.print(plain(f"{name:{NAME_WIDTH}}{text}"), soft_wrap=True)
        return
    row = RichTable.grid()
    row.add_column(width=NAME_WIDTH)
    row.add_row(plain(name), plain(text))
    out.print(row)


def _way(entry: Entry) -> str:
    """Return a sentence on how to get the missing data."""
    lacking = f"{', '.join(entry.lacking)} missing; " if entry.lacking else ""
    return f"{lacking}{entry.task.origin.obtain}"


def _sentences(out: Console, title: str, texts: Mapping[str, str]) -> None:
    """Print texts with the names of their tasks; print equal texts once."""
    if texts:
        out.print(f"\n[bold]{title}[/]")
    names: dict[str, list[str]] = {}
    for name, text in texts.items():
        names.setdefault(text, []).append(name)
    print_list(out, [clean(f"{', '.join(each)}: {text}") for text, each in names.items()])


def _show_contents(contents: Contents, out: Console) -> None:
    dataset = contents.dataset
    _row(out, "holds", _words(dataset))
    _row(out, "source", dataset.source)
    _row(out, "test on", _test_words(dataset))
    out.print()
    print_table(out, class_counts(dataset.class_names, contents.counts))
    print_list(out, dataset.notes)


def class_counts(names: Sequence[str], counts: Mapping[str, NDArray[np.int64]]) -> Table:
    """Return the number of samples per class in each part of a task's data."""
    rows = [
        (cell(name), *(cell(int(of[at])) for of in counts.values()))
        for at, name in enumerate(names)
    ]
    total = (
        Cell("all", value="all", style="strong"),
        *(cell(int(n.sum())) for n in counts.values()),
    )
    return Table("Samples by class", ("class", *counts), (*rows, total))


def _words(dataset: Dataset) -> str:
    """Describe the size and shape of a dataset."""
    channels = number_of(len(dataset.channel_names), "channel")
    if dataset.grid is not None:
        planes = len(dataset.channel_names) // (dataset.grid[0] * dataset.grid[1])
        sides = (planes, *dataset.grid) if planes > 1 else dataset.grid
        channels = f"{' x '.join(map(str, sides))} pixels"
    if dataset.num_steps == 1:
        return f"{number_of(len(dataset), 'image')} of {channels}"
    rate = "" if dataset.rate_hz is None else f" at {dataset.rate_hz:g} Hz"
    steps = number_of(dataset.num_steps, "step")
    return f"{number_of(len(dataset), 'sample')} of {channels} and {steps}{rate}"


def _test_words(dataset: Dataset) -> str:
    if dataset.parts is not None:
        return dataset.test_words
    return f"subjects {', '.join(map(str, dataset.test_subjects))}"
