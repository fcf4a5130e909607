"""The headline figures and the sentences of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.chips import Cost, Estimate
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import listings, wording
from neurodeploy.pages.figures import cores, raster
from neurodeploy.pages.figures import steps as steps_figure
from neurodeploy.pages.view import View, processors
from neurodeploy.pages.wording import clean

Shown: TypeAlias = "tuple[str, str, bool]"
"""A value, a note and whether it is bad."""

PLAIN: Final = {
    "delay_init_max": "longest delay before training (steps)",
    "tau_grad": "width of the surrogate gradient (thresholds)",
    "scale_grad": "scale of the surrogate gradient",
}
"""Options of a training whose names do not say what they are."""


@dataclass(frozen=True)
class Entry:
    """One headline figure: of what, how much, and a note."""

    what: str
    value: str
    note: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Tile:
    """Headline figures of one kind: counted ones, or one for each chip."""

    title: str
    entries: tuple[Entry, ...]


def title(view: View) -> str:
    """Return what the report is about."""
    return clean(view.report.network.task.name) or "Spiking network"


def summary(view: View) -> str:
    """Return what ran, in a sentence."""
    counted, provenance = view.report.counted, view.report.provenance
    data = clean(str(provenance.get("dataset", "given spikes")))
    backend = provenance.get("backend", "an unnamed backend")
    return f"{wording.ran(counted)} from {data}, run on {backend}."


def tiles(view: View) -> list[Tile]:
    """Return the headline figures, of what is known."""
    made = [
        Tile("Accuracy", _accuracy(view)),
        Tile("SynOps per sample", _synops(view)),
        _of_chips(view, "Neurocores", _neurocores),
        _bands(view, "Energy per sample", lambda e: e.energy.total, "J"),
        _bands(view, "Latency per sample", lambda e: e.latency.sample_s, "s"),
        _of_chips(view, "Real time kept", _kept),
        Tile(f"Steps until {wording.holds([view.report])}", _steps(view)),
        _costs(view, "Until then, full speed", _decision),
        _costs(view, "Until then, in real time", _decision_in_real_time),
    ]
    return [tile for tile in made if tile.entries]


def why_more(view: View) -> str:
    """Return why one chip shows more energy than another, with the sources; "" for no such pair."""
    found = wording.why_more(view.chips)
    if found is None:
        return ""
    rows = [wording.static_power(each) for each in found]
    most, least = (clean(each.placement.chip.title) for each in found)
    power = [wording.amount(row.si.value, "W") for row in rows]
    dynamic = [wording.amount(each.energy.dynamic.value, "J") for each in found]
    return clean(
        f"Why {most} shows more energy than {least}: static power. It is set to {power[0]} for "
        f"{most} ({rows[0].source}) and to {power[1]} for {least} ({rows[1].source}), which are "
        f"different measurements. Without static power it is {dynamic[0]} against {dynamic[1]}."
    )


def _accuracy(view: View) -> tuple[Entry, ...]:
    score = view.report.counted.score
    if score is None:
        return ()
    silent = number_of(score.silent_samples, "sample")
    return (Entry("", f"{score.accuracy:.2%}", f"macro F1 {score.macro_f1:.3f}, {silent} silent"),)


def _synops(view: View) -> tuple[Entry, ...]:
    layers = view.report.counted.layers
    synops = sum(layer.synops_per_sample for layer in layers)
    dense = sum(layer.dense_synops_per_sample for layer in layers)
    share = wording.share(synops / max(dense, 1))
    return (Entry("", wording.count(synops), f"{share} of dense"),)


def _of_chips(view: View, name: str, read: Callable[[Estimated], Shown | None]) -> Tile:
    found = ((chip, read(each)) for chip, each in zip(view.titles, view.chips))
    return Tile(name, tuple(Entry(chip, *shown) for chip, shown in found if shown is not None))


def _bands(view: View, name: str, read: Callable[[Estimated], Estimate], unit: str) -> Tile:
    """Return an estimate on each chip, all in one unit."""
    scale = wording.scale((read(e).value or read(e).high for e in view.chips), unit)

    def shown(each: Estimated) -> Shown:
        return scale.amount(read(each).value), scale.ends(read(each)), False

    return _of_chips(view, name, shown)


def _costs(view: View, name: str, read: Callable[[Estimated], listings.Cost | None]) -> Tile:
    """Return a time and an energy on each chip, all in one unit of each."""
    found = [cost for cost in map(read, view.chips) if cost is not None]
    second = wording.scale((time.value for time, _ in found), "s")
    joule = wording.scale((energy.total.value for _, energy in found), "J")

    def shown(each: Estimated) -> Shown | None:
        cost = read(each)
        if cost is None:
            return None
        time, energy = cost
        return second.amount(time.value), joule.amount(energy.total.value), False

    return _of_chips(view, name, shown)


def _neurocores(each: Estimated) -> Shown:
    cores = f"{each.placement.neurocores:,}"
    if each.problems:
        return cores, "does not fit", True
    return cores, wording.on_chips(each.placement), False


def _steps(view: View) -> tuple[Entry, ...]:
    found = view.report.decisions
    if found is None:
        return ()
    return (Entry("", f"{found.earliest_step:,}", f"of {found.num_steps:,}, within one point"),)


def _decision(each: Estimated) -> listings.Cost | None:
    found = each.decision
    return None if found is None else (found.latency_s, found.energy)


def _decision_in_real_time(each: Estimated) -> listings.Cost | None:
    found = each.decision
    if found is None or found.real_time_s is None or found.real_time_energy is None:
        return None
    return found.real_time_s, found.real_time_energy


def _kept(each: Estimated) -> Shown | None:
    if each.real_time is None:
        return None
    slowest = each.latency.peak_step_s.high  # which decides it
    note = f"up to {wording.amount(slowest, 's')} of {each.real_time.dt_s * 1e3:g} ms per step"
    return "yes" if each.real_time.keeps_up else "no", note, not each.real_time.keeps_up


def problems(view: View) -> list[str]:
    """Return why chips cannot hold the network, a sentence each."""
    found = [
        f"Does not fit {chip}: {clean(problem).rstrip('.')}."
        for chip, each in zip(view.titles, view.chips)
        for problem in each.problems
    ]
    if found:
        found.insert(
            0, "The figures of a chip that cannot hold the network say what it would take."
        )
    return found


def accuracy(view: View) -> list[str]:
    """Return what to say of the accuracy."""
    score = view.report.counted.score
    if score is None:
        return []
    found = [
        f"Counted: {score.accuracy:.2%} of {number_of(score.num_samples, 'sample')} are predicted "
        "correctly."
    ]
    if score.num_samples == 1:
        found.append("One sample says little about how often predictions are correct.")
    if score.silent_samples:
        silent = number_of(score.silent_samples, "sample")
        found.append(f"In {silent} no output neuron spiked; class 0 counts as their prediction.")
    return found


def steps(view: View) -> list[str]:
    """Return what to say of the steps to decision."""
    found = view.report.decisions
    if found is None:
        return []
    what = (
        "accuracy" if found.accuracy_by_step is not None else "agreement with the last prediction"
    )
    drawn = view.titles[: steps_figure.CHIPS]
    of = f" of {' and '.join(drawn)}" if len(drawn) < len(view.titles) else ""
    return [
        f"From step {found.earliest_step} of {found.num_steps} on, {what} stays within one point "
        f"of its last value; in the mean, a prediction no longer changes after step "
        f"{found.mean_stable_step:.1f}; {wording.way(view.report.counted)}.",
        f"The rulers below the curve read a step as time and energy at full speed{of}, in "
        "proportion; the table has the figures of the first steps themselves.",
    ]


def load(view: View) -> list[str]:
    """Return which neurocore is the busiest on each chip; chips that agree go together."""
    found: dict[str, list[str]] = {}
    for chip, each in zip(view.titles, view.chips):
        latency = each.latency
        alone = wording.amount(latency.busiest_core_s, "s")
        sentence = (
            f"neurocore {latency.busiest_core} (layer {latency.busiest_layer}) is the busiest over "
            f"all steps, with {alone} in the mean one."
        )
        found.setdefault(sentence, []).append(chip)
    return [f"On {' and '.join(chips)}, {sentence}" for sentence, chips in found.items()]


def hardware_sources(view: View) -> list[tuple[str, str, list[str]]]:
    """Return each source on conventional hardware: its grade, itself, and for what it is."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in (processor.operation for processor in processors(view.report)):
        kept = found.setdefault((each.grade, each.source), [])
        kept.append(f"{each.title} ({each.caveat})" if each.caveat else each.title)
    return [(grade, source, names) for (grade, source), names in found.items()]


def places(view: View) -> list[str]:
    """Return what to say of the map and what would lessen the neurocores."""
    found = [
        "A square is a neurocore in use, filled as far as its fullest budget, with the number of "
        "its layer; blue and grey alternate between layers. Grey tiles are free."
    ]
    advice = [
        f"{chip}: {clean(text).rstrip('.')}."
        for chip, each in zip(view.titles, view.chips)
        for text in each.advice
    ]
    return [*found, *cores.drawn_in_part(view), *advice]


def sample(view: View) -> list[str]:
    """Return what to say of the sample whose raster is drawn."""
    kept = view.sample
    if kept is None:
        return []
    among = (
        "" if kept.number == kept.source_number else f" (number {kept.source_number} of the data)"
    )
    found = [f"Sample {kept.number} of the run{among}, numbered from 0."]
    if len(kept.outputs) > 1:
        predicted = f"The prediction is {view.classes[int(kept.outputs.argmax())]}"
        found.append(
            f"{predicted}." if kept.label is None
            else f"{predicted}, the label {view.classes[kept.label]}."
        )  # fmt: skip
    if not any(layer.spikes for layer in kept.layers):
        found.append("No neuron fired in this sample.")
    return [*found, *raster.thinned(view)]


def sources(view: View) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of each chip's cost file: its title, and what they say."""
    return [
        (
            f"{chip} (cost file sha256 {each.placement.chip.digest[:12]})",
            [_row(name, row) for name, row in each.placement.chip.rows().items()],
        )
        for chip, each in zip(view.titles, view.chips)
    ]


def _row(name: str, row: Cost) -> dict[str, Any]:
    ends = "" if row.low == row.high else f"{_exact(row.low)} to {_exact(row.high)}"
    return {
        "name": clean(name).replace("_", " "),
        "value": _exact(row.value),
        "unit": clean(row.unit),
        "ends": ends,
        "readings": [
            {
                "value": _exact(reading.value),
                "source": clean(reading.source),
                "grade": reading.grade,
                "set": clean(reading.set),
            }
            for reading in row.readings
        ],
    }


def _exact(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def provenance(view: View) -> list[tuple[str, str]]:
    """Return where the report comes from: names and values."""
    report = view.report
    network, ran = report.network, report.provenance
    pace = network.task.dt_ms
    overflows = ran.get("num_overflows")
    found = {
        "network, sha256": report.digest,
        "data": ran.get("dataset"),
        "split": ran.get("split"),
        "backend": ran.get("backend"),
        "samples": f"{report.counted.num_samples:,} of {report.counted.num_steps:,} time steps",
        "time step": f"{pace:g} ms" if pace else "no duration given",
        "states that left their width": None if overflows is None else f"{overflows:,}",
        **{
            f"cost file of {e.placement.chip.name}, sha256": e.placement.chip.digest
            for e in view.chips
        },
    }
    rows = [(clean(name), clean(str(v))) for name, v in found.items() if v is not None]
    return [*versions(report), *rows]


def versions(report: Report) -> list[tuple[str, str]]:
    """Return the day and the versions of what made a report."""
    day = report.provenance.get("date") or date.today().isoformat()
    return [("date", clean(str(day))), *report.versions.items()]


def training(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return how a network was trained, as its provenance has it: names and values."""
    options = provenance.get("options")
    said = {k: v for k, v in provenance.items() if k not in ("options", "training_rates")}
    said.update(options if isinstance(options, Mapping) else {})
    rows = ((_named(name), _listed(value, name)) for name, value in said.items())
    return [(clean(name), clean(text)) for name, text in rows if text]


def _named(name: str) -> str:
    return PLAIN.get(name, name.replace("_", " "))


def _listed(value: Any, name: str = "") -> str:
    """Return a JSON value as words: of an object its plain values by name, "" for nothing.

    What is called an accuracy is in percent.
    """
    if isinstance(value, Mapping):
        named = ((_named(each), _listed(of, each)) for each, of in value.items())
        return ", ".join(f"{each} {text}" for each, text in named if text)
    if isinstance(value, (list, tuple)):
        return (
            str(len(value))
            if any(isinstance(v, Mapping) for v in value)
            else "x".join(map(str, value))
        )
    if name.endswith("accuracy") and isinstance(value, (int, float)):
        return f"{value:.2%}"
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
