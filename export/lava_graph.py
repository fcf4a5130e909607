"""Build a Lava process graph of a network, from `lava.proc`.

Each layer has a synapse process (`Dense`, `DelayDense` or `Conv`) and a neuron process (`LIFReset`
or a sigma-delta neuron). A recurrent layer has a second synapse process from its neurons to
themselves, an input layer has none. The same graph runs on Lava's CPU simulator and on Loihi, with
different run configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.models import lava_compat, loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.models.lava_compat import to_lava
from neurodeploy.models.layers import (
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    Shape,
    per_neuron,
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
        neuron: the neuron process, with the output port `s_out`.
        synapse: the synapse process, with the input port `s_in`; None for an input layer.
        recurrent: the synapse process from the neurons to themselves, or None.
    """

    neuron: Any
    synapse: Any = None
    recurrent: Any = None

    @property
    def inp(self) -> Any:
        """The input port of the layer."""
        return self.neuron.a_in if self.synapse is None else self.synapse.s_in


def build(network: QuantizedNetwork, *, sample_steps: int | None = None) -> tuple[LavaLayer, ...]:
    """Return the connected Lava processes of every layer.

    All layers reset together every `sample_steps` steps, so that each sample of a run starts from
    cleared state. This needs the process models of `hw_sim.simulators.lava_worker`, since Lava's
    own do not clear all state. Connect the input to `layers[0].inp` and the output to
    `layers[-1].neuron.s_out`.

    Args:
        network: the network.
        sample_steps: time steps per sample, at least 1; `network.task.num_steps` by default.

    Raises:
        InputError: when `network.task.num_steps` and `sample_steps` are both None.

    Examples:
        >>> layers = neurodeploy.to_lava(network, sample_steps=30)
        >>> [layer.neuron.s_out.shape for layer in layers]
        [(3,), (2,)]
    """
    check_network(network)
    sample_steps = sample_steps or network.task.num_steps
    if sample_steps is None:
        raise InputError(
            "the network has no task.num_steps; give sample_steps, the time steps per sample"
        )
    bits, built = network.message_bits, []
    for layer in network.layers:
        built.append(_build_layer(layer, bits, sample_steps))
        bits = loihi.MESSAGE_BITS_MAX if layer.neuron.graded else 0
    for index in range(1, len(built)):
        out, axes = built[index - 1].neuron.s_out, len(network.layers[index - 1].shape)
        if axes > 1 and not isinstance(network.layers[index], ConvLayer):
            out = out.transpose(list(reversed(range(axes)))).flatten()
        out.connect(built[index].inp)
    return tuple(built)


def _build_layer(layer: Layer, bits: int, sample_steps: int) -> LavaLayer:
    neuron = _neuron(layer, sample_steps)
    if isinstance(layer, InputLayer):
        return LavaLayer(neuron)
    synapse = _synapse(layer, bits, sample_steps)
    synapse.a_out.connect(neuron.a_in)
    if not isinstance(layer, RecurrentLayer):
        return LavaLayer(neuron, synapse)
    recurrent_bits = loihi.MESSAGE_BITS_MAX if layer.neuron.graded else 0
    recurrent = _matrix(layer.recurrent, layer.recurrent_delay, recurrent_bits, sample_steps)
    recurrent.a_out.connect(neuron.a_in)
    neuron.s_out.connect(recurrent.s_in)
    return LavaLayer(neuron, synapse, recurrent)


def _synapse(layer: Any, bits: int, sample_steps: int) -> Any:
    if not isinstance(layer, ConvLayer):
        return _matrix(layer.weight, layer.delay, bits, sample_steps)
    # Lava convolves and PyTorch correlates, so the kernel is flipped; its axes are reversed.
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
    params = {
        "weights": weight.astype(np.int32),
        "num_weight_bits": 8,
        "num_message_bits": bits,
        "sample_steps": sample_steps,
    }
    if not delay.any():
        return Dense(**params)
    delays = np.ascontiguousarray(np.broadcast_to(delay.astype(int), weight.shape))
    return DelayDense(delays=delays, **params)


def _neuron(layer: Layer, sample_steps: int) -> Any:
    neuron: Neuron = layer.neuron
    if isinstance(neuron, CubaLif):
        return LIFReset(
            shape=tuple(reversed(layer.shape)),
            # Lava adds 1 to the current decay (`ds_offset`), but not to the voltage decay.
            du=_parameter(neuron.current_decay - 1, layer.shape),
            dv=_parameter(neuron.voltage_decay, layer.shape),
            vth=neuron.threshold,
            bias_mant=_parameter(neuron.bias, layer.shape),
            bias_exp=loihi.ACTIVATION_SHIFT,
            reset_interval=sample_steps,
            reset_offset=1,
        )
    process = _sigma_delta(neuron, layer.shape)
    process.proc_params["sample_steps"] = sample_steps
    return process


def _sigma_delta(neuron: Neuron, shape: Shape) -> Any:
    lava_shape = tuple(reversed(shape))
    if isinstance(neuron, Sigma):
        return sdn.process.Sigma(shape=lava_shape)
    if not isinstance(neuron, (Delta, SigmaDelta)):
        raise BackendError(f"Lava has no process for {type(neuron).__name__} neurons")
    params = {
        "shape": lava_shape,
        "vth": neuron.threshold,
        "spike_exp": neuron.spike_exp,
        "state_exp": neuron.state_exp,
    }
    if isinstance(neuron, Delta):
        return sdn.process.Delta(**params)
    bias = to_lava(per_neuron(neuron.bias, shape), shape)
    return sdn.process.SigmaDelta(bias=bias.astype(np.int32), **params)


def _parameter(values: IntArray, shape: Shape) -> Any:
    """Return a neuron parameter as a scalar if shared, else as an array in Lava's order of axes."""
    if values.size == 1:
        return int(values[0])
    return to_lava(per_neuron(values, shape), shape).astype(int)
