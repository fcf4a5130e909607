"""Write the tables, figures and page of the accuracy benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmarks import pages
from benchmarks.accuracy.figures import DELAYS, POINT, Difference, Results, compared
from benchmarks.accuracy.records import PACKAGES
from benchmarks.accuracy.runner import ANN_CODE, CODE, code_digest
from benchmarks.accuracy.setup import MODELS
from benchmarks.pages import ROOT, Table, band, number
from neurodeploy.hw_sim.chips import CHIPS
from neurodeploy.hw_sim.conventional import Operation, constants

PROCESSORS: Final = ("arm", "cmos45_fp32")
"""Rows of `conventional.json` to estimate the energy of artificial networks."""
SIZE_TOLERANCE: Final = 0.1
"""Fraction by which numbers of parameters may differ without a note on the page."""
SEEDS_MIN: Final = 3
RECIPES: Final = ROOT / "docs" / "recipes"
OTHER_PAGES: Final[dict[str, tuple[str, ...]]] = {
    "mnist": ("fashion",),
    **dict.fromkeys(("shd", "ssc", "ntidigits", "dvsgesture"), ("events",)),
}
"""Pages of docs/recipes that describe a task under another name."""
COLOURS: Final = {True: "#d55e00", False: "#0072b2"}


def write(
    results: Sequence[Results],
    path: Path,
    argv: Sequence[str],
    absent: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> None:
    """Write the page and its figures.

    Args:
        results: results of each task.
        path: path of the page.
        argv: arguments of the command.
        absent: reasons of missing runs, by their names.
        left_out: tasks whose data are missing.
    """
    pictures = {name: path.with_name(f"{path.stem}-{name}.png") for name in PANELS}
    for name, picture in pictures.items():
        draw(results, picture, PANELS[name])
    pages.write(
        path, "accuracy", argv, results=results, pictures=pictures, absent=absent,
        left_out=left_out, summary=summary(results), findings=findings(results),
        machines=machines(results), other_code=other_code(results), processors=processors(),
        few=[each.setup.task for each in results if _few_seeds(each)],
        recorded=[each.setup.task for each in results if each.recorded],
        recipes={each.setup.task: recipes(each.setup.task) for each in results},
        tables={each.setup.task: tables(each) for each in results},
    )  # fmt: skip


def tables(results: Results) -> list[Table]:
    """Return the tables of one task."""
    found = [_accuracy(results), _costs(results), _differences(results), _trainings(results)]
    return [each for each in found if each.rows]


def _accuracy(results: Results) -> Table:
    headings = ["model", "parameters", "accuracy", "macro F1", "trained", "equal to it", "seeds"]
    rows = []
    for name, runs in results.models.items():
        spiking = not MODELS[name].kind
        row = [MODELS[name].title, _parameters(results, name, runs), spread(runs.accuracy)]
        row += [f"{runs.macro_f1.mean():.3f}"]
        row += [spread(runs.trained_accuracy), _equal(runs)] if spiking else ["-", "-"]
        rows.append([*row, ", ".join(map(str, runs.seed))])
    return Table("Accuracy on the test", "", headings, rows)


def _equal(runs: pd.DataFrame) -> str:
    """Return in words how far the quantized networks equal the trained ones on all test samples."""
    same = int(runs.same_predictions.sum())
    if same < len(runs):
        return f"predictions of {same} of {len(runs)} seeds"
    spikes = int(runs.different_spikes.sum())
    return f"all predictions, {spikes:,} spikes differ" if spikes else "every spike"


def _parameters(results: Results, name: str, runs: pd.DataFrame) -> str:
    """Return the number of parameters, with its ratio to the task's own network if far from 1."""
    count = runs.parameters.mean()
    times = count / results.setup.parameters[results.setup.own]
    far = MODELS[name].kind and abs(times - 1) > SIZE_TOLERANCE
    return f"{count:,.0f}{f' ({times:.2f} x)' if far else ''}"


def spread(values: pd.Series) -> str:
    """Return mean and sample standard deviation over seeds, in percent."""
    more = f" ± {100 * values.std():.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():.1f}{more}"


def processors() -> list[Operation]:
    """Return the conventional hardware on the page."""
    return [each for each in constants().processors if each.name in PROCESSORS]


def _costs(results: Results) -> Table:
    chips = sorted(CHIPS)
    headings = ["model", "operations"]
    headings += [f"{chip}, {unit}" for chip in chips for unit in ("µJ", "ms")]
    headings += [f"{each.title}, µJ" for each in processors()]
    rows = []
    for name, runs in results.models.items():
        ann, count = bool(MODELS[name].kind), runs.operations.mean()
        row = [MODELS[name].title, f"{count:,.0f} {'MACs' if ann else 'SynOps'}"]
        row += [cell for chip in chips for cell in (["-", "-"] if ann else _on_chip(runs, chip))]
        row += [number(count * each.energy_j * 1e6) if ann else "-" for each in processors()]
        rows.append(row)
    return Table("Cost per sample", "", headings, rows)


def _on_chip(runs: pd.DataFrame, chip: str) -> list[str]:
    if f"{chip}_fits" not in runs or runs[f"{chip}_fits"].isna().any():
        return ["-", "-"]
    if not runs[f"{chip}_fits"].all():
        return ["does not fit", "does not fit"]
    return [
        band({end: runs[f"{chip}_{unit}_{end}"].mean() for end in ("low", "value", "high")})
        for unit in ("uj", "ms")
    ]


def _differences(results: Results) -> Table:
    headings = ["difference", "points", "95% interval", "error of seeds", "error of the test"]
    rows = [
        [
            f"{MODELS[each.one].title} minus {MODELS[each.other].title}",
            _points(each.mean),
            _interval(each),
            "-" if math.isnan(each.of_seeds) else f"{each.of_seeds / POINT:.1f}",
            f"{each.of_test / POINT:.1f}",
            each.units,
            each.words,
        ]
        for each in compared(results)
    ]
    return Table("Differences", "", [*headings, "test of", "shows"], rows)


def _interval(each: Difference) -> str:
    if math.isnan(each.half_width):
        return "-"
    ends = (each.mean - each.half_width, each.mean + each.half_width)
    return " to ".join(map(_points, ends))


def _points(share: float) -> str:
    """Return a difference in points, with an extra digit if it would round to zero."""
    points = share / POINT
    return f"{points:+.2f}" if 0 < abs(points) < 0.05 else f"{points:+.1f}"


def _trainings(results: Results) -> Table:
    headings = ["model", "network", "validation", "best epochs", "learning rate", "core minutes"]
    rows = []
    for name, runs in results.models.items():
        network = results.setup.networks[name]
        rates = sorted(set(runs.learning_rate))
        rows.append([
            MODELS[name].title,
            plan_words(network) if MODELS[name].kind else network_words(network),
            spread(runs.validation_accuracy),
            ", ".join(f"{value:.0f}" for value in runs.best_epoch),
            ", ".join(f"{rate:g}" for rate in rates),
            f"{runs.core_seconds.mean() / 60:.1f}",
        ])  # fmt: skip
    return Table("Trainings", "", headings, rows)


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
    each = f", each {merged} time points averaged" if merged > 1 else ""
    if plan["kind"] == "dense":
        return f"{shape['channels'] * steps}-{width}-{width}-{shape['classes']}{each}"
    if plan["kind"] == "gru":
        return f"{width} units{each}"
    if plan["hidden"]:
        return f"{width} and {2 * width} channels of 3 x 3, {plan['hidden']} neurons{each}"
    return f"3 times {width} channels of 5{each}"


def summary(results: Sequence[Results]) -> Table:
    """Return a row per task: its own network and the best artificial one by validation accuracy."""
    headings = ["task", "data", "train, validate", "test", "majority", "SNN", "ANN"]
    return Table("Tasks", "", [*headings, "SNN minus ANN", "shows"], [_summary(r) for r in results])


def _summary(results: Results) -> list[str]:
    setup, models, cells = results.setup, results.models, ["-", "-"]
    if setup.own in models:
        kind = MODELS[setup.own].title.partition(", ")[2]
        cells[0] = f"{spread(models[setup.own].accuracy)} ({kind})"
    best = best_artificial(results)
    if best is not None:
        cells[1] = f"{spread(models[best].accuracy)} ({MODELS[best].title})"
    found = next((e for e in compared(results) if (e.one, e.other) == (setup.own, best)), None)
    points = "-" if found is None else f"{found.mean / POINT:+.1f}"
    words = "-" if found is None else f"{'SNN ' if found.sign else ''}{found.words}"
    train, validation, test = setup.counts
    counts = [f"{train + validation:,}", f"{test:,}", f"{setup.majority:.1%}"]
    return [setup.task, setup.source, *counts, *cells, points, words]


def best_artificial(results: Results) -> str | None:
    """Return the artificial model with the best mean validation accuracy."""
    means = {
        name: runs.validation_accuracy.mean()
        for name, runs in results.models.items()
        if MODELS[name].kind
    }
    return max(means, key=means.__getitem__, default=None)


def findings(results: Sequence[Results]) -> list[str]:
    """Return the effect of delays on every task, in words."""
    lines = []
    for pair in DELAYS:
        tasks: dict[str, list[str]] = {}
        for each in results:
            for found in compared(each):
                if (found.one, found.other) == pair:
                    tasks.setdefault(found.words, []).append(each.setup.task)
        one, other = (MODELS[name].title.partition(", ")[2] for name in pair)
        words_of = "; ".join(f"{words} on {', '.join(names)}" for words, names in tasks.items())
        if words_of:
            lines.append(f"{one[:1].upper()}{one[1:]} against {other}: {words_of}.")
    return lines


def machines(results: Sequence[Results]) -> dict[str, float]:
    """Return the core hours on each machine and set of package versions."""
    hours: dict[str, float] = {}
    for row in pd.concat([each.runs for each in results]).to_dict("records"):
        versions = ", ".join(f"{name} {row[name]}" for name in ("python", *PACKAGES))
        machine = f"{row['processor']}; {versions}"
        hours[machine] = hours.get(machine, 0.0) + row["core_seconds"] / 3600
    return hours


def other_code(results: Sequence[Results]) -> tuple[int, list[str]]:
    """Return the number of runs made by other code than the current one, and its commits."""
    looked_at = [each.runs for each in results if not each.recorded]
    runs = pd.concat(looked_at) if looked_at else pd.DataFrame({"model": [], "code_sha256": []})
    now = {kind: code_digest(ANN_CODE if kind else CODE) for kind in (True, False)}
    other = runs[runs.code_sha256 != runs.model.map(lambda name: now[bool(MODELS[name].kind)])]
    if other.empty:
        return 0, []
    commits = other.commit + other.changed.map(lambda changed: " with changes" if changed else "")
    return len(other), sorted(set(commits))


def _few_seeds(results: Results) -> bool:
    return any(len(runs) < SEEDS_MIN for runs in results.models.values())


def recipes(task: str) -> list[Path]:
    """Return the pages and tables of docs/recipes about a task."""
    stems = (task, f"{task}-small", *OTHER_PAGES.get(task, ()))
    files = [RECIPES / f"{stem}{kind}" for stem in stems for kind in (".md", ".csv")]
    return [file for file in files if file.exists()]


def draw(results: Sequence[Results], path: Path, panel: Callable[[Any, Results], None]) -> None:
    """Draw one panel per task into a PNG file."""
    from matplotlib.figure import Figure

    columns = min(len(results), 3)
    rows = math.ceil(len(results) / columns)
    figure = Figure(figsize=(max(4.4 * columns, 5.5), 3.4 * rows), layout="constrained")
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    shown: dict[str, Any] = {}
    for axes in grid.flat[len(results) :]:
        axes.set_visible(False)
    for axes, each in zip(grid.flat, results):
        panel(axes, each)
        axes.set_title(each.setup.task, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3, lw=0.6)
        axes.tick_params(labelsize=8)
        for handle, label in zip(*axes.get_legend_handles_labels()):
            shown.setdefault(label, handle)
    if shown:
        figure.legend(
            list(shown.values()), list(shown), loc="outside lower center", ncols=4, fontsize=8,
            frameon=False,
        )  # fmt: skip
    for axes in grid[:, 0]:
        axes.set_ylabel("test accuracy (%)\n(axis is cut)", fontsize=9)
    figure.savefig(path, dpi=130, format="png")


def _accuracy_panel(axes: Any, results: Results) -> None:
    """Draw a dot per seed and a line at their mean."""
    for place, (name, runs) in enumerate(results.models.items()):
        colour, values = COLOURS[bool(MODELS[name].kind)], 100 * runs.accuracy
        across = [place + 0.12 * (index - (len(values) - 1) / 2) for index in range(len(values))]
        axes.plot(across, values, "o", ms=4.5, color=colour, alpha=0.85, mew=0)
        axes.plot([place - 0.3, place + 0.3], [values.mean()] * 2, "-", lw=1.6, color=colour)
    names = [
        MODELS[n].title.replace(", ", ",\n").replace(" ANN", "\nANN").replace(" delays", "\ndelays")
        for n in results.models
    ]
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", labelsize=6.5)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _operations_panel(axes: Any, results: Results) -> None:
    """Draw accuracy against SynOps or MACs per sample."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    for name, runs in results.models.items():
        axes.plot(
            runs.operations, 100 * runs.accuracy, dict(zip(MODELS, "osD^vP*"))[name], ms=5,
            alpha=0.8, mew=0, color=COLOURS[bool(MODELS[name].kind)], label=MODELS[name].title,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("SynOps (SNN) or MACs (ANN) per sample", fontsize=8)


PANELS: Final[dict[str, Callable[[Any, Results], None]]] = {
    "accuracy": _accuracy_panel,
    "operations": _operations_panel,
}
