"""Accuracy against SynOps and energy of networks that were trained to budgets.

    python -m benchmarks.budgets [--task har] [--shares 0.75 0.5 0.35 0.25 0.18 0.125] [--seeds 0]
        [--markdown docs/benchmarks/budgets.md]

The first point is the task's own network, 8-bit and without a budget; budgets are shares of what it
takes on the validation windows. Every point is trained, exported and reported by the commands that
a person would type, in a folder of its own under `runs/budgets`; what is there already is not done
again. Test windows are run once, for the figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import budgets_page, tables
from benchmarks.budgets_page import Point

SHARES = (0.75, 0.5, 0.35, 0.25, 0.18, 0.125)
DENSE = "dense"
OTHERS = {
    "6-bit weights": ("--weight-bits", "6"),
    "4-bit weights": ("--weight-bits", "4"),
    "half the weights pruned": ("--prune", "0.5"),
}
"""Points without a budget, and the options that they are trained with."""


@dataclass(frozen=True)
class Place:
    """Where and how points are made.

    Attributes:
        folder: of all points of a task.
        task: name of the task.
        threads: to use.
    """

    folder: Path
    task: str
    threads: int


def main(argv: Sequence[str] | None = None) -> int:
    """Make all points that are not there yet, and show them."""
    given = _options().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    place = Place(given.runs / given.task, given.task, given.threads)
    points: list[Point] = []
    for point in _points(place, given, console):
        points.append(point)
        console.print(
            f"{point.name}, seed {point.seed}: {point.accuracy:.1%}, {point.synops:,.0f} SynOps",
            style="dim",
        )
        if given.markdown:
            budgets_page.write(points, given.task, given.markdown)
    console.print(tables.table_of(budgets_page.cells_of(points)))
    return 0


def _points(place: Place, given: argparse.Namespace, console: Console) -> Iterator[Point]:
    """Yield every point of every seed, budgets from the largest on."""
    for seed in given.seeds:
        dense = _made(place, DENSE, seed, (), console)
        yield dense
        for share in sorted(given.shares, reverse=True):
            budget = float(f"{share * dense.validation_synops:.3g}")
            words = ("--synop-budget", f"{budget:.0f}")
            yield _made(place, f"budget {share:g}", seed, words, console, budget)
    for name, words in OTHERS.items() if given.others else ():
        yield _made(place, name, given.seeds[0], words, console)


def _made(
    place: Place,
    name: str,
    seed: int,
    words: Sequence[str],
    console: Console,
    budget: float | None = None,
) -> Point:
    """Return a point, made now unless it is there."""
    folder = place.folder / f"{name.replace(' ', '-')}-seed-{seed}"
    result = folder / "report.json"
    if not result.exists():
        console.print(f"{name}, seed {seed}: training", style="dim")
        _make(place, folder, [*words, "--seed", str(seed)])
    report = json.loads(result.read_text())
    best = report["network"]["metadata"]["epoch"]
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return Point(name, seed, budget, history[best - 1], report)


def _make(place: Place, folder: Path, words: Sequence[str]) -> None:
    """Train, export and report; the report's file comes last, which says that all is there."""
    threads = ("--threads", str(place.threads))
    train = ["--task", place.task, "--out", str(folder), *words, *threads]
    _run("train", train, (0, 1))  # 1: no epoch met the budget, which the page shows
    network = folder / "model.net"
    _run("export", [str(folder / "model.pt"), *threads], (0,))
    out = _run("report", [str(network), "--chip", "loihi2", "--json", *threads], (0,))
    unfinished = folder / "report.json.part"
    unfinished.write_text(out)
    unfinished.replace(folder / "report.json")


def _run(command: str, words: Sequence[str], good: tuple[int, ...]) -> str:
    """Run a command of ours and return what it prints."""
    line = [sys.executable, "-m", f"neurodeploy.{command}", *words]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in good:
        raise SystemExit(f"{' '.join(line)} ended with exit code {done.returncode}")
    return done.stdout


def _options() -> argparse.ArgumentParser:
    from neurodeploy.tasks import TASKS

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--task", choices=sorted(TASKS), default="har", help="what to learn")
    options.add_argument(
        "--shares", type=float, nargs="+", default=list(SHARES), help="budgets, of the first point"
    )
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="of each point")
    options.add_argument(
        "--others",
        action="store_true",
        help="points of fewer bits and of pruned weights as well, of the first seed",
    )
    options.add_argument("--threads", type=int, default=2, help="processor cores to use")
    options.add_argument(
        "--runs", type=Path, default=Path("runs/budgets"), help="folder of the points"
    )
    options.add_argument("--markdown", type=Path, help="page to write, and a picture beside it")
    return options


if __name__ == "__main__":
    sys.exit(main())
