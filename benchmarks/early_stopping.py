"""Measure what early stopping would have saved, and lost, in a search that ran without it.

    python -m neurodeploy.explore --task digits --trials 40 --no-pruning --out explore/whole
    python -m benchmarks.early_stopping explore/whole/journal.log

The trials are replayed in the order in which they began: at each rung a trial sees the earlier
trials that came as far. What it loses are networks of the final front.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from benchmarks.pages import Table
from neurodeploy.commands import cli
from neurodeploy.explore.storage import open_storage
from neurodeploy.explore.study import read_search
from neurodeploy.explore.trial import RUNGS, is_hopeless, points_at


@dataclass(frozen=True)
class Replay:
    """What early stopping makes of a search.

    Attributes:
        stopped: fraction of its epochs after which each stopped trial ends, by number.
        saved: fraction of the trials' time that is saved.
        lost: numbers of trials of the final front that are stopped.
    """

    stopped: dict[int, float]
    saved: float
    lost: tuple[int, ...]


def replay(trials: Sequence[Any], front: Sequence[int]) -> Replay:
    """Replay complete trials, which have the user attributes `curve` and `seconds`.

    Args:
        trials: trials of Optuna, by number.
        front: numbers of the trials of the front.
    """
    stopped: dict[int, float] = {}
    for place, trial in enumerate(trials):
        for rung in RUNGS:
            came = [each for each in trials[:place] if stopped.get(each.number, 1.0) >= rung]
            point = trial.user_attrs["curve"].get(str(rung))
            if point and is_hopeless(tuple(point), points_at(rung, came)):
                stopped[trial.number] = rung
                break
    seconds = {each.number: each.user_attrs["seconds"] for each in trials}
    saved = sum((1 - rung) * seconds[number] for number, rung in stopped.items())
    lost = tuple(number for number in front if number in stopped)
    return Replay(stopped, saved / (sum(seconds.values()) or 1.0), lost)


def table_of(found: Replay, trials: int, front: int) -> Table:
    """Return the result as a table of one row."""
    headings = ["trials", "stopped early", "time saved", "networks of the front lost"]
    row = [f"{trials}", f"{len(found.stopped)}", f"{found.saved:.0%}"]
    lost = f"{len(found.lost)} of {front}"
    return Table("Early stopping", "", headings, [[*row, lost]])


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Replay a search."""
    options = cli.parser("early_stopping", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.early_stopping"
    options.add_argument("storage", metavar="STORAGE", help="storage of the search")
    options.add_argument("--study", metavar="NAME", help="name of the study")
    args = options.parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table(args.storage, args.study).show()
    return cli.DONE


def table(storage: str | Path, study: str | None = None) -> Table:
    """Return what a replay of a search in a storage saves and loses, as a table of one row."""
    result = read_search(storage, study)
    found = optuna.load_study(study_name=result.name, storage=open_storage(storage))
    trials = [each for each in found.trials if each.state.name == "COMPLETE"]
    front = [each.number for each in result.front]
    return table_of(replay(trials, front), len(trials), len(front))


if __name__ == "__main__":
    sys.exit(main())
