"""Tables and page of a search for networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

from neurodeploy import style
from neurodeploy.explore import front
from neurodeploy.explore.metrics import METRICS
from neurodeploy.explore.results_data import SearchData, Trial, spread
from neurodeploy.models.display import number_of, value_text
from neurodeploy.report import page
from neurodeploy.report.figures import drawing
from neurodeploy.report.notebook import object_html
from neurodeploy.report.tables import NONE, Cell, Table, cell, count, rows_of, share

ONE_TEST: Final = (
    "Only validation samples decided. {} ran on the test samples, once, after the search; choose "
    "by the validation figures."
)


def front_table(result: SearchData, *, whole: bool = True) -> Table:
    """Return the networks of the front with their metrics, seeds and test accuracy.

    Args:
        result: the search.
        whole: whether to show all metrics, not only those of the objectives and constraints.
    """
    columns, notes = _columns(result, whole), list[str]()
    if any(each.repeats for each in result.front):
        earlier = " or of an earlier one" * (result.num_tested > len(result.front))
        networks = number_of(result.num_tested, "network")
        notes.append(ONE_TEST.format(f"{networks} of the front{earlier}, and no others,"))
        seeds = max(len(each.repeats) for each in result.front)
        if seeds > 1:
            columns[f"validation, {seeds} seeds"] = lambda each: _seeds(each, "validation")
        columns[f"test, {number_of(seeds, 'seed')}"] = lambda each: _seeds(each, "test")
    columns["network"] = lambda each: "-".join(map(str, each.sizes))
    return rows_of("The front, by validation samples", result.front, columns, notes)


def presets_table(result: SearchData, *, whole: bool = True) -> Table:
    """Return the presets that the search began with, to compare the front with."""
    presets = [each for each in result.complete if each.start]
    columns = {"preset": lambda each: each.start, **_columns(result, whole)}
    return rows_of("The presets, by validation samples", presets, columns)


def _columns(result: SearchData, whole: bool) -> dict[str, Callable[[Trial], Any]]:
    """Return the columns of a trial and its metrics."""
    asked = {"accuracy", *result.objectives}
    titles = {
        metric.title: _reader(name)
        for name, metric in METRICS.items()
        if whole or name in asked or metric.limit in result.constraints
    }
    return {"trial": lambda each: Cell(str(each.number), value=each.number), **titles}


def _reader(name: str) -> Callable[[Trial], Cell]:
    """Return the function that reads the cell of a metric from a trial."""
    kinds: dict[str, Callable[[float], Cell]] = {
        "accuracy": _percent,
        "synops": count,
        "neurocores": lambda value: Cell(f"{value:g}", value=value),
    }
    made = kinds.get(name, cell)
    return lambda each: made(each.metrics[name]) if each.metrics else NONE


def _percent(value: float) -> Cell:
    """Return the cell of an accuracy, with a decimal, in which networks of a front differ."""
    return Cell(f"{value:.1%}", value=value)


def _seeds(trial: Trial, part: str) -> Cell:
    """Return mean and range of the accuracy over the seeds."""
    found = spread(trial, part, "accuracy")
    if found is None:
        return NONE
    mean, low, high = found
    note = f"{100 * low:.1f} to {100 * high:.1f}" if len(trial.repeats) > 1 else ""
    return Cell(f"{mean:.1%}", note, mean)


def trials_table(result: SearchData) -> Table:
    """Return all trials with their hyperparameters."""
    chosen = {each.number for each in result.front}
    columns: dict[str, Callable[[Trial], Any]] = {
        "trial": lambda each: Cell(
            str(each.number), value=each.number, style="strong" * (each.number in chosen)
        ),
        "state": lambda each: each.state + f" ({each.start})" * bool(each.start),
        **{METRICS[name].title: _reader(name) for name in result.objectives},
        "hyperparameters": lambda each: each.error or params_text(each),
    }
    return rows_of("All trials", result.trials, columns)


def params_text(trial: Trial) -> str:
    """Return the hyperparameters of a trial in a line."""
    return ", ".join(f"{name}: {_short(value)}" for name, value in trial.params.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else value_text(value).strip("'")


def importances_table(result: SearchData) -> Table:
    """Return how much each hyperparameter matters for reaching the front."""
    return rows_of(
        "Importance of the hyperparameters",
        list(result.importances.items()),
        {"hyperparameter": lambda row: row[0], "share": lambda row: share(row[1])},
        ["By Optuna's PED-ANOVA, from all complete trials."] if result.importances else [],
    )


def summary(result: SearchData) -> str:
    """Return what was searched, in a sentence."""
    aims = " and ".join(f"{METRICS[name].goal} {name}" for name in result.objectives)
    limits = [
        f"{metric.title} at {'most' if metric.goal == 'minimize' else 'least'} "
        f"{result.constraints[metric.limit]:g}"
        for metric in METRICS.values()
        if metric.limit in result.constraints
    ]
    within = f", with {' and '.join(limits)}," if limits else ""
    states = [each.state for each in result.trials]
    early, failed = states.count("pruned"), states.count("failed")
    return (
        f"{number_of(len(states), 'trial')} to {aims}{within} on {result.chip}: "
        f"{number_of(len(result.front), 'network')} on the front, {early} stopped early, "
        f"{failed} failed."
    )


def drawn(result: SearchData) -> drawing.Drawn:
    """Draw the front."""
    with style.look(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        try:
            figure, described = front.draw(result)
        except style.NotDrawn as why:
            return drawing.Drawn("front", str(why))
        return drawing.saved("front", figure, described, png=True)


def render(result: SearchData, picture: drawing.Drawn) -> str:
    """Return the HTML page of a search; `picture` is that of `drawn`."""
    tables = [presets_table(result), importances_table(result), trials_table(result)]
    return page.template("search").render(
        name=result.name,
        summary=summary(result),
        problems=[*result.untested] if result.front else [result.why_empty()],
        front=front_table(result),
        figure=page.figure(picture),
        tables=[table for table in tables if table.rows],
        folder=[(f"trial {each.number}", each.folder) for each in result.front],
    )


def search_html(result: SearchData) -> str:
    """Return the front of a search, as a picture and a table."""
    return object_html(
        f"Search {result.name}",
        summary(result),
        sentences=[] if result.front else [result.why_empty()],
        tables=[front_table(result)] if result.front else [],
        figures=[page.figure(drawn(result), "search-")],
    )
