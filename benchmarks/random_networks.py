"""Draw small random networks and inputs with Hypothesis, over all kinds of layers and neurons.

Bytes choose the structure of a network, so that Hypothesis can shrink a failing one. The arrays
come from random generators that the bytes seed. Most thresholds are tuned: with random ones, nearly
all layers would be silent or saturated and would test nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.network import CubaLif, Delta, QuantizedNetwork, Sigma, SigmaDelta
from neurodeploy.models.synapses import Shape, weight_parts

Generator: TypeAlias = np.random.Generator

LENGTHS = [(1, 72), (1, 72), (2, 36), (3, 24), (1, 40), (2, 20), (3, 12)]
"""Numbers of samples and time steps; 72 steps exceed the longest delay."""

RATES = [0.03, 0.1, 0.2, 0.4]
"""Maximum firing rates of a tuned layer, as fractions of its neurons per step."""

HIGHEST_RATE = 0.5

KINDS = ("cuba", "cuba", "cuba", "sigma-delta")

WIDE = ("12 bits", "16 bits", "16 bits, positive", "16 bits, even", "16 bits, extreme")
"""Kinds of weights that exceed one synapse."""

CROWD = 130
"""Number of senders at which u wraps within a few steps."""

BLOCK = 72
"""Bytes per part of a network: the input, up to four layers, and the readout."""

LENGTH = 6 * BLOCK


class Choices:
    """Read choices from bytes, one block for each part of the network.

    A change in one block leaves the other parts unchanged, so Hypothesis can shrink a network.
    """

    def __init__(self, data: bytes) -> None:
        self._blocks = [data[k : k + BLOCK] for k in range(0, LENGTH, BLOCK)]
        self._block = iter(b"")

    def start_block(self) -> Generator:
        """Start the next block and return the random generator of its arrays."""
        block = self._blocks.pop(0)
        self._block = iter(block[4:])
        return np.random.default_rng(list(block[:4]))

    def pick(self, *choices: Any) -> Any:
        """Return one of the choices, the first one for a byte of 0.

        A choice that is listed twice is drawn twice as often.
        """
        return choices[next(self._block) % len(choices)]


@dataclass(frozen=True, eq=False)
class Case:
    """A network and its input, int (samples, channels, time)."""

    network: QuantizedNetwork
    spikes: NDArray[Any]


def case(data: bytes) -> Case:
    """Return a network of one to four layers and its input, chosen by `LENGTH` bytes.

    Most networks end with the first silent layer, since nothing would happen after it.
    """
    draw = Choices(data)
    rng = draw.start_block()
    count = draw.pick(1, 2, 3, 4, 4)
    samples, steps = draw.pick(*LENGTHS)
    first = draw.pick(*[_first] * 9, _crowded)
    network, spikes = first(draw, rng, samples, steps)
    while len(network.layers) < count:
        rng = draw.start_block()
        tuned, ends_silent = (draw.pick(*[True] * 7, False) for _ in range(2))
        rate = draw.pick(*RATES)
        last = len(network.layers) == count - 1
        layer = _layer(draw, rng, network.shape, last=last)
        if _is_undefined(network, layer, spikes):
            layer = _layer(draw, rng, (layer.inputs,), last=last)
        network = network.plus(layer)
        if tuned:
            network = _tuned(network, spikes, rate)
        if ends_silent and not _run(network, spikes).any():
            break
    draw.start_block()
    neurons = network.layers[-1].neurons
    groups = [n for n in range(2, 9) if neurons % n == 0]
    return Case(network.finished(draw.pick(1, 1, 1, *groups)), spikes)


cases = st.binary(min_size=LENGTH, max_size=LENGTH).map(case)
"""Strategy of networks with their input.

All bytes are a single Hypothesis draw. With many draws, Hypothesis would repeat values on purpose,
and a short run would miss most kinds of networks.
"""


@dataclass(frozen=True)
class _Unfinished:
    """A network under construction, which may have no layers."""

    input_shape: Shape
    message_bits: int
    layers: tuple[Layer, ...] = ()

    @property
    def shape(self) -> Shape:
        """Input shape of the next layer."""
        return self.layers[-1].shape if self.layers else self.input_shape

    def plus(self, layer: Layer) -> _Unfinished:
        return replace(self, layers=(*self.layers, layer))

    def finished(self, group: int = 1) -> QuantizedNetwork:
        return QuantizedNetwork.chain(
            self.layers,
            input_shape=self.input_shape,
            message_bits=self.message_bits,
            neurons_per_output=group,
        )


def _first(
    draw: Choices, rng: Generator, samples: int, steps: int
) -> tuple[_Unfinished, NDArray[Any]]:
    """Return a network without layers, or with only an input layer, and its input."""
    image = tuple(draw.pick(*sizes) for sizes in ((1, 2, 3, 4), (3, 4, 5), (3, 4, 6)))
    vector = (draw.pick(1, 3, 5, 8, 16, 80),)
    shape = draw.pick(image, image, vector)
    kind = draw.pick(*["spikes", "graded"] * 3, *["cuba", "delta"] * 2)
    size = (samples, math.prod(shape), steps)
    busy = rng.random(size) < draw.pick(0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.6, 0.6, 0.0, 1.0)
    if kind == "spikes":
        return _Unfinished(shape, 0), busy.astype(np.uint8)
    if kind == "graded":
        bits = draw.pick(1, 4, 16, 16, loihi.MESSAGE_BITS_MAX)
        limit = (1 << bits) - 1
        low = draw.pick(0, -limit)
        return _Unfinished(shape, bits), busy * rng.integers(low, limit + 1, size)
    shape = draw.pick(shape, shape, shape[-2:])
    size = (samples, math.prod(shape), steps)
    layer = _input_layer(draw, rng, shape, kind)
    values = _driving(draw, rng, layer, size)
    network = _Unfinished(shape, 0).plus(layer)
    return _tuned(network, values, draw.pick(*RATES)), values


def _crowded(
    draw: Choices, rng: Generator, samples: int, steps: int
) -> tuple[_Unfinished, NDArray[Any]]:
    """Return a dense layer that receives so many spikes that u and v exceed 24 bits."""
    senders, neurons = CROWD, draw.pick(2, 6)
    busy = rng.random((samples, senders, steps)) < draw.pick(0.6, 0.9, 1.0)
    layer = DenseLayer(
        np.full((neurons, senders), draw.pick(*[loihi.WEIGHT_MAX] * 3, loihi.WEIGHT_MIN)),
        replace(_neuron(draw, rng, (neurons,), last=False, kinds=("cuba",)), current_decay=[0]),
        _delay(draw, rng, (neurons, senders)) % 8,
    )
    network = _Unfinished((senders,), 0).plus(layer)
    return _tuned(network, busy.astype(np.uint8), draw.pick(*RATES)), busy.astype(np.uint8)


def _input_layer(draw: Choices, rng: Generator, shape: Shape, kind: str) -> InputLayer:
    neuron: Any = Delta(0, *_exponents(draw))
    if kind == "cuba":
        decays = (_decay(draw, rng, shape) for _ in range(2))
        neuron = CubaLif(*decays, 100)
    return InputLayer(neuron, shape, draw.pick(1, 1, -3, 64), draw.pick(0, 0, 5, -100))


def _driving(
    draw: Choices, rng: Generator, layer: InputLayer, size: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return inputs of an input layer: constant, small changes or the whole range."""
    limit = loihi.BIAS_MAX
    if isinstance(layer.neuron, Delta):
        places = layer.neuron.spike_exp + layer.neuron.state_exp
        limit = (1 << (loihi.STATE_WORD - 1 - places)) - 1
    reach = (limit - abs(layer.offset)) // abs(layer.scale)
    kind = draw.pick("walk", "walk", "few", "whole", "largest", "silent")
    if kind == "walk":
        stride = max(1, reach // 200)
        walk = rng.integers(-stride, stride + 1, size).cumsum(axis=2)
        return np.clip(walk + stride * 5, -reach, reach)
    if kind == "few":
        return (rng.random(size) < 0.2) * rng.integers(0, reach + 1, size)
    if kind == "whole":
        return rng.integers(-reach, reach + 1, size)
    return np.full(size, reach if kind == "largest" else 0)


def _layer(draw: Choices, rng: Generator, before: Shape, *, last: bool) -> Layer:
    """Return a layer for senders of the shape `before`."""
    image = len(before) == 3
    kinds = ["convolution"] * 6 * image + ["dense"] * 3 + ["recurrent"] * 2
    kind = draw.pick(*kinds)
    if kind == "convolution":
        return _convolution(draw, rng, before, last=last)
    neurons, senders = draw.pick(1, 2, 4, 6, 8), math.prod(before)
    neuron = _neuron(draw, rng, (neurons,), last=last)
    weight, delay = _weight(draw, rng, (neurons, senders)), _delay(draw, rng, (neurons, senders))
    if kind == "dense":
        return DenseLayer(weight, neuron, delay)
    square = (neurons, neurons)
    recurrent = _weight(draw, rng, square)
    return RecurrentLayer(weight, recurrent, neuron, delay, _delay(draw, rng, square))


def _is_undefined(network: _Unfinished, layer: Layer, spikes: NDArray[Any]) -> bool:
    """Return whether sums of a convolution, in one of its groups of synapses, may exceed 32 bits.

    Lava computes them as floats and casts them to int32 (`lava.proc.conv.utils.conv`). The result
    of this cast is then undefined and differs between x86 and ARM processors.
    """
    if not isinstance(layer, ConvLayer):
        return False
    arriving = _run(network, spikes) if network.layers else spikes
    largest = int(abs(arriving.astype(np.int64)).max())
    wide = layer.synapses_per_weight == 2
    groups = weight_parts(layer.weight) if wide else (layer.weight,)
    sums = max(int(abs(each.astype(np.int64)).sum((1, 2, 3)).max()) for each in groups)
    return largest * sums >= 1 << 31


def _convolution(draw: Choices, rng: Generator, before: Shape, *, last: bool) -> ConvLayer:
    channels, *sizes = before
    groups = draw.pick(*[n for n in (1, 2, 3, 4) if channels % n == 0])
    kernel = [draw.pick(*[n for n in (1, 2, 2, 3, 3) if n <= size]) for size in sizes]
    padding = [draw.pick(0, 0, 1, 2) for _ in sizes]
    dilation = [
        draw.pick(1, *(n for n in (2, 3) if n * (width - 1) < size + 2 * pad))
        for size, width, pad in zip(sizes, kernel, padding)
    ]
    shape = (groups * draw.pick(1, 2), channels // groups, *kernel)
    layer = ConvLayer(
        _weight(draw, rng, shape), before, Sigma(),
        [draw.pick(1, 1, 2, 3) for _ in sizes], padding, dilation, groups,
    )  # fmt: skip
    return replace(layer, neuron=_neuron(draw, rng, layer.shape, last=last))


def _weight(draw: Choices, rng: Generator, shape: Shape) -> NDArray[Any]:
    low, high = loihi.WEIGHT_MIN, loihi.WEIGHT_MAX
    kind = draw.pick(
        *["mixed"] * 6, *["positive", "even", "odd", "extreme"] * 2,
        "largest", "zero", "negative", "negative power of two", *WIDE,
    )  # fmt: skip
    if kind in WIDE:
        return _wide_weight(kind, rng, shape)
    drawn = rng.integers(-100, 160, shape)
    return {
        "mixed": drawn,
        "positive": abs(drawn),
        "even": rng.integers(low // 2, high // 2 + 1, shape) * 2,
        "odd": rng.integers(low // 2, high // 2 + 1, shape) * 2 + 1,
        "extreme": rng.choice([low, high], shape),
        "largest": np.full(shape, high),
        "zero": np.zeros(shape, int),
        "negative": -abs(drawn),
        "negative power of two": np.full(shape, -(1 << draw.pick(0, 3, 8))),
    }[kind]


def _wide_weight(kind: str, rng: Generator, shape: Shape) -> NDArray[Any]:
    """Return weights of 16 bits, which take two synapses each."""
    low, high = loihi.WIDE_WEIGHT_MIN, loihi.WIDE_WEIGHT_MAX
    return {
        "12 bits": rng.integers(low // 16, high // 16 + 1, shape),
        "16 bits": rng.integers(low, high + 1, shape),
        "16 bits, positive": rng.integers(0, high + 1, shape),
        "16 bits, even": rng.integers(low // 2, high // 2 + 1, shape) * 2,
        "16 bits, extreme": rng.choice([low, high], shape),
    }[kind]


def _delay(draw: Choices, rng: Generator, shape: Shape) -> NDArray[Any]:
    neurons, senders = shape
    axis = draw.pick((1, 1), (1, senders), (neurons, 1), shape)
    longest = draw.pick(1, 3, 3, 8, 20, loihi.DELAY_MAX)
    delay = rng.integers(0, longest + 1, axis)
    delay[0, 0] = longest
    return delay * (axis != (1, 1))


def _decay(draw: Choices, rng: Generator, shape: Shape) -> NDArray[Any]:
    one = loihi.DECAY_ONE
    sizes = [1, 1, math.prod(shape), *shape[:1] * (len(shape) == 3)]
    size = draw.pick(*sizes)
    kind = draw.pick("slow", "slow", "random", "nothing", "everything", "edge")
    return {
        "slow": rng.integers(1, 500, size),
        "random": rng.integers(0, one + 1, size),
        "nothing": np.zeros(size, int),
        "everything": np.full(size, one),
        "edge": rng.choice([0, 1, one - 1, one], size),
    }[kind]


def _exponents(draw: Choices) -> tuple[int, int]:
    return draw.pick((6, 6), (6, 6), (0, 0), (7, 7), (3, 0), (0, 5), (2, 4))


def _bias(draw: Choices, rng: Generator, shape: Shape, low: int, high: int) -> NDArray[Any]:
    sizes = [1, math.prod(shape), *shape[:1] * (len(shape) == 3)]
    size, kind = draw.pick(*sizes), draw.pick("none", "none", "small", "any", "extreme")
    return {
        "none": np.zeros(1, int),
        "small": rng.integers(-40, 60, size),
        "any": rng.integers(low, high + 1, size),
        "extreme": rng.choice([low, high], size),
    }[kind]


def _neuron(
    draw: Choices, rng: Generator, shape: Shape, *, last: bool, kinds: tuple[str, ...] = KINDS
) -> Any:
    kind = draw.pick(*kinds, "sigma" if last else "cuba")
    if kind == "sigma":
        return Sigma()
    if kind == "cuba":
        decays = (_decay(draw, rng, shape) for _ in range(2))
        never = [loihi.THRESHOLD_NEVER] * (3 if last else 1)
        threshold = draw.pick(0, 20, 300, 3000, loihi.THRESHOLD_MAX, *never)
        bias = _bias(draw, rng, shape, loihi.BIAS_MIN, loihi.BIAS_MAX)
        return CubaLif(*decays, threshold, bias)
    bias = _bias(draw, rng, shape, loihi.SIGMA_BIAS_MIN, loihi.SIGMA_BIAS_MAX)
    return SigmaDelta(draw.pick(0, 1, 10), bias, *_exponents(draw))


def _run(network: _Unfinished, spikes: NDArray[Any]) -> NDArray[Any]:
    """Return the spikes of the last layer, (samples, neurons, time)."""
    return fast.run(network.finished(), spikes, RunOptions(threads=1)).spikes[-1]


def _tuned(network: _Unfinished, spikes: NDArray[Any], rate: float) -> _Unfinished:
    """Set the last layer's threshold to the lowest one at which it fires at most at `rate`.

    The rate is in spikes per neuron and step. Layers without a threshold are unchanged.
    """
    *before, layer = network.layers
    neuron: Any = layer.neuron
    if isinstance(neuron, Sigma) or (
        isinstance(neuron, CubaLif) and neuron.threshold == loihi.THRESHOLD_NEVER
    ):
        return network
    high = loihi.THRESHOLD_MAX
    if not isinstance(neuron, CubaLif):
        places = neuron.spike_exp + neuron.state_exp
        high = min(high, (1 << (loihi.STATE_WORD - 1 - places)) - 1)

    def at(threshold: int) -> _Unfinished:
        changed = replace(layer, neuron=replace(neuron, threshold=threshold))
        return replace(network, layers=(*before, changed))

    low = 0
    while low < high:
        middle = (low + high) // 2
        sent = _run(at(middle), spikes)
        low, high = (middle + 1, high) if np.mean(sent != 0) > rate else (low, middle)
    # graded neurons fire at their threshold: one lower, a value meets it exactly
    if neuron.graded and low and np.mean(_run(at(low - 1), spikes) != 0) < HIGHEST_RATE:
        low -= 1
    return at(low)
