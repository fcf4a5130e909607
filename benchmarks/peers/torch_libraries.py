"""snnTorch, SpikingJelly and Norse: dense layers and each library's neurons, on torch.

    python -m benchmarks.peers.torch_libraries WORKLOAD.npz --variant snntorch|norse|spikingjelly
        [--train]

Each layer's weighted input is one matrix product over all steps and samples; then the library's
neurons run over time, which is faster in all of them than going through the layers at every step.
Numbers are those of the integer network, as float32: the decays round toward zero there and do not
here, which is why spikes differ. The time step that a layer takes on Loihi is added to the output
of a simulation, and left out in training. `spikingjelly-lava` is `lava_exchange.CubaLIFNode`, which
copies SLAYER's rounding. Surrogate gradients are the libraries' defaults; SpikingJelly's reset
takes no part in the gradient, as its guide advises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers import measuring, training
from benchmarks.peers.workload import (
    CURRENT_DECAY,
    PADDING,
    STRIDE,
    THRESHOLD,
    VOLTAGE_DECAY,
    LayerArrays,
    TrainingWorkload,
    Workload,
)
from neurodeploy.models import loihi

FLOATS = ("float32: decays do not round, states do not overflow",)
LEAVES_OUT = ("delays", "rounding of weights and states", "the step that a layer takes")
LAVA_SCALE = loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT
"""The states of `lava_exchange` are the integer states divided by this, as SLAYER's are."""

Neurons = tuple[nn.Module, Any]
"""A module that takes weighted input, float (time, samples, neurons), and returns spikes of the
same shape from cleared state; and the factor that its input needs."""


class OverTime(nn.Module):
    """The loop over time that snnTorch leaves to its users."""

    def __init__(self, neuron: Any) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input."""
        current = voltage = torch.zeros_like(inputs[0])
        spikes = []
        for now in inputs.unbind():
            spike, current, voltage = self.neuron(now, current, voltage)
            spikes.append(spike)
        return torch.stack(spikes)


def snntorch_neurons(alpha: Any, beta: Any, threshold: float, *, train: bool) -> Neurons:
    """Return snnTorch's `Synaptic`, reset to zero at once."""
    import snntorch

    return OverTime(
        snntorch.Synaptic(
            alpha=alpha, beta=beta, threshold=threshold, reset_mechanism="zero",
            reset_delay=False, surrogate_disable=not train,
        )
    ), 1.0  # fmt: skip


class Reset(nn.Module):
    """SpikingJelly's multi-step neurons, from cleared state."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.node = node

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input."""
        from spikingjelly.activation_based import functional

        functional.reset_net(self.node)
        return self.node(inputs)


def spikingjelly_neurons(alpha: Any, beta: Any, threshold: float, *, train: bool) -> Neurons:
    """Return SpikingJelly's `CUBALIFNode` in its multi-step mode."""
    from spikingjelly.activation_based import neuron

    node = neuron.CUBALIFNode(c_decay=alpha, v_decay=beta, v_threshold=threshold)
    node.detach_reset = train
    node.step_mode = "m"
    return Reset(node), 1.0


class NorseNeurons(nn.Module):
    """Norse's `LIF`, from cleared state."""

    def __init__(self, neuron: Any) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input."""
        import norse.torch

        zeros = torch.zeros_like(inputs[0])
        return self.neuron(inputs, norse.torch.LIFFeedForwardState(v=zeros, i=zeros))[0]


def norse_neurons(alpha: Any, beta: Any, threshold: float, *, train: bool) -> Neurons:
    """Return Norse's `LIF`, whose voltage takes in its decay's share of the current."""
    import norse.torch

    share = 1 - torch.as_tensor(beta)
    if not bool((share > 0).all()):
        raise SystemExit("Norse's neurons take in no current where the voltage does not decay")
    parameters = norse.torch.LIFParameters(
        tau_syn_inv=1 - torch.as_tensor(alpha), tau_mem_inv=share,
        v_th=torch.as_tensor(threshold), **({} if train else {"method": "heaviside"}),
    )  # fmt: skip
    return NorseNeurons(norse.torch.LIF(p=parameters, dt=1)), 1 / share


LIBRARIES: Final[dict[str, Callable[..., Neurons]]] = {
    "snntorch": snntorch_neurons,
    "spikingjelly": spikingjelly_neurons,
    "norse": norse_neurons,
}


def factor_of(decay: NDArray[np.int32]) -> Any:
    """Return the factor per step of a decay: a float, or a tensor (neurons,)."""
    share = 1 - decay / loihi.DECAY_ONE
    return float(share[0]) if share.size == 1 else torch.from_numpy(share.astype(np.float32))


def layer_of(layer: LayerArrays, variant: str) -> tuple[Tensor, nn.Module]:
    """Return a layer's weights, float (neurons, senders), and its neurons."""
    weight = torch.from_numpy(layer.weight.astype(np.float32) * (1 << loihi.ACTIVATION_SHIFT))
    if variant == "spikingjelly-lava":
        return weight / LAVA_SCALE, Reset(lava_node(layer))
    # between the last integer voltage that is silent and the first that fires
    threshold = float(layer.threshold << loihi.ACTIVATION_SHIFT) + 0.5
    neurons, gain = LIBRARIES[variant](
        factor_of(layer.current_decay), factor_of(layer.voltage_decay), threshold, train=False
    )
    return weight * torch.as_tensor(gain).reshape(-1, 1), neurons


def lava_node(layer: LayerArrays) -> Any:
    """Return SpikingJelly's neurons with SLAYER's rounding."""
    from spikingjelly.activation_based import lava_exchange

    if layer.current_decay.size > 1 or layer.voltage_decay.size > 1:
        raise SystemExit("lava_exchange.CubaLIFNode has one decay for all neurons")
    return lava_exchange.CubaLIFNode(
        current_decay=float(layer.current_decay[0]) / loihi.DECAY_ONE,
        voltage_decay=float(layer.voltage_decay[0]) / loihi.DECAY_ONE,
        v_threshold=layer.threshold / loihi.SLAYER_SCALE,
        step_mode="m",
    )


class TorchStack:
    """A `measuring.SampleSimulator` of layers that torch runs one after the other."""

    def __init__(self, workload: Workload, options: measuring.Options) -> None:
        torch.set_num_threads(options.threads)
        self.layers = [layer_of(layer, options.variant) for layer in workload.layers]

    def prepare(self, spikes: NDArray[np.uint8]) -> Tensor:
        """Return spikes (samples, channels, time) as float (time, samples, channels)."""
        return torch.from_numpy(spikes.transpose(2, 0, 1).astype(np.float32)).contiguous()

    def run(self, prepared: Tensor) -> Tensor:
        """Return the last layer's spikes, without the steps that the layers take."""
        with torch.inference_mode():
            for weight, neurons in self.layers:
                prepared = neurons(nn.functional.linear(prepared, weight))
        return prepared

    def outputs(self, result: Tensor) -> NDArray[Any]:
        """Return spikes (samples, neurons, time), one step later for each layer."""
        later = np.zeros(result.shape, np.uint8)
        later[len(self.layers) :] = result[: -len(self.layers)].numpy() > 0
        return later.transpose(1, 2, 0)


def simulate(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure a library's forward pass."""
    measuring.refuse_delays(workload)
    found = measuring.run_samples(lambda: TorchStack(workload, options), workload, options)
    exact = options.variant == "spikingjelly-lava"
    return {**found, "leaves_out": ("states do not overflow",) if exact else FLOATS}


class Convolution(nn.Conv2d):
    """A convolution of images in flat arrays (time, samples, neurons)."""

    def __init__(self, channels: int, image: tuple[int, ...]) -> None:
        super().__init__(image[0], channels, 3, STRIDE, PADDING, bias=False)
        self.image = image

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the weighted input of all steps and samples, computed at once."""
        images = super().forward(spikes.reshape(-1, *self.image))
        return images.reshape(*spikes.shape[:2], -1)


def trainer_of(workload: TrainingWorkload, variant: str) -> training.NetworkTrainer:
    """Return the trainer of a network in SLAYER's units, with (time, batch, neurons) arrays."""
    if workload.delays:
        raise SystemExit("it has no delays of single neurons that it could learn")
    network = nn.Sequential()
    decays = (1 - decay / loihi.DECAY_ONE for decay in (CURRENT_DECAY, VOLTAGE_DECAY))
    alpha, beta = decays
    for weight, shape in zip(workload.weights, workload.shapes):
        neurons, gain = LIBRARIES[variant](alpha, beta, THRESHOLD, train=True)
        synapses: Any = (
            Convolution(weight.shape[0], shape)
            if weight.ndim == 4
            else nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        )
        synapses.weight.data = torch.from_numpy(weight) * gain
        network.extend([synapses, neurons])
    return training.NetworkTrainer(network, workload, (2, 0, 1), workload.in_floats)


def train(workload: TrainingWorkload, options: measuring.Options) -> measuring.Findings:
    """Measure a library's training."""
    return training.measure(lambda: trainer_of(workload, options.variant), options, LEAVES_OUT)


if __name__ == "__main__":
    names = {"spikingjelly-lava": "spikingjelly"}
    variants = (*LIBRARIES, *names)
    measuring.main({v: (names.get(v, v), "torch") for v in variants}, simulate, train)
