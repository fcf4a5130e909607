"""A report as data: what was counted, what is estimated from it, and what neither covers.

Commands turn it into text, JSON and HTML. "Counted" is exact, from simulation; "estimated" comes
from a cost table; "measured" comes from real hardware and is absent without it.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Any, Final

from hw_sim.activity import LayerCounts, Measured
from hw_sim.answers import Answers
from hw_sim.chip import Chip, Cost
from hw_sim.latency import steps_of
from hw_sim.report_counted import Counted, counted
from hw_sim.report_estimated import Estimated, estimated
from hw_sim.score import Score
from models.errors import InputError
from models.network import QuantizedNetwork, digest

SCHEMA: Final = "neurodeploy.report"
VERSION: Final = 1
PACKAGES: Final = ("neurodeploy", "lava-nc", "lava-dl", "numpy")
"""Packages whose versions a report names."""

NOT_MODELLED: Final = (
    "Getting input onto the chip and answers off it: host, embedded processors and their links.",
    "Loading the network, and clearing its state between samples.",
    "Steps with more spikes than the mean step, which take longer than the estimate.",
    "Congestion of the mesh, and where exactly on it each neurocore lies.",
    "The memory that long delays take from a neurocore's accumulators.",
    "Networks that span several chips.",
    "Voltage, temperature and differences between chips of one kind.",
)
"""What every estimate leaves out, one sentence each."""

MEASURED_CAVEATS: Final = (
    "The host sends input and receives the spikes of every layer at every step, which sets the "
    "pace; a network that does not wait for it takes less time and less static energy.",
    "A sample lasts milliseconds, which is short for the chip's power sensors.",
)
"""What to keep in mind about measured figures, one sentence each."""


@dataclass(frozen=True, eq=False)
class Report:
    """What a run of a network shows and what it would cost.

    Attributes:
        network: that ran.
        digest: its sha256, 64 hexadecimal digits.
        counted: exact figures of the run.
        estimated: an entry a chip, by its name.
        versions: of Python and the packages that matter.
        provenance: what else was given about the run (backend, data, split), as JSON values.
        measured: what real hardware gave, None without it.
        answers: the outputs of the first samples, None where they were not kept.
    """

    network: QuantizedNetwork
    digest: str
    counted: Counted
    estimated: Mapping[str, Estimated]
    versions: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    measured: Measured | None = None
    answers: Answers | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values; keys end in their unit."""
        chips = [each.placement.chip for each in self.estimated.values()]
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "network": _network_as_json(self.network, self.digest),
            "versions": dict(self.versions),
            "provenance": dict(self.provenance),
            "counted": self.counted.as_json(),
            "answers": None if self.answers is None else self.answers.as_json(),
            "estimated": {name: each.as_json() for name, each in self.estimated.items()},
            **_measured_as_json(self.measured),
            "not_modelled": list(NOT_MODELLED),
            "sources": [
                _source_as_json(chip, name, row)
                for chip in chips
                for name, row in chip.rows().items()
            ],
        }


def build(
    network: QuantizedNetwork,
    counts: Sequence[LayerCounts],
    *,
    chips: Sequence[Chip],
    score: Score | None = None,
    dt_ms: float | None = None,
    provenance: Mapping[str, Any] | None = None,
    measured: Measured | None = None,
    answers: Answers | None = None,
) -> Report:
    """Return the report on one run of `network`.

    Args:
        network: what ran.
        counts: what each layer did, an entry a sample.
        chips: on which to estimate its cost.
        score: the answers against labels, where there are labels.
        dt_ms: milliseconds of one time step of the sensor; the network's own where not given.
        provenance: what else to say about the run, as JSON values.
        measured: what the run's `Activity` has from real hardware, if anything.
        answers: the outputs of the first samples.

    Raises:
        InputError: when the counts are not those of the network, the score is of other samples,
            or `dt_ms` is not above 0.
    """
    steps = steps_of(counts, [layer.neurons for layer in network.layers])
    samples = len(counts[0].spikes)
    if score is not None and score.samples != samples:
        raise InputError(
            f"{score.samples} samples are scored and {samples} are counted; give the same run"
        )
    pace = network.task.dt_ms if dt_ms is None else dt_ms
    return Report(
        network=network,
        digest=digest(network),
        counted=counted(network, counts, steps=steps, score=score),
        estimated=MappingProxyType(
            {c.name: estimated(network, counts, chip=c, dt_ms=pace) for c in chips}
        ),
        versions=MappingProxyType(versions()),
        provenance=MappingProxyType(dict(provenance or {})),
        measured=measured,
        answers=answers,
    )


def versions() -> dict[str, str]:
    """Return the version of Python and of each of `PACKAGES` that is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _network_as_json(network: QuantizedNetwork, sha256: str) -> dict[str, Any]:
    return {
        "sha256": sha256,
        "task": network.task.name,
        "class_names": list(network.task.class_names),
        "input_shape": list(network.input_shape),
        "provenance": dict(network.provenance),
    }


def _measured_as_json(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return {}
    return {"measured": {**asdict(measured), "caveats": list(MEASURED_CAVEATS)}}


def _source_as_json(chip: Chip, name: str, row: Cost) -> dict[str, Any]:
    return {"chip": chip.name, "name": name, **vars(row)}
