"""Compare networks: run each on its own task's samples, or all on the same, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.models.errors import InputError
from neurodeploy.running import report_run
from neurodeploy.running.report_request import Request

SCHEMA: Final = "neurodeploy.running.comparison"
VERSION: Final = 1


@dataclass(frozen=True, eq=False)
class Entry:
    """One of the networks.

    Attributes:
        file: where it is.
        name: the shortest end of the path that tells it from the others.
        report: on its run.
    """

    file: Path
    name: str
    report: Report


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Networks side by side.

    Attributes:
        entries: two or more, in the order given.
        notes: in what their runs differ, so that figures do not compare; a sentence each.
    """

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the reports in one JSON object."""
        networks = [{"file": str(e.file), "report": e.report.as_json()} for e in self.entries]
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "notes": list(self.notes),
            "networks": networks,
        }


def compare(requests: Sequence[Request]) -> SideBySide:
    """Run networks one after the other, once all of them are read.

    Args:
        requests: one for each network.

    Raises:
        InputError: when files or options do not fit one another or the machine.
        BackendError: when a backend cannot run.
    """
    for request in requests:  # before the first takes its time
        report_run.check(request)
        report_run.read(request)
    reports = [_report(request) for request in requests]
    files = [request.network for request in requests]
    pairs = zip(files, short_names(files), reports, strict=True)
    entries = tuple(Entry(file, name, made) for file, name, made in pairs)
    return SideBySide(entries, tuple(notes(entries)))


def _report(request: Request) -> Report:
    try:
        return report_run.carry_out(request).report
    except InputError as error:
        if str(request.network) in str(error):
            raise
        raise InputError(f"{request.network}: {error}") from None


def short_names(files: Sequence[Path]) -> list[str]:
    """Return the end of each path, of as many parts as tell all of them apart."""
    parts = [Path(os.path.abspath(file)).parts for file in files]
    names = [str(Path(*path)) for path in parts]
    for count in range(1, max(map(len, parts)) + 1):
        ends = [str(Path(*path[-count:])) for path in parts]
        if len(set(ends)) == len(ends):
            return ends
    return names


def notes(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield in what the runs differ, and which networks are the same."""
    reports = {entry.name: entry.report for entry in entries}
    asked = {
        "tasks": {name: made.network.task.name or "no task" for name, made in reports.items()},
        "data sets": {name: str(made.provenance["data"]) for name, made in reports.items()},
        "numbers of samples": {n: f"{made.counted.samples:,}" for n, made in reports.items()},
        "numbers of time steps": {n: f"{made.counted.steps:,}" for n, made in reports.items()},
    }
    for what, found in asked.items():
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {value}" for name, value in found.items())
            yield f"the {what} differ ({listed}), so figures compare only so far"
    digests: dict[str, str] = {}
    for name, made in reports.items():
        if made.digest in digests:
            yield f"{digests[made.digest]} and {name} hold the same network"
        digests.setdefault(made.digest, name)
    for name, made in reports.items():
        yield from (f"{name}: {note}" for note in made.provenance["notes"])
