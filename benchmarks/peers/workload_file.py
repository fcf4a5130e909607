"""A network, its input and the output that must come out, as one npz file of plain arrays.

Needs numpy alone, so that every simulator's environment can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LAYER_ARRAYS = ("weight", "delay", "current_decay", "voltage_decay", "threshold")


@dataclass(frozen=True, eq=False)
class LayerArrays:
    """One dense layer of CUBA LIF neurons; see `models.network` for the meaning of its integers.

    Attributes:
        weight: int32 array (neurons, senders), -256..255.
        delay: int32 array (1, 1), (1, senders), (neurons, 1) or (neurons, senders), time steps.
        current_decay, voltage_decay: int32 array (1,) or (neurons,), 1/4096 lost a step.
        threshold: mantissa; a neuron fires when v > threshold << 6.
    """

    weight: NDArray[np.int32]
    delay: NDArray[np.int32]
    current_decay: NDArray[np.int32]
    voltage_decay: NDArray[np.int32]
    threshold: int


@dataclass(frozen=True, eq=False)
class Workload:
    """What every simulator is given.

    Attributes:
        name: for tables.
        layers: in the order of the data.
        spikes: input, uint8 array (samples, channels, time), 0 or 1.
        expected: spikes of the last layer, each sample from cleared state, uint8 array
            (samples, neurons, time).
        stream_expected: the same where the samples follow one another in one run that is never
            cleared, for simulators that cannot clear their state, uint8 array (neurons, steps);
            the run may end before the last sample does.
        synops: stored weights added because a spike arrived, a step and sample.
        firing: share of the neurons that fire in a step, 0..1.
    """

    name: str
    layers: tuple[LayerArrays, ...]
    spikes: NDArray[np.uint8]
    expected: NDArray[np.uint8]
    stream_expected: NDArray[np.uint8]
    synops: float
    firing: float

    @property
    def neurons(self) -> int:
        """Neurons of all layers, each updated once a step."""
        return sum(len(layer.weight) for layer in self.layers)

    @property
    def stream(self) -> NDArray[np.uint8]:
        """Input that leads to `stream_expected`, uint8 array (channels, steps)."""
        return stream_of(self.spikes)[:, : self.stream_expected.shape[1]]

    @property
    def delayed(self) -> bool:
        """Whether any layer has delays."""
        return any(layer.delay.any() for layer in self.layers)


def stream_of(spikes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return samples (samples, channels, time) one after the other, (channels, steps)."""
    samples, channels, time = spikes.shape
    return np.ascontiguousarray(spikes.transpose(1, 0, 2)).reshape(channels, samples * time)


def write(workload: Workload, path: Path) -> None:
    """Write the workload; spikes take one bit each."""
    arrays = {
        f"layer_{index}_{name}": np.asarray(getattr(layer, name))
        for index, layer in enumerate(workload.layers)
        for name in LAYER_ARRAYS
    }
    for name in ("spikes", "expected", "stream_expected"):
        bits = getattr(workload, name)
        arrays[name] = np.packbits(bits, axis=-1)
        arrays[f"{name}_steps"] = np.array(bits.shape[-1])
    arrays["figures"] = np.array([workload.synops, workload.firing])
    np.savez(path, name=np.array(workload.name), **arrays)


def read(path: Path) -> Workload:
    """Read what `write` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    count = sum(name.endswith("_weight") for name in arrays)
    layers = (
        LayerArrays(
            *(arrays[f"layer_{index}_{name}"] for name in LAYER_ARRAYS[:-1]),
            threshold=int(arrays[f"layer_{index}_threshold"]),
        )
        for index in range(count)
    )
    spikes, expected, stream_expected = (
        np.unpackbits(arrays[name], axis=-1, count=int(arrays[f"{name}_steps"]))
        for name in ("spikes", "expected", "stream_expected")
    )
    synops, firing = arrays["figures"].tolist()
    return Workload(
        str(arrays["name"]), tuple(layers), spikes, expected, stream_expected, synops, firing
    )
