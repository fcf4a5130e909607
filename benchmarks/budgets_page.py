"""What the benchmark of budgets shows: a table, a picture, and the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.speed_page import origin
from benchmarks.tables import Cells, markdown_of

POINT = 0.01
HALF = 0.5

ABOUT = """\
Every network starts from the task's own ({sizes}) and is trained by the task's recipe. A budget is
a share of the SynOps that the first point takes on the validation windows, where it has to be met
and where the best epoch is chosen; the test windows, of other people, are run once, at the end, on
the deployed integer network. People differ in how much they move, so that the same network takes
other SynOps for other people. Each figure is of {seeds}; accuracy differs by about a point between
seeds, so that less than that says nothing.

How training meets a budget: for a quarter of the epochs the network learns as it would without one.
Then a limit falls to just below the budget, until two thirds of the epochs are done. What is over
the limit raises a price, which the loss pays for spikes; and neurons leave, first those that matter
least to the loss for the SynOps that they save. A neuron saves one SynOp of every spike that
reaches its layer; nothing else lessens what the input's spikes cost. The other epochs learn with
what is left. The best epoch is the most accurate of those that meet the budget and make use of it,
at most 5% below, once the limit has arrived. (That it has to make use of the budget was decided
after test figures of seed 0 had been seen; it moved three of them, two of them down and none up.
Where a network has few neurons, the last of them to leave may take it further below.)

Zeros among weights save nothing here: a dense layer stores and adds them, as Intel's compiler keeps
them. Fewer bits save memory alone. Points of both are of one seed, and are
the squares in the picture.

- **budget**: SynOps a sample, and **of it** what the network takes on the validation windows.
- **hidden**: neurons of each hidden layer that are left.
- **validation**: accuracy on the validation windows, **test** on the test windows, of several
  seeds with the lowest and the highest.
- **lost**: points of test accuracy less than the first network.
- **SynOps**: of a test sample as a report counts them, zero weights among them.
- **dynamic uJ**: energy of a test sample on Loihi 2 as a report estimates it, with its band; static
  power is left out, since it depends on how often the chip is used, not on the network.
- **effective**: additions of weights other than zero, NeuroBench's metric.
"""


@dataclass(frozen=True)
class Point:
    """One trained network.

    Attributes:
        name: what sets it apart.
        seed: of its training.
        budget: SynOps a sample, or None.
        epoch: of its history, the one that was kept.
        report: on the test windows, as `report --json` gives it.
    """

    name: str
    seed: int
    budget: float | None
    epoch: dict[str, Any]
    report: dict[str, Any]

    @property
    def validation_synops(self) -> float:
        """SynOps of the mean validation sample."""
        return float(sum(self.epoch["synops"]))

    @property
    def accuracy(self) -> float:
        """On the test windows."""
        return float(self.report["counted"]["score"]["accuracy"])

    @property
    def synops(self) -> float:
        """SynOps of the mean test sample."""
        return float(self.report["counted"]["total"]["synops_per_sample"])

    @property
    def energy_uj(self) -> dict[str, float]:
        """Dynamic energy of the mean test sample: value, low and high."""
        found: dict[str, float] = self.report["estimated"]["loihi2"]["full_speed"][
            "energy_per_sample_uj"
        ]["dynamic"]
        return found

    @property
    def hidden(self) -> list[int]:
        """Neurons of the hidden layers."""
        return [layer["neurons"] for layer in self.report["counted"]["layers"][:-1]]


def grouped(points: Sequence[Point]) -> list[list[Point]]:
    """Return the points of each name, all seeds together, in order."""
    names = dict.fromkeys(point.name for point in points)
    return [[point for point in points if point.name == name] for name in names]


def cells_of(points: Sequence[Point]) -> Cells:
    """Return the table, a row a name; figures are means over seeds."""
    headings = [
        "network", "budget", "of it", "hidden", "validation", "test", "lost", "SynOps",
        "dynamic uJ", "effective",
    ]  # fmt: skip
    groups = grouped(points)
    first = mean(each.accuracy for each in groups[0])
    rows = [_row(group, first) for group in groups]
    return Cells("Points: means over seeds of one network a row", headings, rows)


def _row(group: Sequence[Point], first: float) -> list[str]:
    budgets = [each.budget for each in group if each.budget is not None]
    used = [each.validation_synops / each.budget for each in group if each.budget is not None]
    accuracy = mean(each.accuracy for each in group)
    low, value, high = (mean(p.energy_uj[end] for p in group) for end in ("low", "value", "high"))
    effective = mean(each.report["neurobench"]["effective_acs"] for each in group)
    return [
        group[0].name,
        f"{mean(budgets):,.0f}" if budgets else "-",
        f"{mean(used):.1%}" if used else "-",
        ", ".join("-".join(map(str, each.hidden)) for each in group),
        f"{mean(each.epoch['validation_accuracy'] for each in group):.1%}",
        f"{accuracy:.1%}{_spread([each.accuracy for each in group])}",
        f"{(first - accuracy) / POINT:+.1f}",
        f"{mean(each.synops for each in group):,.0f}",
        f"{value:.2f} ({low:.2f} to {high:.2f})",
        f"{effective:,.0f}",
    ]


def _spread(accuracies: Sequence[float]) -> str:
    """Return the lowest and the highest of several seeds in words."""
    if len(accuracies) == 1:
        return ""
    return f" ({100 * min(accuracies):.1f} to {100 * max(accuracies):.1f})"


def finding(points: Sequence[Point]) -> str:
    """Return what halving the SynOps costs, in words."""
    groups = grouped(points)
    half = next((g for g in groups if g[0].name == f"budget {HALF:g}"), None)
    if half is None:
        return ""
    first, halved = (mean(each.accuracy for each in group) for group in (groups[0], half))
    lost = (first - halved) / POINT
    saved = 1 - mean(p.synops for p in half) / mean(p.synops for p in groups[0])
    energies = [mean(p.energy_uj["value"] for p in group) for group in (half, groups[0])]
    kept = f"({first:.1%} to {halved:.1%})"
    cost = f"costs {lost:.1f} points of" if lost > 0 else "costs no"
    return (
        f"Half the SynOps as a budget saves {saved:.0%} of them on the test windows and "
        f"{1 - energies[0] / energies[1]:.0%} of the dynamic energy, and {cost} test accuracy "
        f"{kept}.\n"
    )


def draw(points: Sequence[Point], path: Path) -> None:
    """Draw accuracy against dynamic energy and against SynOps into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    energy, synops = figure.subplots(1, 2, sharey=True)
    groups = grouped(points)
    line = [group for group in groups if group[0].budget is not None or group is groups[0]]
    for axes, value, label in (
        (energy, lambda p: p.energy_uj["value"], "dynamic energy of a sample on Loihi 2, uJ"),
        (synops, lambda p: p.synops / 1000, "SynOps of a sample, thousands"),
    ):
        for key, words in (("test", "test"), ("validation", "validation")):
            axes.plot(
                [mean(value(p) for p in group) for group in line],
                [100 * mean(_accuracy(p, key) for p in group) for group in line],
                "o-" if key == "test" else "o:",
                ms=4,
                label=f"to a budget, {words} people",
            )
        for group in groups:
            if group not in line:
                at = mean(value(p) for p in group), 100 * mean(p.accuracy for p in group)
                axes.plot(*at, "s", ms=4, color="grey")
                axes.annotate(f"{group[0].name} ", at, fontsize="x-small", ha="right", va="center")
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.grid(visible=True, alpha=0.3)
    energy.set_ylabel("accuracy (%)")
    energy.legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=90)


def _accuracy(point: Point, key: str) -> float:
    return point.accuracy if key == "test" else float(point.epoch["validation_accuracy"])


def write(points: Sequence[Point], task: str, path: Path) -> None:
    """Write the page, and the picture beside it."""
    picture = path.with_suffix(".png")
    draw(points, picture)
    options = points[0].report["network"]["metadata"]["options"]
    seeds = sorted({point.seed for point in points})
    words = f"one training, seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} trainings"
    layers = options["architecture"]["layers"]
    sizes = "-".join(
        str(each)
        for each in (*options["architecture"]["input_shape"], *(x["neurons"] for x in layers))
    )
    parts = [
        f"# Accuracy against energy: `{task}` to a budget\n",
        origin("benchmarks.budgets"),
        ABOUT.format(sizes=sizes, seeds=words),
        finding(points),
        f"![accuracy against energy]({os.path.relpath(picture, path.parent)})\n",
        markdown_of(cells_of(points)),
        _versions(points[0]),
    ]
    path.write_text("\n".join(parts))


def _versions(point: Point) -> str:
    found = {
        **point.report["versions"],
        "torch": point.report["network"]["metadata"]["options"]["torch"],
    }
    rows = [f"{name} {version}" for name, version in found.items()]
    return f"Versions: {', '.join(rows)}. Data: {point.report['provenance']['dataset']}.\n"
