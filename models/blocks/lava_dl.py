"""lava-dl's blocks: imported when first used, and read as integers.

In SLAYER's fixed point a weight of 1.0 is the integer 64. What has no such integer is refused by
`models.blocks.rules`.
"""

from __future__ import annotations

import importlib
import io
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import Any, Final

import numpy as np
import torch
from torch.nn.utils.weight_norm import WeightNorm

from neurodeploy.models import loihi

_UNUSED = "lava.lib.dl.slayer.object_detection"


class _Later(ModuleType):
    """Stand for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def _import_slayer() -> Any:
    if "lava.lib.dl.slayer" in sys.modules:
        return importlib.import_module("lava.lib.dl.slayer")
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    sys.modules[_UNUSED] = _Later(_UNUSED)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return importlib.import_module("lava.lib.dl.slayer")
    finally:
        del sys.modules[_UNUSED]


slayer = _import_slayer()


INPUT: Final[Any] = slayer.block.cuba.Input
DENSE: Final[Any] = slayer.block.cuba.Dense
CONV: Final[Any] = slayer.block.cuba.Conv
RECURRENT: Final[Any] = slayer.block.cuba.Recurrent
FLATTEN: Final[Any] = slayer.block.cuba.Flatten
AVERAGE: Final[Any] = slayer.block.cuba.Average


def has_neurons(block: Any) -> bool:
    """Tell whether the block is a layer of neurons, not one that only shapes or averages."""
    return not isinstance(block, (FLATTEN, AVERAGE)) and block.neuron is not None


def synapses(block: Any) -> dict[str, Any]:
    """Return the synapses of a block by what messages call their weights."""
    if isinstance(block, RECURRENT):
        return {"weights": block.input_synapse, "recurrent weights": block.recurrent_synapse}
    return {} if isinstance(block, INPUT) else {"weights": block.synapse}


def scaled_weight(block: Any, synapse: Any) -> Any:
    """Return weights as the forward pass sees them times 64, float64 of the synapse's shape.

    Time, the last axis of lava-dl's kernels, is left out.
    """
    for hook in synapse._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):  # it sets the weight only when a forward pass runs
            hook(synapse, None)
    weight = synapse.weight.detach()
    if getattr(block, "mask", None) is not None:
        weight = weight * block.mask
    if synapse.pre_hook_fx is not None:
        weight = synapse.pre_hook_fx(weight)
    return weight.detach().cpu().double().squeeze(-1).numpy() * loihi.SLAYER_SCALE


def integer_weights(block: Any) -> tuple[Any, ...]:
    """Return the weights of each synapse as int16: (neurons, senders), or a convolution's kernel
    (channels, input channels / groups, height, width)."""
    each = [scaled_weight(block, s).astype(np.int16) for s in synapses(block).values()]
    return tuple(w if isinstance(block, CONV) else w.reshape(len(w), -1) for w in each)


def scaled_bias(block: Any) -> Any:
    """Return what a block adds to its voltages in every step times 64, float64, one value a neuron
    or channel: minus the mean that its norm subtracts in evaluation mode."""
    norm = block.neuron.norm
    if norm is None:
        return np.zeros(1)
    mean = norm.pre_hook_fx(norm.running_mean.detach())
    return -mean.cpu().double().numpy().reshape(-1) * loihi.SLAYER_SCALE


def decays(block: Any) -> tuple[Any, Any]:
    """Return current and voltage decay in 1/4096, int32, one for all or one a neuron."""

    def whole(values: Any) -> Any:
        clamped = values.detach().cpu().clamp(0, loihi.DECAY_ONE)
        return torch.round(clamped).numpy().astype(np.int32)

    return whole(block.neuron.current_decay), whole(block.neuron.voltage_decay)


def input_transform(block: Any) -> tuple[Any, Any]:
    """Return weight and bias of an input block times 64, float64, or what stands for none."""

    def scaled(value: Any, default: float) -> Any:
        if value is None:
            return np.array(default * loihi.SLAYER_SCALE)
        hooked = block.pre_hook_fx(value.detach())
        return hooked.cpu().double().numpy().reshape(-1)[0] * loihi.SLAYER_SCALE

    return scaled(block.weight, 1.0), scaled(block.bias, 0.0)


def axonal_delays(block: Any) -> Any:
    """Return the delays as the forward pass clamps and applies them, int64, one a channel; or None
    where the block has none."""
    if block.delay is None:
        return None
    delays = block.delay.delay.detach().cpu().clamp(0, block.delay.max_delay)
    return torch.floor(delays).numpy().astype(np.int64)
