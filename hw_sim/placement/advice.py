"""What to change where a network takes more than one chip: each way with what it would need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

from hw_sim.placement.budgets import synapse_format
from hw_sim.placement.place import LayerPlacement, Placement, place_layer
from models.layers import (
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    longest_delay,
)
from models.neurons import arrays_of

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
    for bits in (each.delay // 2, 0) if longest_delay(layer) else ():
        short = type(each)(each.weight, bits)
        tried = place_layer(layer, placed.readers, placement.chip, short)
        what = f"delays of at most {(1 << bits) - 1} steps" if bits else "no delays"
        yield what, tried.neurocores


def fewer_neurons(
    layer: Layer, placed: LayerPlacement, placement: Placement
) -> Iterator[tuple[str, int]]:
    """Try half as many neurons, or channels of an image."""
    half = first_half(layer)
    if half is not None:
        each = synapse_format(layer, placement.chip)
        tried = place_layer(half, placed.readers, placement.chip, each)
        what = "channels" if len(layer.shape) == 3 else "neurons"
        yield f"half as many {what}", tried.neurocores


def first_half(layer: Layer) -> Layer | None:
    """Return the layer with the first half of its neurons or channels alone.

    None where there is only one, in images without channels, and in a convolution of groups.
    """
    whole, half = layer.shape[0], (layer.shape[0] + 1) // 2
    if whole == 1 or len(layer.shape) == 2 or (isinstance(layer, ConvLayer) and layer.groups > 1):
        return None
    arrays = arrays_of(layer.neuron).items()
    each = {name: a[: a.size * half // whole] for name, a in arrays if a.size > 1}
    neuron: Any = layer.neuron
    neuron = replace(neuron, **each)
    if isinstance(layer, InputLayer):
        return replace(layer, neuron=neuron, shape=(half, *layer.shape[1:]))
    fewer: dict[str, Any] = {"neuron": neuron, "weight": layer.weight[:half]}
    if isinstance(layer, (DenseLayer, RecurrentLayer)):
        fewer["delay"] = layer.delay[:half]
    if isinstance(layer, RecurrentLayer):
        fewer["recurrent"] = layer.recurrent[:half, :half]
        fewer["recurrent_delay"] = layer.recurrent_delay[:half, :half]
    return replace(layer, **fewer)


CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "synaptic memory": (narrower_weights, shorter_delays, fewer_neurons),
    "neurons": (fewer_neurons,),
    "input axons": (),
    "output axons": (fewer_neurons,),
    "decay settings": (),
}
"""By the budget that binds a layer, the changes to try."""


def advice(placement: Placement) -> tuple[str, ...]:
    """Return a sentence for each layer of several neurocores, where one chip does not suffice.

    Only changes that lessen a layer's neurocores are named, each kind at the first width or length
    that does. The rest of the network is taken to stay as it is.
    """
    if placement.neurocores <= placement.chip.limit("cores_per_chip"):
        return ()
    sentences = []
    for index, placed in enumerate(placement.layers):
        if placed.neurocores > 1:
            layer = placement.network.layers[index]
            sentences.append(_sentence(index, layer, placed, placement))
    return tuple(sentences)


def _sentence(index: int, layer: Layer, placed: LayerPlacement, placement: Placement) -> str:
    found = []
    for change in CHANGES[placed.binding.name]:
        for what, cores in change(layer, placed, placement):
            if cores < placed.neurocores:
                found.append(f"{what} would need {cores:,}")
                break
    needs = f"layer {index} needs {placed.neurocores:,} neurocores for {placed.binding.name}"
    return f"{needs}: {', '.join(found)}" if found else needs
