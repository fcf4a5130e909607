"""What every program is given: networks of plain arrays with their input, as npz files.

Needs numpy alone, so that every environment can read it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound="Workload | TrainingWorkload")

THRESHOLD = 1.25
CURRENT_DECAY, VOLTAGE_DECAY = 1024, 205
"""Of networks to train, in SLAYER's units, and in 1/4096: a quarter, and about 5%."""
STRIDE, PADDING = 2, 1
"""Of convolutions, whose kernels are 3 x 3, as of the preset "conv" for images."""
LEARNING_RATE = 1e-3
RATE_SCALE = 20.0
"""The logits of a training are the output rates times this."""


@dataclass(frozen=True, eq=False)
class LayerArrays:
    """One dense layer of CUBA LIF neurons; see `models.network` for the meaning of its integers.

    Attributes:
        weight: int32 array (neurons, senders), -256..255.
        delay: int32 array (1, 1), (1, senders), (neurons, 1) or (neurons, senders), time steps.
        current_decay, voltage_decay: int32 array (1,) or (neurons,), 1/4096 lost per step.
        threshold: mantissa; a neuron fires when v > threshold << 6.
    """

    weight: NDArray[np.int32]
    delay: NDArray[np.int32]
    current_decay: NDArray[np.int32]
    voltage_decay: NDArray[np.int32]
    threshold: int


@dataclass(frozen=True, eq=False)
class Workload:
    """A network to simulate.

    Attributes:
        name: for tables.
        layers: in the order of the data; none where the network has other than dense layers.
        neurons: of all layers, each updated once per step.
        spikes: input, uint8 array (samples, channels, time), 0 or 1; int16 for input neurons.
        expected: spikes of the last layer, each sample from cleared state, uint8 array
            (samples, neurons, time).
        stream_expected: the same where the samples follow one another in one run that is never
            cleared, for simulators that cannot clear their state, uint8 array (neurons, steps);
            the run may end before the last sample does.
        synops: stored weights added because a spike arrived, per step and sample.
        firing: share of the neurons that fire in a step, 0..1.
        netx: the bytes of a netx file, uint8, where the network has other than dense layers.
    """

    name: str
    layers: tuple[LayerArrays, ...]
    neurons: int
    spikes: NDArray[Any]
    expected: NDArray[np.uint8]
    stream_expected: NDArray[np.uint8]
    synops: float
    firing: float
    netx: NDArray[np.uint8]

    @property
    def stream(self) -> NDArray[Any]:
        """Input that leads to `stream_expected`, (channels, steps).

        Where images drive input neurons it repeats the first sample: Lava's take one image per run.
        """
        repeat = bool(self.netx.size)
        return stream_of(self.spikes, self.stream_expected.shape[1], repeat=repeat)

    @property
    def delayed(self) -> bool:
        """Whether any layer has delays."""
        return any(layer.delay.any() for layer in self.layers)


@dataclass(frozen=True, eq=False)
class TrainingWorkload:
    """A network to train.

    Attributes:
        weights: of each layer, float32, multiples of 1/32 as SLAYER has them: (neurons, senders),
            or (channels, channels of the input, 3, 3) of a convolution.
        delays: of each hidden layer, float32 (neurons,) in time steps; none without delays.
        spikes: input, uint8 (batches, batch, channels, time).
        labels: int64 (batches, batch).
        expected: spikes of stock lava-dl's last layer on the first batch before training, uint8
            (batch, neurons, time).
        in_floats: the same of neurons whose states are floats, where a layer takes no step.
        image: channels, height and width of the input of a convolution, int64, or empty.
    """

    weights: tuple[NDArray[np.float32], ...]
    delays: tuple[NDArray[np.float32], ...]
    spikes: NDArray[np.uint8]
    labels: NDArray[np.int64]
    expected: NDArray[np.uint8]
    in_floats: NDArray[np.uint8]
    image: NDArray[np.int64]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of the input, then of each layer."""
        shapes: list[tuple[int, ...]] = [tuple(self.image.tolist()) or (self.weights[0].shape[1],)]
        for weight in self.weights:
            images = (-(-size // STRIDE) for size in shapes[-1][1:])
            shapes.append((len(weight), *(images if weight.ndim == 4 else ())))
        return tuple(shapes)


def stream_of(spikes: NDArray[Any], steps: int, *, repeat: bool = False) -> NDArray[Any]:
    """Return samples (samples, channels, time) one after the other, (channels, steps), or the
    first one repeated."""
    _, channels, time = spikes.shape
    count = -(-steps // time)
    chosen = spikes[:1].repeat(count, 0) if repeat else spikes[:count]
    return np.ascontiguousarray(chosen.transpose(1, 0, 2)).reshape(channels, -1)[:, :steps]


def write(workload: Workload | TrainingWorkload, path: Path) -> None:
    """Write a workload, every array under the name of its field, those in tuples with a number."""
    arrays: dict[str, Any] = {}
    for name, value in vars(workload).items():
        for number, each in enumerate(value) if isinstance(value, tuple) else ():
            parts = vars(each) if isinstance(each, LayerArrays) else {"": each}
            arrays |= {f"{name}.{number}.{part}": values for part, values in parts.items()}
        if not isinstance(value, tuple):
            arrays[name] = value
    np.savez_compressed(path, **arrays)


def read(kind: type[Kind], path: Path) -> Kind:
    """Read a workload of a kind."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in arrays:
            array = arrays[field.name]
            values[field.name] = array if array.ndim else array.item()
            continue
        parts: dict[int, dict[str, Any]] = {}
        for name, values_of_part in arrays.items():
            if name.startswith(f"{field.name}."):
                _, number, part = name.split(".")
                parts.setdefault(int(number), {})[part] = values_of_part
        values[field.name] = tuple(_part(each) for _, each in sorted(parts.items()))
    return kind(**values)


def _part(arrays: dict[str, Any]) -> Any:
    if "" in arrays:
        return arrays[""]
    return LayerArrays(**{**arrays, "threshold": int(arrays["threshold"])})
