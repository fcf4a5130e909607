"""Torch modules as NIR graphs: what the exporter leaves out is asked of the module."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import neurodeploy as nd
from neurodeploy.export.nir import graph
from neurodeploy.export.nir.dialects import time_step
from neurodeploy.export.nir.modules import to_graph
from neurodeploy.export.nir.reference import simulate
from neurodeploy.models.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import snntorch as snn

HIDDEN = {"init_hidden": True}
ZERO = {"reset_mechanism": "zero", "reset_delay": False, **HIDDEN}


def dense(inputs: int, outputs: int) -> nn.Linear:
    """Return weights with which neurons fire."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, -0.02, 0.25)
    return layer


def convolution(**options: Any) -> nn.Conv2d:
    layer = nn.Conv2d(2, 4, 3, padding=1, **options)
    nn.init.normal_(layer.weight, 0.05, 0.3)
    return layer


def run(module: nn.Module, inputs: Tensor) -> np.ndarray:
    """Return the output of a snnTorch module from cleared state, (samples, neurons, steps)."""
    for each in module.modules():
        for name in ("mem", "syn", "spk"):
            if hasattr(each, name):
                setattr(each, name, torch.zeros(0))
    with torch.no_grad():
        out = [module(now) for now in inputs.unbind(-1)]
    spikes = [each[0] if isinstance(each, tuple) else each for each in out]
    return np.asarray(torch.stack(spikes, -1).flatten(1, -2))


def modules() -> dict[str, nn.Module]:
    """Return modules that take images of 2 x 8 x 8."""
    torch.manual_seed(0)
    flat = nn.Flatten
    return {
        "defaults": nn.Sequential(flat(), dense(128, 8), snn.Leaky(0.9, **HIDDEN)),
        "zero": nn.Sequential(flat(), dense(128, 8), snn.Synaptic(0.5, 0.9, **ZERO)),
        "no leak": nn.Sequential(flat(), dense(128, 8), snn.Leaky(1.0, **ZERO)),
        "no memory": nn.Sequential(flat(), dense(128, 8), snn.Leaky(0.0, **ZERO)),
        "no reset": nn.Sequential(
            flat(), dense(128, 8), snn.Leaky(0.5, reset_mechanism="none", **HIDDEN)
        ),
        "learned": nn.Sequential(
            flat(), dense(128, 8), snn.Leaky(0.9, learn_beta=True, learn_threshold=True, **ZERO)
        ),
        "nested recurrent": nn.Sequential(
            flat(),
            nn.Sequential(dense(128, 8), snn.RLeaky(0.9, linear_features=8, **HIDDEN)),
            dense(8, 4),
            snn.Leaky(0.9, output=True, **ZERO),
        ),
        "one to one": nn.Sequential(
            flat(), dense(128, 8), snn.RLeaky(0.9, V=0.3, all_to_all=False, **HIDDEN)
        ),
        "late whatever it says": nn.Sequential(
            flat(), dense(128, 8),
            snn.RSynaptic(0.5, 0.9, linear_features=8, reset_mechanism="zero", **HIDDEN),
            dense(8, 4), snn.Synaptic(0.5, 0.9, **ZERO),
        ),
        "convolutional": nn.Sequential(
            convolution(bias=False), snn.Leaky(0.9, **ZERO), nn.AvgPool2d(2), flat(), dense(64, 4),
            snn.Leaky(0.8, threshold=0.1, **HIDDEN),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", modules())
def test_a_module_spikes_in_the_reference_as_in_snntorch(name: str) -> None:
    module = modules()[name]
    inputs = (np.random.default_rng(0).random((4, 2, 8, 8, 30)) < 0.2).astype(np.float32)
    wanted = run(module, torch.from_numpy(inputs))
    state = {key: value.clone() for key, value in module.state_dict().items()}
    found, dialect = to_graph(module, torch.zeros(1, 2, 8, 8))
    read = graph.checked(found)
    spikes = list(simulate(read, inputs, dialect, time_step(read, dialect)[0]).values())[-1].spikes
    assert 0.02 < wanted.mean() < 0.8
    np.testing.assert_array_equal(spikes, wanted)
    for key, value in module.state_dict().items():
        assert torch.equal(value, state[key])
    np.testing.assert_array_equal(run(module, torch.from_numpy(inputs)), wanted)


def test_a_module_in_the_middle_of_training_can_be_exported() -> None:
    module = modules()["defaults"]
    module(torch.ones(1, 2, 8, 8))  # its state now belongs to a graph of gradients
    state = module[2].mem
    to_graph(module, torch.zeros(1, 2, 8, 8))
    assert module[2].mem is state


def test_each_layer_has_the_reset_of_its_module() -> None:
    first = to_graph(modules()["nested recurrent"], torch.zeros(1, 2, 8, 8))[1]
    assert (first.reset, first.reset_delay) == ("subtract", True)
    assert (first.of("3").reset, first.of("3").reset_delay) == ("value", False)
    late = to_graph(modules()["late whatever it says"], torch.zeros(1, 2, 8, 8))[1]
    assert late.of("2.lif").reset_delay
    assert not late.of("4").reset_delay


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9)), ("module 1", "init_hidden=True")),
        (nn.Sequential(nn.Linear(3, 2), nn.Dropout(), snn.Leaky(0.9, **HIDDEN)), ("Dropout",)),
        (nn.Sequential(nn.Linear(3, 2), snn.Lapicque(beta=0.9, **HIDDEN)), ("Lapicque",)),
        (
            nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, graded_spikes_factor=2.0, **HIDDEN)),
            ("module 1", "graded_spikes_factor"),
        ),
        (
            nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, state_quant=torch.round, **HIDDEN)),
            ("module 1", "state_quant"),
        ),
        (nn.Sequential(nn.Linear(3, 2)), ("no known framework",)),
        (nn.Sequential(nn.Linear(4, 2), snn.Leaky(0.9, **HIDDEN)), ("snnTorch", "RuntimeError")),
        ("a module", ("str", "torch.nn.Module")),
    ],
)
def test_what_cannot_be_exported_is_named(module: Any, named: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        to_graph(module, torch.zeros(1, 3))
    for part in named:
        assert part in str(caught.value)


def test_without_nirtorch_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nirtorch", None)
    with pytest.raises(InputError, match="pip install nirtorch"):
        to_graph(modules()["zero"], torch.zeros(1, 2, 8, 8))


def test_a_module_becomes_the_network_of_its_graph_and_dialect() -> None:
    module = modules()["learned"]
    sample = torch.zeros(1, 2, 8, 8)
    network = nd.from_torch(module, sample)
    found, dialect = to_graph(module, sample)
    assert network.digest == nd.from_nir(found, dialect=dialect).digest
    subtracting = modules()["defaults"]
    with pytest.raises(InputError, match="'2'"):
        nd.from_torch(subtracting, sample)  # Loihi resets to zero only
    closest = nd.from_torch(subtracting, sample, approximate=True)
    assert closest.provenance["approximations"]
