"""The runs of the benchmark of accuracy: what is there, and how one is made.

runs/accuracy/TASK/MODEL-seed-N/
    key.json      what decides about the figures, written first
    model.pt ...  what `train`, `export` and `report` write
    log.txt       what they said
    result.json   the figures, written last: without it the run goes on where it was interrupted

A folder of a run with another key is renamed, never removed, and the run made anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy import records
from benchmarks.accuracy.commands import Commands, RunFailed
from benchmarks.accuracy.keys import Facts, code_of, differences, key_of
from benchmarks.accuracy.models import MODELS, Model
from models.atomic import replacing

PROVED: Final = 64
"""Test windows on which `export` compares spikes; all are compared afterwards."""


@dataclass(frozen=True)
class Place:
    """Where runs are.

    Attributes:
        runs: folder of their folders.
        records: folder of the figures of runs that count wherever they were made, or None.
    """

    runs: Path
    records: Path | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """One training and its test.

    Attributes:
        facts: of its task.
        model: which is trained.
        seed: of the training.
        first_seed: of the benchmark, on which an artificial network's rate is chosen.
        place: where it is.
    """

    facts: Facts
    model: Model
    seed: int
    first_seed: int
    place: Place

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.facts.task}, {self.model.title}, seed {self.seed}"

    @property
    def key(self) -> dict[str, Any]:
        """What decides about the figures."""
        return key_of(self.facts, self.model, self.seed, self.first_seed)

    @property
    def chooses(self) -> bool:
        """Whether the rate of an artificial network is chosen on it."""
        return not self.model.spiking and self.seed == self.first_seed

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.place.runs / self.facts.task / f"{self.model.name}-seed-{self.seed}"

    @property
    def records(self) -> Path | None:
        """The file of its task's records, None without any."""
        folder = self.place.records
        return None if folder is None else folder / f"{self.facts.task}.jsonl"

    @property
    def result(self) -> Path:
        """The file of its figures."""
        return self.folder / "result.json"

    def kept(self) -> dict[str, Any] | None:
        """Return the figures that are there and are this run's, None without."""
        here = read_json(self.result)
        known = [here] if here else []
        if self.records is not None:
            known += records.read(self.records)
        return next((each for each in known if not differences(each["key"], self.key)), None)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file, None where there is no such file."""
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write an object, replacing the file only when it is complete."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values))


def prepare(run: Run) -> str:
    """Make the folder ready for the run and return what to tell of it, "" for nothing.

    What is there of the same run stays; the folder of another is renamed.
    """
    place, told = run.folder / "key.json", ""
    kept = read_json(place)
    changed = [] if kept is None else differences(kept, run.key)
    if changed:
        aside = _free_name(run.folder)
        run.folder.rename(aside)
        told = f"{run.name}: what is there differs in {', '.join(changed)}; it is now in {aside}"
    if kept is None or changed:
        run.folder.mkdir(parents=True, exist_ok=True)
        write_json(run.key, place)
    return told


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.earlier-{number}")).exists():
        number += 1
    return aside


def make(run: Run, commands: Commands) -> dict[str, Any]:
    """Train, test, write the figures and return them.

    Raises:
        RunFailed: when a command fails.
    """
    began = time.monotonic()
    commands.spent()
    figures = _spiking(run, commands) if run.model.spiking else _artificial(run, commands)
    values = {
        "key": run.key,
        "code": code_of(run.model),
        "seconds": time.monotonic() - began,
        "core_seconds": commands.spent(),
        **figures,
    }
    write_json(values, run.result)
    return values


def _spiking(run: Run, commands: Commands) -> dict[str, Any]:
    """Train, export and report by the commands that a person would type."""
    log, folder = run.folder / "log.txt", run.folder
    threads = ("--threads", "1")
    train = ["--task", run.facts.task, *run.model.words, "--seed", str(run.seed)]
    resume = ["--resume"] if (folder / "resume.pt").exists() else []
    commands.run(["neurodeploy.train", *train, "--out", str(folder), *resume, *threads], log)
    trained, network = folder / "model.pt", folder / "model.net"
    commands.run(["neurodeploy.export", str(trained), "--samples", str(PROVED), *threads], log)
    # 1: it fits none of the chips, which the report says of each
    text = commands.run(["neurodeploy.report", str(network), "--json", *threads], log, (0, 1))
    both = commands.run(["benchmarks.accuracy.answers", str(trained), str(network), *threads], log)
    report, answers = json.loads(text), json.loads(both)
    (folder / "report.json").write_text(text)
    return spiking_figures(report, answers, run.facts.parameters[run.model.name])


def spiking_figures(
    report: Mapping[str, Any], answers: Mapping[str, Any], parameters: int
) -> dict[str, Any]:
    """Return the figures of a spiking network from its report and its answers."""
    counted = report["counted"]
    return {
        "accuracy": counted["accuracy"],
        "macro_f1": counted["macro_f1"],
        "trained_accuracy": answers["trained_accuracy"],
        "same_answers": answers["trained"] == answers["deployed"],
        "different_spikes": answers["different"],
        "answers": answers["deployed"],
        "parameters": parameters,
        "operations": counted["total"]["synops_per_sample"],
        "epoch": report["network"]["provenance"]["epoch"],
        "validation": report["network"]["provenance"]["validation_accuracy"],
        "chips": {name: _on_chip(each) for name, each in report["estimated"].items()},
    }


def _on_chip(estimated: Mapping[str, Any]) -> dict[str, Any]:
    speed = estimated["full_speed"]
    return {
        "fits": estimated["fits"],
        "neurocores": estimated["placement"]["neurocores"],
        "dynamic_uj": speed["energy_uj"]["dynamic"],
        "latency_ms": speed["latency_ms"],
    }


def _artificial(run: Run, commands: Commands) -> dict[str, Any]:
    """Train an artificial network, on the first seed with every rate, else with the chosen one."""
    out = run.folder / "ann.json"
    if not out.exists():
        words = ["--task", run.facts.task, "--kind", run.model.kind, "--seed", str(run.seed)]
        words += ["--parameters", str(run.facts.parameters[run.facts.own]), "--threads", "1"]
        if not run.chooses:
            words += ["--rates", str(_chosen_rate(run))]
        commands.run(["benchmarks.ann", *words, "--out", str(out)], run.folder / "log.txt")
    found = read_json(out)
    assert found is not None
    best = next(each for each in found["tried"] if each["rate"] == found["rate"])
    same = ("accuracy", "macro_f1", "answers", "rate", "epochs", "tried")
    return {
        **{name: found[name] for name in same},
        "parameters": found["plan"]["parameters"],
        "operations": found["plan"]["macs"],
        "epoch": best["epoch"],
        "validation": best["validation"][best["epoch"] - 1],
    }


def _chosen_rate(run: Run) -> float:
    found = replace(run, seed=run.first_seed).kept()
    if found is None:
        raise RunFailed(f"its learning rate is chosen on seed {run.first_seed}, which failed")
    return float(found["rate"])


def runs_of(
    facts: Facts, place: Place, seeds: Sequence[int], names: Sequence[str] | None
) -> list[Run]:
    """Return the runs of a task: of the models asked for, or those it has by default."""
    models = [
        model
        for model in MODELS.values()
        if (model.name in names if names else not model.tasks or facts.task in model.tasks)
    ]
    return [Run(facts, model, seed, seeds[0], place) for model in models for seed in seeds]
