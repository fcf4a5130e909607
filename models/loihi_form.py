"""Float layers in the form that Loihi's CUBA LIF neurons compute, before they become integers.

A threshold of 1 and weights in units of it; a reset to 0 in the same step; one spike per step. What
has an exact form is rewritten, everything else is refused, or approximated on request:

- gains and thresholds per neuron fold into the rows of the weights,
- without a current filter, a reset that subtracts the threshold is a connection of each neuron to
  itself, of weight -threshold: the current, which no spike resets, takes the place of the voltage,
- with a reset to another value than 0, voltages are counted from that value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.errors import DesignRuleError
from neurodeploy.models.float_network import Dynamics, FloatArray, FloatLayer, FloatNetwork

WAY_OUT: Final = "approximate it with --approximate (approximate=True)"


@dataclass(frozen=True, eq=False)
class LoihiForm:
    """One layer in units of its threshold.

    i[t] = (1 - current_decay / 4096) i[t-1] + weight * s[t] + filtered_bias + recurrent * z[t-1]
    v[t] = (1 - voltage_decay / 4096) v[t-1] + i[t] + bias, a spike when v[t] > 1, then v[t] = 0

    Attributes:
        layer: the layer that it was made from.
        weight: float64, of the shape of the layer's weight.
        recurrent: float64 (neurons, neurons), or None.
        filtered_bias: constant input of the current, (1,), (neurons,) or (channels,).
        bias: constant input of the voltage, (1,), (neurons,) or (channels,).
        current_decay, voltage_decay: int64, 0..4096, one shared, or one per neuron or channel.
        strict: whether a neuron fires above its threshold only, not at it.
        fires: whether the neurons can fire at all; if not, weights have the unit of the source.
        subtracts: whether the diagonal of `recurrent` subtracts the threshold.
        notes: what the form does differently from its source without a loss.
        approximations: what it does differently, one sentence each.
    """

    layer: FloatLayer
    weight: FloatArray
    recurrent: FloatArray | None
    filtered_bias: FloatArray
    bias: FloatArray
    current_decay: NDArray[np.int64]
    voltage_decay: NDArray[np.int64]
    strict: bool
    fires: bool
    subtracts: bool = False
    notes: tuple[str, ...] = ()
    approximations: tuple[str, ...] = ()


@dataclass
class _Findings:
    """What is found on one layer.

    Attributes:
        name: name of the layer.
        problems: what has no form at all.
        approximations: what has an inexact form only.
        notes: what has an exact form that the user should know of.
    """

    name: str
    problems: list[str] = field(default_factory=list)
    approximations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def loihi_forms(
    network: FloatNetwork,
    *,
    approximate: bool = False,
    threshold_factors: Mapping[str, float] | None = None,
) -> tuple[LoihiForm, ...]:
    """Return the layers of a network in Loihi's form.

    Args:
        network: the float network.
        approximate: whether to take the closest form of what Loihi cannot do.
        threshold_factors: factors of the thresholds of approximated layers, by name.

    Raises:
        DesignRuleError: if layers have no such form; names all of them.
    """
    factors = threshold_factors or {}
    problems, forms = [], []
    for index, layer in enumerate(network.layers):
        found = _Findings(layer.name)
        place = always_on(network, index)
        hosted = place is not None
        in_step = place is not None and (place.host != index or layer.recurrent is not None)
        factor = factors.get(layer.name, 1.0)
        form = _form(layer, found, factor, hosted=hosted, in_step=in_step)
        if form is not None and form.filtered_bias.any() and not hosted:
            form = _steady_bias(form, found)
        problems += found.problems
        if not approximate:
            problems += [f"{each}; {WAY_OUT}" for each in found.approximations]
        if form is not None:
            forms.append(
                replace(form, notes=(*found.notes,), approximations=(*found.approximations,))
            )
    if problems:
        raise DesignRuleError("the network", problems)
    return tuple(forms)


# The rules of one layer


def _form(
    layer: FloatLayer, found: _Findings, factor: float, *, hosted: bool, in_step: bool
) -> LoihiForm | None:
    """Return the form of a layer, or None if a problem was found.

    Args:
        layer: the layer.
        found: what is found on it.
        factor: factor of the threshold if the layer is approximated.
        hosted: whether an always-on neuron can carry a bias of the layer.
        in_step: whether it can without making the layer recurrent.
    """
    subtracts = _subtracts(layer)
    layer = _plain_reset(layer, found, factor, hosted=hosted)
    _check_threshold(layer, found)
    _check_delays(layer, found)
    if layer.convolution:
        layer = _per_channel(layer, found)
    if found.problems:
        return None
    return replace(
        _normalised(layer, found, in_step=in_step),
        subtracts=subtracts and layer.recurrent is not None,
    )


def _plain_reset(layer: FloatLayer, found: _Findings, factor: float, *, hosted: bool) -> FloatLayer:
    """Return the layer with neurons that reset to 0 in the same step and fire once per step."""
    rules, name = layer.dynamics, f"{layer.name!r}"
    if not rules.fires:
        return layer
    before = len(found.approximations)
    if rules.multi_spike:
        found.approximations.append(
            f"{name} emits several spikes per step, and Loihi's neurons one; the rest is lost"
        )
        rules = replace(rules, multi_spike=False)
    if not rules.voltage_retention.any() and not rules.reset_delay:  # nothing to reset
        rules = replace(rules, reset="value", reset_value=np.zeros(1))
    biased = layer.bias.any() or rules.leak.any()
    if _subtracts(layer) and not layer.convolution and (hosted or not biased):
        found.notes.append(
            f"{name} subtracts its threshold at a spike, which a connection of each neuron to "
            "itself does exactly"
        )
        return _self_connected(replace(layer, dynamics=rules))
    if rules.reset != "value":
        what = "subtracts its threshold at a spike" if rules.reset == "subtract" else "has no reset"
        found.approximations.append(
            f"{name} {what}, and Loihi's neurons reset to 0{_why_not(layer)}, so that what exceeds "
            "the threshold is lost"
            + "; if its voltage is the output, give it as a nir.LI"
            * (rules.reset == "none")
        )
        rules = replace(rules, reset="value", reset_value=np.zeros(1), reset_delay=False)
    if rules.reset_delay:
        found.approximations.append(
            f"{name} resets one step after a spike, and Loihi's neurons in the same step"
        )
        rules = replace(rules, reset_delay=False)
    if rules.reset_value.any():
        rules = _from_reset_value(rules, name, found)
    if len(found.approximations) > before:
        rules = replace(rules, threshold=rules.threshold * factor)
    return replace(layer, dynamics=rules)


def _why_not(layer: FloatLayer) -> str:
    """Return why a self-connection cannot subtract the threshold of a layer."""
    if layer.convolution:
        return " in a convolution"
    return " behind a current filter" if layer.dynamics.filtered else ""


def _self_connected(layer: FloatLayer) -> FloatLayer:
    """Return a layer whose current takes the place of the voltage, with the same spikes.

    No spike resets the current. The recurrent spike subtracts the threshold in the next step: after
    the voltage decayed if the reset is delayed, else as much as is left of it.
    """
    rules, n = layer.dynamics, layer.neurons
    gain = rules.input_gain * rules.current_gain
    left = np.ones(1) if rules.reset_delay else rules.voltage_retention
    itself = np.broadcast_to(rules.threshold * left / gain, (n,))
    recurrent = np.zeros((n, n)) if layer.recurrent is None else layer.recurrent
    bias = layer.bias + rules.leak / gain
    return replace(
        layer,
        recurrent=recurrent - np.diag(itself),
        bias=bias,
        dynamics=Dynamics(
            current_retention=rules.voltage_retention,
            input_gain=gain,
            voltage_retention=np.zeros(1),
            current_gain=np.ones(1),
            leak=np.zeros(1),
            threshold=rules.threshold,
            strict=rules.strict,
        ),
    )


def _from_reset_value(rules: Dynamics, name: str, found: _Findings) -> Dynamics:
    """Return the dynamics of voltages that are counted from the reset value."""
    reset = rules.reset_value
    low, high = float(reset.min()), float(reset.max())
    value = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    found.approximations.append(
        f"{name} resets to {value}, and Loihi's neurons to 0; counted from there, its voltage "
        "starts a sample at the reset value"
    )
    return replace(
        rules,
        threshold=rules.threshold - reset,
        leak=rules.leak - (1 - rules.voltage_retention) * reset,
        reset_value=np.zeros(1),
    )


def _check_threshold(layer: FloatLayer, found: _Findings) -> None:
    rules = layer.dynamics
    finite = np.isfinite(rules.threshold)
    if finite.any() and not finite.all():
        found.problems.append(f"{layer.name!r} has infinite thresholds beside finite ones")
    elif finite.any() and rules.threshold.min() <= 0:
        found.problems.append(
            f"{layer.name!r} has a threshold of {rules.threshold.min():g} above its reset value; "
            "Loihi's thresholds are over 0"
        )


def _check_delays(layer: FloatLayer, found: _Findings) -> None:
    for delay in (layer.delay, layer.recurrent_delay):
        low, high = int(delay.min()), int(delay.max())
        if low < 0 or high > loihi.DELAY_MAX:
            found.problems.append(
                f"{layer.name!r} has a delay of {low if low < 0 else high} steps; Loihi delays by "
                f"0 to {loihi.DELAY_MAX}"
            )
        elif high and layer.convolution:
            found.problems.append(
                f"{layer.name!r} is a convolution with delays of {high} steps, which Loihi's "
                "convolutions lack; export it as a linear layer"
            )


def _per_channel(layer: FloatLayer, found: _Findings) -> FloatLayer:
    """Return a convolution whose neurons' parameters have one value per channel where it matters.

    Gains and thresholds fold into the kernel, which all pixels of a channel share.
    """
    rules, values = layer.dynamics, {}
    for name in ("input_gain", "current_gain", "threshold", "leak"):
        array = getattr(rules, name)
        if array.size == layer.neurons and array.size > len(layer.weight):
            rows = array.reshape(len(layer.weight), -1)
            if name != "leak" and (rows != rows[:, :1]).any():
                found.problems.append(
                    f"{layer.name!r} is a convolution whose {name.replace('_', ' ')} differs "
                    "between the pixels of a channel; Loihi shares the kernel, so make it equal"
                )
            values[name] = array if name == "leak" else rows[:, 0]
    return replace(layer, dynamics=replace(rules, **values))


def _normalised(layer: FloatLayer, found: _Findings, *, in_step: bool) -> LoihiForm:
    """Fold gains and thresholds into the weights."""
    rules = layer.dynamics
    threshold = rules.threshold if rules.fires else np.ones(1)
    gain = rules.input_gain * rules.current_gain / threshold
    rows = gain.reshape(-1, *[1] * (layer.weight.ndim - 1))
    constant = layer.bias * gain
    leak = _divided(rules.leak, threshold, layer)
    silent = np.zeros(1)
    sent, direct = constant, leak
    if not rules.filtered:  # a bias in step, else one that acts from index 0 on
        both = _sum(leak, constant, layer)
        sent, direct = (both, silent) if in_step else (silent, both)
    return LoihiForm(
        layer=layer,
        weight=layer.weight * rows,
        recurrent=None if layer.recurrent is None else layer.recurrent * gain.reshape(-1, 1),
        filtered_bias=sent,
        bias=direct,
        current_decay=_decay(rules.current_retention, "current", layer, found),
        voltage_decay=_decay(rules.voltage_retention, "voltage", layer, found),
        strict=rules.strict,
        fires=rules.fires,
    )


def _divided(values: FloatArray, by: FloatArray, layer: FloatLayer) -> FloatArray:
    return values / (by if by.size in (1, values.size) else _spread(by, layer))


def _sum(one: FloatArray, other: FloatArray, layer: FloatLayer) -> FloatArray:
    """Return the sum of values per layer, channel or neuron."""
    if one.size not in (1, other.size) and other.size != 1:
        one, other = _spread(one, layer), _spread(other, layer)
    return one + other


def _spread(values: FloatArray, layer: FloatLayer) -> FloatArray:
    if values.size == layer.shape[0]:
        values = np.repeat(values, layer.neurons // values.size)
    return np.broadcast_to(values, (layer.neurons,))


COARSE: Final = 0.02
"""Relative error of a decay above which a note names it."""


def _decay(
    retention: FloatArray, name: str, layer: FloatLayer, found: _Findings
) -> NDArray[np.int64]:
    """Return round(4096 * (1 - retention)), int64."""
    exact = loihi.DECAY_ONE * (1 - retention)
    decay = np.rint(exact).astype(np.int64)
    error = np.abs(decay - exact) / np.maximum(exact, 1e-9)
    at = int(np.argmax(error * (exact > 1e-6)))
    if exact[at] > 1e-6 and error[at] > COARSE:
        found.notes.append(
            f"the {name} of {layer.name!r} decays by {exact[at] / loihi.DECAY_ONE:.3g} per step, "
            f"which 12 bits round to {decay[at]}/4096"
        )
    return decay


# A bias that passes the current filter


@dataclass(frozen=True)
class AlwaysOn:
    """Where the neuron stands whose spikes are the bias of a layer with a current filter.

    It has to arrive when the layer holds its source's first step, at index l (from 1). Neuron 0 of
    a host fires from index 0 on; neuron m relays neuron m - 1, so that it fires from index m on.

    Attributes:
        host: index of the layer that holds it.
        relay: its number among the additional neurons of the host.
        delay: delay of its spikes.
    """

    host: int
    relay: int = 0
    delay: int = 0


def always_on(network: FloatNetwork, index: int) -> AlwaysOn | None:
    """Return where the always-on neuron of layer `index` stands, or None if there is no place.

    A convolution has no place for it, nor has the last layer, whose neurons are the outputs.
    """
    layers = network.layers
    layer, before = layers[index], layers[index - 1] if index else None
    if layer.convolution or index > loihi.DELAY_MAX:
        return None
    recurrent = layer.recurrent is not None or _subtracts(layer)
    if _takes_neurons(layers, index) and (recurrent or before is None or before.convolution):
        return AlwaysOn(index, relay=index)
    if before is None or not _takes_neurons(layers, index - 1):
        return None
    return AlwaysOn(index - 1, relay=index) if recurrent else AlwaysOn(index - 1, delay=index)


def _subtracts(layer: FloatLayer) -> bool:
    """Return whether the reset of a layer can be a connection of each neuron to itself."""
    rules = layer.dynamics
    remembers = rules.voltage_retention.any() or rules.reset_delay
    return bool(rules.fires and rules.reset == "subtract" and not rules.filtered and remembers)


def _takes_neurons(layers: Sequence[FloatLayer], index: int) -> bool:
    """Return whether a layer can hold additional neurons."""
    last = index == len(layers) - 1
    if last or layers[index].convolution or layers[index + 1].convolution:
        return False
    return layers[index].dynamics.fires


def _steady_bias(form: LoihiForm, found: _Findings) -> LoihiForm:
    """Return the form with the bias of the current at its steady state, on the voltage."""
    left = form.current_decay / loihi.DECAY_ONE
    name = form.layer.name
    if (left == 0).any():
        found.problems.append(
            f"{name!r} integrates a bias in a current that never decays; remove the bias"
        )
        return form
    found.approximations.append(
        f"{name!r} has a bias that passes its current filter, and no place for an always-on "
        "neuron that sends it; its steady value acts on the voltage from the first step on"
    )
    steady = _divided(form.filtered_bias, left, form.layer)
    return replace(form, filtered_bias=np.zeros(1), bias=_sum(form.bias, steady, form.layer))
