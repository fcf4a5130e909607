"""Which network the options ask for."""

from __future__ import annotations

import json
import re

import pytest

from models.architecture import Architecture
from models.errors import InputError
from neurodeploy.learning.chosen_network import architecture_of
from neurodeploy.tasks.recipe import Recipe

RECIPE = Recipe(hidden=(20, 10), threshold=0.7, voltage_decay=0.1)
NEURON = {"threshold": 0.7, "current_decay": 0.25, "voltage_decay": 0.1, "tau_grad": 0.02}


def chosen(**options) -> Architecture:
    return architecture_of(RECIPE, channels=12, classes=4, **options)


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
    with refused("--delays and a file of --network are given; say it in the file"):
        chosen(network=str(path), delays="none")
    with refused("--hidden and a file of --network are given; say it in the file"):
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
    with refused(f"{path} has {said}; change the file"):
        chosen(network=str(path))


def test_an_unknown_name_is_refused():
    names = "dense, dense-bias, recurrent, conv, synaptic, small"
    with refused(f"there is no network 'dens'; choose {names}, or give a JSON file"):
        chosen(network="dens")
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        chosen(network="none.json")
