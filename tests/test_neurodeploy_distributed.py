"""Several processes train as one does on the same batches; one of them prints and writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from neurodeploy.commands import deploy, train
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.train import checkpoint, distributed
from neurodeploy.train.training import check_batch

ROOT = Path(__file__).parent.parent

LIMIT_S = 1200
"""For what hangs: ten seconds on an idle machine are over two hundred on a busy one."""

DRIVER = """
import os, signal, sys
from neurodeploy.commands import train
from neurodeploy.train import training
from neurodeploy.models.errors import InputError
step, act = training._step, sys.argv.pop(1)

def failing(started, *rest):
    if len(started.history) == 2 and os.environ["RANK"] == "1":
        if act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise InputError("process 1 has a problem; do something")
    return step(started, *rest)

training._step = failing
sys.exit(train.main(sys.argv[1:]))
"""


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    """Run two processes of a script or module of this project."""
    free = "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *free, "--nproc-per-node=2", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights after the last epoch of a run."""
    state = checkpoint.load_values(folder / "resume.pt", checkpoint.STATE_FORMAT)
    return dict(state["network"])


def assert_close(one: Path, two: Path) -> None:
    expected, found = weights(one), weights(two)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-4, atol=1e-4, msg=name)


@pytest.mark.long
@pytest.mark.timeout(3 * LIMIT_S)
def test_two_processes_come_to_the_weights_of_one_also_when_they_fail_and_resume(
    uci_har_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, driver = tmp_path / "one", tmp_path / "two", tmp_path / "driver.py"
    # Of 5 samples per batch, 2 are for the first process and 3 for the second.
    words = ["--data", str(uci_har_folder), "--hidden", "16", "--epochs", "6", "--batch", "5"]
    words += ["--learning-rate", "0.01", "--threads", "1"]
    assert train.main([*words, "--out", str(one)]) == 0
    alone = capsys.readouterr()
    driver.write_text(DRIVER)

    failed = torchrun(str(driver), "raise", *words, "--out", str(two))
    assert failed.returncode != 0
    assert failed.stdout == ""
    assert failed.stderr.count("error: process 1 has a problem; do something\n") == 1
    assert failed.stderr.count("error: ") == 1
    assert failed.stderr.count("epoch  2: ") == 1
    assert "epoch  3: " not in failed.stderr

    killed = torchrun(str(driver), "kill", *words, "--out", str(two), "--resume")
    assert killed.returncode != 0
    assert killed.stderr.count("error: ") <= 1  # torchrun may end the other one first
    assert len((two / "history.jsonl").read_text().splitlines()) == 2

    resumed = torchrun("-m", "neurodeploy.train", *words, "--out", str(two), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.splitlines() == alone.out.replace(str(one), str(two)).splitlines()
    assert re.search(r"6 epochs \(2 done\).* 2 processes\n", resumed.stderr)
    assert resumed.stderr.count("epoch  6: ") == 1
    assert_close(one, two)


NETWORK = {
    "input_shape": [33],
    "delay_init_max": 5.0,
    "layers": [
        {"kind": "dense", "neurons": 12, "delays": "synaptic", "dropout": 0.3, "threshold": 0.5,
         "tau_grad": 0.1, "learn_decays": "neuron"},
        {"kind": "dense", "neurons": 6, "bias": True, "dropout": 0.3, "threshold": 0.5,
         "tau_grad": 0.1},
    ],
}  # fmt: skip
"""Everything that is drawn or learned beside weights."""


@pytest.mark.long
@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("more", [[], ["--energy-budget-uj", "0.9"]], ids=["plain", "budget"])
def test_delays_decays_dropout_and_budgets_are_those_of_one_process(
    uci_har_folder: Path, tmp_path: Path, more: list[str]
) -> None:
    (tmp_path / "network.json").write_text(json.dumps(NETWORK))
    words = ["--data", str(uci_har_folder), "--epochs", "4", "--batch", "4", "--threads", "1"]
    words += ["--network", str(tmp_path / "network.json"), *more]
    one, two = tmp_path / "one", tmp_path / "two"
    assert train.main([*words, "--out", str(one)]) in (0, 1)
    both = torchrun("-m", "neurodeploy.train", *words, "--out", str(two))
    assert "error" not in both.stderr
    if not more:
        assert_close(one, two)
    rows = [(out / "history.jsonl").read_text().splitlines() for out in (one, two)]
    costs = [[json.loads(line)["cost"] for line in each] for each in rows]
    assert costs[0] == (pytest.approx(costs[1], rel=0.02) if more else costs[1])


# The parts of a batch


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: object, size: int = 2, **more: str) -> None:
    """Set the environment as torchrun does."""
    values = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": 1}
    for name, value in {**values, **more}.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(("size", "count"), [(1, 8), (2, 8), (3, 8), (8, 8), (5, 32)])
def test_the_parts_of_a_batch_are_all_of_it_and_nearly_equal(
    monkeypatch: pytest.MonkeyPatch, size: int, count: int
) -> None:
    parts = []
    for rank in range(size):
        as_rank(monkeypatch, rank, size)
        parts.append(range(count)[distributed.rows(count)])
    assert [row for part in parts for row in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_processes_drop_the_senders_that_one_process_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurodeploy.models.blocks import drop_senders

    spikes = torch.ones(7, 20, 3)
    torch.manual_seed(0)
    whole = drop_senders(spikes, 0.4)
    parts = []
    for rank in range(3):
        as_rank(monkeypatch, rank, 3)
        rows = distributed.rows(7)
        torch.manual_seed(0)
        parts.append(drop_senders(spikes[rows], 0.4, (rows.start, 7)))
    assert torch.equal(torch.cat(parts), whole)
    assert 0.3 < float((whole == 0).float().mean()) < 0.5


def test_a_batch_of_fewer_samples_than_processes_is_refused() -> None:
    check_batch(2, 24, 2)
    with pytest.raises(InputError, match="the batch is 2 but 3 processes share it"):
        check_batch(2, 24, 3)


# Rank and world size


def test_torchruns_environment_gives_rank_threads_and_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in distributed.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert distributed.threads_per_process() is None
    assert distributed.local_device("cuda") == "cuda"
    as_rank(monkeypatch, 1, LOCAL_RANK="1", LOCAL_WORLD_SIZE="2")
    assert (distributed.rank(), distributed.world_size()) == (1, 2)
    assert distributed.threads_per_process() == max(1, (os.cpu_count() or 1) // 2)
    names = ("cuda", "cuda:0", "cpu")
    assert [distributed.local_device(name) for name in names] == ["cuda:1", "cuda:0", "cpu"]
    with distributed.rank_zero_only():
        print("hidden")
    as_rank(monkeypatch, 0)
    with distributed.rank_zero_only():
        print("shown")
    assert capsys.readouterr().out == "shown\n"


@pytest.mark.parametrize(("rank", "named"), [("first", "RANK is 'first'"), (2, "RANK is 2 of")])
def test_an_invalid_rank_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rank: Any, named: str
) -> None:
    as_rank(monkeypatch, rank)
    assert train.main([]) == 2
    assert capsys.readouterr().err.startswith(f"error: {named}")


def test_deploy_is_for_one_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_rank(monkeypatch, 0)
    assert deploy.main([]) == 2
    assert "torchrun -m neurodeploy.train" in capsys.readouterr().err


# Who reports an error


def ended(
    monkeypatch: pytest.MonkeyPatch, rank: int, error: BaseException, store: Any
) -> BaseException:
    """Return how a process ends in which the error occurs; the store is one of torch's."""
    as_rank(monkeypatch, rank, 3)
    monkeypatch.setattr(distributed, "_join", lambda: store)
    monkeypatch.setattr(distributed, "WAIT_S", 0.1)
    with pytest.raises(BaseException) as caught, distributed.process_group():  # noqa: PT011
        raise error
    return caught.value


LOST = RuntimeError("[gloo/transport/tcp/pair.cc:544] Connection closed by peer [127.0.0.1]:19113")


@pytest.mark.parametrize("error", [InputError("a"), BackendError("b"), MemoryError(), LOST])
def test_the_first_process_with_an_error_reports_it_and_the_others_exit_silently(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    store = torch.distributed.HashStore()
    reported = ended(monkeypatch, 1, error, store)
    if error is LOST:
        assert isinstance(reported, BackendError)
        assert "one of the 3 processes" in str(reported)
        assert "--resume" in str(reported)
    else:
        assert reported is error
    for rank in (0, 2):
        silent = ended(monkeypatch, rank, error, store)
        assert isinstance(silent, SystemExit)
        assert silent.code == 2


def test_rank_zero_reports_an_interruption_and_any_rank_a_bug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupt, bug = KeyboardInterrupt("saved"), RuntimeError("mat1 and mat2 shapes")
    assert ended(monkeypatch, 0, interrupt, torch.distributed.HashStore()) is interrupt
    silent = ended(monkeypatch, 1, interrupt, torch.distributed.HashStore())
    assert isinstance(silent, SystemExit)
    assert silent.code == 130
    assert ended(monkeypatch, 1, bug, torch.distributed.HashStore()) is bug


def test_processes_that_cannot_reach_one_another_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_rank(monkeypatch, 1, MASTER_PORT="not-a-port")
    error = pytest.raises(InputError, match="process 1 of 2 cannot connect to the others")
    with error, distributed.process_group():
        pass
