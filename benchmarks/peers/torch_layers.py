"""What the peers on torch share: a stack of a matrix product and neurons, a layer at a time.

Each layer's weighted input is one matrix product over all steps and samples; then the peer's
neurons run over time. The time step that a layer takes on Loihi is added at the end, to all layers
at once, since it only shifts spikes. Numbers are those of the integer network, as float32: the
decays round toward zero there and do not here, which is why spikes differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.workload_file import LayerArrays
from neurodeploy.models import loihi

Neurons = Callable[[Tensor], Tensor]
"""Takes weighted input, float (time, samples, neurons), and returns spikes of the same shape."""


class TorchStack:
    """A `measuring.SampleSimulator` of layers that torch runs one after the other."""

    def __init__(self, weights: Sequence[Tensor], neurons: Sequence[Neurons], threads: int) -> None:
        torch.set_num_threads(threads)
        self.layers = list(zip(weights, neurons))

    def prepare(self, spikes: NDArray[np.uint8]) -> Tensor:
        """Return spikes (samples, channels, time) as float (time, samples, channels)."""
        return torch.from_numpy(spikes.transpose(2, 0, 1).astype(np.float32)).contiguous()

    def run(self, prepared: Tensor) -> Tensor:
        """Return the last layer's spikes, without the steps that the layers take."""
        with torch.inference_mode():
            for weight, neurons in self.layers:
                prepared = neurons(torch.nn.functional.linear(prepared, weight))
        return prepared

    def outputs(self, result: Tensor) -> NDArray[Any]:
        """Return spikes (samples, neurons, time), one step later for each layer."""
        late = np.zeros(result.shape, np.uint8)
        late[len(self.layers) :] = result[: -len(self.layers)].numpy() > 0
        return late.transpose(1, 2, 0)


def weight_of(layer: LayerArrays) -> Tensor:
    """Return the weights as the current that they add, float (neurons, senders)."""
    return torch.from_numpy(layer.weight.astype(np.float32) * (1 << loihi.ACTIVATION_SHIFT))


def kept(decay: NDArray[np.int32]) -> Any:
    """Return the share that a decay keeps: a float, or a tensor (neurons,)."""
    share = 1 - decay / loihi.DECAY_ONE
    return float(share[0]) if share.size == 1 else torch.from_numpy(share.astype(np.float32))


def firing_voltage(layer: LayerArrays) -> float:
    """Return what lies between the last integer voltage that is silent and the first that fires."""
    return float(layer.threshold << loihi.ACTIVATION_SHIFT) + 0.5


FLOATS = ("float32: decays do not round, states do not overflow",)
"""What simulators in floating point leave out."""
