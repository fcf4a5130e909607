"""Several processes train as one does on the same batches; one of them prints, writes and tells."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from neurodeploy import deploy, train
from neurodeploy.learning import checkpoint, distributed
from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.learning.run_folder import FORMAT, READABLE
from neurodeploy.models.errors import BackendError, InputError

ROOT = Path(__file__).parent.parent

LIMIT_S = 1200
"""For what hangs: of ten seconds on a machine of its own, a busy one makes over two hundred."""

pytestmark = pytest.mark.long

DRIVER = """
import os, sys
from neurodeploy import train
from neurodeploy.learning import loop
from neurodeploy.models.errors import InputError
step = loop._step

def failing(training, *rest):
    if len(training.history) == 2 and os.environ["RANK"] == "1":
        raise InputError("process 1 has a problem; do something")
    return step(training, *rest)

loop._step = failing
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
    return dict(checkpoint.load_values(folder / "resume.pt", FORMAT, READABLE)["network"])


@pytest.mark.timeout(3 * LIMIT_S)
def test_two_processes_come_to_the_weights_of_one_also_when_one_fails_and_all_resume(
    uci_har_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, driver = tmp_path / "one", tmp_path / "two", tmp_path / "driver.py"
    # 5 windows a batch are 2 for the first process and 3 for the second.
    words = ["--data", str(uci_har_folder), "--hidden", "16", "--epochs", "6", "--batch", "5"]
    words += ["--learning-rate", "0.01", "--threads", "1"]
    assert train.main([*words, "--out", str(one)]) == 0
    alone = capsys.readouterr()
    driver.write_text(DRIVER)

    failed = torchrun(str(driver), *words, "--out", str(two))
    assert failed.returncode != 0
    assert failed.stdout == ""
    assert failed.stderr.count("error: process 1 has a problem; do something\n") == 1
    assert failed.stderr.count("error: ") == 1
    assert failed.stderr.count("epoch  2: ") == 1
    assert "epoch  3: " not in failed.stderr
    assert len((two / "history.jsonl").read_text().splitlines()) == 2

    resumed = torchrun("-m", "neurodeploy.train", *words, "--out", str(two), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.splitlines() == alone.out.replace(str(one), str(two)).splitlines()
    assert "epochs: 6 (2 of them done) by 2 processes\n" in resumed.stderr
    assert resumed.stderr.count("epoch  6: ") == 1
    expected, found = weights(one), weights(two)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-4, atol=1e-5)


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
"""All that is drawn or learned beside weights."""


@pytest.mark.timeout(2 * LIMIT_S)
def test_synaptic_delays_decays_and_dropout_are_those_of_one_process(
    uci_har_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "network.json").write_text(json.dumps(NETWORK))
    words = ["--data", str(uci_har_folder), "--epochs", "4", "--batch", "4", "--threads", "1"]
    words += ["--network", str(tmp_path / "network.json")]
    one, two = tmp_path / "one", tmp_path / "two"
    assert train.main([*words, "--out", str(one)]) == 0
    both = torchrun("-m", "neurodeploy.train", *words, "--out", str(two))
    assert both.returncode == 0, both.stderr
    expected, found = weights(one), weights(two)
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-4, atol=1e-4, msg=name)


# The batch and its parts


def test_processes_drop_the_senders_that_one_drops() -> None:
    from neurodeploy.models.blocks import drop_senders

    spikes = torch.ones(7, 20, 3)
    torch.manual_seed(0)
    whole = drop_senders(spikes, 0.4)
    shares = [Team(rank, 3).share(7) for rank in range(3)]
    parts = []
    for rows in shares:
        torch.manual_seed(0)
        parts.append(drop_senders(spikes[rows], 0.4, (rows.start, 7)))
    assert torch.equal(torch.cat(parts), whole)
    assert 0.3 < float((whole == 0).float().mean()) < 0.5


@pytest.mark.parametrize(("size", "count"), [(1, 8), (2, 8), (3, 8), (8, 8), (5, 32)])
def test_the_shares_of_a_batch_are_all_of_it_and_nearly_equal(size: int, count: int) -> None:
    shares = [range(count)[Team(rank, size).share(count)] for rank in range(size)]
    assert [row for share in shares for row in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_batch_of_less_windows_than_processes_is_refused() -> None:
    from neurodeploy.learning.training import check_batch

    check_batch(2, 24, 2)
    with pytest.raises(InputError) as caught:
        check_batch(2, 24, 3)
    assert str(caught.value) == (
        "the batch is 2 but 3 processes share it; give a larger batch or fewer processes"
    )


def test_a_single_process_shares_with_nobody() -> None:
    values = {"task": "har"}
    ALONE.check_same(values)
    assert ALONE.leads
    assert ALONE.may_tell()
    assert ALONE.from_leader(values) is values
    assert ALONE.total([1.0, 2.0]) == [1.0, 2.0]
    assert ALONE.wrap(values) is values


def test_processes_with_other_data_than_the_first_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Team, "from_leader", lambda *_: {"task": "har", "data_sha256": "1"})
    Team(1, 2).check_same({"task": "har", "data_sha256": "1"})
    with pytest.raises(InputError) as caught:
        Team(1, 2).check_same({"task": "har", "data_sha256": "2"})
    assert str(caught.value) == (
        "process 1 of 2 has another data_sha256 than process 0; start all with the same options on "
        "the same data and versions"
    )


# Who this process is


def placed(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Set the environment as torchrun does."""
    given = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in {**given, **values}.items():
        monkeypatch.setenv(name, value)


def test_torchruns_environment_tells_the_place_and_without_it_a_process_is_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in distributed.PLACE:
        monkeypatch.delenv(name, raising=False)
    assert distributed.place() == (0, 1)
    assert distributed.threads_each() is None
    assert distributed.device_of("cuda") == "cuda"
    placed(monkeypatch, RANK="1", LOCAL_RANK="1", LOCAL_WORLD_SIZE="2")
    assert distributed.place() == (1, 2)
    assert distributed.threads_each() == max(1, (os.cpu_count() or 1) // 2)
    assert distributed.device_of("cuda") == "cuda:1"
    assert distributed.device_of("cuda:0") == "cuda:0"
    assert distributed.device_of("cpu") == "cpu"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"RANK": "first"}, "RANK is 'first' in the environment; start with torchrun"),
        ({"RANK": "2"}, "RANK is 2 of WORLD_SIZE 2 processes; start with torchrun"),
    ],
)
def test_a_place_that_is_none_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, str],
    message: str,
) -> None:
    placed(monkeypatch, **values)
    assert train.main([]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_deploy_is_for_one_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    placed(monkeypatch)
    assert deploy.main([]) == 2
    assert capsys.readouterr().err == (
        "error: deploy was started as one of several processes and needs one; give torchrun "
        "-m neurodeploy.train, then export and report\n"
    )


# Who tells


class Store:
    """What the processes leave for one another, as torch's stores do."""

    def __init__(self, told: int = 0, *, gone: bool = False) -> None:
        self.told, self.gone = told, gone

    def add(self, _: str, amount: int) -> int:
        if self.gone:
            raise RuntimeError("Broken pipe")
        self.told += amount
        return self.told


def ended(monkeypatch: pytest.MonkeyPatch, team: Team, error: BaseException) -> BaseException:
    """Return how a process ends in whose training the error comes up."""
    placed(monkeypatch, RANK=str(team.rank), WORLD_SIZE=str(team.size))
    monkeypatch.setattr(distributed, "_meet", lambda *_: team)
    monkeypatch.setattr(distributed, "WAIT_S", 0.1)
    with pytest.raises(BaseException) as caught, distributed.joined():  # noqa: PT011
        raise error
    return caught.value


@pytest.mark.parametrize("error", [InputError("a"), BackendError("b"), MemoryError()])
def test_the_first_with_an_error_tells_it_and_the_others_end_like_it_in_silence(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    store = Store()
    assert ended(monkeypatch, Team(1, 2, store), error) is error
    silent = ended(monkeypatch, Team(0, 2, store), error)
    assert isinstance(silent, SystemExit)
    assert silent.code == 2


def test_of_an_interrupted_training_the_leader_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt = KeyboardInterrupt("kept")
    assert ended(monkeypatch, Team(0, 2, Store()), interrupt) is interrupt
    silent = ended(monkeypatch, Team(1, 2, Store()), interrupt)
    assert isinstance(silent, SystemExit)
    assert silent.code == 130


LOST = "[gloo/transport/tcp/pair.cc:544] Connection closed by peer [127.0.0.1]:19113"


def test_a_process_that_is_gone_without_a_word_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store()
    told = ended(monkeypatch, Team(0, 3, store), RuntimeError(LOST))
    assert isinstance(told, BackendError)
    assert str(told) == (
        "another of the 3 processes ended without a word, perhaps for want of memory; go on with "
        "--resume"
    )
    assert isinstance(ended(monkeypatch, Team(2, 3, store), RuntimeError(LOST)), SystemExit)


def test_when_the_leader_is_gone_with_the_store_it_has_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error in (InputError("a"), RuntimeError(LOST)):
        left = ended(monkeypatch, Team(1, 2, Store(gone=True)), error)
        assert isinstance(left, SystemExit)
        assert left.code == 2


def test_an_error_of_torchs_that_is_about_no_process_is_a_bug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)")
    assert ended(monkeypatch, Team(0, 2, Store()), error) is error


def test_processes_that_cannot_reach_one_another_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise ValueError("Error initializing torch.distributed using env:// rendezvous")

    placed(monkeypatch, RANK="1")
    module = importlib.import_module("torch.distributed.rendezvous")
    monkeypatch.setattr(module, "rendezvous", unreachable)
    with pytest.raises(InputError) as caught, distributed.joined():
        pass
    assert str(caught.value) == (
        "process 1 of 2 cannot reach the others (Error initializing torch.distributed using env:// "
        "rendezvous); start all with torchrun"
    )
