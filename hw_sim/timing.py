"""The time of a time step: of everything that works in it, what takes longest.

Neuron updates, SynOps and messages keep a neurocore busy, messages a link of the mesh. They
overlap, so that a step takes no less than the largest of them, of any neurocore or link:

    low:   max(resources, barrier), with the low constants
    value: max(resources) + barrier, since the barrier begins when the last neurocore is done
    high:  sum(resources of the busiest neurocore) + longest route + barrier, as if none overlapped

Sources: the maximum, with the barrier in it, is the lower bound of Timcheck et al. 2026, arXiv
2601.10035, for Loihi 2. That the barrier follows the work: Davies et al., IEEE Micro 38(1), 2018,
and SANA-FE, which adds it to the time of a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips import Chip, Estimate, around
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.models.layers import ConvLayer, Layer

End: TypeAlias = Literal["low", "value", "high"]
ENDS: Final[tuple[End, ...]] = ("low", "value", "high")

BARRIER: Final = "barrier"
"""Name of what follows the resources in every step."""


@dataclass(frozen=True, eq=False)
class Work:
    """The work of neurocores and links in each step of some samples.

    Attributes:
        synops: SynOps, int64 (batch, neurocores, time).
        messages: spikes that arrive, int32 (batch, neurocores, time).
        spikes: spikes that are sent, int32 (batch, neurocores, time).
        sent: messages that are sent, one per spike and receiving neurocore or host, int64
            (batch, neurocores, time).
        links: messages that cross each link of the mesh, float64 (batch, links, time).
        reads: words of synaptic memory that the SynOps read, int64 (batch, neurocores, time).
    """

    synops: NDArray[np.int64]
    messages: NDArray[np.int32]
    spikes: NDArray[np.int32]
    sent: NDArray[np.int64]
    links: NDArray[np.float64]
    reads: NDArray[np.int64]


def neuron_update_seconds(placement: Placement, work: Work, end: End) -> NDArray[np.float64]:
    """Return neurons * update + spikes * (spiking update - update + generation)."""
    chip = placement.chip
    quiet, spiking = (neuron_updates(1, spikes, chip=chip, what="time") for spikes in (0, 1))
    spike = getattr(spiking, end) - getattr(quiet, end)
    spike += getattr(chip.cost("spike_generation_time"), end)
    neurons = neurons_of(placement).astype(np.float64)[:, None]
    updates: NDArray[np.float64] = work.spikes * spike + neurons * getattr(quiet, end)
    return updates


def synop_seconds(placement: Placement, work: Work, end: End) -> NDArray[np.float64]:
    """Return SynOps * synop, whose time may differ between convolutions and other layers."""
    each = [getattr(operation(layer, placement.chip, "time"), end)
            for layer in placement.network.layers]  # fmt: skip
    times = np.repeat(each, [placed.neurocores for placed in placement.layers])
    synops: NDArray[np.float64] = work.synops * times[:, None]
    return synops


def read_seconds(placement: Placement, work: Work, end: End) -> NDArray[np.float64]:
    """Return words * read."""
    return work.reads * np.float64(getattr(placement.chip.cost("synaptic_memory_read_time"), end))


def message_in_seconds(placement: Placement, work: Work, end: End) -> NDArray[np.float64]:
    """Return arriving spikes * message."""
    return work.messages * np.float64(getattr(placement.chip.cost("spike_message_time"), end))


def message_out_seconds(placement: Placement, work: Work, end: End) -> NDArray[np.float64]:
    """Return sent messages * message."""
    return work.sent * np.float64(getattr(placement.chip.cost("message_out_time"), end))


def link_seconds(placement: Placement, work: Work, end: End) -> NDArray[np.float64]:
    """Return messages over a link * message."""
    return work.links * np.float64(getattr(placement.chip.cost("link_message_time"), end))


@dataclass(frozen=True)
class Resource:
    """Something that is busy for a part of a step.

    Attributes:
        label: what it does, in a report.
        unit: "neurocore" or "link": the axis of `seconds`.
        rows: rows of the cost file that it needs; without one of them it is not considered.
        relief: what makes it take less time, if it is the resource that binds.
        seconds: its time, float (batch, units, time).
    """

    label: str
    unit: Literal["neurocore", "link"]
    rows: tuple[str, ...]
    relief: str
    seconds: Callable[[Placement, Work, End], NDArray[np.float64]]


RESOURCES: Final = {
    "neuron_updates": Resource(
        "neuron updates",
        "neurocore",
        ("neuron_update_active_time", "neuron_update_inactive_time", "spike_generation_time"),
        "split the layer over more neurocores",
        neuron_update_seconds,
    ),
    "synops": Resource(
        "SynOps",
        "neurocore",
        ("synaptic_operation_time",),
        "split the layer over more neurocores, or send it fewer spikes",
        synop_seconds,
    ),
    "memory_reads": Resource(
        "reads of synaptic memory",
        "neurocore",
        ("synaptic_memory_read_time",),
        "store narrower weights, or split the layer over more neurocores",
        read_seconds,
    ),
    "messages_in": Resource(
        "messages in",
        "neurocore",
        ("spike_message_time",),
        "send the layer fewer spikes",
        message_in_seconds,
    ),
    "messages_out": Resource(
        "messages out",
        "neurocore",
        ("message_out_time",),
        "put the next layer on fewer neurocores, or send fewer spikes",
        message_out_seconds,
    ),
    "link": Resource(
        "busiest link",
        "link",
        ("link_message_time",),
        "place the layer and its receivers so that their messages take different links",
        link_seconds,
    ),
}
"""What may be the slowest part of a step, by name."""


LABELS: Final = {**{name: each.label for name, each in RESOURCES.items()}, BARRIER: "barrier"}
"""What a report calls the parts of a step."""


def considered(chip: Chip) -> dict[str, Resource]:
    """Return the resources for which the cost file has every row."""
    return {name: each for name, each in RESOURCES.items() if not missing_rows(each, chip)}


def missing_rows(resource: Resource, chip: Chip) -> list[str]:
    """Return the rows of the resource that the cost file lacks."""
    return [row for row in resource.rows if row not in chip.costs]


def notes(chip: Chip) -> tuple[str, ...]:
    """Return one sentence for each resource that the estimates of a chip leave out."""
    return tuple(
        f"The time of a step does not consider {'the ' * (each.unit == 'link')}{each.label}: the "
        f"cost file of {chip.title} has no {' and no '.join(rows)}."
        for each in RESOURCES.values()
        if (rows := missing_rows(each, chip))
    )


def step_time(busiest: Estimate, route: Estimate, barrier: Estimate) -> Estimate:
    """Return the time of a step; low: the larger of work and barrier.

    Args:
        busiest: time of the busiest resource.
        route: time of the longest route of a spike, which may overlap with the work.
        barrier: time of the barrier.
    """
    return Estimate(
        max(busiest.low, barrier.low),
        busiest.value + barrier.value,
        busiest.high + route.high + barrier.high,
        "s",
    )


def neuron_updates(updates: float, spikes: float, *, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of `updates` neuron updates, of which `spikes` end in a spike.

    The update of an inactive neuron costs less than that of an active one, but inactive neurons are
    not counted. Low: only spiking neurons are active,
    spikes * active + (updates - spikes) * inactive. Value and high: all neurons are active,
    updates * active, as in KerasSpiking. The generation of spikes is not included.

    Args:
        updates: neurons times steps.
        spikes: number of spikes, `updates` at most.
        chip: the chip.
        what: "energy" or "time".
    """
    active = chip.cost(f"neuron_update_active_{what}")
    inactive = chip.cost(f"neuron_update_inactive_{what}")
    low = spikes * active.low + (updates - spikes) * min(inactive.low, active.low)
    return around(updates * active.value, low, updates * active.high, active.unit)


def neurons_of(placement: Placement) -> NDArray[np.int64]:
    """Return the number of neurons of every neurocore, int64 (neurocores,)."""
    sizes = [math.prod(size) for placed in placement.layers for size in placed.blocks.sizes()]
    return np.array(sizes, np.int64)


def operation(layer: Layer, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of one SynOp of a layer; convolutions may have their own row.

    Args:
        layer: the layer.
        chip: the chip.
        what: "energy" or "time".
    """
    row = f"convolution_operation_{what}"
    if isinstance(layer, ConvLayer) and row in chip.costs:
        return chip.cost(row)
    return chip.cost(f"synaptic_operation_{what}")
