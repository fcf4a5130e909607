"""Evaluate a network: run it over samples and make a report of what it did and would cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.cli import number_of
from neurodeploy.export import rules
from neurodeploy.hw_sim import chips as chips_module
from neurodeploy.hw_sim import design_rules
from neurodeploy.hw_sim.activity import Activity, LayerCounts, Measured, count, join
from neurodeploy.hw_sim.backends import Backend, RunOptions
from neurodeploy.hw_sim.chips import Chip
from neurodeploy.hw_sim.decisions import DecisionMeter
from neurodeploy.hw_sim.neurobench_metrics import NeurobenchMeter
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.readout import outputs, readout, score
from neurodeploy.hw_sim.reports import report as reports
from neurodeploy.hw_sim.reports.estimated import Estimated, rounded
from neurodeploy.hw_sim.workload import Meter
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replace_all
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.running.comparison import BackendComparison, Comparison
from neurodeploy.running.inputs import as_samples, for_samples
from neurodeploy.running.recording import (
    RecordedSample,
    SampleRecorder,
    Trace,
    Tracer,
    spike_file,
)
from neurodeploy.running.simulation import choose_backends, run_batches
from neurodeploy.samples import Advance, Samples

OUTPUTS_REPORTED: Final = 100
"""Samples whose outputs are in a report."""

PAGES: Final = (".html", ".htm")
"""Ends of names of pages."""


@dataclass(frozen=True, eq=False, repr=False)
class Report(reports.Report):
    """What a run of a network shows and what it would cost; all that `evaluate` was asked for.

    Attributes:
        comparison: with another backend, or with the trained network; None when not asked for.
        trace: of the layers, None when not asked for.
        sample: the one that page and figures show, None when not asked for.

    Example:
        >>> report = neurodeploy.evaluate(network, spikes, labels=[0, 1, 1, 0, 1])
        >>> report.save("report.html")
        >>> report.counted.num_samples, report.estimated["loihi2"].placement.neurocores
        (5, 2)
    """

    comparison: Comparison | None = None
    trace: Trace | None = None
    sample: RecordedSample | None = None

    @property
    def accuracy(self) -> float | None:
        """Fraction of the samples with the correct class, None without labels."""
        return None if self.counted.score is None else self.counted.score.accuracy

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; see docs/report-json.md."""
        found = {"comparison": self.comparison, "trace": self.trace}
        asked = {name: each.to_dict() for name, each in found.items() if each is not None}
        return {**super().to_dict(), **asked}

    def to_rows(self, per: Literal["chip", "layer"] = "chip") -> list[dict[str, Any]]:
        """Return flat rows, as for `pandas.DataFrame`: one per chip, or one per layer.

        Rows per chip hold what was counted and the likely, low and high ends of what is estimated;
        names end in their unit.
        """
        if per not in ("chip", "layer"):
            raise InputError(f"per is {per!r}; give 'chip' or 'layer'")
        if per == "layer":
            return [dict(vars(layer)) for layer in self.counted.layers]
        counted = self._counted_row()
        return [{**counted, **_chip_row(each)} for each in self.estimated.values()] or [counted]

    def _counted_row(self) -> dict[str, Any]:
        scored, total = self.counted.score, self.counted.to_dict()["total"]
        return {
            "sha256": self.digest,
            "task": self.network.task.name,
            "backend": self.provenance.get("backend"),
            "num_samples": self.counted.num_samples,
            "num_steps": self.counted.num_steps,
            "accuracy": self.accuracy,
            "macro_f1": None if scored is None else scored.macro_f1,
            **total,
        }

    def to_html(self) -> str:
        """Return the report as one page that needs no other file."""
        from neurodeploy.pages import page
        from neurodeploy.pages.figures import drawing

        return page.render(self, drawing.draw_all(self))

    def save(self, path: Path | str) -> None:
        """Write the report to a page (.html) or a JSON file (.json), which is replaced whole.

        Raises:
            InputError: when the name ends otherwise or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() in PAGES:
            self.save_pages(page=path)
        elif path.suffix.lower() == ".json":
            text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
            replace_all({path: f"{text}\n".encode()})
        else:
            raise InputError(f"{path} is no name for a report; give one ending in .html or .json")

    def save_figures(self, folder: Path | str) -> None:
        """Write the page's figures into a folder as PNG and SVG, all of them or none.

        Raises:
            InputError: when they cannot be written.
        """
        self.save_pages(figures=Path(folder))

    def save_pages(self, *, page: Path | None = None, figures: Path | None = None) -> None:
        """Draw once, and write the page, the folder of figures, or both: all files or none."""
        from neurodeploy.pages.figures import drawing
        from neurodeploy.pages.page import render

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
        """Return a headline of a few lines."""
        counted, total = self.counted, self.counted.to_dict()["total"]
        name = self.network.task.name or "a network"
        accuracy = "no labels" if self.accuracy is None else f"accuracy {self.accuracy:.2%}"
        lines = [
            f"{name} sha256 {self.digest[:12]}: {number_of(counted.num_samples, 'sample')} of "
            f"{number_of(counted.num_steps, 'time step')} on {self.provenance.get('backend')}",
            f"{accuracy}, {total['spikes_per_sample']:,.1f} spikes and "
            f"{total['synops_per_sample']:,.1f} SynOps per sample",
            *map(repr, self.estimated.values()),
        ]
        if self.comparison is not None:
            lines.append(str(self.comparison))
        return "\n".join(lines)


def _chip_row(each: Estimated) -> dict[str, Any]:
    placement = each.placement
    row: dict[str, Any] = {
        "chip": placement.chip.name,
        "fits": not each.problems,
        "neurocores": placement.neurocores,
        "chips": placement.chips,
    }
    for stem, unit, band, factor in (
        ("energy_per_sample", "uj", each.energy.total, 1e6),
        ("dynamic_energy_per_sample", "uj", each.energy.dynamic, 1e6),
        ("latency", "ms", each.latency.sample_s, 1e3),
    ):
        row[f"{stem}_{unit}"] = rounded(band.value * factor)
        row[f"{stem}_low_{unit}"] = rounded(band.low * factor)
        row[f"{stem}_high_{unit}"] = rounded(band.high * factor)
    row["keeps_real_time"] = None if each.real_time is None else each.real_time.keeps_up
    row["decision_steps"] = None if each.decision is None else each.decision.num_steps
    return row


def evaluate(
    network: QuantizedNetwork,
    samples: Samples | ArrayLike,
    *,
    labels: ArrayLike | None = None,
    chips: Sequence[str | Chip] = ("loihi1", "loihi2"),
    backend: str = "fast",
    compare: str | None = None,
    trace: bool = False,
    keep_sample: int | None = 0,
    threads: int | None = None,
    time_limit_s: float | None = None,
    advance: Advance | None = None,
    spikes_to: Path | str | None = None,
) -> Report:
    """Run a network over samples and report accuracy, spikes, placement, energy and latency.

    Args:
        network: what runs.
        samples: samples, or integers (batch, neurons, time); see `load_input`.
        labels: the correct class of each sample, integers (samples,), instead of the samples' own.
        chips: for which to estimate, by name or as objects.
        backend: name of what runs it.
        compare: name of another backend that runs the same samples, or None.
        trace: whether to record rates, silent and saturated neurons of every layer.
        keep_sample: number of the sample in the run that page and figures show, or None.
        threads: processor cores to use; all by default.
        time_limit_s: seconds after which a run on Lava or Loihi is ended.
        advance: called with the time steps done and the time steps in all.
        spikes_to: an .npz file for the spikes of every layer, or None.

    Raises:
        InputError: when samples or labels do not fit the network, or one sample not the memory.
        BackendError: when a backend cannot run.

    Example:
        >>> report = neurodeploy.evaluate(network, spikes, labels=[0, 1, 1, 0, 1])
        >>> 0 <= report.accuracy <= 1, sorted(report.estimated)
        (True, ['loihi1', 'loihi2'])
        >>> report.to_rows()[0]["neurocores"]
        2
    """
    samples = as_samples(samples, network, labels)
    backends = choose_backends([backend, *filter(None, [compare])], time_limit_s)
    onto = choose_chips(chips)
    runs = for_samples(network, samples)
    options = RunOptions(threads=threads, time_limit_s=time_limit_s)
    observers = _Observers(runs, samples, onto, trace=trace, keep_sample=keep_sample)
    compared = None
    if len(backends) == 2:
        compared = BackendComparison(runs, backends, options, samples, advance)
        observers.also.append(compared.add)
    with ExitStack() as stack:
        if spikes_to is not None:
            writer = spike_file(Path(spikes_to), runs, samples)
            observers.also.append(stack.enter_context(writer))
        _observe(runs, samples, backends, options, advance, observers)
        comparison = None if compared is None else compared.result()
    made = _build(network, samples, observers, onto, backend)
    return Report(**vars(made), comparison=comparison, **observers.extras())


def choose_chips(chips: Sequence[str | Chip]) -> tuple[Chip, ...]:
    """Return chips by name or as they are; a single one may stand alone.

    Raises:
        InputError: when there is no such chip, or two are called alike.
    """
    listed = [chips] if isinstance(chips, (str, Chip)) else list(chips or ())
    wrong = [each for each in listed if not isinstance(each, (str, Chip))]
    if wrong or not listed:
        raise InputError(f"the chips are {chips!r}; give names of chips or Chip objects, in a list")
    found = [chips_module.chip(each) if isinstance(each, str) else each for each in listed]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the chip {name} is given twice; give each once")
    return tuple(found)


def check_rules(
    network: QuantizedNetwork, chips: Sequence[str | Chip] = ("loihi2",)
) -> Mapping[str, tuple[str, ...]]:
    """Return every problem with the file format and each chip, by chip; empty if all is well.

    Raises:
        InputError: when there is no such chip.

    Example:
        >>> dict(neurodeploy.check_rules(network, ["loihi1", "loihi2"]))
        {}
    """
    check_network(network)
    found = {}
    for chip in choose_chips(chips):
        problems = (*rules.check(network), *design_rules.check(network, place(network, chip)))
        if problems:
            found[chip.name] = problems
    return MappingProxyType(found)


def _observe(
    network: QuantizedNetwork,
    samples: Samples,
    backends: Sequence[Backend],
    options: RunOptions,
    advance: Advance | None,
    observers: _Observers,
) -> None:
    """Run all samples once and let every observer see each batch."""
    first, *others = backends
    for activity in run_batches(
        network, samples, first, options=options, advance=advance, others=others
    ):
        observers.add(activity)
        del activity  # before the next batch takes as much


class _Observers:
    """What a report needs to see of each batch."""

    def __init__(
        self,
        network: QuantizedNetwork,
        samples: Samples,
        chips: Sequence[Chip],
        *,
        trace: bool,
        keep_sample: int | None,
    ) -> None:
        self._network, self._labelled = network, samples.labels is not None
        self._meters = [Meter(place(network, chip)) for chip in chips]
        self._decisions = DecisionMeter(network, samples.labels)
        self._neurobench = NeurobenchMeter(network)
        self._tracer = Tracer(network) if trace else None
        self._sample = (
            None if keep_sample is None else SampleRecorder(network, samples, keep_sample)
        )
        self._counts: list[tuple[LayerCounts, ...]] = []
        self._outputs: list[NDArray[np.int64]] = []
        self._seen = 0
        self.overflows: int | None = None
        self.measured: Measured | None = None
        self.also: list[Callable[[Activity], None]] = []

    def add(self, activity: Activity) -> None:
        """Look at the next samples."""
        self._counts.append(count(self._network, activity))
        if self._labelled or self._seen < OUTPUTS_REPORTED:
            self._outputs.append(outputs(self._network, activity))
        self._seen += len(activity.inputs)
        for each in activity.overflows:
            self.overflows = (self.overflows or 0) + int((each.wraps + each.clips).sum())
        self.measured = activity.measured
        for meter in (*self._meters, self._decisions, self._neurobench, self._tracer, self._sample):
            if meter is not None:
                meter.add(activity)
        for add in self.also:
            add(activity)

    @property
    def counts(self) -> tuple[LayerCounts, ...]:
        """What each layer did, one entry per sample."""
        return join(self._counts)

    @property
    def outputs(self) -> NDArray[np.int64]:
        """Outputs of the network, int64 (samples, outputs): all with labels, else the first."""
        return np.concatenate(self._outputs)

    def measures(self) -> dict[str, Any]:
        """Return what was measured, as `hw_sim.reports.report.build` takes it."""
        return {
            "workloads": [meter.result() for meter in self._meters],
            "decisions": self._decisions.result(),
            "neurobench": self._neurobench.result(),
            "measured": self.measured,
        }

    def extras(self) -> dict[str, Any]:
        """Return what only some runs record, by the fields of `Report`."""
        return {
            "trace": None if self._tracer is None else self._tracer.result(),
            "sample": None if self._sample is None else self._sample.result(),
        }


def _build(
    network: QuantizedNetwork,
    samples: Samples,
    observers: _Observers,
    chips: Sequence[Chip],
    backend: str,
) -> reports.Report:
    found, labels = observers.outputs, samples.labels
    shown = min(len(found), OUTPUTS_REPORTED)
    return reports.build(
        network,
        observers.counts,
        **observers.measures(),
        score=None if labels is None else score(found, labels),
        provenance=provenance(network, samples, observers.overflows, backend=backend, chips=chips),
        predictions=readout(
            network,
            found[:shown],
            samples.numbers[:shown],
            labels=None if labels is None else labels[:shown],
        ),
    )


# Where a report comes from


def provenance(
    network: QuantizedNetwork,
    samples: Samples,
    overflows: int | None,
    *,
    backend: str,
    chips: Sequence[Chip],
) -> dict[str, Any]:
    """Return the provenance of a report, as JSON values.

    Args:
        network: that ran, as its file has it.
        samples: what it ran on.
        overflows: how often a state left its width, None where that is not counted.
        backend: what ran them.
        chips: for which it is estimated.
    """
    trained_on = network.provenance.get("data")
    trained_on = trained_on if isinstance(trained_on, str) and trained_on else None
    return {
        "sha256": network.digest,
        "backend": backend,
        "dataset": samples.source,
        "split": samples.split,
        "dt_ms": None if network.task.dt_ms is None else float(network.task.dt_ms),
        "seed": seed_of(network.provenance),
        "trained_on": trained_on,
        "cost_files_sha256": {chip.name: chip.digest for chip in chips},
        "num_overflows": overflows,
        "notes": [*other_dataset(samples, trained_on), *samples.notes],
    }


def seed_of(provenance: Mapping[str, Any]) -> int | None:
    """Return the seed of the training that a network's provenance names, None where it does not.

    `train` writes it among its options; networks of one's own may have it at the top.
    """
    options = provenance.get("options")
    for values in (provenance, options if isinstance(options, Mapping) else {}):
        seed = values.get("seed")
        if isinstance(seed, int) and not isinstance(seed, bool):
            return seed
    return None


def other_dataset(samples: Samples, trained_on: str | None) -> list[str]:
    """Return a note that another dataset is run than was trained on, [] for the same.

    Samples of one's own (`samples.signal` is None) name no dataset.
    """
    if trained_on is None or samples.signal is None:
        return []
    trained, run = (source.partition(" in ")[0] for source in (trained_on, samples.source))
    return [] if trained == run else [f"trained on {trained} and run on {run}, another data set"]
