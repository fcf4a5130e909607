"""What the benchmark of training shows: a table a workload, the targets, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed_page import origin
from benchmarks.tables import Cells, exactness, markdown_of, number
from benchmarks.training_runs import OURS, STOCK, Run

COLUMNS = """\
Each library trains in a process of its own; libraries whose dependencies conflict with lava-dl's
run in environments that uv makes for them. All of them take turns, so that whatever else the
machine does meets all. One step: gradients to zero, forward, cross entropy of the output rates,
backward, Adam. Every 8 steps each goes back to the start, which is not timed, so that all networks
fire alike.

- **ms**: milliseconds a step, median over all turns.
- **samples/s**: with the better number of threads.
- **x lava-dl**: how many times faster than stock lava-dl on the same number of threads.
- **ours x**: how many times faster ours is, on the same number of threads.
- **peak MB**: resident memory of the process.
- **exact?**: whether every spike of the last layer before training is the expected one, of how
  many; if not, how many neuron steps differ for each expected spike. lava-dl and ours are compared
  with stock lava-dl, the others with the same equations in double precision.

Before anything is timed, ours must equal stock lava-dl in every spike of every layer and in all
gradients up to rounding.

What differs: lava-dl and ours round weights to 8 bits in every step and states to 24; the others
compute with floats, and lack the step that a layer takes on Loihi and learned delays. They run in
the way that is fastest for them, one matrix product a layer over all steps; their surrogate
gradients are their defaults. All processes keep freed memory instead of returning it to the kernel
(`neurodeploy/cli.py`), which stock lava-dl and the others would not do by themselves.
"""

HAR = """\
A step is an epoch as `neurodeploy.train` runs it: windows are varied and encoded, the network is
trained in batches of 32 with axonal delays, and evaluated on the validation windows.
"""


@dataclass(frozen=True)
class Result:
    """A workload and what trained on it.

    Attributes:
        name: short.
        about: what it is, in one line.
        samples: in a step.
        delays: whether the network learns delays.
        runs: of each trainer and number of threads.
        unit: "ms" a step or "s" an epoch.
    """

    name: str
    about: str
    samples: int
    delays: bool
    runs: list[Run]
    unit: str = "ms"

    @property
    def threads(self) -> list[int]:
        """The numbers of threads, each once."""
        return list(dict.fromkeys(run.threads for run in self.runs))

    def median_ms(self, name: str, threads: int) -> float | None:
        """Return the median of a trainer's steps, or None where it has none."""
        found = (r for r in self.runs if (r.name, r.threads) == (name, threads))
        return next((run.median_ms for run in found), None)

    def ratio(self, over: str, under: str, threads: int) -> float | None:
        """Return how many times longer `over` takes than `under`."""
        return _ratio(self.median_ms(over, threads), self.median_ms(under, threads))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        values = {key: value for key, value in vars(self).items() if key != "runs"}
        return {**values, "runs": [run.as_dict() for run in self.runs]}


def cells_of(result: Result) -> Cells:
    """Return the table of one workload, a row for each trainer."""
    each = [(count, f"{count} thread{'s' * (count > 1)}") for count in result.threads]
    headings = [
        "library",
        *(f"{result.unit}, {words}" for _, words in each),
        "samples/s",
        *(f"x lava-dl, {words}" for _, words in each),
        *(f"ours x, {words}" for _, words in each),
        "peak MB",
        "exact?",
    ]
    names = dict.fromkeys(run.name for run in result.runs)
    return Cells(f"{result.name}: {result.about}", headings, [_row(result, name) for name in names])


def _row(result: Result, name: str) -> list[str]:
    runs = [run for run in result.runs if run.name == name]
    times = [run.median_ms for run in runs]
    known = [time for time in times if time is not None]
    scale = 1000 if result.unit == "s" else 1
    ends = next((run.reason for run in runs if run.reason), "")
    introduced = next((run.introduction for run in runs if run.introduction), None)
    if not ends and introduced:
        ends = exactness(introduced) if "different" in introduced else "yes"
    return [
        runs[0].title,
        *(number(None if time is None else time / scale) for time in times),
        number(1e3 * result.samples / min(known)) if known else "-",
        *(number(result.ratio(STOCK, name, count)) for count in result.threads),
        *(number(result.ratio(name, OURS, count)) for count in result.threads),
        f"{max(run.peak_mb for run in runs):,.0f}",
        ends,
    ]


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or under is None else over / under


@dataclass(frozen=True)
class Target:
    """What ours is to reach: `text`, the figure wanted and the one measured, at least or most."""

    text: str
    wanted: float
    measured: float | None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where it was not measured."""
        if self.measured is None:
            return None
        return (self.measured <= self.wanted) if self.at_most else (self.measured >= self.wanted)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "met": self.met}


def targets(results: Sequence[Result]) -> list[Target]:
    """Return the targets for those workloads that were measured."""
    found: list[Target] = []
    for result in results:
        if result.unit == "s":
            epoch = result.median_ms(OURS, 2)
            seconds = None if epoch is None else epoch / 1000
            found.append(Target("seconds of an epoch of har, 2 threads", 2.5, seconds, True))
            continue
        words = "with delays" if result.delays else "without delays"
        wanted = 6.0 if result.delays else 3.5
        found.append(
            Target(f"x stock lava-dl {words}, 1 thread", wanted, result.ratio(STOCK, OURS, 1))
        )
        others = {run.name for run in result.runs} - {STOCK, OURS}
        for count in result.threads if others else ():
            ratios = [result.ratio(name, OURS, count) for name in others]
            least = min((ratio for ratio in ratios if ratio is not None), default=None)
            words_of = f"x the fastest other library, threads: {count}"
            found.append(Target(words_of, 1.0, least))
        gain = _ratio(result.median_ms(OURS, 1), result.median_ms(OURS, 2))
        found.append(Target(f"2 threads x 1 thread, {words}", 1.0, gain))
    return found


def target_cells(results: Sequence[Result]) -> Cells:
    """Return the table of the targets."""
    rows = [
        [
            target.text,
            f"at {'most' if target.at_most else 'least'} {target.wanted:g}",
            number(target.measured),
            {True: "yes", False: "no", None: "not measured"}[target.met],
        ]
        for target in targets(results)
    ]
    return Cells("Targets: ours in this run", ["figure", "wanted", "measured", "reached?"], rows)


def write(results: Sequence[Result], path: Path) -> None:
    """Write the page."""
    parts = ["# Speed of training, side by side\n", origin("benchmarks.training"), COLUMNS]
    for result in results:
        parts.append(markdown_of(cells_of(result)))
        if result.unit == "s":
            parts.append(HAR)
    parts += [markdown_of(target_cells(results)), _versions(results)]
    path.write_text("\n".join(parts))


def _versions(results: Sequence[Result]) -> str:
    """Return a table of the versions of each library's packages and of what it leaves out."""
    rows = ["## Versions\n", "| library | packages | leaves out |", "|---|---|---|"]
    found = {run.title: run.introduction for result in results for run in result.runs}
    for title, introduction in found.items():
        if introduction:
            packages = (f"{key} {value}" for key, value in introduction["versions"].items())
            left_out = ", ".join(introduction["leaves_out"]) or "-"
            rows.append(f"| {title} | {', '.join(packages)} | {left_out} |")
    return "\n".join(rows) + "\n"
