"""Deploy the graphs of the NIR paper: a convolutional network on N-MNIST, two recurrent ones.

    python -m benchmarks.nir_published FOLDER [--samples 500]
        [--out docs/benchmarks/nir-published.md]

FOLDER holds the paper's graphs, `nir/cnn_sinabs.nir` and `nir/braille_noDelay_*.nir`, and
`nmnist_small.npz` with events of N-MNIST (x, y, p, t in microseconds, offset, label, each for
`train` and `test`). The test data of the Braille graphs is not public, so they run on random spikes
and are compared with snnTorch's own neurons.

Graphs: J. Pedersen et al., "Neuromorphic intermediate representation", Nature Communications 15,
8122 (2024).
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import pages
from benchmarks.pages import Table
from neurodeploy.evaluation.calibration import NodeRun, calibrate
from neurodeploy.evaluation.nir import NirSource, read_nir
from neurodeploy.evaluation.simulation import simulate
from neurodeploy.hw_sim.readout import outputs, predict
from neurodeploy.models.errors import DesignRuleError
from neurodeploy.report.evaluate import evaluate

FRAMES: Final = 300
"""Frames of 1 ms of an N-MNIST sample, as in the paper."""
CALIBRATED: Final = 32
"""Training samples on which scales are chosen."""
BRAILLE: Final[dict[str, dict[str, Any]]] = {
    "braille_noDelay_bias_zero": {},
    "braille_noDelay_noBias_subtract": {"reset": "subtract", "reset_delay": True},
}
"""Recurrent graphs, and the options of snnTorch that their files do not tell."""
ACTIVITIES: Final = (0.01, 0.05, 0.20)
STEPS: Final = 256
BITS: Final = (8, 16)


def main(argv: Sequence[str] | None = None) -> int:
    """Run both parts, print the tables, and write the page."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--samples", type=int, default=500, help="random inputs per activity")
    options.add_argument("--out", type=Path, help="page to write")
    args = options.parse_args(words)
    tables = [images(args.folder), braille(args.folder / "nir", args.samples)]
    for table in tables:
        table.show()
    if args.out:
        versions = {name: metadata.version(name) for name in ("snntorch", "nir")}
        pages.write(
            args.out, "nir_published", ["FOLDER", *words[1:]], tables=tables, versions=versions,
            samples=args.samples, calibration=CALIBRATED,
        )  # fmt: skip
    return 0


# N-MNIST


def images(folder: Path) -> Table:
    """Return accuracy and cost of `cnn_sinabs.nir` on the test samples of N-MNIST."""
    with np.load(folder / "nmnist_small.npz") as file:
        events = dict(file)
    source = read_nir(folder / "nir" / "cnn_sinabs.nir", dialect="sinabs", dt=1e-3)
    train, _ = frames(events, "train", CALIBRATED)
    test, labels = frames(events, "test", len(events["test_label"]))
    rows = [
        [name, *_images(source, limit(train), limit(test), labels)]
        for name, limit in (
            ("events per pixel and frame", lambda values: values),
            ("0 or 1 per pixel and frame", lambda values: np.minimum(values, 1)),
        )
    ]
    headings = [
        "input", "float", "integers", "equal decisions", "SynOps per sample",
        "neurocores, Loihi 1", "µJ, Loihi 1", "neurocores, Loihi 2", "µJ, Loihi 2",
    ]  # fmt: skip
    return Table("A convolutional network on N-MNIST", "accuracies in percent", headings, rows)


def frames(events: dict[str, Any], part: str, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return event counts uint8 (samples, 2, 34, 34, FRAMES) and labels of the first samples."""
    counts = np.zeros((count, 2, 34, 34, FRAMES), np.uint8)
    at = events[f"{part}_offset"]
    for index in range(count):
        span = slice(at[index], at[index + 1])
        x, y, p, t = (events[f"{part}_{key}"][span] for key in "xypt")
        frame = t // 1000
        seen = frame < FRAMES
        np.add.at(counts[index], tuple(each[seen] for each in (p, y, x, frame)), 1)
    return counts, events[f"{part}_label"][:count].astype(np.int64)


def _images(
    source: NirSource, train: NDArray[Any], test: NDArray[Any], labels: NDArray[Any]
) -> Iterator[str]:
    network = source.quantize(samples=source.samples(train)).network
    report = evaluate(network, test, labels=labels, chips=["loihi1", "loihi2"])
    run = source.run(test.reshape(len(test), -1, FRAMES), voltages=False)
    floats = run[source.floats.layers[-1].name].spikes.sum(2).argmax(1)
    integers = predict(outputs(network, simulate(network, test)))
    yield f"{(floats == labels).mean():.1%}"
    yield f"{report.accuracy:.1%}"
    yield f"{(floats == integers).mean():.1%}"
    yield f"{report.counted.total.synops_per_sample:,.0f}"
    for chip in ("loihi1", "loihi2"):
        found = report.estimated[chip]
        if found.problems:
            yield from ("does not fit", "-")
        else:
            yield str(found.placement.neurocores)
            total = found.energy.total
            yield f"{total.value * 1e6:,.0f} ({total.low * 1e6:,.0f} to {total.high * 1e6:,.0f})"


# Braille


def braille(folder: Path, samples: int) -> Table:
    """Return how far integers are from snnTorch's neurons on random spikes."""
    rows = []
    for name, options in BRAILLE.items():
        source = read_nir(folder / f"{name}.nir", dialect="snntorch", **options)
        for activity in ACTIVITIES:
            drawn = np.random.default_rng(0).random((samples, source.floats.input_shape[0], STEPS))
            rows += _braille(source, name, (drawn < activity).astype(np.uint8), activity)
    headings = [
        "graph", "active inputs", "bits", "layer 1", "layer 2", "equal decisions",
        "SynOps per sample", "reference = snnTorch",
    ]  # fmt: skip
    about = (
        "spikes of each layer that snnTorch and the integers send in the same step, over their "
        "mean number, in percent"
    )
    return Table("Recurrent networks on random spikes", about, headings, rows)


def _braille(
    source: NirSource, name: str, spikes: NDArray[Any], activity: float
) -> Iterator[list[str]]:
    own = source.run(spikes)
    theirs = dict(zip(own, snntorch_spikes(source, spikes)))
    wrong = sum(int((own[key].spikes != theirs[key].spikes).sum()) for key in own)
    counted = sum(each.spikes.size for each in theirs.values())
    exact = "exactly" if source.dialect.reset == "value" else "approximated"

    def run(inputs: NDArray[Any], *, voltages: bool) -> dict[str, NodeRun]:
        """Return snnTorch's spikes and the reference's voltages of some of the samples."""
        del voltages
        at = [int(np.flatnonzero((spikes == each).all((1, 2)))[0]) for each in inputs]
        return {key: type(own[key])(theirs[key].spikes[at], own[key].voltage[at]) for key in own}

    for bits in BITS:
        try:
            found = calibrate(source.floats, run, source.samples(spikes), bits=bits)
        except DesignRuleError:
            found = calibrate(
                source.floats, run, source.samples(spikes), bits=bits, approximate=True
            )
        layers = [f"{layer.same_step:.1%}" for layer in found.layers]
        work = evaluate(found.network, spikes[:100], chips=["loihi2"]).counted
        yield [
            f"{name} ({exact})", f"{activity:.0%}", str(bits), *layers,
            f"{found.decisions_equal:.1%}", f"{work.total.synops_per_sample:,.0f}",
            f"{wrong} of {counted:,} differ",
        ]  # fmt: skip


def snntorch_spikes(source: NirSource, spikes: NDArray[Any]) -> Iterator[Any]:
    """Yield the run of each layer with snnTorch's `Synaptic` neurons, in float32.

    `RSynaptic` of snnTorch 1.0 resets one step late whatever its reset_delay is, so recurrence is a
    loop around `Synaptic`.
    """
    import torch

    from neurodeploy.export.nir.reference import NodeRun as Run

    arriving = torch.from_numpy(spikes.astype(np.float32))
    with torch.no_grad():
        for layer in source.floats.layers:
            arriving = _layer(layer, arriving, source.dialect)
            yield Run(arriving.numpy().astype(np.int32))


def _layer(layer: Any, arriving: Any, dialect: Any) -> Any:
    """Return the spikes (samples, neurons, steps) of one layer of the folded network."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import snntorch

    def tensor(values: Any) -> Any:
        return torch.from_numpy(np.array(values, np.float32))

    rules = layer.dynamics
    neurons = snntorch.Synaptic(
        tensor(rules.current_retention), tensor(rules.voltage_retention),
        threshold=tensor(rules.threshold),
        reset_mechanism="zero" if dialect.reset == "value" else "subtract",
        reset_delay=dialect.reset_delay,
    )  # fmt: skip
    weight = tensor(layer.weight)
    recurrent = None if layer.recurrent is None else tensor(layer.recurrent)
    syn, mem = neurons.reset_mem()
    spikes = torch.zeros(len(arriving), layer.neurons)
    sent = []
    for step in range(arriving.shape[2]):
        current = arriving[:, :, step] @ weight.T + tensor(layer.bias)
        if recurrent is not None:
            current = current + spikes @ recurrent.T
        spikes, syn, mem = neurons(current, syn, mem)
        sent.append(spikes)
    return torch.stack(sent, 2)


if __name__ == "__main__":
    sys.exit(main())
