"""What was counted in a run, as tables in a terminal."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from hw_sim.neurobench_metrics import Neurobench
from hw_sim.reports.report import Report
from hw_sim.score import Score
from neurodeploy.pages import short
from neurodeploy.pages.terminal.tables import add_numbers, plain


def network(report: Report) -> Table:
    """Return the layers of the network."""
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


def layers(report: Report) -> Table:
    """Return what each layer did in the mean sample."""
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
            short.count(row.spikes_in_per_sample),
            short.count(row.spikes_per_sample),
            f"{row.firing_rate_per_step:.1%}",
            short.count(round(row.synops_per_sample)),
            f"{row.synops_per_sample / max(row.dense_synops_per_sample, 1):.1%}",
            short.count(round(row.neuron_updates_per_sample)),
        )
    return table


def classes(report: Report, score: Score) -> Table:
    """Return how well each class is recognised, and what it is most often taken for."""
    names = report.network.task.class_names or tuple(map(str, range(len(score.confusion))))
    table = Table(title="Counted, a class: samples, share recognised", title_justify="left")
    table.add_column("class")
    add_numbers(table, "samples")
    add_numbers(table, "recognised")
    table.add_column("most often taken for")
    for index, row in enumerate(score.confusion):
        others = np.where(np.arange(len(row)) == index, 0, row)
        wrong, samples = int(others.argmax()), int(row.sum())
        table.add_row(
            plain(names[index]),
            f"{samples:,}",
            f"{row[index] / samples:.1%}" if samples else "-",
            plain(f"{names[wrong]} ({others[wrong]:,})" if others[wrong] else "-"),
        )
    return table


def neurobench(found: Neurobench) -> Table:
    """Return NeuroBench's metrics."""
    table = Table(title="NeuroBench's metrics, operations a sample", title_justify="left")
    table.add_column("metric")
    add_numbers(table, "value")
    operations = (
        ("synaptic operations, accumulating", found.effective_acs),
        ("synaptic operations, multiplying", found.effective_macs),
        ("synaptic operations, dense", found.dense_operations),
        ("membrane updates", found.membrane_updates),
        ("neuron operations", found.effective_neuron_operations),
        ("neuron operations, dense", found.dense_neuron_operations),
    )
    table.add_row("footprint (bytes)", f"{found.footprint_bytes:,}")
    table.add_row("connection sparsity", f"{found.connection_sparsity:.1%}")
    table.add_row("activation sparsity", f"{found.activation_sparsity:.1%}")
    for label, value in operations:
        table.add_row(label, "-" if value is None else f"{value:,.0f}")
    return table
