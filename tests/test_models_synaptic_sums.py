"""Synaptic delays: what their kernels are, and the compiled sums against a plain convolution."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from neurodeploy.models.architecture import Architecture
from neurodeploy.models.blocks import gaussians, split_delays
from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.sums import synaptic_sums
from neurodeploy.models.snn import ROUNDED_FROM, SlayerNetwork

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def made(kernels: str = "compiled", *, share: float = 1.0, longest: int = 20) -> SlayerNetwork:
    torch.manual_seed(2)
    architecture = Architecture.dense((7, 9, 8, 4), delays="synaptic", threshold=0.4)
    return SlayerNetwork(architecture.changed(density=share, max_delay=longest), kernels)


@pytest.fixture
def spikes(draw_spikes) -> torch.Tensor:
    return torch.from_numpy(draw_spikes(5, 7, 45)).float()


@pytest.mark.parametrize("width", [0.0, 0.3, 0.5, 1.0, 2.7, 5.0, 40.0])
@pytest.mark.parametrize("longest", [1, 5, 30])
def test_kernels_are_symmetrical_around_their_delay_and_never_look_ahead(width, longest):
    table = gaussians(width, longest).astype(np.float64)
    assert table.shape[0] == longest + 2
    taps = np.arange(table.shape[1])
    for m, row in enumerate(table):
        assert row.sum() == pytest.approx(1, abs=1e-6)
        assert row @ taps == pytest.approx(m, abs=1e-4)
        assert row.argmax() == m
        if width:
            assert np.sqrt(row @ (taps - m) ** 2) <= width


def test_the_kernel_of_a_synapse_has_its_delay_as_mean():
    table = torch.from_numpy(gaussians(3.0, 20))
    delays = torch.tensor([0.0, 0.25, 7.5, 19.99, 20.0, 25.0])
    before, share = split_delays(delays, 20, whole=False)
    kernels = torch.lerp(table[before], table[before + 1], share[:, None])
    means = kernels @ torch.arange(kernels.shape[1]).float()
    assert means.tolist() == pytest.approx([0, 0.25, 7.5, 19.99, 20, 20], abs=1e-4)


def test_whole_delays_are_the_nearest_ones():
    rows, share = split_delays(torch.tensor([-1.0, 0.49, 0.5, 1.5, 19.6, 30.0]), 20, whole=True)
    assert rows.tolist() == [0, 0, 1, 2, 20, 20]
    assert not share.any()


@pytest.mark.parametrize("share", [1.0, 0.4])
@pytest.mark.parametrize("progress", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("longest", [2, 20])
def test_sums_and_their_gradients_equal_those_of_a_convolution(spikes, progress, share, longest):
    network = made(share=share, longest=longest)
    network.set_progress(progress)
    block = network.layers[0]
    found = []
    for compiled in (True, False):
        arriving = spikes.clone().requires_grad_()
        if compiled:
            sums = synaptic_sums(block, arriving.transpose(1, 2)).transpose(1, 2)
        else:
            sums = block.weighted(arriving)
        torch.manual_seed(3)
        block.zero_grad()
        (sums * torch.randn(sums.shape)).sum().backward()
        grads = (arriving.grad, block.synapse.weight.grad, block.synaptic_delay.grad)
        found.append((sums.detach(), *(each.clone() for each in grads)))
    for one, other in zip(*found):
        scale = float(other.abs().max())
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6 * scale)
    assert bool(found[0][3].any()) == (progress < ROUNDED_FROM)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_spikes_of_every_layer_equal_those_of_a_convolution_once_delays_are_whole(spikes, share):
    one, other = (made(kernels, share=share).eval() for kernels in ("compiled", "stock"))
    for mine, stock in zip(one.layer_spikes(spikes), other.layer_spikes(spikes)):
        assert torch.equal(mine, stock)
        assert mine.sum() > 0


def test_a_spike_arrives_after_the_delay_of_its_synapse():
    block = made().layers[0].eval()
    block.synapse.weight.data[:] = 0.5
    block.synaptic_delay.data[:] = torch.arange(63).reshape(9, 7) / 4
    spikes = torch.zeros(1, 40, 7)
    spikes[0, 3, 2] = 1
    sums = synaptic_sums(block, spikes)[0].detach()
    for neuron in range(9):
        delay = int(np.floor(float(block.synaptic_delay.detach()[neuron, 2]) + 0.5))
        assert sums[:, neuron].nonzero().flatten().tolist() == [3 + delay]


def test_gradients_of_delays_are_finite_differences():
    block = made().layers[0]
    block.width = 2.0
    torch.manual_seed(0)
    spikes = (torch.rand(2, 30, 7) < 0.3).float()
    weights = torch.randn(2, 30, 9)
    block.synaptic_delay.data = torch.floor(block.synaptic_delay.data) + 0.5

    def loss() -> torch.Tensor:
        return (synaptic_sums(block, spikes).double() * weights).sum()

    loss().backward()
    for place in ((0, 0), (3, 5), (8, 6)):
        block.synaptic_delay.data[place] += 0.25
        more = float(loss().detach())
        block.synaptic_delay.data[place] -= 0.5
        less = float(loss().detach())
        block.synaptic_delay.data[place] += 0.25
        assert float(block.synaptic_delay.grad[place]) == pytest.approx(
            (more - less) / 0.5, rel=1e-3, abs=1e-4
        )


def test_the_same_sums_on_two_threads(spikes):
    one = made().layer_spikes(spikes)
    torch.set_num_threads(2)
    two = made().layer_spikes(spikes)
    assert all(torch.equal(a, b) for a, b in zip(one, two))


def test_widths_shrink_and_delays_are_whole_at_the_end():
    network = made()
    widths = []
    for position in (0.0, 0.25, 0.5, 0.74, 0.75, 1.0):
        network.set_progress(position)
        widths.append(network.layers[0].width)
    assert widths[0] == 5.0
    assert all(later < before for before, later in pairwise(widths[:4]))
    assert widths[3] == pytest.approx(0.3, rel=0.05)
    assert widths[4:] == [0, 0]
    network.set_progress(0.0)
    assert not network.layers[0].whole
    assert network.eval().layers[0].whole


def test_a_delay_that_is_no_number_is_refused(spikes):
    network = made()
    network.layers[1].synaptic_delay.data[3, 2] = float("nan")
    with pytest.raises(InputError, match="a delay is not finite; train with a lower learning rate"):
        network(spikes)
