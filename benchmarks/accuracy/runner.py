"""Train, export and report the runs that are not recorded, with neurodeploy's commands.

runs/accuracy/TASK/MODEL-seed-N/
    run.json      setup, digest of the code, and processor seconds so far
    model.pt ...  files written by `train`, `export` and `report`
    log.txt       the commands and their stderr

An interrupted run continues where it stopped. The folder of a run with another setup is renamed,
never deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from benchmarks.accuracy import records
from benchmarks.accuracy.setup import MODELS, Model, Setup
from benchmarks.pages import ROOT, processor
from neurodeploy.commands import cli
from neurodeploy.models.files import replacing

CODE: Final = ("models", "export", "hw_sim", "neurodeploy", "benchmarks/accuracy/predictions.py")
ANN_CODE: Final = ("neurodeploy/data", "hw_sim/readout.py", "benchmarks/ann.py")
"""Files and folders whose code determines the figures."""


class RunFailed(Exception):
    """A program failed. The message contains the reason and the log; `code` is the exit code."""

    code: int | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """One training and its test.

    Attributes:
        setup: setup of its task.
        model: name of the model.
        seed: seed of the training.
        runs: folder of all runs.
        rates: learning rates to try for an artificial network.
    """

    setup: Setup
    model: str
    seed: int
    runs: Path
    rates: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{self.setup.task}, {MODELS[self.model].title}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.runs / self.setup.task / f"{self.model}-seed-{self.seed}"


@dataclass(eq=False)
class Programs:
    """Runs Python modules on one thread each, and terminates them at the end of the benchmark."""

    ended: bool = False
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, run: Run, words: Sequence[str], good: tuple[int, ...] = (0,)) -> str:
        """Run a module and return its stdout; add its processor time to the run's.

        Raises:
            RunFailed: if its exit code is not in `good`.
        """
        log = run.folder / "log.txt"
        with log.open("a") as errors:
            print(f"$ python -m {' '.join(words)}", file=errors, flush=True)
            with self._lock:
                if self.ended:
                    raise RunFailed("interrupted")
                process = subprocess.Popen(
                    [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=errors,
                    text=True, cwd=ROOT, env={**os.environ, **dict.fromkeys(THREADS, "1")},
                )  # fmt: skip
                self._running.add(process)
            assert process.stdout is not None
            with process.stdout as stream:
                out = stream.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            with self._lock:
                self._running.discard(process)
        _note(run, core_seconds=usage.ru_utime + usage.ru_stime)
        if process.returncode not in good:
            last = [line for line in log.read_text().splitlines() if line.strip()][-1]
            failed = RunFailed(
                f"{words[0]} exited with {process.returncode} ({last:.300}); see {log}"
            )
            failed.code = process.returncode
            raise failed
        return out

    def end(self) -> None:
        """Terminate running programs and start no more."""
        with self._lock:
            self.ended = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)


THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_all(runs: Sequence[Run], folder: Path, jobs: int) -> dict[str, str]:
    """Run and record several runs in parallel.

    Args:
        runs: the runs. For artificial networks, the first seed of a model chooses the learning rate
            of the others.
        folder: folder of the records.
        jobs: number of parallel runs.

    Returns:
        The reasons of failed runs, by their names.
    """
    chains: dict[Any, list[Run]] = {}
    for run in runs:
        alone = None if MODELS[run.model].kind else run.seed
        chains.setdefault((run.setup.task, run.model, alone), []).append(run)
    programs, failures = Programs(), {}
    bar = tqdm(total=len(runs), unit="run", disable=None)
    with bar, ThreadPoolExecutor(jobs) as pool:
        try:
            futures = [pool.submit(_chain, each, programs, folder, bar) for each in chains.values()]
            for future in as_completed(futures):
                failures.update(future.result())
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command continues where it stopped") from None
        finally:
            programs.end()
            pool.shutdown(cancel_futures=True)
    return failures


def _chain(runs: Sequence[Run], programs: Programs, folder: Path, bar: Any) -> dict[str, str]:
    """Run one after the other; the first run chooses the learning rate of the others."""
    failures: dict[str, str] = {}
    rates = runs[0].rates
    for index, each in enumerate(runs):
        run = replace(each, rates=rates)
        try:
            if index and MODELS[run.model].kind and not rates:
                raise RunFailed("its learning rate is chosen on the first seed, which failed")
            learning_rate = _made(run, programs, folder)
            rates = (learning_rate,) if index == 0 else rates
        except Exception as error:  # a failed run does not stop the others
            failures[run.name] = str(error) or type(error).__name__
            bar.write(f"{run.name} failed: {failures[run.name]}")
            rates = () if index == 0 else rates
        bar.update()
    return failures


def _made(run: Run, programs: Programs, folder: Path) -> float:
    """Run and record a run unless it is recorded; return its learning rate."""
    row, _ = records.read(folder).find(run.setup, run.model, run.seed, run.rates)
    if row is None:
        if programs.ended:
            raise RunFailed("interrupted")
        figures = make(run, programs)
        records.add(folder, run.setup, figures)
        return float(figures["learning_rate"])
    return float(row.learning_rate)


def make(run: Run, programs: Programs) -> dict[str, Any]:
    """Train and test a run, and return its figures as columns of the records."""
    model = MODELS[run.model]
    if aside := prepare(run):
        print(f"{run.name}: {run.folder} held a run of another setup, now in {aside}")
    figures = _artificial(run, programs) if model.kind else _spiking(run, programs)
    made_by = makers(model)
    state = _state(run)
    digests = sorted({made_by.pop("code_sha256"), state["code_sha256"]})
    return {
        "model": run.model, "seed": run.seed, **figures, "core_seconds": state["core_seconds"],
        "code_sha256": "+".join(digests), **made_by,
    }  # fmt: skip


def prepare(run: Run) -> Path | None:
    """Prepare a run's folder; return the new path of a folder with another setup, if any."""
    wanted = {"setup": run.setup.key, "rates": list(run.rates)}
    state, aside = _state(run), None
    if state and {name: state[name] for name in wanted} != wanted:
        aside, state = set_aside(run.folder), {}
    if not state:
        run.folder.mkdir(parents=True, exist_ok=True)
        code = makers(MODELS[run.model])["code_sha256"]
        _write_state(run, {**wanted, "code_sha256": code, "core_seconds": 0.0})
    return aside


def set_aside(folder: Path) -> Path:
    """Rename a folder and return its new path."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.earlier-{number}")).exists():
        number += 1
    return folder.rename(aside)


def _state(run: Run) -> dict[str, Any]:
    path = run.folder / "run.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _write_state(run: Run, state: Mapping[str, Any]) -> None:
    with replacing(run.folder / "run.json") as temporary:
        temporary.write_text(json.dumps(state))


def _note(run: Run, *, core_seconds: float) -> None:
    state = _state(run)
    _write_state(run, {**state, "core_seconds": state["core_seconds"] + core_seconds})


def makers(model: Model) -> dict[str, Any]:
    """Return digest and commit of the current code, package versions and processor."""
    places = ANN_CODE if model.kind else CODE
    return {
        "code_sha256": code_digest(places),
        "commit": _git("rev-parse", "--short=12", "HEAD") or "unknown",
        "changed": bool(_git("status", "--porcelain", "--", *places)),
        "processor": processor(),
        "python": platform.python_version(),
        **{package: version(package) for package in records.PACKAGES},
    }


def code_digest(places: Sequence[str]) -> str:
    """Return the sha256 of files, and of the Python and JSON files in folders of the project."""
    sha = hashlib.sha256()
    for place in places:
        path = ROOT / place
        files = [path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.json")]
        for file in sorted(files):
            sha.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return sha.hexdigest()


def _git(*words: str) -> str:
    line = ["git", "-C", str(ROOT), *words]
    try:
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _spiking(run: Run, programs: Programs) -> dict[str, Any]:
    """Train, export, report, and compare predictions."""
    threads = ("--threads", "1")
    _train(run, programs)
    trained, network = str(run.folder / "model.pt"), str(run.folder / "model.net")
    programs.run(run, ["neurodeploy.export", trained, "--samples", "64", *threads])
    # Exit code 1: it fits on no chip; the report contains this.
    text = programs.run(run, ["neurodeploy.report", network, "--json", *threads], (0, 1))
    both = programs.run(run, ["benchmarks.accuracy.predictions", trained, network, *threads])
    report, compared = json.loads(text), json.loads(both)
    counted, metadata = report["counted"], report["network"]["metadata"]
    figures = {
        "accuracy": counted["score"]["accuracy"],
        "macro_f1": counted["score"]["macro_f1"],
        "validation_accuracy": metadata["validation_accuracy"],
        "best_epoch": metadata["epoch"],
        "learning_rate": run.setup.config["learning_rate"],
        "trained_accuracy": compared["trained_accuracy"],
        "same_predictions": compared["trained"] == compared["quantized"],
        "different_spikes": compared["different_spikes"],
        "predictions": compared["quantized"],
        "parameters": run.setup.parameters[run.model],
        "operations": counted["total"]["synops_per_sample"],
    }
    for chip, estimated in report["estimated"].items():
        speed = estimated["full_speed"]
        figures[f"{chip}_fits"] = estimated["fits"]
        for name, band in (
            ("uj", speed["energy_per_sample_uj"]["dynamic"]),
            ("ms", speed["latency_ms"]),
        ):
            figures |= {f"{chip}_{name}_{end}": band[end] for end in ("low", "value", "high")}
    return figures


def _train(run: Run, programs: Programs) -> None:
    """Train; resume an interrupted training unless `train` refuses to."""
    words = ["neurodeploy.train", "--task", run.setup.task, *MODELS[run.model].options]
    words += ["--seed", str(run.seed), "--out", str(run.folder), "--threads", "1"]
    if (run.folder / "resume.pt").exists():
        try:
            programs.run(run, [*words, "--resume"])
            return
        except RunFailed as failed:
            if failed.code != cli.IMPOSSIBLE:
                raise
        set_aside(run.folder)
        prepare(run)
    programs.run(run, words)


def _artificial(run: Run, programs: Programs) -> dict[str, Any]:
    """Train an artificial network with each of the run's learning rates."""
    out, plan = run.folder / "ann.json", run.setup.networks[run.model]
    size = run.setup.parameters[run.setup.own]
    words = ["benchmarks.ann", "--task", run.setup.task, "--kind", MODELS[run.model].kind]
    words += ["--seed", str(run.seed), "--parameters", str(size), "--threads", "1"]
    if not out.exists():
        programs.run(run, [*words, "--rates", *map(str, run.rates), "--out", str(out)])
    found = json.loads(out.read_text())
    best = next(t for t in found["tried"] if t["learning_rate"] == found["learning_rate"])
    tried = [
        {
            "learning_rate": each["learning_rate"], "seconds": each["seconds"],
            "validation_accuracies": " ".join(map(repr, each["validation"])),
        }
        for each in found["tried"]
    ]  # fmt: skip
    same = ("accuracy", "macro_f1", "predictions", "learning_rate", "epochs")
    return {
        **{name: found[name] for name in same},
        "rates": records.words(run.rates),
        "parameters": plan["parameters"],
        "operations": plan["macs"],
        "validation_accuracy": max(best["validation"]),
        "best_epoch": 1 + best["validation"].index(max(best["validation"])),
        "tried": tried,
    }
