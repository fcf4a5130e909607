"""One stream on snnTorch and SpikingJelly, step by step through all layers.

    python -m benchmarks.peers.torch_streams WORKLOAD.npz --variant snntorch|spikingjelly

At each step a layer is a matrix product with float32 weights and one call of the library's neurons,
whose states go on from step to step. The time step that a layer takes on Loihi is added to the
output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.torch_libraries import FLOATS, LEAVES_OUT, factor_of
from benchmarks.peers.workload import LayerArrays, Workload
from neurodeploy.models import loihi

STREAMS = 1_000
STEPS, COMPARED = 512, 4_096
"""Steps of one timed pass, and steps that are compared."""

Step = Callable[[Tensor], Tensor]
"""Steps neurons with weighted input (streams, neurons) and returns their spikes."""


def snntorch_step(layer: LayerArrays, threshold: float) -> Step:
    """Return a step of snnTorch's `Synaptic`, reset to zero at once."""
    import snntorch

    neuron = snntorch.Synaptic(
        alpha=factor_of(layer.current_decay), beta=factor_of(layer.voltage_decay),
        threshold=threshold, reset_mechanism="zero", reset_delay=False, surrogate_disable=True,
    )  # fmt: skip
    states: list[Any] = []

    def step(weighted: Tensor) -> Tensor:
        before = states or [torch.zeros_like(weighted)] * 2
        spikes, *states[:] = neuron(weighted, *before)
        return spikes

    return step


def spikingjelly_step(layer: LayerArrays, threshold: float) -> Step:
    """Return a step of SpikingJelly's `CUBALIFNode`."""
    from spikingjelly.activation_based import neuron

    node = neuron.CUBALIFNode(
        c_decay=factor_of(layer.current_decay), v_decay=factor_of(layer.voltage_decay),
        v_threshold=threshold,
    )  # fmt: skip
    node.step_mode = "s"
    return node


LIBRARIES: Final = {"snntorch": snntorch_step, "spikingjelly": spikingjelly_step}


def network_step(workload: Workload, variant: str) -> Step:
    """Return a step of all layers, from cleared state."""
    layers = []
    for layer in workload.layers:
        weight = torch.from_numpy(layer.weight.T.astype(np.float32) * 64).contiguous()
        # between the last integer voltage that is silent and the first that fires
        threshold = float(layer.threshold << loihi.ACTIVATION_SHIFT) + 0.5
        layers.append((weight, LIBRARIES[variant](layer, threshold)))

    def step(spikes: Tensor) -> Tensor:
        for weight, neurons in layers:
            spikes = neurons(spikes @ weight)
        return spikes

    return step


def run(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure one stream and many side by side."""
    measuring.refuse_delays(workload)
    torch.set_num_threads(options.threads)
    steps = torch.from_numpy(workload.stream.T[:, None].astype(np.float32))[:COMPARED].contiguous()
    which = np.arange(STREAMS) % len(workload.spikes)
    many = torch.from_numpy(workload.spikes[which].transpose(2, 0, 1).astype(np.float32))
    with torch.inference_mode():
        step = network_step(workload, options.variant)
        found = torch.stack([step(each)[0] for each in steps], 1).numpy()
        late = np.zeros_like(found)
        late[:, len(workload.layers) :] = found[:, : -len(workload.layers)]
        counts = measuring.count_different(late, workload.stream_expected[:, : len(steps)])
        single = _time(step, steps[:STEPS], options.seconds, 1)
        batch = _time(
            network_step(workload, options.variant), many.contiguous(), options.seconds, STREAMS
        )
    findings = measuring.stream_findings([single["median"]], 0.0, counts)
    return {
        **findings, "single": single, "batch": batch, "batch_size": STREAMS,
        "leaves_out": (*LEAVES_OUT, *FLOATS),
    }  # fmt: skip


def _time(step: Step, inputs: Tensor, seconds: float, streams: int) -> dict[str, float]:
    def pass_over(_: int) -> None:
        for each in inputs:
            step(each)

    return measuring.time_calls(pass_over, seconds, len(inputs) * streams)


if __name__ == "__main__":
    measuring.main({name: (name, "torch") for name in LIBRARIES}, run)
