"""Compare windows, a network that runs on, and one trained to run on, on whole recordings of `har`.

    python -m benchmarks.continuous [--seeds 0 1 2] [--runs runs/continuous] [--threads N]
        [--markdown docs/benchmarks/continuous.md] [--json FILE]

Every network is trained in a folder of its own under `--runs`; finished ones are reused. Validation
recordings choose the memory of the leaky counts; test recordings are run once, for the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks import pages
from benchmarks.pages import Table
from neurodeploy import TaskData, TrainConfig, fit, load, simulate, task
from neurodeploy.data.dataset import UNLABELLED
from neurodeploy.data.readers.inertial import stretches
from neurodeploy.data.recordings import EncodedRecording
from neurodeploy.hw_sim.activity import Activity, count
from neurodeploy.hw_sim.readout import leaky_counts, predict
from neurodeploy.models.network import QuantizedNetwork

HOP: Final = 25
"""Steps from one decision to the next: half a second."""

MEMORIES: Final = (16, 32, 64, 96, 128, 192)
"""Memories of the leaky counts, in steps, from which validation recordings choose."""

EPOCHS: Final = 6
RATE: Final = 5e-4
"""Of the training that makes a network of windows one that runs on."""

Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Decided:
    """The decisions of one way on one recording.

    Attributes:
        steps: step of each decision, int64 (decisions,), ascending: the last step that it has seen.
        classes: the decided classes, int64 (decisions,).
        synops: SynOps of the whole recording.
    """

    steps: Numbers
    classes: Numbers
    synops: float


@dataclass(frozen=True)
class Quality:
    """How good decisions are.

    Attributes:
        accuracy: fraction of the labelled seconds in which the decision in force is right.
        delay_s: median seconds from the first step of another activity to the first right decision.
        delay_90_s: nine of ten of these delays are at most as long.
        missed: fraction of the changes after which no decision is right before the activity ends.
        false_per_hour: changes of the decision to a wrong class, per hour of labelled activity.
        synops_per_s: SynOps per second of recording.
    """

    accuracy: float
    delay_s: float
    delay_90_s: float
    missed: float
    false_per_hour: float
    synops_per_s: float


def activities(labels: Numbers) -> list[tuple[int, int, int]]:
    """Return start, end (exclusive) and class of each activity of a recording, in order."""
    runs = stretches(labels[1:] != labels[:-1], len(labels))
    return [(a, b, int(labels[a])) for a, b in runs if labels[a] != UNLABELLED]


def in_force(decided: Decided, steps: Numbers) -> Numbers:
    """Return the decision in force at each step, `UNLABELLED` before the first one."""
    places = np.searchsorted(decided.steps, steps, side="right") - 1
    return np.where(places < 0, UNLABELLED, decided.classes[places.clip(0)])


def delays(decided: Decided, labels: Numbers, first: int) -> list[int | None]:
    """Return the steps from each change of activity to the first right decision; None without one.

    A decision that is right already when the activity begins has the delay 0. Changes before step
    `first` do not count.
    """
    found: list[int | None] = []
    for (_, _, before), (start, end, label) in pairwise(activities(labels)):
        if label == before or start < first:
            continue
        if in_force(decided, np.array([start]))[0] == label:
            found.append(0)
            continue
        inside = (decided.steps >= start) & (decided.steps < end) & (decided.classes == label)
        found.append(int(decided.steps[inside][0]) - start if inside.any() else None)
    return found


def false_changes(decided: Decided, labels: Numbers) -> int:
    """Return how often the decision changes to a wrong class while the activity stays the same."""
    total = 0
    for start, end, label in activities(labels):
        chosen = decided.classes[(decided.steps >= start) & (decided.steps < end)]
        total += int(((chosen[1:] != chosen[:-1]) & (chosen[1:] != label)).sum())
    return total


def quality(
    decided: Sequence[Decided], labels: Sequence[Numbers], *, first: int, rate_hz: float
) -> Quality:
    """Return the quality of the decisions on some recordings.

    Args:
        decided: the decisions on each recording.
        labels: the labels of each recording, int64 (steps,).
        first: step of the first decision of any way; what is before does not count.
        rate_hz: steps per second.
    """
    right, changes, wrong, seconds, steps = [], list[int | None](), 0, 0.0, 0
    for each, known in zip(decided, labels):
        at = np.arange(first, len(known), round(rate_hz))
        at = at[known[at] != UNLABELLED]
        right.append(in_force(each, at) == known[at])
        changes += delays(each, known, first)
        wrong += false_changes(each, known)
        seconds += float((known[first:] != UNLABELLED).sum()) / rate_hz
        steps += len(known)
    made = [each / rate_hz for each in changes if each is not None]
    return Quality(
        float(np.concatenate(right).mean()),
        float(np.median(made)),
        float(np.quantile(made, 0.9)),
        changes.count(None) / len(changes),
        3600 * wrong / seconds,
        sum(each.synops for each in decided) / (steps / rate_hz),
    )


# The ways to decide


def synops_of(network: QuantizedNetwork, activity: Activity) -> float:
    """Return the SynOps of a run, over all samples and layers."""
    return float(sum(layer.synops.sum() for layer in count(network, activity)))


def by_windows(
    network: QuantizedNetwork, data: TaskData, recording: EncodedRecording, hop: int, threads: int
) -> Decided:
    """Decide from windows as the network was trained on: cleared state every `hop` steps."""
    length = data.dataset.num_steps
    every = np.lib.stride_tricks.sliding_window_view(recording.recording.signal, length, axis=1)
    windows = every[:, ::hop].transpose(1, 0, 2)
    activity = simulate(network, data.encoder.encode(windows), threads=threads)
    steps = length - 1 + hop * np.arange(len(windows))
    chosen = predict(activity.spikes[-1].sum(2, dtype=np.int64))
    return Decided(steps, chosen, synops_of(network, activity))


@dataclass(frozen=True)
class Ran:
    """Output spikes (outputs, steps) and SynOps of a run over a whole recording."""

    spikes: NDArray[np.uint8]
    synops: float


def run_on(network: QuantizedNetwork, recording: EncodedRecording, threads: int) -> Ran:
    """Run a whole recording from cleared state; the state is kept throughout."""
    activity = simulate(network, recording.spikes, threads=threads)
    return Ran(activity.spikes[-1][0], synops_of(network, activity))


def by_leaky_counts(ran: Ran, memory: float, first: int) -> Decided:
    """Decide from leaky counts every `HOP` steps from step `first` on."""
    steps = np.arange(first, ran.spikes.shape[1], HOP)
    counts = leaky_counts(ran.spikes, memory)
    return Decided(steps, predict(counts[:, steps].T), ran.synops)


# Networks


def trained(
    data: TaskData,
    config: TrainConfig,
    folder: Path,
    start: QuantizedNetwork | None = None,
) -> QuantizedNetwork:
    """Return the quantized network of a run; train it unless it is finished."""
    mark = folder / "finished"
    if not mark.exists():
        print(f"{folder.name}: training", file=sys.stderr)
        run = fit(data, config, start=start, out=folder, notify=lambda text: None)
        mark.write_text(f"{run.best.validation_accuracy}\n")
    return load(folder / "model.pt")


def networks(args: argparse.Namespace, data: TaskData, seed: int) -> dict[str, QuantizedNetwork]:
    """Return the networks of a seed: of windows, and tuned from it on windows and on sequences."""
    changes = {"seed": seed, "threads": args.threads}

    def made(
        name: str, config: TrainConfig, start: QuantizedNetwork | None = None
    ) -> QuantizedNetwork:
        return trained(data, config.replace(**changes), args.runs / f"{name}-seed-{seed}", start)

    windows = made("windows", data.config)
    return {
        "windows": windows,
        "longer": made("longer", tuning(data.config), windows),
        "continuous": made("continuous", tuning(continuous_config(data)), windows),
    }


def continuous_config(data: TaskData) -> TrainConfig:
    """Return the configuration of the task's continuous training."""
    config = data.task.continuous
    assert config is not None
    return config


def tuning(config: TrainConfig) -> TrainConfig:
    """Return the configuration for a few more epochs of a network that was trained on windows."""
    return config.for_fine_tuning().replace(epochs=EPOCHS, learning_rate=RATE)


# The comparison

WINDOWS: Final = "windows of 2.56 s, every 0.5 s"
APART: Final = "windows of 2.56 s, one after the other"
CONTINUOUS: Final = "continuous, trained on windows"
LONGER: Final = "continuous, trained on windows for longer"
TRAINED: Final = "continuous, trained for it"


@dataclass(frozen=True)
class Result:
    """The quality of one way with one seed.

    Attributes:
        way: name of the way.
        seed: seed of the training.
        memory: memory of the leaky counts in steps; None for windows.
        quality: on the test recordings.
    """

    way: str
    seed: int
    memory: float | None
    quality: Quality


def measured(args: argparse.Namespace, data: TaskData) -> list[Result]:
    """Return the results of every way and seed."""
    length = data.dataset.num_steps
    rate = data.dataset.rate_hz or 1.0
    first = length - 1
    made = {seed: networks(args, data, seed) for seed in args.seeds}

    def judged(decided: Sequence[Decided], recordings: Sequence[EncodedRecording]) -> Quality:
        labels = [each.labels for each in recordings]
        return quality(decided, labels, first=first, rate_hz=rate)

    def ran(name: str, part: Sequence[EncodedRecording]) -> dict[int, list[Ran]]:
        return {
            seed: [run_on(found[name], each, args.threads) for each in part]
            for seed, found in made.items()
        }

    results = []
    test, validation = data.recordings("test"), data.recordings("validation")
    for way, hop in ((WINDOWS, HOP), (APART, length)):
        for seed, found in made.items():
            decided = [by_windows(found["windows"], data, r, hop, args.threads) for r in test]
            results.append(Result(way, seed, None, judged(decided, test)))
    ways = ((CONTINUOUS, "windows"), (LONGER, "longer"), (TRAINED, "continuous"))
    for way, name in ways:
        memory = best_memory(
            ran(name, validation),
            lambda runs, memory: (
                judged([by_leaky_counts(each, memory, first) for each in runs], validation).accuracy
            ),
        )
        for seed, runs in ran(name, test).items():
            decided = [by_leaky_counts(each, memory, first) for each in runs]
            results.append(Result(way, seed, memory, judged(decided, test)))
    return results


def best_memory(runs: dict[int, list[Ran]], accuracy: Callable[[list[Ran], float], float]) -> float:
    """Return the memory with the highest mean accuracy over the seeds."""
    means = [np.mean([accuracy(each, memory) for each in runs.values()]) for memory in MEMORIES]
    return MEMORIES[int(np.argmax(means))]


# The page

FORMATS: Final[dict[str, tuple[float, str]]] = {
    "accuracy": (100, ".1f"),
    "delay_s": (1, ".1f"),
    "delay_90_s": (1, ".1f"),
    "missed": (100, ".1f"),
    "false_per_hour": (1, ".0f"),
    "synops_per_s": (1, ",.0f"),
}
"""Factor and format of each field of `Quality`."""

HEADINGS: Final = (
    "way", "memory in s", "accuracy in %", "delay in s", "9 of 10 within s", "missed in %",
    "false changes an hour", "SynOps a second",
)  # fmt: skip


def table_of(results: Sequence[Result], rate_hz: float) -> Table:
    """Return one row per way: means over the seeds, with the lowest and the highest."""
    rows = []
    for way in dict.fromkeys(each.way for each in results):
        some = [each for each in results if each.way == way]
        memory = "-" if some[0].memory is None else f"{some[0].memory / rate_hz:.2f}"
        rows.append([way, memory, *_cells([each.quality for each in some])])
    seeds = len({each.seed for each in results})
    about = f"means of {seeds} seeds, in brackets the lowest and the highest"
    return Table("Test recordings", about, HEADINGS, rows)


def _cells(qualities: Sequence[Quality]) -> Iterator[str]:
    for field in fields(Quality):
        factor, form = FORMATS[field.name]
        values = [factor * getattr(each, field.name) for each in qualities]
        mean, low, high = (f"{v:{form}}" for v in (np.mean(values), min(values), max(values)))
        yield f"{mean} ({low} to {high})" if low != high else mean


def finding(results: Sequence[Result]) -> str:
    """Return a sentence on what training for it gains, from the means over the seeds."""

    def mean(way: str, name: str) -> float:
        values = [getattr(each.quality, name) for each in results if each.way == way]
        return float(np.mean(values))

    accuracy = {way: 100 * mean(way, "accuracy") for way in (WINDOWS, CONTINUOUS, TRAINED)}
    cost = mean(WINDOWS, "synops_per_s") / mean(TRAINED, "synops_per_s")
    return (
        f"A network that was trained on windows has the right decision in "
        f"{accuracy[WINDOWS]:.1f}% of the labelled seconds with windows and in "
        f"{accuracy[CONTINUOUS]:.1f}% when it runs on; one that was trained to run on has "
        f"{accuracy[TRAINED]:.1f}%, with {1 / cost:.2f} times the SynOps of windows every half "
        "second."
    )


def write(path: Path, results: Sequence[Result], data: TaskData, argv: Sequence[str]) -> None:
    """Write the page."""
    recordings = data.recordings("test")
    pages.write(
        path, "continuous", argv,
        table=table_of(results, data.dataset.rate_hz or 1.0),
        finding=textwrap.fill(finding(results), 118),
        config=tuning(continuous_config(data)),
        memories=", ".join(map(str, MEMORIES)),
        data=facts(recordings, data.dataset.rate_hz or 1.0),
        source=data.dataset.source,
    )  # fmt: skip


def facts(recordings: Sequence[EncodedRecording], rate_hz: float) -> dict[str, Any]:
    """Return the size of some recordings, for the page."""
    known = [activities(each.labels) for each in recordings]
    changes = sum(a[2] != b[2] for each in known for a, b in pairwise(each))
    return {
        "recordings": len(recordings),
        "people": len({each.subject for each in recordings}),
        "hours": f"{sum(each.num_steps for each in recordings) / rate_hz / 3600:.1f}",
        "labelled": f"{sum(b - a for each in known for a, b, _ in each) / rate_hz / 3600:.1f}",
        "changes": changes,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is not trained, measure, and print the table."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    data = task("har")
    results = measured(args, data)
    table_of(results, data.dataset.rate_hz or 1.0).show()
    print(f"\n{finding(results)}")
    if args.json:
        args.json.write_text(json.dumps([asdict(each) for each in results], indent=1))
    if args.markdown:
        write(args.markdown, results, data, words)
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.continuous", description=__doc__)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--runs", type=Path, default=Path("runs/continuous"))
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--markdown", type=Path)
    options.add_argument("--json", type=Path)
    return options


if __name__ == "__main__":
    sys.exit(main())
