"""SpikingJelly's current-based neurons, in its multi-step mode.

python -m benchmarks.peers.spikingjelly WORKLOAD.npz [--variant float|lava]

float: `neuron.CUBALIFNode`; lava: `lava_exchange.CubaLIFNode`, which copies SLAYER's rounding.
"""

from __future__ import annotations

from typing import Any

from spikingjelly.activation_based import functional, lava_exchange, neuron
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.torch_layers import FLOATS, TorchStack, firing_voltage, kept, weight_of
from benchmarks.peers.workload_file import LayerArrays, Workload
from neurodeploy.models import loihi

STATE_SCALE = loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT
"""The states of `lava_exchange` are the integer states divided by this, as SLAYER's are."""


def float_node(layer: LayerArrays) -> Any:
    """Return floating-point neurons."""
    node = neuron.CUBALIFNode(
        c_decay=kept(layer.current_decay),
        v_decay=kept(layer.voltage_decay),
        v_threshold=firing_voltage(layer),
    )
    node.step_mode = "m"
    return node


def lava_node(layer: LayerArrays) -> Any:
    """Return neurons with SLAYER's rounding."""
    if layer.current_decay.size > 1 or layer.voltage_decay.size > 1:
        raise SystemExit("lava_exchange.CubaLIFNode has one decay for all neurons")
    return lava_exchange.CubaLIFNode(
        current_decay=float(layer.current_decay[0]) / loihi.DECAY_ONE,
        voltage_decay=float(layer.voltage_decay[0]) / loihi.DECAY_ONE,
        v_threshold=layer.threshold / loihi.SLAYER_SCALE,
        step_mode="m",
    )


def over_time(node: Any) -> Any:
    """Return a function that runs the neurons over weighted input from cleared state."""

    def run(inputs: Tensor) -> Tensor:
        functional.reset_net(node)
        return node(inputs)

    return run


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure SpikingJelly."""
    measuring.refuse_delays(workload)
    exact = options.variant == "lava"
    make, scale = (lava_node, STATE_SCALE) if exact else (float_node, 1)

    def build() -> TorchStack:
        layers = workload.layers
        return TorchStack(
            [weight_of(each) / scale for each in layers],
            [over_time(make(each)) for each in layers],
            options.threads,
        )

    left_out = ("states do not overflow",) if exact else FLOATS
    return measuring.run_samples(build, workload, options, left_out)


if __name__ == "__main__":
    measuring.main(measure, ("spikingjelly", "torch"))
