"""What figures and pages show of a report, in one place for all of them.

Every figure is a function of a `View`. What a report has no data for is None or empty here, and
`neurodeploy.pages.figures` says why in a sentence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from hw_sim.estimates.core_time import neurons_of, operation
from hw_sim.estimates.energy import ROWS, Energy
from hw_sim.estimates.estimate import Estimate, around, exactly
from hw_sim.reports.estimated import Estimated
from hw_sim.reports.report import Report
from neurodeploy.kept_sample import KeptSample

ENERGY_NAMES: Final = {
    "synaptic": "synaptic operations",
    "neuron": "neuron updates",
    "within_tiles": "spikes to neurocores",
    "over_hops": "hops between tiles",
    "static": "static power",
}
"""The parts of an energy in words."""


@dataclass(frozen=True)
class Part:
    """One part of an energy or a time.

    Attributes:
        name: of the part, in words.
        band: in SI units.
        rests_on: rows of the cost file that it rests on, in words.
    """

    name: str
    band: Estimate
    rests_on: str = ""


@dataclass(frozen=True)
class CoreView:
    """One neurocore in use.

    Attributes:
        layer: whose neurons it holds.
        chip: which of the chips, from 0.
        tile: of that chip, from 0.
        place: in the tile, from 0.
        x: of the tile in the mesh, from 0.
        y: the same from the top.
        full: fraction of its fullest budget; above 1 where it does not fit.
    """

    layer: int
    chip: int
    tile: int
    place: int
    x: int
    y: int
    full: float


@dataclass(frozen=True, eq=False)
class View:
    """A report and the sample whose raster is drawn, if one was kept."""

    report: Report
    sample: KeptSample | None = None

    @property
    def chips(self) -> list[Estimated]:
        """What the network would take on each chip."""
        return list(self.report.estimated.values())

    @property
    def titles(self) -> list[str]:
        """The names of the chips."""
        return [clean(each.placement.chip.title) for each in self.chips]

    @property
    def classes(self) -> tuple[str, ...]:
        """A name for each output."""
        network = self.report.network
        given = tuple(map(clean, network.task.class_names))
        return given if len(given) == network.outputs else tuple(map(str, range(network.outputs)))


def clean(text: str) -> str:
    """Return text without control characters, which neither XML nor a page may hold."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def energy_parts(energy: Energy) -> Iterator[Part]:
    """Yield the parts of an energy, the static one last."""
    for field in fields(energy):
        band = getattr(energy, field.name)
        if isinstance(band, Estimate):
            name = ENERGY_NAMES.get(field.name, field.name.replace("_", " "))
            rows = ", ".join(ROWS.get(field.name, ())).replace("_", " ")
            yield Part(name, band, rows)


def core_parts(each: Estimated) -> Iterator[Part]:
    """Yield what the neurocore that takes longest does in the mean time step."""
    work, chip, core = each.workload, each.placement.chip, each.latency.busiest_core
    layer = each.placement.network.layers[each.latency.busiest_layer]
    spikes = float(work.core_spikes[core]) / work.steps
    neurons = int(neurons_of(each.placement)[core])
    active = chip.cost("neuron_update_active_time")
    inactive = chip.cost("neuron_update_inactive_time")
    rest = min(inactive.low, active.low)  # as core_times has it
    low = spikes * active.low + (neurons - spikes) * rest
    synops, arriving = (
        float(of[core]) / work.steps for of in (work.core_synops, work.core_messages)
    )
    yield Part("adding weights", operation(layer, chip, "time") * synops)
    yield Part("updating neurons", around(neurons * active.value, low, neurons * active.high))
    yield Part("receiving spikes", chip.cost("spike_message_time") * float(arriving))
    yield Part("sending spikes", chip.cost("spike_generation_time") * spikes)


def cores(each: Estimated) -> Iterator[CoreView]:
    """Yield the neurocores in use, chip by chip."""
    chip = each.placement.chip
    on_chip, on_tile = chip.limit("cores_per_chip"), chip.limit("cores_per_tile")
    for core in each.placement.cores():
        place = core.number % on_chip % on_tile
        yield CoreView(core.layer, core.chip, core.tile, place, core.x, core.y, core.full)


@dataclass(frozen=True)
class Machine:
    """What one kind of conventional hardware would take for a sample, in joules.

    Attributes:
        name: of the hardware.
        once: for one pass of the dense network of the same size.
        every_step: for a pass at every time step.
        source: where the energy of an operation comes from.
        caveat: what it leaves out.
        grade: how well that is founded.
    """

    name: str
    once: Estimate
    every_step: Estimate
    source: str
    caveat: str
    grade: str


def machines(report: Report) -> list[Machine]:
    """Return what conventional hardware would take, empty where nobody looked."""
    if report.conventional is None:
        return []
    return [
        Machine(
            each.operation.title,
            exactly(each.one_pass_j),
            exactly(each.every_step_j),
            each.operation.source,
            each.operation.caveat,
            each.operation.grade,
        )
        for each in report.conventional.processors
    ]
