"""Check whether a network fits on a chip, and suggest changes that reduce its neurocores.

Rules for a single layer (ranges, shapes) are in `models.layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from neurodeploy.hw_sim.blocks import BudgetUse, SynapseFormat, synapse_format
from neurodeploy.hw_sim.chips import Chip
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

    Example: weights of mixed signs that include an odd one outside -128..127. An 8-bit mantissa
    holds -128..127; larger weights must be even.
    """
    limit, name = placement.chip.limit("weight_bits_max"), placement.chip.name
    return [
        f"layer {index} has {placed.weights.signs} weights that need {placed.weights.bits} bits; "
        f"{name} stores {limit}; make them multiples of two or keep them within "
        f"{-(1 << limit - 1)} to {(1 << limit - 1) - 1}"
        for index, placed in enumerate(placement.layers)
        if max(placed.weights.bits, placed.weights.low_bits) > limit
    ]


def delays_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find layers with a delay above the chip's maximum."""
    limit, name = placement.chip.limit("delay_max"), placement.chip.name
    return [
        f"layer {index} has a delay of {max_delay(layer)} steps; {name} delays a spike by at "
        f"most {limit}; train with a maximum delay of {limit}"
        for index, layer in enumerate(network.layers)
        if max_delay(layer) > limit
    ]


def graded_spikes_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find graded spikes, of the input or of layers, that have more bits than the chip carries.

    Graded spikes of all layers have the same width, so one sentence names all these layers.
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
    """Return ascending layer indices as text: "layers 0 to 8, 10 and 11"."""
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
    """Join texts: "a", "a and b", "a, b and c"."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last


def neurons_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Find layers whose single neuron exceeds a neurocore, for example by its fan-in."""
    return [
        f"layer {index} needs {budget.used:,} {_what(budget)} for one neuron; a neurocore of "
        f"{placement.chip.name} has {budget.limit:,}; {WAYS_OUT[budget.name]}"
        for index, placed in enumerate(placement.layers)
        for budget in placed.budgets
        if not budget.fits
    ]


def _what(budget: BudgetUse) -> str:
    """Return a budget with its unit, such as "bits of synaptic memory" or "input axons"."""
    named = budget.name.endswith(budget.unit)
    return budget.name if named else f"{budget.unit} of {budget.name}"


def chips_fit(network: QuantizedNetwork, placement: Placement) -> list[str]:
    """Check whether the network needs more chips than the largest system has."""
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
    """Return every reason why `network` does not fit on the chip, one sentence each.

    Args:
        network: the network.
        placement: its placement on a chip.
    """
    return tuple(problem for rule in RULES for problem in rule(network, placement))


@dataclass(frozen=True)
class Placed:
    """A placed layer, to compute the neurocores of changed versions of it.

    Attributes:
        layer: the layer.
        placed: its placement.
        chip: the chip.
    """

    layer: Layer
    placed: LayerPlacement
    chip: Chip

    @property
    def each(self) -> SynapseFormat:
        """Bits per synapse."""
        return synapse_format(self.layer, self.chip)

    def neurocores(self, layer: Layer | None = None, each: SynapseFormat | None = None) -> int:
        """Return the number of neurocores with a changed layer or synapse format."""
        changed = layer or self.layer
        return place_layer(changed, self.placed.readers, self.chip, each or self.each).neurocores


Change: TypeAlias = Callable[[Placed], Iterator[tuple[str, int]]]
"""Yields pairs: a change in words, and the number of neurocores with it."""


def narrower_weights(of: Placed) -> Iterator[tuple[str, int]]:
    """Try narrower weights, the widest first."""
    widest, largest = of.each.weight - 1, of.chip.limit("weight_bits_max")
    if of.each.low:
        widest = largest - 1
        one = replace(of.each, weight=largest, low=0)
        yield f"{largest}-bit weights with one synapse each", of.neurocores(each=one)
    widest = min(widest, of.chip.limit("weight_bits_small_max"))
    for bits in range(widest, int(of.placed.weights.signs == "mixed"), -2):
        yield f"{bits}-bit weights", of.neurocores(each=replace(of.each, weight=bits, low=0))


def shorter_delays(of: Placed) -> Iterator[tuple[str, int]]:
    """Try half the delay bits, then no delays."""
    for bits in (of.each.delay // 2, 0) if max_delay(of.layer) else ():
        what = f"delays of at most {(1 << bits) - 1} steps" if bits else "no delays"
        yield what, of.neurocores(each=replace(of.each, delay=bits))


def fewer_neurons(of: Placed) -> Iterator[tuple[str, int]]:
    """Try half as many neurons (or channels of an image), then a quarter."""
    things = "channels" if len(of.layer.shape) == 3 else "neurons"
    for parts, what in ((2, f"half as many {things}"), (4, f"a quarter of the {things}")):
        part = first_part(of.layer, parts)
        if part is not None:
            yield what, of.neurocores(part)


def narrower_input(of: Placed) -> Iterator[tuple[str, int]]:
    """Try half as many columns of a convolution's input, which needs one axon per pixel.

    Skipped if neurons have individual parameters, or if the kernel would not fit. Other layers need
    one axon per sender in every neurocore; partitioning does not reduce that.
    """
    layer = of.layer
    if not isinstance(layer, ConvLayer):
        return
    channels, height, width = layer.input_shape
    sizes = {values.size for values in arrays_of(layer.neuron).values()}
    reach = layer.dilation[1] * (layer.weight.shape[3] - 1) + 1 - 2 * layer.padding[1]
    half = (width + 1) // 2
    if half < width and half >= reach and sizes <= {1, len(layer.weight)}:
        halved = replace(layer, input_shape=(channels, height, half))
        yield "an input half as wide", of.neurocores(halved)


def shared_decays(of: Placed) -> Iterator[tuple[str, int]]:
    """Try as many pairs of decays as a neurocore holds, which need no partition."""
    neuron = of.layer.neuron
    if isinstance(neuron, CubaLif):
        one = {name: getattr(neuron, name)[:1] for name in ("current_decay", "voltage_decay")}
        shared: Any = replace(of.layer, neuron=replace(neuron, **one))  # type: ignore[arg-type]
        most = of.chip.limit("decay_settings_per_core")
        yield f"at most {most:,} different pairs of decays", of.neurocores(shared)


def first_part(layer: Layer, parts: int) -> Layer | None:
    """Return the layer with only the first 1 / `parts` of its neurons or channels, rounded up.

    Return None for a single neuron or channel, an image without channels and a grouped convolution.
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
"""Budget that determines the number of neurocores -> changes to try."""


def advice(placement: Placement) -> tuple[str, ...]:
    """Return one sentence for each layer that a change would shrink; none if one chip is enough.

    Each kind of change is listed at the first size that reduces the number of neurocores, with all
    other layers unchanged.
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
    """Return the changes that reduce a layer's neurocores, in words."""
    found: list[str] = []
    for change in CHANGES[placed.binding.name] if placed.neurocores > 1 else ():
        for what, cores in change(Placed(layer, placed, placement.chip)):
            if cores < placed.neurocores:
                found.append(f"{what} would need {cores:,}")
                break
    return found
