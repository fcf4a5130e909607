"""Seeded networks and inputs for simulator benchmarks, and two networks shipped with lava-dl."""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodeploy.export import netx
from neurodeploy.hw_sim.blocks import (
    Blocks,
    Cut,
    Readers,
    budgets_of,
    readers_of,
    receivers,
    synapse_format,
    weight_format,
)
from neurodeploy.hw_sim.chips import Chip
from neurodeploy.hw_sim.placement import LayerPlacement, Placement, fullest, numbered
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.lava_compat import from_lava
from neurodeploy.models.loihi import THRESHOLD_MAX
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

SIZES = (12, 128, 128, 6)
STEPS = 128
SAMPLES = 256
INPUT_RATE = 0.08
TARGET_RATE = 0.05
LONGEST_DELAY = 30
CURRENT_DECAY, VOLTAGE_DECAY = 1024, 410

RANDOM_INPUTS = 64
NARROW, WIDE = 256, 50_000
NETWORK_NEURONS = (10, 100, 1_000, 10_000, 100_000)
FIRING_RATES = (0.01, 0.1, 0.5)

PILOTNET_STEPS = 16
PILOTNET_SHIFT = 12


def w1(
    seed: int = 1, *, delays: bool = True, sizes: tuple[int, ...] = SIZES
) -> tuple[QuantizedNetwork, NDArray[np.uint8]]:
    """Return a network with axonal delays, 12-128-128-6 by default, and its input.

    Each layer's threshold is chosen so that 5% of its neurons fire per step. Weights are even and
    cover the whole range; delays of hidden neurons are uniform over 0..30 steps.

    Args:
        seed: seed of weights, delays and input.
        delays: False for a network without delays (W1b), with the same weights and input.
        sizes: input channels, then neurons of each layer.

    Returns:
        The network and its spikes, uint8 (256, channels, 128).
    """
    rng = np.random.default_rng(seed)
    spikes = (rng.random((SAMPLES, sizes[0], STEPS)) < INPUT_RATE).astype(np.uint8)
    layers: list[DenseLayer] = []
    arriving = spikes[:64]
    for index, (senders, neurons) in enumerate(pairwise(sizes)):
        weight = 2 * rng.integers(-128, 128, (neurons, senders))
        delay = rng.integers(0, LONGEST_DELAY + 1, (1, senders)) if index else np.zeros((1, 1))
        layer = _with_rate(weight, delay * delays, arriving)
        layers.append(layer)
        arriving = fast.run(QuantizedNetwork.chain((layer,)), arriving).spikes[0]
    return QuantizedNetwork.chain(tuple(layers)), spikes


def random_network(
    neurons: int, rate: float, seed: int = 1
) -> tuple[QuantizedNetwork, NDArray[np.uint8]]:
    """Return a network without delays that fires at about `rate`, and its input.

    It has 64 inputs, a wide layer and a narrow layer (256 neurons, or half of all). Both layers are
    repeated if the wide one would exceed 50,000 neurons. Weights are even and scale with the
    inverse square root of the spikes that arrive per step, so that no state overflows.

    Args:
        neurons: number of neurons of all layers, at least 2.
        rate: fraction of inputs and of each layer's neurons that fire per step, 0..1; may be lower
            even with the lowest threshold.
        seed: seed of weights and input.

    Returns:
        The network and its spikes, uint8 (samples, 64, 128), 4 to 256 samples.
    """
    rng = np.random.default_rng(seed)
    samples = min(SAMPLES, max(4, 320_000 // neurons))
    spikes = (rng.random((samples, RANDOM_INPUTS, STEPS)) < rate).astype(np.uint8)
    layers: list[DenseLayer] = []
    arriving = spikes[:64]
    for senders, count in pairwise((RANDOM_INPUTS, *random_sizes(neurons))):
        largest = int(np.clip(128 * np.sqrt(8 / (senders * rate)), 4, 127))
        weight = 2 * rng.integers(-largest, largest, (count, senders), np.int16, endpoint=True)
        layer = _with_rate(weight, np.zeros((1, 1)), arriving, rate)
        layers.append(layer)
        run = fast.run(QuantizedNetwork.chain((layer,)), arriving)
        if any(int((each.wraps + each.clips).sum()) for each in run.overflows):
            raise ValueError(f"states of the random network {neurons, rate, seed} overflow")
        arriving = run.spikes[0]
    return QuantizedNetwork.chain(tuple(layers)), spikes


def random_sizes(neurons: int) -> tuple[int, ...]:
    """Return the sizes of the layers of `random_network`, which add up to `neurons`."""
    narrow = min(NARROW, neurons // 2)
    if neurons - narrow <= WIDE:
        return neurons - narrow, narrow
    return neurons // 2 - narrow, narrow, neurons - neurons // 2 - narrow, narrow


def ntidigits(samples: int = 8) -> tuple[QuantizedNetwork, NDArray[np.uint8]]:
    """Return lava-dl's network for spoken digits, 64-256-256-242, with dendritic delays.

    Returns:
        The network and its spikes, uint8 (samples, 64, 3000): the utterance shipped with lava-dl,
        rotated in time by 131 more steps per sample.

    Raises:
        FileNotFoundError: if lava-dl was installed without its tests.
    """
    folder = _shipped("ntidigits")
    network = netx.read(folder / "ntidigits.net")
    utterance = (np.load(folder / "input.npy") > 0).astype(np.uint8)
    spikes = np.stack([np.roll(utterance, 131 * k, axis=1) for k in range(samples)])
    return network, spikes


def pilotnet(
    samples: int = 16, *, whole: bool = False
) -> tuple[QuantizedNetwork, NDArray[np.int16]]:
    """Return lava-dl's PilotNet, which steers a car: five convolutions, then dense layers.

    Args:
        samples: number of images.
        whole: whether to include the last neuron, which never fires and outputs its voltage. False
            by default, since spikes are compared.

    Returns:
        The network and the input of its input neurons, int16 (samples, 39600, 16), constant over a
        sample: the image shipped with lava-dl, rotated sideways by 12 more pixels per sample.

    Raises:
        FileNotFoundError: if lava-dl was installed without its tests.
    """
    folder = _shipped("pilotnet_lif")
    first, *rest = netx.read(folder / "network.net").layers
    # The image is already scaled for the input neurons.
    network = QuantizedNetwork.chain(
        (replace(first, scale=1, offset=0), *(rest if whole else rest[:-1]))
    )
    image = from_lava(np.load(folder / "image.npy"), network.input_shape)
    image = image.reshape(network.input_shape).astype(np.int16)
    images = np.stack([np.roll(image, PILOTNET_SHIFT * k, axis=2) for k in range(samples)])
    return network, np.repeat(images.reshape(samples, -1, 1), PILOTNET_STEPS, 2)


def placed_as(
    network: QuantizedNetwork, chip: Chip, blocks: Sequence[tuple[int, ...]]
) -> Placement:
    """Return a network on the neurocores of a published placement.

    Args:
        network: the network.
        chip: the kind of chip.
        blocks: size of the largest block of each layer: columns, rows and channels, or neurons.
    """
    layers: list[LayerPlacement] = []
    readers = Readers(1, convolve=False)  # the host
    for layer, size in zip(reversed(network.layers), reversed(blocks)):
        part = Blocks(layer.shape, size[::-1])
        budgets = budgets_of(Cut(layer, part, readers, synapse_format(layer, chip), chip))
        layers.insert(0, LayerPlacement(
            part, 0, receivers(layer, part), readers, weight_format(layer, chip), budgets,
            fullest(budgets).name,
        ))  # fmt: skip
        readers = readers_of(layer, part)
    return Placement(chip, network, tuple(numbered(layers, chip)))


def _shipped(name: str) -> Path:
    """Return a folder of the tests in lava-dl's wheel."""
    return Path(sysconfig.get_paths()["purelib"]) / "tests/lava/lib/dl/netx/gts" / name


def _with_rate(
    weight: NDArray[np.integer],
    delay: NDArray[np.float64],
    arriving: NDArray[np.uint8],
    target: float = TARGET_RATE,
) -> DenseLayer:
    """Return the layer with the lowest threshold at which at most `target` fire per step."""
    low, high = 1, THRESHOLD_MAX
    while high - low > 1:
        middle = (low + high) // 2
        layer = DenseLayer(weight, CubaLif(CURRENT_DECAY, VOLTAGE_DECAY, middle), delay)
        rate = fast.run(QuantizedNetwork.chain((layer,)), arriving).spikes[0].mean()
        low, high = (middle, high) if rate > target else (low, middle)
    return DenseLayer(weight, CubaLif(CURRENT_DECAY, VOLTAGE_DECAY, high), delay)
