"""Whether a chip can hold a network: small rules that all run, and every problem they find.

Rules of one layer (ranges, shapes) live in `models.network`; these are the rules of a chip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

from neurodeploy.hw_sim.blocks import BudgetUse, synapse_format
from neurodeploy.hw_sim.placement import LayerPlacement, Placement, place_layer
from neurodeploy.models import loihi
from neurodeploy.models.layers import (
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    max_delay,
)
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS, CubaLif, arrays_of

Rule: TypeAlias = Callable[[QuantizedNetwork, Placement], list[str]]

WAYS_OUT: Final = {
    "neurons": "use a chip with larger neurocores",
    "synaptic memory": "give the layer fewer senders, shorter delays or narrower weights",
    "input axons": "give the layer fewer senders",
    "output axons": "make the next layer smaller, and this one where it is recurrent",
    "decay settings": "let neurons share decays",
}


def weights_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find layers whose weights need more bits than a mantissa has.

    Odd weights of mixed signs are such: eight bits hold -128..127, and beyond that even values.
    """
    limit, name = placement.chip.limit("weight_bits_max"), placement.chip.name
    return [
        f"layer {index} has {placed.weights.signs} weights that need {placed.weights.bits} bits; "
        f"{name} stores {limit}; make them multiples of two or keep them within "
        f"{-(1 << limit - 1)} to {(1 << limit - 1) - 1}"
        for index, placed in enumerate(placement.layers)
        if placed.weights.bits > limit
    ]


def delays_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find layers with a delay that is longer than the chip's longest."""
    limit, name = placement.chip.limit("delay_max"), placement.chip.name
    return [
        f"layer {index} has a delay of {max_delay(layer)} steps; {name} delays a spike by at "
        f"most {limit}; train with a maximum delay of {limit}"
        for index, layer in enumerate(network.layers)
        if max_delay(layer) > limit
    ]


def graded_spikes_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find an input and layers, named together, whose graded spikes have more bits than the chip's.

    Graded spikes of all layers have the same bits.
    """
    limit, name = placement.chip.limit("graded_spike_bits_max"), placement.chip.name
    graded = {i: layer.neuron for i, layer in enumerate(network.layers) if layer.neuron.graded}
    senders = [("the input sends", network.message_bits, "send spikes of 0 or 1")]
    if graded:
        kinds = listed(dict.fromkeys(NEURONS[type(neuron)] for neuron in graded.values()))
        sender = f"{layers_named(list(graded))}, of {kinds} neurons, send{'s' * (len(graded) == 1)}"
        senders.append((sender, loihi.MESSAGE_BITS_MAX, "use CUBA LIF neurons"))
    return [
        f"{sender} graded spikes of {bits} bits; {name} carries {limit}; {way_out}, or take a chip "
        "with wider graded spikes"
        for sender, bits, way_out in senders
        if bits > limit
    ]


def layers_named(numbers: list[int]) -> str:
    """Return layers in words, by their numbers, ascending: "layers 0 to 8, 10 and 11"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    found: list[str] = []
    for run in runs:
        found += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    return f"layer{'s' * (len(numbers) > 1)} {listed(found)}"


def listed(things: Iterable[str]) -> str:
    """Return things in words: "a", "a and b", "a, b and c"."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last


def neurons_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find layers of which not even one neuron fits a neurocore, as with too large a fan-in."""
    return [
        f"layer {index} needs {budget.used:,} {_what(budget)} for one neuron; a neurocore of "
        f"{placement.chip.name} has {budget.limit:,}; {WAYS_OUT[budget.name]}"
        for index, placed in enumerate(placement.layers)
        for budget in placed.budgets
        if not budget.fits
    ]


def _what(budget: BudgetUse) -> str:
    """Return what is counted of a budget, such as bits of synaptic memory, or input axons."""
    named = budget.name.endswith(budget.unit)
    return budget.name if named else f"{budget.unit} of {budget.name}"


def chips_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find whether the layers together need more chips than the largest system has."""
    limit, need = placement.chip.limit("chips_max"), placement.chips
    if need <= limit:
        return []
    layers = placement.layers
    largest = max(range(len(layers)), key=lambda index: layers[index].neurocores)
    return [
        f"the network needs {placement.neurocores:,} neurocores on {need:,} chips; the largest "
        f"system of {placement.chip.name} has {limit:,} chips; make it smaller, first layer "
        f"{largest}, which takes {layers[largest].neurocores:,} because of its "
        f"{layers[largest].binding.name}"
    ]


RULES: Final[tuple[Rule, ...]] = (
    weights_fit, delays_fit, graded_spikes_fit, neurons_fit, chips_fit,
)  # fmt: skip


def check(network: QuantizedNetwork, placement: Placement) -> tuple[str, ...]:
    """Return every reason why the chip cannot hold `network`, one sentence each; none if it can.

    Args:
        network: what should fit.
        placement: where `place` puts it, and on which chip.
    """
    return tuple(problem for rule in RULES for problem in rule(network, placement))


Change: TypeAlias = Callable[[Layer, LayerPlacement, Placement], Iterator[tuple[str, int]]]
"""Yields changes to a layer in words, and the neurocores that the layer would then take."""


def narrower_weights(
    layer: Layer, placed: LayerPlacement, placement: Placement
) -> Iterator[tuple[str, int]]:
    """Try the widths of weights below the layer's own, the widest first."""
    each = synapse_format(layer, placement.chip)
    widest = min(each.weight - 1, placement.chip.limit("weight_bits_small_max"))
    sign = placed.weights.signs == "mixed"
    for bits in range(widest, int(sign), -2):
        narrow = type(each)(bits, each.delay)
        tried = place_layer(layer, placed.readers, placement.chip, narrow)
        yield f"{bits}-bit weights", tried.neurocores


def shorter_delays(
    layer: Layer, placed: LayerPlacement, placement: Placement
) -> Iterator[tuple[str, int]]:
    """Try delays of half the bits, then none."""
    each = synapse_format(layer, placement.chip)
    for bits in (each.delay // 2, 0) if max_delay(layer) else ():
        short = type(each)(each.weight, bits)
        tried = place_layer(layer, placed.readers, placement.chip, short)
        what = f"delays of at most {(1 << bits) - 1} steps" if bits else "no delays"
        yield what, tried.neurocores


def fewer_neurons(
    layer: Layer, placed: LayerPlacement, placement: Placement
) -> Iterator[tuple[str, int]]:
    """Try half as many neurons, or channels of an image, then a quarter."""
    each = synapse_format(layer, placement.chip)
    things = "channels" if len(layer.shape) == 3 else "neurons"
    for parts, what in ((2, f"half as many {things}"), (4, f"a quarter of the {things}")):
        part = first_part(layer, parts)
        if part is not None:
            yield what, place_layer(part, placed.readers, placement.chip, each).neurocores


def narrower_input(
    layer: Layer, placed: LayerPlacement, placement: Placement
) -> Iterator[tuple[str, int]]:
    """Try half as many columns of the image that a convolution reads: it has an axon a place.

    Other layers need an axon a sender in every neurocore, so that no cut is for these axons. Not
    tried where each neuron has parameters of its own, or the kernel would not fit.
    """
    if not isinstance(layer, ConvLayer):
        return
    channels, height, width = layer.input_shape
    sizes = {values.size for values in arrays_of(layer.neuron).values()}
    reach = layer.dilation[1] * (layer.weight.shape[3] - 1) + 1 - 2 * layer.padding[1]
    half = (width + 1) // 2
    if half < width and half >= reach and sizes <= {1, len(layer.weight)}:
        tried = replace(layer, input_shape=(channels, height, half))
        each = synapse_format(layer, placement.chip)
        placed = place_layer(tried, placed.readers, placement.chip, each)
        yield "an input half as wide", placed.neurocores


def shared_decays(
    layer: Layer, placed: LayerPlacement, placement: Placement
) -> Iterator[tuple[str, int]]:
    """Try no more pairs of decays than a neurocore holds, for which no cut is needed."""
    if isinstance(layer.neuron, CubaLif):
        one = {name: getattr(layer.neuron, name)[:1] for name in ("current_decay", "voltage_decay")}
        tried: Any = replace(layer, neuron=replace(layer.neuron, **one))
        each = synapse_format(layer, placement.chip)
        most = placement.chip.limit("decay_settings_per_core")
        cores = place_layer(tried, placed.readers, placement.chip, each).neurocores
        yield f"at most {most:,} different pairs of decays", cores


def first_part(layer: Layer, parts: int) -> Layer | None:
    """Return the layer with the first of so many parts of its neurons or channels alone.

    None where there is only one, in images without channels, and in a convolution of groups.
    """
    whole, kept = layer.shape[0], -(-layer.shape[0] // parts)
    if whole == 1 or len(layer.shape) == 2 or (isinstance(layer, ConvLayer) and layer.groups > 1):
        return None
    arrays = arrays_of(layer.neuron).items()
    each = {name: a[: a.size * kept // whole] for name, a in arrays if a.size > 1}
    neuron: Any = layer.neuron
    neuron = replace(neuron, **each)
    if isinstance(layer, InputLayer):
        return replace(layer, neuron=neuron, shape=(kept, *layer.shape[1:]))
    fewer: dict[str, Any] = {"neuron": neuron, "weight": layer.weight[:kept]}
    if isinstance(layer, (DenseLayer, RecurrentLayer)):
        fewer["delay"] = layer.delay[:kept]
    if isinstance(layer, RecurrentLayer):
        fewer["recurrent"] = layer.recurrent[:kept, :kept]
        fewer["recurrent_delay"] = layer.recurrent_delay[:kept, :kept]
    return replace(layer, **fewer)


CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "synaptic memory": (narrower_weights, shorter_delays, fewer_neurons),
    "neurons": (fewer_neurons,),
    "input axons": (narrower_input,),
    "output axons": (fewer_neurons,),
    "decay settings": (shared_decays,),
}
"""By the budget that binds a layer, the changes to try."""


def advice(placement: Placement) -> tuple[str, ...]:
    """Return a sentence for each layer that a change lessens, where one chip does not suffice.

    Only changes that lessen a layer's neurocores are named, each kind at the first size that does.
    The rest of the network is taken to stay as it is.
    """
    if placement.neurocores <= placement.chip.limit("cores_per_chip"):
        return ()
    sentences = []
    for index, placed in enumerate(placement.layers):
        found = _changes(placement.network.layers[index], placed, placement)
        if found:
            needs = f"{placed.neurocores:,} neurocores for {placed.binding.name}"
            sentences.append(f"layer {index} needs {needs}: {', '.join(found)}")
    return tuple(sentences)


def _changes(layer: Layer, placed: LayerPlacement, placement: Placement) -> list[str]:
    """Return the changes that lessen a layer's neurocores, none for a layer of one."""
    found: list[str] = []
    for change in CHANGES[placed.binding.name] if placed.neurocores > 1 else ():
        for what, cores in change(layer, placed, placement):
            if cores < placed.neurocores:
                found.append(f"{what} would need {cores:,}")
                break
    return found
