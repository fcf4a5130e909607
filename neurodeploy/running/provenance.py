"""Where a report comes from: what ran, on which data and costs, and how the network was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.models.network import QuantizedNetwork, digest
from neurodeploy.running.evaluation import Evaluation
from neurodeploy.samples import Samples


def of_run(
    network: QuantizedNetwork,
    inputs: Samples,
    done: Evaluation,
    *,
    backend: str,
    chips: Sequence[Chip],
) -> dict[str, Any]:
    """Return the provenance of a report, as JSON values.

    Args:
        network: that ran, as its file has it.
        inputs: the samples.
        done: what came of them.
        backend: what ran them.
        chips: for which it is estimated.
    """
    trained_on = text_of(network.provenance, "data")
    return {
        "sha256": digest(network),
        "backend": backend,
        "data": inputs.source,
        "split": inputs.split,
        "dt_ms": None if network.task.dt_ms is None else float(network.task.dt_ms),
        "seed": seed_of(network.provenance),
        "trained_on": trained_on,
        "cost_files_sha256": {chip.name: chip.digest for chip in chips},
        "overflows": done.overflows,
        "notes": list(notes(inputs, trained_on)),
    }


def seed_of(provenance: Mapping[str, Any]) -> int | None:
    """Return the seed of the training that a network's provenance names, None where it does not.

    `train` writes it among its options; networks of one's own may have it at the top.
    """
    options = provenance.get("options")
    for place in (provenance, options if isinstance(options, Mapping) else {}):
        seed = place.get("seed")
        if isinstance(seed, int) and not isinstance(seed, bool):
            return seed
    return None


def text_of(provenance: Mapping[str, Any], name: str) -> str | None:
    """Return a text of a network's provenance, None where it has none of that name."""
    found = provenance.get(name)
    return found if isinstance(found, str) and found else None


def notes(inputs: Samples, trained_on: str | None) -> list[str]:
    """Return what to know about the data: that another data set is run than was trained on.

    Samples in a file of one's own (`inputs.signal` is None) name no data set.
    """
    if trained_on is None or inputs.signal is None:
        return []
    trained, run = data_set(trained_on), data_set(inputs.source)
    return [] if trained == run else [f"trained on {trained} and run on {run}, another data set"]


def data_set(source: str) -> str:
    """Return the data set of a source, "HAPT (UCI 341)" of "HAPT (UCI 341) in FOLDER"."""
    return source.partition(" in ")[0]
