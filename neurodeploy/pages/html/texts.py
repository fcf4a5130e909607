"""The headline figures and the sentences of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.chips.cost import Cost, Estimate
from neurodeploy.hw_sim.estimates.energy import Energy
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.pages import wording
from neurodeploy.pages.figures import cores, raster
from neurodeploy.pages.figures import steps as steps_figure
from neurodeploy.pages.view import View, processors
from neurodeploy.pages.wording import clean

NOT_KNOWN: Final = ("not known", "")


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
    data = clean(str(provenance.get("data", "given spikes")))
    backend = provenance.get("backend", "an unnamed backend")
    return f"{wording.ran(counted)} from {data}, run on {backend}."


def tiles(view: View) -> list[Tile]:
    """Return the headline figures."""
    return [
        Tile("Accuracy", (_accuracy(view),)),
        Tile("SynOps a sample", (_synops(view),)),
        _of_chips(view, "Neurocores", _neurocores),
        _of_chips(view, "Energy a sample", lambda e: _band(e.energy.total, "J")),
        _of_chips(view, "Latency a sample", lambda e: _band(e.latency.sample_s, "s")),
        _of_chips(view, "Real time kept", _kept),
        Tile(f"Steps until {wording.holds([view.report])}", (_steps(view),)),
        _of_chips(view, "Until then, full speed", _decision),
        _of_chips(view, "Until then, in real time", _decision_in_real_time),
    ]


def _accuracy(view: View) -> Entry:
    score = view.report.counted.score
    if score is None:
        return Entry("", "not known", "the samples have no labels")
    silent = number_of(score.silent_samples, "sample")
    return Entry("", f"{score.accuracy:.2%}", f"macro F1 {score.macro_f1:.3f}, {silent} silent")


def _synops(view: View) -> Entry:
    layers = view.report.counted.layers
    synops = sum(layer.synops_per_sample for layer in layers)
    dense = sum(layer.dense_synops_per_sample for layer in layers)
    return Entry("", wording.count(synops), f"{wording.share(synops / max(dense, 1))} of dense")


def _of_chips(view: View, name: str, read: Any) -> Tile:
    return Tile(
        name,
        tuple(Entry(chip, *read(each)) for chip, each in zip(view.titles, view.chips)),
    )


def _band(band: Estimate, unit: str) -> tuple[str, str]:
    scale = wording.scale([band.value or band.high], unit, wording.MICRO)
    return scale.amount(band.value), scale.ends(band)


def _neurocores(each: Estimated) -> tuple[str, str, bool]:
    cores = f"{each.placement.neurocores:,}"
    if each.problems:
        return cores, "does not fit", True
    return cores, wording.on_chips(each.placement), False


def _steps(view: View) -> Entry:
    found = view.report.decisions
    if found is None:
        return Entry("", "not known")
    return Entry("", f"{found.earliest_step:,}", f"of {found.steps:,}, within one point")


def _decision(each: Estimated) -> tuple[str, str]:
    found = each.decision
    return NOT_KNOWN if found is None else _cost(found.latency_s, found.energy)


def _decision_in_real_time(each: Estimated) -> tuple[str, str]:
    found = each.decision
    if found is None or found.pace_s is None or found.pace_energy is None:
        return NOT_KNOWN
    return _cost(found.pace_s, found.pace_energy)


def _cost(time: Estimate, energy: Energy) -> tuple[str, str]:
    return wording.printed(time.value, "s"), wording.printed(energy.total.value, "J")


def _kept(each: Estimated) -> tuple[str, str, bool]:
    if each.pace is None:
        return "not known", "no pace of a sensor is given", False
    slowest = each.latency.peak_step_s.high  # which the answer rests on
    most = wording.printed(slowest, "s")
    answer = "yes" if each.pace.keeps_up else "no"
    note = f"up to {most} of {each.pace.dt_s * 1e3:g} ms a step"
    return answer, note, not each.pace.keeps_up


def problems(view: View) -> list[str]:
    """Return why chips cannot hold the network, a sentence each."""
    found = [
        f"Does not fit {chip}: {clean(problem).rstrip('.')}."
        for chip, each in zip(view.titles, view.chips)
        for problem in each.problems
    ]
    if found:
        found.insert(
            0, "What is said of a chip that cannot hold the network is what it would take."
        )
    return found


def accuracy(view: View) -> list[str]:
    """Return what to say of the accuracy."""
    score = view.report.counted.score
    if score is None:
        return []
    found = [
        f"Counted: {score.accuracy:.2%} of {number_of(score.samples, 'sample')} are answered right."
    ]
    if score.samples == 1:
        found.append("One sample says little about how often answers are right.")
    if score.silent_samples:
        silent = number_of(score.silent_samples, "sample")
        found.append(f"In {silent} no output neuron spiked; class 0 counts as their answer.")
    return found


def steps(view: View) -> list[str]:
    """Return what to say of the steps to decision."""
    found = view.report.decisions
    if found is None:
        return []
    what = "accuracy" if found.accuracy_by_step is not None else "agreement with the last answer"
    drawn = view.titles[: steps_figure.CHIPS]
    of = f" of {' and '.join(drawn)}" if len(drawn) < len(view.titles) else ""
    return [
        f"From step {found.earliest_step} of {found.steps} on, {what} stays within one point of "
        f"its last value; in the mean, an answer no longer changes after step "
        f"{found.stable_step_mean:.1f}; {wording.way(view.report.counted)}.",
        f"The rulers below the curve read a step as time and energy at full speed{of}, in "
        "proportion; the table has the figures of the first steps themselves.",
    ]


def load(view: View) -> list[str]:
    """Return which neurocore is the busiest on each chip; chips that agree go together."""
    found: dict[str, list[str]] = {}
    for chip, each in zip(view.titles, view.chips):
        latency = each.latency
        alone = wording.printed(latency.busiest_core_s, "s")
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
        answer = f"The answer is {view.classes[int(kept.outputs.argmax())]}"
        found.append(
            f"{answer}." if kept.label is None
            else f"{answer}, the label {view.classes[kept.label]}."
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
    overflows = ran.get("overflows")
    found = {
        "network, sha256": report.digest,
        "data": ran.get("data"),
        "split": ran.get("split"),
        "backend": ran.get("backend"),
        "samples": f"{report.counted.samples:,} of {report.counted.steps:,} time steps",
        "time step": f"{pace:g} ms" if pace else "no duration given",
        "training seed": ran.get("seed"),
        "states that left their width": None if overflows is None else f"{overflows:,}",
        **{
            f"cost file of {e.placement.chip.name}, sha256": e.placement.chip.digest
            for e in view.chips
        },
        **report.versions,
    }
    return [(clean(name), clean(str(v))) for name, v in found.items() if v is not None]
