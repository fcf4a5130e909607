"""The networks that lava-dl ships, on our simulator, our Lava backend and lava-dl's stock netx."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.lava_compat import from_lava, to_lava

STATES = RunOptions(states=True)


@pytest.fixture
def image(shipped, draw_spikes):
    """Return a function that gives a network's input over some steps, (1, channels, steps): one
    shipped image over and over, or N-TIDIGITS' recorded spikes."""

    def load(name, network, steps):
        if name == "mnist.net":
            return np.repeat(draw_spikes(1, 784, 1), steps, 2)
        if name.endswith("ntidigits.net"):
            spikes = np.load(shipped("gts/ntidigits/input.npy")).astype(np.uint8)
            return spikes[None, :, 240 : 240 + steps]
        file = {
            "tiny.net": "gts/tinynet/input_bias.npy",
            "gts/pilotnet_lif/network.net": "gts/pilotnet_lif/image.npy",
        }.get(name, "gts/pilotnet_sdnn/input.npy")
        values = np.load(shipped(file)).astype(int)
        channels, height, width = network.input_shape
        values = values.reshape(*values.shape[:2], channels)[:width, :height]
        return np.repeat(from_lava(values, network.input_shape)[None, :, None], steps, 2)

    return load


def read(path, *, scaled):
    """Return the network, for input that is stored as its neurons' bias where it is `scaled`."""
    network = netx.read(path)
    if not scaled:
        return network
    first = replace(network.layers[0], scale=1, offset=0)
    return network.with_layers((first, *network.layers[1:]))


NETWORKS = {
    "mnist.net": 8,
    "tiny.net": 17,
    "gts/ntidigits/ntidigits.net": 100,
    "gts/pilotnet_lif/network.net": 12,
    "gts/pilotnet_sdnn/network.net": 12,
    "gts/pilotnet_sdnn/square_network.net": 12,
}
"""The networks and the time steps that they run."""

SCALED = ("tiny.net", "gts/pilotnet_lif/network.net")


@pytest.mark.parametrize("name", NETWORKS)
def test_fast_agrees_with_lava_in_every_spike_and_state(name, shipped, image, on_lava):
    network = read(shipped(name), scaled=name in SCALED)
    values = image(name, network, NETWORKS[name])
    ours, lavas = fast.run(network, values, STATES), on_lava(network, values)
    for index, layer in enumerate(network.layers):
        assert ours.spikes[index].any() or layer is network.layers[-1]
        np.testing.assert_array_equal(ours.spikes[index], lavas.spikes[index])
        for field in ("current", "voltage", "weighted"):
            one, other = (getattr(run.states[index], field) for run in (ours, lavas))
            np.testing.assert_array_equal(one, other, f"{field} of layer {index}")
    if network.readout == "voltage":
        np.testing.assert_array_equal(ours.last_voltage, lavas.last_voltage)


STOCK = {
    "tiny.net": (3, 17),
    "gts/ntidigits/ntidigits.net": (5, 100),
    "gts/pilotnet_sdnn/network.net": (10, 10),
}
"""What stock netx can run, the layers of the file up to which it does, and the time steps.

It refuses the average layer of N-TIDIGITS. PilotNet LIF it cannot run: Lava's convolution keeps
sizes in int8, which its image, 200 wide, overflows (ours does not).
"""


@pytest.mark.long
def test_fast_agrees_with_stock_netx(shipped, image, tmp_path, stock_netx):
    """Stock netx runs one sample from its start, as ours do; all in one process."""
    for number, (name, (layers, steps)) in enumerate(STOCK.items()):
        network, path = read(shipped(name), scaled=name in SCALED), tmp_path / f"{number}.net"
        values = image(name, network, steps)[0].astype(int)
        path.symlink_to(shipped(name))
        path.with_suffix(".layers").write_text(str(layers))
        np.save(path.with_suffix(".npy"), to_lava(values, network.layers[0].input_shape))
    stock_netx(tmp_path)
    for number, (name, (layers, steps)) in enumerate(STOCK.items()):
        network = read(shipped(name), scaled=name in SCALED)
        spikes = fast.run(network, image(name, network, steps)).spikes
        last = min(layers, len(network.layers)) - 1
        found = np.load(tmp_path / f"{number}.out.npy")
        assert np.count_nonzero(found), name
        np.testing.assert_array_equal(from_lava(found, network.layers[last].shape), spikes[last][0])
