"""Compare two runs of a network spike by spike, and find the first difference.

Differences are ordered by layer, because a wrong layer makes all later ones wrong; then by sample,
time step and neuron.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.inputs import as_samples, for_samples
from neurodeploy.data.samples import Advance, Samples
from neurodeploy.evaluation.simulation import choose_backends, run_batches
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import Backend, RunOptions, get
from neurodeploy.models.display import Shown, number_of
from neurodeploy.models.errors import BackendError, InputError, require
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.synapses import Shape

if TYPE_CHECKING:  # it takes seconds to import
    import torch

BATCH: Final = 128
"""Samples that the trained network runs at a time."""


@dataclass(frozen=True, order=True)
class Divergence:
    """A spike that differs. Divergences are ordered by layer, sample, time step and neuron.

    Attributes:
        layer: index of the layer.
        sample: index of the sample in the run.
        step: index of the time step.
        neuron: index of the neuron.
    """

    layer: int
    sample: int
    step: int
    neuron: int

    def __str__(self) -> str:
        return (
            f"layer {self.layer}, sample {self.sample}, time step {self.step}, neuron {self.neuron}"
        )


@dataclass(frozen=True)
class Side:
    """Spike and neuron state of one run at the first difference.

    Attributes:
        backend: name of the backend or of the trained network.
        spike: the neuron's spike in this time step.
        weighted: the weighted input in this time step, or None if unknown.
        current: u after the time step, or None.
        voltage: v after the time step, or None.
    """

    backend: str
    spike: int
    weighted: int | None = None
    current: int | None = None
    voltage: int | None = None


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """The comparison of two runs on the same input.

    Attributes:
        names: the two backends, or the trained network and the backend of the quantized one.
        num_layers: number of layers compared.
        num_samples: number of samples compared.
        num_spikes: number of equal spikes.
        num_different: number of (layer, sample, time step, neuron) with different spikes.
        first: the first difference, or None.
        num_overflows: number of times that a state of the quantized network wrapped or was clipped,
            if a trained network is compared.
        num_outputs_different: number of different outputs read from v.
        place: the first difference as a phrase, or "".
        sides: spike and state of each run at the first difference; empty without differences.
        note: a note on `sides`, or "".
        equal: whether all spikes and outputs are equal.

    Examples:
        >>> neurodeploy.compare(network, spikes, backends=("fast", "lava")).equal
        True
    """

    names: tuple[str, str]
    num_layers: int
    num_samples: int = 0
    num_spikes: int = 0
    num_different: int = 0
    first: Divergence | None = None
    num_overflows: int = 0
    num_outputs_different: int = 0
    place: str = ""
    sides: tuple[Side, ...] = ()
    note: str = ""
    equal: bool = field(init=False)

    def __post_init__(self) -> None:
        equal = not self.num_different and not self.num_outputs_different
        object.__setattr__(self, "equal", equal)

    def __add__(self, other: Comparison) -> Comparison:
        """Return the comparison of both sets of samples, those of `other` last."""
        found = [] if self.first is None else [self.first]
        if other.first is not None:
            found.append(replace(other.first, sample=other.first.sample + self.num_samples))
        counts = (
            "num_samples", "num_spikes", "num_different", "num_overflows", "num_outputs_different",
        )  # fmt: skip
        sums = {name: getattr(self, name) + getattr(other, name) for name in counts}
        return replace(self, **sums, first=min(found, default=None))

    def __str__(self) -> str:
        """Return the verdict and the first difference."""
        one, other = self.names
        over = f"{number_of(self.num_layers, 'layer')} over {number_of(self.num_samples, 'sample')}"
        spikes = number_of(self.num_spikes, "spike")
        if self.equal:
            return f"{one} and {other} agree in all {spikes} of {over}"
        lines = [
            f"{one} and {other} differ in {number_of(self.num_different, 'place')}; they agree in "
            f"{spikes} of {over}"
        ]
        if self.num_outputs_different:
            outputs = number_of(self.num_outputs_different, "output")
            lines.append(f"they also differ in {outputs} read from v")
        if self.first is not None:
            place = self.place or self.first
            lines.append(f"first, by layer, sample, time step and neuron: {place}")
        return "\n".join(lines)

    __repr__ = __str__


def compare_spikes(
    expected: Sequence[NDArray[Any]],
    found: Sequence[NDArray[Any]],
    *,
    names: tuple[str, str] = ("expected", "found"),
) -> Comparison:
    """Compare the spikes of two runs, each one array (samples, neurons, time) per layer."""
    spikes, different, first = 0, 0, None
    for index, (one, other) in enumerate(zip(expected, found, strict=True)):
        wrong = one != other
        count = int(wrong.sum())
        spikes += int(((one != 0) & ~wrong).sum())
        different += count
        if count and first is None:
            sample, step, neuron = np.argwhere(wrong.transpose(0, 2, 1))[0]
            first = Divergence(index, int(sample), int(step), int(neuron))
    return Comparison(names, len(found), len(found[0]), spikes, different, first)


# Two backends


def compare(
    network: QuantizedNetwork,
    samples: Samples | ArrayLike,
    *,
    backends: tuple[str, str] = ("fast", "lava"),
    threads: int | None = None,
    time_limit_s: float | None = None,
    advance: Advance | None = None,
) -> Comparison:
    """Run the same samples on two backends and compare the spikes of every layer.

    Args:
        network: the network to run.
        samples: samples, or an array as for `simulate`.
        backends: names of the two backends.
        threads: CPU cores to use; all by default.
        time_limit_s: time limit of a run on Lava or Loihi, in seconds.
        advance: progress callback, called with the time steps done and the total.

    Raises:
        InputError: if the samples do not fit the network or the memory.
        BackendError: if a backend cannot run.

    Examples:
        >>> found = neurodeploy.compare(network, spikes, backends=("fast", "lava"))
        >>> print(found)
        fast and lava agree in all ... spikes of 2 layers over 5 samples
    """
    first, second = choose_backends(backends, time_limit_s)
    samples = as_samples(samples, network)
    options = RunOptions(threads=threads, time_limit_s=time_limit_s)
    runs = for_samples(network, samples)
    found = BackendComparison(runs, (first, second), options, samples, advance)
    for activity in run_batches(
        runs, samples, first, options=options, advance=advance, others=[second]
    ):
        found.add(activity)
        del activity  # before the next batch takes as much
    return found.result()


class BackendComparison:
    """Runs a second backend on the batches of the first, and counts differences."""

    def __init__(
        self,
        network: QuantizedNetwork,
        backends: tuple[Backend, Backend],
        options: RunOptions,
        samples: Samples,
        advance: Advance | None = None,
    ) -> None:
        self._network, self._backends, self._options = network, backends, options
        self._samples, self._advance = samples, advance
        self._found = Comparison((backends[0].name, backends[1].name), len(network.layers))
        self._input: NDArray[Any] | None = None

    def add(self, activity: Activity) -> None:
        """Run the second backend on the input of `activity`, the next batch, and compare."""
        progress = self._samples.progress_from(self._found.num_samples, self._advance)
        asked = replace(self._options, progress=progress)
        other = self._backends[1].run(self._network, activity.inputs, asked)
        new = compare_spikes(activity.spikes, other.spikes)
        if activity.last_voltage is not None and other.last_voltage is not None:
            different = int((activity.last_voltage != other.last_voltage).sum())
            new = replace(new, num_outputs_different=different)
        found = self._found + new
        if found.first is not None and found.first != self._found.first:
            sample = found.first.sample - self._found.num_samples
            self._input = activity.inputs[sample : sample + 1].copy()
        self._found = found

    def result(self) -> Comparison:
        """Return the comparison; the sample of the first difference runs again for its states."""
        first = self._found.first
        if first is None:
            return self._found
        assert self._input is not None
        found = replace(self._found, place=place_of(first, self._network, self._samples))
        try:
            sides = tuple(
                side_of(backend, first, self._network, self._input, self._options)
                for backend in self._backends
            )
        except BackendError as error:
            return replace(found, note=f"its states are not known, for {error}")
        note = "" if sides[0].spike != sides[1].spike else "run alone, the sample does not differ"
        return replace(found, sides=sides, note=note)


def side_of(
    backend: Backend,
    place: Divergence,
    network: QuantizedNetwork,
    spikes: NDArray[Any],
    options: RunOptions = RunOptions(),
) -> Side:
    """Run one sample (1, channels, time) alone, and return spike and state at a place."""
    activity = backend.run(network, spikes, replace(options, states=True, progress=None))
    where = (0, place.neuron, place.step)
    spike = int(activity.spikes[place.layer][where])
    if not activity.states:
        return Side(backend.name, spike)
    states = activity.states[place.layer]
    values = (states.weighted, states.current, states.voltage)
    return Side(backend.name, spike, *(int(each[where]) for each in values))


def place_of(first: Divergence, network: QuantizedNetwork, samples: Samples) -> str:
    """Return the place of a difference as a phrase."""
    number = int(samples.numbers[first.sample])
    among = "" if number == first.sample else f"; it is sample {number} of the whole input"
    return f"{first}{position(first.neuron, network.layers[first.layer].shape)}{among}"


def position(neuron: int, shape: Shape) -> str:
    """Return a neuron's coordinates as a suffix, such as " (y 1, x 2)", "" in a flat layer."""
    names = {2: ("y", "x"), 3: ("channel", "y", "x")}.get(len(shape))
    if names is None:
        return ""
    places = np.unravel_index(neuron, shape)
    return f" ({', '.join(f'{name} {int(at)}' for name, at in zip(names, places))})"


# A trained network and its quantized one


def check_equivalence(
    model: torch.nn.Module,
    network: QuantizedNetwork,
    samples: Samples | ArrayLike,
    *,
    name: str = "the trained network",
    advance: Advance | None = None,
) -> Comparison:
    """Compare the spikes of every layer of a trained network and its quantized network.

    The trained network runs lava-dl's own dynamics instead of the compiled kernels, so that the two
    runs share no code.

    Args:
        model: trained torch module, as for `quantize`: the input passes through its list `blocks`
            in order. It runs in evaluation mode.
        network: the quantized network, from `quantize(model)`.
        samples: samples, or an array as for `simulate`; binary spikes, or the integers that drive
            input neurons.
        name: name of the model, for the result.
        advance: progress callback, called with the samples done and the total.

    Raises:
        InputError: if the samples do not fit the network.
        MissingPackageError: if torch or lava-dl is not installed.

    Examples:
        >>> quantized = neurodeploy.quantize(run.model)
        >>> found = neurodeploy.check_equivalence(run.model, quantized, task.test)
        >>> found.equal, found.num_different, found.first
        (True, 0, None)
    """
    require("the equivalence check", "torch", "lava.lib.dl.slayer")
    if not hasattr(model, "blocks"):
        raise InputError(
            f"the model is a {type(model).__name__} without blocks; give the trained torch module "
            "first, then its quantized network"
        )
    samples, fast = as_samples(samples, network), get("fast")
    if for_samples(network, samples) is not network:
        raise InputError(
            "scale and offset of the input layer are already applied to the samples, which SLAYER "
            "cannot run; give the integers before scale and offset"
        )
    found = Comparison((name, fast.name), len(network.layers))
    with _evaluating(model):
        for start in range(0, len(samples), BATCH):
            batch = samples.part(start, min(start + BATCH, len(samples)))
            new = _check_batch(model, network, batch, found.names)
            total = found + new
            sides = found.sides if total.first == found.first else new.sides
            found = replace(total, sides=sides)
            if advance is not None:
                advance(found.num_samples, len(samples))
    if found.first is None:
        return found
    return replace(found, place=place_of(found.first, network, samples))


def _check_batch(
    model: torch.nn.Module,
    network: QuantizedNetwork,
    spikes: NDArray[Any],
    names: tuple[str, str],
) -> Comparison:
    """Compare both networks on a batch (batch, channels, time)."""
    import torch

    from neurodeploy.models.blocks import layer_spikes

    fast = get("fast")
    activity = fast.run(network, spikes, RunOptions())
    device = next(model.parameters()).device
    values = spikes.reshape(len(spikes), *network.input_shape, spikes.shape[2])
    try:
        with torch.no_grad():
            trained = layer_spikes(model, torch.from_numpy(values.astype(np.float32)).to(device))
    except RuntimeError as error:  # weights for an input of another size
        raise InputError(f"{names[0]} cannot run on these samples ({error})") from None
    expected = [layer.cpu().numpy() for layer in trained]
    sizes = [[layer.shape[1] for layer in side] for side in (expected, activity.spikes)]
    if sizes[0] != sizes[1]:
        one, other = ("-".join(map(str, side)) for side in sizes)
        raise InputError(
            f"{names[0]} has {one} neurons, but the quantized network {other}; quantize it again"
        )
    overflows = sum(int((each.wraps + each.clips).sum()) for each in activity.overflows)
    found = compare_spikes(expected, activity.spikes, names=names)
    found = replace(found, num_overflows=overflows)
    if found.first is None:
        return found
    first = found.first
    spike = int(expected[first.layer][first.sample, first.neuron, first.step])
    alone = side_of(fast, first, network, spikes[first.sample : first.sample + 1])
    return replace(found, sides=(Side(names[0], spike), alone))


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Set a torch module to evaluation mode in this block, and restore every submodule's mode."""
    before = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
