"""What was tried for the exercises with a watch, on people who train."""

from __future__ import annotations

from benchmarks.recipes.folds import by_subject
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.augment.wearing import vary_wearing, vary_wrist
from neurodeploy.tasks.watch import WATCH

FOLDS = (0, 1, 2, 3)


def search() -> Search:
    """Return the trials: worn as in training, then on either wrist, then one change each."""
    either = {"augment": vary_wrist}
    trials = (
        Trial("worn askew", {"augment": vary_wearing}, folds=FOLDS),
        Trial("either wrist", either, folds=FOLDS),
        Trial("either wrist, voltage decay 0.1", {**either, "voltage_decay": 0.1}, folds=FOLDS),
        Trial("either wrist, 1e-3", {**either, "learning_rate": 1e-3}, folds=FOLDS),
        Trial("either wrist, dropout 0.2", {**either, "dropout": 0.2}, folds=FOLDS),
        Trial("either wrist, no delays", {**either, "delays": "none"}, folds=FOLDS),
        Trial("neither", {"augment": None}, folds=FOLDS),
    )
    return Search(WATCH, WATCH.recipe, lambda windows: by_subject(windows, 4), trials)
