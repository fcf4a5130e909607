"""What the benchmark shows: a table a workload, and time against work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.compare import PEERS, REFERENCE, Outcome, Peer
from benchmarks.peers.workload_file import Workload

WAYS = {"single": "one at a time", "batch": "{} at once"}


def table_of(workload: Workload, outcomes: Sequence[Outcome]) -> Table:
    """Return the table of one workload; a row for each way in which a simulator ran."""
    threads = sorted({outcome.threads for outcome in outcomes})
    table = Table(title=title_of(workload), title_justify="left")
    table.add_column("simulator")
    for count in threads:
        table.add_column(f"us, {count} thread{'s' * (count > 1)}", justify="right")
    for heading in ("samples/s", "ns/SynOp", "peak MB", "x Lava", "exact?"):
        table.add_column(heading, justify="right")
    reference = _first_time(outcomes, REFERENCE)
    for name in dict.fromkeys(outcome.peer for outcome in outcomes):
        of_peer = {each.threads: each for each in outcomes if each.peer == name}
        for label, row in _rows(workload, PEERS[name], of_peer, threads, reference):
            table.add_row(f"{PEERS[name].title}{label}", *row)
    return table


def title_of(workload: Workload) -> str:
    """Return what the figures of a table refer to."""
    samples, _, steps = workload.spikes.shape
    return (
        f"{workload.name}: {workload.neurons:,} neurons, {workload.firing:.1%} firing, "
        f"{workload.synops:,.0f} SynOps a step, {samples} samples of {steps} steps\n"
        "us: microseconds a step and sample, median"
    )


def _rows(
    workload: Workload,
    peer: Peer,
    of_peer: Mapping[int, Outcome],
    threads: Sequence[int],
    reference: float | None,
) -> list[tuple[str, list[str]]]:
    """Return label and cells of each way in which a peer ran; the first threads that have figures
    give what stands beside the times."""
    with_figures = [of_peer[n].figures for n in threads if n in of_peer and of_peer[n].figures]
    if not with_figures:
        reason = next(iter(of_peer.values())).reason
        return [("", [*("-" for _ in threads), *("-" for _ in range(4)), reason[:40]])]
    first = with_figures[0]
    without = "" if peer.delays or not workload.delayed else ", without delays"
    rows = []
    for way, words in WAYS.items():
        if first[way] is None:
            continue
        times = [
            (of_peer[n].figures or {}).get(way, {"median": None})["median"]
            if n in of_peer
            else None
            for n in threads
        ]
        best = min(time for time in times if time is not None)
        shown = next(time for time in times if time is not None)
        label = f", {words.format(first['batch_size'])}" if first["batch"] else ""
        rows.append((label, [
            *(number(time) for time in times),
            number(1e6 / best / workload.spikes.shape[2]),
            number(1e3 * shown / first["synops"]) if first["synops"] else "-",
            f"{first['peak_mb']:,.0f}",
            number(reference / shown) if reference else "-",
            exactness(first) + without,
        ]))  # fmt: skip
    return rows


def _first_time(outcomes: Sequence[Outcome], name: str) -> float | None:
    for outcome in outcomes:
        if outcome.peer == name and outcome.figures:
            return float(outcome.figures["single"]["median"])
    return None


def number(value: float | None) -> str:
    """Return three digits that count."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def exactness(figures: Mapping[str, Any]) -> str:
    """Return whether every spike was the expected one, else how many differ for each of those."""
    if not figures["different"]:
        return "yes"
    return f"no, {figures['different'] / max(figures['spikes'], 1):.1%}"


def plot(results: Sequence[tuple[Workload, Sequence[Outcome]]], path: Path) -> None:
    """Write a picture of time against work, each simulator's best way, one thread."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 6))
    for name, peer in PEERS.items():
        points = sorted(
            (workload.synops + workload.neurons, best_time(outcome.figures))
            for workload, outcomes in results
            for outcome in outcomes
            if outcome.peer == name and outcome.figures and outcome.threads == 1
        )
        if points:
            axes.plot(*zip(*points), marker="o", markersize=4, label=peer.title)
    axes.set(
        xscale="log", yscale="log", xlabel="SynOps and neuron updates a step",
        ylabel="microseconds a step and sample, one thread",
    )  # fmt: skip
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)


def best_time(figures: Mapping[str, Any]) -> float:
    """Return the least median microseconds a step and sample of the ways that there are."""
    return min(float(figures[way]["median"]) for way in WAYS if figures[way])
