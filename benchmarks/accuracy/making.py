"""How a run of the benchmark of accuracy is made: trained, exported, reported and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.accuracy import code, rules
from benchmarks.accuracy.commands import Commands, RunFailed
from benchmarks.accuracy.runs import Run, check, prepare, read_json, set_aside, write_json
from neurodeploy import cli

OTHER_OPTIONS: Final = "without --resume"
"""What `train` advises where an interrupted training does not fit."""

PROVED: Final = 64
"""Test windows on which `export` compares spikes; all are compared afterwards."""


def make(run: Run, commands: Commands) -> dict[str, Any]:
    """Train, test, write the figures and return them.

    Raises:
        RunFailed: when a command fails, or the code changed meanwhile.
        InputError: when accuracy and answers disagree.
    """
    commands.spent()
    began = read_json(run.folder / "code.json", {"sha256": rules.is_text})
    now = code.makers(run.model)
    made_by = {**now, "sha256": sorted({now["sha256"], *_digests(began)})}
    try:
        figures = _spiking(run, commands) if run.model.spiking else _artificial(run, commands)
    finally:
        spent = _add_spent(run, commands.spent())
    if not code.unchanged(run.model):
        raise RunFailed("its code was changed since the benchmark began; start it again")
    check(figures, run.facts, run.name)
    values = {"key": run.key, "code": made_by, "core_seconds": spent, **figures}
    write_json(values, run.result)
    return values


def _digests(made_by: Mapping[str, Any] | None) -> list[str]:
    return [] if made_by is None else [made_by["sha256"]]


def _add_spent(run: Run, seconds: float) -> float:
    """Add processor seconds to those that the run took before, and return the sum."""
    place = run.folder / "spent.json"
    before = read_json(place, {"core_seconds": rules.is_count})
    spent = seconds + (0.0 if before is None else float(before["core_seconds"]))
    write_json({"core_seconds": spent}, place)
    return spent


def _spiking(run: Run, commands: Commands) -> dict[str, Any]:
    """Train, export and report by the commands that a person would type."""
    log, folder = run.folder / "log.txt", run.folder
    threads = ("--threads", "1")
    _train(run, commands)
    trained, network = folder / "model.pt", folder / "model.net"
    commands.run(["neurodeploy.export", str(trained), "--samples", str(PROVED), *threads], log)
    # 1: it fits none of the chips, which the report says of each
    text = commands.run(["neurodeploy.report", str(network), "--json", *threads], log, (0, 1))
    both = commands.run(["benchmarks.accuracy.answers", str(trained), str(network), *threads], log)
    if not text:
        raise RunFailed(f"neurodeploy.report printed nothing; see {log}")
    report, answers = json.loads(text), json.loads(both)
    (folder / "report.json").write_text(text)
    return spiking_figures(report, answers, run.facts.parameters[run.model.name])


def _train(run: Run, commands: Commands) -> None:
    """Train, going on where it was interrupted unless `train` refuses to."""
    words = ["neurodeploy.train", "--task", run.facts.task, *run.model.words]
    words += ["--seed", str(run.seed), "--out", str(run.folder), "--threads", "1"]
    log = run.folder / "log.txt"
    if (run.folder / "resume.pt").exists():
        try:
            commands.run([*words, "--resume"], log)
            return
        except RunFailed as failed:
            if failed.code != cli.IMPOSSIBLE or OTHER_OPTIONS not in failed.said:
                raise
            set_aside(run.folder)
            prepare(run)
    commands.run(words, log)


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
        "epoch": report["network"]["metadata"]["epoch"],
        "validation": report["network"]["metadata"]["validation_accuracy"],
        "chips": {name: _on_chip(each) for name, each in report["estimated"].items()},
    }


def _on_chip(estimated: Mapping[str, Any]) -> dict[str, Any]:
    speed = estimated["full_speed"]
    return {
        "fits": estimated["fits"],
        "dynamic_uj": speed["energy_per_sample_uj"]["dynamic"],
        "latency_ms": speed["latency_ms"],
    }


def _artificial(run: Run, commands: Commands) -> dict[str, Any]:
    """Train an artificial network, on the first seed with every rate, else with the chosen one."""
    out, plan = run.folder / "ann.json", run.facts.networks[run.model.name]
    if not out.exists():
        words = ["--task", run.facts.task, "--kind", run.model.kind, "--seed", str(run.seed)]
        words += ["--parameters", str(run.facts.parameters[run.facts.own]), "--threads", "1"]
        words += ["--rates", *map(str, run.rates), "--out", str(out)]
        commands.run(["benchmarks.ann", *words], run.folder / "log.txt")
    found = read_json(out, {}) or {}
    if found.get("plan") != json.loads(json.dumps(plan)):
        raise RunFailed(f"{out} holds another network than the one asked for; remove it")
    best = next(each for each in found["tried"] if each["rate"] == found["rate"])
    same = ("accuracy", "macro_f1", "answers", "rate", "epochs", "tried")
    return {
        **{name: found[name] for name in same},
        "parameters": plan["parameters"],
        "operations": plan["macs"],
        "epoch": best["epoch"],
        "validation": best["validation"][best["epoch"] - 1],
    }
