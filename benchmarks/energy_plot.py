"""A picture of the energy benchmark: PilotNet by constant sets, keyword spotting by firing rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import keyword_energy, pilotnet_energy
from benchmarks.published_energy import KEYWORDS, PILOTNET


def draw(pilotnet: pilotnet_energy.Result, keywords: keyword_energy.Result, path: Path) -> None:
    """Write both comparisons as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6))
    _draw_pilotnet(left, pilotnet)
    _draw_keywords(right, keywords)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _draw_pilotnet(axes: Any, result: pilotnet_energy.Result) -> None:
    names = [name for name in result.placement.chip.sets if name != pilotnet_energy.TUNED]
    energies = result.images[0].energies
    heights = {
        "from Intel's counters": [
            pilotnet_energy.from_counters(result.placement, name)[0] for name in names
        ],
        "from our simulation": [energies[name].dynamic.value * 1e3 for name in names],
    }
    for offset, (label, values) in zip((-0.2, 0.2), heights.items()):
        axes.bar([k + offset for k in range(len(names))], values, width=0.38, label=label)
    axes.axhline(PILOTNET.dynamic_mj, color="k", linestyle="--", label="measured")
    axes.set_xticks(range(len(names)), names)
    axes.set(title="PilotNet on Loihi 2", ylabel="dynamic energy an inference, mJ")
    axes.set_ylim(0, 2.3)
    axes.legend(fontsize="small", loc="upper left")


def _draw_keywords(axes: Any, result: keyword_energy.Result) -> None:
    rates = [100 * each.rate for each in result.rates]
    dynamic = [each.energy.dynamic * 1e6 for each in result.rates]
    axes.plot(rates, [each.value for each in dynamic], marker="o", markersize=4, label="ours")
    axes.fill_between(
        rates, [each.low for each in dynamic], [each.high for each in dynamic], alpha=0.3
    )
    between = KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw)
    axes.axhline(KEYWORDS.dynamic_uj, color="k", linestyle="--", label="above the unused chip")
    axes.axhline(between, color="k", linestyle=":", label="above the chip between runs")
    axes.set(xscale="log", yscale="log", title="keyword spotting on Loihi 1")
    axes.set(xlabel="% of the neurons that fire in a step", ylabel="dynamic energy, uJ")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small", loc="center left")
