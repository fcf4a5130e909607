"""Compare estimates of energy and speed with published measurements on Loihi, without tuning.

    python -m benchmarks.energy [--write] [--markdown docs/benchmarks/energy-validation.md]
        [--plot docs/benchmarks/energy-validation.png]

`benchmarks.pilotnet_energy` estimates PilotNet on Loihi 2, `ntidigits_energy` copies of a network
on Loihi 1, `keyword_energy` copies of the layers of another one. `published_energy` holds what was
measured. `--write` writes `hw_sim/chips/measured_cases.json`, from which reports take how far such
estimates were off.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks import keyword_energy, ntidigits_energy, pages, pilotnet_energy
from benchmarks.pages import Table, number, share
from benchmarks.pilotnet_energy import TUNED, Result, from_counters
from benchmarks.published_energy import BRAILLE, KEYWORDS, NTIDIGITS, PILOTNET
from neurodeploy.hw_sim.chips import Estimate, chip
from neurodeploy.hw_sim.confidence import MeasuredCase, confidence
from neurodeploy.hw_sim.estimates import static_power
from neurodeploy.models.files import replacing

CASES: Final = pages.ROOT / "hw_sim/chips/measured_cases.json"

Runs = tuple[ntidigits_energy.Run, ntidigits_energy.Run]


def main(argv: Sequence[str] | None = None) -> int:
    """Estimate, print, and write the page, the figure and the cases."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    pilotnet, ntidigits = pilotnet_energy.run(), ntidigits_energy.run()
    cases = [*pilotnet_cases(pilotnet), *ntidigits_cases(ntidigits), *other_cases()]
    tables = {
        "cases": [case_table(cases)],
        "pilotnet": [make(pilotnet) for make in (_layers, _trace, _constants, _runs, _neurocores)],
        "ntidigits": [_ntidigits(ntidigits), _boards()],
        "keywords": [_copies(), _slope()],
    }
    for table in chain.from_iterable(tables.values()):
        table.show()
    if args.write:
        write_cases(cases)
    if args.plot:
        draw(pilotnet, cases, args.plot)
    if args.markdown:
        packages = ", ".join(f"{each} {version(each)}" for each in ("lava-dl", "numpy"))
        pages.write(
            args.markdown, "energy", words, plot=args.plot, tables=tables, intel=PILOTNET,
            digits=NTIDIGITS, braille=BRAILLE, blouw=KEYWORDS, pilotnet=pilotnet,
            chips=[chip("loihi1"), chip("loihi2")], packages=packages,
            **_texts(pilotnet, ntidigits[0]),
        )  # fmt: skip
    return 0


def _texts(pilotnet: Result, digits: ntidigits_energy.Run) -> dict[str, float]:
    """Return the figures in the text of the page."""
    costs, placement = chip("loihi1"), pilotnet.intel.workload.placement
    return {
        "counted": from_counters(placement, "Davies 2018").high * 1e3 / PILOTNET.dynamic_mj,
        "zeros": float((pilotnet.network.layers[6].weight == 0).mean()),  # type: ignore[union-attr]
        "calibrated": digits.by_constants["SANA-FE"].value * 1e6 / NTIDIGITS.dynamic_uj,
        "energy": digits.dynamic.value * 1e6 / NTIDIGITS.dynamic_uj,
        "overlapping": max(digits.latency.busiest_s.value, digits.latency.barrier_s.value)
        * 1e6
        / NTIDIGITS.step_us,
        "time": digits.latency.step_s.value * 1e6 / NTIDIGITS.step_us,
        "rate": keyword_energy.matching_rate("Davies 2018"),
        "copy": keyword_energy.copy_energy(costs).value * 1e6 / KEYWORDS.slope_uj,
    }


def write_cases(cases: Sequence[MeasuredCase]) -> None:
    """Write the installed measured cases, numbers to four digits."""
    rows = [msgspec.to_builtins(case) for case in cases]
    for row in rows:
        row.update({key: float(f"{row[key]:.4g}") for key in ("low", "value", "high", "measured")})
    with replacing(CASES) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")


# The cases


def pilotnet_cases(result: Result) -> Iterator[MeasuredCase]:
    """Yield PilotNet's cases; static power and the time of a SynOp were read from them."""
    run = result.intel
    power = static_power(run.workload.placement) * 1e3
    synop = ("synaptic_operation_time", "convolution_operation_time")
    yield _case("PilotNet", "dynamic_energy", run.energy.dynamic * 1e6, PILOTNET.dynamic_mj * 1e3)
    yield _case("PilotNet", "step_time", run.latency.step_s * 1e6, PILOTNET.step_us, synop)
    yield _case("PilotNet", "static_power", power, PILOTNET.static_w * 1e3, ("static_power",))


def ntidigits_cases(runs: Runs) -> Iterator[MeasuredCase]:
    """Yield the cases of N-TIDIGITS, as Intel placed it."""
    run, name = runs[0], "N-TIDIGITS"
    power = chip("loihi1").cost("static_power") * 1e3
    yield _case(name, "dynamic_energy", run.dynamic * 1e6, NTIDIGITS.dynamic_uj)
    yield _case(name, "step_time", run.latency.step_s * 1e6, NTIDIGITS.step_us)
    yield _case(name, "static_power", power, NTIDIGITS.static_mw)


def other_cases() -> Iterator[MeasuredCase]:
    """Yield the copies of keyword spotting, and the static power of the board of Braille."""
    costs, name = chip("loihi1"), "keyword spotting"
    power = costs.cost("static_power") * 1e3
    copy = keyword_energy.copy_energy(costs) * 1e6
    yield _case(f"{name}, a copy", "dynamic_energy", copy, KEYWORDS.slope_uj)
    yield _case(f"{name}, program loaded", "static_power", power, KEYWORDS.woken_mw)
    yield _case("Braille", "static_power", power, BRAILLE.static_mw)


UNITS: Final = {"dynamic_energy": "uJ", "step_time": "us", "static_power": "mW"}


def _case(
    name: str, quantity: str, ours: Estimate, measured: float, rests_on: tuple[str, ...] = ()
) -> MeasuredCase:
    return MeasuredCase(
        case=name,
        chip=pilotnet_energy.CHIP if name == "PilotNet" else ntidigits_energy.CHIP,
        quantity=quantity,
        unit=UNITS[quantity],
        low=ours.low,
        value=ours.value,
        high=ours.high,
        measured=measured,
        rests_on=rests_on,
    )


def case_table(cases: Sequence[MeasuredCase]) -> Table:
    """Return all cases, with the band that the other cases of the same quantity give."""
    rows = []
    for case in cases:
        others = confidence(chip(case.chip), case.quantity, cases, without=case.case)
        band = others.band(case.value)
        predicted = "too few" if band is None else f"{number(band[0])} to {number(band[1])}"
        inside = "" if band is None else _yes(band[0] <= case.measured <= band[1])
        rest = ", ".join(case.rests_on)
        rows.append([
            case.case, case.chip, f"{case.quantity.replace('_', ' ')}, {_micro(case.unit)}",
            number(case.value), f"{number(case.low)} to {number(case.high)}",
            number(case.measured), _ratio(case.value, case.measured),
            _yes(case.low <= case.measured <= case.high),
            f"no: {rest}" if rest else "yes", predicted, inside,
        ])  # fmt: skip
    return Table(
        "All cases",
        "ratio is the estimate over the measured value; the last columns are the band that the "
        "other independent cases of the quantity give, this case left out",
        ["case", "chip", "quantity", "estimate", "band of the constants", "measured", "ratio",
         "in band", "independent", "band of the other cases", "in it"],
        rows,
    )  # fmt: skip


# PilotNet


def _layers(result: Result) -> Table:
    rows = []
    for index, theirs in enumerate(PILOTNET.layers):
        if theirs is None:
            continue
        placed = result.intel.workload.placement.layers[index]
        synops, updates, messages = result.intel.per_step(index)
        full = 2 * (placed.neurocores * placed.neurons_per_core - placed.neurons)
        pairs = [
            (synops, theirs.synops),
            (result.padded_synops[index], theirs.synops),
            (updates, theirs.updates),
            (updates + full, theirs.updates),
            (messages, theirs.messages),
        ]
        rows.append([str(index), *(_versus(ours, 100 * counter) for ours, counter in pairs)])
    return Table(
        "PilotNet, activity by layer",
        "per step, ours over Intel's counter, and the ratio in brackets; padded: the last block of "
        "a layer counts as a full one",
        ["layer", "SynOps", "SynOps, padded", "updates", "updates, padded", "messages in"],
        rows,
    )


def _versus(ours: float, theirs: float) -> str:
    if not theirs:
        return "-"
    return f"{number(ours)} / {number(theirs)} ({ours / theirs:.3f})"


def _trace(result: Result) -> Table:
    traces = result.intel.trace_us, result.slower.trace_us, PILOTNET.trace_us
    both = zip(("in order", "sorted"), (traces, tuple(map(sorted, traces))))
    rows = [
        [
            f"{how}, {place}", number(theirs), number(ours), _ratio(ours, theirs),
            number(slower), _ratio(slower, theirs),
        ]
        for how, found in both
        for place, (ours, slower, theirs) in enumerate(zip(*found), 1)
    ]  # fmt: skip
    return Table(
        "PilotNet, time of successive steps",
        "microseconds, in order from the longest step on, and sorted by length; with one more step "
        "between two layers than in the simulator, as the plot suggests, and without",
        ["step", "measured", "estimate", "ratio", "one more step", "ratio"],
        rows,
    )


def _constants(result: Result) -> Table:
    rows = []
    for name, energy in result.intel.energies.items():
        ours = energy.dynamic.value * 1e3
        counted = from_counters(result.intel.workload.placement, name) * 1e3
        label = f"{name} (fitted to this measurement)" if name == TUNED else name
        values = (ours, counted.value, counted.high)
        rows.append([label, *(f"{number(v)} ({_ratio(v, PILOTNET.dynamic_mj)})" for v in values)])
    return Table(
        "PilotNet, constants",
        f"dynamic energy per inference in mJ, and its ratio to the {PILOTNET.dynamic_mj} mJ that "
        "Intel measured",
        ["constants", "estimate", "from Intel's counters, updates = neurons times steps",
         "from Intel's counters, updates as counted"],
        rows,
    )  # fmt: skip


def _runs(result: Result) -> Table:
    rows = []
    for run in (result.intel, result.placed, result.slower, *result.others):
        dynamic, step = run.energy.dynamic.value * 1e3, run.latency.step_s.value * 1e6
        synops = [
            f"{run.per_step(index)[0] / (100 * PILOTNET.layers[index].synops):.2f}"  # type: ignore[union-attr]
            for index in range(2, 6)
        ]
        rows.append([
            run.name, *synops, number(dynamic), _ratio(dynamic, PILOTNET.dynamic_mj),
            number(step), _ratio(step, PILOTNET.step_us),
        ])  # fmt: skip
    return Table(
        "PilotNet, which run it was",
        "SynOps of layers 2 to 5 over Intel's counters, energy and time",
        ["run", *(f"layer {k}" for k in range(2, 6)), "dynamic, mJ", "ratio", "step, µs", "ratio"],
        rows,
    )


def _neurocores(result: Result) -> Table:
    placement, rows = result.placed.workload.placement, []
    layers = zip(placement.layers, PILOTNET.neurocores, PILOTNET.blocks)
    for index, (placed, theirs, block) in enumerate(layers):
        rows.append([
            str(index), _size(placed.blocks.shape[::-1]), str(theirs), _size(block),
            str(placed.neurocores), _size(placed.blocks.size[::-1]),
            f"{placed.binding.name}, {share(placed.binding.used, placed.binding.limit)} full",
        ])  # fmt: skip
    rows.append(["all", "", str(sum(PILOTNET.neurocores)), "", str(placement.neurocores), "", ""])
    return Table(
        "PilotNet, neurocores",
        "printed by Intel's compiler, and placed by neurodeploy; blocks are columns, rows and "
        "channels, or neurons",
        ["layer", "size", "Intel's", "its blocks", "neurodeploy", "blocks", "fullest budget"],
        rows,
    )


# N-TIDIGITS and Braille


def _ntidigits(runs: Runs) -> Table:
    rows = []
    for run in runs:
        dynamic, step = run.dynamic * 1e6, run.latency.step_s * 1e6
        sizes = ", ".join(str(each.neurons_per_core) for each in run.workload.placement.layers)
        rows.append([
            f"{run.name}: {sizes}", _band(dynamic), _ratio(dynamic.value, NTIDIGITS.dynamic_uj),
            _band(run.inputs * 1e6), _band(step), _ratio(step.value, NTIDIGITS.step_us),
            _band(run.latency.busiest_s * 1e6), _band(run.latency.barrier_s * 1e6),
        ])  # fmt: skip
    return Table(
        "N-TIDIGITS, one of 640 copies",
        f"measured were {number(NTIDIGITS.dynamic_uj)} µJ and {number(NTIDIGITS.step_us)} µs; "
        "time is that of a step",
        ["neurons per neurocore", "dynamic, µJ", "ratio", "of that inputs and relays",
         "time, µs", "ratio", "busiest neurocore", "barrier"],
        rows,
    )  # fmt: skip


def _boards() -> Table:
    costs, rows = chip("loihi1"), []
    for name, each in (("N-TIDIGITS", NTIDIGITS), ("Braille", BRAILLE)):
        barrier = ntidigits_energy.barrier(costs, each) * 1e6
        static = costs.cost("static_power") * 1e3
        rows.append([
            name, f"{each.cores_per_chip} of 128 on {each.chips} chips", _band(barrier),
            number(each.step_us), _band(static), number(each.static_mw),
        ])  # fmt: skip
    return Table(
        "Loihi 1, boards of 32 chips",
        "the barrier is a part of the measured step, and the row of 864 tiles rests on that of "
        "Braille; here it spans the neurocores of inputs and relays too, which the estimate of "
        "N-TIDIGITS above leaves out; static power is that of one chip",
        ["run", "neurocores", "our barrier, µs", "measured step, µs", "our static power, mW",
         "measured, mW"],
        rows,
    )  # fmt: skip


# Keyword spotting


def _copies() -> Table:
    rows = [
        [
            str(run.copies), number(run.running_mw), number(1e6 / run.inferences_s),
            number(run.above_uj(KEYWORDS.booted_mw)), number(run.above_uj(KEYWORDS.woken_mw)),
        ]
        for run in KEYWORDS.scaled
    ]  # fmt: skip
    return Table(
        "Keyword spotting, measured copies",
        "means of three runs; energy per inference above the chip before its first program and "
        "above the chip with a program loaded",
        ["copies", "power, mW", "time, µs", f"above {KEYWORDS.booted_mw:.0f} mW, µJ",
         f"above {KEYWORDS.woken_mw:.0f} mW, µJ"],
        rows,
    )  # fmt: skip


def _slope() -> Table:
    costs, slope = chip(keyword_energy.CHIP), KEYWORDS.slope_uj
    rows = []
    for name in costs.sets:
        ours = keyword_energy.copy_energy(costs.using(name)).value * 1e6
        rate = f"{keyword_energy.matching_rate(name):.1%}"
        rows.append([name, number(ours), number(slope), _ratio(ours, slope), rate])
    return Table(
        "Keyword spotting, what a copy adds",
        f"energy per inference if {KEYWORDS.rate:.0%} of the neurons fire in a step, and the share "
        "that would have to fire for the measured energy",
        ["constants", "estimate, µJ", "measured, µJ", "ratio", "matching rate"],
        rows,
    )


def _band(estimate: Estimate) -> str:
    return f"{number(estimate.value)} ({number(estimate.low)} to {number(estimate.high)})"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:#.3g}"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _micro(unit: str) -> str:
    return unit.replace("u", "µ")


def _size(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def draw(pilotnet: Result, cases: Sequence[MeasuredCase], path: Path) -> None:
    """Draw the ratios of all cases, and PilotNet's steps, into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_cases(left, cases)
    steps = range(8)
    right.plot(steps, list(PILOTNET.trace_us) * 2, "k--o", markersize=4, label="measured")
    right.plot(steps, list(pilotnet.intel.trace_us) * 2, "o-", markersize=4, label="estimate")
    slower = list(pilotnet.slower.trace_us) * 2
    right.plot(steps, slower, "s:", markersize=4, label="one more step between layers")
    right.set(title="PilotNet on Loihi 2", xlabel="step", ylabel="time of the step, µs")
    right.set_ylim(0)
    right.legend(fontsize="small", loc="lower left")
    figure.savefig(path, dpi=90)


def _draw_cases(axes: Any, cases: Sequence[MeasuredCase]) -> None:
    for place, case in enumerate(cases):
        ends = [(case.value - case.low), (case.high - case.value)]
        axes.errorbar(
            case.ratio, -place, xerr=[[end / case.measured] for end in ends], marker="o",
            color="tab:gray" if case.rests_on else "tab:blue", capsize=3,
        )  # fmt: skip
    names = [f"{case.case}, {case.quantity.replace('_', ' ')}" for case in cases]
    axes.set_yticks([-place for place in range(len(cases))], names, fontsize="small")
    axes.axvline(1, color="k", linestyle="--")
    axes.set(xscale="log", xlabel="estimate / measured, with the band of the constants")
    axes.set_title("all cases; gray: not independent")
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--write", action="store_true", help=f"write {CASES.name}")
    options.add_argument("--markdown", type=Path, help="write the page to this file")
    options.add_argument("--plot", type=Path, help="draw the comparison to this PNG")
    return options


if __name__ == "__main__":
    sys.exit(main())
