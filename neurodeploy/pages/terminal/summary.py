"""What matters of a report, on one screen of 80 columns and 24 lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.estimates.energy import Energy
from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import numbers, words
from neurodeploy.pages.terminal.chip_columns import Columns, groups
from neurodeploy.pages.terminal.tables import plain, print_table

NAMES: Final = {
    "cpu": "CPU", "gpu": "GPU", "arm": "ARM", "cmos45_fp32": "45 nm fp32",
    "cmos45_int8": "45 nm int8",
}  # fmt: skip
"""Short names of conventional hardware."""
LAYERS_SHOWN: Final = 6
"""Layers of a network whose sizes stand in the first line."""


def show(report: Report, out: Console) -> None:
    """Print what ran, how well, what it would take on each chip, and what it would elsewhere."""
    for line in headline(report):
        out.print(line, soft_wrap=not out.is_terminal)
    out.print()
    for chips in groups(list(report.estimated.values()), out):
        print_table(out, _chips(report, chips))
    conventional = _conventional(report)
    if conventional is not None:
        out.print(conventional, soft_wrap=not out.is_terminal)


def headline(report: Report) -> list[Text]:
    """Return what ran and how well, a line each."""
    counted, network, said = report.counted, report.network, report.provenance
    first = (plain(network.task.name or "network", "bold"), f" sha256 {report.digest[:12]}, ")
    lines = [
        Text.assemble(*first, ", ".join([_sizes(report), *_seed(report)])),
        Text.assemble(
            plain(said.get("data", "given spikes")),
            f", run on {said.get('backend', '?')}: {words.ran(counted)}",
        ),
        _accuracy(report),
    ]
    lines += [plain(f"note: {note}") for note in said.get("notes", ())]
    if not any(row.spikes_per_sample for row in counted.layers):
        lines.append(Text("warning: no neuron fired in any sample", "bold red"))
    if said.get("overflows"):
        times = number_of(said["overflows"], "time")
        lines.append(Text(f"warning: a state left its width {times}", "bold red"))
    return lines


def _sizes(report: Report) -> str:
    layers = report.counted.layers
    if len(layers) > LAYERS_SHOWN:
        return number_of(len(layers), "layer")
    return "-".join(str(size) for size in (report.network.inputs, *(row.neurons for row in layers)))


def _seed(report: Report) -> list[str]:
    seed = report.provenance.get("seed")
    return [] if seed is None else [f"trained with seed {seed}"]


def _accuracy(report: Report) -> Text:
    score = report.counted.score
    if score is None:
        return Text("no labels, so no accuracy; the answers are below")
    how = f"{number_of(score.silent_samples, 'sample')} without an output spike"
    if report.network.answer_kind != "spikes" and report.answers is not None:
        how = f"read from {report.answers.how}"
    figures = f"accuracy {score.accuracy:.2%}, macro F1 {score.macro_f1:.3f}"
    return Text.assemble((figures, "bold"), f" (counted; {how})")


def _chips(report: Report, chips: Sequence[Estimated]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    columns = Columns(table, chips, lambda e: e.placement.chip.title, "likely (low to high)")
    columns.words("neurocores", _neurocores)
    columns.words("fullest layer", _fullest)
    columns.bands("J", ("energy a sample", lambda e: e.energy.total))
    columns.bands("J", ("  without static", lambda e: e.energy.dynamic))
    columns.words("  largest parts", _largest_parts)
    columns.bands("s", ("latency", lambda e: e.latency.sample_s))
    columns.words("  busiest neurocore", lambda e: words.busiest(e.latency))
    columns.words(f"real time, {words.pace(chips)}", words.keeps_up)
    columns.bands("W", ("  power then", lambda e: e.pace_power.total if e.pace_power else None))
    columns.words(f"{words.holds([report])} after", _decision)
    columns.words("  in real time", _decision_in_real_time)
    return table


def _neurocores(each: Estimated) -> str:
    if each.problems:
        return "does not fit, see below"
    return f"{each.placement.neurocores:,} {words.on_chips(each.placement)}"


def _fullest(each: Estimated) -> str:
    layers = each.placement.layers
    index = max(range(len(layers)), key=lambda i: layers[i].fullest.full)
    fullest = layers[index].fullest
    return f"{index}: {fullest.name} {numbers.share(fullest.full)}"


def _largest_parts(each: Estimated) -> str | None:
    """Return the shares of the static part and of the largest other one, the larger first."""
    total = each.energy.total.value
    if not total:
        return None
    shares = {name: getattr(each.energy, name).value / total for name in words.PARTS}
    other = max((name for name in shares if name != "static"), key=shares.__getitem__)
    both = sorted(("static", other), key=shares.__getitem__, reverse=True)
    return ", ".join(f"{words.PARTS[name]} {numbers.share(shares[name])}" for name in both)


def _decision(each: Estimated) -> str | None:
    found = each.decision
    if found is None:
        return None
    return f"{number_of(found.steps, 'step')}: {_cost(found.latency_s, found.energy)}"


def _decision_in_real_time(each: Estimated) -> str | None:
    found = each.decision
    if found is None or found.pace_s is None or found.pace_energy is None:
        return None
    return _cost(found.pace_s, found.pace_energy)


def _cost(time: Estimate, energy: Energy) -> str:
    return f"{numbers.amount(time.value, 's')}, {numbers.amount(energy.total.value, 'J')}"


def _conventional(report: Report) -> Text | None:
    """Return what a dense network of the same size takes on other hardware, in a sentence."""
    if report.conventional is None:
        return None
    found = []
    for each in report.conventional.processors:
        name = NAMES.get(each.operation.name, each.operation.title)
        every, once = (numbers.amount(value, "J") for value in (each.every_step_j, each.one_pass_j))
        found.append(f"{name} {every} ({once})")
    return Text(
        "Elsewhere, an artificial network of this size, arithmetic alone, every step (one pass): "
        + ", ".join(found)
    )
