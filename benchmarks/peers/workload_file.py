"""A network, its input and the output that must come out, as one npz file of plain arrays.

Needs numpy alone, so that every simulator's environment can read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        layers: in the order of the data; none where the network does not consist of dense layers.
        neurons: of all layers, each updated once a step.
        spikes: input, uint8 array (samples, channels, time), 0 or 1; where input neurons take it,
            int16.
        expected: spikes of the last layer, each sample from cleared state, uint8 array
            (samples, neurons, time).
        stream_expected: the same where the samples follow one another in one run that is never
            cleared, for simulators that cannot clear their state, uint8 array (neurons, steps);
            the run may end before the last sample does.
        synops: stored weights added because a spike arrived, a step and sample.
        firing: share of the neurons that fire in a step, 0..1.
        netx: the network as a netx file where it does not consist of dense layers, else empty.
    """

    name: str
    layers: tuple[LayerArrays, ...]
    neurons: int
    spikes: NDArray[Any]
    expected: NDArray[np.uint8]
    stream_expected: NDArray[np.uint8]
    synops: float
    firing: float
    netx: bytes = b""

    @property
    def stream(self) -> NDArray[Any]:
        """Input that leads to `stream_expected`, (channels, steps).

        Where images drive input neurons it is the first sample again and again: Lava's take one
        image a run.
        """
        return stream_of(self.spikes, self.stream_expected.shape[1], repeat=bool(self.netx))

    @property
    def delayed(self) -> bool:
        """Whether any layer has delays."""
        return any(layer.delay.any() for layer in self.layers)


def stream_of(spikes: NDArray[Any], steps: int, *, repeat: bool = False) -> NDArray[Any]:
    """Return samples (samples, channels, time) one after the other, (channels, steps), or the
    first one repeated."""
    _, channels, time = spikes.shape
    count = -(-steps // time)
    chosen = spikes[:1].repeat(count, 0) if repeat else spikes[:count]
    return np.ascontiguousarray(chosen.transpose(1, 0, 2)).reshape(channels, -1)[:, :steps]


def write(workload: Workload, path: Path) -> None:
    """Write the workload; spikes of 0 or 1 take one bit each."""
    arrays = {
        f"layer_{index}_{name}": np.asarray(getattr(layer, name))
        for index, layer in enumerate(workload.layers)
        for name in LAYER_ARRAYS
    }
    for name in ("spikes", "expected", "stream_expected"):
        values = getattr(workload, name)
        arrays[name] = values
        if values.dtype == np.uint8:
            arrays[name] = np.packbits(values, axis=-1)
            arrays[f"{name}_steps"] = np.array(values.shape[-1])
    arrays["netx"] = np.frombuffer(workload.netx, np.uint8)
    arrays["figures"] = np.array([workload.neurons, workload.synops, workload.firing])
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
    neurons, synops, firing = arrays["figures"].tolist()
    return Workload(
        str(arrays["name"]),
        tuple(layers),
        int(neurons),
        *(_values(arrays, name) for name in ("spikes", "expected", "stream_expected")),
        synops,
        firing,
        arrays["netx"].tobytes(),
    )


def _values(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Return an array whose bits may be packed."""
    if f"{name}_steps" not in arrays:
        return arrays[name]
    return np.unpackbits(arrays[name], axis=-1, count=int(arrays[f"{name}_steps"]))
