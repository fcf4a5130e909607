"""The search for networks: its space, its front, its studies, and what it refuses."""

from __future__ import annotations

import gc
import json
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial

import neurodeploy as nd
from benchmarks import early_stopping
from neurodeploy.commands.explore import LIMITS, OBJECTIVES, main
from neurodeploy.explore import repeats, storage, workers
from neurodeploy.explore import space as spaces
from neurodeploy.explore.metrics import METRICS, violations
from neurodeploy.explore.results import ABOUT, SearchResult, result_of
from neurodeploy.explore.study import optimize, read_search
from neurodeploy.explore.trial import is_hopeless, points_at, refuse_duplicate
from neurodeploy.explore.workers import Job
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_fields import json_type

pytestmark = [
    pytest.mark.usefixtures("one_torch_thread"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]

HEARTBEATS = pytest.mark.filterwarnings("ignore:Heartbeat of storage")
CHANNELS, STEPS = 6, 12


@pytest.fixture(autouse=True, scope="module")
def _connections_are_gone() -> Any:
    """Let connections that Optuna left open end here, where their warning is ignored."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _quiet_optuna() -> Any:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture(scope="module")
def data() -> nd.TaskData:
    """Return a task of two classes, which are channels that fire more often."""
    rng = np.random.default_rng(0)

    def part(number: int) -> Any:
        labels = np.arange(number) % 2
        rates = np.where(np.arange(CHANNELS) % 2 == labels[:, None], 0.6, 0.05)
        return (rng.random((number, CHANNELS, STEPS)) < rates[..., None]).astype(int), labels

    config = nd.TrainConfig(hidden=(4,), epochs=1, batch_size=8, learning_rate=0.01)
    return nd.task_from_arrays(part(32), part(12), part(12), config=config)


# The space


def test_the_presets_start_a_search_as_they_are() -> None:
    task = nd.task("digits")
    space = spaces.default_space(task)
    first = spaces.starts(space, task)
    assert first.keys() == {"dense", "small", "synaptic", "recurrent"}
    for name, params in first.items():
        trial = FixedTrial(params)
        own, config = spaces.configure(task, spaces.suggest(trial, space))
        wanted = task.architecture(task.config.with_network(name))
        assert own.architecture(config) == wanted, name
        assert own.encoder == task.encoder


def test_a_space_takes_json_ranges_and_distributions_of_optuna(tmp_path: Path) -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    plain = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "delays": ["none"]}
    path = tmp_path / "space.json"
    path.write_text(json.dumps({"$schema": "search-space.json", **plain}))
    distributions = {
        "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
        "delays": CategoricalDistribution(["none"]),
    }
    assert spaces.read_space(path) == spaces.read_space(plain) == spaces.read_space(distributions)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "empty"),
        ({"neurons": [4]}, "layers"),
        ({"hidden": ["4"], "layers": [1], "neurons": [4]}, "give one of the two"),
        ({"hidden": ["4,5"]}, "hidden"),
        ({"learning_rate": []}, "learning_rate"),
        ({"learning_rate": {"low": 2, "high": 1}}, "low is 2 and high 1"),
        ({"learning_rate": {"low": 0, "high": 1, "log": True}}, "log"),
        ({"learning_rat": [1]}, "`learning_rat`"),
        ({"delays": ["dendritic"]}, "dendritic"),
        ({"layers": [1], "neurons": ["8"]}, r"neurons\[0\] is \"8\""),
        ({"layers": [1.5], "neurons": [4]}, "layers has 1.5; give whole numbers"),
        ({"epochs": {"low": 1, "high": 2, "step": 0.5}}, "epochs has 0.5"),
        ({"batch_size": {"low": 0, "high": 8, "log": True}}, "0"),
        ({"epochs": [1, 1]}, "epochs has a value twice"),
    ],
)
def test_a_wrong_space_is_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        spaces.read_space(values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"dropout": [0.1, 2.0]}, r"dropout 2\.0"),
        ({"layers": [1], "neurons": {"low": 4, "high": 1e6}}, "neurons 1000000"),
        ({"layers": [0], "neurons": [4]}, "layers"),
        ({"encoder": ["latency"]}, "encoder 'latency'"),
        ({"encoder_parameters": {"speed": [1]}}, "speed"),
        ({"delays": ["axonal"], "max_delay": [0]}, "max_delay is 0"),
    ],
)
def test_a_space_that_makes_no_network_is_refused_before_the_search(
    data: nd.TaskData, values: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        spaces.check_space(spaces.read_space(values), data)


def test_a_space_may_name_all_hidden_layers(data: nd.TaskData) -> None:
    space = spaces.read_space({"hidden": ["5-3", "4"]})
    own, config = spaces.configure(data, spaces.suggest(FixedTrial({"hidden": "5-3"}), space))
    assert own.architecture(config).sizes == (CHANNELS, 5, 3, 2)
    assert spaces.starts(space, data)["dense"] == {"hidden": "4"}


def test_an_encoder_parameter_of_all_channels_is_a_factor() -> None:
    task = nd.task("digits")
    own, _ = spaces.configure(task, {"encoder.time_steps": 8})
    assert own.encoder.as_dict()["time_steps"] == 8
    made = spaces._set
    values: dict[str, Any] = {"parts": [{"threshold": [0.1, 0.4]}]}
    made(values, "parts.0.threshold", 2.0, is_default=True)
    assert values["parts"][0]["threshold"] == [0.2, 0.8]


# The front


def a_study(points: Any, **more: Any) -> optuna.Study:
    """Return a study with complete trials of these metrics."""
    about = {
        "objectives": ["accuracy", "energy"], "constraints": {}, "chip": "loihi2", "task": "made",
        "data_sha256": "", "folds": 1, "space": {}, "format": workers.FORMAT, **more,
    }  # fmt: skip
    study = optuna.create_study(directions=[METRICS[n].goal for n in about["objectives"]])
    study.set_user_attr(ABOUT, about)
    for point in points:
        metrics = {**dict.fromkeys(METRICS, 1.0), **point}
        study.add_trial(
            optuna.create_trial(
                values=[metrics[n] for n in about["objectives"]],
                user_attrs={"metrics": metrics},
                constraints=violations(metrics, about["constraints"]),
            )
        )
    return study


@pytest.mark.parametrize("constraints", [{}, {"max_energy_uj": 5.0, "min_accuracy": 0.3}])
def test_the_front_is_that_of_brute_force(constraints: dict[str, float]) -> None:
    rng = np.random.default_rng(1)
    points = [
        {"accuracy": float(a), "energy": float(e)}
        for a, e in zip(rng.random(40).round(2), 10 * rng.random(40).round(2))
    ]
    allowed = [
        i for i, p in enumerate(points)
        if not constraints or (p["energy"] <= 5 and p["accuracy"] >= 0.3)
    ]  # fmt: skip

    def beaten(one: int) -> bool:
        mine = points[one]
        return any(
            other["accuracy"] >= mine["accuracy"] and other["energy"] <= mine["energy"]
            and other != mine
            for other in (points[i] for i in allowed)
        )  # fmt: skip

    found = result_of(a_study(points, constraints=constraints))
    assert {each.number for each in found.front} == {i for i in allowed if not beaten(i)}
    assert [each.feasible for each in found.trials] == [i in allowed for i in range(40)]
    twice = result_of(a_study([*points, *points], constraints=constraints))
    assert twice.front == found.front, "of equal networks the first is shown"


def test_constraints_that_none_meets_are_named_with_the_closest_value() -> None:
    points = [{"energy": 3.0, "accuracy": 0.5}, {"energy": 2.0, "accuracy": 0.4}]
    found = result_of(a_study(points, constraints={"max_energy_uj": 1.0, "min_accuracy": 0.3}))
    assert found.front == ()
    assert "--max-energy-uj 1" in found.why_empty()
    assert "energy is 2, of trial 1" in found.why_empty()
    both = result_of(a_study(points, constraints={"max_energy_uj": 2.5, "min_accuracy": 0.45}))
    assert "at once" in both.why_empty()
    assert "no trial" in result_of(a_study([])).why_empty()


def test_a_wish_picks_the_best_by_validation_samples() -> None:
    points = [{"accuracy": a, "energy": e} for a, e in ((0.95, 9.0), (0.93, 4.0), (0.90, 1.0))]
    found = result_of(a_study(points))
    for wish, number in (
        ("accuracy>=0.92, min energy", 1), ("max accuracy", 0), ("energy < 4, max accuracy", 2),
        ("Accuracy \N{GREATER-THAN OR EQUAL TO} 92%, MIN energy", 1), ("trial 2", 2),
    ):  # fmt: skip
        assert found.pick(wish).number == number
    for wish, named in (
        ("accuracy>=0.99, min energy", r"accuracy>=0.99; the highest accuracy is 0.95"),
        ("accuracy>=0.9", "0 goals"),
        ("min power", "min power"),
        ("accuracy=>1, min energy", "accuracy=>1"),
    ):
        with pytest.raises(InputError, match=named):
            found.pick(wish)


def test_a_training_is_stopped_only_if_networks_that_cost_no_more_are_better() -> None:
    others = [(0.3, 1.0), (0.8, 10.0)]
    assert is_hopeless((0.75, 10.0), others)
    assert not is_hopeless((0.795, 10.0), others), "the difference is within the margin"
    assert not is_hopeless((0.7, 9.0), others), "the better one costs more"


def test_networks_that_break_a_constraint_stop_no_others() -> None:
    points = [{"energy": 1.0}, {"energy": 3.0}]
    trials = a_study(points, constraints={"max_energy_uj": 2.0}).trials
    for each, accuracy in zip(trials, (0.5, 0.9)):
        each.user_attrs["curve"] = {"0.5": (accuracy, 10.0)}
    assert points_at(0.5, trials) == [(0.5, 10.0)]


def test_a_replay_of_early_stopping_counts_what_it_saves_and_loses() -> None:
    trials = a_study([{}] * 7).trials
    for each, half in zip(trials, [0.5] * 5 + [0.3, 0.4]):
        curve = {"0.5": (half, 100.0), "0.75": (0.7, 100.0)}
        each.user_attrs.update(seconds=10.0, curve=curve)
    found = early_stopping.replay(trials, front=[5])
    assert found.stopped == {5: 0.5, 6: 0.5}
    assert found.lost == (5,), "it began slowly, and would have been the best"
    assert found.saved == pytest.approx(2 * 0.5 / 7)


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ("accuracy>=20, min energy", "from 0 to 1"),
        ("energy<=5%, max accuracy", "has no %"),
        ("max energy", "give min energy"),
        ("trial 7", "those on the front are 2, 1, 0"),
        ("accuracy>=1e, min energy", "no number"),
    ],
)
def test_a_wrong_wish_is_refused(wish: str, named: str) -> None:
    points = [{"accuracy": a, "energy": e} for a, e in ((0.95, 9.0), (0.93, 4.0), (0.90, 1.0))]
    with pytest.raises(InputError, match=named):
        result_of(a_study(points)).pick(wish)


def test_a_wish_without_a_feasible_network_says_why() -> None:
    found = result_of(a_study([{"energy": 3.0}], constraints={"max_energy_uj": 1.0}))
    with pytest.raises(InputError, match="--max-energy-uj 1"):
        found.pick("accuracy>=0.1, min energy")


# Studies


def test_a_search_finds_the_best_of_all_combinations(data: nd.TaskData, tmp_path: Path) -> None:
    space = {"layers": [1], "neurons": [2, 6]}
    how: dict[str, Any] = {"out": tmp_path, "sampler": optuna.samplers.BruteForceSampler()}
    found = nd.optimize(data, space, ("accuracy", "neurocores", "synops"), trials=2, seeds=2, **how)
    params = {tuple(sorted(each.params.items())) for each in found.trials}
    assert len(params) == len(found.complete) == 2
    cheapest = min(found.complete, key=lambda each: each.metrics["synops"])
    assert cheapest in found.front
    for each in found.front:
        network = each.network()
        report = nd.evaluate(network, data.validation, chips=["loihi2"])
        assert report.accuracy == each.metrics["accuracy"]
        first, second = each.repeats
        assert first.validation == each.metrics
        assert first.test["accuracy"] == nd.evaluate(network, data.test).accuracy
        assert (first.seed, second.seed) == (0, 1)
    assert not any(each.repeats for each in found.trials if each not in found.front)
    again = optimize(data, space, found.objectives, trials=2, seeds=2, **how)
    assert again.to_dict() == found.to_dict(), "nothing is left to do"
    found.save(tmp_path)
    written = json.loads((tmp_path / "results.json").read_text())
    assert written == found.to_dict()
    read = msgspec.convert(written, json_type(SearchResult))
    assert json.loads(msgspec.json.encode(read)) == written, "as the schema says"
    assert f"trial-{found.front[0].number:04d}" in (tmp_path / "index.html").read_text()
    assert (tmp_path / "front.png").stat().st_size > 1000
    assert "<svg" in str(found._repr_html_())
    assert len(found.to_rows()) == 2
    assert read_search(tmp_path / "journal.log").to_dict() == found.to_dict()


def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(
    data: nd.TaskData, tmp_path: Path
) -> None:
    space = {"synop_budget": [0.001, None], "epochs": [1]}
    how: dict[str, Any] = {"sampler": optuna.samplers.BruteForceSampler(), "seeds": 0}
    found = optimize(data, space, trials=2, out=tmp_path, **how)
    assert sorted(each.state for each in found.trials) == ["complete", "failed"]
    (failed,) = (each for each in found.trials if each.state == "failed")
    assert "budget" in failed.error
    with pytest.raises(InputError, match="is failed, so it has no network"):
        failed.network()
    failing = Job(_fails, ("maximize",), tmp_path / "fails.log", "fails", 3)
    workers.run(failing, failing.open())
    errors = [each.user_attrs["error"] for each in failing.open().trials]
    assert errors == ["out of memory; use smaller networks or batches, or fewer workers"] * 3


def _fails(trial: optuna.Trial) -> float:
    from neurodeploy.explore.trial import recorded

    with recorded(trial):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"
        )


def test_other_studies_are_refused(data: nd.TaskData, tmp_path: Path) -> None:
    def job(**about: Any) -> Job:
        return Job(
            _fails, ("maximize",), tmp_path / "j.log", "made", 1, {"format": 1, **about}
        )  # fmt: skip

    job(task="har", space={"layers": [1], "seed": [1]}).open()
    with pytest.raises(InputError, match=r"has another space \(layers\)"):
        job(task="har", space={"layers": [2], "seed": [1]}).open()
    with pytest.raises(InputError, match=r"task \"har\", not \"digits\""):
        job(task="digits").open()
    with pytest.raises(InputError, match=r"format 1, not 2"):
        _with_format(2, job())
    optuna.create_study(storage=storage.open_storage(tmp_path / "k.log"), study_name="made")
    with pytest.raises(InputError, match="no study other"):
        read_search(tmp_path / "j.log", "other")
    for missing in (tmp_path / "none.log", f"sqlite:///{tmp_path}/none.db"):
        with pytest.raises(InputError, match="does not exist"):
            read_search(missing)
    assert not (tmp_path / "none.db").exists()
    storage.open_storage(tmp_path / "empty.log")
    job().open()
    with pytest.raises(InputError, match="has no study; run a search first"):
        read_search(tmp_path / "empty.log")


def _with_format(version: int, job: Job) -> None:
    before = workers.FORMAT
    workers.FORMAT = version  # type: ignore[misc]
    try:
        job.open()
    finally:
        workers.FORMAT = before  # type: ignore[misc]


@HEARTBEATS
@pytest.mark.parametrize("where", ["{}/journal.log", "sqlite:///{}/study.db"])
def test_a_trial_whose_worker_died_before_its_first_sign_of_life_is_run_again(
    where: str, tmp_path: Path
) -> None:
    job = Job(_one_float, ("maximize",), where.format(tmp_path), "made", 1, heartbeat_s=0)
    study = job.open()
    study.ask()
    optuna.storages.fail_stale_trials(study)
    assert [each.state.name for each in study.trials] == ["FAIL", "WAITING"]


@HEARTBEATS
def test_signs_of_life_come_as_often_as_the_worker_of_a_trial_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "journal.log", time.time()
    study = Job(_one_float, ("maximize",), path, "made", 1, heartbeat_s=30).open()
    trial = study.ask()
    study._storage.record_heartbeat(trial._trial_id)
    impatient = Job(_one_float, ("maximize",), path, "made", 1, heartbeat_s=1).open()._storage
    for seconds, stale in ((60, []), (200, [trial._trial_id])):
        monkeypatch.setattr(storage.time, "time", lambda after=seconds: now + after)
        assert impatient._get_stale_trial_ids(study._study_id) == stale


@HEARTBEATS
def test_a_trial_in_which_too_many_workers_died_is_recorded_as_failed(tmp_path: Path) -> None:
    job = Job(_one_float, ("maximize",), tmp_path / "journal.log", "made", 1, heartbeat_s=0)
    study = job.open()
    for _ in range(storage.DEATHS_MAX):
        study.ask().suggest_float("x", 0, 1)
        optuna.storages.fail_stale_trials(study)
    *died, recorded = study.trials
    assert {each.state.name for each in study.trials} == {"FAIL"}
    assert "5 workers died" in recorded.user_attrs["error"]
    assert {each.params["x"] for each in died} == {recorded.params["x"]}
    assert job.count(study) == 0, "it has ended"


@pytest.mark.parametrize("error", [None, optuna.TrialPruned(), ValueError("a bug")])
def test_what_comes_of_a_trial_that_another_worker_has_ended_is_ignored_except_bugs(
    error: Exception | None, tmp_path: Path
) -> None:
    def objective(trial: optuna.Trial) -> float:
        if trial.number == 0:
            trial.storage.set_trial_state_values(trial._trial_id, optuna.trial.TrialState.FAIL)
            if error:
                raise error
        return 1.0

    job = Job(objective, ("maximize",), tmp_path / "journal.log", "made", 1)
    if isinstance(error, ValueError):
        with pytest.raises(ValueError, match="a bug"):
            workers.run(job, job.open())
    workers.run(job, job.open())
    assert [each.state.name for each in job.open().trials] == ["FAIL", "COMPLETE"]


def test_a_worker_that_lost_the_lock_of_the_journal_while_it_slept_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    opened: Any = storage.open_storage(path)
    opened._backend._lock.acquire()
    path.with_name("journal.log.lock").unlink()
    opened._backend._lock.release()
    assert Job(_one_float, ("maximize",), path, "made").open().trials == []


def test_half_a_record_at_the_end_costs_that_record_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    job = Job(_one_float, ("maximize",), path, "made", 2)
    workers.run(job, job.open())
    with path.open("a") as file:
        file.write('{"op_code": 5, "worker_id": "')
    more = Job(_one_float, ("maximize",), path, "made", 4)
    workers.run(more, more.open())
    assert len(more.open().trials) == 4


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("postgresql+psycopg://me:secret@localhost:1/none", r"me:\*\*\*@localhost:1"),
        ("mysql://localhost/none", "MySQLdb"),
        ("carrier-pigeon://roof", "carrier-pigeon"),
        ("grpc://localhost:1", "localhost:1"),
        ("grpc://localhost:here", "grpc://HOST:PORT"),
        ("mysql://localhost/none?password=secret", "password=\\*\\*\\*"),
        ("{folder}/text.log", "text.log"),
        ("{folder}", "is a folder"),
        ("sqlite:///{folder}/other.db", "other.db"),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_sentence(
    where: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "GRPC_WAIT_S", 0.1)
    (tmp_path / "text.log").write_text("no journal\nof optuna\n")
    _old_database(tmp_path / "other.db")
    with pytest.raises(InputError, match=named) as caught:
        Job(_fails, ("maximize",), where.format(folder=tmp_path), "made", 1).open()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def _old_database(path: Path) -> None:
    """Write a database whose tables another version of Optuna made."""
    import sqlite3

    optuna.storages.RDBStorage(f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        database.execute("update alembic_version set version_num = 'v0.0.1'")
    database.close()


def test_a_full_disk_stops_the_search_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    job = Job(_one_float, ("maximize",), path, "made", 40, heartbeat_s=1)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    study = job.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        with pytest.raises(InputError, match=r"journal\.log cannot be used .*same command"):
            workers.run(job, study)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    before = [each.number for each in job.open().trials if each.state.name == "COMPLETE"]
    assert 5 < len(before) < 40
    workers.run(job, job.open())
    after = [each.number for each in job.open().trials if each.state.name == "COMPLETE"]
    assert {*before} < {*after}
    assert len(after) >= 40


def test_a_disk_that_is_full_in_a_training_stops_the_search_which_goes_on_with_it(
    data: nd.TaskData, tmp_path: Path
) -> None:
    space = {"layers": [1], "neurons": [500, 501, 502]}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limit[1]))
    try:
        for _ in range(2):
            with pytest.raises(InputError, match=r"trial-0000.* cannot be written"):
                optimize(data, space, trials=1, seeds=0, out=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    (done,) = optimize(data, space, trials=1, seeds=0, out=tmp_path).trials
    first, _, _ = the_study(tmp_path).trials
    assert (done.state, done.params) == ("complete", first.params)
    assert Path(done.folder).name == "trial-0000"


def test_a_preset_that_two_machines_planned_is_trained_once(
    data: nd.TaskData, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"seeds": 0, "out": tmp_path}
    (first,) = nd.optimize(data, {"delays": ["axonal"]}, trials=1, **how).trials
    study = the_study(tmp_path)
    study.enqueue_trial(dict(first.params), user_attrs={"start": first.start})
    found = nd.optimize(data, {"delays": ["axonal"]}, trials=2, **how)
    assert first.start
    assert [each.number for each in found.trials] == [0, 2], "the duplicate does not count"
    assert [each.state.name for each in study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    again, first = found.trials[1], found.trials[0]
    assert (again.folder, again.metrics) == (first.folder, first.metrics), "it is trained once"


@HEARTBEATS
def test_a_preset_is_trained_though_its_first_worker_died_beside_its_copy(tmp_path: Path) -> None:
    study = Job(_one_float, ("maximize",), tmp_path / "j.log", "made", 1).open()
    for _ in range(3):
        study.enqueue_trial({}, user_attrs={"start": "dense"})
    first, duplicate, retry = (study.ask() for _ in range(3))
    with pytest.raises(optuna.TrialPruned):
        refuse_duplicate(duplicate, "start")
    study.tell(duplicate, state=optuna.trial.TrialState.PRUNED)
    study.tell(first, state=optuna.trial.TrialState.FAIL)
    refuse_duplicate(retry, "start")
    assert Job.count(Job(_one_float, ("maximize",), tmp_path, "made", 1), study) == -1


def test_networks_are_found_in_a_folder_that_has_moved(data: nd.TaskData, tmp_path: Path) -> None:
    space = {"layers": [1], "neurons": [3]}
    optimize(data, space, trials=1, seeds=0, out=tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    found = optimize(data, space, trials=1, seeds=1, out=tmp_path / "there")
    assert [len(each.repeats) for each in found.front] == [1]
    assert found.front[0].network().layers[0].neurons == 3
    assert found.untested == ()


def test_networks_of_another_search_are_not_taken_for_those_of_a_trial(
    data: nd.TaskData, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"trials": 1, "seeds": 0, "out": tmp_path}
    found = optimize(data, {"layers": [1], "neurons": [3]}, **how)
    beside = optimize(data, {"layers": [1], "neurons": [5]}, study="other", **how)
    assert found.front[0].network().layers[0].neurons == 3
    assert beside.front[0].network().layers[0].neurons == 5
    with pytest.raises(InputError, match="holds the networks of the study search"):
        optimize(replace(data, task=replace(data.task, name="b")), {"epochs": [1]}, **how)
    nd.save(beside.front[0].network(), tmp_path / "trial-0000" / "model.net")
    with pytest.raises(InputError, match="is another network"):
        found.front[0].network()
    again = optimize(data, {"layers": [1], "neurons": [3]}, **{**how, "seeds": 1})
    assert "another network" in again.untested[0]


def test_a_test_that_is_interrupted_is_made_by_the_next_run(
    data: nd.TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = {"layers": [1], "neurons": [3]}
    with monkeypatch.context() as patch:
        patch.setattr(repeats, "evaluated", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            optimize(data, space, trials=1, seeds=1, out=tmp_path)
    found = optimize(data, space, trials=1, seeds=1, out=tmp_path)
    assert [len(each.repeats) for each in found.front] == [1]


def _interrupt(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_a_search_goes_on_in_another_process_though_an_augmentation_is_a_function(
    data: nd.TaskData, tmp_path: Path
) -> None:
    def with_function(**changes: Any) -> nd.TaskData:
        def flip(spikes: Any, rng: Any) -> Any:
            return spikes

        config = data.config.replace(augment=flip, **changes)
        return replace(data, task=replace(data.task, config=config))

    how: dict[str, Any] = {"trials": 1, "seeds": 0, "out": tmp_path}
    space = {"layers": [1], "neurons": [3], "augment": [False]}
    optimize(with_function(), space, **how)
    assert len(optimize(with_function(), space, **{**how, "trials": 2}).trials) == 2
    with pytest.raises(InputError, match="has another training"):
        optimize(with_function(epochs=2), space, **how)


def test_a_seeded_sampler_does_not_repeat_itself_when_a_search_goes_on(tmp_path: Path) -> None:
    def job(trials: int) -> Job:
        sampler = optuna.samplers.RandomSampler(seed=1)
        return Job(_one_float, ("maximize",), tmp_path / "j.log", "seeded", trials, sampler=sampler)

    for trials in (3, 6):
        workers.run(job(trials), job(trials).open())
    assert len({each.params["x"] for each in job(6).open().trials}) == 6


def the_study(folder: Path) -> optuna.Study:
    return optuna.load_study(
        study_name="search", storage=storage.open_storage(folder / "journal.log")
    )


def _one_float(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def test_wrong_arguments_are_refused_before_the_data_are_used(data: nd.TaskData) -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"objectives": ["power"]}, "power"),
        ({"objectives": ["accuracy"] * 2}, "twice"),
        ({"objectives": list(METRICS)[:4]}, "4 objectives"),
        ({"objectives": ["energy"]}, "ignore the accuracy"),
        ({"constraints": {"max_power": 1}}, "max_power"),
        ({"constraints": {"min_accuracy": 1.2}}, "min_accuracy is 1.2"),
        ({"constraints": {"max_energy_uj": 0}}, "max_energy_uj is 0"),
        ({"constraints": {"max_energy_uj": "5"}}, "max_energy_uj is '5'"),
        ({"device": "loihi"}, "loihi"),
        ({"workers": 10_000}, "workers is 10000"),
        ({"study": "a/b"}, "a/b"),
        ({"study": ".."}, r"\.\."),
        ({"trials": 0}, "trials is 0; "),
        ({"seeds": -1}, "seeds is -1; "),
    )
    for arguments, named in wrong:
        with pytest.raises(InputError, match=named):
            optimize(data, {"epochs": [1]}, out="nowhere", **arguments)
    for tasks, named in (((), "NoneType"), ((data, data), "2 folds")):
        with pytest.raises(InputError, match=named):
            optimize(tasks, {"epochs": [1]}, out="nowhere")
    assert not Path("nowhere").exists()


# The command


def test_the_options_are_those_of_the_library() -> None:
    assert tuple(METRICS) == OBJECTIVES
    assert tuple(sorted(LIMITS)) == tuple(sorted(each.limit for each in METRICS.values()))


def test_the_command_searches_goes_on_and_picks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, out = tmp_path / "space.json", tmp_path / "out"
    space.write_text('{"layers": [1], "neurons": [4, 8], "epochs": [1], "augment": [false]}')
    words = ["--task", "digits", "--space", str(space), "--out", str(out), "--seeds", "0"]
    assert main([*words, "--trials", "1"]) == 0
    assert main([*words, "--trials", "2", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out[shown.out.index("\n{") :])
    assert [each["number"] for each in found["trials"]] == [0, 1]
    assert "2 of 2 trials" in shown.err
    assert main(["--out", str(out), "--pick", "max accuracy"]) == 0
    assert nd.load(out / "model.net").task.name == "digits"
    assert main(["--out", str(out), "--pick", "accuracy>=1.5, min energy"]) == 2
    assert main([*words, "--trials", "2", "--max-energy-uj", "1"]) == 2
    assert "constraints" in capsys.readouterr().err


def test_the_default_space_can_be_shown_and_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--task", "digits", "--show-space"]) == 0
    path = tmp_path / "space.json"
    path.write_text(capsys.readouterr().out)
    assert spaces.read_space(path) == spaces.default_space(nd.task("digits"))
