"""After optimizer steps SLAYER, our simulator and Lava agree in every spike of each network,
and the netx file holds the same network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.export import netx, rules
from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.architecture import PRESETS, Architecture, LayerSpec
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NEURON = {"threshold": 0.6}


def axonal_and_synaptic() -> Architecture:
    layers = (
        LayerSpec("dense", 14, delays="axonal", max_delay=32, **NEURON),
        LayerSpec("dense", 12, delays="synaptic", density=0.5, max_delay=30, **NEURON),
        LayerSpec("dense", 4, bias=True, **NEURON),
    )
    return Architecture((9,), layers)


def images() -> Architecture:
    layers = (
        LayerSpec("conv", channels=4, kernel_size=3, padding=1, stride=(1, 2), bias=True, **NEURON),
        LayerSpec("conv", channels=4, kernel_size=(2, 1), groups=2, delays="axonal", **NEURON),
        LayerSpec("dense", 10, delays="synaptic", max_delay=20, **NEURON),
        LayerSpec("recurrent", 8, bias=True, learn_decays="neuron", **NEURON),
        LayerSpec("dense", 4, **NEURON),
    )
    layers = (layers[0], replace(layers[1], max_delay=40), *layers[2:])
    return Architecture((2, 6, 6), layers)


PRESET_HIDDEN = {"hidden": (16, 12)}
NETWORKS = {name: preset((9,), 4, **PRESET_HIDDEN, **NEURON) for name, preset in PRESETS.items()}
NETWORKS |= {
    "axonal and synaptic": axonal_and_synaptic(),
    "images": images(),
    "recurrent, biases and decays": NETWORKS["recurrent"].changed(
        bias=True, learn_decays="neuron", dropout=0.2
    ),
    "synaptic, 4 bits": NETWORKS["synaptic"].changed(weight_bits=4, dropout=0.2),
    "everything in 6 bits": images().changed(weight_bits=6, dropout=0.1),
}

ON_LAVA = (
    "dense-bias", "axonal and synaptic", "images", "recurrent, biases and decays",
    "synaptic, 4 bits",
)  # fmt: skip
"""These have of everything; Lava takes its time."""


def spikes_for(architecture: Architecture, samples: int, steps: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return (rng.random((samples, architecture.sizes[0], steps)) < 0.35).astype(np.uint8)


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request) -> SlayerNetwork:
    """Return a network after a few large steps, with Gaussians of several widths on the way."""
    architecture = NETWORKS[request.param]
    torch.manual_seed(4)
    network = SlayerNetwork(architecture)
    for name, values in network.named_parameters():
        if name.endswith("synapse.weight"):
            values.data *= 2.5
    rates = {"weights": 0.02, "delays": 1.0, "decays": 40.0}
    groups = [{"params": p, "lr": rates[n]} for n, p in network.parameter_groups().items()]
    optimizer = torch.optim.Adam(groups)
    spikes = torch.from_numpy(spikes_for(architecture, 6, 40)).float()
    start = {name: values.clone() for name, values in network.named_parameters()}
    network.train()
    for position in (0.0, 0.3, 0.6, 0.9):
        network.set_progress(position)
        optimizer.zero_grad()
        counts = network(spikes).sum(2)
        torch.nn.functional.cross_entropy(0.3 * counts, torch.arange(6) % 4).backward()
        optimizer.step()
        network.after_step()
    for name, values in network.named_parameters():
        assert values.requires_grad != torch.equal(values, start[name]), name
    return network.eval()


def test_slayer_and_fast_agree_in_every_spike(trained):
    quantized = quantize(trained)
    spikes = spikes_for(trained.architecture, 8, 60)
    found = check_equivalence(trained, quantized, spikes)
    assert found.equal, found.first
    activity = fast.run(quantized, spikes)
    assert all(layer.mean() > 0.005 for layer in activity.spikes[:-1])
    with torch.no_grad():
        own = trained.layer_spikes(torch.from_numpy(spikes).float())
        synops = trained.layer_synops(torch.from_numpy(spikes).float(), own).sum(0)
    assert all(np.array_equal(a, b) for a, b in zip(own, activity.spikes))
    assert synops.tolist() == sum(layer.synops for layer in count(quantized, activity)).tolist()


@pytest.mark.parametrize("trained", ON_LAVA, indirect=True)
def test_lava_agrees_too(trained, on_lava):
    quantized = quantize(trained)
    spikes = spikes_for(trained.architecture, 2, 30)
    lavas, ours = on_lava(quantized, spikes), fast.run(quantized, spikes)
    for index, layer in enumerate(ours.spikes):
        np.testing.assert_array_equal(layer, lavas.spikes[index], f"layer {index}")


def test_the_file_holds_the_same_network_and_stock_netx_takes_it(trained, tmp_path):
    quantized = quantize(trained)
    assert rules.check(quantized) == ()
    netx.write(quantized, tmp_path / "model.net")
    assert netx.read(tmp_path / "model.net").digest == quantized.digest
