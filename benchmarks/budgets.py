"""Measure accuracy against SynOps and energy of networks trained to budgets.

    python -m benchmarks.budgets [--task har] [--shares 0.75 0.5 0.35 0.25 0.18 0.125] [--seeds 0]
        [--markdown docs/benchmarks/budgets.md]

The first point is the task's default network with 8 bits and no budget. Budgets are fractions of
its SynOps on the validation samples. Every point is trained, exported and reported by neurodeploy's
commands, in its own folder under `runs/budgets`; finished points are reused. Test samples are run
once, for the final figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmarks import pages
from benchmarks.pages import Table, band
from neurodeploy import tasks

SHARES: Final = (0.75, 0.5, 0.35, 0.25, 0.18, 0.125)
FIRST: Final = "dense"
OTHERS: Final = {
    "6-bit weights": ("--weight-bits", "6"),
    "4-bit weights": ("--weight-bits", "4"),
    "half the weights pruned": ("--prune", "0.5"),
}
"""Points without a budget -> their training options."""
POINT: Final = 0.01


def main(argv: Sequence[str] | None = None) -> int:
    """Run all points that are not finished, and print all."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    points = pd.DataFrame(columns=["name"])
    for point in _points(args):
        points = pd.DataFrame([*points.to_dict("records"), point])
        print(f"{point['name']}, seed {point['seed']}: {point['test']:.1%}", file=sys.stderr)
        if args.markdown:
            write(points, args.task, args.markdown, words)
    table_of(points).show()
    return 0


def _points(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield every point of every seed, the largest budget first."""
    for seed in args.seeds:
        first = _made(args, FIRST, seed, ())
        yield first
        for share in sorted(args.shares, reverse=True):
            budget = float(f"{share * first['validation_synops']:.3g}")
            options = ("--synop-budget", f"{budget:.0f}")
            yield {**_made(args, f"budget {share:g}", seed, options), "budget": budget}
    for name, options in OTHERS.items() if args.others else ():
        yield _made(args, name, args.seeds[0], options)


def _made(args: argparse.Namespace, name: str, seed: int, options: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a point; run it unless it is finished."""
    folder = args.runs / args.task / f"{name.replace(' ', '-')}-seed-{seed}"
    result = folder / "report.json"
    if not result.exists():
        print(f"{name}, seed {seed}: training", file=sys.stderr)
        _make(args, folder, [*options, "--seed", str(seed)])
    report = json.loads(result.read_text())
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return {"name": name, "seed": seed, **figures_of(report, history)}


def figures_of(report: dict[str, Any], history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of a point from its report on the test samples and its history."""
    metadata, counted = report["network"]["metadata"], report["counted"]
    best, options = history[metadata["epoch"] - 1], metadata["options"]
    energy = report["estimated"]["loihi2"]["full_speed"]["energy_per_sample_uj"]["dynamic"]
    layers = options["architecture"]["layers"]
    sizes = (*options["architecture"]["input_shape"], *(each["neurons"] for each in layers))
    versions = {**report["versions"], "torch": options["torch"]}
    return {
        "budget": float("nan"),
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


def _make(args: argparse.Namespace, folder: Path, words: Sequence[str]) -> None:
    """Train, export and report; a report file marks a finished point."""
    threads = ("--threads", str(args.threads))
    # Exit code 1: no epoch met the budget, which the page shows.
    _run(["train", "--task", args.task, "--out", str(folder), *words, *threads], (0, 1))
    _run(["export", str(folder / "model.pt"), *threads])
    report = ["report", str(folder / "model.net"), "--chip", "loihi2", "--json", *threads]
    unfinished = folder / "report.json.part"
    unfinished.write_text(_run(report))
    unfinished.replace(folder / "report.json")


def _run(words: Sequence[str], good: tuple[int, ...] = (0,)) -> str:
    """Run a command of neurodeploy and return its stdout."""
    line = [sys.executable, "-m", f"neurodeploy.{words[0]}", *words[1:]]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in good:
        raise SystemExit(f"{' '.join(line)} ended with exit code {done.returncode}")
    return done.stdout


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
