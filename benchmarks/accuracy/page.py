"""The page of the benchmark of accuracy, with its pictures beside it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy import code, plot
from benchmarks.accuracy.figures import DELAYS, POINT, Outcome, Outcomes, compared, task_of
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.tables import cells_of, processors, spread
from benchmarks.accuracy.texts import ABOUT, ARTIFICIAL, COLUMNS, ENERGY
from benchmarks.tables import Cells, markdown_rows
from neurodeploy.models.files import replacing

OTHER_PAGES: Final[dict[str, tuple[str, ...]]] = {
    "mnist": ("fashion",),
    **dict.fromkeys(("shd", "ssc", "ntidigits", "dvsgesture"), ("events",)),
}
"""Pages of docs/recipes that tell of a task under another name."""

RECIPES: Final = code.ROOT / "docs" / "recipes"
"""How each recipe was chosen."""

SEEDS: Final = 3
"""The fewest seeds of a model that the page takes without a word."""


def write(
    outcomes: Sequence[Outcomes],
    path: Path,
    words: Sequence[str],
    absent: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> None:
    """Write the page, and the pictures beside it.

    Args:
        outcomes: the models of each task.
        path: of the page.
        words: options of the command that made it.
        absent: why runs that were asked for are missing, by their names.
        left_out: tasks whose data are missing where the page is written.
    """
    pictures = {name: path.with_name(f"{path.stem}-{name}.png") for name in plot.PICTURES}
    for name, picture in pictures.items():
        plot.PICTURES[name](outcomes, picture)
    parts = ["# Accuracy: spiking networks without and with delays, and artificial ones\n"]
    parts += [_origin(outcomes, words), *_absent(absent), _left_out(left_out)]
    parts += [_recorded(outcomes)]
    parts += [_few_seeds(outcomes), _other_code(outcomes)]
    parts += [markdown_rows(summary(outcomes)), findings(outcomes)]
    for name, picture in pictures.items():
        parts.append(f"![{name}]({os.path.relpath(picture, path.parent)})\n")
    parts += [ABOUT, _records(outcomes), ARTIFICIAL, COLUMNS, ENERGY + _sources()]
    for each in outcomes:
        parts += [_about_task(each, path.parent)]
        for cells in cells_of(each):
            title = cells.title.partition(": ")[2]
            parts += [f"{title[:1].upper()}{title[1:]}:\n", markdown_rows(cells)]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(part for part in parts if part))


def summary(outcomes: Sequence[Outcomes]) -> Cells:
    """Return a row for each task: its own network, and the artificial one that validates best."""
    windows = ["train, validate", "test", "majority"]
    headings = ["task", "data", *windows, "SNN", "ANN", "SNN less ANN", "shows"]
    return Cells("Tasks", headings, [_summary_row(each) for each in outcomes])


def _summary_row(outcomes: Outcomes) -> list[str]:
    facts, own, best = task_of(outcomes), "-", "-"
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
    source = facts.source.partition(" in ")[0]
    counts = [f"{facts.counts[0] + facts.counts[1]:,}", f"{facts.counts[2]:,}"]
    return [facts.task, source, *counts, f"{facts.majority:.1%}", own, best, points, words]


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
                    tasks.setdefault(found.words, []).append(task_of(each).task)
        one, other = (MODELS[name].title.partition(", ")[2] for name in pair)
        told = "; ".join(f"{words} on {', '.join(names)}" for words, names in tasks.items())
        if told:
            lines.append(f"- {one[:1].upper()}{one[1:]} against {other}: {told}.")
    return "\n".join(lines) + "\n" if lines else ""


def _origin(outcomes: Sequence[Outcomes], words: Sequence[str]) -> str:
    command = shlex.join(["python", "-m", "benchmarks.accuracy", *words])
    day = datetime.now(timezone.utc).date()
    lines = [f"Written on {day} by\n\n    {command}\n\nfrom runs made on:\n"]
    hours: dict[str, float] = {}
    for result in _results(outcomes):
        made_by = result["code"]
        versions = ", ".join(f"{name} {version}" for name, version in made_by["versions"].items())
        machine = f"{made_by['processor']}; {versions}"
        hours[machine] = hours.get(machine, 0.0) + result["core_seconds"] / 3600
    lines += [f"- {machine}: {spent:.1f} hours of one core" for machine, spent in hours.items()]
    return "\n".join(lines) + "\n"


def _results(outcomes: Sequence[Outcomes]) -> Iterator[Mapping[str, Any]]:
    """Yield the figures of every run."""
    for each in outcomes:
        for model in each.values():
            yield from model.results.values()


def _few_seeds(outcomes: Sequence[Outcomes]) -> str:
    """Return which tasks have a model of fewer than `SEEDS` seeds, "" for none."""
    few = [
        task_of(each).task
        for each in outcomes
        if any(len(model.results) < SEEDS for model in each.values())
    ]
    names = ", ".join(few)
    return f"**Some models of {names} have fewer than {SEEDS} seeds.**\n" if few else ""


def _absent(absent: Mapping[str, str]) -> list[str]:
    if not absent:
        return []
    lines = [f"- {name}: {reason}" for name, reason in absent.items()]
    return ["**These runs are missing from the figures:**\n", "\n".join(lines) + "\n"]


def _left_out(tasks: Sequence[str]) -> str:
    """Return which tasks have no figures here, "" for none."""
    return f"Left out, since their data were missing here: {', '.join(tasks)}.\n" if tasks else ""


def _recorded(outcomes: Sequence[Outcomes]) -> str:
    """Return which tasks are shown without their data, "" for none."""
    tasks = [task_of(each).task for each in outcomes if task_of(each).recorded]
    if not tasks:
        return ""
    return (
        f"Shown as recorded, since their data were missing here: {', '.join(tasks)}. Whether data, "
        "split, recipe, encoder, variation and network are those of now was not looked at for "
        "these.\n"
    )


def _other_code(outcomes: Sequence[Outcomes]) -> str:
    """Return which runs were made by other code than is here now, "" for none."""
    commits: set[str] = set()
    count = 0
    now = {model: code.digest(code.places_of(model)) for model in MODELS.values()}
    looked_at = (each for each in outcomes if not task_of(each).recorded)
    for model in (model for each in looked_at for model in each.values()):
        for result in model.results.values():
            if result["code"]["sha256"] != [now[model.model]]:
                count += 1
                changes = " with changes" if result["code"]["changed"] else ""
                commits.add(f"{result['code']['commit']}{changes}")
    if not count:
        return ""
    return (
        f"{count} of the runs were made by another state of the code or of the cost files, at "
        f"commits {', '.join(sorted(commits))}; data, split, recipe, encoder, variation and "
        "network are those of now.\n"
    )


def _records(outcomes: Sequence[Outcomes]) -> str:
    """Return which tasks have no record of how their recipe was chosen, "" for none."""
    without = [task_of(each).task for each in outcomes if not _recipe_files(task_of(each).task)]
    if not without:
        return ""
    return f"There is no record of how the recipe of {', '.join(without)} was chosen.\n"


def _recipe_files(task: str) -> list[Path]:
    stems = (task, f"{task}-small", *OTHER_PAGES.get(task, ()))
    files = [RECIPES / f"{stem}{kind}" for stem in stems for kind in (".md", ".csv")]
    return [file for file in files if file.exists()]


def _about_task(outcomes: Outcomes, folder: Path) -> str:
    facts = task_of(outcomes)
    train, validation, test = facts.counts
    records = [
        f"[{file.name}]({os.path.relpath(file, folder)})" for file in _recipe_files(facts.task)
    ]
    people = ""
    if facts.subjects is not None:
        known = "who take no part in training" if facts.unseen else "who train as well"
        people = f" of {len(set(facts.subjects.tolist()))} subjects ({known})"
    source = facts.source.partition(" in ")[0]
    notes = "".join(f"{note[:1].upper()}{note[1:]}. " for note in facts.notes)
    chosen = f"Of the recipe: {', '.join(records)}." if records else ""
    return (
        f"## {facts.task}\n\n{source}. {train:,} windows to train, {validation:,} to validate, "
        f"{test:,} to test{people}; {facts.classes} classes, always giving the most frequent one "
        f"is right in {facts.majority:.1%}. {facts.steps} time steps. {notes}{chosen}\n"
    )


def _sources() -> str:
    lines = [
        f"- {each.title}: {each.energy_j * 1e12:g} pJ; {each.caveat} ({each.source})."
        for each in processors()
    ]
    return "\n" + "\n".join(lines) + "\n"
