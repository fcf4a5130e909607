"""Whether a chip can hold a network: small rules that all run, and every problem they find.

Rules of one layer (ranges, shapes) live in `models.network`; these are the rules of a chip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from neurodeploy.hw_sim.placement.budgets import BudgetUse
from neurodeploy.hw_sim.placement.place import Placement
from neurodeploy.models import loihi
from neurodeploy.models.layers import longest_delay
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS

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
        f"layer {index} has a delay of {longest_delay(layer)} steps; {name} delays a spike by at "
        f"most {limit}; train with a maximum delay of {limit}"
        for index, layer in enumerate(network.layers)
        if longest_delay(layer) > limit
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
