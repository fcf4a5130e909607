"""What explains an accuracy that dropped, layer by layer: `report --trace`.

Rates in training and in integers, neurons that never or nearly always fire, and states that leave
their width, which SLAYER's do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models.layers import LAYERS
from neurodeploy.models.network import QuantizedNetwork

SATURATED: Final = 0.9
"""A neuron that fires in a larger share of the steps than this says hardly anything."""

NO_RATES: Final = (
    "the file holds no rates of its training; `train` and `export` of this version write them"
)


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did over all samples.

    Attributes:
        layer: its place in the network, from 0.
        kind: of the layer, in words.
        neurons: of the layer.
        training_rate: spikes a neuron and step on the validation samples in training, or None.
        rate: spikes a neuron and step in this run.
        silent: neurons that never fired.
        saturated: neurons that fired in more than `SATURATED` of the steps.
        wraps: steps of a neuron in which a state wrapped, such as u of CUBA LIF, or None when the
            backend does not count them.
        clips: steps of a neuron in which a state was clipped, such as v of CUBA LIF, or None.
    """

    layer: int
    kind: str
    neurons: int
    training_rate: float | None
    rate: float
    silent: int
    saturated: int
    wraps: int | None
    clips: int | None


@dataclass(frozen=True)
class Trace:
    """The layers, and what is to be said about the figures.

    Attributes:
        layers: an entry a layer.
        notes: one sentence each.
    """

    layers: tuple[LayerTrace, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the trace as JSON values."""
        return {"layers": [dict(vars(layer)) for layer in self.layers], "notes": list(self.notes)}


class Tracer:
    """Count what each neuron does, batch by batch."""

    def __init__(self, network: QuantizedNetwork) -> None:
        self._network = network
        self._fired = [np.zeros(layer.neurons, np.int64) for layer in network.layers]
        self._overflows: NDArray[np.int64] | None = None
        self._steps = 0

    def add(self, activity: Activity) -> None:
        """Count the next samples."""
        for index, spikes in enumerate(activity.spikes):
            sent = spikes if spikes.dtype == np.uint8 else spikes != 0
            self._fired[index] += sent.sum((0, 2), dtype=np.int64)
        samples, _, steps = activity.spikes[0].shape
        self._steps += samples * steps
        if activity.overflows:
            found = np.array([(o.wraps.sum(), o.clips.sum()) for o in activity.overflows])
            self._overflows = found if self._overflows is None else self._overflows + found

    def result(self) -> Trace:
        """Return what was counted."""
        rates = training_rates(self._network.provenance, len(self._fired))
        notes = () if rates else (NO_RATES,)
        return Trace(tuple(self._layer(i, rates) for i in range(len(self._fired))), notes)

    def _layer(self, index: int, rates: Sequence[float]) -> LayerTrace:
        layer, fired = self._network.layers[index], self._fired[index]
        counted = None if self._overflows is None else self._overflows[index].tolist()
        return LayerTrace(
            index,
            LAYERS[type(layer)],
            layer.neurons,
            rates[index] if rates else None,
            float(fired.sum() / (layer.neurons * self._steps)),
            int((fired == 0).sum()),
            int((fired > SATURATED * self._steps).sum()),
            *(counted or (None, None)),
        )


def training_rates(provenance: Mapping[str, Any], layers: int) -> tuple[float, ...]:
    """Return the rates of every layer in training, () where the network does not carry them."""
    rates = provenance.get("training_rates")
    if not isinstance(rates, list) or len(rates) != layers:
        return ()
    sound = all(type(rate) in (int, float) and 0 <= rate <= 1 for rate in rates)
    return tuple(map(float, rates)) if sound else ()
