"""What a search found, read from its study of Optuna, and the files that show it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from neurodeploy.explore.metrics import values_text
from neurodeploy.explore.repeats import Repeated
from neurodeploy.explore.repeats import read as read_repeats
from neurodeploy.explore.results_data import SearchData, State, Trial
from neurodeploy.explore.trial import ERROR, has_ended
from neurodeploy.models import files
from neurodeploy.models.json_fields import to_dict

if TYPE_CHECKING:
    import optuna

ABOUT: Final = "neurodeploy"
"""User attribute of a study: what all its trials share."""
IMPORTANT_FROM: Final = 10
"""Number of trials from which importances mean something."""
STATES: Final[Mapping[str, State]] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""Optuna's states of trials that have ended."""


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult(SearchData):
    """The trials of a search so far; what `optimize` returns.

    Attributes:
        name: name of the study.
        objectives: names of the objectives.
        constraints: limits by name.
        chip: name of the chip.
        trials: the trials that have ended, by number.
        front: the best trials: feasible, and no other is better in one objective and as good in the
            others. By validation samples only.
        importances: how much each hyperparameter matters for reaching the front; sums to 1.
        num_tested: number of networks that ran on the test samples, with those that were on an
            earlier front.
        untested: why networks of the front were not tested, a sentence each.
        about: task, data and space of the search.

    Examples:
        >>> space = {"learning_rate": [0.001, 0.003], "epochs": [1]}
        >>> found = neurodeploy.optimize(task, space, trials=2, out="explore")
        >>> len(found.trials), found.pick("max accuracy") in found.front
        (2, True)
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values, which docs/schemas/search.json describes."""
        return to_dict(self)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one flat row per trial for `pandas.DataFrame`."""
        found = self.to_dict()
        return [
            {
                "trial": each["number"], "state": each["state"],
                "front": each["number"] in found["front"], "feasible": each["feasible"],
                **(each["metrics"] or {}), **each["params"],
            }
            for each in found["trials"]
        ]  # fmt: skip

    def save(self, folder: str | Path) -> None:
        """Write `results.json`, the page `index.html`, and the picture `front.png`.

        Raises:
            InputError: if a file cannot be written.
        """
        from neurodeploy.explore import page as search  # it draws with matplotlib

        drawn = search.drawn(self)
        values = json.dumps(self.to_dict(), indent=2) + "\n"
        contents = (values.encode(), search.render(self, drawn).encode(), drawn.png)
        names = ("results.json", "index.html", "front.png")
        paths = (Path(folder) / name for name in names)
        files.replace_all({path: each for path, each in zip(paths, contents) if each})

    def __repr__(self) -> str:
        """Return the number of trials and the front, a line per network."""
        lines = [f"{self.name}: {len(self.complete)} of {len(self.trials)} trials are complete"]
        for each in self.front:
            lines.append(f"  trial {each.number}: {values_text(each.metrics, self.objectives)}")
        return "\n".join(lines if self.front else [*lines, f"  {self.why_empty()}"])


# From a study of Optuna


def result_of(
    study: optuna.Study,
    repeats: optuna.Study | None = None,
    out: str | Path = "",
    *,
    importances: bool = True,
) -> SearchResult:
    """Return the result of a search from its study, and from that of the repeated seeds.

    Args:
        study: the study.
        repeats: the study of the repeated seeds, or None.
        out: folder of the trials' folders.
        importances: whether to compute the importances, which takes time.
    """
    seeds, untested = read_repeats(repeats)
    front = [each.number for each in front_of(study)]  # before others end
    ended = [each for each in study.get_trials(deepcopy=False) if has_ended(each)]
    trials = {each.number: _trial(each, seeds.get(each.number, ()), Path(out)) for each in ended}
    about = study.user_attrs[ABOUT]
    objectives = tuple(about["objectives"])
    main = objectives[-1]
    return SearchResult(
        name=study.study_name,
        objectives=objectives,
        constraints=about["constraints"],
        chip=about["chip"],
        trials=tuple(trials.values()),
        front=tuple(sorted((trials[n] for n in front), key=lambda each: each.metrics[main])),
        importances=_importances(study, len(ended)) if importances else {},
        num_tested=len(seeds),
        untested=tuple(why for number, why in untested if number in front),
        about={name: about[name] for name in ("task", "data_sha256", "folds", "space")},
    )


def front_of(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return Optuna's best trials, and of those with equal values the first only."""
    first: dict[tuple[float, ...], optuna.trial.FrozenTrial] = {}
    for each in sorted(study.best_trials, key=lambda each: each.number):
        first.setdefault(tuple(each.values), each)
    return list(first.values())


def _trial(trial: optuna.trial.FrozenTrial, repeats: Sequence[Repeated], out: Path) -> Trial:
    found = trial.user_attrs
    return Trial(
        number=trial.number,
        state=STATES[trial.state.name],
        params=trial.params,
        metrics=found.get("metrics", {}),
        energy_range=(found.get("energy_low", 0.0), found.get("energy_high", 0.0)),
        feasible="metrics" in found and all(v <= 0 for v in trial.constraints.values()),
        sizes=tuple(found.get("sizes", ())),
        folder=str(out / found["folder"]) if "folder" in found else "",
        digests=tuple(found.get("digests", ())),
        host=found.get("host", ""),
        start=found.get("start", ""),
        error=found.get(ERROR, "") if trial.state.name == "FAIL" else "",
        seconds=found.get("seconds", 0.0),
        repeats=tuple(repeats),
    )


def _importances(study: optuna.Study, ended: int) -> dict[str, float]:
    """Return Optuna's importances of the hyperparameters; {} with too few trials for them."""
    from optuna.importance import get_param_importances

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(get_param_importances(study)) if ended >= IMPORTANT_FROM else {}
        except (RuntimeError, ValueError):  # too few trials, or nothing varied
            return {}
