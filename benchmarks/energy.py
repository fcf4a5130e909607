"""Compare estimates of energy and speed with published measurements on Loihi, without tuning.

    python -m benchmarks.energy [--markdown docs/benchmarks/energy-validation.md]
        [--plot docs/benchmarks/energy-validation.png]

`benchmarks.pilotnet_energy` estimates PilotNet on Loihi 2, which Intel measured.
`benchmarks.keyword_energy` estimates a keyword spotter on Loihi 1, which its authors measured.
`benchmarks.published_energy` holds the published figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import keyword_energy, pages, pilotnet_energy
from benchmarks.pages import Table, number, share
from benchmarks.pilotnet_energy import TUNED, Result, from_counters
from benchmarks.published_energy import KEYWORDS, PILOTNET
from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.estimated import power
from neurodeploy.hw_sim.estimates import static_power

COUNTERS = {
    "synops": "synaptic operations",
    "nonzero_synops": "the same, weights of zero left out",
    "updates": "neuron updates",
    "spikes": "spikes",
    "busiest_synops": "synaptic operations of the busiest neurocore",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Estimate, print, and write the page and the figure."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    pilotnet = pilotnet_energy.run(args.images)
    keywords = keyword_energy.run(args.samples)
    for table in (*pilotnet_tables(pilotnet), *keyword_tables(keywords)):
        table.show()
    if args.plot:
        draw(pilotnet, keywords, args.plot)
    if args.markdown:
        pages.write(
            args.markdown, "energy", words, plot=args.plot, intel=PILOTNET, blouw=KEYWORDS,
            pilotnet=pilotnet, pilotnet_tables=pilotnet_tables(pilotnet), keywords=keywords,
            keyword_tables=keyword_tables(keywords), **_texts(pilotnet, keywords),
        )  # fmt: skip
    return 0


def _texts(pilotnet: Result, keywords: keyword_energy.Result) -> dict[str, Any]:
    """Return the figures in the text of the page."""
    image = pilotnet.images[0]
    neurons, counted = from_counters(pilotnet.placement, "Davies 2018")
    trained = next(each for each in keywords.rates if each.rate == KEYWORDS.rate)
    rates = [keyword_energy.more_layers_rate(name) for name in keywords.placement.chip.sets]
    packages = ("neurodeploy", "lava-dl", "numpy")
    return {
        "neurons": neurons / PILOTNET.dynamic_mj,
        "counted": counted / PILOTNET.dynamic_mj,
        "activity": image.energies["Davies 2018"].dynamic.value * 1e3 / neurons,
        "synops": image.counters["synops"] / PILOTNET.synops,
        "nonzero": image.counters["nonzero_synops"] / PILOTNET.synops,
        "between": KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw),
        "full": keywords.full.energy.dynamic.value * 1e6,
        "ten": trained.energy.dynamic.value * 1e6,
        "step": 1e6 / KEYWORDS.steps / KEYWORDS.inferences_s,
        "ours": trained.latency.step_s.value * 1e6,
        "more": keyword_energy.more_layers_uj(),
        "low": min(rates),
        "high": max(rates),
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def pilotnet_tables(result: Result) -> list[Table]:
    """Return the tables of PilotNet."""
    makers = (_measured, _counters, _constants, _images, _neurocores)
    return [make(result) for make in makers]


def keyword_tables(result: keyword_energy.Result) -> list[Table]:
    """Return the tables of keyword spotting."""
    return [_rates(result), _meeting(result), _more_layers(result)]


def _measured(result: Result) -> Table:
    image = result.images[0]
    energy, latency = image.energy, image.latency
    static = static_power(result.placement)
    dynamic = power(energy, latency.sample_s)
    rows = [
        (
            "dynamic energy, mJ",
            energy.dynamic * 1e3,
            PILOTNET.dynamic_mj,
            "yes, but for the low end",
        ),
        ("static energy, mJ", energy.static * 1e3, PILOTNET.static_mj, "no"),
        ("total energy, mJ", energy.total * 1e3, PILOTNET.total_mj, "in part"),
        ("dynamic power, W", dynamic, PILOTNET.dynamic_w, "in part"),
        ("static power, W", static, PILOTNET.static_w, "no"),
        ("total power, W", static + dynamic, PILOTNET.static_w + PILOTNET.dynamic_w, "in part"),
        ("time per step, µs", latency.step_s * 1e6, PILOTNET.step_us, "no"),
        ("inferences per second", latency.samples_per_s, PILOTNET.inferences_s, "no"),
    ]
    return Table(
        "PilotNet, energy and speed",
        "the wheel's image on loihi2, one inference of 16 steps",
        ["", "estimate", "band", "Intel measured", "ratio", "independent?"],
        [
            [name, number(ours.value), _band(ours), number(theirs), _ratio(ours.value, theirs), how]
            for name, ours, theirs, how in rows
        ],
    )


def _counters(result: Result) -> Table:
    rows = []
    for name, ours in result.images[0].counters.items():
        theirs = getattr(PILOTNET, name.removeprefix("nonzero_"))
        rows.append([COUNTERS[name], f"{ours:.3g}", f"{theirs:.3g}", _ratio(ours, theirs)])
    return Table(
        "PilotNet, activity",
        "counted over 10,000 steps, Intel's counters read off a plot to 5%",
        ["", "simulated", "Intel counted", "ratio"],
        rows,
    )


def _constants(result: Result) -> Table:
    image, rows = result.images[0], []
    for name, energy in image.energies.items():
        ours = energy.dynamic.value * 1e3
        neurons, counted = from_counters(result.placement, name)
        label = f"{name} (fitted to this measurement)" if name == TUNED else name
        rows.append(
            [
                label,
                *(f"{number(each)} ({_ratio(each, PILOTNET.dynamic_mj)})"
                  for each in (neurons, counted)),
                f"{number(ours)} ({_ratio(ours, PILOTNET.dynamic_mj)})",
                _ratio(ours, neurons),
            ]
        )  # fmt: skip
    return Table(
        "PilotNet, constants and activity apart",
        "dynamic energy per inference in mJ, and in "
        "brackets its ratio to the 1.094 mJ that Intel measured",
        [
            "constants",
            "from Intel's counters, updates = neurons times steps",
            "from Intel's counters, updates as counted",
            "from our simulation",
            "of that, our activity",
        ],
        rows,
    )


def _images(result: Result) -> Table:
    rows = []
    for image in result.images:
        dynamic, step = image.energy.dynamic.value * 1e3, image.latency.step_s.value * 1e6
        rows.append(
            [
                image.name,
                f"{image.counters['synops']:.3g}",
                f"{image.counters['spikes']:.3g}",
                number(dynamic),
                _ratio(dynamic, PILOTNET.dynamic_mj),
                number(step),
                _ratio(step, PILOTNET.step_us),
            ]
        )
    return Table(
        "PilotNet, other images",
        "how much depends on the image, whose counts are over 10,000 steps",
        ["image", "SynOps", "spikes", "dynamic, mJ", "ratio", "step, µs", "ratio"],
        rows,
    )


def _neurocores(result: Result) -> Table:
    rows = []
    layers = zip(result.placement.layers, PILOTNET.neurocores, PILOTNET.blocks)
    for index, (placed, theirs, block) in enumerate(layers):
        binding = placed.binding
        rows.append(
            [
                str(index),
                _size(placed.blocks.shape[::-1]),
                str(theirs),
                _size(block),
                str(placed.neurocores),
                _size(placed.blocks.size[::-1]),
                f"{binding.name}, {share(binding.used, binding.limit)} full",
            ]
        )
    total = str(result.placement.neurocores)
    rows.append(["all", "", str(sum(PILOTNET.neurocores)), "", total, "", ""])
    return Table(
        "PilotNet, neurocores",
        "printed by Intel's compiler, and placed by neurodeploy; "
        "blocks are columns, rows and channels, or neurons",
        ["layer", "size", "Intel's", "its blocks", "neurodeploy", "blocks", "fullest budget"],
        rows,
    )


def _rates(result: keyword_energy.Result) -> Table:
    rows = []
    for each in result.rates:
        dynamic, speed = each.energy.dynamic * 1e6, each.latency.samples_per_s
        rows.append(
            [
                f"{each.rate:.0%}",
                number(dynamic.value),
                _band(dynamic),
                _ratio(dynamic.value, KEYWORDS.dynamic_uj),
                _ratio(dynamic.value, KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw)),
                number(speed.value),
                _band(speed),
                _ratio(speed.value, KEYWORDS.inferences_s),
            ]
        )
    return Table(
        "Keyword spotting, firing rates",
        f"one inference of {KEYWORDS.steps} steps on loihi1; "
        f"measured were {KEYWORDS.dynamic_uj:.0f} µJ above the chip before its first run, "
        f"{KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw):.0f} µJ above the chip between runs, and "
        f"{KEYWORDS.inferences_s:.0f} inferences per second",
        [
            "fire in a step", "dynamic, µJ", "band", "of 270 µJ", "of 48 µJ", "inferences/s",
            "band", "of 296",
        ],
        rows,
    )  # fmt: skip


def _meeting(result: keyword_energy.Result) -> Table:
    rows = []
    between = KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw)
    for steps in keyword_energy.STEPS:
        cells = [
            _met(result.meets(energy, name, steps))
            for energy in (KEYWORDS.dynamic_uj, between)
            for name in result.placement.chip.sets
        ]
        rows.append([str(steps), *cells])
    sets = result.placement.chip.sets
    return Table(
        "Keyword spotting, matching rates",
        "share of neurons that must fire in every step "
        "for the estimated dynamic energy to match the measured one",
        ["steps", *(f"{energy} µJ, {name}" for energy in (270, 48) for name in sets)],
        rows,
    )


def _more_layers(result: keyword_energy.Result) -> Table:
    few, many = KEYWORDS.scaled
    rows = [
        [name, number(keyword_energy.more_layers_uj()), _met(keyword_energy.more_layers_rate(name))]
        for name in result.placement.chip.sets
    ]
    return Table(
        "Keyword spotting, more layers",
        f"what {many.copies} instead of {few.copies} branches of "
        f"{KEYWORDS.layers} layers added, input and output unchanged, and the share of neurons "
        "that would have to fire in every step for that",
        ["constants", "measured, µJ per inference", "fire in a step"],
        rows,
    )


def _band(estimate: Estimate) -> str:
    return f"{number(estimate.low)} to {number(estimate.high)}"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:#.3g}"


def _met(rate: float) -> str:
    """Format a rate; "never" above 1."""
    return f"{rate:.1%}" if rate <= 1 else "never"


def _size(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def draw(pilotnet: Result, keywords: keyword_energy.Result, path: Path) -> None:
    """Draw both comparisons into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_pilotnet(left, pilotnet)
    _draw_keywords(right, keywords)
    figure.savefig(path, dpi=90)


def _draw_pilotnet(axes: Any, result: Result) -> None:
    names = [name for name in result.placement.chip.sets if name != TUNED]
    energies = result.images[0].energies
    heights = {
        "from Intel's counters": [from_counters(result.placement, name)[0] for name in names],
        "from our simulation": [energies[name].dynamic.value * 1e3 for name in names],
    }
    for offset, (label, values) in zip((-0.2, 0.2), heights.items()):
        axes.bar([k + offset for k in range(len(names))], values, width=0.38, label=label)
    axes.axhline(PILOTNET.dynamic_mj, color="k", linestyle="--", label="measured")
    axes.set_xticks(range(len(names)), names)
    axes.set(title="PilotNet on Loihi 2", ylabel="dynamic energy per inference, mJ")
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
    axes.set(xlabel="% of the neurons that fire in a step", ylabel="dynamic energy, µJ")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small", loc="center left")


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--images", type=int, default=4, help="shifted images of PilotNet")
    options.add_argument("--samples", type=int, default=64, help="samples per firing rate")
    options.add_argument("--markdown", type=Path, help="write the page to this file")
    options.add_argument("--plot", type=Path, help="draw both comparisons to this PNG")
    return options


if __name__ == "__main__":
    sys.exit(main())
