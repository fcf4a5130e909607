"""A report as tables in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hw_sim.estimate import Estimate
from hw_sim.report import NOT_MODELLED, Report
from hw_sim.report_estimated import Estimated
from neurodeploy.cli import number_of
from neurodeploy.pages import answers
from neurodeploy.pages.tables import add_numbers, print_list, print_table

UJ, MJ, MS, US = 1e6, 1e3, 1e3, 1e6
"""Factors from SI units to the units shown."""


def show(report: Report, console: Console | None = None) -> None:
    """Print the report on stdout: counted, then estimated, then what is not modelled."""
    out = console or Console(highlight=False)
    out.print(_headline(report), soft_wrap=True)
    print_table(out, _network(report))
    print_table(out, _layers(report))
    if report.answers is not None and report.counted.score is None:
        answers.show(report.answers, report.counted.samples, out)
    print_table(out, _chips(report))
    print_table(out, _cores(report))
    for name, each in report.estimated.items():
        for problem in each.problems:
            out.print(f"[bold red]does not fit {name}:[/] {escape(problem)}", soft_wrap=True)
    out.print("[bold]How to read the estimates[/]")
    caveats = [c for each in report.estimated.values() for c in each.placement.chip.caveats]
    print_list(out, dict.fromkeys(caveats))
    out.print("[bold]Not modelled[/]")
    print_list(out, NOT_MODELLED)


def _headline(report: Report) -> str:
    counted, network = report.counted, report.network
    lines = [
        f"[bold]{escape(network.task.name or 'network')}[/] sha256 {report.digest[:12]}, "
        f"{escape(str(report.provenance.get('data', 'given spikes')))}, run on "
        f"{report.provenance.get('backend', '?')}: "
        f"{number_of(counted.samples, 'sample')} of {number_of(counted.steps, 'time step')}"
    ]
    if counted.score is not None:
        silent = f"{number_of(counted.score.silent_samples, 'sample')} without an output spike"
        if network.answer_kind != "spikes" and report.answers is not None:
            silent = f"read from {report.answers.how}"
        lines.append(
            f"[bold]accuracy {counted.score.accuracy:.2%}, macro F1 {counted.score.macro_f1:.3f}[/]"
            f" (counted; {silent})"
        )
    if report.provenance.get("overflows"):
        times = number_of(report.provenance["overflows"], "time")
        lines.append(f"warning: a state left its width {times}")
    return "\n".join(lines)


def _network(report: Report) -> Table:
    shape = "x".join(map(str, report.network.input_shape))
    table = Table(title=f"The network, on an input of {shape}", title_justify="left")
    for name in ("layer", "kind", "neurons", "shape", "weights", "delays"):
        if name in ("layer", "weights"):
            add_numbers(table, name)
        else:
            table.add_column(name, no_wrap=name == "shape")
    for row in report.counted.layers:
        table.add_row(
            str(row.layer),
            row.kind,
            row.neuron,
            "x".join(map(str, row.shape)),
            f"{row.synapses:,}",
            row.delays,
        )
    return table


def _layers(report: Report) -> Table:
    table = Table(
        title="Counted, a sample: spikes in and out, SynOps and their share of dense",
        title_justify="left",
    )
    for name in ("layer", "neurons", "in", "out", "firing", "SynOps", "dense", "updates"):
        add_numbers(table, name)
    for row in report.counted.layers:
        table.add_row(
            str(row.layer),
            f"{row.neurons:,}",
            _count(row.spikes_in_per_sample),
            _count(row.spikes_per_sample),
            f"{row.firing_rate_per_step:.1%}",
            _count(round(row.synops_per_sample)),
            f"{row.synops_per_sample / max(row.dense_synops_per_sample, 1):.1%}",
            _count(round(row.neuron_updates_per_sample)),
        )
    return table


def _chips(report: Report) -> Table:
    table = Table(
        title="Estimated, a sample: likely (low to high)", title_justify="left", show_lines=False
    )
    table.add_column("")
    for each in report.estimated.values():
        add_numbers(table, each.placement.chip.title)
    paced = any(each.pace is not None for each in report.estimated.values())
    for label, read in (*_ROWS, *(_PACE_ROWS if paced else ())):
        table.add_row(label, *(read(each) for each in report.estimated.values()))
    return table


def _cores(report: Report) -> Table:
    table = Table(title="Estimated, neurocores", title_justify="left")
    for name in ("chip", "layer", "neurocores", "neurons a core", "bound by", "full"):
        if name in ("chip", "bound by"):
            table.add_column(name)
        else:
            add_numbers(table, name)
    for name, each in report.estimated.items():
        for index, layer in enumerate(each.placement.layers):
            binding = layer.binding
            table.add_row(
                name,
                str(index),
                str(layer.neurocores),
                str(layer.neurons_per_core),
                binding.name,
                f"{binding.used / binding.limit:.0%}" if binding.limit else "-",
            )
    return table


def _band(value: Estimate, factor: float) -> str:
    likely, low, high = (_number(v * factor) for v in (value.value, value.low, value.high))
    return f"{likely} ({low} to {high})"


def _number(value: float) -> str:
    """Return two or three significant digits without an exponent, which nobody reads with ease."""
    if value >= 1e4:
        return f"{value / 1e3:,.0f}k" if value >= 1e5 else f"{value / 1e3:.1f}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.{3 if value >= 0.1 else 2}g}"


def _count(value: float) -> str:
    """Return a mean count in seven characters or fewer up to thousands of millions."""
    if value >= 1e6:
        return f"{value / 1e6:,.1f}M" if value >= 1e8 else f"{value / 1e6:.3g}M"
    return f"{value:,.0f}" if isinstance(value, int) or value >= 1e5 else f"{value:,.1f}"


def _pace(each: Estimated, read: Any) -> str:
    return "-" if each.pace is None else str(read(each))


def _keeps_up(each: Estimated) -> str:
    pace = each.pace
    if pace is None:
        return "-"
    verb = "yes" if pace.keeps_up else "no"
    return f"{verb}, {pace.dt_s * MS:g} ms a step"


_ROWS: tuple[tuple[str, Any], ...] = (
    (
        "neurocores",
        lambda e: f"{e.placement.neurocores} of {e.placement.chip.limit('cores_per_chip')}",
    ),
    ("at full speed", lambda e: ""),
    ("  step (us)", lambda e: _band(e.latency.step_s, US)),
    ("  latency (ms)", lambda e: _band(e.latency.sample_s, MS)),
    ("  samples a second", lambda e: _band(e.latency.samples_per_s, 1)),
    ("  synaptic energy (uJ)", lambda e: _band(e.energy.synaptic, UJ)),
    ("  neuron energy (uJ)", lambda e: _band(e.energy.neuron, UJ)),
    ("  spike traffic (uJ)", lambda e: _band(e.energy.spike_traffic, UJ)),
    ("  static energy (uJ)", lambda e: _band(e.energy.static, UJ)),
    ("  total energy (uJ)", lambda e: _band(e.energy.total, UJ)),
)

_PACE_ROWS: tuple[tuple[str, Any], ...] = (
    ("at the sensor's pace", _keeps_up),
    ("  dynamic energy (uJ)", lambda e: _pace(e, lambda x: _band(x.pace_energy.dynamic, UJ))),
    ("  static energy (mJ)", lambda e: _pace(e, lambda x: _band(x.pace_energy.static, MJ))),
)
