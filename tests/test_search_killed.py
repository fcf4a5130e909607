"""Searches whose workers are killed, in every kind of storage."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from neurodeploy.explore import workers
from neurodeploy.explore.storage import open_storage
from neurodeploy.explore.study import read_search
from neurodeploy.explore.workers import Job
from neurodeploy.models.errors import InputError

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning"),
]

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _connections_are_gone() -> Iterator[None]:
    """Let Optuna's open connections end here, where their warning is ignored."""
    yield
    gc.collect()


TRIALS, KILLS = 50, 12
LIMIT_S = 1200
"""For what hangs; a busy machine takes many times what it takes alone."""

WORKER = """
import sys, time
import optuna
from neurodeploy.explore.workers import Job, work
optuna.logging.set_verbosity(optuna.logging.ERROR)

def objective(trial):
    trial.set_user_attr("runs", [*trial.user_attrs.get("runs", []), trial.number])
    time.sleep(0.1 + 0.3 * trial.suggest_float("x", 0, 1))
    with open(sys.argv[2], "a") as file:
        file.write(f"{trial.params['x']!r}\\n")
    return trial.params["x"]

job = Job(objective, ("maximize",), sys.argv[1], "killed", 50, heartbeat_s=1)
work(job, job.open())
"""


def a_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server and yield the URL of its database."""
    initdb = shutil.which("initdb") or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None
    )
    if initdb is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    home, port = Path(tempfile.mkdtemp(prefix="pg")), a_port()
    as_user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    control = [*as_user, str(Path(initdb).with_name("pg_ctl")), "-D", str(home / "data")]
    subprocess.run(
        [*as_user, initdb, "-D", str(home / "data"), "-A", "trust", "-U", "postgres"],
        check=True, capture_output=True, cwd=home,
    )  # fmt: skip
    how = ["-o", f"-p {port} -k {home} -h 127.0.0.1", "-l", str(home / "log"), "-w"]

    def turn(*words: str) -> None:
        subprocess.run([*control, *words], check=True, stdout=subprocess.DEVNULL, cwd=home)

    turn(*how, "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        turn("-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


SERVER = """
import sys
from optuna.storages import run_grpc_proxy_server
from neurodeploy.explore.storage import open_storage
run_grpc_proxy_server(open_storage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
"""


@contextlib.contextmanager
def proxy(folder: Path) -> Iterator[str]:
    """Run Optuna's gRPC proxy of a journal and yield its address."""
    port = a_port()
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(folder / "j.log"), str(port)])
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def journal(folder: Path) -> Iterator[str]:
    """Yield the path of a journal file."""
    yield str(folder / "journal.log")


@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("place", [journal, proxy, postgresql])
def test_killed_workers_lose_no_trial_and_none_runs_to_the_end_twice(
    place: Callable[[Path], Any], tmp_path: Path
) -> None:
    ends, rng = tmp_path / "ends.txt", random.Random(0)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", WORKER, where, str(ends)], cwd=ROOT)

    with place(tmp_path) as where:
        Job(print, ("maximize",), where, "killed", TRIALS).open()
        running, kills = [start() for _ in range(3)], 0
        deadline = time.monotonic() + LIMIT_S
        while any(each.poll() is None for each in running) and time.monotonic() < deadline:
            time.sleep(rng.uniform(0.5, 2.0))
            victim = rng.randrange(len(running))
            if kills < KILLS and ends.exists() and running[victim].poll() is None:
                running[victim].send_signal(signal.SIGKILL)
                running[victim].wait()
                running[victim], kills = start(), kills + 1
        assert [each.wait(1) for each in running] == [0, 0, 0]
        study = optuna.load_study(study_name="killed", storage=open_storage(where))
        trials = study.trials
    assert kills > KILLS // 2
    complete = [each for each in trials if each.state.name == "COMPLETE"]
    assert TRIALS <= len(complete) <= TRIALS + len(running) - 1
    # what waits was left by the last kills, when enough others had ended
    assert {each.state.name for each in trials} <= {"COMPLETE", "FAIL", "WAITING"}
    first = [each.user_attrs["runs"][0] for each in complete]
    assert max(Counter(first).values()) == 1, "a trial and its repetition both ended"
    taken_over = [each for each in complete if len(each.user_attrs["runs"]) > 1]
    assert taken_over, "the kills hit running trials"
    written = Counter(map(float, ends.read_text().split()))
    twice = {x for x, number in written.items() if number > 1}
    killed = {each.params.get("x") for each in trials if each.state.name == "FAIL"}
    assert twice <= killed, "only a kill between the end of a trial and its record repeats it"
    assert {each.params["x"] for each in complete} <= set(written)


@pytest.mark.timeout(2 * LIMIT_S)
def test_a_database_that_goes_away_in_mid_trial_is_one_sentence(tmp_path: Path) -> None:
    with contextlib.ExitStack() as server:
        where = server.enter_context(postgresql(tmp_path))

        def objective(trial: optuna.Trial) -> float:
            if trial.number == 1:
                server.close()
            return trial.suggest_float("x", 0, 1)

        job = Job(objective, ("maximize",), where, "lost", 3)
        with pytest.raises(InputError, match=r"127\.0\.0\.1.*cannot be used") as caught:
            workers.run(job, job.open())
    assert "\n" not in str(caught.value)


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    died = tmp_path / "died"

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    job = Job(objective, ("maximize",), tmp_path / "journal.log", "killed", 6, heartbeat_s=1)
    study = job.open()
    workers.run(job, study, workers=2)
    (failed,) = (each for each in study.trials if each.state.name == "FAIL")
    complete = [each for each in study.trials if each.state.name == "COMPLETE"]
    assert 6 <= len(complete) <= 7
    assert failed.params in [each.params for each in complete]


def test_workers_of_a_seeded_sampler_suggest_different_values(tmp_path: Path) -> None:
    sampler = optuna.samplers.RandomSampler(seed=1)

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1)

    job = Job(objective, ("maximize",), tmp_path / "j.log", "seeded", 8, sampler=sampler)
    study = job.open()
    workers.run(job, study, workers=2)
    assert len({each.params["x"] for each in study.trials}) == len(study.trials)


def test_a_worker_that_slept_while_another_took_its_trial_goes_on(tmp_path: Path) -> None:
    where, ends = str(tmp_path / "journal.log"), tmp_path / "ends.txt"
    script = WORKER.replace("0.1 + 0.3", "2 + 0").replace("50,", "3,")
    Job(print, ("maximize",), where, "killed", 3).open()
    line = [sys.executable, "-c", script, where, str(ends)]
    sleeper = subprocess.Popen(line, cwd=ROOT)
    study = optuna.load_study(study_name="killed", storage=open_storage(where))
    deadline = time.monotonic() + LIMIT_S
    while not any(each.params for each in study.trials) and time.monotonic() < deadline:
        time.sleep(0.05)
    sleeper.send_signal(signal.SIGSTOP)
    subprocess.run(line, cwd=ROOT, timeout=LIMIT_S, check=True)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.wait(LIMIT_S) == 0
    assert [each.state.name for each in study.trials] == ["FAIL", *["COMPLETE"] * 3]


LOCKER = """
import os, signal, sys
from neurodeploy.explore.storage import open_storage
backend = open_storage(sys.argv[1])._backend
backend._lock.acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_lock_of_a_killed_worker_is_taken_over_also_in_a_relative_path(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    how: dict[str, Any] = {"cwd": tmp_path, "env": environment, "timeout": LIMIT_S}
    subprocess.run([sys.executable, "-c", LOCKER, "journal.log"], check=False, **how)
    assert (tmp_path / "journal.log.lock").is_symlink()
    script = WORKER.replace("0.1 + 0.3", "0").replace("50,", "3,")
    subprocess.run([sys.executable, "-c", script, "journal.log", "ends.txt"], check=True, **how)
    assert len((tmp_path / "ends.txt").read_text().split()) == 3


SPACE = """{"layers": [1], "neurons": [8], "epochs": [12], "augment": [false],
"learning_rate": {"low": 0.001, "high": 0.01}}"""


@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_is_stopped_in_a_training_goes_on_with_it(
    number: int, tmp_path: Path
) -> None:
    (tmp_path / "space.json").write_text(SPACE)
    words = "--task digits --space space.json --out out --seeds 0 --heartbeat 1 --trials 2"
    words += " --objectives accuracy latency"  # with which no training is stopped early
    line = [sys.executable, "-m", "neurodeploy.explore", *words.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(
        line, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    state = tmp_path / "out" / "trial-0000" / "resume.pt"
    deadline = time.monotonic() + LIMIT_S
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(number)
    _, errors = first.communicate(timeout=LIMIT_S)
    if number == signal.SIGINT:
        assert first.returncode == 130
        assert "the same command goes on" in errors.splitlines()[-1]
    done = subprocess.run(
        line, cwd=tmp_path, env=environment, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    trials = read_search(tmp_path / "out" / "journal.log").trials
    assert [each.state for each in trials] == ["complete"] * 2
    folders = [Path(each.folder) for each in trials]
    assert state.parent in folders, "it went on in the same folder"
    assert not (state.parent / "previous").exists(), "it did not start again"
