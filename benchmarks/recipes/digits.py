"""What was tried for the small handwritten digits, whose writers follow each other."""

from __future__ import annotations

from benchmarks.recipes.folds import stretches
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.digits import DIGITS
from neurodeploy.tasks.encoders.registry import Pixels

FOLDS = (0, 2, 4)
HIGHEST = 16


def search() -> Search:
    """Return the trials: what the recipe is, then one change each."""
    trials = (
        Trial("chosen", folds=FOLDS),
        Trial("no variation", {"augment": None}, folds=FOLDS),
        Trial("128 hidden", {"hidden": (128,)}, folds=FOLDS),
        Trial("learning rate 1e-3", {"learning_rate": 1e-3}, folds=FOLDS),
        Trial("learning rate 4e-3", {"learning_rate": 4e-3}, folds=FOLDS),
        Trial("20 epochs", {"epochs": 20}, folds=FOLDS),
        Trial("count scale 0.3", {"count_scale": 0.3}, folds=FOLDS),
        Trial("count scale 1.2", {"count_scale": 1.2}, folds=FOLDS),
        Trial("dropout 0.2", {"dropout": 0.2}, folds=FOLDS),
        Trial("no delays", {"delays": "none"}, folds=FOLDS),
        Trial("8 steps", encoder=Pixels(8, HIGHEST), folds=FOLDS),
        Trial("latency code", encoder=Pixels(16, HIGHEST, "latency"), folds=FOLDS),
        Trial("convolutions", network="conv", changes={"hidden": (128,)}, folds=FOLDS),
    )
    return Search(DIGITS, DIGITS.recipe, lambda windows: stretches(windows, 5), trials)
