"""Measure accuracy against SynOps and energy of networks trained to budgets.

    python -m benchmarks.budgets [--task har] [--shares 0.75 0.5 0.35 0.25 0.18 0.125] [--seeds 0]
        [--markdown docs/benchmarks/budgets.md]

The first point is the task's default network with 8 bits and no budget. Budgets are fractions of
its SynOps on the validation samples. Points are trials of `neurodeploy.optimize`, which tries every
value and reuses what is finished in `runs/budgets`. Test samples are run once, for the final
figures.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
from optuna.samplers import BruteForceSampler

from benchmarks import pages
from benchmarks.pages import Table, band
from neurodeploy import data as tasks
from neurodeploy.commands import cli
from neurodeploy.data.task_data import TaskData, load_task
from neurodeploy.explore.results_data import Trial
from neurodeploy.explore.study import optimize
from neurodeploy.report.evaluate import evaluate

SHARES: Final = (0.75, 0.5, 0.35, 0.25, 0.18, 0.125)
FIRST: Final = "dense"
OTHERS: Final[dict[str, dict[str, Any]]] = {
    "6-bit weights": {"weight_bits": [6]},
    "4-bit weights": {"weight_bits": [4]},
    "half the weights pruned": {"prune": [0.5]},
}
"""Points without a budget -> their search spaces."""
POINT: Final = 0.01


def main(argv: Sequence[str] | None = None) -> int:
    """Run all points that are not finished, and print all."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    cli.use_threads(args.threads)
    points = pd.DataFrame(columns=["name"])
    for point in points_of(load_task(args.task), args):
        points = pd.DataFrame([*points.to_dict("records"), point])
        print(f"{point['name']}, seed {point['seed']}: {point['test']:.1%}", file=sys.stderr)
        if args.markdown:
            write(points, args.task, args.markdown, words)
    table_of(points).show()
    return 0


def points_of(data: TaskData, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield every point of every seed, the largest budget first."""
    for seed in args.seeds:
        first = next(_searched(data, args, FIRST, {"seed": [seed]}))
        yield first
        budgets = {
            float(f"{share * first['validation_synops']:.3g}"): f"budget {share:g}"
            for share in sorted(args.shares, reverse=True)
        }
        space = {"seed": [seed], "synop_budget": list(budgets)}
        found = {each["budget"]: each for each in _searched(data, args, f"budgets {seed}", space)}
        yield from ({**found[budget], "name": name} for budget, name in budgets.items())
    for name, space in OTHERS.items() if args.others else ():
        yield from _searched(data, args, name, {"seed": args.seeds[:1], **space})


def _searched(
    data: TaskData, args: argparse.Namespace, name: str, space: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the figures of every combination of the values in a space."""
    folder = args.runs / args.task / f"{name} seed {space['seed'][0]}".replace(" ", "-")
    trials = math.prod(map(len, space.values()))
    found = optimize(
        data, space, trials=trials, seeds=0, out=folder, sampler=BruteForceSampler(),
        prune=False, warm_start=False, threads=args.threads,
    )  # fmt: skip
    for trial in found.complete:
        history = Path(trial.folder, "history.jsonl").read_text().splitlines()
        figures = figures_of(_tested(trial, data), list(map(json.loads, history)))
        budget = trial.params.get("synop_budget", float("nan"))
        yield {"name": name, "seed": trial.params["seed"], **figures, "budget": budget}


def _tested(trial: Trial, data: TaskData) -> dict[str, Any]:
    """Return the report of a network on the test samples, which are run once."""
    path = Path(trial.folder, "report.json")
    if not path.exists():
        evaluate(trial.network(), data.test, chips=["loihi2"]).save(path)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def figures_of(report: dict[str, Any], history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of a point from its report on the test samples and its history."""
    metadata, counted = report["network"]["metadata"], report["counted"]
    best, options = history[metadata["epoch"] - 1], metadata["options"]
    energy = report["estimated"]["loihi2"]["full_speed"]["energy_per_sample_uj"]["dynamic"]
    layers = options["architecture"]["layers"]
    sizes = (*options["architecture"]["input_shape"], *(each["neurons"] for each in layers))
    versions = {**report["versions"], "torch": options["torch"]}
    return {
        "validation_synops": float(sum(best["synops"])),
        "validation": float(best["validation_accuracy"]),
        "test": float(counted["score"]["accuracy"]),
        "synops": float(counted["total"]["synops_per_sample"]),
        **{f"energy_{end}": float(energy[end]) for end in ("low", "value", "high")},
        "effective": float(report["neurobench"]["effective_acs"]),
        "hidden": "-".join(str(each["neurons"]) for each in counted["layers"][:-1]),
        "sizes": "-".join(map(str, sizes)),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "data": report["provenance"]["dataset"],
    }


def table_of(points: pd.DataFrame) -> Table:
    """Return the table with one row per name; figures are means over seeds."""
    first = points[points.name == FIRST].test.mean()
    rows = []
    for name, group in points.groupby("name", sort=False):
        accuracy, used = group.test, group.validation_synops / group.budget
        budget = group.budget.notna().all()
        spread = f" ({100 * accuracy.min():.1f} to {100 * accuracy.max():.1f})"
        energy = {end: group[f"energy_{end}"].mean() for end in ("low", "value", "high")}
        rows.append([
            str(name),
            f"{group.budget.mean():,.0f}" if budget else "-",
            f"{used.mean():.1%}" if budget else "-",
            ", ".join(group.hidden),
            f"{group.validation.mean():.1%}",
            f"{accuracy.mean():.1%}{spread if len(group) > 1 else ''}",
            f"{(first - accuracy.mean()) / POINT:+.1f}",
            f"{group.synops.mean():,.0f}",
            band(energy, ".2f"),
            f"{group.effective.mean():,.0f}",
        ])  # fmt: skip
    headings = [
        "network", "budget", "of it", "hidden", "validation", "test", "lost", "SynOps",
        "dynamic µJ", "effective",
    ]  # fmt: skip
    return Table("Points", "means over seeds of one network per row", headings, rows)


def finding(points: pd.DataFrame) -> str:
    """Return the cost of halving the SynOps in words; "" if that point is missing."""
    means = points.groupby("name")[["test", "synops", "energy_value"]].mean()
    if "budget 0.5" not in means.index:
        return ""
    first, half = means.loc[FIRST], means.loc["budget 0.5"]
    lost = (first.test - half.test) / POINT
    cost = f"costs {lost:.1f} points of" if lost > 0 else "costs no"
    saved = [1 - half[name] / first[name] for name in ("synops", "energy_value")]
    return (
        f"Half the SynOps as a budget saves {saved[0]:.0%} of them on the test samples and "
        f"{saved[1]:.0%} of the dynamic energy, and "
        f"{cost} test accuracy ({first.test:.1%} to {half.test:.1%})."
    )


def draw(points: pd.DataFrame, path: Path) -> None:
    """Draw accuracy against dynamic energy and against SynOps into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    columns = ["test", "validation", "energy_value", "synops"]
    means = points.groupby("name", sort=False)[columns].mean()
    means["synops"] /= 1000
    on_line = [name == FIRST or name.startswith("budget") for name in means.index]
    line, others = means[on_line], means[[not each for each in on_line]]
    for axes, column, label in (
        (panels[0], "energy_value", "dynamic energy per sample on Loihi 2 (µJ)"),
        (panels[1], "synops", "SynOps per sample, thousands"),
    ):
        for key, style in (("test", "o-"), ("validation", "o:")):
            axes.plot(
                line[column], 100 * line[key], style, ms=4, label=f"to a budget, {key} people"
            )
        for name, point in others.iterrows():
            at = point[column], 100 * point.test
            axes.plot(*at, "s", ms=4, color="grey")
            axes.annotate(f"{name} ", at, fontsize="x-small", ha="right", va="center")
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel("accuracy (%)")
    panels[0].legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=90)


def write(points: pd.DataFrame, task: str, path: Path, argv: Sequence[str]) -> None:
    """Write the page and its figure."""
    picture, seeds = path.with_suffix(".png"), sorted(set(points.seed))
    draw(points, picture)
    words = f"one training, seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} trainings"
    pages.write(
        path, "budgets", argv, task=task, point=points.iloc[0], seeds=words, picture=picture,
        finding=finding(points), table=table_of(points),
    )  # fmt: skip


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--task", choices=sorted(tasks.names()), default="har", help="task")
    options.add_argument(
        "--shares", type=float, nargs="+", default=list(SHARES), help="budgets, as fractions"
    )
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="random seeds")
    options.add_argument(
        "--others",
        action="store_true",
        help="also run points with fewer bits and pruned weights, for the first seed",
    )
    options.add_argument("--threads", type=int, default=2, help="number of threads")
    options.add_argument(
        "--runs", type=Path, default=Path("runs/budgets"), help="folder of the points"
    )
    options.add_argument("--markdown", type=Path, help="page to write, with a figure")
    return options


if __name__ == "__main__":
    sys.exit(main())
