"""The network as a Lava process graph, built from `lava.proc`.

A synapse process and a neuron process a layer: `Dense`, `DelayDense` or `Conv`, then `LIFReset` or
a sigma-delta neuron; a recurrent layer has a second synapse from its neurons to themselves, and an
input layer none. Images are (width, height, channels) in Lava and (channels, height, width) here.
The same graph runs on Lava's CPU simulator and on Loihi; only the run configuration differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.export.lava_order import to_lava
from neurodeploy.models import lava_compat, loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.models.layers import (
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    Shape,
    each_neuron,
)
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta

lava_compat.prepare()

from lava.proc import sdn  # noqa: E402
from lava.proc.conv.process import Conv  # noqa: E402
from lava.proc.dense.process import DelayDense, Dense  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402


@dataclass(frozen=True)
class LavaLayer:
    """The processes of one layer.

    Attributes:
        neuron: whose spikes leave at neuron.s_out.
        synapse: where spikes enter, at synapse.s_in; None for an input layer.
        recurrent: the synapse from the neurons to themselves, None without one.
    """

    neuron: Any
    synapse: Any = None
    recurrent: Any = None

    @property
    def inp(self) -> Any:
        """The port where the layer takes what the layer before, or a source, sends."""
        return self.neuron.a_in if self.synapse is None else self.synapse.s_in


def build(network: QuantizedNetwork, *, sample_steps: int | None = None) -> tuple[LavaLayer, ...]:
    """Return Lava's connected processes of every layer.

    All layers clear their state together at the first of every `sample_steps` steps, so that
    samples follow one another in one run, each from cleared state (with the models of
    `export.lava_models`, which clear what Lava's leave). Spikes go in at `layers[0].inp` and come
    out of `layers[-1].neuron.s_out`; `hw_sim.simulators.lava_worker` runs a graph like this.

    Args:
        network: what to build.
        sample_steps: time steps of one sample, at least 1; `network.task.num_steps` by default.

    Raises:
        InputError: when neither says how many steps a sample has.

    Example:
        >>> layers = neurodeploy.to_lava(network, sample_steps=30)
        >>> [layer.neuron.s_out.shape for layer in layers]
        [(3,), (2,)]
    """
    check_network(network)
    sample_steps = sample_steps or network.task.num_steps
    if sample_steps is None:
        raise InputError("the network does not say how long a sample is; give sample_steps")
    bits, built = network.message_bits, []
    for layer in network.layers:
        built.append(_build_layer(layer, bits, sample_steps))
        bits = loihi.MESSAGE_BITS_MAX if layer.neuron.graded else 0
    for index in range(1, len(built)):
        out = built[index - 1].neuron.s_out
        flat = len(network.layers[index - 1].shape) > 1
        if flat and not isinstance(network.layers[index], ConvLayer):
            out = _flattened(out, network.layers[index - 1].shape)
        out.connect(built[index].inp)
    return tuple(built)


def _flattened(port: Any, shape: Shape) -> Any:
    return port.transpose(list(reversed(range(len(shape))))).flatten()


def _build_layer(layer: Layer, bits: int, sample_steps: int) -> LavaLayer:
    neuron = _neuron(layer, sample_steps)
    if isinstance(layer, InputLayer):
        return LavaLayer(neuron)
    synapse = _synapse(layer, bits, sample_steps)
    synapse.a_out.connect(neuron.a_in)
    if not isinstance(layer, RecurrentLayer):
        return LavaLayer(neuron, synapse)
    own = loihi.MESSAGE_BITS_MAX if layer.neuron.graded else 0
    recurrent = _matrix(layer.recurrent, layer.recurrent_delay, own, sample_steps)
    recurrent.a_out.connect(neuron.a_in)
    neuron.s_out.connect(recurrent.s_in)
    return LavaLayer(neuron, synapse, recurrent)


def _synapse(layer: Any, bits: int, sample_steps: int) -> Any:
    if not isinstance(layer, ConvLayer):
        return _matrix(layer.weight, layer.delay, bits, sample_steps)
    # Lava convolves where PyTorch correlates: the kernel is flipped, and its axes turned.
    kernel = layer.weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).astype(np.int32)
    synapse = Conv(
        weight=kernel,
        input_shape=layer.input_shape[::-1],
        stride=layer.stride[::-1],
        padding=layer.padding[::-1],
        dilation=layer.dilation[::-1],
        groups=layer.groups,
        num_message_bits=bits,
    )
    synapse.proc_params["sample_steps"] = sample_steps
    return synapse


def _matrix(weight: IntArray, delay: IntArray, bits: int, sample_steps: int) -> Any:
    given = {
        "weights": weight.astype(np.int32),
        "num_weight_bits": 8,
        "num_message_bits": bits,
        "sample_steps": sample_steps,
    }
    if not delay.any():
        return Dense(**given)
    delays = np.ascontiguousarray(np.broadcast_to(delay.astype(int), weight.shape))
    return DelayDense(delays=delays, **given)


def _neuron(layer: Layer, sample_steps: int) -> Any:
    shape = tuple(reversed(layer.shape))
    neuron: Neuron = layer.neuron
    if isinstance(neuron, CubaLif):
        return LIFReset(
            shape=shape,
            # Lava adds one to the current decay (`ds_offset`), none to the voltage decay.
            du=_one_or_each(neuron.current_decay - 1, layer.shape),
            dv=_one_or_each(neuron.voltage_decay, layer.shape),
            vth=neuron.threshold,
            bias_mant=_one_or_each(neuron.bias, layer.shape),
            bias_exp=loihi.ACTIVATION_SHIFT,
            reset_interval=sample_steps,
            reset_offset=1,
        )
    process = _sigma_delta(neuron, layer.shape, shape)
    process.proc_params["sample_steps"] = sample_steps
    return process


def _sigma_delta(neuron: Neuron, own_shape: Shape, shape: Shape) -> Any:
    if isinstance(neuron, Sigma):
        return sdn.process.Sigma(shape=shape)
    if not isinstance(neuron, (Delta, SigmaDelta)):
        raise BackendError(f"Lava has no process for {type(neuron).__name__} neurons")
    given = {
        "shape": shape,
        "vth": neuron.threshold,
        "spike_exp": neuron.spike_exp,
        "state_exp": neuron.state_exp,
    }
    if isinstance(neuron, Delta):
        return sdn.process.Delta(**given)
    bias = to_lava(each_neuron(neuron.bias, own_shape), own_shape)
    return sdn.process.SigmaDelta(bias=bias.astype(np.int32), **given)


def _one_or_each(values: IntArray, shape: Shape) -> Any:
    """Return a scalar for one shared value, else one value a neuron, in Lava's order."""
    if values.size == 1:
        return int(values[0])
    return to_lava(each_neuron(values, shape), shape).astype(int)
