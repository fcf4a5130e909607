"""The compiled kernels against stock lava-dl: equal spikes, equal gradients, equal training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.neurons import CubaNeurons, Dynamics
from neurodeploy.models.snn import Architecture, SlayerNetwork

pytestmark = pytest.mark.usefixtures("one_torch_thread")

PLAIN = {"threshold": 0.5, "current_decay": 0.25, "voltage_decay": 0.1}
DECAYS = [(0.25, 0.1), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.3333, 0.00025)]


def plain(**values) -> Architecture:
    return Architecture.dense((6, 9, 8, 4), **{**PLAIN, **values})


def twins(architecture: Architecture, *, gain: float = 2.0) -> tuple[SlayerNetwork, SlayerNetwork]:
    """Return the same random network with compiled and with stock kernels."""
    made = []
    for kernels in ("compiled", "stock"):
        torch.manual_seed(5)
        network = SlayerNetwork(architecture, kernels)
        for block in network.blocks:
            block.synapse.weight.data *= gain
        made.append(network)
    return tuple(made)


def gradients(network: SlayerNetwork, spikes: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the gradients of a loss that looks at every output spike with another weight."""
    torch.manual_seed(6)
    output = network(spikes)
    (output * torch.randn(output.shape)).sum().backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def assert_gradients_close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, expected in other.items():
        scale = float(expected.abs().max())
        torch.testing.assert_close(one[name], expected, rtol=1e-4, atol=1e-6 * scale, msg=name)


@pytest.fixture
def spikes(draw_spikes) -> torch.Tensor:
    return torch.from_numpy(draw_spikes(5, 6, 50)).float()


@pytest.mark.parametrize("delays", ["axonal", "none"])
@pytest.mark.parametrize(("current", "voltage"), DECAYS)
def test_spikes_of_every_layer_equal_stock(spikes, current, voltage, delays):
    compiled, stock = twins(plain(current_decay=current, voltage_decay=voltage, delays=delays))
    for delayed in (False, True):
        one = compiled.layer_spikes(spikes, delayed=delayed)
        other = stock.layer_spikes(spikes, delayed=delayed)
        assert [layer.shape for layer in one] == [layer.shape for layer in other]
        assert all(torch.equal(a, b) for a, b in zip(one, other))
        assert all(layer.sum() > 20 for layer in other[:2])


@pytest.mark.parametrize("threshold", [1 / 64, 1.0, 20.0, 64 - 1 / 64])
def test_spikes_equal_stock_at_every_threshold(spikes, threshold):
    compiled, stock = twins(
        plain(threshold=threshold, current_decay=0.02, voltage_decay=0.01), gain=8
    )
    one, other = compiled.layer_spikes(spikes), stock.layer_spikes(spikes)
    assert all(torch.equal(a, b) for a, b in zip(one, other))
    assert other[0].sum() > 20


@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (1, 2), (4, 1), (1, 70)])
def test_spikes_and_gradients_equal_stock_for_any_batch_and_length(draw_spikes, batch, steps):
    compiled, stock = twins(plain(delay_init_max=3.0))
    spikes = torch.from_numpy(draw_spikes(batch, 6, steps, rate=0.8)).float()
    one, other = compiled.layer_spikes(spikes), stock.layer_spikes(spikes)
    assert all(torch.equal(a, b) for a, b in zip(one, other))
    assert_gradients_close(gradients(compiled, spikes), gradients(stock, spikes))


@pytest.mark.parametrize("delays", ["axonal", "none"])
@pytest.mark.parametrize(("current", "voltage"), DECAYS)
def test_gradients_of_weights_and_delays_equal_stock(spikes, current, voltage, delays):
    architecture = plain(
        current_decay=current, voltage_decay=voltage, delays=delays, delay_init_max=9.0
    )
    one, other = (gradients(network, spikes) for network in twins(architecture))
    names = {"blocks.0.delay.delay", "blocks.1.delay.delay"} if delays == "axonal" else set()
    assert set(other) == names | {f"blocks.{i}.synapse.weight" for i in range(3)}
    assert all(grad.abs().max() > 0 for grad in other.values())
    assert_gradients_close(one, other)


@pytest.mark.parametrize("tau_grad", [1e-6, 1e-3, 1.0])
def test_gradients_equal_stock_for_any_width_of_the_surrogate(spikes, tau_grad):
    """At the narrowest, SLAYER's epsilon on the threshold is a visible part of the width."""
    one, other = (gradients(network, spikes) for network in twins(plain(tau_grad=tau_grad)))
    assert_gradients_close(one, other)


def test_training_stays_with_stock_for_several_steps(spikes):
    networks = twins(plain(delay_init_max=9.0))
    optimizers = [
        torch.optim.Adam(
            [
                {"params": [b.synapse.weight for b in network.blocks], "lr": 0.01},
                {"params": network.delay_parameters(), "lr": 0.3},
            ]
        )
        for network in networks
    ]
    started = networks[0].blocks[0].synapse.weight.detach().clone()
    for _ in range(6):
        layers = [network.layer_spikes(spikes) for network in networks]
        assert all(torch.equal(a, b) for a, b in zip(*layers))
        for network, optimizer in zip(networks, optimizers):
            optimizer.zero_grad()
            gradients(network, spikes)
            optimizer.step()
            network.after_step()
    one, other = (network.state_dict() for network in networks)
    for name, expected in other.items():
        torch.testing.assert_close(one[name], expected, rtol=1e-4, atol=1e-4, msg=name)
    assert (networks[1].blocks[0].synapse.weight - started).abs().max() > 0.03


def test_the_reset_takes_no_part_in_the_gradient():
    """One neuron fires in steps 0 and 4; the gradient at step 4 reaches step 0 past the reset.

    With the share a of u and b of v kept, v of step 4 holds the input of step 0 times
    a^4 + a^3 b + a^2 b^2 + a b^3 + b^4, as if the neuron had not fired.
    """
    kept_u, kept_v = 0.5, 0.25
    dynamics = Dynamics(
        np.array([int(kept_u * 4096)], np.int32), np.array([int(kept_v * 4096)], np.int32),
        threshold=64, centre=1.0, slope=2.0, height=3.0,
    )  # fmt: skip
    inputs = torch.tensor([2.0, 0, 0, 0, 1.0, 0]).reshape(1, 6, 1).requires_grad_()
    spikes = CubaNeurons.apply(inputs, None, None, None, None, None, dynamics)
    assert spikes.flatten().tolist() == [0, 1, 0, 0, 0, 1]
    spikes[0, 5, 0].backward()
    v = voltage_before_reset(inputs.detach().flatten().tolist(), kept_u, kept_v)[4]
    surrogate = 3.0 / 4.0 * np.exp(-abs(v - 1.0) / 2.0)
    kernel = [sum(kept_u**i * kept_v ** (k - i) for i in range(k + 1)) for k in range(5)]
    expected = [surrogate * kernel[4 - t] for t in range(5)] + [0]
    np.testing.assert_allclose(inputs.grad.flatten().numpy(), expected, rtol=1e-6)


def voltage_before_reset(inputs: list[float], kept_u: float, kept_v: float) -> list[float]:
    u = v = 0.0
    voltages = []
    for value in inputs:
        u = kept_u * u + value
        v = kept_v * v + u
        voltages.append(v)
        v = 0.0 if v > 1.0 else v
    return voltages


def test_a_delay_beyond_the_end_loses_the_spikes(draw_spikes):
    compiled, stock = twins(plain())
    spikes = torch.from_numpy(draw_spikes(2, 6, 12, rate=0.9)).float()
    for network in (compiled, stock):
        network.blocks[0].delay.delay.data[:] = 62
    one = compiled.layer_spikes(spikes, delayed=True)
    assert compiled.layer_spikes(spikes)[0].sum() > 0
    assert all(layer.sum() == 0 for layer in one)
    assert all(torch.equal(a, b) for a, b in zip(one, stock.layer_spikes(spikes, delayed=True)))


def test_a_delay_that_is_no_number_is_refused(spikes):
    network = twins(plain())[0]
    network.blocks[0].delay.delay.data[3] = float("nan")
    with pytest.raises(InputError, match="a delay is not finite; train with a lower learning rate"):
        network(spikes)
