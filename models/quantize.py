"""Turn a trained SLAYER network into an integer network without loss, or say why it cannot be.

This is the only file that knows both worlds. SLAYER already computes with 8-bit weights and 12-bit
decays; here they become the integers that they stand for, and a value that has no such integer is
refused. An axonal delay moves to the layer that receives: it becomes a column of that layer's
delay, so that a layer's spikes are what its neurons emit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.weight_norm import WeightNorm

from models import loihi
from models.errors import DesignRuleError, InputError
from models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from models.slayer import slayer


def quantize(
    network: torch.nn.Module,
    *,
    task: TaskDescription | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> QuantizedNetwork:
    """Return the integer network that spikes as `network` does.

    Args:
        network: any torch module with a `blocks` list of `slayer.block.cuba.Dense`; it is not
            changed (lava-dl's own export removes its weight norm).
        task: what the network was made for.
        provenance: how it came to be, as JSON values.

    Raises:
        DesignRuleError: when a block holds what integers, Lava or netx cannot; names every one.
        InputError: when the module has no blocks.
    """
    blocks = list(getattr(network, "blocks", ()))
    if not blocks:
        raise InputError(
            f"{type(network).__name__} has no blocks; give a torch module whose attribute 'blocks' "
            "lists lava-dl blocks"
        )
    if problems := check_blocks(blocks):
        raise DesignRuleError("the trained network", problems)
    delays = [_axonal_delay(block) for block in blocks]
    layers = [
        DenseLayer(integer_weight(block), _neuron(block), delay)
        for block, delay in zip(blocks, [_no_delay(), *delays])
    ]
    return QuantizedNetwork(tuple(layers), task or TaskDescription(), provenance or {})


def check_blocks(blocks: Sequence[Any]) -> tuple[str, ...]:
    """Return a sentence for every rule that a block breaks; rules that need more come second."""
    found = []
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        kinds = list(_unsupported(block))
        rules = () if kinds else RULES
        problems = kinds + [p for rule in rules for p in rule(block)]
        if not kinds and last and block.delay is not None and _delays(block).any():
            problems.append(
                "it is the last layer and has axonal delays, which no layer receives; build it "
                "with delay=False"
            )
        found += [f"block {index}: {problem}" for problem in problems]
    return tuple(found)


def _unsupported(block: Any) -> Iterator[str]:
    if not isinstance(block, slayer.block.cuba.Dense):
        kind = f"{type(block).__module__.split('.')[-1]}.{type(block).__name__}"
        yield f"{kind} is not supported; use slayer.block.cuba.Dense"
        return
    neuron, synapse = block.neuron, block.synapse
    for name, values in block.named_parameters():
        if not bool(torch.isfinite(values).all()):
            yield f"{name} holds a value that is not finite; train again"
    if neuron.graded_spike:
        yield "its spikes are graded; use graded_spike=False"
    if neuron.norm is not None:
        yield "its neurons normalise their input, which adds biases; use norm=None"
    if neuron.persistent_state:
        yield "its state persists between batches; use persistent_state=False"
    if not block.delay_shift:
        yield "delay_shift is False, but on Lava every layer takes a step; train with it"
    if neuron.w_scale != loihi.SLAYER_SCALE:
        yield f"its neurons have scale={neuron.w_scale}; use the default, {loihi.SLAYER_SCALE}"
    if not neuron.shared_param and neuron.shape is None:
        yield "its decays were never set; run one forward pass before loading the weights"
    if any(size != 1 for size in synapse.weight.shape[2:]):
        yield "its senders form an image; flatten the input and give in_neurons as one number"
    if block.mask is not None and synapse.weight_norm_enabled:
        yield "lava-dl ignores its mask because weight_norm is on; use one of the two"


def weights_have_integers(block: Any) -> Iterator[str]:
    """Weights must be multiples of 1/64 between -4 and 254/64, as SLAYER's own 8 bits give."""
    scaled = _scaled_weight(block)
    if not np.array_equal(scaled, np.round(scaled)):
        yield (
            "its weights are no multiples of 1/64, so they are not quantized; leave pre_hook_fx "
            "at the block's default"
        )
    low, high = scaled.min(), scaled.max()
    if low < loihi.WEIGHT_MIN or high > loihi.WEIGHT_MAX:
        yield (
            f"its weights reach from {low:.0f} to {high:.0f} in integers and netx would clip them "
            f"to {loihi.WEIGHT_MIN}..{loihi.SLAYER_WEIGHT_MAX}; leave pre_hook_fx at the block's "
            "default (quantize_hook_fx takes 7 bits, not 8)"
        )


def threshold_fits(block: Any) -> Iterator[str]:
    """The threshold must be below 64, where float32 still holds SLAYER's epsilon, and over 0."""
    threshold = block.neuron.threshold
    if threshold >= loihi.SLAYER_THRESHOLD_LIMIT:
        yield (
            f"its threshold is {threshold:g}; from {loihi.SLAYER_THRESHOLD_LIMIT:g} on float32 "
            "loses SLAYER's epsilon and it fires one step early, so train with a lower one"
        )
    if threshold < 0:
        yield f"its threshold is {threshold:g}; it must be 0 or more"


def delays_fit(block: Any) -> Iterator[str]:
    """Axonal delays must be 62 steps or less; SLAYER's forward pass brings them to 0 or more."""
    if block.delay is None:
        return
    if not block.delay.init:
        yield "its delays were never set; run one forward pass before loading the weights"
        return
    longest = _delays(block).max()
    if longest > loihi.DELAY_MAX:
        yield (
            f"its delays reach {longest} steps; the longest is {loihi.DELAY_MAX}, so train with "
            f"max_delay={loihi.DELAY_MAX}"
        )


def sums_are_exact(block: Any) -> Iterator[str]:
    """A layer's weighted sums must be exact in float32, where SLAYER computes them."""
    largest = int(np.abs(_scaled_weight(block)).sum(axis=1).max())
    if largest >= loihi.ACCUMULATOR_LIMIT:
        yield (
            f"its weighted sums can reach {largest}; float32 is exact below "
            f"{loihi.ACCUMULATOR_LIMIT}, so use fewer senders"
        )


RULES = (weights_have_integers, threshold_fits, delays_fit, sums_are_exact)
"""What each block must hold; every rule runs, every problem is reported."""


def _scaled_weight(block: Any) -> Any:
    """Return the weights as the forward pass sees them times 64, float64 (neurons, senders)."""
    synapse = block.synapse
    for hook in synapse._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):  # it sets the weight only when a forward pass runs
            hook(synapse, None)
    weight = synapse.weight.detach()
    if block.mask is not None:
        weight = weight * block.mask
    if synapse.pre_hook_fx is not None:
        weight = synapse.pre_hook_fx(weight)
    return weight.detach().cpu().double().flatten(1).numpy() * loihi.SLAYER_SCALE


def integer_weight(block: Any) -> Any:
    """Return the weights as integers, int16 (neurons, senders)."""
    return _scaled_weight(block).astype(np.int16)


def _neuron(block: Any) -> CubaLif:
    def whole(decays: Any) -> Any:
        clamped = decays.detach().cpu().clamp(0, loihi.DECAY_ONE)
        return torch.round(clamped).numpy().astype(np.int32)

    neuron = block.neuron
    return CubaLif(whole(neuron.current_decay), whole(neuron.voltage_decay), neuron.v_th_mant)


def _delays(block: Any) -> Any:
    """Return the axonal delays as the forward pass clamps and applies them, int64 (neurons,)."""
    delays = block.delay.delay.detach().cpu().clamp(0, block.delay.max_delay)
    return torch.floor(delays).numpy().astype(np.int64)


def _axonal_delay(block: Any) -> Any:
    return _no_delay() if block.delay is None else _delays(block)[None, :]


def _no_delay() -> Any:
    return np.zeros((1, 1), np.int8)
