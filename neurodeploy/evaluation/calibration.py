"""Choose the scales of a quantized float network on samples, and measure it layer by layer.

The float network is the reference. Layers are calibrated from front to back: each takes the spikes
that the quantized layers before it send, so that a scale can make up for what they lost, and its
own spikes are compared with those of the float layer, one step per layer later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.samples import Advance, Samples
from neurodeploy.hw_sim.backends import RunOptions, get
from neurodeploy.hw_sim.readout import outputs, predict
from neurodeploy.models import loihi
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.float_network import FloatNetwork
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.post_training import WIDE, LayerScale, PostTraining, quantize_float

SEARCHED: Final = 32
"""Maximum number of samples on which scales are chosen."""
TRACED: Final = 8
"""Maximum number of samples whose voltages are compared."""
BATCH: Final = 64
"""Samples that run at a time."""
SCALES: Final = (1.0, 1.15, 1.35, 1.6, 2.0, 2.6)
"""Tried scales, as multiples of the one at which the largest weight fits; larger ones clip."""
WIDE_SCALES: Final = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15)
"""The same for 16 bits, where smaller scales keep the states within 24 bits."""
THRESHOLDS: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7)
"""Tried factors of the thresholds of layers whose reset is approximated."""
BETTER: Final = 0.97
"""A candidate replaces the one before it if its distance is this much smaller."""
MEMORY_STEPS: Final = 10.0
"""Time constant of the spike distance in steps."""
CLOSE: Final = 0.1
"""A spike distance below which a layer needs no advice."""


class NodeRun(Protocol):
    """What the reference returns of a layer; see `export.nir.reference.NodeRun`."""

    @property
    def spikes(self) -> NDArray[Any]:
        """Spikes (samples, neurons, steps)."""

    @property
    def voltage(self) -> NDArray[Any] | None:
        """Voltages after the reset (samples, neurons, steps), or None."""


class Reference(Protocol):
    """Runs the float network."""

    def __call__(self, inputs: NDArray[Any], *, voltages: bool) -> Mapping[str, NodeRun]:
        """Return the run of each layer, by name, for an input (samples, channels, steps)."""


@dataclass(frozen=True, kw_only=True)
class LayerFidelity:
    """How far an integer layer is from the float layer.

    Attributes:
        name: name of the layer in its source.
        scale: see `LayerScale`.
        threshold: integer threshold.
        threshold_factor: factor of the float threshold; 1 unless the layer is approximated.
        saturated: share of the weights that were clipped.
        float_rate: spikes per neuron and step of the float layer.
        rate: spikes per neuron and step of the integer layer.
        same_step: spikes that both send in the same step, over the mean number of spikes.
        distance: distance of the spike trains relative to the float ones, 0 for equal trains.
        voltage_correlation: mean over neurons of the correlation of v, in steps without a spike;
            None if no voltage varies.
        silent: neurons that fire in the float layer and never in the integer one.
        overflows: neurons and steps in which the current wrapped or the voltage was clipped.
    """

    name: str
    scale: float
    threshold: int
    threshold_factor: float
    saturated: float
    float_rate: float
    rate: float
    same_step: float
    distance: float
    voltage_correlation: float | None
    silent: int
    overflows: int


@dataclass(frozen=True, kw_only=True, repr=False)
class Calibration(Shown):
    """A network that was quantized with scales chosen on samples, and its distance from its source.

    Attributes:
        quantized: the network, and what was done.
        layers: the fidelity of each layer.
        num_samples: number of samples that were compared.
        num_steps: time steps per sample.
        decisions_equal: share of the samples with the same prediction.
        float_accuracy: accuracy of the float network, or None without labels.
        accuracy: accuracy of the integers, or None without labels.
        advice: what would help, one sentence each.

    Examples:
        >>> import nir
        >>> one = np.ones(3)
        >>> neurons = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=0.2 * one)
        >>> graph = nir.NIRGraph.from_list(nir.Linear(weight=2 * np.eye(3, 4)), neurons)
        >>> found = neurodeploy.import_nir(graph, dt=1e-3, calibrate=spikes).calibration
        >>> found.num_samples, found.decisions_equal
        (5, 1.0)
    """

    quantized: PostTraining
    layers: tuple[LayerFidelity, ...]
    num_samples: int
    num_steps: int
    decisions_equal: float
    float_accuracy: float | None
    accuracy: float | None
    advice: tuple[str, ...] = ()

    @property
    def network(self) -> QuantizedNetwork:
        """The integer network."""
        return self.quantized.network

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        names = (
            "num_samples", "num_steps", "decisions_equal", "float_accuracy", "accuracy",
        )  # fmt: skip
        return {
            "bits": self.quantized.bits,
            **{name: getattr(self, name) for name in names},
            "layers": [dict(vars(each)) for each in self.layers],
            "advice": list(self.advice),
        }


def calibrate(
    network: FloatNetwork,
    reference: Reference,
    samples: Samples,
    *,
    search: bool = True,
    advance: Advance | None = None,
    **options: Any,
) -> Calibration:
    """Quantize a float network with scales that are chosen on samples, and measure it.

    Args:
        network: the float network.
        reference: runs the float network.
        samples: the samples, without additional steps; with labels, accuracies are measured.
        search: whether to choose scales; if not, only measure.
        advance: progress callback, called with the work done and the total.
        options: options of `quantize_float`, such as `bits`.

    Raises:
        InputError: if the samples do not fit the network.
        DesignRuleError: as `quantize_float`.
    """
    if not len(samples):
        raise InputError(f"there are no samples in {samples.source} to calibrate on; give one")
    first = quantize_float(network, **options)
    total = (len(network.layers) if search else 0) + -(-len(samples) // BATCH)
    done = _counter(advance, total)
    chosen, factors = first, dict[str, float]()
    if search:
        part = samples.take(min(SEARCHED, len(samples)))
        chosen, factors = _search(network, reference, part.spikes, first, options, done)
    measures = [_Measure(layer.name) for layer in network.layers]
    labels, predictions = samples.labels, []
    for start in range(0, len(samples), BATCH):
        spikes = samples.part(start, min(start + BATCH, len(samples)))
        predictions.append(_measure(network, chosen.network, reference, spikes, measures))
        done()
    _trace(network, chosen.network, reference, samples, measures)
    expected, predicted = (np.concatenate(each) for each in zip(*predictions))
    fidelity = tuple(
        each.result(scale, factors.get(each.name, 1.0))
        for each, scale in zip(measures, chosen.layers)
    )
    return Calibration(
        quantized=chosen,
        layers=fidelity,
        num_samples=len(samples),
        num_steps=samples.num_steps,
        decisions_equal=float((expected == predicted).mean()),
        float_accuracy=None if labels is None else float((expected == labels).mean()),
        accuracy=None if labels is None else float((predicted == labels).mean()),
        advice=tuple(_advice(fidelity, chosen, labelled=labels is not None)),
    )


def _counter(advance: Advance | None, total: int) -> Callable[[], None]:
    count = iter(range(1, total + 2))

    def done() -> None:
        if advance is not None:
            advance(next(count), total)

    return done


# The search


def _search(
    network: FloatNetwork,
    reference: Reference,
    spikes: NDArray[Any],
    first: PostTraining,
    options: Mapping[str, Any],
    done: Callable[[], None],
) -> tuple[PostTraining, dict[str, float]]:
    """Choose scale and threshold factor of each layer, from front to back."""
    expected = reference(spikes, voltages=True)
    arriving = _pad(spikes, len(network.layers))
    scales: dict[str, float] = {}
    factors: dict[str, float] = {}
    best = first
    for index, layer in enumerate(network.layers):
        target = expected[layer.name]
        approximated = any(repr(layer.name) in each for each in first.approximations)
        if index == len(network.layers) - 1 and layer.dynamics.multi_spike:
            approximated = False  # lower thresholds would saturate the counts that decide
        best, least = first, np.inf
        for scale, factor in _candidates(first, index, approximated=approximated):
            tried = {**scales, **({} if scale is None else {layer.name: scale})}
            try:
                found = quantize_float(
                    network,
                    **options,
                    scales=tried,
                    threshold_factors={**factors, layer.name: factor},
                )
            except DesignRuleError:  # the scale is too large for threshold or bias
                continue
            distance = _loss(found.network, index, arriving, target, layer.neurons)
            if distance < BETTER * least:
                best, least, kept = found, distance, (tried, factor)
        scales, factors = kept[0], {**factors, layer.name: kept[1]}
        arriving = _run_layer(best.network, index, arriving)
        done()
    return best, {name: factor for name, factor in factors.items() if factor != 1.0}


def _candidates(
    first: PostTraining, index: int, *, approximated: bool
) -> Iterator[tuple[float | None, float]]:
    """Yield scales (None: the default) and factors of the threshold."""
    layer = first.layers[index]
    for factor in THRESHOLDS if approximated else (1.0,):
        yield None, factor
    scales = WIDE_SCALES if first.bits == WIDE else SCALES
    for multiple in () if layer.exact else scales[1:]:
        if round(multiple * layer.scale) > 0:
            yield float(round(multiple * layer.scale)), 1.0


def _loss(
    network: QuantizedNetwork, index: int, arriving: NDArray[Any], target: NodeRun, neurons: int
) -> float:
    """Return the distance of one layer from its float spikes, or from its float voltages."""
    steps = target.spikes.shape[2]
    late = slice(index + 1, index + 1 + steps)
    if target.spikes.any():
        sent = _run_layer(network, index, arriving)[:, :neurons, late]
        return distance(target.spikes, sent)
    voltage = _states(network, index, arriving)[:, :neurons, late]
    assert target.voltage is not None
    correlation = correlations(target.voltage, voltage, np.ones(voltage.shape, bool))
    return 1.0 if correlation is None else 1 - correlation


def _alone(network: QuantizedNetwork, index: int) -> QuantizedNetwork:
    return QuantizedNetwork.chain(
        network.layers[index : index + 1], message_bits=0 if index else network.message_bits
    )


def _run_layer(network: QuantizedNetwork, index: int, arriving: NDArray[Any]) -> NDArray[Any]:
    """Run one layer on the spikes of the layer before it."""
    parts = [
        get("fast").run(_alone(network, index), arriving[start : start + BATCH]).spikes[0]
        for start in range(0, len(arriving), BATCH)
    ]
    return np.concatenate(parts)


def _states(network: QuantizedNetwork, index: int, arriving: NDArray[Any]) -> NDArray[Any]:
    run = get("fast").run(_alone(network, index), arriving, RunOptions(states=True))
    return run.states[0].voltage


def _pad(spikes: NDArray[Any], steps: int) -> NDArray[Any]:
    """Return the spikes with zero steps at the end, as integers."""
    return np.pad(spikes, ((0, 0), (0, 0), (0, steps)))


# Measures


def distance(one: NDArray[Any], other: NDArray[Any], memory: float = MEMORY_STEPS) -> float:
    """Return the van Rossum distance of spike trains, relative to the first ones.

    Each spike becomes exp(-t / memory) from its step on; the distance is the norm of the difference
    of the two sums, over the norm of the first.

    Source: M. van Rossum, "A novel spike distance", Neural Computation 13 (2001).

    Args:
        one, other: spikes (samples, neurons, steps).
        memory: time constant in steps.
    """
    keep = np.exp(-1 / memory)
    trace = np.zeros((2, *one.shape[:2]))
    apart = size = 0.0
    for step in range(one.shape[2]):
        trace = keep * trace
        trace[0] += one[..., step]
        trace[1] += other[..., step]
        apart += float(((trace[0] - trace[1]) ** 2).sum())
        size += float((trace[0] ** 2).sum())
    return float(np.sqrt(apart / size)) if size else float(apart > 0)


def correlations(one: NDArray[Any], other: NDArray[Any], where: NDArray[np.bool_]) -> float | None:
    """Return the mean over neurons of the correlation of two voltages, where `where` is true.

    Args:
        one, other: voltages (samples, neurons, steps).
        where: the entries to compare.
    """
    found = []
    for neuron in range(one.shape[1]):
        chosen = where[:, neuron]
        a, b = (np.asarray(v[:, neuron][chosen], np.float64) for v in (one, other))
        if len(a) > 1 and a.std() > 0:
            found.append(0.0 if b.std() == 0 else float(np.corrcoef(a, b)[0, 1]))
    return float(np.mean(found)) if found else None


class _Measure:
    """Sums over batches of one layer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.both = self.float_spikes = self.spikes = self.entries = 0
        self.apart = self.weight = 0.0
        self.fired: tuple[Any, Any] | None = None
        self.correlation: float | None = None
        self.overflows = 0

    def add(self, expected: NDArray[Any], sent: NDArray[Any], overflows: int) -> None:
        """Add a batch, both (samples, neurons, steps) in the source's steps."""
        self.both += int(np.minimum(expected, sent).sum())
        count = int(expected.sum())
        self.float_spikes += count
        self.spikes += int(sent.sum())
        self.entries += expected.size
        self.apart += max(count, 1) * distance(expected, sent)
        self.overflows += overflows
        fired = expected.any((0, 2)), sent.any((0, 2))
        before = self.fired or fired
        self.fired = np.logical_or(before[0], fired[0]), np.logical_or(before[1], fired[1])

    def result(self, scale: LayerScale, factor: float) -> LayerFidelity:
        """Return the fidelity of the layer."""
        assert self.fired is not None
        mean = (self.float_spikes + self.spikes) / 2
        return LayerFidelity(
            name=self.name,
            scale=scale.scale,
            threshold=scale.threshold,
            threshold_factor=factor,
            saturated=scale.saturated,
            float_rate=self.float_spikes / self.entries,
            rate=self.spikes / self.entries,
            same_step=self.both / mean if mean else 1.0,
            distance=self.apart / self.float_spikes
            if self.float_spikes
            else float(self.spikes > 0),
            voltage_correlation=self.correlation,
            silent=int((self.fired[0] & ~self.fired[1]).sum()),
            overflows=self.overflows,
        )


def _measure(
    network: FloatNetwork,
    quantized: QuantizedNetwork,
    reference: Reference,
    spikes: NDArray[Any],
    measures: Sequence[_Measure],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Add a batch to the measures of all layers; return the predictions of float and integers."""
    last = network.layers[-1]
    fires, steps = last.dynamics.fires, spikes.shape[2]
    expected = reference(spikes, voltages=not fires)
    activity = get("fast").run(quantized, _pad(spikes, len(network.layers)))
    for index, (layer, measure) in enumerate(zip(network.layers, measures)):
        sent = activity.spikes[index][:, : layer.neurons, index + 1 : index + 1 + steps]
        over = activity.overflows[index]
        measure.add(expected[layer.name].spikes, sent, int((over.wraps + over.clips).sum()))
    run = expected[last.name]
    values = run.spikes.sum(2) if fires or run.voltage is None else run.voltage[:, :, -1]
    return np.argmax(values, 1), np.asarray(predict(outputs(quantized, activity)))


def _trace(
    network: FloatNetwork,
    quantized: QuantizedNetwork,
    reference: Reference,
    samples: Samples,
    measures: Sequence[_Measure],
) -> None:
    """Correlate the voltages of a few samples."""
    spikes = samples.take(min(TRACED, len(samples))).spikes
    steps = spikes.shape[2]
    expected = reference(spikes, voltages=True)
    padded = _pad(spikes, len(network.layers))
    activity = get("fast").run(quantized, padded, RunOptions(states=True))
    for index, (layer, measure) in enumerate(zip(network.layers, measures)):
        late = slice(index + 1, index + 1 + steps)
        run, sent = expected[layer.name], activity.spikes[index][:, : layer.neurons, late]
        voltage = activity.states[index].voltage[:, : layer.neurons, late]
        if run.voltage is not None:
            quiet = (run.spikes == 0) & (sent == 0)
            measure.correlation = correlations(run.voltage, voltage, quiet)


# Advice


def _advice(
    layers: Sequence[LayerFidelity], quantized: PostTraining, *, labelled: bool
) -> Iterator[str]:
    """Name the layers that fell silent, saturate or lose most, and what would help."""
    for layer in layers:
        name = repr(layer.name)
        if not layer.float_rate and layer.threshold != loihi.THRESHOLD_NEVER:
            yield (
                f"{name} does not fire in the float network either; check dialect, time step and "
                "options against the program that trained it"
            )
        elif layer.float_rate and not layer.rate:
            yield f"{name} fell silent; lower its threshold or raise its weights"
        elif layer.silent:
            yield f"{layer.silent} neuron{'s' * (layer.silent > 1)} of {name} fell silent"
        if layer.rate > 0.5 > layer.float_rate:
            yield f"{name} saturates: its neurons fire in {layer.rate:.0%} of the steps"
        if layer.overflows:
            times = f"{layer.overflows:,} time{'s' * (layer.overflows > 1)}"
            yield f"a state of {name} overflowed {times}; give it a smaller scale"
    losses = np.diff([0.0, *(layer.distance for layer in layers)])
    worst = layers[int(np.argmax(losses))]
    if worst.distance < CLOSE:
        return
    ways = []
    if any(repr(worst.name) in each for each in quantized.approximations):
        ways.append("training it with a reset that Loihi has")
    if any(f"bias of {worst.name!r} acts" in each for each in quantized.notes):
        ways.append("training it without a bias, which acts early here")
    ways.append("more bits (--bits 16)" if quantized.bits == 8 else "more bits")
    ways.append("a few epochs of nd.fit" if labelled else "labels, and a few epochs of nd.fit")
    yield f"{worst.name!r} loses most; {', or '.join(ways)} would help"
