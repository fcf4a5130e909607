"""Compare networks: run each on its own task's samples, or all on the same, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import ArrayLike

from neurodeploy.hw_sim.chips import Chip
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.running.evaluation import Report, evaluate
from neurodeploy.samples import Advance, Samples

SCHEMA: Final = "neurodeploy.comparison"
VERSION: Final = 3


@dataclass(frozen=True, eq=False)
class Entry:
    """One of the networks.

    Attributes:
        name: tells it from the others.
        report: on its run.
        file: where it was read from, "" for one that was not.
    """

    name: str
    report: Report
    file: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class SideBySide(Shown):
    """Networks side by side.

    Attributes:
        entries: two or more, in the order given.
        notes: in what their runs differ, so that figures do not compare; a sentence each.
    """

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    @staticmethod
    def of(entries: Sequence[Entry]) -> SideBySide:
        """Return reports side by side, with notes on what differs in their runs."""
        return SideBySide(tuple(entries), tuple(notes(entries)))

    def to_dict(self) -> dict[str, Any]:
        """Return the reports in one JSON object."""
        networks = [
            {"file": each.file, "name": each.name, "report": each.report.to_dict()}
            for each in self.entries
        ]
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "notes": list(self.notes),
            "networks": networks,
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """Return flat rows, one per network and chip, as for `pandas.DataFrame`."""
        return [
            {"network": each.name, **row} for each in self.entries for row in each.report.to_rows()
        ]

    def __repr__(self) -> str:
        """Return the headline of each report, and the notes."""
        parts = [f"{each.name}: {each.report!r}" for each in self.entries]
        return "\n".join([*parts, *self.notes])


def compare_networks(
    networks: Mapping[str, QuantizedNetwork] | Sequence[QuantizedNetwork],
    samples: Samples | ArrayLike | Mapping[str, Samples],
    *,
    labels: ArrayLike | None = None,
    chips: Sequence[str | Chip] = ("loihi1", "loihi2"),
    backend: str = "fast",
    threads: int | None = None,
    time_limit_s: float | None = None,
    advance: Advance | None = None,
) -> SideBySide:
    """Evaluate several networks one after the other.

    Args:
        networks: two or more by name; without names they are called "network 0" and so on.
        samples: for all of them, or by name those of each.
        labels: the correct class of each sample, instead of the samples' own.
        chips: for which to estimate, by name or as objects.
        backend: name of what runs them.
        threads: processor cores to use; all by default.
        time_limit_s: seconds after which a run on Lava or Loihi is ended.
        advance: called with the time steps done and the time steps in all, of each network anew.

    Raises:
        InputError: when fewer than two networks are given, or one does not fit its samples.
        BackendError: when the backend cannot run.

    Example:
        >>> found = neurodeploy.compare_networks({"a": network, "b": other}, spikes)
        >>> [(row["network"], row["chip"]) for row in found.to_rows()]
        [('a', 'loihi1'), ('a', 'loihi2'), ('b', 'loihi1'), ('b', 'loihi2')]
    """
    if not isinstance(networks, Mapping):
        networks = {f"network {index}": each for index, each in enumerate(networks)}
    if len(networks) < 2:
        raise InputError(f"{len(networks)} networks cannot be compared; give two or more")
    own = samples if isinstance(samples, Mapping) else dict.fromkeys(networks, samples)
    missing = [name for name in networks if name not in own]
    if missing:
        raise InputError(f"there are no samples for {', '.join(missing)}; give some for each")
    entries = []
    for name, network in networks.items():
        try:
            report = evaluate(
                network, own[name], labels=labels, chips=chips, backend=backend, threads=threads,
                time_limit_s=time_limit_s, advance=advance,
            )  # fmt: skip
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        entries.append(Entry(name, report))
    return SideBySide.of(entries)


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
        "data sets": {name: str(made.provenance["dataset"]) for name, made in reports.items()},
        "numbers of samples": {n: f"{made.counted.num_samples:,}" for n, made in reports.items()},
        "numbers of time steps": {n: f"{made.counted.num_steps:,}" for n, made in reports.items()},
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
