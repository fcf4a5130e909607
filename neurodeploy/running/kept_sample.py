"""Keep one sample of a run, to draw what every layer did in it: `report --html FILE --raster N`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.readout import outputs
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.samples import Samples, spread
from neurodeploy.tasks.windows import Signal

ROWS: Final = 128
"""Neurons of a layer that are kept; of a larger one every so many."""


@dataclass(frozen=True, eq=False)
class KeptSpikes:
    """What the input or one layer sent in the sample.

    Attributes:
        neurons: how many there are.
        rows: which of them are kept, int64, ascending, `ROWS` at most.
        values: what those sent, integers (rows, steps), 0 where nothing.
        spikes: how many all neurons sent.
    """

    neurons: int
    rows: NDArray[np.int64]
    values: NDArray[Any]
    spikes: int


@dataclass(frozen=True, eq=False)
class KeptSample:
    """One sample of a run.

    Attributes:
        number: among the samples that ran, from 0.
        source_number: where the samples come from, from 0.
        signal: what the sensor gave, where the samples come from one.
        inputs: what was sent in.
        layers: an entry a layer.
        outputs: of the network, int64 (outputs,).
        label: the right answer, where it is known.
    """

    number: int
    source_number: int
    signal: Signal | None
    inputs: KeptSpikes
    layers: tuple[KeptSpikes, ...]
    outputs: NDArray[np.int64]
    label: int | None


class SampleKeeper:
    """Watches a run and keeps one sample of it, thinned, so that memory stays flat.

    Args:
        network: what runs.
        inputs: the samples.
        number: which one to keep, from 0.

    Raises:
        InputError: when there is no such sample.
    """

    def __init__(self, network: QuantizedNetwork, inputs: Samples, number: int) -> None:
        if number >= len(inputs):
            raise InputError(
                f"--raster asks for sample {number} of a run of {len(inputs)}; they are "
                f"numbered from 0 to {len(inputs) - 1}"
            )
        self._network, self._inputs, self._number = network, inputs, number
        self._seen = 0
        self._kept: KeptSample | None = None

    def add(self, activity: Activity) -> None:
        """Keep the sample if this batch holds it."""
        at = self._number - self._seen
        self._seen += len(activity.inputs)
        if not 0 <= at < len(activity.inputs):
            return
        inputs = self._inputs
        self._kept = KeptSample(
            number=self._number,
            source_number=int(inputs.numbers[self._number]),
            signal=None if inputs.signal is None else inputs.signal(self._number),
            inputs=_thinned(activity.inputs[at]),
            layers=tuple(_thinned(spikes[at]) for spikes in activity.spikes),
            outputs=outputs(self._network, activity)[at].copy(),
            label=None if inputs.labels is None else int(inputs.labels[self._number]),
        )

    def result(self) -> KeptSample:
        """Return the sample, once all have run."""
        assert self._kept is not None
        return self._kept


def _thinned(sent: NDArray[Any]) -> KeptSpikes:
    rows = spread(len(sent), ROWS)
    return KeptSpikes(len(sent), rows, sent[rows].copy(), int(np.count_nonzero(sent)))
