"""Networks from NIR: read a graph in a dialect, fold it, quantize it, calibrate it on samples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.inputs import Source, as_samples, load_input
from neurodeploy.data.samples import Advance, Samples
from neurodeploy.evaluation.calibration import Calibration, NodeRun, calibrate
from neurodeploy.export.nir import dialects, folding, graph, metadata, reference
from neurodeploy.export.nir.dialects import DIALECTS, Dialect
from neurodeploy.models import loihi
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import FloatNetwork
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.models.post_training import PostTraining, quantize_float

if TYPE_CHECKING:
    import nir


SUSPECT: Final = 0.9
"""Accuracy of the float network below which other readings of the dialect are tried."""
NOTICEABLE: Final = 0.03
"""Difference of accuracy above which another reading is named."""
READINGS_SAMPLES: Final = 128
"""Maximum number of samples on which other readings are tried."""


@dataclass(frozen=True, eq=False, repr=False)
class NirSource(Shown):
    """A NIR graph that was read in a dialect and folded into a chain of layers.

    Attributes:
        source: name of the file, or "a graph".
        graph: the flat graph.
        dialect: the dialect, with its options.
        dialect_from: where the dialect comes from.
        dt_s: time step in seconds, or None if no neuron needs it.
        dt_from: where the time step comes from.
        floats: the folded network.
    """

    source: str
    graph: nir.NIRGraph
    dialect: Dialect
    dialect_from: str
    dt_s: float | None
    dt_from: str
    floats: FloatNetwork

    @property
    def reading(self) -> tuple[str, ...]:
        """How the graph was read: dialect, time step, reset and start, one sentence each."""
        step = "no time step" if self.dt_s is None else f"a time step of {self.dt_s * 1e3:g} ms"
        reset = _reset_text(self.dialect)
        lines = (
            f"read in the dialect {self.dialect.name} ({self.dialect_from})",
            f"{step} ({self.dt_from})",
            f"after a spike, the voltage {reset}",
        )
        more = (_input_text(self.dialect, self.graph), self.dialect.difference())
        return (*lines, *(each for each in more if each))

    def run(self, inputs: NDArray[Any], *, voltages: bool = True) -> Mapping[str, NodeRun]:
        """Run the float reference on spikes (samples, channels, steps)."""
        entry = next(each for each in self.graph.nodes.values() if type(each).__name__ == "Input")
        shape = tuple(map(int, entry.output_type["output"]))  # of lines, as Conv1d takes them
        images = inputs.reshape(len(inputs), *shape, inputs.shape[-1])
        return reference.simulate(self.graph, images, self.dialect, self.dt_s, voltages=voltages)

    def samples(self, given: Samples | Source, labels: Source | None = None) -> Samples:
        """Return samples for the float network, without additional steps.

        Raises:
            InputError: if they do not fit the network.
        """
        network = replace(self._any_network(), task=TaskDescription())
        if isinstance(given, Samples):
            return as_samples(given, network, labels if labels is None else np.asarray(labels))
        return load_input(given, network, labels=labels)

    def other_readings(self, samples: Samples) -> tuple[str, ...]:
        """Return which options of the dialect give the float network a higher accuracy.

        A file cannot tell them, and the wrong ones can cost all accuracy. Only if the accuracy of
        this reading is below `SUSPECT`, the other ones run, on some of the samples.

        Args:
            samples: labelled samples.
        """
        part = samples.take(min(READINGS_SAMPLES, len(samples)))
        own = self._accuracy(part)
        if own >= SUSPECT:
            return ()
        found = []
        for options in _other_options(self.dialect):
            other = replace(self, dialect=self.dialect.with_options(**options))
            changed = {
                name: value
                for name, value in options.items()
                if getattr(other.dialect, name) != getattr(self.dialect, name)
            }
            accuracy = other._accuracy(part)
            if accuracy > own + NOTICEABLE:
                found.append((accuracy - NOTICEABLE / 3 * len(changed), accuracy, changed))
        if not found:
            return ()
        _, accuracy, changed = max(found, key=lambda each: each[0])
        words = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        return (
            f"with {words} the accuracy of the float network is {accuracy:.1%} on {len(part)} "
            f"samples, and as it was read {own:.1%}",
        )

    def _accuracy(self, samples: Samples) -> float:
        last = self.floats.layers[-1]
        run = self.run(samples.spikes, voltages=not last.dynamics.fires)[last.name]
        values = run.spikes.sum(2) if run.voltage is None else run.voltage[:, :, -1]
        return float((values.argmax(1) == samples.targets).mean())

    def _any_network(self) -> QuantizedNetwork:
        return quantize_float(self.floats, approximate=True).network

    def quantize(
        self,
        *,
        samples: Samples | None = None,
        bits: int = 8,
        approximate: bool = False,
        message_bits: int | None = None,
        advance: Advance | None = None,
    ) -> NirImport:
        """Quantize the network, with scales chosen on samples if there are any.

        Args:
            samples: see `samples`.
            bits: bits per weight.
            approximate: whether to take the closest form of what Loihi cannot do.
            message_bits: bits of graded input spikes; by default those of the samples, or 0.
            advance: progress callback.

        Raises:
            DesignRuleError: if a layer needs what Loihi cannot do, or no scale fits.
        """
        wide = message_bits_of(samples) if message_bits is None else message_bits
        options: dict[str, Any] = {
            "bits": bits, "approximate": approximate, "message_bits": wide,
        }  # fmt: skip
        found = None
        if samples is None:
            quantized = quantize_float(self.floats, **options)
        else:
            found = calibrate(self.floats, self.run, samples, advance=advance, **options)
            quantized = found.quantized
        network = replace(quantized.network, provenance=self._provenance(quantized, found))
        quantized = replace(quantized, network=network)
        if found is not None:
            found = replace(found, quantized=quantized)
        return NirImport(self, quantized, found)

    def _provenance(self, quantized: PostTraining, found: Calibration | None) -> dict[str, Any]:
        return {
            **self.floats.provenance,
            "format": "NIR",
            "file": self.source,
            "dialect": {**dialects.describe(self.dialect), "from": self.dialect_from},
            "time_step_s": self.dt_s,
            "time_step_from": self.dt_from,
            "bits": quantized.bits,
            "scales": quantized.scales,
            "notes": list(quantized.notes),
            "approximations": list(quantized.approximations),
            "calibration": None if found is None else found.to_dict(),
        }


@dataclass(frozen=True, eq=False, repr=False)
class NirImport(Shown):
    """A network that was imported from NIR, and how.

    Attributes:
        origin: the graph and how it was read.
        quantized: scales and thresholds, notes and approximations.
        calibration: the comparison with the float network, or None without samples.

    Examples:
        >>> import nir
        >>> one = np.ones(3)
        >>> neurons = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=0.2 * one)
        >>> graph = nir.NIRGraph.from_list(nir.Linear(weight=2 * np.eye(3, 4)), neurons)
        >>> found = neurodeploy.import_nir(graph, dt=1e-3)
        >>> found.quantized.layers[0].threshold
        255
    """

    origin: NirSource
    quantized: PostTraining
    calibration: Calibration | None = None

    @property
    def network(self) -> QuantizedNetwork:
        """The integer network."""
        return self.quantized.network

    @property
    def source(self) -> str:
        """Name of the file, or "a graph"."""
        return self.origin.source

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of, one sentence each."""
        advice = () if self.calibration is None else self.calibration.advice
        return (
            *self.origin.reading,
            *self.quantized.notes,
            *(f"approximated: {each}" for each in self.quantized.approximations),
            *advice,
        )


def read_nir(
    source: str | Path | nir.NIRGraph,
    *,
    dialect: str | Dialect | None = None,
    dt: float | None = None,
    reset: str | None = None,
    reset_delay: bool | None = None,
    multi_spike: bool | None = None,
    norm_input: bool | None = None,
) -> NirSource:
    """Read a NIR graph in a dialect and fold it into a chain of layers; see `from_nir`."""
    if callable(getattr(source, "forward", None)):
        raise InputError(
            f"{type(source).__name__} is a torch module; give it to neurodeploy.from_torch, with "
            "what it takes in a call"
        )
    name = Path(source).name if isinstance(source, (str, Path)) else "a graph"
    flat = graph.read(source) if isinstance(source, (str, Path)) else graph.checked(source)
    chosen, why = _dialect(flat, dialect)
    chosen = chosen.with_options(
        reset=reset, reset_delay=reset_delay, multi_spike=multi_spike, norm_input=norm_input
    )
    dt_s, dt_from = dialects.time_step(flat, chosen, dt)
    floats = folding.fold(flat, chosen, dt_s)
    return NirSource(
        source=name,
        graph=flat,
        dialect=chosen,
        dialect_from=why,
        dt_s=dt_s,
        dt_from=dt_from,
        floats=floats if dt is None else replace(floats, dt_s=dt),
    )


def import_nir(
    source: str | Path | nir.NIRGraph,
    *,
    dialect: str | Dialect | None = None,
    dt: float | None = None,
    reset: str | None = None,
    reset_delay: bool | None = None,
    multi_spike: bool | None = None,
    norm_input: bool | None = None,
    calibrate: Samples | Source | None = None,
    labels: Source | None = None,
    bits: int = 8,
    approximate: bool = False,
    message_bits: int | None = None,
    advance: Advance | None = None,
) -> NirImport:
    """Import a NIR graph as `from_nir` does, and return also how it was read and what was lost.

    Examples:
        >>> import nir
        >>> one = np.ones(3)
        >>> neurons = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=0.2 * one)
        >>> graph = nir.NIRGraph.from_list(nir.Linear(weight=2 * np.eye(3, 4)), neurons)
        >>> found = neurodeploy.import_nir(graph, dt=1e-3, calibrate=spikes)
        >>> found.calibration.layers[0].same_step
        1.0
        >>> print(found.notes[1])
        a time step of 1 ms (given)
    """
    if labels is not None and calibrate is None:
        raise InputError("labels say what samples are; give the samples with calibrate")
    origin = read_nir(
        source, dialect=dialect, dt=dt, reset=reset, reset_delay=reset_delay,
        multi_spike=multi_spike, norm_input=norm_input,
    )  # fmt: skip
    samples = None if calibrate is None else origin.samples(calibrate, labels)
    return origin.quantize(
        samples=samples, bits=bits, approximate=approximate, message_bits=message_bits,
        advance=advance,
    )  # fmt: skip


def from_nir(
    source: str | Path | nir.NIRGraph,
    *,
    dialect: str | Dialect | None = None,
    dt: float | None = None,
    reset: str | None = None,
    reset_delay: bool | None = None,
    multi_spike: bool | None = None,
    norm_input: bool | None = None,
    calibrate: Samples | Source | None = None,
    labels: Source | None = None,
    bits: int = 8,
    approximate: bool = False,
    message_bits: int | None = None,
) -> QuantizedNetwork:
    """Return the integer network of a NIR graph.

    Notes on how it was read and what was approximated are in its `provenance`; `import_nir` returns
    them as an object, with the calibration. A warning says which dialect was guessed.

    Args:
        source: path of a NIR file, or a graph.
        dialect: plain, snntorch, norse, spikingjelly, sinabs or rockpool; guessed by default.
        dt: time step in seconds, if neither the graph nor its dialect tells it; else how long a
            step really lasts, for rates and power.
        reset: "zero" or "subtract", if the framework's neurons differ from what the file says.
        reset_delay: whether the reset acts one step later.
        multi_spike: whether a neuron can emit several spikes per step.
        norm_input: whether sinabs scales the input of leaky neurons; by default as its classes do.
        calibrate: spikes (samples, channels, time) on which scales are chosen.
        labels: the correct class of each of these samples.
        bits: bits per weight.
        approximate: whether to take the closest form of what Loihi cannot do.
        message_bits: bits of graded input spikes; by default what `calibrate` needs, else 0.

    Raises:
        InputError: if the graph cannot be read, or its time step is needed.
        DesignRuleError: if it needs what Loihi cannot do, or no scale fits; names all nodes.

    Examples:
        >>> import nir
        >>> one = np.ones(3)
        >>> neurons = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=0.2 * one)
        >>> graph = nir.NIRGraph.from_list(nir.Linear(weight=2 * np.eye(3, 4)), neurons)
        >>> network = neurodeploy.from_nir(graph, dialect="plain", dt=1e-3)
        >>> network.layers[0].weight.shape, network.task.dt_ms
        ((3, 4), 1.0)
    """
    found = import_nir(
        source, dialect=dialect, dt=dt, reset=reset, reset_delay=reset_delay,
        multi_spike=multi_spike, norm_input=norm_input, calibrate=calibrate, labels=labels,
        bits=bits, approximate=approximate, message_bits=message_bits,
    )  # fmt: skip
    if dialect is None:
        warnings.warn(
            f"{found.source}: {'; '.join(found.origin.reading)}; name the dialect to be sure",
            stacklevel=2,
        )
    return found.network


def from_torch(
    module: Any,
    sample_input: Any,
    *,
    dt: float | None = None,
    calibrate: Samples | Source | None = None,
    labels: Source | None = None,
    bits: int = 8,
    approximate: bool = False,
    message_bits: int | None = None,
) -> QuantizedNetwork:
    """Return the integer network of a float torch module with spiking neurons.

    The framework's own NIR exporter writes the graph. Resets, delayed resets, several spikes per
    step and the time step, which the graph cannot tell, are read from the module, which does not
    change.

    Args:
        module: a module of snnTorch, Norse, SpikingJelly or sinabs, such as a `Sequential` of
            Linear, Conv2d and neurons, that takes one time step per call.
        sample_input: what the module takes in a call, with the axis of the batch; only its shape
            matters.
        dt: time step in seconds, if the framework has none.
        calibrate: as in `from_nir`.
        labels: as in `from_nir`.
        bits: as in `from_nir`.
        approximate: as in `from_nir`.
        message_bits: as in `from_nir`.

    Raises:
        InputError: if the module cannot be exported; names the module inside.
        DesignRuleError: if it needs what Loihi cannot do, or no scale fits; names all nodes.

    Examples:
        >>> import snntorch, torch
        >>> neurons = snntorch.Leaky(
        ...     0.9, init_hidden=True, reset_mechanism="zero", reset_delay=False
        ... )
        >>> module = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), neurons)
        >>> network = neurodeploy.from_torch(module, torch.zeros(1, 4))
        >>> network.layers[0].weight.shape, network.provenance["dialect"]["name"]
        ((3, 4), 'snntorch')
    """
    from neurodeploy.export.nir.modules import to_graph  # only here is a framework needed

    found, dialect = to_graph(module, sample_input)
    return from_nir(
        found, dialect=dialect, dt=dt, calibrate=calibrate, labels=labels, bits=bits,
        approximate=approximate, message_bits=message_bits,
    )  # fmt: skip


def load_nir(path: Path) -> QuantizedNetwork:
    """Return the network of a NIR file: its integers if neurodeploy wrote it, else by `from_nir`.

    Raises:
        InputError: as `from_nir`.
    """
    return own_integers(path) or from_nir(path)


def own_integers(path: Path) -> QuantizedNetwork | None:
    """Return the integers that neurodeploy stored in a NIR file, or None if it stored none.

    Raises:
        InputError: if the file cannot be read.
    """
    return metadata.exact(graph.read(path))


def message_bits_of(samples: Samples | None) -> int:
    """Return the bits that the input spikes of samples need, 0 if they are 0 and 1.

    Raises:
        InputError: if they need more bits than graded spikes have.
    """
    if samples is None:
        return 0
    low = high = 0
    for start in range(0, len(samples), 64):
        part = samples.part(start, min(start + 64, len(samples)))
        low, high = min(low, int(part.min(initial=0))), max(high, int(part.max(initial=0)))
    if not low and high <= 1:
        return 0
    high = max(-low, high)
    bits = math.ceil(math.log2(high + 1))
    if bits > loihi.MESSAGE_BITS_MAX:
        raise InputError(
            f"the samples of {samples.source} reach {high}; graded spikes hold "
            f"{loihi.MESSAGE_BITS_MAX} bits, so scale them down"
        )
    return bits


def _other_options(dialect: Dialect) -> list[dict[str, Any]]:
    """Return the combinations of options in which the dialect can differ from this reading."""
    choices: dict[str, tuple[Any, ...]] = {
        "reset": ("zero", "subtract"),
        "reset_delay": (False, True),
        "multi_spike": (False, True),
        "norm_input": (False, True),
    }
    names = [name for name in choices if name in dialect.options]
    return [dict(zip(names, values)) for values in product(*(choices[name] for name in names))]


def _dialect(flat: nir.NIRGraph, named: str | Dialect | None) -> tuple[Dialect, str]:
    if isinstance(named, Dialect):
        return named, "given"
    if named is None:
        found, why = dialects.guess(flat)
        return found, f"guessed: {why}"
    if named not in DIALECTS:
        raise InputError(f"the dialect is {named!r}; choose from {', '.join(DIALECTS)}")
    return DIALECTS[named], "given"


def _input_text(dialect: Dialect, flat: nir.NIRGraph) -> str:
    """Return how the input of sinabs' LIF was read, which its file cannot tell, or ""."""
    kinds = {type(node).__name__ for node in flat.nodes.values()}
    if "norm_input" not in dialect.options or "LIF" not in kinds:
        return ""
    if dialect.norm_input is False:
        return "the input of LIF is taken as it is (norm_input=False)"
    return "the input of LIF is scaled by 1 - exp(-1 / tau), as by default (norm_input=True)"


def _reset_text(dialect: Dialect) -> str:
    text = {
        "value": "is reset to the file's v_reset",
        "subtract": "drops by the threshold",
        "none": "stays as it is",
    }[dialect.reset]
    late = ", one step later" if dialect.reset_delay else ""
    several = "; a neuron can emit several spikes per step" if dialect.multi_spike else ""
    return f"{text}{late}{several}"
