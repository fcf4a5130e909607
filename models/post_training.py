"""Quantize a float network after training: decays to 12 bits, weights and thresholds to integers.

In units of its threshold, a layer is a matrix of weights; see `loihi_form`. The scale of a layer is
its integer threshold: weight = round(scale * w / step) * step. Weights, recurrent weights and
biases of a layer share it. By default the largest weight just fits; if the weights lie on a
lattice, the scale is one at which all of them are exact. `running/calibration.py` chooses scales on
data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.float_network import FloatArray, FloatNetwork
from neurodeploy.models.layers import ConvLayer, DenseLayer, Layer, RecurrentLayer
from neurodeploy.models.loihi_form import AlwaysOn, LoihiForm, always_on, loihi_forms
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.models.neurons import CubaLif

SPIKES: Final = "spikes"
"""The encoder's name of a network that takes spikes as they are; `extra_steps` is its parameter."""
WIDE: Final = 16
HOST_THRESHOLD: Final = loihi.BIAS_MAX - 1
"""The largest threshold of a layer with an always-on neuron, whose bias has to exceed it."""


@dataclass(frozen=True, eq=False, repr=False)
class LayerScale(Shown):
    """How one layer was quantized.

    Attributes:
        name: name of the layer in its source.
        scale: integer weight per weight in units of the threshold; of a layer that never fires, per
            weight.
        threshold: integer threshold.
        largest: largest magnitude of an integer weight.
        saturated: share of the weights that were clipped, 0..1.
        exact: whether every weight is exact, because the weights lie on a lattice.
        additional: number of neurons added for biases that pass a current filter.
    """

    name: str
    scale: float
    threshold: int
    largest: int
    saturated: float
    exact: bool
    additional: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class PostTraining(Shown):
    """A network that was quantized after training, and what was done.

    Attributes:
        network: the integer network.
        bits: bits per weight.
        layers: scale and threshold of each layer.
        notes: what the user should know of, one sentence each.
        approximations: what differs from the float network beyond rounding, one sentence each.
    """

    network: QuantizedNetwork
    bits: int
    layers: tuple[LayerScale, ...]
    notes: tuple[str, ...] = ()
    approximations: tuple[str, ...] = ()

    @property
    def scales(self) -> dict[str, float]:
        """The scale of each layer, by name."""
        return {each.name: each.scale for each in self.layers}


def quantize_float(
    network: FloatNetwork,
    *,
    bits: int = 8,
    scales: Mapping[str, float] | None = None,
    threshold_factors: Mapping[str, float] | None = None,
    approximate: bool = False,
    message_bits: int = 0,
    task: TaskDescription | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> PostTraining:
    """Quantize a float network after training.

    Args:
        network: the float network.
        bits: bits per weight, 2..8, or 16 with two synapses per weight.
        scales: integer weight per weight in units of the threshold, by layer name; weights beyond
            the range are clipped. By default the largest weight fits.
        threshold_factors: factors of the thresholds of approximated layers, by name.
        approximate: whether to take the closest form of what Loihi cannot do.
        message_bits: bits of graded input spikes; 0 for binary spikes.
        task: the task; by default spikes with the additional steps that the layers take.
        provenance: origin of the network; by default that of the float network.

    Raises:
        DesignRuleError: if a layer needs what Loihi cannot do, or no scale fits; names all of them.
        InputError: if `bits` or a scale is out of range.
    """
    if bits not in loihi.WEIGHT_BITS:
        raise InputError(f"bits is {bits}; a weight has 2 to 8 bits, or 16 in two synapses")
    _check_scales(network, scales or {})
    forms = loihi_forms(network, approximate=approximate, threshold_factors=threshold_factors)
    plans = _plans(network, forms, bits)
    problems = [each for plan in plans for each in _misfits(plan, scales or {})]
    if problems:
        raise DesignRuleError("the network", problems)
    made = [_integers(plan, (scales or {}).get(plan.name)) for plan in plans]
    task = task or _task(network)
    layers = tuple(layer for layer, _ in made)
    origin = network.provenance if provenance is None else provenance
    return PostTraining(
        QuantizedNetwork.chain(layers, task, origin, network.input_shape, message_bits),
        bits,
        tuple(scale for _, scale in made),
        (*network.notes, *_notes(forms, plans, layers, message_bits)),
        tuple(each for form in forms for each in form.approximations),
    )


def _check_scales(network: FloatNetwork, scales: Mapping[str, float]) -> None:
    names = [layer.name for layer in network.layers]
    for name, scale in scales.items():
        if name not in names:
            raise InputError(f"scales names {name!r}; the layers are {', '.join(names)}")
        if not 0 < scale < math.inf:
            raise InputError(f"the scale of {name!r} is {scale}; give a number over 0")


def _task(network: FloatNetwork) -> TaskDescription:
    dt_ms = None if network.dt_s is None else network.dt_s * 1e3
    encoder = {"name": SPIKES, "extra_steps": len(network.layers)}
    return TaskDescription(encoder=encoder, dt_ms=dt_ms)


# Matrices with the always-on neurons


@dataclass(frozen=True, eq=False)
class _Plan:
    """A layer with its always-on neurons, still in float.

    Attributes:
        form: the layer in Loihi's form.
        weight: weights in units of the threshold, with rows and columns of always-on neurons.
        recurrent: recurrent weights, or None.
        delay: delays of the input spikes.
        recurrent_delay: delays of the recurrent spikes.
        additional: number of always-on neurons; the second and further ones relay.
        bits: bits per weight.
    """

    form: LoihiForm
    weight: FloatArray
    recurrent: FloatArray | None
    delay: NDArray[np.int64]
    recurrent_delay: NDArray[np.int64]
    additional: int
    bits: int

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.form.layer.name

    @property
    def matrices(self) -> list[FloatArray]:
        """The weight matrices."""
        return [self.weight, *([] if self.recurrent is None else [self.recurrent])]

    @property
    def bias(self) -> float:
        """The largest bias of the voltage in units of the threshold."""
        return float(np.abs(self.form.bias).max())


def _plans(network: FloatNetwork, forms: Sequence[LoihiForm], bits: int) -> list[_Plan]:
    places = {
        index: place
        for index, form in enumerate(forms)
        if form.filtered_bias.any() and (place := always_on(network, index)) is not None
    }
    additional = [
        max((place.relay + 1 for place in places.values() if place.host == index), default=0)
        for index in range(len(forms))
    ]
    plans = []
    for index, form in enumerate(forms):
        before = additional[index - 1] if index else 0
        plans.append(_plan(form, places.get(index), index, before, additional[index], bits))
    return plans


def _plan(
    form: LoihiForm, place: AlwaysOn | None, index: int, before: int, own: int, bits: int
) -> _Plan:
    """Add the always-on neurons of the layer before and of the layer itself."""
    layer, weight, recurrent = form.layer, form.weight, form.recurrent
    delay, recurrent_delay = layer.delay, layer.recurrent_delay
    n = layer.neurons
    if before:
        weight = np.pad(weight, ((0, 0), (0, before)))
        delay = _with_columns(delay, weight.shape, before)
    inside = place is not None and place.host == index
    if inside or (own > 1 and recurrent is None):
        recurrent = np.zeros((n, n)) if recurrent is None else recurrent
    if own:
        weight = np.pad(weight, ((0, own), (0, 0)))
        delay = np.pad(delay, ((0, own), (0, 0))) if delay.shape[0] > 1 else delay
    if own and recurrent is not None:
        recurrent = np.pad(recurrent, ((0, own), (0, own)))
        recurrent_delay = _with_columns(recurrent_delay, (n, n + own), own)
        rows = recurrent_delay.shape[0] > 1
        recurrent_delay = np.pad(recurrent_delay, ((0, own * rows), (0, 0)))
    if place is not None and inside and recurrent is not None:
        recurrent[:n, n + place.relay] = form.filtered_bias
    elif place is not None:
        column = weight.shape[1] - before + place.relay
        weight[:n, column] = form.filtered_bias
        delay = np.array(np.broadcast_to(delay, (delay.shape[0], weight.shape[1])))
        delay[:, column] = place.delay
    return _Plan(form, weight, recurrent, delay, recurrent_delay, own, bits)


def _with_columns(delay: NDArray[np.int64], shape: tuple[int, ...], more: int) -> NDArray[np.int64]:
    """Return delays with `more` inputs without a delay, which end a matrix of `shape`."""
    if not delay.any():
        return delay
    padded: NDArray[np.int64] = np.zeros((delay.shape[0], shape[1]), np.int64)
    padded[:, : shape[1] - more] = delay
    return padded


# Scales


@dataclass(frozen=True)
class Grid:
    """The integer weights that a matrix can hold: multiples of `step` from `low` to `high`."""

    low: int
    high: int
    step: int

    def round(self, values: FloatArray) -> NDArray[np.int64]:
        """Return the nearest weights, int64; a weight between two is rounded up in magnitude."""
        nearest = np.sign(values) * np.floor(np.abs(values) / self.step + 0.5)
        whole: NDArray[np.int64] = (nearest * self.step).astype(np.int64)
        return whole.clip(self.low, self.high)

    def clipped(self, values: FloatArray) -> int:
        """Return how many values `round` moves by more than half a step."""
        half = self.step / 2
        return int(((values < self.low - half) | (values > self.high + half)).sum())


def weight_grid(values: FloatArray, bits: int, *, positive: bool = False) -> Grid:
    """Return the grid of a matrix: with both signs, or one sign only in steps half as wide.

    Args:
        values: the weights of a layer.
        bits: bits per weight.
        positive: whether the layer has further positive weights.
    """
    if bits == WIDE:
        return Grid(-(1 << 15), (1 << 15) - 1, 1)
    span, step = -loihi.WEIGHT_MIN, 2 << (8 - bits)
    if values.max() <= 0 and not positive:  # Lava and netx truncate odd or least ones
        return Grid(step - span, 0, step)
    if values.min() >= 0:
        return Grid(0, span - step // 2, step // 2)
    return Grid(-span, span - step, step)


def _grid(plan: _Plan, bits: int | None = None) -> Grid:
    values = np.concatenate([each.ravel() for each in plan.matrices])
    return weight_grid(values, bits or plan.bits, positive=plan.additional > 1)


def largest_scale(plan: _Plan) -> float:
    """Return the scale at which the largest weight just fits.

    With 16 bits, states of 24 bits are the limit: the scale is also so small that they hold the sum
    of all weights of a neuron, unless the largest weight then had less than 12 bits.
    """
    grid, values = _grid(plan), np.concatenate([each.ravel() for each in plan.matrices])
    ends = [(float(values.max()), grid.high), (float(-values.min()), -grid.low)]
    fitting = min(_upper(plan), *(limit / value for value, limit in ends if value > 0))
    if plan.bits != WIDE:
        return fitting
    sums = sum(np.abs(each).reshape(len(each), -1).sum(1).max() for each in plan.matrices)
    safe = (loihi.CURRENT_LIMIT >> loihi.ACTIVATION_SHIFT) / float(sums)
    return min(fitting, max(safe, fitting / 16))


def _upper(plan: _Plan) -> float:
    """Return the largest scale that threshold and bias allow."""
    limits = [math.inf]
    if plan.form.fires:
        limits.append(HOST_THRESHOLD if plan.additional else loihi.THRESHOLD_MAX)
    if plan.bias:
        limits.append(loihi.BIAS_MAX / plan.bias)
    return min(limits)


def _misfits(plan: _Plan, scales: Mapping[str, float]) -> list[str]:
    """Return why no scale fits a layer."""
    values = np.concatenate([each.ravel() for each in plan.matrices])
    largest = float(np.abs(values).max())
    if not largest:
        return [f"all weights of {plan.name!r} are 0, so its neurons never see their input"]
    scale = scales.get(plan.name) or largest_scale(plan)
    if not plan.form.fires:
        return []
    if scale < 1:
        most = max(largest, plan.bias)
        return [
            f"no scale fits {plan.name!r}: a weight or bias is {most:,.4g} times its threshold; "
            f"weights reach {-loihi.WEIGHT_MIN} and biases {loihi.BIAS_MAX}, and a threshold is at "
            "least 1, so clip its weights"
        ]
    if scale > _upper(plan) * (1 + 1e-9):
        return [
            f"the scale of {plan.name!r} is {scale:g}; its threshold and biases allow up to "
            f"{_upper(plan):g}"
        ]
    if scale * largest < _grid(plan).step / 2:
        return [
            f"no scale fits {plan.name!r}: its largest weight is {largest:.2g} of its threshold, "
            f"which has 17 bits, so that all weights round to 0; lower its threshold"
        ]
    return []


TOLERANCE: Final = 2e-3
"""Distance from an integer within which a scaled weight counts as exact; float32 needs 1e-4."""


def lattice_scale(plan: _Plan) -> float | None:
    """Return a scale at which all weights are integers within the grid, or None.

    Of several, the largest; but the one with a threshold of n + 1/128, if there is one: so writes
    `export/nir/writing.py` Loihi's `v > n << 6`, halfway to the next state.
    """
    most = max(float(np.abs(each).max()) for each in plan.matrices)
    grids = _grids(plan)
    count = max(-grids[0].low, grids[0].high) // grids[0].step
    found = [
        scale
        for grid in grids
        for scale in np.arange(1, count + 1) * grid.step / most
        if scale <= _upper(plan) * (1 + 1e-9) and _exact(plan, float(scale), grid)
    ]
    if not found:
        return None
    ours = [each for each in found if plan.form.fires and _just_above(each)]
    return float(min(ours)) if ours else float(max(found))


def _exact(plan: _Plan, scale: float, grid: Grid) -> bool:
    """Return whether every weight is on a grid at a scale; looks at a few weights first."""
    for matrix in plan.matrices:
        scaled = matrix.ravel() * (scale / grid.step)
        low, high = grid.low / grid.step - TOLERANCE, grid.high / grid.step + TOLERANCE
        for part in (scaled[: len(plan.matrices[0][0]) or 1], scaled):
            if (np.abs(part - np.rint(part)) > TOLERANCE).any():
                return False
            if part.min() < low or part.max() > high:
                return False
    return True


def _grids(plan: _Plan) -> list[Grid]:
    """Return the grids with as many bits, at most 8, from the widest on, steps halved down to 1."""
    widest = _grid(plan, min(plan.bits, 8))
    steps = [widest.step >> power for power in range(widest.step.bit_length())]
    low, high = widest.low // widest.step, widest.high // widest.step
    return [Grid(low * step, high * step, step) for step in steps]


def _just_above(scale: float) -> bool:
    above = 128 * scale - 1
    return abs(above - 128 * round(above / 128)) < min(max(TOLERANCE, 1e-6 * above), 0.1)


def _integers(plan: _Plan, asked: float | None) -> tuple[Layer, LayerScale]:
    """Return the layer at a scale, and what was done."""
    scale = asked or lattice_scale(plan) or _whole(largest_scale(plan), plan)
    grids = [grid for grid in _grids(plan) if _exact(plan, scale, grid)]
    exact, grid = bool(grids), (grids or [_grid(plan)])[0]
    threshold = _threshold(plan, scale, lattice=exact)
    scaled = [scale * each for each in plan.matrices]
    rounded = [grid.round(each) for each in scaled]
    clipped = sum(grid.clipped(each) for each in scaled)
    for number in range(1, plan.additional):
        at = plan.form.layer.neurons + number
        rounded[1][at, at - 1] = grid.high
    scaling = LayerScale(
        plan.name,
        float(scale),
        threshold,
        max(int(np.abs(each).max()) for each in rounded),
        clipped / sum(each.size for each in rounded),
        exact,
        plan.additional,
    )
    return _layer(plan, rounded, _neuron(plan, scale, threshold)), scaling


def _whole(scale: float, plan: _Plan) -> float:
    """Return an integer scale, with which the threshold is exact.

    A self-connection subtracts the threshold at every spike, so that its errors add up: the scale
    is the one within a tenth of the largest at which it is most exact.
    """
    if not plan.form.fires:
        return scale
    most = math.floor(scale + 1e-9)
    if not plan.form.subtracts or plan.recurrent is None:
        return float(most)
    tried = np.arange(max(1, math.ceil(0.9 * most)), most + 1)[::-1]
    itself, grid = np.diag(plan.recurrent)[None] * tried[:, None], _grid(plan)
    errors = np.abs(grid.round(itself) - itself).max(1) / tried
    return float(tried[int(np.argmin(np.round(errors, 9)))])


def _threshold(plan: _Plan, scale: float, *, lattice: bool) -> int:
    """Return the integer threshold, `v > threshold << 6`, for a float threshold of `scale`.

    The least integer state that has to fire is ceil(64 scale), or one more if the neuron is strict.
    States that never decay partly are multiples of 64, with which every such limit is exact. For
    other states the nearest multiple is taken; on a lattice, where a state at the threshold is
    likely, the one below, so that it fires.
    """
    if not plan.form.fires:
        return loihi.THRESHOLD_NEVER
    exact = 64 * scale
    near = round(exact) if abs(exact - round(exact)) < min(TOLERANCE + 1e-6 * exact, 0.1) else exact
    least = math.floor(near) + 1 if plan.form.strict else math.ceil(near)
    decays = np.concatenate([plan.form.current_decay, plan.form.voltage_decay])
    coarse = bool(np.isin(decays, (0, loihi.DECAY_ONE)).all())
    if coarse or lattice:
        return min((least - 1) // 64, loihi.THRESHOLD_MAX)
    return min(round((least - 1) / 64), loihi.THRESHOLD_MAX)


def _neuron(plan: _Plan, scale: float, threshold: int) -> CubaLif:
    form, n = plan.form, plan.form.layer.neurons
    bias = np.clip(np.rint(form.bias * scale), loihi.BIAS_MIN, loihi.BIAS_MAX).astype(np.int64)
    if not plan.additional:
        return CubaLif(form.current_decay, form.voltage_decay, threshold, bias)
    more = plan.additional
    full = np.full(more, loihi.DECAY_ONE)
    return CubaLif(
        np.concatenate([np.broadcast_to(form.current_decay, (n,)), full]),
        np.concatenate([np.broadcast_to(form.voltage_decay, (n,)), full]),
        threshold,
        np.concatenate([np.broadcast_to(bias, (n,)), [threshold + 1], [threshold] * (more - 1)]),
    )


def _layer(plan: _Plan, weights: Sequence[NDArray[np.int64]], neuron: CubaLif) -> Layer:
    layer = plan.form.layer
    if layer.convolution:
        return ConvLayer(
            weights[0], layer.input_shape, neuron, layer.stride, layer.padding, layer.dilation,
            layer.groups,
        )  # fmt: skip
    if len(weights) == 1:
        return DenseLayer(weights[0], neuron, plan.delay)
    return RecurrentLayer(weights[0], weights[1], neuron, plan.delay, plan.recurrent_delay)


# Notes


def _notes(
    forms: Sequence[LoihiForm], plans: Sequence[_Plan], layers: Sequence[Layer], message_bits: int
) -> list[str]:
    notes = [each for form in forms for each in form.notes]
    for index, (form, plan, layer) in enumerate(zip(forms, plans, layers), start=1):
        if form.filtered_bias.any():
            why = (
                "passes its current filter" if plan.form.layer.dynamics.filtered else "acts in step"
            )
            notes.append(f"the bias of {plan.name!r} {why}: an always-on neuron sends it")
        if form.bias.any():
            steps = f"{index} step{'s' * (index > 1)}"
            notes.append(f"the bias of {plan.name!r} acts {steps} before its first input arrives")
        if reach := _overflow(layer, message_bits):
            notes.append(
                f"if all inputs of {plan.name!r} fire in every step, its current reaches {reach:,} "
                f"and overflows 24 bits ({loihi.CURRENT_LIMIT:,}); compare the spikes on your data"
            )
    return notes


def _overflow(layer: Layer, message_bits: int) -> int:
    """Return the largest possible current if it exceeds 24 bits, else 0."""
    assert isinstance(layer.neuron, CubaLif)
    weights = [layer.weight.reshape(layer.weight.shape[0], -1)]  # type: ignore[union-attr]
    if isinstance(layer, RecurrentLayer):
        weights.append(layer.recurrent)
    joined = np.hstack(weights).astype(np.int64)
    sums = max(int(np.maximum(joined, 0).sum(1).max()), int(np.maximum(-joined, 0).sum(1).max()))
    decay = int(layer.neuron.current_decay.min())
    one = (sums << loihi.ACTIVATION_SHIFT) * max(1, (1 << message_bits) - 1)
    reach = one * loihi.DECAY_ONE // decay if decay else one * loihi.DECAY_ONE
    return reach if reach > loihi.CURRENT_LIMIT else 0
