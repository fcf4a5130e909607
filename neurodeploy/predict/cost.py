"""Energy, latency and battery life on a chip at the pace of a sensor, from what really spiked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, Estimate, exactly
from neurodeploy.hw_sim.design_rules import check
from neurodeploy.hw_sim.estimates import sample_energy, sample_latency, static_power
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.workload import Meter
from neurodeploy.models.errors import InputError
from neurodeploy.predict.clock import Piece
from neurodeploy.predict.predicting import Plan, Way

SECONDS_PER_HOUR: Final = 3600.0
COULOMBS_PER_MAH: Final = 3.6

NOT_MODELLED: Final = (
    "waking the chip, a sleep state between time steps, the chip's own processors, the encoder, "
    "the sensor and the host: the cost files have no source for them. Static power "
    "counts all the time"
)
"""What the estimates leave out."""


@dataclass(frozen=True)
class Battery:
    """A cell.

    Attributes:
        mah: capacity in milliampere hours.
        volts: nominal voltage.
    """

    mah: float
    volts: float = 3.7

    @property
    def joules(self) -> float:
        """Energy of the full cell."""
        return self.mah * COULOMBS_PER_MAH * self.volts


@dataclass(frozen=True)
class LiveCost:
    """The cost of one way of deciding on one kind of chip, all estimated.

    Attributes:
        chip: title of the chip.
        way: "windows" or "continuous".
        hop_s: seconds from one decision to the next.
        dynamic: joules of all events of one decision.
        static: joules of static power from one decision to the next.
        latency_s: seconds from the last row to the decision: of the whole window, or of the longest
            step in continuous operation.
        busy_s: seconds of work, at full speed, per decision.
    """

    chip: str
    way: Way
    hop_s: float
    dynamic: Estimate
    static: Estimate
    latency_s: Estimate
    busy_s: Estimate

    @property
    def per_decision(self) -> Estimate:
        """Joules per decision."""
        return self.dynamic + self.static

    @property
    def per_hour(self) -> Estimate:
        """Joules per hour."""
        return self.per_decision * (SECONDS_PER_HOUR / self.hop_s)

    @property
    def keeps_up(self) -> bool:
        """Whether the work of a decision is done before the next, even by the slowest estimate."""
        return self.busy_s.high <= self.hop_s

    def hours(self, battery: Battery) -> Estimate | None:
        """Return the hours that a full cell feeds the chip alone; None if its energy may be 0."""
        if not self.per_hour.low > 0:
            return None
        return self.per_hour.inverse() * exactly(battery.joules, "J")


class CostMeter:
    """Measures the work of one chip while a network predicts: an observer.

    Args:
        plan: how the network predicts.
        chip: the chip.

    Attributes:
        problems: why the network does not fit the chip, one sentence each.
    """

    def __init__(self, plan: Plan, chip: Chip) -> None:
        self.plan, self.chip = plan, chip
        self.placement = place(plan.network, chip)
        self.problems = check(plan.network, self.placement)
        self.meters: dict[Way, Meter] = {}
        self.held: list[list[NDArray[np.integer]]] = []

    def piece(self, piece: Piece) -> None:
        """See rows; only spikes cost here."""

    def ran(self, activity: Activity, times: NDArray[np.float64], way: Way) -> None:
        """Add the activity of windows, or of the next steps of continuous operation."""
        if way == "windows":
            self._meter(way).add(activity)
            return
        self.held.append([activity.inputs, *activity.spikes])
        length = self.steps
        if sum(each[0].shape[2] for each in self.held) < length:
            return
        whole = [np.concatenate(parts, axis=2) for parts in zip(*self.held, strict=True)]
        samples = whole[0].shape[2] // length
        for index in range(samples):
            part = [each[:, :, index * length : (index + 1) * length] for each in whole]
            self._meter(way).add(Activity(part[0], tuple(part[1:])))
        self.held = [[each[:, :, samples * length :] for each in whole]]

    @property
    def steps(self) -> int:
        """Time steps of a window."""
        encoder = self.plan.wanted.encoder
        return self.plan.window if encoder is None else encoder.steps(self.plan.window)

    def _meter(self, way: Way) -> Meter:
        return self.meters.setdefault(way, Meter(self.placement))

    def costs(self) -> tuple[LiveCost, ...]:
        """Return the cost of each way so far; () before the first window is complete."""
        return tuple(self._cost(way, meter) for way, meter in self.meters.items())

    def _cost(self, way: Way, meter: Meter) -> LiveCost:
        workload = meter.result()
        latency, hop_s = sample_latency(workload), self.plan.hop / self.plan.rate_hz
        dynamic = sample_energy(workload, duration_s=exactly(0.0, "s")).dynamic
        share = self.plan.hop / self.plan.window if way == "continuous" else 1.0
        return LiveCost(
            chip=self.chip.title,
            way=way,
            hop_s=hop_s,
            dynamic=dynamic * share,
            static=static_power(self.placement) * exactly(hop_s, "s"),
            latency_s=latency.peak_step_s if way == "continuous" else latency.sample_s,
            busy_s=latency.sample_s * share,
        )


def check_battery(mah: float | None, volts: float | None) -> Battery | None:
    """Return the cell of these options, or None without a capacity.

    Raises:
        InputError: if there is a voltage and no capacity.
    """
    if mah is None:
        if volts is not None:
            raise InputError("--battery-v needs the capacity of the cell; give --battery-mah too")
        return None
    return Battery(mah) if volts is None else Battery(mah, volts)
