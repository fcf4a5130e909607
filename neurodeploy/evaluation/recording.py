"""Optional recordings of a run, batch by batch, so that memory stays flat.

One sample, for the spike raster (`report --html FILE --raster N`); all spikes, in an .npz file
(`report --spikes out.npz`); and statistics of each layer that explain a loss of accuracy (`report
--trace`): firing rates in training and quantized, silent and saturated neurons, and overflows.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import Signal
from neurodeploy.data.samples import Samples, spread
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.readout import outputs
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing
from neurodeploy.models.layers import LAYERS
from neurodeploy.models.network import QuantizedNetwork

# One sample

ROWS: Final = 128
"""Maximum number of neurons to record per layer, evenly spaced."""


@dataclass(frozen=True, eq=False)
class RecordedSpikes:
    """The spikes of the input or of a layer in one sample.

    Attributes:
        neurons: number of neurons.
        rows: indices of the recorded neurons, int64, ascending, at most `ROWS`.
        values: spikes of the recorded neurons, integers (rows, steps).
        spikes: number of spikes of all neurons.
    """

    neurons: int
    rows: NDArray[np.int64]
    values: NDArray[Any]
    spikes: int


@dataclass(frozen=True, eq=False)
class RecordedSample:
    """One sample of a run.

    Attributes:
        number: index among the samples of the run.
        source_number: index in the source of the samples.
        signal: the sensor's signal, or None.
        inputs: the input spikes.
        layers: the spikes of each layer.
        outputs: the network's outputs, int64 (outputs,).
        label: the correct class, or None.
    """

    number: int
    source_number: int
    signal: Signal | None
    inputs: RecordedSpikes
    layers: tuple[RecordedSpikes, ...]
    outputs: NDArray[np.int64]
    label: int | None


class SampleRecorder:
    """Records one sample of a run, at most `ROWS` neurons per layer.

    Args:
        network: the network.
        inputs: the samples of the run.
        number: index of the sample to record.

    Raises:
        InputError: if there is no such sample.
    """

    def __init__(self, network: QuantizedNetwork, inputs: Samples, number: int) -> None:
        if not 0 <= number < len(inputs):
            raise InputError(
                f"there is no sample {number} to record (keep_sample, on the command line "
                f"--raster); the run has {len(inputs)}, numbered from 0 to {len(inputs) - 1}"
            )
        self._network, self._inputs, self._number = network, inputs, number
        self._seen = 0
        self._recorded: RecordedSample | None = None

    def add(self, activity: Activity) -> None:
        """Record the sample if this batch holds it."""
        at = self._number - self._seen
        self._seen += len(activity.inputs)
        if not 0 <= at < len(activity.inputs):
            return
        inputs = self._inputs
        self._recorded = RecordedSample(
            number=self._number,
            source_number=int(inputs.numbers[self._number]),
            signal=None if inputs.signal is None else inputs.signal(self._number),
            inputs=_thinned(activity.inputs[at]),
            layers=tuple(_thinned(spikes[at]) for spikes in activity.spikes),
            outputs=outputs(self._network, activity)[at].copy(),
            label=None if inputs.labels is None else int(inputs.labels[self._number]),
        )

    def result(self) -> RecordedSample:
        """Return the recorded sample, after the run."""
        assert self._recorded is not None
        return self._recorded


def _thinned(sent: NDArray[Any]) -> RecordedSpikes:
    rows = spread(len(sent), ROWS)
    return RecordedSpikes(len(sent), rows, sent[rows].copy(), int(np.count_nonzero(sent)))


# All spikes


@contextmanager
def spike_file(
    path: Path, network: QuantizedNetwork, inputs: Samples
) -> Iterator[Callable[[Activity], None]]:
    """Yield a function that takes the activity of each batch; write the file if the block succeeds.

    The arrays are `layer_0`, `layer_1`, ...: what each layer's neurons emit (Lava's `s_out`), from
    cleared state, (neurons, time) or (channel, height, width, time), with an axis of samples in
    front if the input had one; uint8 for spikes of 0 or 1, int32 for graded ones. Each layer is
    written to a file of its own beside `path` until all samples have run: a memory map would end
    the process on a full disk.

    Raises:
        InputError: if `path` does not end in .npz or cannot be written.
    """
    check_spike_file(path)
    with replacing(path) as temporary, ExitStack() as stack:
        made = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
        folder = Path(stack.enter_context(made))
        names = [f"layer_{index}.npy" for index in range(len(network.layers))]
        opened = [stack.enter_context((folder / name).open("wb")) for name in names]
        for file, layer in zip(opened, network.layers):
            _write_header(file, layer, inputs)

        def add(activity: Activity) -> None:
            for file, layer, spikes in zip(opened, network.layers, activity.spikes):
                np.ascontiguousarray(spikes, _dtype(layer)).tofile(file)

        yield add
        for file in opened:
            file.flush()
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in names:
                with (
                    (folder / name).open("rb") as written,
                    archive.open(name, "w", force_zip64=True) as entry,
                ):
                    shutil.copyfileobj(written, entry, 1 << 20)


def check_spike_file(path: Path) -> None:
    """Raise InputError unless `path` can be the name of an .npz file."""
    if path.suffix != ".npz" or files.kind(path) == "folder":
        raise InputError(f"{path} is no name for a file of arrays; give one ending in .npz")


def _dtype(layer: Any) -> type[np.generic]:
    return np.int32 if layer.neuron.graded else np.uint8


def _write_header(file: IO[bytes], layer: Any, inputs: Samples) -> None:
    samples = (len(inputs),) if inputs.leading else ()
    header = {
        "descr": np.dtype(_dtype(layer)).str,
        "fortran_order": False,
        "shape": (*samples, *layer.shape, inputs.num_steps),
    }
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]


# Layer by layer

SATURATED: Final = 0.9
"""A neuron that fires in more than this fraction of the steps counts as saturated."""

NO_RATES: Final = (
    "the file holds no rates of its training; `train` and `export` of this version write them"
)


@dataclass(frozen=True)
class LayerTrace:
    """Statistics of one layer over all samples.

    Attributes:
        layer: index of the layer, from 0.
        kind: kind of layer.
        neurons: number of neurons.
        training_rate: spikes per neuron and step on the validation samples in training, or None.
        rate: spikes per neuron and step in this run.
        silent_neurons: number of neurons that never fired.
        saturated_neurons: number of neurons that fired in more than `SATURATED` of the steps.
        num_wraps: number of times a neuron state wrapped, such as u of CUBA LIF; None if the
            backend does not count it.
        num_clips: number of times a neuron state was clipped, such as v of CUBA LIF, or None.
    """

    layer: int
    kind: str
    neurons: int
    training_rate: float | None
    rate: float
    silent_neurons: int
    saturated_neurons: int
    num_wraps: int | None
    num_clips: int | None


@dataclass(frozen=True)
class Trace:
    """Rates, silent and saturated neurons and overflows of every layer.

    Attributes:
        layers: one entry per layer.
        notes: one sentence each.
    """

    layers: tuple[LayerTrace, ...]
    notes: tuple[str, ...] = ()


class Tracer:
    """Counts the spikes and overflows of each neuron, batch by batch."""

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
        """Return the trace."""
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
    """Return the layers' firing rates in training, () if the network's metadata lack them."""
    rates = provenance.get("training_rates")
    if not isinstance(rates, list) or len(rates) != layers:
        return ()
    sound = all(type(rate) in (int, float) and 0 <= rate <= 1 for rate in rates)
    return tuple(map(float, rates)) if sound else ()
