"""Weights of few bits are what a chip stores in so many, and change what they must and no more."""

from __future__ import annotations

import pytest
import torch

from neurodeploy.hw_sim.blocks import weight_format
from neurodeploy.hw_sim.chips import chip
from neurodeploy.models.architecture import PRESETS, WEIGHT_BITS
from neurodeploy.models.blocks import WeightSteps
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork


@pytest.mark.parametrize("scale", [0.02, 0.3, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("bits", [4, 6])
def test_weights_are_mantissas_of_so_many_bits_times_one_power_of_two(bits, scale):
    torch.manual_seed(0)
    weight = scale * torch.randn(20, 30)
    steps = WeightSteps(bits, [weight])
    whole, step = steps(weight, descale=True), steps.step()
    mantissas = whole / step
    assert step & (step - 1) == 0
    assert torch.equal(mantissas, mantissas.round())
    assert mantissas.min() >= -(1 << (bits - 1))
    assert mantissas.max() <= (1 << (bits - 1)) - 1
    assert whole.min() >= -256
    assert torch.equal(steps(weight) * 64, whole)
    wanted = torch.round(weight * 64 / step).clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    assert torch.equal(mantissas, wanted)


@pytest.mark.parametrize("bits", [4, 6])
def test_no_other_step_changes_the_weights_less(bits):
    torch.manual_seed(0)
    weight = torch.randn(2000)
    steps = WeightSteps(bits, [weight])

    def error(step: int) -> float:
        half = 1 << (bits - 1)
        near = torch.round(weight * 64 / step).clamp(-half, half - 1) * step / 64
        return float((near - weight).square().sum())

    assert error(steps.step()) == min(error(step) for step in (1, 2, 4, 8, 16, 32))


def test_the_gradient_passes_where_the_range_does_not_cut():
    weight = torch.tensor([0.1, -0.1, 0.05, 5.0], requires_grad=True)
    WeightSteps(4, [torch.full((50,), 0.1)])(weight).sum().backward()
    assert weight.grad.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_a_chip_stores_a_layer_in_so_many_bits(preset, bits):
    """Loihi 1 has small widths; both matrices of a recurrent layer share one format."""
    torch.manual_seed(0)
    network = SlayerNetwork(PRESETS[preset]((12,), 4).changed(weight_bits=bits))
    for name, values in network.named_parameters():
        if name.endswith("synapse.weight"):
            values.data *= 6
    for layer in quantize(network).layers:
        assert weight_format(layer, chip("loihi1")).bits <= bits
