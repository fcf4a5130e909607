"""What figures and pages show of a report, in one place for all of them.

Every figure is a function of a `View`. What a report has no data for is None or empty here, and
`neurodeploy.pages.figures` says why in a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neurodeploy.hw_sim.chips import Estimate, around
from neurodeploy.hw_sim.conventional import Processor
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.hw_sim.workload import neurons_of, operation
from neurodeploy.pages import wording
from neurodeploy.pages.wording import clean
from neurodeploy.running.recording import RecordedSample


@dataclass(frozen=True)
class Part:
    """One part of an energy or a time.

    Attributes:
        name: of the part, in words.
        band: in SI units.
    """

    name: str
    band: Estimate


@dataclass(frozen=True, eq=False)
class View:
    """A report and the sample whose raster is drawn, if one was kept."""

    report: Report
    sample: RecordedSample | None = None

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
        return wording.classes(self.report)


def energy_parts(energy: Energy) -> Iterator[Part]:
    """Yield the parts of an energy, the static one last."""
    for name, word in wording.PARTS.items():
        yield Part(word, getattr(energy, name))


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


def processors(report: Report) -> tuple[Processor, ...]:
    """Return conventional hardware, empty where nobody looked at it."""
    return () if report.conventional is None else report.conventional.processors
