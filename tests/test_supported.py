"""The documentation's table of what runs is the one that the registries give, and it holds."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.export.netx_read import READERS, REFUSED
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models.layers import LAYERS
from neurodeploy.models.neurons import NEURONS

ROOT = Path(__file__).parents[1]
support = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "supported.py")))
KINDS = [*LAYERS, *NEURONS]


def test_the_page_has_the_table_that_the_registries_give():
    page = support.PAGE.read_text(encoding="utf-8")
    assert support.with_tables(page) == page, "run: uv run python .ci/supported.py"


def test_every_kind_and_every_refusal_is_in_the_table():
    table = support.markdown()
    for name in (*LAYERS.values(), *NEURONS.values()):
        assert f"| {name} |" in table
    assert all(f"(`{kind}`)" in table for kind in REFUSED)
    assert all(f"`{name}`" in table for name in BACKENDS)
    assert set(support.NETX_LAYERS.values()) == set(READERS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_example_has_its_kind_runs_and_is_read_back(kind, tmp_path):
    network = support.example(kind)
    assert any(kind in (type(layer), type(layer.neuron)) for layer in network.layers)
    values = np.ones((1, network.inputs, 3), np.uint8)
    activity = BACKENDS["fast"].run(network, values)
    assert len(activity.spikes) == len(network.layers)
    netx.write(network, tmp_path / "model.net")
    assert any(
        kind in (type(layer), type(layer.neuron))
        for layer in netx.read(tmp_path / "model.net").layers
    )


def test_loihi_takes_binary_spikes_alone():
    takes = {kind for kind in KINDS if support.runs_on("loihi2", support.example(kind))}
    assert {kind.__name__ for kind in takes} == {
        "DenseLayer", "RecurrentLayer", "ConvLayer", "CubaLif",
    }  # fmt: skip


def test_what_comes_from_slayer_is_what_quantize_makes(one_torch_thread, stack):
    import torch
    from lava.lib.dl.slayer.block import cuba

    from neurodeploy.models.quantize import quantize

    def neuron(current_decay=0.25):
        return {"threshold": 1.0, "current_decay": current_decay, "voltage_decay": 0.1}

    module = stack(
        cuba.Input(neuron(1), weight=0.5, bias=0.25),
        cuba.Conv(neuron(), 1, 2, 3),
        cuba.Flatten(),
        cuba.Dense(neuron(), 8, 4),
        cuba.Recurrent(neuron(), 4, 3),
    )
    module(torch.zeros(1, 1, 4, 4, 5))
    layers = quantize(module, input_shape=(1, 4, 4)).layers
    made = {type(layer) for layer in layers} | {type(layer.neuron) for layer in layers}
    assert made == support.FROM_SLAYER
