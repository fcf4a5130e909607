"""A training whose process is killed, at every step and over and over, and then goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.train import checkpoint

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.long

LIMIT_S = 1200
"""For what hangs; a busy machine takes many times what it takes alone."""


def contents(folder: Path) -> tuple[Any, ...]:
    """Return all that a run leaves for others and for its resumption, but for the seconds."""
    kept = checkpoint.load(folder / "model.pt")
    state = checkpoint.load_values(folder / "resume.pt", checkpoint.STATE_FORMAT)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for row in (*rows, *state["history"]):
        row["seconds"] = None
    best, last = (
        {name: values.tolist() for name, values in weights.items()}
        for weights in (kept.weights, state["network"])
    )
    return best, dict(kept.training), last, state["history"], rows


KILLED_AT_EVERY_STEP = """
import io, itertools, os, signal, sys
from pathlib import Path
import torch
from neurodeploy.commands import train
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod"}

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at_step(number):
    countdown = itertools.count(number, -1)
    def hook(event, args):
        if event in STEPS and str(parts) in str(args[0]) and next(countdown) == 0:
            die()
    sys.addaudithook(hook)

def within_save(number):
    countdown, save = itertools.count(number, -1), torch.save
    def half(values, path):
        if next(countdown):
            return save(values, path)
        buffer = io.BytesIO()
        save(values, buffer)
        Path(path).write_bytes(buffer.getvalue()[: buffer.tell() // 2])
        die()
    torch.save = half

def run(prepare, *arguments):
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr = open(os.devnull, "w")
        prepare(*arguments)
        more = ["--resume"] if (parts / "resume.pt").exists() else []
        os._exit(train.main([*options, "--out", str(parts), *more]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

whole, parts, *options = sys.argv[1:]
assert train.main([*options, "--out", whole]) == 0  # and what it loads is there for the children
parts = Path(parts)
deaths = [run(at_step, number) for number in range(48)]
deaths += [run(within_save, number) for number in range(4)]
assert deaths == [-signal.SIGKILL] * 52, deaths
assert run(lambda: None) == 0
"""


@pytest.mark.timeout(2 * LIMIT_S)
def test_a_run_killed_at_every_step_of_its_saves_ends_with_the_same_weights(
    uci_har_folder: Path, tmp_path: Path
) -> None:
    words = ["--data", str(uci_har_folder), "--hidden", "6", "--epochs", "40", "--batch", "6"]
    words += ["--threads", "1"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    ran = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(whole), str(parts), *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    assert contents(parts) == contents(whole)
    files = [sorted(file.name for file in folder.iterdir()) for folder in (parts, whole)]
    assert files[0] == files[1]


KILLED_OVER_AND_OVER = """
import os, signal, sys, time
from pathlib import Path
from neurodeploy.commands import train

def run(out, *more):
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr = open(os.devnull, "w")
        os._exit(train.main([*OPTIONS, "--out", str(out), *more]))
    return child

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def written(path):
    return path.stat().st_mtime_ns if path.exists() else 0

data, whole, parts = map(Path, sys.argv[1:])
OPTIONS = ["--data", str(data), "--hidden", "6", "--epochs", "30", "--batch", "6", "--threads", "1"]
assert train.main([*OPTIONS, "--out", str(whole)]) == 0  # what it loads the children have, too
state = parts / "resume.pt"
for kill in range(4):
    before = written(state)
    child = run(parts, *(["--resume"] if before else []))
    while written(state) == before:
        time.sleep(0.001)
    time.sleep(0.0047 * kill)  # from just after the state is replaced to the next epoch's
    os.kill(child, signal.SIGKILL)
    assert code(child) == -signal.SIGKILL
assert code(run(parts, "--resume")) == 0
"""


@pytest.mark.timeout(2 * LIMIT_S)
def test_a_run_killed_over_and_over_ends_with_the_same_weights(
    uci_har_folder: Path, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = [str(path) for path in (uci_har_folder, whole, parts)]
    ran = subprocess.run(
        [sys.executable, "-c", KILLED_OVER_AND_OVER, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    assert contents(parts) == contents(whole)
