"""Which network the options ask for."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from neurodeploy import train
from neurodeploy.learning.config import TrainConfig, network_notes
from neurodeploy.models.architecture import Architecture, from_dict
from neurodeploy.models.errors import InputError

CONFIG = TrainConfig(hidden=(20, 10), threshold=0.7, voltage_decay=0.1)
NEURON = {"threshold": 0.7, "current_decay": 0.25, "voltage_decay": 0.1, "tau_grad": 0.02}


def chosen(network=None, **changes) -> Architecture:
    config = CONFIG if network is None else CONFIG.with_network(network)
    return replace(config, **changes).architecture(channels=12, classes=4)


def refused(message: str):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_without_options_it_is_the_recipes_dense_network_with_axonal_delays():
    assert chosen() == Architecture.dense((12, 20, 10, 4), **NEURON)
    assert chosen() == chosen(network="dense", delays="axonal")


def test_sizes_and_delays_of_a_preset_can_be_chosen():
    assert chosen(hidden=[7], delays="none") == Architecture.dense(
        (12, 7, 4), delays="none", **NEURON
    )
    assert chosen(delays="synaptic") == Architecture.dense(
        (12, 20, 10, 4), delays="synaptic", **NEURON
    )
    assert chosen(network="small").sizes == (12, 64, 4)
    assert chosen(network="small", hidden=[9]).sizes == (12, 9, 4)
    assert chosen(network="recurrent").layers[0].kind == "recurrent"


def test_a_file_says_everything(tmp_path):
    path = tmp_path / "mine.json"
    values = {"layers": [{"kind": "recurrent", "neurons": 5}, {"kind": "dense", "neurons": 4}]}
    path.write_text(json.dumps(values))
    made = chosen(network=str(path))
    assert made.sizes == (12, 5, 4)
    assert made.layers[0].threshold == 1.25
    with pytest.raises(InputError, match="delays changes a preset"):
        chosen(network=str(path), delays="none")
    with pytest.raises(InputError, match="hidden changes a preset"):
        chosen(network=str(path), hidden=[3])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input_shape": [3, 2, 3]}, "18 input channels and the task 12"),
        ({"layers": [{"kind": "dense", "neurons": 5}]}, "5 output neurons and the task 4"),
    ],
)
def test_a_file_must_fit_the_task(tmp_path, change, said):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"layers": [{"kind": "dense", "neurons": 4}], **change}))
    with refused(f"the network {path} has {said}; change it"):
        chosen(network=str(path))


def test_an_unknown_name_is_refused():
    names = "dense, dense-bias, recurrent, conv, synaptic, small"
    with refused(f"there is no network 'dens'; choose {names}, or give a JSON file"):
        chosen(network="dens")
    with pytest.raises(InputError, match=r"network none\.json does not exist"):
        chosen(network="none.json")


def test_sizes_that_fit_no_network_are_refused_with_the_option():
    with refused(
        "the network dense: sizes (3000, 60000, 4) make 180,240,000 synapses; the limit is "
        "134,217,728, about what a Loihi 2 holds, so give smaller layers"
    ):
        replace(CONFIG, hidden=(60000,)).architecture(channels=3000, classes=4)


# Before the data are read


def asked(*words: str) -> argparse.Namespace:
    options = argparse.ArgumentParser()
    train.add_options(options)
    return options.parse_args(words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--network", "none.json"),
            "the network none.json does not exist; give a JSON file",
        ),
        (
            ("--network", "bad.json"),
            "the network bad.json is not JSON (Expecting value, line 1, column 1)",
        ),
        (
            ("--network", "odd.json"),
            'the network odd.json: layers[0].neurons is "4"; give an integer from 1 to 65,535',
        ),
        (
            ("--network", "dens"),
            "there is no network 'dens'; choose dense, dense-bias, recurrent, conv, synaptic, "
            "small, or give a JSON file",
        ),
        (
            ("--network", "good.json", "--hidden", "4"),
            "hidden changes a preset and the network is described by itself; say ",
        ),
        (
            ("--hidden", "20000", "20000"),
            "hidden 20000 20000 makes 400,000,000 synapses between hidden layers; the limit is "
            "134,217,728, about what a Loihi 2 holds, so give smaller layers",
        ),
        (
            ("--network", "conv", "--hidden", "8", "4"),
            "hidden has 2 sizes and the network conv one dense hidden layer; give one size, or "
            "describe the network in a JSON file",
        ),
        (
            ("--task", "digits", "--encoder", "log-mel-lif"),
            "the task digits has no other encoder 'log-mel-lif'; beside its own it has latency",
        ),
        (
            ("--energy-budget-uj", "1", "--costs", "none.json"),
            "none.json does not exist; give a cost file, as docs/cost-files.md describes",
        ),
        (("--device", "gpu"), "the device 'gpu' cannot be used ("),
    ],
)
def test_what_is_wrong_whatever_the_data_is_said_before_they_are_read(
    tmp_path, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("x")
    Path("odd.json").write_text(json.dumps({"layers": [{"kind": "dense", "neurons": "4"}]}))
    Path("good.json").write_text(json.dumps({"layers": [{"kind": "dense", "neurons": 4}]}))
    assert train.main([*words, "--data", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not Path("runs").exists()


def test_a_run_that_is_not_there_is_not_resumed_and_no_data_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main(["--resume", "--data", "nowhere"]) == 2
    assert capsys.readouterr().err == (
        "error: runs/har holds no run to resume (resume.pt is missing); start one without "
        "--resume\n"
    )


def test_sizes_beyond_any_layer_are_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        asked("--hidden", "70000")
    assert "--hidden: '70000' is no whole number from 1 to 65535" in capsys.readouterr().err


# Notes


def test_a_share_of_synapses_that_is_not_whole_is_told_where_it_is_far_from_what_was_asked():
    layers = [
        {"kind": "dense", "neurons": 40, "density": 0.02},
        {"kind": "dense", "neurons": 30, "density": 0.26},
        {"kind": "dense", "neurons": 4},
    ]
    made = from_dict({"input_shape": [12], "layers": layers})
    assert network_notes(made) == [
        "layer 0 has 1 of 12 synapses per neuron, a density of 0.083 instead of 0.02, since "
        "synapses are whole"
    ]
    assert network_notes(chosen(network="synaptic")) == []
