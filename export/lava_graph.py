"""Build a Lava process graph of a network, from `lava.proc`.

Each layer has a synapse process (`Dense`, `DelayDense` or `Conv`) and a neuron process (`LIFReset`
or a sigma-delta neuron). A recurrent layer has a second synapse process from its neurons to
themselves, an input layer has none. If weights exceed -256..255, there are two synapse processes in
place of each one, with weight exponents of 0 and 7. The same graph runs on Lava's CPU simulator and
on Loihi, with different run configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from neurodeploy.models import lava_compat, loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.models.lava_compat import to_lava
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer, per_neuron
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta
from neurodeploy.models.synapses import Shape, weight_parts

lava_compat.prepare()

from lava.proc import sdn  # noqa: E402
from lava.proc.conv.process import Conv  # noqa: E402
from lava.proc.dense.process import DelayDense, Dense  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402
from lava.utils.weightutils import SignMode  # noqa: E402


@dataclass(frozen=True)
class LavaLayer:
    """The processes of one layer.

    Attributes:
        neuron: the neuron process, with the output port `s_out`.
        synapses: the synapse processes, each with the input port `s_in`: none for an input layer,
            two if each weight takes two synapses.
        recurrents: the synapse processes from the neurons to themselves: none, one or two.
    """

    neuron: Any
    synapses: tuple[Any, ...] = ()
    recurrents: tuple[Any, ...] = ()

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The input ports of the layer, all of which take the same spikes."""
        return tuple(each.s_in for each in self.synapses) or (self.neuron.a_in,)

    @property
    def synapse(self) -> Any:
        """The synapse process, the first of two; None for an input layer."""
        return self.synapses[0] if self.synapses else None

    @property
    def recurrent(self) -> Any:
        """The synapse process from the neurons to themselves, the first of two, or None."""
        return self.recurrents[0] if self.recurrents else None

    @property
    def inp(self) -> Any:
        """The input port of the layer.

        Raises:
            InputError: when the layer has two; connect each of `inputs`.
        """
        if len(self.inputs) > 1:
            raise InputError(
                "each weight of the layer takes two synapses, so it has two input ports; connect "
                "each of `inputs`"
            )
        return self.inputs[0]


def build(
    network: QuantizedNetwork,
    *,
    sample_steps: int | None = None,
    source: Any = None,
    sink: Any = None,
) -> tuple[LavaLayer, ...]:
    """Return the connected Lava processes of every layer.

    All layers reset together every `sample_steps` steps, so that each sample of a run starts from
    cleared state. This needs the process models of `hw_sim.simulators.lava_worker`, since Lava's
    own do not clear all state. Connect the input to each of `layers[0].inputs` (`layers[0].inp`, if
    there is one) and the output to `layers[-1].neuron.s_out`; or give the source and the sink.

    Args:
        network: the network.
        sample_steps: time steps per sample, at least 1; by default `network.task.num_steps`, or no
            reset if there is a source.
        source: a process whose port `s_out` sends the input, such as a camera or a sensor, or the
            port itself, in the shape of the first layer's input in Lava's order of axes.
        sink: a process whose port `a_in` takes the output spikes, or the port itself.

    Raises:
        InputError: when `network.task.num_steps` and `sample_steps` are both None and there is no
            source, or source or sink have no port of the right shape.

    Examples:
        >>> layers = neurodeploy.to_lava(network, sample_steps=30)
        >>> [layer.neuron.s_out.shape for layer in layers]
        [(3,), (2,)]
    """
    check_network(network)
    sample_steps = sample_steps or (NEVER if source is not None else network.task.num_steps)
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
        for port in built[index].inputs:
            out.connect(port)
    if source is not None:
        sent = _port(source, "s_out", "source", built[0].inputs[0].shape)
        for port in built[0].inputs:
            sent.connect(port)
    if sink is not None:
        out = built[-1].neuron.s_out
        out.connect(_port(sink, "a_in", "sink", out.shape))
    return tuple(built)


NEVER: Final = 1 << 30
"""Time steps per sample of a network that runs on; Lava resets at step 1 only."""


def _port(process: Any, name: str, role: str, shape: Shape) -> Any:
    """Return the port `name` of a process, or the port itself.

    Raises:
        InputError: if there is no such port, or its shape differs.
    """
    port = process if hasattr(process, "connect") else getattr(process, name, None)
    if port is None:
        raise InputError(
            f"the {role} is of type {type(process).__name__}, without a port {name}; give the port"
        )
    if tuple(port.shape) != tuple(shape):
        raise InputError(
            f"the {role} has shape {tuple(port.shape)}; the network's is {tuple(shape)}, in Lava's "
            "order of axes"
        )
    return port


def _build_layer(layer: Layer, bits: int, sample_steps: int) -> LavaLayer:
    neuron = _neuron(layer, sample_steps)
    if isinstance(layer, InputLayer):
        return LavaLayer(neuron)
    synapses = tuple(
        _convolution(layer, group, bits, sample_steps)
        if isinstance(layer, ConvLayer)
        else _matrix(group, layer.delay, bits, sample_steps)
        for group in groups(layer.weight, layer.synapses_per_weight)
    )
    recurrents = _recurrents(layer, sample_steps) if isinstance(layer, RecurrentLayer) else ()
    for each in (*synapses, *recurrents):
        each.a_out.connect(neuron.a_in)
    for each in recurrents:
        neuron.s_out.connect(each.s_in)
    return LavaLayer(neuron, synapses, recurrents)


def _recurrents(layer: RecurrentLayer, sample_steps: int) -> tuple[Any, ...]:
    bits = loihi.MESSAGE_BITS_MAX if layer.neuron.graded else 0
    return tuple(
        _matrix(group, layer.recurrent_delay, bits, sample_steps)
        for group in groups(layer.recurrent, layer.synapses_per_weight)
    )


class Group(NamedTuple):
    """A group of synapses with the same exponent.

    Attributes:
        weight: weights of 8 bits.
        exponent: their `weight_exp`; a sum of weights is shifted left by it.
        sign_mode: their sign mode in Lava; None if Lava determines it.
    """

    weight: IntArray
    exponent: int
    sign_mode: Any


def groups(weight: IntArray, synapses_per_weight: int) -> tuple[Group, ...]:
    """Return the groups of synapses that hold a weight array, one or two."""
    if synapses_per_weight == 1:
        return (Group(weight, 0, None),)
    low, high = weight_parts(weight)
    return (
        Group(low, 0, SignMode.EXCITATORY),
        Group(high, loihi.HIGH_WEIGHT_EXP, SignMode.MIXED),
    )


def _convolution(layer: ConvLayer, group: Group, bits: int, sample_steps: int) -> Any:
    # Lava convolves and PyTorch correlates, so the kernel is flipped; its axes are reversed.
    kernel = group.weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).astype(np.int32)
    synapse = Conv(
        weight=kernel,
        weight_exp=group.exponent,
        input_shape=layer.input_shape[::-1],
        stride=layer.stride[::-1],
        padding=layer.padding[::-1],
        dilation=layer.dilation[::-1],
        groups=layer.groups,
        num_message_bits=bits,
    )
    synapse.proc_params["sample_steps"] = sample_steps
    return synapse


def _matrix(group: Group, delay: IntArray, bits: int, sample_steps: int) -> Any:
    params = {
        "weights": group.weight.astype(np.int32),
        "weight_exp": group.exponent,
        "num_weight_bits": 8,
        "num_message_bits": bits,
        "sample_steps": sample_steps,
    }
    if group.sign_mode is not None:
        params["sign_mode"] = group.sign_mode
    if not delay.any():
        return Dense(**params)
    delays = np.ascontiguousarray(np.broadcast_to(delay.astype(int), group.weight.shape))
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
