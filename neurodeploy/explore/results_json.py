"""The JSON object of a search, schema version 1, as typed data.

`search_object` builds it. `docs/schemas/search.json` describes it; the descriptions are the
docstrings of the types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from neurodeploy.models.json_fields import from_attributes

if TYPE_CHECKING:
    from neurodeploy.explore import results

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Figures of a network, means over samples.

    Attributes:
        accuracy: Fraction of correct predictions, 0 to 1.
        energy_uj: Dynamic energy per sample in microjoules.
        latency_ms: Time per sample at full speed in milliseconds.
        neurocores: Number of neurocores.
        synops_per_sample: SynOps per sample.
    """

    accuracy: float
    energy_uj: float
    latency_ms: float
    neurocores: float
    synops_per_sample: float


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """A network of the front, trained with one seed.

    Attributes:
        seed: Seed, relative to that of the search; 0 for the network that the search trained.
        validation: Figures on the validation samples.
        test: Figures on the test samples.
    """

    seed: int
    validation: Metrics
    test: Metrics


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial.

    Attributes:
        number: Number of the trial, from 0.
        state: "complete", "pruned" (stopped early) or "failed".
        params: Hyperparameters by name.
        metrics: Figures on the validation samples; null unless complete.
        energy_low_uj: Low bound of the dynamic energy per sample; null unless complete.
        energy_high_uj: High bound of the dynamic energy per sample; null unless complete.
        feasible: Whether it meets the constraints and fits on the chip.
        sizes: Neurons per layer; empty unless complete.
        folder: Folder of its network; with several folds, of their folders fold-0, fold-1, ...
        digests: Digest of its network, or of that of each fold; empty unless complete.
        host: Machine that ran it.
        start: Name of the preset that it is, or "".
        error: Why it failed, or "".
        seconds: Duration of its last run; 0 unless complete.
        repeats: The seeds that were trained and tested; empty unless it is on the front.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    params: dict[str, Any]
    metrics: Metrics | None
    energy_low_uj: float | None
    energy_high_uj: float | None
    feasible: bool
    sizes: tuple[int, ...]
    folder: str
    digests: tuple[str, ...]
    host: str
    start: str
    error: str
    seconds: float
    repeats: tuple[Repeated, ...]


class Search(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="neurodeploy.search"
):
    """The result of a search.

    Attributes:
        schema: Name of this schema.
        version: Version of this schema. It increases when a key is removed or changes meaning,
            but not when a key is added.
        name: Name of the study.
        task: Name of the task.
        data_sha256: Digest of the dataset.
        folds: Number of folds whose results are averaged.
        space: The search space; search-space.json describes it.
        objectives: Names of the objectives.
        constraints: Limits by name.
        chip: Name of the chip.
        trials: The trials that have ended.
        front: Numbers of the trials that no other feasible trial beats.
        importances: How much each hyperparameter matters for reaching the front; sums to 1.
        num_tested: Number of networks that ran on the test samples, those of earlier fronts
            included.
        untested: Why networks of the front were not tested, a sentence each.
    """

    version: Literal[1] = VERSION
    name: str
    task: str
    data_sha256: str
    folds: int
    space: dict[str, Any]
    objectives: tuple[str, ...]
    constraints: dict[str, float]
    chip: str
    trials: tuple[Trial, ...]
    front: tuple[int, ...]
    importances: dict[str, float]
    num_tested: int
    untested: tuple[str, ...]


def search_object(found: results.SearchResult) -> Search:
    """Return a result as the JSON object."""
    front = tuple(each.number for each in found.front)
    trials = tuple(map(_trial, found.trials))
    return from_attributes(found, Search, **found.about, trials=trials, front=front)


def _trial(found: results.Trial) -> Trial:
    low, high = found.energy_range if found.metrics else (None, None)
    return from_attributes(
        found,
        Trial,
        metrics=_metrics(found.metrics) if found.metrics else None,
        energy_low_uj=low,
        energy_high_uj=high,
        repeats=tuple(
            Repeated(seed=each.seed, validation=_metrics(each.validation), test=_metrics(each.test))
            for each in found.repeats
        ),
    )


def _metrics(values: Mapping[str, float]) -> Metrics:
    return Metrics(
        accuracy=values["accuracy"],
        energy_uj=values["energy"],
        latency_ms=values["latency"],
        neurocores=values["neurocores"],
        synops_per_sample=values["synops"],
    )
