"""The report on a network, and reports on several side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from neurodeploy.hw_sim.activity import LayerCounts
from neurodeploy.hw_sim.conventional import conventional
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.estimated import MICRO, Estimated, estimated
from neurodeploy.hw_sim.readout import Score
from neurodeploy.hw_sim.workload import Workload
from neurodeploy.models.display import Shown, number_of
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replace_all
from neurodeploy.models.json_fields import Table, rounded, same, to_dict
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.report.parts import CountedLayer, Provenance
from neurodeploy.report.report_data import VERSION, ReportData, count_layers
from neurodeploy.versions import versions

PAGES: Final = (".html", ".htm")
"""File suffixes of HTML pages."""


@dataclass(frozen=True, eq=False, repr=False)
class Report(ReportData):
    """Accuracy, activity and estimated cost of a network; what `evaluate` returns.

    Attributes:
        network: the network that ran.
        digest: sha256 of the network's content: layers, input and task; 64 hexadecimal digits.
        counted: exact values of the run.
        estimated: the estimates, by chip.
        versions: versions of Python and the packages that matter.
        provenance: where the values come from.
        measured: measurements of Intel's profiler, after a run on the chip.
        predictions: the outputs of the first 100 samples; None if they were not recorded.
        decisions: the predictions after every step; None for a network with one output.
        conventional: an artificial network of the same size on conventional hardware, or None.
        neurobench: NeuroBench's metrics; None if they were not counted.
        comparison: comparison with another backend or the trained network, if requested.
        trace: rates and overflows of every layer, if requested.
        sample: the recorded sample that the page and figures show, if requested.

    Examples:
        >>> report = neurodeploy.evaluate(network, spikes, labels=[0, 1, 1, 0, 1])
        >>> report.save("report.html")
        >>> report.counted.num_samples, report.estimated["loihi2"].placement.neurocores
        (5, 2)
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; docs/schemas/report.json describes them."""
        return to_dict(self)

    def to_rows(self, per: Literal["chip", "layer"] = "chip") -> list[dict[str, Any]]:
        """Return flat rows for `pandas.DataFrame`, one per chip or one per layer.

        A row per chip holds the counted values, and value, low and high of each estimate. Column
        names end in the unit. A row per layer holds its counted values and its energy on each chip.
        """
        if per not in ("chip", "layer"):
            raise InputError(f"per is {per!r}; give 'chip' or 'layer'")
        if per == "layer":
            return [self._layer_row(layer) for layer in self.counted.layers]
        counted = self._counted_row()
        return [{**counted, **_chip_row(each)} for each in self.estimated.values()] or [counted]

    def _layer_row(self, layer: CountedLayer) -> dict[str, Any]:
        energies = {
            f"{name}_energy_per_sample_uj": each.energy_by_layer.layers[layer.layer].total.value
            * MICRO
            for name, each in self.estimated.items()
        }
        return {**asdict(layer), **energies}

    def _counted_row(self) -> dict[str, Any]:
        score = self.counted.score
        return {
            "sha256": self.digest,
            "task": self.network.task.name,
            "backend": self.provenance.backend,
            "num_samples": self.counted.num_samples,
            "num_steps": self.counted.num_steps,
            "accuracy": self.accuracy,
            "macro_f1": None if score is None else score.macro_f1,
            **asdict(self.counted.total),
        }

    def to_html(self) -> str:
        """Return the report as a self-contained HTML page."""
        from neurodeploy.report import page
        from neurodeploy.report.figures import drawing

        return page.render(self, drawing.draw_all(self))

    def save(self, path: Path | str) -> None:
        """Write the report to a page (.html) or a JSON file (.json) in one atomic step.

        Raises:
            InputError: when the name has another suffix or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() in PAGES:
            self.save_pages(page=path)
        elif path.suffix.lower() == ".json":
            replace_all({path: f"{json.dumps(self.to_dict(), indent=2)}\n".encode()})
        else:
            raise InputError(f"{path} is no name for a report; give one ending in .html or .json")

    def save_figures(self, folder: Path | str) -> None:
        """Write the page's figures to a folder as PNG and SVG, either all of them or none.

        Raises:
            InputError: when they cannot be written.
        """
        self.save_pages(figures=Path(folder))

    def save_pages(self, *, page: Path | None = None, figures: Path | None = None) -> None:
        """Draw once and write the page, the figures or both, either all files or none."""
        from neurodeploy.report.figures import drawing
        from neurodeploy.report.page import render

        drawn = drawing.draw_all(self, png=figures is not None)
        contents: dict[Path, bytes] = {}
        for name, each in drawn.items() if figures is not None else ():
            if each.svg and figures is not None:
                contents[figures / f"{name}.svg"] = each.svg.encode()
                contents[figures / f"{name}.png"] = each.png
        if page is not None:
            contents[page] = render(self, drawn).encode()
        replace_all(contents)

    def __repr__(self) -> str:
        """Return a short summary."""
        counted = self.counted
        name = self.network.task.name or "a network"
        accuracy = "no labels" if self.accuracy is None else f"accuracy {self.accuracy:.2%}"
        lines = [
            f"{name} sha256 {self.digest[:12]}: {number_of(counted.num_samples, 'sample')} of "
            f"{number_of(counted.num_steps, 'time step')} on {self.provenance.backend}",
            f"{accuracy}, {counted.total.spikes_per_sample:,.1f} spikes and "
            f"{counted.total.synops_per_sample:,.1f} SynOps per sample",
            *map(repr, self.estimated.values()),
        ]
        if self.comparison is not None:
            lines.append(str(self.comparison))
        return "\n".join(lines)


def _chip_row(each: Estimated) -> dict[str, Any]:
    placement = each.placement
    row: dict[str, Any] = {
        "chip": placement.chip.name,
        "fits": each.fits,
        "neurocores": placement.neurocores,
        "chips": placement.chips_used,
        "copies": placement.total_copies,
    }
    for stem, unit, estimate, factor in (
        ("energy_per_sample", "uj", each.energy.total, 1e6),
        ("dynamic_energy_per_sample", "uj", each.energy.dynamic, 1e6),
        ("latency", "ms", each.latency.sample_s, 1e3),
    ):
        row[f"{stem}_{unit}"] = rounded(estimate.value * factor)
        row[f"{stem}_low_{unit}"] = rounded(estimate.low * factor)
        row[f"{stem}_high_{unit}"] = rounded(estimate.high * factor)
    row["keeps_real_time"] = None if each.real_time is None else each.real_time.keeps_up
    row["decision_steps"] = None if each.decision is None else each.decision.num_steps
    return row


def build(
    network: QuantizedNetwork,
    counts: Sequence[LayerCounts],
    *,
    workloads: Sequence[Workload],
    score: Score | None = None,
    provenance: Provenance | None = None,
    decisions: Decisions | None = None,
    **parts: Any,
) -> Report:
    """Return the report on one run of a network.

    Args:
        network: the network that ran.
        counts: counts of each layer, arrays with one entry per sample.
        workloads: workload of the neurocores in the same run, one per chip.
        score: the predictions compared with the labels, if there are labels.
        provenance: where the values come from.
        decisions: the predictions after every step.
        **parts: other fields of `Report`.
    """
    sha256, dt_ms = network.digest, network.task.dt_ms
    what = count_layers(network, counts, score)
    found = [estimated(each, dt_ms=dt_ms, decisions=decisions) for each in workloads]
    return Report(
        network=network,
        digest=sha256,
        counted=what,
        estimated=MappingProxyType({each.placement.chip.name: each for each in found}),
        versions=MappingProxyType(versions()),
        provenance=provenance or Provenance(sha256=sha256),
        decisions=decisions,
        conventional=conventional(network, what.num_steps, what.total.synops_per_sample),
        **parts,
    )


# Several networks


@dataclass(frozen=True, eq=False)
class Entry:
    """One of several networks.

    Attributes:
        name: unique name of the network.
        report: the report on it.
        file: path of its file, "" if it was not read from one.
    """

    JSON: ClassVar[Table] = Table(same("file name report"), "ComparedNetwork")

    name: str
    report: Report
    file: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class SideBySide(Shown):
    """Reports on several networks.

    Attributes:
        entries: two or more reports, in input order.
        notes: differences between the runs that affect the comparison, one sentence each.
    """

    JSON: ClassVar[Table] = Table(
        {"version": "version", "notes": "notes", "networks": "entries"},
        "NetworkComparison",
        tag="neurodeploy.comparison",
    )

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    @property
    def version(self) -> Literal[4]:
        """Version of this schema."""
        return VERSION

    @staticmethod
    def of(entries: Sequence[Entry]) -> SideBySide:
        """Return reports side by side, with notes on how the runs differ."""
        return SideBySide(tuple(entries), tuple(_notes(entries)))

    def to_dict(self) -> dict[str, Any]:
        """Return the reports as JSON values; docs/schemas/report.json describes them."""
        return to_dict(self)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return flat rows for `pandas.DataFrame`, one per network and chip."""
        return [
            {"network": each.name, **row} for each in self.entries for row in each.report.to_rows()
        ]

    def __repr__(self) -> str:
        """Return a summary of each report, and the notes."""
        parts = [f"{each.name}: {each.report!r}" for each in self.entries]
        return "\n".join([*parts, *self.notes])


def _notes(entries: Sequence[Entry]) -> Iterator[str]:
    reports = {entry.name: entry.report for entry in entries}
    compared = {
        "tasks": {name: each.network.task.name or "no task" for name, each in reports.items()},
        "datasets": {name: each.provenance.dataset for name, each in reports.items()},
        "numbers of samples": {n: f"{each.counted.num_samples:,}" for n, each in reports.items()},
        "numbers of time steps": {n: f"{each.counted.num_steps:,}" for n, each in reports.items()},
    }
    for what, found in compared.items():
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {value}" for name, value in found.items())
            yield f"the {what} differ ({listed}), so compare the values with care"
    digests: dict[str, str] = {}
    for name, each in reports.items():
        if each.digest in digests:
            yield f"{digests[each.digest]} and {name} hold the same network"
        digests.setdefault(each.digest, name)
    for name, each in reports.items():
        yield from (f"{name}: {note}" for note in each.provenance.notes)


def short_names(files: Sequence[Path]) -> list[str]:
    """Return the shortest unique suffixes of the paths, all with the same number of parts."""
    parts = [Path(os.path.abspath(file)).parts for file in files]
    for count in range(1, max(map(len, parts)) + 1):
        ends = [str(Path(*path[-count:])) for path in parts]
        if len(set(ends)) == len(ends):
            return ends
    return [str(Path(*path)) for path in parts]
