"""What the benchmark of accuracy shows: tables for each task, pictures, and the page."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from benchmarks import accuracy_plot
from benchmarks.accuracy_figures import (
    DELAYS,
    POINT,
    Band,
    Outcome,
    band,
    compared,
)
from benchmarks.accuracy_keys import code_of
from benchmarks.accuracy_models import MODELS
from benchmarks.accuracy_texts import ABOUT, ARTIFICIAL, COLUMNS, ENERGY
from benchmarks.tables import Cells, markdown_rows, number
from hw_sim.chips.chip import CHIPS
from hw_sim.estimates.conventional import Operation, operations

Outcomes = Mapping[str, Outcome]

PROCESSORS: Final = ("arm", "cmos45_int8")
"""On which the artificial networks' energy is shown, of `hw_sim.estimates.conventional`."""
TOLERANCE: Final = 0.1
"""A share by which parameters may differ before the page says it."""


def processors() -> list[Operation]:
    """Return the conventional hardware that is shown."""
    return [each for each in operations()[0] if each.name in PROCESSORS]


def cells_of(outcomes: Outcomes) -> list[Cells]:
    """Return the tables of one task."""
    task = _facts(outcomes).task
    tables = [
        Cells(f"{task}: accuracy on the test", *_accuracy(outcomes)),
        Cells(f"{task}: what a sample takes", *_costs(outcomes)),
        Cells(f"{task}: what differs", *_differences(outcomes)),
        Cells(f"{task}: trainings", *_trainings(outcomes)),
    ]
    return [each for each in tables if each.rows]


def _facts(outcomes: Outcomes) -> Any:
    return next(iter(outcomes.values())).facts


def _accuracy(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    headings = ["model", "parameters", "accuracy", "macro F1", "trained", "same answers", "seeds"]
    return headings, [_accuracy_row(each) for each in outcomes.values()]


def _accuracy_row(each: Outcome) -> list[str]:
    trained, same = "-", "-"
    if each.model.spiking:
        trained = spread(each, "trained_accuracy")
        equal = sum(bool(result["same_answers"]) for result in each.results.values())
        same = "all" if equal == len(each.results) else f"in {equal} of {len(each.results)} seeds"
    return [
        each.model.title,
        _parameters(each),
        spread(each, "accuracy"),
        f"{each.mean('macro_f1'):.3f}",
        trained,
        same,
        ", ".join(map(str, each.results)),
    ]


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
    found = each.chip(name)
    if not all(one["fits"] for one in found):
        return ["does not fit", "does not fit"]
    texts = []
    for key in ("dynamic_uj", "latency_ms"):
        low, value, high = band([one[key] for one in found])
        texts.append(f"{number(value)} ({number(low)} to {number(high)})")
    return texts


def _differences(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    headings = ["difference", "points", "over seeds", "over the test", "drawn from", "shows"]
    return headings, [
        [
            f"{MODELS[each.one].title} less {MODELS[each.other].title}",
            f"{each.mean / POINT:+.1f}",
            _band(each.over_seeds),
            _band(each.over_test),
            each.units,
            each.words,
        ]
        for each in compared(outcomes)
    ]


def _band(ends: Band | None) -> str:
    return "-" if ends is None else f"{ends[0] / POINT:+.1f} to {ends[1] / POINT:+.1f}"


def _trainings(outcomes: Outcomes) -> tuple[list[str], list[list[str]]]:
    headings = ["model", "network", "validation", "best epochs", "rate", "minutes a run"]
    return headings, [_training_row(each) for each in outcomes.values()]


def _training_row(each: Outcome) -> list[str]:
    facts, spiking = each.facts, each.model.spiking
    if spiking:
        words = network_words(facts.networks[each.model.name])
        rate = f"{facts.key['recipe']['learning_rate']:g}"
    else:
        words = plan_words(facts.plans[each.model.name])
        rate = ", ".join(f"{value:g}" for value in sorted(set(each.values("rate"))))
    return [
        each.model.title,
        words,
        spread(each, "validation"),
        ", ".join(f"{value:.0f}" for value in each.values("epoch")),
        rate,
        f"{each.mean('seconds') / 60:.1f}",
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


def write(outcomes: Sequence[Outcomes], path: Path, failures: Mapping[str, str]) -> None:
    """Write the page, and the pictures beside it."""
    pictures = {name: path.with_name(f"{path.stem}-{name}.png") for name in accuracy_plot.PICTURES}
    for name, picture in pictures.items():
        accuracy_plot.PICTURES[name](outcomes, picture)
    parts = ["# Accuracy: spiking networks without and with delays, and artificial ones\n"]
    parts += [_origin(outcomes), *_failed(failures), _other_code(outcomes)]
    parts += [markdown_rows(summary(outcomes)), findings(outcomes)]
    for name, picture in pictures.items():
        parts.append(f"![{name}]({os.path.relpath(picture, path.parent)})\n")
    parts += [ABOUT, ARTIFICIAL, COLUMNS, ENERGY + _sources()]
    for each in outcomes:
        parts += [_about_task(each, path.parent)]
        for cells in cells_of(each):
            title = cells.title.partition(": ")[2]
            parts += [f"{title[:1].upper()}{title[1:]}:\n", markdown_rows(cells)]
    path.write_text("\n".join(part for part in parts if part))


def summary(outcomes: Sequence[Outcomes]) -> Cells:
    """Return a row for each task: its own network, and the artificial one that validates best."""
    headings = ["task", "test windows", "majority class", "SNN", "ANN", "SNN less ANN", "shows"]
    return Cells("Tasks", headings, [_summary_row(each) for each in outcomes])


def _summary_row(outcomes: Outcomes) -> list[str]:
    facts, own, best = _facts(outcomes), "-", "-"
    if facts.own in outcomes:
        one = outcomes[facts.own]
        own = f"{spread(one, 'accuracy')} ({one.model.title.partition(', ')[2]})"
    other = best_artificial(outcomes)
    if other is not None:
        best = f"{spread(other, 'accuracy')} ({other.model.title})"
    names = (facts.own, None if other is None else other.model.name)
    found = next((each for each in compared(outcomes) if (each.one, each.other) == names), None)
    points = "-" if found is None else f"{found.mean / POINT:+.1f}"
    words = "-" if found is None else f"{'SNN ' if found.sign else ''}{found.words}"
    return [facts.task, f"{facts.counts[2]:,}", f"{facts.majority:.1%}", own, best, points, words]


def best_artificial(outcomes: Outcomes) -> Outcome | None:
    """Return the artificial model of the best mean validation accuracy: not chosen on the test."""
    found = [each for each in outcomes.values() if not each.model.spiking]
    return max(found, key=lambda each: each.mean("validation"), default=None)


def findings(outcomes: Sequence[Outcomes]) -> str:
    """Return in words what delays did on every task."""
    lines = []
    for pair in DELAYS:
        tasks: dict[str, list[str]] = {}
        for each in outcomes:
            for found in compared(each):
                if (found.one, found.other) == pair:
                    tasks.setdefault(found.words, []).append(_facts(each).task)
        one, other = (MODELS[name].title.partition(", ")[2] for name in pair)
        told = "; ".join(f"{words} on {', '.join(names)}" for words, names in tasks.items())
        if told:
            lines.append(f"- {one[:1].upper()}{one[1:]} against {other}: {told}.")
    return "\n".join(lines) + "\n" if lines else ""


def _origin(outcomes: Sequence[Outcomes]) -> str:
    command = shlex.join(["python", "-m", "benchmarks.accuracy", *sys.argv[1:]])
    day, cores = datetime.now(timezone.utc).date(), os.cpu_count() or 1
    versions = next(iter(outcomes[0].values())).facts.key["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    seconds = sum(sum(model.values("seconds")) for each in outcomes for model in each.values())
    return (
        f"Written on {day} by\n\n    {command}\n\n"
        f"on {cores} core{'s' * (cores > 1)}; Python {platform.python_version()}, {packages}. All "
        f"runs together took {seconds / 3600:.1f} hours of one core.\n"
    )


def _failed(failures: Mapping[str, str]) -> list[str]:
    if not failures:
        return []
    lines = [f"- {name}: {reason}" for name, reason in failures.items()]
    return ["**These runs failed and are missing from the figures:**\n", "\n".join(lines) + "\n"]


def _other_code(outcomes: Sequence[Outcomes]) -> str:
    """Return which runs were made by other code than is here now, "" for none."""
    commits: set[str] = set()
    count = 0
    for model in (model for each in outcomes for model in each.values()):
        for result in model.results.values():
            if result["code"]["sha256"] != code_of(model.model)["sha256"]:
                count += 1
                commits.add(result["code"]["commit"])
    if not count:
        return ""
    return (
        f"{count} of the runs were made by an earlier state of the code, at commit "
        f"{', '.join(sorted(commits))}; recipes, data, encoders and networks are those of now.\n"
    )


def _about_task(outcomes: Outcomes, folder: Path) -> str:
    facts = _facts(outcomes)
    train, validation, test = facts.counts
    records = [
        f"[{name}](recipes/{name})"
        for name in (f"{facts.task}.md", f"{facts.task}.csv")
        if (folder / "recipes" / name).exists()
    ]
    people = ""
    if facts.subjects is not None:
        people = f" of {len(set(facts.subjects.tolist()))} subjects"
    source = facts.source.partition(" in ")[0]
    chosen = f"How the recipe was chosen: {', '.join(records)}. " if records else ""
    return (
        f"## {facts.task}\n\n{source}. {train:,} windows to train, {validation:,} to validate, "
        f"{test:,} to test{people}; {facts.classes} classes, always giving the most frequent one "
        f"is right in {facts.majority:.1%}. {facts.steps} time steps. {chosen}\n"
    )


def _sources() -> str:
    lines = [
        f"- {each.title}: {each.energy_j * 1e12:g} pJ; {each.caveat} ({each.source})."
        for each in processors()
    ]
    return "\n" + "\n".join(lines) + "\n"
