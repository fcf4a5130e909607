"""What a configuration and the options of a training refuse, and the network that they give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy import data as tasks
from neurodeploy.commands import train
from neurodeploy.config import TrainConfig, network_notes
from neurodeploy.data.augment import VaryImages
from neurodeploy.models.architecture import Architecture, from_dict
from neurodeploy.models.errors import InputError
from neurodeploy.train.fit import capacity_problems

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("network", (None, 3, ["dense"])),
        ("delays", ("x", 1)),
        ("hidden", (4, (), (0,), (4.5,), (True,), "48", (65536,))),
        ("epochs", (0, -1, "3", 2.5, None, True, 2**31)),
        ("batch_size", (0, -1, "8", 8.5)),
        ("learning_rate", ("x", 1e300, 1e39, -1, 0, NAN)),
        ("delay_rate", (-1, "x", INF)),
        ("decay_rate", (-0.5, NAN)),
        ("logit_scale", (0, -1, NAN, "x")),
        ("max_grad_norm", (0, -1, NAN, True)),
        ("augment", (3, "x", VaryImages)),
        ("threshold", (0.0, "x")),
        ("current_decay", (2.0,)),
        ("voltage_decay", (-1,)),
        ("tau_grad", (0,)),
        ("dropout", (1.0, "x", None)),
        ("seed", (-1, 1.5)),
        ("threads", (0,)),
        ("kernels", ("fast",)),
        ("synop_budget", (0, NAN, INF)),
        ("prune", (1, -0.1)),
    ],
)
def test_a_configuration_refuses_what_trains_no_network_by_field_and_way_out(
    field: str, values: tuple[Any, ...]
) -> None:
    for value in values:
        for make in (TrainConfig, lambda **change: replace(TrainConfig(), **change)):
            with pytest.raises(InputError, match=rf"^{field}(\[0\])? is .*; \S+") as raised:
                make(**{field: value})
            assert "\n" not in str(raised.value)


def test_configurations_of_the_tasks_and_rates_of_zero_are_valid() -> None:
    for task in tasks.TASKS.values():
        assert replace(task.config) == task.config
    made = TrainConfig(hidden=[4], delay_rate=0, augment=VaryImages((8, 8)))  # type: ignore[arg-type]
    assert made.rates["delays"] == 0


def test_numbers_of_numpy_become_those_of_python() -> None:
    values: Any = {"epochs": np.int64(3), "learning_rate": np.float64(0.25), "hidden": [np.int8(4)]}
    made = TrainConfig(**values)
    assert [type(made.epochs), type(made.learning_rate)] == [int, float]
    assert made == TrainConfig(epochs=3, learning_rate=0.25, hidden=(4,))


# The network

CONFIG = TrainConfig(hidden=(20, 10), threshold=0.7, voltage_decay=0.1)
NEURON = {"threshold": 0.7, "current_decay": 0.25, "voltage_decay": 0.1, "tau_grad": 0.02}


def network_of(network: Any = None, **changes: Any) -> Architecture:
    config = CONFIG if network is None else CONFIG.with_network(network)
    return replace(config, **changes).architecture(channels=12, classes=4)


def test_the_default_is_a_dense_network_with_axonal_delays() -> None:
    assert network_of() == Architecture.dense((12, 20, 10, 4), **NEURON)
    assert network_of() == network_of("dense", delays="axonal")


def test_sizes_and_delays_of_a_preset_can_be_chosen() -> None:
    dense = Architecture.dense
    assert network_of(hidden=[7], delays="none") == dense((12, 7, 4), delays="none", **NEURON)
    assert network_of(delays="synaptic") == dense((12, 20, 10, 4), delays="synaptic", **NEURON)
    assert network_of("small").sizes == (12, 64, 4)
    assert network_of("small", hidden=[9]).sizes == (12, 9, 4)
    assert network_of("recurrent").layers[0].kind == "recurrent"


def test_a_file_describes_the_whole_network(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    layers = [{"kind": "recurrent", "neurons": 5}, {"kind": "dense", "neurons": 4}]
    path.write_text(json.dumps({"layers": layers}))
    made = network_of(str(path))
    assert made.sizes == (12, 5, 4)
    assert made.layers[0].threshold == 1.25
    for field, value in (("delays", "none"), ("hidden", (3,)), ("weight_bits", 4)):
        with pytest.raises(InputError, match=f"{field} applies to presets only"):
            network_of(str(path), **{field: value})
    for change, message in (
        ({"input_shape": [3, 2, 3]}, "18 input channels, but the task 12"),
        ({"layers": layers[:1]}, "5 output neurons, but the task 4"),
    ):
        path.write_text(json.dumps({"layers": layers, **change}))
        with pytest.raises(InputError, match=message):
            network_of(str(path))


def test_sizes_that_fit_no_chip_are_refused_or_warned_about() -> None:
    with pytest.raises(InputError, match=r"the network dense: .* 180,240,000 synapses"):
        replace(CONFIG, hidden=(60000,)).architecture(channels=3000, classes=4)
    assert capacity_problems(Architecture.dense((33, 128, 128, 6))) == ()
    assert capacity_problems(Architecture.dense((33, 60000, 8, 6)))


def test_a_density_that_synapses_cannot_have_is_noted() -> None:
    layers = [
        {"kind": "dense", "neurons": 40, "density": 0.02},
        {"kind": "dense", "neurons": 30, "density": 0.26},
        {"kind": "dense", "neurons": 4},
    ]
    (note,) = network_notes(from_dict({"input_shape": [12], "layers": layers}))
    assert "layer 0 has 1 of 12 synapses per neuron" in note
    assert network_notes(network_of("synaptic")) == []


# Before the data are read


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--network", "none.json"), "none.json"),
        (("--network", "bad.json"), "bad.json"),
        (("--network", "odd.json"), "neurons"),
        (("--network", "dens"), "there is no network 'dens'; choose dense, dense-bias"),
        (("--network", "good.json", "--hidden", "4"), "hidden applies to presets only"),
        (("--hidden", "20000", "20000"), "400,000,000 synapses between hidden layers"),
        (("--network", "conv", "--hidden", "8", "4"), "hidden has 2 sizes"),
        (("--task", "digits", "--encoder", "log-mel-lif"), "no encoder 'log-mel-lif'"),
        (("--energy-budget-uj", "1", "--costs", "none.json"), "none.json does not exist"),
        (("--device", "gpu"), "the device 'gpu' cannot be used ("),
        (("--resume",), "runs/har holds no run to resume (resume.pt is missing)"),
        (("--hidden", "70000"), "'70000' is not an integer from 1 to 65535"),
    ],
)
def test_what_is_wrong_with_any_data_is_reported_before_they_are_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    layers: list[dict[str, Any]] = [{"kind": "dense", "neurons": 4}]
    Path("bad.json").write_text("x")
    Path("good.json").write_text(json.dumps({"layers": layers}))
    Path("odd.json").write_text(json.dumps({"layers": [{**layers[0], "neurons": "4"}]}))
    try:
        code = train.main([*words, "--data", "nowhere"])
    except SystemExit as ended:  # of argparse
        code = ended.code
    assert code == 2
    assert named in capsys.readouterr().err
    assert not Path("runs").exists()
