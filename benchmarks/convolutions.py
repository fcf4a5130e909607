"""Compare the convolutions of `fast` with torch's, in `python -m benchmarks.simulators`.

The layers are the five convolutions of lava-dl's PilotNet, the spikes are random. `fast` computes
whole layers, from the spikes of one layer to those of the next; torch's float32 convolution
computes the weighted sums alone. Both take turns, and the shortest call of each counts, since other
work on the machine only ever adds to a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import limits, workloads
from benchmarks.pages import Table, number, share
from neurodeploy.hw_sim.kernels import conv, spike_buffer
from neurodeploy.hw_sim.kernels.shared import limit_threads
from neurodeploy.models.layers import ConvLayer
from neurodeploy.models.synapses import fan_out

NAME: Final = "convolutions"
"""The name for `--workloads`."""

ACTIVITIES: Final = (0.01, 0.05, 0.2, 0.3, 0.5)
KINDS: Final = {"binary": 1, "graded, 8 bits": 255}
SAMPLES, STEPS = 8, 9
SECONDS: Final = 0.9
"""Duration of the measurement of a layer."""
TURN_S: Final = 0.1
"""Seconds of a turn of one library: torch's threads go on spinning for a while after a call."""


def table(threads: Sequence[int]) -> Table:
    """Measure and return the table, one row per kind of spikes and activity."""
    load, cores = os.getloadavg()[0], os.cpu_count()
    network, _ = workloads.pilotnet(1)
    layers = [each for each in network.layers if isinstance(each, ConvLayer)]
    rates, rng = limits.rates_of(network), np.random.default_rng(1)
    names = [f"{count} thread{'s' * (count > 1)}" for count in threads]
    headings = ["spikes", "activity"]
    for each in names:
        headings += [f"fast, µs, {each}", f"torch, µs, {each}", f"x torch, {each}"]
    headings += ["of limit"] + ([f"x 1 thread, {names[-1]}"] if len(threads) > 1 else [])
    rows = []
    for kind, largest in KINDS.items():
        for activity in ACTIVITIES:
            spikes = [draw(rng, layer, activity, largest) for layer in layers]
            found = [time_layers(layers, spikes, count) for count in threads]
            floor = sum(
                rates.floor_ns(layer.neurons, activity * int(fan_out(layer.synapse()).sum())) / 1e3
                for layer in layers
            )
            row = [kind, f"{activity:.0%}"]
            for ours, torchs in found:
                row += [number(ours), number(torchs), number(torchs / ours)]
            row += [share(floor, found[0][0])]
            row += [number(found[0][0] / found[-1][0])] if len(threads) > 1 else []
            rows.append(row)
    about = (
        "PilotNet's five convolutions with random spikes, microseconds per time step and sample; "
        "fast with neurons and spikes, torch's float32 convolution with the sums alone. "
        f"The load average at the start was {load:.1f} on {cores} cores"
    )
    return Table("Convolutions", about, headings, rows)


def draw(rng: np.random.Generator, layer: ConvLayer, activity: float, largest: int) -> NDArray[Any]:
    """Return a spike buffer (SAMPLES, STEPS, inputs padded) with values of 1 to `largest`."""
    values = rng.random((SAMPLES, layer.inputs, STEPS)) < activity
    if largest == 1:
        return spike_buffer.from_neurons(values.astype(np.uint8), layer.input_shape)
    graded = values * rng.integers(1, largest + 1, values.shape, np.int32)
    return spike_buffer.from_neurons(graded, layer.input_shape)


def time_layers(
    layers: Sequence[ConvLayer], spikes: Sequence[NDArray[Any]], threads: int
) -> tuple[float, float]:
    """Return the microseconds of `fast` and torch per step and sample, of all layers together."""
    import torch

    before, totals = torch.get_num_threads(), np.zeros(2)
    torch.set_num_threads(threads)
    try:
        with limit_threads(threads):
            for layer, arriving in zip(layers, spikes):
                totals += fastest(partial(conv.run, layer, arriving), of_torch(layer, arriving))
    finally:
        torch.set_num_threads(before)
    ours, torchs = (1e6 * totals / (SAMPLES * (STEPS - 1))).tolist()
    return ours, torchs


def of_torch(layer: ConvLayer, arriving: NDArray[Any]) -> Callable[[], Any]:
    """Return torch's convolution of the spikes that arrive; those of the last step do not."""
    import torch

    channels, height, width = layer.input_shape
    images = arriving[:, :-1, : layer.inputs].reshape(-1, height, width, channels)
    given = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32, order="C"))
    weight = torch.from_numpy(layer.weight.astype(np.float32))
    return partial(
        torch.nn.functional.conv2d, given, weight, stride=layer.stride, padding=layer.padding,
        dilation=layer.dilation, groups=layer.groups,
    )  # fmt: skip


def fastest(*calls: Callable[[], Any]) -> NDArray[np.float64]:
    """Return the shortest time in seconds of each call, in turn."""
    for call in calls:
        call()
    least: NDArray[np.float64] = np.full(len(calls), np.inf)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for k, call in enumerate(calls):
            turn = time.perf_counter() + TURN_S
            while (began := time.perf_counter()) < turn:
                call()
                least[k] = min(least[k], time.perf_counter() - began)
    return least
