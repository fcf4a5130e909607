"""Training that starts from a quantized network: in the library, in a folder, at the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.data.inputs import load_input
from neurodeploy.data.task_data import TaskData, task_from_arrays, task_from_input
from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.evaluation.files import load, save
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.models.quantize import quantize
from neurodeploy.report.evaluate import evaluate
from neurodeploy.train import training
from neurodeploy.train.fit import fit

pytestmark = pytest.mark.usefixtures("one_torch_thread")

Run = Callable[..., tuple[int, str, str]]
TASK = TaskDescription("", {"name": "spikes", "extra_steps": 2}, ("left", "right"), dt_ms=2.0)


def labelled(count: int = 60) -> tuple[Any, Any]:
    """Return spikes of 6 channels, of which the first or the last three fire more, and labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    rates = np.where((np.arange(6) >= 3) == labels[:, None], 0.4, 0.1)
    return (rng.random((count, 6, 24)) < rates[..., None]).astype(np.uint8), labels


@pytest.fixture
def network() -> QuantizedNetwork:
    """Return a network 6-12-2 with delays, as large as 8 bits allow, that knows nothing yet."""
    rng = np.random.default_rng(1)
    hidden = CubaLif(rng.integers(900, 3000, 12), 300, 700)
    weights = [rng.integers(-110, 127, shape) * 2 for shape in ((12, 6), (2, 12))]
    return QuantizedNetwork.chain(
        [
            DenseLayer(weights[0], hidden),
            DenseLayer(weights[1], CubaLif(1024, 300, 600, [9, -7]), rng.integers(0, 6, (1, 12))),
        ],
        TASK,
    )


@pytest.fixture
def data(network: QuantizedNetwork) -> TaskData:
    spikes, labels = labelled()
    return task_from_input(spikes, network, labels=labels)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def config(data: TaskData, **changes: Any) -> Any:
    values = {"batch_size": 6, "epochs": 6, "threads": 1, **changes}
    return data.config.for_fine_tuning().replace(**values)


def test_a_network_from_elsewhere_learns_and_keeps_its_delays_and_decays(
    network: QuantizedNetwork, data: TaskData
) -> None:
    said: list[str] = []
    run = fit(data, config(data, learning_rate=3e-3, epochs=15), start=network, notify=said.append)
    before = evaluate(network, data.validation).accuracy
    assert run.start_accuracy == before
    assert said[0].startswith(f"note: before training, {before:.1%} of 12 validation samples")
    assert run.best.validation_accuracy > before + 0.2
    tuned = quantize(run.model)
    assert check_equivalence(run.model, tuned, data.test).equal
    for old, new in zip(network.layers, tuned.layers):
        assert isinstance(old, DenseLayer)
        assert isinstance(new, DenseLayer)
        assert (old.weight != new.weight).mean() > 0.3
        assert np.array_equal(old.delay, new.delay)
        assert old.neuron.threshold == new.neuron.threshold  # type: ignore[union-attr]
        assert np.array_equal(
            old.neuron.current_decay,  # type: ignore[union-attr]
            np.broadcast_to(new.neuron.current_decay, old.neuron.current_decay.shape),  # type: ignore[union-attr]
        )


def test_it_answers_for_samples_of_an_array_as_the_network_did(
    network: QuantizedNetwork, data: TaskData, tmp_path: Path
) -> None:
    """Class names, time step and the steps after each sample stay those of the network."""
    assert data.test.spikes.shape == (12, 6, 26)
    run = fit(data, config(data, epochs=1), start=network)
    run.save(tmp_path / "model.pt")
    tuned = load(tmp_path / "model.pt")
    assert tuned.task == replace(TASK, num_steps=26)
    spikes, labels = labelled()
    given = load_input(spikes[data.split.test % 60], tuned)
    assert given.num_steps == 26
    plain = task_from_arrays(*[(spikes, labels)] * 3, class_names=TASK.class_names)
    assert training.start(plain, config(data), network_to_tune=network).data.encoder == data.encoder


def test_each_class_is_split_into_train_validation_and_test(network: QuantizedNetwork) -> None:
    spikes, labels = labelled(20)
    data = task_from_input(spikes, network, labels=labels)
    assert np.array_equal(data.validation.spikes[:, :, :24], spikes[[6, 7, 16, 17]])
    assert np.array_equal(data.test.spikes[:, :, :24], spikes[[8, 9, 18, 19]])
    assert data.test.targets.tolist() == [0, 1, 0, 1]
    assert len(data.train) == 12


def test_an_interrupted_fine_tuning_comes_to_the_same_weights(
    network: QuantizedNetwork, data: TaskData, tmp_path: Path
) -> None:
    def stop(epoch: training.Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    chosen = config(data, epochs=4)
    whole = fit(data, chosen, start=network)
    with pytest.raises(KeyboardInterrupt, match="up to epoch 2"):
        fit(data, chosen, start=network, out=tmp_path, on_epoch=stop)
    other = network.with_layers((network.layers[0], replace(network.layers[1], delay=1)))
    for start in (other, None):
        with pytest.raises(InputError, match="started with"):
            fit(data, chosen, start=start, out=tmp_path, resume=True)
    resumed = fit(data, chosen, start=network, out=tmp_path, resume=True)
    assert same(dict(resumed.checkpoint.weights), dict(whole.checkpoint.weights))
    assert quantize(resumed.model).digest == load(tmp_path / "model.pt").digest
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]


def test_rates_are_in_proportion_to_thresholds(network: QuantizedNetwork, data: TaskData) -> None:
    started = training.start(data, config(data, learning_rate=1e-3), network_to_tune=network)
    rates = {group["name"]: group["highest"] for group in started.optimizer.param_groups}
    assert rates["weights of layer 0"] == pytest.approx(1e-3 * 700 / 80)
    assert rates["weights of layer 1"] == pytest.approx(1e-3 * 600 / 80)
    assert rates["delays"] == rates["decays"] == 0
    held = [p for group in started.optimizer.param_groups for p in group["params"]]
    assert len(held) == len(list(started.network.parameters())) - sum(
        not p.requires_grad for p in started.network.parameters()
    )


def test_fewer_bits_round_the_weights(network: QuantizedNetwork, data: TaskData) -> None:
    run = fit(data, config(data, epochs=1, weight_bits=4), start=network)
    assert all(len(np.unique(x.weight)) <= 16 for x in quantize(run.model).layers)  # type: ignore[union-attr]


def test_data_that_do_not_fit_are_refused(network: QuantizedNetwork) -> None:
    spikes, labels = labelled()
    cases: list[tuple[Any, str]] = [
        (lambda: fit(task_from_arrays(*[(spikes[:, :5], labels)] * 3), start=network), "6 inputs"),
        (
            lambda: fit(task_from_arrays(*[(spikes, np.arange(60) % 3)] * 3), start=network),
            "2 outputs.*3 classes",
        ),
        (
            lambda: fit(
                task_from_arrays(*[(spikes, labels)] * 3, class_names=("right", "left")),
                start=network,
            ),
            "in the order left, right",
        ),
        (lambda: task_from_input(spikes, network, labels=labels + 1), "label 2 for 2 outputs"),
        (lambda: task_from_input(spikes * 2, network, labels=labels), "0 to 2.*0 and 1"),
        (lambda: task_from_input(spikes[:8], network, labels=labels[:8]), "4 samples of class 0"),
        (lambda: fit(task_from_arrays(*[(spikes, labels)] * 3), start="x.net"), "load it first"),  # type: ignore[arg-type]
    ]
    for call, message in cases:
        with pytest.raises(InputError, match=message):
            call()


# At the command


@pytest.fixture
def arrays(workplace: None, network: QuantizedNetwork) -> None:
    """Write the network to start.net, and labelled spikes to spikes.npy and labels.npy."""
    save(network, "start.net")
    spikes, labels = labelled()
    np.save("spikes.npy", spikes)
    np.save("labels.npy", labels)


ARRAYS = ("--input", "spikes.npy", "--labels", "labels.npy")


@pytest.mark.usefixtures("arrays")
def test_the_command_trains_on_arrays_and_export_and_report_take_the_result(command: Run) -> None:
    code, out, err = command(
        "train", "--start", "start.net", *ARRAYS, "--batch", 6, "--threads", 1, "--epochs", 2
    )
    assert code == 0, err
    assert "note: before training" in err
    *_, line = out.splitlines()
    words = line.partition("neurodeploy.")[2].split()
    assert words == ["export", "runs/tuned/model.pt", *ARRAYS[:2]]
    code, out, err = command(*words)
    assert code == 0, err
    *_, line = out.splitlines()
    words = line.partition("neurodeploy.")[2].split()
    assert words == ["report", "runs/tuned/model.net", *ARRAYS[:2]]
    code, out, err = command(*words, *ARRAYS[2:], "--json")
    assert code == 0, err
    assert json.loads(out)["schema"]


@pytest.mark.usefixtures("arrays")
def test_deploy_takes_a_network_to_start_from(command: Run) -> None:
    words = ("--batch", 6, "--threads", 1, "--epochs", 1, "--lava-samples", 0, "--out", "tuned")
    code, out, err = command("deploy", "--start", "start.net", *ARRAYS, *words)
    assert code == 0, err
    assert "Wrote tuned/model.net" in out
    assert out.splitlines()[-1].endswith(" ".join(("report tuned/model.net", *ARRAYS)))


@pytest.mark.usefixtures("arrays")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--start", "start.net"), "start.net stores no task"),
        (("--start", "start.net", *ARRAYS, "--network", "small"), "--network; give one"),
        (("--start", "start.net", *ARRAYS, "--hidden", "9"), "--hidden; give one"),
        (("--start", "start.net", *ARRAYS, "--task", "digits"), "--task; give one"),
        (("--start", "start.net", "--input", "spikes.npy"), "--input needs --labels"),
        (("--start", "start.net", "--labels", "labels.npy"), "--labels needs --input"),
        (ARRAYS, "--input needs --start"),
        (("--start", "none.net", *ARRAYS), "none.net"),
        (("--start", "start.net", *ARRAYS, "--out", "."), "would replace start.net"),
        (("--start", "start.net", "--input", "labels.npy", "--labels", "labels.npy"), "labels.npy"),
        (("--start", "start.net", "--task", "digits"), "6 inputs"),
    ],
)
def test_conflicts_and_misfits_are_refused(
    command: Run, words: tuple[str, ...], message: str
) -> None:
    code, out, err = command("train", *words)
    assert code == 2
    assert message in err.splitlines()[-1]
    assert not out
    assert not Path("runs").exists()
