"""Headline figures and provenance of a report page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.confidence import confidence
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.models.display import number_of
from neurodeploy.report import report_tables, wording
from neurodeploy.report.tables import Cell
from neurodeploy.report.wording import chips, clean

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

PLAIN: Final = {
    "delay_init_max": "longest delay before training (steps)",
    "tau_grad": "width of the surrogate gradient (thresholds)",
    "scale_grad": "scale of the surrogate gradient",
}
"""Readable names of training options."""


@dataclass(frozen=True)
class Tile:
    """Headline figures of one kind.

    Attributes:
        title: quantity.
        entries: (name, cell) pairs: a single one with the name "", or one per chip.
    """

    title: str
    entries: tuple[tuple[str, Cell], ...]


def title(report: ReportData) -> str:
    """Return the title of the report: the name of its task."""
    return clean(report.network.task.name) or "Spiking network"


def summary(report: ReportData) -> str:
    """Return sentences on the samples, the data and the backend of the run, and on copies."""
    run = report.provenance
    data = clean(run.dataset or "input spikes")
    ran = f"{wording.ran(report.counted)} from {data}, run on {run.backend or 'a backend'}."
    return " ".join([ran, *map(clean, wording.copies(list(report.estimated.values())))])


def tiles(report: ReportData) -> list[Tile]:
    """Return the headline figures, without those that have no value."""
    settles = wording.settles([report])
    made = [
        *_counted(report),
        _of_chips(report, "Neurocores", report_tables.neurocores_in_use),
        _estimate(report, "Energy per sample", lambda each: each.energy.total, "J"),
        _estimate(report, "Latency per sample", lambda each: each.latency.sample_s, "s"),
        _of_chips(report, "Keeps up in real time", _keeps_up),
        _steps(report, f"Steps until {settles}"),
        _of_chips(report, "Until then, at full speed", report_tables.decision_cost),
        _of_chips(report, "Until then, in real time", report_tables.decision_cost_in_real_time),
    ]
    return [tile for tile in made if tile.entries]


def _counted(report: ReportData) -> list[Tile]:
    score, layers = report.counted.score, report.counted.layers
    synops = sum(layer.synops_per_sample for layer in layers)
    dense = sum(layer.dense_synops_per_sample for layer in layers)
    of_dense = f"{wording.share(synops / max(dense, 1))} of dense"
    made = [Tile("SynOps per sample", (("", Cell(wording.count(synops), of_dense)),))]
    if score is None:
        return made
    note = f"macro F1 {score.macro_f1:.3f}, {number_of(score.silent_samples, 'sample')} silent"
    return [Tile("Accuracy", (("", Cell(f"{score.accuracy:.2%}", note)),)), *made]


def _of_chips(report: ReportData, name: str, read: Callable[[Estimated], Cell | None]) -> Tile:
    found = ((title, read(each)) for title, each in chips(report))
    return Tile(name, tuple((title, cell) for title, cell in found if cell is not None))


def _estimate(
    report: ReportData, name: str, read: Callable[[Estimated], Estimate], unit: str
) -> Tile:
    """Return the tile of an estimate, with one entry per chip, all in the same unit."""
    bands = [(title, read(each)) for title, each in chips(report)]
    scale = wording.scale((band.value or band.high for _, band in bands), unit)
    cells = ((title, Cell(scale.amount(band.value), scale.ends(band))) for title, band in bands)
    return Tile(name, tuple(cells))


def _keeps_up(each: Estimated) -> Cell | None:
    if each.real_time is None:
        return None
    slowest = wording.amount(each.latency.peak_step_s.high, "s")
    note = f"at most {slowest} of {each.real_time.dt_s * 1e3:g} ms per step"
    kept = each.real_time.keeps_up
    return Cell("yes" if kept else "no", note, kept, "bad" * (not kept))


def _steps(report: ReportData, name: str) -> Tile:
    found = report.decisions
    if found is None:
        return Tile(name, ())
    return Tile(name, (("", Cell(f"{found.earliest_step:,}", f"of {found.num_steps:,}")),))


def first_words(report: ReportData) -> list[str]:
    """Return, for each chip, how much of the energy is static, and what sharing the chip saves."""
    return [first_words_on(title, each) for title, each in chips(report)]


def first_words_on(title: str, each: Estimated) -> str:
    """Return the sentences of `first_words` for one chip."""
    placement, filled = each.placement, each.filled
    shares = f"{static_share(each.energy)} of the energy at full speed"
    if each.real_time_energy is not None:
        shares += f" and {static_share(each.real_time_energy)} in real time"
    static = wording.static_power(each).si * placement.chips
    whole, own = (wording.amount(e.value, "W") for e in (static, each.own_static_power))
    whose = "chip's" if placement.chips == 1 else "chips'"
    words = (
        f"{title}: {shares} is static power. The network uses {placement.neurocores:,} of "
        f"{placement.chips * placement.chip.limit('cores_per_chip'):,} neurocores, whose share of "
        f"the {whose} {whole} is {own}."
    )
    if placement.copies > 1:
        each_of = wording.amount(static.value / placement.copies, "W")
        words += f" {placement.copies:,} copies share the {whole}: {each_of} each."
    if band := confidence(placement.chip, "static_power").band(static.value):
        scale = wording.scale(band, "W")
        words += (
            f" In measured cases the chip took {scale.number(band[0])} to {scale.amount(band[1])}."
        )
    if filled is None:
        return words
    alone, shared = (wording.amount(e.total.value, "J") for e in (each.energy, filled.energy))
    return (
        f"{words} {filled.copies:,} such networks fit side by side; each would take {shared} per "
        f"sample at full speed, where one alone takes {alone}."
    )


def static_share(energy: Energy) -> str:
    """Format the share of static energy, "over 99%" rather than a 100% that is not all."""
    share = energy.static.value / (energy.total.value or 1.0)
    return "over 99%" if 0.99 < share < 1 else wording.share(share)


def why_more(report: ReportData) -> str:
    """Return why static power makes one chip take more energy than another, or ""."""
    found = wording.why_more(list(report.estimated.values()))
    if found is None:
        return ""
    rows = [wording.static_power(each) for each in found]
    most, least = (each.placement.chip.title for each in found)
    power = [f"{wording.amount(row.si.value, 'W')} ({row.source})" for row in rows]
    dynamic = [wording.amount(each.energy.dynamic.value, "J") for each in found]
    return clean(
        f"{most} takes more energy than {least} because of static power: {' vs. '.join(power)}, "
        f"from different measurements. Without static power: {dynamic[0]} vs. {dynamic[1]}."
    )


def problems(report: ReportData) -> list[str]:
    """Return the reasons why the network does not fit a chip, one sentence each."""
    found = [
        f"Does not fit {chip}: {clean(problem).rstrip('.')}."
        for chip, each in chips(report)
        for problem in each.problems
    ]
    hypothetical = (
        "Figures of a chip that cannot hold the network are hypothetical: they ignore its limits."
    )
    return [hypothetical, *found] if found else []


def provenance(report: ReportData) -> list[tuple[str, str]]:
    """Return the provenance of the report as (name, value) pairs."""
    run, pace = report.provenance, report.network.task.dt_ms
    overflows = run.num_overflows
    counted = report.counted
    found = {
        "network, sha256": report.digest,
        "data": run.dataset,
        "split": run.split,
        "backend": run.backend,
        "samples": f"{counted.num_samples:,} of {number_of(counted.num_steps, 'time step')}",
        "time step": f"{pace:g} ms" if pace else "unknown duration",
        "overflows of neuron states": None if overflows is None else f"{overflows:,}",
    }
    for each in report.estimated.values():
        found[f"cost file of {each.placement.chip.name}, sha256"] = each.placement.chip.digest
    rows = [(clean(name), clean(value)) for name, value in found.items() if value is not None]
    return [*versions(report), *rows]


def versions(report: ReportData) -> list[tuple[str, str]]:
    """Return the date and the package versions as (name, value) pairs."""
    return [("date", date.today().isoformat()), *report.versions.items()]


def training(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the training options in a network's provenance as (name, value) pairs."""
    options = provenance.get("options")
    found = {k: v for k, v in provenance.items() if k not in ("options", "training_rates")}
    found.update(options if isinstance(options, Mapping) else {})
    rows = ((_name(name), _listed(value, name)) for name, value in found.items())
    return [(clean(name), clean(text)) for name, text in rows if text]


def _name(name: str) -> str:
    return PLAIN.get(name, name.replace("_", " "))


def _listed(value: Any, name: str = "") -> str:
    """Format a JSON value as text, "" for null.

    An object becomes a list of names and values. A value whose name ends in "accuracy" is shown in
    percent.
    """
    if isinstance(value, Mapping):
        named = ((_name(each), _listed(of, each)) for each, of in value.items())
        return ", ".join(f"{each} {text}" for each, text in named if text)
    if isinstance(value, (list, tuple)):
        objects = any(isinstance(v, Mapping) for v in value)
        return str(len(value)) if objects else wording.shape_text(value)
    if name.endswith("accuracy") and isinstance(value, (int, float)):
        return f"{value:.2%}"
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
