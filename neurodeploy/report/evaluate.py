"""Evaluate a network: run it over samples and report its activity and estimated cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.inputs import as_samples, for_samples
from neurodeploy.data.samples import Advance, Samples
from neurodeploy.evaluation.comparison import BackendComparison
from neurodeploy.evaluation.recording import SampleRecorder, Tracer, spike_file
from neurodeploy.evaluation.simulation import choose_backends, run_batches
from neurodeploy.export import rules
from neurodeploy.hw_sim import chips as chips_module
from neurodeploy.hw_sim import design_rules
from neurodeploy.hw_sim.activity import Activity, LayerCounts, Measured, count, join
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.chips import Chip
from neurodeploy.hw_sim.decisions import DecisionMeter
from neurodeploy.hw_sim.neurobench_metrics import NeurobenchMeter
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.readout import first_predictions, outputs, score
from neurodeploy.hw_sim.workload import Meter
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.report.parts import Provenance
from neurodeploy.report.report import Entry, Report, SideBySide, build

OUTPUTS_REPORTED: Final = 100
"""Maximum number of samples whose outputs a report holds."""


def evaluate(
    network: QuantizedNetwork,
    samples: Samples | ArrayLike,
    *,
    labels: ArrayLike | None = None,
    chips: Sequence[str | Chip] = ("loihi1", "loihi2"),
    copies: int = 1,
    chips_used: int | None = None,
    backend: str = "fast",
    compare: str | None = None,
    trace: bool = False,
    keep_sample: int | None = 0,
    threads: int | None = None,
    time_limit_s: float | None = None,
    advance: Advance | None = None,
    spikes_to: Path | str | None = None,
) -> Report:
    """Run a network over samples and report accuracy, spikes, placement, energy and latency.

    Args:
        network: the network to run.
        samples: samples, or integers (batch, neurons, time); see `load_input`.
        labels: the correct class of each sample, integers (samples,); replaces the samples' labels.
        chips: chips to estimate, as names or `Chip` objects.
        copies: copies of the network on each chip, see `estimate`.
        chips_used: number of chips with copies; by default those that one copy takes.
        backend: name of the backend that runs the network.
        compare: name of another backend that runs the same samples, or None.
        trace: whether to record firing rates, silent and saturated neurons of every layer.
        keep_sample: index of the sample to record for the page and the figures, or None.
        threads: CPU cores to use; all by default.
        time_limit_s: time limit in seconds for a run on Lava or Loihi.
        advance: progress callback, called with the completed and the total time steps.
        spikes_to: path of an .npz file to write the spikes of every layer to, or None.

    Raises:
        InputError: if samples or labels do not fit the network, the copies do not fit a chip, or a
            sample does not fit into memory.
        BackendError: if a backend cannot run.

    Examples:
        >>> report = neurodeploy.evaluate(network, spikes, labels=[0, 1, 1, 0, 1])
        >>> 0 <= report.accuracy <= 1, sorted(report.estimated)
        (True, ['loihi1', 'loihi2'])
        >>> report.to_rows()[0]["neurocores"]
        2
    """
    samples = as_samples(samples, network, labels)
    backends = choose_backends([backend, *filter(None, [compare])], time_limit_s)
    chosen = choose_chips(chips)
    placed = [place(network, each, copies=copies, chips_used=chips_used) for each in chosen]
    runs = for_samples(network, samples)
    options = RunOptions(threads=threads, time_limit_s=time_limit_s)
    seen = _Observers(runs, samples, placed, trace=trace, keep_sample=keep_sample)
    also: list[Callable[[Activity], None]] = []
    compared = None
    if len(backends) == 2:
        compared = BackendComparison(runs, backends, options, samples, advance)
        also.append(compared.add)
    with ExitStack() as stack:
        if spikes_to is not None:
            also.append(stack.enter_context(spike_file(Path(spikes_to), runs, samples)))
        for activity in run_batches(
            runs, samples, backends[0], options=options, advance=advance, others=backends[1:]
        ):
            for add in (seen.add, *also):
                add(activity)
            del activity  # free its memory before the next batch
        comparison = None if compared is None else compared.result()
    return build(
        network,
        join(seen.counts),
        provenance=_provenance(network, samples, seen.overflows, backend=backend, chips=chosen),
        comparison=comparison,
        **seen.parts(network, samples),
    )


class _Observers:
    """Counters and recorders that read each batch."""

    def __init__(
        self,
        network: QuantizedNetwork,
        samples: Samples,
        placements: Sequence[Placement],
        *,
        trace: bool,
        keep_sample: int | None,
    ) -> None:
        self._network, self._labelled = network, samples.labels is not None
        self._meters = list(map(Meter, placements))
        self._decisions = DecisionMeter(network, samples.labels)
        self._neurobench = NeurobenchMeter(network)
        self._tracer = Tracer(network) if trace else None
        kept = None if keep_sample is None else SampleRecorder(network, samples, keep_sample)
        self._sample = kept
        self._outputs: list[NDArray[np.int64]] = []
        self._measured: Measured | None = None
        self.counts: list[tuple[LayerCounts, ...]] = []
        self.overflows: int | None = None

    def add(self, activity: Activity) -> None:
        """Update the counters and recorders with the next batch."""
        self.counts.append(count(self._network, activity))
        if self._labelled or sum(map(len, self._outputs)) < OUTPUTS_REPORTED:
            self._outputs.append(outputs(self._network, activity))
        for each in activity.overflows:
            self.overflows = (self.overflows or 0) + int((each.wraps + each.clips).sum())
        self._measured = activity.measured
        for meter in (*self._meters, self._decisions, self._neurobench, self._tracer, self._sample):
            if meter is not None:
                meter.add(activity)

    def parts(self, network: QuantizedNetwork, samples: Samples) -> dict[str, Any]:
        """Return the results as keyword arguments of `build`."""
        found, labels = np.concatenate(self._outputs), samples.labels
        shown = slice(OUTPUTS_REPORTED)
        return {
            "workloads": [meter.result() for meter in self._meters],
            "score": None if labels is None else score(found, labels),
            "decisions": self._decisions.result(),
            "neurobench": self._neurobench.result(),
            "measured": self._measured,
            "predictions": first_predictions(
                network,
                found[shown],
                samples.numbers[: len(found)][shown],
                labels=None if labels is None else labels[: len(found)][shown],
            ),
            "trace": None if self._tracer is None else self._tracer.result(),
            "sample": None if self._sample is None else self._sample.result(),
        }


def _provenance(
    network: QuantizedNetwork,
    samples: Samples,
    overflows: int | None,
    *,
    backend: str,
    chips: Sequence[Chip],
) -> Provenance:
    trained_on = network.provenance.get("data")
    trained_on = trained_on if isinstance(trained_on, str) and trained_on else None
    return Provenance(
        sha256=network.digest,
        backend=backend,
        dataset=samples.source,
        split=samples.split,
        dt_ms=None if network.task.dt_ms is None else float(network.task.dt_ms),
        seed=seed_of(network.provenance),
        trained_on=trained_on,
        cost_files_sha256={chip.name: chip.digest for chip in chips},
        num_overflows=overflows,
        notes=(*other_dataset(samples, trained_on), *samples.notes),
    )


def seed_of(metadata: Mapping[str, Any]) -> int | None:
    """Return the training seed in a network's metadata, or None.

    `train` stores it in the options; other tools may store it at the top level.
    """
    options = metadata.get("options")
    for values in (metadata, options if isinstance(options, Mapping) else {}):
        seed = values.get("seed")
        if isinstance(seed, int) and not isinstance(seed, bool):
            return seed
    return None


def other_dataset(samples: Samples, trained_on: str | None) -> list[str]:
    """Return a note if the samples come from another dataset than the training data, else [].

    Samples from a file or array (`samples.signal` is None) have no dataset to compare.
    """
    if trained_on is None or samples.signal is None:
        return []
    trained, run = (source.partition(" in ")[0] for source in (trained_on, samples.source))
    return [] if trained == run else [f"trained on {trained} and run on {run}, another dataset"]


def choose_chips(chips: Sequence[str | Chip]) -> tuple[Chip, ...]:
    """Return the `Chip` objects of a list of names or chips, or of a single one.

    Raises:
        InputError: if a chip does not exist, or two have the same name.
    """
    listed = [chips] if isinstance(chips, (str, Chip)) else list(chips or ())
    wrong = [each for each in listed if not isinstance(each, (str, Chip))]
    if wrong or not listed:
        raise InputError(f"the chips are {chips!r}; pass a list of chip names or Chip objects")
    found = [chips_module.chip(each) if isinstance(each, str) else each for each in listed]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the chip {name} appears twice; list each chip once")
    return tuple(found)


def check_rules(
    network: QuantizedNetwork, chips: Sequence[str | Chip] = ("loihi2",)
) -> Mapping[str, tuple[str, ...]]:
    """Check a network against the file format and each chip, and return all problems by chip.

    The result is empty if there are no problems.

    Raises:
        InputError: if a chip does not exist.

    Examples:
        >>> dict(neurodeploy.check_rules(network, ["loihi1", "loihi2"]))
        {}
    """
    check_network(network)
    found = {}
    for chip in choose_chips(chips):
        problems = (*rules.check(network), *design_rules.check(network, place(network, chip)))
        if problems:
            found[chip.name] = problems
    return MappingProxyType(found)


def compare_networks(
    networks: Mapping[str, QuantizedNetwork] | Sequence[QuantizedNetwork],
    samples: Samples | ArrayLike | Mapping[str, Samples],
    *,
    labels: ArrayLike | None = None,
    chips: Sequence[str | Chip] = ("loihi1", "loihi2"),
    copies: int = 1,
    chips_used: int | None = None,
    backend: str = "fast",
    threads: int | None = None,
    time_limit_s: float | None = None,
    advance: Advance | None = None,
) -> SideBySide:
    """Evaluate several networks in turn.

    Args:
        networks: two or more, by name; a sequence is named "network 0", "network 1" and so on.
        samples: samples for all networks, or a mapping from network names to samples.
        labels: the correct class of each sample; replaces the samples' labels.
        chips: chips to estimate, as names or `Chip` objects.
        copies: copies of each network on each chip, see `estimate`.
        chips_used: number of chips with copies; by default those that one copy takes.
        backend: name of the backend that runs the networks.
        threads: CPU cores to use; all by default.
        time_limit_s: time limit in seconds for a run on Lava or Loihi.
        advance: progress callback, called with the completed and the total time steps of the
            current network.

    Raises:
        InputError: if there are fewer than two networks, or one does not fit its samples.
        BackendError: if the backend cannot run.

    Examples:
        >>> found = neurodeploy.compare_networks({"a": network, "b": other}, spikes)
        >>> [(row["network"], row["chip"]) for row in found.to_rows()]
        [('a', 'loihi1'), ('a', 'loihi2'), ('b', 'loihi1'), ('b', 'loihi2')]
    """
    if not isinstance(networks, Mapping):
        networks = {f"network {index}": each for index, each in enumerate(networks)}
    if len(networks) < 2:
        raise InputError(f"{len(networks)} networks cannot be compared; pass two or more")
    own = samples if isinstance(samples, Mapping) else dict.fromkeys(networks, samples)
    missing = [name for name in networks if name not in own]
    if missing:
        raise InputError(f"there are no samples for {', '.join(missing)}; pass samples for each")
    entries = []
    for name, network in networks.items():
        try:
            report = evaluate(
                network, own[name], labels=labels, chips=chips, copies=copies,
                chips_used=chips_used, backend=backend, threads=threads,
                time_limit_s=time_limit_s, advance=advance,
            )  # fmt: skip
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        entries.append(Entry(name, report))
    return SideBySide.of(entries)
