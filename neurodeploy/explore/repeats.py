"""Repeated seeds of the front, and the test: in a study of its own, beside that of the search.

Nothing else touches test samples, and no choice of the search depends on it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from neurodeploy.explore.metrics import Figures, figures, metrics_of
from neurodeploy.explore.space import configure
from neurodeploy.explore.trial import (
    ERROR,
    Objective,
    evaluated,
    has_ended,
    load_network,
    recorded,
    refuse_duplicate,
    train,
)
from neurodeploy.models.errors import FolderInUseError
from neurodeploy.models.json_fields import Table
from neurodeploy.models.network import QuantizedNetwork

if TYPE_CHECKING:
    import optuna

NUMBER_MAX: Final = 10**6
ID: Final = "repeat"
"""User attribute of a trial of this study: number of the network's trial, and the seed."""


@dataclass(frozen=True)
class Repeated:
    """A network of the front, trained with one seed, and its metrics by name.

    Attributes:
        seed: seed, relative to that of the search, 0 for the network that the search trained.
        validation: metrics on the validation samples.
        test: metrics on the test samples.
    """

    JSON: ClassVar[Table] = Table(
        {"seed": "seed", "validation": "validation_figures", "test": "test_figures"}
    )

    seed: int
    validation: Mapping[str, float]
    test: Mapping[str, float]

    @property
    def validation_figures(self) -> Figures:
        """Figures on the validation samples."""
        return figures(self.validation)

    @property
    def test_figures(self) -> Figures:
        """Figures on the test samples."""
        return figures(self.test)


@dataclass(frozen=True, eq=False)
class Repeat:
    """Trains a network of the front again with another seed, and evaluates it on the test samples.

    It is a function that Optuna calls, as `Objective` is. `enqueue` plans its trials.

    Attributes:
        search: the objective of the search.
    """

    search: Objective

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the test accuracy; metrics become the user attributes validation and test."""
        trial.suggest_int("point", 0, NUMBER_MAX)
        trial.suggest_int("seed", 0, NUMBER_MAX)
        refuse_duplicate(trial, ID)
        how = self.search
        with recorded(trial):
            again = "host" in trial.user_attrs
            trial.set_user_attr("host", socket.gethostname())
            data, _ = configure(how.folds[0], trial.user_attrs["values"])
            network = self._network(trial, again=again)
            for part in ("validation", "test"):
                report = evaluated(network, data, part, how)
                trial.set_user_attr(part, metrics_of(report, how.chip.name))
        return float(trial.user_attrs["test"]["accuracy"])

    def _network(self, trial: optuna.Trial, *, again: bool) -> QuantizedNetwork:
        """Return the network of the search, or train it with another seed."""
        seed, found = trial.params["seed"], trial.user_attrs
        home = self.search.folder / found["folder"]
        if not seed:
            return load_network(home, found["digest"])
        data, config = configure(self.search.folds[0], found["values"])
        config = config.replace(seed=config.seed + seed)
        try:
            return train(data, config, home / f"seed-{seed}", self.search, again=again)
        except FolderInUseError:  # the worker from which the trial was taken still trains there
            return train(data, config, home / f"seed-{seed}-{trial.number}", self.search)


def enqueue(front: Sequence[optuna.trial.FrozenTrial], repeats: optuna.Study, seeds: int) -> None:
    """Plan the seeds of each network of the front that are not planned, or have failed."""
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.WAITING)
    planned = [each.user_attrs.get(ID) for each in repeats.get_trials(states=states)]
    for trial in front:
        for seed in range(seeds):
            if [trial.number, seed] not in planned:
                kept = {name: trial.user_attrs[name] for name in ("values", "folder")}
                (digest,) = trial.user_attrs.get("digests", [""])
                repeats.enqueue_trial(
                    {"point": trial.number, "seed": seed},
                    user_attrs={**kept, "digest": digest, ID: [trial.number, seed]},
                )


def read(
    study: optuna.Study | None,
) -> tuple[dict[int, list[Repeated]], list[tuple[int, str]]]:
    """Return the seeds of each network by the number of its trial, and why others failed."""
    found: dict[tuple[int, int], Repeated] = {}
    failed: dict[tuple[int, int], str] = {}
    for each in study.get_trials(deepcopy=False) if study is not None else ():
        if not has_ended(each):
            continue
        point, seed = each.params["point"], each.params["seed"]
        if each.state.name == "COMPLETE":
            values = each.user_attrs
            found[point, seed] = Repeated(seed, values["validation"], values["test"])
        else:
            why = each.user_attrs.get(ERROR, "")
            failed[point, seed] = f"trial {point} was not tested with seed {seed}: {why}"
    made: dict[int, list[Repeated]] = {}
    for (point, _), repeated in sorted(found.items(), key=lambda item: item[0]):
        made.setdefault(point, []).append(repeated)
    return made, [(name[0], why) for name, why in failed.items() if name not in found]
