"""How much memory a run needs, how much there is, and how many samples fit at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numba

from neurodeploy.hw_sim.kernels import dense_cuba, frames
from neurodeploy.hw_sim.kernels.convolution import PATCH_BYTES
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, weights_of
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif

STATES: Final = 3
"""States of a neuron that a run returns when asked for them, 4 bytes each."""

LAVA_BYTES: Final = 80 * 10**6
LAVA_PROCESS_BYTES: Final = 15 * 10**6
"""What Lava's simulator takes for itself, and for each of its processes beyond what they share."""


@dataclass(frozen=True)
class Need:
    """The bytes that a backend takes.

    Attributes:
        fixed: for the network, however many samples run.
        sample: for each sample of a batch.
    """

    fixed: int
    sample: int


def fast(network: QuantizedNetwork, steps: int) -> Need:
    """Return what the fast backend takes: every layer's spikes, and one layer at work."""
    graded = [_takes_numbers(network), *(layer.neuron.graded for layer in network.layers)]
    kept, work, spare = [], [], 0  # spare: frames of images, of which the spikes kept are a copy
    for layer, numbers in zip(network.layers, graded):
        own = _frame(layer, numbers) * (4 if layer.neuron.graded else 1)
        before, spare = spare, own if len(layer.shape) == 3 else 0
        kept.append(own)
        work.append(before + spare + _work(layer, numbers))
    if network.readout == "voltage":
        work[-1] += 4 * STATES * _frame(network.layers[-1], graded[-2])
    inputs = (network.inputs + frames.padded(network.inputs)) * (4 if graded[0] else 1)
    weights = sum(map(_weights, network.layers))
    rooms = max(_room(layer, numbers) for layer, numbers in zip(network.layers, graded))
    places = sum(4 * _places(layer) for layer in network.layers)
    return Need(weights + places + rooms, steps * (inputs + sum(kept) + max(work)))


def _takes_numbers(network: QuantizedNetwork) -> bool:
    """Tell whether the input is integers of 32 bits, not spikes of 0 or 1."""
    return bool(network.message_bits) or isinstance(network.layers[0], InputLayer)


def _in_one_kernel(layer: Layer, numbers: bool) -> bool:
    """Tell whether `dense_cuba` runs the layer, on spikes that are no numbers."""
    return isinstance(layer, DenseLayer) and isinstance(layer.neuron, CubaLif) and not numbers


def _frame(layer: Layer, numbers: bool) -> int:
    """Return the neurons of a layer with what pads them in one step."""
    if not _in_one_kernel(layer, numbers):
        return frames.padded(layer.neurons)
    tiles = -(-layer.neurons // dense_cuba.TILE)
    return tiles * dense_cuba.padded(-(-layer.neurons // tiles))


def _work(layer: Layer, numbers: bool) -> int:
    """Return the bytes of a step while a layer is at work, beyond the spikes that it sends."""
    if _in_one_kernel(layer, numbers):  # it shifts spikes by the delays of neurons in a copy
        return _frame(layer, numbers) if layer.delay_kind == "dendritic" else 0
    return (12 if isinstance(layer, InputLayer) else 4) * layer.neurons


def _weights(layer: Layer) -> int:
    """Return the bytes of a layer's weights and delays, with what the kernels make of them."""
    padded = 3 * _frame(layer, numbers=False) * layer.inputs
    stored = sum(array.size for array in weights_of(layer))
    return 8 * stored + (padded if isinstance(layer, DenseLayer) else 0)


def _room(layer: Layer, numbers: bool) -> int:
    """Return the bytes that the threads work in, and a convolution as a product."""
    threads = numba.get_num_threads()
    if _in_one_kernel(layer, numbers):  # two lists of spikes and a ring of inputs
        width = min(_frame(layer, numbers), 2 * dense_cuba.TILE)
        return threads * 4 * dense_cuba.RING * (2 * frames.padded(layer.inputs) + width)
    if not isinstance(layer, ConvLayer):
        return threads * 4 * layer.inputs
    places, outputs = _places(layer) // layer.groups, layer.neurons // layer.groups
    if numbers:
        return 17 * places + 24 * outputs
    patches = max(PATCH_BYTES, 4 * places)
    product = -(-patches // (4 * places)) * 4 * outputs
    # the next patches are made while the last are still there
    return max(8 * places, 2 * patches + product, threads * 4 * layer.inputs)


def _places(layer: Layer) -> int:
    """Return the senders that a product looks up for a convolution: output places times weights
    of a kernel, in every group."""
    if not isinstance(layer, ConvLayer):
        return 0
    return layer.groups * math.prod(layer.shape[1:]) * math.prod(layer.weight.shape[1:])


def lava(network: QuantizedNetwork, steps: int) -> Need:
    """Return what Lava takes: its processes, and copies of spikes and input on their way."""
    sent = sum(layer.neurons * (4 if layer.neuron.graded else 1) for layer in network.layers)
    if network.readout == "voltage":
        sent += 4 * STATES * network.layers[-1].neurons
    weights = sum(array.size for layer in network.layers for array in weights_of(layer))
    processes = 3 + 2 * len(network.layers)
    fixed = LAVA_BYTES + LAVA_PROCESS_BYTES * processes + 24 * weights
    return Need(fixed, steps * (16 * network.inputs + 4 * sent))


BATCH_BYTES: Final = 600 * 10**6
"""What the samples of one batch may take, so that a command stays below about 1 GB."""

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
UNLIMITED: Final = 1 << 60
"""A limit from here on is none: version 1 of cgroups writes about 2^63."""


def batch_size(needs: Sequence[Need], *, steps: int, most: int) -> int:
    """Return how many samples to run at a time, 1 to `most`.

    Args:
        needs: of each backend that runs the samples, one after the other.
        steps: time steps of a sample, for the message.
        most: samples there are, or that the backend takes at a time.

    Raises:
        InputError: when the machine has not the memory for the network or for one sample.
    """
    fixed, sample = sum(need.fixed for need in needs), sum(need.sample for need in needs)
    free = available()
    if free is not None:
        check(fixed, free, "the network takes", "run a smaller one")
        check(
            fixed + sample,
            free,
            f"one sample of {steps:,} time steps takes",
            "give shorter samples or a smaller network",
        )
    room = BATCH_BYTES if free is None else min(BATCH_BYTES, (free - fixed) // 2)
    return max(1, min(most, room // max(sample, 1)))


def check(needed: int, free: int | None, subject: str, way_out: str) -> None:
    """Raise InputError when `needed` bytes are more than are free.

    Args:
        needed: bytes.
        free: bytes, or None where that is not known.
        subject: words that go before the figure.
        way_out: what to do, in words.
    """
    if free is not None and needed > free:
        raise InputError(
            f"{subject} about {_gigabytes(needed)} of memory and the machine has "
            f"{_gigabytes(free)} free; {way_out}"
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**8 else f"{count / 1e6:,.1f} MB"


def available() -> int | None:
    """Return the bytes that this process can still take, or None where the system does not tell."""
    limits = [*_cgroup_limits(), *filter(None, [_machine()])]
    return min(limits, default=None)


def _machine() -> int | None:
    """Return the bytes that the machine has free, what its caches hold included."""
    try:
        for line in (PROC / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:  # another system: all that is built in, which is better than no limit
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None


def _cgroup_limits() -> list[int]:
    """Return what the limits of this process's control groups leave, version 2 and version 1."""
    found = []
    for folder in _cgroup_folders():
        limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current", folder / "memory.usage_in_bytes")
        if limit is not None and used is not None and limit < UNLIMITED:
            found.append(max(0, limit - used + _cached(folder / "memory.stat")))
    return found


def _cgroup_folders() -> list[Path]:
    """Return the folders of the groups that this process is in, up to the root of each tree."""
    folders = {CGROUPS: None, CGROUPS / "memory": None}
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        root = CGROUPS / "memory" if "memory" in controllers.split(",") else CGROUPS
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for count in range(1, len(parts) + 1):
            folders[root.joinpath(*parts[:count])] = None
    return list(folders)


def _number(*paths: Path) -> int | None:
    """Return the number in the first of the files that holds one."""
    for path in paths:
        try:
            return int(path.read_text())
        except (OSError, ValueError):  # not there, or "max"
            continue
    return None


def _cached(path: Path) -> int:
    """Return the bytes of files that a control group caches and gives back when asked."""
    try:
        stat = dict(line.split(maxsplit=1) for line in path.read_text().splitlines())
        return int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0
