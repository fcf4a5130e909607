"""The tables of the energy benchmark: ours, the published figure, and the ratio."""

from __future__ import annotations

from benchmarks import keyword_energy
from benchmarks.pilotnet_energy import TUNED, Result, from_counters
from benchmarks.published_energy import KEYWORDS, PILOTNET
from benchmarks.tables import Cells, number, share
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


def all_of(pilotnet: Result, keywords: keyword_energy.Result) -> list[Cells]:
    """Return every table in the page's order."""
    return [*pilotnet_cells(pilotnet), *keyword_cells(keywords)]


def pilotnet_cells(result: Result) -> list[Cells]:
    """Return the tables of PilotNet."""
    makers = (_measured, _counters, _constants, _images, _neurocores)
    return [make(result) for make in makers]


def keyword_cells(result: keyword_energy.Result) -> list[Cells]:
    """Return the tables of keyword spotting."""
    return [_rates(result), _meeting(result), _more_layers(result)]


def _measured(result: Result) -> Cells:
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
        ("time a step, us", latency.step_s * 1e6, PILOTNET.step_us, "no"),
        ("inferences a second", latency.samples_per_s, PILOTNET.inferences_s, "no"),
    ]
    return Cells(
        "PilotNet, energy and speed: the wheel's image on loihi2, an inference of 16 steps",
        ["", "ours", "band", "Intel measured", "ratio", "independent?"],
        [
            [name, number(ours.value), _band(ours), number(theirs), _ratio(ours.value, theirs), how]
            for name, ours, theirs, how in rows
        ],
    )


def _counters(result: Result) -> Cells:
    rows = []
    for name, ours in result.images[0].counters.items():
        theirs = getattr(PILOTNET, name.removeprefix("nonzero_"))
        rows.append([COUNTERS[name], f"{ours:.3g}", f"{theirs:.3g}", _ratio(ours, theirs)])
    return Cells(
        "PilotNet, activity: counted over 10,000 steps, Intel's counters read off a plot to 5%",
        ["", "ours", "Intel counted", "ratio"],
        rows,
    )


def _constants(result: Result) -> Cells:
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
    return Cells(
        "PilotNet, constants and activity apart: dynamic energy an inference in mJ, and in "
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


def _images(result: Result) -> Cells:
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
    return Cells(
        "PilotNet, other images: how much depends on the image, whose counts are over 10,000 steps",
        ["image", "SynOps", "spikes", "dynamic, mJ", "ratio", "step, us", "ratio"],
        rows,
    )


def _neurocores(result: Result) -> Cells:
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
    return Cells(
        "PilotNet, neurocores: what Intel's compiler printed, and ours; blocks are columns, rows "
        "and channels, or neurons",
        ["layer", "size", "Intel's", "its blocks", "ours", "our blocks", "our fullest budget"],
        rows,
    )


def _rates(result: keyword_energy.Result) -> Cells:
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
    return Cells(
        f"Keyword spotting, firing rates: an inference of {KEYWORDS.steps} steps on loihi1; "
        f"measured were {KEYWORDS.dynamic_uj:.0f} uJ above the chip before its first run, "
        f"{KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw):.0f} uJ above the chip between runs, and "
        f"{KEYWORDS.inferences_s:.0f} inferences a second",
        [
            "fire in a step", "dynamic, uJ", "band", "of 270 uJ", "of 48 uJ", "inferences/s",
            "band", "of 296",
        ],
        rows,
    )  # fmt: skip


def _meeting(result: keyword_energy.Result) -> Cells:
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
    return Cells(
        "Keyword spotting, where they meet: the share of neurons that would have to fire in every "
        "step for our dynamic energy to be the measured one",
        ["steps", *(f"{energy} uJ, {name}" for energy in (270, 48) for name in sets)],
        rows,
    )


def _more_layers(result: keyword_energy.Result) -> Cells:
    few, many = KEYWORDS.scaled
    rows = [
        [name, number(keyword_energy.more_layers_uj()), _met(keyword_energy.more_layers_rate(name))]
        for name in result.placement.chip.sets
    ]
    return Cells(
        f"Keyword spotting, more layers: what {many.copies} instead of {few.copies} branches of "
        f"{KEYWORDS.layers} layers added, input and output unchanged, and the share of neurons "
        "that would have to fire in every step for that",
        ["constants", "measured, uJ an inference", "fire in a step"],
        rows,
    )


def _band(estimate: Estimate) -> str:
    return f"{number(estimate.low)} to {number(estimate.high)}"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:#.3g}"


def _met(rate: float) -> str:
    """Return a share of neurons, or that none suffices."""
    return f"{rate:.1%}" if rate <= 1 else "never"


def _size(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
