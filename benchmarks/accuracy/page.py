"""The page of the benchmark of accuracy, with its pictures beside it."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.accuracy import plot
from benchmarks.accuracy.figures import DELAYS, POINT, Outcome, Outcomes, compared, facts_of
from benchmarks.accuracy.keys import code_of
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.tables import cells_of, processors, spread
from benchmarks.accuracy.texts import ABOUT, ARTIFICIAL, COLUMNS, ENERGY
from benchmarks.tables import Cells, markdown_rows


def write(outcomes: Sequence[Outcomes], path: Path, failures: Mapping[str, str]) -> None:
    """Write the page, and the pictures beside it."""
    pictures = {name: path.with_name(f"{path.stem}-{name}.png") for name in plot.PICTURES}
    for name, picture in pictures.items():
        plot.PICTURES[name](outcomes, picture)
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
    facts, own, best = facts_of(outcomes), "-", "-"
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
                    tasks.setdefault(found.words, []).append(facts_of(each).task)
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
    seconds = sum(sum(model.values("core_seconds")) for each in outcomes for model in each.values())
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
                changes = " with changes" if result["code"]["changed"] else ""
                commits.add(f"{result['code']['commit']}{changes}")
    if not count:
        return ""
    return (
        f"{count} of the runs were made by another state of the code, at commit "
        f"{', '.join(sorted(commits))}; recipes, data, encoders and networks are those of now.\n"
    )


def _about_task(outcomes: Outcomes, folder: Path) -> str:
    facts = facts_of(outcomes)
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
