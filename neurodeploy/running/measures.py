"""What a report measures of a run, batch by batch, beside its counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.decisions import DecisionMeter
from neurodeploy.hw_sim.estimates.meter import Meter
from neurodeploy.hw_sim.neurobench_metrics import NeurobenchMeter
from neurodeploy.hw_sim.placement.place import place
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.running.evaluation import Watch


class Measures:
    """The work of the neurocores of each kind of chip, how the answers come about, and NeuroBench's
    metrics."""

    def __init__(
        self,
        network: QuantizedNetwork,
        chips: Sequence[Chip],
        labels: NDArray[np.int64] | None,
    ) -> None:
        """Measure a network.

        Args:
            network: that runs.
            chips: on which it is placed.
            labels: the right answers, int64 (samples,), or None.
        """
        self._meters = [Meter(place(network, chip)) for chip in chips]
        self._decisions = DecisionMeter(network, labels)
        self._neurobench = NeurobenchMeter(network)

    @property
    def watches(self) -> list[Watch]:
        """What has to see each batch."""
        return [*(meter.add for meter in self._meters), self._decisions.add, self._neurobench.add]

    def results(self) -> dict[str, Any]:
        """Return what was measured, as `hw_sim.reports.report.build` takes it."""
        return {
            "workloads": [meter.result() for meter in self._meters],
            "decisions": self._decisions.result(),
            "neurobench": self._neurobench.result(),
        }
