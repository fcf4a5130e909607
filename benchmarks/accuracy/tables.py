"""The tables of the benchmark of accuracy, four for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.accuracy.figures import (
    POINT,
    Interval,
    Outcome,
    Outcomes,
    compared,
    mean_range,
    task_of,
)
from benchmarks.accuracy.models import MODELS
from benchmarks.tables import Cells, number
from neurodeploy.hw_sim.chips import CHIPS
from neurodeploy.hw_sim.conventional import Operation, operations

PROCESSORS: Final = ("arm", "cmos45_fp32")
"""On which the artificial networks' energy is shown, of `hw_sim.conventional`."""
TOLERANCE: Final = 0.1
"""A share by which parameters may differ before the page says it."""


def processors() -> list[Operation]:
    """Return the conventional hardware that is shown."""
    return [each for each in operations()[0] if each.name in PROCESSORS]


def cells_of(outcomes: Outcomes) -> list[Cells]:
    """Return the tables of one task."""
    task = task_of(outcomes).task
    tables = [
        Cells(f"{task}: accuracy on the test", *_accuracy(outcomes)),
        Cells(f"{task}: what a sample takes", *_costs(outcomes)),
        Cells(f"{task}: what differs", *_differences(outcomes)),
        Cells(f"{task}: trainings", *_trainings(outcomes)),
    ]
    return [each for each in tables if each.rows]


def _accuracy(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    headings = ["model", "parameters", "accuracy", "macro F1", "trained", "equal to it", "seeds"]
    return headings, [_accuracy_row(each) for each in outcomes.values()]


def _accuracy_row(each: Outcome) -> list[str]:
    spiking = each.model.spiking
    return [
        each.model.title,
        _parameters(each),
        spread(each, "accuracy"),
        f"{each.mean('macro_f1'):.3f}",
        spread(each, "trained_accuracy") if spiking else "-",
        _equal(each) if spiking else "-",
        ", ".join(map(str, each.results)),
    ]


def _equal(each: Outcome) -> str:
    """Return in what the integer networks are equal to the trained ones, on all test windows."""
    results = each.results.values()
    answers = sum(bool(result["same_answers"]) for result in results)
    if answers < len(results):
        return f"answers of {answers} of {len(results)} seeds"
    spikes = sum(int(result["different_spikes"]) for result in results)
    return f"all answers, {spikes:,} spikes differ" if spikes else "every spike"


def _parameters(each: Outcome) -> str:
    """Return the parameters, and how many times the task's own network's where that is far off."""
    count = each.mean("parameters")
    share = count / each.facts.parameters[each.facts.own]
    far = not each.model.spiking and abs(share - 1) > TOLERANCE
    return f"{count:,.0f}{f' ({share:.2f} x)' if far else ''}"


def spread(each: Outcome, name: str) -> str:
    """Return the mean in percent and the sample deviation of a share, over seeds."""
    deviation = each.deviation(name)
    more = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * each.mean(name):.1f}{more}"


def _costs(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    chips = sorted(CHIPS)
    headings = ["model", "operations"]
    for chip in chips:
        headings += [f"{chip}, uJ", f"{chip}, ms"]
    headings += [f"{each.title}, uJ" for each in processors()]
    return headings, [_cost_row(each, chips) for each in outcomes.values()]


def _cost_row(each: Outcome, chips: Sequence[str]) -> list[str]:
    unit = "SynOps" if each.model.spiking else "MACs"
    row = [each.model.title, f"{each.mean('operations'):,.0f} {unit}"]
    for chip in chips:
        row += _on_chip(each, chip) if each.model.spiking else ["-", "-"]
    for processor in processors():
        energy = each.mean("operations") * processor.energy_j * 1e6
        row.append("-" if each.model.spiking else number(energy))
    return row


def _on_chip(each: Outcome, name: str) -> list[str]:
    if not all(name in one["chips"] for one in each.results.values()):
        return ["-", "-"]
    found = each.chip(name)
    if not all(one["fits"] for one in found):
        return ["does not fit", "does not fit"]
    texts = []
    for key in ("dynamic_uj", "latency_ms"):
        low, value, high = mean_range([one[key] for one in found])
        texts.append(f"{number(value)} ({number(low)} to {number(high)})")
    return texts


def _differences(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    headings = ["difference", "points", "95% interval", "error of seeds", "error of the test"]
    return [*headings, "test of", "shows"], [
        [
            f"{MODELS[each.one].title} less {MODELS[each.other].title}",
            _points(each.mean),
            _interval(each.interval),
            "-" if each.of_seeds is None else f"{each.of_seeds / POINT:.1f}",
            f"{each.of_test / POINT:.1f}",
            each.units,
            each.words,
        ]
        for each in compared(outcomes)
    ]


def _interval(ends: Interval | None) -> str:
    return "-" if ends is None else " to ".join(map(_points, ends))


def _points(share: float) -> str:
    """Return a difference in points, on which side of zero it is told in any case."""
    points = share / POINT
    return f"{points:+.2f}" if 0 < abs(points) < 0.05 else f"{points:+.1f}"


def _trainings(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    headings = ["model", "network", "validation", "best epochs", "rate", "core minutes"]
    return headings, [_training_row(each) for each in outcomes.values()]


def _training_row(each: Outcome) -> list[str]:
    facts, network = each.facts, each.facts.networks[each.model.name]
    if each.model.spiking:
        words = network_words(network)
        rate = f"{facts.key['recipe']['learning_rate']:g}"
    else:
        words = plan_words(network)
        rate = ", ".join(f"{value:g}" for value in sorted(set(each.values("rate"))))
    return [
        each.model.title,
        words,
        spread(each, "validation"),
        ", ".join(f"{value:.0f}" for value in each.values("epoch")),
        rate,
        f"{each.mean('core_seconds') / 60:.1f}",
    ]


def network_words(network: Mapping[str, Any]) -> str:
    """Return the sizes of a spiking network's layers."""
    sizes = ["x".join(map(str, network["input_shape"]))]
    for layer in network["layers"]:
        conv = layer["kind"] == "conv"
        sizes.append(f"{layer['channels']} channels" if conv else f"{layer['neurons']}")
    return "-".join(sizes)


def plan_words(plan: Mapping[str, Any]) -> str:
    """Return the sizes of an artificial network's layers."""
    width, shape, merged = plan["width"], plan["shape"], plan["merged"]
    steps = -(-shape["samples"] // merged)
    each = f", each {merged} samples averaged" if merged > 1 else ""
    if plan["kind"] == "dense":
        return f"{shape['channels'] * steps}-{width}-{width}-{shape['classes']}{each}"
    if plan["kind"] == "gru":
        return f"{width} units{each}"
    if plan["hidden"]:
        return f"{width} and {2 * width} channels of 3 x 3, {plan['hidden']} neurons{each}"
    return f"3 times {width} channels of 5{each}"
